//! The 52 blendshape scores that MediaPipe reads off the landmarks.

use crate::FaceError;
use crate::landmarks::Landmarks;
use crate::mixer::{Mixer, POINTS};

/// Number of blendshape scores.
pub const BLENDSHAPE_COUNT: usize = 52;

/// Names of the scores in the order of [`Face::blendshapes`](crate::Face::blendshapes). Left and right are the
/// subject's. `_neutral` is no ARKit shape, and ARKit's `tongueOut` is missing.
pub const BLENDSHAPE_NAMES: [&str; BLENDSHAPE_COUNT] = [
    "_neutral",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookDownLeft",
    "eyeLookDownRight",
    "eyeLookInLeft",
    "eyeLookInRight",
    "eyeLookOutLeft",
    "eyeLookOutRight",
    "eyeLookUpLeft",
    "eyeLookUpRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "noseSneerLeft",
    "noseSneerRight",
];

/// The landmarks that the net reads.
const SUBSET: [u16; POINTS] = [
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
    81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153,
    154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251,
    263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318,
    321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
];

pub(crate) struct BlendshapeNet {
    net: Mixer,
}

impl BlendshapeNet {
    pub(crate) fn new() -> Result<Self, FaceError> {
        Ok(Self { net: Mixer::load("face_blendshapes", include_bytes!("../models/face_blendshapes.onnx"))? })
    }

    /// Scores 0..1 from landmarks in pixels.
    pub(crate) fn score(&self, landmarks: &Landmarks) -> [f32; BLENDSHAPE_COUNT] {
        self.net.run(&SUBSET.map(|i| [landmarks[usize::from(i)][0], landmarks[usize::from(i)][1]]))
    }
}
