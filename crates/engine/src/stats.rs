use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Where the time of one thread of a stage goes; others may look at it while it runs.
#[derive(Debug)]
pub(crate) struct Times {
    began: Instant,
    waited_ns: AtomicU64,
    /// When it began to wait, in nanoseconds since `began` and one more; 0 while it works.
    waiting_since_ns: AtomicU64,
    /// When it ended, likewise; 0 while it runs.
    ended_ns: AtomicU64,
}

thread_local! {
    /// Those of the current thread, in a stage.
    static TIMES: RefCell<Option<Arc<Times>>> = const { RefCell::new(None) };
}

impl Times {
    /// Starts counting the current thread's time.
    pub(crate) fn begin() -> Arc<Self> {
        let times = Arc::new(Self {
            began: Instant::now(),
            waited_ns: AtomicU64::new(0),
            waiting_since_ns: AtomicU64::new(0),
            ended_ns: AtomicU64::new(0),
        });
        TIMES.set(Some(Arc::clone(&times)));
        times
    }

    /// The stage's work is done.
    pub(crate) fn end(&self) {
        self.ended_ns.store(self.now(), Ordering::Release);
        TIMES.set(None);
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64 + 1
    }

    /// Time worked and time waited so far.
    pub(crate) fn spent(&self) -> (Duration, Duration) {
        let end = match self.ended_ns.load(Ordering::Acquire) {
            0 => self.now(),
            ended => ended,
        };
        let waiting = match self.waiting_since_ns.load(Ordering::Acquire) {
            0 => 0,
            since => end.saturating_sub(since),
        };
        let waited = self.waited_ns.load(Ordering::Acquire) + waiting;
        (Duration::from_nanos(end.saturating_sub(waited)), Duration::from_nanos(waited))
    }
}

/// Counts the time `wait` takes as waiting.
pub(crate) fn waiting<R>(wait: impl FnOnce() -> R) -> R {
    timed_waiting(wait).0
}

/// The same, and says how long it was.
pub(crate) fn timed_waiting<R>(wait: impl FnOnce() -> R) -> (R, Duration) {
    let began = Instant::now();
    let times = TIMES.with_borrow(Clone::clone);
    if let Some(times) = &times {
        times.waiting_since_ns.store(times.now(), Ordering::Release);
    }
    let result = wait();
    let waited = began.elapsed();
    if let Some(times) = &times {
        // For a moment neither counts, rather than both.
        times.waiting_since_ns.store(0, Ordering::Release);
        times.waited_ns.fetch_add(waited.as_nanos() as u64, Ordering::AcqRel);
    }
    (result, waited)
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
    /// Takes in a run that followed this one: what has the same name in both is the same.
    pub fn add(&mut self, next: Self) {
        self.wall += next.wall;
        for stage in next.stages {
            match self.stages.iter_mut().find(|own| own.name == stage.name) {
                Some(own) => {
                    own.threads = own.threads.max(stage.threads);
                    own.busy += stage.busy;
                    own.waited += stage.waited;
                }
                None => self.stages.push(stage),
            }
        }
        for channel in next.channels {
            match self.channels.iter_mut().find(|own| own.name == channel.name) {
                Some(own) => {
                    own.capacity = own.capacity.max(channel.capacity);
                    own.sent += channel.sent;
                    own.received += channel.received;
                    own.depth = channel.depth;
                    own.max_depth = own.max_depth.max(channel.max_depth);
                    own.send_wait += channel.send_wait;
                    own.receive_wait += channel.receive_wait;
                }
                None => self.channels.push(channel),
            }
        }
    }

    /// The stage of that name.
    pub fn stage(&self, name: &str) -> Option<&StageStats> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// The channel of that name.
    pub fn channel(&self, name: &str) -> Option<&ChannelStats> {
        self.channels.iter().find(|channel| channel.name == name)
    }
}
