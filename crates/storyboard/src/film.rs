//! The film: which frames of which shots are seen when.

use crate::{Storyboard, TransitionKind};

/// A frame of a shot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Index of the shot.
    pub shot: usize,
    /// The frame, counted from the shot's start, below its [`crate::Shot::rendered_frames`].
    pub frame: u64,
}

/// What is seen in one frame of the film.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FilmFrame {
    /// What is in front.
    pub front: Layer,
    /// How much of the front is seen over what lies below it, 0 to 1.
    pub opacity: f64,
    /// The shot before, seen below during a dissolve; elsewhere the background lies below.
    pub below: Option<Layer>,
}

impl Storyboard {
    /// How many frames the film has.
    pub fn frame_count(&self) -> u64 {
        self.shots.last().map_or(0, |shot| shot.start + shot.frames)
    }

    /// What is seen in a frame of the film; none past its end. O(log shots).
    pub fn film_frame(&self, index: u64) -> Option<FilmFrame> {
        if index >= self.frame_count() {
            return None;
        }
        // In a draft of few frames a second a shot may have none of its own: then the one after it is seen.
        let shot = self.shots.partition_point(|shot| shot.start <= index).checked_sub(1)?;
        let (own, next) = (&self.shots[shot], self.shots.get(shot + 1));
        let frame = index - own.start;
        let left = own.frames.saturating_sub(frame + 1);
        let begins = match own.transition.kind {
            TransitionKind::Fade if shot > 0 => own.transition.frames.div_ceil(2),
            _ => own.transition.frames,
        };
        let ends = match next {
            Some(next) if next.transition.kind == TransitionKind::Fade => next.transition.frames / 2,
            Some(_) => 0,
            None => self.end.frames,
        };
        let opacity = risen(frame, begins).min(risen(left, ends));
        let dissolves = own.transition.kind == TransitionKind::Dissolve && frame < begins;
        let below = dissolves.then(|| shot.checked_sub(1)).flatten().map(|before| {
            let under = &self.shots[before];
            // Rounding may ask for a frame more than there is.
            let last = under.rendered_frames().saturating_sub(1);
            Layer { shot: before, frame: (under.frames + frame).min(last) }
        });
        Some(FilmFrame { front: Layer { shot, frame }, opacity, below })
    }
}

/// How far a fade of `frames` has come at one of them; never quite nothing and never quite all.
fn risen(frame: u64, frames: u64) -> f64 {
    if frame < frames { (frame as f64 + 0.5) / frames as f64 } else { 1.0 }
}
