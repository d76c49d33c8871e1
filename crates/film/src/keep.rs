//! The folder of finished pieces, and the ledger that lists them.
//!
//! A piece is written under another name, renamed when it is whole, and then listed in the ledger, which is replaced in
//! one step. Whenever the program is killed, what the ledger lists is there and whole; what it does not list is nothing.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::{FilmError, LedgerProblem, digest};

/// The version of the ledger's form.
const VERSION: u64 = 1;
/// What it is called.
const NAME: &str = "ledger.json";
/// The file that a run holds while it uses the folder.
const LOCK: &str = "lock";
/// The folder of painted frames in it.
const PAINTED: &str = "painted";
/// Digits of a piece's name, and of a folder of painted frames.
const DIGITS: usize = 32;

/// A finished piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    frames: u64,
    bytes: u64,
    /// Hash of the file's content.
    sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ledger {
    moue_film: u64,
    pieces: BTreeMap<String, Entry>,
}

/// The folder of finished pieces. One run at a time uses it.
#[derive(Debug)]
pub(crate) struct Keep {
    folder: PathBuf,
    ledger: Mutex<Ledger>,
    /// Pieces whose content this run has made or seen.
    verified: Mutex<HashSet<String>>,
    /// Held, and let go with it.
    _lock: File,
}

