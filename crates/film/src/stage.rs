//! Where shots are drawn, frame by frame.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use image::imageops::{self, FilterType};
use image::{GenericImage, Rgb, RgbImage};
use moue_animation::{AnimationError, Compose, Composer, Layout, LinearMap, MAX_SIDE, MIN_SIDE, Observer, Portrait};
use moue_engine::CancelToken;
use moue_mesh::{MeshRenderer, View};
use moue_storyboard::{FilmFrame, Layer, OutputSize, Renderer, ShotTimeline, Storyboard};
use moue_timeline::{Expression, FlameExpression, Interpolation, Shape, Track};

use crate::album::Album;
use crate::framing::Move;
use crate::paintings::{Paintings, composition};
use crate::performance::track_of;
use crate::{FilmError, Props};

/// Shots that are ready at the same time: a film shows one, or two during a dissolve, and soon the next ones.
const READY: usize = 6;
/// Prepared portraits that are kept; shots of one character with the same framing share one.
const PREPARED: usize = 8;
/// How much finer than the frame a portrait may be sampled: where a view moves further, it is prepared several times.
const FINER: f64 = 1.5;
/// Side of films of painted squares for which no size is asked, in pixels: that of the published models, whichever
/// paint.
const SQUARE_SIDE: u32 = 512;

/// Width and height of a film's frames, in pixels.
pub(crate) fn film_size(
    storyboard: &Storyboard,
    compose: Option<Compose>,
    props: &Props,
) -> Result<(u32, u32), FilmError> {
    let first_is_square = storyboard.output.renderer != Renderer::Mesh
        && storyboard.shots.first().is_none_or(|shot| composition(shot, compose) == Compose::Crop);
    match storyboard.output.size {
        OutputSize::Pixels { width, height } => Ok((width, height)),
        OutputSize::Source if first_is_square => Ok((SQUARE_SIDE, SQUARE_SIDE)),
        OutputSize::Source => {
            let character = &storyboard.cast[storyboard.shots.first().map_or(0, |shot| shot.character)];
            let portrait = props.portrait(&character.portrait, character.face)?;
            let (width, height) = portrait.image.dimensions();
            let (width, height) = (width & !1, height & !1);
            let legal = MIN_SIDE..=MAX_SIDE;
            if legal.contains(&width) && legal.contains(&height) {
                Ok((width, height))
            } else {
                Err(AnimationError::SourceSize { width, height }.into())
            }
        }
    }
}

/// Draws the frames of a storyboard.
pub(crate) struct Stage<'a> {
    pub storyboard: &'a Storyboard,
    pub props: &'a Props,
    map: Option<&'a LinearMap>,
    /// Where painted frames are; only the diffusion renderer has them.
    paintings: Option<Arc<Paintings>>,
    /// Of all frames.
    pub size: (u32, u32),
    ready: Mutex<Vec<(usize, Arc<Scene>)>>,
    prepared: Mutex<Vec<(Prepared, Arc<MeshRenderer>)>>,
}

/// What a mesh renderer was made for: the portrait, and the view by its bits.
#[derive(Clone, PartialEq, Eq)]
struct Prepared {
    character: usize,
    view: [u64; 3],
    size: (u32, u32),
}

impl<'a> Stage<'a> {
    pub fn new(
        storyboard: &'a Storyboard,
        props: &'a Props,
        map: Option<&'a LinearMap>,
        paintings: Option<Arc<Paintings>>,
        size: (u32, u32),
    ) -> Self {
        Self { storyboard, props, map, paintings, size, ready: Mutex::default(), prepared: Mutex::default() }
    }

