//! What is asked of the hub, and what its answers mean.

use std::{io, time::Duration};

use ureq::{
    Agent, Body, ResponseExt,
    config::RedirectAuthHeaders,
    http::{HeaderMap, Response, StatusCode, Uri},
};

use super::{HubError, HubSettings};
use crate::ModelFile;

/// How often a request for what is known of a file may be sent elsewhere.
const MAX_HOPS: usize = 5;

/// What the hub says of a file: the newest version on the main branch of its repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// In bytes.
    pub size: u64,
    /// Of the content, in lower-case hexadecimal digits. The hub tells it for large files (those in Git LFS).
    pub sha256: Option<String>,
    /// The commit of the repository.
    pub commit: String,
    /// The name of this content in the cache.
    pub(super) etag: String,
}

impl Offer {
    /// What the content is checked against: what the catalogue knows, else what the hub says.
    pub(super) fn expected_sha256(&self, file: ModelFile) -> Option<&str> {
        file.sha256().or(self.sha256.as_deref())
    }
}

/// Why a request brought nothing.
#[derive(Debug)]
pub enum Trouble {
    /// Trying again may help.
    Passing {
        reason: String,
        /// When the hub has said when.
        after: Option<Duration>,
    },
    /// There is no way to the other side. At the first request that is not worth a second try.
    Unreachable(String),
    /// Trying again does not help.
    Lasting(HubError),
}

impl Trouble {
    fn passing(reason: impl Into<String>) -> Self {
        Self::Passing { reason: reason.into(), after: None }
    }
}

/// The hub, as these settings see it.
pub struct Remote<'a> {
    agent: Agent,
    settings: &'a HubSettings,
}

impl<'a> Remote<'a> {
    pub fn new(settings: &'a HubSettings) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("moue/", env!("CARGO_PKG_VERSION")))
            // Sizes and positions are those of the content itself.
            .accept_encoding("identity")
            // The storage that large files come from must not see the token; its addresses are signed.
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .timeout_resolve(Some(settings.patience))
            .timeout_connect(Some(settings.patience))
            .timeout_recv_response(Some(settings.patience))
            .timeout_per_read(Some(settings.patience))
            .timeout_per_write(Some(settings.patience))
            .build();
        Self { agent: agent.into(), settings }
    }

    pub fn url(&self, file: ModelFile) -> String {
        format!("{}/{}/resolve/main/{}", self.settings.endpoint, file.repository(), file.hub_path())
    }

    /// What the hub says of a file, in one try.
    pub fn offer(&self, file: ModelFile) -> Result<Offer, HubError> {
        self.try_offer(file).map_err(|trouble| self.give_up(file, trouble))
    }

    pub fn give_up(&self, file: ModelFile, trouble: Trouble) -> HubError {
        match trouble {
            Trouble::Passing { reason, .. } | Trouble::Unreachable(reason) => {
                HubError::Unreachable { file, url: self.url(file), reason }
            }
            Trouble::Lasting(error) => error,
        }
    }

