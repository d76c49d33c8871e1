//! Frames that the diffusion renderer painted, each in a file of its own: seconds of work that nothing may lose.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use moue_animation::{
    AnimationError, Asked, BatchObserver, Device, LinearMap, Observer, PAINTED_SIDE, PaintJob, Painted, Painting,
    Renderer as _, SchedulerKind, ShotJob, TemporalConditioning,
};
use moue_engine::CancelToken;
use moue_models::{ModelFile, ModelFolder, process_environment};
use moue_storyboard::{Character, Scheduler, Storyboard};
use moue_timeline::Expression;
use serde_json::Value;

use crate::stage::{Scene, Stage};
use crate::{Drawing, FilmError, Props, digest};

/// Where painted frames lie, and how new ones are painted.
pub(crate) struct Paintings {
    folder: PathBuf,
    side: u32,
    painting: Painting,
    device: Device,
    map: Option<LinearMap>,
    /// What the models and the machine make of a frame.
    look: String,
}

/// The folder of keyframes beside the paintings. Their names are hashes of all that they depend on, so that shots share
/// what they have in common.
const KEYFRAMES: &str = "keyframes";

/// The file of a shot's frame.
pub(crate) fn frame_path(folder: &Path, frame: u64) -> PathBuf {
    folder.join(format!("{frame:06}.png"))
}

impl Paintings {
    /// Frames are kept in `folder`, for films of `size`.
    pub fn new(folder: PathBuf, size: (u32, u32), drawing: &Drawing, props: &Props) -> Result<Self, FilmError> {
        // The networks take multiples of 64 pixels that they were trained on; small models have small pictures.
        let side = (size.0.min(size.1) / 64 * 64).clamp(64, PAINTED_SIDE);
        let Drawing { painting, device, map } = drawing;
        let models = ModelFolder::find(painting.models.as_deref(), &process_environment)
            .map_err(moue_animation::DiffusionError::from)
            .map_err(AnimationError::from)?;
        // What does not change a picture is left out: where models lie, how many frames are painted at once.
        let settings = Painting { models: None, keyframes: None, batch: None, ..painting.clone() };
        let mut look = format!("{} {side} {device} {settings:?} {map:?}", digest::program());
        for file in ModelFile::ALL {
            if let Some(path) = models.path(file) {
                look += &format!(" {} {}", file.path(), props.digest(&path)?);
            }
        }
        Ok(Self {
            folder,
            side,
            painting: painting.clone(),
            device: *device,
            map: map.clone(),
            look: digest::of_text(&look),
        })
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
        let key = storyboard.key(shot);
        let mut content: Value = serde_json::from_str(&key.content).unwrap_or_default();
        if let Value::Object(content) = &mut content {
            ["framing", "output", "frames"].iter().for_each(|part| drop(content.remove(*part)));
        }
        let mut text = format!("{} {content}", self.look);
        if self.conditioning(&storyboard.cast[storyboard.shots[shot].character])?.has_keyframes() {
            // A shot that goes on for longer may have keyframes more, which frames before the end look at.
            text += &format!(" of {}", storyboard.shots[shot].rendered_frames());
        }
        for file in &key.files {
            text += &props.digest(file)?;
        }
        Ok(self.folder.join(&digest::of_text(&text)[..32]))
    }

    /// Paints those frames of a character's shots, by the shots' indices, that are not there yet.
    pub fn paint(
        &self,
        stage: &Stage<'_>,
        character: usize,
        wanted: &BTreeMap<usize, Vec<u64>>,
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
        let mut painted = self.painter(character, props, total as u64, observer, token)?;
        observer.started(total as u64);
        let mut done = 0;
        for (shot, folder, frames) in missing {
            let keep = |action| move |source| FilmError::Keep { path: self.folder.clone(), action, source };
            std::fs::create_dir_all(&folder).map_err(keep("making a folder"))?;
            let scene = self.begin(&mut painted, stage, shot, observer, token)?;
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
                    moue_media::save_png(picture, &frame_path(&folder, *frame), true)?;
                }
                done += batch.len() as u64;
                observer.rendered(done);
            }
        }
        Ok(())
    }

    /// A character, ready to be painted in about so many frames.
    pub fn painter(
        &self,
        character: &Character,
        props: &Props,
        frames: u64,
        observer: &dyn Observer,
        token: &CancelToken,
    ) -> Result<Painted, FilmError> {
        let portrait = props.portrait(&character.portrait, character.face)?;
        let painting = self.settings(character);
        let (device, seed, size) = (self.device, character.rendering.seed, (self.side, self.side));
        let job = PaintJob { painting: &painting, device, seed, size, map: self.map.as_ref() };
        Ok(Painted::new(&job, &portrait, frames, observer, token)?)
    }

    /// Gets a painter ready for a shot of its character: keyframes follow from all frames of the shot, and lie beside
    /// the paintings.
    pub fn begin(
        &self,
        painted: &mut Painted,
        stage: &Stage<'_>,
        shot: usize,
        observer: &dyn Observer,
        token: &CancelToken,
    ) -> Result<Arc<Scene>, FilmError> {
        let scene = stage.scene(shot, observer, token)?;
        let expressions = scene.all_flame(stage.storyboard.shots[shot].rendered_frames());
        let keyframes = self.folder.join(KEYFRAMES);
        painted.begin(&ShotJob { expressions: Some(&expressions), keyframes: Some(&keyframes) });
        Ok(scene)
    }

    /// How the frames of a character are kept steady.
    pub fn conditioning(&self, character: &Character) -> Result<TemporalConditioning, FilmError> {
        let painting = self.settings(character);
        Ok(painting.conditioning.settled(!painting.no_reference)?)
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
pub(crate) struct Steps<'a> {
    pub observer: &'a dyn Observer,
    pub token: &'a CancelToken,
}

impl BatchObserver for Steps<'_> {
    fn step(&self, first: u64, frames: usize, done: usize, of: usize) -> Result<(), AnimationError> {
        self.observer.step(first, frames, done, of);
        if self.token.is_aborting() { Err(AnimationError::Interrupted) } else { Ok(()) }
    }
}
