//! Finds a face in a picture: detection, landmarks, blendshapes and head pose

mod blendshapes;
mod canonical;
mod detector;
mod error;
mod landmarks;
mod nets;
mod pose;
mod region;
mod search;
mod tracker;

pub use blendshapes::{BLENDSHAPE_COUNT, BLENDSHAPE_NAMES};
pub use canonical::{CANONICAL_TRIANGLE_COUNT, CANONICAL_VERTEX_COUNT, canonical_triangles, canonical_vertices};
pub use error::FaceError;
pub use landmarks::LANDMARK_COUNT;
pub use tracker::{Face, FaceTracker};
