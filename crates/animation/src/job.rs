//! What to do, and what was done.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    path::PathBuf,
    str::FromStr,
};

use moue_diffusion::SchedulerKind;
use moue_engine::{ChannelStats, Report};
use moue_media::{EncoderSettings, Output, RawOutput, resolved};
use moue_timeline::{FrameRate, Gains, Interpolation};
use serde::Serialize;

use crate::{
    AnimationError, AskedConditioning, Compose, DriverReport, Fidelity, FrameRange, Framing, Keyframing, LiveJob,
    LiveSummary, MotionJob, Rest, Size, VideoReport,
};

/// Everything about a run.
#[derive(Clone, Debug)]
pub struct AnimateJob {
    /// The picture that fixes who is seen.
    pub portrait: PathBuf,
    /// Which of its faces, from 1, the largest first; the largest by default.
    pub face: Option<usize>,
    /// The motion, and what is done to it.
    pub motion: MotionJob,
    /// Where it starts, in seconds of the motion.
    pub start: Option<f64>,
    /// Where it ends, in seconds of the motion.
    pub end: Option<f64>,
    /// Whether the sound of a driving video is left out.
    pub mute: bool,
    /// How it is evaluated between its rows.
    pub interpolation: Interpolation,
    /// Factors on its channels.
    pub gains: Gains,
    /// Whether its coefficients are added to those measured in the portrait, instead of replacing them.
    pub relative: bool,
    /// Frames per second.
    pub rate: FrameRate,
    /// The frames that are rendered, of those that there would be; all by default. A frame is the same in a part as in
    /// the whole.
    pub frames: Option<FrameRange>,
    /// Which part of the portrait is shown.
    pub framing: Framing,
    /// Size of the frames.
    pub size: Size,
    /// What draws them.
    pub renderer: RendererKind,
    /// What it draws on.
    pub device: Device,
    /// Seed of the diffusion renderer's noise; the mesh renderer has none.
    pub seed: u64,
    /// How the diffusion renderer paints.
    pub painting: Painting,
    /// What becomes of what it paints; the mesh renderer draws in the picture itself.
    pub compose: Compose,
    /// Which frames are painted, where the mesh makes the others; as [`Keyframing`] has it by default.
    pub keyframes: Option<Keyframing>,
    /// Files that are written; at least one of these or of [`Self::live`].
    pub outputs: Vec<(Output, EncoderSettings)>,
    /// Outputs in GStreamer's own words.
    pub raw: Vec<RawOutput>,
    /// What is watched meanwhile.
    pub live: LiveJob,
    /// Whether existing files are replaced.
    pub overwrite: bool,
    /// Measure every so many frames how well the face obeys.
    pub measure_every: Option<u64>,
    /// Threads that render; as many as there are cores by default.
    pub workers: Option<usize>,
}

