//! A short sample of the work, to know what all of it costs.

use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use moue_animation::Observer;
use moue_engine::CancelToken;
use moue_film::{Coding, Cut, FilmObserver, Piece, Shoot};
use moue_storyboard::{Renderer, Storyboard};

use crate::FarmError;
use crate::plan::Sample;

/// Frames of the sample: a painted one takes seconds.
const DRAWN: u64 = 12;
const PAINTED: u64 = 2;

/// Notes when frames come.
struct Watch<'a> {
    observer: &'a dyn FilmObserver,
    started: Mutex<Option<Instant>>,
    first: Mutex<Option<Instant>>,
}

impl<'a> Watch<'a> {
    fn new(observer: &'a dyn FilmObserver) -> Self {
        Self { observer, started: Mutex::default(), first: Mutex::default() }
    }

    fn note(slot: &Mutex<Option<Instant>>) {
        slot.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    }

    fn at(slot: &Mutex<Option<Instant>>) -> Instant {
        slot.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(Instant::now)
    }
}

impl Observer for Watch<'_> {
    fn note(&self, text: &str) {
        self.observer.note(text);
    }

    fn preparing(&self, what: moue_animation::Preparation) {
        self.observer.preparing(what);
    }

    fn started(&self, _frames: u64) {
        Self::note(&self.started);
    }

    fn rendered(&self, _frames: u64) {
        Self::note(&self.first);
    }
}

impl FilmObserver for Watch<'_> {}

/// Draws some frames from the middle of the film, and says what they took. `began` is when the work began.
#[allow(clippy::too_many_arguments, reason = "what a shoot is made of, which has no name elsewhere")]
pub(crate) fn sample(
    storyboard: &Storyboard,
    cut: &Cut<'_>,
    shoot: &Shoot<'_>,
    pieces: &[Piece],
    coding: &Coding,
    scratch: &Path,
    began: Instant,
    observer: &dyn FilmObserver,
    token: &CancelToken,
) -> Result<Sample, FarmError> {
    // A piece without a transition, where there is one.
    let middle = pieces.len() / 2;
    let plain = |piece: &&Piece| piece.shots.len() == 1;
    let piece = pieces[middle..].iter().find(plain).or(pieces.iter().find(plain)).or(pieces.first());
    let Some(piece) = piece else { return Ok(Sample { frames: 0, start: 0, paint: 0, film: 0 }) };
    let is_painted = storyboard.output.renderer == Renderer::Diffusion;
    let most = if is_painted { PAINTED } else { DRAWN };
    let frames: Range<u64> = piece.frames.start..piece.frames.end.min(piece.frames.start + most);
    let count = frames.end - frames.start;
    let micros = |from: Instant, to: Instant, over: u64| {
        u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX) / over.max(1)
    };
    let (mut start, mut paint) = (None, 0);
    if is_painted {
        let watch = Watch::new(observer);
        let wanted = cut.frames_of_shots(std::iter::once(frames.clone()));
        let many = wanted.values().map(|frames| frames.len() as u64).sum();
        shoot.paint(&wanted, &mut |_| ControlFlow::Continue(()), &watch, token)?;
        let started = Watch::at(&watch.started);
        start = Some(micros(began, started, 1));
        paint = micros(started, Instant::now(), many);
    }
    let watch = Watch::new(observer);
    shoot.shoot(&frames, coding, scratch.join("sample.mkv"), &AtomicU64::new(0), &watch, token)?;
    let first = Watch::at(&watch.first);
    // The first frame ends what comes before it; the encoder's end belongs to the frames.
    let film = micros(first, Instant::now(), count.saturating_sub(1));
    Ok(Sample { frames: count, start: start.unwrap_or_else(|| micros(began, first, 1)), paint, film })
}
