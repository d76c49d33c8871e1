//! What turns an expression into a picture.

use image::{GenericImage, RgbImage};
use moue_engine::Pool;
use moue_mesh::{MeshRenderer, View};
use moue_timeline::{Expression, FlameExpression};

use crate::{AnimationError, Layout, Portrait};

/// What a frame is asked to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The frame, from 0.
    pub index: u64,
    /// Shapes and the head, for renderers that are moved by ARKit coefficients.
    pub expression: Expression,
    /// The same moment of the motion's FLAME coefficients, for renderers that are moved by those.
    pub flame: FlameExpression,
}

/// Is told while one batch of frames is being rendered.
pub trait BatchObserver: Sync {
    /// A batch that starts with the frame `first` is at step `done` of `of`. An error ends the run.
    ///
    /// # Errors
    /// Where the run was told to stop.
    fn step(&self, first: u64, frames: usize, done: usize, of: usize) -> Result<(), AnimationError>;
}

/// Turns expressions into frames of one portrait. Frames do not depend on each other, so several threads render at
/// once.
pub trait Renderer: Send + Sync {
    /// The name that `--renderer` knows it by.
    fn name(&self) -> &'static str;

    /// What it computes on, as `--device` names it.
    fn device(&self) -> String {
        "cpu".to_owned()
    }

    /// Size of its frames, width and height in pixels.
    fn size(&self) -> (u32, u32);

    /// Frames that are best rendered together.
    fn batch(&self) -> usize {
        1
    }

    /// Whether it uses every core by itself, so that one thread is to call it.
    fn is_parallel(&self) -> bool {
        false
    }

    /// Draws what is asked (absolute coefficients; the head's angles are from where the portrait has it) into
    /// `frames`, as many, which come from [`Self::new_frame`] and may hold earlier results.
    ///
    /// # Errors
    /// What the renderer cannot do, and what `observer` says.
    fn render(
        &self,
        asked: &[Asked],
        frames: &mut [RgbImage],
        observer: &dyn BatchObserver,
    ) -> Result<(), AnimationError>;

    /// A frame to render into.
    fn new_frame(&self) -> RgbImage {
        let (width, height) = self.size();
        RgbImage::new(width, height)
    }
}

/// The mesh renderer in a layout.
pub struct MeshInLayout {
    mesh: MeshRenderer,
    layout: Layout,
    /// Pictures without their bars, for layouts that have some.
    unbarred: Pool<RgbImage>,
}

impl MeshInLayout {
    /// Prepares a portrait's face for rendering into `layout`.
    ///
    /// # Errors
    /// Where the mesh cannot be fitted.
    pub fn new(portrait: &Portrait, layout: Layout) -> Result<Self, AnimationError> {
        let (_, _, width, height) = layout.inner;
        let view = View { origin: layout.origin, scale: layout.scale };
        let rest = portrait.measured().shapes;
        // To the tracker, whole numbers are pixel centres; to the mesh, pixel i covers i..i + 1.
        let landmarks = portrait.face().landmarks.map(|[x, y, z]| [x + 0.5, y + 0.5, z]);
        let mesh = MeshRenderer::new(&portrait.image, &landmarks, &rest, view, (width, height))?;
        Ok(Self { mesh, layout, unbarred: Pool::new(2, move || RgbImage::new(width, height)) })
    }
}

impl Renderer for MeshInLayout {
    fn name(&self) -> &'static str {
        "mesh"
    }

    fn size(&self) -> (u32, u32) {
        self.layout.size
    }

    fn render(&self, asked: &[Asked], frames: &mut [RgbImage], _: &dyn BatchObserver) -> Result<(), AnimationError> {
        asked.iter().zip(frames).try_for_each(|(asked, frame)| self.draw(&asked.expression, frame))
    }
}

impl MeshInLayout {
    /// Draws one expression.
    ///
    /// # Errors
    /// Where the frame is not of the layout's size.
    pub fn draw(&self, expression: &Expression, frame: &mut RgbImage) -> Result<(), AnimationError> {
        if self.layout.is_full() {
            self.mesh.render(expression, frame)?;
            return Ok(());
        }
        let (x, y, _, _) = self.layout.inner;
        let mut picture = self.unbarred.take();
        self.mesh.render(expression, &mut picture)?;
        // A new frame is black and nobody draws into the bars, so they stay black.
        let fits = frame.copy_from(&picture, x, y);
        debug_assert!(fits.is_ok(), "the layout keeps the picture inside its frame");
        self.unbarred.give(picture);
        Ok(())
    }
}
