//! What each command does.

mod animate;
mod calibrate;
mod doctor;
mod edit;
mod farm;
mod inspect;
mod join;
mod measure;
mod models;
mod motion;
mod outputs;
mod page;
mod pipelines;
mod storyboard;
mod track;

pub use animate::animate;
pub use calibrate::calibrate;
pub use doctor::doctor;
pub use edit::edit;
pub use farm::farm;
pub use inspect::inspect;
pub use join::join;
pub use measure::measure;
pub use models::models;
pub use pipelines::pipelines;
pub use storyboard::storyboard;
pub use track::track;

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
