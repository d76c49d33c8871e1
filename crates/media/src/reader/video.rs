//! Frames of anything that GStreamer decodes.

use std::time::{Duration, Instant};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use image::RgbImage;
use image::metadata::Orientation;
use moue_timeline::Pts;

use super::check_start;
use super::frame::{Converter, FORMATS, is_high_dynamic_range, square};
use super::input::{Input, Wanted, failed, is_readable, too_large};
use super::priming::priming;
use crate::codecs::in_short;
use crate::elements;
use crate::error::MediaError;
use crate::info::{SoundStream, SourceInfo, VideoStream, orientation};
use crate::source::Source;

/// Frames that wait between decoder and reader.
const QUEUED_FRAMES: u32 = 4;
/// Containers that count milliseconds round: a frame so little before the start is the one that starts there.
const ROUNDING: i64 = 1_500_000;
/// Starts before this are reached by decoding everything on the way.
const WORTH_SEEKING: f64 = 2.0;
/// How far before the start decoding begins after a seek, in nanoseconds: demuxers disagree about where they land.
const RUN_UP: i64 = 1_000_000_000;

/// How a container's times are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Matroska's demuxer moves the start of its timeline while it reads the first blocks, if those of the sound come
    /// after those of the pictures: only the blocks' own times can be trusted.
    is_matroska: bool,
    /// The time of the first frame, in nanoseconds.
    zero: i64,
}

impl Clock {
    pub(crate) fn new(is_matroska: bool) -> Self {
        Self { is_matroska, zero: 0 }
    }

    /// Nanoseconds from the first frame of the pictures.
    pub(crate) fn time(self, segment: Option<&gst::Segment>, pts: Option<gst::ClockTime>) -> Option<i64> {
        let pts = pts?;
        let time = if self.is_matroska {
            i64::try_from(pts.nseconds()).ok()?
        } else {
            match segment?.downcast_ref::<gst::ClockTime>()?.to_stream_time_full(pts)? {
                gst::Signed::Positive(time) => i64::try_from(time.nseconds()).ok()?,
                gst::Signed::Negative(time) => -i64::try_from(time.nseconds()).ok()?,
            }
        };
        Some(time - self.zero)
    }

    /// Where to seek to.
    pub(crate) fn place(self, time: i64) -> gst::ClockTime {
        gst::ClockTime::from_nseconds(u64::try_from(self.zero + time).unwrap_or(0))
    }

    fn of(self, sample: &gst::Sample) -> Option<i64> {
        self.time(sample.segment(), sample.buffer().and_then(|buffer| buffer.pts()))
    }
}

/// A video that is being read.
#[derive(Debug)]
pub(crate) struct Video {
    input: Input,
    converter: Converter,
    clock: Clock,
    /// Nanoseconds from the first frame.
    start: i64,
    end: Option<i64>,
    /// How long a frame is shown that nothing follows, in nanoseconds.
    frame: i64,
    /// The latest frame before the start.
    before: Option<gst::Sample>,
    /// A frame that has been pulled and not been delivered.
    ahead: Option<gst::Sample>,
    /// The time of the latest frame that was delivered.
    latest: Option<i64>,
    frames: u64,
    is_over: bool,
    /// What is known of the frames of a live source.
    arrivals: Option<Arrivals>,
}

/// Frames of a live source, of which only the newest waits to be read.
#[derive(Clone, Copy, Debug)]
struct Arrivals {
    began: Instant,
    /// Of the latest frame that was read: which one it was of all that came, the first being 1, and when it came.
    number: u64,
    came: Option<Instant>,
    dropped: u64,
}

impl Arrivals {
    /// Numbers the frames that come to a sink, and notes their times.
    fn of(sink: &gst_app::AppSink) -> Self {
        let began = Instant::now();
        if let Some(pad) = sink.static_pad("sink") {
            let mut number = 0;
            let count = std::sync::Mutex::new(move || {
                number += 1;
                number
            });
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                if let Some(buffer) = info.buffer_mut() {
                    let mut count = count.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    let buffer = buffer.make_mut();
                    // Decoded frames have no use for these fields, which are places in a file.
                    buffer.set_offset(u64::try_from(began.elapsed().as_nanos()).unwrap_or(0));
                    buffer.set_offset_end((*count)());
                }
                gst::PadProbeReturn::Ok
            });
        }
        Self { began, number: 0, came: None, dropped: 0 }
    }

    fn read(&mut self, sample: &gst::Sample) {
        let Some(buffer) = sample.buffer() else { return };
        let number = buffer.offset_end();
        self.dropped += number.saturating_sub(self.number + 1);
        self.number = number;
        self.came = Some(self.began + Duration::from_nanos(buffer.offset()));
    }
}

