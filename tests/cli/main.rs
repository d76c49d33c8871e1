//! End-to-end tests of the program, in one binary: what it writes, what it prints, how it fails.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod harness;
mod inspect;
mod interrupt;
mod models;
mod motions;
mod options;
mod outputs;
mod painting;
mod portraits;
mod talk;
mod writing;
