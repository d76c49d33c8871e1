//! Crops against those of OpenCV and of Arc2Face's own code, and what no crop can be made of.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage, imageops};
use moue_face::align::{
    ALIGNED_SIDE, EYES_AND_MOUTH_COUNT, align, crop_from_picture, eyes_and_mouth, five_points, identity_crop,
};
use moue_face::{Face, FaceError, FaceTracker};
use serde::Deserialize;
use support::{portrait, portrait_at};

/// Made by `goldens/make_align_goldens.py`; the pictures lie beside it.
#[derive(Deserialize)]
struct Goldens {
    identity: BTreeMap<String, Identity>,
    aligned: BTreeMap<String, Aligned>,
}

#[derive(Deserialize)]
struct Identity {
    points: [[f64; 2]; 5],
    matrix: [[f64; 3]; 2],
}

#[derive(Deserialize)]
struct Aligned {
    /// Each pixel of the portrait is repeated so often in both directions.
    times: u32,
    points: [[f64; 2]; EYES_AND_MOUTH_COUNT],
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

fn goldens() -> Goldens {
    serde_json::from_str(&std::fs::read_to_string(folder().join("align.json")).unwrap()).unwrap()
}

fn golden_picture(name: &str) -> RgbImage {
    image::open(folder().join(format!("{name}.png"))).unwrap().to_rgb8()
}

/// Differences of all values, sorted.
fn differences(found: &RgbImage, expected: &RgbImage) -> Vec<u8> {
    assert_eq!(found.dimensions(), expected.dimensions());
    let mut differences: Vec<u8> = found.as_raw().iter().zip(expected.as_raw()).map(|(a, b)| a.abs_diff(*b)).collect();
    differences.sort_unstable();
    differences
}

fn mean(differences: &[u8]) -> f64 {
    differences.iter().map(|&d| f64::from(d)).sum::<f64>() / differences.len() as f64
}

#[test]
fn identity_crops_are_those_of_opencv() {
    let portrait = portrait();
    let goldens = goldens().identity;
    assert_eq!(goldens.len(), 3);
    for (name, golden) in goldens {
        let matrix = crop_from_picture(&golden.points).unwrap().matrix();
        for (found, expected) in matrix.as_flattened().iter().zip(golden.matrix.as_flattened()) {
            assert!((found - expected).abs() < 1e-9, "{name}: {matrix:?} is not {:?}", golden.matrix);
        }
        let crop = identity_crop(&portrait, &golden.points).unwrap();
        let differences = differences(&crop, &golden_picture(&format!("identity_{name}")));
        let differing = differences.iter().filter(|&&d| d > 0).count();
        println!(
            "{name}: {differing} of {} values differ, by {} at most",
            differences.len(),
            differences.last().unwrap()
        );
        assert!(differences[differences.len() * 999 / 1000] <= 1, "{name}");
        assert!(mean(&differences) < 0.01, "{name}");
    }
}

#[test]
fn aligned_pictures_are_those_of_arc2face() {
    let goldens = goldens().aligned;
    assert_eq!(goldens.len(), 6);
    for (name, golden) in goldens {
        let portrait = portrait();
        let (width, height) = (portrait.width() * golden.times, portrait.height() * golden.times);
        let picture = imageops::resize(&portrait, width, height, imageops::FilterType::Nearest);
        let aligned = align(&picture, &golden.points).unwrap();
        let differences = differences(&aligned.picture, &golden_picture(&format!("aligned_{name}")));
        let (mean, most) = (mean(&differences), differences.last().unwrap());
        println!("{name}: mean difference {mean:.5}, at most {most}");
        assert!(mean < 0.05, "{name}: the mean difference is {mean} levels");
        assert!(*most <= 3, "{name}: some value is off by {most} levels");
    }
}

#[test]
fn the_way_back_from_an_aligned_picture_is_that_of_its_pixels() {
    let tracker = FaceTracker::new().unwrap();
    let picture = portrait_at(400, 400, 1.5, [180.0, 190.0]);
    let face = only_face(&tracker, &picture);
    let aligned = face.aligned(&picture).unwrap();
    assert_eq!(aligned.picture.dimensions(), (ALIGNED_SIDE, ALIGNED_SIDE));

    // The corners are the outer ones of the corner pixels, in order.
    let source_from_aligned = aligned.source_from_aligned();
    let last = f64::from(ALIGNED_SIDE) - 0.5;
    for (corner, at) in aligned.corners.into_iter().zip([[-0.5, -0.5], [-0.5, last], [last, last], [last, -0.5]]) {
        let [x, y] = source_from_aligned.apply(at);
        assert!((x - corner[0]).hypot(y - corner[1]) < 1e-9, "{corner:?} is not {x}, {y}");
    }

    // The tracker sees the same face in the aligned picture, at the place that the similarity says.
    let again = only_face(&tracker, &aligned.picture);
    let aligned_from_source = source_from_aligned.inverse();
    let distances = face.landmarks.iter().zip(&again.landmarks).map(|(source, found)| {
        let [x, y] = aligned_from_source.apply([source[0].into(), source[1].into()]);
        (x - f64::from(found[0])).hypot(y - f64::from(found[1]))
    });
    let off = distances.sum::<f64>() / face.landmarks.len() as f64;
    assert!(off < 2.0, "landmarks are off by {off} pixels of the aligned picture");
    let [left, right] = [33, 263].map(|index: usize| again.landmarks[index]);
    assert!((left[1] - right[1]).abs() < 15.0 && left[0] < 256.0 && right[0] > 256.0, "{left:?} {right:?}");
}

#[test]
fn a_tracked_face_gives_the_crops_of_its_points() {
    let tracker = FaceTracker::new().unwrap();
    let portrait = portrait();
    let face = only_face(&tracker, &portrait);
    let crop = face.identity_crop(&portrait).unwrap();
    assert_eq!(crop, identity_crop(&portrait, &five_points(&face.landmarks)).unwrap());
    assert_eq!(face.aligned(&portrait).unwrap(), align(&portrait, &eyes_and_mouth(&face.landmarks)).unwrap());

    // On a frontal face the points come to lie near the template.
    let placed = five_points(&face.landmarks)
        .map(|point| crop_from_picture(&five_points(&face.landmarks)).unwrap().apply(point));
    let template = [[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]];
    for (point, wanted) in placed.iter().zip(template) {
        assert!((point[0] - wanted[0]).hypot(point[1] - wanted[1]) < 8.0, "{placed:?}");
    }
}

#[test]
fn crops_follow_the_face_through_turns_and_scales() {
    let tracker = FaceTracker::new().unwrap();
    let upright = portrait();
    let first = only_face(&tracker, &upright).identity_crop(&upright).unwrap();
    let larger = portrait_at(700, 500, 1.7, [400.0, 240.0]);
    let second = only_face(&tracker, &larger).identity_crop(&larger).unwrap();
    let differences = differences(&first, &second);
    assert!(mean(&differences) < 5.0, "{}", mean(&differences));
}

#[test]
fn faces_far_outside_the_picture_are_refused_and_those_at_its_edge_are_not() {
    let points = goldens().aligned["middle"].points;
    let moved = |dx: f64, dy: f64| points.map(|[x, y]| [x + dx, y + dy]);
    let portrait = portrait();
    for (dx, dy) in [(-600.0, 0.0), (600.0, 0.0), (0.0, -600.0), (0.0, 700.0), (1e9, 1e9), (-1e300, 0.0)] {
        let error = align(&portrait, &moved(dx, dy)).unwrap_err();
        assert!(matches!(error, FaceError::Alignment { .. }), "{error}");
    }
    for (dx, dy) in [(-300.0, 0.0), (330.0, -180.0), (0.0, 420.0)] {
        let aligned = align(&portrait, &moved(dx, dy)).unwrap();
        assert!(aligned.picture.pixels().any(|pixel| *pixel != aligned.picture[(0, 0)]));
    }
}

#[test]
fn points_that_are_no_face_are_refused() {
    let portrait = portrait();
    let good = goldens().aligned["middle"].points;
    let one_place = good.map(|_| [100.0, 100.0]);
    let mut broken = good;
    broken[3][0] = f64::NAN;
    let tiny = good.map(|[x, y]| [x * 0.01, y * 0.01]);
    let endless = good.map(|[x, y]| [x * 1e307, y * 1e307]);
    for points in [one_place, broken, tiny, endless] {
        let error = align(&portrait, &points).unwrap_err();
        assert!(error.to_string().contains("hint: "), "{error}");
    }
    for points in [[[5.0, 5.0]; 5], [[f64::NAN; 2]; 5], [[f64::INFINITY; 2]; 5]] {
        let error = identity_crop(&portrait, &points).unwrap_err();
        assert!(matches!(error, FaceError::Alignment { .. }), "{error}");
    }
}

#[test]
fn pictures_of_all_sizes_can_be_cut_from() {
    let points = goldens().aligned["middle"].points;
    for (width, height) in [(0, 0), (0, 5), (70_000, 1)] {
        let error = align(&RgbImage::new(width, height), &points).unwrap_err();
        assert!(matches!(error, FaceError::PictureSize { .. }), "{error}");
    }
    // A single pixel is all there is to reflect.
    let colour = Rgb([200, 150, 130]);
    let around = points.map(|[x, y]| [x - 225.0, y - 140.0]);
    for (width, height) in [(1, 1), (1, 40), (3, 2)] {
        let aligned = align(&RgbImage::from_pixel(width, height, colour), &around).unwrap();
        assert!(aligned.picture.pixels().all(|pixel| *pixel == colour), "{width}x{height}");
    }
    // A square much larger than its picture is shrunk first.
    let huge = around.map(|[x, y]| [x * 1e4, y * 1e4]);
    assert!(align(&RgbImage::from_pixel(3, 2, colour), &huge).unwrap().picture.pixels().all(|pixel| *pixel == colour));
    assert_eq!(identity_crop(&RgbImage::new(0, 0), &goldens().identity["middle"].points).unwrap()[(5, 5)], Rgb([0; 3]));
}

fn only_face(tracker: &FaceTracker, picture: &RgbImage) -> Face {
    let mut faces = tracker.analyze(picture).unwrap();
    assert_eq!(faces.len(), 1);
    faces.remove(0)
}
