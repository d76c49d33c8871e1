//! The language from its files: what is read, what is wrong, what faces do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod examples;
mod film;
mod given;
mod keys;
mod messages;
mod reading;
mod sampling;
mod schema;
mod validator;
