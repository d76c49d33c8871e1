//! A pose: a formula, or channels and their values.

use std::ops::RangeInclusive;

use moue_document::{Definitions, Entry, FromNode, Meaning, Node, Report, Schema, Value, found};
use moue_timeline::{Channel, FlameChannel, Shape, nearest_name};
use serde_json::json;

use super::Formula;

/// A pose as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PoseText {
    Formula {
        formula: Formula,
        /// The formula's own text, for people.
        text: String,
    },
    /// In the language's units: degrees for the head.
    Channels(Vec<(Channel, f64)>),
}

/// The channels that a name means in a pose: a channel, or the left and the right one of a pair.
pub(crate) fn pose_channels(name: &str) -> Vec<Channel> {
    let exact = |name: &str| Channel::all().find(|channel| channel.name() == name);
    if let Some(channel) = exact(name) {
        return vec![channel];
    }
    let sides = if name == "eyelid" {
        ["eyelid_left", "eyelid_right"].map(str::to_owned)
    } else {
        ["Left", "Right"].map(|side| format!("{name}{side}"))
    };
    // `jaw` and `mouth` are no pairs: jawLeft moves the jaw to the left.
    if ["jaw", "mouth"].contains(&name) {
        return Vec::new();
    }
    sides.iter().filter_map(|side| exact(side)).collect()
}

/// Every name that `pose_channels` knows.
fn names() -> impl Iterator<Item = &'static str> {
    let stems = Shape::ALL.into_iter().filter_map(|shape| shape.name().strip_suffix("Left"));
    let pairs = stems.filter(|stem| pose_channels(stem).len() == 2).chain(["eyelid"]);
    pairs.chain(Channel::all().map(Channel::name))
}

/// What can be written for a channel; values in between two keys may overshoot.
fn range(channel: Channel) -> RangeInclusive<f64> {
    match channel {
        Channel::Shape(_) => -2.0..=2.0,
        Channel::Head(_) => -90.0..=90.0,
        Channel::Flame(flame) if FlameChannel::EXPRESSION.contains(&flame.index()) => -20.0..=20.0,
        Channel::Flame(flame) if FlameChannel::EYELIDS.contains(&flame.index()) => -2.0..=2.0,
        Channel::Flame(_) => -1.5..=1.5,
    }
}

fn unit(channel: Channel) -> &'static str {
    match channel {
        Channel::Head(_) => " degrees",
        Channel::Flame(flame) if FlameChannel::JAW.contains(&flame.index()) => " radians",
        _ => "",
    }
}

fn value(node: &Node, channel: Channel, report: &mut Report) -> Option<f64> {
    let range = range(channel);
    let expected = format!("a number from {} to {}{}", range.start(), range.end(), unit(channel));
    match node.scalar().map(|scalar| scalar.meaning()) {
        Some(Meaning::Number(value)) if range.contains(&value) => Some(value),
        _ => {
            report.unexpected(node, &expected);
            None
        }
    }
}

impl PoseText {
    /// The pose in words: the formula, or the channels with their values.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Formula { text, .. } => text.clone(),
            Self::Channels(channels) => {
                let values = channels.iter().map(|(channel, value)| format!("{} {value}", channel.name()));
                values.collect::<Vec<_>>().join(", ")
            }
        }
    }

    fn entry(entry: &Entry, channels: &mut Vec<(Channel, f64)>, report: &mut Report) {
        if entry.name == "exp" {
            return Self::components(&entry.value, channels, report);
        }
        let meant = pose_channels(&entry.name);
        let Some(first) = meant.first() else {
            let nearest = nearest_name(&entry.name, names().chain(["exp"]));
            let hint = match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => {
                    "write ARKit names such as jawOpen or mouthSmile, FLAME names such as jaw_x, or head_yaw".to_owned()
                }
            };
            report.error(entry.key, format!("there is no channel `{}`", entry.name)).hint(hint);
            return;
        };
        if let Some(value) = value(&entry.value, *first, report) {
            channels.extend(meant.into_iter().map(|channel| (channel, value)));
        }
    }

    /// `exp: [...]`, FLAME's expression components from the first on.
    fn components(node: &Node, channels: &mut Vec<(Channel, f64)>, report: &mut Report) {
        let Value::List(items) = node.value() else {
            return report.unexpected(node, "a list of FLAME's expression components");
        };
        if items.len() > FlameChannel::EXPRESSION.len() {
            let message =
                format!("found {} components, expected at most {}", items.len(), FlameChannel::EXPRESSION.len());
            report.error(node.span(), message);
            return;
        }
        let all = FlameChannel::all().map(Channel::Flame);
        channels
            .extend(items.iter().zip(all).filter_map(|(item, channel)| Some((channel, value(item, channel, report)?))));
    }
}

impl FromNode for PoseText {
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        match node.value() {
            Value::Map(entries) => {
                let mut channels: Vec<(Channel, f64)> = Vec::new();
                for entry in entries.iter().filter(|entry| !entry.is_extension()) {
                    let before = channels.len();
                    Self::entry(entry, &mut channels, report);
                    let twice =
                        channels[before..].iter().find(|new| channels[..before].iter().any(|old| old.0 == new.0));
                    if let Some((channel, _)) = twice {
                        let message = format!("`{}` is said twice, by `{}` and before", channel.name(), entry.name);
                        report.error(entry.key, message).hint("write the pair's name or the sides' names");
                        channels.truncate(before);
                    }
                }
                Some(Self::Channels(channels))
            }
            Value::Scalar(scalar) if matches!(scalar.meaning(), Meaning::Text(_)) => {
                let text = scalar.text.clone();
                Formula::read(node, report).map(|formula| Self::Formula { formula, text })
            }
            Value::Reported => None,
            _ => {
                let message = format!("found {}, expected an expression", found(node));
                report
                    .wrong(node, message)
                    .hint("write `delight*0.6 + doubt`, or channels: {jawOpen: 0.4, mouthSmile: 0.8}");
                None
            }
        }
    }

    fn schema(types: &mut Definitions) -> Schema {
        types.define("Pose", || {
            let mut keys: Vec<&str> = names().chain(["exp"]).collect();
            keys.sort_unstable();
            json!({
                "description": "A face: a formula of expressions such as `delight*0.6 + mirror(doubt)`, or channels and \
                    their values. ARKit's coefficients are 0 to 1, head angles are degrees, FLAME's jaw is in radians.",
                "anyOf": [
                    {"type": "string"},
                    {
                        "type": "object",
                        "properties": {"exp": {
                            "type": "array",
                            "description": "FLAME's expression components from the first on.",
                            "items": {"type": "number", "minimum": -20, "maximum": 20},
                            "maxItems": FlameChannel::EXPRESSION.len(),
                        }},
                        "patternProperties": {"^x-": true},
                        "propertyNames": {"anyOf": [{"enum": keys}, {"pattern": "^x-"}]},
                        "additionalProperties": {"type": "number", "minimum": -90, "maximum": 90},
                    },
                ],
            })
        })
    }
}
