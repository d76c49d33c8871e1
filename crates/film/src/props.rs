//! What shots are made with: portraits, motions and their hashes, each read once while it does not change.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use moue_animation::{AnimationError, Motion, MotionJob, Observer, Portrait};
use moue_engine::CancelToken;
use moue_face::FaceTracker;
use moue_media::Source;
use moue_timeline::Track;

use crate::{FilmError, digest};

/// When a file was changed last, and its size; nothing where it cannot be asked.
type Stamp = Option<(SystemTime, u64)>;

fn stamp(path: &Path) -> Stamp {
    let found = path.metadata().ok()?;
    // A folder's own time does not follow the files in it.
    if found.is_dir() { None } else { Some((found.modified().ok()?, found.len())) }
}

/// Results by file; those of files that changed meanwhile are forgotten.
struct Shelf<K, T>(Mutex<HashMap<K, (Stamp, T)>>);

impl<K: Eq + Hash, T: Clone> Shelf<K, T> {
    fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    fn get(&self, key: K, path: &Path, make: impl FnOnce() -> Result<T, FilmError>) -> Result<T, FilmError> {
        let now = stamp(path);
        let known = |shelf: &HashMap<K, (Stamp, T)>| {
            shelf.get(&key).filter(|(then, _)| now.is_some() && *then == now).map(|(_, known)| known.clone())
        };
        if let Some(known) = known(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(known);
        }
        let made = make()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (now, made.clone()));
        Ok(made)
    }
}

/// What shots are made with. One may serve any number of films, one after the other.
pub struct Props {
    tracker: FaceTracker,
    portraits: Shelf<(PathBuf, Option<usize>), Arc<Portrait>>,
    tracks: Shelf<PathBuf, Arc<Track>>,
    digests: Shelf<PathBuf, String>,
}

impl Props {
    /// Loads the face tracker.
    ///
    /// # Errors
    /// Where its nets are broken.
    pub fn new() -> Result<Self, FilmError> {
        let tracker = FaceTracker::new()
            .map_err(|source| AnimationError::Face { path: "face tracker".into(), source: Box::new(source) })?;
        Ok(Self { tracker, portraits: Shelf::new(), tracks: Shelf::new(), digests: Shelf::new() })
    }

    /// A character's picture and its faces.
    pub(crate) fn portrait(&self, path: &Path, face: Option<usize>) -> Result<Arc<Portrait>, FilmError> {
        let make = || Ok(Arc::new(Portrait::load(path, face, &self.tracker)?));
        self.portraits.get((path.to_owned(), face), path, make)
    }

    /// A motion: a track as it is, a video followed, smoothed and without the driver's resting face.
    pub(crate) fn track(
        &self,
        path: &Path,
        observer: &dyn Observer,
        token: &CancelToken,
    ) -> Result<Arc<Track>, FilmError> {
        self.tracks.get(path.to_owned(), path, || {
            let job = MotionJob { smoothing: None, rest: None, ..MotionJob::plain(Source::from(path)) };
            Ok(Arc::new(Motion::load(&job, &[], &self.tracker, observer, token)?.track))
        })
    }

    /// The SHA-256 of a file's content, in hexadecimal; of a folder, that of its files and their names.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn digest(&self, path: &Path) -> Result<String, FilmError> {
        let unreadable = |source| FilmError::Unreadable { path: path.to_owned(), source };
        self.digests.get(path.to_owned(), path, || digest::of_path(path).map_err(unreadable))
    }
}
