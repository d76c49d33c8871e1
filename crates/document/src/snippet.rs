//! A diagnostic with the lines it is about.

use std::fmt::{self, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::{Diagnostic, Severity, SourceId, Sources, Span};

/// Columns of a line that are shown.
const SHOWN: usize = 120;
/// Columns that are kept before a place far to the right.
const BEFORE: usize = 60;

/// `FILE:LINE:COLUMN: error: MESSAGE`, the lines with what is marked in them, the hint; no newline at the end.
pub(crate) fn write(f: &mut impl Write, sources: &Sources, diagnostic: &Diagnostic) -> fmt::Result {
    f.write_str(sources.name(diagnostic.source))?;
    if let Some(span) = diagnostic.span {
        write!(f, ":{}", sources.place(span))?;
    }
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    write!(f, ": {severity}: {}", diagnostic.message)?;
    let mut marks: Vec<Mark> = Vec::new();
    marks.extend(diagnostic.span.map(|span| Mark { span, sign: "^", text: "" }));
    marks.extend(diagnostic.labels.iter().map(|(span, text)| Mark { span: *span, sign: "-", text }));
    // The file that is named in the first line comes first; others are named above their lines.
    let mut files: Vec<SourceId> = vec![diagnostic.source];
    for mark in &marks {
        if !files.contains(&mark.span.source) {
            files.push(mark.span.source);
        }
    }
    for file in files {
        let marks: Vec<&Mark> = marks.iter().filter(|mark| mark.span.source == file).collect();
        if let Some(first) = marks.first().filter(|_| file != diagnostic.source) {
            write!(f, "\n  {}:{}", sources.name(file), sources.place(first.span))?;
        }
        write_lines(f, sources, file, marks)?;
    }
    match &diagnostic.hint {
        Some(hint) => write!(f, "\nhint: {hint}"),
        None => Ok(()),
    }
}

/// What is marked in a line, with which sign, and what is said about it.
struct Mark<'a> {
    span: Span,
    sign: &'static str,
    text: &'a str,
}

fn write_lines(f: &mut impl Write, sources: &Sources, file: SourceId, mut marks: Vec<&Mark>) -> fmt::Result {
    let line_of = |mark: &&Mark| sources.place(mark.span).line;
    marks.sort_by_key(line_of);
    let margin = marks.iter().map(line_of).max().unwrap_or(0).to_string().len();
    let mut last = None;
    for mark in marks {
        let number = line_of(&mark);
        let Some((line, start)) = sources.line(file, number) else { continue };
        if last.is_some_and(|last| number > last + 1) {
            write!(f, "\n  {:margin$} ...", "")?;
        }
        let from = boundary(line, mark.span.start.saturating_sub(start));
        let to = boundary(line, mark.span.end.saturating_sub(start)).max(from);
        let window = Window::around(line, from);
        if last != Some(number) {
            write!(f, "\n  {number:margin$} | {}", window.shown(line).trim_end())?;
        }
        last = Some(number);
        let indent = window.width_before(line, from);
        let marked = visible(line[from..to].trim_end()).width();
        let signs = mark.sign.repeat(marked.clamp(1, (SHOWN + 1).saturating_sub(indent).max(1)));
        write!(f, "\n  {:margin$} | {:indent$}{signs}", "", "")?;
        if !mark.text.is_empty() {
            write!(f, " {}", mark.text)?;
        }
    }
    Ok(())
}

/// The nearest place at or before `at` where a character begins; the end of the line where that is before.
fn boundary(line: &str, at: usize) -> usize {
    line.floor_char_boundary(at)
}

/// The part of a line that is shown.
struct Window {
    start: usize,
}

impl Window {
    fn around(line: &str, from: usize) -> Self {
        if from < SHOWN - 20 || visible(&line[..from]).width() < SHOWN - 20 {
            return Self { start: 0 };
        }
        let mut width = 0;
        let near = line[..from].char_indices().rev().take_while(|(_, c)| {
            width += c.width().unwrap_or(1);
            width <= BEFORE
        });
        Self { start: near.last().map_or(from, |(at, _)| at) }
    }

    fn mark(&self) -> &'static str {
        if self.start == 0 { "" } else { "…" }
    }

    fn shown(&self, line: &str) -> String {
        let mut width = self.mark().width();
        let rest = visible(&line[self.start..]);
        let end = rest.char_indices().find(|(_, c)| {
            width += c.width().unwrap_or(1);
            width > SHOWN
        });
        match end {
            Some((end, _)) => format!("{}{}…", self.mark(), &rest[..end]),
            None => format!("{}{rest}", self.mark()),
        }
    }

    fn width_before(&self, line: &str, from: usize) -> usize {
        self.mark().width() + visible(&line[self.start.min(from)..from]).width()
    }
}

