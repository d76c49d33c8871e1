//! The way of sound into a muxer: `appsrc [! audioconvert ! encoder] ! muxer`.

use std::path::Path;

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;

use super::Encoder;
use crate::elements;
use crate::error::MediaError;
use crate::graph::entrance;

/// Bytes of sound that wait for the muxer.
const QUEUED_BYTES: u64 = 1 << 20;

/// Where packets or samples are handed over. The sound ends when it is dropped: the muxer waits for that.
pub(super) struct Inlet {
    source: gst_app::AppSrc,
}

impl Inlet {
    /// Links a new stream to the muxer, through an encoder if one is named. Before anything runs.
    pub(super) fn open(
        path: &Path,
        pipeline: &gst::Pipeline,
        muxer: &gst::Element,
        caps: Option<&gst::Caps>,
        encoder: Option<Encoder>,
    ) -> Result<Self, MediaError> {
        let broken = |detail: String| failed(path, "the sound does not fit into it", detail);
        let source = entrance(path, caps)?;
        source.set_max_bytes(QUEUED_BYTES);
        let mut chain = vec![source.clone().upcast::<gst::Element>()];
        if let Some(encoder) = encoder {
            chain.extend([elements::AUDIOCONVERT.make(path)?, encoder.element(path)?]);
            let rate = caps.and_then(rate).unwrap_or(48_000);
            let pad = chain.last().and_then(|encoder| encoder.static_pad("src"));
            pad.iter().for_each(|pad| advance(pad, encoder.delay() * 1_000_000_000 / u64::from(rate)));
        }
        pipeline.add_many(&chain).map_err(|error| broken(error.to_string()))?;
        gst::Element::link_many(&chain).map_err(|error| broken(error.to_string()))?;
        let last = chain.last().ok_or_else(|| broken("no chain".to_owned()))?;
        last.link_pads(None, muxer, Some("audio_%u")).map_err(|error| broken(error.to_string()))?;
        Ok(Self { source })
    }

    /// From now on whoever hands something over does not wait, and all of it is kept.
    pub(super) fn never_wait(&self) {
        self.source.set_block(false);
        self.source.set_max_bytes(0);
    }

    /// Hands over a packet, waiting for room; whether anybody takes it.
    pub(super) fn push(&self, buffer: gst::Buffer) -> bool {
        self.source.push_buffer(buffer).is_ok()
    }

    /// Hands over samples of `unit` bytes that begin at sample `at` and counts on; whether anybody takes them.
    pub(super) fn push_samples(&self, bytes: Vec<u8>, at: &mut u64, rate: u32, unit: usize) -> bool {
        let count = (bytes.len() / unit) as u64;
        let time = |sample: u64| (u128::from(sample) * 1_000_000_000 / u128::from(rate)) as u64;
        let (start, end) = (time(*at), time(*at + count));
        *at += count;
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(start));
            buffer.set_duration(gst::ClockTime::from_nseconds(end - start));
        }
        self.push(buffer)
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        let _ = self.source.end_of_stream();
    }
}

/// Takes an encoder's delay off the times of its packets; those that hold nothing but the delay go.
pub(crate) fn advance(pad: &gst::Pad, delay: u64) {
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let Some(buffer) = info.buffer_mut().filter(|_| delay > 0) else { return gst::PadProbeReturn::Ok };
        let time = buffer.pts().map(|pts| pts.nseconds());
        // Half a packet's worth of slack: times are rounded to nanoseconds.
        let Some(time) = time.and_then(|time| (time + 1000).checked_sub(delay)) else {
            return gst::PadProbeReturn::Drop;
        };
        let buffer = buffer.make_mut();
        buffer.set_pts(gst::ClockTime::from_nseconds(time.saturating_sub(1000)));
        buffer.set_dts(gst::ClockTime::NONE);
        gst::PadProbeReturn::Ok
    });
}

/// Samples per second.
pub(super) fn rate(caps: &gst::Caps) -> Option<u32> {
    let rate = caps.structure(0)?.get::<i32>("rate").ok()?;
    u32::try_from(rate).ok().filter(|rate| *rate > 0)
}

pub(super) fn failed(path: &Path, message: &str, detail: String) -> MediaError {
    MediaError::Media { path: path.to_owned(), action: "adding the sound", message: message.to_owned(), detail }
}