impl Video {
    pub(crate) fn open(source: &Source, start: f64, end: Option<f64>) -> Result<(Self, SourceInfo), MediaError> {
        let Opened { mut input, clock, orientation, info, arrivals } = opened(source)?;
        let Some(video) = &info.video else { return Err(no_pictures(&input, &info)) };
        check_start(source, start, info.duration)?;
        let nanoseconds = |seconds: f64| (seconds * 1e9).round() as i64;
        let frame = video.rate.map_or(nanoseconds(0.04), |rate| nanoseconds(1.0 / rate.fps()));
        if start >= WORTH_SEEKING && input.is_seekable() {
            input.seek(clock.place((nanoseconds(start) - RUN_UP).max(0)))?;
        }
        input.play()?;
        let video = Self {
            input,
            converter: Converter::new(orientation),
            clock,
            start: nanoseconds(start),
            end: end.map(nanoseconds),
            frame,
            before: None,
            ahead: None,
            latest: None,
            frames: 0,
            is_over: false,
            arrivals,
        };
        Ok((video, info))
    }

    pub(crate) fn next(&mut self) -> Option<Result<(Pts, RgbImage), MediaError>> {
        if self.is_over {
            return None;
        }
        let frame = self.frame().transpose();
        self.is_over = !matches!(frame, Some(Ok(_)));
        frame
    }

    /// When the latest frame of a live source that was read had come, and how many were replaced by newer ones.
    pub(crate) fn arrivals(&self) -> Option<(Instant, u64)> {
        let arrivals = self.arrivals?;
        Some((arrivals.came?, arrivals.dropped))
    }

    fn frame(&mut self) -> Result<Option<(Pts, RgbImage)>, MediaError> {
        loop {
            let pulled = match self.ahead.take() {
                Some(sample) => Ok(Some(sample)),
                None => self.input.pull(),
            };
            let sample = match pulled {
                Ok(Some(sample)) => sample,
                Ok(None) => return self.last(),
                Err(error) => return Err(self.ended_by(error)),
            };
            let time = self.clock.of(&sample).map(|time| time - self.start);
            let Some(time) = time else { return Err(self.ended_by(self.broken("a frame without a time"))) };
            if time < -ROUNDING {
                self.before = Some(sample);
                continue;
            }
            let time = time.max(0);
            if let Some(before) = self.before.take().filter(|_| self.frames == 0 && time > ROUNDING) {
                self.ahead = Some(sample);
                return self.delivered(0, &before).map(Some);
            }
            if self.end.is_some_and(|end| time >= end - self.start) {
                return Ok(None);
            }
            return self.delivered(time, &sample).map(Some);
        }
    }

    fn delivered(&mut self, time: i64, sample: &gst::Sample) -> Result<(Pts, RgbImage), MediaError> {
        if let Some((width, height)) = size(sample).filter(|(width, height)| !is_readable(*width, *height)) {
            return Err(self.ended_by(too_large(self.input.name(), width, height)));
        }
        let image = self.converter.convert(sample).map_err(|problem| self.ended_by(self.broken(&problem)))?;
        // Old codecs in AVI files repeat a time and are late from there on; joined recordings begin again.
        let time = self.latest.map_or(time, |latest| if time > latest { time } else { latest + self.frame });
        self.latest = Some(time);
        self.frames += 1;
        if let Some(arrivals) = &mut self.arrivals {
            arrivals.read(sample);
        }
        Ok((Pts(u64::try_from(time).unwrap_or(0)), image))
    }

