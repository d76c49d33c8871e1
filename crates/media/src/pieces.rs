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

/// Coded frames that wait to be taken.
const QUEUED_FRAMES: u32 = 8;

/// The frames of several files in order, of which one is open at a time.
pub(crate) struct Pieces<'a> {
    paths: &'a [PathBuf],
    container: Container,
    format: VideoFormat,
    current: Option<Piece<'a>>,
    /// How the frames are coded, and the piece that says so.
    coding: Option<(gst::Caps, &'a Path)>,
}

impl<'a> Pieces<'a> {
    /// For a film in `container`.
    pub(crate) fn new(paths: &'a [PathBuf], container: Container, format: &VideoFormat) -> Self {
        Self { paths, container, format: *format, current: None, coding: None }
    }

    /// The next frame, without a time; `None` after the last piece.
    pub(crate) fn next(&mut self) -> Result<Option<gst::Buffer>, MediaError> {
        loop {
            if let Some(piece) = &mut self.current {
                if let Some(frame) = piece.next()? {
                    return Ok(Some(frame));
                }
                self.current = None;
            }
            let Some((path, rest)) = self.paths.split_first() else { return Ok(None) };
            let piece = Piece::open(path)?;
            self.check(path, &piece.caps)?;
            (self.current, self.paths) = (Some(piece), rest);
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
        if let Some(own) = own_rate(caps).filter(|own| (own.fps() / rate.fps() - 1.0).abs() > 1e-3) {
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
