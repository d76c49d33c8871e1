//! One sound of a film, sample by sample.

use std::collections::VecDeque;

use gstreamer as gst;

use super::line::Line;
use super::reader::{Form, SoundReader};
use crate::error::MediaError;
use crate::reader::Clock;
use crate::source::Source;

/// Samples per second of a film's sound.
pub(crate) const RATE: u32 = 48_000;
/// Samples over which a sound rises or falls where it is cut, 5 ms: a cut alone would be heard as a click.
pub(crate) const FADE: usize = 240;

/// A sample of the left and of the right channel.
pub(crate) type Stereo = [f32; 2];

/// A sound in a film: `seconds` of a file from `from` on, heard from `at` on.
///
/// Its first sample is sample `round(at * 48000)` of the film, its last one is followed by `round((at + seconds) *
/// 48000)`, so sounds that follow each other leave no gap. Where it is cut off, at its start or at its end, it fades
/// within 5 ms.
#[derive(Clone, Debug, PartialEq)]
pub struct Cue {
    /// The file with the sound; of one with pictures, time counts from its first frame.
    pub source: Source,
    /// Seconds of the film at which it begins.
    pub at: f64,
    /// Seconds of the file that are left out before it.
    pub from: f64,
    /// Seconds that are heard, if there are as many; infinite for all.
    pub seconds: f64,
}

impl Cue {
    /// Refuses numbers that make no sense.
    pub(super) fn check(&self) -> Result<(), MediaError> {
        let Self { at, from, seconds, .. } = *self;
        let is_time = |value: f64| value.is_finite() && value >= 0.0;
        if is_time(at) && is_time(from) && seconds > 0.0 {
            return Ok(());
        }
        Err(MediaError::Range {
            path: self.source.name(),
            problem: format!("asked for its sound from {from} s on, for {seconds} s, at {at} s of the film"),
            hint: "places are not before 0, and the duration above it",
        })
    }

    /// The sample of the film that it begins with.
    pub(super) fn first(&self) -> u64 {
        sample_at(self.at)
    }

    /// What of it is heard from sample `at` of the film on, if anything.
    pub(super) fn after(&self, at: u64) -> Option<Self> {
        let skipped = at.saturating_sub(self.first());
        if skipped == 0 {
            return Some(self.clone());
        }
        let seconds = skipped as f64 / f64::from(RATE);
        let rest = self.seconds - seconds;
        (skipped < self.length()).then(|| Self {
            source: self.source.clone(),
            at: at as f64 / f64::from(RATE),
            from: self.from + seconds,
            seconds: rest,
        })
    }

    /// Samples that are heard, if there are as many.
    fn length(&self) -> u64 {
        sample_at(self.at + self.seconds).saturating_sub(self.first())
    }
}

/// Saturates.
fn sample_at(seconds: f64) -> u64 {
    (seconds * f64::from(RATE)).round() as u64
}

/// A cue that is being heard.
pub(super) struct Voice {
    pub(super) cue: Cue,
    decoded: Decoded,
    /// Samples that come next; looking ahead says whether the file goes on where the cue ends.
    ahead: VecDeque<Stereo>,
    /// Samples that the file gave, at most one more than are heard.
    given: u64,
    is_over: bool,
    /// Samples that have been heard.
    pub(super) heard: u64,
    length: u64,
    fade: u64,
}

impl Voice {
    /// Opens the file; the film ends with sample `end`.
    pub(super) fn open(cue: Cue, clock: Clock, end: u64) -> Result<Self, MediaError> {
        let length = cue.length().min(end.saturating_sub(cue.first()));
        let fade = (length / 2).min(FADE as u64);
        let decoded = Decoded::open(&cue, clock, length.saturating_add(1))?;
        Ok(Self { cue, decoded, ahead: VecDeque::new(), given: 0, is_over: false, heard: 0, length, fade })
    }

    /// The next sample; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Stereo>, MediaError> {
        while !self.is_over && self.ahead.len() <= FADE {
            match self.decoded.next()? {
                Some(sample) => {
                    self.ahead.push_back(sample);
                    self.given += 1;
                }
                None => self.is_over = true,
            }
        }
        let (at, left) = (self.heard, self.length - self.heard);
        let Some(sample) = self.ahead.pop_front().filter(|_| left > 0) else { return Ok(None) };
        self.heard += 1;
        let mut gain = 1.0;
        if self.cue.from > 0.0 && at < self.fade {
            gain = raised(at, self.fade);
        }
        if self.given > self.length && left <= self.fade {
            gain = raised(left - 1, self.fade);
        }
        Ok(Some(sample.map(|value| value * gain)))
    }
}

/// A raised cosine: 0 before sample 0, 1 from sample `fade` on.
pub(crate) fn raised(at: u64, fade: u64) -> f32 {
    let phase = (at as f64 + 0.5) / fade as f64;
    (0.5 - 0.5 * (std::f64::consts::PI * phase).cos()) as f32
}

/// The samples of a file from some place on.
struct Decoded {
    reader: SoundReader,
    line: Line,
    end: u64,
    /// What has been decoded: silence, then samples, of which `next` is the next.
    silence: usize,
    samples: Vec<Stereo>,
    next: usize,
}

impl Decoded {
    fn open(cue: &Cue, clock: Clock, end: u64) -> Result<Self, MediaError> {
        let reader = SoundReader::open(&cue.source, cue.from, clock, &stereo())?;
        let line = Line::new(RATE, size_of::<Stereo>());
        Ok(Self { reader, line, end, silence: 0, samples: Vec::new(), next: 0 })
    }

    fn next(&mut self) -> Result<Option<Stereo>, MediaError> {
        loop {
            if self.silence > 0 {
                self.silence -= 1;
                return Ok(Some([0.0; 2]));
            }
            if let Some(sample) = self.samples.get(self.next) {
                self.next += 1;
                return Ok(Some(*sample));
            }
            if self.line.length() >= self.end {
                return Ok(None);
            }
            let Some(piece) = self.reader.next()? else { return Ok(None) };
            let Ok(bytes) = piece.buffer.map_readable() else { continue };
            let (silence, samples) = self.line.lay(piece.time, &bytes, self.end);
            self.silence = silence / size_of::<Stereo>();
            self.next = 0;
            self.samples.clear();
            self.samples.extend(samples.as_chunks::<8>().0.iter().map(|[a, b, c, d, e, f, g, h]| {
                [f32::from_le_bytes([*a, *b, *c, *d]), f32::from_le_bytes([*e, *f, *g, *h])]
            }));
        }
    }
}

/// One channel is heard on both sides, more than two are mixed down.
pub(super) fn stereo() -> Form {
    Form::Samples(stereo_caps())
}

pub(crate) fn stereo_caps() -> gst::Caps {
    gst::Caps::builder("audio/x-raw")
        .field("format", "F32LE")
        .field("layout", "interleaved")
        .field("rate", RATE as i32)
        .field("channels", 2)
        .field("channel-mask", gst::Bitmask::new(3))
        .build()
}
