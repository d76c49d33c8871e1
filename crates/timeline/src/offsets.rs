//! A constant that is added to each channel.

use std::str::FromStr;

use crate::Channel;
use crate::names::{assignment, covered, entries};

/// A constant that is added to each channel; zero where nothing was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Offsets {
    /// By [`Channel::index`]; radians for the head.
    values: [f32; Channel::COUNT],
}

/// Why a text is not a list of offsets.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OffsetsError {
    /// An entry without `=`, or with nothing before it.
    #[error("offset '{entry}': expected NAME=VALUE\nhint: write for example browInnerUp=0.1,jaw=-0.05,head_pitch=3")]
    Form {
        /// As written.
        entry: String,
    },
    /// A value that is no number, or is out of all proportion.
    #[error("offset '{entry}': expected a number from -{limit} to {limit}, found '{found}'\nhint: {hint}")]
    Value {
        /// As written.
        entry: String,
        /// The part after `=`.
        found: String,
        /// The largest offset.
        limit: f32,
        /// What the number means.
        hint: &'static str,
    },
    /// A name that no channel, pair or region has.
    #[error("offset '{entry}': there is no channel '{name}'\nhint: {hint}")]
    Name {
        /// As written.
        entry: String,
        /// The part before `=`.
        name: String,
        /// The nearest known name.
        hint: String,
    },
}

/// Coefficients: FLAME's expression components reach about 4.
const MAX_OFFSET: f32 = 10.0;
const MAX_DEGREES: f32 = 180.0;

impl Offsets {
    /// What is added to one channel; radians for the head's axes and FLAME's jaw.
    pub fn get(&self, channel: Channel) -> f32 {
        self.values[channel.index()]
    }

    /// Whether nothing is added anywhere.
    pub fn is_identity(&self) -> bool {
        self.values.iter().all(|value| *value == 0.0)
    }
}

impl Default for Offsets {
    fn default() -> Self {
        Self { values: [0.0; Channel::COUNT] }
    }
}

impl FromStr for Offsets {
    type Err = OffsetsError;

    /// Reads `NAME=VALUE,...` with the names of [`crate::Gains`]. As in our table files, the head's axes are in
    /// degrees and FLAME's jaw in radians. A later entry replaces an earlier one.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut offsets = Self::default();
        for entry in entries(text) {
            let (name, found) = assignment(entry).ok_or_else(|| OffsetsError::Form { entry: entry.to_owned() })?;
            let channels = covered(name).map_err(|hint| OffsetsError::Name {
                entry: entry.to_owned(),
                name: name.to_owned(),
                hint,
            })?;
            let angles = channels.iter().all(|channel| matches!(channel, Channel::Head(_)));
            let (limit, hint) = if angles {
                (MAX_DEGREES, "the head's angles are in degrees")
            } else {
                (MAX_OFFSET, "coefficients go from 0 to 1; the offset is added to them")
            };
            let value = found.parse().ok().filter(|value: &f32| value.abs() <= limit);
            let value = value.ok_or_else(|| OffsetsError::Value {
                entry: entry.to_owned(),
                found: found.to_owned(),
                limit,
                hint,
            })?;
            for channel in channels {
                let unit = if matches!(channel, Channel::Head(_)) { value.to_radians() } else { value };
                offsets.values[channel.index()] = unit;
            }
        }
        Ok(offsets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_gains_and_heads_are_in_degrees() {
        let of = |text: &str, channel: &str| text.parse::<Offsets>().unwrap().get(Channel::from_name(channel).unwrap());
        assert_eq!(of("browInnerUp=0.1", "browInnerUp"), 0.1);
        assert_eq!(of("mouthSmile=-0.2", "mouthSmileRight"), -0.2);
        assert_eq!(of("jaw=0.3", "jawLeft"), 0.3);
        assert_eq!(of("jaw=0.3", "jaw_x"), 0.0);
        assert_eq!(of("head=90", "head_roll"), std::f32::consts::FRAC_PI_2);
        assert_eq!(of("head=5,head_yaw=0", "head_yaw"), 0.0);
        assert_eq!(of("jaw_x=0.2", "jaw_x"), 0.2);
        assert!("".parse::<Offsets>().unwrap().is_identity());
        assert!(!"exp_00=1".parse::<Offsets>().unwrap().is_identity());
    }

    #[test]
    fn errors_say_what_was_found_and_what_is_near() {
        for (text, message) in [
            (
                "jawOpen",
                "offset 'jawOpen': expected NAME=VALUE\nhint: write for example browInnerUp=0.1,jaw=-0.05,head_pitch=3",
            ),
            ("jawOpne=1", "offset 'jawOpne=1': there is no channel 'jawOpne'\nhint: did you mean 'jawOpen'?"),
            (
                "jawOpen=11",
                "offset 'jawOpen=11': expected a number from -10 to 10, found '11'\n\
                 hint: coefficients go from 0 to 1; the offset is added to them",
            ),
            (
                "head=nan",
                "offset 'head=nan': expected a number from -180 to 180, found 'nan'\n\
                 hint: the head's angles are in degrees",
            ),
        ] {
            assert_eq!(text.parse::<Offsets>().unwrap_err().to_string(), message);
        }
        for text in ["jawOpen=", "=1", "jawOpen=inf", "head_yaw=181", "all=180"] {
            assert!(text.parse::<Offsets>().is_err(), "{text}");
        }
    }
}
