//! `moue measure`

use std::path::Path;

use moue_animation::{Following, MeasureJob, Measured, MeasuredTracks, measure as run};
use moue_charts::{ChannelFigures, Comparison, FilmStrip, Headline, Order, Page, ReportSheet, Strip};
use moue_media::Source;
use moue_timeline::{FrameRate, counted};

use super::{Outcome, Stop, motion, page};
use crate::{
    args::{Global, MeasureArgs},
    exit, interrupt,
    printer::{Printer, strong},
    progress::Progress,
};

/// Below it a channel is worth a look.
const GOOD_CORRELATION: f64 = 0.9;
/// Channels that were asked to move less are lost in the tracker's noise; radians for the head.
const LEAST_ASKED: f64 = 0.1;
/// Less is no movement that was measured.
const LEAST_SEEN: f64 = 0.02;

pub fn measure(args: &MeasureArgs, global: &Global, printer: Printer) -> Outcome {
    page::check("--plot", args.plot.as_deref(), args.overwrite)?;
    let mut inputs = vec![Path::new(&args.video), Path::new(&args.motion)];
    inputs.extend(args.portrait.as_deref());
    motion::check_not_input("--plot", args.plot.as_deref(), &inputs)?;
    let (start, end) = motion::range(args.start.as_ref(), args.end.as_ref(), args.reading.motion_fps)?;
    let video = Source::parse(&args.video).map_err(Stop::usage)?;
    let job = MeasureJob {
        video: match args.fps {
            Some(rate) => video.at(rate),
            None => video,
        },
        motion: motion::motion_job(&args.motion, &args.reading, Some(&args.shaping))?,
        gains: args.shaping.gain.clone().unwrap_or_default(),
        start,
        end,
        portrait: args.portrait.clone(),
        models: args.reading.models.clone(),
    };
    motion::check_video_options(std::slice::from_ref(&job.motion), false)?;
    let token = interrupt::token(printer, interrupt::FINISHING)?;
    let progress = Progress::new(printer, global.verbose > 0);
    let outcome = run(&job, &progress, &token);
    progress.end();
    let (measured, tracks) = outcome.map_err(|error| motion::failed(error, &token))?;
    if let Some(out) = &args.plot {
        page::save(&drawn(&measured, tracks, args), out, args.overwrite, printer)?;
    }
    printer.data(&match args.json {
        true => serde_json::to_string_pretty(&measured)?,
        false => describe(&measured),
    });
    Ok(if token.is_finishing() { exit::INTERRUPTED } else { exit::DONE })
}

/// Whether a channel was asked to move so much that it should be seen.
fn is_asked(one: &Following) -> bool {
    one.slope.is_some() && one.asked[1] - one.asked[0] >= LEAST_ASKED
}

/// Whether the tracker sees it at all: of some shapes it sees nothing, whoever makes them.
fn is_seen(one: &Following) -> bool {
    one.measured[1] - one.measured[0] >= LEAST_SEEN
}

/// The mean correlation of the channels that were asked to move and that the tracker sees, each by how far it was asked
/// to; how many they are, and how many it does not see.
fn expression(measured: &Measured) -> Option<(f64, usize, usize)> {
    let (seen, unseen): (Vec<_>, Vec<_>) =
        measured.following.iter().filter(|one| is_asked(one)).partition(|one| is_seen(one));
    let weight = |one: &Following| one.asked[1] - one.asked[0];
    let total: f64 = seen.iter().map(|one| weight(one)).sum();
    let sum: f64 = seen.iter().map(|one| weight(one) * one.correlation.unwrap_or(0.0)).sum();
    (total > 0.0).then(|| (sum / total, seen.len(), unseen.len()))
}

/// What the mean is of.
fn of_what(seen: usize, unseen: usize) -> String {
    let unseen = match unseen {
        0 => String::new(),
        count => format!("; {count} more are not seen by the tracker"),
    };
    let by = if seen == 1 { "its" } else { "their" };
    format!("of {} by {by} movement{unseen}", counted(seen, "channel"))
}

/// The middle lag of the channels that follow.
fn lag(measured: &Measured) -> Option<f64> {
    let followed =
        measured.following.iter().filter(|one| one.correlation.is_some_and(|value| value >= GOOD_CORRELATION));
    let mut lags: Vec<f64> = followed.filter_map(|one| one.lag_frames).collect();
    lags.sort_by(f64::total_cmp);
    lags.get(lags.len() / 2).copied()
}

