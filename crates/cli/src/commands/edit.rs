//! `moue edit`

use anyhow::anyhow;
use moue_animation::{Motion, read_map};
use moue_face::FaceTracker;
use moue_timeline::{Interpolation, Track};

use super::{Outcome, Stop, motion, track};
use crate::{
    args::{EditArgs, Global, InterpolationArg},
    exit, interrupt,
    printer::Printer,
    progress::Progress,
};

pub fn edit(args: &EditArgs, global: &Global, printer: Printer) -> Outcome {
    track::check(&args.writing, &motion::inputs_of(&args.sources, Some(&args.shaping)))?;
    if args.blend.is_some() && args.sources.len() != 2 {
        let found = args.sources.len();
        return Err(Stop::usage(anyhow!("--blend mixes two motions, found {found}\nhint: name exactly two")));
    }
    let (start, end) = motion::range(args.start.as_ref(), args.end.as_ref(), args.writing.fps)?;
    let fade = motion::time("--crossfade", args.crossfade.as_ref(), args.writing.fps)?.unwrap_or(0.0);
    let map = args.shaping.map.as_deref().map(read_map).transpose()?;
    let token = interrupt::token(printer, interrupt::FINISHING)?;
    let progress = Progress::new(printer, global.verbose > 0);
    let tracker = FaceTracker::new()?;
    let failed = |error| motion::failed(error, &token);

    let mut motions = Vec::new();
    for source in &args.sources {
        let job = motion::motion_job(source, &args.reading, None)?;
        motions.push(Motion::load(&job, &[], &tracker, &progress, &token).map_err(failed)?);
    }
    let interpolation = match args.interpolation {
        Some(InterpolationArg::MonotoneCubic) => Interpolation::MonotoneCubic,
        Some(InterpolationArg::Linear) | None => Interpolation::Linear,
    };
    let combined = combined(&motions, args, fade, interpolation)?;
    let names = args.sources.join(" and ");
    let whole =
        Motion { track: combined, name: names.clone(), kind: String::new(), origin: 0.0, video: None, source: None };
    let span = whole.span(start, end).map_err(failed)?;
    let mut edited = whole.track.trimmed(span, interpolation).map_err(Stop::usage)?;
    if let Some(speed) = args.speed {
        edited = edited.retimed(speed).map_err(Stop::usage)?;
    }
    if args.mirror {
        let mirrored = edited.mirrored();
        if !mirrored.unchanged.is_empty() {
            printer.note(&format!(
                "{} FLAME expression coefficients cannot be mirrored and stay as they are",
                mirrored.unchanged.len()
            ));
        }
        edited = mirrored.track;
    }
    let job = motion::unshaped(motion::motion_job(&args.sources[0], &args.reading, Some(&args.shaping))?);
    let shaped = Motion { track: edited, ..whole }.shaped(&job, &tracker, &progress, &token);
    progress.end();
    let mut edited = shaped.map_err(failed)?.track;
    if let Some(gains) = &args.shaping.gain {
        edited = edited.with_gains(gains);
    }
    if let Some(offsets) = &args.offset {
        edited = edited.with_offsets(offsets);
    }
    if let Some(only) = &args.only {
        edited = edited.select(only).map_err(Stop::usage)?;
    }
    if let Some(without) = &args.without {
        edited = edited.drop_channels(without).map_err(Stop::usage)?;
    }
    let edited = track::finished(&names, &edited, &args.writing, map.as_ref(), interpolation, &progress)?;
    track::write(&edited, motions, &args.writing, printer)?;
    Ok(if token.is_finishing() { exit::INTERRUPTED } else { exit::DONE })
}

/// All motions as one.
fn combined(motions: &[Motion], args: &EditArgs, fade: f64, interpolation: Interpolation) -> Result<Track, Stop> {
    let mut rest = motions.iter().map(|motion| &motion.track);
    let Some(first) = rest.next() else { return Err(Stop::usage(anyhow!("nothing to edit"))) };
    let mut combined = first.clone();
    for next in rest {
        combined = match (args.blend, args.merge) {
            (Some(weight), _) => combined.blended(next, weight, interpolation),
            (None, true) => combined.merged(next, interpolation),
            (None, false) => combined.followed_by(next, fade, interpolation),
        }
        .map_err(Stop::usage)?;
    }
    Ok(combined)
}