    /// Gets a shot ready to be drawn.
    pub fn scene(&self, shot: usize, observer: &dyn Observer, token: &CancelToken) -> Result<Arc<Scene>, FilmError> {
        let lock = || self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, scene)) = lock().iter().find(|(known, _)| *known == shot) {
            return Ok(scene.clone());
        }
        let scene = Arc::new(self.prepare(shot, observer, token)?);
        let mut ready = lock();
        if ready.len() == READY {
            ready.remove(0);
        }
        ready.push((shot, scene.clone()));
        Ok(scene)
    }

    /// Reads the motions of a shot, which are remembered.
    pub fn read_motions(&self, shot: usize, observer: &dyn Observer, token: &CancelToken) -> Result<(), FilmError> {
        self.storyboard.timeline(shot, |motion| self.props.track(&motion.path, observer, token)).map(drop)
    }

    /// What the diffusion renderer is asked for in all frames of a shot.
    pub fn flame(&self, shot: usize, token: &CancelToken) -> Result<Vec<FlameExpression>, FilmError> {
        let (frames, observer) = (self.storyboard.shots[shot].rendered_frames(), &());
        let timeline = self.storyboard.timeline(shot, |motion| self.props.track(&motion.path, observer, token))?;
        let track = track_of(self.storyboard, shot, &timeline, frames, Renderer::Diffusion, self.map, observer)?;
        Ok((0..frames).map(|frame| flame_at(&track, frame)).collect())
    }

    fn prepare(&self, shot: usize, observer: &dyn Observer, token: &CancelToken) -> Result<Scene, FilmError> {
        let own = &self.storyboard.shots[shot];
        let timeline = self.storyboard.timeline(shot, |motion| self.props.track(&motion.path, observer, token))?;
        let renderer = self.storyboard.output.renderer;
        let track = |renderer, observer| {
            track_of(self.storyboard, shot, &timeline, own.rendered_frames(), renderer, self.map, observer)
        };
        let background = Rgb(self.storyboard.output.background);
        if let Some(paintings) = &self.paintings
            && paintings.composition(own) == Compose::Crop
        {
            let view = Move::in_painting(own.framing, paintings.side(), self.size);
            let track = track(renderer, observer)?;
            let asked = (0..own.rendered_frames()).map(|frame| flame_at(&track, frame));
            let look = Look::Painted(paintings.album(self.storyboard, shot, asked, self.props)?);
            return Ok(Scene { timeline, track, view, look, rest: None, background });
        }
        let character = &self.storyboard.cast[own.character];
        let portrait = self.props.portrait(&character.portrait, character.face)?;
        let view = Move::in_portrait(own.framing, &portrait, self.size)
            .map_err(|source| AnimationError::Face { path: portrait.path.clone(), source: Box::new(source) })?;
        let views = Views::of(&view, &timeline);
        let Some(paintings) = &self.paintings else {
            let renderers = views.each(|view, size| self.renderer(own.character, &portrait, view, size))?;
            let rest = character.rendering.relative.then(|| portrait.measured());
            let track = track(renderer, observer)?;
            return Ok(Scene { timeline, track, view, look: Look::Mesh(renderers), rest, background });
        };
        // The mesh turns the head and knows where the jaw is; what it cannot follow was told of with the other track.
        let contour = track(Renderer::Mesh, &())?;
        let track = track(renderer, observer)?;
        let asked = (0..own.rendered_frames()).map(|frame| flame_at(&track, frame));
        let look = Look::Composed(Composition {
            album: paintings.album(self.storyboard, shot, asked, self.props)?,
            at_rest: paintings.at_rest(character, self.props)?,
            detail: paintings.detail(),
            portrait,
            views,
            contour,
            composers: Mutex::default(),
        });
        Ok(Scene { timeline, track, view, look, rest: None, background })
    }

    /// A renderer made for a view; the same one where it is known.
    fn renderer(
        &self,
        character: usize,
        portrait: &Portrait,
        view: View,
        size: (u32, u32),
    ) -> Result<Arc<MeshRenderer>, FilmError> {
        let bits = [view.origin[0], view.origin[1], view.scale].map(f64::to_bits);
        let wanted = Prepared { character, view: bits, size };
        let lock = || self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, renderer)) = lock().iter().find(|(known, _)| *known == wanted) {
            return Ok(renderer.clone());
        }
        // To the tracker, whole numbers are pixel centres; to the mesh, pixel i covers i..i + 1.
        let landmarks = portrait.face().landmarks.map(|[x, y, z]| [x + 0.5, y + 0.5, z]);
        let rest = portrait.measured().shapes;
        let renderer = MeshRenderer::new(&portrait.image, &landmarks, &rest, view, size);
        let renderer = Arc::new(renderer.map_err(AnimationError::from)?);
        let mut prepared = lock();
        if prepared.len() == PREPARED {
            prepared.remove(0);
        }
        prepared.push((wanted, renderer.clone()));
        Ok(renderer)
    }
}

/// A shot that is ready to be drawn. Frames do not depend on each other.
pub(crate) struct Scene {
    timeline: ShotTimeline,
    track: Track,
    view: Move,
    look: Look,
    /// The portrait's own expression, where expressions are added to it.
    rest: Option<Expression>,
    background: Rgb<u8>,
}

/// What is seen.
enum Look {
    /// Renderers with the scales that they were made for, the finest first; one made for exactly the view of a shot
    /// whose view does not move.
    Mesh(Vec<(f64, Arc<MeshRenderer>)>),
    /// Frames that were painted before.
    Painted(Album),
    /// The same, put into the portrait.
    Composed(Composition),
}

