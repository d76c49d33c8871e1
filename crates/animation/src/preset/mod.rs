//! Run presets: everything about a run but its portrait and its motion, in YAML.

mod encoder;
mod output;
mod word;

use moue_diffusion::SchedulerKind;
use moue_document::{
    Diagnostics, FormatVersion, FromNode, Node, Report, Schema, Sources, Value, mapping, parse, schema, words,
};
use moue_timeline::{FrameRate, Gains, Interpolation, Smoothing, nearest_name};

pub use self::encoder::{CodecName, EncoderName, EncoderText, SpeedName};
pub use self::output::{OutputTemplate, PresetOutput};
pub use self::word::{Word, Worded};
use crate::live::TargetKind;
use crate::{AskedConditioning, Compose, Framing, HistoryMode, Keyframing, NoiseMode, RendererKind, Share, Size};

/// Presets that are part of the program: name and text.
const BUILT_IN: [(&str, &str); 8] = [
    ("mesh-mp4", include_str!("../../../../pipelines/mesh-mp4.yaml")),
    ("diffusion-mp4", include_str!("../../../../pipelines/diffusion-mp4.yaml")),
    ("rtmp-preview", include_str!("../../../../pipelines/rtmp-preview.yaml")),
    ("rtmp-1080p", include_str!("../../../../pipelines/rtmp-1080p.yaml")),
    ("hls", include_str!("../../../../pipelines/hls.yaml")),
    ("browser-preview", include_str!("../../../../pipelines/browser-preview.yaml")),
    ("master-mkv", include_str!("../../../../pipelines/master-mkv.yaml")),
    ("gif", include_str!("../../../../pipelines/gif.yaml")),
];

mapping! {
    /// A run preset: everything about a run but its portrait and its motion. What is absent is left to the command
    /// line's defaults.
    pub struct RunPreset {
        /// The format's version: 1.
        pub moue: FormatVersion,
        /// What it is for, in a sentence.
        pub description: Option<String>,
        /// Which renderer draws.
        pub renderer: Option<RendererName>,
        /// Which part of the portrait is shown: whole, head or, with the diffusion renderer, face.
        pub framing: Option<Word<Framing>>,
        /// What becomes of painted squares: crop, they are the frames; or paste, they go back into the picture.
        pub compose: Option<Word<Compose>>,
        /// Width and height in pixels such as 1280x720, or `source`.
        pub size: Option<Word<Size>>,
        /// Frames per second such as 25, 29.97 or 30000/1001.
        pub fps: Option<Word<FrameRate>>,
        /// How the motion is evaluated between its rows.
        pub interpolation: Option<InterpolationName>,
        /// Whether coefficients are added to those measured in the portrait.
        pub relative: Option<bool>,
        /// Factors on the motion's channels, as `--gain` takes them: "jawOpen=1.2,head=0".
        pub gain: Option<Word<Gains>>,
        /// How strongly the motion is smoothed over time.
        pub smoothing: Option<Word<Smoothing>>,
        /// Seed of the renderer's noise.
        pub seed: Option<u64>,
        /// How the diffusion renderer paints.
        pub diffusion: Option<PresetPainting>,
        /// Which frames the renderer mesh+diffusion paints.
        pub keyframes: Option<PresetKeyframes>,
        /// Whether the motion starts over at its end, for live outputs.
        pub repeat: Option<bool>,
        /// What is written, and what is watched meanwhile.
        pub outputs: Option<Vec<PresetOutput>>,
    }
}

mapping! {
    /// How the diffusion renderer paints; what is left out is its authors' choice.
    pub struct PresetPainting {
        /// The noise scheduler: dpmpp-2m, ddim, euler or lcm.
        pub scheduler: Option<Word<SchedulerKind>>,
        /// Denoising steps of a frame.
        pub steps: Option<usize> where (1..=1000),
        /// Classifier-free guidance; 1 takes half the time and follows the person less.
        pub guidance: Option<f64> where (1.0..=30.0),
        /// Weight of the expression.
        pub expression_scale: Option<f64> where (0.0..=2.0),
        /// Weight of the portrait's hair, clothes and background.
        pub reference_scale: Option<f64> where (0.0..=2.0),
        /// Noise that frames start from: shared, carried along with the face, or independent.
        pub noise: Option<Word<NoiseMode>>,
        /// What frames look at besides the portrait: none, or keyframe.
        pub history: Option<Word<HistoryMode>>,
        /// How much frames look at keyframes; 1 is as much as at the portrait.
        pub history_weight: Option<f64> where (0.0..=4.0),
        /// How far the keyframes of history and start are apart; 1 is a lid that shuts.
        pub keyframe_distance: Option<f64> where (0.01..=100.0),
        /// The share of the steps that frames take which start from keyframes; 1 starts from noise.
        pub start_strength: Option<f64> where (0.001..=1.0),
        /// Side in pixels of the square that is painted and pasted, a multiple of 8.
        pub paint_size: Option<u32> where (8..=2048),
        /// How much of the portrait's fine detail is added to pasted skin.
        pub detail: Option<f64> where (0.0..=1.0),
    }
}

