#![allow(clippy::unwrap_used)]

use std::num::NonZero;

use super::*;
use crate::nets::{self, Net};
use crate::region::Region;
use crate::sampling::Border;

const ONNX: &[u8] = include_bytes!("../../models/face_landmarks_detector.onnx");

fn threads(count: usize) -> Arc<ThreadPool> {
    nets::thread_pool(NonZero::new(count).unwrap())
}

fn runtime() -> Net {
    let outputs = [("landmarks", crate::LANDMARK_COUNT * 3), ("presence_logit", 1)];
    Net::load("face_landmarks_detector", ONNX, &outputs, threads(2)).unwrap()
}

/// A picture that looks random: RGB of pixel (x, y), 0..1.
fn level(seed: u32, x: usize, y: usize, channel: usize) -> f32 {
    let mut state = seed ^ ((x as u32) << 18 | (y as u32) << 8 | channel as u32).wrapping_mul(0x9e37_79b9);
    for shift in [13, 17, 5] {
        state ^= state.wrapping_mul(0x85eb_ca6b) >> shift;
    }
    let smooth = ((x as f32 / 31.0).sin() * (y as f32 / 47.0 + channel as f32).cos() + 1.0) / 2.0;
    0.7 * smooth + 0.3 * (state >> 8) as f32 / 2f32.powi(24)
}

fn ours(net: &BlazeNet, seed: u32) -> (Vec<f32>, f32) {
    net.run(|rows| {
        for (y, row) in rows.chunks_exact_mut(INPUT_ROW).enumerate() {
            for (x, pixel) in row.chunks_exact_mut(3).take(INPUT).enumerate() {
                pixel.iter_mut().enumerate().for_each(|(c, value)| *value = level(seed, x, y, c));
            }
        }
    })
}

#[test]
fn landmarks_and_presence_are_those_of_a_runtime() {
    let runtime = runtime();
    let net = BlazeNet::load("face_landmarks_detector", ONNX, threads(2)).unwrap();
    for seed in 0..3 {
        let planes = (0..3).flat_map(|c| (0..INPUT * INPUT).map(move |i| level(seed, i % INPUT, i / INPUT, c)));
        let expected = runtime.run(&[1, 3, INPUT, INPUT], planes.collect()).unwrap();
        let (landmarks, presence) = ours(&net, seed);
        assert_eq!(landmarks.len(), expected[0].len());
        let worst = landmarks.iter().zip(&expected[0]).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        assert!(worst < 2e-3, "landmarks are off by {worst} pixels of the input");
        assert!((presence - expected[1][0]).abs() < 1e-3, "{presence}, not {}", expected[1][0]);
    }
}

#[test]
fn a_face_in_a_picture_is_where_a_runtime_sees_it() {
    let portrait = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/portraits/astronaut.png");
    let portrait = image::open(portrait).unwrap().to_rgb8();
    let runtime = runtime();
    let net = BlazeNet::load("face_landmarks_detector", ONNX, threads(2)).unwrap();
    for angle in [0.0, 0.3] {
        let region = Region { center: [225.0, 110.0], side: 190.0, angle };
        let planes = region.sample(&portrait, INPUT, Border::Nearest, 1.0 / 255.0, 0.0);
        let expected = runtime.run(&[1, 3, INPUT, INPUT], planes).unwrap();
        let (landmarks, presence) =
            net.run(|rows| region.sample_rows(&portrait, INPUT, Border::Nearest, 1.0 / 255.0, rows));
        assert!(expected[1][0] > 5.0, "{}: no face", expected[1][0]);
        assert!((presence / expected[1][0] - 1.0).abs() < 1e-4, "{presence}, not {}", expected[1][0]);
        let size = expected[0].iter().map(|value| value * value).sum::<f32>().sqrt();
        let off = landmarks.iter().zip(&expected[0]).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt();
        assert!(off < 1e-4 * size, "landmarks are off by {off} of {size}");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let [one, three] = [1, 3].map(|count| BlazeNet::load("net", ONNX, threads(count)).unwrap());
    let alone = ours(&one, 5);
    assert_eq!(alone, ours(&three, 5));
    // Pictures of the run before leave no trace.
    ours(&one, 6);
    assert_eq!(alone, ours(&one, 5));
}

#[test]
fn another_net_is_refused_by_its_structure() {
    let refused = |onnx: &[u8]| {
        let error = BlazeNet::load("net", onnx, threads(1)).err().unwrap();
        assert!(matches!(error, FaceError::Structure { .. }), "{error}");
        error.to_string()
    };
    assert!(refused(include_bytes!("../../models/face_detector.onnx")).contains("the net net has a"));
    assert!(refused(include_bytes!("../../models/face_blendshapes.onnx")).contains("in the place of Conv"));
    assert!(refused(b"").contains("without a graph"));
}
