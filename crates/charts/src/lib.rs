//! Draws tracks as pictures: curves of the busiest channels, asked against measured, and a page of figures.
//!
//! Every page is laid out once and comes as pixels or as SVG ([`Page`]); this crate reads and writes no files. Times are
//! seconds on one clock per page. Nothing that callers give makes a page fail: values that are not finite part a curve,
//! what lies outside the time axis is left out, and texts are cut off where their room ends.
//!
//! [`draw`] and [`font`] are what pages are made of, for crates that lay out their own.

mod axis;
mod canvas;
mod comparison;
mod curves;
mod decimate;
pub mod draw;
mod film;
pub mod font;
mod heading;
mod movement;
mod page;
mod plot;
mod raster;
mod report;
mod stretch;
mod svg;
mod theme;

pub use comparison::{ChannelFigures, Comparison, ComparisonSheet, Order, comparison};
pub use curves::{CurveSheet, curves};
pub use film::{FilmColumn, FilmStrip};
pub use movement::{Movement, movements};
pub use page::Page;
pub use report::{Headline, ReportSheet, Strip, report};
pub use stretch::{Absence, Stretch};
