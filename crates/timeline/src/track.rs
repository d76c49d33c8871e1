//! Coefficients over time.

use crate::interpolation::{Place, interpolate};
use crate::{Channel, Expression, FlameExpression, FrameRate, HeadAxis, Interpolation, Span, SpanError};

/// Coefficients over time: one row of values per key.
///
/// Times are seconds and strictly increase; every value is finite. ARKit coefficients are unitless, angles are in
/// radians with the signs of [`crate::HeadPose`].
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    channels: Vec<Channel>,
    times: Vec<f64>,
    /// Row-major, `times.len()` rows of `channels.len()`.
    values: Vec<f32>,
}

/// Why times and values do not form a track. Readers find these in their files first and say where.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrackShapeError {
    /// No rows or no channels.
    #[error("a track needs at least one row and one channel")]
    Empty,
    /// Not rows times channels.
    #[error("{rows} rows of {channels} channels need {} values, found {values}", rows * channels)]
    Count {
        /// How many times there are.
        rows: usize,
        /// How many channels there are.
        channels: usize,
        /// How many values there are.
        values: usize,
    },
    /// A channel that appears twice.
    #[error("channel {} appears twice", channel.name())]
    Duplicate {
        /// Which one.
        channel: Channel,
    },
    /// A time that is not finite or not after the one before.
    #[error("time of row {row} is {time} s: expected a finite time after the row before")]
    Time {
        /// From zero.
        row: usize,
        /// Seconds.
        time: f64,
    },
    /// A value that is not finite.
    #[error("{} of row {row} is not finite", channel.name())]
    Value {
        /// From zero.
        row: usize,
        /// Whose value it is.
        channel: Channel,
    },
}

impl Track {
    /// A track of `times` (seconds, strictly increasing) and `values` (row-major, one row of `channels` per time).
    ///
    /// # Errors
    /// Where one of these conditions does not hold.
    pub fn new(channels: Vec<Channel>, times: Vec<f64>, values: Vec<f32>) -> Result<Self, TrackShapeError> {
        let (rows, columns) = (times.len(), channels.len());
        if rows == 0 || columns == 0 {
            return Err(TrackShapeError::Empty);
        }
        if rows.checked_mul(columns) != Some(values.len()) {
            return Err(TrackShapeError::Count { rows, channels: columns, values: values.len() });
        }
        let mut seen = [false; Channel::COUNT];
        for channel in &channels {
            if std::mem::replace(&mut seen[channel.index()], true) {
                return Err(TrackShapeError::Duplicate { channel: *channel });
            }
        }
        let late = |row: usize| times[row].is_finite() && (row == 0 || times[row] > times[row - 1]);
        if let Some(row) = (0..rows).find(|row| !late(*row)) {
            return Err(TrackShapeError::Time { row, time: times[row] });
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(TrackShapeError::Value { row: at / columns, channel: channels[at % columns] });
        }
        Ok(Self { channels, times, values })
    }

    /// What the columns drive.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// Whether a column drives `channel`.
    pub fn has_channel(&self, channel: Channel) -> bool {
        self.channels.contains(&channel)
    }

    /// Whether any column drives an ARKit shape: then [`Self::sample`] gives more than the head's rotation.
    pub fn has_shapes(&self) -> bool {
        self.channels.iter().any(|channel| matches!(channel, Channel::Shape(_)))
    }

    /// Whether any column drives a FLAME coefficient: then [`Self::sample_flame`] gives more than a face at rest.
    pub fn has_flame(&self) -> bool {
        self.channels.iter().any(|channel| matches!(channel, Channel::Flame(_)))
    }

