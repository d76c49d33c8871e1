//! Slurm: an array of tasks for each phase, one after the other, and a job that joins.

use std::fmt::Write;

use moue_timeline::counted;

use super::{code, command, quoted};
use crate::{Plan, Work};

/// How tasks are run by Slurm.
#[derive(Clone, Debug)]
pub struct SlurmJob {
    /// The program, as nodes find it.
    pub program: String,
    /// The plan's address, as nodes find it.
    pub plan: String,
    /// More options for each task.
    pub options: Vec<String>,
    /// The film that is joined at the end, as nodes find it, and more options for that.
    pub film: Option<(String, Vec<String>)>,
    /// The folder of what tasks say, as nodes find it; Slurm's usual where there is none.
    pub logs: Option<String>,
    /// More words for `sbatch`, such as `--partition=gpu`.
    pub sbatch: Vec<String>,
    /// Cores of a task.
    pub cpus: u32,
    /// What a task that paints asks for, `gpu:1` by default.
    pub gres: Option<String>,
    /// The most tasks that run at the same time.
    pub at_once: Option<u32>,
    /// Slurm's `MaxArraySize`: numbers in an array are below it.
    pub max_array: u64,
    /// How often a task is begun before it is given up.
    pub attempts: u32,
}

/// The script that submits a plan: for `bash`, on a machine with `sbatch`.
///
/// Each phase is an array (several, where Slurm's arrays are too small), with the task's number in the array as its number
/// in the phase; `afterok` makes it wait for the phase before. A task that may be tried again puts itself back into the
/// queue; Slurm does so with those whose node fails.
pub fn slurm(job: &SlurmJob, plan: &Plan) -> String {
    let mut script = format!(
        "#!/bin/bash\n# Submits {} of {} to Slurm, and says the jobs' numbers.\nset -euo pipefail\n",
        counted(plan.tasks(), "task"),
        job.plan
    );
    if let Some(logs) = &job.logs {
        let _ = writeln!(script, "mkdir -p {}", quoted(logs));
    }
    let size = job.max_array.max(1);
    let mut before: Vec<String> = Vec::new();
    for (number, (work, range)) in plan.phases().enumerate() {
        let mut own = Vec::new();
        for (chunk, first) in (range.start..range.end).step_by(size as usize).enumerate() {
            let count = size.min(range.end - first);
            let variable = format!("phase{number}_{chunk}");
            let body = task(job, plan, work, first, count);
            submit(
                &mut script,
                &variable,
                &before,
                &body,
                &format!("{} tasks {first} to {}", work.name(), first + count - 1),
            );
            own.push(variable);
        }
        if !own.is_empty() {
            before = own;
        }
    }
    if let Some((film, options)) = &job.film {
        let mut body = header(job, "moue-join", job.cpus, None, false);
        let words = [&job.program, "farm", "join", &job.plan, "-o", film];
        let words = words.into_iter().chain(options.iter().map(String::as_str));
        let _ = writeln!(body, "exec {}", command(words));
        submit(&mut script, "join", &before, &body, &format!("join {film}"));
    }
    script
}

/// A call of `sbatch` that keeps the job's number in a variable.
fn submit(script: &mut String, variable: &str, before: &[String], body: &str, what: &str) {
    let after = match before {
        [] => String::new(),
        _ => {
            let numbers: String = before.iter().map(|variable| format!(":${{{variable}%%;*}}")).collect();
            // Where a task is given up, what waits for it goes too, instead of waiting for ever.
            format!(" --dependency=\"afterok{numbers}\" --kill-on-invalid-dep=yes")
        }
    };
    let _ = write!(
        script,
        "{variable}=$(sbatch --parsable{after} <<'MOUE_JOB'\n{body}MOUE_JOB\n)\necho \"${{{variable}%%;*}} {what}\"\n",
        what = what.replace(['"', '$', '`', '\\'], "_"),
    );
}