/// Puts a shot's painted frames into its portrait.
struct Composition {
    album: Album,
    /// The painting by which colours are fitted. It is there when the first frame is drawn, not before.
    at_rest: PathBuf,
    detail: f32,
    portrait: Arc<Portrait>,
    views: Views,
    /// What the mesh follows meanwhile: the head, and the jaw at the edge of the painting.
    contour: Track,
    composers: Mutex<Option<Composers>>,
}

/// What was made for several scales.
type Composers = Arc<Vec<(f64, Composer)>>;

impl Composition {
    fn composers(&self) -> Result<Composers, FilmError> {
        let mut composers = self.composers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*composers {
            return Ok(Arc::clone(made));
        }
        let at_rest = moue_media::load_picture(&self.at_rest)?.image;
        let made = self.views.each(|view, size| {
            let composer = Composer::new(&self.portrait, view, size)?.matched(&at_rest);
            Ok::<_, FilmError>(composer.detailed(self.detail, at_rest.width()))
        })?;
        Ok(Arc::clone(composers.insert(Arc::new(made))))
    }
}

/// The views that a portrait is prepared for, the finest first: exactly the one of a shot whose view does not move, else
/// some at different scales.
struct Views(Vec<(View, (u32, u32))>);

impl Views {
    fn of(moved: &Move, timeline: &ShotTimeline) -> Self {
        if moved.is_still() {
            let layout = moved.layout(timeline.framing(0));
            let (_, _, width, height) = layout.inner;
            return Self(vec![(View { origin: layout.origin, scale: layout.scale }, (width, height))]);
        }
        let (least, most) = moved.scales();
        let mut views = Vec::new();
        let mut scale = most;
        loop {
            views.push((View { origin: [0.0, 0.0], scale }, (1, 1)));
            scale /= FINER;
            // Enlarging happens in sampling: there is nothing finer than the picture's own pixels.
            if scale < least || scale * FINER > 1.0 && scale > 1.0 {
                return Self(views);
            }
        }
    }

    /// What is made for each of them, with its scale.
    fn each<T, E>(&self, make: impl Fn(View, (u32, u32)) -> Result<T, E>) -> Result<Vec<(f64, T)>, E> {
        self.0.iter().map(|(view, size)| Ok((view.scale, make(*view, *size)?))).collect()
    }
}

/// The coarsest of what was made for several scales that is fine enough.
fn fine_enough<T>(made: &[(f64, T)], scale: f64) -> Option<&T> {
    made.iter().rev().find(|(own, _)| *own >= scale * 0.999).or(made.first()).map(|(_, made)| made)
}

impl Scene {
    /// Draws a frame of the shot.
    pub fn draw(&self, frame: u64, into: &mut RgbImage) -> Result<(), FilmError> {
        let layout = self.view.layout(self.timeline.framing(frame));
        match &self.look {
            Look::Mesh(renderers) => self.draw_mesh(renderers, &layout, frame, into),
            Look::Painted(album) => self.place(&placed(&album.frame(frame)?, &layout), &layout, into),
            Look::Composed(composition) => {
                let composers = composition.composers()?;
                let Some(composer) = fine_enough(&composers, layout.scale) else { return Ok(()) };
                let painting = composition.album.frame(frame)?;
                let contour = &composition.contour;
                let expression = contour.sample(time_of(contour, frame), Interpolation::Linear);
                self.draw_through(&layout, into, |view, into| composer.draw_in(view, &painting, &expression, into))
            }
        }
    }

    fn draw_mesh(
        &self,
        renderers: &[(f64, Arc<MeshRenderer>)],
        layout: &Layout,
        frame: u64,
        into: &mut RgbImage,
    ) -> Result<(), FilmError> {
        let expression = self.expression(frame);
        let Some(renderer) = fine_enough(renderers, layout.scale) else { return Ok(()) };
        self.draw_through(layout, into, |view, into| {
            let drawn = if self.view.is_still() {
                renderer.render(&expression, into)
            } else {
                renderer.render_in(view, &expression, into)
            };
            Ok(drawn?)
        })
    }

    /// Draws what a layout shows of the picture, and the background around it.
    fn draw_through(
        &self,
        layout: &Layout,
        into: &mut RgbImage,
        draw: impl Fn(View, &mut RgbImage) -> Result<(), AnimationError>,
    ) -> Result<(), FilmError> {
        let view = View { origin: layout.origin, scale: layout.scale };
        if layout.is_full() {
            return Ok(draw(view, into)?);
        }
        let mut picture = RgbImage::new(layout.inner.2, layout.inner.3);
        draw(view, &mut picture)?;
        self.place(&picture, layout, into)
    }

