//! What can go wrong between a storyboard and a film.

use std::path::PathBuf;

use moue_animation::AnimationError;
use moue_board::BoardError;
use moue_engine::EngineError;
use moue_media::MediaError;
use moue_timeline::TrackShapeError;

/// Why there is no film. The last line of a message, where it begins with `hint:`, says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilmError {
    /// A portrait, a motion or a renderer failed.
    #[error(transparent)]
    Animation(#[from] AnimationError),
    /// A picture could not be read, or an output not written.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The panels could not be laid out.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// A shot was asked for that is not there.
    #[error("{}: there is no shot `{name}`\nhint: {hint}", path.display())]
    NoSuchShot {
        /// The storyboard.
        path: PathBuf,
        /// As asked for.
        name: String,
        /// What there is.
        hint: String,
    },
    /// A shot shows what its renderer cannot.
    #[error(
        "shot {shot}: with --compose crop the painted square is the frame, and the framing shows {found}\nhint: leave \
         --compose out, or write --compose paste, to put the painted face into the picture; or write `framing: face`"
    )]
    Framing {
        /// Its name.
        shot: String,
        /// The framing.
        found: &'static str,
    },
    /// Frames to paint were chosen for a renderer that has no choice.
    #[error(
        "--every, --share and --within choose which frames are painted, and the storyboard's renderer is {renderer}\nhint: \
         write `renderer: mesh+diffusion` into the storyboard's `output`, or leave them out"
    )]
    Keyframes {
        /// Its name.
        renderer: &'static str,
    },
    /// What a shot's face does cannot be brought into a track.
    #[error("shot {shot}: {problem}")]
    Performance {
        /// Its name.
        shot: String,
        /// What is wrong.
        problem: TrackShapeError,
    },
    /// A file that counts for what a shot looks like cannot be read.
    #[error("{}: cannot be read\nhint: check that it is still there", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The folder in which shots are kept cannot be used.
    #[error("{}: {action} failed\nhint: --keep DIR names another folder for the finished shots", path.display())]
    Keep {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another run uses the folder.
    #[error(
        "{}: another run of moue is rendering into this folder\nhint: wait until it is done, or give this one a folder \
         of its own with --keep DIR", path.display()
    )]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The ledger says something that is not so.
    #[error(
        "{}: {problem}\nhint: --restart forgets what is kept in this folder and renders everything anew", path.display()
    )]
    Ledger {
        /// The ledger.
        path: PathBuf,
        /// What does not fit.
        problem: LedgerProblem,
    },
    /// A film that is to be written over a file that it is made from.
    #[error("the output {} is what is read\nhint: give the output another name", path.display())]
    OutputIsInput {
        /// That name.
        path: PathBuf,
    },
    /// Interrupted; what was finished is kept: so many parts of so many, where a film is joined of parts.
    #[error("interrupted{}", kept_parts(": ", *.0))]
    Interrupted(Option<(usize, usize)>),
    /// A stream broke that the run was not to outlive; what was finished is kept, as after an interruption.
    #[error("{problem}{}", kept_parts("\n", *.kept))]
    Stream {
        /// Which, and why.
        problem: String,
        /// Parts that are there, of all.
        kept: Option<(usize, usize)>,
    },
    /// A part of a film could not be kept, and so the film cannot be joined.
    #[error("{outputs}: not made, as a part of it is lost: {source}")]
    Part {
        /// The outputs that would have been joined of such parts.
        outputs: String,
        /// Why.
        source: Box<FilmError>,
    },
    /// A part of the run failed.
    #[error("{0}")]
    Run(EngineError),
}

/// What does not fit in a ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerProblem {
    /// It is no ledger.
    #[error("this is not a list of finished shots: {0}")]
    Damaged(String),
    /// It was written by another version of the program.
    #[error("this list of finished shots has version {found}; this program reads version {expected}")]
    Version {
        /// In the file.
        found: u64,
        /// That this program reads.
        expected: u64,
    },
    /// A file that it lists is not there.
    #[error("it lists {file}, which is not there")]
    Missing {
        /// The file.
        file: String,
    },
    /// A file that it lists has another content.
    #[error("it lists {file} with other content than the file has: somebody changed one of them")]
    Changed {
        /// The file.
        file: String,
    },
}

fn kept_parts(before: &str, parts: Option<(usize, usize)>) -> String {
    match parts {
        Some((kept, of)) => format!(
            "{before}{kept} of {of} parts of the film are finished and kept\nhint: the same command goes on from there"
        ),
        None => "\nhint: the same command begins anew; only frames that were painted are kept".to_owned(),
    }
}

impl From<EngineError> for FilmError {
    /// The error that a stage of ours returned is the cause, not the stage.
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Aborted => AnimationError::Interrupted.into(),
            EngineError::Failed { stage, source } => match source.downcast::<FilmError>() {
                Ok(ours) => *ours,
                Err(source) => Self::Run(EngineError::Failed { stage, source }),
            },
            other => Self::Run(other),
        }
    }
}
