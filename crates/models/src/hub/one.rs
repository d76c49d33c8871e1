//! One file of a pull.

use std::{fs, path::Path};

use super::{
    HubError, HubSettings, Offer, PullEvent, PullProgress, PullSource, Pulled,
    cache::{self, Cached, RepositoryCache},
    digest::sha256,
    remote::Remote,
};
use crate::{ModelFile, ModelFolder, ModelsError, Presence};

/// The arguments of [`pull`], and the connection.
pub struct Pull<'a> {
    folder: &'a ModelFolder,
    pub(super) settings: &'a HubSettings,
    pub(super) remote: Remote<'a>,
    pub(super) progress: &'a dyn PullProgress,
    cancel: &'a dyn Fn() -> bool,
}

impl<'a> Pull<'a> {
    pub fn new(
        folder: &'a ModelFolder,
        settings: &'a HubSettings,
        progress: &'a dyn PullProgress,
        cancel: &'a dyn Fn() -> bool,
    ) -> Self {
        Self { folder, settings, remote: Remote::new(settings), progress, cancel }
    }

    /// Sees to it that one file is in the folder.
    pub fn one(&self, file: ModelFile) -> Result<Pulled, ModelsError> {
        self.check_cancel(file)?;
        let present = match self.present(file) {
            Here::Settled(pulled) => return Ok(pulled),
            Here::Size(size) => Some(size),
            Here::Nothing => None,
        };
        let offer = self.offer(file)?;
        let target = self.folder.dir().join(file.path());
        if present == Some(offer.size) {
            return Ok(Pulled { file, path: target, source: PullSource::Folder, fetched: 0 });
        }
        if let (Some(expected), Some(found)) = (file.sha256(), &offer.sha256)
            && expected != found
        {
            return Err(HubError::Changed { file, path: target, expected, found: found.clone() }.into());
        }

        let cache = RepositoryCache::new(&self.settings.cache, file.repository());
        let lock = cache.lock(&offer.etag, || {
            self.progress.event(file, PullEvent::Waiting);
            self.check_cancel(file)
        })?;
        let blob = cache.blob(&offer.etag);
        let (source, fetched) = match self.is_sound(file, &offer, &blob)? {
            true => (PullSource::Cache, 0),
            false => (PullSource::Hub, self.download(file, &offer, &cache)?),
        };
        cache.publish(&offer.etag, &offer.commit, file.hub_path())?;
        self.place(file, &blob, &target)?;
        drop(lock);
        Ok(Pulled { file, path: target, source, fetched })
    }

    /// Without the network: from the folder or the cache, or `None`.
    pub fn one_offline(&self, file: ModelFile) -> Result<Option<Pulled>, ModelsError> {
        self.check_cancel(file)?;
        let present = match self.present(file) {
            Here::Settled(pulled) => return Ok(Some(pulled)),
            Here::Size(size) => Some(size),
            Here::Nothing => None,
        };
        let target = self.folder.dir().join(file.path());
        let cached = RepositoryCache::new(&self.settings.cache, file.repository()).find(file.hub_path());
        let Some(Cached { blob, size, sha256: expected }) = cached else {
            // Nobody can say whether the one in the folder is right, so it is.
            return Ok(present.filter(|_| file.size().is_none()).map(|_| Pulled {
                file,
                path: target,
                source: PullSource::Folder,
                fetched: 0,
            }));
        };
        if present == Some(size) {
            return Ok(Some(Pulled { file, path: target, source: PullSource::Folder, fetched: 0 }));
        }
        if let Some(expected) = file.sha256().map(str::to_owned).or(expected) {
            let found = self.hash(file, &blob)?;
            if found != expected {
                return Err(HubError::Hash { file, path: blob, expected, found, removed: false }.into());
            }
        }
        self.place(file, &blob, &target)?;
        Ok(Some(Pulled { file, path: target, source: PullSource::Cache, fetched: 0 }))
    }

    /// What the folder has of a file.
    fn present(&self, file: ModelFile) -> Here {
        let Presence::Present { path, size } = self.folder.presence(file) else { return Here::Nothing };
        let is_alternative = path != self.folder.dir().join(file.path());
        match is_alternative || file.size() == Some(size) || file.page().is_some() {
            true => Here::Settled(Pulled { file, path, source: PullSource::Folder, fetched: 0 }),
            false => Here::Size(size),
        }
    }

    /// Whether the cache has the whole file.
    fn is_sound(&self, file: ModelFile, offer: &Offer, blob: &Path) -> Result<bool, ModelsError> {
        let Ok(metadata) = fs::metadata(blob) else { return Ok(false) };
        if !metadata.is_file() || metadata.len() != offer.size {
            return Ok(false);
        }
        match offer.expected_sha256(file) {
            Some(expected) => Ok(self.hash(file, blob)? == expected),
            None => Ok(true),
        }
    }

    pub(super) fn hash(&self, file: ModelFile, path: &Path) -> Result<String, ModelsError> {
        self.progress.event(file, PullEvent::Verifying);
        Ok(sha256(path, self.cancel)?.ok_or(HubError::Cancelled { file })?)
    }

    fn place(&self, file: ModelFile, blob: &Path, target: &Path) -> Result<(), ModelsError> {
        match cache::place(blob, target, self.cancel)? {
            true => Ok(()),
            false => Err(HubError::Cancelled { file }.into()),
        }
    }

    pub(super) fn check_cancel(&self, file: ModelFile) -> Result<(), HubError> {
        match (self.cancel)() {
            true => Err(HubError::Cancelled { file }),
            false => Ok(()),
        }
    }
}

/// What the folder has of a file.
enum Here {
    /// A file that is right for all that is known.
    Settled(Pulled),
    /// A file of this size, which the hub may know to be right.
    Size(u64),
    /// Nothing that counts.
    Nothing,
}
