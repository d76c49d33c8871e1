//! How much room there is on a disk, while it is being filled.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often one looks.
const INTERVAL: Duration = Duration::from_millis(100);
/// Room that it takes to end a file: its index, and what is written until one looks again.
const RESERVE: u64 = 2 << 20;

/// Watches the room in the folder of an output.
pub(crate) struct Room {
    folder: PathBuf,
    next: Instant,
    free: fn(&Path) -> Option<u64>,
}

impl Room {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), next: Instant::now(), free }
    }

    #[cfg(test)]
    pub(crate) fn with(folder: &Path, free: fn(&Path) -> Option<u64>) -> Self {
        Self { free, ..Self::new(folder) }
    }

    /// Whether it is time to end, if the end takes `copies` more of what lies in `written`.
    pub(crate) fn is_short(&mut self, written: &Path, copies: u64) -> bool {
        let now = Instant::now();
        if now < self.next {
            return false;
        }
        self.next = now + INTERVAL;
        let bytes = std::fs::metadata(written).map_or(0, |found| found.len());
        (self.free)(&self.folder).is_some_and(|free| free < RESERVE + copies * (bytes + bytes / 50))
    }
}

/// Bytes that an ordinary user may still write there; `None` where the system does not tell.
#[cfg(unix)]
pub(crate) fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

#[cfg(not(unix))]
pub(crate) fn free(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_known_and_what_is_missing_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, vec![0; 1 << 20]).unwrap();
        #[cfg(unix)]
        assert!(free(folder.path()).is_some_and(|free| free > 0));
        let short = |free, copies| Room::with(folder.path(), free).is_short(&file, copies);
        assert!(!short(|_| None, 5) && short(|_| Some(1 << 20), 0) && !short(|_| Some(3 << 20), 0));
        assert!(!short(|_| Some(7 << 19), 1) && short(|_| Some(7 << 19), 2));
    }
}
