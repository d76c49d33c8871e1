//! Values of one word or number.

use moue_document::{Definitions, FromNode, Meaning, Node, Report, Schema, Value, Written};
use moue_timeline::{ChannelSet, Easing, FrameRate, Gains, parse_time};
use serde_json::json;

use crate::TransitionKind;

/// Longest time, in seconds: a day.
const MAX_SECONDS: f64 = 86_400.0;
/// Every form of a time.
const TIME_PATTERN: &str = r"^\s*([0-9]*\.?[0-9]+ ?(s|ms)?|[0-9]+ ?f|([0-9]+:)?[0-9]+:[0-9]+(\.[0-9]*)?)\s*$";
const TIME_EXAMPLES: [&str; 4] = ["1.2s", "800ms", "30f", "00:01:02.5"];

/// A time as it is written: nanoseconds and, apart from them, frames of the board's rate, so that `30f` is frame 30
/// at any rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Time {
    pub ns: u64,
    pub frames: u64,
}

impl Time {
    pub(crate) const fn from_millis(millis: u64) -> Self {
        Self { ns: millis * 1_000_000, frames: 0 }
    }
}

impl Written for Time {
    const EXPECTED: &'static str = "a time such as 1.2s, 800ms, 30f or 00:01:02.5";

    fn from_text(text: &str) -> Result<Self, String> {
        // Any rate will do to read a text; frames are counted apart.
        const COUNTED: FrameRate = FrameRate::FPS_25;
        let seconds = parse_time(text, Some(COUNTED)).map_err(|error| error.to_string())?;
        if seconds > MAX_SECONDS {
            return Err(format!("time '{}': longer than a day", text.trim()));
        }
        let frames = text.trim().strip_suffix('f').and_then(|frames| frames.trim_end().parse().ok());
        Ok(match frames {
            Some(frames) => Self { ns: 0, frames },
            // A day in nanoseconds is exact in f64.
            None => Self { ns: (seconds * 1e9).round() as u64, frames: 0 },
        })
    }

    fn text_schema() -> Schema {
        json!({
            "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": TIME_PATTERN}],
            "examples": TIME_EXAMPLES,
        })
    }
}

/// How long a shot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Time(Time),
    Sound,
    Motion,
}

impl Written for Length {
    const EXPECTED: &'static str = "a time, `sound` or `motion`";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "sound" => Ok(Self::Sound),
            "motion" => Ok(Self::Motion),
            _ => Time::from_text(text).map(Self::Time),
        }
    }

    fn text_schema() -> Schema {
        json!({
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"enum": ["sound", "motion"]},
                {"type": "string", "pattern": TIME_PATTERN},
            ],
        })
    }
}

/// Frames per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fps(pub FrameRate);

impl Written for Fps {
    const EXPECTED: &'static str = "frames per second";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: moue_timeline::FrameRateError| error.to_string())
    }

    fn text_schema() -> Schema {
        json!({
            "anyOf": [
                {"type": "number", "minimum": 0.1, "maximum": 1000},
                {"type": "string", "pattern": "^ *[0-9]+ */ *[0-9]+ *$"},
            ],
            "examples": [25, 29.97, "30000/1001"],
        })
    }
}

/// The size of the film's pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputSize {
    /// That of the first shot's portrait.
    Source,
    /// So many pixels.
    Pixels {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
}

impl Written for OutputSize {
    const EXPECTED: &'static str = "`source` or WIDTHxHEIGHT";

    fn from_text(text: &str) -> Result<Self, String> {
        const SIDES: std::ops::RangeInclusive<u32> = 16..=8192;
        if text == "source" {
            return Ok(Self::Source);
        }
        let wrong = || format!("found `{text}`, expected `source` or WIDTHxHEIGHT in pixels, e.g. 1280x720");
        let (width, height) = text.split_once(['x', 'X']).ok_or_else(wrong)?;
        let side = |side: &str| side.trim().parse::<u32>().map_err(|_| wrong());
        let (width, height) = (side(width)?, side(height)?);
        match [width, height].into_iter().find(|side| !SIDES.contains(side) || side % 2 == 1) {
            Some(side) => Err(format!(
                "found a side of {side} pixels, expected an even number from {} to {}",
                SIDES.start(),
                SIDES.end()
            )),
            None => Ok(Self::Pixels { width, height }),
        }
    }

    fn text_schema() -> Schema {
        json!({"type": "string", "pattern": "^(source|[0-9]+ *[xX] *[0-9]+)$", "examples": ["source", "1280x720"]})
    }
}

/// A colour, red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour(pub [u8; 3]);

impl Written for Colour {
    const EXPECTED: &'static str = "a colour";

    fn from_text(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('#').unwrap_or_default();
        let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        let colour = match text {
            "black" => Some([0; 3]),
            "white" => Some([255; 3]),
            "grey" => Some([128; 3]),
            _ if digits.len() == 6 && digits.is_ascii() => {
                byte(0).zip(byte(2)).zip(byte(4)).map(|((r, g), b)| [r, g, b])
            }
            _ => None,
        };
        let wrong = || format!("found `{text}`, expected a colour\nhint: write black, white, grey or \"#rrggbb\"");
        colour.map(Self).ok_or_else(wrong)
    }

    fn text_schema() -> Schema {
        json!({"type": "string", "pattern": "^(black|white|grey|#[0-9a-fA-F]{6})$"})
    }
}

