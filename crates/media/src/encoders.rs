//! What the encoders are told.

use std::path::Path;

use gst::prelude::*;
use gstreamer as gst;

use crate::elements::{self, Element};
use crate::error::MediaError;
use crate::settings::{Codec, EncoderSettings, IdrInterval, Speed};
use crate::sink::VideoFormat;

/// The bits of x264 and libvpx depend on how many threads they have, and x264's shortcuts on the processor's kind. Both
/// are fixed, so that a film is the same whichever machine encodes it.
const THREADS: &str = "4";

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
            ("key-int-max", &idr_frames(format, settings.idr_interval_secs)),
            ("threads", THREADS),
            ("option-string", "cpu-independent=1"),
        ],
    );
    Ok(encoder)
}

/// VP9 by libvpx.
pub(crate) fn vp9(path: &Path, format: &VideoFormat, settings: &EncoderSettings) -> Result<gst::Element, MediaError> {
    let encoder = elements::VP9ENC.make(path)?;
    let crf = settings.crf.unwrap_or(Codec::Vp9.default_crf()).get().to_string();
    let is_fast = settings.speed <= Speed::Fast;
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
            ("keyframe-max-dist", &idr_frames(format, settings.idr_interval_secs)),
            ("row-mt", "true"),
            ("threads", THREADS),
        ],
    );
    Ok(encoder)
}

/// AV1 by libaom.
pub(crate) fn av1(path: &Path, format: &VideoFormat, settings: &EncoderSettings) -> Result<gst::Element, MediaError> {
    let encoder = elements::AV1ENC.make(path)?;
    let crf = settings.crf.unwrap_or(Codec::Av1.default_crf()).get().to_string();
    let is_fast = settings.speed <= Speed::Fast;
    elements::set(
        &encoder,
        &[
            // GStreamer's element has no constant quality: always the same quantizer instead.
            ("end-usage", "vbr"),
            ("target-bitrate", "200000"),
            ("min-quantizer", &crf),
            ("max-quantizer", &crf),
            ("usage-profile", if is_fast { "realtime" } else { "good-quality" }),
            ("cpu-used", &settings.speed.av1_cpu_used().to_string()),
            ("lag-in-frames", if is_fast { "0" } else { "16" }),
            ("keyframe-max-dist", &idr_frames(format, settings.idr_interval_secs)),
        ],
    );
    Ok(encoder)
}

/// FFV1 by libavcodec: every frame stands alone.
pub(crate) fn ffv1(path: &Path) -> Result<gst::Element, MediaError> {
    let encoder = elements::AVENC_FFV1.make(path)?;
    elements::set(&encoder, &[("gop-size", "1")]);
    Ok(encoder)
}

const NVH264ENC: Element = Element {
    name: "nvh264enc",
    package: elements::BAD,
    purpose: "encodes H.264 on an NVIDIA card that can",
    absence: "H.264 is encoded by the processor",
};

/// Whether an NVIDIA card here encodes H.264. GStreamer must have been started.
pub(crate) fn is_nvenc_here() -> bool {
    elements::is_present(NVH264ENC.name)
}

/// H.264 by NVENC at a constant quality.
pub(crate) fn nvenc(path: &Path, format: &VideoFormat, settings: &EncoderSettings) -> Result<gst::Element, MediaError> {
    let crf = settings.crf.unwrap_or(Codec::H264.default_crf()).get().to_string();
    let gop = idr_frames(format, settings.idr_interval_secs);
    nvenc_with(path, &[("rc-mode", "constqp"), ("qp-const", &crf), ("bframes", "0"), ("gop-size", &gop)])
}

/// H.264 by NVENC with these properties.
pub(crate) fn nvenc_with(path: &Path, properties: &[(&str, &str)]) -> Result<gst::Element, MediaError> {
    let encoder = gst::ElementFactory::make(NVH264ENC.name).build().map_err(|_| no_nvenc(path))?;
    for (name, value) in properties {
        // Which of them there are depends on GStreamer's version and on the card.
        if encoder.has_property(name) {
            encoder.set_property_from_str(name, value);
        }
    }
    Ok(encoder)
}

/// There is no such card, or its driver or GStreamer's plugin is missing.
pub(crate) fn no_nvenc(path: &Path) -> MediaError {
    MediaError::Settings {
        path: path.to_owned(),
        problem: "NVENC is asked for, but no NVIDIA card that has it is found here".to_owned(),
        hint: format!(
            "leave the encoder out, which takes x264; or see whether nvidia-smi lists the card, and {} is installed",
            NVH264ENC.package
        ),
    }
}

/// The interval in frames.
pub(crate) fn idr_frames(format: &VideoFormat, interval: IdrInterval) -> String {
    let frames = (interval.seconds() * format.rate.fps()).round();
    frames.clamp(1.0, 10_000.0).to_string()
}
