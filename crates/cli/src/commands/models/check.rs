//! `moue models check`

use anyhow::anyhow;
use moue_diffusion::{CheckDepth, CheckProblem, CheckReport, FileCheck};
use moue_models::{
    ModelFolder, ModelsError,
    hub::{self, HubError, Verdict},
};
use moue_timeline::counted;

use super::{Outcome, folder};
use crate::{
    args::CheckArgs,
    commands::Stop,
    exit, interrupt,
    printer::{Printer, strong},
};

const PULL: &str = "`moue models pull` fetches what is missing; remove a damaged file first";

/// With problems there is no data: they are the error.
pub fn check(args: &CheckArgs, printer: Printer) -> Outcome {
    let folder = folder(&args.folder)?;
    let mut report = moue_diffusion::check(&folder);
    if args.hash {
        hashes(&folder, &mut report.files, printer)?;
    }
    if !report.is_clean() {
        return Err(anyhow!("{}", told(&folder, &report)).into());
    }
    let lines = report.files.iter().map(|check| match check.depth {
        CheckDepth::Absent => format!("  -   {}  not there, and not needed", check.file),
        _ => format!("  ok  {}", name(&folder, check)),
    });
    printer.data(&format!(
        "{} {folder}\n{}\nNothing is wrong: every tensor that is needed is there, and the files fit each other.",
        strong("models folder:"),
        lines.collect::<Vec<_>>().join("\n")
    ));
    Ok(exit::DONE)
}

/// The file as it lies in the folder.
fn name(folder: &ModelFolder, check: &FileCheck) -> String {
    let path = check.path.as_ref().map(|path| path.strip_prefix(folder.dir()).unwrap_or(path));
    path.map_or(check.file.to_string(), |path| path.display().to_string())
}

/// Everything that is wrong, file by file; hints come last.
fn told(folder: &ModelFolder, report: &CheckReport) -> String {
    let wrong: Vec<&FileCheck> = report.files.iter().filter(|check| !check.problems.is_empty()).collect();
    let problems = report.problems();
    let (problems, files) = (counted(problems, "problem"), counted(wrong.len(), "file"));
    let mut lines = vec![format!("{folder}: {problems} in {files}")];
    let mut hints = Vec::new();
    for check in wrong {
        lines.push(name(folder, check));
        for problem in &check.problems {
            let text = problem.to_string();
            for line in text.lines() {
                match line.strip_prefix("hint:") {
                    Some(hint) => hints.push(hint.trim().to_owned()),
                    None => lines.push(format!("  {line}")),
                }
            }
            match problem {
                CheckProblem::Absent => hints.push(PULL.to_owned()),
                CheckProblem::Tensor(_) | CheckProblem::Misfit(_) => hints.push(
                    "a file and its configuration have to come from one place: fetch both again with \
                     `moue models pull`, or copy both from where the weights were trained"
                        .to_owned(),
                ),
                CheckProblem::Unusable(_) => {}
            }
        }
    }
    let is_alone = |check: &&FileCheck| check.depth == CheckDepth::Alone && check.problems.is_empty();
    let alone: Vec<String> = report.files.iter().filter(is_alone).map(|check| name(folder, check)).collect();
    if !alone.is_empty() {
        lines.push(format!("not compared, for want of a configuration: {}", alone.join(", ")));
    }
    let mut seen = std::collections::BTreeSet::new();
    hints.retain(|hint| seen.insert(hint.clone()));
    lines.extend(hints.into_iter().map(|hint| format!("hint: {hint}")));
    lines.join("\n")
}

/// Compares the files with the published ones.
fn hashes(folder: &ModelFolder, files: &mut [FileCheck], printer: Printer) -> Result<(), Stop> {
    let stopped = interrupt::flag(printer, "interrupted")?;
    let is_stopped = || stopped.load(std::sync::atomic::Ordering::Relaxed);
    for check in files.iter_mut().filter(|check| check.file.sha256().is_some()) {
        printer.say(&format!("hashing {}", check.file));
        match hub::verify(folder, check.file, &is_stopped) {
            Ok(Some(Verdict::Different { expected, found })) => check.problems.push(CheckProblem::Misfit(format!(
                "is not the published file: found SHA-256 {found}, expected {expected}"
            ))),
            Ok(_) => {}
            Err(error @ ModelsError::Hub(HubError::Cancelled { .. })) => {
                return Err(Stop { error: error.into(), code: exit::INTERRUPTED });
            }
            Err(error) => check.problems.push(CheckProblem::Unusable(error.to_string())),
        }
    }
    Ok(())
}
