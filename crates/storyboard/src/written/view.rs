//! Which part of a portrait is seen, and how that changes.

use moue_document::{Definitions, Entry, FromNode, Located, Node, Report, Schema, Value, mapping};
use serde_json::json;

use super::EaseText;

/// A part of a portrait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Which part.
    pub region: Region,
    /// How many times nearer it is seen, about its centre; 0.1 to 10.
    pub zoom: f64,
}

/// A named or given part of a portrait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Region {
    /// The whole picture.
    Whole,
    /// A square around the head with room for hair and shoulders.
    Head,
    /// The face aligned as the diffusion model was trained on it: an upright square.
    Face,
    /// A rectangle: left, top, width and height as shares of the picture's sides.
    Crop([f64; 4]),
}

impl View {
    /// The whole picture.
    pub const WHOLE: Self = Self { region: Region::Whole, zoom: 1.0 };
    /// The aligned face.
    pub const FACE: Self = Self { region: Region::Face, zoom: 1.0 };

    fn from_text(text: &str) -> Result<Self, String> {
        let (name, zoom) = match text.split_once('*') {
            Some((name, zoom)) => (name.trim(), Some(zoom.trim())),
            None => (text.trim(), None),
        };
        let region = match name {
            "whole" => Region::Whole,
            "head" => Region::Head,
            "face" => Region::Face,
            _ => {
                let nearest = moue_timeline::nearest_name(name, ["whole", "head", "face"]);
                let hint = nearest
                    .map_or("write `head`, `head*1.2` (nearer) or [left, top, width, height]".to_owned(), |name| {
                        format!("did you mean `{name}`?")
                    });
                return Err(format!("found `{name}`, expected `whole`, `head`, `face` or a crop\nhint: {hint}"));
            }
        };
        let wrong = |zoom| format!("found `{zoom}` after `*`, expected how many times nearer, from 0.1 to 10");
        let zoom = match zoom {
            Some(zoom) => zoom.parse().ok().filter(|times| (0.1..=10.0).contains(times)).ok_or_else(|| wrong(zoom))?,
            None => 1.0,
        };
        Ok(Self { region, zoom })
    }
}

impl FromNode for View {
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        if let Value::List(_) = node.value() {
            let sides = Vec::<Located<f64>>::from_node(node, report)?;
            let sides: Vec<f64> = sides.into_iter().map(|side| side.value).collect();
            let &[left, top, width, height] = sides.as_slice() else {
                report.wrong(node, "expected four numbers: left, top, width and height");
                return None;
            };
            let inside = |start: f64, length: f64| start >= 0.0 && length >= 0.01 && start + length <= 1.0 + 1e-9;
            if !inside(left, width) || !inside(top, height) {
                let error = report.wrong(node, "this crop is not a part of the picture");
                error.hint(
                    "left, top, width and height are shares of the picture: [0.25, 0, 0.5, 0.5] is its upper middle",
                );
                return None;
            }
            return Some(Self { region: Region::Crop([left, top, width, height]), zoom: 1.0 });
        }
        let Some(scalar) = node.scalar() else {
            report.unexpected(node, "`whole`, `head`, `face` or a crop");
            return None;
        };
        Self::from_text(&scalar.text).map_err(|message| report.wrong(node, message)).ok()
    }

    fn schema(types: &mut Definitions) -> Schema {
        types.define("View", || {
            json!({
                "description": "A part of the portrait: whole, head, face, each with `*1.2` for 1.2 times nearer, or a \
                    crop [left, top, width, height] in shares of the picture.",
                "anyOf": [
                    {"type": "string", "pattern": r"^(whole|head|face)( *\* *[0-9.]+)?$"},
                    {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}, "minItems": 4, "maxItems": 4},
                ],
            })
        })
    }
}

mapping! {
    /// Which part of the portrait is seen; with `to`, a slow move during the shot. On one line: `head`, or
    /// `whole to head*1.2`.
    pub(crate) struct FramingText line framing_line or View {
        /// What is seen at the start of the shot.
        pub from: Option<View>,
        /// What is seen at its end.
        pub to: Option<View>,
        /// How it gets there; ease-in-out unless told.
        pub ease: Option<EaseText>,
    }
}

/// `VIEW` or `VIEW to VIEW`.
fn framing_line(node: &Node, report: &mut Report) -> Option<Node> {
    let entry =
        |name: &str, value: Node| Entry { name: name.to_owned(), key: value.span(), value, commented_out: false };
    let Some(scalar) = node.scalar() else {
        // A crop is a view by itself.
        if matches!(node.value(), Value::List(_)) {
            return Some(Node::mapping(node.span(), vec![entry("from", node.clone())]));
        }
        report.unexpected(node, "a view such as `head`");
        return None;
    };
    let text = &scalar.text;
    let entries = match text.find(" to ") {
        Some(at) => vec![entry("from", node.slice(0..at)), entry("to", node.slice(at + 4..text.len()))],
        None => vec![entry("from", node.clone())],
    };
    Some(Node::mapping(node.span(), entries))
}
