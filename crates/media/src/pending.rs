//! Files and folders that get their final name only when they are complete.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempDir, TempPath};

use crate::error::MediaError;

const OVERWRITE_HINT: &str = "--overwrite replaces it; or choose another name";

/// A file under a hidden temporary name beside its final one, removed unless published.
#[derive(Debug)]
pub(crate) struct PendingFile {
    target: PathBuf,
    temporary: TempPath,
    overwrite: bool,
}

impl PendingFile {
    /// Checks that `target` may be written, and creates the temporary file.
    pub(crate) fn create(target: &Path, overwrite: bool) -> Result<(Self, File), MediaError> {
        let folder = check_target(target, overwrite)?;
        let temporary = builder(target, |builder| as_ordinary_file(builder).tempfile_in(folder));
        let (file, temporary) =
            temporary.map(NamedTempFile::into_parts).map_err(|error| cannot_create(target, error))?;
        Ok((Self { target: target.to_owned(), temporary, overwrite }, file))
    }

    /// Where it is written.
    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Where it will appear.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Gives the file its final name; its size in bytes.
    pub(crate) fn publish(self) -> Result<u64, MediaError> {
        let Self { target, temporary, overwrite } = self;
        let bytes =
            fs::metadata(&temporary).map_err(|error| MediaError::from_io(&target, "measuring it", error))?.len();
        let named = if overwrite { temporary.persist(&target) } else { temporary.persist_noclobber(&target) };
        named.map_err(|failed| cannot_publish(&target, failed.error))?;
        Ok(bytes)
    }
}

impl PendingFile {
    /// Gives its name to another file, which lies beside it, and removes the one that had been meant for it.
    pub(crate) fn publish_instead(mut self, other: TempPath) -> Result<u64, MediaError> {
        self.temporary = other;
        self.publish()
    }
}

/// A folder under a hidden temporary name in `parent`, removed unless published.
pub(crate) fn pending_folder(target: &Path, parent: &Path) -> Result<TempDir, MediaError> {
    builder(target, |builder| as_ordinary_folder(builder).tempdir_in(parent))
        .map_err(|error| cannot_create(target, error))
}

/// A hidden file beside `target` for data under way, removed when dropped.
pub(crate) fn interim_file(target: &Path) -> Result<TempPath, MediaError> {
    let file = builder(target, |builder| as_ordinary_file(builder.suffix(".interim")).tempfile_in(parent(target)));
    Ok(file.map_err(|error| cannot_create(target, error))?.into_temp_path())
}

/// The folder that `target` lies in.
pub(crate) fn parent(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        // Only a root or a prefix has none.
        None => target,
    }
}

/// Checks that the parent exists and the name is free (or a file that may be replaced); the parent.
fn check_target(target: &Path, overwrite: bool) -> Result<&Path, MediaError> {
    let folder = check_parent(target)?;
    match fs::symlink_metadata(target) {
        Ok(found) if found.is_dir() => Err(MediaError::Exists {
            path: target.to_owned(),
            found: "this is a folder".to_owned(),
            hint: "choose another name",
        }),
        Ok(_) if !overwrite => Err(exists(target)),
        _ => Ok(folder),
    }
}

/// Where a path leads, by its links and without `..`, as far as it is there: equal for one file that is named in two ways.
pub fn resolved(path: &Path) -> PathBuf {
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if let Ok(found) = fs::canonicalize(&full) {
        return found;
    }
    match (fs::canonicalize(parent(&full)), full.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => full,
    }
}

/// Checks that the folder `target` lies in exists.
pub(crate) fn check_parent(target: &Path) -> Result<&Path, MediaError> {
    let folder = parent(target);
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(folder),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(cannot_create(target, error)),
        _ => Err(MediaError::NoFolder { path: target.to_owned(), folder: folder.to_owned() }),
    }
}

pub(crate) fn exists(target: &Path) -> MediaError {
    MediaError::Exists {
        path: target.to_owned(),
        found: "there is a file of that name".to_owned(),
        hint: OVERWRITE_HINT,
    }
}

/// Sorts the failure to give something its final name.
pub(crate) fn cannot_publish(target: &Path, error: io::Error) -> MediaError {
    match error.kind() {
        io::ErrorKind::AlreadyExists => MediaError::Exists {
            path: target.to_owned(),
            found: "a file of that name appeared while rendering: it is there".to_owned(),
            hint: OVERWRITE_HINT,
        },
        _ => MediaError::from_io(target, "giving it its name", error),
    }
}

