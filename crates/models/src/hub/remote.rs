//! What is asked of the hub, and what its answers mean.

use std::{io, time::Duration};

use ureq::{
    Agent, Body, ResponseExt,
    config::RedirectAuthHeaders,
    http::{Response, Uri},
};

use super::{
    HubError, HubSettings, Offer,
    offer::{Known, header},
};
use crate::ModelFile;

/// How often a request for what is known of a file may be sent elsewhere.
const MAX_HOPS: usize = 5;

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

/// `https://host:port` of an address.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    &url[..end]
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
