//! Where a driver's resting face comes from.

use std::{fmt, path::PathBuf, str::FromStr};

use moue_timeline::{FrameRate, TimeError, parse_time};

/// Where the driver's own resting face comes from, which is taken off a motion.
#[derive(Clone, Debug, PartialEq)]
pub enum Rest {
    /// Nothing is taken off.
    Off,
    /// Found in the motion.
    Auto,
    /// What the motion shows at a time, in seconds.
    At(f64),
    /// What it shows at a frame of its own, from 0.
    Frame(u64),
    /// A picture of the driver, or a track whose mean it is.
    File(PathBuf),
}

impl Rest {
    /// Seconds of the motion, for those that are a moment of it; `rate` is the motion's own.
    pub fn moment(&self, rate: FrameRate) -> Option<f64> {
        match self {
            Self::At(time) => Some(*time),
            Self::Frame(index) => Some(rate.seconds_at(*index)),
            _ => None,
        }
    }
}

impl FromStr for Rest {
    type Err = TimeError;

    /// `auto`, `off`, a frame such as `120f`, a time such as `4.8s`; everything else is a file's name. A file that is
    /// called like a time is meant with its folder: `./120f`.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        match text {
            "auto" => return Ok(Self::Auto),
            "off" => return Ok(Self::Off),
            _ => {}
        }
        if let Some(frame) = text.strip_suffix('f').and_then(|digits| digits.parse().ok()) {
            return Ok(Self::Frame(frame));
        }
        match parse_time(text, None) {
            Ok(time) => Ok(Self::At(time)),
            Err(error) if text.starts_with(|c: char| c.is_ascii_digit()) && !text.contains(['/', '.']) => Err(error),
            Err(_) => Ok(Self::File(text.into())),
        }
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Auto => f.write_str("auto"),
            Self::At(time) => write!(f, "{time}s"),
            Self::Frame(index) => write!(f, "{index}f"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_moments_and_files_are_told_apart() {
        for (text, rest) in [
            ("auto", Rest::Auto),
            ("off", Rest::Off),
            ("120f", Rest::Frame(120)),
            ("4.8s", Rest::At(4.8)),
            ("800ms", Rest::At(0.8)),
            ("2", Rest::At(2.0)),
            ("calm.png", Rest::File("calm.png".into())),
            ("2024_take.csv", Rest::File("2024_take.csv".into())),
            ("./120f", Rest::File("./120f".into())),
        ] {
            assert_eq!(text.parse(), Ok(rest.clone()), "{text}");
            if !matches!(text, "800ms" | "2") {
                assert_eq!(rest.to_string(), text);
            }
        }
        assert!("12 parsecs".parse::<Rest>().is_err());
        assert_eq!(Rest::Frame(50).moment(FrameRate::FPS_25), Some(2.0));
        assert_eq!(Rest::Auto.moment(FrameRate::FPS_25), None);
    }
}
