//! DDIM with eta 0.

use candle_core::{Result, Tensor};

use super::{Noise, blend, clean};
use crate::config::ScheduleConfig;

#[derive(Debug)]
pub(super) struct Ddim {
    /// Share of the signal's variance before each step, and after the last.
    alphas: Vec<f64>,
    /// Whether the clean latents are kept within -1..=1, as the class does unless the configuration says otherwise.
    clip: bool,
}

impl Ddim {
    pub(super) fn new(noise: &Noise, config: &ScheduleConfig, steps: usize) -> (Self, Vec<f64>) {
        let stride = noise.steps() / steps;
        // With as many steps as the training had, there is no room for the offset.
        let offset = config.steps_offset.min(noise.steps() - 1 - (steps - 1) * stride);
        let timesteps: Vec<usize> = (0..steps).rev().map(|i| i * stride + offset).collect();
        let end = if config.set_alpha_to_one { 1.0 } else { noise.alphas_cumprod[0] };
        let at = |t: usize| noise.alphas_cumprod[t];
        let mut alphas: Vec<f64> = timesteps.iter().map(|&t| at(t)).collect();
        // The step after the last would lie before the first timestep.
        alphas.push(timesteps.last().and_then(|t| t.checked_sub(stride)).map_or(end, at));
        (Self { alphas, clip: config.clip_sample }, timesteps.into_iter().map(|t| t as f64).collect())
    }

    /// Shares of signal and noise before a step.
    pub(super) fn level(&self, step: usize) -> [f64; 2] {
        [self.alphas[step].sqrt(), (1.0 - self.alphas[step]).sqrt()]
    }

    pub(super) fn step(&self, step: usize, predicted: &Tensor, latents: &Tensor) -> Result<Tensor> {
        let (now, next) = (self.alphas[step], self.alphas[step + 1]);
        let mut clean = clean(now, predicted, latents)?;
        if self.clip {
            clean = clean.clamp(-1.0, 1.0)?;
        }
        blend(next.sqrt(), &clean, (1.0 - next).sqrt(), predicted)
    }
}
