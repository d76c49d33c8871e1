//! Frames go on air in real time.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use image::RgbImage;
use moue_engine::{CancelToken, Monitor, Report, Stage};
use moue_media::{Cue, LegEvent, LegState, LegStats, LiveLeg, LiveOutput, VideoFormat};
use moue_preview::{Controls, MetricsServer, Playback, PoseRenderer, Preview, Scene, Shown};
use moue_timeline::Channel;

use super::pacer::Pacer;
use super::status::{Fates, Gauge, Parts, Written};
use super::transport::Transport;
use super::{LiveJob, LiveSummary};
use crate::stages::lock;
use crate::{AnimationError, Asked, Observer};

/// How often streams are looked after.
const TICK: Duration = Duration::from_millis(50);
/// Changes in the lives of streams that wait to be told.
const WAITING_EVENTS: usize = 256;
/// How often the page and the metrics are told how it goes.
const STATUS: Duration = Duration::from_millis(500);

/// What is on air, for those who look at it in a browser.
pub struct Programme {
    /// What it is called.
    pub title: String,
    /// What draws it.
    pub renderer: &'static str,
    /// How many frames it has, where that is known.
    pub frames: Option<u64>,
    /// The coefficients that move.
    pub channels: Vec<Channel>,
    /// Draws an expression that somebody tries; none where there are no sliders.
    pub pose: Option<PoseRenderer>,
    /// Files that are written beside it.
    pub files: Vec<Beside>,
    /// Whether it comes as it is, and cannot be stopped for a while or begin again.
    pub is_live: bool,
}

/// Everything that is watched while it is rendered.
///
/// Frames are shown to it in order ([`show`](Self::show), which waits until it is the frame's time); on a thread of its
/// own it passes on what the streams tell, and ends them as soon as the run is to finish ([`around`](Self::around)).
pub struct Broadcast {
    legs: Vec<Leg>,
    page: Option<Preview>,
    metrics: Option<MetricsServer>,
    files: Vec<Beside>,
    fates: Mutex<Fates>,
    transport: Transport,
    /// None where nobody watches, and frames need not wait.
    pacer: Option<Mutex<Pacer>>,
    events: Mutex<Receiver<(usize, LegEvent)>>,
    /// The run that is going on, and what files got in those before it.
    monitor: Mutex<Option<Monitor>>,
    before: Mutex<HashMap<String, Written>>,
    shown: AtomicU64,
    /// Frames of a live source that were left out, and how long the last one took.
    heard: Mutex<(u64, Option<Duration>)>,
    is_waiting: AtomicBool,
    /// Whether a stream that the run is not to outlive has ended.
    has_failed: AtomicBool,
    is_closed: AtomicBool,
}

struct Leg {
    output: LiveOutput,
    fails_fast: bool,
    life: Mutex<Life>,
}

enum Life {
    Open(LiveLeg),
    Ended(LegStats, Option<String>),
}

/// A file that is written beside what is watched.
#[derive(Clone, Debug)]
pub struct Beside {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// What takes its frames is called; several files may share one.
    pub taker: String,
}

impl Beside {
    /// One that takes its frames itself.
    pub fn new(name: String, kind: String) -> Self {
        Self { taker: name.clone(), name, kind }
    }
}

impl Leg {
    fn lock(&self) -> MutexGuard<'_, Life> {
        lock(&self.life)
    }

    /// Says farewell, once.
    fn end(&self) {
        let mut life = self.lock();
        let stats = match &*life {
            Life::Open(leg) => leg.stats(),
            Life::Ended(..) => return,
        };
        let Life::Open(leg) = std::mem::replace(&mut *life, Life::Ended(stats, None)) else { return };
        // Whether it had failed is known when it has ended; the counts come from before where it has.
        match (leg.end(), &mut *life) {
            (Ok(stats), life) => *life = Life::Ended(stats, None),
            (Err(error), Life::Ended(_, failure)) => *failure = Some(error.to_string()),
            (Err(_), Life::Open(_)) => {}
        }
    }

    /// Whether it has ended by itself, and the run is not to outlive it.
    fn has_failed(&self) -> bool {
        match &*self.lock() {
            Life::Open(open) => self.fails_fast && open.stats().state == LegState::Ended,
            Life::Ended(..) => false,
        }
    }

    fn told(&self) -> (LegStats, Option<String>) {
        match &*self.lock() {
            Life::Open(open) => (open.stats(), None),
            Life::Ended(stats, failure) => (stats.clone(), failure.clone()),
        }
    }
}

