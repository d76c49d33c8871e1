//! Frames that the diffusion renderer painted, each in a file of its own: seconds of work that nothing may lose.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use image::RgbImage;
use moue_animation::{
    AnimationError, Asked, BatchObserver, Device, Observer, PAINTED_SIDE, PaintJob, Painted, Painting, Renderer as _,
    SchedulerKind,
};
use moue_engine::CancelToken;
use moue_models::{ModelFile, ModelFolder, process_environment};
use moue_storyboard::{Character, Scheduler, Storyboard};
use moue_timeline::Expression;
use serde_json::Value;

use crate::stage::Stage;
use crate::{Drawing, FilmError, PaintedFrame, Props, ShotFrames, digest};

/// Where painted frames lie, and how new ones are painted.
pub(crate) struct Paintings {
    folder: PathBuf,
    side: u32,
    painting: Painting,
    device: Device,
    /// What the models and the machine make of a frame.
    look: String,
    /// What the folders of shots' frames are called, where somebody else has painted them.
    known: Option<Vec<Option<String>>>,
}

/// The file of a shot's frame in the folder of its painted frames.
pub fn frame_path(folder: &Path, frame: u64) -> PathBuf {
    folder.join(format!("{frame:06}.png"))
}

/// The side of painted frames for films of a size.
fn side(size: (u32, u32)) -> u32 {
    // The networks take multiples of 64 pixels that they were trained on; small models have small pictures.
    (size.0.min(size.1) / 64 * 64).clamp(64, PAINTED_SIDE)
}

impl Paintings {
    /// Frames are kept in `folder`, for films of `size`.
    pub fn new(folder: PathBuf, size: (u32, u32), drawing: &Drawing, props: &Props) -> Result<Self, FilmError> {
        let side = side(size);
        let Drawing { painting, device, .. } = drawing;
        let models = ModelFolder::find(painting.models.as_deref(), &process_environment)
            .map_err(moue_animation::DiffusionError::from)
            .map_err(AnimationError::from)?;
        let mut look = format!("{} {side} {device} {:?}", digest::program(), painting.precision);
        for file in ModelFile::ALL {
            if let Some(path) = models.path(file) {
                look += &format!(" {} {}", file.path(), props.digest(&path)?);
            }
        }
        let look = digest::of_text(&look);
        Ok(Self { folder, side, painting: painting.clone(), device: *device, look, known: None })
    }

    /// Frames that lie in `folder` already, in a folder for each shot: no models are needed.
    pub fn painted(folder: PathBuf, size: (u32, u32), drawing: &Drawing, shots: Vec<Option<String>>) -> Self {
        let Drawing { painting, device, .. } = drawing;
        let (painting, known) = (painting.clone(), Some(shots));
        Self { folder, side: side(size), painting, device: *device, look: String::new(), known }
    }

    /// A hash of what the models and the machine make of a frame.
    pub fn look(&self) -> &str {
        &self.look
    }

    /// Side of the frames in pixels.
    pub fn side(&self) -> u32 {
        self.side
    }

    /// The folder of a shot's frames. Its name is a hash of all that they depend on; neither the framing nor the film's
    /// size is among that.
    pub fn of(&self, storyboard: &Storyboard, shot: usize, props: &Props) -> Result<PathBuf, FilmError> {
        if let Some(name) = self.known.as_ref().and_then(|known| known.get(shot)).and_then(Option::as_ref) {
            return Ok(self.folder.join(name));
        }
        let key = storyboard.key(shot);
        let mut content: Value = serde_json::from_str(&key.content).unwrap_or_default();
        if let Value::Object(content) = &mut content {
            ["framing", "output", "frames"].iter().for_each(|part| drop(content.remove(*part)));
        }
        let mut text = format!("{} {content}", self.look);
        for file in &key.files {
            text += &props.digest(file)?;
        }
        Ok(self.folder.join(&digest::of_text(&text)[..32]))
    }

