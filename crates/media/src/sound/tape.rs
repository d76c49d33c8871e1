//! The sound of a film as something that can be heard from any place at any time, without waiting.
//!
//! A thread of its own decodes ahead of the place where it is being heard, and starts anew where that jumps. What has
//! not been decoded yet is silent. The film's first seconds are kept: a loop begins with them.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::cue::{FADE, RATE, Stereo};
use super::inlet::failed;
use super::limiter::Limiter;
use super::mixer::{Mixer, Score};
use crate::codecs::in_short;
use crate::error::MediaError;

/// Samples that are decoded ahead.
const AHEAD: u64 = 3 * RATE as u64;
/// Samples that are kept after they were heard: the place may go back a little.
const BEHIND: u64 = RATE as u64 / 2;
/// Samples that are kept of the start.
const HEAD: u64 = 2 * RATE as u64;

/// A film's sound. Dropping it ends its thread.
pub(crate) struct Tape {
    shared: Arc<Shared>,
}

struct Shared {
    window: Mutex<Window>,
    bell: Condvar,
}

/// What is decoded.
struct Window {
    /// The first seconds, as far as they are known.
    head: Vec<Stereo>,
    /// The samples from `start` on.
    start: u64,
    samples: VecDeque<Stereo>,
    /// Where it is being heard.
    at: u64,
    /// Counts the starts; whatever was decoded for an earlier one is of no use.
    turn: u64,
    is_closed: bool,
}

impl Tape {
    /// Starts decoding at the film's beginning. `path` is for errors.
    pub(crate) fn start(score: Score, path: &Path) -> Result<Self, MediaError> {
        let window = Window { head: Vec::new(), start: 0, samples: VecDeque::new(), at: 0, turn: 0, is_closed: false };
        let shared = Arc::new(Shared { window: Mutex::new(window), bell: Condvar::new() });
        let decoding = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("live sound".to_owned());
        let started = thread.spawn(move || decode(&decoding, &score));
        started.map_err(|error| failed(path, "no thread for it", error.to_string()))?;
        Ok(Self { shared })
    }

    /// Sees to it that the samples from `at` on will be there.
    pub(crate) fn aim(&self, at: u64) {
        let mut window = self.shared.lock();
        window.go_to(at);
        drop(window);
        self.shared.bell.notify_all();
    }

    /// The samples from `at` on, silent where they are not known.
    pub(crate) fn read(&self, at: u64, samples: &mut [Stereo]) {
        let mut window = self.shared.lock();
        for (position, sample) in (at..).zip(samples.iter_mut()) {
            *sample = window.sample(position).unwrap_or_default();
        }
        window.go_to(at + samples.len() as u64);
        drop(window);
        self.shared.bell.notify_all();
    }

