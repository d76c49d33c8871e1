//! From noise to latents: the loop around the denoising network.

use candle_core::{DType, Tensor};

use crate::checkpoint::Prompts;
use crate::config::ScheduleConfig;
use crate::unet::{Conditioning, DenoisingUnet, ExpressionTokens, ReferenceBank};
use crate::{DiffusionError, Result, Scheduler, SchedulerKind};

/// How frames are sampled.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// The noise scheduler.
    pub scheduler: SchedulerKind,
    /// Denoising steps (num_inference_steps).
    pub steps: usize,
    /// Classifier-free guidance (guidance_scale); at 1 there is no unconditional half, and half the work.
    pub guidance: f64,
    /// Weight of the expression adapter, 1 as trained; 0 is without.
    pub expression_scale: f64,
}

impl Default for Sampling {
    /// The authors' settings: DPM-Solver++ 2M, 25 steps, guidance 3.
    fn default() -> Self {
        Self { scheduler: SchedulerKind::DpmppTwoM, steps: 25, guidance: 3.0, expression_scale: 1.0 }
    }
}

impl Sampling {
    /// Few steps with an LCM-LoRA: 4 steps, guidance 1.
    pub fn few_steps() -> Self {
        Self { scheduler: SchedulerKind::Lcm, steps: 4, guidance: 1.0, ..Self::default() }
    }

    /// Whether the unconditional half is computed.
    pub fn is_guided(&self) -> bool {
        self.guidance != 1.0
    }
}

/// What frames are conditioned on, besides the person.
#[derive(Clone, Debug)]
pub struct FrameTokens {
    /// Expression tokens of each frame, (frames, tokens, hidden).
    pub expressions: Tensor,
    /// Those of no expression, (1, tokens, hidden): the projection of zeros.
    pub neutral: Tensor,
}

/// What latents are sampled from, (frames, 4, height, width) each.
#[derive(Clone, Copy, Debug)]
pub enum Initial<'a> {
    /// Standard normal noise.
    Noise(&'a Tensor),
    /// Clean latents with as much noise as they have before a step; the steps before it are not taken.
    Latents {
        /// The latents.
        clean: &'a Tensor,
        /// Standard normal noise.
        noise: &'a Tensor,
        /// The first step that is taken, from 0.
        step: usize,
    },
}

impl<'a> From<&'a Tensor> for Initial<'a> {
    fn from(noise: &'a Tensor) -> Self {
        Self::Noise(noise)
    }
}

/// Samples the latents of some frames at once.
///
/// `noise` gives more standard normal noise, of the shape of the initial, where the scheduler wants it; `observe` sees
/// the latents after each step and may end the run.
///
/// # Errors
/// Where shapes do not match, and what `observe` returns.
#[expect(clippy::too_many_arguments, reason = "a person, frames, noise and who watches")]
pub fn sample<'a>(
    unet: &DenoisingUnet,
    schedule: &ScheduleConfig,
    sampling: &Sampling,
    prompts: &Prompts,
    tokens: Option<&FrameTokens>,
    bank: &ReferenceBank,
    initial: impl Into<Initial<'a>>,
    noise: &dyn Fn(usize) -> Result<Tensor>,
    observe: &mut dyn FnMut(usize, &Tensor) -> Result<()>,
) -> Result<Tensor> {
    let initial = initial.into();
    let (Initial::Noise(shape) | Initial::Latents { noise: shape, .. }) = initial;
    let frames = shape.dim(0)?;
    let mut scheduler = Scheduler::new(sampling.scheduler, schedule, sampling.steps);
    let guided = sampling.is_guided();
    // Rows of the batch: the unconditional half of every frame, then the conditional half.
    let halves = |unconditional: &Tensor, conditional: &Tensor| -> candle_core::Result<Tensor> {
        let repeat = |rows: &Tensor| {
            let (n, tokens, width) = rows.dims3()?;
            if n == frames { Ok(rows.clone()) } else { rows.broadcast_as((frames, tokens, width))?.contiguous() }
        };
        if guided { Tensor::cat(&[repeat(unconditional)?, repeat(conditional)?], 0) } else { repeat(conditional) }
    };
    let prompt = halves(&prompts.negative, &prompts.positive)?;
    let tokens = tokens.map(|tokens| halves(&tokens.neutral, &tokens.expressions)).transpose()?;
    let conditioning = Conditioning {
        prompt: &prompt,
        expression: tokens.as_ref().map(|tokens| ExpressionTokens { tokens, scale: sampling.expression_scale }),
        bank_from: if guided { frames } else { 0 },
    };
    // Latents stay in f32 whatever the network computes in: the steps' differences are small.
    let (mut latents, first) = match initial {
        Initial::Noise(noise) => ((noise.to_dtype(DType::F32)? * scheduler.initial_scale())?, 0),
        Initial::Latents { clean, noise, step } => {
            (scheduler.noised(&clean.to_dtype(DType::F32)?, &noise.to_dtype(DType::F32)?, step)?, step)
        }
    };
    for (step, timestep) in scheduler.timesteps().to_vec().into_iter().enumerate().skip(first) {
        let input = scheduler.scale_input(&latents, step)?;
        let input = if guided { Tensor::cat(&[&input, &input], 0)? } else { input };
        let predicted = unet.forward(&input, timestep, &conditioning, bank)?.to_dtype(DType::F32)?;
        let predicted = if guided {
            let (unconditional, conditional) = (predicted.narrow(0, 0, frames)?, predicted.narrow(0, frames, frames)?);
            (&unconditional + ((conditional - &unconditional)? * sampling.guidance)?)?
        } else {
            predicted
        };
        let fresh = if scheduler.wants_noise(step) { Some(noise(step)?) } else { None };
        latents = scheduler.step(step, &predicted, &latents, fresh.as_ref())?;
        observe(step, &latents)?;
    }
    Ok(latents)
}

/// Refuses values that are not finite. `first` is the number of the first frame among them; `step` counts from 1.
pub(crate) fn check_finite(
    what: &'static str,
    values: &Tensor,
    first: u64,
    step: usize,
    steps: usize,
    hint: &'static str,
) -> Result<()> {
    // The sum of a frame is finite unless one of its values is not.
    let sums: Vec<f32> = values.to_dtype(DType::F32)?.flatten_from(1)?.sum(1)?.to_vec1()?;
    match sums.iter().position(|sum| !sum.is_finite()) {
        None => Ok(()),
        Some(i) => Err(DiffusionError::NotFinite { what, frame: first + i as u64, step, steps, hint }),
    }
}
