use crate::TrackShapeError;

/// Why an operation on a track cannot be done.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EditError {
    /// A speed that is no number from 0.01 to 100.
    #[error("speed {found}: expected a factor from 0.01 to 100\nhint: 2 plays twice as fast, 0.5 at half the speed")]
    Speed {
        /// As given.
        found: f64,
    },
    /// A weight that is no number from 0 to 1.
    #[error("weight {found}: expected a number from 0 to 1\nhint: 0 gives the first track, 1 the second")]
    Weight {
        /// As given.
        found: f64,
    },
    /// A cross-fade that is negative, no number, or longer than one of the tracks.
    #[error(
        "cross-fade of {found} s: expected 0 to {longest:.3} s, the length of the shorter track\nhint: use a shorter cross-fade"
    )]
    Fade {
        /// As given, seconds.
        found: f64,
        /// Seconds.
        longest: f64,
    },
    /// No channel is left.
    #[error("no channel is left\nhint: the track has {has}")]
    NoChannels {
        /// Names of the track's channels, shortened.
        has: String,
    },
    /// More values than a track holds here.
    #[error(
        "{rows} rows of {channels} channels: expected at most {} values\nhint: use a lower rate, or trim the track first",
        crate::MAX_TRACK_VALUES
    )]
    TooLarge {
        /// How many rows it would have.
        rows: u64,
        /// How many channels it would have.
        channels: usize,
    },
    /// Times that are too large to be told apart.
    #[error("{0}\nhint: the track's times are too far from zero for this; trim it first")]
    Times(#[from] TrackShapeError),
}
