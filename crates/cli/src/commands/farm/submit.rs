//! `moue farm submit`

use std::io::Write;
use std::path::{Component, Path};
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow};
use moue_farm::engine::{KubernetesJob, LocalJob, SlurmJob, TaskObserver, fitting_workers, kubernetes, local, slurm};
use moue_farm::{Place, Plan, Work};
use moue_timeline::counted;

use super::{everywhere, failed, film_output, join_into, place, stop};
use crate::{
    args::{EngineArg, FarmSubmitArgs, Global},
    commands::{Outcome, Stop},
    exit, interrupt,
    printer::{Printer, strong},
};

/// Slurm's own `MaxArraySize`.
const USUAL_MAX_ARRAY: u64 = 1001;
/// Threads of a task, and cores that are asked for: what the encoder uses. Here there may be no more than two.
const THREADS: u16 = 4;
const LOCAL_THREADS: u16 = 2;

pub fn submit(args: &FarmSubmitArgs, global: &Global, printer: Printer) -> Outcome {
    let (place, name) = place(&args.plan, &args.place)?;
    let plan = Plan::read(&place, &name).map_err(failed)?;
    if let Some(film) = &args.output {
        // Known before hours of work, and not after.
        let output = film_output(film)?;
        plan.fits(&output).map_err(failed)?;
        match args.engine {
            EngineArg::Slurm => {}
            EngineArg::Kubernetes => check_mounted(film, args.volume.as_ref().map(|(_, mount)| mount.as_str()))?,
            EngineArg::Local => plan.check_film(&place, &name, &output, args.overwrite).map_err(failed)?,
        }
    }
    match args.engine {
        EngineArg::Slurm => to_slurm(args, &plan, &place, printer),
        EngineArg::Kubernetes => to_kubernetes(args, &plan, &name, printer),
        EngineArg::Local => here(args, &plan, (&place, &name), global, printer),
    }
}

/// Options that every task gets.
fn options(args: &FarmSubmitArgs, threads: u16) -> Vec<String> {
    let mut options = vec!["--threads".to_owned(), threads.to_string()];
    for (option, folder) in [("--models", &args.models), ("--scratch", &args.scratch)] {
        options.extend(folder.iter().flat_map(|folder| [option.to_owned(), folder.display().to_string()]));
    }
    options.extend(patience(args));
    options
}

fn patience(args: &FarmSubmitArgs) -> [String; 2] {
    ["--patience".to_owned(), args.place.patience.to_string()]
}

/// Options of the job that joins.
fn join_options(args: &FarmSubmitArgs) -> Vec<String> {
    let overwrite = args.overwrite.then(|| "--overwrite".to_owned());
    overwrite.into_iter().chain(patience(args)).collect()
}

fn this_program(args: &FarmSubmitArgs) -> Result<String, Stop> {
    match &args.program {
        Some(program) => Ok(program.clone()),
        None => Ok(std::env::current_exe().context("this program's own file is not known")?.display().to_string()),
    }
}

fn to_slurm(args: &FarmSubmitArgs, plan: &Plan, place: &Place, printer: Printer) -> Outcome {
    let threads = args.threads.unwrap_or(THREADS);
    let film = args.output.as_deref().map(everywhere).transpose()?;
    let job = SlurmJob {
        program: this_program(args)?,
        plan: everywhere(&args.plan)?,
        options: options(args, threads),
        film: film.map(|film| (film, join_options(args))),
        logs: place.local().map(|folder| folder.join(&plan.results).join("logs").display().to_string()),
        sbatch: args.sbatch.clone(),
        cpus: threads.into(),
        gres: Some(args.gres.clone()),
        at_once: args.at_once,
        max_array: args.max_array.or_else(configured_max_array).unwrap_or(USUAL_MAX_ARRAY),
        attempts: args.attempts,
    };
    let script = slurm(&job, plan);
    if args.dry_run {
        printer.data(script.trim_end());
        return Ok(exit::DONE);
    }
    run("Slurm", "bash", &["-s"], &script, "is this a machine with sbatch? --dry-run prints the script", printer)?;
    printer.say(&format!(
        "{} {} to Slurm; `moue farm status {}`",
        strong("submitted"),
        counted(plan.tasks(), "task"),
        args.plan
    ));
    Ok(exit::DONE)
}

/// What Slurm says of itself.
fn configured_max_array() -> Option<u64> {
    let said = Command::new("scontrol").args(["show", "config"]).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&said.stdout);
    let line = text.lines().find(|line| line.trim_start().starts_with("MaxArraySize"))?;
    line.split('=').nth(1)?.trim().parse().ok()
}

/// Refuses a film that would be gone with the container that joins it.
fn check_mounted(film: &str, mount: Option<&str>) -> Result<(), Stop> {
    let path = Path::new(film);
    let is_plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let place = match mount {
        Some(mount) if is_plain && path.starts_with(mount) && path != Path::new(mount) => return Ok(()),
        Some(mount) => format!("outside of {mount}, where the volume is mounted"),
        None => "in no volume".to_owned(),
    };
    Err(Stop::usage(anyhow!(
        "-o {film} is {place}: the film would be gone with its container\nhint: name a file in the volume, such as \
         --volume films:/films -o /films/film.mp4; or leave -o out, and join here with `moue farm join`"
    )))
}

