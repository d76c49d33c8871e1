//! Files that get their final name only when they are complete.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::TrackError;

const OVERWRITE: &str = "--overwrite replaces it; or choose another name";

/// A file under a hidden temporary name beside its final one, removed unless written in full.
pub(crate) struct PendingFile {
    target: PathBuf,
    name: String,
    temporary: NamedTempFile,
    overwrite: bool,
}

impl PendingFile {
    /// Checks that `target` may be written, and creates the temporary file.
    pub fn create(target: &Path, overwrite: bool) -> Result<Self, TrackError> {
        let name = target.display().to_string();
        let refuse =
            |found: &str, expected: &str, hint: &str| Err(TrackError::whole_file(&name, found, expected, hint));
        let folder = match target.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => return refuse("no file name", "the name of a file to write", "give one, for example track.csv"),
        };
        if !folder.is_dir() {
            let hint = format!("create it first: mkdir -p {}", folder.display());
            return refuse("no such folder", "a folder that exists", &hint);
        }
        match fs::symlink_metadata(target) {
            Ok(found) if found.is_dir() => {
                return refuse("a folder of that name", "the name of a file to write", "choose another name");
            }
            Ok(_) if !overwrite => return refuse("a file of that name", "a name that is free", OVERWRITE),
            _ => {}
        }
        let stem: String = target.file_stem().unwrap_or_default().to_string_lossy().chars().take(50).collect();
        let prefix = format!(".{stem}.partial-");
        let mut builder = Builder::new();
        builder.prefix(&prefix);
        // tempfile makes files for their owner's eyes only; this is going to be an ordinary file.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let temporary = builder.tempfile_in(folder).map_err(|error| TrackError::unwritable(&name, error))?;
        Ok(Self { target: target.to_owned(), name, temporary, overwrite })
    }

    /// Lets `write` fill the file, and gives it its name.
    pub fn write(self, write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> Result<(), TrackError> {
        let Self { target, name, temporary, overwrite } = self;
        let mut output = BufWriter::new(temporary.as_file());
        let written = write(&mut output).and_then(|()| io::Write::flush(&mut output));
        drop(output);
        written.map_err(|error| TrackError::unwritable(&name, error))?;
        let named = if overwrite { temporary.persist(&target) } else { temporary.persist_noclobber(&target) };
        match named {
            Ok(_) => Ok(()),
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
                let found = "a file of that name that appeared meanwhile";
                Err(TrackError::whole_file(&name, found, "a name that is free", OVERWRITE))
            }
            Err(failed) => Err(TrackError::unwritable(&name, failed.error)),
        }
    }
}
