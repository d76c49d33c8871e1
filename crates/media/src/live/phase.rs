//! Where the ticks of a stream's clock lie between the frames that come.
//!
//! Whoever renders in real time shows a frame per period, give or take some milliseconds, and the stream sends one per
//! period. Were the ticks to lie where the frames come, each would now find two, now none. So they are put half a period
//! after the frames: at the start after the latest one, later where a run of frames shows that they lie elsewhere by now,
//! because of a pause or because the clocks drift apart. What comes at no steady place, as with slow rendering, moves
//! nothing. And the clock stays a clock: all that it is moved by is at most one period, and one part in five thousand of
//! the time that went by since then.

/// Frames whose places are looked at together.
const RUN: u32 = 32;
/// How much their places must be alike, from 0 to 1: the length of their mean on a circle.
const AGREEMENT: f64 = 0.4;
/// Less than this share of a period from the middle is no reason to move.
const CENTRED: f64 = 0.1;
/// Of the time that goes by, how much the clock may be moved.
const DRIFT: f64 = 2e-4;

/// Looks at the places of frames between ticks. Times are in nanoseconds.
pub(super) struct Phase {
    period: f64,
    /// What the clock may be moved by.
    credit: f64,
    sum: [f64; 2],
    count: u32,
}

impl Phase {
    pub(super) fn new(period: u64) -> Self {
        let period = period.max(1) as f64;
        Self { period, credit: period, sum: [0.0; 2], count: 0 }
    }

    /// By how much the next tick is to come later, if the latest frame came so long before it.
    pub(super) fn settle(&mut self, since: i64) -> i64 {
        (self.sum, self.count) = ([0.0; 2], 0);
        (self.period / 2.0 - since as f64).rem_euclid(self.period) as i64
    }

    /// A new frame was found that came so long before the tick. By how much the next one is to come later; negative for
    /// sooner.
    pub(super) fn note(&mut self, since: i64) -> i64 {
        self.credit = (self.credit + self.period * DRIFT).min(self.period);
        let angle = std::f64::consts::TAU * (since as f64 / self.period - 0.5);
        self.sum = [self.sum[0] + angle.cos(), self.sum[1] + angle.sin()];
        self.count += 1;
        if self.count < RUN {
            return 0;
        }
        let [x, y] = std::mem::take(&mut self.sum);
        let agreement = x.hypot(y) / f64::from(std::mem::take(&mut self.count));
        let early = y.atan2(x) / std::f64::consts::TAU * self.period;
        if agreement < AGREEMENT || early.abs() < CENTRED * self.period {
            return 0;
        }
        let change = -early.clamp(-self.credit, self.credit);
        self.credit -= change.abs();
        change as i64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PERIOD: i64 = 40_000_000;

    /// Repeated and dropped frames, and the clock's total movement, of a stream of so many frames that come at
    /// `arrival(i)`; every tick takes the newest that came before it.
    fn stream(frames: usize, first_tick: i64, arrival: impl Fn(usize) -> i64) -> (u64, u64, i64) {
        let mut phase = Phase::new(PERIOD as u64);
        let mut start = first_tick + phase.settle(first_tick - arrival(0));
        let (mut moved, mut seen, mut repeated, mut dropped) = (0, 0, 0, 0);
        for index in 0.. {
            let due = start + index * PERIOD;
            let newest = (seen..frames).take_while(|frame| arrival(*frame) <= due).last();
            match newest {
                Some(newest) => {
                    // Before the first tick any number may have come.
                    dropped += if index > 0 { (newest - seen) as u64 } else { 0 };
                    seen = newest + 1;
                    let change = phase.note(due - arrival(newest));
                    (start, moved) = (start + change, moved + change.abs());
                }
                None if seen == frames => return (repeated, dropped, moved),
                None => repeated += 1,
            }
        }
        unreachable!("the loop has no end")
    }

    fn noise(index: usize) -> i64 {
        (index as i64).wrapping_mul(2_654_435_761).rem_euclid(1000) - 500
    }

    #[test]
    fn a_steady_renderer_loses_and_repeats_nothing_for_hours() {
        // An hour of 25 frames per second, whose places vary by 8 ms either way.
        for drift in [-100, 0, 100] {
            for first_tick in [0, 1, 13_000_000, 39_999_999] {
                let arrival = |i: usize| i as i64 * (PERIOD + PERIOD * drift / 1_000_000) + noise(i) * 16_000;
                let (repeated, dropped, moved) = stream(90_000, first_tick, arrival);
                assert_eq!((repeated, dropped), (0, 0), "{drift} parts in a million, from {first_tick}: {moved}");
            }
        }
    }

    #[test]
    fn after_a_pause_the_ticks_find_their_place_again() {
        // A pause at the worst of places: the frames come at the ticks from then on.
        let arrival = |i: usize| i as i64 * PERIOD + if i < 100 { 0 } else { PERIOD * 21 / 2 } + noise(i) * 4_000;
        let (repeated, dropped, _) = stream(10_000, 0, arrival);
        assert!((9..40).contains(&repeated) && dropped < 30, "{repeated}, {dropped}");
        // From the second second after it on, nothing is.
        let (later, more, _) = stream(100_000, 0, arrival);
        assert_eq!((later, more), (repeated, dropped));
    }

    #[test]
    fn slow_rendering_does_not_slow_the_clock() {
        // Ten thousand ticks, of which so many in a hundred find a new frame.
        for share in [50, 90, 99] {
            let arrival = |i: usize| i as i64 * PERIOD * 100 / share;
            let (repeated, dropped, moved) = stream(100 * share as usize, 5_000_000, arrival);
            let expected = 100 * (100 - share) as u64;
            assert!(moved <= PERIOD + 10_000 * PERIOD / 5000, "{share}: {moved}");
            assert!(dropped <= 1 && repeated.abs_diff(expected) <= 4, "{share}: {repeated}, {dropped}");
        }
    }

    proptest! {
        #[test]
        fn the_clock_stays_a_clock(since in prop::collection::vec(-100_000_000..100_000_000i64, 1..2000)) {
            let mut phase = Phase::new(PERIOD as u64);
            let settled = phase.settle(since[0]);
            prop_assert!((0..PERIOD).contains(&settled));
            let moved: i64 = since.iter().map(|since| phase.note(*since).abs()).sum();
            prop_assert!(moved as f64 <= PERIOD as f64 * (1.0 + 2e-4 * since.len() as f64) + 1.0);
        }
    }
}
