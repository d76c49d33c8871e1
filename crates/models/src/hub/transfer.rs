//! A download: resumed, tried again, checked.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use ureq::http::{HeaderMap, StatusCode};

use super::{HubError, Offer, Pull, PullEvent, cache::RepositoryCache, remote::Trouble};
use crate::{ModelFile, ModelsError};

/// How much is read between two looks at `cancel`.
const CHUNK_BYTES: usize = 256 << 10;
/// How often somebody who watches is told.
const NEWS: Duration = Duration::from_millis(100);
/// How often `cancel` is looked at in a pause.
const NAP: Duration = Duration::from_millis(50);

impl Pull<'_> {
    /// Like [`Remote::offer`](super::Remote::offer), in several tries.
    pub(super) fn offer(&self, file: ModelFile) -> Result<Offer, ModelsError> {
        let mut failures = 0;
        loop {
            match self.remote.try_offer(file) {
                Ok(offer) => return Ok(offer),
                Err(Trouble::Passing { reason, after }) if failures + 1 < self.settings.tries => {
                    failures += 1;
                    self.pause(file, failures, &reason, after)?;
                }
                Err(trouble) => return Err(self.remote.give_up(file, trouble).into()),
            }
        }
    }

    /// Brings a content into the cache, under its final name if it is right, and says how many bytes that took.
    pub(super) fn download(&self, file: ModelFile, offer: &Offer, cache: &RepositoryCache) -> Result<u64, ModelsError> {
        let expected = offer.expected_sha256(file);
        let mut part = Part::open(cache.part(&offer.etag))?;
        // Without a hash nobody would see that two halves do not fit; such files are small.
        if part.length > offer.size || expected.is_none() {
            part.restart()?;
        }
        self.progress.event(file, PullEvent::Started { size: offer.size, resumed_at: part.length });

        let (mut fetched, mut failures, mut furthest) = (0, 0, part.length);
        while part.length < offer.size {
            let (reason, after) = match self.attempt(file, offer, &mut part, &mut fetched)? {
                Attempt::Whole => break,
                Attempt::Cut { reason, after } => (reason, after),
            };
            // A server that cannot resume begins again each time; only what is new is progress.
            failures = if part.length > furthest { 1 } else { failures + 1 };
            furthest = furthest.max(part.length);
            if failures >= self.settings.tries {
                let (bytes, size) = (part.length, offer.size);
                return Err(HubError::GaveUp { file, tries: failures, bytes, size, reason }.into());
            }
            self.pause(file, failures, &reason, after)?;
        }

        part.file.sync_all().map_err(|source| part.io("write it", source))?;
        if let Some(expected) = expected {
            let found = self.hash(file, &part.path)?;
            if found != expected {
                fs::remove_file(&part.path).map_err(|source| part.io("remove it", source))?;
                let (path, expected) = (part.path, expected.to_owned());
                return Err(HubError::Hash { file, path, expected, found, removed: true }.into());
            }
        }
        let blob = cache.blob(&offer.etag);
        fs::rename(&part.path, &blob).map_err(|source| ModelsError::Io { path: blob, action: "write it", source })?;
        Ok(fetched)
    }

    /// One request, for what is still to come.
    fn attempt(
        &self,
        file: ModelFile,
        offer: &Offer,
        part: &mut Part,
        fetched: &mut u64,
    ) -> Result<Attempt, ModelsError> {
        self.check_cancel(file)?;
        let response = match self.remote.get(file, part.length) {
            Ok(response) => response,
            Err(Trouble::Passing { reason, after }) => return Ok(Attempt::Cut { reason, after }),
            Err(Trouble::Unreachable(reason)) => return Ok(Attempt::Cut { reason, after: None }),
            Err(Trouble::Lasting(error)) => return Err(error.into()),
        };
        let answer = |found, expected| HubError::Answer { file, url: self.remote.url(file), found, expected };
        match response.status() {
            StatusCode::PARTIAL_CONTENT => match position(response.headers()) {
                Some((start, size)) if start == part.length && size.is_none_or(|size| size == offer.size) => {}
                found => {
                    let found = found.map_or("no Content-Range".to_owned(), |(start, _)| format!("bytes from {start}"));
                    return Err(answer(found, "the bytes that were asked for").into());
                }
            },
            StatusCode::OK => {
                // The whole, although only the rest was asked for.
                if part.length > 0 {
                    part.restart()?;
                    self.progress.event(file, PullEvent::Advanced { bytes: 0 });
                }
                let length =
                    response.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
                if let Some(length) = length.filter(|length: &u64| *length != offer.size) {
                    // A page of a proxy that wants a login, for example.
                    return Err(answer(format!("{length} bytes"), "as many as the hub has announced").into());
                }
            }
            StatusCode::RANGE_NOT_SATISFIABLE if part.length > 0 => {
                part.restart()?;
                return Ok(Attempt::Cut { reason: "the hub cannot resume there".to_owned(), after: None });
            }
            status => return Err(answer(format!("status {}", status.as_u16()), "200 or 206").into()),
        }

        let mut body = response.into_body().into_reader().take(offer.size - part.length);
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut told = Instant::now();
        let cut = loop {
            self.check_cancel(file)?;
            match body.read(&mut buffer) {
                Ok(0) => break "the connection ended early".to_owned(),
                Ok(length) => {
                    part.write(&buffer[..length])?;
                    *fetched += length as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break error.to_string(),
            }
            let is_whole = part.length == offer.size;
            if is_whole || told.elapsed() >= NEWS {
                told = Instant::now();
                self.progress.event(file, PullEvent::Advanced { bytes: part.length });
            }
            if is_whole {
                return Ok(Attempt::Whole);
            }
        };
        Ok(Attempt::Cut { reason: cut, after: None })
    }

    /// Waits before the next try; longer after each failure.
    fn pause(&self, file: ModelFile, failures: u32, reason: &str, after: Option<Duration>) -> Result<(), HubError> {
        self.progress.event(file, PullEvent::Retrying { attempt: failures + 1, reason });
        let own = self.settings.pause.saturating_mul(1 << (failures - 1).min(6));
        let until = Instant::now() + after.unwrap_or_default().max(own);
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.check_cancel(file)?;
            thread::sleep(left.min(NAP));
        }
        Ok(())
    }
}

