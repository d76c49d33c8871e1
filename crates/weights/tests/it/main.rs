//! Files of tensors: good ones, and what is said of those that are not what they should be.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod damaged_pickles;
mod files;
mod helpers;
mod pickles;
mod store;
