//! Coded frames, taken out of the files that a film is made of.
//!
//! The files' own times are of no use, since Matroska rounds them to milliseconds: frames are counted. The encoders
//! here store frames in the order in which they are shown, one packet each.

use std::path::{Path, PathBuf};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use moue_timeline::FrameRate;

use crate::codecs::{format, in_short};
use crate::container::Container;
use crate::elements;
use crate::error::MediaError;
use crate::reader::{Input, Wanted};
use crate::sink::VideoFormat;
use crate::source::{Source, check_file};

/// By how much of it a rate may differ from the film's: containers round, and 30 is not 29.97.
const SAME_RATE: f64 = 2e-4;
/// Coded frames that wait to be taken.
const QUEUED_FRAMES: u32 = 8;

/// The frames of several files in order, of which one is open at a time.
pub(crate) struct Pieces<'a> {
    paths: &'a [PathBuf],
    container: Container,
    format: VideoFormat,
    current: Option<Piece<'a>>,
    /// When the frame before is shown, in the piece's own times.
    before: Option<gst::ClockTime>,
    /// How the frames are coded, and the piece that says so.
    coding: Option<(gst::Caps, &'a Path)>,
}

impl<'a> Pieces<'a> {
    /// For a film in `container`.
    pub(crate) fn new(paths: &'a [PathBuf], container: Container, format: &VideoFormat) -> Self {
        Self { paths, container, format: *format, current: None, before: None, coding: None }
    }

    /// The next frame, without a time; `None` after the last piece.
    pub(crate) fn next(&mut self) -> Result<Option<gst::Buffer>, MediaError> {
        loop {
            if let Some(piece) = &mut self.current {
                if let Some(frame) = piece.next()? {
                    let (before, now) = (self.before, frame.pts());
                    // They are counted in the order in which they are stored: another one would be lost.
                    if before.zip(now).is_some_and(|(before, now)| now < before) {
                        return Err(unordered(piece.path));
                    }
                    self.before = now.or(before);
                    return Ok(Some(frame));
                }
                self.current = None;
            }
            let Some((path, rest)) = self.paths.split_first() else { return Ok(None) };
            let piece = Piece::open(path)?;
            self.check(path, &piece.caps)?;
            (self.current, self.before, self.paths) = (Some(piece), None, rest);
        }
    }

    /// How the frames are coded, with the film's own rate; known from the first frame on.
    pub(crate) fn caps(&self) -> Option<gst::Caps> {
        let mut caps = self.coding.as_ref()?.0.clone();
        let rate = self.format.rate;
        let rate = gst::Fraction::new(i32::try_from(rate.num()).ok()?, i32::try_from(rate.den()).ok()?);
        let structure = caps.make_mut().structure_mut(0)?;
        structure.set("framerate", rate);
        // What the encoder was given, and Matroska does not keep.
        structure.set("pixel-aspect-ratio", gst::Fraction::new(1, 1));
        structure.set("chroma-site", "mpeg2");
        Some(caps)
    }

    /// Whether a piece fits into the film, and to the pieces before it.
    fn check(&mut self, path: &'a Path, caps: &gst::Caps) -> Result<(), MediaError> {
        let unfit = |problem: String| Err(piece_error(path, problem));
        let codec = format(caps).map_or("something unknown", |format| format.name);
        let held: Vec<_> = self.container.codecs().iter().map(|codec| codec.name()).collect();
        if !held.contains(&codec) {
            return unfit(format!("its frames are coded as {codec}, the film's as {}", held.join(" or ")));
        }
        let number = |field: &str| caps.structure(0)?.get::<i32>(field).ok();
        let (width, height) = (number("width").unwrap_or(0), number("height").unwrap_or(0));
        let VideoFormat { width: film_width, height: film_height, rate, .. } = self.format;
        if (i64::from(width), i64::from(height)) != (i64::from(film_width), i64::from(film_height)) {
            return unfit(format!("its frames have {width}x{height} pixels, the film's {film_width}x{film_height}"));
        }
        if let Some(own) = own_rate(caps).filter(|own| (own.fps() / rate.fps() - 1.0).abs() > SAME_RATE) {
            return unfit(format!("it has {own} frames a second, the film {rate}"));
        }
        let mut coding = caps.clone();
        if let Some(structure) = coding.make_mut().structure_mut(0) {
            structure.remove_field("framerate");
        }
        match &self.coding {
            None => self.coding = Some((coding, path)),
            Some((first, _)) if coding == *first => {}
            Some((_, first)) => {
                return unfit(format!(
                    "it is coded in another way than {}: by another version, or with other settings",
                    first.display()
                ));
            }
        }
        Ok(())
    }
}

/// One file.
struct Piece<'a> {
    path: &'a Path,
    input: Input,
    caps: gst::Caps,
    first: Option<gst::Buffer>,
}

