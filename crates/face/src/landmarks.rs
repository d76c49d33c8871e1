//! MediaPipe's 478 face landmarks in one region of a picture.

use std::sync::Arc;

use image::RgbImage;
use rten::ThreadPool;

use crate::FaceError;
use crate::nets::Net;
use crate::region::{Border, Bounds, Region};

/// Number of landmarks: 468 on the face, then 5 on each iris (the subject's right eye first).
pub const LANDMARK_COUNT: usize = 478;

/// Side of the net's input, pixels.
const INPUT: usize = 256;
/// The outer corner of the subject's right eye.
const RIGHT_EYE_OUTER: usize = 33;
/// The outer corner of the subject's left eye.
const LEFT_EYE_OUTER: usize = 263;

/// 478 landmarks, pixels of the picture; z like x, smaller is nearer, about 0 at the head's centre of depth.
pub(crate) type Landmarks = [[f32; 3]; LANDMARK_COUNT];

pub(crate) struct Landmarker {
    net: Net,
}

impl Landmarker {
    pub(crate) fn new(threads: Arc<ThreadPool>) -> Result<Self, FaceError> {
        let net = Net::load(
            "face_landmarks_detector",
            include_bytes!("../models/face_landmarks_detector.onnx"),
            &[("landmarks", LANDMARK_COUNT * 3), ("presence_logit", 1)],
            threads,
        )?;
        Ok(Self { net })
    }

    /// Landmarks in a region, and how sure the net is that the region holds a face (0..1).
    pub(crate) fn locate(&self, image: &RgbImage, region: &Region) -> Result<(Box<Landmarks>, f32), FaceError> {
        let input = region.sample(image, INPUT, Border::Nearest, 1.0 / 255.0, 0.0);
        let outputs = self.net.run(&[1, 3, INPUT, INPUT], input)?;
        let presence = 1.0 / (1.0 + (-outputs[1][0]).exp());
        let mut landmarks = Box::new([[0.0; 3]; LANDMARK_COUNT]);
        for (landmark, raw) in landmarks.iter_mut().zip(outputs[0].chunks_exact(3)) {
            let [x, y] = region.image_from_region([raw[0] / INPUT as f32, raw[1] / INPUT as f32]);
            *landmark = [x, y, raw[2] / INPUT as f32 * region.side];
        }
        Ok((landmarks, presence))
    }
}

/// The tightest upright box around landmarks.
pub(crate) fn bounds(landmarks: &Landmarks) -> Bounds {
    let first = [landmarks[0][0], landmarks[0][1]];
    Bounds::of_points(landmarks.iter().map(|&[x, y, _]| [x, y])).unwrap_or(Bounds { min: first, max: first })
}

/// Where to look for the same face in the next picture of a video.
pub(crate) fn next_region(landmarks: &Landmarks) -> Region {
    let eye = |index: usize| [landmarks[index][0], landmarks[index][1]];
    Region::around(&bounds(landmarks), eye(RIGHT_EYE_OUTER), eye(LEFT_EYE_OUTER))
}
