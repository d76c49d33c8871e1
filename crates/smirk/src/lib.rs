//! SMIRK: what a face in a picture does, as coefficients of FLAME
//!
//! Retsinas et al., "3D Facial Expressions through Analysis-by-Neural-Synthesis", arXiv 2404.04104. The published
//! `SMIRK_em1.pt` is read as it is; of its networks the expression encoder and, where it is there, the pose encoder
//! are used, and what comes out is what the authors' code computes.
//!
//! [`SmirkTracker`] takes a picture and MediaPipe's landmarks of the face in it: [`crop()`] cuts the face out, two
//! MobileNetV3 read it.

mod backbone;
mod crop;
mod error;
mod ops;
mod tracker;

pub use crop::{CROP_SIDE, Landmarks, crop};
pub use error::{Result, SmirkError};
pub use tracker::{SmirkFace, SmirkTracker};
