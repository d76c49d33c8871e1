//! Opening a source: `uridecodebin ! chain of the caller's`, of which one stream is taken.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;

use super::ending::missing_end;
pub(crate) use super::listening::Wanted;
use super::listening::{ALL_KNOWN, Heard, listen, lock};
use crate::codecs::format;
use crate::elements;
use crate::error::MediaError;
use crate::picture::{MAX_PIXELS, MAX_SIDE};
use crate::source::{Source, without_secrets};

/// How long to wait for something before looking whether something broke.
pub(crate) const PATIENCE: gst::ClockTime = gst::ClockTime::from_mseconds(100);
/// After how long a source that gives nothing is given up.
pub(crate) const STALLED: Duration = Duration::from_secs(30);

/// How long a source that broke off may still give what had come of it before.
const DRAINING: Duration = Duration::from_secs(5);
/// The same where nothing is known to have come.
const BARREN: Duration = Duration::from_secs(2);

/// An opened source.
#[derive(Debug)]
pub(crate) struct Input {
    name: PathBuf,
    /// Where the source is a file.
    file: Option<PathBuf>,
    pipeline: gst::Pipeline,
    bus: gst::Bus,
    sink: gst_app::AppSink,
    heard: Arc<Mutex<Heard>>,
    /// Whether the source has the stream that was wanted.
    is_linked: bool,
    is_live: bool,
    /// When and why the source broke off, until all that had come before is used up.
    broke_off: Option<(Instant, MediaError)>,
}

impl Input {
    /// Opens `source` up to its first buffer. The first of `chains` takes the stream, the last one ends with `sink`; the
    /// elements of each are linked, the chains are not.
    ///
    /// # Errors
    /// The source is missing, empty, unreachable, no media file, or in a codec that cannot be decoded; or nothing came
    /// of it for half a minute. A source without the wanted stream is no error here.
    pub(crate) fn open(
        source: &Source,
        wanted: Wanted,
        chains: &[&[gst::Element]],
        sink: &gst_app::AppSink,
    ) -> Result<Self, MediaError> {
        let name = source.name();
        let broken = |detail: String| failed(&name, "the media graph does not start", detail);
        let decoder = elements::URIDECODEBIN.make(&name)?;
        decoder.set_property("uri", source.address()?);
        let pipeline = gst::Pipeline::new();
        pipeline.add(&decoder).map_err(|error| broken(error.to_string()))?;
        for chain in chains {
            pipeline.add_many(*chain).map_err(|error| broken(error.to_string()))?;
            gst::Element::link_many(*chain).map_err(|error| broken(error.to_string()))?;
        }
        let first = chains.first().and_then(|chain| chain.first());
        let target = first.and_then(|first| first.static_pad("sink")).ok_or_else(|| broken("no pad".to_owned()))?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        listen(&decoder, wanted, &heard, &target);
        let bus = pipeline.bus().ok_or_else(|| broken("no bus".to_owned()))?;
        let file = if let Source::File(path) = source { Some(path.clone()) } else { None };
        let sink = sink.clone();
        let is_live = is_broadcast(source);
        let mut input = Self { name, file, pipeline, bus, sink, heard, is_linked: false, is_live, broke_off: None };
        if let Some(missing) = input.missing_end().filter(|missing| missing.is_hopeless) {
            // Its demuxer would wait for ever.
            return Err(MediaError::Truncated {
                path: input.name.clone(),
                format: missing.format,
                detail: missing.detail,
            });
        }
        let settled = input.settle(&target);
        if let Some((width, height)) = input.heard().too_large {
            return Err(too_large(&input.name, width, height));
        }
        settled.map(|()| input)
    }

    pub(crate) fn name(&self) -> &Path {
        &self.name
    }

    pub(crate) fn sink(&self) -> &gst_app::AppSink {
        &self.sink
    }

    pub(crate) fn heard(&self) -> Heard {
        lock(&self.heard).clone()
    }

    pub(crate) fn is_linked(&self) -> bool {
        self.is_linked
    }

