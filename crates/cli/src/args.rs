//! The command line.

mod farm;
mod join;
mod looking;
mod models;
mod motion;
mod storyboard;
mod track;

pub use farm::*;
pub use join::*;
pub use looking::*;
pub use models::*;
pub use motion::*;
pub use storyboard::*;
pub use track::*;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use moue_animation::{Compose, Device, FrameRange, Framing, HistoryMode, NoiseMode, SchedulerKind, Share, Size};
use moue_timeline::FrameRate;

const EXAMPLES: &str = "\
Examples:
  moue animate me.jpg take1.csv -o me.mp4
  moue animate me.jpg take1.csv --framing head --size 512x512 -o me.gif -o sheet.png
  moue animate me.jpg driving.mp4 -o me.mp4
  moue storyboard film.yaml -o film.mp4 -o board.html
  moue track driving.mp4 -o take.csv
  moue inspect take.csv --plot curves.png
  moue measure me.mp4 --motion take1.csv --portrait me.jpg
  moue models list
  moue doctor

Exit codes:
  0    done
  1    something failed; the last lines on stderr say what, where and what to do
  2    the command line asks for something that cannot be
  130  interrupted (Ctrl-C), whether files were finished or not; what was played to its end and only went on after it
       (--loop, a page) is done: 0";

/// Animates a portrait by its expression.
#[derive(Debug, Parser)]
#[command(name = "moue", version, after_help = EXAMPLES, max_term_width = 110, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub global: Global,
}

#[derive(Args, Clone, Copy, Debug)]
pub struct Global {
    /// Say nothing but errors
    #[arg(short, long, global = true, help_heading = "Talk", conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: -v what is done, -vv how, -vvv everything
    #[arg(short, long, global = true, help_heading = "Talk", action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Turn a portrait and a motion into a film
    #[command(long_about = ANIMATE_LONG)]
    Animate(Box<AnimateArgs>),
    /// Turn a storyboard into panels and a film
    #[command(long_about = STORYBOARD_LONG)]
    Storyboard(Box<StoryboardArgs>),
    /// Render a film on many machines
    #[command(long_about = FARM_LONG)]
    Farm(FarmArgs),
    /// Put parts together that `moue animate --frames` rendered
    #[command(long_about = JOIN_LONG)]
    Join(JoinArgs),
    /// Read the motion of a face off a video, or a track of any kind, and write it as a track
    #[command(long_about = TRACK_LONG)]
    Track(Box<TrackArgs>),
    /// Cut, combine and change tracks
    #[command(long_about = EDIT_LONG)]
    Edit(Box<EditArgs>),
    /// Show what is seen in a picture, or what is in a motion
    #[command(long_about = INSPECT_LONG)]
    Inspect(Box<InspectArgs>),
    /// Measure a rendered video: expression, identity, steadiness
    #[command(long_about = MEASURE_LONG)]
    Measure(Box<MeasureArgs>),
    /// Fit a map between ARKit and FLAME coefficients
    #[command(long_about = CALIBRATE_LONG)]
    Calibrate(Box<CalibrateArgs>),
    /// List, fetch and check the diffusion renderer's model files
    Models(ModelsArgs),
    /// List the run presets that `--pipeline` takes
    Pipelines(PipelinesArgs),
    /// List what this machine can do, and what is missing
    Doctor(DoctorArgs),
}

const ANIMATE_LONG: &str = "\
Turn a portrait and a motion into a film.

