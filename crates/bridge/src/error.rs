use moue_timeline::{TrackShapeError, counted};

use crate::Family;

/// Why tracks cannot be bridged, or a map not made. A caller that read files puts their names before the text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// Nothing of the other family follows from the track.
    #[error("the track drives {has}, and none of it can be turned into {to} coefficients\nhint: {hint}")]
    Nothing {
        /// Names of its channels, shortened.
        has: String,
        /// The family that was wanted.
        to: Family,
        /// What to do.
        hint: &'static str,
    },
    /// A map that goes the other way only.
    #[error("the map does not lead to {to} coefficients\nhint: make one that goes both ways with `moue calibrate`")]
    Direction {
        /// The family that was wanted.
        to: Family,
    },
    /// No recordings, or too short ones.
    #[error(
        "{} to learn from: expected at least {least}\nhint: use longer videos of a face that talks and grimaces",
        counted(*frames, "frame")
    )]
    TooFewFrames {
        /// How many there are, less those held back.
        frames: usize,
        /// How many it takes.
        least: usize,
    },
    /// Two tracks of one recording that are not.
    #[error("{name}: {problem}\nhint: both tracks come from the same frames of one video")]
    Pair {
        /// What the caller calls the recording.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An array of a map that is missing or is not as it should be.
    #[error("array '{array}': found {found}, expected {expected}\nhint: {hint}")]
    Array {
        /// Its name.
        array: String,
        /// What is there.
        found: String,
        /// What a map has there.
        expected: String,
        /// What to do.
        hint: &'static str,
    },
    /// Values that form no track.
    #[error(transparent)]
    Track(#[from] TrackShapeError),
}
