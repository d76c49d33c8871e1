//! What GStreamer's names of formats are called by people, and which package decodes them.

use gstreamer as gst;

use crate::elements::{BAD, BASE, GOOD, LIBAV, UGLY};
use crate::error::MediaError;

/// Pictures or sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Video,
    Sound,
}

/// A way of coding one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    /// The Debian package with a decoder.
    pub(crate) package: &'static str,
}

/// The format of an elementary stream; `None` for containers and for what is not known here.
pub(crate) fn format(caps: &gst::CapsRef) -> Option<Format> {
    let structure = caps.structure(0)?;
    let number = |field: &str| structure.get::<i32>(field).ok();
    let is_container = structure.get::<bool>("systemstream") == Ok(true);
    if is_container {
        return None;
    }
    let video = |name, package| Some(Format { kind: Kind::Video, name, package });
    let sound = |name, package| Some(Format { kind: Kind::Sound, name, package });
    match structure.name().as_str() {
        "video/x-raw" => video("uncompressed", BASE),
        "video/x-h264" => video("H.264", LIBAV),
        "video/x-h265" => video("H.265", LIBAV),
        "video/x-vp8" => video("VP8", GOOD),
        "video/x-vp9" => video("VP9", GOOD),
        "video/x-av1" => video("AV1", BAD),
        "video/mpeg" => match number("mpegversion") {
            Some(1) => video("MPEG-1", LIBAV),
            Some(2) => video("MPEG-2", LIBAV),
            _ => video("MPEG-4 Part 2", LIBAV),
        },
        "video/x-theora" => video("Theora", BASE),
        "video/x-dv" => video("DV", GOOD),
        "video/x-prores" => video("ProRes", LIBAV),
        "video/x-dnxhd" => video("DNxHD", LIBAV),
        "video/x-h263" | "video/x-flash-video" => video("H.263", LIBAV),
        "video/x-divx" | "video/x-xvid" | "video/x-msmpeg" => video("MPEG-4 Part 2", LIBAV),
        "video/x-wmv" => video("Windows Media Video", LIBAV),
        "video/x-ffv" => video("FFV1", LIBAV),
        "video/x-huffyuv" => video("Huffyuv", LIBAV),
        "image/jpeg" => video("Motion JPEG", GOOD),
        "image/png" => video("PNG", GOOD),
        "image/gif" => video("GIF", LIBAV),
        "audio/x-raw" => sound("PCM", BASE),
        "audio/mpeg" => match (number("mpegversion"), number("layer")) {
            (Some(1), Some(3)) => sound("MP3", GOOD),
            (Some(1), _) => sound("MP2", LIBAV),
            _ => sound("AAC", LIBAV),
        },
        "audio/x-opus" => sound("Opus", BASE),
        "audio/x-vorbis" => sound("Vorbis", BASE),
        "audio/x-flac" => sound("FLAC", GOOD),
        "audio/x-alac" => sound("ALAC", LIBAV),
        "audio/x-ac3" => sound("AC-3", LIBAV),
        "audio/x-eac3" => sound("E-AC-3", LIBAV),
        "audio/x-dts" => sound("DTS", LIBAV),
        "audio/x-wma" => sound("Windows Media Audio", LIBAV),
        "audio/x-speex" => sound("Speex", GOOD),
        "audio/x-alaw" => sound("A-law", GOOD),
        "audio/x-mulaw" => sound("mu-law", GOOD),
        "audio/AMR" => sound("AMR", UGLY),
        "audio/AMR-WB" => sound("AMR-WB", UGLY),
        _ => None,
    }
}

/// Streams that nobody here has a use for: words and pictures of words.
pub(crate) fn is_text(caps: &gst::CapsRef) -> bool {
    const TEXTS: [&str; 6] =
        ["text/", "subtitle/", "subpicture/", "closedcaption/", "application/x-ssa", "application/x-ass"];
    caps.structure(0).is_some_and(|structure| TEXTS.iter().any(|text| structure.name().starts_with(text)))
}

/// Matroska and WebM, whose demuxer needs special care with times.
pub(crate) fn is_matroska(caps: &gst::CapsRef) -> bool {
    let names = ["video/x-matroska", "audio/x-matroska", "video/webm", "audio/webm", "video/x-matroska-3d"];
    caps.structure(0).is_some_and(|structure| names.contains(&structure.name().as_str()))
}

