//! Values that are written as on the command line.

use moue_diffusion::SchedulerKind;
use moue_document::{Definitions, FromNode, Node, Report, Schema, Written, read_written};
use moue_timeline::{FrameRate, Gains, Smoothing};
use serde_json::json;

use crate::{Compose, Framing, HistoryMode, NoiseMode, Share, Size};

/// A value that is written as on the command line, as one word or number.
#[derive(Clone, Debug, PartialEq)]
pub struct Word<T>(pub T);

/// What a [`Word`] is.
pub trait Worded: std::str::FromStr {
    /// As in "expected a frame rate".
    const EXPECTED: &'static str;
    /// Examples, or all of them.
    const EXAMPLES: &'static [&'static str];
}

impl Worded for Framing {
    const EXPECTED: &'static str = "`whole`, `head` or `face`";
    const EXAMPLES: &'static [&'static str] = &["whole", "head", "face"];
}

impl Worded for Compose {
    const EXPECTED: &'static str = "`crop` or `paste`";
    const EXAMPLES: &'static [&'static str] = &["crop", "paste"];
}

impl Worded for Size {
    const EXPECTED: &'static str = "a size such as 1280x720, or `source`";
    const EXAMPLES: &'static [&'static str] = &["source", "512x512", "1280x720"];
}

impl Worded for FrameRate {
    const EXPECTED: &'static str = "a frame rate such as 25";
    const EXAMPLES: &'static [&'static str] = &["25", "29.97", "30000/1001"];
}

impl Worded for Gains {
    const EXPECTED: &'static str = "factors such as jawOpen=1.2,head=0";
    const EXAMPLES: &'static [&'static str] = &["jawOpen=1.2,head=0"];
}

impl Worded for Smoothing {
    const EXPECTED: &'static str = "`off`, `light` or `strong`";
    const EXAMPLES: &'static [&'static str] = &["off", "light", "strong"];
}

impl Worded for SchedulerKind {
    const EXPECTED: &'static str = "`dpmpp-2m`, `ddim`, `euler` or `lcm`";
    const EXAMPLES: &'static [&'static str] = &["dpmpp-2m", "ddim", "euler", "lcm"];
}

impl Worded for NoiseMode {
    const EXPECTED: &'static str = "`shared`, `carried` or `independent`";
    const EXAMPLES: &'static [&'static str] = &["shared", "carried", "independent"];
}

impl Worded for HistoryMode {
    const EXPECTED: &'static str = "`none` or `keyframe`";
    const EXAMPLES: &'static [&'static str] = &["none", "keyframe"];
}

impl Worded for Share {
    const EXPECTED: &'static str = "a part of all frames such as 1/4";
    const EXAMPLES: &'static [&'static str] = &["1/4", "0.25"];
}

impl<T: Worded> Written for Word<T>
where
    T::Err: ToString,
{
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: T::Err| error.to_string())
    }

    fn text_schema() -> Schema {
        json!({"type": ["string", "number"], "examples": T::EXAMPLES})
    }
}

impl<T: Worded> FromNode for Word<T>
where
    T::Err: ToString,
{
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        read_written(node, report)
    }

    fn schema(_: &mut Definitions) -> Schema {
        Self::text_schema()
    }
}
