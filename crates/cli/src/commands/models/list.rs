//! `moue models list`

use std::path::{Path, PathBuf};

use moue_models::{FolderOrigin, ModelFile, ModelFolder, Presence};
use serde::Serialize;

use super::{Outcome, bytes::human, folder, shown};
use crate::{
    args::ListArgs,
    exit,
    printer::{Printer, strong},
};

/// Digits of a hash that people see.
const SHOWN_DIGITS: usize = 12;

/// What `--json` prints.
#[derive(Serialize)]
struct Listing<'a> {
    folder: &'a Path,
    /// Who says that it is this one.
    folder_from: &'static str,
    /// Whether every required file is there.
    complete: bool,
    files: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    file: &'static str,
    purpose: String,
    summary: &'static str,
    licence: String,
    repository: &'static str,
    hub_path: &'static str,
    required: bool,
    /// Bytes of the published file, where that is known.
    size: Option<u64>,
    /// Of the published file, where that is known.
    sha256: Option<&'static str>,
    /// `present`, `pointer` (of Git LFS) or `missing`.
    state: &'static str,
    path: Option<PathBuf>,
    /// Bytes of the file that is there.
    found_size: Option<u64>,
}

pub fn list(args: &ListArgs, printer: Printer) -> Outcome {
    let folder = folder(&args.folder)?;
    let files: Vec<Entry> = ModelFile::ALL.into_iter().map(|file| entry(&folder, file)).collect();
    let folder_from = match folder.origin() {
        FolderOrigin::Argument => "argument",
        FolderOrigin::Environment => "environment",
        _ => "user data",
    };
    let listing = Listing { folder: folder.dir(), folder_from, complete: folder.missing().is_empty(), files };
    if args.json {
        printer.data(&serde_json::to_string_pretty(&listing)?);
    } else {
        printer.data(&table(&folder, &listing));
    }
    Ok(exit::DONE)
}

fn entry(folder: &ModelFolder, file: ModelFile) -> Entry {
    let (state, path, found_size) = match folder.presence(file) {
        Presence::Present { path, size } => ("present", Some(path), Some(size)),
        Presence::Pointer { path } => ("pointer", Some(path), None),
        Presence::Absent => ("missing", None, None),
    };
    Entry {
        file: file.path(),
        purpose: file.purpose().to_string(),
        summary: file.summary(),
        licence: file.licence().to_string(),
        repository: file.repository(),
        hub_path: file.hub_path(),
        required: file.is_required(),
        size: file.size(),
        sha256: file.sha256(),
        state,
        path,
        found_size,
    }
}

fn table(folder: &ModelFolder, listing: &Listing<'_>) -> String {
    let mut rows = vec![["", "file", "size", "SHA-256", "licence", "for", "what"].map(str::to_owned)];
    for (entry, file) in listing.files.iter().zip(ModelFile::ALL) {
        let state = match entry.state {
            "present" => "ok",
            "missing" if !entry.required => "-",
            state => state,
        };
        let digits = entry.sha256.map_or("-".to_owned(), |sha256| format!("{}..", &sha256[..SHOWN_DIGITS]));
        let optional = if entry.required { "" } else { " (optional)" };
        rows.push([
            state.to_owned(),
            shown(folder, file),
            entry.found_size.or(entry.size).map_or("?".to_owned(), human),
            digits,
            entry.licence.clone(),
            entry.purpose.clone(),
            format!("{}{optional}", entry.summary),
        ]);
    }
    let widths: Vec<usize> =
        (0..6).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let lines = rows.iter().enumerate().map(|(number, row)| {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                let width = widths.get(column).copied().unwrap_or(0);
                // Sizes end below each other.
                if column == 2 { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            })
            .collect();
        let line = cells.join("  ").trim_end().to_owned();
        if number == 0 { strong(line) } else { line }
    });
    let missing = folder.missing().len();
    let verdict = match missing {
        0 => "All that is needed is there. `moue models check` looks inside.".to_owned(),
        1 => "1 needed file is missing. To fetch it: moue models pull".to_owned(),
        count => format!("{count} needed files are missing. To fetch them: moue models pull"),
    };
    format!("{} {folder}\n\n{}\n\n{verdict}", strong("models folder:"), lines.collect::<Vec<_>>().join("\n"))
}
