//! End-to-end tests of the program, in one binary: what it writes, what it prints, how it fails.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod air;
mod buckets;
mod compose;
mod driving;
mod farm;
mod harness;
mod inspect;
mod interrupt;
mod live;
mod mistakes;
mod models;
mod motions;
mod options;
mod outputs;
mod painting;
mod portraits;
mod preview;
#[allow(dead_code, reason = "not all that it reads is asked for here")]
#[path = "../../crates/diffusion/tests/toyfaces/readback.rs"]
mod readback;
mod slurm;
mod steady;
mod storyboards;
mod talk;
mod writing;
