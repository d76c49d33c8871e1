//! `moue track`

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use moue_animation::{Family, LinearMap, Motion, VideoReport, read_map, to_families};
use moue_face::FaceTracker;
use moue_timeline::{Channel, Interpolation, Track, counted};
use moue_tracks::{Format, WriteOptions};
use serde::Serialize;

use super::{Outcome, Stop, motion};
use crate::{
    args::{Global, KindArg, TrackArgs, TrackWritingArgs},
    exit, interrupt,
    printer::{Printer, strong},
    progress::Progress,
};

/// What `--json` prints.
#[derive(Serialize)]
pub struct TrackSummary {
    /// What was read.
    sources: Vec<String>,
    /// What kind of thing that was.
    kinds: Vec<String>,
    rows: usize,
    duration: f64,
    /// Smallest and largest value of each channel; degrees for the head.
    channels: BTreeMap<&'static str, [f64; 2]>,
    /// What there was to see in videos.
    videos: Vec<VideoReport>,
    outputs: Vec<OutputSummary>,
}

#[derive(Serialize)]
struct OutputSummary {
    path: String,
    format: &'static str,
}

pub fn track(args: &TrackArgs, global: &Global, printer: Printer) -> Outcome {
    check(&args.writing, &motion::inputs_of(std::slice::from_ref(&args.source), Some(&args.shaping)))?;
    let (start, end) = motion::range(args.start.as_ref(), args.end.as_ref(), args.reading.motion_fps)?;
    let map = args.shaping.map.as_deref().map(read_map).transpose()?;
    let mut job = motion::unshaped(motion::motion_job(&args.source, &args.reading, Some(&args.shaping))?);
    motion::check_video_options(std::slice::from_ref(&job), false)?;
    (job.start, job.end) = (start, end);
    let token = interrupt::token(printer, interrupt::FINISHING)?;
    let progress = Progress::new(printer, global.verbose > 0);
    let tracker = FaceTracker::new()?;
    let loaded = Motion::load(&job, &[], &tracker, &progress, &token);
    progress.end();
    let mut loaded = loaded.map_err(|error| motion::failed(error, &token))?;
    let span = loaded.span(start, end).map_err(|error| motion::failed(error, &token))?;
    loaded.track = loaded.track.trimmed(span, Interpolation::Linear).map_err(Stop::usage)?;
    if let Some(gains) = &args.shaping.gain {
        loaded.track = loaded.track.with_gains(gains);
    }
    let track = finished(&loaded.name, &loaded.track, &args.writing, map.as_ref(), Interpolation::Linear, &progress)?;
    write(&track, vec![loaded], &args.writing, printer)?;
    Ok(if token.is_finishing() { exit::INTERRUPTED } else { exit::DONE })
}

/// Refuses what can be refused before anything is read.
pub fn check(writing: &TrackWritingArgs, inputs: &[PathBuf]) -> Result<(), Stop> {
    for path in &writing.outputs {
        options(path, writing).format_of(path).map_err(Stop::usage)?;
        motion::check_new("-o", path, writing.overwrite)?;
        motion::check_not_input("-o", Some(path), inputs)?;
    }
    Ok(())
}

fn options(path: &Path, writing: &TrackWritingArgs) -> WriteOptions {
    let is_table = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let format = (writing.live_link_face && is_table).then_some(Format::LiveLinkFace);
    WriteOptions { format, rate: writing.fps, overwrite: writing.overwrite }
}

/// With the channels and at the rate that are asked for.
pub fn finished(
    name: &str,
    track: &Track,
    writing: &TrackWritingArgs,
    map: Option<&LinearMap>,
    interpolation: Interpolation,
    progress: &Progress,
) -> Result<Track, Stop> {
    let families: &[Family] = match writing.to {
        None => &[],
        Some(KindArg::Arkit) => &[Family::Arkit],
        Some(KindArg::Flame) => &[Family::Flame],
        Some(KindArg::Both) => &[Family::Arkit, Family::Flame],
    };
    let track = if families.is_empty() { track.clone() } else { to_families(name, track, families, map, progress)? };
    match writing.fps {
        Some(rate) => Ok(track.resampled(rate, interpolation).map_err(Stop::usage)?),
        None => Ok(track),
    }
}

/// Writes all outputs, and says so.
pub fn write(track: &Track, sources: Vec<Motion>, writing: &TrackWritingArgs, printer: Printer) -> Result<(), Stop> {
    let mut outputs = Vec::new();
    for path in &writing.outputs {
        let written = moue_tracks::write(path, track, options(path, writing))?;
        let name = path.display();
        written.notes.iter().for_each(|note| printer.note(&format!("{name}: {note}")));
        let text = format!("{} {name}, {}, {}", strong("wrote"), written.format.title(), size(track));
        printer.say(&text);
        outputs.push(OutputSummary { path: name.to_string(), format: written.format.name() });
    }
    if writing.json {
        let summary = TrackSummary {
            sources: sources.iter().map(|motion| motion.name.clone()).collect(),
            kinds: sources.iter().map(|motion| motion.kind.clone()).collect(),
            rows: track.times().len(),
            duration: track.duration(),
            channels: ranges(track),
            videos: sources.into_iter().filter_map(|motion| motion.video).collect(),
            outputs,
        };
        printer.data(&serde_json::to_string_pretty(&summary)?);
    }
    Ok(())
}

/// `250 rows, 9.96 s, 54 channels`.
pub fn size(track: &Track) -> String {
    let (rows, channels) = (counted(track.times().len(), "row"), counted(track.channels().len(), "channel"));
    format!("{rows}, {:.2} s, {channels}", track.duration())
}

/// Smallest and largest value of each channel, degrees for the head.
pub fn ranges(track: &Track) -> BTreeMap<&'static str, [f64; 2]> {
    let columns = track.channels().iter().enumerate();
    let range = |column: usize| {
        let values = (0..track.times().len()).map(|row| f64::from(track.row(row)[column]));
        values.fold([f64::INFINITY, f64::NEG_INFINITY], |[least, most], value| [least.min(value), most.max(value)])
    };
    let shown = |channel: Channel, range: [f64; 2]| match channel {
        Channel::Head(_) => range.map(f64::to_degrees),
        _ => range,
    };
    columns.map(|(column, channel)| (channel.name(), shown(*channel, range(column)))).collect()
}
