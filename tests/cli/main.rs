//! End-to-end tests of the program, in one binary: what it writes, what it prints, how it fails.

mod harness;
mod inspect;
mod interrupt;
mod motions;
mod options;
mod outputs;
mod portraits;
mod talk;
mod writing;
