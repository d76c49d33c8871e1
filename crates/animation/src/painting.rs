//! The diffusion renderer: the networks of `moue-diffusion` behind the renderer's interface.

use std::path::Path;
use std::sync::{Arc, Mutex};

use image::RgbImage;
use image::imageops::{FilterType, resize};
use moue_bridge::{Family, LinearMap};
use moue_diffusion::memory::{MemoryNeeds, available};
use moue_diffusion::{
    Checkpoint, Compute, DiffusionError, Painter, PainterSettings, Preparation, SYNTHETIC_NOTE, Sampling,
    SchedulerKind, Step, Subject,
};
use moue_engine::CancelToken;
use moue_face::{FaceError, Recogniser};
use moue_models::{ModelFile, ModelFolder, process_environment};
use moue_timeline::FlameExpression;

use crate::look::{Look, look, of_person};
use crate::repeats::{Key, Repeats};
use crate::stages::lock;
use crate::temporal::{
    Conditioning, FaceFlow, HistoryMode, KeyframePlan, KeyframeStore, Prepared, Shot, TemporalConditioning,
};
use crate::{
    AnimateJob, AnimationError, Asked, BatchObserver, Compose, Device, Observer, Painting, Portrait, Precision,
    Renderer, Size,
};

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
    /// Size of the paintings, width and height in pixels; by default what the models have learned.
    pub size: Option<(u32, u32)>,
    /// A map between FLAME and ARKit, by which the mesh knows how the whole face moves; lids and jaw it knows anyway.
    pub map: Option<&'a LinearMap>,
}

/// The shot whose frames are painted next.
#[derive(Clone, Copy, Debug)]
pub struct ShotJob<'a> {
    /// What the face is asked for in each frame of the whole shot; nothing where nobody knows it yet.
    pub expressions: Option<&'a [FlameExpression]>,
    /// Where painted keyframes are kept; nowhere where there is none.
    pub keyframes: Option<&'a Path>,
}

impl<'a> PaintJob<'a> {
    /// What a run asks for.
    pub(crate) fn of(job: &'a AnimateJob, map: Option<&'a LinearMap>) -> Self {
        let size = match (job.compose, job.size) {
            (Compose::Paste, _) => job.painting.side.map(|side| (side, side)),
            (Compose::Crop, Size::Pixels { width, height }) => Some((width, height)),
            (Compose::Crop, Size::Source) => None,
        };
        Self { painting: &job.painting, device: job.device, seed: job.seed, size, map }
    }
}

/// A person ready to be painted.
pub struct Painted {
    painter: Painter,
    batch: usize,
    device: String,
    conditioning: TemporalConditioning,
    flow: Option<FaceFlow>,
    shot: Shot,
    /// A hash of all that a keyframe depends on besides its expression.
    look: String,
    repeats: Mutex<Repeats>,
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
        let (mut settings, conditioning) = settings(job)?;
        require(&folder, &settings)?;
        if folder.dir().join(SYNTHETIC_NOTE).exists() {
            let dir = folder.dir().display();
            observer.note(&format!("{dir}: these models are random numbers (`moue models synth`): they paint noise"));
        }
        let (compute, device) = compute(job)?;
        let checkpoint = Checkpoint::open(&folder)?;
        let own = checkpoint.side();
        settings.size = job.size.unwrap_or((own, own));
        let (wide, high) = settings.size;
        let badly = match () {
            () if wide.max(high) >= 2 * own => Some("several faces, or parts of one"),
            () if 2 * wide.min(high) <= own => Some("hardly a face"),
            () => None,
        };
        if let Some(badly) = badly {
            observer.note(&format!(
                "these models have learned pictures of {own}x{own}: in {wide}x{high} they paint {badly}"
            ));
        }
        let needs = MemoryNeeds::estimate(&checkpoint, &compute, &settings)?;
        let free = available(&compute.device);
        let most = MOST_AT_ONCE.min(usize::try_from(frames).unwrap_or(MOST_AT_ONCE));
        let batch = match job.painting.batch {
            // On a CPU, products of few rows round otherwise than those of many: one by one, a frame has the same bytes
            // whichever frames are painted with it.
            Some(_) | None if compute.device.is_cpu() => 1,
            Some(batch) => batch,
            None => needs.batch(free, most, &compute)?,
        };
        needs.check(free, batch, &compute)?;
        tracing::info!(?free, peak = needs.peak(batch), batch, device, ?settings, "painting");

