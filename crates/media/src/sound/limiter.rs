//! Keeps sounds that are heard together within full scale.

use std::collections::VecDeque;

use super::cue::Stereo;

/// Samples that it looks ahead, 5 ms at 48 kHz: over as many the sound becomes softer before a peak, and louder after.
pub(super) const AHEAD: usize = 240;

/// Leaves samples alone, bit for bit, unless a value beyond 1 is near; there the sound is turned down, both sides alike,
/// just as far as the value needs it and as softly as the time ahead allows.
///
/// The gain is the mean of the least gains: of each window of `AHEAD` samples the least gain that one of them needs, and
/// of those the mean over all windows that a sample lies in. None of these is more than the sample needs, so neither is
/// their mean.
pub(super) struct Limiter {
    /// Samples that went in and have not come out.
    waiting: VecDeque<Stereo>,
    /// Gains that the latest samples need, with the samples' numbers; only those that are less than all after them.
    needed: VecDeque<(u64, f32)>,
    /// 1 less the least gains, of the windows that the next sample to come out lies in.
    cuts: VecDeque<f32>,
    cut: f64,
    /// How many of the cuts are not 0.
    cutting: usize,
    count: u64,
}

impl Limiter {
    pub(super) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            needed: VecDeque::new(),
            cuts: VecDeque::new(),
            cut: 0.0,
            cutting: 0,
            count: 0,
        }
    }

    /// Takes a sample in, and gives the one that went in `AHEAD - 1` samples before.
    pub(super) fn push(&mut self, sample: Stereo) -> Option<Stereo> {
        let peak = sample[0].abs().max(sample[1].abs());
        let gain = if peak > 1.0 { 1.0 / peak } else { 1.0 };
        while self.needed.pop_back_if(|(_, other)| *other >= gain).is_some() {}
        self.needed.push_back((self.count, gain));
        self.waiting.push_back(sample);
        self.count += 1;
        if self.waiting.len() < AHEAD {
            return None;
        }
        let oldest = self.count - AHEAD as u64;
        while self.needed.pop_front_if(|(number, _)| *number < oldest).is_some() {}
        let cut = 1.0 - self.needed.front().map_or(1.0, |(_, gain)| *gain);
        if self.cuts.is_empty() {
            // The windows that begin before the first sample need no more than the one that begins with it.
            (0..AHEAD).for_each(|_| self.add(cut));
        } else {
            self.add(cut);
            self.remove();
        }
        let gain = if self.cutting == 0 { 1.0 } else { (1.0 - self.cut / AHEAD as f64) as f32 };
        // Rounding may lead past the end by a millionth.
        self.waiting.pop_front().map(|sample| sample.map(|value| (value * gain).clamp(-1.0, 1.0)))
    }

    fn add(&mut self, cut: f32) {
        self.cuts.push_back(cut);
        self.cut += f64::from(cut);
        self.cutting += usize::from(cut > 0.0);
    }

    fn remove(&mut self) {
        let cut = self.cuts.pop_front().unwrap_or(0.0);
        self.cut -= f64::from(cut);
        self.cutting -= usize::from(cut > 0.0);
        if self.cutting == 0 {
            self.cut = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limited(samples: &[Stereo]) -> Vec<Stereo> {
        let mut limiter = Limiter::new();
        let flush = std::iter::repeat_n([0.0; 2], AHEAD - 1);
        samples.iter().copied().chain(flush).filter_map(|sample| limiter.push(sample)).collect()
    }

    proptest! {
        #[test]
        fn what_is_within_full_scale_comes_out_as_it_went_in(
            samples in prop::collection::vec(prop::array::uniform2(-1.0f32..=1.0), 0..2000),
        ) {
            prop_assert_eq!(limited(&samples), samples);
        }

        #[test]
        fn nothing_leaves_full_scale_and_the_gain_moves_slowly(
            samples in prop::collection::vec(prop::array::uniform2(0.1f32..1.2), 300..1500),
            peaks in prop::collection::vec((any::<prop::sample::Index>(), -6.0f32..6.0), 0..5),
        ) {
            let mut samples = samples;
            for (index, value) in peaks {
                *index.get_mut(&mut samples) = [value, 0.5];
            }
            let out = limited(&samples);
            prop_assert_eq!(out.len(), samples.len());
            let gains: Vec<f32> = out.iter().zip(&samples).map(|(out, before)| out[1] / before[1]).collect();
            for (out, gain) in out.iter().zip(&gains) {
                prop_assert!(out.iter().all(|value| value.abs() <= 1.0), "{out:?}");
                prop_assert!(*gain <= 1.0 + 1e-6 && *gain >= 1.0 / 6.0 - 1e-4, "{gain}");
            }
            let step = gains.windows(2).map(|pair| (pair[0] - pair[1]).abs()).fold(0.0, f32::max);
            prop_assert!(step <= 1.0 / AHEAD as f32 + 1e-4, "{step}");
        }
    }

    #[test]
    fn a_peak_is_reached_exactly_and_forgotten_soon() {
        let mut samples = vec![[0.5, 0.25]; 2000];
        samples[1000] = [2.0, -0.5];
        let out = limited(&samples);
        assert!((out[1000][0] - 1.0).abs() < 1e-5 && (out[1000][1] + 0.25).abs() < 1e-5, "{:?}", out[1000]);
        assert_eq!(out[..=1000 - AHEAD], samples[..=1000 - AHEAD]);
        assert_eq!(out[1000 + AHEAD..], samples[1000 + AHEAD..]);
    }
}
