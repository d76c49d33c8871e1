//! Fetching from the hub.
//!
//! A file goes through the cache that all programs share that fetch from this hub (its layout is hf-hub's), so that
//! what another program has is not fetched again, and from there by a hard link, or a copy on another file system,
//! into the models folder. In the cache a file has its final name only when its size and hash are right; in the models
//! folder it appears whole, by a rename.

mod cache;
mod digest;
mod error;
mod offer;
mod one;
mod remote;
mod settings;
mod transfer;

use std::path::PathBuf;

pub use error::HubError;
pub use offer::Offer;
pub use settings::HubSettings;

use crate::{ModelFile, ModelFolder, ModelsError};
use digest::sha256;
use one::Pull;
use remote::Remote;

/// What happens during [`pull`], for somebody who watches.
pub trait PullProgress {
    /// Called on the thread that called [`pull`].
    fn event(&self, file: ModelFile, event: PullEvent<'_>);
}

impl<F: Fn(ModelFile, PullEvent<'_>)> PullProgress for F {
    fn event(&self, file: ModelFile, event: PullEvent<'_>) {
        self(file, event);
    }
}

/// An event of [`pull`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum PullEvent<'a> {
    /// A download begins, or goes on.
    Started {
        /// Of the whole file, in bytes.
        size: u64,
        /// How many of them were fetched before.
        resumed_at: u64,
    },
    /// More has arrived. Several times a second.
    Advanced {
        /// How many bytes of the file are here now. Falls when a server makes the download start again.
        bytes: u64,
    },
    /// A try failed, and another follows.
    Retrying {
        /// The try that follows, from 2.
        attempt: u32,
        /// Why the last one failed.
        reason: &'a str,
    },
    /// Another program is fetching the same file; its result will be used.
    Waiting,
    /// The content is being hashed, which takes seconds for a large file.
    Verifying,
    /// The file is in the models folder.
    Finished(PullSource),
}

/// Where a file came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PullSource {
    /// It was in the models folder already.
    Folder,
    /// It was in the cache already.
    Cache,
    /// From the hub.
    Hub,
}

/// A file that [`pull`] has seen to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// Which.
    pub file: ModelFile,
    /// Where it is.
    pub path: PathBuf,
    /// Where it came from.
    pub source: PullSource,
    /// How many bytes came over the network for it.
    pub fetched: u64,
}

/// What [`pull`] has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullReport {
    /// In the order in which they were asked for.
    pub files: Vec<Pulled>,
    /// Whether the network was not used because `HF_HUB_OFFLINE` says so.
    pub offline: bool,
}

impl PullReport {
    /// How many bytes came over the network.
    pub fn fetched(&self) -> u64 {
        self.files.iter().map(|file| file.fetched).sum()
    }
}

/// Sees to it that these files are in the folder, which is made if it is not there.
///
/// A file that is in the folder with the right size, or in another [accepted](ModelFile::accepted_paths) form, is left
/// alone; its content is not hashed again (that is [`verify`]'s). Stops with the first file that cannot be had, and
/// offline after the last; what came before stays. `cancel` is asked several times a second but for the time in which
/// the network is silent, at most [`HubSettings::patience`].
pub fn pull(
    folder: &ModelFolder,
    files: &[ModelFile],
    settings: &HubSettings,
    progress: &dyn PullProgress,
    cancel: &dyn Fn() -> bool,
) -> Result<PullReport, ModelsError> {
    let mut report = PullReport { offline: settings.offline, ..PullReport::default() };
    let pull = Pull::new(folder, settings, progress, cancel);
    let mut not_cached = Vec::new();
    for &file in files {
        on_hub(Some(folder), file)?;
        let pulled = match settings.offline {
            true => pull.one_offline(file)?,
            false => Some(pull.one(file)?),
        };
        match pulled {
            Some(pulled) => {
                progress.event(file, PullEvent::Finished(pulled.source));
                report.files.push(pulled);
            }
            None => not_cached.push(file),
        }
    }
    match not_cached.is_empty() {
        true => Ok(report),
        false => Err(HubError::Offline { cache: settings.cache.clone(), files: not_cached }.into()),
    }
}

/// Refuses a file that is not in the folder and not on the hub.
fn on_hub(folder: Option<&ModelFolder>, file: ModelFile) -> Result<(), HubError> {
    let is_there = folder.is_some_and(|folder| folder.path(file).is_some());
    match file.page().filter(|_| !is_there) {
        Some(page) => Err(HubError::Elsewhere { file, page }),
        None => Ok(()),
    }
}

/// What the hub says of a file now: its size and hash.
pub fn offer(file: ModelFile, settings: &HubSettings) -> Result<Offer, ModelsError> {
    on_hub(None, file)?;
    if settings.offline {
        return Err(HubError::Offline { cache: settings.cache.clone(), files: vec![file] }.into());
    }
    Ok(Remote::new(settings).offer(file)?)
}

/// What hashing a file has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is the file of the catalogue.
    Genuine,
    /// It is another file, or damaged.
    Different {
        /// What the catalogue says.
        expected: &'static str,
        /// The SHA-256 of what is there.
        found: String,
    },
    /// The catalogue knows no hash of it, or it is an alternative that people make themselves.
    Unknown {
        /// The SHA-256 of what is there.
        found: String,
    },
}

/// Hashes a file of the folder, or `None` if it is not there. Some seconds for the largest; `cancel` ends it with
/// [`HubError::Cancelled`].
pub fn verify(
    folder: &ModelFolder,
    file: ModelFile,
    cancel: &dyn Fn() -> bool,
) -> Result<Option<Verdict>, ModelsError> {
    let Some(path) = folder.path(file) else { return Ok(None) };
    let found = sha256(&path, cancel)?.ok_or(HubError::Cancelled { file })?;
    let known = file.sha256().filter(|_| path == folder.dir().join(file.path()));
    Ok(Some(match known {
        Some(expected) if expected == found => Verdict::Genuine,
        Some(expected) => Verdict::Different { expected, found },
        None => Verdict::Unknown { found },
    }))
}
