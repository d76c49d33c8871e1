//! `moue farm`

mod submit;
mod take;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use moue_animation::read_map;
use moue_farm::{FarmError, Place, PlanJob, Split, Status, TaskJob, Verdict, engine::code, join, plan, status, task};
use moue_film::{Drawing, Props};
use moue_media::{Codec, MediaError, Output};
use moue_timeline::counted;
use serde_json::json;

use super::animate::{painting, wrote};
use super::storyboard::is_usage;
use super::{Outcome, Stop};
use crate::{
    args::{
        CodecArg, FarmArgs, FarmCommand, FarmJoinArgs, FarmPlanArgs, FarmStatusArgs, FarmTaskArgs, Global, PlaceArgs,
        TakeArgs,
    },
    exit, interrupt,
    printer::{Printer, strong},
    progress::{Progress, clock},
};

/// What engines call the number of a task.
const NUMBERS: [&str; 2] = ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"];
/// Broken tasks that are listed one by one.
const LISTED: usize = 20;

pub fn farm(args: &FarmArgs, global: &Global, printer: Printer) -> Outcome {
    match &args.command {
        FarmCommand::Plan(args) => make_plan(args, global, printer),
        FarmCommand::Task(args) => do_task(args, global, printer),
        FarmCommand::Join(args) => join_film(args, global, printer),
        FarmCommand::Status(args) => say_status(args, printer),
        FarmCommand::Submit(args) => submit::submit(args, global, printer),
    }
}

fn place(address: &str, args: &PlaceArgs) -> Result<(Place, String), Stop> {
    Place::of_file(address, Duration::from_secs(args.patience)).map_err(failed)
}

/// The exit code of commands that people run.
fn failed(error: FarmError) -> Stop {
    let code = match &error {
        FarmError::Interrupted => exit::INTERRUPTED,
        FarmError::Place { .. } | FarmError::NoSuchTask { .. } | FarmError::Output { .. } => exit::USAGE,
        FarmError::Film(error) if is_usage(error) => exit::USAGE,
        _ => exit::FAILED,
    };
    stop(error, code)
}

fn stop(error: FarmError, code: u8) -> Stop {
    match error {
        // Told with its places, as `moue storyboard` does.
        FarmError::Storyboard(diagnostics) => Stop { error: diagnostics.into(), code },
        error => Stop { error: error.into(), code },
    }
}

