//! What can go wrong with the hub.

use std::path::{Path, PathBuf};

use crate::ModelFile;

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// Nothing says where the cache is.
    #[error(
        "no cache folder: none of HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME and HOME says where it is\n\
         hint: name it: HF_HOME=DIR"
    )]
    NoCache,

    /// The address of the hub is none.
    #[error(
        "HF_ENDPOINT: found '{endpoint}', expected an address that begins with http:// or https://\n\
         hint: leave HF_ENDPOINT unset for the public hub"
    )]
    Endpoint {
        /// What was set.
        endpoint: String,
    },

    /// The network must not be used, and the cache lacks files.
    #[error(
        "{}: {} not in the cache, and HF_HUB_OFFLINE forbids the network{}\n\
         hint: unset HF_HUB_OFFLINE, or copy the models folder of another machine",
        cache.display(),
        counted(files),
        listed(files)
    )]
    Offline {
        /// The cache.
        cache: PathBuf,
        /// What it lacks.
        files: Vec<ModelFile>,
    },

    /// There is no way to the hub.
    #[error(
        "{file}: cannot reach {url}: {reason}\n\
         hint: check the network; HTTPS_PROXY names a proxy, HF_ENDPOINT a mirror of the hub"
    )]
    Unreachable {
        /// What was wanted.
        file: ModelFile,
        /// From where.
        url: String,
        /// What stands in the way.
        reason: String,
    },

    /// The hub wants to know who asks.
    #[error(
        "{file}: the hub answered {status} for {url}, expected the file\n\
         hint: {}",
        unauthorized_hint(*file, *has_token)
    )]
    Unauthorized {
        /// What was wanted.
        file: ModelFile,
        /// From where.
        url: String,
        /// 401.
        status: u16,
        /// Whether a token was sent.
        has_token: bool,
    },

    /// The hub knows who asks, and refuses.
    #[error(
        "{file}: the hub answered {status} for {url}, expected the file\n\
         hint: open the page of {} in a browser and accept its licence, \
         then set HF_TOKEN to a token of that account that may read it",
        file.repository()
    )]
    Forbidden {
        /// What was wanted.
        file: ModelFile,
        /// From where.
        url: String,
        /// 403.
        status: u16,
    },

    /// The hub is not where this file comes from.
    #[error(
        "{file}: found no repository of the hub that has it, expected one\n\
         hint: {page} says how to get it; then put it into the models folder as {file}"
    )]
    Elsewhere {
        /// What was wanted.
        file: ModelFile,
        /// Where it comes from.
        page: &'static str,
    },

    /// The hub has no such file.
    #[error(
        "{file}: the hub answered {status} for {url}, expected the file\n\
         hint: it may have moved; a mirror that HF_ENDPOINT names may lack it"
    )]
    NotFound {
        /// What was wanted.
        file: ModelFile,
        /// From where.
        url: String,
        /// 404 or 410.
        status: u16,
    },

    /// The hub answered something else.
    #[error(
        "{file}: found {found} from {url}, expected {expected}\n\
         hint: try again later; if HF_ENDPOINT names a mirror, try without it"
    )]
    Answer {
        /// What was wanted.
        file: ModelFile,
        /// From where.
        url: String,
        /// What came.
        found: String,
        /// What should have come.
        expected: &'static str,
    },

    /// No try got any further.
    #[error(
        "{file}: gave up after {tries} tries at {bytes} of {size} bytes: {reason}\n\
         hint: pull again: it goes on where it stopped"
    )]
    GaveUp {
        /// What was wanted.
        file: ModelFile,
        /// How often it was tried in a row.
        tries: u32,
        /// How much is here.
        bytes: u64,
        /// How much it should be.
        size: u64,
        /// What happened last.
        reason: String,
    },

    /// The content is not what it should be.
    #[error(
        "{file}: found SHA-256 {found} in {}, expected {expected}\n\
         hint: {}",
        path.display(),
        hash_hint(path, *removed)
    )]
    Hash {
        /// Which file.
        file: ModelFile,
        /// Where the content was.
        path: PathBuf,
        /// What the hub or the catalogue says.
        expected: String,
        /// What was computed.
        found: String,
        /// Whether it has been removed.
        removed: bool,
    },

    /// The hub offers another file than the catalogue knows.
    #[error(
        "{file}: the hub offers SHA-256 {found}, expected {expected}\n\
         hint: it was changed after this version of moue was made: \
         get a newer moue, or put the file there yourself: {}",
        path.display()
    )]
    Changed {
        /// Which file.
        file: ModelFile,
        /// Where it belongs.
        path: PathBuf,
        /// What the catalogue says.
        expected: &'static str,
        /// What the hub says.
        found: String,
    },

    /// Somebody stopped it.
    #[error(
        "{file}: stopped\n\
         hint: pull again: it goes on where it stopped"
    )]
    Cancelled {
        /// What was being fetched.
        file: ModelFile,
    },
}

fn counted(files: &[ModelFile]) -> String {
    match files.len() {
        1 => "1 model file is".to_owned(),
        count => format!("{count} model files are"),
    }
}

fn listed(files: &[ModelFile]) -> String {
    files.iter().map(|file| format!("\n  {file} ({}: {})", file.repository(), file.hub_path())).collect()
}

fn unauthorized_hint(file: ModelFile, has_token: bool) -> String {
    let repository = file.repository();
    match has_token {
        true => {
            format!("the token in HF_TOKEN, or that of the last login, is not valid for {repository}; make a new one")
        }
        false => {
            format!("{repository} asks who you are: accept its licence in a browser if it has one, then set HF_TOKEN")
        }
    }
}

fn hash_hint(path: &Path, removed: bool) -> String {
    match removed {
        true => {
            "it was removed; pull again, and if that fails too, a proxy or mirror changes files on the way".to_owned()
        }
        false => format!("remove {} and pull again with the network", path.display()),
    }
}
