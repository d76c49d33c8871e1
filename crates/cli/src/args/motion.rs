//! What is read as a motion, and what is done to it before it moves a face.

use std::path::PathBuf;

use clap::Args;
use moue_animation::Rest;
use moue_timeline::{FrameRate, Gains, Smoothing};
use moue_tracks::Format;

/// How a motion is read; the same for every command that reads one.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Motion")]
pub struct ReadingArgs {
    /// Kind of the motion's file, where the guess is wrong: `moue track --help` lists them
    #[arg(long, value_name = "KIND")]
    pub format: Option<Format>,
    /// Rows or pictures a second of a motion that does not say it: an array, a folder (default 30)
    #[arg(long, value_name = "RATE")]
    pub motion_fps: Option<FrameRate>,
    /// Which face of a driving video, if there are several: 1 is the largest in its first frame with faces (default)
    #[arg(long, value_name = "N", value_parser = super::parse_face)]
    pub driver_face: Option<usize>,
    /// Read FLAME coefficients off a driving video too, with SMIRK; needs its weights (`moue models list`)
    #[arg(long)]
    pub smirk: bool,
    /// Folder with the models (default: $MOUE_MODELS, else the user's data folder); see `moue models`
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
}

/// What is done to a motion once it is read.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Motion")]
pub struct ShapingArgs {
    /// Smoothing over time: off, light or strong (default: light for a video, off for a track)
    ///
    /// A One Euro filter for each channel: what rests is calmed, what moves fast (a blink, a closing mouth) passes.
    #[arg(long, value_name = "off|light|strong")]
    pub smooth: Option<Smoothing>,
    /// Smooth a file as if it were live, without looking ahead: what live previews will show, a little late
    #[arg(long)]
    pub causal: bool,
    /// The driver's own resting face, which is taken off: auto (default for a video), off (default for a track), a
    /// frame or time of the motion (120f, 4.8s), a picture, or a track
    #[arg(long, value_name = "auto|off|TIME|FILE")]
    pub neutral: Option<Rest>,
    /// Factors on channels, e.g. 'jawOpen=1.2,mouthSmile=0.8,head=0'
    ///
    /// A name without its side covers both (mouthSmile), a region covers all of its shapes (brow, cheek, eye, jaw,
    /// mouth, nose, tongue), `head` the head's rotation, `all` everything. Factors go from 0 to 10.
    #[arg(long, value_name = "LIST")]
    pub gain: Option<Gains>,
    /// Map between ARKit and FLAME (`moue calibrate`), where the motion is of one kind and the other is wanted
    #[arg(long, value_name = "MAP.npz")]
    pub map: Option<PathBuf>,
}
