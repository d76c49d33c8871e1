//! One person, ready to be painted with any expression.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{D, DType, Tensor};
use image::RgbImage;
use moue_models::ModelFile;

use crate::adapter::{EXPRESSION_SIZE, ExpressionProjection};
use crate::checkpoint::{Checkpoint, Compute, Prompts};
use crate::frame::{FrameInput, FrameNoise, Latents};
use crate::noise::{self, FineNoise, NoiseMap, Purpose};
use crate::ops::activation_dtype;
use crate::sample::{FrameTokens, Initial, Sampling, check_finite, sample};
use crate::text::FACE_VECTOR;
use crate::unet::{DenoisingUnet, ReferenceBank, ReferenceUnet};
use crate::vae::Vae;
use crate::{DiffusionError, Result, Scheduler, SchedulerKind};

/// How a person is painted.
#[derive(Clone, Debug, PartialEq)]
pub struct PainterSettings {
    /// How frames are sampled.
    pub sampling: Sampling,
    /// Weight of the reference adapter's LoRA: 0.8 as the authors advise; more copies the portrait and weakens the
    /// expression. `None` paints without the portrait's hair, clothes and background.
    pub reference_scale: Option<f64>,
    /// Whether frames may look at painted ones, besides the portrait: the network that reads them then stays in memory.
    pub reads_history: bool,
    /// Noise.
    pub seed: u64,
    /// Width and height of the frames in pixels, multiples of 8.
    pub size: (u32, u32),
}

impl Default for PainterSettings {
    fn default() -> Self {
        Self {
            sampling: Sampling::default(),
            reference_scale: Some(0.8),
            reads_history: false,
            seed: 0,
            size: (512, 512),
        }
    }
}

/// Who is painted.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The recogniser's vector, of length 1.
    pub face: &'a [f32; FACE_VECTOR],
    /// The aligned portrait, of the size of the frames.
    pub portrait: &'a RgbImage,
}

/// What is being loaded or computed before the first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparation {
    /// The text model reads the face.
    Prompt,
    /// The VAE is loaded and encodes the portrait.
    Decoder,
    /// The denoising network is loaded.
    Network,
    /// It looks at the portrait.
    Reference,
}

/// Paints frames of one person. The networks and everything that does not change from frame to frame are in memory.
#[derive(Debug)]
pub struct Painter {
    checkpoint: Checkpoint,
    compute: Compute,
    settings: PainterSettings,
    prompts: Prompts,
    bank: ReferenceBank,
    reader: Option<ReferenceUnet>,
    fine: Mutex<HashMap<Purpose, Arc<FineNoise>>>,
    projection: ExpressionProjection,
    neutral: Tensor,
    unet: DenoisingUnet,
    vae: Vae,
}

/// What a run of frames is told between its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Steps done, from 1.
    pub done: usize,
    /// Steps in all.
    pub of: usize,
}

impl Painter {
    /// Loads the networks and lets them see the person. `prepare` hears what comes next and may end it.
    ///
    /// # Errors
    /// Where files are missing or do not fit, or the size is not possible.
    pub fn new(
        checkpoint: Checkpoint,
        compute: Compute,
        settings: PainterSettings,
        subject: Subject<'_>,
        prepare: &mut dyn FnMut(Preparation) -> Result<()>,
    ) -> Result<Self> {
        check_size(settings.size, &checkpoint)?;
        check_settings(&settings)?;
        let mut needed = vec![ModelFile::Unet, ModelFile::ExpressionAdapter, ModelFile::Encoder, ModelFile::Vae];
        needed.extend(settings.reference_scale.map(|_| ModelFile::ReferenceAdapter));
        needed.extend((settings.sampling.scheduler == SchedulerKind::Lcm).then_some(ModelFile::LcmLora));
        for file in needed {
            checkpoint.folder().require([file])?;
        }
        prepare(Preparation::Prompt)?;
        let prompts = checkpoint.prompts(subject.face, &compute)?;
        prepare(Preparation::Decoder)?;
        let vae = checkpoint.load_vae(&compute)?;
        prepare(Preparation::Network)?;
        let weights = checkpoint.unet_weights(&compute)?;
        let adapter = weights.expression_adapter()?;
        let mut loras = Vec::new();
        let mut bank = ReferenceBank::empty();
        let mut reader = None;
        if let Some(scale) = settings.reference_scale {
            loras.push((weights.lora(ModelFile::ReferenceAdapter)?, scale));
            let network = weights.reference()?;
            prepare(Preparation::Reference)?;
            let pixels = pixels(subject.portrait, &compute)?;
            let downscale = checkpoint.vae.downscale();
            let (width, height) = settings.size;
            let shape = [1, checkpoint.vae.latent_channels, height as usize / downscale, width as usize / downscale];
            let noise = noise::normal(settings.seed, Purpose::Reference, &shape, &compute.device)?;
            let latents = vae.latents(&pixels, &noise)?;
            bank = network.forward(&latents, 0.0, &prompts.positive)?;
            reader = settings.reads_history.then_some(network);
        }
        if settings.sampling.scheduler == SchedulerKind::Lcm {
            loras.push((weights.lora(ModelFile::LcmLora)?, 1.0));
        }
        let unet = weights.denoising(Some(&adapter), &loras)?;
        let zeros =
            Tensor::zeros((1, EXPRESSION_SIZE), activation_dtype(&compute.device, compute.dtype), &compute.device)?;
        let neutral = adapter.projection.forward(&zeros)?;
        let projection = adapter.projection;
        let fine = Mutex::default();
        Ok(Self { prompts, bank, reader, fine, projection, neutral, unet, vae, settings, checkpoint, compute })
    }