impl AnimateJob {
    /// Names and kinds of what gets every frame.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let files = self.outputs.iter().map(|(file, _)| (file.path().display().to_string(), file.kind().to_string()));
        files.chain(self.raw.iter().map(|raw| (raw.to_string(), "GStreamer".to_owned()))).collect()
    }

    /// Refuses what can be refused before any file is touched; [`animate`](crate::animate) begins with it.
    ///
    /// # Errors
    /// Options that the renderer does not have, no output, an output named twice or over an input.
    pub fn check(&self) -> Result<(), AnimationError> {
        let refuse = |option: &'static str, renderer, hint| Err(AnimationError::Option { option, renderer, hint });
        match self.renderer {
            RendererKind::Mesh => {
                if self.framing == Framing::Face {
                    return refuse("--framing face", "mesh", "use --framing head, a square around the head");
                }
                // Cropped is what frames are where nobody asks.
                let compose = Some(self.compose).filter(|compose| *compose == Compose::Paste);
                self.painting.refuse_for_mesh(self.device, compose)?;
            }
            RendererKind::Diffusion | RendererKind::Mixed => {
                self.check_composition()?;
                let name = self.renderer.name();
                if self.relative {
                    return refuse("--relative", name, "the portrait's FLAME coefficients are not known");
                }
                if self.measure_every.is_some() {
                    return refuse(
                        "--measure",
                        name,
                        "what is asked is FLAME: `moue measure` compares the film with it",
                    );
                }
            }
        }
        if self.keyframes.is_some() && self.renderer != RendererKind::Mixed {
            let hint = "--renderer mesh+diffusion paints some of the frames";
            return refuse("--every, --share or --within", self.renderer.name(), hint);
        }
        if self.outputs.is_empty() && self.raw.is_empty() && !self.live.is_live() {
            return Err(AnimationError::NoOutput);
        }
        self.live.check()?;
        // `out//a.mp4`, `./out/a.mp4`, `out/../out/a.mp4` and a link to it are one file.
        let rest = match &self.motion.rest {
            Some(Rest::File(path)) => Some(path.as_path()),
            _ => None,
        };
        let inputs = [Some(self.portrait.as_path()), self.motion.path(), rest, self.motion.map.as_deref()];
        let inputs: Vec<PathBuf> = inputs.into_iter().flatten().map(resolved).collect();
        let mut seen = HashSet::new();
        let raw = self.raw.iter().flat_map(RawOutput::files);
        for path in self.outputs.iter().map(|(output, _)| output.path()).chain(self.live.playlists()).chain(raw) {
            let full = resolved(path);
            if inputs.contains(&full) {
                return Err(AnimationError::OutputIsInput { path: path.to_owned() });
            }
            if !seen.insert(full) {
                return Err(AnimationError::SameOutput { path: path.to_owned() });
            }
        }
        Ok(())
    }
}

impl AnimateJob {
    /// Refuses what does not go with what becomes of painted squares.
    fn check_composition(&self) -> Result<(), AnimationError> {
        let refuse = |option: &'static str, compose: Compose, hint| {
            Err(AnimationError::Composition { option, compose: compose.name(), hint })
        };
        match self.compose {
            Compose::Crop => {
                if self.framing != Framing::Face {
                    let hint = "--compose paste puts the painted face back into the picture; or leave --framing out";
                    return refuse("--framing whole or head", Compose::Crop, hint);
                }
                if let Size::Pixels { width, height } = self.size
                    && width != height
                {
                    let hint = "the painted square is the frame, e.g. 512x512; --compose paste has frames of any shape";
                    return refuse("--size with two different sides", Compose::Crop, hint);
                }
                if self.painting.side.is_some() {
                    return refuse("--paint-size", Compose::Crop, "the painted square is the frame: use --size");
                }
                if self.painting.detail > 0.0 {
                    let hint = "it is the portrait's own, which --compose paste puts the painting into";
                    return refuse("--detail", Compose::Crop, hint);
                }
            }
            Compose::Paste => {
                if self.framing == Framing::Face {
                    let hint = "use --framing whole or head; --compose crop shows the painted square alone";
                    return refuse("--framing face", Compose::Paste, hint);
                }
            }
        }
        Ok(())
    }
}

/// What draws the frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RendererKind {
    /// The portrait on a mesh, moved by blendshapes; on the CPU.
    #[default]
    Mesh,
    /// Arc2Face with the expression and reference adapters, moved by FLAME coefficients; on the CPU or a GPU.
    Diffusion,
    /// Keyframes by [`Self::Diffusion`], and what lies between them carried there by the mesh.
    Mixed,
}

impl RendererKind {
    /// The name that people write.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mesh => "mesh",
            Self::Diffusion => "diffusion",
            Self::Mixed => "mesh+diffusion",
        }
    }
}

