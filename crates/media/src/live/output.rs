//! From a name to what is streamed there.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::MediaError;

/// The kinds of live output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveKind {
    /// `rtmp://`: H.264 in FLV, to a server.
    Rtmp,
    /// `rtmps://`: the same, encrypted.
    Rtmps,
    /// `srt://`: H.264 in an MPEG transport stream, to a server or, with `?mode=listener`, for clients.
    Srt,
    /// `.m3u8`: H.264 in files of one or two seconds beside a playlist, for a web server to hand out.
    Hls,
}

impl fmt::Display for LiveKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rtmp => "RTMP",
            Self::Rtmps => "RTMPS",
            Self::Srt => "SRT",
            Self::Hls => "HLS",
        })
    }
}

/// Somewhere to stream to.
///
/// What it is shown as keeps secrets: of an address everything after the host that may be one (stream key, query, user
/// and password) is left out.
#[derive(Clone, PartialEq, Eq)]
pub struct LiveOutput {
    kind: LiveKind,
    name: String,
    /// Without secrets.
    shown: String,
    /// Host and port, as given.
    server: String,
    /// Whether it waits for clients instead of calling a server.
    is_listener: bool,
}

const KINDS: &str = "live outputs are rtmp://host/app/key, rtmps://host/app/key, srt://host:port and live/index.m3u8";

const SRT: &str = "write for example srt://host:7001?mode=listener&latency=200&passphrase=0123456789&pbkeylen=16";

/// What a setting of SRT ought to be, where it is not (the names and limits are libsrt's). The sink would take no notice
/// of it, or try for ever.
fn srt_setting(name: &str, value: &str) -> Option<&'static str> {
    let (is_right, expected) = match name {
        "mode" => (["caller", "listener"].contains(&value), "caller or listener"),
        "latency" => (value.parse::<u32>().is_ok(), "a number of milliseconds"),
        "pbkeylen" => (["0", "16", "24", "32"].contains(&value), "16, 24 or 32"),
        // One with signs that are written by codes is longer than it is.
        "passphrase" => ((10..80).contains(&value.len()) || value.contains('%'), "10 to 79 characters long"),
        _ => return None,
    };
    (!is_right).then_some(expected)
}

impl LiveOutput {
    /// Says what a name stands for: an `rtmp://`, `rtmps://` or `srt://` address, or the path of an `.m3u8` playlist.
    ///
    /// # Errors
    /// [`MediaError::OutputName`]: another scheme or ending; an address without host, application or stream key, or
    /// with a port that is none.
    pub fn parse(name: &str) -> Result<Self, MediaError> {
        let Some((scheme, rest)) = name.split_once("://") else { return Self::playlist(name) };
        // An address that is not understood may hold secrets too.
        let scheme = scheme.to_lowercase();
        let wrong = |problem: &str, hint: &str| MediaError::OutputName {
            name: format!("{scheme}://..."),
            problem: problem.to_owned(),
            hint: hint.to_owned(),
        };
        if rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(wrong("there is white space in the address", "write %20 for a blank"));
        }
        let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = before_query.split_once('/').unwrap_or((before_query, ""));
        let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
        let (host, port) = match server.rsplit_once(':') {
            // The colons of an IPv6 address are within brackets.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (server, None),
        };
        if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
            return Err(wrong(&format!("'{server}' has no port from 1 to 65535"), "write for example localhost:1935"));
        }
        let is_listener = scheme == "srt" && query.split('&').any(|pair| pair == "mode=listener");
        if host.is_empty() && !is_listener {
            return Err(wrong("there is no host in the address", KINDS));
        }
        let (kind, shown) = match scheme.as_str() {
            "rtmp" | "rtmps" => {
                let (app, key) = path.split_once('/').unwrap_or((path, ""));
                // Elements take what follows the last slash for the key.
                if app.is_empty() || key.is_empty() || key.ends_with('/') {
                    let problem = "expected an application and a stream key after the host";
                    return Err(wrong(problem, "write for example rtmp://localhost/live/preview"));
                }
                let kind = if scheme == "rtmp" { LiveKind::Rtmp } else { LiveKind::Rtmps };
                (kind, format!("{scheme}://{server}/{app}/..."))
            }
            "srt" if port.is_none() => {
                return Err(wrong("expected a port after the host", "write for example srt://localhost:7001"));
            }
            "srt" => {
                for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
                    if let Some(expected) = srt_setting(name, value) {
                        return Err(wrong(&format!("'{name}' is not {expected}"), SRT));
                    }
                }
                (LiveKind::Srt, format!("srt://{server}"))
            }
            _ => return Err(wrong(&format!("nothing is streamed by '{scheme}'"), KINDS)),
        };
        Ok(Self { kind, name: format!("{scheme}://{rest}"), shown, server: server.to_owned(), is_listener })
    }

    fn playlist(name: &str) -> Result<Self, MediaError> {
        let wrong = |problem: &str| {
            Err(MediaError::OutputName { name: name.to_owned(), problem: problem.to_owned(), hint: KINDS.to_owned() })
        };
        let path = Path::new(name);
        let is_playlist = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("m3u8"));
        if !is_playlist {
            return wrong("this is no live output");
        }
        if name.contains('%') {
            return wrong("a '%' cannot be in the name of a playlist");
        }
        let name = name.to_owned();
        Ok(Self { kind: LiveKind::Hls, shown: name.clone(), name, server: String::new(), is_listener: false })
    }

    /// What it is.
    pub fn kind(&self) -> LiveKind {
        self.kind
    }

    /// The playlist, of an HLS output.
    pub fn playlist_path(&self) -> Option<&Path> {
        (self.kind == LiveKind::Hls).then(|| Path::new(&self.name))
    }

    /// The address with its secrets, or the path.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Host and port as given.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Its host, an IPv6 address without its brackets.
    pub(super) fn host(&self) -> &str {
        let host = match self.server.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => &self.server,
        };
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The server's port, where it is spoken to by TCP.
    pub(super) fn tcp_port(&self) -> Option<u16> {
        let default = match self.kind {
            LiveKind::Rtmp => 1935,
            LiveKind::Rtmps => 443,
            LiveKind::Srt | LiveKind::Hls => return None,
        };
        let port = self.server.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        Some(port.unwrap_or(default))
    }

    pub(super) fn is_listener(&self) -> bool {
        self.is_listener
    }

    /// What errors call it.
    pub(super) fn shown_path(&self) -> PathBuf {
        PathBuf::from(&self.shown)
    }
}

