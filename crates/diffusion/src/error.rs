//! What can go wrong between a checkpoint and a frame.

use std::path::{Path, PathBuf};

use moue_weights::WeightsError;
pub use moue_weights::{ProblemKind, TensorProblem};

/// Why a checkpoint cannot be used or a frame cannot be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffusionError {
    /// A file that is not what it should be.
    #[error("{}: found {found}, expected {expected}\nhint: {hint}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
        /// What helps.
        hint: String,
    },
    /// A configuration that asks for what is not there.
    #[error("{}, {key}: found {found}, expected {expected}\nhint: this network is of another family than Stable Diffusion 1.5; use the files that `moue models list` names", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The key in it.
        key: String,
        /// What it says.
        found: String,
        /// What is supported.
        expected: String,
    },
    /// Tensors that the network needs and the file has not, or has otherwise. All of them at once.
    #[error("{}: {} of its tensors do not fit the network\n{}hint: `moue models check` compares every file with its configuration; fetch the file again with `moue models pull`", path.display(), problems.len(), moue_weights::listed(problems))]
    Tensors {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        problems: Vec<TensorProblem>,
    },
    /// A number that is out of its range.
    #[error("{what} is {found}, expected {expected}\nhint: {hint}")]
    Value {
        /// What the number is.
        what: &'static str,
        /// The number.
        found: String,
        /// The range.
        expected: String,
        /// What helps.
        hint: String,
    },
    /// Not a number, or infinite, where a picture should have come.
    #[error("{what} of frame {frame} are not finite after step {step} of {steps}\nhint: {hint}")]
    NotFinite {
        /// Latents or pixels.
        what: &'static str,
        /// Frame, from 0.
        frame: u64,
        /// Denoising step, from 1; 0 is before the first.
        step: usize,
        /// How many steps there are.
        steps: usize,
        /// What helps.
        hint: &'static str,
    },
    /// The run was told to stop.
    #[error("cancelled")]
    Cancelled,
    /// A model file that is not there.
    #[error(transparent)]
    Models(#[from] moue_models::ModelsError),
    /// What the tensor library says.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The result of everything here.
pub type Result<T, E = DiffusionError> = std::result::Result<T, E>;

impl DiffusionError {
    pub(crate) fn file(path: &Path, found: impl Into<String>, expected: &str, hint: impl Into<String>) -> Self {
        Self::File { path: path.into(), found: found.into(), expected: expected.into(), hint: hint.into() }
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }
}

impl From<WeightsError> for DiffusionError {
    fn from(error: WeightsError) -> Self {
        match error {
            WeightsError::File { path, found, expected, hint } => Self::File { path, found, expected, hint },
            WeightsError::Tensors { path, problems } => Self::Tensors { path, problems },
            WeightsError::Tensor(error) => Self::Tensor(error),
            WeightsError::Io { path, source } => Self::Io { path, source },
            // The list is open for kinds to come.
            other => Self::Tensor(candle_core::Error::Msg(other.to_string())),
        }
    }
}
