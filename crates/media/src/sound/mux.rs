//! The second pass: `filesrc ! demuxer ! muxer ! filesink`, and beside it `appsrc [! encoder] ! muxer` with the sound.
//!
//! The pictures come from a file and the sound from a thread of its own, so neither waits for the other: whichever
//! stream the muxer needs next is there, or has ended.

use std::path::Path;
use std::thread::JoinHandle;

use gst::prelude::*;
use gstreamer as gst;

use super::inlet::{Inlet, failed, rate};
use super::line::Line;
use super::reader::{Piece, SoundReader};
use super::{Encoder, Plan, Treatment};
use crate::codecs::{in_short, sample_bytes, true_rate};
use crate::container::{Container, text};
use crate::elements;
use crate::error::MediaError;
use crate::graph::sorted;

/// A packet that begins so little before time 0 is taken for one that begins there, in nanoseconds: encoders' delays are
/// rarely whole packets.
const EARLY: i64 = 2_000_000;
/// The same for Opus, whose first packet begins with samples that decoders leave out.
const EARLY_OPUS: i64 = 8_000_000;

/// What is to be muxed.
pub(crate) struct Job<'a> {
    /// The output, for errors.
    pub(crate) path: &'a Path,
    /// The pictures, in a file of the same container.
    pub(crate) pictures: &'a Path,
    pub(crate) container: Container,
    /// Where the result goes.
    pub(crate) target: &'a Path,
    /// Where the MP4 muxer may keep what it has, until it knows what to write before it.
    pub(crate) interim: Option<&'a Path>,
    /// Where the last frame ends, in nanoseconds.
    pub(crate) end: u64,
}

/// Copies the pictures and adds the sound; what went wrong with the sound, if anything: it ends there then.
///
/// # Errors
/// The file could not be written.
pub(crate) fn mux(job: &Job<'_>, plan: Option<&Plan>) -> Result<Option<String>, MediaError> {
    let path = job.path;
    let pipeline = gst::Pipeline::new();
    let broken = |detail: String| failed(path, "the muxer does not start", detail);
    let [source, demuxer] = [elements::FILESRC, job.container.demuxer()].map(|element| element.make(path));
    let (source, demuxer) = (source?, demuxer?);
    let [muxer, target] = job.container.writer(path, job.target, job.interim)?;
    source.set_property("location", text(job.pictures));
    pipeline.add_many([&source, &demuxer, &muxer, &target]).map_err(|error| broken(error.to_string()))?;
    source.link(&demuxer).and_then(|()| muxer.link(&target)).map_err(|error| broken(error.to_string()))?;
    // Asked for before anything runs: the muxer must know of both streams before it writes its header.
    let entrance = muxer.request_pad_simple("video_%u").ok_or_else(|| broken("no pad".to_owned()))?;
    // What the demuxer says about the file would be written as the film's description.
    entrance.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, |_, info| {
        if let Some(event) = info.event_mut().filter(|event| event.type_() == gst::EventType::Tag) {
            *event = gst::event::Tag::new(gst::TagList::new());
        }
        gst::PadProbeReturn::Ok
    });
    demuxer.connect_pad_added(move |_, pad| {
        if !entrance.is_linked() {
            // If it does not fit, the stream ends with an error on the bus.
            let _ = pad.link(&entrance);
        }
    });
    let feed = match plan {
        Some(plan) => Some(Feed::open(path, &pipeline, &muxer, plan, job.end)?),
        None => None,
    };
    let bus = pipeline.bus().ok_or_else(|| broken("it has no bus".to_owned()))?;
    let started = pipeline.set_state(gst::State::Playing).map_err(|error| broken(error.to_string()));
    let feeder = match (&started, feed) {
        (Ok(_), Some(feed)) => Some(feed.start().map_err(broken)?),
        _ => None,
    };
    let outcome = started.and_then(|_| run(path, &bus));
    // Closes the file, and wakes the feeder where it waits for a muxer that broke.
    let closed = pipeline.set_state(gst::State::Null).map(drop).map_err(|error| broken(error.to_string()));
    let complaint = feeder.and_then(|feeder| feeder.join().unwrap_or_else(|_| Some("it broke".to_owned())));
    outcome.and(closed).map(|()| complaint)
}

fn run(path: &Path, bus: &gst::Bus) -> Result<(), MediaError> {
    use gst::MessageType::{Eos, Error};
    loop {
        let message = bus.timed_pop_filtered(gst::ClockTime::NONE, &[Eos, Error]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => return Ok(()),
            Some(gst::MessageView::Error(error)) => {
                let debug = error.debug().map(|debug| debug.to_string()).unwrap_or_default();
                return Err(sorted(path, &error.error(), debug));
            }
            _ => {}
        }
    }
}

