//! This machine: as many processes of this program as fit.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use moue_engine::CancelToken;
use serde::Serialize;

use super::code;
use crate::{FarmError, Place, Plan, Work, status};

/// Between two looks at a process.
const TICK: Duration = Duration::from_millis(20);
/// How long a process that was told to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(30);
/// Memory of a task beside its frames: the program, the face tracker's nets, the encoder.
const BASE_BYTES: u64 = 300 << 20;
/// Frames that are under way in a task: before, in and behind the renderer, in the encoder's look-ahead.
const FRAMES: u64 = 80;
/// The last lines of a task that failed, as far as they are told.
const LINES: usize = 12;

/// How tasks are run on this machine.
#[derive(Clone, Debug)]
pub struct LocalJob {
    /// This program.
    pub program: PathBuf,
    /// The plan's address.
    pub plan: String,
    /// More options for each task.
    pub options: Vec<String>,
    /// Processes at the same time.
    pub workers: usize,
    /// How often a task is begun before it is given up.
    pub attempts: u32,
}

/// What became of the tasks.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LocalSummary {
    /// Tasks that had a result before.
    pub had: u64,
    /// Tasks that have one now.
    pub done: u64,
    /// How often a task was begun again.
    pub retries: u64,
    /// Seconds that all of it took.
    pub seconds: f64,
}

/// Is told how tasks go.
pub trait TaskObserver: Sync {
    /// A phase begins, in which so many tasks are to be done.
    fn phase(&self, _work: Work, _tasks: u64) {}
    /// A task is done, as so many of the phase are.
    fn done(&self, _task: u64, _done: u64) {}
    /// A task is begun again.
    fn again(&self, _task: u64, _why: &str) {}
}

impl TaskObserver for () {}

/// How many processes of a plan's tasks fit into memory and cores, each with so many threads.
pub fn fitting_workers(plan: &Plan, threads: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    if plan.film.renderer == "diffusion" {
        // The networks use every core, or the one GPU, by themselves.
        return 1;
    }
    let [width, height] = plan.film.size.map(u64::from);
    let needs = BASE_BYTES + FRAMES * width * height * 3;
    let by_memory = free_memory().map_or(usize::MAX, |free| usize::try_from(free / needs).unwrap_or(usize::MAX));
    (cores / threads.max(1)).min(by_memory).max(1)
}

/// Memory that processes may take, in bytes.
fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// Does all tasks that have no result, phase by phase.
///
/// # Errors
/// A task that is given up; the others are ended then, and what is finished is kept.
pub fn local(
    job: &LocalJob,
    place: &Place,
    name: &str,
    observer: &dyn TaskObserver,
    token: &CancelToken,
) -> Result<LocalSummary, FarmError> {
    let began = Instant::now();
    let plan = Plan::read(place, name)?;
    let now = status(place, name, false)?;
    let mut open: Vec<u64> = now.missing.iter().flat_map(|[first, last]| *first..=*last).collect();
    open.extend(now.broken.iter().map(|broken| broken.task));
    open.sort_unstable();
    let mut summary = LocalSummary { had: now.done, ..LocalSummary::default() };
    for (work, range) in plan.phases() {
        let tasks: Vec<u64> = open.iter().copied().filter(|task| range.contains(task)).collect();
        if tasks.is_empty() {
            continue;
        }
        observer.phase(work, tasks.len() as u64);
        let retries = phase(job, &tasks, observer, token)?;
        summary.done += tasks.len() as u64;
        summary.retries += retries;
    }
    summary.seconds = began.elapsed().as_secs_f64();
    Ok(summary)
}

fn phase(job: &LocalJob, tasks: &[u64], observer: &dyn TaskObserver, token: &CancelToken) -> Result<u64, FarmError> {
    let (next, done, retries) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let failure: Mutex<Option<FarmError>> = Mutex::default();
    let fail = |error| {
        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    };
    let is_over = || token.is_finishing() || failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
    std::thread::scope(|scope| {
        for _ in 0..job.workers.clamp(1, tasks.len().max(1)) {
            scope.spawn(|| {
                while !is_over()
                    && let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed) as usize)
                {
                    match one(job, *task, observer, &retries, &is_over) {
                        Ok(true) => observer.done(*task, done.fetch_add(1, Ordering::Relaxed) + 1),
                        Ok(false) => {}
                        Err(error) => fail(error),
                    }
                }
            });
        }
    });
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    if token.is_finishing() { Err(FarmError::Interrupted) } else { Ok(retries.into_inner()) }
}

