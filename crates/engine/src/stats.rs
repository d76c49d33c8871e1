use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    /// Time the current thread has waited on channels since its stage began.
    static WAITED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

pub(crate) fn add_wait(wait: Duration) {
    WAITED.set(WAITED.get() + wait);
}

/// Counts the time `wait` takes as waiting.
pub(crate) fn waiting<R>(wait: impl FnOnce() -> R) -> R {
    let began = Instant::now();
    let result = wait();
    add_wait(began.elapsed());
    result
}

pub(crate) fn take_wait() -> Duration {
    WAITED.replace(Duration::ZERO)
}

/// What passed through a channel and who waited for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelStats {
    /// The channel's name.
    pub name: String,
    /// How many items it holds at most.
    pub capacity: usize,
    /// Items put in so far.
    pub sent: u64,
    /// Items taken out so far.
    pub received: u64,
    /// Items in it now.
    pub depth: usize,
    /// The most items that were ever in it at once.
    pub max_depth: usize,
    /// Time senders spent waiting for room, summed over them: large when what follows is the slow part.
    pub send_wait: Duration,
    /// Time receivers spent waiting for items, summed over them: large when what comes before is the slow part.
    pub receive_wait: Duration,
}

/// Where a stage's time went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageStats {
    /// The stage's name.
    pub name: String,
    /// How many threads ran it.
    pub threads: usize,
    /// Time spent working, summed over the threads.
    pub busy: Duration,
    /// Time spent waiting on channels, summed over the threads.
    pub waited: Duration,
}

/// What a run did with its time.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Report {
    /// From start to end of the run.
    pub wall: Duration,
    /// Every stage, in the order they were started.
    pub stages: Vec<StageStats>,
    /// Every channel, in the order they were made.
    pub channels: Vec<ChannelStats>,
}

impl Report {
    /// The stage of that name.
    pub fn stage(&self, name: &str) -> Option<&StageStats> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// The channel of that name.
    pub fn channel(&self, name: &str) -> Option<&ChannelStats> {
        self.channels.iter().find(|channel| channel.name == name)
    }
}
