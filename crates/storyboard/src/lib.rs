//! The storyboard language: shots, characters and how faces change, from YAML to coefficients at every frame.
//!
//! [`Storyboard::read`] reads a file and gives a storyboard whose every word is understood, or everything that is wrong
//! with it. [`ShotTimeline`] says what the face does at every frame of a shot. `docs/storyboard.md` is the language's
//! reference; [`storyboard_schema`] describes it to editors.
//!
//! This crate does no I/O: files are read and measured by the caller's [`Files`].

mod clock;
mod files;
mod film;
mod hash;
mod key;
mod model;
mod panels;
mod pose;
mod resolve;
mod sample;
mod schema;
mod written;

pub use files::Files;
pub use film::{FilmFrame, Layer};
pub use key::ShotKey;
pub use model::{
    Action, ActionKind, Beat, Character, Diffusion, Ease, Framing, Life, Motion, Output, Rendering, Shot, Sound,
    Storyboard, Transition, TransitionKind,
};
pub use panels::Panel;
pub use pose::Pose;
pub use resolve::built_in_expressions;
pub use sample::{Face, FramingAt, ShotTimeline};
pub use schema::{library_schema, storyboard_schema};
pub use written::{OutputSize, Region, Renderer, Scheduler, View};
