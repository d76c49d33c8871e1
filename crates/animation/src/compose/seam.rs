//! How visible the seam is between what is painted and what is the portrait's.

use image::RgbImage;
use moue_mesh::sample;

use super::{Composer, Mask};
use crate::compose::Canvas;

/// Brightness with the weights of BT.709.
const LUMA: [f32; 3] = [0.2126, 0.7152, 0.0722];
/// Where the seam is: shares of the painting between these.
const BAND: (f32, f32) = (0.02, 0.98);

/// Gradients across the edge of the mask, on average over all places where painting and portrait mix; levels of
/// brightness per pixel of the canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seam {
    /// In the composed picture.
    pub composed: f64,
    /// In the portrait, at the same places and in the same directions.
    pub own: f64,
    /// The gradient of the difference between the two along the way from the portrait into the painting, signs kept:
    /// what forms a line around the face, since noise and misplaced detail cancel out.
    pub step: f64,
    /// At so many pixels.
    pub pixels: usize,
}

impl Seam {
    /// How many times as steep the composed picture is there; 1 is a seam that cannot be told from the portrait.
    pub fn ratio(&self) -> f64 {
        self.composed / self.own.max(1e-9)
    }

    fn measure(canvas: &Canvas, mask: &Mask, composed: &RgbImage) -> Self {
        let brightness = |picture: &RgbImage, at: [f64; 2]| -> f64 {
            sample(picture, at).iter().zip(LUMA).map(|(level, weight)| f64::from(level * weight)).sum()
        };
        let share = |at: [f64; 2]| f64::from(mask.at(canvas.square_from_canvas(at)));
        let mut seam = Self { composed: 0.0, own: 0.0, step: 0.0, pixels: 0 };
        for (x, y, at) in canvas.pixels_in_square() {
            if !(BAND.0..=BAND.1).contains(&mask.at(at)) {
                continue;
            }
            let [x, y] = [f64::from(x) + 0.5, f64::from(y) + 0.5];
            let inwards = [share([x + 1.0, y]) - share([x - 1.0, y]), share([x, y + 1.0]) - share([x, y - 1.0])];
            let length = inwards[0].hypot(inwards[1]);
            if length < 1e-6 {
                continue;
            }
            let [dx, dy] = inwards.map(|along| along / length);
            let gradient = |picture: &RgbImage| {
                (brightness(picture, [x + dx, y + dy]) - brightness(picture, [x - dx, y - dy])) / 2.0
            };
            let (now, before) = (gradient(composed), gradient(&canvas.picture));
            seam.composed += now.abs();
            seam.own += before.abs();
            seam.step += now - before;
            seam.pixels += 1;
        }
        let count = seam.pixels.max(1) as f64;
        Self { composed: seam.composed / count, own: seam.own / count, step: seam.step / count, ..seam }
    }
}

impl Composer {
    /// How visible the seam of a pasted picture is.
    pub fn seam(&self, pasted: &RgbImage, mask: &Mask) -> Seam {
        Seam::measure(&self.canvas, mask, pasted)
    }

    /// The portrait as it lies under paintings.
    pub fn canvas(&self) -> &Canvas {
        &self.canvas
    }
}