PORTRAIT is a PNG, JPEG or WebP picture with a face in it. MOTION says what the face does over time. It may be

  - a video of a face: a file, a folder of pictures, or an address (https://, rtmp://, v4l2:///dev/video0 with --end). \
Its sound goes along,
  - a track: a recording of the Live Link Face app, iFacialMocap, Audio2Face, MediaPipe's Face Landmarker, VHAP, \
flame-head-tracker, EMOCA, NumPy arrays, or a table of your own (CSV): a column `time` in seconds, then columns named \
after Apple's 52 ARKit shapes (0 to 1) or FLAME's coefficients (exp_00 .. exp_49, eyelid_left, eyelid_right, jaw_x, \
jaw_y, jaw_z), and optionally head_yaw, head_pitch, head_roll in degrees.

The content decides what it is, not the name (see `moue track --help`). Shapes that it does not mention stay at rest.

The mesh renderer is moved by ARKit shapes, the diffusion renderer by FLAME coefficients. Lids and jaw of the one move \
the other as they are; all else takes a map (--map, see `moue calibrate`).

Coefficients are absolute: 0 is a neutral feature, so a portrait that smiles has its smile undone first, and a \
smile of 0.5 is a smile of 0.5. With --relative they move the face away from the expression in the portrait \
instead. The head always turns from where the portrait has it.

Beside files there may be live outputs: streams (rtmp://, rtmps://, srt://, HLS) and a page in the browser \
(preview://). Frames then leave in real time; files get every frame, live outputs the newest. Streams that break are \
tried again until they are there. With a live output, a camera or a stream as MOTION is followed as it comes.

Ctrl-C once finishes the files with what has been rendered; twice stops at once and leaves no file.";

const ANIMATE_EXAMPLES: &str = "\
Examples:
  A video at the portrait's own size
    moue animate me.jpg take1.csv -o me.mp4
  The head alone, as a video, a GIF and a contact sheet, all in one go
    moue animate me.jpg take1.csv --framing head -o me.mp4 -o me.gif -o sheet.png
  Two seconds of it, with a larger smile and a still head, at 30 frames per second
    moue animate me.jpg take1.csv --start 3s --end 5s --fps 30 --gain 'mouthSmile=1.5,head=0' -o a.webm
  Frames as PNG files, into a folder
    moue animate me.jpg take1.csv -o frames/
  A video drives it, with its sound; its resting face is a picture of the driver
    moue animate me.jpg driving.mp4 --neutral driver.jpg -o me.mp4
  Painted by the diffusion renderer, from FLAME coefficients
    moue models pull
    moue animate me.jpg flame.npz --renderer diffusion -o painted.mp4
  The same face in the whole picture, the head turning as the motion says
    moue animate me.jpg flame.npz --renderer diffusion --compose paste -o whole.mp4
  A quarter of the frames painted, the others made of them by the mesh
    moue animate me.jpg flame.npz --renderer mesh+diffusion --share 1/4 -o mixed.mp4
  Live: a stream and a file; a page with sliders, again and again; a camera that drives the portrait
    moue animate me.jpg take1.csv -o rtmp://localhost/live/preview -o me.mp4
    moue animate me.jpg take1.csv --loop -o preview://127.0.0.1:8080
    moue animate me.jpg v4l2:///dev/video0 --inset -o preview://127.0.0.1:8080
  How well does the face obey? Measures every fifth frame; the table goes to stdout
    moue animate me.jpg take1.csv --framing head --measure -o me.mp4";

#[derive(Args, Debug)]
#[command(override_usage = "moue animate [OPTIONS] <PORTRAIT> <MOTION> -o <OUT> [-o <OUT> ...]")]
#[command(after_help = "`moue animate --help` explains more, with examples.", after_long_help = ANIMATE_EXAMPLES)]
pub struct AnimateArgs {
    /// Picture with the face to animate: PNG, JPEG or WebP
    pub portrait: PathBuf,
    /// What the face does: a video, an address, or a track of any kind
    pub motion: String,

    /// File, folder, stream or page; may be given several times
    ///
    /// The name says what it becomes: .mp4 (H.264, plays everywhere), .mkv, .webm (VP9), .gif, .png (a contact
    /// sheet), a folder or a pattern like shot_%05d.png (numbered frames); rtmp://HOST/APP/KEY, rtmps://, srt://HOST:PORT,
    /// live/index.m3u8 (HLS), preview://HOST:PORT (a page in the browser); 'gst: ...' (elements of GStreamer, as after
    /// gst-launch-1.0 videotestsrc !). Without -o, the preset's outputs.
    #[arg(short, long = "output", value_name = "OUT", help_heading = "Output")]
    pub outputs: Vec<String>,
    /// Replace files that exist
    #[arg(long, help_heading = "Output")]
    pub overwrite: bool,
    /// Print one JSON object about the run on stdout
    ///
    /// It holds: frames, seconds (how long the run took), fps, duration (of the film), stages with busy times,
    /// outputs, the portrait's expression, and with --measure the fidelity.
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Measure how well the face obeys, on every Nth frame (5 if N is left out)
    ///
    /// The tracker looks at the rendered frames, and what it measures is compared with what was asked: correlation
    /// (1 is best), slope (1 means same strength) and mean absolute error for each shape.
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "5",
          value_parser = clap::value_parser!(u64).range(1..), help_heading = "Output")]
    pub measure: Option<u64>,

    /// Part of the portrait to show: whole (default), or head, a square around it
    ///
    /// The square has room for hair and shoulders; where it would leave the picture it is moved, then made smaller.
    /// The diffusion renderer paints a square around the face, and shows that unless told otherwise; with whole or head
    /// it is put back into the picture (see --compose).
    #[arg(long, value_name = "whole|head", help_heading = "Picture")]
    pub framing: Option<Framing>,
    /// Size in pixels, e.g. 1920x1080, or `source`
    ///
    /// `source` is the portrait's own size (default for --framing whole); --framing head gives 512x512 by default. A
    /// painted square has the size that the models have learned by default: 512x512 for the published ones.
    /// Odd sizes are rounded to even ones. A portrait of another shape is fitted inside; the rest stays black.
    #[arg(long, value_name = "WxH|source", help_heading = "Picture")]
    pub size: Option<Size>,
    /// Which face, if there are several: 1 is the largest (default)
    ///
    /// `moue inspect PORTRAIT --annotate seen.png` draws their numbers.
    #[arg(long, value_name = "N", value_parser = parse_face, help_heading = "Picture")]
    pub face: Option<usize>,

    /// Frames per second, e.g. 25 (default), 29.97 or 30000/1001
    ///
    /// The motion is resampled to it by time, whatever rate it was recorded at.
    #[arg(long, value_name = "RATE", help_heading = "Motion")]
    pub fps: Option<FrameRate>,
    /// Where in the motion to start, e.g. 1.5s, 800ms, 00:01:02.5 or 30f (frames)
    #[arg(long, value_name = "TIME", help_heading = "Motion")]
    pub start: Option<String>,
    /// Where in the motion to end; written like --start, not included
    #[arg(long, value_name = "TIME", help_heading = "Motion")]
    pub end: Option<String>,
    /// Render a part of the film only: frames A to B, B not included, e.g. 0..250, or 250.. for the rest
    ///
    /// Frames are counted from 0 at the output's rate, from --start on. A frame is the same in a part as in the whole,
    /// so that a long film can be rendered by several processes or machines; `moue join` puts parts together. Numbered
    /// PNG frames keep the numbers of the whole. Parts have no sound.
    #[arg(long, value_name = "A..B", help_heading = "Motion")]
    pub frames: Option<FrameRange>,
    #[command(flatten)]
    pub watching: WatchingArgs,
    /// Show a live source in the lower right corner of the picture, a quarter as wide
    #[arg(long, help_heading = "Output")]
    pub inset: bool,

    /// Move the face away from the portrait's expression instead of replacing it
    #[arg(long, help_heading = "Motion")]
    pub relative: bool,
    /// How to go from row to row of the motion: linear (default) or monotone-cubic
    ///
    /// Monotone-cubic moves smoothly and never overshoots; it makes a difference where rows are far apart.
    #[arg(long, value_enum, value_name = "KIND", hide_possible_values = true, help_heading = "Motion")]
    pub interpolation: Option<InterpolationArg>,
    /// Leave the sound of a driving video out
    #[arg(long, help_heading = "Motion")]
    pub no_sound: bool,
    #[command(flatten)]
    pub shaping: ShapingArgs,
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// What draws the frames: mesh (default), built in and fast; diffusion, which paints them with Arc2Face; or
    /// mesh+diffusion, which paints some
    ///
    /// diffusion needs model files (`moue models list`), and a GPU, or patience. mesh+diffusion paints keyframes where
    /// the expression asks for them (see --within), and the mesh carries them to the frames between.
    #[arg(
        long,
        value_enum,
        value_name = "mesh|diffusion|mesh+diffusion",
        hide_possible_values = true,
        help_heading = "Rendering"
    )]
    pub renderer: Option<RendererArg>,
    /// Where to compute: auto (default), cpu or cuda:0; the mesh renderer runs on the CPU
    ///
    /// auto takes a GPU for diffusion if this build knows GPUs (`make cuda`) and there is one.
    #[arg(long, value_name = "DEVICE", default_value = "auto", hide_default_value = true, help_heading = "Rendering")]
    pub device: Device,
    /// Seed of the diffusion renderer's noise; equal seeds give equal frames. The mesh renderer has no noise
    #[arg(long, value_name = "N", help_heading = "Rendering")]
    pub seed: Option<u64>,
    /// Run preset: the name of a built-in one (`moue pipelines`) or a YAML file; options given here come before it
    #[arg(long, value_name = "NAME|FILE", help_heading = "Rendering")]
    pub pipeline: Option<String>,
    /// Threads that render (default: one for each core)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Rendering")]
    pub threads: Option<u16>,

    #[command(flatten)]
    pub painting: PaintingArgs,
    /// Folder for the keyframes of --history and --start-strength: runs that render ranges of one film share them in it
    #[arg(long, value_name = "DIR", help_heading = "Steadiness of the diffusion renderer")]
    pub keyframes: Option<PathBuf>,
    #[command(flatten)]
    pub mixing: MixingArgs,
}

