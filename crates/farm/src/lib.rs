//! A film over many machines.
//!
//! ```text
//! storyboard ─► plan() ─► plan.json ─► engine: an array of tasks ─► task() ─► results ─► join() ─► film.mp4
//!                          tasks, inputs by hash                      one each   pieces,
//!                                                                                paintings, receipts
//! ```
//!
//! A task makes what one machine would make: pieces of the film, by the same code, under the same names. So the film is
//! the same, byte for byte, and it does not matter who made which part of it.
//!
//! # Invariants
//! - What a task makes appears in one step, under a name that holds the hash of its content. Its receipt comes last. So two
//!   at once, or one after the other, do no harm, and what is half-made is nothing.
//! - Nothing depends on clocks but estimates.
//! - Credentials are in no plan, no receipt, no message.
//! - Nothing here parses arguments or prints.

pub mod engine;
mod error;
mod inputs;
mod join;
mod make;
mod place;
mod plan;
mod receipt;
mod recipe;
mod sample;
mod split;
mod status;
mod task;
mod trouble;

pub use error::{FarmError, Gap, PlanProblem, Verdict};
pub use join::join;
pub use make::{PlanJob, plan};
pub use place::{Entry, PATIENCE, Place, without_secrets};
pub use plan::{FilmPlan, Inputs, Models, Phase, Pieces, Plan, Recipe, Sample, Shots, Task, Work};
pub use receipt::{Made, Receipt};
pub use split::Split;
pub use status::{Broken, PhaseStatus, Status, status};
pub use task::{TaskJob, TaskSummary, task};
