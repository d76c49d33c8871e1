//! How a live stream is encoded, and what happens when it breaks.

use serde::Deserialize;

use crate::settings::{H264Encoder, IdrInterval, Speed};

/// Kilobits per second, 50 to 100 000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct Bitrate(u32);

impl Bitrate {
    /// The number.
    pub fn kbit_per_s(self) -> u32 {
        self.0
    }
}

impl Default for Bitrate {
    fn default() -> Self {
        Self(2500)
    }
}

impl TryFrom<u32> for Bitrate {
    type Error = String;

    fn try_from(value: u32) -> Result<Self, String> {
        if (50..=100_000).contains(&value) {
            Ok(Self(value))
        } else {
            Err(format!("bitrate_kbps {value}: expected 50 to 100000 kilobits per second"))
        }
    }
}

/// How a live stream is encoded, and what happens when it breaks. Its rate is the format's.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiveSettings {
    /// Bits of picture sent per second, at most; by default 2500 kbit/s.
    pub bitrate_kbps: Bitrate,
    /// Effort of x264; by default `veryfast`.
    pub speed: Speed,
    /// How long someone who tunes in waits for a picture at most; by default one second. HLS segments are as long, and
    /// at least one second.
    pub idr_interval_secs: IdrInterval,
    /// `x264` or `nvenc`; by default NVENC where there is one.
    pub encoder: Option<H264Encoder>,
    /// Whether the leg ends when its stream breaks or does not come about, instead of trying again for ever.
    pub fail_fast: bool,
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self {
            bitrate_kbps: Bitrate::default(),
            speed: Speed::default(),
            idr_interval_secs: IdrInterval::ONE_SECOND,
            encoder: None,
            fail_fast: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_checked() {
        let read = |text: &str| serde_json::from_str::<LiveSettings>(text).map_err(|error| error.to_string());
        assert_eq!(read("{}").unwrap(), LiveSettings::default());
        let set = read(r#"{"bitrate_kbps": 800, "encoder": "x264", "fail_fast": true, "speed": "fast"}"#).unwrap();
        assert_eq!((set.bitrate_kbps.kbit_per_s(), set.encoder), (800, Some(H264Encoder::X264)));
        assert!(set.fail_fast && set.speed == Speed::Fast && set.idr_interval_secs.seconds() == 1.0);
        assert!(read(r#"{"bitrate_kbps": 49}"#).unwrap_err().contains("50 to 100000"));
        assert!(read(r#"{"idr_interval_secs": 0}"#).unwrap_err().contains("0.1 to 60"));
        assert!(read(r#"{"crf": 1}"#).unwrap_err().contains("unknown field"));
    }
}