    pub fn try_offer(&self, file: ModelFile) -> Result<Offer, Trouble> {
        let mut url = self.url(file);
        let mut known = Known::default();
        for _ in 0..MAX_HOPS {
            let is_hub = self.is_hub(&url);
            let mut request = self.agent.head(&url).config().max_redirects(0).max_redirects_will_error(false).build();
            if let Some(token) = self.settings.token.as_ref().filter(|_| is_hub) {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            let response = request.call().map_err(trouble)?;
            self.judge(file, &url, is_hub, &response)?;
            known.read(response.headers(), is_hub, response.status());
            if let Some(offer) = known.offer() {
                return Ok(offer);
            }
            let Some(location) = header(response.headers(), "location") else { break };
            url = match location.split_once("://") {
                Some(("http" | "https", _)) => location.to_owned(),
                _ if location.starts_with('/') => format!("{}{location}", origin(&url)),
                _ => break,
            };
        }
        Err(Trouble::Lasting(HubError::Answer {
            file,
            url,
            found: format!("an answer without {}", known.lacking()),
            expected: "what the hub tells of each of its files",
        }))
    }

    /// The content from a position on.
    pub fn get(&self, file: ModelFile, from: u64) -> Result<Response<Body>, Trouble> {
        let url = self.url(file);
        let mut request = self.agent.get(&url);
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        if let Some(token) = &self.settings.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let response = request.call().map_err(trouble)?;
        let is_hub = response.get_uri().host() == self.host();
        self.judge(file, &url, is_hub, &response)?;
        Ok(response)
    }

    fn judge(&self, file: ModelFile, url: &str, is_hub: bool, response: &Response<Body>) -> Result<(), Trouble> {
        let url = url.to_owned();
        let status = response.status().as_u16();
        let error = match status {
            200 | 206 | 301 | 302 | 303 | 307 | 308 | 416 => return Ok(()),
            // The storage behind the hub: a signed address that has run out, and the like.
            _ if !is_hub => return Err(Trouble::passing(format!("the hub's storage answered {status}"))),
            401 => HubError::Unauthorized { file, url, status, has_token: self.settings.token.is_some() },
            403 => HubError::Forbidden { file, url, status },
            404 | 410 => HubError::NotFound { file, url, status },
            408 | 429 | 500.. => {
                let seconds = header(response.headers(), "retry-after").and_then(|text| text.parse().ok());
                let after = seconds.map(|seconds: u64| Duration::from_secs(seconds.min(120)));
                return Err(Trouble::Passing { reason: format!("the hub answered {status}"), after });
            }
            _ => HubError::Answer { file, url, found: format!("status {status}"), expected: "200 or 206" },
        };
        Err(Trouble::Lasting(error))
    }

    fn host(&self) -> Option<&str> {
        let rest = self.settings.endpoint.split_once("://")?.1;
        let authority = rest.split('/').next()?.rsplit('@').next()?;
        // An IPv6 address has colons of its own, in brackets.
        match authority.find(']') {
            Some(end) => authority.get(..=end),
            None => authority.split(':').next(),
        }
    }

    fn is_hub(&self, url: &str) -> bool {
        url.parse::<Uri>().is_ok_and(|uri| uri.host() == self.host())
    }
}

/// What is known of a file after some answers.
#[derive(Default)]
struct Known {
    size: Option<u64>,
    etag: Option<String>,
    commit: Option<String>,
}

impl Known {
    /// The first answer wins: the hub's own headers come with the redirect to its storage.
    fn read(&mut self, headers: &HeaderMap, is_hub: bool, status: StatusCode) {
        let length = header(headers, "content-length").filter(|_| status == StatusCode::OK);
        let size = header(headers, "x-linked-size").or(length).and_then(|text| text.parse().ok());
        self.size = self.size.or(size);
        if !is_hub {
            return;
        }
        // On a redirect, the plain ETag is that of the redirect.
        let plain = header(headers, "etag").filter(|_| status == StatusCode::OK);
        let etag =
            header(headers, "x-linked-etag").or(plain).map(|text| text.trim_start_matches("W/").trim_matches('"'));
        self.etag = self.etag.take().or(etag.filter(|text| is_name(text)).map(str::to_owned));
        let commit = header(headers, "x-repo-commit").filter(|text| is_name(text));
        self.commit = self.commit.take().or(commit.map(str::to_owned));
    }

    fn offer(&self) -> Option<Offer> {
        let (size, etag, commit) = (self.size?, self.etag.clone()?, self.commit.clone()?);
        Some(Offer { size, sha256: Some(etag.clone()).filter(|etag| is_sha256(etag)), commit, etag })
    }