    /// Times of the keys in seconds; at least one.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Values of the key `row` (below `times().len()`), in the order of [`Self::channels`].
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.channels.len()..][..self.channels.len()]
    }

    /// Index of the column that drives `channel`.
    pub fn column(&self, channel: Channel) -> Option<usize> {
        self.channels.iter().position(|other| *other == channel)
    }

    /// The values of the column at `index` (below `channels().len()`), one for each key.
    pub fn column_values(&self, index: usize) -> impl Iterator<Item = f32> {
        self.values.iter().skip(index).step_by(self.channels.len()).copied()
    }

    /// Seconds from the first key to the last; zero for a single key.
    pub fn duration(&self) -> f64 {
        self.times[self.times.len() - 1] - self.times[0]
    }

    /// The part from `start` to `end`, seconds from the first key; see [`Span`].
    ///
    /// # Errors
    /// Where nothing is left.
    pub fn span(&self, start: Option<f64>, end: Option<f64>) -> Result<Span, SpanError> {
        Span::new(start, end, self.duration())
    }

    /// How many frames show the whole track, its first and last key included: 250 for keys from 0 to 9.96 s at 25
    /// frames per second.
    pub fn frame_count(&self, rate: FrameRate) -> u64 {
        self.span(None, None).map_or(1, |span| span.frame_count(rate))
    }

    /// What the face does at `t` seconds. Channels that the track lacks are zero, instants before the first and after
    /// the last key have its values. FLAME channels have no place in an [`Expression`]; see [`Self::sample_flame`].
    pub fn sample(&self, t: f64, interpolation: Interpolation) -> Expression {
        let mut expression = Expression::NEUTRAL;
        let place = self.place(t);
        for (column, channel) in self.channels.iter().enumerate() {
            let target = match channel {
                Channel::Shape(shape) => &mut expression.shapes[shape.index()],
                Channel::Head(HeadAxis::Yaw) => &mut expression.head.yaw,
                Channel::Head(HeadAxis::Pitch) => &mut expression.head.pitch,
                Channel::Head(HeadAxis::Roll) => &mut expression.head.roll,
                Channel::Flame(_) => continue,
            };
            *target = self.value(column, place, interpolation);
        }
        expression
    }

    /// What a FLAME head does at `t` seconds, with missing channels and instants outside as in [`Self::sample`]. ARKit
    /// shapes and the head's rotation have no place in it.
    ///
    /// The jaw's rotation vector is interpolated channel by channel, like everything else, and not on the sphere of
    /// rotations: for jaws as far apart as [`FlameExpression::constrained`] and 0.7 rad of opening allow, the two differ
    /// by less than 0.005 rad, and a channel keeps its promise to stay between its keys.
    pub fn sample_flame(&self, t: f64, interpolation: Interpolation) -> FlameExpression {
        let mut expression = FlameExpression::NEUTRAL;
        let place = self.place(t);
        for (column, channel) in self.channels.iter().enumerate() {
            if let Channel::Flame(flame) = channel {
                expression.set(*flame, self.value(column, place, interpolation));
            }
        }
        expression
    }

    /// Every channel's value at `t` seconds, in the order of [`Self::channels`].
    pub fn sample_row(&self, t: f64, interpolation: Interpolation) -> Vec<f32> {
        let mut row = Vec::with_capacity(self.channels.len());
        self.sample_into(t, interpolation, &mut row);
        row
    }

    /// Appends what [`Self::sample_row`] gives.
    pub(crate) fn sample_into(&self, t: f64, interpolation: Interpolation, row: &mut Vec<f32>) {
        let place = self.place(t);
        row.extend((0..self.channels.len()).map(|column| self.value(column, place, interpolation)));
    }

    /// All values, row after row.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Other channels and values at the same times. The caller keeps the promises of [`Self::new`]: every channel once,
    /// a finite value for each of them and each time.
    pub(crate) fn with(&self, channels: Vec<Channel>, values: Vec<f32>) -> Self {
        debug_assert!(
            values.len() == channels.len() * self.times.len() && values.iter().all(|value| value.is_finite())
        );
        Self { channels, times: self.times.clone(), values }
    }

    /// Before the first and at or after the last key: that key alone. O(log rows).
    fn place(&self, t: f64) -> Place {
        let last = self.times.len() - 1;
        // NaN compares false everywhere and lands on the first key.
        let after = self.times.partition_point(|time| *time <= t);
        if after == 0 {
            return Place { row: 0, fraction: 0.0 };
        }
        let row = after - 1;
        if row == last {
            return Place { row: last, fraction: 0.0 };
        }
        Place { row, fraction: (t - self.times[row]) / (self.times[row + 1] - self.times[row]) }
    }

    fn value(&self, column: usize, place: Place, interpolation: Interpolation) -> f32 {
        let key = |row: usize| self.values[row * self.channels.len() + column];
        if place.fraction <= 0.0 {
            return key(place.row);
        }
        interpolate(interpolation, &self.times, place, |row| f64::from(key(row))) as f32
    }
}

#[cfg(test)]
#[path = "track_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "track_flame_tests.rs"]
mod flame_tests;
