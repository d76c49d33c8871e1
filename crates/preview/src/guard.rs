//! Who gets an answer at all, and what every answer says to the browser.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::site::{Door, Site};

/// What every answer carries: nothing is loaded from elsewhere, nothing is kept, nobody may frame the page or guess at
/// what a file is. There is no CORS header, so other sites' scripts read nothing.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Lets requests through that may be answered, and completes what is answered.
pub(crate) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let (refusal, cookie) = match check(&site, request.uri().query(), request.headers()) {
        Ok(cookie) => (None, cookie),
        Err(refusal) => (Some(refusal), None),
    };
    let mut response = match refusal {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(cookie) = cookie {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Why a request is not answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    TooMany,
    Body,
    Host,
    Origin,
    Token,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too many requests\nhint: wait a second\n"),
            Self::Body => (StatusCode::PAYLOAD_TOO_LARGE, "found a body, expected none\nhint: leave it out\n"),
            Self::Host => (
                StatusCode::FORBIDDEN,
                "found another host's name in the request\nhint: open the page by the address that moue printed\n",
            ),
            Self::Origin => (
                StatusCode::FORBIDDEN,
                "found a request of another site's page\nhint: open the page by the address that moue printed\n",
            ),
            Self::Token => (
                StatusCode::UNAUTHORIZED,
                "this preview asks for a token\nhint: open the whole address that moue printed, with ?token=...\n",
            ),
        };
        let mut response = (status, text).into_response();
        if status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The cookie to set, where the token was in the address.
fn check(site: &Site, query: Option<&str>, headers: &HeaderMap) -> Result<Option<HeaderValue>, Refusal> {
    if !site.takes_request() {
        return Err(Refusal::TooMany);
    }
    // Nothing here takes a body, so none is read.
    let has_length = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    if has_length || headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(Refusal::Body);
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).ok_or(Refusal::Host)?;
    if !site.door.knows_host(host) {
        return Err(Refusal::Host);
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let is_ours = |scheme: &str| origin.as_bytes() == format!("{scheme}://{host}").as_bytes();
        if !is_ours("http") && !is_ours("https") {
            return Err(Refusal::Origin);
        }
    }
    site.door.let_in(query, headers)
}

impl Door {
    /// Without a token, a page of another site could make its own name stand for this machine and read everything (DNS
    /// rebinding): only names that nobody else can have are answered. Such a site has no token and no cookie of ours,
    /// so where there is a token, this machine may be called by any of its names.
    fn knows_host(&self, host: &str) -> bool {
        if self.token.is_some() {
            return true;
        }
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let is_ours = |ip: IpAddr| ip.to_canonical().is_loopback();
        name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_ours)
    }

    fn let_in(&self, query: Option<&str>, headers: &HeaderMap) -> Result<Option<HeaderValue>, Refusal> {
        let Some(token) = &self.token else { return Ok(None) };
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if query
            .unwrap_or_default()
            .split('&')
            .filter_map(|part| part.strip_prefix("token="))
            .any(|given| token.is(given))
        {
            let cookie = format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie, token.as_str());
            return Ok(HeaderValue::from_str(&cookie).ok());
        }
        let cookies = text(header::COOKIE);
        let kept = cookies.split(';').filter_map(|cookie| cookie.trim().split_once('='));
        let has_cookie = kept.filter(|(name, _)| *name == self.cookie).any(|(_, given)| token.is(given));
        let has_bearer =
            text(header::AUTHORIZATION).strip_prefix("Bearer ").is_some_and(|given| token.is(given.trim()));
        if has_cookie || has_bearer { Ok(None) } else { Err(Refusal::Token) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Token;

    fn door(token: Option<&str>) -> Door {
        let token = token.map(|token| Token::parse(token).unwrap());
        Door { token, cookie: "moue_8080".to_owned(), name: String::new() }
    }

    #[test]
    fn without_a_token_only_the_loopbacks_own_names_are_known() {
        let door = door(None);
        for host in ["127.0.0.1:8080", "127.0.0.1", "localhost:9999", "LOCALHOST", "[::1]:8080", "[::1]", "127.1.2.3"] {
            assert!(door.knows_host(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:8080",
            "127.0.0.1.evil.example",
            "192.168.0.7:8080",
            "[::2]",
            "",
            ":80",
        ] {
            assert!(!door.knows_host(host), "{host}");
        }
    }

    #[test]
    fn a_token_opens_by_address_cookie_or_header() {
        const TOKEN: &str = "sixteen-letters_";
        let door = door(Some(TOKEN));
        let by = |query: Option<&str>, header: Option<(HeaderName, String)>| {
            let headers: HeaderMap =
                header.into_iter().map(|(name, value)| (name, HeaderValue::from_str(&value).unwrap())).collect();
            door.let_in(query, &headers)
        };
        let set = by(Some(&format!("token={TOKEN}")), None).unwrap().unwrap();
        assert_eq!(set, "moue_8080=sixteen-letters_; Path=/; HttpOnly; SameSite=Strict");
        let cookie = |text: &str| by(None, Some((header::COOKIE, text.to_owned())));
        assert_eq!(cookie(&format!("a=b; moue_8080={TOKEN}")), Ok(None));
        assert_eq!(by(None, Some((header::AUTHORIZATION, format!("Bearer {TOKEN}")))), Ok(None));
        let wrong = TOKEN.replace('_', "-");
        assert_eq!(by(None, None), Err(Refusal::Token));
        assert_eq!(by(Some("token="), None), Err(Refusal::Token));
        assert_eq!(by(Some(&format!("token={wrong}")), None), Err(Refusal::Token));
        assert_eq!(cookie(&format!("moue_8080={wrong}")), Err(Refusal::Token));
        assert_eq!(cookie(&format!("moue_9090={TOKEN}")), Err(Refusal::Token));
        assert_eq!(by(None, Some((header::AUTHORIZATION, TOKEN.to_owned()))), Err(Refusal::Token));
    }
}
