//! An output in GStreamer's own words, for what has no name here: a bin that takes raw frames.

use std::fmt;
use std::path::{Path, PathBuf};

use gst::prelude::*;
use gstreamer as gst;
use moue_engine::CancelToken;

use crate::elements;
use crate::error::MediaError;
use crate::pending::exists;
use crate::planes::video_info;
use crate::raw_leg::{Patience, RawLeg};
use crate::sink::{Sink, VideoFormat};

/// How long its elements may take to make themselves ready.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// A bin in `gst-launch-1.0`'s words, such as
/// `x264enc tune=zerolatency ! h264parse ! mp4mux ! filesink location=a.mp4`.
///
/// It takes frames as every other output here hands them to its encoder: `video/x-raw`, I420, BT.709, limited range, of the
/// run's size and rate; `videoconvert`, `videoscale` and `videorate` at its start make others of them. It has exactly one
/// open pad, which takes pictures, and ends in sinks. Each frame comes with its time; whoever renders waits for it. It has
/// no sound.
///
/// What it is shown as keeps secrets: the names of its elements without their properties.
#[derive(Clone, PartialEq, Eq)]
pub struct RawOutput {
    text: String,
    shown: String,
    files: Vec<PathBuf>,
}

impl RawOutput {
    /// Checks what can be known without a frame: that it can be parsed, its elements exist and have these properties,
    /// they can be linked, one pad for pictures is left open and none that gives something. Nothing is opened yet.
    ///
    /// # Errors
    /// [`MediaError::RawOutput`], which names the element; [`MediaError::GStreamer`].
    pub fn parse(text: &str) -> Result<Self, MediaError> {
        elements::start()?;
        let mut output = Self { text: text.to_owned(), shown: shown(text), files: Vec::new() };
        let (bin, _) = output.bin()?;
        let sinks = bin.iterate_recurse().into_iter().flatten().filter(|element| factory(element) == "filesink");
        let locations = sinks.filter_map(|sink| sink.property::<Option<String>>("location"));
        output.files = locations.map(PathBuf::from).collect();
        Ok(output)
    }

    /// The files that it writes, as far as they are named for a `filesink`.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// Refuses files that are there, unless they may be replaced. What is no file, as a pipe or a device, is written to.
    ///
    /// # Errors
    /// [`MediaError::Exists`].
    pub fn check_names(&self, overwrite: bool) -> Result<(), MediaError> {
        match self.files().find(|file| !overwrite && file.is_file()) {
            Some(file) => Err(exists(file)),
            None => Ok(()),
        }
    }

    /// Makes its elements ready for frames of this format, as a trial, then sets them going. Files that they write have
    /// their names from the start.
    ///
    /// Where an element starts, takes frames or ends too slowly, the output fails and is left to itself: after 5, 10 and
    /// 30 s, and after 1.5 s once `token` says that the run is to finish.
    ///
    /// # Errors
    /// [`MediaError::RawOutput`]: they do not take such frames, or an element cannot be made ready, as without its device.
    pub fn open(&self, format: &VideoFormat, token: &CancelToken) -> Result<Box<dyn Sink>, MediaError> {
        self.open_with(format, Patience::default(), token)
    }

    fn open_with(
        &self,
        format: &VideoFormat,
        patience: Patience,
        token: &CancelToken,
    ) -> Result<Box<dyn Sink>, MediaError> {
        let path = self.path();
        if !format.width.is_multiple_of(2) || !format.height.is_multiple_of(2) || format.width.min(format.height) == 0 {
            let problem =
                format!("frames are {}x{}; a raw output needs an even width and height", format.width, format.height);
            return Err(MediaError::FrameSize { path, problem, hint: "round the size before rendering" });
        }
        let info = video_info(&path, format)?;
        let caps = info.to_caps().map_err(|error| self.wrong(error.to_string(), ""))?;
        let (bin, entry) = self.bin()?;
        let taken = entry.query_caps(None);
        if !taken.can_intersect(&caps) {
            let hint = "begin with: videoconvert ! videoscale ! videorate ! and the caps that it takes";
            return Err(self.wrong(format!("it takes no frames like these: {caps}"), hint));
        }
        let output = self.clone();
        let ready = move |bin: &gst::Bin| output.try_out(bin);
        let leg = RawLeg::start((path, self.files.clone()), (format, &info), bin, ready, patience, token)?;
        Ok(Box::new(leg))
    }

