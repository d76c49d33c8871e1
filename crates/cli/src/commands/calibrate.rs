//! `moue calibrate`

use anyhow::anyhow;
use moue_animation::{Family, LinearMap, calibrate as fit, import_map, write_map};
use moue_bridge::{Affine, Score};
use serde::Serialize;

use super::{Outcome, Stop, motion};
use crate::{
    args::{CalibrateArgs, Global},
    exit, interrupt,
    printer::{Printer, strong},
    progress::Progress,
};

/// What `--json` prints.
#[derive(Serialize)]
struct Calibration {
    output: String,
    training_frames: u64,
    held_back_frames: u64,
    sources: Vec<SourceData>,
    to_flame: Vec<ChannelData>,
    to_arkit: Vec<ChannelData>,
}

#[derive(Serialize)]
struct SourceData {
    name: String,
    hash: String,
    frames: u64,
}

#[derive(Serialize)]
struct ChannelData {
    channel: &'static str,
    /// Root mean square error on frames that were held back.
    rmse: Option<f64>,
    /// Share of the variance that is explained there.
    r2: Option<f64>,
    /// The same for the rule, where lids and jaw have one; it is what is used.
    rule_rmse: Option<f64>,
}

pub fn calibrate(args: &CalibrateArgs, global: &Global, printer: Printer) -> Outcome {
    if args.output.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("npz")) {
        return Err(Stop::usage(anyhow!(
            "-o {}: expected a name ending in .npz, which is what a map is\nhint: name it for example map.npz",
            args.output.display()
        )));
    }
    motion::check_new("-o", &args.output, args.overwrite)?;
    motion::check_not_input("-o", Some(&args.output), &motion::inputs_of(&args.sources, None))?;
    let token = interrupt::token(printer, interrupt::FINISHING)?;
    let progress = Progress::new(printer, global.verbose > 0);
    let map = match &args.import {
        Some(folder) => import_map(folder),
        None => {
            let jobs = args.sources.iter().map(|source| motion::motion_job(source, &args.reading, None));
            let jobs = jobs.collect::<Result<Vec<_>, _>>()?;
            fit(&jobs, &progress, &token)
        }
    };
    progress.end();
    let failed = |error| motion::failed(error, &token);
    let map = map.map_err(failed)?;
    write_map(&args.output, &map, args.overwrite).map_err(failed)?;
    printer.say(&format!("{} {}", strong("wrote"), args.output.display()));
    printer.data(&match args.json {
        true => serde_json::to_string_pretty(&data(args, &map))?,
        false => describe(&map),
    });
    Ok(exit::DONE)
}

fn channels(affine: Option<&Affine>) -> Vec<ChannelData> {
    let Some(affine) = affine else { return Vec::new() };
    let scores = affine.scores().iter().zip(affine.rule_scores());
    let channels = affine.outputs().iter().zip(scores);
    channels
        .map(|(channel, (score, rule))| ChannelData {
            channel: channel.name(),
            rmse: score.map(|score: Score| score.rmse),
            r2: score.and_then(|score: Score| score.r2),
            rule_rmse: rule.map(|score: Score| score.rmse),
        })
        .collect()
}

fn data(args: &CalibrateArgs, map: &LinearMap) -> Calibration {
    let source = |source: &moue_bridge::Source| SourceData {
        name: source.name.clone(),
        hash: source.hash.clone(),
        frames: source.frames,
    };
    Calibration {
        output: args.output.display().to_string(),
        training_frames: map.training_frames(),
        held_back_frames: map.held_back_frames(),
        sources: map.sources().iter().map(source).collect(),
        to_flame: channels(map.to(Family::Flame)),
        to_arkit: channels(map.to(Family::Arkit)),
    }
}

fn describe(map: &LinearMap) -> String {
    let (training, held_back) = (map.training_frames(), map.held_back_frames());
    let mut text = match training {
        0 => "an imported map; nobody measured its error here".to_owned(),
        _ => format!("learned from {training} frames; errors are those on {held_back} others"),
    };
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    for (title, family) in [("ARKit to FLAME", Family::Flame), ("FLAME to ARKit", Family::Arkit)] {
        let channels = channels(map.to(family));
        if channels.is_empty() {
            text += &format!("\n{} none", strong(title));
            continue;
        }
        text += &format!("\n{}\n{:<22}{:>8}{:>12}{:>10}", strong(title), "channel", "error", "explained", "by rule");
        for one in channels.iter().filter(|one| training > 0 && one.rmse.is_some()) {
            let (error, explained, rule) = (number(one.rmse), number(one.r2), number(one.rule_rmse));
            text += &format!("\n{:<22}{error:>8}{explained:>12}{rule:>10}", one.channel);
        }
    }
    text
}