        let face = |source: FaceError| AnimationError::face(portrait.path.clone(), source);
        let seen = portrait.face();
        let [recogniser] = folder.require([ModelFile::Recogniser]).map_err(DiffusionError::from)?;
        let net = Recogniser::load(&recogniser).map_err(|source| AnimationError::face(recogniser.clone(), source))?;
        let identity = seen.identity_crop(&portrait.image).and_then(|crop| net.embed(&crop)).map_err(face)?;
        let aligned = seen.aligned(&portrait.image).map_err(face)?;
        let (width, height) = settings.size;
        let picture = if aligned.picture.dimensions() == settings.size {
            aligned.picture.clone()
        } else {
            resize(&aligned.picture, width, height, FilterType::Lanczos3)
        };
        let flow =
            conditioning.needs_flow().then(|| FaceFlow::new(portrait, &aligned, &picture, job.map)).transpose()?;
        if flow.is_some() && job.map.is_none_or(|map| map.to(Family::Arkit).is_none()) {
            observer
                .note("without a map to ARKit (--map, see `moue calibrate`) frames are carried by lids and jaw alone");
        }
        let asked = &job.painting.conditioning;
        for (option, is_given) in [
            ("--keyframes", job.painting.keyframes.is_some()),
            ("--keyframe-distance", asked.keyframe_distance.is_some()),
            ("--history-weight", asked.history_weight.is_some()),
        ] {
            if is_given && !conditioning.has_keyframes() {
                let hint = "it goes with --history keyframe, or --start-strength below 1";
                observer.note(&format!("{option} does nothing here: {hint}"));
            }
        }
        let look = look(&Look { folder: &folder, settings: &settings, compute: &compute, conditioning, map: job.map })?;
        let look = of_person(look, identity.values(), &picture);
        let subject = Subject { face: identity.values(), portrait: &picture };
        let prepare = &mut |what: Preparation| {
            observer.preparing(what);
            if token.is_finishing() { Err(DiffusionError::Cancelled) } else { Ok(()) }
        };
        let repeats = Mutex::new(Repeats::new(settings.size));
        let painter = Painter::new(checkpoint, compute, settings, subject, prepare).map_err(stopped)?;
        let shot = Shot::new(KeyframePlan::new(conditioning.keyframe_distance), true, None);
        Ok(Self { painter, batch, device, conditioning, flow, shot, look, repeats })
    }

    /// Gets ready for a shot: its keyframes follow from what is asked for in all of its frames. Before the first call,
    /// and where the expressions are not known, frames become keyframes as they come.
    pub fn begin(&mut self, job: &ShotJob<'_>) {
        let distance = self.conditioning.keyframe_distance;
        let expressions = job.expressions.unwrap_or_default().iter().copied();
        let plan = KeyframePlan::of(expressions.filter(|_| self.conditioning.has_keyframes()), distance);
        let store = job.keyframes.map(|folder| KeyframeStore::new(folder.to_owned(), self.look.clone()));
        self.shot = Shot::new(plan, job.expressions.is_none(), store);
        lock(&self.repeats).clear();
    }

    /// How frames are kept steady.
    pub fn conditioning(&self) -> &TemporalConditioning {
        &self.conditioning
    }

    /// The expressions of the keyframes of the shot that was begun.
    pub fn keyframes(&self) -> Vec<FlameExpression> {
        self.ready().keyframes()
    }

    /// Paints keyframes of the shot, by their places in [`Self::keyframes`], those that are not kept yet.
    ///
    /// # Errors
    /// Where one cannot be painted, read or kept, and what `observer` says.
    pub fn paint_keyframes(&self, indices: &[usize], observer: &dyn BatchObserver) -> Result<(), AnimationError> {
        let keyframes = self.keyframes();
        for index in indices.iter().copied().filter(|index| *index < keyframes.len()) {
            told(observer, index as u64, 1, |observe| {
                self.ready().keyframe(index as u64, index, &keyframes[index], observe)
            })?;
        }
        Ok(())
    }

    fn ready(&self) -> Conditioning<'_> {
        let Self { conditioning: settings, painter, flow, shot, .. } = self;
        Conditioning { settings, painter, flow: flow.as_ref(), shot }
    }

    /// Paints frames that differ.
    fn paint(&self, asked: &[&Asked], observer: &dyn BatchObserver) -> Result<Vec<RgbImage>, AnimationError> {
        let Some(first) = asked.first().map(|asked| asked.index) else { return Ok(Vec::new()) };
        told(observer, first, asked.len(), |observe| {
            let mut ready = Vec::with_capacity(asked.len());
            for asked in asked {
                ready.push(self.ready().frame(asked, observe)?);
            }
            let histories: Vec<_> = ready.iter().map(Prepared::history).collect();
            let inputs = ready.iter().zip(&histories).map(|(ready, history)| ready.input(history));
            let mut inputs: Vec<_> = inputs.collect();
            // A GPU's libraries choose their kernels by the number of rows; with as many rows in each batch, a frame does
            // not depend on how many others were left to paint.
            if self.device != "cpu"
                && let Some(last) = inputs.last().copied()
            {
                inputs.resize(self.batch.max(inputs.len()), last);
            }
            let mut painted = self.painter.paint_frames(first, &inputs, observe)?;
            painted.truncate(asked.len());
            Ok(painted)
        })
    }
}

