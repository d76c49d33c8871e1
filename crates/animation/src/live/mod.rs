//! What is watched while it is rendered: streams and the preview page, beside the files.

mod broadcast;
mod driver;
mod follow;
mod pacer;
mod performance;
mod programme;
mod published;
mod status;
mod target;
mod transport;

use std::path::Path;

use moue_media::{LegStats, LiveOutput, LiveSettings};
use moue_preview::Preview;
pub use moue_preview::{PoseRenderer, PreviewAddress, PreviewError};
use serde::Serialize;

use crate::AnimationError;

pub use self::broadcast::{Beside, Broadcast, Programme};
pub use self::driver::DriverReport;
pub(crate) use self::driver::{Driver, live_reader};
pub(crate) use self::follow::follow;
pub(crate) use self::performance::Performance;
pub(crate) use self::programme::programme;
pub use self::target::{GST, Target, TargetKind};

/// What is watched while it is rendered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveJob {
    /// Streams and how they are encoded.
    pub streams: Vec<(LiveOutput, LiveSettings)>,
    /// The page in the browser.
    pub page: Option<PreviewAddress>,
    /// Where `/metrics` is to be had, also of runs that nobody watches.
    pub metrics: Option<PreviewAddress>,
    /// Whether the motion starts over at its end, until the run is interrupted.
    pub is_repeating: bool,
    /// Whether a live source is shown in the corner, a quarter as wide as the frame.
    pub has_inset: bool,
}

impl LiveJob {
    /// Whether anything is watched.
    pub fn is_live(&self) -> bool {
        !self.streams.is_empty() || self.page.is_some()
    }

    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// To repeat what nobody watches, or to show its source.
    pub fn check(&self) -> Result<(), AnimationError> {
        let option = match (self.is_repeating, self.has_inset) {
            _ if self.is_live() => return Ok(()),
            (true, _) => "--loop",
            (_, true) => "--inset",
            _ => return Ok(()),
        };
        Err(AnimationError::NothingLive { option })
    }

    /// Files among the streams.
    pub fn playlists(&self) -> impl Iterator<Item = &Path> {
        self.streams.iter().filter_map(|(output, _)| output.playlist_path())
    }
}

/// What became of a stream.
#[derive(Clone, Debug, Serialize)]
pub struct LiveSummary {
    /// Where it went, without secrets.
    pub output: String,
    /// What it is.
    pub kind: String,
    /// Frames shown to it.
    pub frames: u64,
    /// Frames sent, the repeated ones included.
    pub sent: u64,
    /// Frames that were sent once more, because no new one had come.
    pub repeated: u64,
    /// Frames that were replaced by newer ones, or came to an end, before they were sent.
    pub dropped: u64,
    /// Frame times for which nothing was sent, because the network had no room.
    pub skipped: u64,
    /// Sessions that were begun.
    pub attempts: u64,
    /// Sessions that stood.
    pub sessions: u64,
    /// Coded bytes sent.
    pub bytes: u64,
    /// Seconds spent encoding.
    pub encoding: f64,
    /// Of a page: milliseconds from the end of a frame's rendering until it was seen, the median of the last seconds.
    pub latency_ms: Option<f64>,
    /// Why it ended before the end, if it did.
    pub failure: Option<String>,
}

impl LiveSummary {
    fn new(output: &LiveOutput, stats: &LegStats, failure: Option<String>) -> Self {
        Self {
            output: output.to_string(),
            kind: output.kind().to_string(),
            frames: stats.frames,
            sent: stats.sent,
            repeated: stats.repeated,
            dropped: stats.dropped,
            skipped: stats.skipped,
            attempts: stats.attempts,
            sessions: stats.sessions,
            bytes: stats.bytes,
            encoding: stats.encoding.as_secs_f64(),
            latency_ms: None,
            failure,
        }
    }

    /// A page in the browser, whose sessions are the times that it was opened.
    fn of_page(page: &Preview) -> Self {
        let (leg, sessions) = (page.leg(), page.opened());
        Self {
            output: leg.name,
            kind: leg.kind,
            frames: leg.frames_in,
            sent: leg.frames_out,
            repeated: leg.repeated,
            dropped: leg.dropped,
            skipped: 0,
            attempts: sessions,
            sessions,
            bytes: leg.bytes,
            encoding: leg.encoding.as_secs_f64(),
            latency_ms: leg.latency.map(|latency| latency.as_secs_f64() * 1e3),
            failure: None,
        }
    }
}