/// The text as a terminal can show it: tabs as spaces, no control characters, nothing that turns the direction.
fn visible(text: &str) -> String {
    let visible = |c: char| match c {
        '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Report;

    /// The diagnostic "here" at `needle`, with a label at each of `labels`.
    fn shown(text: &str, needle: &str, labels: &[&str]) -> String {
        let (mut sources, mut report) = (Sources::default(), Report::default());
        let source = sources.add("f.yaml", text.into(), &mut report).unwrap();
        let span = |needle: &str| {
            let start = text.find(needle).unwrap();
            Span { source, start, end: start + needle.len() }
        };
        let diagnostic = report.error(span(needle), "here");
        for label in labels {
            diagnostic.label(span(label), *label);
        }
        report.finish(sources).to_string()
    }

    #[test]
    fn carets_stand_under_the_characters() {
        assert_eq!(shown("a: 1\nbcd: x\n", "bcd", &[]), "f.yaml:2:1: error: here\n  2 | bcd: x\n    | ^^^");
        assert_eq!(
            shown("a: 漢字, b: x", "x", &[]),
            "f.yaml:1:11: error: here\n  1 | a: 漢字, b: x\n    |             ^"
        );
        assert_eq!(shown("漢字: x", "漢字", &[]), "f.yaml:1:1: error: here\n  1 | 漢字: x\n    | ^^^^");
        // A family is one sign of two columns and seven characters.
        let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
        let text = format!("{family}🙂: x");
        let expected = format!("f.yaml:1:11: error: here\n  1 | {text}\n    |       ^");
        assert_eq!(shown(&text, "x", &[]), expected);
        assert_eq!(shown("e\u{301}: x", "x", &[]), "f.yaml:1:5: error: here\n  1 | e\u{301}: x\n    |    ^");
        assert_eq!(shown("\tx", "x", &[]), "f.yaml:1:2: error: here\n  1 |  x\n    |  ^");
        assert_eq!(
            shown("a\u{202e}b\u{7}x", "x", &[]),
            "f.yaml:1:5: error: here\n  1 | a\u{fffd}b\u{fffd}x\n    |     ^"
        );
    }

    #[test]
    fn other_places_are_shown_in_the_order_of_the_lines() {
        let text = "first: 1\nb: 2\nc: 3\nd: 4\nsecond: 5\n";
        let expected =
            "f.yaml:5:1: error: here\n  1 | first: 1\n    | ----- first\n    ...\n  5 | second: 5\n    | ^^^^^^";
        assert_eq!(shown(text, "second", &["first"]), expected);
        let expected = "f.yaml:1:1: error: here\n  1 | first: 1\n    | ^^^^^\n    |        - 1\n  2 | b: 2\n    | - b";
        assert_eq!(shown(text, "first", &["1", "b"]), expected);
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!("{}x{}", "漢".repeat(500), "y".repeat(500));
        let shown = shown(&text, "x", &[]);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[1].width() < 140 && lines[2].width() < 140, "{shown}");
        let column = |line: &str, sign: char| line.split(sign).next().unwrap().width();
        assert_eq!(column(lines[1], 'x'), column(lines[2], '^'));
    }

    #[test]
    fn a_place_over_several_lines_is_marked_to_the_end_of_the_first() {
        assert_eq!(shown("a: b  \nc: d\n", "b  \nc: d", &[]), "f.yaml:1:4: error: here\n  1 | a: b\n    |    ^");
        assert_eq!(shown("a:\n", "\n", &[]), "f.yaml:1:3: error: here\n  1 | a:\n    |   ^");
    }

    proptest! {
        /// Any place, inside a character too, is shown without a panic, and under the character it begins with.
        #[test]
        fn any_place_is_shown(text in "[a-z漢🙂\\t\\n\\r é]{0,60}", start in 0usize..100, length in 0usize..30) {
            let (mut sources, mut report) = (Sources::default(), Report::default());
            let source = sources.add("f", text.clone().into_bytes(), &mut report).unwrap();
            let span = Span { source, start, end: start + length };
            report.error(span, "here").label(Span { source, start: length, end: start }, "there");
            let shown = report.finish(sources).to_string();
            prop_assert!(shown.contains('^') || text.is_empty());
        }
    }
}
