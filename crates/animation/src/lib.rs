//! Composes the parts: portrait, motion and renderer become frames in outputs.
//!
//! [`animate`] does all of it. Its pieces stand alone too: [`Portrait`] reads a picture and finds its faces,
//! [`Layout`] frames it, a [`Renderer`] draws expressions, [`FidelityMeter`] compares what was asked for with what
//! the tracker sees in the frames, [`RunPreset`] reads what a run preset says.
//!
//! # Invariants
//! - This is the only crate where faces meet frames; it never parses a command line and never prints.
//! - Frames pass through bounded queues only, so memory does not depend on how long a motion is.
//! - Outputs are completed after all of them have got all frames; before that none has its final name.

mod animate;
mod annotate;
mod error;
mod fidelity;
mod framing;
mod job;
mod painting;
mod portrait;
mod preset;
mod renderer;
mod stages;
pub mod yaml;

pub use animate::{Observer, animate};
pub use annotate::annotate;
pub use error::AnimationError;
pub use fidelity::{ChannelFidelity, Fidelity, FidelityMeter};
pub use framing::{Framing, HEAD_SIDE, Layout, MAX_SIDE, MIN_SIDE, Size};
pub use job::{
    AnimateJob, Device, MotionSummary, OutputSummary, Painting, PortraitSummary, Precision, QueueSummary, RendererKind,
    StageSummary, Summary,
};
pub use moue_diffusion::{DiffusionError, Preparation, SchedulerKind};
pub use painting::Painted;
pub use portrait::{Portrait, expression_of};
pub use preset::{
    FormatVersion, InterpolationName, OutputTemplate, PresetError, PresetOutput, PresetPainting, RunPreset, Written,
};
pub use renderer::{Asked, BatchObserver, MeshInLayout, Renderer};
