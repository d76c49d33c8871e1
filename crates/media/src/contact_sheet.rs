//! A picture of up to 24 evenly spaced frames, in memory that does not grow with the clip.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use crate::error::MediaError;
use crate::pending::PendingFile;
use crate::png_file::{CompressionType, write_png};
use crate::sink::{Sink, VideoFormat, Written, check_frame};

/// Frames on a sheet at most.
const TILES: usize = 24;
/// Thumbnails held at most; when there are more, every second one is let go.
const KEPT: usize = 4 * TILES;
/// The longer side of a tile, in pixels.
const TILE_SIDE: u32 = 256;
/// Pixels between tiles and around them.
const GAP: u32 = 6;
const BACKGROUND: Rgb<u8> = Rgb([24, 24, 24]);

/// A contact sheet being collected.
pub(crate) struct ContactSheet {
    pending: PendingFile,
    file: File,
    format: VideoFormat,
    /// Every `stride`-th frame, from the first.
    thumbnails: Vec<RgbImage>,
    stride: u64,
    frames: u64,
}

impl ContactSheet {
    pub(crate) fn open(path: &Path, format: &VideoFormat, overwrite: bool) -> Result<Self, MediaError> {
        let (pending, file) = PendingFile::create(path, overwrite)?;
        let expected = format.expected_frames.unwrap_or(0);
        let mut stride = 1;
        while expected.div_ceil(stride) > KEPT as u64 {
            stride *= 2;
        }
        Ok(Self { pending, file, format: *format, thumbnails: Vec::new(), stride, frames: 0 })
    }
}

impl Sink for ContactSheet {
    fn write(&mut self, frame: &Arc<RgbImage>) -> Result<(), MediaError> {
        check_frame(self.pending.target(), &self.format, frame)?;
        if self.frames.is_multiple_of(self.stride) {
            if self.thumbnails.len() == KEPT {
                let mut index = 0;
                self.thumbnails.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.stride *= 2;
            }
            if self.frames.is_multiple_of(self.stride) {
                self.thumbnails.push(thumbnail(frame));
            }
        }
        self.frames += 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Written, MediaError> {
        let path = self.pending.target().to_owned();
        if self.frames == 0 {
            return Err(MediaError::NoFrames { path });
        }
        let tiles: Vec<&RgbImage> = evenly(self.thumbnails.len(), TILES).map(|index| &self.thumbnails[index]).collect();
        write_png(&sheet(&tiles), self.file, &path, CompressionType::Default)?;
        let bytes = self.pending.publish()?;
        Ok(Written { path, frames: self.frames, bytes, notes: Vec::new() })
    }

    fn abort(self: Box<Self>) {}
}

/// Fits a frame into a tile; never enlarges.
fn thumbnail(frame: &RgbImage) -> RgbImage {
    let (width, height) = frame.dimensions();
    let scale = (f64::from(TILE_SIDE) / f64::from(width.max(height))).min(1.0);
    let side = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    if scale == 1.0 {
        return frame.clone();
    }
    if scale <= 0.5 {
        // Means of whole pixels: ten times as fast, and no worse at such ratios.
        return imageops::thumbnail(frame, side(width), side(height));
    }
    imageops::resize(frame, side(width), side(height), FilterType::CatmullRom)
}

/// At most `most` of `0..count`, evenly spaced, the first and the last among them.
fn evenly(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let taken = count.min(most);
    let gaps = taken.saturating_sub(1).max(1);
    (0..taken).map(move |i| (i * (count - 1) + gaps / 2) / gaps)
}

/// Lays tiles of one size out in rows, about three units wide by two high.
fn sheet(tiles: &[&RgbImage]) -> RgbImage {
    let (width, height) = tiles[0].dimensions();
    let columns = (tiles.len() as f64 * 1.5 * f64::from(height) / f64::from(width)).sqrt().ceil() as u32;
    let columns = columns.clamp(1, tiles.len() as u32);
    let rows = (tiles.len() as u32).div_ceil(columns);
    let side = |count: u32, length: u32| GAP + count * (length + GAP);
    let mut sheet = RgbImage::from_pixel(side(columns, width), side(rows, height), BACKGROUND);
    for (index, tile) in (0..).zip(tiles) {
        let (x, y) = (side(index % columns, width), side(index / columns, height));
        imageops::replace(&mut sheet, *tile, x.into(), y.into());
    }
    sheet
}

#[cfg(test)]
mod tests {
    use moue_timeline::FrameRate;

    use super::*;
    use crate::pending::fill_the_disk_at;

    /// The shades of the sheet's tiles after a clip whose frame `i` has the shade `shade(i)`.
    fn shades(frames: u64, expected: Option<u64>, shade: impl Fn(u64) -> u8) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.png");
        let format = VideoFormat { expected_frames: expected, ..VideoFormat::new(8, 8, FrameRate::FPS_25) };
        let mut sink = Box::new(ContactSheet::open(&path, &format, false).unwrap());
        for i in 0..frames {
            sink.write(&Arc::new(RgbImage::from_pixel(8, 8, Rgb([shade(i); 3])))).unwrap();
            assert!(sink.thumbnails.len() <= KEPT);
        }
        assert_eq!(sink.finish().unwrap().frames, frames);
        let sheet = image::open(&path).unwrap().to_rgb8();
        let tile = |at: u32| (at >= GAP + 4).then(|| (at - GAP - 4) % (8 + GAP)) == Some(0);
        let centres = sheet.enumerate_pixels().filter(|(x, y, _)| tile(*x) && tile(*y));
        centres.map(|(_, _, pixel)| pixel[0]).filter(|shade| *shade != BACKGROUND[0]).collect()
    }

    #[test]
    fn a_short_clip_shows_every_frame() {
        assert_eq!(shades(5, None, |i| 100 + i as u8), [100, 101, 102, 103, 104]);
        assert_eq!(shades(1, None, |_| 9), [9]);
    }

    #[test]
    fn a_long_clip_is_spread_evenly_whether_or_not_its_length_is_known() {
        for (frames, expected) in [(200, None), (2000, None), (2000, Some(2000)), (1000, Some(2000))] {
            let shades = shades(frames, expected, |i| 50 + (i * 200 / frames) as u8);
            assert_eq!(shades.len(), TILES, "{frames}");
            let steps: Vec<u8> = shades.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(steps.iter().all(|step| (4..=14).contains(step)), "{frames} {expected:?}: {steps:?}");
            assert!(shades[0] == 50 && shades[TILES - 1] >= 240, "{shades:?}");
        }
    }

    #[test]
    fn large_frames_are_scaled_down_and_keep_their_shape() {
        assert_eq!(thumbnail(&RgbImage::new(1920, 1080)).dimensions(), (256, 144));
        assert_eq!(thumbnail(&RgbImage::new(100, 50)).dimensions(), (100, 50));
        assert_eq!(thumbnail(&RgbImage::new(5000, 1)).dimensions(), (256, 1));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let format = VideoFormat::new(8, 8, FrameRate::FPS_25);
        let mut sink = Box::new(ContactSheet::open(&folder.path().join("sheet.png"), &format, false).unwrap());
        fill_the_disk_at(sink.pending.temporary());
        sink.file = File::options().write(true).open(sink.pending.temporary()).unwrap();
        sink.write(&Arc::new(RgbImage::new(8, 8))).unwrap();
        let error = sink.finish().unwrap_err();
        assert!(matches!(error, MediaError::DiskFull { .. }), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