/// How the diffusion renderer paints. What is `None` is the authors' choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Painting {
    /// The folder with the models; by default `MOUE_MODELS` or the user's data folder.
    pub models: Option<PathBuf>,
    /// The noise scheduler.
    pub scheduler: Option<SchedulerKind>,
    /// Denoising steps of a frame.
    pub steps: Option<usize>,
    /// Classifier-free guidance.
    pub guidance: Option<f64>,
    /// Weight of the expression.
    pub expression_scale: Option<f64>,
    /// Weight of the reference adapter.
    pub reference_scale: Option<f64>,
    /// Paint without the portrait's hair, clothes and background.
    pub no_reference: bool,
    /// Side of the painted square in pixels where it goes back into the picture; by default what the model was trained
    /// on.
    pub side: Option<u32>,
    /// How much of the portrait's own fine structure is added to it there, 0 to 1.
    pub detail: f32,
    /// What keeps frames steady over time.
    pub conditioning: AskedConditioning,
    /// Where painted keyframes are kept for other runs of the same shot; nowhere by default.
    pub keyframes: Option<PathBuf>,
    /// Frames at once; as many as fit into the free memory by default.
    pub batch: Option<usize>,
    /// The type that the networks' weights are stored in.
    pub precision: Option<Precision>,
}

impl Painting {
    /// Refuses what is only for painting, where the mesh renderer draws.
    ///
    /// # Errors
    /// [`AnimationError::Option`], [`AnimationError::Device`].
    pub fn refuse_for_mesh(&self, device: Device, compose: Option<Compose>) -> Result<(), AnimationError> {
        if let Device::Cuda(_) = device {
            return Err(AnimationError::Device { asked: device.to_string() });
        }
        let compose = compose.map(|compose| match compose {
            Compose::Paste => "--compose paste",
            Compose::Crop => "--compose crop",
        });
        let given = compose.map(|option| (option, "it draws in the picture itself: leave --compose out"));
        let given = given.or_else(|| {
            (self.detail > 0.0).then_some(("--detail", "it moves the portrait itself, with all its detail"))
        });
        let given = given.or_else(|| {
            self.side.map(|_| ("--paint-size", "nothing is painted: frames have the size that is asked for"))
        });
        let given = given.or_else(|| {
            self.first_option().map(|option| (option, "nothing is painted: it is for the diffusion renderer"))
        });
        match given {
            Some((option, hint)) => Err(AnimationError::Option { option, renderer: "mesh", hint }),
            None => Ok(()),
        }
    }

    /// An option that says how to paint, if one was given.
    fn first_option(&self) -> Option<&'static str> {
        let asked = &self.conditioning;
        let options = [
            ("--scheduler", self.scheduler.is_some()),
            ("--steps", self.steps.is_some()),
            ("--guidance", self.guidance.is_some()),
            ("--expression-scale", self.expression_scale.is_some()),
            ("--reference-scale", self.reference_scale.is_some()),
            ("--no-reference", self.no_reference),
            ("--noise", asked.noise.is_some()),
            ("--history", asked.history.is_some()),
            ("--history-weight", asked.history_weight.is_some()),
            ("--keyframe-distance", asked.keyframe_distance.is_some()),
            ("--start-strength", asked.start_strength.is_some()),
            ("--keyframes", self.keyframes.is_some()),
            ("--batch", self.batch.is_some()),
            ("--dtype", self.precision.is_some()),
        ];
        options.into_iter().find(|(_, is_given)| *is_given).map(|(option, _)| option)
    }
}

/// The type that weights are stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits, IEEE.
    F16,
    /// 16 bits with the range of 32.
    Bf16,
}

/// Where a renderer computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The best that the renderer can use.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The CUDA device of that number.
    Cuda(u32),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let cuda = |rest: &str| rest.strip_prefix(':').and_then(|number| number.parse().ok()).map(Self::Cuda);
        match text {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(0)),
            _ => text.strip_prefix("cuda").and_then(cuda),
        }
        .ok_or_else(|| format!("found '{text}', expected auto, cpu or cuda:NUMBER"))
    }
}

