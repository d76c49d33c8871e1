//! Where a plan lies with all that belongs to it: a folder that machines share, or a bucket.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use url::Url;

use crate::FarmError;
use crate::trouble::storage;

/// Larger files are sent in parts of this size.
const PART: usize = 16 << 20;
/// Requests at the same time, where many small things are read.
const AT_ONCE: usize = 32;
/// How long a request may take with all that is tried again, unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A file in a [`Place`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name within the place.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// When it came, in milliseconds by the storage's own clock; for estimates, and for nothing that matters.
    pub stamp: i64,
}

/// A folder or a part of a bucket. Names in it are relative, with slashes.
pub struct Place {
    /// As people write it; never with anything secret.
    shown: String,
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    folder: Option<PathBuf>,
    runtime: tokio::runtime::Runtime,
}

impl Place {
    /// The place that a file lies in, and the file's name there: `plan.json`, `/shared/film/plan.json`,
    /// `file:///shared/film/plan.json`, `s3://bucket/film/plan.json`, `gs://...`, `az://container/...`. Buckets are
    /// opened with the credentials in the providers' usual environment variables. `patience` is how long one request may
    /// take, with all attempts.
    ///
    /// # Errors
    /// An address of another kind, or one with a password or a signature in it; a folder that is not there.
    pub fn of_file(address: &str, patience: Duration) -> Result<(Self, String), FarmError> {
        let shown = without_secrets(address);
        let wrong = |problem: &str, hint| FarmError::Place { place: shown.clone(), problem: problem.to_owned(), hint };
        let no_name = || wrong("a file is missing at its end", "write for example s3://bucket/film/plan.json");
        let Some((scheme, _)) = address.split_once("://") else {
            let path = Path::new(address);
            let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(no_name)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if !is_within(name) || Key::parse(name).is_err() {
                return Err(wrong("plans have no such names", "name it without backslashes and control characters"));
            }
            return Ok((Self::folder(folder, patience)?, name.to_owned()));
        };
        let url = Url::parse(address)
            .map_err(|error| wrong(&error.to_string(), "write for example s3://bucket/film/plan.json"))?;
        // Buckets have no ports: it is the beginning of a password with a slash in it.
        let has_user = !url.username().is_empty() || url.password().is_some() || url.port().is_some();
        if has_user || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong(
                "this address has a user, a password or a signature in it",
                "leave them out; credentials are taken from the provider's environment variables, such as \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ));
        }
        if scheme.eq_ignore_ascii_case("file") {
            let path = url.to_file_path().map_err(|()| wrong("this is no path", "write file:///folder/plan.json"))?;
            let path = path.to_str().ok_or_else(no_name)?.to_owned();
            return Self::of_file(&path, patience);
        }
        // Names in a bucket are what an address says when it is no longer encoded.
        let key = Key::from_url_path(url.path())
            .map_err(|error| wrong(&error.to_string(), "write for example s3://bucket/film/plan.json"))?;
        let Some(name) = key.filename().filter(|name| is_within(name) && !url.path().ends_with('/')) else {
            return Err(no_name());
        };
        let prefix = key.parent().unwrap_or_default();
        let store = bucket(&url, patience).map_err(|error| match error {
            Some(error) => storage(&shown, "opening it", &error),
            None => wrong(
                &format!("nothing is kept at addresses of '{scheme}'"),
                "places that are understood: a folder, file://, s3://, gs://, az://",
            ),
        })?;
        let shown = shown.rsplit_once('/').map_or(shown.clone(), |(place, _)| place.to_owned());
        Ok((Self { shown, store, prefix, folder: None, runtime: runtime()? }, name.to_owned()))
    }

    /// A folder, which is there.
    ///
    /// # Errors
    /// It is not, or not now: it may be on another machine.
    pub fn folder(folder: &Path, _patience: Duration) -> Result<Self, FarmError> {
        let shown = folder.display().to_string();
        let canonical =
            folder.canonicalize().map_err(|source| FarmError::Folder { path: folder.to_owned(), source })?;
        let store =
            LocalFileSystem::new_with_prefix(&canonical).map_err(|error| storage(&shown, "opening it", &error))?;
        Ok(Self { shown, store: Arc::new(store), prefix: Key::default(), folder: Some(canonical), runtime: runtime()? })
    }

