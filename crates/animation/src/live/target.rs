//! From a name to what it stands for.

use moue_media::{LiveKind, LiveOutput, Output, OutputKind, RawOutput};

use super::PreviewAddress;
use crate::AnimationError;

/// What the name of an output stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file or a folder: it gets every frame.
    File(Output),
    /// A stream: it gets the newest frame, in real time.
    Stream(LiveOutput),
    /// A page in the browser: the same.
    Page(PreviewAddress),
    /// An output in GStreamer's own words: it gets every frame.
    Raw(RawOutput),
}

/// The kinds of [`Target`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A file or a folder.
    File(OutputKind),
    /// A stream.
    Stream(LiveKind),
    /// A page in the browser.
    Page,
    /// An output in GStreamer's own words.
    Raw,
}

/// What outputs in GStreamer's own words begin with.
pub const GST: &str = "gst:";

impl Target {
    /// What it is.
    pub fn kind(&self) -> TargetKind {
        match self {
            Self::File(output) => TargetKind::File(output.kind()),
            Self::Stream(output) => TargetKind::Stream(output.kind()),
            Self::Page(_) => TargetKind::Page,
            Self::Raw(_) => TargetKind::Raw,
        }
    }

    /// Tells them apart: an address (`rtmp://`, `rtmps://`, `srt://`) and a playlist (`.m3u8`) are streams, and
    /// `preview://` is a page; what begins with `gst:` is made by elements of GStreamer, which are looked up here.
    ///
    /// # Errors
    /// A name that stands for nothing.
    pub fn parse(name: &str) -> Result<Self, AnimationError> {
        if let Some(words) = name.strip_prefix(GST) {
            return Ok(Self::Raw(RawOutput::parse(words.trim())?));
        }
        let scheme = name.split_once("://").map(|(scheme, _)| scheme.to_lowercase());
        if scheme.as_deref() == Some("preview") {
            return Ok(Self::Page(PreviewAddress::parse(name)?));
        }
        let is_address = scheme.is_some_and(|scheme| scheme != "file");
        let is_playlist = name.to_lowercase().ends_with(".m3u8");
        if is_address || is_playlist {
            Ok(Self::Stream(LiveOutput::parse(name)?))
        } else {
            Ok(Self::File(Output::parse(name)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_streams_from_files() {
        for stream in ["rtmp://localhost/live/key", "SRT://localhost:7001", "web/live.m3u8", "A.M3U8"] {
            assert!(matches!(Target::parse(stream), Ok(Target::Stream(_))), "{stream}");
        }
        assert!(matches!(Target::parse("preview://"), Ok(Target::Page(_))));
        assert!(matches!(Target::parse("gst: fakesink"), Ok(Target::Raw(_))));
        for file in ["a.mp4", "frames/", "shot_%05d.png"] {
            assert!(matches!(Target::parse(file), Ok(Target::File(_))), "{file}");
        }
        for (wrong, part) in [
            ("https://example.org/a.mp4", "nothing is streamed by 'https'"),
            ("file:///a.mp4", "expected a path"),
            ("preview://nowhere:x", "port"),
            ("a.avi", "nothing is written as '.avi'"),
        ] {
            assert!(Target::parse(wrong).unwrap_err().to_string().contains(part), "{wrong}");
        }
    }
}
