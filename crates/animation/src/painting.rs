//! The diffusion renderer: the networks of `moue-diffusion` behind the renderer's interface.

use image::RgbImage;
use image::imageops::{FilterType, resize};
use moue_diffusion::memory::{MemoryNeeds, available};
use moue_diffusion::{
    Checkpoint, Compute, DiffusionError, Painter, PainterSettings, Preparation, SYNTHETIC_NOTE, Sampling,
    SchedulerKind, Subject,
};
use moue_engine::CancelToken;
use moue_face::{FaceError, Recogniser};
use moue_models::{ModelFile, ModelFolder, process_environment};

use crate::{
    AnimateJob, AnimationError, Asked, BatchObserver, Compose, Device, Observer, Painting, Portrait, Precision,
    Renderer, Size,
};

/// Side of the frames unless a size is asked for, in pixels: what the model was trained on.
pub const PAINTED_SIDE: u32 = 512;
/// Frames at once that are worth it where memory is plenty.
const MOST_AT_ONCE: usize = 8;

/// How a person is to be painted.
#[derive(Clone, Copy, Debug)]
pub struct PaintJob<'a> {
    /// The models and their settings.
    pub painting: &'a Painting,
    /// What is computed on.
    pub device: Device,
    /// Seed of the noise.
    pub seed: u64,
    /// Size of the paintings, width and height in pixels; by default what the model was trained on.
    pub size: Option<(u32, u32)>,
}

impl<'a> PaintJob<'a> {
    /// What a run asks for.
    pub(crate) fn of(job: &'a AnimateJob) -> Self {
        let size = match (job.compose, job.size) {
            (Compose::Paste, _) => job.painting.side.map(|side| (side, side)),
            (Compose::Crop, Size::Pixels { width, height }) => Some((width, height)),
            (Compose::Crop, Size::Source) => Some((PAINTED_SIDE, PAINTED_SIDE)),
        };
        Self { painting: &job.painting, device: job.device, seed: job.seed, size }
    }
}

/// A person ready to be painted.
pub struct Painted {
    painter: Painter,
    batch: usize,
    device: String,
}

impl Painted {
    /// Finds the models, says whether they fit into memory, and lets them see the portrait.
    ///
    /// # Errors
    /// Models that are missing or damaged, too little memory, a device that is not there, settings out of range.
    pub fn new(
        job: &PaintJob<'_>,
        portrait: &Portrait,
        frames: u64,
        observer: &dyn Observer,
        token: &CancelToken,
    ) -> Result<Self, AnimationError> {
        let folder =
            ModelFolder::find(job.painting.models.as_deref(), &process_environment).map_err(DiffusionError::from)?;
        let mut settings = settings(job);
        require(&folder, &settings)?;
        if folder.dir().join(SYNTHETIC_NOTE).exists() {
            let dir = folder.dir().display();
            observer.note(&format!("{dir}: these models are random numbers (`moue models synth`): they paint noise"));
        }
        let (compute, device) = compute(job)?;
        let checkpoint = Checkpoint::open(&folder)?;
        settings.size = job.size.unwrap_or_else(|| {
            let side = (checkpoint.unet.sample_size * checkpoint.vae.downscale()) as u32;
            (side, side)
        });
        let needs = MemoryNeeds::estimate(&checkpoint, &compute, &settings)?;
        let free = available(&compute.device);
        let most = MOST_AT_ONCE.min(usize::try_from(frames).unwrap_or(MOST_AT_ONCE));
        let batch = match job.painting.batch {
            Some(batch) => batch,
            None if compute.device.is_cpu() => {
                // Two rows of the network at once take a fifth less than one after the other, more gain nothing; a
                // guided frame has two by itself.
                let most = if settings.sampling.is_guided() { 1 } else { most.min(2) };
                needs.batch(free, most, &compute)?
            }
            None => needs.batch(free, most, &compute)?,
        };
        needs.check(free, batch, &compute)?;
        tracing::info!(?free, peak = needs.peak(batch), batch, device, ?settings, "painting");

        let face = |source: FaceError| AnimationError::face(portrait.path.clone(), source);
        let seen = portrait.face();
        let [recogniser] = folder.require([ModelFile::Recogniser]).map_err(DiffusionError::from)?;
        let identity = Recogniser::load(&recogniser)
            .and_then(|net| net.embed(&seen.identity_crop(&portrait.image)?))
            .map_err(face)?;
        let aligned = seen.aligned(&portrait.image).map_err(face)?.picture;
        let (width, height) = settings.size;
        let aligned = if aligned.dimensions() == settings.size {
            aligned
        } else {
            resize(&aligned, width, height, FilterType::Lanczos3)
        };
        let subject = Subject { face: identity.values(), portrait: &aligned };
        let prepare = &mut |what: Preparation| {
            observer.preparing(what);
            if token.is_finishing() { Err(DiffusionError::Cancelled) } else { Ok(()) }
        };
        let painter = Painter::new(checkpoint, compute, settings, subject, prepare).map_err(stopped)?;
        Ok(Self { painter, batch, device })
    }
}

