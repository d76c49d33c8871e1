//! `moue inspect`, `moue measure`.

use std::path::PathBuf;

use clap::Args;
use moue_timeline::FrameRate;

use super::{ReadingArgs, ShapingArgs};

pub const INSPECT_LONG: &str = "\
Show what moue sees in a picture, or what is in a motion.

Of a picture: for each face, largest first, its box, the head's rotation and the expression. With --json, one object on \
stdout: width, height, and faces with score, box [x, y, width, height], landmarks (478 x [x, y, z]), blendshapes by \
name (52) and pose (a 4x4 matrix, rows first, from the canonical face in cm to the camera in cm). Positions are pixels \
of the picture as it is shown, with its EXIF orientation applied.

Of a track or a video: its kind, rate, length, channels with their ranges, gaps, and what each renderer would use of \
it. --plot draws the curves of the busiest channels, with pictures of a video under the time axis. --compare draws two \
motions on top of each other, with correlation, error and lag for each channel.";

pub const INSPECT_EXAMPLES: &str = "\
Examples:
  moue inspect me.jpg --annotate seen.png
  moue inspect take.csv
  moue inspect take.mp4 --plot curves.png
  moue inspect asked.csv --compare measured.csv --plot both.svg";

#[derive(Args, Debug)]
#[command(after_help = "`moue inspect --help` explains more, with examples.", after_long_help = INSPECT_EXAMPLES)]
pub struct InspectArgs {
    /// A picture (PNG, JPEG, WebP), a track, a video, or a folder of pictures
    pub source: String,
    /// Print everything as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
    /// Of a picture: draw boxes, numbers, meshes and contours into a copy (PNG); it is enlarged if faces are small
    #[arg(long, value_name = "OUT.png", conflicts_with_all = ["plot", "compare"])]
    pub annotate: Option<PathBuf>,
    /// Of a motion: draw its curves (.png or .svg)
    #[arg(long, value_name = "OUT")]
    pub plot: Option<PathBuf>,
    /// Of a motion: compare it with another; the first is what was asked, this one what was measured
    #[arg(long, value_name = "MOTION")]
    pub compare: Option<String>,
    /// Replace files that exist
    #[arg(long)]
    pub overwrite: bool,
    #[command(flatten)]
    pub reading: ReadingArgs,
}

pub const MEASURE_LONG: &str = "\
Measure a rendered video: does the face do what was asked, is it the same person, is it steady?

VIDEO is tracked again and compared with MOTION, which is read and shaped as it was for rendering: give the same --gain, \
--neutral, --start and so on.

 - expression: correlation, slope, mean error and lag (in frames) for each channel that was asked to move
 - identity: cosine of the recogniser's embedding to the portrait's, where there is a recogniser (`moue models list`)
 - flicker: how little neighbouring frames differ where the asked expression holds still: 1 is bit-equal
 - frames: dropped (a gap in the times) and repeated (bit-equal although the motion moves)";

pub const MEASURE_EXAMPLES: &str = "\
Examples:
  moue measure out.mp4 --motion take.csv --portrait me.jpg
  moue measure out.mp4 --motion take.csv --portrait me.jpg --json --plot report.png";

#[derive(Args, Debug)]
#[command(after_help = "`moue measure --help` explains more, with examples.", after_long_help = MEASURE_EXAMPLES)]
pub struct MeasureArgs {
    /// The rendered video, or a folder of its frames
    pub video: String,
    /// What it was asked to show
    #[arg(long, value_name = "MOTION")]
    pub motion: String,
    /// Whom it was asked to show
    #[arg(long, value_name = "IMAGE")]
    pub portrait: Option<PathBuf>,
    /// Frames a second of a folder of frames (default 25)
    #[arg(long, value_name = "RATE")]
    pub fps: Option<FrameRate>,
    /// Where in the motion the video starts
    #[arg(long, value_name = "TIME")]
    pub start: Option<String>,
    /// Where in the motion it ends
    #[arg(long, value_name = "TIME")]
    pub end: Option<String>,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub json: bool,
    /// Draw a page with everything on it (.png or .svg)
    #[arg(long, value_name = "OUT")]
    pub plot: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    pub overwrite: bool,
    #[command(flatten)]
    pub reading: ReadingArgs,
    #[command(flatten)]
    pub shaping: ShapingArgs,
}
