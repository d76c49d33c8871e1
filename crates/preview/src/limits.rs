//! How much a server takes from the network.

use std::time::{Duration, Instant};

/// What a server takes from the network; beyond it requests are refused and connections closed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Connections open at once.
    pub connections: usize,
    /// Pages open at once.
    pub pages: usize,
    /// Requests per second of all together, lately; five times as many may come at once.
    pub requests_per_second: f64,
    /// Messages per second from one page, lately; twice as many may come at once.
    pub messages_per_second: f64,
    /// The same from all pages together.
    pub total_messages_per_second: f64,
    /// Largest message from a page.
    pub message_bytes: usize,
    /// How long a request's header may take to come.
    pub header_wait: Duration,
    /// How long a page may take nothing, or say nothing, before it counts as gone; and how long any other connection
    /// may last.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            pages: 8,
            requests_per_second: 50.0,
            // A page says that it has shown a frame, and asks for a pose with every move of a slider, at most as
            // often as its screen is redrawn.
            messages_per_second: 300.0,
            total_messages_per_second: 1200.0,
            message_bytes: 16 << 10,
            header_wait: Duration::from_secs(10),
            silence: Duration::from_secs(30),
        }
    }
}

/// So many per second on average, and a number at once.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    capacity: f64,
    level: f64,
    filled_at: Instant,
}

impl Bucket {
    /// Full at `now`.
    pub(crate) fn new(per_second: f64, at_once: f64, now: Instant) -> Self {
        Self { per_second, capacity: at_once, level: at_once, filled_at: now }
    }

    /// Whether there is one more; takes it.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.level = (self.level + seconds * self.per_second).min(self.capacity);
        self.filled_at = self.filled_at.max(now);
        let has_one = self.level >= 1.0;
        if has_one {
            self.level -= 1.0;
        }
        has_one
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bucket_gives_what_it_holds_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10.0, 3.0, start);
        let given = |bucket: &mut Bucket, ms: u64| bucket.take(start + Duration::from_millis(ms));
        assert_eq!([0, 0, 0, 0].map(|ms| given(&mut bucket, ms)), [true, true, true, false]);
        assert_eq!([50, 101, 101, 202].map(|ms| given(&mut bucket, ms)), [false, true, false, true]);
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_and_what_was_there(
            steps in prop::collection::vec(0u64..400, 1..200),
            rate in 1.0..100.0f64,
            at_once in 1.0..20.0f64,
        ) {
            let start = Instant::now();
            let mut bucket = Bucket::new(rate, at_once, start);
            let mut now = start;
            let mut taken = 0u32;
            for step in steps {
                now += Duration::from_millis(step);
                taken += u32::from(bucket.take(now));
                let most = at_once + (now - start).as_secs_f64() * rate;
                prop_assert!(f64::from(taken) <= most + 1e-6);
            }
            prop_assert!(taken > 0);
        }
    }
}
