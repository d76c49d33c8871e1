//! What turns an expression into a picture.

use image::{GenericImage, RgbImage};
use moue_engine::Pool;
use moue_mesh::{MeshRenderer, View};
use moue_timeline::Expression;

use crate::{AnimationError, Layout, Portrait};

/// Turns expressions into frames of one portrait. Frames do not depend on each other, so several threads render at
/// once.
pub trait Renderer: Sync {
    /// The name that `--renderer` knows it by.
    fn name(&self) -> &'static str;

    /// Size of its frames, width and height in pixels.
    fn size(&self) -> (u32, u32);

    /// Draws the portrait with `expression` (absolute coefficients; the head's angles are from where the portrait
    /// has it) into `frame`, which comes from [`Self::new_frame`] and may hold an earlier result.
    ///
    /// # Errors
    /// What the renderer cannot do.
    fn render(&self, expression: &Expression, frame: &mut RgbImage) -> Result<(), AnimationError>;

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

    fn render(&self, expression: &Expression, frame: &mut RgbImage) -> Result<(), AnimationError> {
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