    /// What the face is asked for at a frame, in either family of coefficients.
    pub fn asked(&self, frame: u64) -> (Expression, FlameExpression) {
        (self.expression(frame), self.flame(frame))
    }

    fn expression(&self, frame: u64) -> Expression {
        let mut expression = self.track.sample(time_of(&self.track, frame), Interpolation::Linear);
        if let Some(rest) = &self.rest {
            for shape in Shape::ALL {
                expression.set(shape, expression.get(shape) + rest.get(shape));
            }
        }
        expression
    }

    /// What the diffusion renderer is asked for at a frame.
    pub fn flame(&self, frame: u64) -> FlameExpression {
        flame_at(&self.track, frame)
    }

    /// Puts the picture where it belongs, and the background around it.
    fn place(&self, picture: &RgbImage, layout: &Layout, into: &mut RgbImage) -> Result<(), FilmError> {
        if layout.is_full() && picture.dimensions() == into.dimensions() {
            into.copy_from_slice(picture);
            return Ok(());
        }
        into.pixels_mut().for_each(|pixel| *pixel = self.background);
        let fits = into.copy_from(picture, layout.inner.0, layout.inner.1);
        debug_assert!(fits.is_ok(), "a layout keeps the picture inside its frame");
        Ok(())
    }
}

/// The time of a frame in a track with a row for each; after the last one, that of the last.
fn time_of(track: &Track, frame: u64) -> f64 {
    let times = track.times();
    times.get(usize::try_from(frame).unwrap_or(usize::MAX)).or(times.last()).copied().unwrap_or(0.0)
}

/// A frame of a shot's track, which has a row for each.
fn flame_at(track: &Track, frame: u64) -> FlameExpression {
    track.sample_flame(time_of(track, frame), Interpolation::Linear).constrained()
}

/// The part of a picture that a layout shows, at the size at which it does.
fn placed(picture: &RgbImage, layout: &Layout) -> RgbImage {
    let (_, _, width, height) = layout.inner;
    if layout.scale == 1.0 && layout.origin == [0.0, 0.0] && picture.dimensions() == (width, height) {
        return picture.clone();
    }
    let [x, y] = layout.origin;
    let (from, to) = ((x.max(0.0), y.max(0.0)), (f64::from(width) / layout.scale, f64::from(height) / layout.scale));
    // Whole pixels around the part, enlarged as one, then cut: a part that moves by less than a pixel moves.
    let (left, top) = (from.0.floor(), from.1.floor());
    let right = (from.0 + to.0).ceil().min(f64::from(picture.width()));
    let bottom = (from.1 + to.1).ceil().min(f64::from(picture.height()));
    let cut = imageops::crop_imm(picture, left as u32, top as u32, (right - left) as u32, (bottom - top) as u32);
    let side = |length: f64| ((length * layout.scale).round() as u32).max(1);
    let grown = imageops::resize(&*cut, side(right - left), side(bottom - top), FilterType::CatmullRom);
    let offset = |from: f64, cut: f64| ((from - cut) * layout.scale).round() as i64;
    let mut placed = RgbImage::new(width, height);
    imageops::replace(&mut placed, &grown, -offset(from.0, left), -offset(from.1, top));
    placed
}

/// The scenes of one frame of a film.
pub(crate) struct Composed<'s> {
    pub scenes: &'s [(usize, Arc<Scene>)],
    pub background: [u8; 3],
}

impl Composed<'_> {
    fn scene(&self, layer: Layer) -> Option<&Scene> {
        self.scenes.iter().find(|(shot, _)| *shot == layer.shot).map(|(_, scene)| &**scene)
    }

    /// Draws a frame of the film; `spare` is a frame to work in.
    pub fn draw(&self, frame: FilmFrame, into: &mut RgbImage, spare: &mut RgbImage) -> Result<(), FilmError> {
        let Some(front) = self.scene(frame.front) else { return Ok(()) };
        front.draw(frame.front.frame, into)?;
        if frame.opacity >= 1.0 {
            return Ok(());
        }
        match frame.below.and_then(|below| self.scene(below).map(|scene| (scene, below.frame))) {
            Some((scene, frame)) => scene.draw(frame, spare)?,
            None => spare.pixels_mut().for_each(|pixel| *pixel = Rgb(self.background)),
        }
        // In 16 bits of fraction: rounded once, and equal everywhere.
        let share = (frame.opacity.clamp(0.0, 1.0) * 65536.0).round() as u32;
        for (front, below) in into.iter_mut().zip(spare.iter()) {
            *front = ((u32::from(*front) * share + u32::from(*below) * (65536 - share) + 32768) >> 16) as u8;
        }
        Ok(())
    }
}
