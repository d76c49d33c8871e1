//! The tracker on whole pictures: agreement with MediaPipe, faces of all sizes and places, and pictures without one.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use image::{Rgb, RgbImage, imageops};
use moue_face::{BLENDSHAPE_NAMES, Face, FaceError, FaceTracker};
use serde::Deserialize;
use support::{checksum, portrait, portrait_at, warp};

/// What MediaPipe's own runtime says of one picture; nothing if it sees no face. Made by `goldens/make_goldens.py`.
#[derive(Deserialize)]
struct Golden {
    width: u32,
    height: u32,
    portrait_from_copy: [i64; 6],
    checksum: u32,
    landmarks: Option<Vec<[f32; 3]>>,
    blendshapes: Option<Vec<f32>>,
    pose: Option<[[f32; 4]; 4]>,
}

impl Golden {
    fn picture(&self) -> RgbImage {
        let picture = warp(&portrait(), self.width, self.height, self.portrait_from_copy);
        assert_eq!(checksum(&picture), self.checksum, "the picture is not the one that MediaPipe saw");
        picture
    }
}

fn goldens() -> BTreeMap<String, Golden> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/mediapipe.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn tracker() -> FaceTracker {
    FaceTracker::new().unwrap()
}

fn only_face(tracker: &FaceTracker, picture: &RgbImage) -> Face {
    let mut faces = tracker.analyze(picture).unwrap();
    assert_eq!(faces.len(), 1, "faces in {}x{}", picture.width(), picture.height());
    faces.remove(0)
}

/// Mean distance in x and y, pixels.
fn distance<'a>(found: impl IntoIterator<Item = &'a [f32; 3]>, expected: impl IntoIterator<Item = [f32; 3]>) -> f32 {
    let distances: Vec<f32> = found.into_iter().zip(expected).map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).collect();
    distances.iter().sum::<f32>() / distances.len() as f32
}

#[test]
fn landmarks_blendshapes_and_pose_agree_with_mediapipe() {
    let tracker = tracker();
    let mut compared = 0;
    for (name, golden) in goldens() {
        let (Some(landmarks), Some(blendshapes), Some(pose)) = (&golden.landmarks, &golden.blendshapes, golden.pose)
        else {
            continue;
        };
        compared += 1;
        let face = only_face(&tracker, &golden.picture());

        let error = distance(&face.landmarks, landmarks.iter().copied());
        let error_at_512 = error * 512.0 / golden.width.max(golden.height) as f32;
        let face_size = face.box_in_image[2].max(face.box_in_image[3]);
        println!("{name}: {error:.4} px, {error_at_512:.4} px at 512, {:.5} of the face's size", error / face_size);
        assert!(error_at_512 < 0.05, "{name}: landmarks are off by {error_at_512} px at 512");
        let depth: f32 = face.landmarks.iter().zip(landmarks).map(|(a, b)| (a[2] - b[2]).abs()).sum::<f32>() / 478.0;
        assert!(depth / face_size < 0.001, "{name}: depths are off by {depth} px");

        for ((shape, found), expected) in BLENDSHAPE_NAMES.iter().zip(face.blendshapes).zip(blendshapes) {
            assert!((found - expected).abs() < 0.01, "{name}: {shape} is {found}, MediaPipe says {expected}");
        }
        for (row, column) in (0..4).flat_map(|row| (0..4).map(move |column| (row, column))) {
            let (found, expected) = (face.pose[row][column], pose[row][column]);
            let tolerance = if column == 3 { 0.05 } else { 0.003 };
            assert!((found - expected).abs() < tolerance, "{name}: pose[{row}][{column}] {found}, not {expected}");
        }
        assert!(face.score > 0.99, "{name}");
    }
    assert_eq!(compared, 5);
}

#[test]
fn a_face_that_mediapipe_misses_is_found_where_it_is() {
    let goldens = goldens();
    let golden = &goldens["small"];
    assert!(golden.landmarks.is_none());
    let face = only_face(&tracker(), &golden.picture());
    assert!(face.box_in_image[3] < 70.0, "the face is small: {:?}", face.box_in_image);
    // Its landmarks, brought back to the portrait, are those of the portrait.
    let [a, b, c, d, e, f] = golden.portrait_from_copy.map(|value| value as f32 / 65536.0);
    let in_portrait: Vec<[f32; 3]> =
        face.landmarks.iter().map(|&[u, v, z]| [a * u + b * v + c, d * u + e * v + f, z]).collect();
    let error = distance(&in_portrait, goldens["upright"].landmarks.clone().unwrap());
    assert!(error < 1.5, "{error} px of the portrait, whose face has 105");
}

#[test]
fn faces_from_16_pixels_are_found() {
    let tracker = tracker();
    // The detector's box around the portrait's face measures 101 pixels.
    for (size, center) in [(16.0, [88.0, 60.0]), (20.0, [61.0, 131.0]), (40.0, [150.0, 150.0])] {
        let face = only_face(&tracker, &portrait_at(240, 180, size / 101.0, center));
        let [x, y, width, height] = face.box_in_image;
        let off = (x + width / 2.0 - center[0] as f32).hypot(y + height / 2.0 - center[1] as f32);
        assert!(off < 0.2 * size as f32, "{size} pixels: {:?}", face.box_in_image);
        assert!((0.8..1.3).contains(&(height / size as f32)), "{size} pixels: {:?}", face.box_in_image);
    }
}

