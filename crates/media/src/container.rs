//! The files that hold compressed video.

use std::path::Path;

use gst::prelude::*;
use gstreamer as gst;

use crate::elements::{self, Element};
use crate::error::MediaError;
use crate::settings::Codec;

/// What holds the compressed video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Mp4,
    Mkv,
    Webm,
}

impl Container {
    /// What it can hold here, the default first.
    pub(crate) fn codecs(self) -> &'static [Codec] {
        match self {
            Self::Mp4 => &[Codec::H264],
            Self::Mkv => &[Codec::H264, Codec::Vp9, Codec::Av1, Codec::Ffv1],
            Self::Webm => &[Codec::Vp9, Codec::Av1],
        }
    }

    pub(crate) fn demuxer(self) -> Element {
        match self {
            Self::Mp4 => elements::QTDEMUX,
            Self::Mkv | Self::Webm => elements::MATROSKADEMUX,
        }
    }

    /// The muxer, and what writes its file to `location`; `path` is for errors. With an `interim` file, an MP4's index
    /// goes before the pictures, so that a browser can start at once: the muxer keeps the pictures there until it knows
    /// what to write before them. Its own choice of a place would be /tmp, which may be small, or memory.
    pub(crate) fn writer(
        self,
        path: &Path,
        location: &Path,
        interim: Option<&Path>,
    ) -> Result<[gst::Element; 2], MediaError> {
        let muxer = match self {
            Self::Mp4 => elements::MP4MUX,
            Self::Mkv => elements::MATROSKAMUX,
            Self::Webm => elements::WEBMMUX,
        };
        let (muxer, file) = (muxer.make(path)?, elements::FILESINK.make(path)?);
        if let Some(interim) = interim {
            muxer.set_property("faststart", true);
            muxer.set_property("faststart-file", text(interim));
        }
        file.set_property("location", text(location));
        file.set_property("sync", false);
        Ok([muxer, file])
    }
}

/// The muxer of an MP4 in fragments of a second, and what writes its file: each as soon as it is there.
pub(crate) fn fragments(path: &Path, location: &Path) -> Result<[gst::Element; 2], MediaError> {
    let [muxer, file] = Container::Mp4.writer(path, location, None)?;
    elements::set(&muxer, &[("fragment-duration", "1000")]);
    elements::set(&file, &[("buffer-mode", "unbuffered")]);
    Ok([muxer, file])
}

/// GStreamer takes paths as UTF-8, which those of an [`Output`](crate::Output) are.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
