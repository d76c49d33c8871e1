//! The picture that fixes who is seen.

use std::path::{Path, PathBuf};

use image::RgbImage;
use moue_face::{BLENDSHAPE_NAMES, Face, FaceTracker};
use moue_timeline::{Expression, HeadPose, Shape};

use crate::AnimationError;

/// A picture and the faces that the tracker sees in it.
#[derive(Debug)]
pub struct Portrait {
    /// Where it came from.
    pub path: PathBuf,
    /// The picture as it is shown (EXIF orientation applied), sRGB.
    pub image: RgbImage,
    /// Every face, the largest first; at least one.
    pub faces: Vec<Face>,
    /// Index of the face that is animated.
    pub chosen: usize,
    /// What the reader of the picture has to say, e.g. that it was rotated.
    pub notes: Vec<String>,
}

impl Portrait {
    /// Reads a picture and finds its faces; `number` (from 1, the largest first) says which one to animate.
    ///
    /// # Errors
    /// A picture that cannot be read, no face, or no face of that number.
    pub fn load(path: &Path, number: Option<usize>, tracker: &FaceTracker) -> Result<Self, AnimationError> {
        let picture = moue_media::load_picture(path)?;
        let faces = tracker.analyze(&picture.image).map_err(|source| AnimationError::face(path.to_owned(), source))?;
        let (width, height) = picture.image.dimensions();
        if faces.is_empty() {
            return Err(AnimationError::NoFace { path: path.to_owned(), width, height });
        }
        let asked = number.unwrap_or(1);
        let chosen = asked
            .checked_sub(1)
            .filter(|index| *index < faces.len())
            .ok_or_else(|| AnimationError::NoSuchFace { path: path.to_owned(), asked, found: faces.len() })?;
        Ok(Self { path: path.to_owned(), image: picture.image, faces, chosen, notes: picture.notes })
    }

    /// The face that is animated.
    pub fn face(&self) -> &Face {
        &self.faces[self.chosen]
    }

    /// The expression in the picture, as the tracker measures it. The head is at rest by definition: a motion's
    /// head angles turn it from where the picture has it.
    pub fn measured(&self) -> Expression {
        expression_of(self.face())
    }
}

/// A face's 52 ARKit coefficients from MediaPipe's 52 blendshapes. `tongueOut`, which MediaPipe does not measure, is
/// zero, and its `_neutral` has no place.
pub fn expression_of(face: &Face) -> Expression {
    let mut expression = Expression::NEUTRAL;
    for (name, value) in BLENDSHAPE_NAMES.iter().zip(face.blendshapes) {
        if let Some(shape) = Shape::from_name(name) {
            expression.set(shape, value);
        }
    }
    expression
}

/// A head's rotation in a picture, from straight ahead.
pub fn head_of(face: &Face) -> HeadPose {
    let rotation = [0, 1, 2].map(|row| [0, 1, 2].map(|column| f64::from(face.pose[row][column])));
    // A pose without a rotation would be a net's that is broken.
    HeadPose::from_rotation(&rotation).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mediapipes_names_are_arkits_but_for_two() {
        let unknown: Vec<&str> =
            BLENDSHAPE_NAMES.iter().copied().filter(|name| Shape::from_name(name).is_none()).collect();
        assert_eq!(unknown, ["_neutral"]);
        let unmeasured: Vec<Shape> =
            Shape::ALL.into_iter().filter(|shape| !BLENDSHAPE_NAMES.contains(&shape.name())).collect();
        assert_eq!(unmeasured, [Shape::TongueOut]);
    }
}
