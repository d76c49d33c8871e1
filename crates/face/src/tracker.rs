//! The tracker: detection, landmarks, blendshapes and pose put together.

use std::num::NonZero;

use image::RgbImage;

use crate::FaceError;
use crate::blendshapes::{BLENDSHAPE_COUNT, BlendshapeNet};
use crate::detector::Detector;
use crate::landmarks::{self, LANDMARK_COUNT, Landmarker, Landmarks};
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
    /// Loads the embedded nets, to run on as many threads as this process may use.
    ///
    /// # Errors
    /// [`FaceError::Load`] if a net cannot be loaded.
    pub fn new() -> Result<Self, FaceError> {
        Self::with_threads(nets::available_threads())
    }

    /// Loads the embedded nets, to run on this many threads: fewer leave more for work beside it.
    ///
    /// # Errors
    /// [`FaceError::Load`] if a net cannot be loaded.
    pub fn with_threads(threads: NonZero<usize>) -> Result<Self, FaceError> {
        let threads = nets::thread_pool(threads);
        Ok(Self {
            detector: Detector::new(threads.clone())?,
            landmarker: Landmarker::new(threads)?,
            blendshapes: BlendshapeNet::new()?,
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
        let sightings = self.find(image, true)?;
        Ok(sightings.into_iter().map(|sighting| self.describe(sighting, image.dimensions())).collect())
    }

    /// Follows a face into the next picture of a video: looks only where it was, which costs half of a full analysis.
    /// `None` means that it is lost there; [`analyze`](Self::analyze) then finds it again.
    ///
    /// What this returns depends on `image` and the place of `previous` alone. A [`FaceFollower`](crate::FaceFollower)
    /// does this for a whole video.
    ///
    /// # Errors
    /// As [`analyze`](Self::analyze).
    pub fn track(&self, image: &RgbImage, previous: &Face) -> Result<Option<Face>, FaceError> {
        let sighting = self.sight(image, &landmarks::next_region(&previous.landmarks))?;
        Ok(sighting.map(|sighting| self.describe(sighting, image.dimensions())))
    }

    /// Faces in a picture, largest first. `everywhere` says whether smaller and smaller squares are searched if one
    /// look at the whole shows none.
    pub(crate) fn find(&self, image: &RgbImage, everywhere: bool) -> Result<Vec<Sighting>, FaceError> {
        check_size(image)?;
        let mut faces = Vec::new();
        for detection in self.detector.detect(image, &Region::whole(image))? {
            let Some(face) = self.sight(image, &detection.landmark_region())? else { continue };
            if detection.score >= SURE_SCORE || self.settled(image, &face)?.is_some() {
                faces.push(face);
            }
        }
        for squares in search::levels(image) {
            if !faces.is_empty() || !everywhere {
                break;
            }
            tracing::debug!(squares = squares.len(), side = squares[0].side, "no face yet, searching smaller squares");
            for detection in search::detect(&self.detector, image, &squares)? {
                let Some(face) = self.sight(image, &detection.landmark_region())? else { continue };
                faces.extend(self.settled(image, &face)?);
            }
        }
        Ok(largest_first(faces))
    }

    /// Looks twice more around the landmarks of the look before. A face settles; what is none goes astray or wanders.
    fn settled(&self, image: &RgbImage, face: &Sighting) -> Result<Option<Sighting>, FaceError> {
        let again = |face: &Sighting| self.sight(image, &landmarks::next_region(&face.landmarks));
        let Some(second) = again(face)? else { return Ok(None) };
        let third = again(&second)?;
        Ok(third.filter(|third| third.bounds().iou(&second.bounds()) >= MIN_SETTLED_IOU))
    }

    /// The face in a region, if there is one.
    pub(crate) fn sight(&self, image: &RgbImage, region: &Region) -> Result<Option<Sighting>, FaceError> {
        check_size(image)?;
        if !region.is_usable() {
            return Ok(None);
        }
        let (landmarks, score) = self.landmarker.locate(image, region);
        Ok((score >= MIN_PRESENCE).then_some(Sighting { landmarks, score }))
    }

    /// All that can be read off a face in a picture of this size (width, height).
    pub(crate) fn describe(&self, sighting: Sighting, (width, height): (u32, u32)) -> Face {
        let Sighting { landmarks, score } = sighting;
        let bounds = landmarks::bounds(&landmarks);
        let size = bounds.size();
        Face {
            score,
            box_in_image: [bounds.min[0], bounds.min[1], size[0], size[1]],
            blendshapes: self.blendshapes.score(&landmarks),
            pose: pose::pose(&landmarks, width, height),
            landmarks: *landmarks,
        }
    }
}

/// A face that the landmark net saw.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    /// Pixels of the picture.
    pub(crate) landmarks: Box<Landmarks>,
    /// Presence, 0..1.
    pub(crate) score: f32,
}

impl Sighting {
    pub(crate) fn bounds(&self) -> Bounds {
        landmarks::bounds(&self.landmarks)
    }
}

/// Sorts by the area of the box and drops a face whose landmarks came to lie on those of a larger one.
fn largest_first(mut faces: Vec<Sighting>) -> Vec<Sighting> {
    faces.sort_by(|a, b| b.bounds().area().total_cmp(&a.bounds().area()));
    let mut kept: Vec<Sighting> = Vec::new();
    for face in faces {
        if kept.iter().all(|other| other.bounds().iou(&face.bounds()) <= SAME_FACE_IOU) {
            kept.push(face);
        }
    }
    kept
}

/// Refuses pictures that are empty or gigantic.
pub(crate) fn check_size(image: &RgbImage) -> Result<(), FaceError> {
    let (width, height) = image.dimensions();
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
        return Err(FaceError::PictureSize { width, height, max_side: MAX_SIDE });
    }
    Ok(())
}
