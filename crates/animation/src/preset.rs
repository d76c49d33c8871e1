//! Run presets: everything about a run but its portrait and its motion, in YAML.

use std::path::Path;

use moue_diffusion::SchedulerKind;
use moue_media::{EncoderSettings, Output, OutputKind};
use moue_timeline::{FrameRate, Gains, Interpolation, nearest_name};
use serde::{Deserialize, Deserializer};

use crate::{
    Framing, RendererKind, Size,
    yaml::{self, Scalar, YamlError, deserialize_scalar},
};

/// Presets that are part of the program: name and text.
const BUILT_IN: [(&str, &str); 2] = [
    ("mesh-mp4", include_str!("../../../pipelines/mesh-mp4.yaml")),
    ("diffusion-mp4", include_str!("../../../pipelines/diffusion-mp4.yaml")),
];

/// Everything about a run but its portrait and its motion. What is absent is left to the command line's defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunPreset {
    /// The format's version.
    #[serde(rename = "moue")]
    pub version: FormatVersion,
    /// What it is for, in a sentence.
    pub description: Option<String>,
    /// Which renderer draws.
    pub renderer: Option<RendererKind>,
    /// Which part of the portrait is shown.
    pub framing: Option<Written<Framing>>,
    /// Size of the output.
    pub size: Option<Written<Size>>,
    /// Frames per second.
    pub fps: Option<Written<FrameRate>>,
    /// How the motion is evaluated between its rows.
    pub interpolation: Option<InterpolationName>,
    /// Whether coefficients are added to those measured in the portrait.
    pub relative: Option<bool>,
    /// Factors on the motion's channels, as `--gain` takes them.
    pub gain: Option<Written<Gains>>,
    /// Seed of the renderer's noise.
    pub seed: Option<u64>,
    /// How the diffusion renderer paints.
    #[serde(default)]
    pub diffusion: PresetPainting,
    /// What is written.
    #[serde(default)]
    pub outputs: Vec<PresetOutput>,
}

/// How the diffusion renderer paints, in a preset.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresetPainting {
    /// The noise scheduler.
    pub scheduler: Option<Written<SchedulerKind>>,
    /// Denoising steps of a frame.
    pub steps: Option<usize>,
    /// Classifier-free guidance.
    pub guidance: Option<f64>,
    /// Weight of the expression.
    pub expression_scale: Option<f64>,
    /// Weight of the reference adapter.
    pub reference_scale: Option<f64>,
}

/// One output of a preset.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresetOutput {
    /// Where it goes; `{portrait}` and `{motion}` stand for those files' stems.
    pub to: Written<OutputTemplate>,
    /// How it is encoded.
    #[serde(default)]
    pub encoder: EncoderSettings,
}

/// The preset format's version: 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatVersion;

impl TryFrom<Scalar<'_>> for FormatVersion {
    type Error = String;

    fn try_from(value: Scalar<'_>) -> Result<Self, String> {
        match value {
            Scalar::Number(1.0) => Ok(Self),
            other => Err(format!("found format version {other}, expected 1, the only one this build knows")),
        }
    }
}

impl<'de> Deserialize<'de> for FormatVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_scalar(deserializer)
    }
}

/// A value that is written like on the command line, as one word or number.
#[derive(Clone, Debug, PartialEq)]
pub struct Written<T>(pub T);

impl<T: std::str::FromStr> TryFrom<Scalar<'_>> for Written<T>
where
    T::Err: ToString,
{
    type Error = String;

    fn try_from(value: Scalar<'_>) -> Result<Self, String> {
        value.to_string().parse().map(Self).map_err(|error: T::Err| error.to_string())
    }
}

impl<'de, T: std::str::FromStr> Deserialize<'de> for Written<T>
where
    T::Err: ToString,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_scalar(deserializer)
    }
}

/// How the motion is evaluated between its rows, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "moue_timeline::Interpolation describes them")]
pub enum InterpolationName {
    Linear,
    MonotoneCubic,
}

impl From<InterpolationName> for Interpolation {
    fn from(name: InterpolationName) -> Self {
        match name {
            InterpolationName::Linear => Self::Linear,
            InterpolationName::MonotoneCubic => Self::MonotoneCubic,
        }
    }
}

/// The name of an output with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputTemplate {
    text: String,
    kind: OutputKind,
}

impl OutputTemplate {
    /// What kind of output it names.
    pub fn kind(&self) -> OutputKind {
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
        if let Some((_, after)) = bare.split_once('{') {
            let name = after.split('}').next().unwrap_or_default();
            return Err(format!("found the placeholder {{{name}}}, expected {{portrait}} or {{motion}}"));
        }
        let kind = Output::parse(&bare).map_err(|error| error.to_string())?.kind();
        Ok(Self { text: text.to_owned(), kind })
    }
}

