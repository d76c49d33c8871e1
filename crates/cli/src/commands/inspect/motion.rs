//! `moue inspect MOTION`

use std::collections::BTreeMap;

use moue_animation::{AnimationError, Family, Motion, SeenFrame, Thumbnails, VideoReport};
use moue_charts::{Absence, ChannelFigures, Comparison, ComparisonSheet, CurveSheet, FilmStrip, Order, Stretch};
use moue_face::FaceTracker;
use moue_timeline::{Agreement, FrameRate, Track, counted};
use serde::Serialize;

use super::super::{
    Outcome, Stop, motion, page,
    track::{ranges, size},
};
use crate::{
    args::{Global, InspectArgs},
    exit, interrupt,
    printer::{Printer, strong},
    progress::Progress,
};

/// Channels whose values stay within this do not move.
const STILL: f64 = 0.01;
/// How many moving channels are listed.
const LISTED: usize = 12;

/// What `--json` prints.
#[derive(Serialize)]
struct Inspection {
    source: String,
    kind: String,
    rows: usize,
    duration: f64,
    /// Rows a second; absent for a single row.
    rate: Option<f64>,
    /// Smallest and largest value of each channel; degrees for the head.
    channels: BTreeMap<&'static str, [f64; 2]>,
    gaps: Vec<GapData>,
    video: Option<VideoReport>,
    /// What each renderer is moved by, without a map.
    mesh: Vec<&'static str>,
    diffusion: Vec<&'static str>,
    /// Of `--compare`.
    agreement: Option<Vec<AgreementData>>,
}

#[derive(Serialize)]
struct GapData {
    start: f64,
    length: f64,
    missing: u64,
}

#[derive(Serialize)]
struct AgreementData {
    channel: &'static str,
    correlation: Option<f64>,
    slope: Option<f64>,
    mean_abs_error: Option<f64>,
    lag_seconds: Option<f64>,
}

pub fn inspect(args: &InspectArgs, global: &Global, printer: Printer) -> Outcome {
    let token = interrupt::token(printer, interrupt::FINISHING)?;
    let progress = Progress::new(printer, global.verbose > 0);
    let tracker = FaceTracker::new()?;
    let mut thumbnails = Thumbnails::default();
    let load = |source: &str, visit: Option<&mut Thumbnails>| -> Result<Motion, Stop> {
        let job = motion::motion_job(source, &args.reading, None)?;
        let read = match visit {
            Some(thumbnails) => {
                let mut keep = |seen: &SeenFrame<'_>| -> Result<(), AnimationError> {
                    thumbnails.add(seen.time, seen.picture);
                    Ok(())
                };
                Motion::read(&job, &tracker, Some(&mut keep), &progress, &token)
            }
            None => Motion::read(&job, &tracker, None, &progress, &token),
        };
        read.map_err(|error| motion::failed(error, &token))
    };
    let loaded = load(&args.source, args.plot.is_some().then_some(&mut thumbnails));
    let other = args.compare.as_deref().map(|source| load(source, None)).transpose();
    progress.end();
    let (loaded, other) = (loaded?, other?);
    let agreement = other.as_ref().map(|other| loaded.track.agreement(&other.track));

    if let Some(out) = &args.plot {
        let drawn = match (&other, &agreement) {
            (Some(other), Some(agreement)) => moue_charts::comparison(&compared(&loaded, other, agreement)),
            _ => moue_charts::curves(&CurveSheet {
                title: loaded.name.clone(),
                summary: summary(&loaded),
                track: &loaded.track,
                stretches: stretches(&loaded),
                film: FilmStrip::of(
                    thumbnails.chosen().into_iter().map(|(time, picture)| (time - loaded.origin, picture)),
                ),
            }),
        };
        page::save(&drawn, out, args.overwrite, printer)?;
    }
    if args.json {
        printer.data(&serde_json::to_string_pretty(&data(&loaded, agreement.as_deref()))?);
    } else {
        printer.data(&match &agreement {
            Some(agreement) => table(agreement),
            None => describe(&loaded),
        });
    }
    Ok(if token.is_finishing() { exit::INTERRUPTED } else { exit::DONE })
}

fn compared<'a>(asked: &'a Motion, measured: &'a Motion, agreement: &[Agreement]) -> ComparisonSheet<'a> {
    ComparisonSheet {
        title: format!("{} and {}", asked.name, measured.name),
        summary: format!("asked: {}; measured: {}", summary(asked), summary(measured)),
        comparison: Comparison {
            asked: &asked.track,
            measured: &measured.track,
            channels: agreement.iter().map(ChannelFigures::from).collect(),
            order: Order::MovementFirst,
            rate: rate(&measured.track).and_then(|rate| format!("{rate:.3}").parse::<FrameRate>().ok()),
            stretches: stretches(measured),
        },
    }
}

/// Where values are only bridged.
pub fn stretches(motion: &Motion) -> Vec<Stretch> {
    if let Some(video) = &motion.video {
        let gaps = video.gaps.iter();
        return gaps
            .map(|gap| Stretch {
                start: gap.start - motion.origin,
                end: gap.end - motion.origin,
                reason: Absence::NoFace,
            })
            .collect();
    }
    let gaps = motion.track.gaps().into_iter().filter(|gap| gap.missing > 0);
    gaps.map(|gap| Stretch { start: gap.start, end: gap.start + gap.length, reason: Absence::MissingRows }).collect()
}

