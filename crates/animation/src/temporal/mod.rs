//! What keeps painted frames steady over time: where a frame's noise comes from, what it looks at, what it starts from.
//!
//! ```text
//! asked expressions of the whole shot ─► KeyframePlan ─► keyframes, each painted from its expression alone
//!                                                          │ latents, kept in files where there is a folder
//!                                     frame's expression ──┼─► weights of the nearest two
//!                                                          ├─► history: the network sees them beside the portrait
//!  MeshRenderer::flow, keyframe to frame ──────────────────┼─► start: their latents, carried by the flow, noised
//!  MeshRenderer::flow, portrait to frame ──────────────────┴─► noise: carried by the face
//! ```
//!
//! # Invariants
//! - A frame depends on its own expression, its shot's keyframes and the seed; with a plan of the whole shot, on nothing
//!   else. So any range of frames can be rendered alone, and equal expressions give equal frames.
//! - A keyframe depends on the portrait, its own expression and the seed, never on another keyframe: nothing drifts.
//! - The portrait is always among what a frame looks at.

mod carry;
mod face_flow;
mod keyframes;
mod shot;
mod store;

use std::fmt;
use std::str::FromStr;

pub use face_flow::FaceFlow;
pub use keyframes::{KeyframePlan, expression_distance};
pub(crate) use shot::{Conditioning, Prepared, Shot};
pub(crate) use store::KeyframeStore;

use crate::AnimationError;

/// How the frames of a shot are made to go with each other. Each part works alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TemporalConditioning {
    /// The noise that frames start from.
    pub noise: NoiseMode,
    /// What frames look at besides the portrait.
    pub history: HistoryMode,
    /// How much a frame looks at its keyframes, which share it; 1 is as much as at the portrait.
    pub history_weight: f64,
    /// The distance of two expressions ([`expression_distance`]) from which on a shot has a keyframe for each.
    pub keyframe_distance: f64,
    /// Share of the steps that a frame takes which starts from its keyframes, carried to where the face is by the mesh's
    /// flow: fewer take less time and stay nearer to the keyframes, in steadiness and in expression. 1 starts from noise.
    pub start_strength: f64,
}

impl Default for TemporalConditioning {
    /// The best trade that was measured; see `docs/steadiness.md`.
    fn default() -> Self {
        Self {
            noise: NoiseMode::Shared,
            history: HistoryMode::None,
            history_weight: 1.0,
            keyframe_distance: 0.5,
            start_strength: 1.0,
        }
    }
}

impl TemporalConditioning {
    /// Whether there are keyframes at all.
    pub fn has_keyframes(&self) -> bool {
        self.history == HistoryMode::Keyframe || self.starts_from_keyframes()
    }

    /// Whether frames start from keyframes.
    pub fn starts_from_keyframes(&self) -> bool {
        self.start_strength < 1.0
    }

    /// Whether anything is carried by the mesh's flow.
    pub fn needs_flow(&self) -> bool {
        self.noise == NoiseMode::Carried || self.starts_from_keyframes()
    }
}

/// The noise that frames start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoiseMode {
    /// Each frame its own. Flickers; what the others are compared with.
    Independent,
    /// One for all frames of a run: what the expression does not change stays as it is, and fine texture sticks to the
    /// picture while the face moves under it. Costs nothing.
    #[default]
    Shared,
    /// The shared one, carried by the face: moved along the mesh's flow from the portrait to the frame, on a grid of
    /// eight by eight cells for each latent so that its variance is kept. Costs some milliseconds a frame.
    Carried,
}

/// What frames look at besides the portrait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryMode {
    /// Nothing.
    #[default]
    None,
    /// The shot's keyframes that are nearest in expression. Costs a painting and a network pass for each keyframe, and
    /// makes the self-attention of every pass look at up to three pictures instead of one.
    Keyframe,
}

