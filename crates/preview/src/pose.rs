//! An expression that a person tries, and how a storyboard writes it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use moue_timeline::{Channel, Expression, FlameChannel, HeadAxis, Shape};

/// Steps of the sliders' values: what is rendered is exactly what is written in the YAML.
const STEPS_PER_UNIT: f64 = 1000.0;
/// Width that lines of YAML have at most.
const MAX_COLUMNS: usize = 96;
/// Longest name of an expression, in characters.
const MAX_NAME_CHARS: usize = 60;

/// The range of a channel's slider, in the units that people write: degrees for the head.
pub(crate) fn range(channel: Channel) -> RangeInclusive<f64> {
    match channel {
        Channel::Shape(_) => 0.0..=1.0,
        Channel::Head(HeadAxis::Yaw) => -40.0..=40.0,
        Channel::Head(_) => -30.0..=30.0,
        Channel::Flame(flame) => match flame.index() {
            index if FlameChannel::EXPRESSION.contains(&index) => -3.0..=3.0,
            index if FlameChannel::EYELIDS.contains(&index) => 0.0..=1.0,
            _ => -0.5..=0.5,
        },
    }
}

/// In the units that people write.
pub(crate) fn for_people(channel: Channel, value: f32) -> f32 {
    if let Channel::Head(_) = channel { value.to_degrees() } else { value }
}

/// Values of channels in the units that people write; channels that are not in it are at rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pose {
    values: BTreeMap<Channel, f64>,
}

impl Pose {
    /// Values are brought into their channel's range and to its steps. Fails with the name that no channel has.
    pub(crate) fn new<'a>(values: impl IntoIterator<Item = (&'a str, f64)>) -> Result<Self, &'a str> {
        let mut pose = Self::default();
        for (name, value) in values {
            let channel = Channel::all().find(|channel| channel.name() == name).ok_or(name)?;
            let range = range(channel);
            let value = (value * STEPS_PER_UNIT).round() / STEPS_PER_UNIT;
            let value = value.clamp(*range.start(), *range.end());
            if value != 0.0 && !value.is_nan() {
                pose.values.insert(channel, value);
            }
        }
        Ok(pose)
    }

    /// ARKit's shapes and the head, as renderers take them.
    pub(crate) fn expression(&self) -> Expression {
        let mut expression = Expression::NEUTRAL;
        for (channel, value) in &self.values {
            match channel {
                Channel::Shape(shape) => expression.set(*shape, *value as f32),
                Channel::Head(HeadAxis::Yaw) => expression.head.yaw = value.to_radians() as f32,
                Channel::Head(HeadAxis::Pitch) => expression.head.pitch = value.to_radians() as f32,
                Channel::Head(HeadAxis::Roll) => expression.head.roll = value.to_radians() as f32,
                Channel::Flame(_) => {}
            }
        }
        expression
    }

    /// An entry of a storyboard's `expressions`, without a line's end: `NAME: {jawOpen: 0.4, mouthSmile: 0.8}`.
    pub(crate) fn yaml(&self, name: &str) -> String {
        let mut entries = self.entries().into_iter();
        let Some(first) = entries.next() else {
            return format!("{name}: neutral");
        };
        let mut yaml = format!("{name}: {{{first}");
        let mut columns = yaml.chars().count();
        for entry in entries {
            yaml.push(',');
            columns += entry.len() + 2;
            if columns + 1 > MAX_COLUMNS {
                // Deeper than the entry itself may be indented where it is pasted.
                yaml += "\n        ";
                columns = 8 + entry.len();
            } else {
                yaml.push(' ');
            }
            yaml += &entry;
        }
        yaml + "}"
    }

    /// `mouthSmile: 0.8` for both sides where they are the same.
    fn entries(&self) -> Vec<String> {
        let entry = |(channel, value): (&Channel, &f64)| {
            let Channel::Shape(shape) = channel else { return Some(format!("{}: {value}", channel.name())) };
            let is_same = pair(*shape).is_some() && self.values.get(&Channel::Shape(shape.mirrored())) == Some(value);
            match pair(*shape) {
                Some(stem) if is_same => shape.name().ends_with("Left").then(|| format!("{stem}: {value}")),
                _ => Some(format!("{}: {value}", shape.name())),
            }
        };
        self.values.iter().filter_map(entry).collect()
    }
}

/// The name that a storyboard has for a shape and its mirror image. `jaw` and `mouth` are none: `jawLeft` moves the jaw
/// to the left.
fn pair(shape: Shape) -> Option<&'static str> {
    let name = shape.name();
    let stem = name.strip_suffix("Left").or_else(|| name.strip_suffix("Right"))?;
    (!["jaw", "mouth"].contains(&stem)).then_some(stem)
}

/// Why a storyboard cannot have an expression of that name.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    let mut chars = name.chars();
    let begins = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if !begins || !chars.all(|c| c.is_alphanumeric() || c == '_') {
        return Err("a name is letters, digits and _, and begins with a letter");
    }
    if name.chars().count() > MAX_NAME_CHARS {
        return Err("a name has at most 60 characters");
    }
    let is_channel = Channel::all().any(|channel| channel.name() == name)
        || name == "eyelid"
        || Shape::ALL.into_iter().any(|shape| pair(shape) == Some(name));
    // The language's own words, and what YAML takes for something other than text.
    let words = ["rest", "mirror", "exp", "at", "then", "to", "express", "also", "flash", "over", "hold", "ease"];
    let yaml = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"];
    let is_word = words.contains(&name) || yaml.contains(&name.to_lowercase().as_str());
    if is_channel || is_word {
        return Err("storyboards know this word already: choose another name");
    }
    Ok(())
}

#[cfg(test)]
#[path = "pose_tests.rs"]
mod tests;
