//! PNG files.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

pub(crate) use image::codecs::png::CompressionType;
use image::codecs::png::{FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageError, RgbImage};

use crate::error::MediaError;
use crate::pending::PendingFile;

/// Writes a PNG file, appearing under its name when it is complete; its size in bytes.
///
/// # Errors
/// The name is taken and `overwrite` is false, the folder is missing or not writable, the disk is full.
pub fn save_png(image: &RgbImage, path: &Path, overwrite: bool) -> Result<u64, MediaError> {
    let (pending, file) = PendingFile::create(path, overwrite)?;
    write_png(image, file, path, CompressionType::Default)?;
    pending.publish()
}

/// Encodes `image` into `file`; errors speak of `path`.
pub(crate) fn write_png(
    image: &RgbImage,
    file: File,
    path: &Path,
    compression: CompressionType,
) -> Result<(), MediaError> {
    let mut file = BufWriter::with_capacity(1 << 16, file);
    let encoder = PngEncoder::new_with_quality(&mut file, compression, FilterType::Adaptive);
    let (width, height) = image.dimensions();
    let written = encoder.write_image(image.as_raw(), width, height, ExtendedColorType::Rgb8);
    let written = written.map_err(|error| match error {
        ImageError::IoError(error) => error,
        other => std::io::Error::other(other),
    });
    written.and_then(|()| file.flush()).map_err(|error| MediaError::from_io(path, "writing it", error))
}
