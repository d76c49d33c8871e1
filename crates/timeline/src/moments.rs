//! How well measured values follow the values that were asked for.

/// Running moments of (asked, measured) pairs after Welford ("Note on a method for calculating corrected sums of
/// squares and products", 1962), which keep their precision over any number of pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairMoments {
    count: u64,
    mean_asked: f64,
    mean_measured: f64,
    var_asked: f64,
    var_measured: f64,
    covariance: f64,
    abs_error: f64,
    asked: [f64; 2],
    measured: [f64; 2],
}

impl PairMoments {
    /// What is asked for has to move this far for a correlation or a slope to mean anything.
    pub const MIN_RANGE: f64 = 0.02;

    /// No pairs yet.
    pub const fn new() -> Self {
        let empty = [f64::INFINITY, f64::NEG_INFINITY];
        Self {
            count: 0,
            mean_asked: 0.0,
            mean_measured: 0.0,
            var_asked: 0.0,
            var_measured: 0.0,
            covariance: 0.0,
            abs_error: 0.0,
            asked: empty,
            measured: empty,
        }
    }

    /// Takes one pair of finite values.
    pub fn add(&mut self, asked: f64, measured: f64) {
        self.count += 1;
        let count = self.count as f64;
        let (from_asked, from_measured) = (asked - self.mean_asked, measured - self.mean_measured);
        self.mean_asked += from_asked / count;
        self.mean_measured += from_measured / count;
        self.var_asked += from_asked * (asked - self.mean_asked);
        self.var_measured += from_measured * (measured - self.mean_measured);
        self.covariance += from_asked * (measured - self.mean_measured);
        self.abs_error += (measured - asked).abs();
        self.asked = [self.asked[0].min(asked), self.asked[1].max(asked)];
        self.measured = [self.measured[0].min(measured), self.measured[1].max(measured)];
    }

    /// How many pairs there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Smallest and largest value that was asked for; infinite without pairs.
    pub fn asked(&self) -> [f64; 2] {
        self.asked
    }

    /// Smallest and largest value that was measured; infinite without pairs.
    pub fn measured(&self) -> [f64; 2] {
        self.measured
    }

    /// Pearson's correlation, -1 to 1; none where what was asked for moved by less than [`Self::MIN_RANGE`], or what
    /// was measured did not move.
    pub fn correlation(&self) -> Option<f64> {
        let both_moved = self.moved() && self.var_measured > 0.0;
        both_moved.then(|| self.covariance / (self.var_asked * self.var_measured).sqrt())
    }

    /// Slope of the regression of measured on asked, 1 where a movement comes out at full strength; none where what was
    /// asked for moved by less than [`Self::MIN_RANGE`].
    pub fn slope(&self) -> Option<f64> {
        self.moved().then(|| self.covariance / self.var_asked)
    }

    /// Mean of |measured - asked|; none without pairs.
    pub fn mean_abs_error(&self) -> Option<f64> {
        (self.count > 0).then(|| self.abs_error / self.count as f64)
    }

    fn moved(&self) -> bool {
        self.asked[1] - self.asked[0] >= Self::MIN_RANGE
    }
}

impl Default for PairMoments {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(pairs: &[(f64, f64)]) -> PairMoments {
        let mut moments = PairMoments::new();
        pairs.iter().for_each(|(asked, measured)| moments.add(*asked, *measured));
        moments
    }

    #[test]
    fn a_channel_that_obeys_at_half_strength() {
        let jaw = of(&[(0.0, 0.1), (0.5, 0.35), (1.0, 0.6)]);
        assert!((jaw.correlation().unwrap() - 1.0).abs() < 1e-12 && (jaw.slope().unwrap() - 0.5).abs() < 1e-12);
        assert!((jaw.mean_abs_error().unwrap() - 0.65 / 3.0).abs() < 1e-12);
        assert_eq!((jaw.count(), jaw.asked(), jaw.measured()), (3, [0.0, 1.0], [0.1, 0.6]));
    }

    #[test]
    fn what_rests_has_no_correlation() {
        let still = of(&[(0.3, 0.1), (0.3, 0.2)]);
        assert_eq!((still.correlation(), still.slope()), (None, None));
        let stuck = of(&[(0.0, 0.2), (1.0, 0.2)]);
        assert_eq!((stuck.correlation(), stuck.slope()), (None, Some(0.0)));
        assert_eq!((of(&[]).correlation(), of(&[]).mean_abs_error()), (None, None));
    }

    proptest! {
        /// Any line is found again, whatever its offset.
        #[test]
        fn a_line_is_recovered(slope in 0.1f64..2.0, offset in -1e3f64..1e3, asked in prop::collection::vec(0.0f64..1.0, 3..200)) {
            let moments = of(&asked.iter().map(|value| (*value, offset + slope * value)).collect::<Vec<_>>());
            let Some(found) = moments.slope() else { return Ok(()) };
            prop_assert!((found - slope).abs() < 1e-6);
            prop_assert!((moments.correlation().unwrap() - 1.0).abs() < 1e-6);
        }
    }
}
