//! Outputs that are filled side by side, each by a thread of its own: one that fails leaves the others alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use image::RgbImage;
use moue_engine::{Pool, Receiver, Scope, Sender, StageError};
use moue_media::{MediaError, Sink};

use crate::stages::lock;
use crate::{Broadcast, Observer};

/// Frames that wait before each output: enough to ride out an encoder's hiccup, few enough to stay in the cache.
pub const WAITING_FRAMES: usize = 2;

/// An output and what it is called.
pub type NamedSink = (String, Box<dyn Sink>);

/// An output that has all frames, or why it has not.
pub type Filled = Result<Box<dyn Sink>, MediaError>;

/// The outputs of a run that take every frame.
pub struct Takers<'a> {
    /// Where each is left when it is filled.
    kept: Vec<Mutex<Option<Filled>>>,
    left: AtomicUsize,
    broadcast: Option<&'a Broadcast>,
    observer: &'a dyn Observer,
}

impl<'a> Takers<'a> {
    /// Of so many outputs, beside what is watched.
    pub fn new(count: usize, broadcast: Option<&'a Broadcast>, observer: &'a dyn Observer) -> Self {
        Self {
            kept: std::iter::repeat_with(Mutex::default).take(count).collect(),
            left: AtomicUsize::new(count),
            broadcast,
            observer,
        }
    }

    /// Whether the run is over: nobody is left to draw for, or what is watched goes no further.
    pub fn is_over(&self) -> bool {
        match self.watched() {
            Some(broadcast) => broadcast.is_cut(),
            None => self.left.load(Ordering::Relaxed) == 0,
        }
    }

    fn watched(&self) -> Option<&Broadcast> {
        self.broadcast.filter(|broadcast| broadcast.is_watched())
    }

    /// Starts a thread for each of these outputs, all that were announced to [`Self::new`]. They take what is sent to
    /// them, of which `frame` is the picture, and give pictures that they are done with back to the pool.
    pub fn start<'scope, T: Send + 'scope>(
        &'scope self,
        scope: &Scope<'scope, '_>,
        sinks: Vec<NamedSink>,
        pool: &Pool<RgbImage>,
        frame: fn(T) -> Arc<RgbImage>,
    ) -> Vec<Sender<T>> {
        let mut senders = Vec::new();
        for ((name, sink), kept) in sinks.into_iter().zip(&self.kept) {
            let (sender, items) = scope.channel::<T>(&format!("to {name}"), WAITING_FRAMES);
            senders.push(sender);
            let pool = pool.clone();
            scope.stage(&format!("write {name}"), move |_| {
                let filled = fill(sink, &items, &pool, frame, |frames, error| self.lost(&name, frames, error))?;
                *lock(kept) = Some(filled);
                Ok(())
            });
        }
        senders
    }

    fn lost(&self, name: &str, frames: u64, error: &MediaError) {
        let is_last = self.left.fetch_sub(1, Ordering::Relaxed) == 1;
        tell_failure(name, frames, error, !is_last || self.watched().is_some(), self.broadcast, self.observer);
    }

    /// The outputs, in the order they were given; each has all frames or says why not, none is finished. Those of a run
    /// that was torn down are lost.
    pub fn filled(self) -> Vec<Filled> {
        let take = |slot: Mutex<Option<_>>| slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.kept.into_iter().filter_map(take).collect()
    }
}

/// Writes all frames. When that fails, the sink is dropped, which leaves no file, `failed` is told how many frames it had
/// and why, and the others go on without it. It is dropped too when the run is torn down.
fn fill<T>(
    mut sink: Box<dyn Sink>,
    items: &Receiver<T>,
    pool: &Pool<RgbImage>,
    frame: fn(T) -> Arc<RgbImage>,
    failed: impl FnOnce(u64, &MediaError),
) -> Result<Filled, StageError> {
    let mut frames = 0;
    while let Some(item) = items.recv()? {
        let picture = frame(item);
        if let Err(error) = sink.write(&picture) {
            drop(sink);
            failed(frames, &error);
            while let Some(item) = items.recv()? {
                pool.give_shared(frame(item));
            }
            return Ok(Err(error));
        }
        frames += 1;
        pool.give_shared(picture);
    }
    Ok(Ok(sink))
}

/// Tells of a file that has failed when it happens: the run's end, with the whole error, may be far away. `goes_on`:
/// whether others are left, without which the run ends now.
pub fn tell_failure(
    name: &str,
    frames: u64,
    error: &MediaError,
    goes_on: bool,
    broadcast: Option<&Broadcast>,
    observer: &dyn Observer,
) {
    let text = error.to_string();
    let reason = text.lines().next().unwrap_or_default();
    if let Some(broadcast) = broadcast {
        // The name stands beside it there.
        let alone = reason.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(reason);
        broadcast.file_failed(name, frames, alone);
    }
    if goes_on {
        observer.note(reason);
    }
}
