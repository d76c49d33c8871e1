//! The server as clients see it, and the page in a real browser.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod http;
mod metrics;
mod page;
mod socket;
#[path = "../support/mod.rs"]
mod support;
