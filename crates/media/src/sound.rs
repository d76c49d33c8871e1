//! The sound that goes with the frames: the driving file's own, copied untouched or encoded anew.
//!
//! Frames come when they are rendered, seconds apart perhaps, and until the last of them nobody knows how long the film
//! will be: a run may be interrupted. So frames and sound are not muxed as they come, where each would have to wait for
//! the other. The frames are written first, to a file without sound; when the last one is there, a second pass copies
//! the coded pictures and puts the sound beside them, from two sources that never wait for one another.
//!
//! A film that is put together from pieces has many sounds, or none: they are decoded when their time comes, laid on one
//! line of samples and encoded once.

mod beside;
mod cue;
mod inlet;
mod limiter;
mod line;
mod mixer;
mod mux;
mod reader;
mod tape;

use std::fmt;
use std::path::Path;

use gstreamer as gst;

pub(crate) use self::beside::Beside;
pub use self::cue::Cue;
pub(crate) use self::cue::{FADE, RATE, Stereo, raised, stereo_caps};
pub(crate) use self::inlet::advance;
pub(crate) use self::mixer::{Mixed, Score, Sounding};
pub(crate) use self::mux::{Job, mux};
use self::reader::{Form, SoundReader};
pub(crate) use self::tape::Tape;
use crate::codecs;
use crate::container::Container;
use crate::elements::{self, Element};
use crate::error::MediaError;
use crate::reader::{Clock, VideoReader, check, look};
use crate::source::Source;

/// Sound for an output: that of a source, from a place in it on.
///
/// Frame 0 of the output is heard with the sound at `start`. The sound ends with the frames, or before them if there is
/// not as much of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Soundtrack {
    /// Where the sound comes from.
    pub source: Source,
    /// Seconds from the source's first frame; from the start of the sound if there are no pictures in it.
    pub start: f64,
    /// Seconds after which it falls silent, if that is before the last frame.
    pub duration: Option<f64>,
}

impl Soundtrack {
    /// All of a source's sound.
    pub fn new(source: Source) -> Self {
        Self { source, start: 0.0, duration: None }
    }

    /// The same as the sound of a live stream, and what becomes of it; nothing where there is no sound to be had.
    ///
    /// # Errors
    /// As [`Output::open_with_sound`](crate::Output::open_with_sound).
    pub fn for_live(&self) -> Result<(SoundUse, Vec<Cue>), MediaError> {
        elements::start()?;
        let path = self.source.name();
        let (sound_use, plan) = plan_beside(&path, self)?;
        Ok((sound_use, plan.map(|plan| plan.score().into_cues()).unwrap_or_default()))
    }
}

/// What an output does with its [`Soundtrack`]; the text is a sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoundUse {
    /// It goes in as it is.
    Copied {
        /// What people call its codec.
        codec: String,
    },
    /// It is decoded and encoded again: the container does not hold it, or it is cut.
    Encoded {
        /// What people call its codec.
        from: String,
        /// And the new one.
        to: &'static str,
    },
    /// The source has none.
    Silent,
    /// The output holds none: GIF, frames, contact sheet.
    NotHeld,
    /// The source goes on in real time, and cannot be read a second time.
    Live,
    /// It cannot be decoded here.
    Unreadable {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for SoundUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copied { codec } => write!(f, "the sound ({codec}) is copied untouched"),
            Self::Encoded { from, to } => write!(f, "the sound is encoded anew, from {from} to {to}"),
            Self::Silent => f.write_str("the source has no sound, so there is none in the output"),
            Self::NotHeld => f.write_str("outputs of this kind hold no sound"),
            Self::Live => f.write_str("the sound of a live source is not taken along"),
            Self::Unreadable { reason } => write!(f, "the sound is left out: {reason}"),
        }
    }
}

/// What is made of the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// Packets as they are, through a parser where the demuxer leaves something open.
    Copy(Option<Element>),
    Encode(Encoder),
}

/// What sound is encoded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoder {
    Aac,
    Opus,
}

impl Encoder {
    /// What every player of such files knows.
    fn of(container: Container) -> Self {
        if container == Container::Webm { Self::Opus } else { Self::Aac }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Aac => "AAC",
            Self::Opus => "Opus",
        }
    }

    /// Samples per second that it takes, the best first.
    fn rates(self) -> &'static [i32] {
        match self {
            Self::Aac => &[48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000],
            Self::Opus => &[48_000],
        }
    }

    /// What it takes: more than two channels are mixed down to two, which is what faces speak in.
    fn samples(self) -> gst::Caps {
        gst::Caps::builder("audio/x-raw")
            .field("format", "F32LE")
            .field("layout", "interleaved")
            .field("rate", gst::List::new(self.rates().iter().copied()))
            .field("channels", gst::IntRange::new(1, 2))
            .build()
    }

    /// Samples by which decoded sound lags behind what was encoded, and which nothing in the output makes up for. Opus
    /// states its own in its header, and muxers and players heed that.
    pub(crate) fn delay(self) -> u64 {
        match self {
            Self::Aac => 1024,
            Self::Opus => 0,
        }
    }

    pub(crate) fn element(self, path: &Path) -> Result<gst::Element, MediaError> {
        match self {
            Self::Aac => {
                let encoder = elements::AVENC_AAC.make(path)?;
                // Its sum-and-difference coding, which GStreamer forces on all bands, mixes the sides: what is only heard
                // on the left comes out on both.
                elements::set(&encoder, &[("bitrate", "160000"), ("aac-ms", "false")]);
                Ok(encoder)
            }
            Self::Opus => {
                let encoder = elements::OPUSENC.make(path)?;
                elements::set(&encoder, &[("bitrate", "128000"), ("audio-type", "generic")]);
                Ok(encoder)
            }
        }
    }
}

