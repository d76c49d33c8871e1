//! The board of a storyboard: a panel for each beat, with its picture and what happens, for people to read.
//!
//! [`Board`] takes a storyboard and a picture for each of its panels, and gives a web page, a PDF and a contact sheet
//! that look alike: what the film is, its shots on a bar of time, and then shot by shot the panels with captions and
//! dialogue. This crate renders no faces and reads and writes no files.
//!
//! The page uses the fonts of whoever reads it, so it shows every script. The PDF and the sheet have one font of their
//! own ([`moue_charts::font`]: Latin, Greek, Cyrillic and most signs); what it lacks is a box there
//! ([`Board::missing_glyphs`]), though it can be searched and copied in the PDF. They set texts letter by letter from
//! left to right: scripts that join letters or run from right to left look right on the page only.

mod bar;
mod board;
mod error;
mod grid;
mod html;
mod layout;
mod lines;
mod palette;
mod pdf;
mod pdf_font;
mod picture;
mod sheet;
mod words;
mod wrap;

pub use board::Board;
pub use error::BoardError;
