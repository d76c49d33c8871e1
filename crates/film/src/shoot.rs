//! Where a film's frames are drawn, run by run: the same for a machine that makes all of it and for one of many.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use moue_animation::{AnimationError, Broadcast, Compose, LinearMap, NamedSink};
use moue_engine::CancelToken;
use moue_media::{Output, Sink, VideoFormat};
use moue_storyboard::{Renderer, Storyboard};

use crate::paintings::Paintings;
use crate::pieces::{Piece, pieces};
use crate::run::{Drawn, Run};
use crate::stage::{Stage, film_size};
use crate::{Coding, Cut, Drawing, FilmError, FilmObserver, ModelPrint, Props, digest};

/// A frame that the diffusion renderer has painted just now.
#[derive(Clone, Copy, Debug)]
pub struct PaintedFrame<'a> {
    /// Index of the shot.
    pub shot: usize,
    /// The shot's frame.
    pub frame: u64,
    /// Its file.
    pub path: &'a Path,
}

/// Frames by the index of their shot.
pub type ShotFrames = BTreeMap<usize, Vec<u64>>;

/// Draws any run of a film's frames.
pub struct Shoot<'a> {
    storyboard: &'a Storyboard,
    cut: &'a Cut<'a>,
    stage: Stage<'a>,
    paintings: Option<Arc<Paintings>>,
    map: Option<&'a LinearMap>,
    workers: usize,
}

impl<'a> Shoot<'a> {
    /// Gets ready to draw a film. `painted` is the folder of frames that the diffusion renderer paints; the mesh
    /// renderer needs none. `workers` threads draw, as many as there are cores by default.
    ///
    /// # Errors
    /// The first shot's portrait, which may give the size, or a model cannot be read.
    pub fn new(
        storyboard: &'a Storyboard,
        cut: &'a Cut<'a>,
        drawing: &'a Drawing,
        painted: &Path,
        workers: Option<usize>,
        props: &'a Props,
    ) -> Result<Self, FilmError> {
        let size = film_size(storyboard, drawing.compose, props)?;
        let paintings = match storyboard.output.renderer {
            Renderer::Mesh => None,
            Renderer::Diffusion | Renderer::Mixed => {
                Some(Paintings::new(painted.to_owned(), drawing, props)?.of_renderer(storyboard, drawing))
            }
        };
        Ok(Self::with(storyboard, cut, drawing, paintings, size, workers, props))
    }

    /// The same where the frames have been painted elsewhere and lie below `painted`: what is known of the models does.
    ///
    /// # Errors
    /// The first shot's portrait, which may give the size, cannot be read.
    pub fn of_painted(
        storyboard: &'a Storyboard,
        cut: &'a Cut<'a>,
        drawing: &'a Drawing,
        (painted, models): (&Path, &ModelPrint),
        workers: Option<usize>,
        props: &'a Props,
    ) -> Result<Self, FilmError> {
        let size = film_size(storyboard, drawing.compose, props)?;
        let paintings = Paintings::of_models(painted.to_owned(), drawing, models);
        Ok(Self::with(storyboard, cut, drawing, Some(paintings), size, workers, props))
    }