impl Keep {
    /// Opens the folder, and makes it where there is none. `restart` forgets what is in it.
    ///
    /// # Errors
    /// Another run uses it, or its ledger cannot be read.
    pub fn open(folder: &Path, restart: bool) -> Result<Self, FilmError> {
        let failed = |action| move |source: io::Error| FilmError::Keep { path: folder.to_owned(), action, source };
        fs::create_dir_all(folder).map_err(failed("making this folder"))?;
        // Not emptied: the folder may be somebody's own, with a file of that name.
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK));
        let lock = lock.map_err(failed("writing into this folder"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FilmError::Busy { path: folder.to_owned() }),
            // Some network file systems have no locks: then nobody is kept out.
            Err(TryLockError::Error(error)) => tracing::warn!(%error, "the folder of finished pieces is not locked"),
        }
        if restart {
            forget(folder).map_err(failed("emptying this folder"))?;
        }
        let ledger = match read(&folder.join(NAME))? {
            Some(ledger) => ledger,
            None => {
                // What is painted before the first piece is whole has a ledger beside it too, which says whose it is.
                let empty = Ledger { moue_film: VERSION, pieces: BTreeMap::new() };
                moue_media::save_bytes(text(&empty).as_bytes(), &folder.join(NAME), true)?;
                empty
            }
        };
        remove_leftovers(folder, &ledger).map_err(failed("tidying this folder"))?;
        Ok(Self { folder: folder.to_owned(), ledger: Mutex::new(ledger), verified: Mutex::default(), _lock: lock })
    }

    /// Where painted frames lie.
    pub fn painted(&self) -> PathBuf {
        self.folder.join(PAINTED)
    }

    /// The file of a piece.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.mkv"))
    }

    /// Whether a piece is there. What is listed is also looked at, once.
    ///
    /// # Errors
    /// The ledger lists a file that is not there, or has another content.
    pub fn has(&self, name: &str, frames: u64) -> Result<bool, FilmError> {
        let entry = self.ledger().pieces.get(name).cloned();
        let Some(entry) = entry.filter(|entry| entry.frames == frames) else { return Ok(false) };
        if self.verified().contains(name) {
            return Ok(true);
        }
        let path = self.path(name);
        let file = format!("{name}.mkv");
        let wrong = |problem| FilmError::Ledger { path: self.folder.join(NAME), problem };
        let found = match path.metadata() {
            Ok(found) => found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(wrong(LedgerProblem::Missing { file }));
            }
            Err(source) => return Err(FilmError::Unreadable { path, source }),
        };
        let same = found == entry.bytes
            && digest::of_path(&path).map_err(|source| FilmError::Unreadable { path, source })? == entry.sha256;
        if !same {
            return Err(wrong(LedgerProblem::Changed { file }));
        }
        self.verified().insert(name.to_owned());
        Ok(true)
    }

    /// Lists a piece that is whole.
    pub fn add(&self, name: &str, frames: u64) -> Result<(), FilmError> {
        let path = self.path(name);
        let unreadable = |source| FilmError::Unreadable { path: path.clone(), source };
        let bytes = path.metadata().map_err(unreadable)?.len();
        let sha256 = digest::of_path(&path).map_err(unreadable)?;
        let text = {
            let mut ledger = self.ledger();
            ledger.pieces.insert(name.to_owned(), Entry { frames, bytes, sha256 });
            text(&ledger)
        };
        moue_media::save_bytes(text.as_bytes(), &self.folder.join(NAME), true)?;
        self.verified().insert(name.to_owned());
        Ok(())
    }

    /// How many pieces are listed that are not among `used`, and their bytes.
    pub fn unused(&self, used: &HashSet<String>) -> (usize, u64) {
        let ledger = self.ledger();
        let others = ledger.pieces.iter().filter(|(name, _)| !used.contains(*name));
        others.fold((0, 0), |(count, bytes), (_, entry)| (count + 1, bytes + entry.bytes))
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verified(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(ledger: &Ledger) -> String {
    // Numbers and strings always have a JSON form.
    serde_json::to_string_pretty(ledger).unwrap_or_default()
}

fn read(path: &Path) -> Result<Option<Ledger>, FilmError> {
    let wrong = |problem| FilmError::Ledger { path: path.to_owned(), problem };
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(FilmError::Unreadable { path: path.to_owned(), source }),
    };
    let damaged = |error: serde_json::Error| wrong(LedgerProblem::Damaged(error.to_string()));
    // The version first: of another one, nothing else is known.
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(damaged)?;
    match value.get("moue_film").and_then(serde_json::Value::as_u64) {
        Some(VERSION) => serde_json::from_value(value).map(Some).map_err(damaged),
        Some(found) => Err(wrong(LedgerProblem::Version { found, expected: VERSION })),
        None => Err(wrong(LedgerProblem::Damaged("it has no `moue_film`".to_owned()))),
    }
}

/// Removes what a killed run left: files that are neither pieces nor listed. Only names that this program gives: the folder
/// may be somebody's own.
fn remove_leftovers(folder: &Path, ledger: &Ledger) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let unlisted = piece_of(&name).is_some_and(|piece| !ledger.pieces.contains_key(piece));
        if entry.path().is_file() && (unlisted || is_under_way(&name)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The piece that a file has the name of.
fn piece_of(name: &str) -> Option<&str> {
    name.strip_suffix(".mkv").filter(|stem| is_hash(stem))
}

/// Whether a name is a hash, as pieces and folders of painted frames have it.
fn is_hash(name: &str) -> bool {
    name.len() == DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a file has the name of a piece or a ledger that is being written: `.STEM.partial-RANDOM.ENDING`, as `media`
/// names what is not whole yet.
fn is_under_way(name: &str) -> bool {
    let parts = name.strip_prefix('.').and_then(|rest| rest.split_once(".partial-"));
    let Some((stem, rest)) = parts else { return false };
    let Some((random, ending)) = rest.split_once('.') else { return false };
    let is_random = !random.is_empty() && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_random && matches!((is_hash(stem), stem, ending), (true, _, "mkv") | (_, "ledger", "json"))
}

/// Removes what is kept: pieces and the ledger, and what was painted beside a ledger. All else is somebody's own.
fn forget(folder: &Path) -> io::Result<()> {
    if !folder.join(NAME).is_file() {
        return Ok(());
    }
    forget_painted(&folder.join(PAINTED))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if piece_of(&name).is_some() && entry.path().is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    // Last: what is left where this is cut short is still known as ours.
    fs::remove_file(folder.join(NAME))
}

/// Removes painted frames and keyframes, where nothing else lies among their folders.
fn forget_painted(painted: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(painted) {
        Ok(entries) => entries.collect::<io::Result<Vec<_>>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let is_ours = |entry: &fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        entry.path().is_dir() && (is_hash(&name) || name == crate::KEYFRAMES)
    };
    if let Some(other) = entries.iter().find(|entry| !is_ours(entry)) {
        let problem = format!("{} is none of ours: move it elsewhere", other.path().display());
        return Err(io::Error::other(problem));
    }
    fs::remove_dir_all(painted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: &str = "0123456789abcdef0123456789abcdef";

    fn with_a_piece(folder: &Path) -> Keep {
        let keep = Keep::open(folder, false).unwrap();
        fs::write(keep.path(PIECE), b"frames").unwrap();
        keep.add(PIECE, 7).unwrap();
        keep
    }

    #[test]
    fn what_is_listed_is_found_again_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        drop(with_a_piece(folder.path()));
        let unlisted = folder.path().join("ffffffffffffffffffffffffffffffff.mkv");
        let half = folder.path().join(format!(".{PIECE}.partial-aB3xYz.mkv"));
        let ledger = folder.path().join(".ledger.partial-aB3xYz.json");
        for path in [&unlisted, &half, &ledger] {
            fs::write(path, b"x").unwrap();
        }
        let keep = Keep::open(folder.path(), false).unwrap();
        assert!(keep.has(PIECE, 7).unwrap() && !keep.has(PIECE, 8).unwrap());
        assert!(!unlisted.exists() && !half.exists() && !ledger.exists());
        assert_eq!(keep.unused(&HashSet::new()), (1, 6));
        assert_eq!(keep.unused(&HashSet::from([PIECE.to_owned()])), (0, 0));
    }

    #[test]
    fn what_is_somebodys_own_stays() {
        let folder = tempfile::tempdir().unwrap();
        let own = ["holiday.mkv", ".bashrc", "lock", ".notes.partial-aB3xYz.mkv", ".half", "painted/house.png"];
        fs::create_dir(folder.path().join(PAINTED)).unwrap();
        own.iter().for_each(|name| fs::write(folder.path().join(name), b"precious").unwrap());
        for restart in [false, true] {
            if restart {
                fs::remove_file(folder.path().join(NAME)).unwrap();
            }
            drop(Keep::open(folder.path(), restart).unwrap());
            own.iter().for_each(|name| assert_eq!(fs::read(folder.path().join(name)).unwrap(), b"precious", "{name}"));
        }
        // With a ledger of ours beside it, it is told that not all of the paintings are.
        let error = Keep::open(folder.path(), true).unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("house.png"), "{error}");
        assert!(folder.path().join("painted/house.png").exists());
    }

    #[test]
    fn restart_forgets_what_was_painted_before_the_first_piece_was_whole() {
        let folder = tempfile::tempdir().unwrap();
        let painted = Keep::open(folder.path(), false).unwrap().painted();
        for name in [PIECE, crate::KEYFRAMES] {
            fs::create_dir_all(painted.join(name)).unwrap();
            fs::write(painted.join(name).join("000001.png"), b"x").unwrap();
        }
        drop(Keep::open(folder.path(), false).unwrap());
        assert!(painted.join(PIECE).exists());
        drop(Keep::open(folder.path(), true).unwrap());
        assert!(!painted.exists());
    }

    #[test]
    fn one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = Keep::open(folder.path(), false).unwrap();
        assert!(matches!(Keep::open(folder.path(), false), Err(FilmError::Busy { .. })));
        drop(first);
        Keep::open(folder.path(), false).unwrap();
    }

    #[test]
    fn a_ledger_that_does_not_fit_is_an_error_and_restart_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join(NAME);
        let text = |result: Result<bool, FilmError>| result.unwrap_err().to_string();
        let reopened = || Keep::open(folder.path(), false).and_then(|keep| keep.has(PIECE, 7));

        drop(with_a_piece(folder.path()));
        fs::write(folder.path().join(format!("{PIECE}.mkv")), b"FRAMES").unwrap();
        assert!(text(reopened()).contains("other content"), "{}", text(reopened()));
        fs::remove_file(folder.path().join(format!("{PIECE}.mkv"))).unwrap();
        assert!(text(reopened()).contains("not there"));
        for (content, words) in [
            ("", "not a list"),
            ("{\"moue_film\": 2}", "version 2"),
            ("[]", "no `moue_film`"),
            ("{\"moue_film\": 1, \"pieces\": {\"a\": 3}}", "not a list"),
        ] {
            fs::write(&ledger, content).unwrap();
            let text = text(reopened());
            assert!(text.contains(words) && text.contains("\nhint: --restart"), "{content}: {text}");
        }
        let anew = Keep::open(folder.path(), true).unwrap();
        assert!(!anew.has(PIECE, 7).unwrap());
    }
}
