//! What every request is answered from.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use crate::hub::Hub;
use crate::limits::{Bucket, Limits};
use crate::status::{LegStatus, Status};
use crate::token::Token;

/// What every request is answered from.
pub(crate) struct Site {
    /// None for a server of metrics alone.
    pub hub: Option<Arc<Hub>>,
    pub door: Door,
    pub limits: Limits,
    status: Mutex<Arc<Status>>,
    requests: Mutex<Bucket>,
    messages: Mutex<Bucket>,
    pages: AtomicUsize,
    /// True once the server ends.
    ending: watch::Receiver<bool>,
}

/// Who is let in.
pub(crate) struct Door {
    pub token: Option<Token>,
    /// The name of the cookie that keeps the token. Cookies are shared by all ports of a host, so the port is in it.
    pub cookie: String,
    /// What the server's own leg is called: its address without the token.
    pub name: String,
}

impl Site {
    pub(crate) fn new(hub: Option<Arc<Hub>>, door: Door, limits: Limits, ending: watch::Receiver<bool>) -> Self {
        let now = Instant::now();
        let bucket = |per_second: f64, times: f64| Mutex::new(Bucket::new(per_second, per_second * times, now));
        Self {
            hub,
            door,
            limits,
            status: Mutex::default(),
            requests: bucket(limits.requests_per_second, 5.0),
            messages: bucket(limits.total_messages_per_second, 2.0),
            pages: AtomicUsize::new(0),
            ending,
        }
    }

    /// Waits until the server ends.
    pub(crate) async fn ended(&self) {
        let mut ending = self.ending.clone();
        let _ = ending.wait_for(|ending| *ending).await.map(|_| ());
    }

    pub(crate) fn set_status(&self, status: Status) {
        let before = std::mem::replace(&mut *lock(&self.status), Arc::new(status));
        drop(before);
    }

    pub(crate) fn status(&self) -> Arc<Status> {
        Arc::clone(&lock(&self.status))
    }

    /// The preview's own leg.
    pub(crate) fn own_leg(&self) -> Option<LegStatus> {
        self.hub.as_ref().map(|hub| hub.leg(&self.door.name, Instant::now()))
    }

    pub(crate) fn takes_request(&self) -> bool {
        lock(&self.requests).take(Instant::now())
    }

    pub(crate) fn takes_message(&self) -> bool {
        lock(&self.messages).take(Instant::now())
    }

    /// Pages whose connection is open.
    pub(crate) fn open_pages(&self) -> usize {
        self.pages.load(Ordering::Acquire)
    }

    /// One more page; it goes when what is returned is dropped. None where there are too many.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Admitted> {
        let limit = self.limits.pages;
        let more = |pages: usize| (pages < limit).then_some(pages + 1);
        self.pages.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok().map(|_| Admitted(Arc::clone(self)))
    }
}

/// A page that is open.
pub(crate) struct Admitted(Arc<Site>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.pages.fetch_sub(1, Ordering::AcqRel);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
