//! When a frame is due.

use std::time::{Duration, Instant};

use moue_timeline::FrameRate;

/// Lets frames go in real time: each a frame's time after the one before.
///
/// What comes late by less than a frame goes at once, and the next one is due when it would have been; what comes later
/// than that moves all that follow. So a hiccup is made up for, and a renderer that is too slow never has to catch up.
#[derive(Debug)]
pub(crate) struct Pacer {
    rate: FrameRate,
    /// When the frame with that many frames before it was due; counted anew when frames come late.
    origin: Option<(Instant, u64)>,
    /// Frames that have gone.
    gone: u64,
}

impl Pacer {
    pub(crate) fn new(rate: FrameRate) -> Self {
        Self { rate, origin: None, gone: 0 }
    }

    /// When the next frame is due, if it is ready now.
    pub(crate) fn next(&mut self, now: Instant) -> Instant {
        let (origin, before) = *self.origin.get_or_insert((now, self.gone));
        let since = |frames: u64| Duration::from_secs_f64(self.rate.seconds_at(frames));
        let mut due = origin + since(self.gone - before);
        if now > due + since(1) {
            self.origin = Some((now, self.gone));
            due = now;
        }
        self.gone += 1;
        due
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(start: Instant, seconds: f64) -> Instant {
        start + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_hiccup_is_made_up_for_and_a_long_wait_is_not() {
        let (mut pacer, start) = (Pacer::new(FrameRate::FPS_25), Instant::now());
        let mut next = |seconds: f64| (pacer.next(at(start, seconds)) - start).as_secs_f64();
        let expected = [(0.0, 0.0), (0.001, 0.04), (0.11, 0.08), (0.111, 0.12), (0.9, 0.9), (0.91, 0.94)];
        for (ready, due) in expected {
            assert!((next(ready) - due).abs() < 1e-6, "{ready}");
        }
    }

    proptest! {
        /// However irregular they are ready, frames never go faster than in real time over any stretch, but for the one
        /// frame that may be late.
        #[test]
        fn never_faster_than_real_time(work in proptest::collection::vec(0.0_f64..0.1, 2..200)) {
            let (mut pacer, start) = (Pacer::new(FrameRate::FPS_30), Instant::now());
            let mut now = 0.0;
            let mut left: Vec<f64> = Vec::new();
            for work in work {
                now += work;
                let due = (pacer.next(at(start, now)) - start).as_secs_f64();
                now = f64::max(now, due);
                left.push(now);
            }
            let period = 1.0 / 30.0;
            for (first, from) in left.iter().enumerate() {
                for (last, to) in left.iter().enumerate().skip(first + 1) {
                    prop_assert!(to - from > period * (last - first) as f64 - period - 1e-6);
                }
            }
        }
    }
}
