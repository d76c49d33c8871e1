//! What can be wrong with a file of tensors.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why tensors cannot be had from a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
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
    /// Tensors that the network needs and the file has not, or has otherwise. All of them at once.
    #[error("{}: {} of its tensors do not fit the network\n{}hint: it belongs to another network or is damaged; `moue models list` names the files that are needed", path.display(), problems.len(), listed(problems))]
    Tensors {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        problems: Vec<TensorProblem>,
    },
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
pub type Result<T, E = WeightsError> = std::result::Result<T, E>;

impl WeightsError {
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

/// As many problems as a terminal shows, each on a line of its own, and how many more there are.
pub fn listed(problems: &[TensorProblem]) -> String {
    const SHOWN: usize = 12;
    let mut text: String = problems.iter().take(SHOWN).map(|p| format!("  {p}\n")).collect();
    if problems.len() > SHOWN {
        text += &format!("  and {} more\n", problems.len() - SHOWN);
    }
    text
}
