//! The tracker: detection, landmarks, blendshapes and pose put together.

use image::RgbImage;

use crate::FaceError;
use crate::blendshapes::{BLENDSHAPE_COUNT, BlendshapeNet};
use crate::detector::Detector;
use crate::landmarks::{self, LANDMARK_COUNT, Landmarker};
use crate::nets;
use crate::pose;
use crate::region::Region;

/// The longest picture side that is accepted, pixels: beyond it f32 cannot hold positions between pixels.
const MAX_SIDE: u32 = 1 << 16;
/// Below this presence score the landmarks are taken for something that is no face.
const MIN_PRESENCE: f32 = 0.5;
/// Landmark boxes that overlap more than this (intersection over union) belong to the same face.
#[allow(dead_code)]
const SAME_FACE_IOU: f32 = 0.4;

/// One face in a picture. Lengths are pixels of the picture; the integer (x, y) is the centre of a pixel, and 0 the
/// centre of the first.
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// How sure the landmark net is that this is a face, 0..1 (at least 0.5).
    pub score: f32,
    /// The tightest upright box around the landmarks: x, y of its upper left corner, width, height. It may reach out
    /// of the picture.
    pub box_in_image: [f32; 4],
    /// x, y, z for each landmark in MediaPipe's order: 468 on the face, then 5 on the subject's right iris and 5 on the
    /// left. z has the scale of x; smaller is nearer to the camera.
    pub landmarks: [[f32; 3]; LANDMARK_COUNT],
    /// Scores 0..1, named by [`BLENDSHAPE_NAMES`](crate::BLENDSHAPE_NAMES).
    pub blendshapes: [f32; BLENDSHAPE_COUNT],
    /// Canonical face (cm) to camera space (cm; x right, y up, z towards the viewer), rows first: MediaPipe's facial
    /// transformation matrix. The camera is a guess, 63 degrees of view from the picture's top to its bottom.
    pub pose: [[f32; 4]; 4],
}

/// Finds faces with MediaPipe's nets, which are part of the program.
///
/// Loading takes some tens of milliseconds; make one and share it, analysis needs no exclusive access.
pub struct FaceTracker {
    detector: Detector,
    landmarker: Landmarker,
    blendshapes: BlendshapeNet,
}

impl FaceTracker {
    /// Loads the embedded nets.
    ///
    /// # Errors
    /// [`FaceError::Load`] if a net cannot be loaded.
    pub fn new() -> Result<Self, FaceError> {
        let threads = nets::thread_pool();
        Ok(Self {
            detector: Detector::new(threads.clone())?,
            landmarker: Landmarker::new(threads.clone())?,
            blendshapes: BlendshapeNet::new(threads)?,
        })
    }

    /// Finds the faces in a picture (sRGB), largest first; none gives an empty list.
    ///
    /// # Errors
    /// [`FaceError::PictureSize`] for an empty or gigantic picture, [`FaceError::Run`] if a net fails.
    pub fn analyze(&self, image: &RgbImage) -> Result<Vec<Face>, FaceError> {
        check_size(image)?;
        let mut faces: Vec<Face> = Vec::new();
        for detection in self.detector.detect(image, &Region::whole(image))? {
            let Some(face) = self.face_in(image, &detection.landmark_region())? else { continue };
            faces.push(face);
        }
        faces.sort_by(|a, b| area(b).total_cmp(&area(a)));
        Ok(faces)
    }

    /// Follows a face into the next picture of a video: looks only where it was, which costs half of a full analysis.
    /// `None` means that it is lost there; [`analyze`](Self::analyze) then finds it again.
    ///
    /// The method is that of MediaPipe's video mode, without its smoothing over time: what this returns depends on
    /// `image` and the place of `previous` alone.
    ///
    /// # Errors
    /// As [`analyze`](Self::analyze).
    pub fn track(&self, image: &RgbImage, previous: &Face) -> Result<Option<Face>, FaceError> {
        check_size(image)?;
        self.face_in(image, &landmarks::next_region(&previous.landmarks))
    }

    fn face_in(&self, image: &RgbImage, region: &Region) -> Result<Option<Face>, FaceError> {
        if !region.is_usable() {
            return Ok(None);
        }
        let (landmarks, score) = self.landmarker.locate(image, region)?;
        if score < MIN_PRESENCE {
            return Ok(None);
        }
        let bounds = landmarks::bounds(&landmarks);
        let [width, height] = bounds.size();
        Ok(Some(Face {
            score,
            box_in_image: [bounds.min[0], bounds.min[1], width, height],
            blendshapes: self.blendshapes.score(&landmarks)?,
            pose: pose::pose(&landmarks, image.width(), image.height()),
            landmarks: *landmarks,
        }))
    }
}

fn area(face: &Face) -> f32 {
    face.box_in_image[2] * face.box_in_image[3]
}

fn check_size(image: &RgbImage) -> Result<(), FaceError> {
    let (width, height) = image.dimensions();
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
        return Err(FaceError::PictureSize { width, height, max_side: MAX_SIDE });
    }
    Ok(())
}
