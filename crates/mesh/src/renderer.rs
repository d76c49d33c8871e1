//! The renderer: one portrait, any number of frames.

mod turn;

use std::sync::{Arc, Mutex, OnceLock};

use glam::Vec2;
use image::RgbImage;
use moue_timeline::{Expression, Shape};
use moue_topology::LANDMARK_COUNT;

use crate::error::MeshError;
use crate::eye::Eye;
use crate::flow::{Flow, Moved};
use crate::mouth::Mouth;
use crate::pose::{Model, Pose};
use crate::raster::{Corner, fill};
use crate::rig::{LEFT, RIGHT, Rig};
use crate::stage::Stage;
use crate::surface::{Gap, Surface};
use crate::texture::{Texture, View, for_output, sample_picture, to_rgb};

/// Displacements below this (output pixels) cannot be seen and are not drawn.
const STILL: f32 = 1e-3;

/// Renders one portrait with any expression.
///
/// A frame depends on the expression and the view alone: equal ones give equal bytes, in any order and on any thread.
pub struct MeshRenderer {
    model: Model<'static>,
    stage: Stage,
    view: View,
    /// The portrait's own expression.
    rest: [f32; Shape::COUNT],
    /// The portrait as the output shows it, unmoved.
    still: RgbImage,
    /// The whole picture at the resolution to sample from, and the same ready to be sampled, for views that move.
    texels: RgbImage,
    backdrop: OnceLock<Texture>,
    eyes: [Eye; 2],
    mouth: Mouth,
    /// Triangles with the opening they lie in, from the top of the portrait to its bottom: neighbours in the picture
    /// are neighbours in memory.
    triangles: Vec<([u16; 3], Option<Gap>)>,
    poses: Mutex<Vec<Pose>>,
}

impl MeshRenderer {
    /// Prepares a portrait.
    ///
    /// `landmarks` are MediaPipe's 478 in pixels of `picture` (z towards the scene, same unit), `rest` the
    /// coefficients of the expression that the picture shows, by [`Shape::index`], `view` where the output of `size`
    /// (width, height) lies in the picture.
    ///
    /// # Errors
    /// [`MeshError`] for landmarks that are no face, or a view or size without pixels.
    pub fn new(
        picture: &RgbImage,
        landmarks: &[[f32; 3]; LANDMARK_COUNT],
        rest: &[f32; Shape::COUNT],
        view: View,
        size: (u32, u32),
    ) -> Result<MeshRenderer, MeshError> {
        check_size(view, size)?;
        check_size(view, picture.dimensions())?;
        let model = Model::new(Rig::builtin()?, landmarks, rest)?;
        let (texels, scale) = for_output(picture, view.scale);
        let (from, to) = model.extent();
        let (from, to) = (from * scale, to * scale);
        let stage = Stage::new(view, Arc::new(Texture::cut(&texels, scale, from, to)));
        let still = RgbImage::from_fn(size.0, size.1, |x, y| {
            let position = stage.picture_position(Vec2::new(x as f32 + 0.5, y as f32 + 0.5));
            image::Rgb(to_rgb(sample_picture(&texels, stage.texture_position(position))))
        });
        let eyes = [RIGHT, LEFT].map(|side| Eye::new(side, &stage, &model, landmarks));
        let mouth = Mouth::new(&stage, &model);
        let openings = Surface::get().openings.iter().copied().chain(std::iter::repeat(None));
        let mut triangles: Vec<_> = model.triangles.iter().copied().zip(openings).collect();
        let height = |triangle: [u16; 3]| triangle.map(|v| model.rest_px[v as usize].y).iter().sum::<f32>();
        triangles.sort_by(|(a, _), (b, _)| height(*a).total_cmp(&height(*b)));
        let (backdrop, poses) = (OnceLock::new(), Mutex::default());
        Ok(MeshRenderer { model, stage, view, rest: *rest, still, texels, backdrop, eyes, mouth, triangles, poses })
    }