    /// The bin and its open pad.
    fn bin(&self) -> Result<(gst::Bin, gst::Pad), MediaError> {
        let mut context = gst::ParseContext::new();
        let flags = gst::ParseFlags::FATAL_ERRORS;
        let parsed = gst::parse::bin_from_description_full(&self.text, false, Some(&mut context), flags);
        let bin = parsed.map_err(|error| {
            // What is said to be missing may be there, and only have no such property.
            let missing = context.missing_elements().into_iter().next();
            match missing.filter(|_| error.matches(gst::ParseError::NoSuchElement)) {
                Some(name) => self.wrong(
                    format!("GStreamer has no element '{name}'"),
                    "check the spelling; `gst-inspect-1.0` lists the elements that there are",
                ),
                None => self.wrong(error.message().to_owned(), "try the same with: gst-launch-1.0 videotestsrc ! ..."),
            }
        })?;
        let bin = bin.downcast::<gst::Bin>().map_err(|_| self.wrong("it is empty".to_owned(), EXAMPLE))?;
        let mut entries = Vec::new();
        for element in bin.iterate_elements().into_iter().flatten() {
            for pad in element.pads().into_iter().filter(|pad| !pad.is_linked()) {
                match pad.direction() {
                    gst::PadDirection::Src => {
                        let problem = format!("what '{}' gives goes nowhere", factory(&element));
                        return Err(self.wrong(problem, "end with a sink, such as: ! filesink location=a.mp4"));
                    }
                    _ => entries.push((element.clone(), pad)),
                }
            }
            let sometimes = element.pad_template_list().into_iter().any(|template| {
                template.direction() == gst::PadDirection::Src && template.presence() == gst::PadPresence::Always
            });
            let is_source = element.sink_pads().is_empty() && sometimes;
            if is_source {
                let problem = format!("'{}' is a source, and takes no frames", factory(&element));
                return Err(self.wrong(problem, "leave the source out: frames come into the first element"));
            }
        }
        let (element, pad) = match &entries[..] {
            [entry] => entry.clone(),
            [] => return Err(self.wrong("no element in it takes frames".to_owned(), EXAMPLE)),
            [(first, _), (second, _), ..] => {
                let problem = format!("'{}' and '{}' both wait for frames", factory(first), factory(second));
                return Err(self.wrong(problem, "link all elements by '!', from one first element"));
            }
        };
        let takes_pictures = pad.query_caps(None).iter().any(|caps| caps.name().starts_with("video/x-raw"))
            || pad.query_caps(None).is_any();
        if !takes_pictures {
            let problem = format!("'{}' takes no pictures, but {}", factory(&element), pad.query_caps(None));
            return Err(self.wrong(problem, "begin with an element that takes video/x-raw"));
        }
        let entry = gst::GhostPad::builder_with_target(&pad).map(|builder| builder.name("sink").build());
        let entry = entry.map_err(|error| self.wrong(error.to_string(), EXAMPLE))?;
        bin.add_pad(&entry).map_err(|error| self.wrong(error.to_string(), EXAMPLE))?;
        Ok((bin, entry.upcast()))
    }

    /// Whether its elements find what they need, such as their devices and libraries.
    fn try_out(&self, bin: &gst::Bin) -> Result<(), MediaError> {
        let bus = gst::Bus::new();
        bin.set_bus(Some(&bus));
        let changed = bin.set_state(gst::State::Ready).and_then(|_| bin.state(PATIENCE).0);
        let said = bus.pop_filtered(&[gst::MessageType::Error]);
        let _ = bin.set_state(gst::State::Null);
        bin.set_bus(None);
        if changed.is_ok() {
            return Ok(());
        }
        let reason = said.as_ref().and_then(|message| match message.view() {
            gst::MessageView::Error(error) => {
                let element = message.src().and_then(|source| source.downcast_ref::<gst::Element>());
                let name = element.map_or_else(|| "an element".to_owned(), factory);
                Some(format!("'{name}' does not start: {}", error.error().message()))
            }
            _ => None,
        });
        let reason = reason.unwrap_or_else(|| "its elements do not start".to_owned());
        Err(self.wrong(reason, "see whether its device, file or library is there"))
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(&self.shown)
    }

