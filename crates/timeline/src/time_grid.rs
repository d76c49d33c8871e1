//! Sets of key times.

use std::ops::Range;

/// Times nearer than this, in seconds, are one.
pub(crate) const SAME: f64 = 1e-6;

/// All times of two increasing sequences, increasing; of two that are one within a microsecond, the earlier.
pub(crate) fn union(a: impl Iterator<Item = f64>, b: impl Iterator<Item = f64>) -> Vec<f64> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    let mut times: Vec<f64> = Vec::new();
    loop {
        let next = match (a.peek(), b.peek()) {
            (Some(from_a), Some(from_b)) if from_a <= from_b => a.next(),
            (Some(_), None) => a.next(),
            _ => b.next(),
        };
        let Some(next) = next else { return times };
        if times.last().is_none_or(|last| next - last > SAME) {
            times.push(next);
        }
    }
}

/// The times, with more of them inside `range`, evenly spaced, wherever two are farther apart there than `step`.
pub(crate) fn refined(times: &[f64], range: Range<f64>, step: f64) -> Vec<f64> {
    let inside = |time: f64| time.clamp(range.start, range.end);
    let mut refined = Vec::with_capacity(times.len());
    for pair in times.windows(2) {
        refined.push(pair[0]);
        let (from, to) = (inside(pair[0]), inside(pair[1]));
        // Rounding must not add a time where the keys are exactly `step` apart.
        let pieces = ((to - from) / step - 1e-6).ceil();
        for piece in 0..=pieces as u64 {
            let time = from + (to - from) * (piece as f64 / pieces);
            let apart = |other: f64| (time - other).abs() > SAME;
            if pieces > 1.0 && apart(pair[0]) && apart(pair[1]) {
                refined.push(time);
            }
        }
    }
    refined.extend(times.last());
    refined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_are_one_appear_once() {
        let union = |a: &[f64], b: &[f64]| union(a.iter().copied(), b.iter().copied());
        assert_eq!(union(&[0.0, 0.5, 1.0], &[0.25, 0.500_000_01, 2.0]), [0.0, 0.25, 0.5, 1.0, 2.0]);
        assert_eq!(union(&[1.0], &[0.0]), [0.0, 1.0]);
        assert_eq!(union(&[], &[3.0]), [3.0]);
    }

    #[test]
    fn only_wide_steps_inside_the_range_are_divided() {
        assert_eq!(refined(&[0.0, 1.0, 2.0, 3.0], 1.0..2.0, 0.25), [0.0, 1.0, 1.25, 1.5, 1.75, 2.0, 3.0]);
        assert_eq!(refined(&[0.0, 4.0], 1.0..2.0, 0.5), [0.0, 1.0, 1.5, 2.0, 4.0]);
        let even: Vec<f64> = (0..20).map(|i| f64::from(i) / 10.0).collect();
        assert_eq!(refined(&even, 0.3..1.7, 0.1), even);
        assert_eq!(refined(&[5.0], 1.0..2.0, 0.1), [5.0]);
    }
}
