//! Which sound goes with which frame of a stream.
//!
//! A stream's frames come at a constant rate, whatever is shown in them: the next frame of the output, one further on,
//! the same one once more, or the first one again. The sound follows what is shown, and is not cut for a frame's worth of
//! jitter between the clock of whoever renders and the stream's.

use moue_timeline::FrameRate;

use crate::sound::{FADE, RATE, Stereo, raised};

/// Seconds after which sound that is off by a frame is put right, and for which frames must have come one after another
/// before one that is missing is taken for jitter.
const PATIENCE: f64 = 0.2;

/// Follows the numbers of the frames.
pub(super) struct Follower {
    rate: FrameRate,
    state: State,
    /// The latest new frame.
    shown: u64,
    /// New frames in a row with which the sound was not where it belongs.
    off: u32,
    /// New frames in a row that were heard.
    steady: u32,
}

/// Places are samples of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// What comes next.
    Playing(u64),
    /// Nothing is heard; what was heard before ended there.
    Silent(u64),
}

/// The sample with which frame `number` begins.
pub(super) fn place(rate: FrameRate, number: u64) -> u64 {
    let samples = u128::from(number) * u128::from(RATE) * u128::from(rate.den()) / u128::from(rate.num());
    u64::try_from(samples).unwrap_or(u64::MAX)
}

impl Follower {
    pub(super) fn new(rate: FrameRate) -> Self {
        Self { rate, state: State::Silent(0), shown: 0, off: 0, steady: 0 }
    }

    /// Starts a new stream.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.rate);
    }

    /// The sound of frame `index` of the stream, in which frame `shown` of the output is seen for the first time, or
    /// the latest one once more. `read` gives the output's samples from a place on.
    pub(super) fn sound(
        &mut self,
        index: u64,
        shown: Option<u64>,
        mut read: impl FnMut(u64, &mut [Stereo]),
    ) -> Vec<Stereo> {
        let count = place(self.rate, index + 1) - place(self.rate, index);
        let mut samples = vec![[0.0; 2]; count as usize];
        let steps = (FADE as u64).min(count / 2).max(1);
        let before = self.state;
        let begins = match shown {
            Some(number) => self.follow(number, count, steps),
            None => self.go_on(count),
        };
        match begins {
            Some((silence, at)) => {
                let heard = samples.get_mut(silence as usize..).unwrap_or_default();
                read(at, heard);
                // What begins with its own first sample needs no help.
                if before != State::Playing(at) && at > 0 {
                    fade(heard, steps, |step| raised(step, steps));
                }
                self.state = State::Playing(at + heard.len() as u64);
            }
            None => {
                self.steady = 0;
                if let State::Playing(at) = before {
                    self.state = State::Silent(at);
                }
            }
        }
        if let State::Playing(at) = before
            && begins != Some((0, at))
        {
            // What is left falls silent softly.
            let mut rest = vec![[0.0; 2]; steps as usize];
            read(at, &mut rest);
            fade(&mut rest, steps, |step| 1.0 - raised(step, steps));
            for (sample, rest) in samples.iter_mut().zip(rest) {
                *sample = [sample[0] + rest[0], sample[1] + rest[1]];
            }
        }
        samples
    }

    /// A new frame: after how much silence which sample is heard, if any.
    fn follow(&mut self, number: u64, count: u64, steps: u64) -> Option<(u64, u64)> {
        self.shown = number;
        self.steady = self.steady.saturating_add(1);
        let target = place(self.rate, number);
        // As much as the places of frames are rounded, and a quarter more.
        let frame = count + count / 4;
        match self.state {
            State::Playing(at) => {
                let is_near = at.abs_diff(target) <= frame;
                self.off = if is_near && at.abs_diff(target) > count / 4 { self.off + 1 } else { 0 };
                if is_near && f64::from(self.off) <= self.patience() {
                    return Some((0, at));
                }
                self.off = 0;
                Some((0, target))
            }
            State::Silent(at) => {
                self.off = 0;
                // What was heard ahead of the pictures is not heard twice.
                let silence = at.saturating_sub(target);
                if silence > 2 * frame {
                    return Some((0, target));
                }
                let is_worth_it = silence == 0 || silence + steps <= count;
                is_worth_it.then_some((silence, target + silence))
            }
        }
    }

    /// The same frame once more: silence, unless it looks like jitter.
    fn go_on(&self, count: u64) -> Option<(u64, u64)> {
        let State::Playing(at) = self.state else { return None };
        if f64::from(self.steady) < self.patience() {
            return None;
        }
        let ahead = (at + count).saturating_sub(place(self.rate, self.shown + 1));
        (ahead <= count + count / 4).then_some((0, at))
    }

    fn patience(&self) -> f64 {
        PATIENCE * self.rate.fps()
    }
}

