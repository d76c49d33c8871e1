//! A row of teeth, drawn.

use glam::Vec2;

use crate::texture::{Rgba, mix, smoothstep};

/// Where the teeth of one side end, seen from the front, in cm from the midline: the arch turns the rear ones away.
/// After the mean crown widths in Wheeler's Dental Anatomy.
pub(crate) const UPPER: [f32; 7] = [0.86, 1.50, 2.12, 2.62, 3.0, 3.3, 3.5];
pub(crate) const LOWER: [f32; 7] = [0.52, 1.1, 1.72, 2.25, 2.65, 3.0, 3.3];
/// Height of the crowns, cm.
const CROWN: f32 = 0.98;
const GUM: Rgba = [186.0, 104.0, 100.0, 0.0];

pub(crate) struct Row {
    pub teeth: &'static [f32; 7],
    /// Size of this mouth relative to the canonical one.
    pub size: f32,
    /// Height of the cutting edge at the midline, cm down from the middle of the mouth.
    pub edge: f32,
    /// How the edge rises towards the sides, per cm.
    pub bow: f32,
    /// Colour of the front teeth.
    pub colour: Rgba,
    /// Upper teeth hang, lower ones stand.
    pub upper: bool,
}

impl Row {
    /// Puts the row over what is behind it. `spot` in cm, `blur` the softness of edges in cm.
    pub fn over(&self, behind: Rgba, spot: Vec2, blur: f32) -> Rgba {
        let x = spot.x.abs() / self.size;
        let Some(tooth) = self.teeth.iter().position(|&end| x < end) else { return behind };
        let start = if tooth == 0 { 0.0 } else { self.teeth[tooth - 1] };
        let end = self.teeth[tooth];
        let middle = (x - (start + end) * 0.5) / ((end - start) * 0.5);
        // Rounded corners; the lateral incisors are a little shorter than their neighbours.
        let shorter = 0.05 * middle.powi(4) + if tooth == 1 { 0.05 } else { 0.0 };
        let down = if self.upper { 1.0 } else { -1.0 };
        let edge = self.edge - self.bow * spot.x * spot.x - down * shorter * self.size;
        // Distance from the cutting edge into the tooth.
        let rise = (edge - spot.y) * down;
        let body = smoothstep(-blur, blur, rise);
        if body <= 0.0 {
            return behind;
        }
        let between = ((end - x).min(if tooth == 0 { x } else { x - start }) * self.size).max(0.0);
        let width = blur.max(0.035);
        let groove = 1.0 - 0.2 * (-(between / width).powi(2)).exp();
        let away = (-0.75 * (x / 2.5).powi(2)).exp();
        let lit = self.colour.map(|level| level * groove * away * (0.94 + 0.06 * smoothstep(0.0, 0.25, rise)));
        // The gum's line is scalloped: highest over the middle of each tooth.
        let crown = (CROWN - 0.12 * middle * middle) * self.size;
        let gum = GUM.map(|level| level * away * self.colour[1] / 230.0);
        let front = mix(lit, gum, smoothstep(crown - blur, crown + blur, rise));
        mix(behind, front, body * smoothstep(0.0, 0.35, 3.4 - x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(upper: bool) -> Row {
        Row { teeth: &UPPER, size: 1.0, edge: 0.0, bow: 0.0, colour: [230.0; 4], upper }
    }

    #[test]
    fn upper_teeth_hang_and_lower_ones_stand() {
        let dark = [0.0; 4];
        let (above, below) = (Vec2::new(0.4, -0.3), Vec2::new(0.4, 0.3));
        assert!(row(true).over(dark, above, 0.02)[0] > 180.0 && row(true).over(dark, below, 0.02)[0] < 1.0);
        assert!(row(false).over(dark, below, 0.02)[0] > 180.0 && row(false).over(dark, above, 0.02)[0] < 1.0);
    }

    #[test]
    fn grooves_are_darker_than_teeth_and_gums_are_red() {
        let at = |x: f32, y: f32| row(true).over([0.0; 4], Vec2::new(x, y), 0.02);
        assert!(at(0.86, -0.4)[1] < 0.9 * at(0.43, -0.4)[1]);
        let gum = at(0.43, -1.3);
        assert!(gum[0] > 1.4 * gum[1]);
    }
}
