//! What can go wrong between a plan and a film, and whether trying again may help.

use std::io;
use std::path::PathBuf;

use moue_animation::AnimationError;
use moue_document::Diagnostics;
use moue_film::FilmError;
use moue_media::MediaError;

/// What an engine should do with a task that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Start it again, here or elsewhere: what went wrong may pass.
    Retry,
    /// Leave it: every attempt would end alike until a person has changed something.
    GiveUp,
}

/// Why a plan, a task or a film did not come about. The last line of a message, where it begins with `hint:`, says what
/// to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FarmError {
    /// The storyboard has mistakes.
    #[error("{0}")]
    Storyboard(Diagnostics),
    /// A frame could not be drawn.
    #[error(transparent)]
    Film(#[from] FilmError),
    /// A picture, a sound or the film failed.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// A place for plans that is none.
    #[error("{place}: {problem}\nhint: {hint}")]
    Place {
        /// As it was given, without what might be secret.
        place: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// A folder for plans that cannot be found. That may pass: on a farm it may not be mounted yet.
    #[error(
        "{}: this folder cannot be found\nhint: make it first: mkdir -p FOLDER; on a farm it is one that all machines \
         share, so see that it is mounted", path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A folder or bucket did not do what it should.
    #[error("{place}: {action} failed: {problem}\nhint: {hint}")]
    Storage {
        /// The folder or bucket, and what was asked of it.
        place: String,
        /// What was tried.
        action: &'static str,
        /// What it said.
        problem: String,
        /// What to do.
        hint: &'static str,
        /// Whether it may pass.
        verdict: Verdict,
    },
    /// A plan that cannot be used.
    #[error("{place}: {problem}\nhint: {}", problem.hint())]
    Plan {
        /// The plan.
        place: String,
        /// What is wrong with it.
        problem: PlanProblem,
    },
    /// A file that the plan names is not as it was.
    #[error("{}: {problem}\nhint: {hint}", path.display())]
    Input {
        /// The file, as the plan names it.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// There is no such task.
    #[error("{place}: there is no task {index}; the plan has {tasks}\nhint: the first task is 0")]
    NoSuchTask {
        /// The plan.
        place: String,
        /// The task that was asked for.
        index: u64,
        /// How many there are.
        tasks: u64,
    },
    /// A task that waits for others.
    #[error(
        "{place}: task {index} needs what task {needs} makes, and that is not there\nhint: run it first; \
             `moue farm status` lists what is missing"
    )]
    TooEarly {
        /// The plan.
        place: String,
        /// The task.
        index: u64,
        /// The task that it needs.
        needs: u64,
    },
    /// The film lacks pieces.
    #[error("{place}: {} of {of} tasks have no result that can be used:{}\nhint: run them, for example `moue farm task \
             {place} --index {}`, then join again", missing.len(), listed(missing), missing.first().map_or(0, |gap| gap.task))]
    Incomplete {
        /// The plan.
        place: String,
        /// What is missing.
        missing: Vec<Gap>,
        /// How many tasks there are.
        of: u64,
    },
    /// A film that cannot be made of the plan's pieces.
    #[error("{}: {problem}\nhint: {hint}", path.display())]
    Output {
        /// The film.
        path: PathBuf,
        /// Why not.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// An engine is not there, or refused the work.
    #[error("{engine}: {problem}\nhint: {hint}")]
    Engine {
        /// Its name.
        engine: &'static str,
        /// What it said.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// Told to stop; what was finished is kept.
    #[error("interrupted\nhint: the same command goes on where it was")]
    Interrupted,
    /// This machine failed.
    #[error("{}: {action} failed\nhint: check that there is room and that you may write there", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A task without a result, and what of the film it would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The task.
    pub task: u64,
    /// The shots that it draws.
    pub shots: String,
    /// What is wrong with its result.
    pub problem: String,
}

/// Gaps that a message lists.
const LISTED: usize = 20;

fn listed(gaps: &[Gap]) -> String {
    let mut text: String =
        gaps.iter().take(LISTED).map(|gap| format!("\n  task {}, {}: {}", gap.task, gap.shots, gap.problem)).collect();
    if gaps.len() > LISTED {
        text += &format!("\n  and {} more", gaps.len() - LISTED);
    }
    text
}

/// What is wrong with a plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanProblem {
    /// There is none.
    #[error("there is no plan")]
    Absent,
    /// Something else lies there.
    #[error("this is no plan: {0}")]
    Damaged(String),
    /// It was written by another version of the program.
    #[error("this plan has version {found}; this program reads version {expected}")]
    Version {
        /// In the file.
        found: u64,
        /// That this program reads.
        expected: u64,
    },
    /// What it says is not what was planned.
    #[error("somebody changed this plan: what it says does not fit its own checksum")]
    Changed,
    /// It was made by a program that draws other frames.
    #[error("this plan was made by moue {found}, and this is moue {expected}: their frames may differ")]
    Program {
        /// That made it.
        found: String,
        /// This one.
        expected: String,
    },
}

impl PlanProblem {
    fn hint(&self) -> &'static str {
        match self {
            Self::Absent => "`moue farm plan FILE -o plan.json` makes one",
            Self::Damaged(_) | Self::Changed => "make it again with `moue farm plan`; finished pieces are found again",
            Self::Version { .. } | Self::Program { .. } => {
                "use one version of moue on all machines, or make the plan again with this one"
            }
        }
    }
}

impl FarmError {
    /// Whether trying again may help.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Storage { verdict, .. } => *verdict,
            // Room on this machine's disk, a folder to be mounted, an interruption, results of others that are still to
            // come: they pass.
            Self::Interrupted | Self::Folder { .. } | Self::Io { .. } | Self::TooEarly { .. } => Verdict::Retry,
            Self::Film(FilmError::Interrupted(_) | FilmError::Animation(AnimationError::Interrupted)) => Verdict::Retry,
            Self::Film(FilmError::Media(error)) | Self::Media(error) => of_media(error),
            Self::Film(FilmError::Animation(AnimationError::Media(error))) => of_media(error),
            _ => Verdict::GiveUp,
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, action, source }
    }
}

fn of_media(error: &MediaError) -> Verdict {
    match error {
        MediaError::DiskFull { .. } | MediaError::CutShort { .. } | MediaError::Interrupted { .. } => Verdict::Retry,
        _ => Verdict::GiveUp,
    }
}
