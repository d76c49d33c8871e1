//! The output's geometry: how its pixels, the picture's and the texture's correspond.

use std::sync::Arc;

use glam::Vec2;
use image::RgbImage;

use crate::pose::{Model, Pose};
use crate::texture::{Rgba, Texture, View, luma, to_rgb};

pub(crate) struct Stage {
    origin: Vec2,
    /// Output pixels per picture pixel.
    pub scale: f32,
    pub texture: Arc<Texture>,
}

impl Stage {
    pub fn new(view: View, texture: Arc<Texture>) -> Stage {
        Stage { origin: Vec2::new(view.origin[0] as f32, view.origin[1] as f32), scale: view.scale as f32, texture }
    }

    #[inline]
    pub fn picture_position(&self, output: Vec2) -> Vec2 {
        output / self.scale + self.origin
    }

    #[inline]
    pub fn output_position(&self, picture: Vec2) -> Vec2 {
        (picture - self.origin) * self.scale
    }

    #[inline]
    pub fn texture_position(&self, picture: Vec2) -> Vec2 {
        picture * self.texture.scale
    }

    /// Where a vertex has gone, in output pixels.
    pub fn moved(&self, model: &Model, pose: &Pose, vertex: u16) -> Vec2 {
        self.output_position(model.rest_px[vertex as usize] + pose.displacement[vertex as usize])
    }

    /// Brightness of the cheeks and the forehead: 1 for light skin in good light. Made parts stand in the same light.
    pub fn skin_light(&self, model: &Model) -> f32 {
        const SKIN: [usize; 8] = [50, 280, 205, 425, 151, 9, 118, 347];
        let levels = SKIN.map(|v| luma(self.texture.sample(self.texture_position(model.rest_px[v]))));
        (levels.iter().sum::<f32>() / SKIN.len() as f32 / 195.0).clamp(0.12, 1.15)
    }

    /// Half the width of a soft edge, in output pixels: no edge is sharper than the photograph's own.
    pub fn feather(&self) -> f32 {
        (0.6 * self.scale / self.texture.scale.x).max(0.7)
    }

    /// Lets `paint` change every pixel of the frame in a box given in output pixels.
    pub fn for_pixels(&self, frame: &mut RgbImage, low: Vec2, high: Vec2, mut paint: impl FnMut(Vec2, &mut Rgba)) {
        let clip = |v: f32, side: u32| (v.max(0.0) as u32).min(side);
        let columns = clip(low.x.floor(), frame.width())..clip(high.x.ceil(), frame.width());
        for y in clip(low.y.floor(), frame.height())..clip(high.y.ceil(), frame.height()) {
            for x in columns.clone() {
                let pixel = frame.get_pixel_mut(x, y);
                let before = [f32::from(pixel.0[0]), f32::from(pixel.0[1]), f32::from(pixel.0[2]), 0.0];
                let mut colour = before;
                paint(Vec2::new(x as f32 + 0.5, y as f32 + 0.5), &mut colour);
                if colour != before {
                    pixel.0 = to_rgb(colour);
                }
            }
        }
    }
}
