//! Pictures of every kind, good and bad.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayAlphaImage, GrayImage, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};
use moue_media::{MediaError, Picture, load_picture, read_picture, save_png};

/// White above, red below on the left, green on the right: no two orientations look alike.
fn marked() -> RgbImage {
    RgbImage::from_fn(40, 24, |x, y| match (x, y) {
        (_, 0..8) => Rgb([255, 255, 255]),
        (0..20, _) => Rgb([200, 20, 20]),
        _ => Rgb([20, 160, 40]),
    })
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn read(bytes: &[u8]) -> Result<Picture, MediaError> {
    read_picture(Path::new("portrait"), bytes)
}

fn text(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

fn jpeg(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 95).encode_image(image).unwrap();
    bytes
}

/// Adds an EXIF segment that holds nothing but an orientation.
fn with_orientation(orientation: u8) -> Vec<u8> {
    let tiff =
        [b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(), &[orientation], b"\0\0\0\0\0\0"].concat();
    let body = [b"Exif\0\0".as_slice(), &tiff].concat();
    let length = (body.len() as u16 + 2).to_be_bytes();
    let plain = jpeg(&marked());
    [&plain[..2], &[0xFF, 0xE1], &length, &body, &plain[2..]].concat()
}

fn is_near(found: &RgbImage, (x, y): (u32, u32), expected: [u8; 3]) -> bool {
    found.get_pixel(x, y).0.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 12)
}

#[test]
fn lossless_pictures_come_out_as_they_went_in() {
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let picture = read(&encoded(&marked().into(), format)).unwrap();
        assert_eq!(picture.image, marked());
        assert!(picture.notes.is_empty(), "{:?}", picture.notes);
    }
}

#[test]
fn all_eight_exif_orientations_are_turned_upright() {
    for orientation in 1..=8u8 {
        let picture = read(&with_orientation(orientation)).unwrap();
        let (width, height) = picture.image.dimensions();
        assert_eq!((width, height), if orientation < 5 { (40, 24) } else { (24, 40) });
        // Where the stored picture's top left (white) and bottom left (red) are to be shown (EXIF 2.3, tag 274).
        let (right, bottom) = (width - 4, height - 4);
        let (white, red) = match orientation {
            1 => ((3, 3), (3, bottom)),
            2 => ((right, 3), (right, bottom)),
            3 => ((right, bottom), (right, 3)),
            4 => ((3, bottom), (3, 3)),
            5 => ((3, 3), (right, 3)),
            6 => ((right, 3), (3, 3)),
            7 => ((right, bottom), (3, bottom)),
            _ => ((3, bottom), (right, bottom)),
        };
        assert!(is_near(&picture.image, white, [255; 3]), "{orientation}");
        assert!(is_near(&picture.image, red, [200, 20, 20]), "{orientation}");
        assert_eq!(picture.notes.len(), usize::from(orientation != 1), "{:?}", picture.notes);
    }
}

#[test]
fn grey_and_sixteen_bits_are_converted_and_said() {
    let grey = GrayImage::from_fn(16, 16, |x, y| Luma([(x * 16 + y) as u8]));
    let picture = read(&encoded(&grey.clone().into(), ImageFormat::Png)).unwrap();
    assert!(picture.image.pixels().zip(grey.pixels()).all(|(rgb, grey)| rgb.0 == [grey[0]; 3]));
    assert!(picture.notes[0].contains("grey"));

    let deep = DynamicImage::from(marked()).into_rgb16();
    let picture = read(&encoded(&deep.into(), ImageFormat::Png)).unwrap();
    assert_eq!(picture.image, marked());
    assert!(picture.notes[0].contains("16"), "{:?}", picture.notes);

    let deep_grey = DynamicImage::from(grey.clone()).into_luma16();
    let picture = read(&encoded(&deep_grey.into(), ImageFormat::Png)).unwrap();
    assert_eq!(picture.image.get_pixel(3, 5).0, [grey.get_pixel(3, 5)[0]; 3]);
}

#[test]
fn transparency_is_laid_over_white_and_said() {
    let opaque = RgbaImage::from_pixel(2, 2, Rgba([1, 2, 3, 255]));
    assert!(read(&encoded(&opaque.into(), ImageFormat::Png)).unwrap().notes.is_empty());
    let mut pixels = RgbaImage::from_pixel(4, 1, Rgba([100, 0, 0, 255]));
    pixels.get_pixel_mut(1, 0)[3] = 0;
    pixels.get_pixel_mut(2, 0)[3] = 51;
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let picture = read(&encoded(&pixels.clone().into(), format)).unwrap();
        let row: Vec<_> = picture.image.pixels().map(|pixel| pixel.0).collect();
        assert_eq!(row, [[100, 0, 0], [255, 255, 255], [224, 204, 204], [100, 0, 0]]);
        assert!(picture.notes.iter().any(|note| note.contains("white")), "{:?}", picture.notes);
    }
    let grey = GrayAlphaImage::from_pixel(3, 3, LumaA([0, 128]));
    let picture = read(&encoded(&grey.into(), ImageFormat::Png)).unwrap();
    assert_eq!(picture.image.get_pixel(1, 1).0, [127; 3]);
}