fn fade(samples: &mut [Stereo], steps: u64, gain: impl Fn(u64) -> f32) {
    for (step, sample) in (0..steps).zip(samples) {
        *sample = sample.map(|value| value * gain(step));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: u64 = 1920;

    /// Sample `i` is `i + 1`, so that silence is something else.
    fn read(at: u64, samples: &mut [Stereo]) {
        (at..).zip(samples).for_each(|(place, sample)| *sample = [(place + 1) as f32; 2]);
    }

    /// What is heard with so many frames of 25 per second, one value per sample.
    fn heard(shown: impl IntoIterator<Item = Option<u64>>) -> Vec<f32> {
        let mut follower = Follower::new(FrameRate::FPS_25);
        let frames = (0..).zip(shown);
        frames.flat_map(|(index, shown)| follower.sound(index, shown, read)).map(|sample| sample[0]).collect()
    }

    /// The sample that is heard in the middle of each frame; 0 is silence.
    fn middles(shown: impl IntoIterator<Item = Option<u64>>) -> Vec<u64> {
        heard(shown).chunks(FRAME as usize).map(|frame| frame[FRAME as usize / 2] as u64).collect()
    }

    /// The middles of these frames.
    fn of(frames: &[u64]) -> Vec<u64> {
        frames.iter().map(|frame| frame * FRAME + FRAME / 2 + 1).collect()
    }

    #[test]
    fn frames_in_order_are_heard_sample_by_sample() {
        let samples = heard((0..100).map(Some));
        assert!((1..).zip(&samples).all(|(place, sample)| *sample == place as f32));
    }

    #[test]
    fn a_stream_that_begins_later_begins_there_softly() {
        let samples = heard([Some(70), Some(71)]);
        assert!(samples[0] < 5.0 && samples[240] == (70 * FRAME + 241) as f32);
        assert_eq!(samples[FRAME as usize], (71 * FRAME + 1) as f32);
    }

    #[test]
    fn a_loop_starts_over_at_once() {
        let samples = heard([Some(58), Some(59), Some(0), Some(1)]);
        // The click of a cut would be its first samples; what comes before falls silent over them.
        let start = &samples[2 * FRAME as usize..];
        assert!(start[240..].iter().zip(241..).all(|(sample, place)| *sample == place as f32));
        assert!(start[0] > 100_000.0 && start[239] < 300.0 && start[..240].is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn jitter_of_a_frame_cuts_nothing() {
        let jitter = [None, Some(11), Some(12), Some(14), None, Some(15), Some(16), Some(18), Some(19), None];
        let samples = heard((0..10).map(Some).chain(jitter));
        assert!((1..).zip(&samples).all(|(place, sample)| *sample == place as f32));
    }

    #[test]
    fn what_is_off_by_a_frame_is_put_right_soon() {
        for skipped in [1, -1i64] {
            // A frame that is left out, or one that is shown twice, and nothing that makes up for it.
            let second = |number: u64| if skipped > 0 { Some(number + 1) } else { number.checked_sub(1) };
            let shown = (0..10).map(Some).chain(if skipped > 0 { None } else { Some(None) });
            let from = if skipped > 0 { 10 } else { 11 };
            let middles = middles(shown.chain((from..60).map(second)));
            assert_eq!(middles[10..14], of(&[10, 11, 12, 13]), "{skipped}");
            let right: Vec<u64> = (17..60).map(|index: u64| index.saturating_add_signed(skipped)).collect();
            assert_eq!(middles[17..], of(&right), "{skipped}");
        }
    }

    #[test]
    fn slow_rendering_is_silent_between_its_frames() {
        for slowness in [2, 5] {
            let middles = middles((0..100).map(|index| (index % slowness == 0).then_some(index / slowness)));
            let expected = |index: u64| if index.is_multiple_of(slowness) { of(&[index / slowness])[0] } else { 0 };
            assert_eq!(middles, (0..100).map(expected).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_pause_is_left_softly_and_ends_where_it_began() {
        let shown = (0..10).map(Some).chain([None; 50]).chain((10..20).map(Some));
        let samples = heard(shown);
        let at = |frame: u64| (frame * FRAME) as usize;
        assert_eq!(samples[at(11) - 1], at(11) as f32);
        assert!(
            samples[at(11)..at(11) + 240].is_sorted_by(|a, b| a >= b) && samples[at(11) + 240..at(61)] == [0.0; 95_760]
        );
        assert!(samples[at(61)..at(61) + 240].is_sorted() && samples[at(61) + 240] == (at(11) + 241) as f32);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is shown: what is heard is never further than a frame and a quarter from it, and lasts as long.
        #[test]
        fn sound_stays_with_the_pictures(
            steps in prop::collection::vec((0..8u8, 0..200u64), 1..60),
            rate in prop::sample::select(vec![(25, 1), (30_000, 1001), (12, 1), (60, 1), (7, 3)]),
        ) {
            let rate = FrameRate::new(rate.0, rate.1).unwrap();
            let mut follower = Follower::new(rate);
            let (mut number, mut total, mut latest) = (0, 0, None);
            for (index, (kind, jump)) in (0..).zip(steps) {
                let shown = match kind {
                    0 => Some(jump),
                    1 => None,
                    2 => Some(number + 2),
                    _ => Some(number + 1),
                };
                number = shown.unwrap_or(number);
                latest = shown.or(latest);
                let samples = follower.sound(index, shown, read);
                total += samples.len() as u64;
                prop_assert_eq!(total, place(rate, index + 1));
                let Some(latest) = latest else { continue };
                let slack = samples.len() as u64 * 9 / 4 + 3;
                // Where nothing fades, each sample is one more than the one before.
                for pair in samples.windows(2).filter(|pair| pair[1][0] == pair[0][0] + 1.0) {
                    let heard = pair[0][0] as u64 - 1;
                    let span = place(rate, latest).saturating_sub(slack)..place(rate, latest + 1) + slack;
                    // Single precision holds whole numbers up to 16.7 million exactly.
                    prop_assert!(heard > 16_000_000 || span.contains(&heard), "{heard} with frame {latest}");
                }
            }
        }
    }
}
