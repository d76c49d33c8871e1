//! MediaPipe's 478 face landmarks in one region of a picture.

use std::sync::Arc;

use image::RgbImage;
use rten::ThreadPool;

use crate::FaceError;
use crate::blaze::{BlazeNet, INPUT};
use crate::region::{Bounds, Region};
use crate::sampling::Border;

/// Number of landmarks: 468 on the face, then 5 on each iris (the subject's right eye first).
pub const LANDMARK_COUNT: usize = 478;

/// The outer corner of the subject's right eye.
const RIGHT_EYE_OUTER: usize = 33;
/// The outer corner of the subject's left eye.
const LEFT_EYE_OUTER: usize = 263;

/// 478 landmarks, pixels of the picture; z like x, smaller is nearer, about 0 at the head's centre of depth.
pub(crate) type Landmarks = [[f32; 3]; LANDMARK_COUNT];

pub(crate) struct Landmarker {
    net: BlazeNet,
}

impl Landmarker {
    pub(crate) fn new(threads: Arc<ThreadPool>) -> Result<Self, FaceError> {
        let onnx = include_bytes!("../models/face_landmarks_detector.onnx");
        let net = BlazeNet::load("face_landmarks_detector", onnx, threads)?;
        Ok(Self { net })
    }

    /// Landmarks in a region, and how sure the net is that the region holds a face (0..1).
    pub(crate) fn locate(&self, image: &RgbImage, region: &Region) -> (Box<Landmarks>, f32) {
        let (values, logit) = self.net.run(|rows| region.sample_rows(image, INPUT, Border::Nearest, 1.0 / 255.0, rows));
        let presence = 1.0 / (1.0 + (-logit).exp());
        let mut landmarks = Box::new([[0.0; 3]; LANDMARK_COUNT]);
        for (landmark, raw) in landmarks.iter_mut().zip(values.chunks_exact(3)) {
            let [x, y] = region.image_from_region([raw[0] / INPUT as f32, raw[1] / INPUT as f32]);
            *landmark = [x, y, raw[2] / INPUT as f32 * region.side];
        }
        (landmarks, presence)
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
