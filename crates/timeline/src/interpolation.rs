//! Values between two keys.

/// How a track is evaluated between its keys. Neither kind leaves the range of the two keys around the instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// Straight lines from key to key.
    #[default]
    Linear,
    /// Cubic Hermite pieces with limited tangents: continuous velocity, at rest at every local extremum, no overshoot.
    ///
    /// Source: Fritsch and Carlson, "Monotone Piecewise Cubic Interpolation", 1980: three-point tangents, limited to
    /// the square of side 3 inside their monotonicity region.
    MonotoneCubic,
}

/// The interval of a track that holds an instant: the keys `row` and `row + 1` and how far between them, `0..=1`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub row: usize,
    pub fraction: f64,
}

/// `value(row)` is defined for every row of `times`, `times[place.row + 1]` exists.
pub(crate) fn interpolate(kind: Interpolation, times: &[f64], place: Place, value: impl Fn(usize) -> f64) -> f64 {
    let Place { row, fraction: u } = place;
    let (from, to) = (value(row), value(row + 1));
    if from == to {
        return from;
    }
    let between = match kind {
        Interpolation::Linear => from + (to - from) * u,
        Interpolation::MonotoneCubic => {
            let step = times[row + 1] - times[row];
            let (start, end) = (tangent(times, row, &value) * step, tangent(times, row + 1, &value) * step);
            let (u2, u3) = (u * u, u * u * u);
            from + (3.0 * u2 - 2.0 * u3) * (to - from) + (u3 - 2.0 * u2 + u) * start + (u3 - u2) * end
        }
    };
    // The mathematics stays inside; rounding may not.
    between.clamp(from.min(to), from.max(to))
}

/// Slope at a key, per second.
fn tangent(times: &[f64], row: usize, value: &impl Fn(usize) -> f64) -> f64 {
    let step = |row: usize| times[row + 1] - times[row];
    let secant = |row: usize| (value(row + 1) - value(row)) / step(row);
    if row == 0 {
        return secant(0);
    }
    if row + 1 == times.len() {
        return secant(row - 1);
    }
    let (before, after) = (secant(row - 1), secant(row));
    if before * after <= 0.0 {
        return 0.0;
    }
    let (h_before, h_after) = (step(row - 1), step(row));
    let three_point = (before * h_after + after * h_before) / (h_before + h_after);
    let limit = 3.0 * before.abs().min(after.abs());
    three_point.clamp(-limit, limit)
}