/// Which frames the renderer mesh+diffusion paints.
#[derive(Args, Debug)]
#[command(next_help_heading = "Renderer mesh+diffusion")]
pub struct MixingArgs {
    /// Paint as many frames as are needed for every frame's expression to be this near to a painted one (default 0.25)
    ///
    /// A distance of 1 is a lid that shuts, a jaw that opens by 0.4 rad, or two standard deviations of one of FLAME's
    /// expression components. Turning points of the motion come first; a face that holds still costs nothing,
    /// a quick blink has a painting of its own. Which frames are painted depends on the motion alone.
    #[arg(long, value_name = "DISTANCE", conflicts_with_all = ["share", "every"], value_parser = parse_distance)]
    pub within: Option<f32>,
    /// Paint this part of all frames, e.g. 1/4: those that are farthest from others
    #[arg(long, value_name = "PART", conflicts_with = "every")]
    pub share: Option<Share>,
    /// Paint every Nth frame, and the last one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub every: Option<u32>,
}

fn parse_share(text: &str) -> Result<f32, String> {
    let share = text.parse::<f32>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("found '{text}', expected a number from 0 to 1"))
}

fn parse_distance(text: &str) -> Result<f32, String> {
    let distance = text.parse::<f32>().ok().filter(|distance| distance.is_finite() && *distance >= 0.0);
    distance.ok_or_else(|| format!("found '{text}', expected a distance such as 0.25"))
}

