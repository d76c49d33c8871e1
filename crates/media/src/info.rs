//! What a source has to offer.

use gstreamer as gst;
use gstreamer_video as gst_video;
use image::metadata::Orientation;
use moue_timeline::FrameRate;

use crate::codecs;
use crate::error::MediaError;
use crate::reader::VideoReader;
use crate::source::Source;

/// What a source has to offer, before any of it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceInfo {
    /// Seconds, as the container says; unknown for live sources and some streams.
    pub duration: Option<f64>,
    /// Whether it goes on in real time, as cameras and broadcasts do.
    pub is_live: bool,
    /// The pictures; the first stream of them where there are several.
    pub video: Option<VideoStream>,
    /// The sound; the first stream of it where there are several.
    pub sound: Option<SoundStream>,
    /// What a person may want to know, each a sentence without a full stop.
    pub notes: Vec<String>,
}

/// The pictures of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoStream {
    /// What people call the codec.
    pub codec: String,
    /// Width and height of the frames as they are read: upright, with square pixels.
    pub size: (u32, u32),
    /// Width and height as stored.
    pub stored_size: (u32, u32),
    /// The nominal frame rate, if the source has one; the frames' own times are what counts.
    pub rate: Option<FrameRate>,
    /// By how many degrees the stored pictures are turned clockwise to be upright: 0, 90, 180 or 270.
    pub rotation: u32,
    /// Whether they are mirrored before being turned.
    pub is_mirrored: bool,
    /// Whether each stored picture is two half pictures, which are made into one.
    pub is_interlaced: bool,
}

/// The sound of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundStream {
    /// What people call the codec.
    pub codec: String,
    /// Channels, if the container says.
    pub channels: Option<u32>,
    /// Samples per second, if the container says.
    pub rate: Option<u32>,
}

/// Looks at a source: what is in it, how long it is, how large. Its first frame is decoded to find out.
///
/// # Errors
/// As [`VideoReader::open`]; a source without pictures is none.
pub fn probe(source: &Source) -> Result<SourceInfo, MediaError> {
    VideoReader::look(source)
}

impl SourceInfo {
    /// How many frames to expect, if the length and the rate are known.
    pub fn expected_frames(&self) -> Option<u64> {
        let rate = self.video.as_ref()?.rate?;
        Some(rate.frames_in(self.duration?))
    }
}

impl SoundStream {
    pub(crate) fn of(caps: &gst::Caps) -> Self {
        let caps = codecs::true_rate(caps);
        let number = |field: &str| {
            let value = caps.structure(0)?.get::<i32>(field).ok()?;
            u32::try_from(value).ok().filter(|value| *value > 0)
        };
        Self { codec: name(&caps), channels: number("channels"), rate: number("rate") }
    }
}

impl VideoStream {
    pub(crate) fn of(coded: Option<&gst::CapsRef>, info: &gst_video::VideoInfo, orientation: Orientation) -> Self {
        let (width, height) = crate::reader::square(info);
        let (rotation, is_mirrored) = turn(orientation);
        let size = if rotation % 180 == 0 { (width, height) } else { (height, width) };
        let part = |value: i32| u32::try_from(value).unwrap_or(0);
        let (num, den) = (part(info.fps().numer()), part(info.fps().denom()));
        Self {
            codec: coded.map_or_else(|| "uncompressed".to_owned(), name),
            size,
            stored_size: (info.width(), info.height()),
            rate: FrameRate::new(num, den.max(1)).ok(),
            rotation,
            is_mirrored,
            is_interlaced: false,
        }
    }
}

fn name(caps: &gst::CapsRef) -> String {
    let other = || caps.structure(0).map_or_else(String::new, |structure| structure.name().to_string());
    codecs::format(caps).map_or_else(other, |format| format.name.to_owned())
}

/// Degrees clockwise, and whether it is mirrored from left to right before that.
fn turn(orientation: Orientation) -> (u32, bool) {
    match orientation {
        Orientation::NoTransforms => (0, false),
        Orientation::Rotate90 => (90, false),
        Orientation::Rotate180 => (180, false),
        Orientation::Rotate270 => (270, false),
        Orientation::FlipHorizontal => (0, true),
        Orientation::FlipVertical => (180, true),
        // Turned and then mirrored is mirrored and then turned the other way.
        Orientation::Rotate90FlipH => (270, true),
        Orientation::Rotate270FlipH => (90, true),
    }
}

/// From GStreamer's tag: `flip-rotate-90` is mirrored, then turned clockwise.
pub(crate) fn orientation(tag: &str) -> Orientation {
    match tag {
        "rotate-90" => Orientation::Rotate90,
        "rotate-180" => Orientation::Rotate180,
        "rotate-270" => Orientation::Rotate270,
        "flip-rotate-0" => Orientation::FlipHorizontal,
        "flip-rotate-90" => Orientation::Rotate270FlipH,
        "flip-rotate-180" => Orientation::FlipVertical,
        "flip-rotate-270" => Orientation::Rotate90FlipH,
        _ => Orientation::NoTransforms,
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, RgbImage, imageops};

    use super::*;

    #[test]
    fn every_tag_turns_as_it_says() {
        let image = RgbImage::from_fn(3, 2, |x, y| image::Rgb([x as u8, y as u8, 0]));
        for tag in ["", "flip-"] {
            for degrees in [0, 90, 180, 270] {
                let mut by_tag = DynamicImage::ImageRgb8(image.clone());
                let orientation = orientation(&format!("{tag}rotate-{degrees}"));
                assert_eq!(turn(orientation), (degrees, !tag.is_empty()));
                by_tag.apply_orientation(orientation);
                let mirrored = if tag.is_empty() { image.clone() } else { imageops::flip_horizontal(&image) };
                let by_hand = match degrees {
                    90 => imageops::rotate90(&mirrored),
                    180 => imageops::rotate180(&mirrored),
                    270 => imageops::rotate270(&mirrored),
                    _ => mirrored,
                };
                assert_eq!(by_tag.into_rgb8(), by_hand, "{tag}{degrees}");
            }
        }
    }
}