    /// Paints those frames of a character's shots that are not there yet; `kept` is told each, and may end the work.
    pub fn paint(
        &self,
        stage: &Stage<'_>,
        character: usize,
        wanted: &ShotFrames,
        kept: &mut dyn FnMut(PaintedFrame<'_>) -> ControlFlow<()>,
        observer: &dyn Observer,
        token: &CancelToken,
    ) -> Result<(), FilmError> {
        let (storyboard, props) = (stage.storyboard, stage.props);
        let character = &storyboard.cast[character];
        let mut missing = Vec::new();
        for (shot, frames) in wanted {
            let folder = self.of(storyboard, *shot, props)?;
            let frames: Vec<u64> =
                frames.iter().copied().filter(|frame| !frame_path(&folder, *frame).exists()).collect();
            if !frames.is_empty() {
                missing.push((*shot, folder, frames));
            }
        }
        let total: usize = missing.iter().map(|(_, _, frames)| frames.len()).sum();
        if total == 0 {
            return Ok(());
        }
        let portrait = props.portrait(&character.portrait, character.face)?;
        let painting = self.settings(character);
        let size = (self.side, self.side);
        let job = PaintJob { painting: &painting, device: self.device, seed: character.rendering.seed, size };
        let painted = Painted::new(&job, &portrait, total as u64, observer, token)?;
        observer.started(total as u64);
        let mut done = 0;
        for (shot, folder, frames) in missing {
            let keep = |action| move |source| FilmError::Keep { path: self.folder.clone(), action, source };
            std::fs::create_dir_all(&folder).map_err(keep("making a folder"))?;
            let scene = stage.scene(shot, observer, token)?;
            for batch in frames.chunks(painted.batch().max(1)) {
                if token.is_finishing() {
                    return Err(AnimationError::Interrupted.into());
                }
                let asked =
                    |frame: &u64| Asked { index: *frame, expression: Expression::NEUTRAL, flame: scene.flame(*frame) };
                let asked: Vec<Asked> = batch.iter().map(asked).collect();
                let mut pictures: Vec<RgbImage> = asked.iter().map(|_| painted.new_frame()).collect();
                painted.render(&asked, &mut pictures, &Steps { observer, token })?;
                for (frame, picture) in batch.iter().zip(&pictures) {
                    let path = frame_path(&folder, *frame);
                    moue_media::save_png(picture, &path, true)?;
                    if kept(PaintedFrame { shot, frame: *frame, path: &path }).is_break() {
                        return Err(AnimationError::Interrupted.into());
                    }
                }
                done += batch.len() as u64;
                observer.rendered(done);
            }
        }
        Ok(())
    }

    /// What the storyboard says of this face over what the command line says of all.
    fn settings(&self, character: &Character) -> Painting {
        let own = character.rendering.diffusion;
        let scheduler = own.scheduler.map(|scheduler| match scheduler {
            Scheduler::Ddim => SchedulerKind::Ddim,
            Scheduler::Euler => SchedulerKind::Euler,
            Scheduler::DpmppTwoM => SchedulerKind::DpmppTwoM,
            Scheduler::Lcm => SchedulerKind::Lcm,
        });
        let all = self.painting.clone();
        Painting {
            scheduler: scheduler.or(all.scheduler),
            steps: own.steps.or(all.steps),
            guidance: own.guidance.or(all.guidance),
            expression_scale: own.expression_scale.or(all.expression_scale),
            reference_scale: own.reference_scale.or(all.reference_scale),
            ..all
        }
    }
}

/// Passes a renderer's steps on, and ends it where the run was told to stop at once.
struct Steps<'a> {
    observer: &'a dyn Observer,
    token: &'a CancelToken,
}

impl BatchObserver for Steps<'_> {
    fn step(&self, first: u64, frames: usize, done: usize, of: usize) -> Result<(), AnimationError> {
        self.observer.step(first, frames, done, of);
        if self.token.is_aborting() { Err(AnimationError::Interrupted) } else { Ok(()) }
    }
}