fn make_plan(args: &FarmPlanArgs, global: &Global, printer: Printer) -> Outcome {
    let (place, name) = place(&args.output, &args.place)?;
    let words = "interrupted: nothing is planned";
    let token = interrupt::at_once(printer, words, exit::INTERRUPTED)?;
    let own = tempfile::tempdir()?;
    let mut take = None;
    let storyboard = match args.inputs.as_slice() {
        [portrait, driver] => {
            let stem = Path::new(&name).file_stem().unwrap_or_default().to_string_lossy();
            let folder = place.local().unwrap_or(own.path());
            let written = take::write((portrait, driver), &args.take, folder, &format!("{stem}.yaml"), args.overwrite)?;
            take.insert(written).path().to_owned()
        }
        [file, ..] => {
            args.take.refuse_for_storyboard()?;
            file.clone()
        }
        [] => return Ok(exit::USAGE),
    };
    let map = args.map.as_deref().map(read_map).transpose()?;
    let painting = painting(&args.painting, &args.models, None);
    let job = PlanJob {
        storyboard,
        only: args.shots.clone(),
        is_draft: args.draft,
        codec: match args.codec {
            CodecArg::H264 => Codec::H264,
            CodecArg::Vp9 => Codec::Vp9,
        },
        drawing: Drawing { device: args.device, painting, compose: args.painting.compose, map, keyframes: None },
        map: args.map.clone(),
        split: match (args.tasks, args.frames_per_task) {
            (Some(tasks), _) => Split::Tasks(tasks),
            (None, Some(frames)) => Split::Frames(frames),
            (None, None) => Split::Usual,
        },
        is_sampled: !args.no_sample,
        workers: args.threads.map(usize::from),
        overwrite: args.overwrite,
    };
    let progress = Progress::new(printer, global.verbose > 0);
    let props = Props::new()?;
    let planned = plan(&job, &place, &name, &props, &progress, &token);
    progress.end();
    let (plan, warnings) =
        planned.map_err(|error| if token.is_aborting() { stop(error, exit::INTERRUPTED) } else { failed(error) })?;
    take.into_iter().for_each(take::Written::keep);
    if !warnings.is_empty() {
        printer.say(&warnings.to_string());
    }
    let phases: Vec<_> = plan
        .phases()
        .map(|(work, tasks)| json!({"work": work.name(), "tasks": tasks.end - tasks.start, "first": tasks.start}))
        .collect();
    let words: Vec<String> =
        plan.phases().map(|(work, tasks)| format!("{} {}", tasks.end - tasks.start, work.name())).collect();
    printer.say(&format!(
        "{} {}, {} ({}) of {}",
        strong("planned"),
        args.output,
        counted(plan.tasks(), "task"),
        words.join(", "),
        counted(plan.film.frames, "frame")
    ));
    if let (Some(sample), Some(cost)) = (&plan.sample, plan.cost()) {
        let seconds = |micros: u64| micros as f64 / 1e6;
        let frame = seconds(sample.paint + sample.film);
        let start = seconds(sample.start);
        printer.say(&format!(
            "a frame took {frame:.3} s here and a start {start:.1} s: about {} of work on one such machine",
            clock(cost.as_secs_f64())
        ));
    }
    if args.json {
        let text = json!({
            "plan": args.output, "id": plan.id, "tasks": plan.tasks(), "phases": phases, "frames": plan.film.frames,
            "size": plan.film.size, "renderer": plan.film.renderer, "pieces": plan.pieces.end.len(),
            "seconds": plan.cost().map(|cost| cost.as_secs_f64()), "sample": plan.sample,
        });
        printer.data(&serde_json::to_string_pretty(&text).unwrap_or_default());
    }
    Ok(exit::DONE)
}

impl TakeArgs {
    /// What a storyboard says itself is not said again.
    fn refuse_for_storyboard(&self) -> Result<(), Stop> {
        let given = [
            ("--renderer", self.renderer.is_some()),
            ("--size", self.size.is_some()),
            ("--fps", self.fps.is_some()),
            ("--framing", self.framing.is_some()),
            ("--face", self.face.is_some()),
            ("--start", self.start.is_some()),
            ("--end", self.end.is_some()),
            ("--gain", self.gain.is_some()),
            ("--relative", self.relative),
            ("--seed", self.seed.is_some()),
            ("--no-sound", self.no_sound),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(Stop::usage(anyhow!(
                "{option} is for a portrait and a motion\nhint: a storyboard says it itself: see docs/storyboard.md"
            ))),
            None => Ok(()),
        }
    }
}

fn do_task(args: &FarmTaskArgs, global: &Global, printer: Printer) -> Outcome {
    let index = index(args, |name| std::env::var(name).ok())?;
    let words = "interrupted: what is finished is kept, and the task may be begun again";
    let token = interrupt::at_once(printer, words, code::RETRY)?;
    let progress = Progress::new(printer, global.verbose > 0);
    let job =
        TaskJob { models: args.models.clone(), workers: args.threads.map(usize::from), scratch: args.scratch.clone() };
    let done = Place::of_file(&args.plan, Duration::from_secs(args.place.patience))
        .and_then(|(place, name)| task(&job, &place, &name, index, &progress, &token));
    progress.end();
    let summary = done.map_err(|error| {
        let code = match (&error, error.verdict()) {
            (FarmError::Place { .. } | FarmError::NoSuchTask { .. }, _) => exit::USAGE,
            _ if token.is_aborting() => code::RETRY,
            (_, Verdict::Retry) => code::RETRY,
            (_, Verdict::GiveUp) => code::GIVE_UP,
        };
        stop(error, code)
    })?;
    let receipt = &summary.receipt;
    let took = receipt.took as f64 / 1e3;
    let what = match summary.was_done {
        true => format!("task {index} was done: {}", summary.shots),
        false => {
            format!("task {index}, {}: {} drawn in {took:.1} s", summary.shots, counted(receipt.drawn, "frame"))
        }
    };
    printer.say(&format!("{} {what}", strong("done:")));
    if args.json {
        let text = json!({
            "task": index, "work": summary.task.work.name(), "shots": summary.shots, "frames": receipt.frames,
            "drawn": receipt.drawn, "seconds": took, "was_done": summary.was_done, "files": receipt.files,
        });
        printer.data(&serde_json::to_string_pretty(&text).unwrap_or_default());
    }
    Ok(exit::DONE)
}

