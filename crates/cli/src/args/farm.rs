//! `moue farm`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use moue_animation::{Device, Framing, Size};
use moue_timeline::{FrameRate, Gains};

use super::{PaintingArgs, RendererArg};

pub const FARM_LONG: &str = "\
Render a film on many machines: on Slurm, on Kubernetes, or in several processes of this one.

  moue farm plan     cuts a film into tasks; the plan is one file, beside it (plan.farm/) appear the results
  moue farm task     does one task: what an engine runs, on any machine that sees the plan
  moue farm status   says what is done, missing and broken, and how long the rest takes
  moue farm join     puts the film together
  moue farm submit   gives all of it to an engine, in the right order

The film is the same, byte for byte, as the one that `moue storyboard` makes on one machine. Plan and results lie in a \
folder that all machines share, or in a bucket: wherever a plan is named, s3://BUCKET/..., gs://... and az://... do, with \
credentials from the provider's usual environment variables. docs/farm.md walks through both engines.";

const FARM_EXAMPLES: &str = "\
Examples:
  On this machine
    moue farm plan film.yaml -o plan.json && moue farm submit plan.json --engine local -o film.mp4
  On Slurm, in a folder that all nodes share
    moue farm plan film.yaml -o /shared/film/plan.json
    moue farm submit /shared/film/plan.json --engine slurm -o /shared/film/film.mp4 --dry-run
  On Kubernetes, with a bucket
    moue farm plan film.yaml -o s3://films/one/plan.json
    moue farm submit s3://films/one/plan.json --engine kubernetes --image REGISTRY/moue --secret aws

Exit codes of `moue farm task`:
  0   done, now or before
  2   the command line asks for something that cannot be
  65  give up: every attempt would end alike until somebody changes something
  75  try again, here or elsewhere: interrupted, no room, the storage is in trouble";

#[derive(Args, Debug)]
#[command(after_help = "`moue farm --help` explains more, with examples.", after_long_help = FARM_EXAMPLES)]
pub struct FarmArgs {
    #[command(subcommand)]
    pub command: FarmCommand,
}

#[derive(Debug, Subcommand)]
pub enum FarmCommand {
    /// Cut a film into tasks
    #[command(long_about = PLAN_LONG)]
    Plan(Box<FarmPlanArgs>),
    /// Do one task of a plan
    #[command(long_about = TASK_LONG)]
    Task(FarmTaskArgs),
    /// Put the film together
    Join(FarmJoinArgs),
    /// Say what is done, missing and broken, and how long the rest takes
    Status(FarmStatusArgs),
    /// Give a plan to an engine, or print what it would be given
    #[command(long_about = SUBMIT_LONG)]
    Submit(Box<FarmSubmitArgs>),
}

/// Where a plan is, for all commands.
#[derive(Args, Debug)]
pub struct PlaceArgs {
    /// How long a request to a bucket may take, with all attempts, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400),
          help_heading = "Storage")]
    pub patience: u64,
}

const PLAN_LONG: &str = "\
Cut a film into tasks.

FILE is a storyboard. A portrait and a motion, as `moue animate` takes them, make one long shot: a storyboard of it is \
written beside the plan (plan.yaml). A shot is as long as its motion, to the nearest frame; `moue animate` \
shows the last row of a track too, which may be one frame more.

The plan names its inputs and models by their content: a task refuses others. Inputs that lie in the plan's folder are \
used where they are; those from elsewhere, and all of them where the plan lies in a bucket, are copied to plan.farm/. So a \
plan holds paths within its own folder alone. Models are not copied: each machine has its own (`--models`, $MOUE_MODELS).

Tasks are pieces of the film, as `moue storyboard` keeps them, so where a piece begins does not depend on the tasks. With \
the diffusion renderer, ranges of frames are painted first, one frame at a time unless --batch says otherwise.";

