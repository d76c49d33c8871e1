//! Where the keys of a recording are not evenly spaced.

use crate::Track;

/// A step that differs from the usual one by more than half of it: rows that were lost, or that came twice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// The row before it, from 0.
    pub after_row: usize,
    /// Time of that row, seconds.
    pub start: f64,
    /// Seconds to the next row.
    pub length: f64,
    /// How many rows are missing there, at the usual step; 0 where the step is too short.
    pub missing: u64,
}

impl Track {
    /// The usual step from key to key, seconds: the median, which lost rows do not change. None for a single key.
    pub fn step(&self) -> Option<f64> {
        let mut steps: Vec<f64> = self.times().windows(2).map(|pair| pair[1] - pair[0]).collect();
        if steps.is_empty() {
            return None;
        }
        let middle = steps.len() / 2;
        Some(*steps.select_nth_unstable_by(middle, f64::total_cmp).1)
    }

    /// The steps that are shorter than half of the usual one or longer than one and a half, in the order of time.
    pub fn gaps(&self) -> Vec<Gap> {
        let Some(usual) = self.step() else { return Vec::new() };
        let steps = self.times().windows(2).enumerate();
        let gaps = steps.map(|(row, pair)| Gap {
            after_row: row,
            start: pair[0],
            length: pair[1] - pair[0],
            missing: ((pair[1] - pair[0]) / usual).round() as u64,
        });
        let irregular = gaps.filter(|gap| !(0.5 * usual..=1.5 * usual).contains(&gap.length));
        irregular.map(|gap| Gap { missing: gap.missing.saturating_sub(1), ..gap }).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Channel, Gap, Shape, Track};

    fn at(times: &[f64]) -> Track {
        Track::new(vec![Channel::Shape(Shape::JawOpen)], times.to_vec(), vec![0.0; times.len()]).unwrap()
    }

    #[test]
    fn lost_and_doubled_rows_are_found() {
        // Rows 3 and 4 are lost, one comes twice at 0.35 s; times rounded to milliseconds are no gaps.
        let track = at(&[0.0, 0.033, 0.067, 0.2, 0.233, 0.267, 0.3, 0.333, 0.35, 0.367, 0.4]);
        assert!((track.step().unwrap() - 0.033).abs() < 0.002);
        let gaps = track.gaps();
        let rows: Vec<(usize, u64)> = gaps.iter().map(|gap| (gap.after_row, gap.missing)).collect();
        assert_eq!(rows, [(2, 3)]);
        assert_eq!(gaps[0].start, 0.067);
        let doubled = at(&[0.0, 0.04, 0.08, 0.081, 0.12, 0.16]);
        assert_eq!(doubled.gaps(), [Gap { after_row: 2, start: 0.08, length: 0.081 - 0.08, missing: 0 }]);
    }

    #[test]
    fn one_key_and_regular_keys_have_no_gaps() {
        assert_eq!((at(&[1.0]).step(), at(&[1.0]).gaps()), (None, vec![]));
        let times: Vec<f64> = (0..1000).map(|row| row as f64 / 29.97).collect();
        assert_eq!(at(&times).gaps(), []);
    }
}
