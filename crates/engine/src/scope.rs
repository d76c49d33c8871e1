//! A run: its stages, its channels, and the verdict.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cancel::{CancelToken, Signal};
use crate::channel::{Link, Receiver, Sender, channel};
use crate::error::{EngineError, StageError, panic_message};
use crate::fan_out;
use crate::stats::{Report, StageStats, Times, timed_waiting};

/// Runs stages until all of them have ended, and says how it went.
///
/// `build` makes channels and starts stages, all of which may borrow from the caller; it goes on running beside them
/// on the caller's thread, and what it returns is handed back. The first error or panic raises a stop that every
/// channel heeds, so no stage can be left waiting for another.
///
/// # Errors
/// The first thing that went wrong; see [`EngineError`].
pub fn run<'env, R>(
    token: &CancelToken,
    build: impl for<'scope> FnOnce(&Scope<'scope, 'env>) -> R,
) -> Result<(R, Report), EngineError> {
    let shared = Arc::new(Shared {
        began: Instant::now(),
        token: token.clone(),
        stop: Signal::new(),
        verdict: Mutex::default(),
        stages: Mutex::default(),
        channels: Mutex::default(),
    });
    let returned = std::thread::scope(|threads| {
        let scope = Scope { threads, shared: Arc::clone(&shared) };
        let returned = catch_unwind(AssertUnwindSafe(|| build(&scope)));
        returned
            .map_err(|payload| {
                let message = panic_message(payload.as_ref());
                shared.fail(EngineError::Panicked { stage: "build".to_owned(), message });
            })
            .ok()
    });
    let verdict = std::mem::take(&mut *lock(&shared.verdict));
    if let Some(error) = verdict.error {
        return Err(error);
    }
    match (token.is_aborting(), verdict.cut_off, returned) {
        (false, None, Some(returned)) => Ok((returned, shared.report())),
        (false, Some(stage), _) => Err(EngineError::CutOff { stage }),
        _ => Err(EngineError::Aborted),
    }
}

/// Where stages and channels of one run are made.
#[derive(Debug)]
pub struct Scope<'scope, 'env> {
    threads: &'scope std::thread::Scope<'scope, 'env>,
    shared: Arc<Shared>,
}

impl<'scope> Scope<'scope, '_> {
    /// A channel that holds at most `capacity` items (at least 1).
    pub fn channel<T>(&self, name: &str, capacity: usize) -> (Sender<T>, Receiver<T>) {
        let (sender, receiver, link) = channel(&self.shared, name, capacity);
        lock(&self.shared.channels).push(link);
        (sender, receiver)
    }

    /// Starts a stage on a thread of its own.
    ///
    /// An error ends the run; [`Stopped`](crate::Stopped), passed on with `?`, does not count as one.
    pub fn stage(&self, name: &str, work: impl FnOnce(&Stage<'_>) -> Result<(), StageError> + Send + 'scope) {
        let index = self.add_stage(name);
        self.spawn(index, name, work);
    }

    /// Starts a stage of `workers` threads (at least 1) whose results come out in the order the items went in.
    ///
    /// Each worker makes its own state with `start` (given the worker's number) and then turns items into results
    /// with `work`. At most `2 * workers` items are under way or waiting for their turn, whatever the delays. The
    /// output is closed when the input has ended and every result is sent.
    pub fn fan_out<I, O, S>(
        &self,
        name: &str,
        workers: usize,
        input: Receiver<I>,
        output: Sender<O>,
        start: impl Fn(usize) -> Result<S, StageError> + Send + Sync + 'scope,
        work: impl Fn(&mut S, I) -> Result<O, StageError> + Send + Sync + 'scope,
    ) where
        I: Send + 'scope,
        O: Send + 'scope,
    {
        fan_out::start(self, name, workers.max(1), input, output, start, work);
    }

    /// Looks at the run from outside, while it goes on and afterwards.
    pub fn monitor(&self) -> Monitor {
        Monitor { shared: Arc::clone(&self.shared) }
    }

    pub(crate) fn add_stage(&self, name: &str) -> usize {
        let mut stages = lock(&self.shared.stages);
        stages.push((name.to_owned(), Vec::new()));
        stages.len() - 1
    }

    /// Starts one thread of the stage `index`.
    pub(crate) fn spawn(
        &self,
        index: usize,
        name: &str,
        work: impl FnOnce(&Stage<'_>) -> Result<(), StageError> + Send + 'scope,
    ) {
        let shared = Arc::clone(&self.shared);
        let name_inside = name.to_owned();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn_scoped(self.threads, move || {
            let times = Times::begin();
            lock(&shared.stages)[index].1.push(Arc::clone(&times));
            let stage = Stage { name: &name_inside, shared: &shared };
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&stage)));
            shared.judge(&name_inside, outcome);
            times.end();
        });
        if let Err(source) = thread {
            self.shared.fail(EngineError::Thread { stage: name.to_owned(), source });
        }
    }
}

