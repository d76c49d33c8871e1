//! How an output of a preset is encoded.

use moue_document::{mapping, words};
use moue_media::{Codec, EncoderSettings, H264Encoder, LiveSettings, Speed};

mapping! {
    /// How hard and how well an encoder works. Files have a quality, streams a bit rate.
    pub struct EncoderText {
        /// The codec of a file; what suits the container unless told.
        pub codec: Option<CodecName>,
        /// Constant rate factor of a file: 0 is best, larger is smaller; at most 50 for H.264, 63 for VP9 and AV1.
        pub crf: Option<u32> where (0..=63),
        /// Bits of picture that a stream has per second, at most, in kilobits.
        pub bitrate_kbps: Option<u32> where (50..=100_000),
        /// Effort, named as x264 names it.
        pub speed: Option<SpeedName>,
        /// Seconds between two frames that can be sought to, or tuned in at.
        pub idr_interval_secs: Option<f64> where (0.1..=60.0),
        /// What encodes H.264; for files x264, for streams NVENC where there is one.
        pub encoder: Option<EncoderName>,
        /// Whether an MP4 is written in fragments, which can be played while it is written and survive a crash.
        pub fragmented: Option<bool>,
    }
}

words! {
    /// What encodes H.264.
    pub enum EncoderName {
        /// x264, on the processor.
        X264 = "x264",
        /// NVENC, on an NVIDIA card that has it.
        Nvenc = "nvenc",
    }
}

words! {
    /// How video is compressed.
    pub enum CodecName {
        /// H.264 by x264.
        H264 = "h264",
        /// VP9 by libvpx.
        Vp9 = "vp9",
        /// AV1 by libaom: smaller than VP9, and several times as slow.
        Av1 = "av1",
        /// FFV1 in MKV: lossless, frames come back bit for bit.
        Ffv1 = "ffv1",
    }
}

words! {
    /// The speed of an encoder: faster makes larger files of the same quality.
    pub enum SpeedName {
        /// x264's `ultrafast`.
        Ultrafast = "ultrafast",
        /// x264's `superfast`.
        Superfast = "superfast",
        /// x264's `veryfast`, the default here.
        Veryfast = "veryfast",
        /// x264's `faster`.
        Faster = "faster",
        /// x264's `fast`.
        Fast = "fast",
        /// x264's `medium`.
        Medium = "medium",
        /// x264's `slow`.
        Slow = "slow",
        /// x264's `slower`.
        Slower = "slower",
        /// x264's `veryslow`.
        Veryslow = "veryslow",
    }
}

impl From<CodecName> for Codec {
    fn from(name: CodecName) -> Self {
        match name {
            CodecName::H264 => Self::H264,
            CodecName::Vp9 => Self::Vp9,
            CodecName::Av1 => Self::Av1,
            CodecName::Ffv1 => Self::Ffv1,
        }
    }
}

impl From<EncoderName> for H264Encoder {
    fn from(name: EncoderName) -> Self {
        match name {
            EncoderName::X264 => Self::X264,
            EncoderName::Nvenc => Self::Nvenc,
        }
    }
}

impl From<SpeedName> for Speed {
    fn from(name: SpeedName) -> Self {
        match name {
            SpeedName::Ultrafast => Self::Ultrafast,
            SpeedName::Superfast => Self::Superfast,
            SpeedName::Veryfast => Self::Veryfast,
            SpeedName::Faster => Self::Faster,
            SpeedName::Fast => Self::Fast,
            SpeedName::Medium => Self::Medium,
            SpeedName::Slow => Self::Slow,
            SpeedName::Slower => Self::Slower,
            SpeedName::Veryslow => Self::Veryslow,
        }
    }
}

impl EncoderText {
    /// Of a file. Numbers were read within their ranges.
    pub fn file_settings(&self) -> EncoderSettings {
        let usual = EncoderSettings::default();
        EncoderSettings {
            codec: self.codec.map(Into::into),
            crf: self.crf.and_then(|crf| u8::try_from(crf).ok()?.try_into().ok()),
            speed: self.speed.map_or(usual.speed, Into::into),
            idr_interval_secs: self.idr().unwrap_or(usual.idr_interval_secs),
            fragmented: self.fragmented.unwrap_or(usual.fragmented),
            encoder: self.encoder.map(Into::into),
        }
    }

    /// Of a stream.
    pub fn live_settings(&self) -> LiveSettings {
        let usual = LiveSettings::default();
        LiveSettings {
            bitrate_kbps: self.bitrate_kbps.and_then(|rate| rate.try_into().ok()).unwrap_or(usual.bitrate_kbps),
            speed: self.speed.map_or(usual.speed, Into::into),
            idr_interval_secs: self.idr().unwrap_or(usual.idr_interval_secs),
            encoder: self.encoder.map(Into::into),
            fail_fast: usual.fail_fast,
        }
    }

    fn idr(&self) -> Option<moue_media::IdrInterval> {
        self.idr_interval_secs.and_then(|seconds| seconds.try_into().ok())
    }

    /// Keys that are set and mean nothing for an output that is one file of video, a stream, or neither.
    pub(super) fn unfit(&self, of: Encoded) -> Vec<&'static str> {
        let all = [
            ("codec", self.codec.is_some(), of == Encoded::File),
            ("crf", self.crf.is_some(), of == Encoded::File),
            ("bitrate_kbps", self.bitrate_kbps.is_some(), of == Encoded::Stream),
            ("speed", self.speed.is_some(), of != Encoded::Not),
            ("idr_interval_secs", self.idr_interval_secs.is_some(), of != Encoded::Not),
            ("encoder", self.encoder.is_some(), of != Encoded::Not),
            ("fragmented", self.fragmented.is_some(), of == Encoded::File),
        ];
        all.into_iter().filter(|(_, is_set, fits)| *is_set && !fits).map(|(key, ..)| key).collect()
    }
}

/// What an output is to an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoded {
    File,
    Stream,
    Not,
}
