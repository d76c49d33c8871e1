//! What the renderer computes against goldens, and what it says of files that are not what they should be.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail, and says how far it is")]

mod adapters;
mod configs;
mod files;
#[path = "../support/goldens.rs"]
mod goldens;
mod helpers;
mod loras;
mod parity;
mod sampling;
mod schedulers;
mod tokenizer;
