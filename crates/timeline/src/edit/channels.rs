//! Choosing, scaling and shifting channels.

use super::{EditError, finite};
use crate::{Channel, ChannelSet, Gains, Offsets, Track};

impl Track {
    /// Every channel multiplied by its factor.
    #[must_use]
    pub fn with_gains(&self, gains: &Gains) -> Self {
        self.map(|channel, value| finite(f64::from(value) * f64::from(gains.get(channel))))
    }

    /// Every channel with its offset added. A channel that the track lacks is zero throughout, so one with an offset
    /// becomes a column, but an offset makes no FLAME track of an ARKit track or the other way round.
    #[must_use]
    pub fn with_offsets(&self, offsets: &Offsets) -> Self {
        let (has_shapes, has_flame) = (self.has_shapes(), self.has_flame());
        let fits = |channel: &Channel| match channel {
            Channel::Shape(_) => has_shapes,
            Channel::Flame(_) => has_flame,
            Channel::Head(_) => true,
        };
        let absent = |channel: &Channel| offsets.get(*channel) != 0.0 && !self.has_channel(*channel);
        let new: Vec<Channel> = Channel::all().filter(|channel| absent(channel) && fits(channel)).collect();
        let old = self.channels();
        let constants: Vec<f32> = new.iter().map(|channel| offsets.get(*channel)).collect();
        let mut values = Vec::with_capacity(self.times().len() * (old.len() + new.len()));
        for row in self.values().chunks_exact(old.len()) {
            let shifted = row.iter().zip(old);
            values.extend(shifted.map(|(value, channel)| finite(f64::from(*value) + f64::from(offsets.get(*channel)))));
            values.extend_from_slice(&constants);
        }
        self.with([old, &new].concat(), values)
    }

    /// The chosen channels alone.
    ///
    /// # Errors
    /// Where the track has none of them.
    pub fn select(&self, chosen: &ChannelSet) -> Result<Self, EditError> {
        self.keep(|channel| chosen.contains(channel))
    }

    /// All but the chosen channels.
    ///
    /// # Errors
    /// Where none is left.
    pub fn drop_channels(&self, chosen: &ChannelSet) -> Result<Self, EditError> {
        self.keep(|channel| !chosen.contains(channel))
    }

    fn keep(&self, kept: impl Fn(Channel) -> bool) -> Result<Self, EditError> {
        let columns: Vec<usize> = (0..self.channels().len()).filter(|column| kept(self.channels()[*column])).collect();
        if columns.is_empty() {
            return Err(EditError::NoChannels { has: some_names(self.channels()) });
        }
        let rows = self.values().chunks_exact(self.channels().len());
        let values = rows.flat_map(|row| columns.iter().map(|column| row[*column])).collect();
        Ok(self.with(columns.iter().map(|column| self.channels()[*column]).collect(), values))
    }

    /// Every value through a function of its channel, which gives finite values for finite ones.
    pub(crate) fn map(&self, value: impl Fn(Channel, f32) -> f32) -> Self {
        let columns = self.channels().iter().cycle();
        let values = self.values().iter().zip(columns).map(|(old, channel)| value(*channel, *old)).collect();
        self.with(self.channels().to_vec(), values)
    }
}

/// The first few names, and how many more there are.
fn some_names(channels: &[Channel]) -> String {
    const SHOWN: usize = 5;
    let names: Vec<&str> = channels.iter().take(SHOWN).map(|channel| channel.name()).collect();
    match channels.len().saturating_sub(SHOWN) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
#[path = "channels_tests.rs"]
mod tests;
