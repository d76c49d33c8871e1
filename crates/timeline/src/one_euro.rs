//! The One Euro filter of one channel.

use std::f64::consts::TAU;

/// A low-pass filter of first order whose cutoff grows with the signal's speed.
///
/// Casiez et al. take the speed from successive values and smooth it at 1 Hz. A blink is over before such a speed has
/// risen, so it is taken here from the distance between the new value and the filtered one before it, unsmoothed;
/// and so that noise does not count as speed, distances up to `noise` do not count. As a further effect a slow movement
/// is followed at a distance of little more than `noise`, whatever the lowest cutoff.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OneEuro {
    /// Cutoff at rest, Hz.
    pub min_cutoff: f64,
    /// What a speed of one unit a second adds to the cutoff, Hz.
    pub beta: f64,
    /// In units of the signal.
    pub noise: f64,
}

/// How much of a new value is taken after `step` seconds, 0 to 1.
pub(crate) fn alpha(cutoff: f64, step: f64) -> f64 {
    let turns = TAU * cutoff * step;
    turns / (1.0 + turns)
}

impl OneEuro {
    /// Hz, for a new value at a `distance` from the filtered one, `step` seconds (positive) before.
    pub fn cutoff(&self, distance: f64, step: f64) -> f64 {
        self.min_cutoff + self.beta * (distance.abs() - self.noise).max(0.0) / step
    }

    /// `signal` without delay; `steps` are the seconds between its values.
    pub fn zero_lag(&self, signal: &[f64], steps: &[f64]) -> Vec<f64> {
        let reversed = |values: &[f64]| values.iter().rev().copied().collect::<Vec<f64>>();
        let backward_steps = reversed(steps);
        let from_past = self.cutoffs(signal, steps);
        let from_future = reversed(&self.cutoffs(&reversed(signal), &backward_steps));
        let cutoffs: Vec<f64> = from_past.iter().zip(&from_future).map(|(past, future)| past.max(*future)).collect();
        let backward_cutoffs = reversed(&cutoffs);

        let forward = |signal: &[f64]| low_pass(signal, steps, &cutoffs);
        let backward = |signal: &[f64]| reversed(&low_pass(&reversed(signal), &backward_steps, &backward_cutoffs));
        let (one, other) = (backward(&forward(signal)), forward(&backward(signal)));
        one.iter().zip(other).map(|(one, other)| (one + other) / 2.0).collect()
    }

    /// The cutoffs of the causal filter at each value.
    fn cutoffs(&self, signal: &[f64], steps: &[f64]) -> Vec<f64> {
        let mut cutoffs = vec![self.min_cutoff];
        let mut filtered = signal[0];
        for (value, step) in signal[1..].iter().zip(steps) {
            let cutoff = self.cutoff(value - filtered, *step);
            filtered += (value - filtered) * alpha(cutoff, *step);
            cutoffs.push(cutoff);
        }
        cutoffs
    }
}

fn low_pass(signal: &[f64], steps: &[f64], cutoffs: &[f64]) -> Vec<f64> {
    let mut filtered = signal[0];
    let rest = signal[1..].iter().zip(steps).zip(&cutoffs[1..]);
    let rest = rest.map(|((value, step), cutoff)| {
        filtered += (value - filtered) * alpha(*cutoff, *step);
        filtered
    });
    std::iter::once(signal[0]).chain(rest).collect()
}