    /// Renders one expression into `frame`, whatever it held.
    ///
    /// # Errors
    /// [`MeshError::Buffer`] if `frame` has not the renderer's size.
    pub fn render(&self, expression: &Expression, frame: &mut RgbImage) -> Result<(), MeshError> {
        let (width, height) = self.still.dimensions();
        let (found_width, found_height) = frame.dimensions();
        if (found_width, found_height) != (width, height) {
            return Err(MeshError::Buffer { found_width, found_height, width, height });
        }
        frame.copy_from_slice(&self.still);
        self.draw(&self.stage, expression, frame);
        Ok(())
    }

    /// Renders one expression as another `view` of the portrait shows it, into a `frame` of any size. Made for views
    /// that move during a shot.
    ///
    /// The picture is sampled at the resolution of the view that the renderer was made for: views much less near than
    /// that one alias, as if every `n`-th pixel were taken.
    ///
    /// # Errors
    /// [`MeshError::Size`] for a view or a frame without pixels.
    pub fn render_in(&self, view: View, expression: &Expression, frame: &mut RgbImage) -> Result<(), MeshError> {
        let (width, height) = frame.dimensions();
        check_size(view, (width, height))?;
        let stage = Stage::new(view, self.stage.texture.clone());
        self.draw_backdrop(&stage, frame);
        self.draw(&stage, expression, frame);
        Ok(())
    }

    /// Draws the whole picture unmoved.
    fn draw_backdrop(&self, stage: &Stage, frame: &mut RgbImage) {
        let (width, height) = frame.dimensions();
        let backdrop = self.backdrop.get_or_init(|| {
            let size = Vec2::new(self.texels.width() as f32, self.texels.height() as f32);
            Texture::cut(&self.texels, stage.texture.scale, Vec2::ZERO, size)
        });
        let place = |output: Vec2| stage.texture_position(stage.picture_position(output));
        let x: Vec<f32> = (0..width).map(|x| place(Vec2::new(x as f32 + 0.5, 0.0)).x).collect();
        let y = (0..height).map(|y| place(Vec2::new(0.0, y as f32 + 0.5)).y);
        let mut rows = frame.as_mut().chunks_exact_mut(width as usize * 3);
        backdrop.scan(&x, y, |_, colours| {
            for (pixel, colour) in rows.next().into_iter().flat_map(|row| row.chunks_exact_mut(3)).zip(colours) {
                pixel.copy_from_slice(&to_rgb(*colour));
            }
        });
    }

    /// Draws what an expression changes over the unmoved portrait.
    fn draw(&self, stage: &Stage, expression: &Expression, frame: &mut RgbImage) {
        self.with_pose(expression, |pose| {
            let changes = Changes {
                eyes: [RIGHT, LEFT].map(|side| self.eyes[side].change(stage, &self.model, pose, &pose.eyes[side])),
                mouth: self.mouth.change(stage, &self.model, pose),
            };
            self.draw_skin(stage, pose, &changes, frame);
            for side in [RIGHT, LEFT] {
                self.eyes[side].draw(stage, &self.model, pose, &pose.eyes[side], changes.eyes[side], frame);
            }
            self.mouth.draw(stage, &self.model, pose, changes.mouth, frame);
        });
    }

    /// Poses the portrait, in a buffer that is used again.
    fn with_pose<T>(&self, expression: &Expression, use_it: impl FnOnce(&Pose) -> T) -> T {
        // A poisoned lock only means that another frame panicked; the buffers behind it are made anew for each use.
        let lock = || self.poses.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut pose = lock().pop().unwrap_or_default();
        self.model.pose(expression, &mut pose);
        let made = use_it(&pose);
        lock().push(pose);
        made
    }

