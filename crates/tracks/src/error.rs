//! What is wrong with a track file, and where.

use std::fmt;
use std::io;

use crate::Format;

/// Where in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A line, from 1.
    Line(u64),
    /// A field of a table.
    Cell {
        /// From 1.
        line: u64,
        /// From 1, as spreadsheets count.
        column: usize,
        /// What the header calls the column.
        name: String,
    },
    /// A position in a text.
    Text {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A frame of a list, from 0.
    Frame(usize),
    /// An array of an archive.
    Array {
        /// What the archive calls it.
        name: String,
    },
    /// An element of an array.
    Element {
        /// What the archive calls the array; none where the file is the array.
        array: Option<String>,
        /// From 0.
        row: usize,
        /// From 0.
        column: usize,
        /// What the column holds: a channel's name, or `seconds`.
        name: &'static str,
    },
}

impl fmt::Display for Place {
    /// What follows the file's name: `, line 7, column 19 (jawOpen)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Line(line) => write!(f, ", line {line}"),
            Self::Cell { line, column, name } => write!(f, ", line {line}, column {column} ({name})"),
            Self::Text { line, column } => write!(f, ", line {line}, column {column}"),
            Self::Frame(frame) => write!(f, ", frame {frame}"),
            Self::Array { name } => write!(f, ", array {}", quoted(name)),
            Self::Element { array, row, column, name } => {
                if let Some(array) = array {
                    write!(f, ", array {}", quoted(array))?;
                }
                write!(f, ", row {row}, column {column} ({name})")
            }
        }
    }
}

/// Why a file cannot be read or written as asked: the place, what was found there, what was expected, and a way out.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TrackError(Box<Details>);

#[derive(Debug, thiserror::Error)]
#[error("{file}{place}: found {found}, expected {expected}\nhint: {hint}")]
struct Details {
    file: String,
    place: Place,
    found: String,
    expected: String,
    hint: String,
    #[source]
    source: Option<io::Error>,
}

impl TrackError {
    /// The file as the caller named it.
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// Where in the file.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// What is there.
    pub fn found(&self) -> &str {
        &self.0.found
    }

    /// What a track has there.
    pub fn expected(&self) -> &str {
        &self.0.expected
    }

    /// What a person can do about it.
    pub fn hint(&self) -> &str {
        &self.0.hint
    }

    pub(crate) fn new(
        file: &str,
        place: Place,
        found: impl Into<String>,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self(Box::new(Details {
            file: file.to_owned(),
            place,
            found: found.into(),
            expected: expected.into(),
            hint: hint.into(),
            source: None,
        }))
    }

    pub(crate) fn whole_file(
        file: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::new(file, Place::File, found, expected, hint)
    }

    pub(crate) fn io(file: &str, error: io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "check the spelling; relative paths start at the current folder",
            io::ErrorKind::PermissionDenied => "check the file's permissions",
            io::ErrorKind::TimedOut => "start what writes into the pipe, then this; or name a file",
            _ => "check that the file can be read to its end",
        };
        let found = match error.kind() {
            io::ErrorKind::NotFound => "no such file".to_owned(),
            io::ErrorKind::TimedOut => error.to_string(),
            _ => format!("an error of the system ({error})"),
        };
        let mut refusal = Self::whole_file(file, found, "a file that can be read", hint);
        refusal.0.source = Some(error);
        refusal
    }

    /// About a file that should be written.
    pub(crate) fn unwritable(file: &str, error: io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied => "check the folder's permissions, or choose another one",
            io::ErrorKind::StorageFull => "make room, or choose another folder",
            _ => "check that files can be written there",
        };
        let found = format!("an error of the system ({error})");
        let mut refusal = Self::whole_file(file, found, "a file that can be written", hint);
        refusal.0.source = Some(error);
        refusal
    }

    /// The content is not what the caller asked for, but looks like `found`.
    pub(crate) fn misfit(file: &str, found: Format, wanted: Format) -> Self {
        Self::whole_file(file, found.title(), wanted.title(), "").looking_like(found)
    }

    /// The same with the way out that the format is another.
    pub(crate) fn looking_like(mut self, format: Format) -> Self {
        self.0.hint = format!("the content looks like {}: leave the format out, or give {format}", format.title());
        self
    }

    pub(crate) fn too_large(file: &str, bytes: u64) -> Self {
        let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
        Self::whole_file(
            file,
            mib(bytes),
            format!("at most {}", mib(crate::MAX_FILE_BYTES)),
            "cut the recording into parts, or keep every second row",
        )
    }
}

/// Text from a file as it may stand in a message: short, and without control characters.
pub(crate) fn quoted(text: &str) -> String {
    const MAX_CHARS: usize = 40;
    let mut shown: String = text.chars().take(MAX_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    format!("'{shown}'")
}