mapping! {
    /// Which frames the renderer mesh+diffusion paints; one of these.
    pub struct PresetKeyframes {
        /// As many as are needed for every frame's expression to be this near to a painted one.
        pub within: Option<f64> where (0.0..=100.0),
        /// This part of all frames, e.g. 1/4.
        pub share: Option<Word<Share>>,
        /// Every Nth frame, and the last one.
        pub every: Option<usize> where (1..=1_000_000),
    }
}

impl PresetPainting {
    /// What keeps painted frames steady.
    pub fn conditioning(&self) -> AskedConditioning {
        AskedConditioning {
            noise: self.noise.as_ref().map(|noise| noise.0),
            history: self.history.as_ref().map(|history| history.0),
            history_weight: self.history_weight,
            keyframe_distance: self.keyframe_distance,
            start_strength: self.start_strength,
        }
    }
}

impl PresetKeyframes {
    /// How keyframes are chosen.
    pub fn keyframing(&self) -> Option<Keyframing> {
        let within = self.within.map(|distance| Keyframing::Within(distance as f32));
        let share = self.share.as_ref().map(|share| Keyframing::Share(share.0.0));
        within.or(share).or(self.every.map(Keyframing::Every))
    }

    /// Reports a choice that is none, or several.
    fn check(&self, node: &Node, report: &mut Report) {
        let keys =
            [("within", self.within.is_some()), ("share", self.share.is_some()), ("every", self.every.is_some())];
        let set: Vec<&str> = keys.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key).collect();
        if let [_, second, ..] = set.as_slice() {
            let place = output::entry(node, second).map_or(node.span(), |entry| entry.key);
            let message = format!("found {}, expected one of them", set.join(" and "));
            report.error(place, message).hint("leave out all but one");
        }
    }
}

words! {
    /// What draws the frames.
    pub enum RendererName {
        /// The portrait on a mesh, moved by ARKit coefficients; on the CPU.
        Mesh = "mesh",
        /// Painted by Arc2Face with its adapters, moved by FLAME coefficients.
        Diffusion = "diffusion",
        /// Keyframes by diffusion, the frames between them carried there by the mesh.
        Mixed = "mesh+diffusion",
    }
}

words! {
    /// How a motion is evaluated between its rows.
    pub enum InterpolationName {
        /// Straight from row to row.
        Linear = "linear",
        /// Smooth, without overshoot.
        MonotoneCubic = "monotone-cubic",
    }
}

impl From<RendererName> for RendererKind {
    fn from(name: RendererName) -> Self {
        match name {
            RendererName::Mesh => Self::Mesh,
            RendererName::Diffusion => Self::Diffusion,
            RendererName::Mixed => Self::Mixed,
        }
    }
}

impl From<InterpolationName> for Interpolation {
    fn from(name: InterpolationName) -> Self {
        match name {
            InterpolationName::Linear => Self::Linear,
            InterpolationName::MonotoneCubic => Self::MonotoneCubic,
        }
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
    Wrong(#[from] Diagnostics),
}

impl RunPreset {
    /// Names of the presets that are part of the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.into_iter().map(|(name, _)| name)
    }

    /// The text of the built-in preset of that name.
    pub fn text(name: &str) -> Option<&'static str> {
        BUILT_IN.into_iter().find(|(known, _)| *known == name).map(|(_, text)| text)
    }

