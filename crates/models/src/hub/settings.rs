//! What people have set for everything that fetches from the hub.

use std::{ffi::OsString, fmt, fs, path::PathBuf, time::Duration};

use super::HubError;

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// How to fetch.
#[derive(Clone, PartialEq, Eq)]
pub struct HubSettings {
    /// The hub's address, without a slash at its end.
    pub endpoint: String,
    /// The folder of the cache.
    pub cache: PathBuf,
    /// What the hub knows the user by, if they have told.
    pub token: Option<String>,
    /// Whether the network must not be used.
    pub offline: bool,
    /// How often a download is tried without getting any further, at least once.
    pub tries: u32,
    /// The pause before the second try; it doubles for each further one.
    pub pause: Duration,
    /// How long the network may be silent before a try counts as failed.
    pub patience: Duration,
}

impl HubSettings {
    /// From the variables that every program for this hub knows: `HF_ENDPOINT`, `HF_HUB_CACHE`, `HF_HOME`, `HF_TOKEN`,
    /// `HF_TOKEN_PATH`, `HF_HUB_OFFLINE`, and `XDG_CACHE_HOME` and `HOME` for the folders' defaults.
    ///
    /// `environment` is [`process_environment`](crate::process_environment) but for tests.
    pub fn from_environment(environment: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, HubError> {
        let path = |name| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let text = |name| {
            let value = environment(name)?.into_string().ok()?.trim().to_owned();
            (!value.is_empty()).then_some(value)
        };

        let user_cache = path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(".cache")));
        let home = path("HF_HOME").or_else(|| Some(user_cache?.join("huggingface")));
        let cache = path("HF_HUB_CACHE").or_else(|| Some(home.as_ref()?.join("hub"))).ok_or(HubError::NoCache)?;

        let token_file = path("HF_TOKEN_PATH").or_else(|| Some(home?.join("token")));
        let stored = || Some(fs::read_to_string(token_file?).ok()?.trim().to_owned()).filter(|token| !token.is_empty());
        let token = text("HF_TOKEN").or_else(stored);
        // It becomes a header.
        let token = token.filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));

        let is_on = |value: String| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on");
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(HubError::Endpoint { endpoint });
        }
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            cache,
            token,
            offline: text("HF_HUB_OFFLINE").is_some_and(is_on),
            tries: 5,
            pause: Duration::from_secs(1),
            patience: Duration::from_secs(20),
        })
    }
}

impl fmt::Debug for HubSettings {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubSettings")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("token", &self.token.as_ref().map(|_| "set"))
            .field("offline", &self.offline)
            .field("tries", &self.tries)
            .field("pause", &self.pause)
            .field("patience", &self.patience)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<HubSettings, HubError> {
        HubSettings::from_environment(&|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn without_variables_it_is_the_users_cache_and_the_public_hub() {
        let found = settings(&[("HOME", "/home/nobody-at-all")]).unwrap();
        assert_eq!(found.endpoint, DEFAULT_ENDPOINT);
        assert_eq!(found.cache, Path::new("/home/nobody-at-all/.cache/huggingface/hub"));
        assert_eq!((found.token, found.offline), (None, false));
        assert!(matches!(settings(&[]), Err(HubError::NoCache)));
    }

    #[test]
    fn the_closer_variable_wins() {
        let all = [("HF_HUB_CACHE", "/c"), ("HF_HOME", "/h"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/u")];
        let caches = [0, 1, 2, 3].map(|from| settings(&all[from..]).unwrap().cache);
        assert_eq!(
            caches.map(|path| path.display().to_string()),
            ["/c", "/h/hub", "/x/huggingface/hub", "/u/.cache/huggingface/hub"]
        );
    }

    #[test]
    fn a_token_comes_from_the_variable_or_from_the_file_that_a_login_left() {
        let temp = tempfile::tempdir().unwrap();
        let home = ("HF_HOME", temp.path().to_str().unwrap());
        fs::write(temp.path().join("token"), "hf_stored\n").unwrap();
        assert_eq!(settings(&[home]).unwrap().token.unwrap(), "hf_stored");
        let found = settings(&[home, ("HF_TOKEN", "hf_given")]).unwrap();
        assert_eq!(found.token.as_deref(), Some("hf_given"));
        assert!(!format!("{found:?}").contains("hf_given"));
        assert_eq!(settings(&[home, ("HF_TOKEN", "two\nlines")]).unwrap().token, None);
    }

    #[test]
    fn offline_and_endpoint() {
        let home = ("HOME", "/u");
        let offline = |value| settings(&[home, ("HF_HUB_OFFLINE", value)]).unwrap().offline;
        assert!(offline("1") && offline("TRUE") && offline("on"));
        assert!(!offline("0") && !offline("") && !offline("no"));
        assert_eq!(settings(&[home, ("HF_ENDPOINT", "http://mirror/hub/")]).unwrap().endpoint, "http://mirror/hub");
        let error = settings(&[home, ("HF_ENDPOINT", "mirror")]).unwrap_err().to_string();
        assert!(error.contains("HF_ENDPOINT: found 'mirror'"), "{error}");
    }
}