    pub(crate) fn is_live(&self) -> bool {
        self.is_live
    }

    pub(crate) fn duration(&self) -> Option<gst::ClockTime> {
        // Where nothing is taken of it, as of sound without pictures, nobody downstream answers for the source.
        let pads = || self.pipeline.children().into_iter().flat_map(|element| element.src_pads());
        self.pipeline.query_duration().or_else(|| pads().find_map(|pad| pad.query_duration()))
    }

    pub(crate) fn is_seekable(&self) -> bool {
        let mut query = gst::query::Seeking::new(gst::Format::Time);
        !self.is_live && self.pipeline.query(&mut query) && query.result().0
    }

    /// Goes to a place; frames from some place before it on come next. Only before `play`.
    pub(crate) fn seek(&mut self, place: gst::ClockTime) -> Result<(), MediaError> {
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
        self.pipeline.seek_simple(flags, place).map_err(|error| failed(&self.name, "seeking failed", error.to_string()))
    }

    pub(crate) fn play(&mut self) -> Result<(), MediaError> {
        if self.broke_off.is_some() {
            // The pipeline would wait for its broken source before it lets the sink go on.
            let _ = self.sink.set_state(gst::State::Playing);
        }
        match self.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(self.fault().unwrap_or_else(|| failed(&self.name, "it does not play", error.to_string())))
            }
        }
    }

    /// The next buffer; `None` at the end. While nothing comes, looks for what went wrong.
    pub(crate) fn pull(&mut self) -> Result<Option<gst::Sample>, MediaError> {
        let began = Instant::now();
        loop {
            if let Some(sample) = self.sink.try_pull_sample(PATIENCE) {
                return Ok(Some(sample));
            }
            // In this order: what broke a stream is said before the stream ends.
            let is_over = self.sink.is_eos();
            if let Some(error) = if is_over { self.fault() } else { self.broken() } {
                return Err(error);
            }
            if is_over {
                return Ok(None);
            }
            if began.elapsed() > STALLED {
                return Err(failed(&self.name, &stalled(), String::new()));
            }
        }
    }

    /// The buffer that was waited for when opening; it will be pulled again.
    pub(crate) fn first(&mut self) -> Result<Option<gst::Sample>, MediaError> {
        let prerolled = self.sink.try_pull_preroll(PATIENCE);
        if prerolled.is_some() { Ok(prerolled) } else { self.pull() }
    }

    /// What the file's container says about its missing end.
    pub(crate) fn missing_end(&self) -> Option<super::ending::Missing> {
        missing_end(self.file.as_deref()?)
    }

    /// Waits until the stream's first buffer is there, or it is known that there is no such stream.
    fn settle(&mut self, target: &gst::Pad) -> Result<(), MediaError> {
        use gst::MessageType::{Application, AsyncDone, Element, Eos, Error};
        let not_started = |input: &mut Self, error: gst::StateChangeError| {
            input.fault().unwrap_or_else(|| failed(&input.name, "it does not start", error.to_string()))
        };
        let change = self.pipeline.set_state(gst::State::Paused).map_err(|error| not_started(self, error))?;
        // Devices give nothing before they play.
        let is_device = change == gst::StateChangeSuccess::NoPreroll;
        if is_device {
            self.is_live = true;
            self.pipeline.set_state(gst::State::Playing).map_err(|error| not_started(self, error))?;
        }
        let began = Instant::now();
        while began.elapsed() < STALLED {
            self.is_linked = target.is_linked();
            if is_device
                && self.is_linked
                && self.sink.static_pad("sink").is_some_and(|pad| pad.current_caps().is_some())
            {
                return Ok(());
            }
            let kinds = [Application, AsyncDone, Element, Eos, Error];
            let Some(message) = self.bus.timed_pop_filtered(PATIENCE, &kinds) else {
                // Of a source that broke off, the pipeline never says that it is ready; what had come of it is there.
                if self.broke_off.is_some() && self.is_linked && self.sink.current_state() == gst::State::Paused {
                    return Ok(());
                }
                if let Some(error) = self.drained() {
                    return Err(error);
                }
                continue;
            };
            match message.view() {
                gst::MessageView::Application(message) => {
                    let is_known = message.structure().is_some_and(|structure| structure.name() == ALL_KNOWN);
                    if is_known && !target.is_linked() {
                        return Ok(());
                    }
                }
                gst::MessageView::AsyncDone(_) | gst::MessageView::Eos(_) => {
                    self.is_linked = target.is_linked();
                    // A live source may turn out to be one only now.
                    let Err(error) = self.pipeline.state(gst::ClockTime::ZERO).0 else { return Ok(()) };
                    if let Some(error) = self.broken() {
                        return Err(error);
                    }
                    // It broke off just now, and what had come of it may be on its way.
                    if self.broke_off.is_none() {
                        return Err(not_started(self, error));
                    }
                }
                gst::MessageView::Element(message) => self.note_missing(message.structure()),
                gst::MessageView::Error(error) => {
                    if let Some(error) = self.judged(error) {
                        return Err(error);
                    }
                }
                _ => {}
            }
        }
        Err(match self.file {
            Some(_) => failed(&self.name, &stalled(), String::new()),
            None => unreachable_because(&self.name, &stalled()),
        })
    }

    fn note_missing(&self, structure: Option<&gst::StructureRef>) {
        let is_missing = |structure: &&gst::StructureRef| structure.name() == "missing-plugin";
        let Some(structure) = structure.filter(is_missing) else { return };
        let caps = structure.get::<gst::Caps>("detail").ok();
        let known = caps.and_then(|caps| format(&caps)).map(|format| format.name.to_owned());
        let name = known.or_else(|| structure.get::<String>("name").ok());
        lock(&self.heard).undecodable.extend(name);
    }

    /// What the bus says went wrong, if anything.
    fn broken(&mut self) -> Option<MediaError> {
        use gst::MessageType::{Element, Error};
        while let Some(message) = self.bus.pop_filtered(&[Element, Error]) {
            match message.view() {
                gst::MessageView::Error(error) => {
                    if let Some(error) = self.judged(error) {
                        return Some(error);
                    }
                }
                gst::MessageView::Element(message) => self.note_missing(message.structure()),
                _ => {}
            }
        }
        self.drained()
    }

    /// What went wrong, now that nothing more comes.
    fn fault(&mut self) -> Option<MediaError> {
        self.broken().or_else(|| self.broke_off.take().map(|(_, error)| error))
    }

    /// What an error from the bus means for the reader, if anything yet: of a connection that breaks, what had come
    /// before is decoded first, and whatever fails after it fails because of it. The source itself tells its end twice.
    fn judged(&mut self, error: &gst::message::Error) -> Option<MediaError> {
        if self.broke_off.is_some() {
            return None;
        }
        let error = self.sorted(error);
        if matches!(error, MediaError::Unreachable { .. }) {
            self.broke_off = Some((Instant::now(), error));
            return None;
        }
        Some(error)
    }

    /// Why the source broke off, once that is long ago.
    fn drained(&mut self) -> Option<MediaError> {
        let heard = self.heard();
        let patience = if heard.video.is_some() || heard.sound.is_some() { DRAINING } else { BARREN };
        self.broke_off.take_if(|(at, _)| at.elapsed() > patience).map(|(_, error)| error)
    }

    /// Puts an error from the bus into words.
    fn sorted(&self, error: &gst::message::Error) -> MediaError {
        let debug = error.debug().map(|debug| debug.to_string()).unwrap_or_default();
        let (path, error) = (self.name.clone(), error.error());
        let is_missing = error.matches(gst::StreamError::CodecNotFound) || error.matches(gst::CoreError::MissingPlugin);
        if let Some(codec) = self.no_decoder().filter(|_| is_missing) {
            return codec;
        }
        if error.matches(gst::StreamError::TypeNotFound) || error.matches(gst::StreamError::WrongType) {
            return not_a_video(&self.name, self.file.as_deref());
        }
        if let Some(missing) = self.missing_end() {
            return MediaError::Truncated { path, format: missing.format, detail: missing.detail };
        }
        let stream_errors = [gst::StreamError::Demux, gst::StreamError::Decode, gst::StreamError::Failed];
        if self.file.is_some() && stream_errors.into_iter().any(|kind| error.matches(kind)) {
            let detail = format!("{}: {debug}", error.message().trim_end_matches('.'));
            return MediaError::Damaged { path, format: "video", detail };
        }
        // GStreamer 1.22 keeps what a web server said to itself.
        let is_silent = debug.contains("gst_base_src_loop");
        if self.file.is_none() && (is_silent || error.domain() == gst::ResourceError::domain()) {
            let said = without_secrets(error.message().trim_end_matches('.'));
            return unreachable_because(
                &self.name,
                if is_silent { "no connection, or no such file there" } else { &said },
            );
        }
        failed(&self.name, &without_secrets(error.message()), without_secrets(&debug))
    }

    /// The error that says that the pictures cannot be decoded, if that is so.
    pub(crate) fn no_decoder(&self) -> Option<MediaError> {
        let heard = self.heard();
        let codec = heard.undecodable.first()?.clone();
        let known = heard.video.iter().chain(&heard.sound).filter_map(|caps| format(caps));
        let hint = match known.into_iter().find(|format| format.name == codec) {
            Some(format) => format!("apt-get install {}", format.package),
            None => "`moue doctor` lists what is missing; or convert it to MP4 with H.264".to_owned(),
        };
        Some(MediaError::NoDecoder { path: self.name.clone(), codec, hint })
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Whether frames of that size are read.
pub(crate) fn is_readable(width: i32, height: i32) -> bool {
    let (width, height) = (i64::from(width), i64::from(height));
    width > 0
        && height > 0
        && width.max(height) <= i64::from(MAX_SIDE)
        && u64::try_from(width * height).is_ok_and(|pixels| pixels <= MAX_PIXELS)
}

pub(crate) fn too_large(path: &Path, width: i32, height: i32) -> MediaError {
    MediaError::PictureTooLarge {
        path: path.to_owned(),
        found: format!("its frames have {width}x{height} pixels"),
        limit: format!("{MAX_SIDE} a side and {} megapixels", MAX_PIXELS / 1_000_000),
    }
}

fn not_a_video(name: &Path, file: Option<&Path>) -> MediaError {
    let mut start = Vec::new();
    if let Some(file) = file.and_then(|file| std::fs::File::open(file).ok()) {
        use std::io::Read;
        let _ = file.take(256).read_to_end(&mut start);
    }
    let is_text = !start.is_empty() && std::str::from_utf8(&start).is_ok();
    let (found, hint) = if is_text {
        ("text", "name a video here; a table of numbers is a track, and goes where a motion is asked for")
    } else {
        ("something that no demuxer recognises", "play it in another program to see whether it is a video")
    };
    MediaError::NotAVideo { path: name.to_owned(), found: found.to_owned(), hint }
}

/// Sources that go on in real time without GStreamer saying so.
fn is_broadcast(source: &Source) -> bool {
    const SCHEMES: [&str; 7] = ["rtmp", "rtmps", "rtmpt", "rtsp", "rtsps", "srt", "udp"];
    let Source::Address(address) = source else { return false };
    let scheme = address.split("://").next().unwrap_or_default();
    SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

fn unreachable_because(name: &Path, problem: &str) -> MediaError {
    MediaError::Unreachable {
        address: name.display().to_string(),
        problem: problem.to_owned(),
        hint: "check the address, and that the server or the camera is running and free",
    }
}

fn stalled() -> String {
    format!("nothing came for {} seconds", STALLED.as_secs())
}

pub(crate) fn failed(path: &Path, message: &str, detail: String) -> MediaError {
    MediaError::Media { path: path.to_owned(), action: "reading it", message: message.to_owned(), detail }
}
