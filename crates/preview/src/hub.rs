//! What the handle, the threads and the pages of a preview share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::film::Film;
use crate::messages::{SceneMessage, Told};
use crate::poser::{PoseRenderer, Poser};
use crate::scene::{Command, Controls, Scene};
use crate::status::{LegState, LegStatus, Queue};

/// How long what was measured counts as of now.
const LATELY: Duration = Duration::from_secs(3);

/// Of a preview; a metrics server has none.
pub(crate) struct Hub {
    pub controls: Controls,
    /// The scene as pages are told.
    pub scene_text: String,
    pub film: Film,
    pub poser: Option<Poser>,
    pub began: Instant,
    commands: Sender<Command>,
    pages_ever: AtomicU64,
    lately: Mutex<Lately>,
}

/// What was measured in the last seconds.
struct Lately {
    /// When a page said that it had shown a frame, and how long after its rendering.
    latencies: VecDeque<(Instant, Duration)>,
    /// When, and how much had been spent encoding until then.
    encoding: VecDeque<(Instant, Duration)>,
}

/// Measurements that are kept at most.
const MAX_MEASURED: usize = 256;

impl Hub {
    pub(crate) fn new(scene: &Scene, draw: Option<PoseRenderer>, commands: Sender<Command>) -> Self {
        let began = Instant::now();
        let scene_text = Told::Scene(SceneMessage::new(scene, draw.is_some())).text();
        Self {
            controls: scene.controls,
            scene_text,
            film: Film::new(scene.channels.clone(), began),
            poser: draw.map(Poser::new),
            began,
            commands,
            pages_ever: AtomicU64::new(0),
            lately: Mutex::new(Lately {
                latencies: VecDeque::new(),
                encoding: VecDeque::from([(began, Duration::ZERO)]),
            }),
        }
    }

    /// A number for a new page.
    pub(crate) fn new_page(&self) -> u64 {
        self.pages_ever.fetch_add(1, Ordering::Relaxed)
    }

    /// How many there were.
    pub(crate) fn opened(&self) -> u64 {
        self.pages_ever.load(Ordering::Relaxed)
    }

    /// Passes a button on, or says why not.
    pub(crate) fn command(&self, command: Command) -> Result<(), &'static str> {
        if !self.controls.allow(command) {
            return Err("this run cannot do that");
        }
        self.commands.try_send(command).map_err(|_| "the run does not listen at the moment")
    }

    /// A page has shown a frame that was rendered then.
    pub(crate) fn seen(&self, rendered_at: Instant, now: Instant) {
        let mut lately = self.lock();
        lately.latencies.push_back((now, now.saturating_duration_since(rendered_at)));
        if lately.latencies.len() > MAX_MEASURED {
            lately.latencies.pop_front();
        }
    }

    /// The page as an output.
    pub(crate) fn leg(&self, name: &str, now: Instant) -> LegStatus {
        let counts = self.film.counts();
        let pages = self.film.pages();
        let mut lately = self.lock();
        while lately.latencies.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > LATELY) {
            lately.latencies.pop_front();
        }
        let mut latencies: Vec<Duration> = lately.latencies.iter().map(|(_, latency)| *latency).collect();
        latencies.sort_unstable();
        let busy = lately.busy(counts.encoding, now);
        drop(lately);
        LegStatus {
            name: name.to_owned(),
            kind: "preview".to_owned(),
            state: if pages > 0 { LegState::Live } else { LegState::Waiting },
            detail: Some(match pages {
                0 => "no page is open".to_owned(),
                1 => "1 page".to_owned(),
                pages => format!("{pages} pages"),
            }),
            busy,
            queue: Some(Queue { depth: 0, capacity: 1 }),
            frames_in: counts.shown,
            frames_out: counts.encoded,
            dropped: counts.dropped,
            repeated: 0,
            bytes: counts.bytes,
            encoded: counts.encoded,
            encoding: counts.encoding,
            latency: latencies.get(latencies.len() / 2).copied(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lately> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lately {
    /// Share of the last seconds that was spent encoding.
    fn busy(&mut self, encoding: Duration, now: Instant) -> f64 {
        // One mark before the span stays, so that there always is a span.
        while self.encoding.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) > LATELY) {
            self.encoding.pop_front();
        }
        let Some((since, before)) = self.encoding.front().copied() else { return 0.0 };
        if self.encoding.len() < MAX_MEASURED {
            self.encoding.push_back((now, encoding));
        }
        let span = now.saturating_duration_since(since).as_secs_f64();
        if span > 0.0 { (encoding.saturating_sub(before).as_secs_f64() / span).min(1.0) } else { 0.0 }
    }
}
