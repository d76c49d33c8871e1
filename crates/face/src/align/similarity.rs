//! Similarities of the plane: turn, scale and shift.

/// A turn, a scale and a shift of the plane, without mirroring.
///
/// ```text
/// x' = a x - b y + shift[0]
/// y' = b x + a y + shift[1]
/// ```
/// Points are (x, y) in pixels; the integer is the centre of a pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    a: f64,
    b: f64,
    shift: [f64; 2],
}

impl Similarity {
    /// Scales by `scale` (above 0), turns by `angle` radians (positive turns the x axis towards the y axis: clockwise
    /// as seen in a picture), then shifts.
    pub fn new(scale: f64, angle: f64, shift: [f64; 2]) -> Self {
        Self { a: scale * angle.cos(), b: scale * angle.sin(), shift }
    }

    /// Takes the origin to `shift` and (1, 0) to `shift + x_axis`.
    pub(crate) fn along([a, b]: [f64; 2], shift: [f64; 2]) -> Self {
        Self { a, b, shift }
    }

    /// The similarity that brings each point of `from` nearest to its fellow in `to`: least squares, as Umeyama 1991
    /// ("Least-squares estimation of transformation parameters between two point patterns") has it for the plane.
    ///
    /// In the plane the singular value decomposition of his general solution is not needed: with points as complex
    /// numbers around their means, turn and scale are the one number `sum(conj(from) * to) / sum(|from|^2)`.
    ///
    /// `None` if no similarity can be inferred: a number is not finite, all points of one set coincide, or the sets
    /// have nothing in common.
    pub fn fit<const N: usize>(from: &[[f64; 2]; N], to: &[[f64; 2]; N]) -> Option<Self> {
        let mean = |points: &[[f64; 2]; N]| [0, 1].map(|axis| points.iter().map(|p| p[axis]).sum::<f64>() / N as f64);
        let (from_mean, to_mean) = (mean(from), mean(to));
        let [mut a, mut b, mut spread] = [0.0; 3];
        for (from, to) in from.iter().zip(to) {
            let [x, y] = [from[0] - from_mean[0], from[1] - from_mean[1]];
            let [u, v] = [to[0] - to_mean[0], to[1] - to_mean[1]];
            a += x * u + y * v;
            b += x * v - y * u;
            spread += x * x + y * y;
        }
        let (a, b) = (a / spread, b / spread);
        let shift =
            [to_mean[0] - a * from_mean[0] + b * from_mean[1], to_mean[1] - b * from_mean[0] - a * from_mean[1]];
        let fitted = Self { a, b, shift };
        let inverse = fitted.inverse();
        let finite = |s: Self| [s.a, s.b, s.shift[0], s.shift[1]].iter().all(|value| value.is_finite());
        (fitted.scale() > 0.0 && finite(fitted) && finite(inverse)).then_some(fitted)
    }

    /// Where a point goes.
    pub fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.a * x - self.b * y + self.shift[0], self.b * x + self.a * y + self.shift[1]]
    }

    /// The way back.
    pub fn inverse(&self) -> Self {
        let square = self.a * self.a + self.b * self.b;
        let (a, b) = (self.a / square, -self.b / square);
        let [x, y] = self.shift;
        Self { a, b, shift: [-(a * x - b * y), -(b * x + a * y)] }
    }

    /// How much longer a line gets.
    pub fn scale(&self) -> f64 {
        self.a.hypot(self.b)
    }

    /// The matrix to multiply (x, y, 1) with, rows first.
    pub fn matrix(&self) -> [[f64; 3]; 2] {
        [[self.a, -self.b, self.shift[0]], [self.b, self.a, self.shift[1]]]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const POINTS: [[f64; 2]; 4] = [[3.0, 5.0], [210.5, -40.0], [77.0, 300.25], [-12.0, 150.0]];

    fn near(found: [f64; 2], expected: [f64; 2]) -> bool {
        (found[0] - expected[0]).hypot(found[1] - expected[1]) < 1e-9
    }

    #[test]
    fn a_known_similarity_is_recovered() {
        for (scale, angle, shift) in
            [(1.0, 0.0, [0.0, 0.0]), (0.37, 0.5, [12.0, -80.0]), (4.0, -3.0, [-1e3, 2e3]), (0.01, 1.6, [5.0, 5.0])]
        {
            let known = Similarity::new(scale, angle, shift);
            let fitted = Similarity::fit(&POINTS, &POINTS.map(|point| known.apply(point))).unwrap();
            assert!((fitted.scale() - scale).abs() < 1e-12 * scale.max(1.0));
            for point in [[0.0, 0.0], [500.0, -300.0]] {
                assert!(near(fitted.apply(point), known.apply(point)), "{fitted:?} is not {known:?}");
                assert!(near(fitted.inverse().apply(fitted.apply(point)), point));
            }
        }
    }

    #[test]
    fn the_fit_is_the_least_squares_one() {
        let known = Similarity::new(0.8, 0.3, [10.0, 20.0]);
        let mut targets = POINTS.map(|point| known.apply(point));
        for (target, noise) in targets.iter_mut().zip([[3.0, -1.0], [-2.0, 4.0], [0.5, 2.0], [1.0, -3.0]]) {
            *target = [target[0] + noise[0], target[1] + noise[1]];
        }
        let error = |s: &Similarity| -> f64 {
            POINTS.iter().zip(&targets).map(|(&p, t)| (0..2).map(|i| (s.apply(p)[i] - t[i]).powi(2)).sum::<f64>()).sum()
        };
        let best = Similarity::fit(&POINTS, &targets).unwrap();
        assert!(error(&best) < error(&known));
        let nudges = [(1e-3, 0.0, 0.0, 0.0), (0.0, 1e-3, 0.0, 0.0), (0.0, 0.0, 0.1, 0.0), (0.0, 0.0, 0.0, 0.1)];
        for (a, b, x, y) in nudges {
            for sign in [-1.0, 1.0] {
                let shift = [best.shift[0] + sign * x, best.shift[1] + sign * y];
                assert!(error(&Similarity { a: best.a + sign * a, b: best.b + sign * b, shift }) > error(&best));
            }
        }
    }

    #[test]
    fn points_that_say_nothing_give_none() {
        let same = [[7.0, 7.0]; 4];
        assert_eq!(Similarity::fit(&same, &POINTS), None);
        assert_eq!(Similarity::fit(&POINTS, &same), None);
        for bad in [f64::NAN, f64::INFINITY] {
            let mut broken = POINTS;
            broken[2][1] = bad;
            assert_eq!(Similarity::fit(&broken, &POINTS), None);
            assert_eq!(Similarity::fit(&POINTS, &broken), None);
        }
    }

    #[test]
    fn the_matrix_is_the_similarity() {
        let similarity = Similarity::new(2.0, 0.7, [3.0, -4.0]);
        let [first, second] = similarity.matrix();
        let by_matrix = [first, second].map(|row| row[0] * 11.0 + row[1] * 13.0 + row[2]);
        assert!(near(by_matrix, similarity.apply([11.0, 13.0])));
        // A quarter turn takes the x axis to the y axis, which points down.
        assert!(near(Similarity::new(1.0, std::f64::consts::FRAC_PI_2, [0.0; 2]).apply([1.0, 0.0]), [0.0, 1.0]));
    }
}
