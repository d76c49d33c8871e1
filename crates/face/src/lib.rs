//! Finds a face in a picture: detection, landmarks, blendshapes and head pose
//!
//! [`FaceTracker`] runs Google MediaPipe's face landmarker (three small nets that are part of the program, see
//! `models/README.md`) on the CPU, without Python and without a download:
//!
//! 1. the detector looks at the whole picture, letterboxed to 128x128, and marks boxes and eyes;
//! 2. the region around each, turned upright, goes to the landmark net, which returns 478 points and says whether
//!    there is a face at all;
//! 3. a third net reads 52 blendshape scores off the landmarks, and a Procrustes fit of the canonical face gives the
//!    pose.
//!
//! For the same picture the results are MediaPipe's own: landmarks within 0.0005 of the face's size, scores within
//! 0.005. Beyond MediaPipe, faces too small or too large for one look are searched for, and doubtful ones must settle.
//!
//! A [`FaceFollower`] follows one face through a video, as MediaPipe's video mode does.
//!
//! [`align`] cuts faces out as the nets around a picture generator expect them, and a [`Recogniser`] (an ArcFace file
//! that the user has) says whose face it is.
//!
//! ```
//! # fn main() -> Result<(), moue_face::FaceError> {
//! let tracker = moue_face::FaceTracker::new()?;
//! let picture = image::RgbImage::new(64, 64);
//! assert!(tracker.analyze(&picture)?.is_empty());
//! # Ok(())
//! # }
//! ```

pub mod align;
mod blaze;
mod blendshapes;
mod chain;
mod detector;
mod error;
mod follower;
mod kernels;
mod landmarks;
mod mixer;
mod nets;
mod onnx;
mod pose;
mod recogniser;
mod region;
mod sampling;
mod search;
mod simd;
mod smoothing;
mod tracker;

pub use blendshapes::{BLENDSHAPE_COUNT, BLENDSHAPE_NAMES};
pub use error::FaceError;
pub use follower::{FaceFollower, FollowSettings, Located, Tracked};
pub use landmarks::LANDMARK_COUNT;
pub use recogniser::{EMBEDDING_LEN, Identity, Recogniser};
pub use tracker::{Face, FaceTracker};

#[cfg(test)]
mod tests {
    #[test]
    fn tracker_and_recogniser_can_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<super::FaceTracker>();
        shared::<super::Recogniser>();
    }
}
