//! An output in GStreamer's own words, for what has no name here: a bin that takes raw frames.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use gst::prelude::*;
use gstreamer as gst;
use image::RgbImage;

use crate::elements;
use crate::error::MediaError;
use crate::graph::{Graph, entrance};
use crate::planes::{Planar, timed, video_info};
use crate::sink::{Sink, VideoFormat, Written, check_frame};

/// Frames between conversion and the bin.
const QUEUED_FRAMES: u64 = 4;
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
}

impl RawOutput {
    /// Checks what can be known without a frame: that it can be parsed, its elements exist and have these properties,
    /// they can be linked, one pad for pictures is left open and none that gives something. Nothing is opened yet.
    ///
    /// # Errors
    /// [`MediaError::RawOutput`], which names the element; [`MediaError::GStreamer`].
    pub fn parse(text: &str) -> Result<Self, MediaError> {
        elements::start()?;
        let output = Self { text: text.to_owned(), shown: shown(text) };
        output.bin()?;
        Ok(output)
    }

    /// Makes its elements ready for frames of this format, as a trial, then sets them going. Files that they write have
    /// their names from the start.
    ///
    /// # Errors
    /// [`MediaError::RawOutput`]: they do not take such frames, or an element cannot be made ready, as without its device.
    pub fn open(&self, format: &VideoFormat) -> Result<Box<dyn Sink>, MediaError> {
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
        self.try_out(&bin)?;
        let source = entrance(&path, Some(&caps))?;
        source.set_max_buffers(QUEUED_FRAMES);
        source.set_max_bytes(0);
        let graph = Graph::start(source.clone(), &[source.upcast(), bin.upcast()], &path)?;
        let planar = Planar::new(&info, QUEUED_FRAMES as usize + 2);
        Ok(Box::new(RawSink { graph, path, format: *format, planar, frames: 0 }))
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

/// A raw output at work.
struct RawSink {
    graph: Graph,
    path: PathBuf,
    format: VideoFormat,
    planar: Planar,
    frames: u64,
}

impl Sink for RawSink {
    fn write(&mut self, frame: &Arc<RgbImage>) -> Result<(), MediaError> {
        check_frame(&self.path, &self.format, frame)?;
        let buffer = timed(self.planar.buffer(frame), &self.format, self.frames);
        self.graph.push(buffer, &self.path)?;
        self.frames += 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Written, MediaError> {
        if self.frames == 0 {
            return Err(MediaError::NoFrames { path: self.path.clone() });
        }
        self.graph.finish(&self.path)?;
        Ok(Written { path: self.path.clone(), frames: self.frames, bytes: 0, notes: Vec::new() })
    }

    fn abort(self: Box<Self>) {}
}

#[cfg(test)]
mod tests {
    use moue_timeline::FrameRate;
    use proptest::prelude::*;

    use super::*;

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
        let mut sink = output.open(&VideoFormat::new(64, 64, FrameRate::FPS_25)).unwrap();
        let frame = |grey| Arc::new(RgbImage::from_pixel(64, 64, image::Rgb([grey; 3])));
        (0..20).for_each(|index| sink.write(&frame(index * 10)).unwrap());
        assert!(sink.write(&Arc::new(RgbImage::new(32, 32))).is_err());
        let written = sink.finish().unwrap();
        assert_eq!((written.frames, written.path), (20, PathBuf::from(shown)));
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
            let opened = RawOutput::parse(text).unwrap().open(&VideoFormat::new(side, side, FrameRate::FPS_25));
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
        let opened = output.open(&VideoFormat::new(64, 64, FrameRate::FPS_25));
        let error = match opened {
            Err(error) => error,
            Ok(mut sink) => (0..100).find_map(|_| sink.write(&frame).err()).expect("it breaks"),
        };
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z!=., \\\\\"'()-]{0,40}") {
            let _ = RawOutput::parse(&text);
        }
    }
}
