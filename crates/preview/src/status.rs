//! How a run is going, as a person and as Prometheus want to know it.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// What is being done with the motion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Playback {
    /// Nothing has been rendered yet.
    #[default]
    Starting,
    /// Frames come.
    Playing,
    /// It stays at a frame.
    Paused,
    /// No more frames will come.
    Ended,
}

/// How a run is going at one moment. Counts are since its start.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Status {
    /// What is being done with the motion.
    pub playback: Playback,
    /// Whether it begins again at its end.
    pub looping: bool,
    /// Frames rendered per second, lately.
    pub fps: f64,
    /// Frames rendered.
    pub rendered: u64,
    /// Frames of a live source that were not rendered, because newer ones were there.
    pub dropped: u64,
    /// Time from a frame's arrival (of a live source) or its turn to the end of its rendering, lately.
    #[serde(serialize_with = "milliseconds")]
    pub latency: Option<Duration>,
    /// The stages of the run, in the order that frames go through them.
    pub stages: Vec<StageStatus>,
    /// The outputs. The page itself need not be among them: the server adds it.
    pub legs: Vec<LegStatus>,
}

/// Items that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Queue {
    /// How many there are.
    pub depth: usize,
    /// How many there can be.
    pub capacity: usize,
}

/// A stage of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StageStatus {
    /// Its name, such as `render`.
    pub name: String,
    /// Threads that run it.
    pub threads: usize,
    /// Share of the time in which they worked, lately: 0 to 1.
    pub busy: f64,
    /// What waits for it, where it has a queue.
    pub queue: Option<Queue>,
    /// Frames that went in, where that is known.
    pub frames_in: Option<u64>,
    /// Frames that came out, where that is known.
    pub frames_out: Option<u64>,
}

/// Where an output is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LegState {
    /// No frame has come yet.
    #[default]
    Waiting,
    /// It begins, and takes no frames yet.
    Connecting,
    /// Frames go out.
    Live,
    /// Its connection broke; it will be tried again.
    Lost,
    /// It has all that it will get.
    Ended,
    /// It gave up.
    Failed,
}

impl LegState {
    /// Every state.
    pub const ALL: [Self; 6] = [Self::Waiting, Self::Connecting, Self::Live, Self::Lost, Self::Ended, Self::Failed];

    /// In one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Lost => "lost",
            Self::Ended => "ended",
            Self::Failed => "failed",
        }
    }
}

/// An output.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LegStatus {
    /// What it is called: a file's name or an address, without keys and passwords.
    pub name: String,
    /// What it is: `mp4`, `rtmp`, `preview`.
    pub kind: String,
    /// Where it is in its life.
    pub state: LegState,
    /// Why it is there, where that needs words.
    pub detail: Option<String>,
    /// Share of the time in which it worked, lately: 0 to 1.
    pub busy: f64,
    /// What waits for it.
    pub queue: Option<Queue>,
    /// Frames it was given.
    pub frames_in: u64,
    /// Frames that went out, the repeated ones included.
    pub frames_out: u64,
    /// Frames that were replaced by newer ones before they went out.
    pub dropped: u64,
    /// Frames that went out once more, because no new one had come.
    pub repeated: u64,
    /// Bytes that went out.
    pub bytes: u64,
    /// Frames that were encoded.
    pub encoded: u64,
    /// Time spent encoding them.
    #[serde(serialize_with = "total_milliseconds")]
    pub encoding: Duration,
    /// Time from the end of a frame's rendering until it is seen or sent, lately.
    #[serde(serialize_with = "milliseconds")]
    pub latency: Option<Duration>,
}

fn milliseconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs_f64() * 1e3).serialize(serializer)
}

fn total_milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64() * 1e3)
}
