//! SMIRK against timm's networks and the crop of the authors' demo, and files that are not what they should be.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail, and says how far it is")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use image::RgbImage;
use moue_smirk::{SmirkError, SmirkTracker, crop};
use moue_weights::{ProblemKind, WeightFile, WeightsError};

#[path = "support/goldens.rs"]
mod goldens;

/// The largest relative error of coefficients. PyTorch's in f32 are up to 1.3e-5 from what it computes in f64.
const TOLERANCE: f64 = 1e-4;

fn tracker() -> SmirkTracker {
    SmirkTracker::load(&goldens::file("SMIRK_em1.pt"), &Device::Cpu).unwrap()
}

fn faces() -> Vec<goldens::Golden> {
    goldens::read(&goldens::file("goldens.safetensors")).unwrap()
}

/// The file's tensors as `edit` leaves them, as safetensors in a place of the test's own.
fn edited(name: &str, edit: impl FnOnce(&mut HashMap<String, Tensor>)) -> PathBuf {
    let file = WeightFile::open(&goldens::file("SMIRK_em1.pt")).unwrap();
    let mut tensors = file.tensors().keys().map(|name| (name.clone(), file.read(name).unwrap())).collect();
    edit(&mut tensors);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("smirk-{name}.safetensors"));
    candle_core::safetensors::save(&tensors, &path).unwrap();
    path
}

fn refusal(path: &Path) -> SmirkError {
    let error = SmirkTracker::load(path, &Device::Cpu).err().unwrap();
    let text = error.to_string();
    assert!(text.starts_with(&path.display().to_string()) && text.contains("\nhint: "), "{text}");
    error
}

#[test]
fn crops_are_those_of_the_authors_to_the_last_level() {
    for golden in faces() {
        let found = crop(&golden.picture, &golden.landmarks).unwrap();
        assert_eq!(goldens::crop_difference(&found, &golden), (0.0, 0), "{}", golden.name);
    }
}

#[test]
fn coefficients_and_pose_are_those_of_pytorch() {
    let (tracker, faces) = (tracker(), faces());
    assert!(tracker.has_pose());
    assert_eq!(faces.iter().map(|golden| golden.name.as_str()).collect::<Vec<_>>(), ["outside", "small", "upright"]);
    for golden in &faces {
        let face = tracker.track(&golden.picture, &golden.landmarks).unwrap();
        let [expression, pose] = goldens::errors(&face, golden);
        println!("{}: {expression:.2e} {pose:.2e}", golden.name);
        assert!(expression < TOLERANCE && pose < TOLERANCE, "{}: {expression:.2e} {pose:.2e}", golden.name);
        // Goldens are of faces that differ: an encoder that ignores its input would be seen.
        let others = faces.iter().filter(|other| other.name != golden.name);
        assert!(others.map(|other| goldens::errors(&face, other)).all(|errors| errors.iter().all(|&e| e > 1e-2)));
    }
}

#[test]
fn a_batch_of_any_length_is_its_frames() {
    let (tracker, faces) = (tracker(), faces());
    // More than are computed at once.
    let frames: Vec<_> = faces.iter().cycle().take(7).map(|golden| (&golden.picture, &golden.landmarks)).collect();
    let together = tracker.track_batch(&frames).unwrap();
    assert_eq!(together.len(), frames.len());
    for (face, golden) in together.iter().zip(faces.iter().cycle()) {
        assert!(goldens::errors(face, golden).iter().all(|&error| error < TOLERANCE), "{}", golden.name);
    }
    assert!(tracker.track_batch(&[]).unwrap().is_empty());
}

#[test]
fn one_frame_without_a_face_fails_the_batch() {
    let faces = faces();
    let mut nowhere = faces[0].landmarks;
    nowhere[9] = [f32::NAN; 3];
    let frames = [(&faces[0].picture, &faces[0].landmarks), (&faces[0].picture, &nowhere)];
    let error = tracker().track_batch(&frames).unwrap_err();
    assert!(matches!(error, SmirkError::Landmarks { .. }), "{error}");
}

#[test]
fn without_the_pose_encoder_the_expression_is_the_same() {
    let path = edited("no-pose", |tensors| tensors.retain(|name, _| !name.contains("pose_encoder")));
    let tracker = SmirkTracker::load(&path, &Device::Cpu).unwrap();
    assert!(!tracker.has_pose());
    for golden in faces() {
        let face = tracker.track(&golden.picture, &golden.landmarks).unwrap();
        assert_eq!(face.pose, None);
        assert!(goldens::errors(&face, &golden)[0] < TOLERANCE);
    }
}

#[test]
fn all_that_is_missing_or_misshapen_is_told_at_once() {
    let prefix = "smirk_encoder.";
    let path = edited("damaged", |tensors| {
        tensors.remove(&format!("{prefix}expression_encoder.encoder.conv_stem.weight")).unwrap();
        tensors.remove(&format!("{prefix}pose_encoder.encoder.blocks.3.1.bn2.running_var")).unwrap();
        let wide = Tensor::zeros((53, 960), candle_core::DType::F32, &Device::Cpu).unwrap();
        tensors.insert(format!("{prefix}expression_encoder.expression_layers.0.weight"), wide);
    });
    let error = refusal(&path);
    let text = error.to_string();
    for part in [
        "3 of its tensors do not fit",
        "missing   smirk_encoder.expression_encoder.encoder.conv_stem.weight [16, 3, 3, 3]",
        "missing   smirk_encoder.pose_encoder.encoder.blocks.3.1.bn2.running_var [144]",
        "expression_layers.0.weight: found [53, 960], expected [55, 960]",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let SmirkError::Weights(WeightsError::Tensors { problems, .. }) = error else { panic!("{text}") };
    assert_eq!(problems.iter().filter(|problem| matches!(problem.kind, ProblemKind::Missing { .. })).count(), 2);
}

#[test]
fn a_file_of_something_else_is_refused() {
    refusal(&goldens::file("../../../README.md"));
    let missing = Path::new("nowhere/SMIRK_em1.pt");
    let error = SmirkTracker::load(missing, &Device::Cpu).err().unwrap().to_string();
    assert!(error.starts_with("nowhere/SMIRK_em1.pt: "), "{error}");
}

#[test]
fn damaged_weights_give_an_error_and_no_coefficients() {
    let path = edited("nan", |tensors| {
        let name = "smirk_encoder.expression_encoder.encoder.blocks.4.1.conv_dw.weight";
        let spoilt = (tensors[name].clone() * f64::NAN).unwrap();
        tensors.insert(name.into(), spoilt);
    });
    let tracker = SmirkTracker::load(&path, &Device::Cpu).unwrap();
    let golden = &faces()[0];
    let error = tracker.track(&golden.picture, &golden.landmarks).unwrap_err();
    assert!(matches!(error, SmirkError::NotFinite { .. }), "{error}");
}

#[test]
fn only_crops_are_read() {
    let tracker = tracker();
    for (width, height) in [(0, 0), (224, 223), (112, 112)] {
        let text = tracker.read_crops(&[RgbImage::new(width, height)]).unwrap_err().to_string();
        assert!(text.contains(&format!("{width}x{height}")) && text.contains("224x224"), "{text}");
    }
}