/// Why there is no preset.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    /// No built-in preset of that name, nor a file.
    #[error("there is no preset '{name}'\nhint: {hint}")]
    Unknown {
        /// As asked for.
        name: String,
        /// The names that there are.
        hint: String,
    },
    /// The file could not be read.
    #[error("{path}: cannot read the preset: {source}")]
    Read {
        /// The file.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is not a preset.
    #[error(transparent)]
    Yaml(#[from] YamlError),
}

impl RunPreset {
    /// Names of the presets that are part of the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.into_iter().map(|(name, _)| name)
    }

    /// The built-in preset of that name, or the preset in that file: a name with a dot or a slash is a file.
    ///
    /// # Errors
    /// An unknown name, an unreadable file, or whatever is wrong in it.
    pub fn load(name: &str) -> Result<Self, PresetError> {
        if let Some((name, text)) = BUILT_IN.into_iter().find(|(known, _)| *known == name) {
            return Ok(Self::parse(&format!("pipelines/{name}.yaml"), text)?);
        }
        if !name.contains(['.', '/']) {
            let names: Vec<&str> = Self::names().collect();
            let nearest = nearest_name(name, names.iter().copied());
            let meant = nearest.map(|nearest| format!("did you mean '{nearest}'? ")).unwrap_or_default();
            let hint = format!("{meant}presets: {}; or give a file, e.g. ./{name}.yaml", names.join(", "));
            return Err(PresetError::Unknown { name: name.to_owned(), hint });
        }
        let read = |source| PresetError::Read { path: name.to_owned(), source };
        // Looked at before reading: a preset is small, and a wrong name may be a video or a device.
        let size = std::fs::metadata(name).map_err(read)?.len();
        if size > yaml::MAX_FILE_BYTES as u64 {
            return Err(yaml::too_long(name, size).into());
        }
        let text = std::fs::read_to_string(name).map_err(read)?;
        Ok(Self::parse(name, &text)?)
    }

    /// Reads a preset's text; `file` is named in errors.
    ///
    /// # Errors
    /// Whatever is wrong in it, with its place.
    pub fn parse(file: &str, text: &str) -> Result<Self, YamlError> {
        yaml::parse(file, text)
    }

    /// How an output of a kind is encoded: like the preset's first of that kind.
    pub fn encoder_for(&self, kind: OutputKind) -> Option<EncoderSettings> {
        self.outputs.iter().find(|output| output.to.0.kind() == kind).map(|output| output.encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        RunPreset::parse("p.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn every_built_in_preset_can_be_read_and_says_what_it_is_for() {
        for name in RunPreset::names() {
            let preset = RunPreset::load(name).unwrap();
            assert!(preset.description.is_some(), "{name}");
            assert!(!preset.outputs.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_preset_says_everything_that_the_command_line_can() {
        let preset = RunPreset::parse(
            "p.yaml",
            "moue: 1\nrenderer: mesh\nframing: head\nsize: 640x480\nfps: 29.97\ninterpolation: monotone-cubic\n\
             relative: true\ngain: jawOpen=1.2,head=0\nseed: 7\ndiffusion:\n  scheduler: euler\n  steps: 30\noutputs:\n- to: out/{portrait}_{motion}.webm\n",
        )
        .unwrap();
        assert_eq!(preset.framing, Some(Written(Framing::Head)));
        assert_eq!(preset.size, Some(Written(Size::Pixels { width: 640, height: 480 })));
        assert_eq!(preset.fps, Some(Written(FrameRate::new(30000, 1001).unwrap())));
        assert_eq!(preset.interpolation.map(Interpolation::from), Some(Interpolation::MonotoneCubic));
        assert_eq!(preset.diffusion.scheduler, Some(Written(SchedulerKind::Euler)));
        assert_eq!(preset.diffusion.steps, Some(30));
        let to = &preset.outputs[0].to.0;
        assert_eq!(to.fill(Path::new("a/me.jpg"), Path::new("take 1.csv")), "out/me_take 1.webm");
        assert!(preset.encoder_for(OutputKind::Webm).is_some());
        assert!(preset.encoder_for(OutputKind::Mp4).is_none());
    }

    #[test]
    fn mistakes_are_placed() {
        let text = message("moue: 1\nfps: fast\n");
        assert!(text.starts_with("p.yaml:2:6: fps: frame rate 'fast': expected"), "{text}");
        assert!(text.contains("\n  2 | fps: fast\n    |      ^^^^\n"), "{text}");
        assert!(text.contains("hint: write 25"), "{text}");

        let text = message("moue: 2\n");
        assert!(text.starts_with("p.yaml:1:7: moue: found format version 2, expected 1"), "{text}");

        let text = message("moue: 1\noutputs:\n  - to: a.mp4\n    encoder:\n      speed: fast\n      crf: 70\n");
        assert!(text.starts_with("p.yaml:6:7: outputs[0].encoder: crf 70"), "{text}");

        let text = message("moue: 1\noutputs:\n  - to: \"{potrait}.mp4\"\n");
        assert!(text.starts_with("p.yaml:3:9:") && text.contains("{potrait}"), "{text}");

        let text = message("moue: 1\noutputs:\n  - to: a.avi\n");
        assert!(text.starts_with("p.yaml:3:9:"), "{text}");

        let text = message("moue: 1\nrenderer: mash\n");
        assert!(text.contains("did you mean `mesh`?"), "{text}");
    }

    #[test]
    fn an_unknown_preset_is_answered_with_those_there_are() {
        let text = RunPreset::load("mesh-mp5").unwrap_err().to_string();
        assert!(text.contains("did you mean 'mesh-mp4'?"), "{text}");
        let text = RunPreset::load("rtmp").unwrap_err().to_string();
        assert!(text.contains("presets: mesh-mp4, diffusion-mp4"), "{text}");
        assert!(RunPreset::load("./nowhere.yaml").unwrap_err().to_string().starts_with("./nowhere.yaml: cannot read"));
    }
}
