//! PNG files.

use std::fs::File;
use std::io::{self, BufWriter, Write};
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

/// Writes a file, appearing under its name when it is complete; its size in bytes.
///
/// # Errors
/// As [`save_png`].
pub fn save_bytes(bytes: &[u8], path: &Path, overwrite: bool) -> Result<u64, MediaError> {
    let (pending, mut file) = PendingFile::create(path, overwrite)?;
    file.write_all(bytes).map_err(|error| MediaError::from_io(path, "writing it", error))?;
    drop(file);
    pending.publish()
}

/// Encodes `image` into `file`; errors speak of `path`.
pub(crate) fn write_png(
    image: &RgbImage,
    file: File,
    path: &Path,
    compression: CompressionType,
) -> Result<(), MediaError> {
    let mut file = BufWriter::with_capacity(1 << 16, Watched { file, failure: None });
    let encoder = PngEncoder::new_with_quality(&mut file, compression, FilterType::Adaptive);
    let (width, height) = image.dimensions();
    let written = encoder.write_image(image.as_raw(), width, height, ExtendedColorType::Rgb8);
    let written = written.map_err(|error| match (file.get_ref().failure, error) {
        (Some(system), _) => io::Error::from_raw_os_error(system),
        (None, ImageError::IoError(error)) => error,
        (None, other) => io::Error::other(other),
    });
    written.and_then(|()| file.flush()).map_err(|error| MediaError::from_io(path, "writing it", error))
}

/// Remembers the system's first error, which the encoder makes unrecognisable.
struct Watched {
    file: File,
    failure: Option<i32>,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        if let Err(error) = &written {
            self.failure = self.failure.or(error.raw_os_error());
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_called_that() {
        // Larger than any buffer, and nothing that compresses.
        let noise = |x: u32, y: u32| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes();
        let image = RgbImage::from_fn(300, 300, |x, y| image::Rgb([noise(x, y)[1], noise(x, y)[2], noise(x, y)[3]]));
        let full = File::options().write(true).open("/dev/full").unwrap();
        let error = write_png(&image, full, Path::new("a.png"), CompressionType::Fast).unwrap_err();
        assert!(matches!(error, MediaError::DiskFull { .. }), "{error}");
    }
}
