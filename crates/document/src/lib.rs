//! Files that people write in YAML: typed reading that tells everything that is wrong at once, and JSON Schema.
//!
//! A file becomes a tree of [`Node`]s that know their places ([`Sources::add`], [`parse`]). Types that implement
//! [`FromNode`] are read from it; what is wrong goes into a [`Report`] and reading goes on, so that one run tells all.
//! The macros [`mapping!`] and [`words!`] make such types from one definition, which is also their description in a
//! JSON Schema ([`schema`]).
//!
//! ```
//! use moue_document::{FromNode, Report, Sources, mapping, parse, words};
//!
//! words! {
//!     /// How it is painted.
//!     pub enum Brush {
//!         /// Wide and soft.
//!         Soft = "soft",
//!         /// Narrow.
//!         Hard = "hard",
//!     }
//! }
//!
//! mapping! {
//!     /// One stroke.
//!     pub struct Stroke {
//!         /// The brush.
//!         pub brush: Brush = "soft",
//!         /// Its length in centimetres.
//!         pub length: f64 where (0.1..=20.0),
//!     }
//! }
//!
//! let (mut sources, mut report) = (Sources::default(), Report::default());
//! let text = "- length: 3\n- {length: 30, brush: sfot}\n";
//! let file = sources.add("strokes.yaml", text.into(), &mut report).expect("it is UTF-8");
//! let root = parse(&sources, file, &mut report).expect("it is YAML");
//! let strokes = Vec::<Stroke>::from_node(&root, &mut report).expect("it is a list");
//! assert_eq!(strokes[0].brush, Brush::Soft);
//! assert_eq!(
//!     report.finish(sources).to_string(),
//!     "strokes.yaml:2:12: error: found 30, expected a number from 0.1 to 20\n  \
//!        2 | - {length: 30, brush: sfot}\n    \
//!          |            ^^\n\n\
//!      strokes.yaml:2:23: error: found `sfot`, expected `soft` or `hard`\n  \
//!        2 | - {length: 30, brush: sfot}\n    \
//!          |                       ^^^^\n\
//!      hint: did you mean `soft`?"
//! );
//! ```
//!
//! This crate does no I/O.

mod collections;
mod diagnostic;
mod fields;
mod macros;
mod node;
mod parse;
mod read;
mod schema;
mod snippet;
mod source;
mod syntax;

pub use collections::{Key, Located, Many, Named, Tried};
pub use diagnostic::{Diagnostic, Diagnostics, Report, Severity};
pub use fields::{Fields, Mapping, built_in, read_mapping, read_mapping_or_line};
pub use node::{Entry, Meaning, Node, Scalar, Value};
pub use parse::parse;
pub use read::{Bounded, FormatVersion, FromNode, Written, found, read_word, read_written};
pub use schema::{Definitions, Properties, Schema, schema, word_schema};
pub use source::{MAX_FILE_BYTES, Place, SourceId, Sources, Span};

#[doc(hidden)]
pub use serde_json;
