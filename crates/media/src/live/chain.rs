//! The elements of a session, linked: `appsrc ! encoder ! h264parse ! muxer ! sink`, and with sound beside it
//! `appsrc ! audioconvert ! avenc_aac ! muxer`.

use std::path::Path;

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use super::hls;
use super::output::{LiveKind, LiveOutput};
use super::settings::LiveSettings;
use crate::elements;
use crate::encoders::{idr_frames, is_nvenc_here, nvenc_with};
use crate::error::MediaError;
use crate::graph::{does_not_start, entrance};
use crate::settings::H264Encoder;
use crate::sink::VideoFormat;
use crate::sound::{Encoder, RATE, advance, stereo_caps};

/// Frames between the leg's thread and the encoder; a frame that waits there is no longer the newest.
const QUEUED_FRAMES: u64 = 2;
/// Seconds of sound that are pushed before the muxer begins, at least.
const SOUND_AHEAD: f64 = 0.1;
/// Seconds after which a server that does not answer is given up.
const CONNECT_SECONDS: u32 = 3;

/// A pipeline that was not started yet.
pub(super) struct Chain {
    pub(super) pipeline: gst::Pipeline,
    pub(super) source: gst_app::AppSrc,
    /// Where samples are handed over.
    pub(super) sound: Option<gst_app::AppSrc>,
    pub(super) encoder: gst::Element,
    pub(super) sink: gst::Element,
    /// Where coded bytes go into the sink.
    pub(super) mouth: gst::Pad,
}

/// What `settings` stand for on this machine. GStreamer must have been started.
pub(super) fn encoder_of(settings: &LiveSettings) -> H264Encoder {
    let here = if is_nvenc_here() { H264Encoder::Nvenc } else { H264Encoder::X264 };
    settings.encoder.unwrap_or(here)
}

impl Chain {
    /// The chain of session `number`.
    pub(super) fn build(
        output: &LiveOutput,
        format: &VideoFormat,
        settings: &LiveSettings,
        encoder: H264Encoder,
        info: &gst_video::VideoInfo,
        has_sound: bool,
        number: u64,
    ) -> Result<Self, MediaError> {
        let path = &output.shown_path();
        let source = entrance(path, info.to_caps().ok().as_ref())?;
        source.set_block(false);
        // The muxer of a live pipeline does not wait for the sound, which its encoder gives out late, but puts it where
        // it does not belong; one that is not live waits as long as it takes, which is a frame or two.
        source.set_is_live(!has_sound);
        let more = if has_sound { (SOUND_AHEAD * format.rate.fps()).ceil() as u64 } else { 0 };
        source.set_max_buffers(QUEUED_FRAMES + more);
        source.set_max_bytes(0);
        let encoder = match encoder {
            H264Encoder::X264 => x264(path, format, settings)?,
            H264Encoder::Nvenc => nvenc(path, format, settings)?,
        };
        let parser = elements::H264PARSE.make(path)?;
        // Whoever tunes in finds the description of the stream at the next IDR frame.
        parser.set_property("config-interval", -1);
        let mut chain = vec![source.clone().upcast(), encoder.clone(), parser];
        let sink = match output.kind() {
            LiveKind::Rtmp | LiveKind::Rtmps => {
                let muxer = elements::FLVMUX.make(path)?;
                muxer.set_property("streamable", true);
                chain.push(muxer);
                let sink = elements::RTMP2SINK.make(path)?;
                sink.set_property("location", output.name());
                sink.set_property("timeout", CONNECT_SECONDS);
                let host = sink.property::<Option<String>>("host").unwrap_or_default();
                check_address(output, &host)?;
                sink
            }
            LiveKind::Srt => {
                let muxer = elements::MPEGTSMUX.make(path)?;
                // What fits a datagram.
                muxer.set_property("alignment", 7);
                chain.push(muxer);
                let sink = elements::SRTSINK.make(path)?;
                sink.set_property("uri", output.name());
                let address = sink.property::<Option<String>>("uri").unwrap_or_default();
                check_address(output, address.trim_start_matches("srt://"))?;
                sink.set_property("auto-reconnect", false);
                // A caller's session stands when the server has answered, a listener's from the start.
                sink.set_property("wait-for-connection", !output.is_listener());
                sink
            }
            LiveKind::Hls => hls::sink(output, settings, number)?,
        };
        if output.kind() != LiveKind::Hls {
            // The leg has a clock of its own; frames are sent when they are coded.
            elements::set(&sink, &[("sync", "false"), ("async", "false")]);
        }
        let broken = |detail: String| does_not_start(path, detail);
        let pipeline = gst::Pipeline::new();
        pipeline.add_many(&chain).map_err(|error| broken(error.to_string()))?;
        pipeline.add(&sink).map_err(|error| broken(error.to_string()))?;
        gst::Element::link_many(&chain).map_err(|error| broken(error.to_string()))?;
        let (pad, last) = (if output.kind() == LiveKind::Hls { "video" } else { "sink" }, chain.last());
        let mouth = last.and_then(|last| {
            last.link_pads(Some("src"), &sink, Some(pad)).ok()?;
            sink.static_pad(pad)
        });
        let mouth = mouth.ok_or_else(|| broken(format!("'{}' takes no stream", sink.name())))?;
        let sound = if has_sound {
            let (taker, pad) = match (output.kind(), last) {
                (LiveKind::Rtmp | LiveKind::Rtmps, Some(muxer)) => (muxer, "audio"),
                (LiveKind::Srt, Some(muxer)) => (muxer, "sink_%d"),
                _ => (&sink, "audio"),
            };
            Some(add_sound(path, &pipeline, taker, pad)?)
        } else {
            None
        };
        Ok(Self { pipeline, source, sound, encoder, sink, mouth })
    }
}