/// The sound on its way into the muxer.
struct Feed {
    reader: SoundReader,
    inlet: Inlet,
    first: Option<Piece>,
    treatment: Treatment,
    /// Where the sound ends, in nanoseconds.
    end: u64,
}

impl Feed {
    fn open(
        path: &Path,
        pipeline: &gst::Pipeline,
        muxer: &gst::Element,
        plan: &Plan,
        end: u64,
    ) -> Result<Self, MediaError> {
        let mut reader = plan.reader()?;
        let first = reader.next()?;
        let caps = first.as_ref().map(|piece| true_rate(&piece.caps));
        let encoder = if let Treatment::Encode(encoder) = plan.treatment { Some(encoder) } else { None };
        let inlet = Inlet::open(path, pipeline, muxer, caps.as_ref(), encoder)?;
        let limit = plan.track.duration.map_or(u64::MAX, |seconds| (seconds * 1e9) as u64);
        Ok(Self { reader, inlet, first, treatment: plan.treatment, end: end.min(limit) })
    }

    /// Lets a thread do it; what went wrong, if anything.
    fn start(mut self) -> Result<JoinHandle<Option<String>>, String> {
        let thread = std::thread::Builder::new().name("sound".to_owned());
        let feed = move || {
            let outcome = match self.treatment {
                Treatment::Copy(_) => self.copy(),
                Treatment::Encode(encoder) => self.encode(encoder),
            };
            outcome.err().map(|error| in_short(&error))
        };
        thread.spawn(feed).map_err(|error| error.to_string())
    }

    fn next(&mut self) -> Result<Option<Piece>, MediaError> {
        match self.first.take() {
            Some(piece) => Ok(Some(piece)),
            None => self.reader.next(),
        }
    }

    /// Hands over packets as they are, but for their times.
    fn copy(&mut self) -> Result<(), MediaError> {
        while let Some(Piece { mut time, mut buffer, caps }) = self.next()? {
            let structure = caps.structure(0).map(|structure| structure.name().as_str()).unwrap_or_default();
            let early = if structure == "audio/x-opus" { EARLY_OPUS } else { EARLY };
            if time < 0 && structure == "audio/x-raw" {
                let Some(rest) = without_start(&buffer, &caps, time.unsigned_abs()) else { continue };
                (time, buffer) = (0, rest);
            }
            if time < -early {
                continue;
            }
            let Ok(time) = u64::try_from(time.max(0)) else { continue };
            if time >= self.end {
                break;
            }
            let changed = buffer.make_mut();
            changed.set_pts(gst::ClockTime::from_nseconds(time));
            changed.set_dts(gst::ClockTime::NONE);
            changed.unset_flags(gst::BufferFlags::DISCONT);
            if !self.inlet.push(buffer) {
                break;
            }
        }
        Ok(())
    }

    /// Lays decoded pieces end to end from time 0 on and hands them to the encoder.
    fn encode(&mut self, encoder: Encoder) -> Result<(), MediaError> {
        let mut line = None;
        while let Some(piece) = self.next()? {
            let (Some(rate), Some(unit)) = (rate(&piece.caps), sample_bytes(&piece.caps)) else { continue };
            let line = line.get_or_insert_with(|| Line::new(rate, unit));
            // What the encoder's delay pushes out at the end must have been put in.
            let end = (u128::from(self.end) * u128::from(rate)).div_ceil(1_000_000_000) as u64 + encoder.delay();
            let Ok(bytes) = piece.buffer.map_readable() else { continue };
            let before = line.length();
            let (mut silence, samples) = line.lay(piece.time, &bytes, end);
            let mut at = before;
            let second = rate as usize * unit;
            while silence > 0 {
                let part = silence.min(second);
                if !self.inlet.push_samples(vec![0; part], &mut at, rate, unit) {
                    return Ok(());
                }
                silence -= part;
            }
            if !samples.is_empty() && !self.inlet.push_samples(samples.to_vec(), &mut at, rate, unit) || at >= end {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Uncompressed samples without those of the first `nanoseconds`.
fn without_start(buffer: &gst::Buffer, caps: &gst::Caps, nanoseconds: u64) -> Option<gst::Buffer> {
    let (rate, unit) = (rate(caps)?, sample_bytes(caps)?);
    let samples = u128::from(nanoseconds) * u128::from(rate) / 1_000_000_000;
    let skipped = usize::try_from(samples).ok()?.checked_mul(unit)?;
    (skipped < buffer.size()).then(|| buffer.copy_region(gst::BufferCopyFlags::MEMORY, skipped..).ok()).flatten()
}