impl NoiseMode {
    /// Every mode with the name that people write.
    pub const ALL: [(&'static str, Self); 3] =
        [("independent", Self::Independent), ("shared", Self::Shared), ("carried", Self::Carried)];
}

impl HistoryMode {
    /// Every mode with the name that people write.
    pub const ALL: [(&'static str, Self); 2] = [("none", Self::None), ("keyframe", Self::Keyframe)];
}

/// The mode of that name among all.
fn named<T: Copy>(all: &[(&'static str, T)], text: &str) -> Result<T, String> {
    let found = all.iter().find(|(name, _)| *name == text);
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    found.map(|(_, mode)| *mode).ok_or_else(|| format!("found '{text}', expected {}", names.join(" or ")))
}

/// The name of a mode among all.
fn name_of<T: PartialEq>(all: &[(&'static str, T)], mode: &T) -> &'static str {
    all.iter().find(|(_, known)| known == mode).map_or("", |(name, _)| name)
}

impl FromStr for NoiseMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        named(&Self::ALL, text)
    }
}

impl FromStr for HistoryMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        named(&Self::ALL, text)
    }
}

impl fmt::Display for NoiseMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&Self::ALL, self))
    }
}

impl fmt::Display for HistoryMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&Self::ALL, self))
    }
}

/// What is asked of [`TemporalConditioning`]; what is `None` is its default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AskedConditioning {
    /// The noise that frames start from.
    pub noise: Option<NoiseMode>,
    /// What frames look at besides the portrait.
    pub history: Option<HistoryMode>,
    /// How much they look at it.
    pub history_weight: Option<f64>,
    /// The distance of keyframes.
    pub keyframe_distance: Option<f64>,
    /// Share of the steps that is taken from keyframes.
    pub start_strength: Option<f64>,
}

impl AskedConditioning {
    /// With what was not asked for, in a run with or without the reference adapter, which reads what frames look at.
    ///
    /// # Errors
    /// Numbers out of range; a history without the reference adapter.
    pub fn settled(&self, has_reference: bool) -> Result<TemporalConditioning, AnimationError> {
        let usual = TemporalConditioning::default();
        let refuse = |option, found: f64, expected| Err(AnimationError::Conditioning { option, found, expected });
        if let Some(found) = self.history_weight.filter(|weight| !(0.0..=4.0).contains(weight)) {
            return refuse("--history-weight", found, "0 to 4, 1 being as much as the portrait");
        }
        if let Some(found) = self.keyframe_distance.filter(|distance| !(0.01..=100.0).contains(distance)) {
            return refuse("--keyframe-distance", found, "0.01 to 100, 1 being a lid that shuts");
        }
        if let Some(found) = self.start_strength.filter(|strength| !(*strength > 0.0 && *strength <= 1.0)) {
            return refuse("--start-strength", found, "above 0, up to 1, which starts from noise");
        }
        if self.history == Some(HistoryMode::Keyframe) && !has_reference {
            let (option, renderer) = ("--no-reference with --history keyframe", "diffusion");
            let hint = "the reference adapter reads what --history shows: leave one of the two out";
            return Err(AnimationError::Option { option, renderer, hint });
        }
        let history = self.history.unwrap_or(usual.history);
        Ok(TemporalConditioning {
            noise: self.noise.unwrap_or(usual.noise),
            history: if has_reference { history } else { HistoryMode::None },
            history_weight: self.history_weight.unwrap_or(usual.history_weight),
            keyframe_distance: self.keyframe_distance.unwrap_or(usual.keyframe_distance),
            start_strength: self.start_strength.unwrap_or(usual.start_strength),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_they_are_written() {
        for (name, mode) in NoiseMode::ALL {
            assert_eq!((name.parse(), mode.to_string()), (Ok(mode), name.to_owned()));
        }
        for (name, mode) in HistoryMode::ALL {
            assert_eq!((name.parse(), mode.to_string()), (Ok(mode), name.to_owned()));
        }
        assert_eq!(
            "warped".parse::<NoiseMode>().unwrap_err(),
            "found 'warped', expected independent or shared or carried"
        );
    }

    #[test]
    fn what_is_out_of_range_or_contradicts_itself_is_refused() {
        let asked = AskedConditioning::default();
        assert_eq!(asked.settled(true).unwrap(), TemporalConditioning::default());
        assert_eq!(asked.settled(false).unwrap().history, HistoryMode::None);
        for wrong in [
            AskedConditioning { history_weight: Some(-1.0), ..asked },
            AskedConditioning { keyframe_distance: Some(0.0), ..asked },
            AskedConditioning { start_strength: Some(0.0), ..asked },
            AskedConditioning { start_strength: Some(f64::NAN), ..asked },
            AskedConditioning { start_strength: Some(1.5), ..asked },
        ] {
            assert!(matches!(wrong.settled(true), Err(AnimationError::Conditioning { .. })), "{wrong:?}");
        }
        let history = AskedConditioning { history: Some(HistoryMode::Keyframe), ..asked };
        assert!(history.settled(true).is_ok() && history.settled(false).is_err());
    }
}
