//! A raw output at work. Elements of any kind may wait for ever, as those that write to a pipe or to a server which reads
//! nothing: they have a thread of their own, which is left to itself where it hangs, and nothing of ours waits for it longer
//! than is said here.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_video as gst_video;
use image::RgbImage;
use moue_engine::CancelToken;

use crate::error::MediaError;
use crate::graph::{Graph, does_not_start, entrance};
use crate::planes::{Planar, timed};
use crate::sink::{Sink, VideoFormat, Written, check_frame};

/// Frames between conversion and the bin.
const QUEUED_FRAMES: u64 = 4;
/// How often one looks whether it is to be given up.
const LOOK: Duration = Duration::from_millis(5);

/// How long the elements may take for something.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// To start.
    pub start: Duration,
    /// To take a frame.
    pub frame: Duration,
    /// To give the next coded frame out, when all have come in.
    pub end: Duration,
    /// For any of these, once the run is to finish, and for all together.
    pub farewell: [Duration; 2],
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            start: seconds(5),
            frame: seconds(10),
            end: seconds(30),
            farewell: [Duration::from_millis(1500), seconds(10)],
        }
    }
}

/// What the thread is to do.
enum Order {
    Frame(gst::Buffer),
    Finish,
}

/// A bin that takes frames, of its own names and files.
pub(crate) struct RawLeg {
    /// What errors call it.
    path: PathBuf,
    format: VideoFormat,
    planar: Planar,
    frames: u64,
    files: Vec<PathBuf>,
    orders: SyncSender<Order>,
    answers: Receiver<Result<(), MediaError>>,
    /// Buffers that its sinks have got.
    passed: Arc<AtomicU64>,
    patience: Patience,
    token: CancelToken,
}

impl RawLeg {
    /// Sets a bin going, when `ready` has made sure that it can be.
    pub(crate) fn start(
        (path, files): (PathBuf, Vec<PathBuf>),
        (format, info): (&VideoFormat, &gst_video::VideoInfo),
        bin: gst::Bin,
        ready: impl FnOnce(&gst::Bin) -> Result<(), MediaError> + Send + 'static,
        patience: Patience,
        token: &CancelToken,
    ) -> Result<Self, MediaError> {
        let passed = Arc::new(AtomicU64::new(0));
        count(&bin, &passed);
        let caps = info.to_caps().map_err(|error| does_not_start(&path, error.to_string()))?;
        let source = entrance(&path, Some(&caps))?;
        source.set_max_buffers(QUEUED_FRAMES);
        source.set_max_bytes(0);
        let (orders, todo) = sync_channel(1);
        // How it started, and how it ended.
        let (answer, answers) = sync_channel(2);
        let name = path.clone();
        let work = move || {
            let started = ready(&bin)
                .and_then(|()| Graph::start(source.clone(), &[source.clone().upcast(), bin.upcast()], &name));
            let mut graph = match started {
                Ok(graph) => graph,
                Err(error) => return drop(answer.send(Err(error))),
            };
            let _ = answer.send(Ok(()));
            for order in todo {
                let (outcome, is_over) = match order {
                    Order::Frame(buffer) => (graph.push(buffer, &name), false),
                    Order::Finish => (graph.finish(&name), true),
                };
                if is_over || outcome.is_err() {
                    return drop(answer.send(outcome));
                }
            }
        };
        let spawned = std::thread::Builder::new().name("raw output".to_owned()).spawn(work);
        spawned.map_err(|error| does_not_start(&path, error.to_string()))?;
        let planar = Planar::new(info, QUEUED_FRAMES as usize + 3);
        let leg = Self {
            path,
            format: *format,
            planar,
            frames: 0,
            files,
            orders,
            answers,
            passed,
            patience,
            token: token.clone(),
        };
        leg.answer(patience.start, "its elements do not start").map(|()| leg)
    }

    /// What the thread answers, unless nothing happens for too long.
    fn answer(&self, patience: Duration, problem: &str) -> Result<(), MediaError> {
        let mut wait = Wait::new(self, patience);
        loop {
            match self.answers.recv_timeout(LOOK) {
                Ok(answer) => return answer.map_err(|error| self.told(error)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.gone()),
            }
            if let Some(waited) = wait.is_over(self) {
                return Err(self.given_up(problem, waited));
            }
        }
    }

