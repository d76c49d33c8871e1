//! What can go wrong between a checkpoint and a frame.

use std::fmt;
use std::path::{Path, PathBuf};

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
    #[error("{}: {} of its tensors do not fit the network\n{}hint: `moue models check` compares every file with its configuration; fetch the file again with `moue models pull`", path.display(), problems.len(), list(problems))]
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

/// One tensor that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorProblem {
    /// Its name in the file.
    pub name: String,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What is wrong with a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The network needs it.
    Missing {
        /// Shape that is needed.
        expected: Vec<usize>,
    },
    /// It has another shape.
    Misshapen {
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape that is needed.
        expected: Vec<usize>,
    },
    /// Nothing in the network uses it.
    Extra {
        /// Shape in the file.
        found: Vec<usize>,
    },
}

impl fmt::Display for TensorProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ProblemKind::Missing { expected } => write!(f, "missing   {} {expected:?}", self.name),
            ProblemKind::Misshapen { found, expected } => {
                write!(f, "misshapen {}: found {found:?}, expected {expected:?}", self.name)
            }
            ProblemKind::Extra { found } => write!(f, "extra     {} {found:?}", self.name),
        }
    }
}

/// As many problems as a terminal shows; `moue models check` has them all.
fn list(problems: &[TensorProblem]) -> String {
    const SHOWN: usize = 12;
    let mut text: String = problems.iter().take(SHOWN).map(|p| format!("  {p}\n")).collect();
    if problems.len() > SHOWN {
        text += &format!("  and {} more\n", problems.len() - SHOWN);
    }
    text
}
