//! The library of expressions: formulas become poses.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock},
};

use moue_document::{FromNode, Key, Located, Report, Sources, Span, parse};
use moue_timeline::{Channel, nearest_name};

use crate::Pose;
use crate::written::{Formula, LibraryText, PoseText, is_beat_word, is_name, pose_channels};

/// Most expressions that build on each other.
const MAX_DEPTH: usize = 64;
/// Largest value of a channel that a pose may have.
const MAX_VALUE: f64 = 100.0;

static BUILT_IN: LazyLock<BTreeMap<String, Arc<Pose>>> = LazyLock::new(|| read_built_in().0);

/// The expressions that every storyboard knows, by name.
pub fn built_in_expressions() -> impl Iterator<Item = (&'static str, &'static Pose)> {
    BUILT_IN.iter().map(|(name, pose)| (name.as_str(), pose.as_ref()))
}

/// The built-in expressions, and what is wrong with them.
fn read_built_in() -> (BTreeMap<String, Arc<Pose>>, moue_document::Diagnostics) {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let text = include_str!("../expressions.yaml");
    let source = sources.add("expressions.yaml", text.into(), &mut report).ok();
    let root = source.and_then(|source| parse(&sources, source, &mut report));
    let written = root.and_then(|root| LibraryText::from_node(&root, &mut report));
    let mut library = Library { defined: HashMap::new(), known: None };
    library.define(written.map(|written| written.expressions.0).unwrap_or_default(), &mut report);
    let poses = library.finish(&mut report);
    (poses, report.finish(sources))
}

/// Expressions by name.
pub(super) struct Library {
    defined: HashMap<String, Definition>,
    /// What is known beside them.
    known: Option<&'static BTreeMap<String, Arc<Pose>>>,
}

struct Definition {
    text: Option<PoseText>,
    key: Span,
    state: State,
}

#[derive(Clone)]
enum State {
    New,
    /// Being looked up: who needs it now is a part of it.
    Open,
    Known(Option<Arc<Pose>>),
}

/// Names that mean something else.
const RESERVED: [&str; 3] = ["rest", "mirror", "exp"];

impl Library {
    /// With nothing but what is built in.
    pub(super) fn new() -> Self {
        Self { defined: HashMap::new(), known: Some(&BUILT_IN) }
    }

    /// Takes definitions in; those that are there already are replaced.
    pub(super) fn define(&mut self, texts: Vec<(Key, Option<PoseText>)>, report: &mut Report) {
        for (key, text) in texts {
            let name = key.name.as_str();
            if !is_name(name) {
                let error = report.error(key.span, format!("`{name}` is no name for an expression"));
                error.hint("use letters, digits and _, and begin with a letter: - and * calculate");
            } else if !pose_channels(name).is_empty() || RESERVED.contains(&name) || is_beat_word(name) {
                let error = report.error(key.span, format!("`{name}` means something else already"));
                error.hint("give the expression another name");
            }
            self.defined.insert(key.name, Definition { text, key: key.span, state: State::New });
        }
    }

    /// Where a name is defined.
    pub(super) fn defined_at(&self, name: &str) -> Option<Span> {
        self.defined.get(name).map(|definition| definition.key)
    }

    /// Looks up everything, so that what is wrong with expressions that no shot uses is told too.
    pub(super) fn finish(&mut self, report: &mut Report) -> BTreeMap<String, Arc<Pose>> {
        // In the order of the file, so that what is wrong with a circle is told where it begins.
        let mut names: Vec<(Span, String)> = self.defined.iter().map(|(name, one)| (one.key, name.clone())).collect();
        names.sort_unstable();
        let mut known = |name: String| self.defined_pose(&name, Span::default(), 0, report)?.map(|pose| (name, pose));
        names.into_iter().filter_map(|(_, name)| known(name)).collect()
    }

    /// The pose that a text means. `rest` is the face of the character it is about.
    pub(super) fn pose(&mut self, text: &Located<PoseText>, rest: Option<&Pose>, report: &mut Report) -> Option<Pose> {
        let pose = self.pose_at(&text.value, rest, 0, report)?;
        // Not a range that faces have, but one that no calculation with them leaves.
        let large = pose.iter().find(|(_, value)| value.is_nan() || value.abs() > MAX_VALUE);
        if let Some((channel, value)) = large {
            let message = format!("`{}` is {value:.3e} here, expected at most {MAX_VALUE}", channel.name());
            report.error(text.span, message).hint("look for a factor that is too large");
            return None;
        }
        Some(pose)
    }

    fn pose_at(&mut self, text: &PoseText, rest: Option<&Pose>, depth: usize, report: &mut Report) -> Option<Pose> {
        match text {
            PoseText::Formula { formula, .. } => self.evaluate(formula, rest, depth, report),
            PoseText::Channels(channels) => {
                Some(channels.iter().map(|(channel, value)| (*channel, value * unit(*channel))).collect())
            }
        }
    }

