//! DPM-Solver++ (2M), data prediction, midpoint; the last step is of first order and ends at zero noise.

use candle_core::{Result, Tensor};

use super::{Noise, blend};

#[derive(Debug)]
pub(super) struct Dpmpp {
    /// Noise to signal before each step, and after the last.
    sigmas: Vec<f64>,
    /// What the last step took for the clean latents.
    previous: Option<Tensor>,
}

impl Dpmpp {
    pub(super) fn new(noise: &Noise, steps: usize) -> (Self, Vec<f64>) {
        let last = (noise.steps() - 1) as f64;
        // As numpy's linspace and round, which rounds halves to even.
        let mut timesteps: Vec<f64> =
            (1..=steps).rev().map(|i| (last / steps as f64 * i as f64).round_ties_even()).collect();
        // With as many steps as the training had, two of them round to the same; a step of no length has no slope.
        timesteps.dedup();
        let sigmas = timesteps.iter().map(|&t| noise.sigma(t)).chain([0.0]).collect();
        (Self { sigmas, previous: None }, timesteps)
    }

    /// Shares of signal and noise before a step.
    pub(super) fn level(&self, step: usize) -> [f64; 2] {
        let Point { alpha, sigma, .. } = Point::at(self.sigmas[step]);
        [alpha, sigma]
    }

    /// The first step that is taken is of first order, wherever a run begins.
    pub(super) fn step(&mut self, step: usize, predicted: &Tensor, latents: &Tensor) -> Result<Tensor> {
        let (now, next) = (Point::at(self.sigmas[step]), Point::at(self.sigmas[step + 1]));
        let clean = blend(1.0 / now.alpha, latents, -now.sigma / now.alpha, predicted)?;
        let h = next.lambda - now.lambda;
        // exp(-h) - 1; at zero noise h is infinite.
        let change = -next.alpha * (-h).exp_m1();
        let target = match &self.previous {
            Some(previous) if step + 1 < self.sigmas.len() - 1 => {
                let before = Point::at(self.sigmas[step - 1]);
                let half = 0.5 * h / (now.lambda - before.lambda);
                blend(1.0 + half, &clean, -half, previous)?
            }
            _ => clean.clone(),
        };
        self.previous = Some(clean);
        blend(next.sigma / now.sigma, latents, change, &target)
    }
}

/// A noise level: signal, noise, and half the logarithm of their ratio.
struct Point {
    alpha: f64,
    sigma: f64,
    lambda: f64,
}

impl Point {
    fn at(ratio: f64) -> Self {
        let alpha = 1.0 / (ratio * ratio + 1.0).sqrt();
        Self { alpha, sigma: ratio * alpha, lambda: -ratio.ln() }
    }
}