/// How a request ended that was not refused.
enum Attempt {
    /// All is here.
    Whole,
    /// Something is still to come.
    Cut { reason: String, after: Option<Duration> },
}

/// An unfinished content.
struct Part {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Part {
    fn open(path: PathBuf) -> Result<Self, ModelsError> {
        let opened = File::options().create(true).append(true).open(&path);
        let opened = opened.and_then(|file| file.metadata().map(|metadata| (metadata.len(), file)));
        match opened {
            Ok((length, file)) => Ok(Self { path, file, length }),
            Err(source) => Err(ModelsError::Io { path, action: "write it", source }),
        }
    }

    fn restart(&mut self) -> Result<(), ModelsError> {
        self.file.set_len(0).map_err(|source| self.io("write it", source))?;
        self.length = 0;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ModelsError> {
        self.file.write_all(bytes).map_err(|source| self.io("write it", source))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn io(&self, action: &'static str, source: std::io::Error) -> ModelsError {
        ModelsError::Io { path: self.path.clone(), action, source }
    }
}

/// Where a partial answer begins, and the size of the whole if it is told: `bytes 100-199/200`.
fn position(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, size) = headers.get("content-range")?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.parse().ok()?;
    if size == "*" { Some((start, None)) } else { Some((start, Some(size.parse().ok()?))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_range() {
        let read =
            |text: &str| position(&HeaderMap::from_iter([("content-range".parse().unwrap(), text.parse().unwrap())]));
        assert_eq!(read("bytes 100-199/200"), Some((100, Some(200))));
        assert_eq!(read("bytes 100-199/*"), Some((100, None)));
        assert_eq!(read("bytes */200"), None);
        assert_eq!(read("lines 1-2/3"), None);
        assert_eq!(position(&HeaderMap::new()), None);
    }
}
