//! What a leg tells about itself.

use std::fmt;
use std::time::Duration;

/// A change in the life of a leg; nothing is told twice in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegEvent {
    /// The first frame is there, and the first session begins.
    Connecting,
    /// The first session stands: the server has taken frames for a second.
    Live,
    /// The session broke, or the first one does not come about; told again while it is down only if the reason changes.
    Lost {
        /// Why, in a sentence without a full stop.
        why: String,
        /// What to do.
        hint: String,
    },
    /// A session stands again.
    Resumed {
        /// Time since it was first told that there is none.
        after: Duration,
    },
    /// Nothing more will be sent.
    Ended,
}

impl fmt::Display for LegEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("connecting"),
            Self::Live => f.write_str("live"),
            Self::Lost { why, hint } => write!(f, "not live: {why} ({hint})"),
            Self::Resumed { after } => write!(f, "live again after {:.1} s", after.as_secs_f64()),
            Self::Ended => f.write_str("ended"),
        }
    }
}

/// Where a leg is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LegState {
    /// No frame has come yet, and nothing was sent.
    #[default]
    Waiting,
    /// A session begins; it takes no frames yet.
    Connecting,
    /// The session stands.
    Live,
    /// The session broke; the next one begins in a moment.
    Lost,
    /// Nothing more will be sent.
    Ended,
}

/// Counts since a leg was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegStats {
    /// Where it is in its life.
    pub state: LegState,
    /// Frames shown to it.
    pub frames: u64,
    /// Frames handed to the encoder, the repeated ones included.
    pub sent: u64,
    /// Of those, how many were the frame before once more, because no new one had come.
    pub repeated: u64,
    /// Frames that were replaced by a newer one, or came to an end, before they were sent.
    pub dropped: u64,
    /// Frame times for which nothing was sent, because the encoder or the network had no room for two seconds.
    pub skipped: u64,
    /// Sessions that were begun.
    pub attempts: u64,
    /// Sessions that stood.
    pub sessions: u64,
    /// Coded bytes given to the network or the disk.
    pub bytes: u64,
    /// Frames that were encoded.
    pub encoded: u64,
    /// Time spent encoding them.
    pub encoding: Duration,
}

impl fmt::Display for LegState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Lost => "lost",
            Self::Ended => "ended",
        })
    }
}
