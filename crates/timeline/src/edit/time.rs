//! Trimming, retiming, resampling.

use super::EditError;
use crate::time_grid::SAME;
use crate::{FrameRate, Interpolation, Span, Track};

/// A result may have this many values at most (1 GiB): eleven hours of every channel at 60 rows per second.
pub const MAX_TRACK_VALUES: u64 = 1 << 28;

const SPEEDS: std::ops::RangeInclusive<f64> = 0.01..=100.0;

impl Track {
    /// The part that `span` plays, both cuts included; its times start at 0.
    ///
    /// Keys between the cuts stay as they are and the cuts become keys, so that at every instant the part shows what
    /// the track showed there: exactly for straight lines; with [`Interpolation::MonotoneCubic`], between a cut and the
    /// key next to it, a curve of other tangents. A part that is played whole shows its last key, the cut itself, and
    /// so one frame more than a span with a given end, which leaves its end out.
    ///
    /// # Errors
    /// Where the track's times are too large to be told apart.
    pub fn trimmed(&self, span: Span, interpolation: Interpolation) -> Result<Self, EditError> {
        let origin = self.times()[0];
        let (start, end) = (origin + span.start(), origin + span.end());
        // A key a rounding away from a cut is the cut.
        let inside = |time: &f64| start + SAME < *time && *time < end - SAME;
        let rows = self.times().iter().enumerate().filter(|(_, time)| inside(time)).map(|(row, _)| row);
        let mut times = vec![0.0];
        let mut values = self.sample_row(start, interpolation);
        for row in rows {
            times.push(self.times()[row] - start);
            values.extend_from_slice(self.row(row));
        }
        if end > start {
            times.push(end - start);
            values.extend(self.sample_row(end, interpolation));
        }
        Ok(Self::new(self.channels().to_vec(), times, values)?)
    }

    /// The same motion `speed` times as fast (0.01 to 100), from the same first key on.
    ///
    /// # Errors
    /// Where the speed is none, or the track's times are too large to be told apart.
    pub fn retimed(&self, speed: f64) -> Result<Self, EditError> {
        if !SPEEDS.contains(&speed) {
            return Err(EditError::Speed { found: speed });
        }
        let first = self.times()[0];
        let times = self.times().iter().map(|time| first + (time - first) / speed).collect();
        Ok(Self::new(self.channels().to_vec(), times, self.values().to_vec())?)
    }

    /// The same motion with keys at `rate`, from the first key to the last. What moves faster than the new keys is not
    /// averaged over them, so that a blink that falls on a key keeps its depth.
    ///
    /// # Errors
    /// Where the result would have more than [`MAX_TRACK_VALUES`] values.
    pub fn resampled(&self, rate: FrameRate, interpolation: Interpolation) -> Result<Self, EditError> {
        let (rows, channels) = (self.frame_count(rate), self.channels().len());
        if rows.saturating_mul(channels as u64) > MAX_TRACK_VALUES {
            return Err(EditError::TooLarge { rows, channels });
        }
        let first = self.times()[0];
        self.at_times((0..rows).map(|row| first + rate.seconds_at(row)).collect(), interpolation)
    }

    /// The track's values at other times.
    pub(super) fn at_times(&self, times: Vec<f64>, interpolation: Interpolation) -> Result<Self, EditError> {
        let mut values = Vec::with_capacity(times.len() * self.channels().len());
        for time in &times {
            self.sample_into(*time, interpolation, &mut values);
        }
        Ok(Self::new(self.channels().to_vec(), times, values)?)
    }
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