impl<'a> Piece<'a> {
    fn open(path: &'a Path) -> Result<Self, MediaError> {
        let unfit = |error| unfit(path, error);
        check_file(path).map_err(unfit)?;
        let sink = elements::APPSINK.make(path)?;
        let sink = sink.downcast::<gst_app::AppSink>().map_err(|_| elements::APPSINK.missing(path))?;
        sink.set_max_buffers(QUEUED_FRAMES);
        sink.set_property("sync", false);
        let source = Source::File(path.to_owned());
        let mut input =
            Input::open(&source, Wanted::CodedPictures, &[&[sink.clone().upcast()]], &sink).map_err(unfit)?;
        input.play().map_err(unfit)?;
        let first = if input.is_linked() { input.pull().map_err(unfit)? } else { None };
        let Some((buffer, caps)) = first.and_then(|first| Some((first.buffer_owned()?, first.caps_owned()?))) else {
            return Err(piece_error(path, "there are no frames in it".to_owned()));
        };
        if buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
            return Err(piece_error(path, "its first frame needs others before it".to_owned()));
        }
        Ok(Self { path, input, caps, first: Some(buffer) })
    }

    fn next(&mut self) -> Result<Option<gst::Buffer>, MediaError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        match self.input.pull().map_err(|error| unfit(self.path, error))? {
            Some(sample) => Ok(sample.buffer_owned()),
            None => match self.input.missing_end() {
                None => Ok(None),
                Some(missing) => Err(piece_error(self.path, format!("its end is missing: {}", missing.detail))),
            },
        }
    }
}

/// How many coded frames there are in a file that may break off.
pub(crate) fn frames_in(path: &Path) -> u64 {
    let Ok(mut piece) = Piece::open(path) else { return 0 };
    let mut frames = 0;
    while let Ok(Some(_)) = piece.next() {
        frames += 1;
    }
    frames
}

fn own_rate(caps: &gst::Caps) -> Option<FrameRate> {
    let rate = caps.structure(0)?.get::<gst::Fraction>("framerate").ok()?;
    FrameRate::new(u32::try_from(rate.numer()).ok()?, u32::try_from(rate.denom()).ok()?).ok()
}

fn unordered(path: &Path) -> MediaError {
    MediaError::Part {
        path: path.to_owned(),
        problem: "its frames are stored in another order than they are shown (B-frames), expected one order".to_owned(),
        hint: "join what moue wrote, or encode this file without them: ffmpeg -i FILE -c:v libx264 -bf 0 OUT.mp4",
    }
}

fn piece_error(path: &Path, problem: String) -> MediaError {
    MediaError::Piece { path: path.to_owned(), problem }
}

/// What an error that is worded for any video means for a piece.
fn unfit(path: &Path, error: MediaError) -> MediaError {
    let problem = match error {
        error @ (MediaError::MissingElement { .. } | MediaError::GStreamer { .. }) => return error,
        MediaError::Missing { .. } => "the piece is missing".to_owned(),
        MediaError::Empty { .. } => "the piece is empty".to_owned(),
        MediaError::NotAFile { found, .. } => format!("expected a piece of a film, found {found}"),
        MediaError::NotAVideo { found, .. } => format!("expected a piece of a film, found {found}"),
        MediaError::Io { action, source, .. } => format!("{action} failed: {source}"),
        error => in_short(&error),
    };
    piece_error(path, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of ten frames that moue would not write.
    fn foreign(path: &Path, rate: &str, b_frames: u32) {
        elements::start().unwrap();
        let graph = gst::parse::launch(&format!(
            "videotestsrc pattern=ball num-buffers=10 ! video/x-raw,format=I420,width=64,height=48,framerate={rate} ! \
             x264enc bframes={b_frames} b-adapt=false ! h264parse ! matroskamux ! filesink location=\"{}\"",
            path.display()
        ));
        let graph = graph.unwrap();
        graph.set_state(gst::State::Playing).unwrap();
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let ended = graph.bus().unwrap().timed_pop_filtered(gst::ClockTime::from_seconds(60), &ends).unwrap();
        assert_eq!(ended.type_(), gst::MessageType::Eos);
        graph.set_state(gst::State::Null).unwrap();
    }

    fn read(path: &Path, rate: FrameRate) -> Result<u64, MediaError> {
        let paths = [path.to_owned()];
        let mut pieces = Pieces::new(&paths, Container::Mp4, &VideoFormat::new(64, 48, rate));
        let mut frames = 0;
        while pieces.next()?.is_some() {
            frames += 1;
        }
        Ok(frames)
    }

    #[test]
    fn frames_that_are_stored_in_another_order_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (with, without) = (folder.path().join("with.mkv"), folder.path().join("without.mkv"));
        foreign(&with, "25/1", 2);
        foreign(&without, "25/1", 0);
        let error = read(&with, FrameRate::FPS_25).unwrap_err().to_string();
        assert!(error.contains("with.mkv") && error.contains("B-frames") && error.contains("\nhint: "), "{error}");
        assert_eq!(read(&without, FrameRate::FPS_25).unwrap(), 10);
        assert_eq!(frames_in(&with), 10);
    }

    #[test]
    fn thirty_frames_a_second_are_not_those_of_television() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("piece.mkv");
        foreign(&path, "30000/1001", 0);
        let rate = |num, den| FrameRate::new(num, den).unwrap();
        assert_eq!(read(&path, rate(30_000, 1001)).unwrap(), 10);
        let error = read(&path, rate(30, 1)).unwrap_err().to_string();
        assert!(error.contains("frames a second, the film 30"), "{error}");
    }
}
