//! Moving pictures from anywhere, frame by frame.

mod ending;
mod frame;
mod gif;
mod input;
mod listening;
mod pictures;
mod priming;
mod video;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use image::{ImageFormat, RgbImage};
use moue_timeline::{FrameRate, Pts};

pub(crate) use self::frame::square;
pub(crate) use self::input::{Input, Wanted, failed};
use self::pictures::Pictures;
use self::video::Video;
pub(crate) use self::video::{Clock, look};
use crate::elements;
use crate::error::MediaError;
use crate::info::{SourceInfo, VideoStream};
use crate::source::{PICTURE_ENDINGS, Source, check_file, shown, without_secrets};

/// The frames of a source in order, as an iterator of time and 8-bit sRGB picture.
///
/// Frames are upright and have square pixels; half pictures are made into whole ones. Times are the frames' own, also
/// where they are not evenly spaced, and count from the first frame (or from the `start` that was asked for). They only
/// grow: where the source repeats one, or begins again, frames follow each other at the nominal rate. Decoding runs ahead by a few frames, in threads of its own; what reads the frames converts them.
///
/// Every frame of a file comes, however slow its reader is. Of a [live](Self::is_live) source only the newest one waits:
/// those that nobody took in time are [dropped](Self::dropped), never queued.
///
/// # Errors
/// The last item may be an error: [`MediaError::EndsEarly`] where a file is cut off or damaged, or a connection was
/// lost, after some frames; all frames before it are good. Any other error means that there were no frames.
///
/// # Colours
/// The conversion from Y'CbCr is our own (GStreamer 1.22's darkens by 2.5 levels), by the matrix, range and chroma
/// siting that the stream states. Primaries and transfer are taken as they are: high dynamic range is noted, not mapped.
#[derive(Debug)]
pub struct VideoReader {
    info: SourceInfo,
    frames: Frames,
}

#[derive(Debug)]
enum Frames {
    Video(Box<Video>),
    Pictures(Pictures),
}

impl VideoReader {
    /// Opens a source and decodes its first frame.
    ///
    /// # Errors
    /// The source is missing, empty, unreachable, no video, without pictures, too large, coded in a way for which this
    /// machine has no decoder, cut off before its first frame; GStreamer or one of its elements is missing.
    pub fn open(source: &Source) -> Result<Self, MediaError> {
        Self::open_range(source, None, None)
    }

    /// Opens the part of a source from `start` to `end`, in seconds from its first frame. The frame that is being shown
    /// at `start` comes first, at time 0.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`MediaError::Range`] where there is nothing between the two.
    pub fn open_range(source: &Source, start: Option<f64>, end: Option<f64>) -> Result<Self, MediaError> {
        let start_or_0 = start.unwrap_or(0.0);
        let is_range = start_or_0.is_finite() && start_or_0 >= 0.0 && end.is_none_or(|end| end > start_or_0);
        if !is_range {
            let end = end.map_or_else(|| "the end".to_owned(), |end| format!("{end} s"));
            return Err(MediaError::Range {
                path: source.name(),
                problem: format!("asked for the part from {start_or_0} s to {end}"),
                hint: "the end comes after the start, and the start not before 0",
            });
        }
        let (mut info, frames) = match pictures(source)? {
            Some(mut pictures) => {
                let info = picture_info(&pictures)?;
                check_start(source, start_or_0, info.duration)?;
                pictures.keep(start_or_0, end);
                (info, Frames::Pictures(pictures))
            }
            None => {
                let (video, info) = Video::open(source, start_or_0, end)?;
                (info, Frames::Video(Box::new(video)))
            }
        };
        let rest = info.duration.map(|duration| duration - start_or_0);
        let part = end.map(|end| end - start_or_0);
        info.duration = rest.map(|rest| part.map_or(rest, |part| part.min(rest))).or(part);
        Ok(Self { info, frames })
    }

    /// What [`probe`](crate::probe) gives.
    pub(crate) fn look(source: &Source) -> Result<SourceInfo, MediaError> {
        match pictures(source)? {
            Some(pictures) => picture_info(&pictures),
            None => look(source).map(|seen| seen.info),
        }
    }

    /// Whether a source is made of single pictures.
    pub(crate) fn is_of_pictures(source: &Source) -> Result<bool, MediaError> {
        pictures(source).map(|pictures| pictures.is_some())
    }

    /// What the source has to offer. The duration is that of the part that is read.
    pub fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// Seconds that the frames take, if that is known; an estimate that some containers get wrong.
    pub fn duration(&self) -> Option<f64> {
        self.info.duration
    }

