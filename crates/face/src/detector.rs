//! MediaPipe's short-range face detector: boxes and eyes in one square region of a picture.

use std::sync::Arc;

use image::RgbImage;
use rten::ThreadPool;

use crate::FaceError;
use crate::nets::Net;
use crate::region::{Bounds, Region};
use crate::sampling::Border;

/// Side of the net's input, pixels.
const INPUT: usize = 128;
/// One anchor for each candidate: two per cell on a 16x16 grid, then six per cell on 8x8.
const ANCHORS: usize = 16 * 16 * 2 + 8 * 8 * 6;
/// Values per candidate: a box, then six keypoints.
const VALUES: usize = 16;
/// Boxes that overlap more than this (intersection over union) are the same face.
const SAME_FACE_IOU: f32 = 0.3;
/// The lowest score of a candidate.
pub(crate) const MIN_SCORE: f32 = 0.5;

/// A face that the detector saw.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Detection {
    /// 0..1.
    pub(crate) score: f32,
    /// Square box from brow to chin.
    pub(crate) bounds: Bounds,
    /// The subject's right eye.
    pub(crate) right_eye: [f32; 2],
    /// The subject's left eye.
    pub(crate) left_eye: [f32; 2],
}

impl Detection {
    /// The region to look for landmarks in.
    pub(crate) fn landmark_region(&self) -> Region {
        Region::around(&self.bounds, self.right_eye, self.left_eye)
    }
}

/// The detector net and its anchors.
pub(crate) struct Detector {
    net: Net,
    anchors: Vec<[f32; 2]>,
}

impl Detector {
    pub(crate) fn new(threads: Arc<ThreadPool>) -> Result<Self, FaceError> {
        let net = Net::load(
            "face_detector",
            include_bytes!("../models/face_detector.onnx"),
            &[("boxes", ANCHORS * VALUES), ("logits", ANCHORS)],
            threads,
        )?;
        Ok(Self { net, anchors: anchors() })
    }

    /// Runs work of several looks at once on the threads that also run the net.
    pub(crate) fn in_parallel<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.net.in_parallel(work)
    }

    /// Faces in an unturned region, best first, in picture coordinates (pixels).
    pub(crate) fn detect(&self, image: &RgbImage, region: &Region) -> Result<Vec<Detection>, FaceError> {
        let input = region.sample(image, INPUT, Border::Black, 1.0 / 127.5, -1.0);
        let outputs = self.net.run(&[1, 3, INPUT, INPUT], input)?;
        let candidates = decode(&outputs[0], &outputs[1], &self.anchors);
        Ok(merge(candidates)
            .into_iter()
            .map(|found| Detection {
                bounds: Bounds {
                    min: region.image_from_region(found.bounds.min),
                    max: region.image_from_region(found.bounds.max),
                },
                right_eye: region.image_from_region(found.right_eye),
                left_eye: region.image_from_region(found.left_eye),
                ..found
            })
            .collect())
    }
}

/// Anchor centres, 0..1, in the order of the net's outputs.
fn anchors() -> Vec<[f32; 2]> {
    let grid = |cells: usize, per_cell: usize| {
        (0..cells * cells * per_cell).map(move |i| {
            let cell = i / per_cell;
            [cell % cells, cell / cells].map(|index| (index as f32 + 0.5) / cells as f32)
        })
    };
    grid(16, 2).chain(grid(8, 6)).collect()
}

/// Candidates at or above [`MIN_SCORE`], in region coordinates (0..1).
fn decode(boxes: &[f32], logits: &[f32], anchors: &[[f32; 2]]) -> Vec<Detection> {
    let candidates = boxes.chunks_exact(VALUES).zip(logits).zip(anchors);
    candidates
        .filter_map(|((raw, &logit), anchor)| {
            let score = 1.0 / (1.0 + (-logit.clamp(-100.0, 100.0)).exp());
            let point = |i: usize| [raw[i] / INPUT as f32 + anchor[0], raw[i + 1] / INPUT as f32 + anchor[1]];
            let center = point(0);
            let half = [raw[2] / INPUT as f32 / 2.0, raw[3] / INPUT as f32 / 2.0];
            (score >= MIN_SCORE && half[0] > 0.0 && half[1] > 0.0).then(|| Detection {
                score,
                bounds: Bounds {
                    min: [center[0] - half[0], center[1] - half[1]],
                    max: [center[0] + half[0], center[1] + half[1]],
                },
                right_eye: point(4),
                left_eye: point(6),
            })
        })
        .collect()
}