/// What goes with outputs that are watched while they are made.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub struct WatchingArgs {
    /// Start over at the end, for live outputs; until Ctrl-C
    ///
    /// Files get it once.
    #[arg(long = "loop")]
    pub repeat: bool,
    /// End the run when a live output breaks, instead of trying again until it is there
    #[arg(long)]
    pub fail_fast: bool,
    /// Serve how the run is going at http://HOST:PORT/metrics, for Prometheus
    #[arg(long, value_name = "HOST:PORT")]
    pub metrics: Option<String>,
}

/// What keeps painted frames steady over time.
#[derive(Args, Debug)]
#[command(next_help_heading = "Steadiness of the diffusion renderer")]
pub struct ConditioningArgs {
    /// Noise that frames start from: shared, carried or independent (docs/steadiness.md has figures)
    ///
    /// shared is one for all frames: what the expression does not change stays, and fine texture sticks to the picture.
    /// carried is moved along with the face, by the mesh: texture sticks to the face, for some milliseconds a frame.
    /// independent gives each frame its own, and flickers.
    #[arg(long, value_name = "MODE")]
    pub noise: Option<NoiseMode>,
    /// What frames look at besides the portrait: none, or keyframe
    ///
    /// A shot's keyframes are those of its expressions that are far from each other; each is painted from its expression
    /// alone, so nothing drifts. A frame looks at the nearest two, by how near they are. It costs one more painting and
    /// network pass for each keyframe, and slower passes for all frames.
    #[arg(long, value_name = "MODE")]
    pub history: Option<HistoryMode>,
    /// How much frames look at keyframes; 1 is as much as at the portrait
    #[arg(long, value_name = "X")]
    pub history_weight: Option<f64>,
    /// How far keyframes are apart; 1 is a lid that shuts, or a jaw that opens by 0.4 rad. Smaller means more of them
    #[arg(long, value_name = "X")]
    pub keyframe_distance: Option<f64>,
    /// Start frames from keyframes, carried to where the face is, and take this share of the steps; 1 starts from noise
    ///
    /// Fewer steps take less time and make frames steadier; they follow the expression less.
    #[arg(long, value_name = "X")]
    pub start_strength: Option<f64>,
}