/// The script of the tasks from `first` on.
fn task(job: &SlurmJob, plan: &Plan, work: Work, first: u64, count: u64) -> String {
    let gres = job.gres.as_deref().filter(|_| plan.wants_gpu(work));
    let name = format!("moue-{}", work.name());
    let mut body = header(job, &name, job.cpus, gres, true);
    let at_once = job.at_once.map(|most| format!("%{most}")).unwrap_or_default();
    // Directives end where commands begin.
    let array = format!("#SBATCH --array=0-{}{at_once}\n", count - 1);
    body.insert_str("#!/bin/bash\n".len(), &array);
    let offset = first.to_string();
    let words = [&job.program, "farm", "task", &job.plan, "--offset", &offset];
    let words = words.into_iter().chain(job.options.iter().map(String::as_str));
    let _ = write!(
        body,
        "code=0\n{} || code=$?\n\
         # It says that it may be tried again, or was killed.\n\
         if [ \"$code\" -eq {retry} -o \"$code\" -gt 128 ] && [ \"${{SLURM_RESTART_COUNT:-0}}\" -lt {again} ]; then\n    \
             scontrol requeue \"$SLURM_JOB_ID\" && exit 0\nfi\nexit \"$code\"\n",
        command(words),
        retry = code::RETRY,
        again = job.attempts.saturating_sub(1),
    );
    body
}

fn header(job: &SlurmJob, name: &str, cpus: u32, gres: Option<&str>, is_array: bool) -> String {
    let mut lines = vec![format!("--job-name={name}"), "--requeue".to_owned(), "--open-mode=append".to_owned()];
    lines.push(format!("--cpus-per-task={cpus}"));
    lines.extend(gres.map(|gres| format!("--gres={gres}")));
    if let Some(logs) = &job.logs {
        let pattern = if is_array { "%x-%A_%a.log" } else { "%x-%j.log" };
        lines.push(format!("--output={}", quoted(&format!("{logs}/{pattern}"))));
    }
    lines.extend(job.sbatch.iter().map(|word| quoted(word)));
    let lines: String = lines.into_iter().map(|line| format!("#SBATCH {line}\n")).collect();
    format!("#!/bin/bash\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::painted;

    fn job() -> SlurmJob {
        SlurmJob {
            program: "/opt/moue".to_owned(),
            plan: "/shared/my film/plan.json".to_owned(),
            options: vec!["--threads".to_owned(), "4".to_owned()],
            film: Some(("/shared/film.mp4".to_owned(), Vec::new())),
            logs: Some("/shared/logs".to_owned()),
            sbatch: vec!["--partition=gpu".to_owned()],
            cpus: 4,
            gres: Some("gpu:1".to_owned()),
            at_once: Some(8),
            max_array: 1001,
            attempts: 3,
        }
    }

    #[test]
    fn phases_wait_for_each_other_and_gpus_are_asked_for_where_frames_are_painted() {
        let script = slurm(&job(), &painted());
        let jobs: Vec<&str> = script.split("sbatch --parsable").skip(1).collect();
        let [paint, film, join] = jobs[..] else { panic!("{script}") };
        assert!(paint.contains("#SBATCH --array=0-2%8") && paint.contains("--gres=gpu:1"), "{paint}");
        assert!(paint.contains("'/shared/my film/plan.json' --offset 0 --threads 4"), "{paint}");
        assert!(film.contains("afterok:${phase0_0%%;*}") && film.contains("#SBATCH --array=0-1%8"), "{film}");
        assert!(film.contains("--offset 3") && !film.contains("--gres"), "{film}");
        assert!(join.contains("afterok:${phase1_0%%;*}") && join.contains("farm join") && !join.contains("--array"));
        assert!(
            script.matches("--kill-on-invalid-dep=yes").count() == 2
                && script.matches("#SBATCH --requeue").count() == 3
        );
        assert!(paint.contains("-eq 75") && paint.contains("-lt 2") && paint.contains("scontrol requeue"));
        for jobs in jobs {
            let body = jobs.split("MOUE_JOB").nth(1).unwrap();
            let lines: Vec<&str> = body.lines().filter(|line| !line.is_empty() && *line != "'").collect();
            let directives = lines.iter().skip(1).take_while(|line| line.starts_with("#SBATCH")).count();
            assert_eq!(directives, body.matches("#SBATCH").count(), "no directive after a command:\n{body}");
        }
    }

    #[test]
    fn arrays_that_are_too_large_are_divided() {
        let script = slurm(&SlurmJob { max_array: 2, at_once: None, ..job() }, &painted());
        assert!(
            script.contains("--array=0-1\n") && script.contains("--offset 2") && script.contains("phase0_1=$(sbatch")
        );
        assert!(script.contains("afterok:${phase0_0%%;*}:${phase0_1%%;*}"), "{script}");
    }

    #[test]
    fn a_draft_asks_for_no_gpu() {
        let mut plan = painted();
        plan.drawing.device = "cpu".to_owned();
        assert!(!slurm(&job(), &plan).contains("--gres"));
    }

    #[test]
    fn bash_understands_the_script() {
        let script = slurm(&job(), &painted());
        let checked = std::process::Command::new("bash").args(["-n", "-c", &script]).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}
