//! What others than the rig do to the portrait: a picture that took its place, carried by the head alone.

use glam::Vec2;
use image::RgbImage;
use moue_timeline::{Expression, HeadPose};
use moue_topology::FACE_OVAL;

use super::{Changes, MeshRenderer, check_size};
use crate::error::MeshError;
use crate::stage::Stage;
use crate::texture::{Texture, View, to_rgb};

/// No part behind the skin shows: the picture has its own eyes and its own mouth.
const UNCHANGED: Changes = Changes { eyes: [0.0; 2], mouth: 0.0 };

impl MeshRenderer {
    /// Where the outline of the face ([`FACE_OVAL`]) comes to lie when the face shows `expression`; pixels of the
    /// portrait, where pixel `i` covers `i..i + 1`.
    pub fn outline(&self, expression: &Expression) -> [[f64; 2]; FACE_OVAL.len()] {
        self.with_pose(expression, |pose| {
            FACE_OVAL.map(|vertex| {
                let at = self.model.rest_px[vertex as usize] + pose.displacement[vertex as usize];
                [at.x.into(), at.y.into()]
            })
        })
    }

    /// Draws a `picture` that took the portrait's place, its head turned from where the portrait has it; its
    /// expression stays as it is.
    ///
    /// `picture` has the portrait's size and is the portrait but for the face and what is around it, no farther than
    /// [`Self::influence`] reaches. Nothing is fitted anew, so that a frame costs what it costs to draw it.
    ///
    /// # Errors
    /// [`MeshError::Buffer`] for a picture of another size than the renderer samples from, which is the portrait's
    /// where the renderer's view does not reduce it; [`MeshError::Size`] for a view or a frame without pixels.
    pub fn turn(&self, picture: &RgbImage, view: View, head: HeadPose, frame: &mut RgbImage) -> Result<(), MeshError> {
        let ((found_width, found_height), (width, height)) = (picture.dimensions(), self.texels.dimensions());
        if (found_width, found_height) != (width, height) {
            return Err(MeshError::Buffer { found_width, found_height, width, height });
        }
        check_size(view, frame.dimensions())?;
        let (from, to) = self.texture_extent();
        let texture = std::sync::Arc::new(Texture::cut(picture, self.stage.texture.scale, from, to));
        let stage = Stage::new(view, texture);
        if view == self.view && frame.dimensions() == self.still.dimensions() {
            frame.copy_from_slice(&self.still);
        } else {
            self.draw_backdrop(&stage, frame);
        }
        self.draw_part(&stage, frame);
        self.with_pose(&Expression { shapes: self.rest, head }, |pose| {
            self.draw_skin(&stage, pose, &UNCHANGED, frame);
        });
        Ok(())
    }

    /// Draws the part of the picture that a stage's texture holds, unmoved.
    fn draw_part(&self, stage: &Stage, frame: &mut RgbImage) {
        let (from, to) = self.texture_extent();
        let output = |texel: Vec2| stage.output_position(texel / stage.texture.scale);
        let (low, high) = (output(from), output(to));
        let clip = |v: f32, side: u32| (v.max(0.0) as u32).min(side);
        let columns = clip(low.x.floor(), frame.width())..clip(high.x.ceil(), frame.width());
        let rows = clip(low.y.floor(), frame.height())..clip(high.y.ceil(), frame.height());
        let place = |output: Vec2| stage.texture_position(stage.picture_position(output));
        let x: Vec<f32> = columns.clone().map(|x| place(Vec2::new(x as f32 + 0.5, 0.0)).x).collect();
        let y = rows.clone().map(|y| place(Vec2::new(0.0, y as f32 + 0.5)).y);
        stage.texture.scan(&x, y, |row, colours| {
            for (x, colour) in columns.clone().zip(colours) {
                frame.get_pixel_mut(x, rows.start + row as u32).0 = to_rgb(*colour);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use glam::Mat3;
    use image::Rgb;
    use moue_timeline::Shape;

    use super::*;
    use crate::fit::tests::canonical_landmarks;

    const SIDE: u32 = 160;

    fn picture(shade: u8) -> RgbImage {
        RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb([(x * 3 / 2) as u8, (y * 3 / 2) as u8, shade]))
    }

    fn renderer() -> MeshRenderer {
        let landmarks = canonical_landmarks(Mat3::IDENTITY, 6.0, Vec2::splat(80.0));
        let mut rest = [0.0; Shape::COUNT];
        rest[Shape::MouthSmileLeft.index()] = 0.4;
        let view = View { origin: [0.0; 2], scale: 1.0 };
        MeshRenderer::new(&picture(40), &landmarks, &rest, view, (SIDE, SIDE)).unwrap()
    }

    #[test]
    fn another_picture_is_copied_while_the_head_is_still_and_moves_with_it_when_it_is_not() {
        let renderer = renderer();
        let view = View { origin: [0.0; 2], scale: 1.0 };
        // The box of influence, in another shade.
        let [left, top, right, bottom] = renderer.influence();
        let other = RgbImage::from_fn(SIDE, SIDE, |x, y| {
            let inside = (left..right).contains(&x) && (top..bottom).contains(&y);
            *picture(if inside { 200 } else { 40 }).get_pixel(x, y)
        });
        let mut frame = RgbImage::new(SIDE, SIDE);
        renderer.turn(&other, view, HeadPose::default(), &mut frame).unwrap();
        assert_eq!(frame, other);
        renderer.turn(&other, view, HeadPose { yaw: 0.2, ..HeadPose::default() }, &mut frame).unwrap();
        assert_ne!(frame, other);
        assert_eq!(frame.get_pixel(80, 80).0[2], 200, "nothing of the portrait's own texture shows");
        // The portrait itself turned is what the renderer makes of its own expression.
        let mut own = RgbImage::new(SIDE, SIDE);
        let turned = Expression { shapes: renderer.rest, head: HeadPose { roll: 0.2, ..HeadPose::default() } };
        renderer.render(&turned, &mut own).unwrap();
        renderer.turn(&picture(40), view, turned.head, &mut frame).unwrap();
        let far = own.iter().zip(frame.iter()).filter(|(a, b)| a.abs_diff(**b) > 1).count();
        assert!(far < own.len() / 100, "{far} values differ");
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let view = View { origin: [0.0; 2], scale: 1.0 };
        let error = renderer().turn(&RgbImage::new(10, 10), view, HeadPose::default(), &mut RgbImage::new(8, 8));
        assert!(matches!(error, Err(MeshError::Buffer { .. })));
    }

    #[test]
    fn the_outline_is_the_portraits_at_rest_and_its_chin_drops_with_the_jaw() {
        let renderer = renderer();
        let mut expression = Expression { shapes: renderer.rest, head: HeadPose::default() };
        let rest = renderer.outline(&expression);
        for (point, vertex) in rest.iter().zip(FACE_OVAL) {
            let own = renderer.model.rest_px[vertex as usize];
            assert_eq!(*point, [f64::from(own.x), f64::from(own.y)]);
        }
        expression.set(Shape::JawOpen, 1.0);
        let open = renderer.outline(&expression);
        assert!(open[18][1] > rest[18][1] + 6.0, "the chin: {:?} {:?}", open[18], rest[18]);
        assert!((open[0][1] - rest[0][1]).abs() < 0.5, "the forehead stays");
    }
}
