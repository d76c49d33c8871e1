//! What a source has, as its demuxer finds it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gst::prelude::*;
use gstreamer as gst;

use super::input::is_readable;
use crate::codecs::{self, Kind, format};

/// What is said on the bus when the demuxer knows all its streams.
pub(super) const ALL_KNOWN: &str = "all-streams-known";

/// The stream that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Decoded pictures.
    Pictures,
    /// Pictures as they are coded.
    CodedPictures,
    /// Sound as it is coded.
    Sound,
}

/// What became known of a source while it was opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// The first stream of each kind, as coded.
    pub(crate) video: Option<gst::Caps>,
    pub(crate) sound: Option<gst::Caps>,
    pub(crate) is_matroska: bool,
    /// Pictures that are too large to be decoded.
    pub(super) too_large: Option<(i32, i32)>,
    /// Codecs without a decoder, as GStreamer calls them.
    pub(super) undecodable: Vec<String>,
}

/// Follows what the decoder finds, tells it what to leave alone, and links the first stream that fits.
pub(super) fn listen(decoder: &gst::Element, wanted: Wanted, heard: &Arc<Mutex<Heard>>, target: &gst::Pad) {
    let notes = heard.clone();
    decoder.connect("autoplug-continue", false, move |values| {
        let caps = values.get(2).and_then(|value| value.get::<gst::Caps>().ok());
        let goes_on = caps.is_none_or(|caps| is_taken_apart(&caps, wanted, &mut lock(&notes)));
        Some(goes_on.to_value())
    });
    let target = target.clone();
    let notes = heard.clone();
    decoder.connect_pad_added(move |_, pad| {
        let Some(caps) = pad.current_caps() else { return };
        let mut notes = lock(&notes);
        // Raw streams of devices come without having been announced.
        let format = format(&caps);
        match format.map(|format| format.kind) {
            Some(Kind::Video) => notes.video.get_or_insert_with(|| caps.clone()),
            Some(Kind::Sound) => notes.sound.get_or_insert_with(|| caps.clone()),
            None => return,
        };
        drop(notes);
        let is_raw = caps.structure(0).is_some_and(|structure| structure.name().ends_with("/x-raw"));
        let fits = match wanted {
            Wanted::Pictures => is_raw && format.is_some_and(|format| format.kind == Kind::Video),
            Wanted::CodedPictures => !is_raw && format.is_some_and(|format| format.kind == Kind::Video),
            Wanted::Sound => format.is_some_and(|format| format.kind == Kind::Sound),
        };
        if fits && !target.is_linked() {
            // If it does not fit after all, the stream ends with an error on the bus.
            let _ = pad.link(&target);
        }
    });
    decoder.connect_no_more_pads(|decoder| {
        let _ = decoder.post_message(gst::message::Application::new(gst::Structure::new_empty(ALL_KNOWN)));
    });
}

/// Whether a stream of these caps is to be parsed and decoded further.
fn is_taken_apart(caps: &gst::Caps, wanted: Wanted, heard: &mut Heard) -> bool {
    heard.is_matroska |= codecs::is_matroska(caps);
    if codecs::is_text(caps) {
        return false;
    }
    let (Some(format), Some(structure)) = (format(caps), caps.structure(0)) else { return true };
    match format.kind {
        Kind::Video => {
            heard.video.get_or_insert_with(|| caps.clone());
            let size = structure.get::<i32>("width").ok().zip(structure.get::<i32>("height").ok());
            let is_too_large = size.is_some_and(|(width, height)| !is_readable(width, height));
            if wanted == Wanted::Pictures && is_too_large {
                heard.too_large = heard.too_large.or(size);
                return false;
            }
            wanted == Wanted::Pictures
        }
        Kind::Sound => {
            // Some demuxers leave the details to the parser.
            if !heard.sound.as_deref().is_some_and(is_described) {
                heard.sound = Some(caps.clone());
            }
            wanted == Wanted::Pictures && !is_described(caps)
        }
    }
}

/// Whether the caps of sound say all that matters.
fn is_described(caps: &gst::CapsRef) -> bool {
    caps.structure(0).is_some_and(|structure| {
        let is_mpeg_1 = structure.get::<i32>("mpegversion") == Ok(1);
        structure.has_field("rate") && (!is_mpeg_1 || structure.has_field("layer"))
    })
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
