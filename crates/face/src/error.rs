//! What can go wrong while a picture is analysed or a face is cut out and recognised.

use std::error::Error;
use std::path::PathBuf;

/// Why a picture could not be analysed, or a face not be cut out or recognised.
///
/// A picture without a face is not an error: [`FaceTracker::analyze`](crate::FaceTracker::analyze) then returns an
/// empty list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaceError {
    /// An embedded net could not be loaded: the program was built wrongly, or there is no memory.
    #[error("cannot load the embedded net {net}\nhint: crates/face/models/README.md says how to make the nets again")]
    Load {
        /// Which net.
        net: &'static str,
        /// What the runtime said.
        #[source]
        source: rten::LoadError,
    },
    /// An embedded net is built otherwise than this crate was written for.
    #[error(
        "the net {net} has {found}, expected the landmark net of face_landmarker.task\n\
         hint: crates/face/models/README.md says how to make the nets again"
    )]
    Structure {
        /// Which net.
        net: &'static str,
        /// What it has in the place of what is needed.
        found: String,
    },
    /// An embedded net failed while running.
    #[error("the net {net} failed while running")]
    Run {
        /// Which net.
        net: &'static str,
        /// What the runtime said.
        #[source]
        source: rten::RunError,
    },
    /// An embedded net is not the one that this crate was written for.
    #[error("the net {net} returned {found} as {output}, expected {expected} values of type f32")]
    Output {
        /// Which net.
        net: &'static str,
        /// Which of its outputs.
        output: &'static str,
        /// What came out.
        found: String,
        /// How many values were expected.
        expected: usize,
    },
    /// A picture side is zero or too long for the sampling arithmetic.
    #[error("cannot analyse a picture of {width}x{height} pixels, expected sides from 1 to {max_side}")]
    PictureSize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The longest side that is accepted.
        max_side: u32,
    },
    /// The points of a face do not say how to align it.
    #[error("cannot align a face: found {found}, expected {expected}\nhint: {hint}")]
    Alignment {
        /// What was given.
        found: String,
        /// What is needed.
        expected: &'static str,
        /// What a person can do about it.
        hint: &'static str,
    },
    /// A file is no face recogniser.
    #[error("{}: found {found}, expected {expected}\nhint: {hint}", .file.display())]
    Recogniser {
        /// The file as the caller named it.
        file: PathBuf,
        /// What is there.
        found: String,
        /// What a recogniser has there.
        expected: &'static str,
        /// What a person can do about it.
        hint: &'static str,
        /// What the system or the runtime said.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// A picture for the recogniser is no identity crop.
    #[error(
        "cannot recognise a face in a picture of {width}x{height} pixels, expected {side}x{side}\n\
         hint: cut the face out with identity_crop first"
    )]
    CropSize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The side of an identity crop.
        side: u32,
    },
}
