//! Crops of a face as the nets around the picture generator expect them.
//!
//! Two recipes, both kept to the level of single grey values because nets were trained on their results:
//!
//! - [`identity_crop`]: 112x112 pixels for a [`Recogniser`](crate::Recogniser), from five points;
//! - [`align`](align()): 512x512 pixels as in the FFHQ data set, from eyes and mouth.
//!
//! [`Face::identity_crop`](crate::Face::identity_crop) and [`Face::aligned`](crate::Face::aligned) take them from a
//! tracked face. Points are (x, y) in pixels of the picture; the integer is the centre of a pixel.

mod ffhq;
mod identity;
mod pad;
mod points;
mod quad;
mod similarity;
mod warp;

pub use ffhq::{ALIGNED_SIDE, AlignedFace, align};
pub use identity::{IDENTITY_CROP_SIDE, crop_from_picture, identity_crop};
pub use points::{EYES_AND_MOUTH_COUNT, eyes_and_mouth, five_points};
pub use similarity::Similarity;

use image::RgbImage;

use crate::{Face, FaceError};

impl Face {
    /// The face as a [`Recogniser`](crate::Recogniser) expects it, 112x112 pixels; see [`identity_crop`].
    ///
    /// # Errors
    /// [`FaceError::Alignment`] if the landmarks are no face's.
    pub fn identity_crop(&self, picture: &RgbImage) -> Result<RgbImage, FaceError> {
        identity_crop(picture, &five_points(&self.landmarks))
    }

    /// The face and its surroundings as in the FFHQ data set, 512x512 pixels; see [`align`](align()).
    ///
    /// # Errors
    /// [`FaceError::Alignment`] if the landmarks are no face's, or the face lies outside `picture`.
    pub fn aligned(&self, picture: &RgbImage) -> Result<AlignedFace, FaceError> {
        align(picture, &eyes_and_mouth(&self.landmarks))
    }
}
