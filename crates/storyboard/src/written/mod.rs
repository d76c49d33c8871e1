//! The language as it is written: every type is read from YAML and describes itself in the JSON Schema. Names are not
//! looked up here and times are not yet frames; `resolve` does both.

mod beat;
mod board;
mod formula;
mod pose;
mod values;
mod view;

pub(crate) use beat::{BeatText, is_beat_word};
pub(crate) use board::{
    BoardText, DiffusionText, LibraryText, MemberText, MotionText, OutputText, RenderingText, Settings, ShotText,
    SoundText,
};
pub use board::{Renderer, Scheduler};
pub(crate) use formula::{Formula, is_name};
pub(crate) use pose::{PoseText, pose_channels};
pub use values::OutputSize;
pub(crate) use values::{Blink, Colour, EaseText, FilePath, Fps, GainsText, Idle, Length, Time, TransitionText};
pub(crate) use view::FramingText;
pub use view::{Region, View};