    fn wrong(&self, problem: String, hint: &'static str) -> MediaError {
        MediaError::RawOutput {
            output: self.shown.clone(),
            problem,
            hint: if hint.is_empty() { EXAMPLE } else { hint },
        }
    }
}

const EXAMPLE: &str = "write for example: x264enc ! h264parse ! matroskamux ! filesink location=a.mkv";

impl fmt::Display for RawOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RawOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RawOutput").field(&self.shown).finish()
    }
}

fn factory(element: &gst::Element) -> String {
    element.factory().map_or_else(|| element.name().to_string(), |factory| factory.name().to_string())
}

/// The first word of each part.
fn shown(text: &str) -> String {
    let word = |part: &str| {
        let word = part.split_whitespace().next().unwrap_or_default();
        // Caps, which come with commas.
        word.split(',').next().unwrap_or_default().to_owned()
    };
    // Properties may hold a '!' in quotes: what comes after is a secret then, and no element.
    let is_name = |word: &String| word.chars().all(|c| c.is_ascii_alphanumeric() || "-_/.:".contains(c));
    let words: Vec<_> = text.split('!').map(word).filter(is_name).collect();
    format!("gst: {}", words.join(" ! "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use image::RgbImage;
    use moue_timeline::FrameRate;
    use proptest::prelude::*;

    use super::*;

    fn format(side: u32) -> VideoFormat {
        VideoFormat::new(side, side, FrameRate::FPS_25)
    }

    fn refused(text: &str) -> String {
        let error = RawOutput::parse(text).unwrap_err();
        assert!(matches!(error, MediaError::RawOutput { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("\nhint: ") && !text.contains("secret"), "{text}");
        text
    }

    #[test]
    fn frames_go_through_the_bin_and_its_file_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mkv");
        let text = format!(
            "videoscale ! video/x-raw,width=32,height=32 ! x264enc tune=zerolatency ! h264parse ! matroskamux ! filesink \
             location={}",
            path.display()
        );
        let output = RawOutput::parse(&text).unwrap();
        let shown = "gst: videoscale ! video/x-raw ! x264enc ! h264parse ! matroskamux ! filesink";
        assert_eq!((output.to_string().as_str(), format!("{output:?}").contains("location")), (shown, false));
        assert!(!path.exists());
        let mut sink = output.open(&format(64), &CancelToken::new()).unwrap();
        let frame = |grey| Arc::new(RgbImage::from_pixel(64, 64, image::Rgb([grey; 3])));
        (0..20).for_each(|index| sink.write(&frame(index * 10)).unwrap());
        assert!(sink.write(&Arc::new(RgbImage::new(32, 32))).is_err());
        let written = sink.finish().unwrap();
        assert_eq!((written.frames, written.path), (20, PathBuf::from(shown)));
        assert_eq!(written.bytes, std::fs::metadata(&path).unwrap().len());
        // What it has written is in the way of another.
        assert!(output.check_names(false).unwrap_err().to_string().contains("a.mkv"));
        output.check_names(true).unwrap();
        let frames: Vec<_> =
            crate::VideoReader::open(&crate::Source::from(&path)).unwrap().map(Result::unwrap).collect();
        assert_eq!((frames.len(), frames[0].1.dimensions()), (20, (32, 32)));
        assert!(frames.iter().enumerate().all(|(index, (pts, _))| pts.0 == index as u64 * 40_000_000));
    }

    #[test]
    fn what_is_wrong_with_a_bin_is_told_before_anything_is_rendered() {
        for (text, part) in [
            ("x265encc key=secret ! fakesink", "no element 'x265encc'"),
            ("x264enc sped=secret ! fakesink", "no property \"sped\""),
            ("x264enc ! audioconvert ! fakesink", "could not link"),
            ("videoconvert ! x264enc", "'x264enc' gives goes nowhere"),
            ("videotestsrc ! fakesink", "'videotestsrc' is a source"),
            ("audioconvert ! fakesink", "'audioconvert' takes no pictures"),
            ("fakesink fakesink", "both wait for frames"),
            ("", ""),
            ("! !", ""),
        ] {
            let told = refused(text);
            assert!(told.contains(part), "{text}: {told}");
        }
        let open = |text: &str, side| {
            let opened = RawOutput::parse(text).unwrap().open(&format(side), &CancelToken::new());
            opened.err().expect("refused").to_string()
        };
        assert!(open("capsfilter caps=video/x-raw,format=RGB ! fakesink", 64).contains("takes no frames like these"));
        assert!(open("fakesink", 63).contains("even width"));
        assert!(open("v4l2sink device=/dev/no-such-secret", 64).contains("'v4l2sink' does not start"));
    }

    #[test]
    fn a_bin_that_breaks_ends_its_leg_alone() {
        let output = RawOutput::parse("filesink location=/nowhere/at/all").unwrap();
        let frame = Arc::new(RgbImage::new(64, 64));
        let opened = output.open(&format(64), &CancelToken::new());
        let error = match opened {
            Err(error) => error,
            Ok(mut sink) => (0..100).find_map(|_| sink.write(&frame).err()).expect("it breaks"),
        };
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }

    /// What becomes of an output that hangs: it fails within moments, whatever it does.
    fn given_up(text: &str, is_stopped: bool) -> String {
        let quick = Duration::from_secs(1);
        let patience = Patience { start: 4 * quick, frame: quick, end: quick, farewell: [quick, 4 * quick] };
        let slow = Patience { frame: Duration::from_secs(3600), end: Duration::from_secs(3600), ..patience };
        let (token, began) = (CancelToken::new(), Instant::now());
        let opened =
            RawOutput::parse(text).unwrap().open_with(&format(64), if is_stopped { slow } else { patience }, &token);
        let outcome = opened.and_then(|mut sink| {
            if is_stopped {
                token.finish();
            }
            let frame = Arc::new(RgbImage::new(64, 64));
            (0..30).try_for_each(|_| sink.write(&frame))?;
            sink.finish()
        });
        assert!(began.elapsed() < Duration::from_secs(60), "{text}: {:?}", began.elapsed());
        outcome.unwrap_err().to_string()
    }

    #[test]
    fn one_that_hangs_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let nobody_reads = format!("filesink location={}", pipe.display());
        assert!(given_up(&nobody_reads, false).contains("do not start"));
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let deaf = format!("tcpclientsink host=127.0.0.1 port={}", server.local_addr().unwrap().port());
        let endless = "queue ! valve drop=true ! fakesink";
        for is_stopped in [false, true] {
            let told = given_up(&format!("videoscale ! video/x-raw,width=2048,height=2048 ! {deaf}"), is_stopped);
            assert!(told.contains("has taken no frame for ") && told.contains("\nhint: "), "{told}");
            let told = given_up(endless, is_stopped);
            assert!(told.contains("it does not end"), "{told}");
        }
    }

    #[test]
    fn a_slow_one_is_not_given_up() {
        let output = RawOutput::parse("identity sleep-time=40000 ! fakesink").unwrap();
        let quick = Duration::from_millis(1500);
        let patience = Patience { start: 10 * quick, frame: quick, end: quick, farewell: [quick, 10 * quick] };
        let token = CancelToken::new();
        let mut sink = output.open_with(&format(64), patience, &token).unwrap();
        let frame = Arc::new(RgbImage::new(64, 64));
        (0..25).for_each(|_| sink.write(&frame).unwrap());
        // Also when the run is to finish: what has begun goes on.
        token.finish();
        assert_eq!(sink.finish().unwrap().frames, 25);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z!=., \\\\\"'()-]{0,40}") {
            let _ = RawOutput::parse(&text);
        }
    }
}
