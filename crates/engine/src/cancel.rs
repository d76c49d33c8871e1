//! Cancellation in two steps: finish cleanly, then stop at once.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

/// What the outside world asks of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cancel {
    /// Nothing: go on.
    None,
    /// Stop producing, let what is under way reach the outputs, and close them properly.
    Finish,
    /// Stop at once; outputs must not appear under their final names.
    Abort,
}

/// A wish to stop, shared by everyone who can express it and everyone who must heed it.
///
/// It only ever moves forward: [`Cancel::None`], [`Cancel::Finish`], [`Cancel::Abort`]. Sources look at
/// [`is_finishing`](Self::is_finishing) between items; [`abort`](Self::abort) additionally wakes every stage that
/// waits on a channel of a run with this token.
#[derive(Clone, Debug)]
pub struct CancelToken(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: AtomicU8,
    finished: Signal,
    aborted: Signal,
}

impl CancelToken {
    /// A token that asks for nothing yet.
    pub fn new() -> Self {
        Self(Arc::new(Inner { state: AtomicU8::new(0), finished: Signal::new(), aborted: Signal::new() }))
    }

    /// What is asked for now.
    pub fn state(&self) -> Cancel {
        match self.0.state.load(Ordering::Acquire) {
            0 => Cancel::None,
            1 => Cancel::Finish,
            _ => Cancel::Abort,
        }
    }

    /// Asks for a clean finish; does nothing after an abort.
    pub fn finish(&self) {
        self.0.state.fetch_max(1, Ordering::AcqRel);
        self.0.finished.raise();
    }

    /// Asks to stop at once and wakes everyone who waits on a channel.
    pub fn abort(&self) {
        self.0.state.store(2, Ordering::Release);
        self.0.finished.raise();
        self.0.aborted.raise();
    }

    /// One step further, as for one more Ctrl-C, and the state after it.
    pub fn escalate(&self) -> Cancel {
        if self.0.state.fetch_add(1, Ordering::AcqRel) == 0 {
            self.0.finished.raise();
            return Cancel::Finish;
        }
        self.abort();
        Cancel::Abort
    }

    /// Whether a source should stop producing: a finish or an abort was asked for.
    pub fn is_finishing(&self) -> bool {
        self.state() >= Cancel::Finish
    }

    /// Whether to stop at once.
    pub fn is_aborting(&self) -> bool {
        self.state() == Cancel::Abort
    }

    /// Waits until a finish or an abort is asked for, for so long at most, and says what is asked for then.
    pub fn wait(&self, time: Duration) -> Cancel {
        // Nothing is ever sent: it either disconnects or runs out of time.
        let _ = self.0.finished.raised().recv_timeout(time);
        self.state()
    }

    pub(crate) fn finished(&self) -> &Signal {
        &self.0.finished
    }

    pub(crate) fn aborted(&self) -> &Signal {
        &self.0.aborted
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

/// An event that happens once and that `select!` can wait for: the receiver disconnects when it is raised.
#[derive(Debug)]
pub(crate) struct Signal {
    keep: Mutex<Option<Sender<Infallible>>>,
    raised: Receiver<Infallible>,
}

impl Signal {
    pub(crate) fn new() -> Self {
        let (keep, raised) = bounded(0);
        Self { keep: Mutex::new(Some(keep)), raised }
    }

    pub(crate) fn raise(&self) {
        self.keep.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(crate) fn is_raised(&self) -> bool {
        matches!(self.raised.try_recv(), Err(crossbeam_channel::TryRecvError::Disconnected))
    }

    /// Disconnects when the signal is raised.
    pub(crate) fn raised(&self) -> &Receiver<Infallible> {
        &self.raised
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_forward_only() {
        let token = CancelToken::new();
        let seen_elsewhere = token.clone();
        assert_eq!(token.state(), Cancel::None);
        assert_eq!(token.escalate(), Cancel::Finish);
        assert!(seen_elsewhere.is_finishing() && !seen_elsewhere.is_aborting());
        assert_eq!(token.escalate(), Cancel::Abort);
        assert_eq!(token.escalate(), Cancel::Abort);
        token.finish();
        assert_eq!(seen_elsewhere.state(), Cancel::Abort);
    }

    #[test]
    fn a_wish_to_finish_wakes_a_waiter() {
        let token = CancelToken::new();
        assert_eq!(token.wait(Duration::from_millis(1)), Cancel::None);
        for wish in [CancelToken::finish, CancelToken::abort, |token: &CancelToken| {
            assert_eq!(token.escalate(), Cancel::Finish)
        }] {
            let token = CancelToken::new();
            let waiter = token.clone();
            let thread = std::thread::spawn(move || waiter.wait(Duration::from_secs(3600)));
            wish(&token);
            assert_ne!(thread.join().unwrap(), Cancel::None);
        }
    }

    #[test]
    fn an_abort_wakes_a_waiter() {
        let token = CancelToken::new();
        let waiter = token.clone();
        let thread = std::thread::spawn(move || waiter.aborted().raised().recv());
        token.abort();
        assert!(thread.join().unwrap().is_err());
    }
}
