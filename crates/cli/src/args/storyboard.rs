//! `moue storyboard`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use moue_animation::Device;

use super::{MixingArgs, PaintingArgs, WatchingArgs};

pub const STORYBOARD_LONG: &str = "\
Make the panels and the film of a storyboard.

FILE is a YAML file that says who is seen, what their faces do and when, and what is heard; docs/storyboard.md is the \
language, `moue storyboard new FILE` writes one to begin with. The names of the outputs say what is made:

  - film.mp4 (or .mkv, .webm, .gif, frames/, shot_%05d.png): the film, with its transitions and sounds,
  - board.html, board.pdf, board.png: the storyboard itself, one panel for each beat, with its captions.

Finished parts of a film are kept in a folder beside it (film.moue/), each under a hash of all that went into it: the \
next run renders what was changed or is missing, and nothing else, also after a crash. An interrupted run goes on where \
it was. The folder can be deleted at any time; it is only work saved.";

pub const STORYBOARD_EXAMPLES: &str = "\
Examples:
  moue storyboard new hello.yaml --portrait me.jpg
  moue storyboard hello.yaml -o hello.mp4 -o hello.html
  One shot, small and rough, again and again while one writes
    moue storyboard film.yaml --draft --shot answer --watch -o draft.mp4
  What a shot's face does, as numbers
    moue storyboard film.yaml --print-track answer > answer.csv
  In CI
    moue storyboard check film.yaml

Exit codes:
  0    done, or nothing wrong
  1    the storyboard has errors, or something failed
  2    the command line asks for something that cannot be
  130  interrupted (Ctrl-C); what was finished is kept";

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(
    override_usage = "moue storyboard [OPTIONS] <FILE> -o <OUT> [-o <OUT> ...]\n       moue storyboard <check|new|schema> ..."
)]
#[command(after_help = "`moue storyboard --help` explains more, with examples.", after_long_help = STORYBOARD_EXAMPLES)]
pub struct StoryboardArgs {
    #[command(subcommand)]
    pub command: Option<StoryboardCommand>,
    /// The storyboard: a YAML file
    #[arg(required = true)]
    pub file: Option<PathBuf>,

    /// What to make; may be given several times
    ///
    /// .mp4, .mkv, .webm, .gif, a folder or a pattern like shot_%05d.png: the film. .html, .pdf, .png: the board.
    /// rtmp://, rtmps://, srt://, .m3u8 and preview:// show the film while it is made, in real time.
    #[arg(short, long = "output", value_name = "OUT", help_heading = "Output")]
    pub outputs: Vec<String>,
    /// Replace files that exist
    #[arg(long, help_heading = "Output")]
    pub overwrite: bool,
    #[command(flatten)]
    pub watching: WatchingArgs,
    /// Print one JSON object about what was made on stdout
    #[arg(long, help_heading = "Output", conflicts_with = "watch")]
    pub json: bool,
    /// Print what a shot's face does, frame by frame, as CSV on stdout, and make nothing else
    ///
    /// One row for each frame, in the coefficients that the renderer is moved by: what is printed is what is rendered.
    #[arg(long, value_name = "SHOT", help_heading = "Output", conflicts_with_all = ["outputs", "watch", "json"])]
    pub print_track: Option<String>,

    /// Make the film of this shot alone, by its name or number; may be given several times
    #[arg(long = "shot", value_name = "NAME", help_heading = "Work")]
    pub shots: Vec<String>,
    /// Draw quickly: the mesh renderer, half the size, 12 frames per second
    #[arg(long, help_heading = "Work")]
    pub draft: bool,
    /// Stay, and make everything again whenever the storyboard or a file that it names is saved; until Ctrl-C
    ///
    /// Only shots that changed are rendered. Mistakes are told, and waited for. Existing outputs are replaced.
    #[arg(long, help_heading = "Work")]
    pub watch: bool,
    /// Folder for finished parts of the film (default: beside the first output, film.mp4 has film.moue/)
    #[arg(long, value_name = "DIR", help_heading = "Work")]
    pub keep: Option<PathBuf>,
    /// Forget what is kept from earlier runs, and render everything anew
    #[arg(long, help_heading = "Work")]
    pub restart: bool,
    /// Threads that render (default: one for each core)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Work")]
    pub threads: Option<u16>,

    /// Map between ARKit and FLAME (`moue calibrate`), for expressions in the terms of the other renderer
    #[arg(long, value_name = "MAP.npz", help_heading = "Rendering")]
    pub map: Option<PathBuf>,
    /// Where to compute: auto (default), cpu or cuda:0; the mesh renderer runs on the CPU
    #[arg(long, value_name = "DEVICE", default_value = "auto", hide_default_value = true, help_heading = "Rendering")]
    pub device: Device,
    /// Folder with the models (default: $MOUE_MODELS, else the user's data folder); see `moue models`
    #[arg(long, value_name = "DIR", help_heading = "Rendering")]
    pub models: Option<PathBuf>,
    /// What the storyboard leaves open.
    #[command(flatten)]
    pub painting: PaintingArgs,
    /// Which frames are painted, where some are.
    #[command(flatten)]
    pub mixing: MixingArgs,
}

#[derive(Debug, Subcommand)]
pub enum StoryboardCommand {
    /// Say what is wrong with storyboards; nothing is rendered
    ///
    /// Everything that is wrong is told at once, with its line and column and what to do. The exit code is 0 where there
    /// are no errors; warnings are no errors.
    Check {
        /// Storyboards
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Write a storyboard to begin with, full of comments
    New {
        /// The file to write; an existing one is left alone
        file: PathBuf,
        /// The picture of who is seen, relative to where you are
        #[arg(long, value_name = "PICTURE", default_value = "portrait.png")]
        portrait: PathBuf,
    },
    /// Print the language's JSON Schema, for editors
    Schema {
        /// That of files that storyboards include
        #[arg(long)]
        library: bool,
    },
}
