//! Fine structure of the portrait's skin that a painting of few pixels cannot have.

use image::RgbImage;
use image::imageops::{FilterType, crop_imm, resize};
use moue_mesh::{Flow, MeshRenderer, View};
use moue_timeline::Expression;
use moue_topology::{
    LANDMARK_COUNT, LEFT_LID_LOWER, LEFT_LID_UPPER, OUTER_LIP_LOWER, OUTER_LIP_UPPER, RIGHT_LID_LOWER, RIGHT_LID_UPPER,
};

use super::Canvas;
use super::mask::{beyond, smooth};
use crate::AnimationError;

/// Detail beyond this many levels is an edge, which the painting has somewhere else.
const MOST: f32 = 20.0;
/// From where to where, in parts of the painted square, detail comes in beside the eyes and the lips: there the
/// painting's own edges count.
const AWAY: (f64, f64) = (0.015, 0.05);

/// What the portrait has beyond the resolution of a painting, in levels of brightness.
pub(super) struct Detail {
    /// The part of the canvas that the painted square lies in: x, y, width, height.
    part: [u32; 4],
    layer: Vec<f32>,
}

impl Detail {
    /// So much (0 to 1) of the detail that paintings of `side` pixels lack; nothing where they lack none.
    pub fn new(canvas: &Canvas, landmarks: &[[f32; 3]; LANDMARK_COUNT], share: f32, side: u32) -> Option<Self> {
        let part @ [left, top, width, height] = canvas.part_of_square();
        let coarser = f64::from(side) / canvas.side_of_square();
        if coarser >= 1.0 || share <= 0.0 || width == 0 || height == 0 {
            return None;
        }
        let own = crop_imm(&canvas.picture, left, top, width, height).to_image();
        let reduced = |side: u32| ((f64::from(side) * coarser).round() as u32).max(1);
        let coarse = resize(&own, reduced(width), reduced(height), FilterType::Lanczos3);
        let coarse = resize(&coarse, width, height, FilterType::CatmullRom);
        let openings = openings(canvas, landmarks);
        let weight = |x: u32, y: u32| {
            let at = canvas.square_from_canvas([f64::from(left + x) + 0.5, f64::from(top + y) + 0.5]);
            let away = openings.iter().map(|opening| beyond(opening, at)).fold(f64::INFINITY, f64::min);
            smooth(AWAY.0, AWAY.1, away) as f32 * share
        };
        let brightness = |picture: &RgbImage, x, y| {
            let [r, g, b] = picture.get_pixel(x, y).0.map(f32::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let layer =
            places.map(|(x, y)| (brightness(&own, x, y) - brightness(&coarse, x, y)).clamp(-MOST, MOST) * weight(x, y));
        Some(Self { part, layer: layer.collect() })
    }

    /// The detail of a frame, carried along by the mesh; nothing where the mesh says that skin came into sight.
    pub fn carried(
        &self,
        mesh: &MeshRenderer,
        rest: &Expression,
        expression: &Expression,
    ) -> Result<Carried<'_>, AnimationError> {
        let [left, top, width, height] = self.part;
        let view = View { origin: [left.into(), top.into()], scale: 1.0 };
        Ok(Carried { detail: self, flow: mesh.flow(rest, expression, view, (width, height))? })
    }

    fn at(&self, [x, y]: [f32; 2]) -> f32 {
        let [_, _, width, height] = self.part;
        let along = |at: f32, side: u32| {
            let at = (at - 0.5).clamp(0.0, (side - 1) as f32);
            (at as usize, (at as usize + 1).min(side as usize - 1), at.fract())
        };
        let ((x0, x1, right), (y0, y1, down)) = (along(x, width), along(y, height));
        let line = |y: usize| {
            let row = y * width as usize;
            super::mix(self.layer[row + x0], self.layer[row + x1], right)
        };
        super::mix(line(y0), line(y1), down)
    }
}

/// The detail of one frame.
pub(super) struct Carried<'a> {
    detail: &'a Detail,
    flow: Flow,
}

impl Carried<'_> {
    /// Adds it to the colour of a pixel of the canvas.
    pub fn add(&self, x: u32, y: u32, colour: &mut [f32; 3]) {
        let [left, top, width, height] = self.detail.part;
        let (Some(x), Some(y)) = (x.checked_sub(left), y.checked_sub(top)) else { return };
        if x >= width || y >= height {
            return;
        }
        let pixel = (y * width + x) as usize;
        if self.flow.visible()[pixel] {
            let more = self.detail.at(self.flow.sources()[pixel]);
            colour.iter_mut().for_each(|level| *level += more);
        }
    }
}

/// The outlines of eyes and mouth in the painted square.
fn openings(canvas: &Canvas, landmarks: &[[f32; 3]; LANDMARK_COUNT]) -> Vec<Vec<[f64; 2]>> {
    let at = |vertex: &u16| {
        let [x, y, _] = landmarks[*vertex as usize];
        canvas.square_from_canvas([x.into(), y.into()])
    };
    let ring = |upper: &[u16], lower: &[u16]| upper.iter().chain(lower.iter().rev()).map(at).collect();
    vec![
        ring(&RIGHT_LID_UPPER, &RIGHT_LID_LOWER),
        ring(&LEFT_LID_UPPER, &LEFT_LID_LOWER),
        ring(&OUTER_LIP_UPPER, &OUTER_LIP_LOWER),
    ]
}