    fn lacking(&self) -> &'static str {
        match (&self.size, &self.etag, &self.commit) {
            (None, _, _) => "the file's size (X-Linked-Size or Content-Length)",
            (_, None, _) => "the content's name (X-Linked-ETag or ETag)",
            _ => "the repository's commit (X-Repo-Commit)",
        }
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// `https://host:port` of an address.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    &url[..end]
}

/// Whether a text from outside may be a file's name.
fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether a name in the cache is the hash of a large file. Others are named by Git's hash of a small one.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn trouble(error: ureq::Error) -> Trouble {
    let text = error.to_string();
    match error {
        ureq::Error::HostNotFound => Trouble::Unreachable("no such host".to_owned()),
        ureq::Error::ConnectionFailed | ureq::Error::ConnectProxyFailed(_) => Trouble::Unreachable(text),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => Trouble::Unreachable(text),
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NotFound => Trouble::Unreachable(error.to_string()),
            _ => Trouble::passing(error.to_string()),
        },
        _ => Trouble::passing(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Answer<'a> {
        is_hub: bool,
        status: StatusCode,
        headers: &'a [(&'static str, &'static str)],
    }

    fn known(answers: &[Answer<'_>]) -> Known {
        let mut known = Known::default();
        for answer in answers {
            let mut map = HeaderMap::new();
            for (name, value) in answer.headers {
                map.insert(*name, value.parse().unwrap());
            }
            known.read(&map, answer.is_hub, answer.status);
        }
        known
    }

    #[test]
    fn a_large_file_is_known_from_the_redirect() {
        let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let headers = [
            ("x-linked-etag", "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""),
            ("x-linked-size", "3438167536"),
            ("x-repo-commit", "c0ffee"),
            ("etag", "\"of-the-redirect\""),
            ("content-length", "1100"),
        ];
        let offer = known(&[Answer { is_hub: true, status: StatusCode::FOUND, headers: &headers }]).offer().unwrap();
        assert_eq!((offer.size, offer.sha256.as_deref()), (3_438_167_536, Some(sha)));
        assert_eq!((offer.etag.as_str(), offer.commit.as_str()), (sha, "c0ffee"));
    }

    #[test]
    fn a_small_file_is_known_from_the_answer_behind_a_redirect() {
        let first = [("x-repo-commit", "c0ffee"), ("content-length", "0"), ("etag", "\"of-the-redirect\"")];
        let second = [("etag", "W/\"55d789\""), ("content-length", "547")];
        let offer = known(&[
            Answer { is_hub: true, status: StatusCode::TEMPORARY_REDIRECT, headers: &first },
            Answer { is_hub: true, status: StatusCode::OK, headers: &second },
        ]);
        let offer = offer.offer().unwrap();
        assert_eq!((offer.size, offer.sha256), (547, None));
        assert_eq!((offer.etag.as_str(), offer.commit.as_str()), ("55d789", "c0ffee"));
    }

    #[test]
    fn names_from_outside_stay_in_the_cache() {
        let headers = [("etag", "\"../../evil\""), ("x-repo-commit", "c0ffee"), ("content-length", "3")];
        let known = known(&[Answer { is_hub: true, status: StatusCode::OK, headers: &headers }]);
        assert!(known.offer().is_none());
        assert!(known.lacking().contains("ETag"));
        assert!(!is_name("") && !is_name("..") && !is_name("a/b") && !is_name(&"a".repeat(200)));
    }

    #[test]
    fn another_host_has_no_say_in_names() {
        let headers = [("etag", "\"55d789\""), ("x-repo-commit", "c0ffee"), ("content-length", "3")];
        let answer = Answer { is_hub: false, status: StatusCode::OK, headers: &headers };
        assert!(known(&[answer]).offer().is_none());
    }

    #[test]
    fn origins_and_hosts() {
        assert_eq!(origin("http://a:80/b/c"), "http://a:80");
        assert_eq!(origin("https://a"), "https://a");
        let mut settings = HubSettings::from_environment(&|name| (name == "HOME").then(|| "/u".into())).unwrap();
        let mut host = |endpoint: &str| {
            settings.endpoint = endpoint.to_owned();
            Remote::new(&settings).host().map(str::to_owned)
        };
        assert_eq!(host("https://hub.example/prefix").as_deref(), Some("hub.example"));
        assert_eq!(host("http://127.0.0.1:8080").as_deref(), Some("127.0.0.1"));
        assert_eq!(host("http://[::1]:8080").as_deref(), Some("[::1]"));
    }
}