impl fmt::Display for LiveOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for LiveOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveOutput").field(&self.kind).field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_name_tells_the_kind_and_keeps_secrets() {
        for (name, kind, shown) in [
            ("rtmp://localhost/live/key", LiveKind::Rtmp, "rtmp://localhost/live/..."),
            ("RTMP://h:1936/a/b/c?d=e", LiveKind::Rtmp, "rtmp://h:1936/a/..."),
            ("rtmps://me:word@host/live/key", LiveKind::Rtmps, "rtmps://host/live/..."),
            ("rtmp://[::1]:1935/live/key", LiveKind::Rtmp, "rtmp://[::1]:1935/live/..."),
            ("rtmp://[::1]/live/key", LiveKind::Rtmp, "rtmp://[::1]/live/..."),
            ("srt://host:7001?passphrase=0123456789", LiveKind::Srt, "srt://host:7001"),
            ("srt://:7001?mode=listener", LiveKind::Srt, "srt://:7001"),
            ("web/live.m3u8", LiveKind::Hls, "web/live.m3u8"),
            ("A.M3U8", LiveKind::Hls, "A.M3U8"),
        ] {
            let output = LiveOutput::parse(name).unwrap();
            assert_eq!((output.kind(), output.to_string().as_str()), (kind, shown));
            assert!(format!("{output:?}").contains(shown));
        }
        assert_eq!(LiveOutput::parse("a.m3u8").unwrap().playlist_path(), Some(Path::new("a.m3u8")));
        assert_eq!(LiveOutput::parse("rtmp://h/a/b").unwrap().playlist_path(), None);
        for (name, port) in [
            ("rtmp://h/a/b", Some(1935)),
            ("rtmp://h:7/a/b", Some(7)),
            ("rtmps://[::1]/a/b", Some(443)),
            ("srt://h:7", None),
        ] {
            assert_eq!(LiveOutput::parse(name).unwrap().tcp_port(), port, "{name}");
        }
    }

    #[test]
    fn other_names_are_refused_with_a_hint_and_without_their_secrets() {
        for (name, part) in [
            ("clip.mp4", "no live output"),
            ("", "no live output"),
            ("a%05d.m3u8", "'%'"),
            ("https://host/secret", "'https'"),
            ("rtmp://host", "stream key"),
            ("rtmp://host/secret", "stream key"),
            ("rtmp://host/live/", "stream key"),
            ("rtmp:///live/secret", "no host"),
            ("rtmp://host:0/live/secret", "port"),
            ("rtmp://host:99999/live/secret", "port"),
            ("rtmp://host:/live/secret", "port"),
            ("rtmp://host/live/se cret", "white space"),
            ("srt://host", "expected a port"),
            ("srt://:7001", "no host"),
            ("rtmp://host/live/secret/", "stream key"),
            ("srt://host:7001?passphrase=secret", "'passphrase' is not 10 to 79 characters long"),
            ("srt://host:7001?mode=Listener", "'mode' is not caller or listener"),
            ("srt://host:7001?latency=abc", "'latency' is not a number"),
            ("srt://:7001?mode=listener&pbkeylen=99", "'pbkeylen' is not 16"),
        ] {
            let text = LiveOutput::parse(name).unwrap_err().to_string();
            assert!(text.contains(part) && text.contains("\nhint: ") && !text.contains("secret"), "{name}: {text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(rest in ".{0,40}", scheme in "(rtmp|rtmps|srt|x)?(://)?") {
            let _ = LiveOutput::parse(&format!("{scheme}{rest}"));
        }
    }
}
