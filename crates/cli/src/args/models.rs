//! `moue models`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

const LONG: &str = "\
List, fetch and check the model files of the diffusion renderer.

The mesh renderer needs none of them: what it needs is built in. The diffusion renderer needs 12 files, about 5 GB, \
from three places on the Hugging Face hub; a 13th, for few steps, is optional.

They lie in one folder: the one that --models names, else the one in $MOUE_MODELS, else moue/models in the user's \
data folder ($XDG_DATA_HOME, or ~/.local/share). Files that you have already may be copied or linked into it; \
`moue models list` says under which names. Nothing is ever fetched but by `moue models pull`.";

const EXAMPLES: &str = "\
Examples:
  What there is, and what is missing
    moue models list
  Fetch what is missing, with what it takes to paint in few steps
    moue models pull --with lcm
  Is everything whole, and do the files fit each other?
    moue models check
  Random weights in the true shapes, to measure speed with
    moue models synth --scale sd15 random/ && moue animate me.jpg flame.npz --renderer diffusion --models random/";

#[derive(Args, Debug)]
#[command(long_about = LONG, after_help = "`moue models --help` explains more, with examples.",
          after_long_help = EXAMPLES)]
pub struct ModelsArgs {
    #[command(subcommand)]
    pub command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Say which files there are, what they are for, under which licence, and which are missing
    List(ListArgs),
    /// Fetch missing files from the hub
    #[command(long_about = PULL_LONG, after_long_help = PULL_EXAMPLES)]
    Pull(PullArgs),
    /// Compare every file with its configuration, and tell all that is wrong
    #[command(long_about = CHECK_LONG)]
    Check(CheckArgs),
    /// Write a folder of models with random weights, for tests and measurements
    #[command(long_about = SYNTH_LONG)]
    Synth(SynthArgs),
}

/// The folder that three of the commands share.
#[derive(Args, Debug)]
pub struct FolderArgs {
    /// Folder with the models (default: $MOUE_MODELS, else the user's data folder)
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct ListArgs {
    #[command(flatten)]
    pub folder: FolderArgs,
    /// Print everything as one JSON object on stdout, with repositories and whole SHA-256 digits
    #[arg(long)]
    pub json: bool,
}

const PULL_LONG: &str = "\
Fetch missing files from the Hugging Face hub.

Without FILE, all that the diffusion renderer needs; what is in the folder already is left alone. A download that was \
stopped, by Ctrl-C or by the network, goes on where it stopped when it is pulled again. Large files are compared with \
the SHA-256 that this version of moue was made with, or that the hub tells.

Files go through the cache that all programs for this hub share, and are linked from there, so that nothing is \
fetched or stored twice. The usual variables hold: HF_HOME or HF_HUB_CACHE (where the cache is), HF_TOKEN (who asks), \
HF_ENDPOINT (a mirror), HF_HUB_OFFLINE=1 (only what is in the cache), HTTPS_PROXY.";

const PULL_EXAMPLES: &str = "\
Examples:
  Everything that is needed
    moue models pull
  Into a folder on another disk, with the LoRA for few steps
    moue models pull --models /data/moue --with lcm
  Only the small files, to look at them
    moue models pull arc2face/config.json vae/config.json";

#[derive(Args, Debug)]
pub struct PullArgs {
    /// Files, by the names in `moue models list`
    #[arg(value_name = "FILE")]
    pub files: Vec<String>,
    #[command(flatten)]
    pub folder: FolderArgs,
    /// Optional files too: lcm, a LoRA that paints in 2 to 4 steps
    #[arg(long, value_enum, value_name = "lcm", hide_possible_values = true)]
    pub with: Vec<OptionalArg>,
}

/// What is not fetched unless it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OptionalArg {
    Lcm,
}

const CHECK_LONG: &str = "\
Compare every file with its configuration, and tell all that is wrong.

Opens every file of the models folder and compares the names and shapes of all its tensors with the network that its \
config.json describes, the adapters with the network that they change, and the configurations with each other. Every \
tensor that is missing, has another shape, or is used by nothing is named. Of the face recogniser only the outer \
structure is looked at. No number is read, so this takes seconds; --hash reads everything.

Exits with 1 if anything is wrong.";

#[derive(Args, Debug)]
pub struct CheckArgs {
    #[command(flatten)]
    pub folder: FolderArgs,
    /// Also compare the SHA-256 of files with the published ones, where they are known
    #[arg(long)]
    pub hash: bool,
}

const SYNTH_LONG: &str = "\
Write a folder of models with random weights, for tests and measurements.

The files have the names, shapes and sizes of the real ones, so that memory and speed are those of the real ones too. \
What is painted with them is noise. Equal seeds give equal files.

Where the published file is a pickle, its safetensors alternative is written: encoder/model.safetensors and \
exp_adapter/exp_adapter.safetensors.";

#[derive(Args, Debug)]
pub struct SynthArgs {
    /// Folder to write; a new or an empty one
    pub dir: PathBuf,
    /// Size of the networks: sd15, the real one (2.2 GB as f16), or tiny, for tests (3 MB)
    #[arg(long, value_enum, value_name = "tiny|sd15", hide_possible_values = true)]
    pub scale: ScaleArg,
    /// Type of the numbers: f16 (default) or f32, as most published files
    #[arg(
        long,
        value_enum,
        value_name = "f16|f32",
        hide_possible_values = true,
        default_value = "f16",
        hide_default_value = true
    )]
    pub dtype: SynthDtypeArg,
    /// Seed of the random numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Optional files too: lcm
    #[arg(long, value_enum, value_name = "lcm", hide_possible_values = true)]
    pub with: Vec<OptionalArg>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ScaleArg {
    Tiny,
    Sd15,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SynthDtypeArg {
    F16,
    F32,
}