    fn given_up(&self, problem: &str, waited: Duration) -> MediaError {
        MediaError::RawOutput {
            output: self.path.display().to_string(),
            problem: format!("{problem} for {:.1} s", waited.as_secs_f64()),
            hint: "see whether what its last element writes to takes anything; it is left to itself now",
        }
    }

    fn gone(&self) -> MediaError {
        does_not_start(&self.path, "its thread has ended".to_owned())
    }

    /// An error in the words of an output whose files are its own affair.
    fn told(&self, error: MediaError) -> MediaError {
        match error {
            MediaError::DiskFull { .. } => MediaError::RawOutput {
                output: self.path.display().to_string(),
                problem: "the disk is full".to_owned(),
                hint: "make room; what its elements have written so far is left where it is",
            },
            error => error,
        }
    }
}

/// Something that must not take for ever.
struct Wait {
    began: Instant,
    patience: Duration,
    /// How much had passed when something last did, and when that was.
    moved: (u64, Instant),
    /// Since when the run is to finish.
    finishing: Option<Instant>,
}

impl Wait {
    fn new(leg: &RawLeg, patience: Duration) -> Self {
        let now = Instant::now();
        Self { began: now, patience, moved: (leg.passed.load(Relaxed), now), finishing: None }
    }

    /// How long nothing has happened, where that is too long; what goes on slowly may go on, for a while.
    fn is_over(&mut self, leg: &RawLeg) -> Option<Duration> {
        let now = Instant::now();
        let passed = leg.passed.load(Relaxed);
        if passed != self.moved.0 {
            self.moved = (passed, now);
        }
        let still = now - self.moved.1;
        if !leg.token.is_finishing() {
            return (still > self.patience).then_some(still);
        }
        let since = now - *self.finishing.get_or_insert(now);
        let [each, all] = leg.patience.farewell;
        (leg.token.is_aborting() || still.min(since) > each || since > all).then_some(now - self.began)
    }
}

/// Counts what comes to the bin's sinks.
fn count(bin: &gst::Bin, passed: &Arc<AtomicU64>) {
    for element in bin.iterate_sinks().into_iter().flatten() {
        for pad in element.sink_pads() {
            let passed = Arc::clone(passed);
            pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, _| {
                passed.fetch_add(1, Relaxed);
                gst::PadProbeReturn::Ok
            });
        }
    }
}

impl Sink for RawLeg {
    fn write(&mut self, frame: &Arc<RgbImage>) -> Result<(), MediaError> {
        check_frame(&self.path, &self.format, frame)?;
        let mut order = Order::Frame(timed(self.planar.buffer(frame), &self.format, self.frames));
        let mut wait = Wait::new(self, self.patience.frame);
        loop {
            match self.orders.try_send(order) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(_)) => return self.answer(LOOK, "it has ended"),
                Err(TrySendError::Full(back)) => order = back,
            }
            if let Some(waited) = wait.is_over(self) {
                return Err(self.given_up("it has taken no frame", waited));
            }
            std::thread::sleep(LOOK);
        }
        self.frames += 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Written, MediaError> {
        if self.frames == 0 {
            return Err(MediaError::NoFrames { path: self.path.clone() });
        }
        let mut wait = Wait::new(&self, self.patience.end);
        while let Err(TrySendError::Full(_)) = self.orders.try_send(Order::Finish) {
            if let Some(waited) = wait.is_over(&self) {
                return Err(self.given_up("it has taken no frame", waited));
            }
            std::thread::sleep(LOOK);
        }
        self.answer(self.patience.end, "it does not end: nothing has come out of it")?;
        let bytes = self.files.iter().filter_map(|file| Some(std::fs::metadata(file).ok()?.len())).sum();
        Ok(Written { path: self.path.clone(), frames: self.frames, bytes, notes: Vec::new() })
    }

    /// The thread finds that nobody orders anything any more.
    fn abort(self: Box<Self>) {}
}