/// Runs what tells the diffusion crate's observers, and passes on what ours say.
fn told<T>(
    observer: &dyn BatchObserver,
    first: u64,
    frames: usize,
    run: impl FnOnce(&mut dyn FnMut(Step) -> Result<(), DiffusionError>) -> Result<T, AnimationError>,
) -> Result<T, AnimationError> {
    let mut said = None;
    let outcome = run(&mut |step| {
        observer.step(first, frames, step.done, step.of).map_err(|error| {
            said = Some(error);
            DiffusionError::Cancelled
        })
    });
    outcome.map_err(|error| match error {
        AnimationError::Diffusion(error) => said.take().unwrap_or_else(|| stopped(*error)),
        error => error,
    })
}

/// All the files that a run needs, so that what is missing is told at once.
fn require(folder: &ModelFolder, settings: &PainterSettings) -> Result<(), AnimationError> {
    let few_steps = (settings.sampling.scheduler == SchedulerKind::Lcm).then_some(ModelFile::LcmLora);
    folder.require_all(ModelFile::required().chain(few_steps)).map_err(DiffusionError::from)?;
    Ok(())
}

fn settings(job: &PaintJob<'_>) -> Result<(PainterSettings, TemporalConditioning), AnimationError> {
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
    let conditioning = asked.conditioning.settled(reference_scale.is_some())?;
    let reads_history = conditioning.history == HistoryMode::Keyframe;
    let size = job.size.unwrap_or(usual.size);
    let settings = PainterSettings { sampling, reference_scale, reads_history, seed: job.seed, size };
    Ok((settings, conditioning))
}

impl Device {
    /// The device that this build paints on, on this machine.
    #[must_use]
    pub fn here(self) -> Self {
        match self {
            Self::Auto if moue_diffusion::device::has_cuda() => Self::Cuda(0),
            Self::Auto => Self::Cpu,
            device => device,
        }
    }
}

fn compute(job: &PaintJob<'_>) -> Result<(Compute, String), AnimationError> {
    let name = job.device.here().to_string();
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
        let keys: Vec<Key> = asked.iter().map(|asked| Key::of(asked, self.conditioning.noise)).collect();
        let mut known: Vec<Option<Arc<RgbImage>>> = {
            let mut repeats = lock(&self.repeats);
            keys.iter().map(|key| repeats.get(key)).collect()
        };
        let is_first = |i: usize| !keys[..i].contains(&keys[i]);
        let missing: Vec<usize> = (0..asked.len()).filter(|i| known[*i].is_none() && is_first(*i)).collect();
        let painted = self.paint(&missing.iter().map(|i| &asked[*i]).collect::<Vec<_>>(), observer)?;
        for (i, picture) in missing.into_iter().zip(painted) {
            let picture = Arc::new(picture);
            lock(&self.repeats).put(keys[i], Arc::clone(&picture));
            for (known, _) in known.iter_mut().zip(&keys).filter(|(_, key)| **key == keys[i]) {
                *known = Some(Arc::clone(&picture));
            }
        }
        for (frame, picture) in frames.iter_mut().zip(known.into_iter().flatten()) {
            frame.copy_from_slice(&picture);
        }
        Ok(())
    }
}