fn describe(measured: &Measured) -> String {
    let mut text = format!(
        "{}: {}, {:.2} s, {} without a face",
        measured.video,
        counted(measured.frames, "frame"),
        measured.seconds,
        measured.frames_without_face
    );
    let word = |name: &str| strong(format!("{name:<12}"));
    text += &match expression(measured) {
        Some((mean, seen, unseen)) => {
            format!("\n{} mean correlation {mean:.3} {}", word("expression"), of_what(seen, unseen))
        }
        None => format!("\n{} no channel was asked to move", word("expression")),
    };
    if let Some(lag) = lag(measured) {
        text += &format!(", lag {lag:+.2} frames");
    }
    text += &match (&measured.identity, &measured.identity_absent) {
        (Some(likeness), _) => format!(
            "\n{} cosine {:.3} on average, {:.3} at least, of {} frames",
            word("identity"),
            likeness.mean,
            likeness.least,
            likeness.over_time.len()
        ),
        (None, absent) => format!("\n{} {}", word("identity"), absent.as_deref().unwrap_or("no frame shows a face")),
    };
    text += &match measured.flicker {
        Some(flicker) => {
            format!(
                "\n{} {:.5} over {} held pairs of frames (1 is bit-equal)",
                word("flicker"),
                flicker.score,
                flicker.pairs
            )
        }
        None => format!("\n{} the motion never holds still", word("flicker")),
    };
    let dropped: u64 = measured.dropped.iter().map(|gap| gap.frames).sum();
    text += &format!("\n{} {dropped} dropped, {} repeated", word("frames"), measured.repeated.len());

    text += &format!(
        "\n{:<20}{:>14}{:>14}{:>8}{:>8}{:>10}{:>8}",
        "channel", "asked", "measured", "corr.", "slope", "mean err", "lag"
    );
    let range = |[from, to]: [f64; 2]| format!("{from:.2}..{to:.2}");
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
    for one in measured.following.iter().filter(|one| one.slope.is_some()) {
        let mark = match () {
            () if !is_seen(one) => "  -",
            () if one.correlation.is_none_or(|value| value < GOOD_CORRELATION) => "  *",
            () => "",
        };
        text += &format!(
            "\n{:<20}{:>14}{:>14}{:>8}{:>8}{:>10.3}{:>8}{mark}",
            one.channel,
            range(one.asked),
            range(one.measured),
            number(one.correlation),
            number(one.slope),
            one.mean_abs_error,
            number(one.lag_frames)
        );
    }
    text + &format!("\n* correlation below {GOOD_CORRELATION}; - not seen by the tracker; lags are in frames")
}

fn drawn(measured: &Measured, tracks: MeasuredTracks, args: &MeasureArgs) -> Page {
    let figure = |value: Option<f64>, digits: usize| value.map_or("-".to_owned(), |value| format!("{value:.digits$}"));
    let obedience = Headline {
        name: "Expression following".to_owned(),
        value: figure(expression(measured).map(|found| found.0), 3),
        detail: match (expression(measured), lag(measured)) {
            (Some((_, seen, unseen)), lag) => {
                let lag = lag.map(|lag| format!("; lag {lag:+.2} frames")).unwrap_or_default();
                format!("mean correlation {}{lag}", of_what(seen, unseen))
            }
            (None, _) => "no channel was asked to move".to_owned(),
        },
    };
    let identity = match &measured.identity {
        Some(likeness) => Headline {
            name: "Identity".to_owned(),
            value: format!("{:.3}", likeness.mean),
            detail: format!(
                "cosine to the portrait over {} frames, {:.3} at least",
                likeness.over_time.len(),
                likeness.least
            ),
        },
        None => Headline {
            name: "Identity".to_owned(),
            value: "not measured".to_owned(),
            detail: measured.identity_absent.clone().unwrap_or_default(),
        },
    };
    let flicker = Headline {
        name: "Steadiness on held parts".to_owned(),
        value: figure(measured.flicker.map(|flicker| flicker.score), 4),
        detail: match measured.flicker {
            Some(flicker) => format!("1 is bit-equal; {} pairs of frames", flicker.pairs),
            None => "the motion never holds still".to_owned(),
        },
    };
    let dropped: u64 = measured.dropped.iter().map(|gap| gap.frames).sum();
    let frames = Headline {
        name: "Frames".to_owned(),
        value: measured.frames.to_string(),
        detail: format!(
            "{} without a face, {dropped} dropped, {} repeated",
            measured.frames_without_face,
            measured.repeated.len()
        ),
    };
    let strips = measured.identity.iter().map(|likeness| Strip {
        name: "Identity".to_owned(),
        detail: "cosine to the portrait".to_owned(),
        points: likeness.over_time.clone(),
        from_zero: false,
    });
    let rate = tracks.measured.step().and_then(|step| format!("{:.3}", 1.0 / step).parse::<FrameRate>().ok());
    moue_charts::report(&ReportSheet {
        title: measured.video.clone(),
        summary: format!("asked: {}", args.motion),
        headlines: vec![obedience, identity, flicker, frames],
        comparison: Some(Comparison {
            asked: &tracks.asked,
            measured: &tracks.measured,
            channels: tracks.agreement.iter().map(ChannelFigures::from).collect(),
            order: Order::MovementFirst,
            rate,
            stretches: Vec::new(),
        }),
        strips: strips.collect(),
        film: FilmStrip::of(tracks.thumbnails),
    })
}