/// AAC's true rate: demuxers guess it from fields that say it in two ways.
pub(crate) fn true_rate(caps: &gst::Caps) -> gst::Caps {
    let mut caps = caps.clone();
    if let Some((rate, channels)) = aac_shape(&caps)
        && let Some(structure) = caps.make_mut().structure_mut(0)
    {
        structure.set("rate", rate);
        if channels > 0 {
            structure.set("channels", channels);
        }
    }
    caps
}

/// Samples per second and channels (0: not said here) by AAC's own description (ISO/IEC 14496-3, 1.6.2.1).
fn aac_shape(caps: &gst::CapsRef) -> Option<(i32, i32)> {
    const RATES: [i32; 13] = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
    let is_aac = format(caps).is_some_and(|format| format.name == "AAC");
    let data = caps.structure(0).filter(|_| is_aac)?.get::<gst::Buffer>("codec_data").ok()?;
    let bytes = data.map_readable().ok()?;
    // Five bits of kind, four of rate, four of channels; anything rarer is left to the demuxer.
    let bits = u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]);
    if bits >> 11 == 31 {
        return None;
    }
    let channels = match bits >> 3 & 15 {
        7 => 8,
        channels @ 0..=6 => i32::from(channels),
        _ => return None,
    };
    Some((*RATES.get(usize::from(bits >> 7 & 15))?, channels))
}

/// Bytes of one uncompressed sample of all channels.
pub(crate) fn sample_bytes(caps: &gst::CapsRef) -> Option<usize> {
    let structure = caps.structure(0)?;
    // A letter, the bits, and the order of the bytes: S16LE.
    let format = structure.get::<&str>("format").ok()?;
    let bits: usize = format.get(1..)?.trim_end_matches(char::is_alphabetic).parse().ok()?;
    let channels = usize::try_from(structure.get::<i32>("channels").ok()?).ok()?;
    Some(bits / 8 * channels).filter(|bytes| *bytes > 0)
}

/// An error about a source without the source's name and without a hint, for use within a sentence.
pub(crate) fn in_short(error: &MediaError) -> String {
    match error {
        MediaError::NoDecoder { codec, hint, .. } => format!("there is no decoder for {codec} ({hint})"),
        MediaError::Truncated { detail, .. } | MediaError::Damaged { detail, .. } => detail.clone(),
        MediaError::Media { message, detail, .. } if detail.is_empty() => message.clone(),
        MediaError::Media { message, detail, .. } => format!("{message} ({detail})"),
        MediaError::Unreachable { problem, .. } => problem.clone(),
        MediaError::PictureTooLarge { found, .. } => found.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn streams_have_names_and_containers_none() {
        crate::elements::start().unwrap();
        let name = |text: &str| format(&gst::Caps::from_str(text).unwrap()).map(|format| format.name);
        assert_eq!(name("audio/mpeg, mpegversion=1, layer=3"), Some("MP3"));
        assert_eq!(name("audio/mpeg, mpegversion=4, stream-format=raw"), Some("AAC"));
        assert_eq!(name("video/mpeg, mpegversion=2, systemstream=false"), Some("MPEG-2"));
        for container in
            ["video/mpeg, mpegversion=2, systemstream=true", "video/quicktime", "audio/x-m4a", "video/webm"]
        {
            assert_eq!(name(container), None, "{container}");
        }
        let caps = |text: &str| gst::Caps::from_str(text).unwrap();
        let shape = |text: &str| aac_shape(&caps(text));
        // What ffmpeg writes for 48 kHz, one channel, with a note that there is no spectral band replication.
        assert_eq!(shape("audio/mpeg, mpegversion=4, rate=96000, codec_data=(buffer)118856e500"), Some((48_000, 1)));
        assert_eq!(shape("audio/mpeg, mpegversion=4, codec_data=(buffer)1210"), Some((44_100, 2)));
        assert_eq!(shape("audio/mpeg, mpegversion=4, codec_data=(buffer)12"), None);
        let fixed =
            true_rate(&caps("audio/mpeg, mpegversion=4, rate=96000, channels=2, codec_data=(buffer)118856e500"));
        assert_eq!(fixed.structure(0).unwrap().get::<i32>("rate"), Ok(48_000));
        assert_eq!(sample_bytes(&caps("audio/x-raw, format=S24LE, channels=2")), Some(6));
        assert_eq!(sample_bytes(&caps("audio/x-raw, format=U8, channels=1")), Some(1));
        assert!(is_text(&gst::Caps::from_str("text/x-raw").unwrap()));
        assert!(is_matroska(&gst::Caps::from_str("video/webm").unwrap()));
    }
}
