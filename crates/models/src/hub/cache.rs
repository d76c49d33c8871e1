//! The cache, as hf-hub and its relatives lay it out, and the way from there to the models folder.
//!
//! `models--OWNER--NAME/` has the contents in `blobs/ETAG`, links to them under the files' names in
//! `snapshots/COMMIT/`, and in `refs/main` which commit that is. Unfinished contents are `blobs/ETAG.part`, and
//! `blobs/ETAG.lock` is locked by who writes them.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use hf_hub::{Cache, CacheRepo, Repo};

use super::{HubError, offer::is_sha256};
use crate::ModelsError;

/// What the cache has of one repository.
pub struct RepositoryCache {
    cache: CacheRepo,
    root: PathBuf,
}

/// A file in the cache.
pub struct Cached {
    /// The content itself, not a link to it.
    pub blob: PathBuf,
    /// In bytes.
    pub size: u64,
    /// What its name says about it, for a large file.
    pub sha256: Option<String>,
}

impl RepositoryCache {
    pub fn new(cache: &Path, repository: &str) -> Self {
        let repo = Repo::model(repository.to_owned());
        let root = cache.join(repo.folder_name());
        Self { cache: Cache::new(cache.to_owned()).repo(repo), root }
    }

    /// What is there under a name, without asking the hub.
    pub fn find(&self, hub_path: &str) -> Option<Cached> {
        let blob = self.cache.get(hub_path)?.canonicalize().ok()?;
        let metadata = fs::metadata(&blob).ok().filter(|metadata| metadata.is_file() && metadata.len() > 0)?;
        let name = blob.file_name().and_then(|name| name.to_str());
        let sha256 = name.filter(|name| is_sha256(name)).map(str::to_owned);
        Some(Cached { blob, size: metadata.len(), sha256 })
    }

    pub fn blob(&self, etag: &str) -> PathBuf {
        self.root.join("blobs").join(etag)
    }

    pub fn part(&self, etag: &str) -> PathBuf {
        self.root.join("blobs").join(format!("{etag}.part"))
    }

