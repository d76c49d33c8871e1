//! Noise schedulers: how the denoising network's predictions become latents, step by step.
//!
//! Each has the defaults of its class in diffusers 0.29 on Stable Diffusion 1.5's noise schedule; coefficients are
//! computed in f64.

mod ddim;
mod dpmpp;
mod euler;
mod lcm;

use candle_core::{Result, Tensor};

use crate::config::ScheduleConfig;

/// The kinds of schedulers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchedulerKind {
    /// DPM-Solver++ of second order, multistep (arXiv 2211.01095): the official default, 25 steps.
    #[default]
    DpmppTwoM,
    /// DDIM without noise (arXiv 2010.02502).
    Ddim,
    /// Euler's method on the noise level (arXiv 2206.00364), without noise.
    Euler,
    /// Latent consistency (arXiv 2310.04378): two to eight steps with an LCM-LoRA, guidance 1.
    Lcm,
}

impl SchedulerKind {
    /// Every kind with the name that people write.
    pub const ALL: [(&'static str, Self); 4] =
        [("dpmpp-2m", Self::DpmppTwoM), ("ddim", Self::Ddim), ("euler", Self::Euler), ("lcm", Self::Lcm)];
}

impl std::str::FromStr for SchedulerKind {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(name, _)| *name == text);
        found.map(|(_, kind)| kind).ok_or_else(|| format!("found '{text}', expected dpmpp-2m, ddim, euler or lcm"))
    }
}

/// A run from noise to latents.
#[derive(Debug)]
pub struct Scheduler {
    method: Method,
    timesteps: Vec<f64>,
}

#[derive(Debug)]
enum Method {
    Dpmpp(dpmpp::Dpmpp),
    Ddim(ddim::Ddim),
    Euler(euler::Euler),
    Lcm(lcm::Lcm),
}

impl Scheduler {
    /// The schedule of `steps` steps, 1 to the training's steps. DPM-Solver++ takes one less than the training had, if
    /// asked for as many.
    pub fn new(kind: SchedulerKind, config: &ScheduleConfig, steps: usize) -> Self {
        let noise = Noise::new(config);
        let steps = steps.clamp(1, config.train_timesteps.max(1));
        let (method, timesteps) = match kind {
            SchedulerKind::DpmppTwoM => {
                let (method, timesteps) = dpmpp::Dpmpp::new(&noise, steps);
                (Method::Dpmpp(method), timesteps)
            }
            SchedulerKind::Ddim => {
                let (method, timesteps) = ddim::Ddim::new(&noise, config, steps);
                (Method::Ddim(method), timesteps)
            }
            SchedulerKind::Euler => {
                let (method, timesteps) = euler::Euler::new(&noise, steps);
                (Method::Euler(method), timesteps)
            }
            SchedulerKind::Lcm => {
                let (method, timesteps) = lcm::Lcm::new(&noise, steps);
                (Method::Lcm(method), timesteps)
            }
        };
        Self { method, timesteps }
    }

    /// What the network is told at each step.
    pub fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    /// What standard normal noise is multiplied by at the start.
    pub fn initial_scale(&self) -> f64 {
        if let Method::Euler(euler) = &self.method { euler.initial_scale() } else { 1.0 }
    }

    /// The step that a run of `strength` begins with, which starts from a picture instead of from noise: of all steps,
    /// that share is left, at least one. 1 is all of them.
    pub fn start_step(&self, strength: f64) -> usize {
        let steps = self.timesteps.len();
        let left = (strength.clamp(0.0, 1.0) * steps as f64).round() as usize;
        steps - left.clamp(1, steps)
    }

