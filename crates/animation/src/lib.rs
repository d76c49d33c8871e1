//! Composes the parts: portrait, motion and renderer become frames in outputs.
//!
//! [`animate`] does all of it. Its pieces stand alone too: [`Portrait`] reads a picture and finds its faces,
//! [`Layout`] frames it, a [`Renderer`] draws expressions, [`FidelityMeter`] compares what was asked for with what
//! the tracker sees in the frames, [`RunPreset`] reads what a run preset says.
//!
//! # Invariants
//! - This is the only crate where faces meet frames; it never parses a command line and never prints.
//! - Frames pass through bounded queues only, so memory does not depend on how long a motion is.
//! - Outputs are completed after all of them have got all frames; before that none has its final name. One that fails
//!   does not hurt the others.

mod animate;
mod annotate;
mod bridging;
mod calibrate;
mod compose;
mod error;
mod fidelity;
mod frame_range;
mod framing;
mod job;
mod keyframes;
mod live;
mod look;
mod measure;
mod mixed;
mod motion;
mod painting;
mod portrait;
mod preset;
mod renderer;
mod repeats;
mod rest;
mod stages;
mod takers;
mod temporal;
mod tracking;

pub use animate::{Observer, animate, pose_renderer};
pub use annotate::annotate;
pub use bridging::{read_map, to_families, write_map};
pub use calibrate::{calibrate, import_map};
pub use compose::{Canvas, Compose, Composer, Mask, Pasted, Seam, Tone};
pub use error::AnimationError;
pub use fidelity::{ChannelFidelity, Fidelity, FidelityMeter};
pub use frame_range::FrameRange;
pub use framing::{Framing, HEAD_SIDE, Layout, MAX_SIDE, MIN_SIDE, Size, head_square};
pub use job::{
    AnimateJob, Device, MotionSummary, OutputSummary, Painting, PortraitSummary, Precision, QueueSummary, RendererKind,
    StageSummary, Summary,
};
pub use keyframes::{Keyframing, Share, keyframes};
pub use live::{
    Beside, Broadcast, DriverReport, GST, LiveJob, LiveSummary, PoseRenderer, PreviewAddress, PreviewError, Programme,
    Target, TargetKind,
};
pub use measure::{Dropped, Flicker, Following, Likeness, MeasureJob, Measured, MeasuredTracks, Thumbnails, measure};
pub use mixed::{Mixed, painted_frames};
pub use motion::{Motion, MotionJob};
pub use moue_bridge::{BridgeError, Family, LinearMap, bridge};
pub use moue_diffusion::{Checkpoint, DiffusionError, Preparation, SchedulerKind};
pub use painting::{PaintJob, Painted, ShotJob};
pub use portrait::{Portrait, expression_of, head_of};
pub use preset::{
    CodecName, EncoderName, EncoderText, InterpolationName, OutputTemplate, PresetError, PresetKeyframes, PresetOutput,
    PresetPainting, RendererName, RunPreset, SpeedName, Word, Worded, preset_schema,
};
pub use renderer::{Asked, BatchObserver, MeshInLayout, Renderer};
pub use rest::Rest;
pub use takers::{Filled, NamedSink, Takers, WAITING_FRAMES, tell_failure};
pub use temporal::{
    AskedConditioning, FaceFlow, HistoryMode, KeyframePlan, NoiseMode, TemporalConditioning, expression_distance,
};
pub use tracking::{FaceGap, SeenFrame, TrackedVideo, VideoJob, VideoReport, track_video};