/// All the files that a run needs, so that what is missing is told at once.
fn require(folder: &ModelFolder, settings: &PainterSettings) -> Result<(), AnimationError> {
    let few_steps = (settings.sampling.scheduler == SchedulerKind::Lcm).then_some(ModelFile::LcmLora);
    folder.require_all(ModelFile::required().chain(few_steps)).map_err(DiffusionError::from)?;
    Ok(())
}

fn settings(job: &PaintJob<'_>) -> PainterSettings {
    let asked = job.painting;
    let usual = match asked.scheduler {
        Some(SchedulerKind::Lcm) => Sampling::few_steps(),
        _ => Sampling::default(),
    };
    let sampling = Sampling {
        scheduler: asked.scheduler.unwrap_or(usual.scheduler),
        steps: asked.steps.unwrap_or(usual.steps),
        guidance: asked.guidance.unwrap_or(usual.guidance),
        expression_scale: asked.expression_scale.unwrap_or(usual.expression_scale),
    };
    let usual = PainterSettings::default();
    let reference_scale = if asked.no_reference { None } else { asked.reference_scale.or(usual.reference_scale) };
    PainterSettings { sampling, reference_scale, seed: job.seed, size: job.size.unwrap_or(usual.size) }
}

fn compute(job: &PaintJob<'_>) -> Result<(Compute, String), AnimationError> {
    let name = match job.device {
        Device::Auto => moue_diffusion::device::best(),
        device => device.to_string(),
    };
    let device = moue_diffusion::device::open(&name)?;
    let dtype = match job.painting.precision {
        Some(Precision::F32) => moue_diffusion::DType::F32,
        Some(Precision::F16) => moue_diffusion::DType::F16,
        Some(Precision::Bf16) => moue_diffusion::DType::BF16,
        None if device.is_cpu() => moue_diffusion::DType::F32,
        None => moue_diffusion::DType::F16,
    };
    Ok((Compute { device, dtype }, name))
}

/// A run that was told to stop is interrupted, not failed.
fn stopped(error: DiffusionError) -> AnimationError {
    match error {
        DiffusionError::Cancelled => AnimationError::Interrupted,
        error => error.into(),
    }
}

impl Renderer for Painted {
    fn name(&self) -> &'static str {
        "diffusion"
    }

    fn device(&self) -> String {
        self.device.clone()
    }

    fn size(&self) -> (u32, u32) {
        self.painter.settings().size
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn is_parallel(&self) -> bool {
        true
    }

    fn render(
        &self,
        asked: &[Asked],
        frames: &mut [RgbImage],
        observer: &dyn BatchObserver,
    ) -> Result<(), AnimationError> {
        let first = asked.first().map_or(0, |asked| asked.index);
        let expressions: Vec<_> = asked.iter().map(|asked| *asked.flame.as_array()).collect();
        let mut told = None;
        let painted = self.painter.paint(first, &expressions, &mut |step| {
            observer.step(first, asked.len(), step.done, step.of).map_err(|error| {
                told = Some(error);
                DiffusionError::Cancelled
            })
        });
        let painted = painted.map_err(|error| told.take().unwrap_or_else(|| stopped(error)))?;
        for (frame, picture) in frames.iter_mut().zip(painted) {
            *frame = picture;
        }
        Ok(())
    }
}
