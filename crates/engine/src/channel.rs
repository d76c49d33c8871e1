//! Bounded channels with a name, a said end, and statistics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{TryRecvError, TrySendError, select_biased};

use crate::error::Stopped;
use crate::scope::Shared;
use crate::stats::{ChannelStats, timed_waiting};

/// The sending end of a channel made by [`Scope::channel`](crate::Scope::channel). Clones send into the same channel.
#[derive(Debug)]
pub struct Sender<T> {
    /// `None` once closed.
    items: Option<crossbeam_channel::Sender<T>>,
    link: Arc<Link>,
}

/// The receiving end of a channel. Clones share the items: each item goes to one of them.
#[derive(Debug)]
pub struct Receiver<T> {
    items: crossbeam_channel::Receiver<T>,
    link: Arc<Link>,
}

/// What both ends share besides the items.
#[derive(Debug)]
pub(crate) struct Link {
    name: String,
    capacity: usize,
    shared: Arc<Shared>,
    /// Senders dropped without closing: the stream is not whole.
    vanished: AtomicUsize,
    sent: AtomicU64,
    received: AtomicU64,
    max_depth: AtomicUsize,
    send_wait_ns: AtomicU64,
    receive_wait_ns: AtomicU64,
}

pub(crate) fn channel<T>(shared: &Arc<Shared>, name: &str, capacity: usize) -> (Sender<T>, Receiver<T>, Arc<Link>) {
    let capacity = capacity.max(1);
    let (sender, receiver) = crossbeam_channel::bounded(capacity);
    let link = Arc::new(Link {
        name: name.to_owned(),
        capacity,
        shared: Arc::clone(shared),
        vanished: AtomicUsize::new(0),
        sent: AtomicU64::new(0),
        received: AtomicU64::new(0),
        max_depth: AtomicUsize::new(0),
        send_wait_ns: AtomicU64::new(0),
        receive_wait_ns: AtomicU64::new(0),
    });
    let sender = Sender { items: Some(sender), link: Arc::clone(&link) };
    (sender, Receiver { items: receiver, link: Arc::clone(&link) }, link)
}

impl<T> Sender<T> {
    /// Puts an item into the channel, waiting for room.
    ///
    /// # Errors
    /// [`Stopped`] when the run is being torn down or nobody receives any more.
    pub fn send(&self, item: T) -> Result<(), Stopped> {
        let items = self.items.as_ref().ok_or(Stopped)?;
        if self.link.shared.is_stopping() {
            return Err(Stopped);
        }
        match items.try_send(item) {
            Ok(()) => {}
            Err(TrySendError::Disconnected(_)) => return Err(Stopped),
            Err(TrySendError::Full(item)) => {
                let (outcome, waited) = timed_waiting(|| {
                    select_biased! {
                        recv(self.link.shared.stop.raised()) -> _ => Err(Stopped),
                        recv(self.link.shared.token.aborted().raised()) -> _ => Err(Stopped),
                        send(items, item) -> sent => sent.map_err(|_| Stopped),
                    }
                });
                self.link.send_wait_ns.fetch_add(waited.as_nanos() as u64, Ordering::Relaxed);
                outcome?;
            }
        }
        self.link.sent.fetch_add(1, Ordering::Relaxed);
        self.link.max_depth.fetch_max(items.len(), Ordering::Relaxed);
        Ok(())
    }

    /// Says that the stream is complete. Receivers see its end once every sender is closed and all is received.
    ///
    /// A sender that is dropped without this tells the receivers that they were [`Stopped`].
    pub fn close(mut self) {
        self.items = None;
    }

    /// What passed through so far.
    pub fn stats(&self) -> ChannelStats {
        self.link.stats()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), link: Arc::clone(&self.link) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.items.is_some() {
            // Before the channel itself disconnects, so that a receiver that sees the end also sees this.
            self.link.vanished.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl<T> Receiver<T> {
    /// Takes the next item, waiting for one; `None` at the end of the stream.
    ///
    /// # Errors
    /// [`Stopped`] when the run is being torn down or a sender vanished without closing the stream.
    pub fn recv(&self) -> Result<Option<T>, Stopped> {
        if self.link.shared.is_stopping() {
            return Err(Stopped);
        }
        let item = match self.items.try_recv() {
            Ok(item) => Some(item),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                let (outcome, waited) = timed_waiting(|| {
                    select_biased! {
                        recv(self.link.shared.stop.raised()) -> _ => Err(Stopped),
                        recv(self.link.shared.token.aborted().raised()) -> _ => Err(Stopped),
                        recv(self.items) -> item => Ok(item.ok()),
                    }
                });
                self.link.receive_wait_ns.fetch_add(waited.as_nanos() as u64, Ordering::Relaxed);
                outcome?
            }
        };
        match item {
            Some(item) => {
                self.link.received.fetch_add(1, Ordering::Relaxed);
                Ok(Some(item))
            }
            None if self.link.vanished.load(Ordering::Acquire) > 0 => Err(Stopped),
            None => Ok(None),
        }
    }

    /// What passed through so far.
    pub fn stats(&self) -> ChannelStats {
        self.link.stats()
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), link: Arc::clone(&self.link) }
    }
}

impl Link {
    pub(crate) fn stats(&self) -> ChannelStats {
        let sent = self.sent.load(Ordering::Relaxed);
        let received = self.received.load(Ordering::Relaxed);
        let wait = |ns: &AtomicU64| Duration::from_nanos(ns.load(Ordering::Relaxed));
        ChannelStats {
            name: self.name.clone(),
            capacity: self.capacity,
            sent,
            received,
            depth: sent.saturating_sub(received) as usize,
            max_depth: self.max_depth.load(Ordering::Relaxed),
            send_wait: wait(&self.send_wait_ns),
            receive_wait: wait(&self.receive_wait_ns),
        }
    }
}
