//! Which part of a frame is painted, and how softly it ends.

/// Points of the mask along each side. It is smooth, so that few are enough, and computing them takes a hundredth of
/// what the pixels of a large portrait would.
const GRID: usize = 192;
/// How far beyond the outline of the face, in heights of the face (forehead to chin), everything is painted: past the
/// painting's own chin and cheeks, which are not to the pixel where the portrait has them.
const FULL: f64 = 0.03;
/// Where the painting has faded out, in the same unit: before the portrait's clothes and what hangs at its ears, as far
/// as that can be said of all heads.
const END: f64 = 0.12;
/// The painting has faded out at the edge of its square, over this part of the square's side.
const EDGE: f64 = 0.05;
/// How far to both sides of the outline colours are compared, in heights of the face: skin inside, and what the seam
/// crosses.
const NEAR: f64 = 0.16;

/// A share of the painting for each place of the painted square: 1 in the face, 0 at the square's edges.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    shares: Vec<f32>,
}

impl Mask {
    /// A mask that holds all of these outlines, which are in parts of the painted square; the first one is the face at
    /// rest and gives the unit.
    pub fn around(outlines: &[&[[f64; 2]]]) -> Self {
        let unit = outlines.first().map_or(1.0, |outline| height(outline));
        let at = |index: usize| index as f64 / (GRID - 1) as f64;
        let share = |at: [f64; 2]| {
            let beyond = outlines.iter().map(|outline| beyond(outline, at)).fold(f64::INFINITY, f64::min) / unit;
            let inside = at.iter().map(|at| at.min(1.0 - at)).fold(f64::INFINITY, f64::min);
            ((1.0 - smooth(FULL, END, beyond)) * smooth(0.0, EDGE, inside)) as f32
        };
        Self { shares: (0..GRID * GRID).map(|index| share([at(index % GRID), at(index / GRID)])).collect() }
    }

    /// The share at a place in the painted square.
    pub fn at(&self, [x, y]: [f64; 2]) -> f32 {
        let along = |at: f64| {
            let at = at.clamp(0.0, 1.0) * (GRID - 1) as f64;
            let first = (at as usize).min(GRID - 2);
            (first, (at - first as f64) as f32)
        };
        let ((column, right), (row, down)) = (along(x), along(y));
        let line = |row: usize| {
            let first = row * GRID + column;
            mix(self.shares[first], self.shares[first + 1], right)
        };
        mix(line(row), line(row + 1), down)
    }

    /// How near a place is to an outline, 1 on it and 0 from a part of the face's height on: where colours are
    /// compared.
    pub(super) fn nearness(outline: &[[f64; 2]], at: [f64; 2]) -> f64 {
        let inside = at.iter().map(|at| at.min(1.0 - at)).fold(f64::INFINITY, f64::min);
        let far = (beyond(outline, at) / height(outline)).abs() / NEAR;
        (1.0 - smooth(0.0, 1.0, far)) * smooth(0.0, EDGE, inside)
    }
}

/// From the first point of an outline, the middle of the forehead, to the one half way around, the chin.
fn height(outline: &[[f64; 2]]) -> f64 {
    match (outline.first(), outline.get(outline.len() / 2)) {
        (Some(top), Some(chin)) => (top[0] - chin[0]).hypot(top[1] - chin[1]).max(1e-6),
        _ => 1.0,
    }
}

/// How far a point lies beyond a closed outline; negative inside.
pub(super) fn beyond(outline: &[[f64; 2]], [x, y]: [f64; 2]) -> f64 {
    let next = outline.iter().cycle().skip(1);
    let (mut nearest, mut inside) = (f64::INFINITY, false);
    for ([ax, ay], [bx, by]) in outline.iter().zip(next) {
        let (dx, dy) = (bx - ax, by - ay);
        let along = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy).max(1e-18)).clamp(0.0, 1.0);
        nearest = nearest.min((x - ax - along * dx).powi(2) + (y - ay - along * dy).powi(2));
        // A ray to the right crosses this edge.
        if (*ay > y) != (*by > y) && x < ax + (y - ay) / dy * dx {
            inside = !inside;
        }
    }
    if inside { -nearest.sqrt() } else { nearest.sqrt() }
}

/// 0 below `from`, 1 above `to`, smooth between.
pub(super) fn smooth(from: f64, to: f64, x: f64) -> f64 {
    let x = ((x - from) / (to - from)).clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// `a` for 0, `b` for 1.
pub(super) fn mix(a: f32, b: f32, share: f32) -> f32 {
    a + (b - a) * share
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn circle(x: f64, y: f64, radius: f64) -> Vec<[f64; 2]> {
        // From the top on, clockwise.
        let angle = |step: u32| f64::from(step) / 36.0 * std::f64::consts::TAU;
        (0..36).map(|step| [x + radius * angle(step).sin(), y - radius * angle(step).cos()]).collect()
    }

    #[test]
    fn distances_have_signs() {
        let outline = circle(0.5, 0.5, 0.3);
        assert!((height(&outline) - 0.6).abs() < 1e-9);
        for (at, expected) in [([0.5, 0.5], -0.3), ([0.5, 0.1], 0.1), ([0.9, 0.5], 0.1), ([0.5, 0.75], -0.05)] {
            let found = beyond(&outline, at);
            assert!((found - expected).abs() < 3e-3, "{at:?}: {found}");
        }
    }

    #[test]
    fn the_face_and_an_opened_jaw_are_painted_and_the_edges_are_not() {
        let (rest, open) = (circle(0.5, 0.45, 0.25), circle(0.5, 0.55, 0.25));
        let mask = Mask::around(&[&rest, &open]);
        for at in [[0.5, 0.2], [0.5, 0.8], [0.5, 0.5], [0.26, 0.45]] {
            assert!(mask.at(at) > 0.999, "{at:?}: {}", mask.at(at));
        }
        assert!(Mask::around(&[&rest]).at([0.5, 0.79]) < 0.2, "the jaw of the portrait ends higher");
        for step in 0..=100 {
            let along = f64::from(step) / 100.0;
            for at in [[along, 0.0], [along, 1.0], [0.0, along], [1.0, along]] {
                assert_eq!(mask.at(at), 0.0);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Wherever the face lies, also beyond the square, the mask is a share, ends before the edge, and is smooth.
        #[test]
        fn masks_are_smooth_shares(x in -0.2f64..1.2, y in -0.2f64..1.2, radius in 0.1f64..0.5) {
            // As steep as the smooth step from full to nothing and that at the square's edge are together.
            let steepest = 1.5 / ((END - FULL) * 2.0 * radius) + 1.5 / EDGE;
            let mask = Mask::around(&[&circle(x, y, radius)]);
            for step in 0..400 {
                let at = [f64::from(step % 20) / 19.0, f64::from(step / 20) / 19.0];
                let (here, there) = (mask.at(at), mask.at([at[0] + 0.002, at[1]]));
                prop_assert!((0.0..=1.0).contains(&here));
                prop_assert!(f64::from((here - there).abs()) < 0.002 * steepest * 1.2, "{here} {there}");
            }
        }
    }
}