    /// The built-in preset of that name, or the preset in that file: a name with a dot or a slash is a file.
    ///
    /// # Errors
    /// An unknown name, an unreadable file, or whatever is wrong in it.
    pub fn load(name: &str) -> Result<Self, PresetError> {
        if let Some(text) = Self::text(name) {
            return Ok(Self::parse(&format!("pipelines/{name}.yaml"), text)?);
        }
        if !name.contains(['.', '/']) {
            let names: Vec<&str> = Self::names().collect();
            let nearest = nearest_name(name, names.iter().copied());
            let meant = nearest.map(|nearest| format!("did you mean '{nearest}'? ")).unwrap_or_default();
            let hint = format!("{meant}presets: {}; or give a file, e.g. ./{name}.yaml", names.join(", "));
            return Err(PresetError::Unknown { name: name.to_owned(), hint });
        }
        let bytes = std::fs::read(name).map_err(|source| PresetError::Read { path: name.to_owned(), source })?;
        Ok(Self::parse(name, bytes)?)
    }

    /// Reads a preset's text; `file` is named in errors.
    ///
    /// # Errors
    /// Everything that is wrong in it, with its places.
    pub fn parse(file: &str, text: impl Into<Vec<u8>>) -> Result<Self, Diagnostics> {
        let (mut sources, mut report) = (Sources::default(), Report::default());
        let source = sources.add(file, text.into(), &mut report).ok();
        let root = source.and_then(|source| parse(&sources, source, &mut report));
        let preset = root.and_then(|root| {
            let preset = Self::from_node(&root, &mut report)?;
            preset.check(&root, &mut report);
            Some(preset)
        });
        let diagnostics = report.finish(sources);
        match preset {
            Some(preset) if !diagnostics.has_errors() => Ok(preset),
            _ => Err(diagnostics),
        }
    }

    /// What is written.
    pub fn outputs(&self) -> &[PresetOutput] {
        self.outputs.as_deref().unwrap_or_default()
    }

    /// The preset's first output of a kind, which others of that kind are encoded like.
    pub fn output_like(&self, kind: TargetKind) -> Option<&PresetOutput> {
        self.outputs().iter().find(|output| output.to.kind() == kind)
    }

    /// Reports what each part alone cannot know.
    fn check(&self, root: &Node, report: &mut Report) {
        if let (Some(keyframes), Some(entry)) = (&self.keyframes, output::entry(root, "keyframes")) {
            keyframes.check(&entry.value, report);
            if self.renderer.is_some_and(|renderer| renderer != RendererName::Mixed) {
                let message = "`keyframes` means nothing for this renderer";
                report.error(entry.key, message).hint("they are for `renderer: mesh+diffusion`");
            }
        }
        let Some(outputs) = output::entry(root, "outputs") else { return };
        let Value::List(nodes) = outputs.value.value() else { return };
        for (output, node) in self.outputs().iter().zip(nodes) {
            output.check(node, report);
        }
    }
}

