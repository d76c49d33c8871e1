//! Making everything again whenever something is saved.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use moue_engine::CancelToken;
use moue_film::Props;
use moue_storyboard::Storyboard;
use moue_timeline::counted;

use super::{Made, Plan, classify, read, report};
use crate::{
    args::{Global, StoryboardArgs},
    commands::Outcome,
    exit, interrupt,
    printer::Printer,
    progress::Progress,
};

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub fn watch(plan: &Plan<'_>, args: &StoryboardArgs, global: &Global, printer: Printer) -> Outcome {
    let token = interrupt::token(printer, "stopping; what is finished is kept")?;
    let props = Props::new()?;
    let mut files: BTreeSet<PathBuf> = BTreeSet::from([plan.file.to_owned()]);
    let mut restart = args.restart;
    loop {
        // As they are before anything is read: what is saved meanwhile is seen as a change.
        let before = stamps(&files);
        if let Some(storyboard) = read(plan.file, args.draft, printer) {
            files = named(&storyboard);
            let before = stamps(&files);
            let progress = Progress::new(printer, global.verbose > 0);
            let made = plan.make(storyboard, true, restart, &props, &progress, &token);
            progress.end();
            restart = false;
            match made {
                Ok(Made { summary, no_board }) => {
                    report(&summary, printer);
                    if let Some(error) = no_board {
                        printer.error(&classify(error, &token).error);
                    }
                }
                Err(_) if token.is_finishing() => return Ok(exit::INTERRUPTED),
                Err(error) => printer.error(&classify(error, &token).error),
            }
            printer.say(&format!("watching {}; Ctrl-C ends", counted(files.len(), "file")));
            wait(&files, &before, &token);
        } else {
            printer.say("watching; save the file to try again");
            wait(&files, &before, &token);
        }
        if token.is_finishing() {
            return Ok(exit::DONE);
        }
    }
}

/// All files that a storyboard is made of.
fn named(storyboard: &Storyboard) -> BTreeSet<PathBuf> {
    let mut files: BTreeSet<PathBuf> = storyboard.files.iter().cloned().collect();
    files.extend(storyboard.cast.iter().map(|character| character.portrait.clone()));
    for shot in &storyboard.shots {
        files.extend(shot.motions.iter().map(|motion| motion.path.clone()));
        files.extend(shot.sound.iter().map(|sound| sound.path.clone()));
    }
    files
}

type Stamp = Option<(SystemTime, u64)>;

fn stamps(files: &BTreeSet<PathBuf>) -> Vec<Stamp> {
    files.iter().map(|file| stamp(file)).collect()
}

fn stamp(file: &Path) -> Stamp {
    let found = file.metadata().ok()?;
    Some((found.modified().ok()?, found.len()))
}

/// Until one of them is another, and has stayed the same for a moment: editors write in several steps.
fn wait(files: &BTreeSet<PathBuf>, before: &[Stamp], token: &CancelToken) {
    let mut last = before.to_vec();
    while !token.is_finishing() {
        std::thread::sleep(LOOK_EVERY);
        let now = stamps(files);
        // A file that is away for a moment is being replaced.
        if now != before && now == last && now.iter().all(Option::is_some) {
            return;
        }
        last = now;
    }
}