    /// Where every pixel of the frame of the expression `to` was in the frame of `from`, both of `size` (width, height)
    /// and in the same `view` of the portrait; any view and size, whatever the renderer was made for.
    ///
    /// # Errors
    /// [`MeshError::Size`] for a view or a size without pixels.
    pub fn flow(&self, from: &Expression, to: &Expression, view: View, size: (u32, u32)) -> Result<Flow, MeshError> {
        check_size(view, size)?;
        let stage = Stage::new(view, self.stage.texture.clone());
        let [mut source, mut target] = [Pose::default(), Pose::default()];
        self.model.pose(from, &mut source);
        self.model.pose(to, &mut target);
        let moved = |here, there| Moved {
            model: &self.model,
            stage: &stage,
            eyes: &self.eyes,
            triangles: &self.triangles,
            here,
            there,
        };
        Ok(Flow::new(size, &moved(&target, &source), &moved(&source, &target)))
    }

    /// The portrait as the output shows it when nothing moves.
    pub fn still(&self) -> &RgbImage {
        &self.still
    }

    /// The part of the texture that any expression reaches: two corners, in texture pixels.
    fn texture_extent(&self) -> (Vec2, Vec2) {
        let (from, to) = self.model.extent();
        (self.stage.texture_position(from), self.stage.texture_position(to))
    }

    /// The box in the output (left, top, right, bottom) outside of which no expression changes a pixel.
    pub fn influence(&self) -> [u32; 4] {
        let (from, to) = self.model.extent();
        let (low, high) = (self.stage.output_position(from), self.stage.output_position(to));
        let clip = |v: f32, side: u32| (v.max(0.0) as u32).min(side);
        let (width, height) = self.still.dimensions();
        [
            clip(low.x.floor(), width),
            clip(low.y.floor(), height),
            clip(high.x.ceil(), width),
            clip(high.y.ceil(), height),
        ]
    }

    fn draw_skin(&self, stage: &Stage, pose: &Pose, changes: &Changes, frame: &mut RgbImage) {
        let texture = &stage.texture;
        for (triangle, opening) in self.triangles.iter().copied() {
            if is_still(triangle, stage, pose) {
                continue;
            }
            let corners = triangle.map(|v| Corner {
                out: stage.moved(&self.model, pose, v),
                texture: stage.texture_position(self.model.rest_px[v as usize] + self.mouth.trim(v, changes.mouth)),
            });
            // One that turns its back is hidden: where the skin folds, those that face us cover all of it.
            if !faces_us(corners.map(|corner| corner.out)) {
                continue;
            }
            match opening {
                None => fill(corners, frame, |p| texture.sample(p)),
                Some(Gap::Mouth) => fill(corners, frame, |p| self.mouth.rim(texture.sample(p), changes.mouth)),
                Some(Gap::Eye(side)) => {
                    let (eye, closed) = (&self.eyes[side], pose.eyes[side].closed);
                    fill(corners, frame, |p| eye.rim(texture.sample(p), closed, changes.eyes[side]));
                }
            }
        }
    }
}

fn check_size(view: View, (width, height): (u32, u32)) -> Result<(), MeshError> {
    let finite = view.origin.iter().all(|v| v.is_finite()) && view.scale.is_finite();
    if width == 0 || height == 0 || !finite || view.scale <= 0.0 {
        return Err(MeshError::Size { width, height, scale: view.scale });
    }
    Ok(())
}

/// How far each part has left the portrait, 0 to 1.
struct Changes {
    eyes: [f32; 2],
    mouth: f32,
}

/// Whether nobody can see that a triangle has moved from where it is in the portrait; such ones are not drawn.
pub(crate) fn is_still(triangle: [u16; 3], stage: &Stage, pose: &Pose) -> bool {
    let limit = (STILL / stage.scale).powi(2);
    triangle.iter().all(|&v| pose.displacement[v as usize].length_squared() < limit)
}

/// All triangles wind counter-clockwise seen from outside, which is clockwise where y points down.
pub(crate) fn faces_us([a, b, c]: [Vec2; 3]) -> bool {
    (b - a).perp_dot(c - a) < 0.0
}

#[cfg(test)]
#[path = "renderer_tests.rs"]
mod tests;
