//! The whole picture: a painted face goes back to where the portrait has it.
//!
//! ```text
//! painted square ─► tone (fitted once) ─► placed into the portrait, through a soft mask ─► head turned by the mesh ─► view
//! ```
//!
//! The painter knows an upright square around the face, and no head pose. [`Composer`] undoes the alignment, so that
//! what it paints lies where the portrait has it, at the portrait's resolution, and the mesh turns the head of the
//! composed picture, so that the face and what is around it move as one.
//!
//! # Invariants
//! - A pixel that the mask leaves out is the portrait's, to the byte, where nothing turns.
//! - What is fitted is fitted once, to the portrait and a painting of the face at rest: frames do not depend on each
//!   other, and nothing pumps.

mod canvas;
mod detail;
mod mask;
mod pasted;
mod seam;
mod tone;

use std::borrow::Cow;
use std::str::FromStr;

use image::imageops::{FilterType, resize};
use image::{GenericImage, RgbImage};
use moue_engine::Pool;
use moue_mesh::{MeshRenderer, View, sample};
use moue_timeline::{Expression, HeadPose};
use moue_topology::LANDMARK_COUNT;

pub use self::canvas::Canvas;
pub use self::mask::Mask;
pub use self::pasted::Pasted;
pub use self::seam::Seam;
pub use self::tone::Tone;

use self::detail::Detail;
use self::mask::mix;
use crate::{AnimationError, Layout, Portrait};

/// What becomes of the square that the diffusion renderer paints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compose {
    /// It is the frame.
    #[default]
    Crop,
    /// It goes back into the portrait.
    Paste,
}

impl Compose {
    /// The name that people write.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crop => "crop",
            Self::Paste => "paste",
        }
    }
}

impl FromStr for Compose {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "crop" => Ok(Self::Crop),
            "paste" => Ok(Self::Paste),
            other => Err(format!("found '{other}', expected 'crop' or 'paste'")),
        }
    }
}

/// Puts paintings of one face back into its portrait.
pub struct Composer {
    canvas: Canvas,
    mesh: MeshRenderer,
    /// The outline of the face in the portrait, in the painted square.
    outline: Vec<[f64; 2]>,
    /// The aligned portrait.
    aligned: RgbImage,
    tone: Tone,
    /// The portrait's own expression, and its fine structure where some is added.
    rest: Expression,
    landmarks: Box<[[f32; 3]; LANDMARK_COUNT]>,
    detail: Option<Detail>,
    /// Composed pictures.
    composed: Pool<RgbImage>,
}

impl Composer {
    /// Gets a portrait ready for frames with at most `scale` pixels for each of its own, most of them in `view` and of
    /// `size`; others may have another view.
    ///
    /// # Errors
    /// A face that cannot be aligned, or fitted by the mesh.
    pub fn new(portrait: &Portrait, view: View, size: (u32, u32)) -> Result<Self, AnimationError> {
        let aligned = portrait
            .face()
            .aligned(&portrait.image)
            .map_err(|source| AnimationError::face(portrait.path.clone(), source))?;
        let canvas = Canvas::new(&portrait.image, &aligned, view.scale);
        let rest = portrait.measured();
        let landmarks = canvas.landmarks(&portrait.face().landmarks);
        let mesh = MeshRenderer::new(&canvas.picture, &landmarks, &rest.shapes, canvas.view(view), size)?;
        let outline = canvas.in_square(&mesh.outline(&still(&rest)));
        let (width, height) = canvas.picture.dimensions();
        Ok(Self {
            canvas,
            mesh,
            outline,
            aligned: aligned.picture,
            tone: Tone::NONE,
            rest,
            landmarks: Box::new(landmarks),
            detail: None,
            composed: Pool::new(2, move || RgbImage::new(width, height)),
        })
    }