fn cannot_create(target: &Path, error: io::Error) -> MediaError {
    MediaError::from_io(target, "creating it", error)
}

/// `.NAME.partial-RANDOM.ENDING`: the ending stays, so that a leftover of a killed process can still be played.
fn builder<R>(target: &Path, create: impl FnOnce(&mut Builder<'_, '_>) -> io::Result<R>) -> io::Result<R> {
    let stem = target.file_stem().unwrap_or_default().to_string_lossy();
    let ending = target.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    // A file name holds 255 bytes at most; the temporary one must fit as well.
    let stem: String = stem.chars().take(50).collect();
    create(Builder::new().prefix(&format!(".{stem}.partial-")).suffix(&ending))
}

/// tempfile makes files for their owner's eyes only; these are going to be ordinary files, subject to the umask.
#[cfg(unix)]
fn as_ordinary_file<'b, 'p, 's>(builder: &'b mut Builder<'p, 's>) -> &'b mut Builder<'p, 's> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666))
}

#[cfg(unix)]
fn as_ordinary_folder<'b, 'p, 's>(builder: &'b mut Builder<'p, 's>) -> &'b mut Builder<'p, 's> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o777))
}

#[cfg(not(unix))]
fn as_ordinary_file<'b, 'p, 's>(builder: &'b mut Builder<'p, 's>) -> &'b mut Builder<'p, 's> {
    builder
}

#[cfg(not(unix))]
fn as_ordinary_folder<'b, 'p, 's>(builder: &'b mut Builder<'p, 's>) -> &'b mut Builder<'p, 's> {
    builder
}

/// In tests: puts a file that swallows nothing in the place of `path`.
#[cfg(all(test, target_os = "linux"))]
pub(crate) fn fill_the_disk_at(path: &Path) {
    let _ = fs::remove_file(path);
    std::os::unix::fs::symlink("/dev/full", path).expect("the folder is writable");
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use super::*;

    /// What lies in a folder, by name.
    pub(crate) fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_when_published_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("clip.mp4");
        let (pending, mut file) = PendingFile::create(&target, false).unwrap();
        file.write_all(b"12345").unwrap();
        let hidden = names(folder.path());
        assert!(hidden.len() == 1 && hidden[0].starts_with(".clip.partial-") && hidden[0].ends_with(".mp4"));
        assert_eq!(pending.publish().unwrap(), 5);
        assert_eq!(names(folder.path()), ["clip.mp4"]);
    }

    #[test]
    fn a_dropped_file_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        drop(PendingFile::create(&folder.path().join("clip.mp4"), false).unwrap());
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("clip.mp4");
        let (pending, _file) = PendingFile::create(&target, false).unwrap();
        fs::write(&target, "mine").unwrap();
        let error = pending.publish().unwrap_err();
        assert!(matches!(error, MediaError::Exists { .. }), "{error}");
        assert_eq!(fs::read(&target).unwrap(), b"mine");
        assert_eq!(names(folder.path()), ["clip.mp4"]);
    }

    #[test]
    fn overwriting_replaces_only_when_published() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("clip.mp4");
        fs::write(&target, "old").unwrap();
        assert!(matches!(PendingFile::create(&target, false), Err(MediaError::Exists { .. })));
        drop(PendingFile::create(&target, true).unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"old");
        let (pending, mut file) = PendingFile::create(&target, true).unwrap();
        file.write_all(b"new").unwrap();
        pending.publish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn places_that_cannot_be_written_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = PendingFile::create(&folder.path().join("no/such/clip.mp4"), false).unwrap_err();
        assert!(missing.to_string().contains("mkdir -p"), "{missing}");
        let taken = folder.path().join("folder.mp4");
        fs::create_dir(&taken).unwrap();
        let taken = PendingFile::create(&taken, true).unwrap_err();
        assert!(taken.to_string().contains("folder"), "{taken}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_unwritable_folder_is_refused() {
        // Not even root creates files there.
        let error = PendingFile::create(Path::new("/proc/self/clip.mp4"), false).unwrap_err();
        assert!(matches!(error, MediaError::NotAllowed { .. } | MediaError::Io { .. }), "{error}");
    }
}
