//! What a face does, as a sum of channels.

use std::collections::BTreeMap;

use moue_timeline::Channel;

/// Channels and their values; channels that are not in it are at rest.
///
/// Units are those of [`moue_timeline`]: ARKit coefficients without unit, angles in radians.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pose {
    values: BTreeMap<Channel, f64>,
}

impl Pose {
    /// The value of a channel.
    pub fn get(&self, channel: Channel) -> f64 {
        self.values.get(&channel).copied().unwrap_or(0.0)
    }

    /// Gives a channel a value, zero too.
    pub fn set(&mut self, channel: Channel, value: f64) {
        self.values.insert(channel, value);
    }

    /// The channels that are in it with their values, in the order of the channels.
    pub fn iter(&self) -> impl Iterator<Item = (Channel, f64)> {
        self.values.iter().map(|(channel, value)| (*channel, *value))
    }

    /// Whether a channel is in it.
    pub fn contains(&self, channel: Channel) -> bool {
        self.values.contains_key(&channel)
    }

    /// Adds another pose, `factor` times.
    pub fn add(&mut self, other: &Self, factor: f64) {
        for (channel, value) in other.iter() {
            *self.values.entry(channel).or_insert(0.0) += value * factor;
        }
    }

    /// The pose in a mirror, or the channel that has no mirror image.
    ///
    /// # Errors
    /// A FLAME expression component, whose mirror image only FLAME's own basis can tell.
    pub fn mirrored(&self) -> Result<Self, Channel> {
        let mirrored = |(channel, value)| {
            let (other, sign) = Channel::mirrored(channel).ok_or(channel)?;
            Ok((other, value * f64::from(sign)))
        };
        let values = self.iter().map(mirrored).collect::<Result<_, _>>()?;
        Ok(Self { values })
    }
}

impl FromIterator<(Channel, f64)> for Pose {
    fn from_iter<I: IntoIterator<Item = (Channel, f64)>>(values: I) -> Self {
        Self { values: values.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pose(values: &[(&str, f64)]) -> Pose {
        values.iter().map(|(name, value)| (Channel::from_name(name).unwrap(), *value)).collect()
    }

    #[test]
    fn poses_add_and_mirror() {
        let mut sum = pose(&[("mouthSmileLeft", 0.8), ("head_yaw", 0.1)]);
        sum.add(&pose(&[("head_yaw", 0.2), ("jaw_y", 0.4)]), 0.5);
        assert_eq!(sum, pose(&[("mouthSmileLeft", 0.8), ("head_yaw", 0.2), ("jaw_y", 0.2)]));
        let mirrored = pose(&[("mouthSmileRight", 0.8), ("head_yaw", -0.2), ("jaw_y", -0.2)]);
        assert_eq!(sum.mirrored(), Ok(mirrored));
        sum.set(Channel::from_name("exp_03").unwrap(), 1.0);
        assert_eq!(sum.mirrored().unwrap_err().name(), "exp_03");
    }
}
