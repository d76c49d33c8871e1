//! Reading a portrait.

use std::fs;
use std::io::{self, Cursor};
use std::path::Path;

use image::error::ImageError;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use crate::error::MediaError;
use crate::source::shown;

/// The longest side that is read, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// The most pixels that are read.
pub const MAX_PIXELS: u64 = 100_000_000;
/// What lies behind transparent pixels: white.
pub const ALPHA_BACKGROUND: [u8; 3] = [255, 255, 255];

/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Bytes the decoder may allocate: 16-bit RGBA of the most pixels, and room to work.
const MAX_DECODER_BYTES: u64 = MAX_PIXELS * 8 + (64 << 20);

/// A picture as shown.
#[derive(Clone, Debug)]
pub struct Picture {
    /// 8-bit sRGB pixels, upright.
    pub image: RgbImage,
    /// What was done to get there that a person may want to know, each a sentence without a full stop.
    pub notes: Vec<String>,
}

/// Reads a PNG, JPEG or WebP picture, recognised by content: turned upright as its EXIF tag says, transparency laid
/// over [`ALPHA_BACKGROUND`], anything else than 8-bit RGB converted.
///
/// # Errors
/// A missing, empty, damaged or cut-off file, a folder or an address, another kind of file, more than [`MAX_PIXELS`] or
/// [`MAX_SIDE`].
pub fn load_picture(path: &Path) -> Result<Picture, MediaError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            match path.to_str().filter(|name| name.contains("://")) {
                Some(address) => MediaError::NotAFile {
                    path: shown(address).into(),
                    found: "an address",
                    hint: "download the picture, and name the file",
                },
                None => MediaError::Missing { path: path.to_owned() },
            }
        }
        _ => MediaError::Io { path: path.to_owned(), action: "reading it", source: error },
    };
    let found = fs::metadata(path).map_err(failed)?;
    let not_a_file = |found, hint| MediaError::NotAFile { path: path.to_owned(), found, hint };
    if found.is_dir() {
        return Err(not_a_file("a folder", "name a picture in it"));
    }
    if !found.is_file() {
        return Err(not_a_file("a device or a pipe", "save the picture to a file first"));
    }
    if found.len() > MAX_FILE_BYTES {
        return Err(MediaError::PictureTooLarge {
            path: path.to_owned(),
            found: format!("the file has {} MiB", found.len() >> 20),
            limit: format!("{} MiB", MAX_FILE_BYTES >> 20),
        });
    }
    read_picture(path, &fs::read(path).map_err(failed)?)
}

/// Reads a picture from memory; `path` is what errors call it.
///
/// # Errors
/// As [`load_picture`].
pub fn read_picture(path: &Path, bytes: &[u8]) -> Result<Picture, MediaError> {
    let format = recognise(path, bytes)?;
    let name = format_name(format);
    let failed = |error| decoding_failed(path, name, error);
    if let Some(detail) = missing_end(format, bytes) {
        return Err(MediaError::Truncated { path: path.to_owned(), format: name, detail });
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    check_size(path, width, height)?;
    let mut notes = Vec::new();
    let profile = decoder.icc_profile().map_err(failed)?;
    if profile.is_some_and(|profile| !speaks_of_srgb(&profile)) {
        notes.push("its colour profile is not sRGB and was not applied: colours may look duller".to_owned());
    }
    let orientation = decoder.orientation().map_err(failed)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    if orientation != Orientation::NoTransforms {
        image.apply_orientation(orientation);
        notes.push(format!("turned upright as its EXIF tag says (orientation {})", orientation.to_exif()));
    }
    let image = flatten(image, &mut notes);
    Ok(Picture { image, notes })
}

fn recognise(path: &Path, bytes: &[u8]) -> Result<ImageFormat, MediaError> {
    if bytes.is_empty() {
        return Err(MediaError::Empty { path: path.to_owned() });
    }
    let (found, hint) = match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)) => return Ok(format),
        Ok(other) => (format!("{other:?}"), "convert it to PNG or JPEG first"),
        // ISO media: a size, `ftyp`, and a brand.
        Err(_) => match bytes.get(4..12) {
            Some(b"ftypheic" | b"ftypheix" | b"ftypmif1" | b"ftyphevc") => {
                ("a HEIC photo".to_owned(), "convert it to PNG or JPEG first, for example by exporting it on the phone")
            }
            Some(start) if start.starts_with(b"ftyp") => ("a video".to_owned(), "save one of its frames as a picture"),
            _ if bytes.starts_with(b"%PDF") => ("a PDF".to_owned(), "export the page as a picture"),
            _ if std::str::from_utf8(&bytes[..bytes.len().min(256)]).is_ok() => {
                ("text".to_owned(), "the portrait comes first, the motion second")
            }
            _ => ("something else".to_owned(), "open it in a viewer to see whether it is a picture"),
        },
    };
    Err(MediaError::NotAPicture { path: path.to_owned(), found, hint })
}