    fn evaluate(&mut self, formula: &Formula, rest: Option<&Pose>, depth: usize, report: &mut Report) -> Option<Pose> {
        match formula {
            Formula::Name { name, span } => {
                self.named(name, *span, rest, depth, report).map(|pose| pose.as_ref().clone())
            }
            Formula::Scaled(inner, factor) => {
                let mut scaled = Pose::default();
                scaled.add(&self.evaluate(inner, rest, depth, report)?, *factor);
                Some(scaled)
            }
            Formula::Sum(terms) => {
                let terms: Vec<Option<Pose>> =
                    terms.iter().map(|term| self.evaluate(term, rest, depth, report)).collect();
                let mut sum = Pose::default();
                for term in terms {
                    sum.add(&term?, 1.0);
                }
                Some(sum)
            }
            Formula::Mirror { inner, span } => {
                let mirrored = self.evaluate(inner, rest, depth, report)?.mirrored();
                let told = |channel: Channel| {
                    let message = format!("`{}` has no mirror image", channel.name());
                    report
                        .error(*span, message)
                        .hint("FLAME's components each move the whole face: write the other pose");
                };
                mirrored.map_err(told).ok()
            }
        }
    }

    fn named(
        &mut self,
        name: &str,
        span: Span,
        rest: Option<&Pose>,
        depth: usize,
        report: &mut Report,
    ) -> Option<Arc<Pose>> {
        if name == "rest" {
            if rest.is_none() {
                let error = report.error(span, "`rest` is the face of the character in a shot, and here is none");
                error.hint("use it in beats");
            }
            return rest.cloned().map(Arc::new);
        }
        if let Some(pose) = self.defined_pose(name, span, depth, report) {
            return pose;
        }
        if let Some(pose) = self.known.and_then(|known| known.get(name)) {
            return Some(Arc::clone(pose));
        }
        let channels = pose_channels(name);
        if !channels.is_empty() {
            return Some(Arc::new(channels.into_iter().map(|channel| (channel, unit(channel))).collect()));
        }
        let mut names: Vec<&str> = self.defined.keys().map(String::as_str).collect();
        names.sort_unstable();
        for (known, _) in self.known.into_iter().flatten() {
            names.push(known);
        }
        for channel in Channel::all() {
            names.push(channel.name());
        }
        let hint = match nearest_name(name, names) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "define it under `expressions`, or use a built-in one such as happiness, sadness, surprise, fear, \
                anger, disgust, contempt, delight, doubt, neutral"
                .to_owned(),
        };
        report.error(span, format!("there is no expression `{name}`")).hint(hint);
        None
    }

    /// The pose of a definition; none where there is no such definition. `span` is who asks.
    fn defined_pose(&mut self, name: &str, span: Span, depth: usize, report: &mut Report) -> Option<Option<Arc<Pose>>> {
        let definition = self.defined.get_mut(name)?;
        match definition.state.clone() {
            State::Known(pose) => return Some(pose),
            State::Open => {
                let hides = self.known.is_some_and(|known| known.contains_key(name));
                let hint = if hides {
                    "it hides the built-in one of that name: call it something else"
                } else {
                    "take it out"
                };
                let error = report.error(span, format!("`{name}` is made of itself"));
                error.label(definition.key, "defined here").hint(hint);
                return Some(None);
            }
            State::New => {}
        }
        if depth > MAX_DEPTH {
            report.error(span, format!("more than {MAX_DEPTH} expressions build on each other here"));
            return Some(None);
        }
        definition.state = State::Open;
        let text = definition.text.take();
        let pose = text.and_then(|text| self.pose_at(&text, None, depth + 1, report)).map(Arc::new);
        if let Some(definition) = self.defined.get_mut(name) {
            definition.state = State::Known(pose.clone());
        }
        Some(pose)
    }
}

/// What 1 is in the language: a degree of the head, else 1.
fn unit(channel: Channel) -> f64 {
    match channel {
        Channel::Head(_) => std::f64::consts::PI / 180.0,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_library_is_sound() {
        let (poses, wrong) = read_built_in();
        assert!(wrong.is_empty(), "{wrong}");
        for (name, pose) in &poses {
            let unusual = pose
                .iter()
                .find(|(channel, value)| matches!(channel, Channel::Shape(_)) && !(0.0..=1.0).contains(value));
            assert_eq!(unusual, None, "{name}");
        }
        let visemes = poses.keys().filter(|name| name.starts_with("viseme_")).count();
        let micro = poses.keys().filter(|name| name.starts_with("micro_")).count();
        assert_eq!((visemes, micro), (15, 7));
    }

    #[test]
    fn built_in_emotions_move_what_their_action_units_move() {
        let has = |name: &str, channels: &[&str]| {
            let pose = &BUILT_IN[name];
            channels.iter().all(|channel| pose.get(Channel::from_name(channel).unwrap()) > 0.0)
        };
        assert!(has("happiness", &["cheekSquintLeft", "cheekSquintRight", "mouthSmileLeft", "mouthSmileRight"]));
        assert!(has("sadness", &["browInnerUp", "browDownLeft", "mouthFrownLeft", "mouthFrownRight"]));
        assert!(has("surprise", &["browInnerUp", "browOuterUpLeft", "eyeWideLeft", "jawOpen"]));
        assert!(has("fear", &["browInnerUp", "browDownLeft", "eyeWideLeft", "mouthStretchLeft"]));
        assert!(has("anger", &["browDownLeft", "eyeWideLeft", "eyeSquintLeft", "mouthPressLeft"]));
        assert!(has("disgust", &["noseSneerLeft", "mouthFrownLeft", "mouthShrugLower"]));
        let contempt = &BUILT_IN["contempt"];
        assert!(contempt.iter().all(|(channel, _)| channel.name().ends_with("Left")));
        assert!(BUILT_IN["neutral"].iter().next().is_none());
    }
}