/// Sound in AAC into the pad of a muxer.
fn add_sound(
    path: &Path,
    pipeline: &gst::Pipeline,
    muxer: &gst::Element,
    pad: &str,
) -> Result<gst_app::AppSrc, MediaError> {
    let broken = |error: gst::glib::BoolError| does_not_start(path, error.to_string());
    let source = entrance(path, Some(&stereo_caps()))?;
    source.set_block(false);
    source.set_max_bytes(0);
    source.set_max_time(gst::ClockTime::ZERO);
    let encoder = Encoder::Aac.element(path)?;
    let delay = gst::ClockTime::SECOND.mul_div_floor(Encoder::Aac.delay(), u64::from(RATE));
    if let Some((exit, delay)) = encoder.static_pad("src").zip(delay) {
        advance(&exit, delay.nseconds());
    }
    let chain = [source.clone().upcast(), elements::AUDIOCONVERT.make(path)?, encoder];
    pipeline.add_many(&chain).map_err(broken)?;
    gst::Element::link_many(&chain).map_err(broken)?;
    chain[2].link_pads(Some("src"), muxer, Some(pad)).map_err(broken)?;
    Ok(source)
}

/// Sinks keep their default, an address on this machine, when they are given one that they do not understand.
fn check_address(output: &LiveOutput, found: &str) -> Result<(), MediaError> {
    let (host, found) = (output.host(), found.trim_start_matches('['));
    if found.len() >= host.len() && found.is_char_boundary(host.len()) && found[..host.len()].eq_ignore_ascii_case(host)
    {
        return Ok(());
    }
    Err(MediaError::Address {
        address: output.to_string(),
        problem: "GStreamer does not understand this address".to_owned(),
        hint: "write odd characters as %XX",
    })
}

fn x264(path: &Path, format: &VideoFormat, settings: &LiveSettings) -> Result<gst::Element, MediaError> {
    let encoder = elements::X264ENC.make(path)?;
    elements::set(
        &encoder,
        &[
            // Every frame comes out as soon as it went in.
            ("tune", "zerolatency"),
            ("bframes", "0"),
            ("speed-preset", settings.speed.x264_name()),
            ("bitrate", &settings.bitrate_kbps.kbit_per_s().to_string()),
            ("key-int-max", &idr_frames(format, settings.idr_interval_secs)),
            // IDR frames come at regular times and nowhere else, so that all segments are equally long.
            ("option-string", "scenecut=0"),
        ],
    );
    Ok(encoder)
}

fn nvenc(path: &Path, format: &VideoFormat, settings: &LiveSettings) -> Result<gst::Element, MediaError> {
    let (bitrate, gop) =
        (settings.bitrate_kbps.kbit_per_s().to_string(), idr_frames(format, settings.idr_interval_secs));
    nvenc_with(
        path,
        &[
            ("preset", "low-latency-hq"),
            ("rc-mode", "cbr"),
            ("zerolatency", "true"),
            ("bframes", "0"),
            ("bitrate", &bitrate),
            ("gop-size", &gop),
        ],
    )
}

#[cfg(test)]
mod tests {
    use moue_timeline::FrameRate;

    use super::*;
    use crate::planes::video_info;

    fn build(name: &str) -> Result<Chain, MediaError> {
        build_with(name, false)
    }

    fn build_with(name: &str, has_sound: bool) -> Result<Chain, MediaError> {
        elements::start().unwrap();
        let output = LiveOutput::parse(name).unwrap();
        let format = VideoFormat::new(64, 64, FrameRate::FPS_25);
        let info = video_info(Path::new(name), &format).unwrap();
        Chain::build(&output, &format, &LiveSettings::default(), H264Encoder::X264, &info, has_sound, 1)
    }

    #[test]
    fn every_kind_of_stream_takes_sound() {
        let folder = tempfile::tempdir().unwrap();
        let playlist = folder.path().join("live.m3u8");
        for name in ["rtmp://host/live/key", "srt://host:7001", "srt://:7001?mode=listener", playlist.to_str().unwrap()]
        {
            let chain = build_with(name, true).unwrap();
            let sound = chain.sound.as_ref().unwrap();
            assert!(sound.static_pad("src").is_some_and(|pad| pad.is_linked()) && !sound.is_block(), "{name}");
            assert!(build(name).unwrap().sound.is_none());
        }
    }

    #[test]
    fn sinks_go_where_the_address_says_or_nowhere() {
        let rtmp = |name: &str| {
            let sink = build(name).unwrap().sink;
            let text = |name: &str| sink.property::<String>(name);
            (text("host"), sink.property::<i32>("port"), text("application"), text("stream"))
        };
        let parts = |host: &str, port, app: &str, key: &str| (host.to_owned(), port, app.to_owned(), key.to_owned());
        assert_eq!(rtmp("rtmp://example.org/live/a-b"), parts("example.org", 1935, "live", "a-b"));
        assert_eq!(rtmp("RTMP://[::1]:7/live/a?b=c"), parts("::1", 7, "live", "a?b=c"));
        assert_eq!(rtmp("rtmps://me:word@host/app/inner/key"), parts("host", 443, "app/inner", "key"));
        let uri = build("srt://host:7001?latency=200").unwrap().sink.property::<String>("uri");
        assert!(uri.starts_with("srt://host:7001"), "{uri}");
        let uri = build("srt://[::1]:7001").unwrap().sink.property::<String>("uri");
        assert!(uri.starts_with("srt://[::1]:7001"), "{uri}");
        for name in ["rtmp://h%zz/live/secret", "srt://ho<st:1"] {
            let text = build(name).err().unwrap().to_string();
            assert!(text.contains("does not understand") && !text.contains("secret"), "{name}: {text}");
        }
    }
}
