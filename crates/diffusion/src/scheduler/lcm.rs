//! Latent consistency sampling: each step jumps to the clean latents and goes back to a lower noise.

use candle_core::{Result, Tensor};

use super::{Noise, blend, clean};

#[derive(Debug)]
pub(super) struct Lcm {
    timesteps: Vec<usize>,
    /// Share of the signal's variance before each step.
    alphas: Vec<f64>,
}

/// Steps of the DDIM schedule that the models were distilled on.
const ORIGINAL_STEPS: usize = 50;
/// What a timestep is multiplied by in the boundary condition.
const TIMESTEP_SCALING: f64 = 10.0;
/// Standard deviation of the data in the boundary condition.
const SIGMA_DATA: f64 = 0.5;

impl Lcm {
    pub(super) fn new(noise: &Noise, steps: usize) -> (Self, Vec<f64>) {
        let original = ORIGINAL_STEPS.min(noise.steps()).max(steps);
        let stride = noise.steps() / original;
        // From the last of the original steps on, evenly spread indices, rounded down.
        let timesteps: Vec<usize> = (0..steps).map(|i| (original - i * original / steps) * stride - 1).collect();
        let alphas = timesteps.iter().map(|&t| noise.alphas_cumprod[t]).collect();
        let told = timesteps.iter().map(|&t| t as f64).collect();
        (Self { timesteps, alphas }, told)
    }

    /// Shares of signal and noise before a step.
    pub(super) fn level(&self, step: usize) -> [f64; 2] {
        [self.alphas[step].sqrt(), (1.0 - self.alphas[step]).sqrt()]
    }

    pub(super) fn step(
        &self,
        step: usize,
        predicted: &Tensor,
        latents: &Tensor,
        noise: Option<&Tensor>,
    ) -> Result<Tensor> {
        let scaled = self.timesteps[step] as f64 * TIMESTEP_SCALING;
        let variance = SIGMA_DATA * SIGMA_DATA;
        let (skip, out) = (variance / (scaled * scaled + variance), scaled / (scaled * scaled + variance).sqrt());
        let denoised = blend(out, &clean(self.alphas[step], predicted, latents)?, skip, latents)?;
        match (self.alphas.get(step + 1), noise) {
            (Some(next), Some(noise)) => blend(next.sqrt(), &denoised, (1.0 - next).sqrt(), noise),
            (Some(_), None) => candle_core::bail!("latent consistency needs noise between its steps"),
            (None, _) => Ok(denoised),
        }
    }
}
