//! The recogniser against onnxruntime, and what it refuses.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use moue_face::{EMBEDDING_LEN, FaceError, Recogniser};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

fn recogniser() -> Recogniser {
    Recogniser::load(golden("recogniser.onnx")).unwrap()
}

fn crop(name: &str) -> RgbImage {
    image::open(golden(&format!("identity_{name}.png"))).unwrap().to_rgb8()
}

/// A file of the test's own that is gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("moue-face-{}-{name}", std::process::id()));
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn refusal(&self) -> String {
        let error = refused(&self.0);
        assert!(error.starts_with(&self.0.display().to_string()), "the file is named first: {error}");
        error
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn refused(path: &Path) -> String {
    let error = Recogniser::load(path).err().unwrap();
    assert!(matches!(error, FaceError::Recogniser { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(": found ") && text.contains(", expected ") && text.contains("\nhint: "), "{text}");
    text
}

/// The recogniser with some bytes replaced by as many others, wherever they occur.
fn altered(from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(golden("recogniser.onnx")).unwrap();
    let places: Vec<usize> =
        bytes.windows(from.len()).enumerate().filter(|(_, at)| *at == from).map(|(i, _)| i).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
fn embeddings_are_those_of_onnxruntime() {
    let recogniser = recogniser();
    let goldens: BTreeMap<String, Vec<f64>> =
        serde_json::from_str(&fs::read_to_string(golden("recogniser.json")).unwrap()).unwrap();
    assert_eq!(goldens.len(), 2);
    for (name, golden) in goldens {
        assert_eq!(golden.len(), EMBEDDING_LEN);
        let length = golden.iter().map(|value| value * value).sum::<f64>().sqrt();
        let identity = recogniser.embed(&crop(&name)).unwrap();
        let squares =
            identity.values().iter().zip(&golden).map(|(&found, value)| (f64::from(found) - value / length).powi(2));
        let error = squares.sum::<f64>().sqrt();
        println!("{name}: relative error {error:.2e}");
        assert!(error < 1e-5, "{name}: {error}");
    }
}

#[test]
fn a_face_is_most_alike_to_itself() {
    let recogniser = recogniser();
    let [middle, edge] = ["middle", "edge"].map(|name| recogniser.embed(&crop(name)).unwrap());
    assert!((middle.cosine(&middle) - 1.0).abs() < 1e-6);
    assert!(middle.cosine(&edge) < 0.95, "{}", middle.cosine(&edge));
    assert_eq!(middle.cosine(&edge), edge.cosine(&middle));
    let length: f32 = middle.values().iter().map(|value| value * value).sum();
    assert!((length - 1.0).abs() < 1e-5);
}

#[test]
fn red_and_blue_are_not_taken_for_each_other() {
    let recogniser = recogniser();
    let crop = crop("middle");
    let swapped = RgbImage::from_fn(crop.width(), crop.height(), |x, y| {
        let [red, green, blue] = crop.get_pixel(x, y).0;
        Rgb([blue, green, red])
    });
    assert!(recogniser.embed(&crop).unwrap().cosine(&recogniser.embed(&swapped).unwrap()) < 0.999);
}

#[test]
fn only_identity_crops_are_recognised() {
    let recogniser = recogniser();
    for (width, height) in [(0, 0), (112, 111), (111, 112), (224, 224)] {
        let error = recogniser.embed(&RgbImage::new(width, height)).unwrap_err();
        assert!(matches!(error, FaceError::CropSize { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("{width}x{height}")) && text.contains("112x112"), "{text}");
    }
}

#[test]
fn a_missing_file_a_folder_and_a_pointer_are_named_for_what_they_are() {
    let missing = golden("no such recogniser.onnx");
    assert!(refused(&missing).contains("found no such file"));
    let error = Recogniser::load(&missing).err().unwrap();
    assert!(error.source().is_some(), "what the system said is the cause");
    refused(&golden(""));
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 260665334\n";
    let text = Scratch::new("pointer.onnx", pointer).refusal();
    assert!(text.contains("git lfs pull"), "{text}");
}

#[test]
fn what_is_no_onnx_is_refused() {
    let whole = fs::read(golden("recogniser.onnx")).unwrap();
    let junk: Vec<u8> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let cases: [(&str, &[u8]); 6] = [
        ("empty", b""),
        ("text", b"<!DOCTYPE html><html><body>Not found</body></html>"),
        ("junk", &junk),
        ("picture", &fs::read(golden("identity_edge.png")).unwrap()),
        ("half", &whole[..whole.len() / 2]),
        ("nearly whole", &whole[..whole.len() - 100]),
    ];
    for (name, content) in cases {
        let text = Scratch::new(&format!("{name}.onnx"), content).refusal();
        assert!(text.contains("cannot be read as ONNX"), "{name}: {text}");
    }
}

#[test]
fn lengths_that_lead_astray_are_refused_before_the_runtime_follows_them() {
    let whole = fs::read(golden("recogniser.onnx")).unwrap();
    // Before all else a field that is skipped, whose length leads back to its own start: a runtime that believes it
    // never ends.
    let back = [&[0x32, 0xf5][..], &[0xff; 8], &[0x01], &whole].concat();
    let far = [&[0x32, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10][..], &whole].concat();
    for (name, content, found) in [("back", back, "18446744073709551605 bytes"), ("far", far, "9007199254740992 bytes")]
    {
        let text = Scratch::new(&format!("{name}.onnx"), &content).refusal();
        assert!(text.contains("cannot be read as ONNX") && text.contains(found), "{name}: {text}");
    }
}

#[test]
fn other_shapes_are_refused_by_name() {
    // In a value's type a size of 112 is field 1 of a dimension: 0A 02 08 70.
    let text = Scratch::new("input.onnx", &altered(&[0x0a, 0x02, 0x08, 112], &[0x0a, 0x02, 0x08, 96])).refusal();
    assert!(text.contains("'input.1' of nx3x96x96") && text.contains("1x3x112x112"), "{text}");
    let text = refused(&golden("means.onnx"));
    assert!(text.contains("'means' of nx3") && text.contains("1x512"), "{text}");
    // Another net altogether, with two outputs.
    let detector = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/face_detector.onnx");
    assert!(refused(&detector).contains("1 inputs and 2 outputs"));
}

#[test]
fn damaged_weights_give_an_error_and_no_identity() {
    // Constants of 512 numbers (the last layers' biases and batch norm) become NaN: field 9, 2048 bytes.
    let mut bytes = fs::read(golden("recogniser.onnx")).unwrap();
    let raw = 512 * 4;
    let header = [0x4a, 0x80, 0x10];
    let starts: Vec<usize> = bytes.windows(3).enumerate().filter(|(_, at)| *at == header).map(|(i, _)| i + 3).collect();
    assert!(!starts.is_empty());
    for start in starts {
        for value in bytes[start..start + raw].chunks_exact_mut(4) {
            value.copy_from_slice(&f32::NAN.to_le_bytes());
        }
    }
    let scratch = Scratch::new("damaged.onnx", &bytes);
    let error = Recogniser::load(&scratch.0).unwrap().embed(&crop("middle")).unwrap_err();
    assert!(matches!(error, FaceError::Recogniser { .. }), "{error}");
    assert!(error.to_string().contains("without a direction"), "{error}");
}