    /// Clean latents with as much standard normal noise as those have that `step` is given: where a run begins that
    /// starts there.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn noised(&self, clean: &Tensor, noise: &Tensor, step: usize) -> Result<Tensor> {
        let [signal, level] = match &self.method {
            Method::Dpmpp(method) => method.level(step),
            Method::Ddim(method) => method.level(step),
            Method::Euler(method) => method.level(step),
            Method::Lcm(method) => method.level(step),
        };
        blend(signal, clean, level, noise)
    }

    /// Whether a step wants fresh noise.
    pub fn wants_noise(&self, step: usize) -> bool {
        matches!(self.method, Method::Lcm(_)) && step + 1 < self.timesteps.len()
    }

    /// What the network is shown of `latents` at `step`.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn scale_input(&self, latents: &Tensor, step: usize) -> Result<Tensor> {
        if let Method::Euler(euler) = &self.method { euler.scale_input(latents, step) } else { Ok(latents.clone()) }
    }

    /// The latents after `step`, from the noise that the network `predicted` in `latents`. Steps are taken in order,
    /// from 0, or from where a run began that starts from [`Self::noised`] latents. `noise` is standard normal, where [`Self::wants_noise`].
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn step(
        &mut self,
        step: usize,
        predicted: &Tensor,
        latents: &Tensor,
        noise: Option<&Tensor>,
    ) -> Result<Tensor> {
        match &mut self.method {
            Method::Dpmpp(method) => method.step(step, predicted, latents),
            Method::Ddim(method) => method.step(step, predicted, latents),
            Method::Euler(method) => method.step(step, predicted, latents),
            Method::Lcm(method) => method.step(step, predicted, latents, noise),
        }
    }
}

/// The noise of the training at each of its timesteps.
#[derive(Debug)]
struct Noise {
    /// Share of the signal's variance that is left, falling from nearly 1.
    alphas_cumprod: Vec<f64>,
}

impl Noise {
    fn new(config: &ScheduleConfig) -> Self {
        let (start, end) = if config.scaled_linear {
            (config.beta_start.sqrt(), config.beta_end.sqrt())
        } else {
            (config.beta_start, config.beta_end)
        };
        let last = (config.train_timesteps.max(2) - 1) as f64;
        let betas = (0..config.train_timesteps).map(|i| {
            let beta = start + (end - start) * i as f64 / last;
            if config.scaled_linear { beta * beta } else { beta }
        });
        let alphas = betas.scan(1.0, |product, beta| {
            *product *= 1.0 - beta;
            Some(*product)
        });
        Self { alphas_cumprod: alphas.collect() }
    }

    fn steps(&self) -> usize {
        self.alphas_cumprod.len()
    }

    /// Ratio of noise to signal at a timestep, which may lie between two of the training's.
    fn sigma(&self, timestep: f64) -> f64 {
        let sigma = |i: usize| ((1.0 - self.alphas_cumprod[i]) / self.alphas_cumprod[i]).sqrt();
        let low = (timestep.floor().max(0.0) as usize).min(self.steps() - 1);
        let high = (low + 1).min(self.steps() - 1);
        let t = timestep - low as f64;
        sigma(low) * (1.0 - t) + sigma(high) * t
    }
}

/// a * x + b * y.
fn blend(a: f64, x: &Tensor, b: f64, y: &Tensor) -> Result<Tensor> {
    (x * a)? + (y * b)?
}

