//! The GStreamer elements that outputs and inputs are built from, and starting GStreamer.

use std::path::Path;

use gst::prelude::*;
use gstreamer as gst;

use crate::error::MediaError;

/// A GStreamer element and what it takes to have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// GStreamer's name of it.
    pub name: &'static str,
    /// The Debian package that brings it.
    pub package: &'static str,
    /// What it does, as in "which ...".
    pub purpose: &'static str,
    /// What is lost without it.
    pub absence: &'static str,
}

const CORE: &str = "libgstreamer1.0-0";
pub(crate) const BASE: &str = "gstreamer1.0-plugins-base";
pub(crate) const GOOD: &str = "gstreamer1.0-plugins-good";
pub(crate) const BAD: &str = "gstreamer1.0-plugins-bad";
pub(crate) const UGLY: &str = "gstreamer1.0-plugins-ugly";
pub(crate) const LIBAV: &str = "gstreamer1.0-libav";

macro_rules! elements {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $package:ident, $purpose:literal, $absence:literal;)*) => {
        $(pub(crate) const $constant: Element =
            Element { name: $name, package: $package, purpose: $purpose, absence: $absence };)*
        /// Every element that is used anywhere.
        pub const ELEMENTS: &[Element] = &[$($constant),*];
    };
}

elements! {
    APPSRC = "appsrc", BASE, "takes rendered frames", "no MP4, MKV or WebM output";
    FILESINK = "filesink", CORE, "writes files", "no MP4, MKV or WebM output";
    X264ENC = "x264enc", UGLY, "encodes H.264", "no MP4 output, MKV only as VP9";
    H264PARSE = "h264parse", BAD, "prepares H.264 for files", "no MP4 output, MKV only as VP9";
    VP9ENC = "vp9enc", GOOD, "encodes VP9", "no WebM output";
    AV1ENC = "av1enc", BAD, "encodes AV1", "no AV1";
    AV1PARSE = "av1parse", BAD, "prepares AV1 for files", "no AV1";
    AVENC_FFV1 = "avenc_ffv1", LIBAV, "encodes FFV1", "no lossless MKV";
    MP4MUX = "mp4mux", GOOD, "writes MP4", "no MP4 output";
    MATROSKAMUX = "matroskamux", GOOD, "writes MKV", "no MKV output";
    WEBMMUX = "webmmux", GOOD, "writes WebM", "no WebM output";
    FILESRC = "filesrc", CORE, "reads files", "videos cannot be read";
    URIDECODEBIN = "uridecodebin", BASE, "recognises and decodes videos", "videos cannot be read";
    DEINTERLACE = "deinterlace", GOOD, "makes whole pictures of half ones", "videos cannot be read";
    VIDEOCONVERT = "videoconvert", BASE, "unpacks rare pixel formats", "videos cannot be read";
    CAPSFILTER = "capsfilter", CORE, "asks for a pixel format", "videos cannot be read";
    QTDEMUX = "qtdemux", GOOD, "reads MP4", "MP4 files cannot be read";
    MATROSKADEMUX = "matroskademux", GOOD, "reads MKV and WebM", "MKV and WebM files cannot be read";
    AVDEC_H264 = "avdec_h264", LIBAV, "decodes H.264", "H.264 videos cannot be read";
    VP9DEC = "vp9dec", GOOD, "decodes VP9", "VP9 videos cannot be read";
    DECODEBIN = "decodebin", BASE, "decodes sound", "sound cannot be encoded anew";
    IDENTITY = "identity", CORE, "counts the time of sound", "outputs have no sound";
    AACPARSE = "aacparse", GOOD, "prepares AAC for files", "AAC sound cannot be copied";
    MPEGAUDIOPARSE = "mpegaudioparse", GOOD, "prepares MP3 for files", "MP3 sound cannot be copied";
    FLACPARSE = "flacparse", GOOD, "prepares FLAC for files", "FLAC sound cannot be copied";
    AC3PARSE = "ac3parse", GOOD, "prepares AC-3 for files", "AC-3 sound cannot be copied";
    AUDIOCONVERT = "audioconvert", BASE, "converts samples of sound", "sound cannot be encoded anew";
    AUDIORESAMPLE = "audioresample", BASE, "changes the rate of sound", "sound cannot be encoded anew";
    AVENC_AAC = "avenc_aac", LIBAV, "encodes AAC", "sound that is not AAC cannot go into MP4";
    OPUSENC = "opusenc", BASE, "encodes Opus", "sound that is not Opus cannot go into WebM";
    FLVMUX = "flvmux", GOOD, "packs H.264 for RTMP", "no RTMP output";
    RTMP2SINK = "rtmp2sink", BAD, "sends to RTMP servers", "no RTMP output";
    MPEGTSMUX = "mpegtsmux", BAD, "packs H.264 for SRT and HLS", "no SRT or HLS output";
    SRTSINK = "srtsink", BAD, "sends by SRT", "no SRT output";
    HLSSINK2 = "hlssink2", BAD, "writes HLS playlists", "no HLS output";
    APPSINK = "appsink", BASE, "hands over decoded frames", "videos cannot be read";
}

impl Element {
    /// Makes one, for the output or input at `path`.
    pub(crate) fn make(&self, path: &Path) -> Result<gst::Element, MediaError> {
        gst::ElementFactory::make(self.name).build().map_err(|_| self.missing(path))
    }

    /// The error that says it is missing.
    pub(crate) fn missing(&self, path: &Path) -> MediaError {
        let Self { name, package, purpose, .. } = *self;
        MediaError::MissingElement { path: path.to_owned(), element: name, purpose, package }
    }
}

/// Starts GStreamer; any number of calls are fine.
pub(crate) fn start() -> Result<(), MediaError> {
    gst::init().map_err(|error| MediaError::GStreamer { detail: error.to_string() })
}

/// Whether this machine has the element. GStreamer must have been started.
pub(crate) fn is_present(name: &str) -> bool {
    gst::ElementFactory::find(name).is_some()
}

/// Sets properties from text, as `gst-launch-1.0` does; names and values are constants of this crate.
pub(crate) fn set(element: &gst::Element, properties: &[(&str, &str)]) {
    for (name, value) in properties {
        element.set_property_from_str(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_element_is_named_with_its_package() {
        start().unwrap();
        let absent = Element { name: "x264enc-not-there", ..X264ENC };
        let text = absent.make(Path::new("a.mp4")).unwrap_err().to_string();
        assert!(text.contains("x264enc-not-there") && text.contains("apt-get install gstreamer1.0-plugins-ugly"));
        assert!(!is_present(absent.name) && is_present(FILESINK.name));
    }
}
