//! What is wrong, and where.

use std::{fmt, sync::Arc};

use crate::snippet;
use crate::{Place, SourceId, Sources, Span};

/// Most diagnostics that are printed; what comes after is counted.
const MOST_SHOWN: usize = 100;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The document cannot be used.
    Error,
    /// The document can be used, but is probably not what was meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub source: SourceId,
    /// The place; absent where the file as a whole is wrong.
    pub span: Option<Span>,
    /// What was found and what was expected.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Other places that belong to it, with what is there.
    pub labels: Vec<(Span, String)>,
}

impl Diagnostic {
    fn new(severity: Severity, source: SourceId, span: Option<Span>, message: String) -> Self {
        // Errors of types from elsewhere bring their hint along.
        let (message, hint) = match message.split_once("\nhint: ") {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (message, None),
        };
        Self { severity, source, span, message, hint, labels: Vec::new() }
    }

    /// Says what to do about it.
    pub fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what to do about it, if that is known.
    pub fn maybe_hint(&mut self, hint: Option<String>) -> &mut Self {
        self.hint = hint.or(self.hint.take());
        self
    }

    /// Shows another place that belongs to it.
    pub fn label(&mut self, span: Span, text: impl Into<String>) -> &mut Self {
        self.labels.push((span, text.into()));
        self
    }
}

/// Collects what is wrong while a document is read.
#[derive(Clone, Debug, Default)]
pub struct Report {
    found: Vec<Diagnostic>,
}

impl Report {
    /// Reports an error; a message may end with `\nhint: ...`.
    pub fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Diagnostic::new(Severity::Error, span.source, Some(span), message.into()))
    }

    /// Reports what is legal and probably not meant; a message may end with `\nhint: ...`.
    pub fn warning(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Diagnostic::new(Severity::Warning, span.source, Some(span), message.into()))
    }

    /// Reports an error of a file as a whole.
    pub fn file_error(&mut self, source: SourceId, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Diagnostic::new(Severity::Error, source, None, message.into()))
    }

    fn push(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        self.found.push(diagnostic);
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// How many were reported.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether nothing was reported.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What was reported, in the order of the files and of the places in them; the same thing about the same place,
    /// which aliases lead to several times, once.
    pub fn finish(self, sources: Sources) -> Diagnostics {
        let mut list = self.found;
        list.sort_by_key(|diagnostic| {
            (diagnostic.source, diagnostic.span.map(|span| span.start), diagnostic.span.map(|span| span.end))
        });
        let mut unique: Vec<Diagnostic> = Vec::with_capacity(list.len());
        for diagnostic in list {
            let same_place = |other: &&Diagnostic| other.span == diagnostic.span && other.source == diagnostic.source;
            if !unique.iter().rev().take_while(same_place).any(|other| *other == diagnostic) {
                unique.push(diagnostic);
            }
        }
        Diagnostics { sources: Arc::new(sources), list: unique }
    }
}

/// Everything that is wrong with a document, with the files it is about; displayed with the lines in question.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    sources: Arc<Sources>,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The files.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// By file and place.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether the document cannot be used.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Line and column of a diagnostic of this list.
    pub fn place(&self, diagnostic: &Diagnostic) -> Option<Place> {
        diagnostic.span.map(|span| self.sources.place(span))
    }
}

impl fmt::Display for Diagnostics {
    /// One after the other, separated by empty lines, without a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.list.iter().take(MOST_SHOWN).enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            snippet::write(f, &self.sources, diagnostic)?;
        }
        if self.list.len() > MOST_SHOWN {
            write!(f, "\n\nand {} more", self.list.len() - MOST_SHOWN)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