impl Broadcast {
    /// Opens what is to be watched, if anything is; nothing is sent before the first frame. `sound` is what is heard.
    ///
    /// # Errors
    /// What can be known beforehand: a size that does not suit a stream, an element or a folder that is missing, a port
    /// that is taken.
    pub fn open(
        job: &LiveJob,
        format: &VideoFormat,
        sound: &[Cue],
        programme: Programme,
        observer: &dyn Observer,
    ) -> Result<Option<Self>, AnimationError> {
        if !job.is_live() && job.metrics.is_none() {
            return Ok(None);
        }
        let (tell, events) = sync_channel(WAITING_EVENTS);
        let mut legs = Vec::new();
        for (index, (output, settings)) in job.streams.iter().enumerate() {
            let tell = tell.clone();
            // A leg tells each change once, and never waits to be heard.
            let on_event = move |event| drop(tell.try_send((index, event)));
            let leg = LiveLeg::open(output, format, settings, sound, on_event)?;
            let life = Mutex::new(Life::Open(leg));
            legs.push(Leg { output: output.clone(), fails_fast: settings.fail_fast, life });
        }
        let metrics = job.metrics.as_ref().map(MetricsServer::open).transpose()?;
        if let Some(metrics) = &metrics {
            observer.serving("metrics", metrics.url());
        }
        let scene = Scene {
            title: programme.title,
            renderer: programme.renderer.to_owned(),
            size: (format.width, format.height),
            rate: format.rate,
            frames: programme.frames,
            channels: programme.channels,
            // What is being written cannot begin again.
            controls: Controls {
                pause: !programme.is_live,
                repeat: !programme.is_live,
                restart: !programme.is_live && programme.files.is_empty(),
                stop: true,
            },
        };
        let page = job.page.as_ref().map(|address| Preview::open(address, scene, programme.pose)).transpose()?;
        if let Some(page) = &page {
            observer.serving("preview", page.url());
        }
        Ok(Some(Self {
            legs,
            page,
            metrics,
            files: programme.files,
            fates: Mutex::default(),
            transport: Transport::new(job.is_repeating),
            pacer: job.is_live().then(|| Mutex::new(Pacer::new(format.rate))),
            events: Mutex::new(events),
            monitor: Mutex::default(),
            before: Mutex::default(),
            shown: AtomicU64::new(0),
            heard: Mutex::default(),
            is_waiting: AtomicBool::new(false),
            has_failed: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        }))
    }

    /// Runs `work` while a broadcast is attended, if there is one; it has ended afterwards.
    pub fn around<R>(this: Option<&Self>, observer: &dyn Observer, token: &CancelToken, work: impl FnOnce() -> R) -> R {
        let Some(this) = this else { return work() };
        std::thread::scope(|threads| {
            threads.spawn(|| this.attend(observer, token));
            // Also when the work panics: the thread would be waited for.
            let _closer = Closer(this);
            work()
        })
    }

    /// Whether anybody watches, so that the run makes sense without files.
    pub fn is_watched(&self) -> bool {
        self.pacer.is_some()
    }

