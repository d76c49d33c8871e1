//! Where a page is to be had.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use crate::PreviewError;
use crate::token::Token;

const SCHEME: &str = "preview://";
const LOOPBACK: Host = Host::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
const HOST_HINT: &str = "write for example preview://127.0.0.1:8080, or preview://[::1]:8080";
const EXPECTED: &str = "preview://HOST:PORT";

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Ip(IpAddr),
    Name(String),
}

/// Where a server listens, and the token that it asks for.
///
/// On the loopback a token is asked for only if one is given here. Elsewhere there always is one: it is made at random
/// unless it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewAddress {
    host: Host,
    port: u16,
    token: Option<Token>,
}

impl PreviewAddress {
    /// Reads `preview://HOST:PORT`, with `?token=TOKEN` or without. HOST is an IP address (IPv6 in brackets) or a name
    /// of this machine, by default 127.0.0.1; PORT is by default 0, which is any that is free. A token has 16 to 128
    /// letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// [`PreviewError::Address`] where it is anything else.
    pub fn parse(text: &str) -> Result<Self, PreviewError> {
        match text.get(..SCHEME.len()) {
            Some(scheme) if scheme.eq_ignore_ascii_case(SCHEME) => Self::read(text, &text[SCHEME.len()..]),
            _ => Err(wrong(text, "another scheme".to_owned(), EXPECTED, HOST_HINT)),
        }
    }

    /// Reads the same without `preview://`: `127.0.0.1:9090`, `:9090`, `0.0.0.0:9090?token=TOKEN`.
    ///
    /// # Errors
    /// [`PreviewError::Address`] where it is anything else.
    pub fn parse_host_and_port(text: &str) -> Result<Self, PreviewError> {
        if text.contains("://") {
            let hint = "write HOST:PORT alone, for example 127.0.0.1:9090";
            return Err(wrong(text, "a scheme".to_owned(), "HOST:PORT", hint));
        }
        Self::read(text, text)
    }

    fn read(text: &str, rest: &str) -> Result<Self, PreviewError> {
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, Some(query)),
            None => (rest, None),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains('/') {
            let found = format!("a path after the port in '{}'", shown(authority));
            return Err(wrong(text, found, EXPECTED, "a preview is a whole server and has no path: leave it out"));
        }
        let (host, port) = split(text, authority)?;
        let token = query.map(|query| read_token(text, query)).transpose()?;
        Ok(Self { host: read_host(text, host)?, port: read_port(text, port)?, token })
    }

    /// Asks the system for the port.
    pub(crate) fn listen(&self) -> Result<(TcpListener, Option<Token>), PreviewError> {
        let failed = |source| PreviewError::listening(self.authority(), source);
        let listener = match &self.host {
            Host::Ip(ip) => TcpListener::bind((*ip, self.port)),
            Host::Name(name) => (name.as_str(), self.port)
                .to_socket_addrs()
                .and_then(|addresses| TcpListener::bind(addresses.collect::<Vec<_>>().as_slice())),
        };
        let listener = listener.map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let is_private = listener.local_addr().map_err(failed)?.ip().to_canonical().is_loopback();
        let token = match &self.token {
            Some(token) => Some(token.clone()),
            None if is_private => None,
            None => Some(Token::random()?),
        };
        Ok((listener, token))
    }

    /// What a browser on this machine opens, where the server listens at `bound`; the path begins with a slash.
    pub(crate) fn url(&self, bound: SocketAddr, path: &str, token: Option<&Token>) -> String {
        let host = match &self.host {
            // Nobody can open "any address".
            Host::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => LOOPBACK,
            Host::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => Host::Ip(Ipv6Addr::LOCALHOST.into()),
            // Without a token, a name that others could have too is not answered.
            Host::Name(_) if token.is_none() => Host::Ip(bound.ip()),
            host => host.clone(),
        };
        let authority = Self { host, port: bound.port(), token: None }.authority();
        match token {
            Some(token) => format!("http://{authority}{path}?token={}", token.as_str()),
            None => format!("http://{authority}{path}"),
        }
    }

    /// The address with the port that was found, for people; without the token.
    pub(crate) fn name(&self, port: u16) -> String {
        Self { port, ..self.clone() }.to_string()
    }

    fn authority(&self) -> String {
        match &self.host {
            Host::Ip(IpAddr::V6(ip)) => format!("[{ip}]:{}", self.port),
            Host::Ip(ip) => format!("{ip}:{}", self.port),
            Host::Name(name) => format!("{name}:{}", self.port),
        }
    }
}

impl fmt::Display for PreviewAddress {
    /// Without the token, so that it can be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.authority())
    }
}

fn wrong(text: &str, found: String, expected: &'static str, hint: &'static str) -> PreviewError {
    let text = shown(text.split('?').next().unwrap_or_default());
    PreviewError::Address { text, found, expected, hint }
}

/// Text from outside as it may stand in a message: short, and without control characters.
fn shown(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().take(MAX_CHARS).map(plain).chain(text.chars().nth(MAX_CHARS).map(|_| '…')).collect()
}

/// Host and port; either may be empty.
fn split<'a>(text: &str, authority: &'a str) -> Result<(&'a str, &'a str), PreviewError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .ok_or_else(|| wrong(text, "a bracket that is not closed".to_owned(), EXPECTED, HOST_HINT))?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, port)),
            None if rest.is_empty() => Ok((host, "")),
            None => Err(wrong(text, format!("'{}' after the bracket", shown(rest)), EXPECTED, HOST_HINT)),
        };
    }
    match authority.split_once(':') {
        Some((_, rest)) if rest.contains(':') => {
            Err(wrong(text, "several colons".to_owned(), EXPECTED, "write IPv6 addresses in brackets: [::1]:8080"))
        }
        Some((host, port)) => Ok((host, port)),
        None => Ok((authority, "")),
    }
}

fn read_host(text: &str, host: &str) -> Result<Host, PreviewError> {
    if host.is_empty() {
        return Ok(LOOPBACK);
    }
    if let Ok(ip) = host.parse() {
        return Ok(Host::Ip(ip));
    }
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    // A name's last part begins with a letter; what does not was meant to be an IP address.
    let is_name = is_name && host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_alphabetic()));
    if is_name {
        return Ok(Host::Name(host.to_ascii_lowercase()));
    }
    Err(wrong(text, format!("the host '{}'", shown(host)), "an IP address or a name of this machine", HOST_HINT))
}

fn read_port(text: &str, port: &str) -> Result<u16, PreviewError> {
    if port.is_empty() {
        return Ok(0);
    }
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|_| is_number).ok_or_else(|| {
        let hint = "write for example 8080, or 0 for any port that is free";
        wrong(text, format!("the port '{}'", shown(port)), "a number from 0 to 65535", hint)
    })
}

fn read_token(text: &str, query: &str) -> Result<Token, PreviewError> {
    let hint = "write ?token= and 16 to 128 letters, digits, - and _, or leave it out";
    let Some(token) = query.strip_prefix("token=") else {
        return Err(wrong(text, "something else after '?'".to_owned(), "?token=TOKEN", hint));
    };
    // A token is never shown, a wrong one neither.
    let found = || format!("a token of {} characters, or with others than these", token.chars().count());
    Token::parse(token).ok_or_else(|| wrong(text, found(), "16 to 128 letters, digits, - and _", hint))
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
