//! A choice of channels.

use std::str::FromStr;

use crate::Channel;
use crate::names::{covered, entries};

/// A choice of channels.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelSet {
    /// By [`Channel::index`].
    chosen: [bool; Channel::COUNT],
}

/// Why a text is not a list of channels.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ChannelSetError {
    /// No names.
    #[error("the list of channels is empty\nhint: write for example jawOpen,mouth,head")]
    Empty,
    /// A name that no channel, pair or region has.
    #[error("there is no channel '{name}'\nhint: {hint}")]
    Name {
        /// As written.
        name: String,
        /// The nearest known name.
        hint: String,
    },
}

impl ChannelSet {
    /// Whether `channel` is chosen.
    pub fn contains(&self, channel: Channel) -> bool {
        self.chosen[channel.index()]
    }
}

impl FromIterator<Channel> for ChannelSet {
    fn from_iter<T: IntoIterator<Item = Channel>>(channels: T) -> Self {
        let mut chosen = [false; Channel::COUNT];
        for channel in channels {
            chosen[channel.index()] = true;
        }
        Self { chosen }
    }
}

impl FromStr for ChannelSet {
    type Err = ChannelSetError;

    /// Reads `NAME,...` with the names of [`crate::Gains`]: `jawOpen`, `mouthSmile` for both sides, `mouth` for a
    /// region, `head`, `eyelid`, `all`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut channels = Vec::new();
        for name in entries(text) {
            let unknown = |hint| ChannelSetError::Name { name: name.to_owned(), hint };
            channels.extend(covered(name).map_err(unknown)?);
        }
        if channels.is_empty() { Err(ChannelSetError::Empty) } else { Ok(channels.into_iter().collect()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_channels_and_regions() {
        let set: ChannelSet = "mouthSmile, head_yaw,jaw".parse().unwrap();
        let names: Vec<&str> = Channel::all().filter(|channel| set.contains(*channel)).map(Channel::name).collect();
        let expected =
            ["jawForward", "jawRight", "jawLeft", "jawOpen", "mouthSmileLeft", "mouthSmileRight", "head_yaw"];
        assert_eq!(names, expected);
        assert_eq!(names.iter().filter_map(|name| Channel::from_name(name)).collect::<ChannelSet>(), set);
    }

    #[test]
    fn unknown_names_are_told() {
        let error = |text: &str| text.parse::<ChannelSet>().unwrap_err().to_string();
        assert_eq!(error("jawOpen,mouht"), "there is no channel 'mouht'\nhint: did you mean 'mouth'?");
        assert_eq!(error(" , "), "the list of channels is empty\nhint: write for example jawOpen,mouth,head");
    }
}
