//! The files that are read, and places in them.

use std::fmt;

use crate::Report;

/// Longest file that is read, in bytes: a film of several hours fits a few times.
pub const MAX_FILE_BYTES: usize = 8 << 20;

/// One of the files of a [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(usize);

/// Some bytes of a file, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which file.
    pub source: SourceId,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// Line and column, both from 1; columns count characters, as editors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
}

impl fmt::Display for Place {
    /// `3:14`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The files that were read for one document, in that order.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

#[derive(Clone, Debug)]
struct Source {
    name: String,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl Sources {
    /// Takes the content of the file `name` in. What is wrong with the file as a whole (its length, its encoding) is
    /// reported; of such a file [`crate::parse`] makes nothing.
    pub fn add(&mut self, name: &str, content: Vec<u8>, report: &mut Report) -> Result<SourceId, SourceId> {
        let id = SourceId(self.files.len());
        if content.len() > MAX_FILE_BYTES {
            let length = content.len();
            self.push(name, String::new());
            let problem = format!("the file is {length} bytes long, expected at most {MAX_FILE_BYTES}");
            report.file_error(id, problem).hint("is this the right file?");
            return Err(id);
        }
        let error = match String::from_utf8(content) {
            Ok(text) => {
                self.push(name, text);
                return Ok(id);
            }
            Err(error) => error,
        };
        let start = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let (byte, utf_16) = (bytes[start], bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]));
        // Bytes before the first wrong one stay where they are, so its place is right in this text.
        let text = if utf_16 { String::new() } else { String::from_utf8_lossy(bytes).into_owned() };
        let end = start + char::REPLACEMENT_CHARACTER.len_utf8();
        self.push(name, text);
        let problem = format!("the file is not UTF-8: found the byte 0x{byte:02x}");
        if utf_16 {
            report.file_error(id, problem).hint("it looks like UTF-16: save it as UTF-8 in the editor");
        } else {
            report.error(Span { source: id, start, end }, problem).hint("save the file as UTF-8 in the editor");
        }
        Err(id)
    }

    /// Notes a file that could not be read, so that it can be named.
    pub fn add_unread(&mut self, name: &str) -> SourceId {
        self.push(name, String::new());
        SourceId(self.files.len() - 1)
    }

    fn push(&mut self, name: &str, text: String) {
        let bytes = text.as_bytes();
        let ends_line = |at: usize| bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
        let lines = std::iter::once(0).chain((0..bytes.len()).filter(|at| ends_line(*at)).map(|at| at + 1)).collect();
        self.files.push(Source { name: name.to_owned(), text, lines });
    }

    /// The name of a file as it was given.
    pub fn name(&self, id: SourceId) -> &str {
        self.files.get(id.0).map_or("", |file| &file.name)
    }

    /// The text of a file; empty where it could not be read.
    pub fn text(&self, id: SourceId) -> &str {
        self.files.get(id.0).map_or("", |file| &file.text)
    }

    /// Every file, in the order in which they were read.
    pub fn ids(&self) -> impl Iterator<Item = SourceId> {
        (0..self.files.len()).map(SourceId)
    }

    /// Where a span begins.
    pub fn place(&self, span: Span) -> Place {
        let Some(file) = self.files.get(span.source.0) else { return Place { line: 1, column: 1 } };
        let line = file.lines.partition_point(|start| *start <= span.start).max(1);
        let start = file.lines[line - 1];
        let before = file.text.get(start..span.start.min(file.text.len())).unwrap_or_default();
        Place { line, column: before.chars().count() + 1 }
    }

    /// A line (from 1) without its end, and the byte where it begins.
    pub(crate) fn line(&self, id: SourceId, line: usize) -> Option<(&str, usize)> {
        let file = self.files.get(id.0)?;
        let start = *file.lines.get(line.checked_sub(1)?)?;
        let end = file.lines.get(line).copied().unwrap_or(file.text.len());
        Some((file.text[start..end].trim_end_matches(['\n', '\r']), start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> (Sources, SourceId) {
        let mut sources = Sources::default();
        let id = sources.add("f.yaml", text.into(), &mut Report::default()).unwrap();
        (sources, id)
    }

    #[test]
    fn places_count_lines_of_every_kind_and_characters() {
        let (sources, source) = sources("a: 1\r\n漢字: 2\rc: 🙂3\n");
        let place = |needle: &str| {
            let start = sources.text(source).find(needle).unwrap();
            let place = sources.place(Span { source, start, end: start });
            (place.line, place.column)
        };
        assert_eq!((place("a"), place("1"), place("字"), place("2")), ((1, 1), (1, 4), (2, 2), (2, 5)));
        assert_eq!((place("c"), place("3")), ((3, 1), (3, 5)));
        assert_eq!(sources.line(source, 2), Some(("漢字: 2", 6)));
        assert_eq!(sources.line(source, 1).map(|line| line.0), Some("a: 1"));
        assert_eq!(sources.line(source, 9), None);
        assert_eq!(sources.place(Span { source, start: 999, end: 999 }).line, 4);
    }

    #[test]
    fn files_that_are_no_text_are_told() {
        let told = |content: Vec<u8>| {
            let (mut sources, mut report) = (Sources::default(), Report::default());
            sources.add("f.yaml", content, &mut report).unwrap_err();
            report.finish(sources).to_string()
        };
        let latin = told(b"title: caf\xe9 noir\n".to_vec());
        assert!(latin.starts_with("f.yaml:1:11: error: the file is not UTF-8: found the byte 0xe9\n"), "{latin}");
        assert!(latin.contains("^\nhint: save the file as UTF-8"), "{latin}");
        assert!(told(vec![0xff, 0xfe, b'm', 0]).contains("hint: it looks like UTF-16"));
        assert!(told(vec![b' '; MAX_FILE_BYTES + 1]).starts_with("f.yaml: error: the file is 8388609 bytes long"));
    }
}