/// A PNG written by hand: header, palette, one chunk of pixels.
fn png(width: u32, height: u32, depth_and_colour: [u8; 2], palette: &[u8], pixels: &[u8]) -> Vec<u8> {
    let chunk = |kind: &[u8], body: &[u8]| {
        let named = [kind, body].concat();
        [(body.len() as u32).to_be_bytes().as_slice(), &named, &crc32(&named).to_be_bytes()].concat()
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &depth_and_colour, &[0, 0, 0]].concat();
    // zlib with one stored block.
    let length = pixels.len() as u16;
    let stored =
        [&[0x78, 1, 1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), pixels, &adler32(pixels)].concat();
    let palette = if palette.is_empty() { Vec::new() } else { chunk(b"PLTE", palette) };
    let parts = [chunk(b"IHDR", &header), palette, chunk(b"IDAT", &stored), chunk(b"IEND", b"")];
    [b"\x89PNG\r\n\x1a\n".as_slice(), &parts.concat()].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn adler32(bytes: &[u8]) -> [u8; 4] {
    let (mut a, mut b) = (1u32, 0u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    (b << 16 | a).to_be_bytes()
}

#[test]
fn palettes_are_looked_up() {
    // Two rows of a filter byte and four 2-bit places each.
    let bytes = png(4, 2, [2, 3], &[9, 8, 7, 200, 100, 50, 0, 255, 0], &[0, 0b0001_1000, 0, 0b1001_0001]);
    let picture = read(&bytes).unwrap();
    let row: Vec<_> = picture.image.pixels().take(4).map(|pixel| pixel.0).collect();
    assert_eq!(row, [[9, 8, 7], [200, 100, 50], [0, 255, 0], [9, 8, 7]]);
}

#[test]
fn huge_pictures_are_refused_before_they_are_decoded() {
    let wide = text(&png(20_000, 10, [8, 2], &[], &[0]));
    assert!(wide.contains("20000x10") && wide.contains("16384 a side"), "{wide}");
    let many = text(&png(16_000, 16_000, [8, 2], &[], &[0]));
    assert!(many.contains("100 megapixels"), "{many}");
}

#[test]
fn cut_off_files_are_told_from_damaged_ones() {
    let noisy = RgbImage::from_fn(64, 64, |x, y| Rgb([((x * 37) ^ (y * 91)) as u8, (x * y) as u8, (x + 3 * y) as u8]));
    let whole = DynamicImage::from(noisy.clone());
    for bytes in [encoded(&whole, ImageFormat::Png), jpeg(&noisy), encoded(&whole, ImageFormat::WebP)] {
        for length in [bytes.len() / 3, bytes.len() * 2 / 3] {
            let error = read(&bytes[..length]).unwrap_err();
            assert!(matches!(error, MediaError::Truncated { .. }), "{length} of {}: {error:?}", bytes.len());
            assert!(error.to_string().contains("cut off"), "{error}");
        }
    }
    let mut damaged = encoded(&whole, ImageFormat::Png);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x55;
    let damaged = read(&damaged).map(|picture| picture.notes);
    assert!(matches!(damaged, Err(MediaError::Damaged { .. })), "{damaged:?}");
}

#[test]
fn a_thumbnail_does_not_hide_a_cut_off_jpeg() {
    // The end marker of the thumbnail lies in a segment; the picture has none.
    let plain = jpeg(&marked());
    let thumbnail = [0xFF, 0xD8, 0xFF, 0xD9];
    let whole = [&plain[..2], &[0xFF, 0xE5, 0, 6], &thumbnail, &plain[2..]].concat();
    assert!(read(&whole).is_ok());
    assert!(matches!(read(&whole[..whole.len() - 40]), Err(MediaError::Truncated { .. })));
}

#[test]
fn other_files_are_named_for_what_they_are() {
    for (bytes, words) in [
        (b"".as_slice(), "empty"),
        (b"Timecode,BlendshapeCount", "text"),
        (b"GIF89a\x01\0\x01\0\0\0\0", "Gif"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "video"),
        (b"\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c", "something else"),
        (b"\x89PNG\r\n\x1a\n", "cut off"),
    ] {
        let text = text(bytes);
        assert!(text.contains(words) && text.contains("\nhint: "), "{text}");
        assert!(text.starts_with("portrait: "), "{text}");
    }
}

#[test]
fn paths_that_are_no_files_are_named_for_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let text = |path: PathBuf| load_picture(&path).unwrap_err().to_string();
    assert!(text(folder.path().join("me.png")).contains("no such file"));
    assert!(text(folder.path().to_owned()).contains("found a folder"));
    #[cfg(target_os = "linux")]
    assert!(text(PathBuf::from("/dev/zero")).contains("device"));
}

#[test]
fn the_content_counts_and_not_the_ending() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("really_a_png.jpg");
    fs::write(&path, encoded(&marked().into(), ImageFormat::Png)).unwrap();
    assert_eq!(load_picture(&path).unwrap().image, marked());
}

#[test]
fn saved_pictures_are_the_same_and_are_not_overwritten_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.png");
    let bytes = save_png(&marked(), &path, false).unwrap();
    assert_eq!(bytes, fs::metadata(&path).unwrap().len());
    assert_eq!(load_picture(&path).unwrap().image, marked());
    assert!(matches!(save_png(&marked(), &path, false), Err(MediaError::Exists { .. })));
    save_png(&RgbImage::new(2, 2), &path, true).unwrap();
    assert_eq!(load_picture(&path).unwrap().image.dimensions(), (2, 2));
}