/// The task that is asked for, by the option and by the engine, which have to agree.
fn index(args: &FarmTaskArgs, variable: impl Fn(&str) -> Option<String>) -> Result<u64, Stop> {
    let mut said: Option<(String, u64)> = args.index.map(|index| ("--index".to_owned(), index));
    for name in NUMBERS {
        let Some(text) = variable(name) else { continue };
        let number =
            text.trim().parse::<u64>().ok().and_then(|number| number.checked_add(args.offset)).ok_or_else(|| {
                Stop::usage(anyhow!("{name} is '{text}', expected a number from 0\nhint: it is for the engine to set"))
            })?;
        match &said {
            Some((other, known)) if *known != number => {
                let offset = if args.offset > 0 { format!(" with --offset {}", args.offset) } else { String::new() };
                return Err(Stop::usage(anyhow!(
                    "{other} says task {known}, and {name}{offset} task {number}\nhint: leave --index out where an engine \
                     says the number, or unset {name}"
                )));
            }
            Some(_) => {}
            None => said = Some((name.to_owned(), number)),
        }
    }
    match said {
        Some((_, index)) => Ok(index),
        None => Err(Stop::usage(anyhow!(
            "which task?\nhint: --index N says it, or an engine in SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX"
        ))),
    }
}

fn join_film(args: &FarmJoinArgs, global: &Global, printer: Printer) -> Outcome {
    let token = interrupt::at_once(printer, "interrupted: no film was written", exit::INTERRUPTED)?;
    let (place, name) = place(&args.plan, &args.place)?;
    join_into(&place, &name, &args.output, args.overwrite, global, printer, &token)
}

/// The file of a film that is joined.
fn film_output(film: &str) -> Result<Output, Stop> {
    Output::parse(film).map_err(|error| {
        Stop::usage(match error {
            MediaError::OutputName { name, problem, .. } => {
                let hint = "a film that is joined is film.mp4, film.mkv or film.webm".to_owned();
                MediaError::OutputName { name, problem, hint }
            }
            error => error,
        })
    })
}

/// Joins a film, and says so.
fn join_into(
    place: &Place,
    name: &str,
    film: &str,
    overwrite: bool,
    global: &Global,
    printer: Printer,
    token: &moue_engine::CancelToken,
) -> Outcome {
    let output = film_output(film)?;
    let progress = Progress::new(printer, global.verbose > 0);
    let joined = join(place, name, &output, overwrite, &progress, token);
    progress.end();
    let written =
        joined.map_err(|error| if token.is_aborting() { stop(error, exit::INTERRUPTED) } else { failed(error) })?;
    written.notes.iter().for_each(|note| printer.note(&format!("{film}: {note}")));
    printer.say(&wrote(film, written.frames, written.bytes));
    Ok(exit::DONE)
}

fn say_status(args: &FarmStatusArgs, printer: Printer) -> Outcome {
    let (place, name) = place(&args.plan, &args.place)?;
    let status = status(&place, &name, args.verify).map_err(failed)?;
    if args.json {
        printer.data(&serde_json::to_string_pretty(&status).unwrap_or_default());
    } else {
        printer.data(&said(&status));
    }
    Ok(exit::DONE)
}