    /// Whether the run is to end: a stream has failed that it is not to outlive, or somebody has pressed stop.
    pub fn is_over(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) || self.transport.is_stopped()
    }

    /// Whether what is being played is to go no further.
    pub fn is_cut(&self) -> bool {
        self.is_over() || self.transport.is_restarting()
    }

    /// Whether what is being played is cut to begin again. Only where nothing is written can that be asked for before its
    /// end.
    pub fn begins_again(&self, token: &CancelToken) -> bool {
        self.transport.is_restarting() && !self.is_over() && !token.is_finishing()
    }

    /// Whether it does not end with what is played first.
    pub fn goes_on(&self, token: &CancelToken) -> bool {
        let stays = self.page.is_some() || self.transport.is_repeating();
        stays && !self.is_over() && !token.is_finishing()
    }

    /// At the end of what is played: whether it is to be played once more. With a page, that is for those who look at it to
    /// say, and is waited for.
    pub fn plays_again(&self, token: &CancelToken) -> bool {
        self.is_waiting.store(true, Ordering::Relaxed);
        let again = loop {
            if token.is_finishing() || self.is_over() {
                break false;
            }
            if self.transport.take_restart() {
                break true;
            }
            if self.page.is_none() {
                break false;
            }
            token.wait(TICK);
        };
        self.is_waiting.store(false, Ordering::Relaxed);
        again
    }

    /// A file gets no more frames than those.
    pub fn file_failed(&self, name: &str, frames: u64, reason: &str) {
        lock(&self.fates).fail(name, frames, reason);
    }

    /// All files that have not failed are complete.
    pub fn files_done(&self) {
        lock(&self.fates).complete();
    }

    /// Looks at that run from now on. A film is drawn in many of them, one after the other.
    pub fn watch(&self, monitor: Monitor) {
        let (mut now, mut before) = (lock(&self.monitor), lock(&self.before));
        if let Some(last) = now.replace(monitor).map(|last| last.report()) {
            let takers: BTreeSet<&String> = self.files.iter().map(|file| &file.taker).collect();
            for taker in takers {
                if let Some(written) = Written::of(&last, taker) {
                    let sum = before.entry(taker.clone()).or_default();
                    *sum = *sum + written;
                }
            }
        }
    }

    /// What a live source tells: how many of its frames were left out, and how long the last one took.
    pub fn hear(&self, dropped: u64, latency: Duration) {
        *lock(&self.heard) = (dropped, Some(latency));
    }

    /// Shows a frame when its time has come; at once when the run is to finish.
    ///
    /// # Errors
    /// A frame of another size than the format's.
    pub fn show(&self, stage: &Stage<'_>, asked: &Asked, frame: &Arc<RgbImage>) -> Result<(), AnimationError> {
        let rendered_at = Instant::now();
        if let Some(pacer) = &self.pacer {
            while self.transport.is_paused() && !self.is_cut() && !stage.is_finishing() && !stage.is_stopping() {
                stage.wait(TICK);
            }
            let now = Instant::now();
            let due = lock(pacer).next(now);
            stage.wait(due.saturating_duration_since(now));
        }
        for leg in &self.legs {
            let Life::Open(open) = &*leg.lock() else { continue };
            open.show(frame, asked.index)?;
        }
        if let Some(page) = &self.page {
            let Asked { index, expression, flame } = asked;
            page.show(frame, Shown { number: *index, expression: *expression, flame: *flame, rendered_at });
        }
        self.shown.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Passes on what the streams tell, and ends them when the run is to finish or is done.
    fn attend(&self, observer: &dyn Observer, token: &CancelToken) {
        let events = lock(&self.events);
        let tell = |(leg, event): (usize, LegEvent)| {
            if let Some(leg) = self.legs.get(leg) {
                observer.leg(&leg.output.to_string(), &event);
            }
        };
        let (mut gauge, mut told) = (Gauge::default(), Instant::now());
        loop {
            match events.recv_timeout(TICK) {
                Ok(event) => tell(event),
                Err(RecvTimeoutError::Timeout) => {}
                // All have ended.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(TICK),
            }
            if let Some(page) = &self.page {
                page.commands().try_iter().for_each(|command| self.transport.obey(command));
            }
            let is_closed = self.is_closed.load(Ordering::Acquire);
            if is_closed || token.is_finishing() {
                self.end();
            } else if self.legs.iter().any(Leg::has_failed) {
                // Here, and not with a frame: while the page waits, there are none.
                self.has_failed.store(true, Ordering::Relaxed);
            }
            if is_closed || told.elapsed() >= STATUS {
                told = Instant::now();
                self.tell_status(&mut gauge, is_closed);
            }
            if is_closed {
                events.try_iter().for_each(tell);
                return;
            }
        }
    }

    fn tell_status(&self, gauge: &mut Gauge, is_closed: bool) {
        if self.page.is_none() && self.metrics.is_none() {
            return;
        }
        // Together: what a run gave is not to be counted a second time when the next one begins between the two.
        let (report, before) = {
            let now = lock(&self.monitor);
            (now.as_ref().map_or_else(Report::default, Monitor::report), lock(&self.before).clone())
        };
        let (dropped, latency) = *lock(&self.heard);
        let shown = self.shown.load(Ordering::Relaxed);
        let stream = |leg: &Leg| {
            let (stats, failure) = leg.told();
            (leg.output.to_string(), leg.output.kind().to_string(), stats, failure)
        };
        let fates = lock(&self.fates);
        let status = gauge.status(Parts {
            playback: match () {
                () if is_closed || self.is_waiting.load(Ordering::Relaxed) => Playback::Ended,
                () if self.transport.is_paused() => Playback::Paused,
                () if shown == 0 => Playback::Starting,
                () => Playback::Playing,
            },
            is_repeating: self.transport.is_repeating(),
            rendered: shown,
            dropped,
            latency,
            report: &report,
            files: &self.files,
            before: &before,
            fates: &fates,
            streams: self.legs.iter().map(stream).collect(),
        });
        drop(fates);
        if let Some(page) = &self.page {
            page.status(status.clone());
        }
        if let Some(metrics) = &self.metrics {
            metrics.status(status);
        }
    }

    /// Says farewell where somebody listens, within two seconds; does nothing the second time.
    fn end(&self) {
        std::thread::scope(|threads| {
            for leg in &self.legs {
                threads.spawn(|| leg.end());
            }
        });
    }

    /// What became of each stream, and of the page; streams have ended then.
    pub fn summaries(&self) -> Vec<LiveSummary> {
        self.end();
        let summary = |leg: &Leg| {
            let (stats, failure) = leg.told();
            LiveSummary::new(&leg.output, &stats, failure)
        };
        self.legs.iter().map(summary).chain(self.page.as_ref().map(LiveSummary::of_page)).collect()
    }
}

/// Ends [`Broadcast::attend`].
struct Closer<'a>(&'a Broadcast);

impl Drop for Closer<'_> {
    fn drop(&mut self) {
        self.0.is_closed.store(true, Ordering::Release);
    }
}

#[cfg(test)]
#[path = "broadcast_tests.rs"]
mod tests;
