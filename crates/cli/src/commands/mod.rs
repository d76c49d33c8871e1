//! What each command does.

mod animate;
mod doctor;
mod inspect;
mod models;

pub use animate::animate;
pub use doctor::doctor;
pub use inspect::inspect;
pub use models::models;

use crate::exit;

/// Why a command stopped, and the exit code that says so.
#[derive(Debug)]
pub struct Stop {
    pub error: anyhow::Error,
    pub code: u8,
}

impl Stop {
    /// The command line asks for something that cannot be.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { error: error.into(), code: exit::USAGE }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self { error: error.into(), code: exit::FAILED }
    }
}

/// Exit code, or what went wrong.
pub type Outcome = Result<u8, Stop>;
