//! A curve of any length in as many points as a plot can show.

use crate::axis::Axis;

/// One point of a curve: seconds and value.
pub(crate) type Point = (f64, f64);

/// `curve`, in order of time, in pieces without the points that are not finite, with at most four points in each of
/// `columns` columns of `axis`: the first, the last, the smallest and the largest that fall into it. Drawn at that
/// width the picture is that of the whole curve, so that no peak is lost.
///
/// Source: Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation", 2014.
pub(crate) fn decimate(curve: impl IntoIterator<Item = Point>, axis: &Axis, columns: usize) -> Vec<Vec<Point>> {
    let mut pieces = Vec::new();
    let mut piece = Piece::default();
    for (time, value) in curve {
        if time.is_finite() && value.is_finite() {
            piece.add(((axis.share(time) * columns as f64) as usize, (time, value)));
        } else {
            pieces.extend(std::mem::take(&mut piece).finished());
        }
    }
    pieces.extend(piece.finished());
    pieces
}

#[derive(Default)]
struct Piece {
    done: Vec<Point>,
    column: Option<Column>,
}

struct Column {
    index: usize,
    first: Point,
    last: Point,
    low: Point,
    high: Point,
}

impl Piece {
    fn add(&mut self, (index, point): (usize, Point)) {
        match &mut self.column {
            Some(column) if column.index == index => {
                column.last = point;
                if point.1 < column.low.1 {
                    column.low = point;
                }
                if point.1 > column.high.1 {
                    column.high = point;
                }
            }
            column => {
                let new = Column { index, first: point, last: point, low: point, high: point };
                if let Some(full) = column.replace(new) {
                    full.flush(&mut self.done);
                }
            }
        }
    }

    fn finished(mut self) -> Option<Vec<Point>> {
        self.column.take()?.flush(&mut self.done);
        Some(self.done)
    }
}

impl Column {
    fn flush(self, into: &mut Vec<Point>) {
        let (early, late) = if self.low.0 <= self.high.0 { (self.low, self.high) } else { (self.high, self.low) };
        let start = into.len();
        for point in [self.first, early, late, self.last] {
            if into.len() == start || into.last() != Some(&point) {
                into.push(point);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_peak_of_one_row_among_a_million_stays() {
        let axis = Axis::time(0.0, 1e6, 10);
        let curve = (0..1_000_000).map(|row| (f64::from(row), if row == 654_321 { 1.0 } else { 0.0 }));
        let pieces = decimate(curve, &axis, 1000);
        assert_eq!(pieces.len(), 1);
        assert!(pieces[0].len() <= 4000);
        assert!(pieces[0].contains(&(654_321.0, 1.0)));
        assert_eq!(pieces[0].first(), Some(&(0.0, 0.0)));
        assert_eq!(pieces[0].last(), Some(&(999_999.0, 0.0)));
    }

    #[test]
    fn what_is_not_finite_parts_the_curve() {
        let axis = Axis::time(0.0, 4.0, 4);
        let curve = [(0.0, 1.0), (1.0, f64::NAN), (2.0, 2.0), (3.0, 3.0), (4.0, f64::INFINITY)];
        assert_eq!(decimate(curve, &axis, 100), [vec![(0.0, 1.0)], vec![(2.0, 2.0), (3.0, 3.0)]]);
        assert!(decimate([], &axis, 100).is_empty());
    }

    proptest! {
        #[test]
        fn points_are_the_curves_own_in_order_with_its_extremes(
            values in prop::collection::vec(-5.0..5.0f64, 1..400),
            columns in 1usize..50,
        ) {
            let curve: Vec<Point> = values.iter().enumerate().map(|(row, value)| (row as f64, *value)).collect();
            let axis = Axis::time(0.0, (values.len() - 1) as f64, 10);
            let pieces = decimate(curve.iter().copied(), &axis, columns);
            prop_assert_eq!(pieces.len(), 1);
            prop_assert!(pieces[0].len() <= 4 * (columns + 1));
            prop_assert!(pieces[0].iter().all(|point| curve.contains(point)));
            prop_assert!(pieces[0].windows(2).all(|pair| pair[0].0 < pair[1].0));
            let extremes = |points: &[Point]| {
                points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), point| (low.min(point.1), high.max(point.1)))
            };
            prop_assert_eq!(extremes(&pieces[0]), extremes(&curve));
        }
    }
}
