//! Stretches of time in which nothing was seen.

use crate::axis::Axis;
use crate::theme::{Colour, MISSING_ROWS, NO_FACE};

/// A stretch of time that a curve only bridges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// Seconds, on the clock of the curves.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    /// Why.
    pub reason: Absence,
}

/// Why there are no values of its own in a [`Stretch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Rows are missing from the track.
    MissingRows,
    /// No face was found in the frames.
    NoFace,
}

impl Absence {
    pub(crate) const ALL: [Self; 2] = [Self::MissingRows, Self::NoFace];

    pub(crate) fn colour(self) -> Colour {
        match self {
            Self::MissingRows => MISSING_ROWS,
            Self::NoFace => NO_FACE,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MissingRows => "rows missing",
            Self::NoFace => "no face found",
        }
    }
}

/// The pixels of a plot `width` pixels wide that `stretches` of one `reason` cover, as ranges: few, however many
/// stretches there are. Even the shortest stretch covers two pixels.
pub(crate) fn covered(stretches: &[Stretch], reason: Absence, axis: &Axis, width: f64) -> Vec<(f64, f64)> {
    let columns = width.max(1.0) as usize;
    let mut shaded = vec![false; columns];
    for stretch in stretches.iter().filter(|stretch| stretch.reason == reason) {
        // Also false where one of them is not a number.
        if stretch.start <= stretch.end && stretch.end >= axis.from && stretch.start <= axis.to {
            let column = |time: f64| axis.share(time) * width;
            let (from, to) = (column(stretch.start).floor() as usize, column(stretch.end).ceil() as usize);
            let to = to.max(from + 2).min(columns);
            shaded[from.min(to)..to].fill(true);
        }
    }
    let edges = (0..=columns).filter(|column| {
        let before = column.checked_sub(1).is_some_and(|before| shaded[before]);
        before != shaded.get(*column).copied().unwrap_or(false)
    });
    let edges: Vec<f64> = edges.map(|column| column as f64).collect();
    edges.as_chunks().0.iter().map(|[from, to]| (*from, *to)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn missing(start: f64, end: f64) -> Stretch {
        Stretch { start, end, reason: Absence::MissingRows }
    }

    #[test]
    fn stretches_become_runs_of_pixels() {
        let axis = Axis::time(0.0, 10.0, 10);
        let runs = |stretches: &[Stretch]| covered(stretches, Absence::MissingRows, &axis, 100.0);
        assert_eq!(runs(&[missing(1.0, 2.0), missing(1.5, 3.0), missing(9.0, 12.0)]), [(10.0, 30.0), (90.0, 100.0)]);
        assert_eq!(runs(&[missing(5.0, 5.001)]), [(50.0, 52.0)]);
        assert_eq!(runs(&[missing(-2.0, -1.0), missing(4.0, 3.0), missing(f64::NAN, 3.0)]), []);
        let no_face = Stretch { reason: Absence::NoFace, ..missing(1.0, 2.0) };
        assert_eq!(runs(&[no_face]), []);
    }

    proptest! {
        #[test]
        fn runs_are_apart_and_inside(ends in prop::collection::vec((-5.0..15.0f64, -5.0..15.0f64), 0..40), width in 1.0..900.0f64) {
            let axis = Axis::time(0.0, 10.0, 10);
            let stretches: Vec<Stretch> = ends.into_iter().map(|(start, end)| missing(start, end)).collect();
            let runs = covered(&stretches, Absence::MissingRows, &axis, width);
            prop_assert!(runs.iter().all(|(from, to)| 0.0 <= *from && from < to && *to <= width));
            prop_assert!(runs.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }
}