/// The JSON Schema (draft 2020-12) of a run preset, for editors.
pub fn preset_schema() -> Schema {
    schema::<RunPreset>("moue run preset, version 1")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use moue_media::OutputKind;

    use super::*;

    fn message(text: &str) -> String {
        RunPreset::parse("p.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn every_built_in_preset_can_be_read_and_says_what_it_is_for() {
        for name in RunPreset::names() {
            let preset = RunPreset::load(name).unwrap();
            assert!(preset.description.is_some(), "{name}");
            assert!(!preset.outputs().is_empty(), "{name}");
        }
    }

    #[test]
    fn a_preset_says_everything_that_the_command_line_can() {
        let preset = RunPreset::parse(
            "p.yaml",
            "moue: 1\nrenderer: mesh+diffusion\nframing: head\nsize: 640x480\nfps: 29.97\ninterpolation: monotone-cubic\n\
             relative: true\ngain: jawOpen=1.2,head=0\nseed: 7\ndiffusion:\n  scheduler: euler\n  steps: 30\n  noise: carried\n  start_strength: 0.5\n\
             keyframes: {share: 1/4}\noutputs:\n- to: out/{portrait}_{motion}.webm\n",
        )
        .unwrap();
        assert_eq!(preset.framing, Some(Word(Framing::Head)));
        assert_eq!(preset.size, Some(Word(Size::Pixels { width: 640, height: 480 })));
        assert_eq!(preset.fps, Some(Word(FrameRate::new(30000, 1001).unwrap())));
        assert_eq!(preset.interpolation.map(Interpolation::from), Some(Interpolation::MonotoneCubic));
        let painting = preset.diffusion.as_ref().unwrap();
        assert_eq!((&painting.scheduler, painting.steps), (&Some(Word(SchedulerKind::Euler)), Some(30)));
        let expected = AskedConditioning {
            noise: Some(NoiseMode::Carried),
            start_strength: Some(0.5),
            ..AskedConditioning::default()
        };
        assert_eq!(painting.conditioning(), expected);
        let keyframes = preset.keyframes.as_ref().and_then(PresetKeyframes::keyframing);
        assert_eq!(keyframes, Some(Keyframing::Share(0.25)));
        let to = &preset.outputs()[0].to;
        assert_eq!(to.fill(Path::new("a/me.jpg"), Path::new("take 1.csv")), "out/me_take 1.webm");
        assert!(preset.output_like(TargetKind::File(OutputKind::Webm)).is_some());
        assert!(preset.output_like(TargetKind::File(OutputKind::Mp4)).is_none());
    }

    #[test]
    fn mistakes_are_placed_and_told_all_at_once() {
        let text = message("moue: 1\nfps: fast\nrenderer: mash\nsizes: 3\n");
        assert!(text.starts_with("p.yaml:2:6: error: frame rate 'fast': expected"), "{text}");
        assert!(text.contains("\n  2 | fps: fast\n    |      ^^^^\n"), "{text}");
        assert!(text.contains("hint: write 25") && text.contains("did you mean `mesh`?"), "{text}");
        assert!(text.contains("p.yaml:4:1: error:") && text.contains("`size`"), "{text}");
        assert!(message("moue: 2\n").starts_with("p.yaml:1:7: error: found version 2"));

        let text = message("moue: 1\noutputs:\n  - to: a.mp4\n    encoder:\n      speed: fast\n      crf: 70\n");
        assert!(text.starts_with("p.yaml:6:12: error: found 70, expected a whole number from 0 to 63"), "{text}");

        let text = message("moue: 1\noutputs:\n  - to: \"{potrait}.mp4\"\n");
        assert!(text.starts_with("p.yaml:3:9:") && text.contains("{potrait}"), "{text}");
        let text =
            message("moue: 1\noutputs:\n- to: rtmp://localhost/a/b\n  encoder: {speed: fast, crf: 20}\n- a.mp4\n");
        assert!(text.starts_with("p.yaml:4:26: error: `crf` means nothing for a stream"), "{text}");
        assert!(text.contains("hint: a stream has `bitrate_kbps`"), "{text}");
        let text = message("moue: 1\noutputs:\n- to: preview://\n  encoder: {speed: fast}\n");
        assert!(text.starts_with("p.yaml:4:13: error: `speed` means nothing for this output"), "{text}");
        let text = message("moue: 1\noutputs: ['gst: nosuchelement ! fakesink']\n");
        assert!(text.starts_with("p.yaml:2:11: error: ") && text.contains("nosuchelement"), "{text}");

        let text = message("moue: 1\nkeyframes:\n  every: 4\n  share: 1/4\ndiffusion: {noise: sheared}\n");
        assert!(text.starts_with("p.yaml:3:3: error: found share and every, expected one of them"), "{text}");
        assert!(text.contains("p.yaml:5:20: error: ") && text.contains("shared"), "{text}");

        let text = message("moue: 1\nrenderer: mesh\nkeyframes: {every: 4}\n");
        assert!(text.starts_with("p.yaml:3:1: error: `keyframes` means nothing for this renderer"), "{text}");

        let text = message("moue: 1\noutputs:\n  - to: a.avi\n");
        assert!(text.starts_with("p.yaml:3:9:"), "{text}");
    }

    #[test]
    fn the_committed_schema_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/preset-v1.schema.json");
        let text = format!("{}\n", serde_json::to_string_pretty(&preset_schema()).unwrap());
        if std::env::var_os("MOUE_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{path:?} is not what the types say: run the tests with MOUE_BLESS=1 and commit it");
    }

    #[test]
    fn an_unknown_preset_is_answered_with_those_there_are() {
        let text = RunPreset::load("mesh-mp5").unwrap_err().to_string();
        assert!(text.contains("did you mean 'mesh-mp4'?"), "{text}");
        let text = RunPreset::load("nothing").unwrap_err().to_string();
        assert!(text.contains("presets: mesh-mp4, diffusion-mp4, rtmp-preview"), "{text}");
        assert!(RunPreset::load("./nowhere.yaml").unwrap_err().to_string().starts_with("./nowhere.yaml: cannot read"));
    }
}