    fn with(
        storyboard: &'a Storyboard,
        cut: &'a Cut<'a>,
        drawing: &'a Drawing,
        paintings: Option<Paintings>,
        size: (u32, u32),
        workers: Option<usize>,
        props: &'a Props,
    ) -> Self {
        let paintings = paintings.map(Arc::new);
        let stage = Stage::new(storyboard, props, drawing.map.as_ref(), paintings.clone(), size);
        let workers = workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |cores| cores.get()));
        Self { storyboard, cut, stage, paintings, map: drawing.map.as_ref(), workers }
    }

    /// Width and height of the frames, in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.stage.size
    }

    /// What is written for so many frames.
    pub fn format(&self, frames: u64) -> VideoFormat {
        let (width, height) = self.stage.size;
        VideoFormat { expected_frames: Some(frames), ..VideoFormat::new(width, height, self.storyboard.output.rate) }
    }

    /// The pieces of the film, each with the hash of all that it depends on. They depend on the storyboard and its files
    /// alone, not on who draws them.
    ///
    /// # Errors
    /// A file that counts for a shot cannot be read.
    pub fn pieces(&self) -> Result<Vec<Piece>, FilmError> {
        let extra = match (&self.paintings, self.map) {
            (Some(paintings), _) => paintings.look(),
            // The mesh is moved through the map where a motion is in FLAME's terms.
            (None, Some(map)) => digest::of_text(&format!("{map:?}")),
            (None, None) => String::new(),
        };
        pieces(self.storyboard, self.cut, self.stage.size, &extra, self.stage.props)
    }

    /// The folder of a shot's painted frames, named by the hash of all that they depend on; the mesh renderer has none.
    ///
    /// # Errors
    /// A file that counts for the shot cannot be read.
    pub fn painted(&self, shot: usize) -> Result<Option<PathBuf>, FilmError> {
        let paintings = self.paintings.as_ref();
        paintings.map(|paintings| paintings.of(self.storyboard, shot, self.stage.props)).transpose()
    }

    /// The file of the face at rest by which the colours of a shot's paintings are fitted; only paintings that are put
    /// into the picture have one.
    ///
    /// # Errors
    /// The portrait cannot be read.
    pub fn at_rest(&self, shot: usize) -> Result<Option<PathBuf>, FilmError> {
        let Some(paintings) = &self.paintings else { return Ok(None) };
        let own = &self.storyboard.shots[shot];
        match paintings.composition(own) {
            Compose::Crop => Ok(None),
            Compose::Paste => paintings.at_rest(&self.storyboard.cast[own.character], self.stage.props).map(Some),
        }
    }

    /// Paints those frames that are not there yet, one character after the other: their models are large. `kept` is told
    /// each frame when it is whole, and may end the work.
    ///
    /// # Errors
    /// As [`film`](crate::film()).
    pub fn paint(
        &self,
        wanted: &ShotFrames,
        kept: &mut dyn FnMut(PaintedFrame<'_>) -> ControlFlow<()>,
        observer: &dyn FilmObserver,
        token: &CancelToken,
    ) -> Result<(), FilmError> {
        let Some(paintings) = &self.paintings else { return Ok(()) };
        let mut characters: BTreeMap<usize, ShotFrames> = BTreeMap::new();
        for (shot, frames) in wanted {
            let character = self.storyboard.shots[*shot].character;
            characters.entry(character).or_default().insert(*shot, frames.clone());
        }
        for (character, shots) in characters {
            paintings.paint(&self.stage, character, &shots, kept, observer, token)?;
        }
        Ok(())
    }

    /// Whether frames are painted before they are drawn.
    pub(crate) fn paints(&self) -> bool {
        self.paintings.is_some()
    }

    /// The models stay loaded from one call of [`Self::paint`] to the next.
    pub(crate) fn stay_ready(&self) {
        if let Some(paintings) = &self.paintings {
            paintings.stay_ready();
        }
    }

    /// Reads the motions that shots follow, which takes long where they are videos.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub(crate) fn read_motions(
        &self,
        shots: &[usize],
        observer: &dyn FilmObserver,
        token: &CancelToken,
    ) -> Result<(), FilmError> {
        shots.iter().try_for_each(|shot| self.stage.read_motions(*shot, observer, token))
    }

    /// Gets the shots of a run of frames ready to be drawn.
    ///
    /// # Errors
    /// As [`film`](crate::film()).
    pub(crate) fn prepare(
        &self,
        frames: &Range<u64>,
        observer: &dyn FilmObserver,
        token: &CancelToken,
    ) -> Result<(), FilmError> {
        self.cut.shots_in(frames).into_iter().try_for_each(|shot| self.stage.scene(shot, observer, token).map(drop))
    }

    /// Draws a run of frames into every sink that takes them; nothing where it was torn down, and the sinks are lost.
    /// `rendered` counts on from run to run.
    pub(crate) fn draw(
        &self,
        frames: &Range<u64>,
        sinks: Vec<NamedSink>,
        broadcast: Option<&Broadcast>,
        rendered: &AtomicU64,
        observer: &dyn FilmObserver,
        token: &CancelToken,
    ) -> Result<Option<Drawn>, FilmError> {
        let mut scenes = Vec::new();
        for shot in self.cut.shots_in(frames) {
            scenes.push((shot, self.stage.scene(shot, observer, token)?));
        }
        let run = Run {
            cut: self.cut,
            frames: frames.clone(),
            scenes: &scenes,
            storyboard: self.storyboard,
            size: self.stage.size,
            workers: self.workers,
            rendered,
            broadcast,
        };
        run.render(sinks, observer, token)
    }

    /// Where a piece in that coding is written.
    ///
    /// # Errors
    /// As [`Output::open`].
    pub(crate) fn open(&self, frames: &Range<u64>, coding: &Coding, path: PathBuf) -> Result<Box<dyn Sink>, FilmError> {
        Ok(Output::mkv(path).open(&self.format(frames.end - frames.start), coding.settings(), true)?)
    }

    /// Draws a piece and writes it to `path`, which appears when it is whole. What it shows of painted frames has been
    /// painted before.
    ///
    /// # Errors
    /// As [`film`](crate::film()); nothing is left behind then.
    pub fn shoot(
        &self,
        piece: &Range<u64>,
        coding: &Coding,
        path: PathBuf,
        rendered: &AtomicU64,
        observer: &dyn FilmObserver,
        token: &CancelToken,
    ) -> Result<(), FilmError> {
        let sink = self.open(piece, coding, path)?;
        match self.draw(piece, vec![("part".to_owned(), sink)], None, rendered, observer, token)? {
            Some(Drawn { filled, is_whole: true, .. }) => {
                filled.into_iter().try_for_each(|sink| Ok(sink?.finish().map(drop)?))
            }
            Some(_) | None => Err(AnimationError::Interrupted.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::files::Faceless;

    #[test]
    fn another_map_makes_other_pieces_of_the_mesh() {
        let folder = tempfile::tempdir().unwrap();
        image::RgbImage::new(16, 16).save(folder.path().join("a.png")).unwrap();
        let file = folder.path().join("board.yaml");
        let text = "moue: 1\noutput: {size: 64x64}\ncast: {ada: a.png}\nshots: [{length: 1s, beats: to fear}]\n";
        fs::write(&file, text).unwrap();
        let (storyboard, _) = Storyboard::read(&file, &Faceless::default()).unwrap_or_else(|wrong| panic!("{wrong}"));
        let (cut, props) = (Cut::whole(&storyboard), Props::new().unwrap());
        let look = |map: Option<f32>| {
            let map = map.map(|weight| LinearMap::from_third_party(&[weight; 52 * 100], &[weight; 52 * 3]).unwrap());
            let drawing = Drawing { map, ..Drawing::default() };
            let shoot = Shoot::new(&storyboard, &cut, &drawing, folder.path(), Some(1), &props).unwrap();
            shoot.pieces().unwrap().remove(0).look
        };
        assert_eq!(look(Some(0.1)), look(Some(0.1)));
        assert!(look(None) != look(Some(0.1)) && look(Some(0.1)) != look(Some(0.2)));
    }
}
