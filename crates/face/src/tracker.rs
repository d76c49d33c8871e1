//! The tracker: detection, landmarks, blendshapes and pose put together.

use image::RgbImage;

use crate::FaceError;
use crate::blendshapes::{BLENDSHAPE_COUNT, BlendshapeNet};
use crate::detector::Detector;
use crate::landmarks::{self, LANDMARK_COUNT, Landmarker};
use crate::nets;
use crate::pose;
use crate::region::{Bounds, Region};
use crate::search;

/// The longest picture side that is accepted, pixels: beyond it f32 cannot hold positions between pixels.
const MAX_SIDE: u32 = 1 << 16;
/// Below this presence score the landmarks are taken for something that is no face.
const MIN_PRESENCE: f32 = 0.5;
/// A face that the detector gives less in the whole picture has to settle first. MediaPipe takes it unseen, and finds
/// a face in a colour wheel.
const SURE_SCORE: f32 = 0.7;
/// How well the landmark boxes of two looks must agree (intersection over union) for the face to have settled.
const MIN_SETTLED_IOU: f32 = 0.9;
/// Landmark boxes that overlap more than this (intersection over union) belong to the same face.
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
    /// One look at the whole picture finds what MediaPipe's image mode finds, and nearly the same numbers. If it finds
    /// no face, the picture is searched for smaller ones, down to about 1/32 of the long side or 16 pixels (the square
    /// from brow to chin), and for one that fills it. That takes up to 285 looks of the detector, and ends at the first
    /// scale that shows a face.
    ///
    /// # Errors
    /// [`FaceError::PictureSize`] for an empty or gigantic picture, [`FaceError::Run`] if a net fails.
    pub fn analyze(&self, image: &RgbImage) -> Result<Vec<Face>, FaceError> {
        check_size(image)?;
        let mut faces = Vec::new();
        for detection in self.detector.detect(image, &Region::whole(image))? {
            let Some(face) = self.face_in(image, &detection.landmark_region())? else { continue };
            if detection.score >= SURE_SCORE || self.settled(image, &face)?.is_some() {
                faces.push(face);
            }
        }
        for squares in search::levels(image) {
            if !faces.is_empty() {
                break;
            }
            tracing::debug!(squares = squares.len(), side = squares[0].side, "no face yet, searching smaller squares");
            for detection in search::detect(&self.detector, image, &squares)? {
                let Some(face) = self.face_in(image, &detection.landmark_region())? else { continue };
                faces.extend(self.settled(image, &face)?);
            }
        }
        Ok(largest_first(faces))
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

    /// Looks twice more around the landmarks of the look before. A face settles; what is none goes astray or wanders.
    fn settled(&self, image: &RgbImage, face: &Face) -> Result<Option<Face>, FaceError> {
        let Some(second) = self.track(image, face)? else { return Ok(None) };
        let third = self.track(image, &second)?;
        Ok(third.filter(|third| bounds_of(third).iou(&bounds_of(&second)) >= MIN_SETTLED_IOU))
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

/// Sorts by the area of the box and drops a face whose landmarks came to lie on those of a larger one.
fn largest_first(mut faces: Vec<Face>) -> Vec<Face> {
    faces.sort_by(|a, b| bounds_of(b).area().total_cmp(&bounds_of(a).area()));
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        if kept.iter().all(|other| bounds_of(other).iou(&bounds_of(&face)) <= SAME_FACE_IOU) {
            kept.push(face);
        }
    }
    kept
}

fn bounds_of(face: &Face) -> Bounds {
    let [x, y, width, height] = face.box_in_image;
    Bounds { min: [x, y], max: [x + width, y + height] }
}

/// Refuses pictures that are empty or gigantic.
pub(crate) fn check_size(image: &RgbImage) -> Result<(), FaceError> {
    let (width, height) = image.dimensions();
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
        return Err(FaceError::PictureSize { width, height, max_side: MAX_SIDE });
    }
    Ok(())
}