    /// The source has no more frames.
    fn last(&mut self) -> Result<Option<(Pts, RgbImage)>, MediaError> {
        // The last frame of all may be the one that is being shown at the start.
        if let Some(before) = self.before.take().filter(|_| self.frames == 0) {
            let time = self.clock.of(&before).map_or(i64::MIN, |time| time - self.start);
            if time + self.frame > 0 {
                return self.delivered(0, &before).map(Some);
            }
            return Err(MediaError::Range {
                path: self.input.name().to_owned(),
                problem: format!("asked to start at {} s, after its last frame", self.start as f64 * 1e-9),
                hint: "start earlier",
            });
        }
        match self.input.missing_end() {
            Some(missing) if self.frames > 0 => Err(self.ends_early(missing.detail)),
            Some(missing) => Err(MediaError::Truncated {
                path: self.input.name().to_owned(),
                format: missing.format,
                detail: missing.detail,
            }),
            None if self.frames == 0 => Err(MediaError::Damaged {
                path: self.input.name().to_owned(),
                format: "video",
                detail: "not a single picture in it could be decoded".to_owned(),
            }),
            None => Ok(None),
        }
    }

    /// An error after some frames means that the rest is missing.
    fn ended_by(&self, error: MediaError) -> MediaError {
        if self.frames == 0 {
            return error;
        }
        self.ends_early(in_short(&error))
    }

    fn ends_early(&self, detail: String) -> MediaError {
        let at = (self.latest.unwrap_or(0) + self.frame + self.start) as f64 * 1e-9;
        MediaError::EndsEarly { path: self.input.name().to_owned(), at, frames: self.frames, detail }
    }

    fn broken(&self, problem: &str) -> MediaError {
        failed(self.input.name(), problem, String::new())
    }
}

/// What is in a source, and how its times count.
pub(crate) struct Seen {
    pub(crate) info: SourceInfo,
    pub(crate) clock: Clock,
}

/// Looks at a source that is no picture.
pub(crate) fn look(source: &Source) -> Result<Seen, MediaError> {
    opened(source).map(|Opened { info, clock, .. }| Seen { info, clock })
}

struct Opened {
    input: Input,
    clock: Clock,
    orientation: Orientation,
    info: SourceInfo,
    arrivals: Option<Arrivals>,
}

fn opened(source: &Source) -> Result<Opened, MediaError> {
    let opened = open(source, false)?;
    let is_still_interlaced = opened.info.video.as_ref().is_some_and(|video| video.is_interlaced)
        && info(opened.input.sink().static_pad("sink").and_then(|pad| pad.current_caps()).as_deref())
            .is_some_and(|info| info.interlace_mode() != gst_video::VideoInterlaceMode::Progressive);
    if is_still_interlaced && !opened.info.is_live {
        drop(opened);
        return open(source, true);
    }
    Ok(opened)
}