    /// Waits until nobody else writes this content. The lock ends when the file is dropped, or with the process.
    ///
    /// `waiting` is called from time to time, and may give up.
    pub fn lock(&self, etag: &str, waiting: impl Fn() -> Result<(), HubError>) -> Result<File, ModelsError> {
        let path = self.root.join("blobs").join(format!("{etag}.lock"));
        make_parent(&path)?;
        let io = |source| ModelsError::Io { path: path.clone(), action: "lock it", source };
        let file = File::options().create(true).append(true).open(&path).map_err(io)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => waiting()?,
                // Network file systems without locks: then there is nobody to wait for.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(io(error)),
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Gives a whole content its name in the cache.
    pub fn publish(&self, etag: &str, commit: &str, hub_path: &str) -> Result<(), ModelsError> {
        let link = self.cache.pointer_path(commit).join(hub_path);
        make_parent(&link)?;
        let io = |source| ModelsError::Io { path: link.clone(), action: "link it", source };
        if !link.exists() {
            // A link to what is no longer there.
            fs::remove_file(&link).or_else(ignore_absence).map_err(io)?;
            let up = "../".repeat(1 + hub_path.split('/').count());
            symlink(Path::new(&format!("{up}blobs/{etag}")), &link, &self.blob(etag)).map_err(io)?;
        }
        let refs = self.root.join("refs/main");
        self.cache.create_ref(commit).map_err(|source| ModelsError::Io { path: refs, action: "write it", source })
    }
}

#[cfg(unix)]
fn symlink(relative: &Path, link: &Path, _blob: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(relative, link)
}

#[cfg(not(unix))]
fn symlink(_relative: &Path, link: &Path, blob: &Path) -> io::Result<()> {
    fs::hard_link(blob, link).or_else(|_| fs::copy(blob, link).map(|_| ()))
}

/// Brings a content under a name in the models folder, where it replaces what is there: at once, or not at all.
/// Returns `false` if it was cancelled.
pub fn place(blob: &Path, target: &Path, cancel: &dyn Fn() -> bool) -> Result<bool, ModelsError> {
    make_parent(target)?;
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    // Of this process: two may bring the same file.
    let temporary = target.with_file_name(format!(".{name}.{}.moue-part", std::process::id()));
    let placed = bring(blob, &temporary, cancel).and_then(|whole| match whole {
        true => fs::rename(&temporary, target).map(|()| true),
        false => Ok(false),
    });
    // Also after a success: a rename between two names of one content leaves both.
    let _ = fs::remove_file(&temporary);
    placed.map_err(|source| ModelsError::Io { path: target.to_owned(), action: "write it", source })
}

fn bring(blob: &Path, temporary: &Path, cancel: &dyn Fn() -> bool) -> io::Result<bool> {
    fs::remove_file(temporary).or_else(ignore_absence)?;
    if fs::hard_link(blob, temporary).is_ok() {
        return Ok(true);
    }
    // Another file system, or one without links.
    copy(blob, temporary, cancel)
}

fn copy(blob: &Path, temporary: &Path, cancel: &dyn Fn() -> bool) -> io::Result<bool> {
    let (mut from, mut to) = (File::open(blob)?, File::create(temporary)?);
    let mut buffer = vec![0; 1 << 20];
    loop {
        if cancel() {
            return Ok(false);
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => to.write_all(&buffer[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // The name must not reach the disk before the content.
    to.sync_all()?;
    Ok(true)
}

pub fn make_parent(path: &Path) -> Result<(), ModelsError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::create_dir_all(parent).map_err(|source| ModelsError::Io {
        path: parent.to_owned(),
        action: "make the folder",
        source,
    })
}

pub fn ignore_absence(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn what_is_published_is_found() {
        let temp = tempfile::tempdir().unwrap();
        let cache = RepositoryCache::new(temp.path(), "owner/name");
        let lock = cache.lock(ETAG, || panic!("nobody has it")).unwrap();
        fs::write(cache.blob(ETAG), "abc").unwrap();
        assert!(cache.find("a/b.bin").is_none());
        cache.publish(ETAG, "c0ffee", "a/b.bin").unwrap();
        drop(lock);

        let cached = cache.find("a/b.bin").unwrap();
        assert_eq!((cached.size, cached.sha256.as_deref()), (3, Some(ETAG)));
        assert_eq!(cached.blob, cache.blob(ETAG).canonicalize().unwrap());
        let link = temp.path().join("models--owner--name/snapshots/c0ffee/a/b.bin");
        assert_eq!(fs::read_to_string(link).unwrap(), "abc");

        cache.publish(ETAG, "c0ffee", "a/b.bin").unwrap(); // again
        fs::remove_file(cache.blob(ETAG)).unwrap();
        assert!(cache.find("a/b.bin").is_none());
    }

    #[test]
    fn a_second_writer_waits_and_may_give_up() {
        let temp = tempfile::tempdir().unwrap();
        let cache = RepositoryCache::new(temp.path(), "owner/name");
        let first = cache.lock(ETAG, || Ok(())).unwrap();
        let give_up = || Err(HubError::NoCache);
        assert!(matches!(cache.lock(ETAG, give_up), Err(ModelsError::Hub(HubError::NoCache))));
        drop(first);
        cache.lock(ETAG, || panic!("nobody has it")).unwrap();
    }

    #[test]
    fn placing_replaces_and_leaves_nothing_beside() {
        let temp = tempfile::tempdir().unwrap();
        let (blob, target) = (temp.path().join("blob"), temp.path().join("models/a/b.bin"));
        fs::write(&blob, "abc").unwrap();
        assert!(place(&blob, &target, &|| false).unwrap());
        assert!(place(&blob, &target, &|| false).unwrap()); // both names are one file now
        fs::remove_file(&target).unwrap();
        fs::write(&target, "another").unwrap();
        assert!(place(&blob, &target, &|| false).unwrap());
        assert_eq!(fs::read_to_string(&target).unwrap(), "abc");
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn where_links_do_not_work_it_is_copied() {
        let temp = tempfile::tempdir().unwrap();
        let (blob, target) = (temp.path().join("blob"), temp.path().join("copy"));
        let content = vec![7; (3 << 20) + 1];
        fs::write(&blob, &content).unwrap();
        assert!(!copy(&blob, &target, &|| true).unwrap());
        assert!(copy(&blob, &target, &|| false).unwrap());
        assert_eq!(fs::read(&target).unwrap(), content);
    }

    #[test]
    fn a_folder_in_the_place_of_the_file_is_an_error_that_names_it() {
        let temp = tempfile::tempdir().unwrap();
        let (blob, target) = (temp.path().join("blob"), temp.path().join("a/b.bin"));
        fs::write(&blob, "abc").unwrap();
        fs::create_dir_all(&target).unwrap();
        let error = place(&blob, &target, &|| false).unwrap_err().to_string();
        assert!(error.starts_with(&target.display().to_string()), "{error}");
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
    }
}
