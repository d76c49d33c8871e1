//! `moue join`

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::anyhow;
use moue_media::{Cue, MediaError, Output, OutputKind, Parts, Source, join_parts};
use moue_timeline::counted;

use super::animate::size;
use super::{Outcome, Stop, motion};
use crate::{
    args::JoinArgs,
    exit, interrupt,
    printer::{Printer, strong},
};

pub fn join(args: &JoinArgs, printer: Printer) -> Outcome {
    let output = Output::parse(&args.output).map_err(Stop::usage)?;
    let is_given = [("--sound", args.sound.is_some()), ("--fps", args.fps.is_some())];
    if let Some((option, _)) = is_given.iter().find(|(_, is_given)| *is_given)
        && let Some(folder) = args.parts.iter().find(|part| part.is_dir())
    {
        return Err(Stop::usage(anyhow!(
            "{option} is for parts that are videos, and {} is a folder of frames\nhint: leave it out; frames have neither \
             sound nor times",
            folder.display()
        )));
    }
    let inputs: Vec<&PathBuf> = args.parts.iter().chain(&args.sound).collect();
    // Frames with names of their own lie in a folder, and in that of a part they would be mixed with its frames.
    let place = match (output.kind(), output.path().parent()) {
        (OutputKind::FramePattern, Some(folder)) if folder.as_os_str().is_empty() => Path::new("."),
        (OutputKind::FramePattern, Some(folder)) => folder,
        _ => output.path(),
    };
    motion::check_not_input("-o", Some(place), &inputs)?;
    let from = motion::time("--sound-start", args.sound_start.as_ref(), args.fps)?.unwrap_or(0.0);
    let sound = args.sound.as_deref();
    let sounds: Vec<Cue> = sound
        .map(|path| Cue { source: Source::from(path), at: 0.0, from, seconds: f64::INFINITY })
        .into_iter()
        .collect();
    let is_stopped = interrupt::flag(printer, "interrupted: nothing is written")?;
    let parts = Parts { paths: &args.parts, rate: args.fps, sounds: &sounds };
    let joined = join_parts(&output, &parts, args.overwrite, &mut |_| {
        if is_stopped.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let written = joined.map_err(|error| {
        let code = match &error {
            MediaError::Interrupted { .. } => exit::INTERRUPTED,
            MediaError::OutputName { .. } => exit::USAGE,
            _ => exit::FAILED,
        };
        Stop { error: error.into(), code }
    })?;
    let path = written.path.display();
    written.notes.iter().for_each(|note| printer.note(&format!("{path}: {note}")));
    let (parts, frames, bytes) = (args.parts.len(), written.frames, size(written.bytes));
    let of = format!("{} of {}", counted(frames, "frame"), counted(parts, "part"));
    printer.say(&format!("{} {path}, {of}, {bytes}", strong("wrote")));
    if args.json {
        let summary = serde_json::json!({
            "path": path.to_string(), "frames": frames, "bytes": written.bytes, "parts": parts,
        });
        printer.data(&format!("{summary:#}"));
    }
    Ok(exit::DONE)
}
