//! Frames that the diffusion renderer painted, each in a file of its own: seconds of work that nothing may lose.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use image::RgbImage;
use moue_animation::{
    AnimationError, Asked, BatchObserver, Compose, Device, Keyframing, LinearMap, Observer, PaintJob, Painted,
    Painting, Renderer as _, SchedulerKind, ShotJob, TemporalConditioning,
};
use moue_engine::CancelToken;
use moue_storyboard::{Character, Region, Renderer, Scheduler, Shot, Storyboard};
use moue_timeline::{Expression, FlameExpression};
use serde_json::Value;

use crate::album::{Album, Between, frame_path, is_painted, painted_around};
use crate::models::model_folder;
use crate::stage::Stage;
use crate::{Drawing, FilmError, ModelPrint, PaintedFrame, Props, ShotFrames, digest};

/// Where painted frames lie, and how new ones are painted.
pub(crate) struct Paintings {
    folder: PathBuf,
    /// Side of squares that are the frame.
    side: u32,
    painting: Painting,
    device: Device,
    compose: Option<Compose>,
    map: Option<LinearMap>,
    /// How frames to paint are chosen, where not all are.
    between: Option<Keyframing>,
    /// What the models and the machine make of squares that are the frame, and of those that go into the picture.
    look: String,
    pasted_look: String,
    /// Whether the one who paints stays ready until the next time, and that one: whose square it paints, and which kind.
    stays: AtomicBool,
    ready: Mutex<Option<(usize, Compose, Painted)>>,
}

/// What becomes of the squares that are painted for a shot: what was asked for, else what its framing needs.
pub(crate) fn composition(shot: &Shot, asked: Option<Compose>) -> Compose {
    let is_face = [shot.framing.from, shot.framing.to].iter().all(|view| view.region == Region::Face);
    asked.unwrap_or(if is_face { Compose::Crop } else { Compose::Paste })
}

/// Refuses a shot that shows more than the painted square, where that is the frame.
pub(crate) fn check_crop(shot: &Shot) -> Result<(), FilmError> {
    let views = [shot.framing.from, shot.framing.to];
    let found = match views.iter().find(|view| view.region != Region::Face).map(|view| view.region) {
        None => return Ok(()),
        Some(Region::Whole) => "the whole picture",
        Some(Region::Head) => "the head",
        Some(_) => "a crop of the picture",
    };
    Err(FilmError::Framing { shot: shot.name.clone(), found })
}

/// The folder of keyframes beside the paintings. Their names are hashes of all that they depend on, so that shots share
/// what they have in common.
pub const KEYFRAMES: &str = "keyframes";

impl Paintings {
    /// Frames are kept in `folder`.
    pub fn new(folder: PathBuf, drawing: &Drawing, props: &Props) -> Result<Self, FilmError> {
        let models = ModelPrint::of(&model_folder(drawing.painting.models.as_deref())?, props)?;
        Ok(Self::of_models(folder, drawing, &models))
    }

    /// The same by what is known of the models alone: enough for frames that have been painted elsewhere.
    ///
    /// Squares have the size that the models have learned, whatever that of the film: in others they paint no face, or
    /// several.
    pub fn of_models(folder: PathBuf, drawing: &Drawing, models: &ModelPrint) -> Self {
        let side = models.side;
        let Drawing { painting, device, compose, map, keyframes: _ } = drawing;
        // What does not change a painting is left out: where models lie, how many frames are painted at once, what
        // becomes of it.
        let settings =
            Painting { models: None, keyframes: None, batch: None, side: None, detail: 0.0, ..painting.clone() };
        let files: String = models.files.iter().map(|(name, hash)| format!(" {name} {hash}")).collect();
        let look =
            |side: &str| digest::of_text(&format!("{} {side} {device} {settings:?} {map:?}{files}", digest::program()));
        let pasted_side = painting.side.map_or("its own".to_owned(), |side| side.to_string());
        Self {
            folder,
            side,
            painting: painting.clone(),
            device: *device,
            map: map.clone(),
            compose: *compose,
            between: None,
            look: look(&side.to_string()),
            pasted_look: look(&pasted_side),
            stays: AtomicBool::new(false),
            ready: Mutex::default(),
        }
    }