/// `is_reduced`: to 8 bits planar before deinterlacing, which knows nothing else.
fn open(source: &Source, is_reduced: bool) -> Result<Opened, MediaError> {
    let name = source.name();
    let deinterlace = elements::DEINTERLACE.make(&name)?;
    // One frame of each pair of half pictures, from the upper one alone: all of it was seen at the same instant, and
    // methods that look at more than one pair lose the last frames.
    elements::set(&deinterlace, &[("method", "linear"), ("fields", "top")]);
    let convert = || {
        let convert = elements::VIDEOCONVERT.make(&name)?;
        elements::set(&convert, &[("dither", "none")]);
        Ok::<_, MediaError>(convert)
    };
    let sink = elements::APPSINK.make(&name)?;
    let sink = sink.downcast::<gst_app::AppSink>().map_err(|_| elements::APPSINK.missing(&name))?;
    sink.set_caps(Some(&gst_video::VideoCapsBuilder::new().format_list(FORMATS.iter().copied()).build()));
    sink.set_max_buffers(QUEUED_FRAMES);
    sink.set_property("sync", false);
    let mut chain = Vec::new();
    if is_reduced {
        let planar = [gst_video::VideoFormat::I420, gst_video::VideoFormat::Y42b, gst_video::VideoFormat::Y444];
        let filter = elements::CAPSFILTER.make(&name)?;
        filter.set_property("caps", gst_video::VideoCapsBuilder::new().format_list(planar).build());
        chain.extend([convert()?, filter]);
    }
    chain.extend([deinterlace.clone(), convert()?, sink.clone().upcast()]);

    // Whether it is live is known when its first frame has come.
    let arrivals = matches!(source, Source::Address(_)).then(|| Arrivals::of(&sink));
    let mut input = Input::open(source, Wanted::Pictures, &[&chain], &sink)?;
    if input.is_live() {
        // The newest frame counts; a reader that is slow must not fall behind.
        sink.set_property("drop", true);
        sink.set_max_buffers(1);
    }
    let arrivals = arrivals.filter(|_| input.is_live());
    let heard = input.heard();
    let mut clock = Clock::new(heard.is_matroska);
    let mut duration = input.duration().map(|duration| duration.nseconds() as f64 * 1e-9);
    let mut notes = Vec::new();
    let (mut orientation, mut video) = (Orientation::NoTransforms, None);
    if input.is_linked() {
        let first = input.first()?;
        orientation = tagged_orientation(&sink);
        if let Some((width, height)) = first.as_ref().and_then(size).filter(|(w, h)| !is_readable(*w, *h)) {
            return Err(too_large(&name, width, height));
        }
        let shown = info(first.as_ref().and_then(|sample| sample.caps()));
        let stored = deinterlace.static_pad("sink").and_then(|pad| pad.current_caps());
        let stored = info(stored.as_deref());
        if let (Some(first), Some(shown)) = (&first, &shown) {
            clock.zero = clock.of(first).unwrap_or(0);
            if clock.is_matroska {
                duration = duration.map(|duration| duration - clock.zero as f64 * 1e-9);
            }
            let mut stream = VideoStream::of(heard.video.as_deref(), shown, orientation);
            stream.is_interlaced =
                stored.is_some_and(|info| info.interlace_mode() != gst_video::VideoInterlaceMode::Progressive);
            note(&stream, shown, &mut notes);
            video = Some(stream);
        }
    } else if heard.video.is_some() {
        let unknown = || failed(&name, "its pictures cannot be decoded", String::new());
        return Err(input.no_decoder().unwrap_or_else(unknown));
    } else if let Source::File(path) = source {
        // Sound alone begins where its coder's delay ends.
        clock.zero = priming(path);
    }
    let sound = heard.sound.as_ref().map(SoundStream::of);
    let info = SourceInfo { duration, is_live: input.is_live(), video, sound, notes };
    Ok(Opened { input, clock, orientation, info, arrivals })
}

fn note(stream: &VideoStream, info: &gst_video::VideoInfo, notes: &mut Vec<String>) {
    if stream.rotation != 0 || stream.is_mirrored {
        let mirrored = if stream.is_mirrored { "mirrored and " } else { "" };
        notes.push(format!("{mirrored}turned by {} degrees, as the file says", stream.rotation));
    }
    if square(info) != (info.width(), info.height()) {
        let (width, height) = square(info);
        notes.push(format!(
            "stretched from {}x{} to {width}x{height}: its pixels are not square",
            info.width(),
            info.height()
        ));
    }
    if stream.is_interlaced {
        notes.push("half pictures were made into whole ones".to_owned());
    }
    if is_high_dynamic_range(info) {
        notes.push("high dynamic range is read as if it were standard: contrast and colours look flat".to_owned());
    }
}

fn no_pictures(input: &Input, info: &SourceInfo) -> MediaError {
    let path = input.name().to_owned();
    match &info.sound {
        Some(sound) => MediaError::NoPictures { path, found: format!("sound ({})", sound.codec) },
        None => MediaError::Damaged {
            path,
            format: "video",
            detail: "not a single picture in it could be decoded".to_owned(),
        },
    }
}

/// What the stream's tags say about how to hold it.
fn tagged_orientation(sink: &gst_app::AppSink) -> Orientation {
    let Some(pad) = sink.static_pad("sink") else { return Orientation::NoTransforms };
    let mut found = Orientation::NoTransforms;
    pad.sticky_events_foreach(|event| {
        if let gst::EventView::Tag(tag) = event.view()
            && let Some(value) = tag.tag().get::<gst::tags::ImageOrientation>()
        {
            found = orientation(value.get());
        }
        std::ops::ControlFlow::Continue(gst::EventForeachAction::Keep)
    });
    found
}

fn info(caps: Option<&gst::CapsRef>) -> Option<gst_video::VideoInfo> {
    gst_video::VideoInfo::from_caps(caps?).ok()
}

fn size(sample: &gst::Sample) -> Option<(i32, i32)> {
    let structure = sample.caps()?.structure(0)?;
    Some((structure.get("width").ok()?, structure.get("height").ok()?))
}
