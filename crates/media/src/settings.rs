//! How hard and how well the encoder works.

use serde::Deserialize;

/// How video is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// H.264 by x264: MP4 and MKV.
    H264,
    /// VP9 by libvpx: WebM and MKV.
    Vp9,
    /// AV1 by libaom: WebM and MKV. Smaller than VP9, and several times as slow.
    Av1,
    /// FFV1 by libavcodec: MKV. Lossless, also in colour: the frames come back bit for bit.
    Ffv1,
}

/// What encodes H.264.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum H264Encoder {
    /// x264, on the processor.
    X264,
    /// NVENC, on an NVIDIA card that has it.
    Nvenc,
}

impl Codec {
    /// The name people use.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
            Self::Ffv1 => "FFV1",
        }
    }

    /// The largest constant rate factor the codec knows; 0 for one that is lossless.
    pub fn max_crf(self) -> u8 {
        match self {
            Self::H264 => 50,
            Self::Vp9 | Self::Av1 => 63,
            Self::Ffv1 => 0,
        }
    }

    /// The rate factor used when none is asked for: about 46 dB on a portrait in motion, and flat colours within two
    /// levels, for both.
    pub fn default_crf(self) -> Crf {
        match self {
            Self::H264 => Crf(18),
            Self::Vp9 => Crf(12),
            Self::Av1 => Crf(12),
            Self::Ffv1 => Crf(0),
        }
    }
}

/// Constant rate factor: 0 is best, larger is smaller; 50 is the most for H.264, 63 for VP9 and AV1. With H.264, 0 is
/// lossless after the conversion to 4:2:0, and few players but ffmpeg's can play it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub struct Crf(u8);

impl Crf {
    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Crf {
    type Error = String;

    fn try_from(value: u8) -> Result<Self, String> {
        if value <= 63 { Ok(Self(value)) } else { Err(format!("crf {value}: expected 0 (best) to 63")) }
    }
}

/// The speed of the encoder, named as x264 names them: faster makes larger files of the same quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "x264's own words")]
pub enum Speed {
    Ultrafast,
    Superfast,
    #[default]
    Veryfast,
    Faster,
    Fast,
    Medium,
    Slow,
    Slower,
    Veryslow,
}

impl Speed {
    /// x264's name of it.
    pub(crate) fn x264_name(self) -> &'static str {
        match self {
            Self::Ultrafast => "ultrafast",
            Self::Superfast => "superfast",
            Self::Veryfast => "veryfast",
            Self::Faster => "faster",
            Self::Fast => "fast",
            Self::Medium => "medium",
            Self::Slow => "slow",
            Self::Slower => "slower",
            Self::Veryslow => "veryslow",
        }
    }

    /// libvpx's `cpu-used` (0 to 9, larger is faster).
    pub(crate) fn vp9_cpu_used(self) -> i32 {
        match self {
            Self::Ultrafast => 9,
            Self::Superfast => 8,
            Self::Veryfast => 7,
            Self::Faster => 6,
            Self::Fast => 5,
            Self::Medium => 4,
            Self::Slow => 3,
            Self::Slower => 2,
            Self::Veryslow => 1,
        }
    }
}

impl Speed {
    /// libaom's `cpu-used`, of its real-time mode (6 to 10) or its good mode (2 to 6).
    pub(crate) fn av1_cpu_used(self) -> i32 {
        match self {
            Self::Ultrafast => 10,
            Self::Superfast => 9,
            Self::Veryfast => 8,
            Self::Faster => 7,
            Self::Fast | Self::Medium => 6,
            Self::Slow => 5,
            Self::Slower => 4,
            Self::Veryslow => 3,
        }
    }
}

/// Seconds between two frames that can be sought to and that do not refer to others (IDR), 0.1 to 60.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub struct IdrInterval(f64);

impl IdrInterval {
    /// What someone who tunes in to a live stream waits for at most.
    pub(crate) const ONE_SECOND: Self = Self(1.0);

    /// The interval in seconds.
    pub fn seconds(self) -> f64 {
        self.0
    }
}

impl Default for IdrInterval {
    fn default() -> Self {
        Self(2.0)
    }
}

impl TryFrom<f64> for IdrInterval {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        if (0.1..=60.0).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(format!("idr_interval_secs {seconds}: expected 0.1 to 60 seconds"))
        }
    }
}

/// How hard and how well the encoder works; a run preset sets it in YAML. Frames, GIFs and contact sheets take no
/// notice of it.
#[derive(Clone, Copy, Debug, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderSettings {
    /// `h264`, `vp9`, `av1` or `ffv1`; by default what suits the container (MP4 and MKV: H.264, WebM: VP9).
    pub codec: Option<Codec>,
    /// Quality; by default 18 for H.264 and 12 for VP9 and AV1, whose scales differ. FFV1 has none.
    pub crf: Option<Crf>,
    /// Effort; by default `veryfast`.
    pub speed: Speed,
    /// How often one can seek to; by default every 2 seconds.
    pub idr_interval_secs: IdrInterval,
    /// Whether an MP4 is written in fragments of a second, pictures and sound together: what there is of it can be
    /// played while it is written, and after the program was killed. Sound is always encoded anew then.
    pub fragmented: bool,
    /// `x264` or `nvenc`, for H.264; by default x264.
    pub encoder: Option<H264Encoder>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_checked() {
        let read = |text: &str| serde_json::from_str::<EncoderSettings>(text).map_err(|error| error.to_string());
        assert_eq!(read("{}").unwrap(), EncoderSettings::default());
        let set = read(r#"{"codec": "vp9", "crf": 30, "speed": "slow", "idr_interval_secs": 0.5}"#).unwrap();
        assert_eq!((set.codec, set.crf, set.speed), (Some(Codec::Vp9), Some(Crf(30)), Speed::Slow));
        assert_eq!(set.idr_interval_secs.seconds(), 0.5);
        let set = read(r#"{"codec": "ffv1", "fragmented": true, "encoder": "nvenc"}"#).unwrap();
        assert_eq!((set.codec, set.fragmented, set.encoder), (Some(Codec::Ffv1), true, Some(H264Encoder::Nvenc)));
        assert!(read(r#"{"crf": 64}"#).unwrap_err().contains("expected 0 (best) to 63"));
        assert!(read(r#"{"idr_interval_secs": 0}"#).unwrap_err().contains("0.1 to 60"));
        assert!(read(r#"{"speed": "warp"}"#).unwrap_err().contains("veryfast"));
        assert!(read(r#"{"bitrate": 1}"#).unwrap_err().contains("unknown field"));
    }
}