/// What only the diffusion renderer has.
#[derive(Args, Debug)]
#[command(next_help_heading = "Diffusion renderer")]
pub struct PaintingArgs {
    /// What becomes of the painted square: crop, it is the frame; or paste, it goes back into the picture
    ///
    /// The model paints an upright square around the face, and nothing else of the picture. With paste the face in it is
    /// put where the portrait has it, at the portrait's resolution: its colours are fitted to the portrait's once, its
    /// edge is soft and follows the jaw, and the head turns as the motion says, which the model alone cannot do. Then
    /// --framing is whole or head, and --size is what it is for the mesh renderer. paste is what --framing whole or head
    /// means by itself; otherwise crop is the default.
    #[arg(long, value_name = "crop|paste")]
    pub compose: Option<Compose>,
    /// Side of the painted square with --compose paste, a multiple of 8 (default: what the model was trained on)
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(8..=2048))]
    pub paint_size: Option<u32>,
    /// Add so much (0 to 1) of the portrait's fine detail to the painted skin, with --compose paste
    ///
    /// For large portraits: pores and hairs that the painted square has no pixels for. The mesh carries them along; around
    /// eyes and lips, nothing is added.
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    pub detail: Option<f32>,
    /// Noise scheduler: dpmpp-2m (default), ddim, euler, or lcm (few steps, with the LCM-LoRA)
    #[arg(long, value_name = "NAME")]
    pub scheduler: Option<SchedulerKind>,
    /// Denoising steps of a frame: 25 by default, 4 with lcm
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Classifier-free guidance: 3 by default, 1 with lcm; 1 takes half the time
    #[arg(long, value_name = "X")]
    pub guidance: Option<f64>,
    /// Weight of the expression, 1 as trained
    #[arg(long, value_name = "X")]
    pub expression_scale: Option<f64>,
    /// Weight of the reference adapter, 0.8 by default; more copies the portrait and weakens the expression
    #[arg(long, value_name = "X", conflicts_with = "no_reference")]
    pub reference_scale: Option<f64>,
    /// Paint the person only, without the portrait's hair, clothes and background
    #[arg(long)]
    pub no_reference: bool,
    /// Frames at once on a GPU (default: what fits into its free memory)
    ///
    /// On a CPU frames are painted one by one: at once they would be rounded differently, and a range of frames would not
    /// be what the whole has there. On a GPU, give ranges that are to fit to the last bit the same number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub batch: Option<u16>,
    /// Type that weights are stored in: f32 (default on the CPU), f16 (default on a GPU) or bf16
    ///
    /// On the CPU the arithmetic is in f32 all the same; f16 halves the memory.
    #[arg(long, value_enum, value_name = "f32|f16|bf16", hide_possible_values = true)]
    pub dtype: Option<PrecisionArg>,
    #[command(flatten)]
    pub conditioning: ConditioningArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PrecisionArg {
    F32,
    F16,
    Bf16,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RendererArg {
    Mesh,
    Diffusion,
    #[value(name = "mesh+diffusion")]
    Mixed,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum InterpolationArg {
    Linear,
    MonotoneCubic,
}

#[derive(Args, Debug)]
pub struct PipelinesArgs {
    #[command(subcommand)]
    pub command: Option<PipelinesCommand>,
}

#[derive(Debug, Subcommand)]
pub enum PipelinesCommand {
    /// Print a preset, to begin one of your own with: moue pipelines show mesh-mp4 > my.yaml
    Show {
        /// Its name
        name: String,
    },
    /// Print the JSON Schema of presets, for editors
    Schema,
}

#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Print the findings as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

pub(crate) fn parse_face(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("found '{text}', expected a number from 1 (the largest face)")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