/// The clean latents that `predicted` noise leaves of `latents`, at a share `alpha` of the signal's variance.
fn clean(alpha: f64, predicted: &Tensor, latents: &Tensor) -> Result<Tensor> {
    blend(1.0 / alpha.sqrt(), latents, -((1.0 - alpha) / alpha).sqrt(), predicted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    pub(super) fn config() -> ScheduleConfig {
        ScheduleConfig {
            beta_start: 0.00085,
            beta_end: 0.012,
            train_timesteps: 1000,
            scaled_linear: true,
            steps_offset: 1,
            set_alpha_to_one: false,
            clip_sample: false,
        }
    }

    /// Latents x0 + sigma * noise, and a network that always knows the noise, must end at x0.
    #[test]
    fn a_perfect_prediction_ends_at_the_picture() {
        for kind in [SchedulerKind::DpmppTwoM, SchedulerKind::Ddim, SchedulerKind::Euler] {
            for steps in [1, 2, 7, 25] {
                let mut scheduler = Scheduler::new(kind, &config(), steps);
                let clean = Tensor::new(&[0.5f32, -0.25, 0.75], &Device::Cpu).unwrap();
                let noise = Tensor::new(&[1.0f32, -2.0, 0.5], &Device::Cpu).unwrap();
                let all = Noise::new(&config());
                let euler = kind == SchedulerKind::Euler;
                let first = scheduler.timesteps()[0];
                let alpha = all.alphas_cumprod[first as usize];
                let (signal, level) =
                    if euler { (1.0, all.sigma(first)) } else { (alpha.sqrt(), (1.0 - alpha).sqrt()) };
                let mut latents = blend(signal, &clean, level, &noise).unwrap();
                for i in 0..scheduler.timesteps().len() {
                    latents = scheduler.step(i, &noise, &latents, None).unwrap();
                }
                let error: f32 = (latents - &clean).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap();
                // DDIM ends at the first timestep of the training, where a little noise is left.
                let most = if kind == SchedulerKind::Ddim { 0.1 } else { 2e-3 };
                assert!(error < most, "{kind:?} in {steps} steps: {error}");
            }
        }
    }

    /// A run that starts in the middle from the picture with that step's noise must end at the picture, too.
    #[test]
    fn a_run_may_start_at_any_step() {
        for (name, kind) in SchedulerKind::ALL {
            for steps in [1, 2, 7, 25] {
                let count = Scheduler::new(kind, &config(), steps).timesteps().len();
                for start in 0..count {
                    let mut scheduler = Scheduler::new(kind, &config(), steps);
                    let clean = Tensor::new(&[0.5f32, -0.25, 0.75], &Device::Cpu).unwrap();
                    let noise = Tensor::new(&[1.0f32, -2.0, 0.5], &Device::Cpu).unwrap();
                    let mut latents = scheduler.noised(&clean, &noise, start).unwrap();
                    for i in start..count {
                        let fresh = scheduler.wants_noise(i).then_some(&noise);
                        latents = scheduler.step(i, &noise, &latents, fresh).unwrap();
                    }
                    let error: f32 = (latents - &clean).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap();
                    let most = if kind == SchedulerKind::Ddim { 0.1 } else { 2e-3 };
                    assert!(error < most, "{name} from step {start} of {steps}: {error}");
                }
            }
        }
    }

    /// At the first step, a picture drowned in noise is where a run from noise alone begins, but for the little of the
    /// picture that the schedule leaves.
    #[test]
    fn a_run_of_full_strength_starts_where_others_do() {
        for (name, kind) in SchedulerKind::ALL {
            let scheduler = Scheduler::new(kind, &config(), 25);
            let clean = Tensor::new(&[0.5f32, -0.25, 0.75], &Device::Cpu).unwrap();
            let noise = Tensor::new(&[1.0f32, -2.0, 0.5], &Device::Cpu).unwrap();
            let start = scheduler.noised(&clean, &noise, scheduler.start_step(1.0)).unwrap();
            let scale = scheduler.initial_scale();
            let usual = (noise * scale).unwrap();
            let error: f32 = (start - usual).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap();
            assert!(f64::from(error) < 0.12 * scale, "{name}: {error}");
        }
    }

    #[test]
    fn the_strength_is_the_share_of_steps_that_is_left() {
        let scheduler = Scheduler::new(SchedulerKind::DpmppTwoM, &config(), 8);
        let starts = [1.0, 0.75, 0.5, 0.3, 0.01, 0.0, 7.0].map(|strength| scheduler.start_step(strength));
        assert_eq!(starts, [0, 2, 4, 6, 7, 7, 0]);
    }

    #[test]
    fn signal_falls_with_time() {
        let noise = Noise::new(&config());
        assert!(noise.alphas_cumprod.windows(2).all(|pair| pair[1] < pair[0]));
        assert!((noise.sigma(999.0) - 14.6146).abs() < 1e-3, "{}", noise.sigma(999.0));
        assert!((noise.sigma(0.0) - 0.02917).abs() < 1e-4, "{}", noise.sigma(0.0));
    }
}