fn format_name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        _ => "WebP",
    }
}

fn check_size(path: &Path, width: u32, height: u32) -> Result<(), MediaError> {
    let too_large = |limit: String| {
        let found = format!("the picture has {width}x{height} pixels");
        Err(MediaError::PictureTooLarge { path: path.to_owned(), found, limit })
    };
    if width.max(height) > MAX_SIDE {
        return too_large(format!("{MAX_SIDE} a side"));
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return too_large(format!("{} megapixels", MAX_PIXELS / 1_000_000));
    }
    Ok(())
}

fn decoding_failed(path: &Path, format: &'static str, error: ImageError) -> MediaError {
    let path = path.to_owned();
    let detail = error.to_string();
    let ends_early = match &error {
        ImageError::IoError(error) => error.kind() == io::ErrorKind::UnexpectedEof,
        // Decoders wrap the I/O error, or put it in words of their own.
        ImageError::Decoding(_) => {
            let text = detail.to_lowercase();
            ["unexpected eof", "unexpected end", "end of file", "eof", "failed to fill", "exhausted"]
                .iter()
                .any(|words| text.contains(words))
        }
        _ => false,
    };
    match error {
        ImageError::Limits(_) => MediaError::PictureTooLarge {
            path,
            found: format!("decoding it needs too much memory ({detail})"),
            limit: format!("{} megapixels", MAX_PIXELS / 1_000_000),
        },
        _ if ends_early => MediaError::Truncated { path, format, detail },
        _ => MediaError::Damaged { path, format, detail },
    }
}

/// What shows, before decoding, that the end of the file is missing. PNG needs no help: its decoder notices.
fn missing_end(format: ImageFormat, bytes: &[u8]) -> Option<String> {
    match format {
        ImageFormat::Jpeg if !jpeg_ends(bytes) => Some("its end marker is missing".to_owned()),
        ImageFormat::WebP => {
            // `RIFF` and the length of what follows, little-endian.
            let said = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
            let found = bytes.len().saturating_sub(8);
            (found < said as usize).then(|| format!("{found} of {said} bytes are there"))
        }
        _ => None,
    }
}

/// Whether an end marker follows the start of the coded pixels (ITU-T T.81, B.1.1.3). The decoder fills what is missing
/// with grey, which would be animated as part of the face.
fn jpeg_ends(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xDA;
    const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];
    // After the start marker come segments: 0xFF, a kind, a length that counts itself. A thumbnail with an end marker
    // of its own may lie in one of them.
    let mut at = 2;
    while let Some(&[marker, kind, high, low]) = bytes.get(at..at + 4) {
        if marker != 0xFF {
            at += 1;
        } else if kind == START_OF_SCAN {
            return bytes[at..].windows(2).any(|pair| pair == END_OF_IMAGE);
        } else if kind == 0xFF {
            at += 1;
        } else {
            at += 2 + usize::from(u16::from_be_bytes([high, low]));
        }
    }
    false
}

/// Whether a colour profile describes itself as sRGB, in ASCII or UTF-16.
fn speaks_of_srgb(profile: &[u8]) -> bool {
    let contains = |needle: &[u8]| profile.windows(needle.len()).any(|window| window == needle);
    contains(b"sRGB") || contains(b"s\0R\0G\0B")
}

fn flatten(image: DynamicImage, notes: &mut Vec<String>) -> RgbImage {
    use image::ColorType::{L8, L16, La8, La16, Rgb8, Rgba8};
    match image.color() {
        Rgb8 | Rgba8 => {}
        L8 | La8 => notes.push("a grey picture".to_owned()),
        L16 | La16 => notes.push("a grey picture of 16 bits, reduced to 8".to_owned()),
        _ => notes.push("reduced from 16 to 8 bits per channel".to_owned()),
    }
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let pixels = image.into_rgba8();
    let mut flat = RgbImage::new(pixels.width(), pixels.height());
    let mut is_transparent = false;
    for (pixel, flat) in pixels.pixels().zip(flat.pixels_mut()) {
        let alpha = u32::from(pixel[3]);
        is_transparent |= alpha < 255;
        for channel in 0..3 {
            let mixed = u32::from(pixel[channel]) * alpha + u32::from(ALPHA_BACKGROUND[channel]) * (255 - alpha);
            flat[channel] = ((mixed + 127) / 255) as u8;
        }
    }
    if is_transparent {
        notes.push("transparent parts were laid over white".to_owned());
    }
    flat
}
