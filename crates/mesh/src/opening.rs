//! The opening between two lids or two lips: what lies behind the skin shows through it.

use glam::Vec2;

/// An opening between an upper and a lower edge that share their corners.
///
/// Positions along and across the line between the corners are in the unit of the points given.
pub(crate) struct Opening {
    pub corner: Vec2,
    /// Unit vectors along the line between the corners, and across it towards the lower edge.
    pub along: Vec2,
    pub across: Vec2,
    pub length: f32,
    start: f32,
    step: f32,
    /// Upper and lower edge at equal steps, and the steepness of both.
    edges: Vec<[f32; 4]>,
}

/// What an opening is at one point.
#[derive(Clone, Copy)]
pub(crate) struct Inside {
    /// Distance inward from the upper edge; negative outside.
    pub below_upper: f32,
    /// Distance inward from the lower edge; negative outside.
    pub above_lower: f32,
}

impl Inside {
    /// Distance inward from the nearer edge.
    pub fn depth(self) -> f32 {
        self.below_upper.min(self.above_lower)
    }
}

impl Opening {
    /// Both edges run from the same first corner to the same last one.
    pub fn new(upper: &[Vec2], lower: &[Vec2], down: Vec2) -> Opening {
        let (corner, end) = (upper[0], upper[upper.len() - 1]);
        let length = corner.distance(end).max(1e-3);
        let along = (end - corner) / length;
        let across = if along.perp().dot(down) < 0.0 { -along.perp() } else { along.perp() };
        let local = |edge: &[Vec2]| -> Vec<(f32, f32)> {
            let mut points: Vec<(f32, f32)> =
                edge.iter().map(|&p| ((p - corner).dot(along), (p - corner).dot(across))).collect();
            // A lip that curls around its corner is cut off there: an edge is a function of its place along the line.
            for i in 1..points.len() {
                points[i].0 = points[i].0.max(points[i - 1].0 + length * 1e-4);
            }
            points
        };
        let (upper, lower) = (local(upper), local(lower));
        let start = upper[0].0.min(lower[0].0);
        let stop = upper[upper.len() - 1].0.max(lower[lower.len() - 1].0);
        let steps = (((stop - start) * 2.0).ceil() as usize).clamp(16, 4096);
        let step = (stop - start) / steps as f32;
        let mut edges: Vec<[f32; 4]> = (0..=steps)
            .map(|i| {
                let s = start + i as f32 * step;
                let (above, below) = (interpolate(&upper, s), interpolate(&lower, s));
                // Where the skin overlaps the opening is closed, in the middle of the overlap.
                let middle = (above + below) * 0.5;
                if above <= below { [above, below, 0.0, 0.0] } else { [middle, middle, 0.0, 0.0] }
            })
            .collect();
        for i in 0..=steps {
            let (before, after) = (edges[i.saturating_sub(1)], edges[(i + 1).min(steps)]);
            let run = step * ((i + 1).min(steps) - i.saturating_sub(1)) as f32;
            let shorten = |edge: usize| 1.0 / (1.0 + ((after[edge] - before[edge]) / run).powi(2)).sqrt();
            (edges[i][2], edges[i][3]) = (shorten(0), shorten(1));
        }
        Opening { corner, along, across, length, start, step, edges }
    }

    /// Where `point` lies relative to both edges; none beside the corners.
    #[inline]
    pub fn at(&self, point: Vec2) -> Option<Inside> {
        let offset = point - self.corner;
        let (s, t) = (offset.dot(self.along), offset.dot(self.across));
        let place = (s - self.start) / self.step;
        if !(place >= 0.0 && place < (self.edges.len() - 1) as f32) {
            return None;
        }
        let (a, b, f) = (self.edges[place as usize], self.edges[place as usize + 1], place.fract());
        let between = |lane: usize| a[lane] + (b[lane] - a[lane]) * f;
        Some(Inside { below_upper: (t - between(0)) * between(2), above_lower: (between(1) - t) * between(3) })
    }

    /// The widest gap between the edges.
    pub fn height(&self) -> f32 {
        self.edges.iter().map(|edge| edge[1] - edge[0]).fold(0.0, f32::max)
    }

    /// The smallest box around the opening, `margin` larger on every side.
    pub fn bounds(&self, margin: f32) -> (Vec2, Vec2) {
        let (mut low, mut high) = (Vec2::splat(f32::INFINITY), Vec2::splat(f32::NEG_INFINITY));
        for (i, edge) in self.edges.iter().enumerate() {
            for t in [edge[0], edge[1]] {
                let p = self.corner + self.along * (self.start + i as f32 * self.step) + self.across * t;
                low = low.min(p);
                high = high.max(p);
            }
        }
        (low - margin, high + margin)
    }
}

/// Monotone cubic through points with growing first coordinates (Fritsch and Butland's slopes): smooth, and no
/// bulge between two points that the points do not have.
fn interpolate(points: &[(f32, f32)], s: f32) -> f32 {
    let last = points.len() - 1;
    if s <= points[0].0 {
        return points[0].1;
    }
    if s >= points[last].0 {
        return points[last].1;
    }
    let i = points.partition_point(|p| p.0 <= s).clamp(1, last) - 1;
    let slope = |k: usize| (points[k + 1].1 - points[k].1) / (points[k + 1].0 - points[k].0);
    let tangent = |k: usize| {
        if k == 0 {
            slope(0)
        } else if k == last {
            slope(last - 1)
        } else {
            let (before, after) = (slope(k - 1), slope(k));
            if before * after <= 0.0 { 0.0 } else { 2.0 * before * after / (before + after) }
        }
    };
    let h = points[i + 1].0 - points[i].0;
    let t = (s - points[i].0) / h;
    let (t2, t3) = (t * t, t * t * t);
    points[i].1 * (2.0 * t3 - 3.0 * t2 + 1.0)
        + h * tangent(i) * (t3 - 2.0 * t2 + t)
        + points[i + 1].1 * (3.0 * t2 - 2.0 * t3)
        + h * tangent(i + 1) * (t3 - t2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lens(height: f32) -> Opening {
        let edge = |sign: f32| -> Vec<Vec2> {
            (0..=8)
                .map(|i| Vec2::new(i as f32 * 5.0, sign * height * (1.0 - ((i as f32 - 4.0) / 4.0).powi(2))))
                .collect()
        };
        Opening::new(&edge(-1.0), &edge(1.0), Vec2::Y)
    }

    #[test]
    fn depth_is_the_distance_to_the_nearer_edge() {
        let opening = lens(10.0);
        let middle = opening.at(Vec2::new(20.0, 0.0)).unwrap();
        assert!((middle.depth() - 10.0).abs() < 0.1);
        assert!(opening.at(Vec2::new(20.0, -12.0)).unwrap().depth() < -1.5);
        assert!(opening.at(Vec2::new(-3.0, 0.0)).is_none());
        assert!((opening.height() - 20.0).abs() < 0.1);
    }

    #[test]
    fn overlapping_edges_close_the_opening() {
        let opening = lens(-4.0);
        assert_eq!(opening.height(), 0.0);
        assert!(opening.at(Vec2::new(20.0, 0.0)).unwrap().depth() <= 0.0);
    }
}
