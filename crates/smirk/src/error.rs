//! What can go wrong between a picture and its coefficients.

use moue_weights::WeightsError;

/// Why a face cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmirkError {
    /// The file is not what it should be, or not all that the networks need is in it.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The landmarks do not say where the face is.
    #[error(
        "cannot cut out a face: found {found}, expected {expected}\nhint: the landmarks come from a face tracker; check that it found a face"
    )]
    Landmarks {
        /// What was given.
        found: String,
        /// What is needed.
        expected: &'static str,
    },
    /// A picture without pixels.
    #[error(
        "cannot read a face in a picture of {width}x{height} pixels, expected at least 1x1\nhint: check how the picture was decoded"
    )]
    Picture {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// A picture for the networks that is no crop.
    #[error("cannot read a face in a picture of {width}x{height} pixels, expected {side}x{side}\nhint: cut the face out with crop first", side = crate::CROP_SIDE)]
    CropSize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// Not a number, or infinite, where a coefficient should have come.
    #[error(
        "found a coefficient that is {found}, expected finite numbers\nhint: the weights are damaged; fetch the file again"
    )]
    NotFinite {
        /// The coefficient.
        found: f32,
    },
    /// What the tensor library says.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// The result of everything here.
pub type Result<T, E = SmirkError> = std::result::Result<T, E>;