    /// The nominal frame rate, if there is one.
    pub fn rate(&self) -> Option<FrameRate> {
        self.info.video.as_ref().and_then(|video| video.rate)
    }

    /// How many frames to expect, for showing progress.
    pub fn expected_frames(&self) -> Option<u64> {
        match &self.frames {
            Frames::Pictures(pictures) => Some(pictures.len() as u64),
            Frames::Video(_) => self.info.expected_frames(),
        }
    }

    /// When the latest frame that was read had come, decoded, if the source is live. What went by since then is what
    /// waiting and conversion add to its latency.
    pub fn arrived(&self) -> Option<Instant> {
        self.arrivals().map(|(came, _)| came)
    }

    /// Frames of a live source that came and were replaced by a newer one before they were read.
    pub fn dropped(&self) -> u64 {
        self.arrivals().map_or(0, |(_, dropped)| dropped)
    }

    fn arrivals(&self) -> Option<(Instant, u64)> {
        match &self.frames {
            Frames::Video(video) => video.arrivals(),
            Frames::Pictures(_) => None,
        }
    }

    /// Whether the source goes on in real time, as cameras and broadcasts do.
    pub fn is_live(&self) -> bool {
        self.info.is_live
    }
}

impl Iterator for VideoReader {
    type Item = Result<(Pts, RgbImage), MediaError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.frames {
            Frames::Video(video) => video.next(),
            Frames::Pictures(pictures) => pictures.next(),
        }
    }
}

// It is read in a thread of its own.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<VideoReader>()
};

/// The pictures of a source that is made of some; after checking that it is there.
fn pictures(source: &Source) -> Result<Option<Pictures>, MediaError> {
    check(source)?;
    match source {
        Source::Folder { path, rate } => Pictures::in_folder(path, *rate).map(Some),
        Source::File(path) => pictures_in(path),
        Source::Address(_) => Ok(None),
    }
}

/// Starts GStreamer, and checks that there is something to be read.
pub(crate) fn check(source: &Source) -> Result<(), MediaError> {
    elements::start()?;
    match source {
        Source::Folder { .. } => Ok(()),
        Source::File(path) => check_file(path),
        Source::Address(address) => check_address(address),
    }
}

/// By content, but for the ending where a file begins like a picture: so does Motion JPEG without a container.
fn pictures_in(path: &Path) -> Result<Option<Pictures>, MediaError> {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut start));
    read.map_err(|error| MediaError::from_io(path, "reading it", error))?;
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    if start.starts_with(b"GIF8") {
        return Pictures::of_gif(path).map(Some);
    }
    Ok(match image::guess_format(&start) {
        Ok(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP) if PICTURE_ENDINGS.contains(&ending.as_str()) => {
            Some(Pictures::single(path))
        }
        _ => None,
    })
}

fn picture_info(pictures: &Pictures) -> Result<SourceInfo, MediaError> {
    let size = pictures.size()?;
    let video = VideoStream {
        codec: pictures.format().to_owned(),
        size,
        stored_size: size,
        rate: pictures.rate(),
        rotation: 0,
        is_mirrored: false,
        is_interlaced: false,
    };
    let duration = Some(pictures.duration());
    Ok(SourceInfo { duration, is_live: false, video: Some(video), sound: None, notes: Vec::new() })
}

fn check_start(source: &Source, start: f64, duration: Option<f64>) -> Result<(), MediaError> {
    match duration.filter(|duration| start >= *duration) {
        None => Ok(()),
        Some(duration) => Err(MediaError::Range {
            path: source.name(),
            problem: format!("asked to start at {start} s, but it is {duration:.2} s long"),
            hint: "start earlier",
        }),
    }
}

/// Whether GStreamer has an element for an address.
fn check_address(address: &str) -> Result<(), MediaError> {
    use gstreamer as gst;
    let wrong = |problem: String, hint| Err(MediaError::Address { address: shown(address), problem, hint });
    match gst::Element::make_from_uri(gst::URIType::Src, address, None) {
        Ok(_) => Ok(()),
        Err(error) if error.matches(gst::URIError::UnsupportedProtocol) => {
            let scheme = address.split("://").next().unwrap_or(address);
            wrong(
                format!("nothing here reads '{scheme}://'"),
                "http, https, rtmp and v4l2 need the package gstreamer1.0-plugins-good or -bad; files need no '://'",
            )
        }
        Err(error) => wrong(
            without_secrets(error.message()),
            "http://host/path, rtmp://host/app/key and v4l2:///dev/video0 are understood",
        ),
    }
}
