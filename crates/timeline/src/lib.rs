//! Pure values: time, frame rate, expression coefficients, tracks and their sampling.
//!
//! This crate does no I/O.

mod expression;
mod shape;

pub use expression::{Expression, HeadPose};
pub use shape::Shape;