#[derive(Args, Debug)]
#[command(override_usage = "moue farm plan [OPTIONS] <FILE | PORTRAIT MOTION> -o <PLAN>")]
pub struct FarmPlanArgs {
    /// A storyboard; or a portrait and a motion
    #[arg(required = true, num_args = 1..=2, value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    /// The plan to write: a file in a folder that all machines share, or in a bucket (s3://, gs://, az://)
    #[arg(short, long, value_name = "PLAN", help_heading = "Output")]
    pub output: String,
    /// Replace a plan that is there; finished pieces that did not change are kept
    #[arg(long, help_heading = "Output")]
    pub overwrite: bool,
    /// Print one JSON object about the plan on stdout
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// How the film is encoded: h264 (default) for .mp4 and .mkv, vp9 for .webm and .mkv
    #[arg(
        long,
        value_enum,
        value_name = "h264|vp9",
        default_value = "h264",
        hide_default_value = true,
        hide_possible_values = true,
        help_heading = "Output"
    )]
    pub codec: CodecArg,

    /// About so many tasks in each phase; pieces are not divided for it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "frames_per_task",
          help_heading = "Tasks")]
    pub tasks: Option<u64>,
    /// About so many frames in each task (default: five minutes of work by the sample)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Tasks")]
    pub frames_per_task: Option<u64>,
    /// Draw no frames now to know what all of them cost
    #[arg(long, help_heading = "Tasks")]
    pub no_sample: bool,

    /// Make the film of this shot alone, by its name or number; may be given several times
    #[arg(long = "shot", value_name = "NAME", help_heading = "Rendering")]
    pub shots: Vec<String>,
    /// Plan a draft: the mesh renderer, half the size, 12 frames per second
    #[arg(long, help_heading = "Rendering")]
    pub draft: bool,
    /// Map between ARKit and FLAME (`moue calibrate`), for expressions in the terms of the other renderer
    #[arg(long, value_name = "MAP.npz", help_heading = "Rendering")]
    pub map: Option<PathBuf>,
    /// Where to compute: auto (default), cpu or cuda:0; the mesh renderer runs on the CPU
    #[arg(long, value_name = "DEVICE", default_value = "auto", hide_default_value = true, help_heading = "Rendering")]
    pub device: Device,
    /// Folder with the models (default: $MOUE_MODELS, else the user's data folder); see `moue models`
    #[arg(long, value_name = "DIR", help_heading = "Rendering")]
    pub models: Option<PathBuf>,
    /// Threads that draw the sample (default: one for each core)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Rendering")]
    pub threads: Option<u16>,
    #[command(flatten)]
    pub take: TakeArgs,
    #[command(flatten)]
    pub painting: PaintingArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// What a storyboard says itself, for a portrait and a motion.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "A portrait and a motion")]
pub struct TakeArgs {
    /// What draws the frames: mesh (default) or diffusion
    #[arg(long, value_enum, value_name = "mesh|diffusion", hide_possible_values = true)]
    pub renderer: Option<RendererArg>,
    /// Size in pixels, e.g. 1920x1080, or `source`, the portrait's own
    #[arg(long, value_name = "WxH|source")]
    pub size: Option<Size>,
    /// Frames per second, e.g. 25 (default), 29.97 or 30000/1001
    #[arg(long, value_name = "RATE")]
    pub fps: Option<FrameRate>,
    /// Part of the portrait to show: whole (default with mesh), head, or face (diffusion's only one)
    #[arg(long, value_name = "whole|head|face")]
    pub framing: Option<Framing>,
    /// Which face, if there are several: 1 is the largest (default)
    #[arg(long, value_name = "N", value_parser = super::parse_face)]
    pub face: Option<usize>,
    /// Where in the motion to start, e.g. 1.5s or 00:01:02.5
    #[arg(long, value_name = "TIME")]
    pub start: Option<String>,
    /// Where in the motion to end; not included
    #[arg(long, value_name = "TIME")]
    pub end: Option<String>,
    /// Factors on channels, e.g. 'jawOpen=1.2,head=0'
    #[arg(long, value_name = "LIST", value_parser = parse_gain)]
    pub gain: Option<String>,
    /// Move the face away from the portrait's expression instead of replacing it
    #[arg(long)]
    pub relative: bool,
    /// Seed of the diffusion renderer's noise
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Leave the sound of a driving video out
    #[arg(long)]
    pub no_sound: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CodecArg {
    H264,
    Vp9,
}

const TASK_LONG: &str = "\
Do one task of a plan.

Engines say which one by environment variables: SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX are understood. --index says \
it otherwise; where both do, they must agree.

The inputs' and models' content is checked, the frames are drawn in a folder of the system's ($TMPDIR), and what is \
finished appears in plan.farm/ in one step. A task that is done already ends at once. Two at once do no harm. Frames \
and pieces that were finished before an interruption are found again; the keyframes of a task are kept all at once, when the \
last one is painted.";

#[derive(Args, Debug)]
pub struct FarmTaskArgs {
    /// The plan
    pub plan: String,
    /// The task's number, from 0 (default: what the engine says)
    #[arg(long, value_name = "N")]
    pub index: Option<u64>,
    /// Added to the number that the engine says
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub offset: u64,
    /// Folder with the models (default: $MOUE_MODELS, else the user's data folder); see `moue models`
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Threads that draw (default: one for each core)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Folder for what is under way (default: the system's)
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<PathBuf>,
    /// Print one JSON object about the task on stdout
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub place: PlaceArgs,
}

#[derive(Args, Debug)]
pub struct FarmJoinArgs {
    /// The plan
    pub plan: String,
    /// The film: .mp4, .mkv or .webm
    #[arg(short, long, value_name = "FILM")]
    pub output: String,
    /// Replace a film that is there
    #[arg(long)]
    pub overwrite: bool,
    #[command(flatten)]
    pub place: PlaceArgs,
}

#[derive(Args, Debug)]
pub struct FarmStatusArgs {
    /// The plan
    pub plan: String,
    /// Read every result to its last byte, as `join` does
    #[arg(long)]
    pub verify: bool,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub place: PlaceArgs,
}

const SUBMIT_LONG: &str = "\
Give a plan to an engine, or print what it would be given (--dry-run).

slurm: an array of tasks for each phase, which waits for the phase before, and a job that joins. A task that may be tried \
again goes back into the queue. What is printed is a script for bash.

kubernetes: an Indexed Job for each phase; those that wait for another are suspended, and resumed in turn by this \
command, which may be stopped and started again. What is printed is YAML for `kubectl apply -f -`.

local: as many processes as fit into memory and cores, here and now.";

#[derive(Args, Debug)]
pub struct FarmSubmitArgs {
    /// The plan, as the engine's machines find it
    pub plan: String,
    /// What runs the tasks: slurm, kubernetes or local
    #[arg(long, value_enum, value_name = "slurm|kubernetes|local", hide_possible_values = true)]
    pub engine: EngineArg,
    /// Print what the engine would be given, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Join the film at the end: .mp4, .mkv or .webm, as the engine's machines find it
    #[arg(short, long, value_name = "FILM")]
    pub output: Option<String>,
    /// Replace a film that is there
    #[arg(long, requires = "output")]
    pub overwrite: bool,
    /// Print one JSON object on stdout when the local engine is done
    #[arg(long)]
    pub json: bool,
    /// How often a task is begun before it is given up
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub attempts: u32,
    /// The most tasks at the same time (slurm, kubernetes)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub at_once: Option<u32>,
    /// Folder with the models, as the engine's machines find it
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Threads that draw, for each task; and cores that are asked for (default: 4, on this machine 2)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Folder for what is under way, as the engine's machines find it
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<PathBuf>,
    /// The program, as the engine's machines find it (default: this one; in a container, moue)
    #[arg(long, value_name = "FILE")]
    pub program: Option<String>,

