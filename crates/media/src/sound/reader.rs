//! The sound of a source, packet by packet or decoded, each piece with its time on the clock of the pictures.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;

use crate::elements::{self, Element};
use crate::error::MediaError;
use crate::reader::{Clock, Input, Wanted, check, failed};
use crate::source::Source;

/// Added to all times between demuxer and parser or decoder, in nanoseconds: an hour. Those elements take liberties with
/// what lies before time 0 or before the start of a segment.
const LATER: i64 = 3_600_000_000_000;
/// Pieces that wait to be read.
const QUEUED_PIECES: u32 = 8;
/// Starts before this are reached by reading everything on the way, in nanoseconds.
const WORTH_SEEKING: i64 = 2_000_000_000;
/// How far before the start reading begins after a seek, in nanoseconds.
const RUN_UP: i64 = 1_000_000_000;

/// A packet, or some decoded samples.
#[derive(Debug)]
pub(super) struct Piece {
    /// Nanoseconds from the start of the soundtrack; pieces before it have a negative time.
    pub(super) time: i64,
    pub(super) buffer: gst::Buffer,
    pub(super) caps: gst::Caps,
}

/// What comes of a sound.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// Packets as they are, through a parser where the demuxer leaves something open.
    Packets(Option<Element>),
    /// Decoded, to samples of these caps.
    Samples(gst::Caps),
}

/// The sound of a source.
pub(super) struct SoundReader {
    input: Input,
    /// Whether times are `LATER`, which they are unless the file has none before its packets are parsed.
    is_later: Arc<AtomicBool>,
    clock: Clock,
    start: i64,
}

impl SoundReader {
    /// Opens a source from `start` seconds on; what comes first may begin before that.
    pub(super) fn open(source: &Source, start: f64, clock: Clock, form: &Form) -> Result<Self, MediaError> {
        let name = source.name();
        check(source)?;
        let sink = elements::APPSINK.make(&name)?;
        let sink = sink.downcast::<gst_app::AppSink>().map_err(|_| elements::APPSINK.missing(&name))?;
        sink.set_max_buffers(QUEUED_PIECES);
        sink.set_property("sync", false);
        let entry = elements::IDENTITY.make(&name)?;
        let entrance = entry.static_pad("sink").ok_or_else(|| failed(&name, "no pad", String::new()))?;
        let is_later = retime(&entrance, clock);

        let mut chain = vec![entry];
        let mut tail = Vec::new();
        match form {
            Form::Packets(parser) => {
                if let Some(parser) = parser {
                    chain.push(parser.make(&name)?);
                }
                sink.set_caps(parser.filter(|parser| *parser == elements::AACPARSE).map(|_| raw_aac()).as_ref());
                chain.push(sink.clone().upcast());
            }
            Form::Samples(samples) => {
                let decoder = elements::DECODEBIN.make(&name)?;
                tail = vec![elements::AUDIOCONVERT.make(&name)?, elements::AUDIORESAMPLE.make(&name)?];
                sink.set_caps(Some(samples));
                tail.push(sink.clone().upcast());
                let target = tail.first().and_then(|first: &gst::Element| first.static_pad("sink"));
                decoder.connect_pad_added(move |_, pad| {
                    if let Some(target) = target.as_ref().filter(|target| !target.is_linked()) {
                        // If it does not fit, the stream ends with an error on the bus.
                        let _ = pad.link(target);
                    }
                });
                chain.push(decoder);
            }
        }
        let mut input = Input::open(source, Wanted::Sound, &[&chain, &tail], &sink)?;
        let start = (start * 1e9).round() as i64;
        if start >= WORTH_SEEKING && is_seekable(&entrance) {
            // At the demuxer: what comes after it counts time in another way.
            let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
            let place = clock.place((start - RUN_UP).max(0));
            let (from, to) = (gst::SeekType::Set, gst::SeekType::None);
            let seek = gst::event::Seek::new(1.0, flags, from, place, to, gst::ClockTime::NONE);
            if !entrance.push_event(seek) {
                return Err(failed(&name, "seeking in the sound failed", String::new()));
            }
        }
        input.play()?;
        Ok(Self { input, is_later, clock, start })
    }

    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Piece>, MediaError> {
        loop {
            let Some(sample) = self.input.pull()? else { return Ok(None) };
            let (Some(buffer), Some(caps)) = (sample.buffer_owned(), sample.caps_owned()) else { continue };
            // What has no time is a header, and those are in the caps too.
            let Some(pts) = buffer.pts() else { continue };
            let time = if self.is_later.load(Ordering::Relaxed) {
                i64::try_from(pts.nseconds()).ok().map(|time| time - LATER)
            } else {
                self.clock.time(sample.segment(), Some(pts))
            };
            let Some(time) = time else { continue };
            return Ok(Some(Piece { time: time - self.start, buffer, caps }));
        }
    }
}

/// Whether what is before `pad` knows times: a file without a container does not.
fn is_seekable(pad: &gst::Pad) -> bool {
    let mut query = gst::query::Seeking::new(gst::Format::Time);
    pad.peer_query(&mut query) && query.result().0
}

/// Puts everything that passes `pad` on the pictures' clock, `LATER`; the flag says whether that was done.
fn retime(pad: &gst::Pad, clock: Clock) -> Arc<AtomicBool> {
    let is_later = Arc::new(AtomicBool::new(false));
    let flag = is_later.clone();
    let segment = Mutex::new(None::<gst::Segment>);
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(kinds, move |_, info| {
        let mut segment = segment.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = info.event_mut() {
            if let gst::EventView::Segment(found) = event.view() {
                // A file without a container has no times before its packets are parsed.
                let is_timed = found.segment().format() == gst::Format::Time;
                *segment = is_timed.then(|| found.segment().clone());
                flag.store(is_timed, Ordering::Relaxed);
                if is_timed {
                    let whole = gst::FormattedSegment::<gst::ClockTime>::new();
                    *event = gst::event::Segment::builder(&whole).seqnum(event.seqnum()).build();
                }
            }
            return gst::PadProbeReturn::Ok;
        }
        let (Some(segment), Some(buffer)) = (segment.as_ref(), info.buffer_mut()) else {
            return gst::PadProbeReturn::Ok;
        };
        let Some(pts) = buffer.pts() else { return gst::PadProbeReturn::Ok };
        let time = clock.time(Some(segment), Some(pts)).and_then(|time| u64::try_from(time + LATER).ok());
        let Some(time) = time else { return gst::PadProbeReturn::Drop };
        let buffer = buffer.make_mut();
        buffer.set_pts(gst::ClockTime::from_nseconds(time));
        buffer.set_dts(gst::ClockTime::NONE);
        gst::PadProbeReturn::Ok
    });
    is_later
}

/// The only form of AAC that containers hold.
fn raw_aac() -> gst::Caps {
    gst::Caps::builder("audio/mpeg").field("mpegversion", 4).field("stream-format", "raw").build()
}
