//! Pages as their users see them: texts and numbers in SVG, colours in pixels.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod any_track;
mod comparison;
mod curves;
mod report;
mod support;