fn to_kubernetes(args: &FarmSubmitArgs, plan: &Plan, name: &str, printer: Printer) -> Outcome {
    let threads = args.threads.unwrap_or(THREADS);
    let absolute = |address: &str| {
        if address.contains("://") || address.starts_with('/') {
            return Ok(address.to_owned());
        }
        Err(Stop::usage(anyhow!(
            "{address}: containers have no such folder\nhint: name it as containers find it, such as /films/plan.json with \
             --volume films:/films, or in a bucket"
        )))
    };
    let stem = name.trim_end_matches(".json").to_lowercase();
    let words: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(30).collect();
    let name = format!("moue-{}-{}", words.trim_matches('-'), &plan.id[..8]);
    let film = args.output.as_deref().map(absolute).transpose()?;
    let job = KubernetesJob {
        image: args.image.clone().unwrap_or_default(),
        program: args.program.clone().unwrap_or_else(|| "moue".to_owned()),
        plan: absolute(&args.plan)?,
        options: options(args, threads),
        film: film.map(|film| (film, join_options(args))),
        name: name.replace("--", "-"),
        namespace: args.namespace.clone(),
        volume: args.volume.clone(),
        secret: args.secret.clone(),
        cpus: threads.into(),
        memory: args.memory.clone(),
        gpu: args.gpu.clone(),
        at_once: args.at_once,
        attempts: args.attempts,
    };
    let phases = kubernetes(&job, plan);
    let unwritten = |error| anyhow!("the manifests cannot be written: {error}");
    if args.dry_run {
        printer.data(job.yaml(&phases).map_err(unwritten)?.trim_end());
        return Ok(exit::DONE);
    }
    let hint = "is kubectl here, and does it know the cluster? --dry-run prints the manifests";
    run("Kubernetes", "bash", &["-s"], &job.begin(&phases).map_err(unwritten)?, hint, printer)?;
    printer.say(&format!(
        "{} {} to Kubernetes; each phase is resumed when the one before is complete",
        strong("submitted"),
        counted(plan.tasks(), "task")
    ));
    run("Kubernetes", "bash", &["-s"], &job.follow(&phases), "the same command goes on where it was", printer)?;
    Ok(exit::DONE)
}

/// Runs a program with a text on its stdin; what it says goes on.
fn run(
    engine: &'static str,
    program: &str,
    arguments: &[&str],
    input: &str,
    hint: &'static str,
    printer: Printer,
) -> Result<(), Stop> {
    let wrong = |problem: String| failed(moue_farm::FarmError::Engine { engine, problem, hint });
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| wrong(format!("{program} does not start: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // Where it has ended already, its own words say why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let ended = child.wait_with_output().map_err(|error| wrong(error.to_string()))?;
    let said = String::from_utf8_lossy(&ended.stdout);
    if !said.trim().is_empty() {
        printer.say(said.trim_end());
    }
    if ended.status.success() { Ok(()) } else { Err(wrong(format!("{program} failed ({})", ended.status))) }
}

/// Says how tasks go on this machine.
struct Talk(Printer);

impl TaskObserver for Talk {
    fn phase(&self, work: Work, tasks: u64) {
        self.0.say(&format!("{}: {}", work.name(), counted(tasks, "task")));
    }

    fn done(&self, task: u64, done: u64) {
        self.0.say(&format!("  task {task} done, {done} so far"));
    }

    fn again(&self, task: u64, why: &str) {
        self.0.say(&format!("  task {task} is begun again: {why}"));
    }
}

fn here(
    args: &FarmSubmitArgs,
    plan: &Plan,
    (place, name): (&Place, &str),
    global: &Global,
    printer: Printer,
) -> Outcome {
    let cores = std::thread::available_parallelism().map_or(1, |cores| u16::try_from(cores.get()).unwrap_or(u16::MAX));
    let threads = args.threads.unwrap_or(LOCAL_THREADS.min(cores));
    let workers = args.workers.map_or_else(|| fitting_workers(plan, threads.into()), usize::from);
    let job = LocalJob {
        program: this_program(args)?.into(),
        plan: args.plan.clone(),
        options: options(args, threads).into_iter().chain(["--quiet".to_owned()]).collect(),
        workers,
        attempts: args.attempts,
    };
    if args.dry_run {
        let words = [&job.plan, &"--index".to_owned(), &"N".to_owned()];
        let words: Vec<&str> = words.into_iter().chain(&job.options).map(String::as_str).collect();
        printer.data(&format!(
            "{workers} processes at a time, for N from 0 to {}:\n{} farm task {}",
            plan.tasks().saturating_sub(1),
            job.program.display(),
            words.join(" ")
        ));
        return Ok(exit::DONE);
    }
    let words = "interrupted: what is finished is kept; the same command goes on from there";
    let token = interrupt::at_once(printer, words, exit::INTERRUPTED)?;
    let summary = local(&job, place, name, &Talk(printer), &token)
        .map_err(|error| if token.is_aborting() { stop(error, exit::INTERRUPTED) } else { failed(error) })?;
    let retried = if summary.retries > 0 { format!(", {} begun again", summary.retries) } else { String::new() };
    printer.say(&format!(
        "{} done in {:.1} s with {workers} at a time{retried}, {} done before",
        counted(summary.done, "task"),
        summary.seconds,
        summary.had
    ));
    if let Some(film) = &args.output {
        join_into(place, name, film, args.overwrite, global, printer, &token)?;
    }
    if args.json {
        // Numbers always have a JSON form.
        printer.data(&serde_json::to_string_pretty(&summary).unwrap_or_default());
    }
    Ok(exit::DONE)
}