/// A file's name, relative to the file it is written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilePath(pub String);

impl Written for FilePath {
    const EXPECTED: &'static str = "a file's name";

    fn from_text(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("found an empty text, expected a file's name".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    fn text_schema() -> Schema {
        json!({"type": "string", "minLength": 1})
    }
}

/// A transition and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TransitionText {
    pub kind: TransitionKind,
    pub length: Time,
}

impl Written for TransitionText {
    const EXPECTED: &'static str = "`cut`, `fade TIME` or `dissolve TIME`";

    fn from_text(text: &str) -> Result<Self, String> {
        let (name, length) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let kind = match name {
            "cut" if length.is_empty() => return Ok(Self { kind: TransitionKind::Cut, length: Time::default() }),
            "cut" => return Err("a cut has no length\nhint: write `cut`, `fade 1s` or `dissolve 1s`".to_owned()),
            "fade" => TransitionKind::Fade,
            "dissolve" => TransitionKind::Dissolve,
            _ => return Err(format!("found `{text}`, expected {}\nhint: write `fade 0.5s`", Self::EXPECTED)),
        };
        if length.is_empty() {
            return Err(format!("found `{name}` without a length\nhint: write `{name} 0.5s`"));
        }
        Ok(Self { kind, length: Time::from_text(length)? })
    }

    fn text_schema() -> Schema {
        json!({"type": "string", "pattern": "^(cut|(fade|dissolve) .+)$", "examples": ["cut", "fade 0.5s", "dissolve 1s"]})
    }
}

/// Factors on channels, `NAME=FACTOR,...`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GainsText(pub Gains);

impl Written for GainsText {
    const EXPECTED: &'static str = "factors such as `jawOpen=1.2,head=0`";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: moue_timeline::GainsError| error.to_string())
    }

    fn text_schema() -> Schema {
        json!({"type": "string", "pattern": "=", "examples": ["jawOpen=1.2,mouthSmile=0.8,head=0"]})
    }
}

moue_document::written!(Time, Length, Fps, OutputSize, Colour, FilePath, TransitionText, GainsText);

/// How channels go from one key to the next: one easing for all, or easings by names of channels and regions. Names
/// that come later count more.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EaseText(pub Vec<(ChannelSet, Easing)>);

fn easing(node: &Node, report: &mut Report) -> Option<Easing> {
    let Some(scalar) = node.scalar() else {
        report.unexpected(node, "an easing such as ease-in-out");
        return None;
    };
    scalar.text.parse().map_err(|error: moue_timeline::EasingError| report.wrong(node, error.to_string())).ok()
}

fn channels(name: &str) -> Result<ChannelSet, String> {
    name.parse().map_err(|error: moue_timeline::ChannelSetError| error.to_string())
}

impl FromNode for EaseText {
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        let Value::Map(entries) = node.value() else {
            let all = channels("all").ok()?;
            return easing(node, report).map(|easing| Self(vec![(all, easing)]));
        };
        let mut read = Vec::new();
        for entry in entries.iter().filter(|entry| !entry.is_extension()) {
            let set = channels(&entry.name).map_err(|message| report.error(entry.key, message)).ok();
            read.extend(set.zip(easing(&entry.value, report)));
        }
        Some(Self(read))
    }

    fn schema(types: &mut Definitions) -> Schema {
        let one = types.define("Easing", || {
            json!({
                "description": "How a value goes from one key to the next: a CSS easing, hold or spring.",
                "anyOf": [
                    {"enum": Easing::NAMES},
                    {"type": "string", "pattern": r"^(cubic-bezier|steps|spring)\(.*\)$"},
                ],
            })
        });
        json!({"anyOf": [one, {"type": "object", "additionalProperties": one}]})
    }
}

/// Automatic blinks: none, or their mean distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Blink {
    Off,
    Every(Time),
}

impl FromNode for Blink {
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        match node.scalar().map(|scalar| scalar.meaning()) {
            Some(Meaning::Bool(false)) => return Some(Self::Off),
            Some(Meaning::Bool(true)) => return Some(Self::Every(Time::from_millis(4000))),
            _ => {}
        }
        let time: Time = moue_document::read_written(node, report)?;
        // Frames are at most a tenth of a second long at these rates, so a time in frames is checked as if at 25.
        let seconds = time.ns as f64 * 1e-9 + time.frames as f64 * 0.04;
        if !(0.5..=600.0).contains(&seconds) {
            report
                .wrong(node, "expected a mean distance from 0.5s to 10:00")
                .hint("`blink: false` switches blinks off");
            return None;
        }
        Some(Self::Every(time))
    }

    fn schema(_: &mut Definitions) -> Schema {
        json!({"anyOf": [{"type": "boolean"}, Time::text_schema()]})
    }
}

/// Small movements of a face that does nothing: how large, where 1 is usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Idle(pub f64);

impl FromNode for Idle {
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        match node.scalar().map(|scalar| scalar.meaning()) {
            Some(Meaning::Bool(on)) => Some(Self(f64::from(u8::from(on)))),
            Some(Meaning::Number(amount)) if (0.0..=3.0).contains(&amount) => Some(Self(amount)),
            _ => {
                report.unexpected(node, "true, false or an amount from 0 to 3");
                None
            }
        }
    }

    fn schema(_: &mut Definitions) -> Schema {
        json!({"anyOf": [{"type": "boolean"}, {"type": "number", "minimum": 0, "maximum": 3}]})
    }
}