    /// The same for a layout.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn in_layout(portrait: &Portrait, layout: &Layout) -> Result<Self, AnimationError> {
        let (_, _, width, height) = layout.inner;
        Self::new(portrait, View { origin: layout.origin, scale: layout.scale }, (width, height))
    }

    /// Fits colours and brightness, once and for all frames, by a painting of the face at rest.
    #[must_use]
    pub fn matched(mut self, at_rest: &RgbImage) -> Self {
        let weight = |at| if self.canvas.shows(at) { Mask::nearness(&self.outline, at) } else { 0.0 };
        self.tone = Tone::fit(&self.aligned, at_rest, weight);
        tracing::debug!(tone = ?self.tone, "colours fitted");
        self
    }

    /// Adds so much (0 to 1) of the fine structure that the portrait's skin has and paintings of `side` pixels cannot
    /// have, carried along by the mesh. Around eyes and lips nothing is added.
    #[must_use]
    pub fn detailed(mut self, share: f32, side: u32) -> Self {
        self.detail = Detail::new(&self.canvas, &self.landmarks, share, side);
        self
    }

    /// What was fitted.
    pub fn tone(&self) -> &Tone {
        &self.tone
    }

    /// What a frame with `expression` takes from the painting.
    ///
    /// The mask follows the contour of the face by the mesh: the portrait's own, which has to be painted over, and that
    /// of the expression, since an open jaw is lower.
    pub fn mask(&self, expression: &Expression) -> Mask {
        let moved = self.canvas.in_square(&self.mesh.outline(&still(expression)));
        Mask::around(&[&self.outline, &moved])
    }

    /// The portrait with a painting in it, at the resolution of [`Canvas`]; the head as the portrait has it.
    ///
    /// # Errors
    /// [`AnimationError::Mesh`] where detail cannot be carried along.
    pub fn paste(
        &self,
        painting: &RgbImage,
        expression: &Expression,
        into: &mut RgbImage,
    ) -> Result<(), AnimationError> {
        into.copy_from_slice(&self.canvas.picture);
        self.paste_over(painting, expression, into)
    }

    /// The same over what a picture of the canvas's size holds.
    ///
    /// # Errors
    /// As [`Self::paste`].
    pub fn paste_over(
        &self,
        painting: &RgbImage,
        expression: &Expression,
        into: &mut RgbImage,
    ) -> Result<(), AnimationError> {
        let detail = self.detail.as_ref();
        let detail =
            detail.map(|detail| detail.carried(&self.mesh, &still(&self.rest), &still(expression))).transpose()?;
        let mask = self.mask(expression);
        let painting = self.fitting(painting);
        let sides = [f64::from(painting.width()), f64::from(painting.height())];
        for (x, y, at) in self.canvas.pixels_in_square() {
            let share = mask.at(at);
            if share == 0.0 {
                continue;
            }
            let mut colour = self.tone.apply(at, sample(&painting, [at[0] * sides[0], at[1] * sides[1]]));
            if let Some(detail) = &detail {
                detail.add(x, y, &mut colour);
            }
            let pixel = into.get_pixel_mut(x, y);
            for (level, painted) in pixel.0.iter_mut().zip(colour) {
                // Rounded, and kept within the levels, by the conversion.
                *level = (mix(f32::from(*level), painted, share) + 0.5) as u8;
            }
        }
        Ok(())
    }

    /// A frame: a painting of `expression` in the portrait, the head turned as the expression says, seen in `view`.
    ///
    /// # Errors
    /// [`AnimationError::Mesh`] for a frame without pixels.
    pub fn draw_in(
        &self,
        view: View,
        painting: &RgbImage,
        expression: &Expression,
        frame: &mut RgbImage,
    ) -> Result<(), AnimationError> {
        let mut picture = self.composed.take();
        let pasted = self.paste(painting, expression, &mut picture);
        let drawn = pasted.and_then(|()| self.turn(view, &picture, expression.head, frame));
        self.composed.give(picture);
        drawn
    }

    /// A picture of the canvas's size with the head turned, seen in `view`.
    ///
    /// # Errors
    /// [`AnimationError::Mesh`] for a picture of another size, or a frame without pixels.
    pub fn turn(
        &self,
        view: View,
        picture: &RgbImage,
        head: HeadPose,
        frame: &mut RgbImage,
    ) -> Result<(), AnimationError> {
        Ok(self.mesh.turn(picture, self.canvas.view(view), head, frame)?)
    }

    /// The same where a layout has it, its bars left as they are.
    ///
    /// # Errors
    /// As [`Self::draw_in`].
    pub fn draw(
        &self,
        layout: &Layout,
        painting: &RgbImage,
        expression: &Expression,
        frame: &mut RgbImage,
    ) -> Result<(), AnimationError> {
        let view = View { origin: layout.origin, scale: layout.scale };
        if layout.is_full() {
            return self.draw_in(view, painting, expression, frame);
        }
        let (x, y, width, height) = layout.inner;
        let mut picture = RgbImage::new(width, height);
        self.draw_in(view, painting, expression, &mut picture)?;
        let fits = frame.copy_from(&picture, x, y);
        debug_assert!(fits.is_ok(), "the layout keeps the picture inside its frame");
        Ok(())
    }

    /// A painting no finer than the canvas: what is finer would flicker.
    fn fitting<'a>(&self, painting: &'a RgbImage) -> Cow<'a, RgbImage> {
        let side = self.canvas.side_of_square();
        let (width, height) = painting.dimensions();
        if f64::from(width.max(height)) <= side {
            return Cow::Borrowed(painting);
        }
        let side = (side.round() as u32).max(1);
        Cow::Owned(resize(painting, side.min(width), side.min(height), FilterType::Lanczos3))
    }
}

/// The expression with the head where the portrait has it.
fn still(expression: &Expression) -> Expression {
    Expression { head: HeadPose::default(), ..*expression }
}

#[cfg(test)]
mod tests;