/// Weighted non-maximum suppression: each best candidate becomes the mean, weighted by score, of all that overlap it.
fn merge(mut candidates: Vec<Detection>) -> Vec<Detection> {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut merged = Vec::new();
    while let Some(best) = candidates.first().cloned() {
        let (same, others): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|candidate| candidate.bounds.iou(&best.bounds) > SAME_FACE_IOU);
        let total: f32 = same.iter().map(|candidate| candidate.score).sum();
        let mean = |point: fn(&Detection) -> [f32; 2]| {
            [0, 1].map(|axis| same.iter().map(|one| point(one)[axis] * one.score).sum::<f32>() / total)
        };
        merged.push(Detection {
            score: best.score,
            bounds: Bounds { min: mean(|d| d.bounds.min), max: mean(|d| d.bounds.max) },
            right_eye: mean(|d| d.right_eye),
            left_eye: mean(|d| d.left_eye),
        });
        candidates = others;
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(score: f32, x: f32) -> Detection {
        let bounds = Bounds { min: [x, 0.0], max: [x + 1.0, 1.0] };
        Detection { score, bounds, right_eye: [x + 0.25, 0.25], left_eye: [x + 0.75, 0.25] }
    }

    #[test]
    fn anchors_are_cell_centres_two_then_six_each() {
        let anchors = anchors();
        assert_eq!(anchors.len(), ANCHORS);
        assert_eq!(anchors[..3], [[0.03125, 0.03125], [0.03125, 0.03125], [0.09375, 0.03125]]);
        assert_eq!(anchors[511], [0.96875, 0.96875]);
        assert_eq!([anchors[512], anchors[517], anchors[518]], [[0.0625, 0.0625], [0.0625, 0.0625], [0.1875, 0.0625]]);
    }

    #[test]
    fn decoding_keeps_candidates_of_half_and_more() {
        let mut boxes = [0.0; 3 * VALUES];
        boxes[VALUES..VALUES + 8].copy_from_slice(&[12.8, -12.8, 64.0, 32.0, -6.4, 6.4, 6.4, 6.4]);
        boxes[2 * VALUES + 2..2 * VALUES + 4].copy_from_slice(&[-64.0, 32.0]);
        let found = decode(&boxes, &[-0.1, 0.0, 1000.0], &[[0.5, 0.5]; 3]);
        let bounds = Bounds { min: [0.35, 0.275], max: [0.85, 0.525] };
        let expected = Detection { score: 0.5, bounds, right_eye: [0.45, 0.55], left_eye: [0.55, 0.55] };
        assert_eq!(found.len(), 1, "one scores too little, one is inside out: {found:?}");
        assert!(found[0].bounds.iou(&expected.bounds) > 0.9999 && found[0].score == 0.5, "{found:?}");
        assert!((found[0].right_eye[0] - 0.45).abs() < 1e-6 && (found[0].left_eye[0] - 0.55).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn overlapping_candidates_merge_by_score_and_others_stay() {
        let merged = merge(vec![detection(0.6, 0.2), detection(0.7, 5.0), detection(0.9, 0.0)]);
        assert_eq!(merged.iter().map(|one| one.score).collect::<Vec<_>>(), [0.9, 0.7]);
        // (0.9 * 0.0 + 0.6 * 0.2) / 1.5
        assert!(
            (merged[0].bounds.min[0] - 0.08).abs() < 1e-6 && (merged[0].right_eye[0] - 0.33).abs() < 1e-6,
            "{merged:?}"
        );
        assert_eq!(merged[1], detection(0.7, 5.0));
        assert!(merge(Vec::new()).is_empty());
    }
}
