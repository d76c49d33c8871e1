//! The language as JSON Schema.

use moue_document::{Schema, schema};

use crate::written::{BoardText, LibraryText};

/// The JSON Schema (draft 2020-12) of a storyboard: what an editor needs to complete and to check while one writes.
pub fn storyboard_schema() -> Schema {
    schema::<BoardText>("moue storyboard, version 1")
}

/// The JSON Schema of a file that storyboards include.
pub fn library_schema() -> Schema {
    schema::<LibraryText>("moue storyboard library, version 1")
}
