//! The storyboard's file and those that it includes.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    path::{Component, Path, PathBuf},
};

use moue_document::{FormatVersion, FromNode, Located, Node, Report, SourceId, Sources, Span, Value, parse};

use crate::Files;
use crate::written::{BoardText, FilePath, LibraryText};

/// Most files that a storyboard includes, directly and through others.
const MAX_INCLUDED: usize = 100;

/// Everything that was read, with where each file lies.
pub(super) struct Loaded {
    pub sources: Sources,
    pub board: Option<BoardText>,
    /// Where the storyboard begins.
    pub board_span: Span,
    pub libraries: Vec<LibraryText>,
    /// The files, the storyboard first.
    pub files: Vec<PathBuf>,
    folders: HashMap<SourceId, PathBuf>,
}

impl Loaded {
    /// Reads a storyboard and what it includes.
    pub(super) fn read(path: &Path, files: &dyn Files, report: &mut Report) -> Self {
        let mut loaded = Self {
            sources: Sources::default(),
            board: None,
            board_span: Span::default(),
            libraries: Vec::new(),
            files: Vec::new(),
            folders: HashMap::new(),
        };
        let Some(root) = loaded.load(path, None, files, report) else { return loaded };
        loaded.board_span = root.span();
        loaded.board = BoardText::from_node(&root, report);
        let include = loaded.board.as_ref().map(|board| board.include.0.clone()).unwrap_or_default();
        loaded.include(path, include, files, report);
        loaded
    }

    /// Reads what is included, each file once, whoever includes it how often.
    fn include(&mut self, board: &Path, first: Vec<Located<FilePath>>, files: &dyn Files, report: &mut Report) {
        let mut seen = HashSet::from([normal(board)]);
        let mut open: VecDeque<Located<FilePath>> = first.into();
        while let Some(name) = open.pop_front() {
            let path = self.path(&name);
            if !seen.insert(normal(&path)) {
                continue;
            }
            if seen.len() > MAX_INCLUDED + 1 {
                report.error(name.span, format!("more than {MAX_INCLUDED} files are included"));
                return;
            }
            let root = self.load(&path, Some(&name), files, report);
            if let Some(library) = root.and_then(|root| LibraryText::from_node(&root, report)) {
                open.extend(library.include.0.iter().cloned());
                self.libraries.push(library);
            }
        }
    }

    fn load(
        &mut self,
        path: &Path,
        named: Option<&Located<FilePath>>,
        files: &dyn Files,
        report: &mut Report,
    ) -> Option<Node> {
        let name = path.display().to_string();
        let content = match (files.read(path), named) {
            (Ok(content), _) => content,
            (Err(message), Some(named)) => {
                file_error(report, named, "include", &message);
                return None;
            }
            (Err(message), None) => {
                let source = self.sources.add_unread(&name);
                let (problem, hint) = message.split_once("\nhint: ").unwrap_or((&message, SPELLING));
                report.file_error(source, format!("cannot be read: {problem}")).hint(hint);
                return None;
            }
        };
        self.files.push(path.to_owned());
        let added = self.sources.add(&name, content, report);
        let (Ok(source) | Err(source)) = added;
        self.folders.insert(source, path.parent().unwrap_or(Path::new("")).to_owned());
        let root = parse(&self.sources, added.ok()?, report)?;
        // Of another version nothing else is known, so nothing else is told.
        match root.value() {
            Value::Map(entries) => {
                let version = entries.iter().find(|entry| entry.name == "moue" && !entry.value.is_null());
                version.is_none_or(|version| FormatVersion::from_node(&version.value, report).is_some()).then_some(root)
            }
            _ => Some(root),
        }
    }

    /// Where a file is that is named relative to the file it is written in.
    pub(super) fn path(&self, name: &Located<FilePath>) -> PathBuf {
        let folder = self.folders.get(&name.span.source);
        folder.map_or_else(|| PathBuf::from(&name.value.0), |folder| folder.join(&name.value.0))
    }
}

const SPELLING: &str = "check the spelling; relative paths start at the current folder";

/// Reports what is wrong with a file, where it is named.
pub(super) fn file_error(report: &mut Report, name: &Located<FilePath>, what: &str, message: &str) {
    // Hints of the command line, about the folder that one is in and the order of arguments, would be wrong here.
    let is_ours =
        |hint: &str| !["current folder", "comes first", "moue animate"].iter().any(|part| hint.contains(part));
    let (problem, hint) = message.split_once("\nhint: ").unwrap_or((message, ""));
    let own: Vec<&str> = hint.split("; ").filter(|part| !part.is_empty() && is_ours(part)).collect();
    let hint = if problem.to_lowercase().contains("no such file") {
        "check the spelling; names are relative to the file that they are written in".to_owned()
    } else if own.is_empty() {
        format!("name another file: this one is no {what}")
    } else {
        own.join("; ")
    };
    report.error(name.span, format!("the {what} `{}` cannot be read: {problem}", name.value.0)).hint(hint);
}

/// The path without `.` and, where that can be told from its text, without `..`: equal for one file named in two ways.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(normal.components().next_back(), Some(Component::Normal(_))) => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}
