//! Animated GIFs, which GStreamer's decoder never ends.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::num::NonZeroU64;
use std::path::Path;

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, MemoryLimit};
use image::RgbImage;

use super::input::{is_readable, too_large};
use crate::error::MediaError;
use crate::picture::{ALPHA_BACKGROUND, MAX_PIXELS};

/// What browsers take for a frame whose time is shorter than any screen of 1989 could do, in hundredths of a second.
const UNHURRIED: u16 = 10;

/// The frames of a GIF, each laid over those before it.
pub(crate) struct GifFrames {
    decoder: Decoder<BufReader<File>>,
    canvas: RgbImage,
    /// What is done to the canvas before the next frame.
    cleanup: Cleanup,
}

#[derive(Debug)]
enum Cleanup {
    Keep,
    /// Left, top, width and height of what becomes transparent.
    Clear([u32; 4]),
    Restore(RgbImage),
}

impl fmt::Debug for GifFrames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GifFrames").field("size", &self.size()).finish_non_exhaustive()
    }
}

impl GifFrames {
    pub(crate) fn open(path: &Path) -> Result<Self, MediaError> {
        let decoder = decoder(path, false)?;
        let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
        if !is_readable(i32::from(decoder.width()), i32::from(decoder.height())) {
            return Err(too_large(path, i32::from(decoder.width()), i32::from(decoder.height())));
        }
        let canvas = RgbImage::from_pixel(width, height, image::Rgb(ALPHA_BACKGROUND));
        Ok(Self { decoder, canvas, cleanup: Cleanup::Keep })
    }

    pub(crate) fn size(&self) -> (u32, u32) {
        self.canvas.dimensions()
    }

    /// The next frame; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<RgbImage>, DecodingError> {
        match std::mem::replace(&mut self.cleanup, Cleanup::Keep) {
            Cleanup::Keep => {}
            Cleanup::Clear([left, top, width, height]) => {
                for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (left + x, top + y))) {
                    if let Some(pixel) = self.canvas.get_pixel_mut_checked(x, y) {
                        pixel.0 = ALPHA_BACKGROUND;
                    }
                }
            }
            Cleanup::Restore(canvas) => self.canvas = canvas,
        }
        let Some(frame) = self.decoder.read_next_frame()? else { return Ok(None) };
        let area = [frame.left, frame.top, frame.width, frame.height].map(u32::from);
        self.cleanup = match frame.dispose {
            DisposalMethod::Any | DisposalMethod::Keep => Cleanup::Keep,
            DisposalMethod::Background => Cleanup::Clear(area),
            DisposalMethod::Previous => Cleanup::Restore(self.canvas.clone()),
        };
        let [left, top, width, _] = area;
        let row_bytes = (4 * width as usize).max(1);
        for (y, row) in (top..).zip(frame.buffer.chunks_exact(row_bytes)) {
            for (x, &[red, green, blue, alpha]) in (left..).zip(row.as_chunks::<4>().0) {
                if let Some(pixel) = self.canvas.get_pixel_mut_checked(x, y).filter(|_| alpha > 0) {
                    pixel.0 = [red, green, blue];
                }
            }
        }
        Ok(Some(self.canvas.clone()))
    }
}

/// When each frame begins and the last one ends, in hundredths of a second; up to where the file can be read.
pub(crate) fn times(path: &Path) -> Result<Vec<u64>, MediaError> {
    let mut decoder = decoder(path, true)?;
    let (mut times, mut now) = (vec![0], 0);
    while let Ok(Some(frame)) = decoder.next_frame_info() {
        now += u64::from(if frame.delay <= 1 { UNHURRIED } else { frame.delay });
        times.push(now);
    }
    Ok(times)
}

fn decoder(path: &Path, is_for_times: bool) -> Result<Decoder<BufReader<File>>, MediaError> {
    let file = File::open(path).map_err(|error| MediaError::from_io(path, "reading it", error))?;
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.skip_frame_decoding(is_for_times);
    options.set_memory_limit(NonZeroU64::new(4 * MAX_PIXELS).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    options.read_info(BufReader::new(file)).map_err(|error| sorted(path, &error))
}

/// Puts an error of the decoder into words.
pub(crate) fn sorted(path: &Path, error: &DecodingError) -> MediaError {
    let (path, format, detail) = (path.to_owned(), "GIF", error.to_string());
    match error {
        DecodingError::Io(io) if io.kind() == ErrorKind::UnexpectedEof => {
            MediaError::Truncated { path, format, detail }
        }
        _ => MediaError::Damaged { path, format, detail },
    }
}
