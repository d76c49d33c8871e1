//! Times without rounding.

use moue_timeline::FrameRate;

use crate::written::Time;

/// An exact time: whole parts of a second, of which there are [`Clock::per_second`].
///
/// Nanoseconds and frames of the board's rate are both whole numbers of these parts, so that sums never drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticks(pub u128);

impl std::ops::Add for Ticks {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        // Days in ticks have a hundred bits left.
        Self(self.0 + other.0)
    }
}

/// Turns times into frames.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// What a frame is in the file: `30f` counts these.
    board: FrameRate,
    /// What frames are rendered.
    rate: FrameRate,
}

const NS: u128 = 1_000_000_000;

impl Clock {
    pub(crate) fn new(board: FrameRate, rate: FrameRate) -> Self {
        Self { board, rate }
    }

    pub(crate) fn rate(self) -> FrameRate {
        self.rate
    }

    fn per_second(self) -> u128 {
        NS * u128::from(self.board.num())
    }

    pub(crate) fn ticks(self, time: Time) -> Ticks {
        let (num, den) = (u128::from(self.board.num()), u128::from(self.board.den()));
        Ticks(u128::from(time.ns) * num + u128::from(time.frames) * den * NS)
    }

    /// Seconds from zero on, to the nanosecond.
    pub(crate) fn ticks_of_seconds(self, seconds: f64) -> Ticks {
        // The cast saturates: what is negative or no number is zero.
        Ticks((seconds * 1e9).round() as u64 as u128 * u128::from(self.board.num()))
    }

    pub(crate) fn seconds(self, ticks: Ticks) -> f64 {
        // Parted, so that hours keep their nanoseconds.
        let per_second = self.per_second();
        (ticks.0 / per_second) as f64 + (ticks.0 % per_second) as f64 / per_second as f64
    }

    /// The frame that is nearest.
    pub(crate) fn frame(self, ticks: Ticks) -> u64 {
        let per_frame = self.per_second() * u128::from(self.rate.den());
        let twice = 2 * ticks.0 * u128::from(self.rate.num()) + per_frame;
        u64::try_from(twice / (2 * per_frame)).unwrap_or(u64::MAX)
    }

    /// Frames, whole or not.
    pub(crate) fn frames(self, ticks: Ticks) -> f64 {
        let per_frame = self.per_second() * u128::from(self.rate.den());
        let exact = ticks.0 * u128::from(self.rate.num());
        (exact / per_frame) as f64 + (exact % per_frame) as f64 / per_frame as f64
    }

    /// The same for the board's own rate.
    pub(crate) fn at_board_rate(self) -> Self {
        Self { rate: self.board, ..self }
    }

    /// A time for people: `1.2s`.
    pub(crate) fn text(self, ticks: Ticks) -> String {
        let millis = (self.seconds(ticks) * 1000.0).round() / 1000.0;
        format!("{millis}s")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_are_named_exactly_at_any_rate() {
        let ntsc = FrameRate::new(30000, 1001).unwrap();
        let clock = Clock::new(ntsc, ntsc);
        // An hour's last frame and 30 frames of a rate whose frames are no whole nanoseconds.
        for frames in [0, 1, 30, 107_892] {
            let ticks = clock.ticks(Time { ns: 0, frames });
            assert_eq!((clock.frame(ticks), clock.frames(ticks)), (frames, frames as f64));
        }
        // 1.2 s are 35.964 frames.
        assert_eq!(clock.frame(clock.ticks(Time::from_millis(1200))), 36);
        assert!((clock.frames(clock.ticks(Time::from_millis(1200))) - 35.964_035_964).abs() < 1e-8);
        // In a draft with 12 frames a second, frame 30 is still 1.001 s away.
        let draft = Clock::new(ntsc, FrameRate::new(12, 1).unwrap());
        let ticks = draft.ticks(Time { ns: 0, frames: 30 });
        assert_eq!((draft.frame(ticks), draft.at_board_rate().frame(ticks)), (12, 30));
        assert_eq!((draft.seconds(ticks), draft.text(ticks)), (1.001, "1.001s".to_owned()));
    }

    proptest! {
        #[test]
        fn sums_of_an_hour_do_not_drift(num in 1u32..240_000, den in 1u32..1002, millis in prop::collection::vec(1u64..60_000, 1..200), frames in 0u64..1000) {
            let Ok(rate) = FrameRate::new(num, den) else { return Ok(()) };
            let clock = Clock::new(rate, rate);
            let mut sum = clock.ticks(Time { ns: 0, frames });
            for step in &millis {
                sum = sum + clock.ticks(Time::from_millis(*step));
            }
            let whole = u128::from(millis.iter().sum::<u64>());
            let exact = whole * 1_000_000 * u128::from(rate.num()) + u128::from(frames) * u128::from(rate.den()) * NS;
            prop_assert_eq!(sum.0, exact);
            let nearest = clock.frame(sum);
            prop_assert!((clock.frames(sum) - nearest as f64).abs() <= 0.5 + 1e-6);
        }
    }
}
