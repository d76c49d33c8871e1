//! `moue track`, `moue edit`, `moue calibrate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use moue_timeline::{ChannelSet, FrameRate, Offsets};

use super::{InterpolationArg, ReadingArgs, ShapingArgs};

pub const TRACK_LONG: &str = "\
Read the motion of a face and write it as a track.

SOURCE is a video (a file or an address: https://, rtmp://, v4l2:///dev/video0), a folder of pictures, or a track of \
any kind. Of a video, moue follows one face: 52 ARKit coefficients (MediaPipe's, without tongueOut) and the head's \
rotation; with --smirk, FLAME coefficients too. Frames without a face are left out and told; whatever plays the track \
bridges them.

The track is what was measured: nothing is smoothed and nothing is taken off unless asked for.

Kinds of track that are read (--format, by content unless given): moue, live-link-face, mediapipe, audio2face, \
audio2face-csv, ifacialmocap, npz, vhap, flame-head-tracker, emoca, flame-array, arkit-array, arkit-sorted-array, \
mediapipe-array. Written: .csv (moue's own table; --live-link-face for that app's), .json (MediaPipe's), .npz.";

pub const TRACK_EXAMPLES: &str = "\
Examples:
  moue track take.mp4 -o take.csv
  moue track take.mp4 --smooth light --neutral auto -o take.csv -o take.npz
  moue track vhap_export/ -o flame.npz
  moue track take.csv --to flame --map map.npz -o flame.npz
  moue track v4l2:///dev/video0 --end 10s -o me.csv";

#[derive(Args, Debug)]
#[command(after_help = "`moue track --help` explains more, with examples.", after_long_help = TRACK_EXAMPLES)]
pub struct TrackArgs {
    /// A video, an address, a folder of pictures, or a track
    pub source: String,
    #[command(flatten)]
    pub writing: TrackWritingArgs,
    /// Where in the source to start, e.g. 1.5s, 800ms, 00:01:02.5 or 30f (frames)
    #[arg(long, value_name = "TIME", help_heading = "Motion")]
    pub start: Option<String>,
    /// Where in the source to end; written like --start, not included
    #[arg(long, value_name = "TIME", help_heading = "Motion")]
    pub end: Option<String>,
    #[command(flatten)]
    pub reading: ReadingArgs,
    #[command(flatten)]
    pub shaping: ShapingArgs,
}

/// Where a track goes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub struct TrackWritingArgs {
    /// File to write: .csv, .json or .npz; may be given several times
    #[arg(short, long = "output", value_name = "OUT", required = true)]
    pub outputs: Vec<PathBuf>,
    /// Write .csv files as the Live Link Face app does
    #[arg(long)]
    pub live_link_face: bool,
    /// Channels to write: arkit, flame or both (default: what there is); the other kind is mapped, see --map
    #[arg(long, value_enum, value_name = "arkit|flame|both", hide_possible_values = true)]
    pub to: Option<KindArg>,
    /// Rows a second (default: the source's own times)
    #[arg(long, value_name = "RATE")]
    pub fps: Option<FrameRate>,
    /// Replace files that exist
    #[arg(long)]
    pub overwrite: bool,
    /// Print one JSON object about what was read and written on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    Arkit,
    Flame,
    Both,
}

pub const EDIT_LONG: &str = "\
Edit tracks: cut, combine, change.

Each MOTION is read as by `moue track`. What is asked for happens in this order, whatever the order of the options:
 1. several motions become one: played one after the other (--crossfade), or --blend, or --merge
 2. --start, --end: both cuts become rows, so that nothing between rows is lost
 3. --speed
 4. --mirror
 5. --neutral, --smooth
 6. --gain, then --offset
 7. --only, --without
 8. --to (ARKit, FLAME), --fps
For another order, run it twice.";

pub const EDIT_EXAMPLES: &str = "\
Examples:
  moue edit take.csv --start 2s --end 5s -o part.csv
  moue edit a.csv b.csv --crossfade 300ms -o both.csv
  moue edit calm.csv wild.csv --blend 0.25 -o mostly-calm.csv
  moue edit body.csv lips.csv --merge -o all.csv              lips.csv wins where both have a channel
  moue edit take.csv --speed 1.25 --mirror --gain 'mouth=1.2' --offset 'head_pitch=3' -o other.csv";

#[derive(Args, Debug)]
#[command(after_help = "`moue edit --help` explains more, with examples.", after_long_help = EDIT_EXAMPLES)]
pub struct EditArgs {
    /// Tracks or videos, as `moue track` reads them
    #[arg(required = true, value_name = "MOTION")]
    pub sources: Vec<String>,
    #[command(flatten)]
    pub writing: TrackWritingArgs,

    /// Seconds over which one motion goes over into the next (default: none)
    #[arg(long, value_name = "TIME", conflicts_with_all = ["blend", "merge"], help_heading = "Combining")]
    pub crossfade: Option<String>,
    /// Mix two motions: 0 is the first alone, 1 the second
    #[arg(long, value_name = "WEIGHT", conflicts_with = "merge", help_heading = "Combining")]
    pub blend: Option<f64>,
    /// Put the channels of later motions beside, and in place of, those of earlier ones
    #[arg(long, help_heading = "Combining")]
    pub merge: bool,

    /// Where to start, e.g. 1.5s, 800ms, 00:01:02.5 or 30f (frames)
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub start: Option<String>,
    /// Where to end; written like --start, not included
    #[arg(long, value_name = "TIME", help_heading = "Time")]
    pub end: Option<String>,
    /// Play it faster (2) or slower (0.5)
    #[arg(long, value_name = "FACTOR", help_heading = "Time")]
    pub speed: Option<f64>,
    /// How to go from row to row where new rows are needed: linear (default) or monotone-cubic
    #[arg(long, value_enum, value_name = "KIND", hide_possible_values = true, help_heading = "Time")]
    pub interpolation: Option<InterpolationArg>,

    /// Exchange left and right
    #[arg(long, help_heading = "Channels")]
    pub mirror: bool,
    /// Constants to add, e.g. 'browInnerUp=0.1,head_pitch=3' (angles in degrees); names as for --gain
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, help_heading = "Channels")]
    pub offset: Option<Offsets>,
    /// Channels to keep, e.g. 'mouth,jaw'; names as for --gain
    #[arg(long, value_name = "LIST", help_heading = "Channels")]
    pub only: Option<ChannelSet>,
    /// Channels to leave out, e.g. 'head'; names as for --gain
    #[arg(long, value_name = "LIST", help_heading = "Channels")]
    pub without: Option<ChannelSet>,

    #[command(flatten)]
    pub reading: ReadingArgs,
    #[command(flatten)]
    pub shaping: ShapingArgs,
}

