//! Left and right exchanged.

use crate::{Channel, Track};

/// A track seen in a mirror, and what could not be mirrored.
#[derive(Clone, Debug, PartialEq)]
pub struct Mirrored {
    /// The mirrored track.
    pub track: Track,
    /// Channels that are as they were: FLAME's expression components, whose mirror images take FLAME's own basis.
    pub unchanged: Vec<Channel>,
}

impl Track {
    /// The motion seen in a mirror: shapes and eyelids change sides, the head and the jaw turn and tilt the other way.
    /// See [`Channel::mirrored`] for what stays as it is, [`Mirrored::unchanged`] for whether there is any.
    pub fn mirrored(&self) -> Mirrored {
        let mut unchanged = Vec::new();
        let mut mirror = |channel: Channel| {
            channel.mirrored().unwrap_or_else(|| {
                unchanged.push(channel);
                (channel, 1.0)
            })
        };
        let (channels, signs): (Vec<Channel>, Vec<f32>) =
            self.channels().iter().map(|channel| mirror(*channel)).unzip();
        let values = self.values().chunks_exact(signs.len());
        let values = values.flat_map(|row| row.iter().zip(&signs).map(|(value, sign)| value * sign)).collect();
        Mirrored { track: self.with(channels, values), unchanged }
    }
}