    /// The same for a storyboard's renderer, which may paint some of the frames only.
    pub fn of_renderer(mut self, storyboard: &Storyboard, drawing: &Drawing) -> Self {
        let is_mixed = storyboard.output.renderer == Renderer::Mixed;
        self.between = is_mixed.then(|| drawing.keyframes.unwrap_or_default());
        self
    }

    /// What pictures depend on beside the storyboard, hashed.
    pub fn look(&self) -> String {
        let look = match (self.compose, self.painting.side, self.painting.detail) {
            (None, None, 0.0) => self.look.clone(),
            (compose, side, detail) => digest::of_text(&format!("{} {compose:?} {side:?} {detail}", self.look)),
        };
        match self.between {
            None => look,
            Some(how) => digest::of_text(&format!("{look} {how:?}")),
        }
    }

    /// The painted frames of a shot of which all frames are asked for `expressions`.
    pub fn album(
        &self,
        storyboard: &Storyboard,
        shot: usize,
        expressions: impl Iterator<Item = FlameExpression>,
        props: &Props,
    ) -> Result<Album, FilmError> {
        let character = &storyboard.cast[storyboard.shots[shot].character];
        let between = |how| {
            Ok::<_, FilmError>(Between {
                portrait: props.portrait(&character.portrait, character.face)?,
                shot: expressions.collect(),
                how,
                map: self.map.clone(),
                mixed: Mutex::default(),
            })
        };
        Ok(Album { folder: self.of(storyboard, shot, props)?, between: self.between.map(between).transpose()? })
    }

    /// How much of a portrait's own detail was asked for.
    pub fn detail(&self) -> f32 {
        self.painting.detail
    }

    /// What becomes of the squares of a shot.
    pub fn composition(&self, shot: &Shot) -> Compose {
        composition(shot, self.compose)
    }

    /// Side of the squares that are painted, in pixels.
    fn side_of(&self, compose: Compose) -> u32 {
        match compose {
            Compose::Crop => self.side,
            Compose::Paste => self.painting.side.unwrap_or(self.side),
        }
    }