/// A soundtrack that can be read, and how.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    track: Soundtrack,
    clock: Clock,
    treatment: Treatment,
}

impl Plan {
    /// The same as the sound of a film.
    fn score(&self) -> Score {
        let Soundtrack { source, start, duration } = self.track.clone();
        let cue = Cue { source, at: 0.0, from: start, seconds: duration.unwrap_or(f64::INFINITY) };
        Score::of(cue, self.clock)
    }

    fn reader(&self) -> Result<SoundReader, MediaError> {
        let form = match self.treatment {
            Treatment::Copy(parser) => Form::Packets(parser),
            Treatment::Encode(encoder) => Form::Samples(encoder.samples()),
        };
        SoundReader::open(&self.track.source, self.track.start, self.clock, &form)
    }
}

/// Less than this cut off at the start is less than a packet, and no reason to encode anew.
const UNCUT: f64 = 0.02;

/// Decides what is to become of the sound, and tries its first moment.
///
/// # Errors
/// The source is missing or no media file, or an element is missing.
pub(crate) fn plan(
    path: &Path,
    container: Container,
    track: &Soundtrack,
) -> Result<(SoundUse, Option<Plan>), MediaError> {
    let copied = |codec: &str| copied_through(container, codec).filter(|_| track.start <= UNCUT);
    plan_as(path, track, copied, Encoder::of(container))
}

/// The same for sound that is encoded anew in any case.
pub(crate) fn plan_beside(path: &Path, track: &Soundtrack) -> Result<(SoundUse, Option<Plan>), MediaError> {
    plan_as(path, track, |_| None, Encoder::Aac)
}

/// The same, `copied` saying what need not be encoded anew.
fn plan_as(
    path: &Path,
    track: &Soundtrack,
    copied: impl FnOnce(&str) -> Option<Option<Element>>,
    encoder: Encoder,
) -> Result<(SoundUse, Option<Plan>), MediaError> {
    let is_sane = track.start.is_finite() && track.start >= 0.0;
    if !is_sane || track.duration.is_some_and(|duration| duration.is_nan() || duration <= 0.0) {
        return Err(MediaError::Range {
            path: track.source.name(),
            problem: format!("asked for its sound from {} s on, for {:?} s", track.start, track.duration),
            hint: "the start is not before 0, and the duration above it",
        });
    }
    check(&track.source)?;
    if VideoReader::is_of_pictures(&track.source)? {
        return Ok((SoundUse::Silent, None));
    }
    let seen = look(&track.source)?;
    let Some(sound) = &seen.info.sound else { return Ok((SoundUse::Silent, None)) };
    if seen.info.is_live {
        return Ok((SoundUse::Live, None));
    }
    let codec = sound.codec.clone();
    let (sound_use, treatment) = match copied(&codec) {
        Some(parser) => (SoundUse::Copied { codec }, Treatment::Copy(parser)),
        None => {
            // It must be there now, not after the last frame.
            encoder.element(path)?;
            (SoundUse::Encoded { from: codec, to: encoder.name() }, Treatment::Encode(encoder))
        }
    };
    let plan = Plan { track: track.clone(), clock: seen.clock, treatment };
    match plan.reader().and_then(|mut reader| reader.next()) {
        Ok(Some(_)) => Ok((sound_use, Some(plan))),
        Ok(None) => Ok((SoundUse::Silent, None)),
        Err(error @ MediaError::MissingElement { .. }) => Err(error),
        Err(error) => Ok((SoundUse::Unreadable { reason: codecs::in_short(&error) }, None)),
    }
}

/// What a codec's packets go through into a container, if that holds them.
///
/// MP4 takes AAC and MP3 only, which every player of MP4 knows; it could hold Opus and AC-3 too, which many cannot play.
fn copied_through(container: Container, codec: &str) -> Option<Option<Element>> {
    let is_held = match container {
        Container::Mp4 => matches!(codec, "AAC" | "MP3"),
        Container::Mkv => matches!(codec, "AAC" | "MP3" | "Opus" | "Vorbis" | "FLAC" | "AC-3" | "E-AC-3" | "PCM"),
        Container::Webm => matches!(codec, "Opus" | "Vorbis"),
    };
    is_held.then_some(match codec {
        "AAC" => Some(elements::AACPARSE),
        "MP3" => Some(elements::MPEGAUDIOPARSE),
        "FLAC" => Some(elements::FLACPARSE),
        "AC-3" | "E-AC-3" => Some(elements::AC3PARSE),
        _ => None,
    })
}
