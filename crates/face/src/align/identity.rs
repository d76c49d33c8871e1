//! The crop that face recognisers of the ArcFace family were trained on.

use image::RgbImage;

use crate::FaceError;
use crate::align::{Similarity, warp};

/// Side of an identity crop, pixels.
pub const IDENTITY_CROP_SIDE: u32 = 112;

/// Where left eye, right eye, nose tip, left and right corner of the mouth (as seen in the picture) belong in the
/// crop, pixels: the template of InsightFace's `face_align.py`.
const TEMPLATE: [[f64; 2]; 5] =
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]];

/// Cuts out a face for a [`Recogniser`](crate::Recogniser): the five points are brought to the template of ArcFace,
/// the rest follows by bilinear interpolation, black outside the picture.
///
/// `points` are those of [`five_points`](crate::align::five_points).
///
/// # Errors
/// [`FaceError::Alignment`] if the points coincide or are not numbers.
pub fn identity_crop(picture: &RgbImage, points: &[[f64; 2]; 5]) -> Result<RgbImage, FaceError> {
    Ok(warp::warp(picture, &crop_from_picture(points)?.inverse(), IDENTITY_CROP_SIDE))
}

/// Where [`identity_crop`] moves the picture's points: the least-squares similarity to the template.
///
/// # Errors
/// [`FaceError::Alignment`] if the points coincide or are not numbers.
pub fn crop_from_picture(points: &[[f64; 2]; 5]) -> Result<Similarity, FaceError> {
    Similarity::fit(points, &TEMPLATE).ok_or_else(|| FaceError::Alignment {
        found: format!("{points:?} for eyes, nose and mouth"),
        expected: "five points apart from each other",
        hint: "the points come from a face tracker; check that it found a face",
    })
}