/// What a run has done; times are in seconds.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Frames in each output.
    pub frames: u64,
    /// Time that the run took, from the first frame's beginning to the last file's end.
    pub seconds: f64,
    /// Frames per second of that time.
    pub fps: f64,
    /// How long the film lasts.
    pub duration: f64,
    /// The film's frames per second, as an exact ratio.
    pub frame_rate: String,
    /// Width and height of the frames in pixels.
    pub size: [u32; 2],
    /// Which part of the portrait is shown.
    pub framing: &'static str,
    /// What drew the frames.
    pub renderer: &'static str,
    /// What it drew on.
    pub device: String,
    /// As given; the mesh renderer has no noise.
    pub seed: u64,
    /// Whether it was interrupted; the outputs then hold the frames up to there.
    pub interrupted: bool,
    /// The portrait.
    pub portrait: PortraitSummary,
    /// The motion.
    pub motion: MotionSummary,
    /// Where the time went, stage by stage.
    pub stages: Vec<StageSummary>,
    /// Queues between the stages.
    pub queues: Vec<QueueSummary>,
    /// Files that were written.
    pub outputs: Vec<OutputSummary>,
    /// What was streamed.
    pub live: Vec<LiveSummary>,
    /// Why outputs ended before the end, if some did.
    pub failures: Vec<String>,
    /// How well the face obeyed, if that was asked for.
    pub fidelity: Option<Fidelity>,
}

/// A portrait in a [`Summary`].
#[derive(Clone, Debug, Serialize)]
pub struct PortraitSummary {
    /// The file.
    pub path: String,
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// How many faces it shows.
    pub faces: usize,
    /// Which one was animated, from 1.
    pub face: usize,
    /// The expression in it, by shape.
    pub expression: BTreeMap<&'static str, f32>,
}

/// A motion in a [`Summary`].
#[derive(Clone, Debug, Serialize)]
pub struct MotionSummary {
    /// The file or address.
    pub path: String,
    /// What kind of thing it is.
    pub kind: String,
    /// How many rows it has.
    pub rows: usize,
    /// How long it lasts.
    pub duration: f64,
    /// Where the film starts in it.
    pub start: f64,
    /// Where the film ends in it.
    pub end: f64,
    /// Whether it was added to the portrait's expression.
    pub relative: bool,
    /// What there was to see, in a video.
    pub video: Option<VideoReport>,
    /// What a live source showed.
    pub driver: Option<DriverReport>,
}

/// A stage in a [`Summary`].
#[derive(Clone, Debug, Serialize)]
pub struct StageSummary {
    /// Its name.
    pub name: String,
    /// How many threads ran it.
    pub threads: usize,
    /// Time it worked, summed over its threads.
    pub busy: f64,
    /// Time it waited for its neighbours, summed over its threads.
    pub waited: f64,
}

impl StageSummary {
    /// Of work that so many threads did for so many seconds.
    pub fn of(name: &str, threads: usize, busy: f64) -> Self {
        Self { name: name.to_owned(), threads, busy, waited: 0.0 }
    }

    /// All stages of a run.
    pub fn all(report: &Report) -> impl Iterator<Item = Self> {
        report.stages.iter().map(|stage| Self {
            waited: stage.waited.as_secs_f64(),
            ..Self::of(&stage.name, stage.threads, stage.busy.as_secs_f64())
        })
    }
}

/// A queue in a [`Summary`].
#[derive(Clone, Debug, Serialize)]
pub struct QueueSummary {
    /// Its name.
    pub name: String,
    /// How many items fit.
    pub capacity: usize,
    /// The most there ever were.
    pub most: usize,
}

impl QueueSummary {
    /// All queues of a run.
    pub fn all(report: &Report) -> impl Iterator<Item = Self> {
        let of =
            |queue: &ChannelStats| Self { name: queue.name.clone(), capacity: queue.capacity, most: queue.max_depth };
        report.channels.iter().map(of)
    }
}

/// An output in a [`Summary`].
#[derive(Clone, Debug, Serialize)]
pub struct OutputSummary {
    /// Where it is.
    pub path: String,
    /// What it is.
    pub kind: String,
    /// Frames taken in.
    pub frames: u64,
    /// Its size.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_written() {
        for (text, device) in
            [("auto", Device::Auto), ("cpu", Device::Cpu), ("cuda", Device::Cuda(0)), ("cuda:3", Device::Cuda(3))]
        {
            assert_eq!(text.parse(), Ok(device));
        }
        for wrong in ["", "gpu", "cuda:", "cuda:x", "cuda3", "metal"] {
            assert!(wrong.parse::<Device>().is_err(), "{wrong}");
        }
    }
}