pub const CALIBRATE_LONG: &str = "\
Fit a map between ARKit and FLAME coefficients, both ways.

Each SOURCE is a face video, which both trackers look at (SMIRK's weights are needed: `moue models list`), or a track \
that has both kinds of channels (`moue track VIDEO --smirk -o both.csv`). A fifth of the frames, in blocks spread over \
all sources, is held back: the errors that are printed, and stored in the map, are those on frames it has not seen.

Use several minutes of a lively face, or several people. With the map (--map MAP.npz), ARKit tracks and plain driving \
videos drive the diffusion renderer, and FLAME tracks the mesh renderer in full. Lids and jaw never need it.

A third party's linear map can be brought as two arrays, bs2exp.npy (52, 100) and bs2jaw.npy (52, 3): give their folder \
with --import.";

#[derive(Args, Debug)]
#[command(after_help = "`moue calibrate --help` explains more.")]
pub struct CalibrateArgs {
    /// Face videos, or tracks with ARKit and FLAME columns
    #[arg(required_unless_present = "import", value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Folder with a third party's bs2exp.npy and bs2jaw.npy, instead of fitting
    #[arg(long, value_name = "DIR", conflicts_with = "sources")]
    pub import: Option<PathBuf>,
    /// The map to write (.npz)
    #[arg(short, long, value_name = "MAP.npz")]
    pub output: PathBuf,
    /// Replace it if it exists
    #[arg(long)]
    pub overwrite: bool,
    /// Print the errors as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reading: ReadingArgs,
}
