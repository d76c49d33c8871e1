use std::error::Error;
use std::fmt;

/// The run is being torn down (another stage failed, or an abort was asked for), so a channel gave up waiting.
///
/// A stage passes it on with `?`; it is never reported as the reason of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped because the run is being torn down")]
pub struct Stopped;

/// Why a stage ended early: any error, taken with `?`.
///
/// Like `anyhow::Error` it does not itself implement [`Error`], which is what makes the conversion possible.
pub struct StageError(Box<dyn Error + Send + Sync>);

impl StageError {
    /// The error itself.
    pub fn into_inner(self) -> Box<dyn Error + Send + Sync> {
        self.0
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.is::<Stopped>()
    }
}

impl fmt::Debug for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for StageError {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

/// Why a run did not reach its end.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The token was set to [`Cancel::Abort`](crate::Cancel::Abort).
    #[error("aborted")]
    Aborted,
    /// A stage returned an error; the first one to do so is the one reported.
    #[error("{source}")]
    Failed {
        /// The stage's name.
        stage: String,
        /// What it returned; downcast it to get the type back.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A stage panicked.
    #[error("the stage {stage:?} panicked: {message}")]
    Panicked {
        /// The stage's name.
        stage: String,
        /// The panic's message.
        message: String,
    },
    /// No stage failed, and yet one lost its neighbour: a channel's end was dropped without a word.
    #[error("the stage {stage:?} was cut off: a neighbour ended without closing their channel")]
    CutOff {
        /// The stage that noticed.
        stage: String,
    },
    /// The system gave no thread.
    #[error("cannot start a thread for the stage {stage:?}: {source}")]
    Thread {
        /// The stage's name.
        stage: String,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// The text that a panic was raised with.
pub(crate) fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "(no message)".to_owned()
    }
}
