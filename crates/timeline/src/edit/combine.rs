//! Two tracks into one.

use super::{EditError, finite};
use crate::time_grid::{refined, union};
use crate::{Channel, Interpolation, MAX_TRACK_VALUES, Track};

/// A key is shown this long where neither track says it: the step of files without times.
const DEFAULT_STEP: f64 = 1.0 / 30.0;
/// A cross-fade is a curve; with this many pieces it is drawn to a hundredth.
const FADE_PIECES: f64 = 16.0;

impl Track {
    /// `1 - weight` of this track plus `weight` of the other (0 to 1), on a common clock.
    ///
    /// The result has the channels of both; one that a track lacks is zero there, as when it is sampled, so that
    /// weights of 0 and 1 show one track alone. Its keys are those of both, which loses nothing with straight lines;
    /// outside its own keys a track holds its first and last values.
    ///
    /// # Errors
    /// For other weights, and where the result would be too large.
    pub fn blended(&self, other: &Track, weight: f64, interpolation: Interpolation) -> Result<Self, EditError> {
        if !(0.0..=1.0).contains(&weight) {
            return Err(EditError::Weight { found: weight });
        }
        let times = union(self.times().iter().copied(), other.times().iter().copied());
        self.mixed(other, 0.0, times, interpolation, |_| weight)
    }

    /// This track and then the next, with a cross-fade of `fade` seconds.
    ///
    /// Each key is shown for one step (this track's usual one), the last too: without a cross-fade the next track
    /// begins one step after this one's last key, and 250 frames and 250 frames are 500. With one it begins `fade`
    /// seconds earlier, and its weight goes from 0 to 1 over that time, slowly at both ends. So the result lasts as long
    /// as both tracks and one step, less `fade`. Channels are those of both, as in [`Self::blended`].
    ///
    /// # Errors
    /// Where the cross-fade is longer than a track, and where the result would be too large.
    pub fn followed_by(&self, next: &Track, fade: f64, interpolation: Interpolation) -> Result<Self, EditError> {
        let step = self.step().or(next.step()).unwrap_or(DEFAULT_STEP);
        let longest = self.duration().min(next.duration()) + step;
        if !(0.0..=longest).contains(&fade) {
            return Err(EditError::Fade { found: fade, longest });
        }
        let start = self.times()[self.times().len() - 1] + step - fade;
        let shift = start - next.times()[0];
        let mut times = union(self.times().iter().copied(), next.times().iter().map(|time| time + shift));
        if fade > 0.0 {
            times = refined(&times, start..start + fade, fade / FADE_PIECES);
        }
        let weight = |time: f64| {
            let u = if fade > 0.0 { ((time - start) / fade).clamp(0.0, 1.0) } else { f64::from(time >= start) };
            u * u * (3.0 - 2.0 * u)
        };
        self.mixed(next, shift, times, interpolation, weight)
    }

    /// The channels of `other` put beside this track's, at this track's times and on a common clock. A channel that
    /// both have is taken from `other`.
    ///
    /// # Errors
    /// Where the result would be too large.
    pub fn merged(&self, other: &Track, interpolation: Interpolation) -> Result<Self, EditError> {
        let own: Vec<usize> =
            (0..self.channels().len()).filter(|column| !other.has_channel(self.channels()[*column])).collect();
        let mut channels: Vec<Channel> = own.iter().map(|column| self.channels()[*column]).collect();
        channels.extend_from_slice(other.channels());
        check_size(self.times().len(), channels.len())?;
        let mut values = Vec::with_capacity(self.times().len() * channels.len());
        for (row, time) in self.times().iter().enumerate() {
            values.extend(own.iter().map(|column| self.row(row)[*column]));
            other.sample_into(*time, interpolation, &mut values);
        }
        Ok(self.with(channels, values))
    }

    /// Values at `times`, with a weight for `other`, whose times are `shift` seconds later than its own say.
    fn mixed(
        &self,
        other: &Track,
        shift: f64,
        times: Vec<f64>,
        interpolation: Interpolation,
        weight: impl Fn(f64) -> f64,
    ) -> Result<Self, EditError> {
        let new = other.channels().iter().copied().filter(|channel| !self.has_channel(*channel));
        let channels: Vec<Channel> = self.channels().iter().copied().chain(new).collect();
        check_size(times.len(), channels.len())?;
        let columns: Vec<[Option<usize>; 2]> =
            channels.iter().map(|channel| [self.column(*channel), other.column(*channel)]).collect();
        let mut values = Vec::with_capacity(times.len() * channels.len());
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for time in &times {
            let weight = weight(*time);
            own.clear();
            others.clear();
            self.sample_into(*time, interpolation, &mut own);
            other.sample_into(time - shift, interpolation, &mut others);
            values.extend(columns.iter().map(|[a, b]| {
                let a = a.map_or(0.0, |column| f64::from(own[column]));
                let b = b.map_or(0.0, |column| f64::from(others[column]));
                finite(a + (b - a) * weight)
            }));
        }
        Ok(Self::new(channels, times, values)?)
    }
}

fn check_size(rows: usize, channels: usize) -> Result<(), EditError> {
    let rows = rows as u64;
    if rows.saturating_mul(channels as u64) > MAX_TRACK_VALUES {
        return Err(EditError::TooLarge { rows, channels });
    }
    Ok(())
}

#[cfg(test)]
#[path = "combine_tests.rs"]
mod tests;