fn said(status: &Status) -> String {
    let mut lines = vec![format!(
        "{} of {} {} done",
        status.done,
        counted(status.tasks, "task"),
        if status.tasks == 1 { "is" } else { "are" }
    )];
    for phase in &status.phases {
        let rate = phase.seconds_per_frame.map(|rate| format!(", {rate:.3} s a frame")).unwrap_or_default();
        lines.push(format!("  {:<6} {:>7} of {}{rate}", phase.work, phase.done, phase.tasks));
    }
    if !status.missing.is_empty() {
        let range =
            |[first, last]: &[u64; 2]| if first == last { first.to_string() } else { format!("{first}-{last}") };
        let missing: Vec<String> = status.missing.iter().take(LISTED).map(range).collect();
        let more = if status.missing.len() > LISTED { ", ..." } else { "" };
        let tasks = if missing.len() == 1 && !missing[0].contains('-') { "task" } else { "tasks" };
        lines.push(format!("missing: {tasks} {}{more}", missing.join(", ")));
    }
    for broken in status.broken.iter().take(LISTED) {
        lines.push(format!("broken: task {}, {}: {}", broken.task, broken.shots, broken.problem));
    }
    if status.broken.len() > LISTED {
        lines.push(format!("and {} more are broken", status.broken.len() - LISTED));
    }
    if status.done < status.tasks {
        match (status.left_seconds, status.until_end_seconds) {
            (Some(left), Some(end)) => {
                lines.push(format!("left: {} of work; about {} as it goes now", clock(left), clock(end)));
            }
            (Some(left), None) => lines.push(format!("left: {} of work", clock(left))),
            (None, _) => lines.push("left: not known, as nothing was measured yet".to_owned()),
        }
    }
    lines.join("\n")
}

/// A place in the file system as every machine that shares it finds it.
fn everywhere(address: &str) -> Result<String, Stop> {
    if address.contains("://") {
        return Ok(address.to_owned());
    }
    let path: PathBuf = std::path::absolute(address)?;
    Ok(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn asked(more: &[&str], environment: &[(&str, &str)]) -> Result<u64, String> {
        let line = ["moue", "farm", "task", "plan.json"].into_iter().chain(more.iter().copied());
        let Command::Farm(FarmArgs { command: FarmCommand::Task(args) }) = Cli::try_parse_from(line).unwrap().command
        else {
            unreachable!()
        };
        let value =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        index(&args, value).map_err(|stop| {
            assert_eq!(stop.code, exit::USAGE);
            stop.error.to_string()
        })
    }

    #[test]
    fn engines_say_which_task_it_is() {
        let (slurm, kubernetes) = (("SLURM_ARRAY_TASK_ID", "3"), ("JOB_COMPLETION_INDEX", "3"));
        assert_eq!(asked(&["--index", "7"], &[]), Ok(7));
        assert_eq!(asked(&[], &[slurm]), Ok(3));
        assert_eq!(asked(&["--offset", "100"], &[kubernetes]), Ok(103));
        assert_eq!(asked(&["--index", "3"], &[slurm, kubernetes]), Ok(3));
        assert_eq!(asked(&["--index", "13", "--offset", "10"], &[slurm]), Ok(13));
        assert!(
            asked(&["--index", "4"], &[slurm]).unwrap_err().contains("--index says task 4, and SLURM_ARRAY_TASK_ID")
        );
        assert!(asked(&[], &[slurm, ("JOB_COMPLETION_INDEX", "4")]).unwrap_err().contains("task 4"));
        assert!(asked(&[], &[("SLURM_ARRAY_TASK_ID", "x")]).unwrap_err().contains("'x'"));
        assert!(asked(&["--offset", "9"], &[("SLURM_ARRAY_TASK_ID", "18446744073709551615")]).is_err());
        assert!(asked(&[], &[]).unwrap_err().contains("which task?"));
    }
}