/// Does one task, in as many attempts as it may take; whether it is done.
fn one(
    job: &LocalJob,
    task: u64,
    observer: &dyn TaskObserver,
    retries: &AtomicU64,
    is_over: &dyn Fn() -> bool,
) -> Result<bool, FarmError> {
    let failed = |problem: String, hint| FarmError::Engine { engine: "local", problem, hint };
    let mut attempt = 1;
    loop {
        let mut command = Command::new(&job.program);
        command.args(["farm", "task", &job.plan, "--index", &task.to_string()]).args(&job.options);
        // The task's number is told by its option; an engine that this program runs in means another one.
        command.env_remove("SLURM_ARRAY_TASK_ID").env_remove("JOB_COMPLETION_INDEX");
        // Not in this program's group: Ctrl-C in a terminal would end them at once, and what they leave there stays.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| {
            failed(format!("{} does not start: {error}", job.program.display()), "is the program still there?")
        })?;
        let stderr = child.stderr.take();
        let reader = std::thread::spawn(move || {
            let mut said = String::new();
            stderr.map(|mut stderr| stderr.read_to_string(&mut said));
            said
        });
        let ended = wait(&mut child, is_over);
        let said = reader.join().unwrap_or_default();
        let Some(status) = ended else { return Ok(false) };
        if status.success() {
            return Ok(true);
        }
        if is_over() {
            return Ok(false);
        }
        let lines: Vec<&str> = said.trim().lines().collect();
        let said = lines[lines.len().saturating_sub(LINES)..].join("\n  ");
        let gives_up = status.code().is_some_and(|code| code != i32::from(code::RETRY));
        if gives_up || attempt >= job.attempts.max(1) {
            return Err(failed(
                format!("task {task} was given up after {attempt} attempts ({status}); it said:\n  {said}"),
                "what is finished is kept: mend what it says, then submit again",
            ));
        }
        attempt += 1;
        retries.fetch_add(1, Ordering::Relaxed);
        observer.again(task, lines.iter().rfind(|line| line.contains("error:")).unwrap_or(&"it was killed"));
    }
}

/// Waits for a process, and ends it where the run is over; nothing where it did not end by itself.
fn wait(child: &mut Child, is_over: &dyn Fn() -> bool) -> Option<std::process::ExitStatus> {
    let mut told: Option<Instant> = None;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return told.is_none().then_some(status),
            Ok(None) => {}
            Err(_) => return None,
        }
        if is_over() {
            match told {
                None => {
                    // Politely: it then ends by itself, and leaves nothing half-made behind.
                    let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
                    told = Some(Instant::now());
                }
                Some(when) if when.elapsed() > GRACE => {
                    let _ = child.kill();
                }
                Some(_) => {}
            }
        }
        std::thread::sleep(TICK);
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_does_not_interrupt_tasks_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::folder(folder.path(), crate::PATIENCE).unwrap();
        place.write("plan.json", crate::plan::tests::painted().sealed().1.into_bytes()).unwrap();
        let program = folder.path().join("program");
        // Written by another process: whoever is forked while this one has it open would keep it from being started.
        let write = r#"printf '#!/bin/sh\ncut -d" " -f1,5 /proc/$$/stat >>"${0%%program}groups"\n' >program && chmod +x program"#;
        let mut command = Command::new("sh");
        assert!(command.args(["-c", write]).current_dir(folder.path()).status().unwrap().success());
        let job = LocalJob { program, plan: "plan.json".to_owned(), options: Vec::new(), workers: 1, attempts: 1 };
        assert_eq!(local(&job, &place, "plan.json", &(), &CancelToken::new()).unwrap().done, 5);
        let groups = std::fs::read_to_string(folder.path().join("groups")).unwrap();
        for line in groups.lines() {
            let (process, group) = line.split_once(' ').unwrap();
            assert_eq!(process, group, "each is a group of its own");
        }
    }
}