    /// Side of squares that are the frame, in pixels.
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
        let look = match self.composition(&storyboard.shots[shot]) {
            Compose::Crop => &self.look,
            Compose::Paste => &self.pasted_look,
        };
        let mut text = format!("{look} {content}");
        if self.conditioning(&storyboard.cast[storyboard.shots[shot].character])?.has_keyframes() {
            // A shot that goes on for longer may have keyframes more, which frames before the end look at.
            text += &format!(" of {}", storyboard.shots[shot].rendered_frames());
        }
        for file in &key.files {
            text += &props.digest(file)?;
        }
        Ok(self.folder.join(&digest::of_text(&text)[..32]))
    }

    /// The file of a character's face at rest, by which the colours of the others are fitted.
    pub fn at_rest(&self, character: &Character, props: &Props) -> Result<PathBuf, FilmError> {
        let settings = Painting { models: None, keyframes: None, batch: None, detail: 0.0, ..self.settings(character) };
        let (seed, face) = (character.rendering.seed, character.face);
        let text = format!("{} {settings:?} {seed} {face:?} {}", self.pasted_look, props.digest(&character.portrait)?);
        Ok(self.folder.join(&digest::of_text(&text)[..32]).join("rest.png"))
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
        let around = |(shot, frames): (&usize, &Vec<u64>)| {
            let frames = match self.between {
                Some(how) => painted_around(frames, &stage.flame(*shot, token)?, how),
                None => frames.clone(),
            };
            Ok((*shot, frames))
        };
        let wanted: ShotFrames = wanted.iter().map(around).collect::<Result<_, FilmError>>()?;
        // Squares of one size after those of another: they are other networks to the memory.
        for compose in [Compose::Crop, Compose::Paste] {
            let is_so = |shot: &usize| self.composition(&stage.storyboard.shots[*shot]) == compose;
            let shots: Vec<(usize, &[u64])> = wanted
                .iter()
                .filter(|(shot, _)| is_so(shot))
                .map(|(shot, frames)| (*shot, frames.as_slice()))
                .collect();
            if !shots.is_empty() {
                self.paint_squares(stage, character, compose, &shots, kept, observer, token)?;
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "whom, how, what, and who watches")]
    fn paint_squares(
        &self,
        stage: &Stage<'_>,
        number: usize,
        compose: Compose,
        wanted: &[(usize, &[u64])],
        kept: &mut dyn FnMut(PaintedFrame<'_>) -> ControlFlow<()>,
        observer: &dyn Observer,
        token: &CancelToken,
    ) -> Result<(), FilmError> {
        let (storyboard, props) = (stage.storyboard, stage.props);
        let character = &storyboard.cast[number];
        let side = self.side_of(compose);
        let mut missing = Vec::new();
        for (shot, frames) in wanted {
            let folder = self.of(storyboard, *shot, props)?;
            let frames: Vec<u64> =
                frames.iter().copied().filter(|frame| !is_painted(&frame_path(&folder, *frame), side)).collect();
            if !frames.is_empty() {
                missing.push((*shot, folder, frames));
            }
        }
        let at_rest = match compose {
            Compose::Crop => None,
            Compose::Paste => Some(self.at_rest(character, props)?).filter(|path| !is_painted(path, side)),
        };
        let total = missing.iter().map(|(_, _, frames)| frames.len()).sum::<usize>() + at_rest.iter().count();
        if total == 0 {
            return Ok(());
        }
        let ready = self.ready().take().filter(|(who, kind, _)| (*who, *kind) == (number, compose));
        let mut painted = match ready {
            Some((_, _, painted)) => painted,
            None => self.painter(character, compose, props, total as u64, observer, token)?,
        };
        observer.started(total as u64);
        let mut done = 0;
        let make_folder = |folder: &Path| {
            let action = "making a folder";
            std::fs::create_dir_all(folder).map_err(|source| FilmError::Keep {
                path: self.folder.clone(),
                action,
                source,
            })
        };
        if let Some(path) = at_rest {
            let rest = Asked { index: 0, expression: Expression::NEUTRAL, flame: FlameExpression::NEUTRAL };
            let mut picture = [painted.new_frame()];
            painted.render(&[rest], &mut picture, &Steps { observer, token })?;
            path.parent().map(make_folder).transpose()?;
            moue_media::save_png(&picture[0], &path, true)?;
            done += 1;
            observer.rendered(done);
        }
        for (shot, folder, frames) in missing {
            make_folder(&folder)?;
            self.begin(&mut painted, stage, shot, token)?;
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
        if self.stays.load(Ordering::Relaxed) {
            *self.ready() = Some((number, compose, painted));
        }
        Ok(())
    }

    /// Keeps the models loaded from one call of [`Self::paint`] to the next, for those who paint a little at a time.
    pub fn stay_ready(&self) {
        self.stays.store(true, Ordering::Relaxed);
    }

    fn ready(&self) -> MutexGuard<'_, Option<(usize, Compose, Painted)>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A character, ready to be painted in about so many frames.
    pub fn painter(
        &self,
        character: &Character,
        compose: Compose,
        props: &Props,
        frames: u64,
        observer: &dyn Observer,
        token: &CancelToken,
    ) -> Result<Painted, FilmError> {
        let portrait = props.portrait(&character.portrait, character.face)?;
        let painting = self.settings(character);
        let side = self.side_of(compose);
        let size = Some((side, side));
        let (device, seed) = (self.device, character.rendering.seed);
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
        token: &CancelToken,
    ) -> Result<(), FilmError> {
        let expressions = stage.flame(shot, token)?;
        let keyframes = self.folder.join(KEYFRAMES);
        painted.begin(&ShotJob { expressions: Some(&expressions), keyframes: Some(&keyframes) });
        Ok(())
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
