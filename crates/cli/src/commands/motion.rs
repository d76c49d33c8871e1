//! From options to a motion: what `animate`, `track`, `edit`, `inspect` and `measure` share.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use moue_animation::{AnimationError, MotionJob, Rest};
use moue_engine::CancelToken;
use moue_media::{Source, resolved};
use moue_timeline::{FrameRate, Smoothing, parse_time};

use super::Stop;
use moue_tracks::{ContentKind, sniff_kind};

use crate::{
    args::{ReadingArgs, ShapingArgs},
    exit,
};

/// Refuses options that are for videos where every motion is a track.
pub fn check_video_options(jobs: &[MotionJob], no_sound: bool) -> Result<(), Stop> {
    let track = |job: &MotionJob| -> Option<PathBuf> {
        let path = job.path()?;
        let is_track = job.format.is_some() || sniff_kind(path).is_ok_and(|kind| kind == ContentKind::Track);
        is_track.then(|| path.to_owned())
    };
    let Some(Some(names)) = jobs.first().map(|_| jobs.iter().map(track).collect::<Option<Vec<_>>>()) else {
        return Ok(());
    };
    let any = |is_given: fn(&MotionJob) -> bool| jobs.iter().any(is_given);
    let leave_out = "leave it out";
    let given = [
        ("--smirk", any(|job| job.smirk), leave_out),
        ("--driver-face", any(|job| job.face.is_some()), leave_out),
        ("--no-sound", no_sound, leave_out),
        (
            "--causal",
            any(|job| job.causal && matches!(job.smoothing, None | Some(Smoothing::Off))),
            "a track is smoothed where it is asked for: add --smooth light, or leave it out",
        ),
    ];
    match given.into_iter().find(|(_, is_given, _)| *is_given) {
        Some((option, _, hint)) => {
            Err(Stop::usage(anyhow!("{option} is for videos, and {} is a track\nhint: {hint}", names[0].display())))
        }
        None => Ok(()),
    }
}

/// What to read, and what to do to it.
pub fn motion_job(source: &str, reading: &ReadingArgs, shaping: Option<&ShapingArgs>) -> Result<MotionJob, Stop> {
    let source = Source::parse(source).map_err(Stop::usage)?;
    let job = MotionJob {
        format: reading.format,
        rate: reading.motion_fps,
        face: reading.driver_face,
        smirk: reading.smirk,
        models: reading.models.clone(),
        ..MotionJob::plain(source)
    };
    Ok(match shaping {
        Some(shaping) => MotionJob {
            smoothing: shaping.smooth,
            causal: shaping.causal,
            rest: shaping.neutral.clone(),
            map: shaping.map.clone(),
            ..job
        },
        None => job,
    })
}

/// The same where nothing is done that was not asked for, as when a track is written.
pub fn unshaped(job: MotionJob) -> MotionJob {
    MotionJob {
        smoothing: Some(job.smoothing.unwrap_or(Smoothing::Off)),
        rest: Some(job.rest.clone().unwrap_or(Rest::Off)),
        ..job
    }
}

/// `--start` and `--end`, in seconds.
pub fn range(
    start: Option<&String>,
    end: Option<&String>,
    rate: Option<FrameRate>,
) -> Result<(Option<f64>, Option<f64>), Stop> {
    let (start, end) = (time("--start", start, rate)?, time("--end", end, rate)?);
    if let (Some(from), Some(to)) = (start, end)
        && from >= to
    {
        return Err(Stop::usage(anyhow!(
            "--start {from} s is not before --end {to} s\nhint: both are times from the motion's start"
        )));
    }
    Ok((start, end))
}

/// A time as people write it, in seconds.
pub fn time(option: &str, text: Option<&String>, rate: Option<FrameRate>) -> Result<Option<f64>, Stop> {
    let parse = |text: &String| parse_time(text, rate).map_err(|error| Stop::usage(anyhow!("{option}: {error}")));
    text.map(parse).transpose()
}

/// Refuses, before anything is read, to write over a file that is not to be replaced.
pub fn check_new(option: &str, path: &Path, overwrite: bool) -> Result<(), Stop> {
    if !overwrite && path.exists() {
        return Err(Stop::usage(anyhow!(
            "{option} {}: the file exists\nhint: choose another name, or add --overwrite",
            path.display()
        )));
    }
    Ok(())
}

/// Refuses an output that is one of the files it is made of, however it is named.
pub fn check_not_input(option: &str, output: Option<&Path>, inputs: &[impl AsRef<Path>]) -> Result<(), Stop> {
    let Some(output) = output else { return Ok(()) };
    if inputs.iter().any(|input| resolved(input.as_ref()) == resolved(output)) {
        let problem = AnimationError::OutputIsInput { path: output.to_owned() };
        return Err(Stop::usage(anyhow!("{option}: {problem}")));
    }
    Ok(())
}

/// The files that a track or a map is made of: motions, and what shapes them.
pub fn inputs_of(sources: &[String], shaping: Option<&ShapingArgs>) -> Vec<PathBuf> {
    let path = |source: &String| match Source::parse(source) {
        Ok(Source::File(path) | Source::Folder { path, .. }) => Some(path),
        Ok(Source::Address(_)) | Err(_) => None,
    };
    let rest = shaping.and_then(|shaping| match &shaping.neutral {
        Some(Rest::File(path)) => Some(path.clone()),
        _ => None,
    });
    let map = shaping.and_then(|shaping| shaping.map.clone());
    sources.iter().filter_map(path).chain(rest).chain(map).collect()
}

/// Which exit code an error of a command that renders nothing deserves.
pub fn failed(error: AnimationError, token: &CancelToken) -> Stop {
    let code = match &error {
        AnimationError::Interrupted => exit::INTERRUPTED,
        _ if token.is_aborting() => exit::INTERRUPTED,
        AnimationError::Span { .. } | AnimationError::NoRest { .. } => exit::USAGE,
        _ => exit::FAILED,
    };
    Stop { error: error.into(), code }
}
