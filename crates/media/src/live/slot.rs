//! Where the newest frame lies, and what the leg is told to do.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use image::RgbImage;

use super::report::{LegState, LegStats};

/// Frames that are kept: a tick that comes late still finds the one that was the newest when it was due.
const KEPT: usize = 3;

/// A frame that was shown.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) frame: Arc<RgbImage>,
    /// Its place on the output's grid.
    pub(super) number: u64,
    pub(super) came: Instant,
}

/// What the leg is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    Go,
    /// Send what is there, then end.
    End,
    /// End at once.
    Abort,
}

/// Shared by whoever renders and the leg's thread. Locked for moments only.
pub(super) struct Slot {
    inner: Mutex<Inner>,
    bell: Condvar,
}

struct Inner {
    /// The oldest first.
    newest: VecDeque<Shown>,
    /// When the newest of all came, and its number.
    latest: Option<(Instant, u64)>,
    order: Order,
    stats: LegStats,
}

impl Slot {
    pub(super) fn new() -> Self {
        let newest = VecDeque::with_capacity(KEPT);
        let inner = Inner { newest, latest: None, order: Order::Go, stats: LegStats::default() };
        Self { inner: Mutex::new(inner), bell: Condvar::new() }
    }

    /// Makes it the newest frame.
    pub(super) fn show(&self, frame: &Arc<RgbImage>, number: u64) {
        let shown = Shown { frame: Arc::clone(frame), number, came: Instant::now() };
        let mut inner = self.lock();
        inner.stats.frames += 1;
        inner.latest = Some((shown.came, number));
        let is_over = inner.stats.state == LegState::Ended;
        let unseen = if is_over {
            Some(shown)
        } else {
            let is_full = inner.newest.len() >= KEPT;
            let oldest = if is_full { inner.newest.pop_front() } else { None };
            inner.newest.push_back(shown);
            oldest
        };
        inner.stats.dropped += u64::from(unseen.is_some());
        let is_awaited = inner.stats.state == LegState::Waiting;
        // The last holder of a frame frees it, which takes a moment too long under the lock.
        drop(inner);
        drop(unseen);
        if is_awaited {
            self.bell.notify_all();
        }
    }

    /// The newest frame of those that had come by then; those before it are dropped.
    pub(super) fn take(&self, then: Instant) -> Option<Shown> {
        let mut inner = self.lock();
        let mut unseen = Vec::new();
        let mut found = None;
        while let Some(shown) = inner.newest.pop_front_if(|shown| shown.came <= then) {
            unseen.extend(found.replace(shown));
        }
        inner.stats.dropped += unseen.len() as u64;
        drop(inner);
        found
    }

    /// When the newest frame came, taken or not, and its number.
    pub(super) fn latest(&self) -> Option<(Instant, u64)> {
        self.lock().latest
    }

    pub(super) fn has_frame(&self) -> bool {
        !self.lock().newest.is_empty()
    }

    /// Orders grow sterner only.
    pub(super) fn order(&self, order: Order) {
        let mut inner = self.lock();
        inner.order = inner.order.max(order);
        drop(inner);
        self.bell.notify_all();
    }

    /// Waits for the first frame, or for an order to end.
    pub(super) fn wait_for_frame(&self) -> Order {
        let idle = |inner: &mut Inner| inner.newest.is_empty() && inner.order == Order::Go;
        self.bell.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner).order
    }

    /// Waits until then, or for an order to end.
    pub(super) fn wait_until(&self, then: Instant) -> Order {
        let time = then.saturating_duration_since(Instant::now());
        let inner = self.bell.wait_timeout_while(self.lock(), time, |inner| inner.order == Order::Go);
        inner.unwrap_or_else(PoisonError::into_inner).0.order
    }

    pub(super) fn stats(&self) -> LegStats {
        self.lock().stats.clone()
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut LegStats)) {
        change(&mut self.lock().stats);
    }

    /// Nothing is taken from now on.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.stats.state = LegState::Ended;
        let unseen = std::mem::take(&mut inner.newest);
        inner.stats.dropped += unseen.len() as u64;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_frame_is_taken_and_every_other_one_counted() {
        let slot = Slot::new();
        let frame = |grey: u8| Arc::new(RgbImage::from_pixel(1, 1, image::Rgb([grey; 3])));
        for grey in 0..5 {
            slot.show(&frame(grey), u64::from(grey));
        }
        let taken = slot.take(Instant::now()).unwrap();
        assert_eq!((taken.frame.get_pixel(0, 0).0, taken.number), ([4; 3], 4));
        assert!(slot.take(Instant::now()).is_none() && !slot.has_frame());
        slot.show(&frame(5), 5);
        slot.close();
        slot.show(&frame(6), 6);
        assert!(!slot.has_frame());
        let stats = slot.stats();
        assert_eq!((stats.frames, stats.dropped, stats.state), (7, 6, LegState::Ended));
    }

    #[test]
    fn a_late_tick_takes_what_was_the_newest_when_it_was_due() {
        let slot = Slot::new();
        let frame = Arc::new(RgbImage::new(1, 1));
        let before = Instant::now();
        slot.show(&frame, 7);
        let due = Instant::now();
        while Instant::now() == due {}
        slot.show(&frame, 8);
        assert!(slot.take(before).is_none());
        assert_eq!(slot.take(due).map(|shown| shown.number), Some(7));
        assert_eq!(slot.latest().map(|(_, number)| number), Some(8));
        assert_eq!((slot.take(Instant::now()).map(|shown| shown.number), slot.stats().dropped), (Some(8), 0));
    }

    #[test]
    fn orders_end_every_wait_and_grow_sterner_only() {
        let slot = Arc::new(Slot::new());
        let waiting = Arc::clone(&slot);
        let thread = std::thread::spawn(move || waiting.wait_for_frame());
        slot.order(Order::Abort);
        slot.order(Order::End);
        assert_eq!(thread.join().unwrap(), Order::Abort);
        assert_eq!(slot.wait_until(Instant::now() + std::time::Duration::from_secs(3600)), Order::Abort);
    }
}
