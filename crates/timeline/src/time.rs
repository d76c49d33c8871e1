//! Instants and the ways people write them.

use std::fmt;

use crate::FrameRate;

/// Nanoseconds from the start of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pts(
    /// Nanoseconds.
    pub u64,
);

impl Pts {
    /// The same instant in seconds.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 * 1e-9
    }
}

impl fmt::Display for Pts {
    /// `HH:MM:SS.mmm`, rounded down.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0 / 1_000_000;
        write!(f, "{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
    }
}

/// Why a text is not a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time '{found}': {problem}\nhint: write 1.2s, 800ms, 90 (seconds), 01:30.5, 00:01:30.5 or 30f (frames)")]
pub struct TimeError {
    found: String,
    problem: &'static str,
}

/// Seconds of a time as people write it: `1.2s`, `800ms`, `2` (seconds), `MM:SS.f`, `HH:MM:SS.f`, or `30f` in frames
/// of `rate`.
///
/// # Errors
/// Where the text has none of these forms, is negative or not finite, where minutes or seconds after a colon reach
/// 60, and for the frame form without a `rate`.
pub fn parse_time(text: &str, rate: Option<FrameRate>) -> Result<f64, TimeError> {
    let text = text.trim();
    let error = |problem| TimeError { found: text.to_owned(), problem };
    if text.starts_with('-') {
        return Err(error("negative"));
    }
    if text.contains(':') {
        return clock(text).map_err(error);
    }
    if let Some(frames) = text.strip_suffix('f').filter(|_| !text.ends_with("inf")) {
        let frames: u32 = frames.trim_end().parse().map_err(|_| error("expected a whole number of frames"))?;
        let rate = rate.ok_or_else(|| error("a time in frames needs a frame rate, which is not known here"))?;
        return Ok(rate.seconds_at(u64::from(frames)));
    }
    let (number, per_second) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1000.0),
        (None, Some(number)) => (number, 1.0),
        (None, None) => (text, 1.0),
    };
    Ok(decimal(number.trim_end()).ok_or_else(|| error("not a time"))? / per_second)
}

fn clock(text: &str) -> Result<f64, &'static str> {
    let fields: Vec<&str> = text.split(':').collect();
    let (hours, minutes, seconds) = match fields[..] {
        [minutes, seconds] => ("0", minutes, seconds),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return Err("expected MM:SS or HH:MM:SS"),
    };
    let whole = |field: &str| field.parse::<u32>().map_err(|_| "expected MM:SS or HH:MM:SS");
    let (hours, minutes) = (whole(hours)?, whole(minutes)?);
    let seconds = decimal(seconds).ok_or("expected MM:SS or HH:MM:SS")?;
    if seconds >= 60.0 || (fields.len() == 3 && minutes >= 60) {
        return Err("minutes and seconds after a colon stay below 60");
    }
    Ok(f64::from(hours) * 3600.0 + f64::from(minutes) * 60.0 + seconds)
}

/// Digits with at most one point: `inf`, `nan`, signs and exponents are no way to write a time.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|value: &f64| plain && value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_is_read() {
        for (text, seconds) in [
            ("1.2s", 1.2),
            ("800ms", 0.8),
            ("2", 2.0),
            ("2 s", 2.0),
            (".5", 0.5),
            ("00:01:02.5", 62.5),
            ("01:02.5", 62.5),
            ("90:00", 5400.0),
            ("30f", 1.2),
        ] {
            assert_eq!(parse_time(text, Some(FrameRate::FPS_25)), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_a_reason() {
        for (text, problem) in [
            ("", "not a time"),
            ("soon", "not a time"),
            ("1e3", "not a time"),
            ("inf", "not a time"),
            ("NaN", "not a time"),
            ("ms", "not a time"),
            ("-1s", "negative"),
            ("00:00:60", "minutes and seconds after a colon stay below 60"),
            ("00:61:00", "minutes and seconds after a colon stay below 60"),
            ("1:2:3:4", "expected MM:SS or HH:MM:SS"),
            ("1::3", "expected MM:SS or HH:MM:SS"),
            ("1.5f", "expected a whole number of frames"),
        ] {
            let error = parse_time(text, Some(FrameRate::FPS_25)).unwrap_err();
            assert_eq!(error, TimeError { found: text.to_owned(), problem });
        }
        let message = parse_time("30f", None).unwrap_err().to_string();
        assert_eq!(
            message,
            "time '30f': a time in frames needs a frame rate, which is not known here\n\
             hint: write 1.2s, 800ms, 90 (seconds), 01:30.5, 00:01:30.5 or 30f (frames)"
        );
    }

    #[test]
    fn an_instant_reads_like_a_clock() {
        assert_eq!(Pts(3_723_004_999_999).to_string(), "01:02:03.004");
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[-0-9:.smfe ]{0,14}") {
            if let Ok(seconds) = parse_time(&text, Some(FrameRate::FPS_25)) {
                prop_assert!(seconds.is_finite() && seconds >= 0.0);
            }
        }

        #[test]
        fn a_clock_reads_back(ms in 0u64..360_000_000) {
            let seconds = parse_time(&Pts(ms * 1_000_000).to_string(), None).unwrap();
            prop_assert!((seconds - ms as f64 / 1000.0).abs() < 1e-9);
        }
    }
}
