//! `moue join`: its part of the command line.

use std::path::PathBuf;

use clap::Args;
use moue_timeline::FrameRate;

pub const JOIN_LONG: &str = "\
Put parts of one film together that were rendered apart, with `moue animate --frames A..B`.

PARTs are either videos (.mp4, .mkv, .webm), in the order in which they are shown, or folders of numbered PNG frames, in \
any order: their numbers say where they belong. Nothing is encoded again: coded frames and PNG files are copied as they \
are. Everything is checked before anything is written: parts have to be of one size, rate and coding, and of numbered \
frames none may be missing or there twice.

Parts have no sound; --sound adds it to the whole.";

const JOIN_EXAMPLES: &str = "\
Examples:
  Two halves on two machines
    moue animate me.jpg take.csv --frames 0..500 -o a.mp4
    moue animate me.jpg take.csv --frames 500.. -o b.mp4
    moue join a.mp4 b.mp4 -o whole.mp4
  PNG frames, with the numbers of the whole
    moue animate me.jpg take.csv --frames 500.. -o b/
    moue join a/ b/ -o whole/
  With the sound of the driving video
    moue join a.mp4 b.mp4 --sound driving.mp4 -o whole.mp4";

#[derive(Args, Debug)]
#[command(override_usage = "moue join [OPTIONS] <PART>... -o <OUT>")]
#[command(after_help = "`moue join --help` explains more, with examples.", after_long_help = JOIN_EXAMPLES)]
pub struct JoinArgs {
    /// Videos in their order, or folders of numbered PNG frames
    #[arg(required = true, value_name = "PART")]
    pub parts: Vec<PathBuf>,
    /// The whole: .mp4, .mkv or .webm for videos; a folder, or a name such as shot_%05d.png, for frames
    #[arg(short, long, value_name = "OUT")]
    pub output: String,
    /// Replace it if it exists
    #[arg(long)]
    pub overwrite: bool,
    /// File whose sound goes with the whole, e.g. the driving video
    #[arg(long, value_name = "FILE")]
    pub sound: Option<PathBuf>,
    /// Where in that file the film begins, e.g. 1.5s: what --start was
    #[arg(long, value_name = "TIME", requires = "sound")]
    pub sound_start: Option<String>,
    /// Frames per second of the parts, where the first of them does not say it exactly
    #[arg(long, value_name = "RATE")]
    pub fps: Option<FrameRate>,
    /// Print one JSON object about the result on stdout
    #[arg(long)]
    pub json: bool,
}