    /// How the person is painted.
    pub fn settings(&self) -> &PainterSettings {
        &self.settings
    }

    /// Paints the frames `first..` with these expressions, all at once, from the same noise. A frame depends on its
    /// expression and the seed alone: not on its number, nor on the frames beside it (but for rounding, below one level).
    ///
    /// # Errors
    /// As [`Self::paint_frames`].
    pub fn paint(
        &self,
        first: u64,
        expressions: &[[f32; EXPRESSION_SIZE]],
        observe: &mut dyn FnMut(Step) -> Result<()>,
    ) -> Result<Vec<RgbImage>> {
        let frames: Vec<FrameInput<'_>> = expressions.iter().map(FrameInput::of).collect();
        self.paint_frames(first, &frames, observe)
    }

    /// Paints the frames `first..` all at once. A frame depends on what is in its input and on the seed alone (but for
    /// rounding, below one level; painted one by one, not even by that).
    ///
    /// `observe` hears of every step and may end the run.
    ///
    /// # Errors
    /// Values that are not finite, in the expressions or on the way; what `observe` returns; latents, noise maps and
    /// history that do not belong to these networks and this size.
    pub fn paint_frames(
        &self,
        first: u64,
        frames: &[FrameInput<'_>],
        observe: &mut dyn FnMut(Step) -> Result<()>,
    ) -> Result<Vec<RgbImage>> {
        let dtype = activation_dtype(&self.compute.device, self.compute.dtype);
        let steps = self.settings.sampling.steps;
        let latents = self.denoise(first, frames, observe)?;
        // One after the other: decoding takes more memory than denoising.
        let decode = |i: usize| {
            let picture = self.vae.decode(&latents.narrow(0, i, 1)?.to_dtype(dtype)?)?;
            check_finite("pixels", &picture, first + i as u64, steps, steps, HALF_PRECISION)?;
            picture_of(&picture)
        };
        (0..frames.len()).map(decode).collect()
    }

    /// The latents of one frame, which are what others can start from and look at.
    ///
    /// # Errors
    /// As [`Self::paint_frames`].
    pub fn latents(
        &self,
        index: u64,
        frame: &FrameInput<'_>,
        observe: &mut dyn FnMut(Step) -> Result<()>,
    ) -> Result<Latents> {
        let latents = self.denoise(index, std::slice::from_ref(frame), observe)?;
        let values = latents.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        let (channels, height, width) = self.latent_shape();
        Ok(Latents { channels, height, width, values })
    }

    /// What the network sees in painted latents, for others to look at.
    ///
    /// # Errors
    /// Where the painter was not made for that ([`PainterSettings::reads_history`]), or the latents are of another size.
    pub fn history(&self, latents: &Latents) -> Result<ReferenceBank> {
        let Some(reader) = &self.reader else {
            return Err(candle_core::Error::Msg("this painter keeps no network that reads pictures".into()).into());
        };
        Ok(reader.forward(&self.tensor(latents)?, 0.0, &self.prompts.positive)?)
    }

    /// Channels, height and width of the latents.
    pub fn latent_shape(&self) -> (usize, usize, usize) {
        let downscale = self.checkpoint.vae.downscale();
        let (width, height) = self.settings.size;
        (self.checkpoint.vae.latent_channels, height as usize / downscale, width as usize / downscale)
    }

    fn denoise(
        &self,
        first: u64,
        frames: &[FrameInput<'_>],
        observe: &mut dyn FnMut(Step) -> Result<()>,
    ) -> Result<Tensor> {
        let Compute { device, dtype } = &self.compute;
        let dtype = activation_dtype(device, *dtype);
        let count = frames.len();
        let expressions: Vec<f32> = frames.iter().flat_map(|frame| *frame.expression).collect();
        let conditions = Tensor::from_vec(expressions, (count, EXPRESSION_SIZE), &candle_core::Device::Cpu)?;
        check_finite("expression values", &conditions, first, 0, 0, "repair the motion: every value must be a number")?;
        let tokens = FrameTokens {
            expressions: self.projection.forward(&conditions.to_device(device)?.to_dtype(dtype)?)?,
            neutral: self.neutral.clone(),
        };
        let bank = self.bank_of(frames)?;
        let noise = self.noise(Purpose::Latents, frames)?;
        let starts = frames.iter().map(|frame| frame.start).collect::<Option<Vec<_>>>();
        let (clean, step) = match &starts {
            Some(starts) if !starts.is_empty() => {
                let strength = starts[0].strength;
                if starts.iter().any(|start| start.strength != strength) {
                    return Err(mixed("strengths"));
                }
                let clean = starts.iter().map(|start| self.tensor(start.latents)).collect::<Result<Vec<_>>>()?;
                let sampling = &self.settings.sampling;
                let schedule = Scheduler::new(sampling.scheduler, &self.checkpoint.schedule, sampling.steps);
                (Some(Tensor::cat(&clean, 0)?), schedule.start_step(strength))
            }
            _ if frames.iter().any(|frame| frame.start.is_some()) => return Err(mixed("starts")),
            _ => (None, 0),
        };
        let initial = match &clean {
            Some(clean) => Initial::Latents { clean, noise: &noise, step },
            None => Initial::Noise(&noise),
        };
        let steps = self.settings.sampling.steps;
        sample(
            &self.unet,
            &self.checkpoint.schedule,
            &self.settings.sampling,
            &self.prompts,
            Some(&tokens),
            &bank,
            initial,
            &|step| self.noise(Purpose::Step(step), frames),
            &mut |step, latents| {
                check_finite("latents", latents, first, step + 1, steps, HALF_PRECISION)?;
                observe(Step { done: step + 1, of: steps })
            },
        )
    }

    /// The portrait, and what each frame looks at besides.
    fn bank_of(&self, frames: &[FrameInput<'_>]) -> Result<ReferenceBank> {
        if frames.iter().all(|frame| frame.history.is_empty()) {
            return Ok(self.bank.clone());
        }
        let mut rows: Vec<Vec<(&ReferenceBank, f32)>> = Vec::with_capacity(frames.len());
        for frame in frames {
            rows.push(std::iter::once((&self.bank, 1.0)).chain(frame.history.iter().copied()).collect());
        }
        Ok(ReferenceBank::combined(&rows)?)
    }

    fn tensor(&self, latents: &Latents) -> Result<Tensor> {
        let (channels, height, width) = self.latent_shape();
        if (latents.channels, latents.height, latents.width) != (channels, height, width) {
            let Latents { channels: c, height: h, width: w, .. } = latents;
            let found = format!("latents of {c}x{h}x{w} for a painter of {channels}x{height}x{width}");
            return Err(candle_core::Error::Msg(found).into());
        }
        let shape = (1, channels, height, width);
        Ok(Tensor::from_slice(&latents.values, shape, &candle_core::Device::Cpu)?.to_device(&self.compute.device)?)
    }

    /// Standard normal noise of each frame.
    fn noise(&self, purpose: Purpose, frames: &[FrameInput<'_>]) -> Result<Tensor> {
        let (channels, height, width) = self.latent_shape();
        let (device, seed) = (&self.compute.device, self.settings.seed);
        let one = |seed| noise::normal(seed, purpose, &[1, channels, height, width], device);
        if frames.iter().all(|frame| matches!(frame.noise, FrameNoise::Shared)) {
            let shape = (frames.len(), channels, height, width);
            return Ok(one(seed)?.broadcast_as(shape)?.contiguous()?);
        }
        let of_frame = |frame: &FrameInput<'_>| match frame.noise {
            FrameNoise::Shared => Ok(one(seed)?),
            FrameNoise::Own(number) => Ok(one(noise::of_frame(seed, number))?),
            FrameNoise::Carried(map) => self.carried(purpose, map),
        };
        Ok(Tensor::cat(&frames.iter().map(of_frame).collect::<Result<Vec<_>>>()?, 0)?)
    }

    fn carried(&self, purpose: Purpose, map: &NoiseMap) -> Result<Tensor> {
        let shape @ (channels, height, width) = self.latent_shape();
        if map.size() != (width, height) {
            return Err(candle_core::Error::Msg("a noise map of another size than the latents".into()).into());
        }
        let seed = self.settings.seed;
        let known = || self.fine.lock().unwrap_or_else(PoisonError::into_inner);
        let fine = known().get(&purpose).cloned();
        let fine = fine.unwrap_or_else(|| {
            let coarse = noise::sequence(seed, purpose.stream(), channels * height * width);
            let fine = Arc::new(FineNoise::new(seed, purpose, &coarse, shape));
            known().insert(purpose, Arc::clone(&fine));
            fine
        });
        let tensor = Tensor::from_vec(fine.carried(map), (1, channels, height, width), &candle_core::Device::Cpu)?;
        Ok(tensor.to_device(&self.compute.device)?)
    }
}

/// Frames that are painted at once take the same steps.
fn mixed(what: &str) -> DiffusionError {
    candle_core::Error::Msg(format!("frames of different {what} in one batch")).into()
}

const HALF_PRECISION: &str =
    "in f16 a network may overflow: try --dtype f32 or bf16; if it stays, run `moue models check`";

/// Refuses sizes that the networks cannot paint.
fn check_size((width, height): (u32, u32), checkpoint: &Checkpoint) -> Result<()> {
    let step = checkpoint.vae.downscale() as u32;
    // Below this, the coarsest level of the denoising network has nothing left.
    let least = step << (checkpoint.unet.levels.len() - 1);
    if width.is_multiple_of(step) && height.is_multiple_of(step) && width.min(height) >= least {
        return Ok(());
    }
    let nearest = |side: u32| side.next_multiple_of(step).max(least);
    Err(DiffusionError::Value {
        what: "the size",
        found: format!("{width}x{height}"),
        expected: format!("multiples of {step} pixels, at least {least}"),
        hint: format!(
            "the next one is {}x{}; these models have learned pictures of {own}x{own}",
            nearest(width),
            nearest(height),
            own = checkpoint.side()
        ),
    })
}

fn check_settings(settings: &PainterSettings) -> Result<()> {
    let Sampling { steps, guidance, expression_scale, .. } = settings.sampling;
    let refuse = |what, found: f64, expected: &str, hint: &str| {
        let (found, expected, hint) = (found.to_string(), expected.to_owned(), hint.to_owned());
        Err(DiffusionError::Value { what, found, expected, hint })
    };
    if !(1..=1000).contains(&steps) {
        return refuse("the number of steps", steps as f64, "1 to 1000", "25 is the authors' choice; 4 with LCM");
    }
    if !(0.0..=30.0).contains(&guidance) {
        return refuse("the guidance", guidance, "0 to 30", "3 is the authors' choice; 1 takes half the time");
    }
    let scales =
        [("the expression's scale", Some(expression_scale)), ("the reference's scale", settings.reference_scale)];
    for (what, scale) in scales {
        if let Some(scale) = scale.filter(|scale| !(0.0..=4.0).contains(scale)) {
            return refuse(what, scale, "0 to 4", "1 is as trained; the authors advise 0.8 for the reference");
        }
    }
    Ok(())
}

/// A picture as the VAE takes it: (1, 3, height, width), -1..=1.
fn pixels(picture: &RgbImage, compute: &Compute) -> Result<Tensor> {
    let (width, height) = picture.dimensions();
    let shape = (height as usize, width as usize, 3);
    let values: Vec<f32> = picture.as_raw().iter().map(|&v| f32::from(v) / 127.5 - 1.0).collect();
    let tensor = Tensor::from_vec(values, shape, &candle_core::Device::Cpu)?.permute((2, 0, 1))?.unsqueeze(0)?;
    let dtype = activation_dtype(&compute.device, compute.dtype);
    Ok(tensor.contiguous()?.to_device(&compute.device)?.to_dtype(dtype)?)
}

/// The picture of what the VAE gives: (1, 3, height, width), about -1..=1.
fn picture_of(tensor: &Tensor) -> Result<RgbImage> {
    let (_, _, height, width) = tensor.dims4()?;
    let levels = ((tensor.to_dtype(DType::F32)?.clamp(-1.0, 1.0)? + 1.0)? * 127.5)?.round()?;
    let bytes = levels.squeeze(0)?.permute((1, 2, 0))?.to_dtype(DType::U8)?.contiguous()?.flatten(0, D::Minus1)?;
    let raw = bytes.to_vec1::<u8>()?;
    RgbImage::from_raw(width as u32, height as u32, raw)
        .ok_or_else(|| candle_core::Error::Msg("a picture of another size".into()).into())
}