    /// Whether the samples from `at` on are there, for as long as the tape decodes ahead.
    #[cfg(test)]
    pub(crate) fn is_ready(&self, at: u64) -> bool {
        let window = self.shared.lock();
        let is_known = window.start <= at || at < window.head.len() as u64;
        window.at == at && is_known && window.end() >= at + AHEAD
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.bell.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn end(&self) -> u64 {
        self.start + self.samples.len() as u64
    }

    fn sample(&self, at: u64) -> Option<Stereo> {
        let kept = usize::try_from(at).ok().and_then(|at| self.head.get(at));
        let inside = || self.samples.get(usize::try_from(at.checked_sub(self.start)?).ok()?);
        kept.or_else(inside).copied()
    }

    /// Moves on, or starts anew where that is not on the way.
    fn go_to(&mut self, at: u64) {
        self.at = at;
        // While the start is being heard, what comes after it is decoded.
        let known = self.head.len() as u64;
        let needed = if known == HEAD && at < HEAD { HEAD } else { at };
        if needed < self.start || needed > self.end() + AHEAD {
            (self.start, self.turn) = (needed, self.turn + 1);
            self.samples.clear();
            return;
        }
        let heard = at.saturating_sub(BEHIND).saturating_sub(self.start).min(self.samples.len() as u64);
        self.samples.drain(..heard as usize);
        self.start += heard;
    }

    fn wants_more(&self) -> bool {
        self.end() < self.at.max(self.start) + AHEAD
    }

    fn add(&mut self, block: Vec<Stereo>) {
        for sample in block {
            if self.end() == self.head.len() as u64 && self.end() < HEAD {
                self.head.push(sample);
            }
            self.samples.push_back(sample);
        }
    }
}

/// Decodes until the tape is closed.
fn decode(shared: &Shared, score: &Score) {
    let mut source = Decoding::starting(score, 0);
    let mut turn = 0;
    loop {
        let idle = |window: &mut Window| !window.is_closed && window.turn == turn && !window.wants_more();
        let window = shared.bell.wait_while(shared.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        if window.is_closed {
            return;
        }
        let (start, now) = (window.start, window.turn);
        drop(window);
        if now != turn {
            turn = now;
            source = Decoding::starting(score, start);
        }
        let block = source.block();
        let mut window = shared.lock();
        if window.turn == turn {
            window.add(block);
        }
    }
}

struct Decoding {
    mixer: Mixer,
    limiter: Limiter,
    /// Samples that are not wanted: cues that are entered in their middle fade in, which must not be heard.
    unwanted: u64,
    is_broken: bool,
}

impl Decoding {
    fn starting(score: &Score, at: u64) -> Self {
        let unwanted = at.min(FADE as u64);
        let mixer = Mixer::starting(score, at - unwanted);
        Self { mixer, limiter: Limiter::new(), unwanted, is_broken: false }
    }

    /// The next samples. Where decoding fails, the rest is silent.
    fn block(&mut self) -> Vec<Stereo> {
        let mixed = if self.is_broken { Ok(None) } else { self.mixer.block() };
        let block = mixed.unwrap_or_else(|error| {
            self.is_broken = true;
            tracing::warn!("the sound of the stream breaks off: {}", in_short(&error));
            None
        });
        let block = block.unwrap_or_else(|| vec![[0.0; 2]; RATE as usize / 10]);
        let mut samples: Vec<_> = block.into_iter().filter_map(|sample| self.limiter.push(sample)).collect();
        let unwanted = self.unwanted.min(samples.len() as u64);
        samples.drain(..unwanted as usize);
        self.unwanted -= unwanted;
        samples
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::Cue;
    use crate::sound::mixer::tests::wav;
    use crate::source::Source;

    /// A film of ten seconds in which sample `i` is `i % 20000 + 1000`, heard from the second second on.
    fn tape(folder: &Path) -> Tape {
        crate::elements::start().unwrap();
        let path = folder.join("a.wav");
        wav(&path, RATE, 1, (0..480_000).map(|index| (index % 20_000 + 1000) as i16));
        let cue = Cue { source: Source::from(&path), at: 1.0, from: 0.0, seconds: 8.0 };
        Tape::start(Score::read(&[cue]).unwrap().unwrap(), &path).unwrap()
    }

    fn expected(at: u64) -> f32 {
        let inside = at.checked_sub(48_000).filter(|inside| *inside < 8 * 48_000);
        inside.map_or(0.0, |inside| ((inside % 20_000) as f32 + 1000.0) / 32_768.0)
    }

    fn wait(tape: &Tape, at: u64) {
        let began = Instant::now();
        tape.aim(at);
        while !tape.is_ready(at) {
            assert!(began.elapsed() < Duration::from_secs(60), "decoding takes too long");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn every_place_can_be_heard_forwards_and_backwards() {
        let folder = tempfile::tempdir().unwrap();
        let tape = tape(folder.path());
        for at in [0, 1000, 47_000, 300_000, 200_123, 430_000, 90_000, 480_000] {
            wait(&tape, at);
            let mut samples = vec![[9.0; 2]; 10_000];
            tape.read(at, &mut samples);
            for (place, [left, right]) in (at..).zip(&samples) {
                assert_eq!(left, right);
                // The cue fades at its end, and nothing fades where a place was jumped to.
                let is_faded = (431_760..432_000).contains(&place);
                let (most, error) = (expected(place), (left - expected(place)).abs());
                assert!(error < 1e-5 || (is_faded && *left <= most), "{at}: sample {place} is {left}, not {most}");
            }
        }
    }

    #[test]
    fn a_loop_begins_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let tape = tape(folder.path());
        wait(&tape, 0);
        for _ in 0..3 {
            wait(&tape, 400_000);
            let mut samples = vec![[9.0; 2]; HEAD as usize];
            tape.read(0, &mut samples);
            assert!((0..).zip(&samples).all(|(place, [left, _])| (left - expected(place)).abs() < 1e-5));
        }
    }

    #[test]
    fn what_is_not_known_yet_is_silent_and_nobody_waits() {
        let folder = tempfile::tempdir().unwrap();
        let tape = tape(folder.path());
        let mut samples = vec![[9.0; 2]; 100];
        tape.read(10_000_000, &mut samples);
        assert_eq!(samples, [[0.0; 2]; 100]);
    }
}