    /// Processes at the same time (default: as many as fit)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "local")]
    pub workers: Option<u16>,

    /// One more word for sbatch, such as --sbatch=--partition=gpu; may be given several times
    #[arg(long, value_name = "WORD", allow_hyphen_values = true, help_heading = "slurm")]
    pub sbatch: Vec<String>,
    /// What a task that paints asks for
    #[arg(long, value_name = "GRES", default_value = "gpu:1", help_heading = "slurm")]
    pub gres: String,
    /// Slurm's MaxArraySize (default: what scontrol says, else 1001)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "slurm")]
    pub max_array: Option<u64>,

    /// The container image with moue in it
    #[arg(long, value_name = "IMAGE", required_if_eq("engine", "kubernetes"), help_heading = "kubernetes")]
    pub image: Option<String>,
    /// A PersistentVolumeClaim, and where it is mounted
    #[arg(long, value_name = "CLAIM:/PATH", value_parser = parse_volume, help_heading = "kubernetes")]
    pub volume: Option<(String, String)>,
    /// A Secret whose entries are environment variables: the bucket's credentials
    #[arg(long, value_name = "NAME", help_heading = "kubernetes")]
    pub secret: Option<String>,
    /// The namespace (default: the context's)
    #[arg(long, value_name = "NAME", help_heading = "kubernetes")]
    pub namespace: Option<String>,
    /// Memory of a task
    #[arg(long, value_name = "QUANTITY", default_value = "8Gi", help_heading = "kubernetes")]
    pub memory: String,
    /// The resource that a GPU is
    #[arg(long, value_name = "NAME", default_value = "nvidia.com/gpu", help_heading = "kubernetes")]
    pub gpu: String,
    #[command(flatten)]
    pub place: PlaceArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineArg {
    Slurm,
    Kubernetes,
    Local,
}

/// The text as it is, where it can be understood.
fn parse_gain(text: &str) -> Result<String, String> {
    text.parse::<Gains>().map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn parse_volume(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((claim, path)) if !claim.is_empty() && path.starts_with('/') => Ok((claim.to_owned(), path.to_owned())),
        _ => Err(format!("found '{text}', expected a claim and a path, such as films:/films")),
    }
}
