//! Euler's method on the noise level, without churn.

use candle_core::{Result, Tensor};

use super::{Noise, blend};

#[derive(Debug)]
pub(super) struct Euler {
    /// Noise to signal before each step, and after the last.
    sigmas: Vec<f64>,
}

impl Euler {
    pub(super) fn new(noise: &Noise, steps: usize) -> (Self, Vec<f64>) {
        let last = (noise.steps() - 1) as f64;
        let intervals = (steps.max(2) - 1) as f64;
        let timesteps: Vec<f64> =
            if steps == 1 { vec![0.0] } else { (0..steps).rev().map(|i| last * i as f64 / intervals).collect() };
        let sigmas = timesteps.iter().map(|&t| noise.sigma(t)).chain([0.0]).collect();
        (Self { sigmas }, timesteps)
    }

    pub(super) fn initial_scale(&self) -> f64 {
        self.sigmas[0]
    }

    pub(super) fn scale_input(&self, latents: &Tensor, step: usize) -> Result<Tensor> {
        latents / (self.sigmas[step].powi(2) + 1.0).sqrt()
    }

    /// Shares of signal and noise before a step: here, noise is added to a signal that stays as it is.
    pub(super) fn level(&self, step: usize) -> [f64; 2] {
        [1.0, self.sigmas[step]]
    }

    pub(super) fn step(&self, step: usize, predicted: &Tensor, latents: &Tensor) -> Result<Tensor> {
        blend(1.0, latents, self.sigmas[step + 1] - self.sigmas[step], predicted)
    }
}
