//! The outputs of a preset.

use std::path::Path;

use moue_document::{Entry, Node, Report, Schema, Value, Written, mapping};
use moue_media::{EncoderSettings, LiveSettings};
use serde_json::json;

use super::encoder::{Encoded, EncoderText};
use crate::live::{GST, Target, TargetKind};

mapping! {
    /// One output of a preset. A name alone stands for `to`.
    pub struct PresetOutput short to {
        /// Where it goes, as after `-o`; `{portrait}` and `{motion}` stand for those files' names without folder and
        /// ending. A text that begins with `gst:` is an output in GStreamer's own words.
        pub to: OutputTemplate,
        /// How it is encoded.
        pub encoder: Option<EncoderText>,
    }
}

impl PresetOutput {
    /// How a file is encoded.
    pub fn file_settings(&self) -> EncoderSettings {
        self.encoder.as_ref().map(EncoderText::file_settings).unwrap_or_default()
    }

    /// How a stream is encoded.
    pub fn live_settings(&self) -> LiveSettings {
        self.encoder.as_ref().map(EncoderText::live_settings).unwrap_or_default()
    }

    /// Reports settings that mean nothing for this output; `node` is what it was read from.
    pub(super) fn check(&self, node: &Node, report: &mut Report) {
        let Some(encoder) = &self.encoder else { return };
        let (of, what, hint) = match self.to.kind() {
            TargetKind::File(kind) if kind.holds_sound() => {
                (Encoded::File, "a file", "a file has `crf`, a stream `bitrate_kbps`")
            }
            TargetKind::Stream(_) => (Encoded::Stream, "a stream", "a stream has `bitrate_kbps`, a file `crf`"),
            TargetKind::File(_) | TargetKind::Page | TargetKind::Raw => (Encoded::Not, "this output", "leave it out"),
        };
        let entries = entry(node, "encoder").map(|encoder| &encoder.value);
        for key in encoder.unfit(of) {
            let message = format!("`{key}` means nothing for {what}");
            let place = entries.and_then(|node| entry(node, key)).map_or(node.span(), |entry| entry.key);
            report.error(place, message).hint(hint);
        }
    }
}

/// What stands under a key.
pub(super) fn entry<'a>(node: &'a Node, key: &str) -> Option<&'a Entry> {
    match node.value() {
        Value::Map(entries) => entries.iter().find(|entry| entry.name == key),
        _ => None,
    }
}

/// The name of an output with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputTemplate {
    text: String,
    kind: TargetKind,
}

impl OutputTemplate {
    /// What kind of output it names.
    pub fn kind(&self) -> TargetKind {
        self.kind
    }

    /// The name for a portrait and a motion.
    pub fn fill(&self, portrait: &Path, motion: &Path) -> String {
        let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.text.replace("{portrait}", &stem(portrait)).replace("{motion}", &stem(motion))
    }
}

impl std::str::FromStr for OutputTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.replace("{portrait}", "portrait").replace("{motion}", "motion");
        if let Some((_, after)) = bare.split_once('{').filter(|_| !bare.starts_with(GST)) {
            let name = after.split('}').next().unwrap_or_default();
            return Err(format!("found the placeholder {{{name}}}, expected {{portrait}} or {{motion}}"));
        }
        let kind = Target::parse(&bare).map_err(|error| error.to_string())?.kind();
        Ok(Self { text: text.to_owned(), kind })
    }
}

impl Written for OutputTemplate {
    const EXPECTED: &'static str = "the name of an output such as {portrait}.mp4";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn text_schema() -> Schema {
        json!({"type": "string", "examples": ["{portrait}-{motion}.mp4", "frames/", "rtmp://localhost/live/preview", "preview://127.0.0.1:8080"]})
    }
}

moue_document::written!(OutputTemplate);