#[test]
fn faces_are_found_in_long_pictures_in_tiny_ones_and_cut_off() {
    let tracker = tracker();
    let cases: [(u32, u32, f64, [f64; 2]); 8] = [
        (2400, 200, 1.0, [2000.0, 100.0]),
        (160, 1800, 1.0, [80.0, 300.0]),
        (40, 40, 0.3, [20.0, 20.0]),
        (28, 32, 0.22, [14.0, 16.0]),
        (300, 300, 1.5, [40.0, 150.0]),
        (300, 300, 1.5, [250.0, 250.0]),
        (300, 300, 1.5, [150.0, 30.0]),
        (300, 300, 2.9, [150.0, 150.0]),
    ];
    for (width, height, scale, center) in cases {
        let face = only_face(&tracker, &portrait_at(width, height, scale, center));
        let nose = face.landmarks[4];
        let off = (f64::from(nose[0]) - center[0]).hypot(f64::from(nose[1]) - center[1]);
        assert!(off < 25.0 * scale, "{width}x{height}: the nose is at {nose:?}, expected near {center:?}");
    }
}

#[test]
fn several_faces_come_largest_first() {
    let tracker = tracker();
    let mut picture = portrait_at(640, 400, 1.3, [420.0, 180.0]);
    let second = portrait_at(240, 400, 1.8, [120.0, 200.0]);
    imageops::replace(&mut picture, &second, 0, 0);
    let faces = tracker.analyze(&picture).unwrap();
    assert_eq!(faces.len(), 2);
    let noses = [faces[0].landmarks[4], faces[1].landmarks[4]];
    assert!((noses[0][0] - 120.0).abs() < 30.0 && (noses[1][0] - 420.0).abs() < 30.0, "{noses:?}");
    assert!(faces[0].box_in_image[2] > faces[1].box_in_image[2]);
}

#[test]
fn pictures_without_a_face_give_none() {
    let tracker = tracker();
    let portrait = portrait();
    let mut state = 1u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let cut = |x, y, width, height| imageops::crop_imm(&portrait, x, y, width, height).to_image();
    // MediaPipe itself takes this one for a face.
    let wheel = RgbImage::from_fn(371, 370, |x, y| {
        let (x, y) = (x as f32 / 185.0 - 1.0, 1.0 - y as f32 / 185.0);
        let (radius, turn) = (x.hypot(y), y.atan2(x).to_degrees() - 90.0);
        Rgb([0.0, 120.0, 240.0].map(|at: f32| {
            let apart = ((turn - at).rem_euclid(360.0) - 180.0).abs() / 180.0;
            let hue = (3.0 * apart - 1.0).clamp(0.0, 1.0);
            let level = (1.0 + (hue - 1.0) * radius) * (2.0 - 2.0 * radius).clamp(0.0, 1.0);
            (255.0 * level) as u8
        }))
    });
    let pictures = [
        ("black", RgbImage::new(200, 200)),
        ("noise", RgbImage::from_fn(200, 150, |_, _| Rgb([noise(), noise(), noise()]))),
        ("ramp", RgbImage::from_fn(300, 100, |x, y| Rgb([(x / 2) as u8, y as u8, 90]))),
        ("squares", RgbImage::from_fn(160, 160, |x, y| Rgb([if (x / 20 + y / 20) % 2 == 0 { 255 } else { 0 }; 3]))),
        ("colour wheel", wheel),
        ("flag", cut(0, 0, 100, 240)),
        ("rocket", cut(330, 0, 182, 260)),
        ("suit and helmet", cut(0, 260, 512, 252)),
        ("half a pixel's worth", RgbImage::from_pixel(1, 1, Rgb([200, 150, 130]))),
    ];
    for (name, picture) in pictures {
        let faces = tracker.analyze(&picture).unwrap();
        assert!(faces.is_empty(), "{name}: {:?}", faces[0].box_in_image);
    }
}

#[test]
fn impossible_sizes_are_errors() {
    let tracker = tracker();
    for (width, height) in [(0, 0), (0, 10), (10, 0), (65_537, 1)] {
        let error = tracker.analyze(&RgbImage::new(width, height)).unwrap_err();
        assert!(matches!(error, FaceError::PictureSize { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{width}x{height}")), "{error}");
    }
    assert!(tracker.analyze(&RgbImage::new(65_536, 1)).unwrap().is_empty());
}

#[test]
fn tracking_follows_a_face_and_loses_what_has_gone() {
    let tracker = tracker();
    let first = only_face(&tracker, &portrait_at(400, 300, 1.0, [200.0, 120.0]));
    let moved = portrait_at(400, 300, 1.1, [212.0, 128.0]);
    let followed = tracker.track(&moved, &first).unwrap().expect("the face has moved a little");
    let found = only_face(&tracker, &moved);
    let error = distance(&followed.landmarks, found.landmarks);
    assert!(error < 0.012 * found.box_in_image[3], "{error} px between following and finding");

    assert_eq!(tracker.track(&RgbImage::new(400, 300), &first).unwrap(), None);
    let far = portrait_at(400, 300, 1.0, [40.0, 60.0]);
    if let Some(face) = tracker.track(&far, &first).unwrap() {
        panic!("followed to {:?} although the face is elsewhere", face.box_in_image);
    }
    let mut broken = first;
    broken.landmarks[7] = [f32::NAN; 3];
    broken.landmarks[33] = [f32::INFINITY; 3];
    assert_eq!(tracker.track(&moved, &broken).unwrap(), None);
}

#[test]
fn one_tracker_serves_many_threads_with_the_same_result() {
    let tracker = tracker();
    let picture = portrait();
    let alone = tracker.analyze(&picture).unwrap();
    let together: Vec<Vec<Face>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| tracker.analyze(&picture).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(together.iter().all(|faces| *faces == alone));
}