fn rate(track: &Track) -> Option<f64> {
    track.step().map(|step| 1.0 / step)
}

/// `video, 250 rows, 9.96 s, 54 channels, 25 rows a second`.
fn summary(motion: &Motion) -> String {
    let rate = rate(&motion.track).map(|rate| format!(", {rate:.3} rows a second")).unwrap_or_default();
    format!("{}, {}{rate}", motion.kind, size(&motion.track)).replace(".000 rows", " rows")
}

fn names(track: &Track, family: Family) -> Vec<&'static str> {
    match moue_animation::bridge(track, family, None) {
        Ok(bridged) => {
            let channels = bridged.track.channels().iter();
            channels.filter(|channel| Family::of(**channel) == Some(family)).map(|channel| channel.name()).collect()
        }
        Err(_) => Vec::new(),
    }
}

fn data(motion: &Motion, agreement: Option<&[Agreement]>) -> Inspection {
    let track = &motion.track;
    let gap = |gap: moue_timeline::Gap| GapData { start: gap.start, length: gap.length, missing: gap.missing };
    Inspection {
        source: motion.name.clone(),
        kind: motion.kind.clone(),
        rows: track.times().len(),
        duration: track.duration(),
        rate: rate(track),
        channels: ranges(track),
        gaps: track.gaps().into_iter().map(gap).collect(),
        video: motion.video.clone(),
        mesh: names(track, Family::Arkit),
        diffusion: names(track, Family::Flame),
        agreement: agreement.map(|agreement| agreement.iter().map(AgreementData::from).collect()),
    }
}

impl From<&Agreement> for AgreementData {
    fn from(one: &Agreement) -> Self {
        Self {
            channel: one.channel.name(),
            correlation: one.moments.correlation(),
            slope: one.moments.slope(),
            mean_abs_error: one.moments.mean_abs_error(),
            lag_seconds: one.lag.map(|lag| lag.seconds),
        }
    }
}

fn describe(motion: &Motion) -> String {
    let track = &motion.track;
    let mut text = format!("{}: {}", motion.name, summary(motion));
    if let Some(video) = &motion.video {
        let [width, height] = video.size;
        text += &format!(
            "\n  video     {width}x{height}, {}, {} without a face",
            counted(video.frames, "frame"),
            video.frames_without_face
        );
    }
    let gaps: Vec<_> = track.gaps().into_iter().filter(|gap| gap.missing > 0).collect();
    if motion.video.is_none() && !gaps.is_empty() {
        let missing: u64 = gaps.iter().map(|gap| gap.missing).sum();
        let longest = gaps.iter().map(|gap| gap.length).fold(0.0, f64::max);
        text += &format!(
            "\n  gaps      {} with {} missing, the longest {longest:.2} s",
            gaps.len(),
            counted(missing, "row")
        );
    }
    for (renderer, family) in [("mesh", Family::Arkit), ("diffusion", Family::Flame)] {
        let used = names(track, family);
        let own = track.channels().iter().filter(|channel| Family::of(**channel) == Some(family)).count();
        let what = match (own, used.len()) {
            (_, 0) => "nothing without a map (`moue calibrate`)".to_owned(),
            (0, _) => format!("{} without a map (`moue calibrate`)", used.join(", ")),
            (own, _) => counted(own, &format!("{family} channel")),
        };
        text += &format!("\n  {renderer:<10}is moved by {what}");
    }
    let ranges = ranges(track);
    let mut moving: Vec<(&str, [f64; 2])> =
        ranges.iter().filter(|(_, [least, most])| most - least > STILL).map(|(name, range)| (*name, *range)).collect();
    moving.sort_by(|a, b| (b.1[1] - b.1[0]).total_cmp(&(a.1[1] - a.1[0])));
    let still = ranges.len() - moving.len();
    text += &match moving.len() {
        1 => format!("\n  {} channel moves, {still} do not", strong(1)),
        count => format!("\n  {} channels move, {still} do not", strong(count)),
    };
    for (name, [least, most]) in moving.iter().take(LISTED) {
        text += &format!("\n    {name:<22}{least:>8.3} .. {most:.3}");
    }
    if moving.len() > LISTED {
        text += &format!("\n    and {} more; --json lists all, --plot draws the busiest", moving.len() - LISTED);
    }
    text
}

/// The channels that both have.
pub fn table(agreement: &[Agreement]) -> String {
    let number = |value: Option<f64>, digits: usize| value.map_or("-".to_owned(), |value| format!("{value:.digits$}"));
    let mut text = format!("{:<20}{:>8}{:>8}{:>10}{:>10}", "channel", "corr.", "slope", "mean err", "lag ms");
    let (moved, still): (Vec<_>, Vec<_>) = agreement.iter().partition(|one| one.moments.slope().is_some());
    for one in moved {
        text += &format!(
            "\n{:<20}{:>8}{:>8}{:>10}{:>10}",
            one.channel.name(),
            number(one.moments.correlation(), 3),
            number(one.moments.slope(), 2),
            number(one.moments.mean_abs_error(), 3),
            number(one.lag.map(|lag| lag.seconds * 1000.0), 0)
        );
    }
    text + &format!("\n{} channels in common do not move in the first", still.len())
}
