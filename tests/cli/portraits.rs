//! Portraits as people have them: of every kind, and broken in every way.

use std::{fs, io::Cursor};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, imageops};

use crate::harness::{Bench, head, repository};

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The portrait animates, and its film's first frame looks like the upright portrait.
#[track_caller]
fn is_read(bench: &Bench, name: &str) -> String {
    bench.write("rest.csv", b"time,jawOpen\n0,0\n");
    let ran = bench.run(&["animate", name, "rest.csv", "--relative", "--size", "200x200", "-o", "f_%d.png"]);
    ran.succeeded();
    let (shown, expected) = (image::open(bench.path("f_0.png")).unwrap().to_luma8(), head());
    let expected = DynamicImage::ImageRgb8(expected).to_luma8();
    let difference: u64 = shown.iter().zip(expected.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    assert!(difference < 5 * 200 * 200, "{name} looks different");
    ran.stderr.clone()
}

#[test]
fn pictures_of_every_kind_are_read() {
    let bench = Bench::new();
    let picture = DynamicImage::ImageRgb8(head());
    bench.write("grey.png", &encoded(picture.to_luma8(), ImageFormat::Png));
    bench.write("deep.png", &encoded(picture.to_rgb16(), ImageFormat::Png));
    bench.write("alpha.png", &encoded(picture.to_rgba8(), ImageFormat::Png));
    bench.write("photo.jpg", &encoded(picture.to_rgb8(), ImageFormat::Jpeg));
    for name in ["grey.png", "deep.png", "alpha.png", "photo.jpg"] {
        is_read(&bench, name);
        fs::remove_file(bench.path("f_0.png")).unwrap();
    }
    // Recognised by content, not by name.
    fs::copy(bench.path("photo.jpg"), bench.path("misnamed.png")).unwrap();
    is_read(&bench, "misnamed.png");
}

#[test]
fn a_photo_that_a_phone_stored_sideways_is_turned_upright() {
    let bench = Bench::new();
    // Orientation 6: shown after a quarter turn clockwise, so it is stored turned counter-clockwise.
    let stored = encoded(imageops::rotate270(&head()), ImageFormat::Jpeg);
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let turned = [&stored[..2], exif, &stored[2..]].concat();
    bench.write("phone.jpg", &turned);
    let said = is_read(&bench, "phone.jpg");
    assert!(said.contains("phone.jpg") && said.contains("upright"), "{said}");
}

#[test]
fn a_picture_without_a_face_is_refused_with_a_hint() {
    let bench = Bench::new();
    bench.save("grey.png", &RgbImage::from_pixel(200, 200, Rgb([128, 128, 128])));
    let portrait = image::open(repository("examples/portraits/astronaut.png")).unwrap().to_rgb8();
    bench.save("suit.png", &imageops::crop_imm(&portrait, 20, 280, 220, 220).to_image());
    for name in ["grey.png", "suit.png"] {
        let ran = bench.animate(name, "motion.csv", &["-o", "a.mp4"]);
        ran.failed(1, &[name, "no face found", "hint: "]);
        bench.run(&["inspect", name]).failed(1, &[name, "no face found", "hint: "]);
    }
    assert_eq!(bench.made(), ["grey.png", "suit.png"]);
}

#[test]
fn of_several_faces_the_largest_is_taken_and_that_is_said() {
    let bench = Bench::new();
    let mut both = RgbImage::from_pixel(400, 200, Rgb([90, 90, 90]));
    let small = imageops::resize(&head(), 120, 120, imageops::FilterType::Lanczos3);
    imageops::replace(&mut both, &small, 20, 40);
    imageops::replace(&mut both, &head(), 200, 0);
    bench.save("both.png", &both);

    let largest = bench.animate("both.png", "motion.csv", &["-o", "a.gif", "--json"]);
    assert!(largest.succeeded().stderr.contains("2 faces found, the largest is animated"), "{}", largest.stderr);
    assert_eq!(largest.json()["portrait"]["faces"], 2);
    let second =
        bench.animate("both.png", "motion.csv", &["-o", "b.gif", "--face", "2", "--json", "--framing", "head"]);
    assert_eq!(second.succeeded().json()["portrait"]["face"], 2);
    assert!(!second.stderr.contains("faces found"), "{}", second.stderr);
    bench
        .animate("both.png", "motion.csv", &["-o", "c.gif", "--face", "3"])
        .failed(2, &["both.png", "no face 3", "found 2", "hint: ", "inspect"]);

    let inspected = bench.run(&["inspect", "both.png", "--json"]).succeeded().json();
    let boxes: Vec<f64> =
        inspected["faces"].as_array().unwrap().iter().map(|face| face["box"][0].as_f64().unwrap()).collect();
    assert!(boxes.len() == 2 && boxes[0] > 200.0 && boxes[1] < 140.0, "the larger first: {boxes:?}");
}

#[test]
fn broken_pictures_are_named_with_what_is_wrong() {
    let bench = Bench::new();
    let png = encoded(head(), ImageFormat::Png);
    let jpeg = encoded(head(), ImageFormat::Jpeg);
    bench.write("cut.png", &png[..png.len() / 2]);
    bench.write("cut.jpg", &jpeg[..jpeg.len() / 2]);
    bench.write("empty.png", b"");
    bench.write("text.png", b"this is no picture");
    // A header that promises 60000 x 60000 pixels.
    let mut huge = png.clone();
    huge[16..20].copy_from_slice(&60_000u32.to_be_bytes());
    huge[20..24].copy_from_slice(&60_000u32.to_be_bytes());
    let check = crc(&huge[12..29]);
    huge[29..33].copy_from_slice(&check.to_be_bytes());
    bench.write("huge.png", &huge);

    for (name, words) in [
        ("cut.png", &["cut off"][..]),
        ("cut.jpg", &["cut off"]),
        ("empty.png", &["empty"]),
        ("text.png", &["found text", "expected a PNG, JPEG or WebP"]),
        ("huge.png", &["60000x60000", "at most"]),
        ("nowhere.png", &["there is no such file"]),
        (".", &["a folder"]),
    ] {
        let ran = bench.animate(name, "motion.csv", &["-o", "a.mp4"]);
        ran.failed(1, words).failed(1, &[name, "hint: "]);
        assert!(!bench.path("a.mp4").exists());
    }
    let ran = bench.animate("https://ada:word@host/me.png?key=word", "motion.csv", &["-o", "a.mp4"]);
    ran.failed(1, &["https://host/me.png", "expected a file, found an address", "hint: download"]);
    assert!(!ran.stderr.contains("word"), "{}", ran.stderr);
}

/// The CRC of PNG chunks.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}
