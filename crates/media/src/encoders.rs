//! What the encoders are told.

use std::path::Path;

use gstreamer as gst;

use crate::elements;
use crate::error::MediaError;
use crate::settings::{Codec, EncoderSettings, Speed};
use crate::sink::VideoFormat;

/// H.264 by x264.
pub(crate) fn x264(path: &Path, format: &VideoFormat, settings: &EncoderSettings) -> Result<gst::Element, MediaError> {
    let encoder = elements::X264ENC.make(path)?;
    let crf = settings.crf.unwrap_or(Codec::H264.default_crf()).get().to_string();
    elements::set(
        &encoder,
        &[
            // Constant rate factor; without a VBV, as its default would cap the rate at 2 Mbit/s.
            ("pass", "qual"),
            ("quantizer", &crf),
            ("vbv-buf-capacity", "0"),
            ("speed-preset", settings.speed.x264_name()),
            // Frames are then stored in the order they are shown, the first at time 0.
            ("bframes", "0"),
            ("key-int-max", &idr_frames(format, settings)),
        ],
    );
    Ok(encoder)
}

/// VP9 by libvpx.
pub(crate) fn vp9(path: &Path, format: &VideoFormat, settings: &EncoderSettings) -> Result<gst::Element, MediaError> {
    let encoder = elements::VP9ENC.make(path)?;
    let crf = settings.crf.unwrap_or(Codec::Vp9.default_crf()).get().to_string();
    let is_fast = settings.speed <= Speed::Fast;
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(16));
    elements::set(
        &encoder,
        &[
            // libvpx's real-time mode takes no notice of cq-level, so quality is set as the best quantizer it may use;
            // the rate is far above what it takes to always use that one.
            ("end-usage", if is_fast { "vbr" } else { "cq" }),
            ("cq-level", &crf),
            ("min-quantizer", &crf),
            ("target-bitrate", "200000000"),
            ("cpu-used", &settings.speed.vp9_cpu_used().to_string()),
            // 1 is libvpx's real-time mode, a million its good mode.
            ("deadline", if is_fast { "1" } else { "1000000" }),
            ("lag-in-frames", if is_fast { "0" } else { "16" }),
            ("keyframe-max-dist", &idr_frames(format, settings)),
            ("row-mt", "true"),
            ("threads", &threads.to_string()),
        ],
    );
    Ok(encoder)
}

fn idr_frames(format: &VideoFormat, settings: &EncoderSettings) -> String {
    let frames = (settings.idr_interval_secs.seconds() * format.rate.fps()).round();
    frames.clamp(1.0, 10_000.0).to_string()
}