/// Looks at a run from outside.
#[derive(Clone, Debug)]
pub struct Monitor {
    shared: Arc<Shared>,
}

impl Monitor {
    /// What has happened so far.
    pub fn report(&self) -> Report {
        self.shared.report()
    }
}

/// What a stage sees of its run.
#[derive(Debug)]
pub struct Stage<'run> {
    name: &'run str,
    shared: &'run Shared,
}

impl Stage<'_> {
    /// The stage's name.
    pub fn name(&self) -> &str {
        self.name
    }

    /// Whether a source should stop producing now and close its channel.
    pub fn is_finishing(&self) -> bool {
        self.shared.token.is_finishing()
    }

    /// Waits for something that is no channel, for so long at most, and less when the run is to finish or is torn down.
    /// It counts as waiting.
    pub fn wait(&self, time: Duration) {
        timed_waiting(|| {
            crossbeam_channel::select! {
                recv(self.shared.stop.raised()) -> _ => {}
                recv(self.shared.token.finished().raised()) -> _ => {}
                default(time) => {}
            }
        });
    }

    /// Whether the run is being torn down; for long work between two channel operations.
    pub fn is_stopping(&self) -> bool {
        self.shared.is_stopping()
    }
}

/// What all parts of a run share.
#[derive(Debug)]
pub(crate) struct Shared {
    began: Instant,
    pub(crate) token: CancelToken,
    pub(crate) stop: Signal,
    verdict: Mutex<Verdict>,
    /// Names, and the times of their threads.
    stages: Mutex<Vec<(String, Vec<Arc<Times>>)>>,
    channels: Mutex<Vec<Arc<Link>>>,
}

#[derive(Debug, Default)]
struct Verdict {
    error: Option<EngineError>,
    /// The first stage that was stopped; the verdict only if nothing explains it.
    cut_off: Option<String>,
}

impl Shared {
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_raised() || self.token.is_aborting()
    }

    /// Keeps the first error and wakes every stage.
    fn fail(&self, error: EngineError) {
        lock(&self.verdict).error.get_or_insert(error);
        self.stop.raise();
    }

    fn judge(&self, stage: &str, outcome: std::thread::Result<Result<(), StageError>>) {
        let stage = stage.to_owned();
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.is_stopped() => {
                lock(&self.verdict).cut_off.get_or_insert(stage);
            }
            Ok(Err(error)) => self.fail(EngineError::Failed { stage, source: error.into_inner() }),
            Err(payload) => self.fail(EngineError::Panicked { stage, message: panic_message(payload.as_ref()) }),
        }
    }

    fn report(&self) -> Report {
        let stage = |(name, threads): &(String, Vec<Arc<Times>>)| {
            let (busy, waited): (Vec<_>, Vec<_>) = threads.iter().map(|times| times.spent()).unzip();
            let (busy, waited) = (busy.into_iter().sum(), waited.into_iter().sum());
            StageStats { name: name.clone(), threads: threads.len(), busy, waited }
        };
        Report {
            wall: self.began.elapsed(),
            stages: lock(&self.stages).iter().map(stage).collect(),
            channels: lock(&self.channels).iter().map(|link| link.stats()).collect(),
        }
    }
}

/// Locks a mutex whose data stay meaningful even if a holder panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