    /// As people write it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The folder, where it is one.
    pub fn local(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// What people call a file in it.
    pub fn name_of(&self, name: &str) -> String {
        if self.shown == "." { name.to_owned() } else { format!("{}/{name}", self.shown.trim_end_matches('/')) }
    }

    /// What the storage calls a file: its name as it is. Joined part by part it would be encoded, and listed as another.
    fn key(&self, name: &str) -> Result<Key, FarmError> {
        let whole = if self.prefix.is_root() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        Key::parse(whole).map_err(|error| FarmError::Place {
            place: self.name_of(name),
            problem: error.to_string(),
            hint: "rename it without control characters",
        })
    }

    fn failed<'a>(&'a self, name: &'a str, action: &'static str) -> impl Fn(object_store::Error) -> FarmError + 'a {
        move |error| storage(&self.name_of(name), action, &error)
    }

    /// A file's content; none where it is not there.
    ///
    /// # Errors
    /// The storage fails.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FarmError> {
        self.runtime.block_on(self.read_one(name))
    }

    async fn read_one(&self, name: &str) -> Result<Option<Vec<u8>>, FarmError> {
        let key = self.key(name)?;
        let read = async { self.store.get(&key).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(error) if crate::trouble::is_absent(&error) => Ok(None),
            Err(error) => Err(self.failed(name, "reading")(error)),
        }
    }

    /// Whether the bucket is there at all: to ask for a file does not tell everywhere.
    ///
    /// # Errors
    /// It is not, or the storage fails.
    pub fn check(&self) -> Result<(), FarmError> {
        if self.folder.is_some() {
            return Ok(());
        }
        let first = async { self.store.list(Some(&self.prefix)).try_next().await };
        self.runtime.block_on(first).map(drop).map_err(|error| storage(&self.shown, "opening it", &error))
    }

    /// The contents of many files, in their order.
    ///
    /// # Errors
    /// The storage fails.
    pub fn read_all(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>, FarmError> {
        let reads = futures_util::stream::iter(names.iter().map(|name| self.read_one(name)));
        self.runtime.block_on(reads.buffered(AT_ONCE).try_collect())
    }

    /// Writes a file in one step: it is there whole, or as it was before.
    ///
    /// # Errors
    /// The storage fails.
    pub fn write(&self, name: &str, content: Vec<u8>) -> Result<(), FarmError> {
        let key = self.key(name)?;
        let put = self.store.put(&key, PutPayload::from_bytes(Bytes::from(content)));
        self.runtime.block_on(put).map(drop).map_err(self.failed(name, "writing"))
    }

    /// Copies a file of this machine to the place, in one step as [`Self::write`].
    ///
    /// # Errors
    /// It cannot be read, or the storage fails.
    pub fn send(&self, name: &str, path: &Path) -> Result<(), FarmError> {
        let mut file = File::open(path).map_err(FarmError::io(path, "reading it"))?;
        let size = file.metadata().map_err(FarmError::io(path, "reading it"))?.len();
        if size <= PART as u64 {
            let mut content = Vec::new();
            file.read_to_end(&mut content).map_err(FarmError::io(path, "reading it"))?;
            return self.write(name, content);
        }
        self.runtime.block_on(async {
            let key = self.key(name)?;
            let mut upload = self.store.put_multipart(&key).await.map_err(self.failed(name, "writing"))?;
            loop {
                let mut part = Vec::with_capacity(PART);
                let read = file.by_ref().take(PART as u64).read_to_end(&mut part);
                let sent = match read {
                    Ok(0) => break,
                    Ok(_) => upload.put_part(part.into()).await.map_err(self.failed(name, "writing")),
                    Err(error) => Err(FarmError::io(path, "reading it")(error)),
                };
                if let Err(error) = sent {
                    // What has been sent is dropped by the provider; the name has not appeared.
                    let _ = upload.abort().await;
                    return Err(error);
                }
            }
            upload.complete().await.map(drop).map_err(self.failed(name, "writing"))
        })
    }

    /// Copies a file of the place to this machine; whether it was there. Nothing is made where it was not.
    ///
    /// # Errors
    /// The storage or this machine's disk fails.
    pub fn fetch(&self, name: &str, path: &Path) -> Result<bool, FarmError> {
        use std::io::Write;
        let key = self.key(name)?;
        self.runtime.block_on(async {
            let mut parts = match self.store.get(&key).await {
                Ok(found) => found.into_stream(),
                Err(error) if crate::trouble::is_absent(&error) => return Ok(false),
                Err(error) => return Err(self.failed(name, "reading")(error)),
            };
            let mut file = File::create(path).map_err(FarmError::io(path, "writing it"))?;
            while let Some(part) = parts.try_next().await.map_err(self.failed(name, "reading"))? {
                file.write_all(&part).map_err(FarmError::io(path, "writing it"))?;
            }
            Ok(true)
        })
    }

    /// The files below a folder of the place, in no order.
    ///
    /// # Errors
    /// The storage fails.
    pub fn list(&self, under: &str) -> Result<Vec<Entry>, FarmError> {
        let key = self.key(under)?;
        let skipped = self.prefix.parts().count();
        let found = self.store.list(Some(&key)).map_ok(|meta| Entry {
            name: meta
                .location
                .parts()
                .skip(skipped)
                .map(|part| part.as_ref().to_owned())
                .collect::<Vec<_>>()
                .join("/"),
            bytes: meta.size,
            stamp: meta.last_modified.timestamp_millis(),
        });
        match self.runtime.block_on(found.try_collect::<Vec<_>>()) {
            Ok(found) => Ok(found),
            Err(error) if self.folder.is_some() && crate::trouble::is_absent(&error) => Ok(Vec::new()),
            Err(error) => Err(self.failed(under, "listing")(error)),
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, FarmError> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(FarmError::io("this machine", "starting the network"))
}

/// The bucket that an address names, with credentials from the environment. No error where nothing is known of such
/// addresses.
fn bucket(url: &Url, patience: Duration) -> Result<Arc<dyn ObjectStore>, Option<object_store::Error>> {
    // Where another part of the program has chosen one before, that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let retry = RetryConfig {
        max_retries: 10,
        retry_timeout: patience,
        backoff: BackoffConfig { max_backoff: patience / 8, ..BackoffConfig::default() },
    };
    // A server that says nothing for so long is not going to; large files take their time.
    let client =
        ClientOptions::new().with_connect_timeout(patience / 4).with_read_timeout(patience / 4).with_timeout_disabled();
    Ok(match url.scheme() {
        "s3" => {
            let plain = std::env::var("AWS_ALLOW_HTTP").is_ok_and(|value| value == "true" || value == "1");
            let s3 = AmazonS3Builder::from_env().with_client_options(client.with_allow_http(plain)).with_retry(retry);
            Arc::new(s3.with_url(url.as_str()).build()?)
        }
        "gs" => {
            let gs = GoogleCloudStorageBuilder::from_env().with_client_options(client).with_retry(retry);
            Arc::new(gs.with_url(url.as_str()).build()?)
        }
        "az" => {
            let az = MicrosoftAzureBuilder::from_env().with_client_options(client).with_retry(retry);
            Arc::new(az.with_url(url.as_str()).build()?)
        }
        _ => return Err(None),
    })
}

/// An address as it may be shown: what stands before an `@` or after a `?` may be secret. Secret keys have slashes in them,
/// so a slash ends no password; what stands before an `@` without a colon, and has one, is a path.
pub fn without_secrets(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (hidden, rest) = match rest.rsplit_once('@') {
        Some((before, after)) if before.contains(':') || !before.contains('/') => ("***@", after),
        _ => ("", rest),
    };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    format!("{scheme}://{hidden}{rest}")
}

/// Whether a name stays within its folder: relative, and never up.
pub fn is_within(name: &str) -> bool {
    let parts = Path::new(name).components();
    !name.is_empty() && !name.contains('\\') && parts.into_iter().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        for (address, shown) in [
            ("s3://me:secret@bucket/film/plan.json?X-Amz-Signature=abc", "s3://***@bucket/film/plan.json"),
            ("s3://bucket/film/plan.json", "s3://bucket/film/plan.json"),
            ("s3://bucket", "s3://bucket"),
            ("film/plan.json", "film/plan.json"),
            ("az://a@b@c/x#y", "az://***@c/x"),
            ("s3://A:b/c@bucket/x", "s3://***@bucket/x"),
            ("s3://A:b?c@bucket/x", "s3://***@bucket/x"),
            ("s3://bucket/a@b/plan.json?sig=c@d", "s3://bucket/a@b/plan.json"),
        ] {
            assert_eq!(without_secrets(address), shown);
        }
        for address in
            ["s3://me:secret@bucket/plan.json", "az://box/plan.json?sig=secret", "s3://me:12/secret@bucket/plan.json"]
        {
            let error = Place::of_file(address, PATIENCE).err().unwrap();
            assert!(!error.to_string().contains("secret"), "{error}");
            assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
        }
        let error = Place::of_file("s3://me:se/cret@bucket/plan.json", PATIENCE).err().unwrap();
        assert!(error.to_string().contains("***@bucket") && !error.to_string().contains("cret"), "{error}");
    }

    #[test]
    fn names_that_climb_out_are_told_from_those_that_do_not() {
        for name in ["a", "a/b.png", "plan.farm/inputs/x"] {
            assert!(is_within(name), "{name}");
        }
        for name in ["", "/etc/passwd", "../a", "a/../../b", "./a", "a\\b", "a/./../b"] {
            assert!(!is_within(name), "{name}");
        }
    }

    #[test]
    fn a_folder_keeps_whole_files_and_lists_them() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("file://{}/plan.json", folder.path().display());
        let (place, name) = Place::of_file(&address, PATIENCE).unwrap();
        assert_eq!(name, "plan.json");
        assert_eq!(place.read("a/b.txt").unwrap(), None);
        assert_eq!(place.list("a").unwrap(), []);
        place.write("a/b.txt", b"one".to_vec()).unwrap();
        place.write("a/b.txt", b"three".to_vec()).unwrap();
        std::fs::write(folder.path().join("large"), vec![7; PART + 1]).unwrap();
        place.send("a/large", &folder.path().join("large")).unwrap();
        let mut found: Vec<(String, u64)> =
            place.list("a").unwrap().into_iter().map(|entry| (entry.name, entry.bytes)).collect();
        found.sort();
        assert_eq!(found, [("a/b.txt".to_owned(), 5), ("a/large".to_owned(), PART as u64 + 1)]);
        let names = ["a/b.txt".to_owned(), "nothing".to_owned()];
        assert_eq!(place.read_all(&names).unwrap(), [Some(b"three".to_vec()), None]);
        assert!(place.fetch("a/b.txt", &folder.path().join("copy")).unwrap());
        assert_eq!(std::fs::read(folder.path().join("copy")).unwrap(), b"three");
        for wrong in ["ftp://host/plan.json", "s3://bucket/", "https://host/plan.json"] {
            assert!(Place::of_file(wrong, PATIENCE).err().unwrap().to_string().contains("hint: "), "{wrong}");
        }
        let error = Place::of_file("/no/such/folder/plan.json", PATIENCE).err().unwrap();
        assert!(error.verdict() == crate::Verdict::Retry && error.to_string().contains("hint: "), "{error}");
        for wrong in ["a\\b.json", "a\nb.json"] {
            let address = folder.path().join(wrong).display().to_string();
            assert!(Place::of_file(&address, PATIENCE).err().unwrap().to_string().contains("no such names"), "{wrong}");
        }
    }

    #[test]
    fn names_are_kept_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["größe", "100 % [a] ~b", "%C3%B6", "a#b {c} |*?"] {
            let address = folder.path().join(format!("{name}.json")).display().to_string();
            let (place, plan) = Place::of_file(&address, PATIENCE).unwrap();
            let (under, file) = (format!("{name}.farm"), format!("{name}.farm/inputs/{name}.png"));
            for name in [&plan, &file] {
                place.write(name, b"x".to_vec()).unwrap();
                assert_eq!(std::fs::read(folder.path().join(name)).unwrap(), b"x");
                assert_eq!(place.read(name).unwrap().unwrap(), b"x");
            }
            let found: Vec<String> = place.list(&under).unwrap().into_iter().map(|entry| entry.name).collect();
            assert_eq!(found, [file]);
            let copy = folder.path().join("copy");
            assert!(!place.fetch("nothing", &copy).unwrap() && !copy.exists());
        }
        let (place, name) = Place::of_file("s3://films/gr%C3%B6%C3%9Fe%20a/größe.json", PATIENCE).unwrap();
        assert_eq!((name.as_str(), place.key(&name).unwrap().as_ref()), ("größe.json", "größe a/größe.json"));
    }
}
