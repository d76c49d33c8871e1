//! Frame rates as exact ratios.

use std::fmt;
use std::str::FromStr;

use crate::Pts;

/// Frames per second as an exact, reduced ratio; 29.97 is 30000/1001.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameRate {
    num: u32,
    den: u32,
}

/// Why a text or a ratio is not a frame rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("frame rate '{found}': expected {expected}\nhint: {hint}")]
pub struct FrameRateError {
    found: String,
    expected: &'static str,
    hint: &'static str,
}

/// Written as decimals these are roundings of n * 1000/1001 (SMPTE ST 12-1), not decimal fractions.
const NTSC_NOMINAL: [u32; 5] = [24, 30, 48, 60, 120];
const MIN_FPS: f64 = 0.1;
const MAX_FPS: f64 = 1000.0;
const RANGE: &str = "0.1 to 1000 frames per second";
const FORM: &str = "a number or a ratio";
const HINT: &str = "write 25, 29.97 or 30000/1001";

impl FrameRate {
    /// 12 frames per second.
    pub const FPS_12: Self = Self { num: 12, den: 1 };
    /// 25 frames per second.
    pub const FPS_25: Self = Self { num: 25, den: 1 };
    /// 30 frames per second.
    pub const FPS_30: Self = Self { num: 30, den: 1 };

    /// `num`/`den` frames per second, reduced.
    ///
    /// # Errors
    /// Where the ratio lies outside 0.1 to 1000.
    pub fn new(num: u32, den: u32) -> Result<Self, FrameRateError> {
        let fps = f64::from(num) / f64::from(den);
        if !(MIN_FPS..=MAX_FPS).contains(&fps) {
            return Err(FrameRateError { found: format!("{num}/{den}"), expected: RANGE, hint: HINT });
        }
        let divisor = gcd(num, den);
        Ok(Self { num: num / divisor, den: den / divisor })
    }

    /// Frames in `den()` seconds.
    pub fn num(self) -> u32 {
        self.num
    }

    /// Seconds that `num()` frames take.
    pub fn den(self) -> u32 {
        self.den
    }

    /// Frames per second, rounded to the nearest `f64`.
    pub fn fps(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// Start of frame `index`: `floor(index * 1e9 * den / num)` ns, computed from the index so that it never drifts.
    /// Saturates after 584 years.
    pub fn pts(self, index: u64) -> Pts {
        let ns = u128::from(index) * 1_000_000_000 * u128::from(self.den) / u128::from(self.num);
        Pts(u64::try_from(ns).unwrap_or(u64::MAX))
    }

    /// Start of frame `index` in seconds.
    pub fn seconds_at(self, index: u64) -> f64 {
        index as f64 * f64::from(self.den) / f64::from(self.num)
    }

    /// How many frames start in `0..seconds`: 50 for 2 s at 25 frames per second; zero for negative and non-finite
    /// durations. A millionth of a frame is forgiven, so that a duration that was rounded up adds no frame.
    pub fn frames_in(self, seconds: f64) -> u64 {
        if !seconds.is_finite() {
            return 0;
        }
        // A float-to-integer cast saturates, so a negative duration gives zero.
        (seconds * f64::from(self.num) / f64::from(self.den) - 1e-6).ceil() as u64
    }
}

impl FromStr for FrameRate {
    type Err = FrameRateError;

    /// Accepts `25`, `29.97` (30000/1001), `12.5` and `30000/1001`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let error = |expected| FrameRateError { found: text.to_owned(), expected, hint: HINT };
        if let Some((num, den)) = text.split_once('/') {
            let part = |part: &str| part.trim().parse::<u32>().map_err(|_| error(FORM));
            return Self::new(part(num)?, part(den)?).map_err(|_| error(RANGE));
        }
        let fps: f64 = text.parse().map_err(|_| error(FORM))?;
        if !(MIN_FPS..=MAX_FPS).contains(&fps) {
            return Err(error(if fps.is_nan() { FORM } else { RANGE }));
        }
        let ntsc = |nominal: &u32| (fps - f64::from(*nominal) * 1000.0 / 1001.0).abs() < 0.005;
        if let Some(nominal) = NTSC_NOMINAL.into_iter().find(ntsc) {
            return Self::new(nominal * 1000, 1001);
        }
        let millis = (fps * 1000.0).round();
        if (millis - fps * 1000.0).abs() > 1e-6 {
            return Err(error("at most three decimals, or a ratio"));
        }
        Self::new(millis as u32, 1000)
    }
}

impl fmt::Display for FrameRate {
    /// `25` or `30000/1001`; parses back to the same rate.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.den {
            1 => write!(f, "{}", self.num),
            den => write!(f, "{}/{den}", self.num),
        }
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(text: &str) -> FrameRate {
        text.parse().unwrap()
    }

    #[test]
    fn texts_become_exact_ratios() {
        for (text, num, den) in [
            ("25", 25, 1),
            (" 30 ", 30, 1),
            ("29.97", 30000, 1001),
            ("23.976", 24000, 1001),
            ("23.98", 24000, 1001),
            ("59.94", 60000, 1001),
            ("119.88", 120000, 1001),
            ("30000/1001", 30000, 1001),
            ("50/2", 25, 1),
            ("12.5", 25, 2),
            ("0.5", 1, 2),
        ] {
            let rate = rate(text);
            assert_eq!((rate.num(), rate.den()), (num, den), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_what_was_found() {
        for (text, expected) in [
            ("", FORM),
            ("fast", FORM),
            ("25fps", FORM),
            ("NaN", FORM),
            ("30/", FORM),
            ("-25", RANGE),
            ("0", RANGE),
            ("1/0", RANGE),
            ("0/0", RANGE),
            ("1e9", RANGE),
            ("0.05", RANGE),
            ("29.12345", "at most three decimals, or a ratio"),
        ] {
            let message = text.parse::<FrameRate>().unwrap_err().to_string();
            assert_eq!(message, format!("frame rate '{text}': expected {expected}\nhint: {HINT}"));
        }
    }

    #[test]
    fn ntsc_stays_exact_over_an_hour() {
        let rate = rate("29.97");
        // 107892 frames are 3599.9964 s exactly: 107892 * 1001 / 30000.
        assert_eq!(rate.pts(107_892), Pts(3_599_996_400_000));
        assert_eq!(rate.pts(1), Pts(33_366_666));
        assert_eq!(rate.pts(3), Pts(100_100_000));
        assert_eq!(rate.frames_in(3600.0), 107_893);
        let mut longest = 0;
        let mut shortest = u64::MAX;
        for index in 0..107_892 {
            let step = rate.pts(index + 1).0 - rate.pts(index).0;
            longest = longest.max(step);
            shortest = shortest.min(step);
        }
        assert_eq!((shortest, longest), (33_366_666, 33_366_667));
    }

    #[test]
    fn durations_hold_whole_frames() {
        assert_eq!(FrameRate::FPS_25.frames_in(2.0), 50);
        assert_eq!(FrameRate::FPS_25.frames_in(2.001), 51);
        assert_eq!(FrameRate::FPS_30.frames_in(0.1 + 0.2), 9);
        assert_eq!(rate("30000/1001").frames_in(1.0), 30);
        for nothing in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(FrameRate::FPS_25.frames_in(nothing), 0);
        }
    }

    proptest! {
        #[test]
        fn pts_is_the_floor_of_the_exact_time(num in 1u32..240_000, den in 1u32..1002, index in 0u64..10_000_000) {
            let Ok(rate) = FrameRate::new(num, den) else { return Ok(()) };
            let ns = u128::from(rate.pts(index).0);
            let exact = u128::from(index) * 1_000_000_000 * u128::from(den);
            prop_assert!(ns * u128::from(num) <= exact && exact < (ns + 1) * u128::from(num));
            prop_assert!((rate.pts(index).as_seconds() - rate.seconds_at(index)).abs() <= 2e-9 + 1e-15 * rate.seconds_at(index));
        }

        #[test]
        fn a_frame_starts_before_the_duration_that_counts_it(num in 1u32..240_000, den in 1u32..1002, count in 0u64..1_000_000) {
            let Ok(rate) = FrameRate::new(num, den) else { return Ok(()) };
            prop_assert_eq!(rate.frames_in(rate.seconds_at(count)), count);
            prop_assert_eq!(rate.frames_in(rate.seconds_at(count) + 0.5 * rate.seconds_at(1)), count + 1);
        }

        #[test]
        fn display_parses_back(num in 1u32..240_000, den in 1u32..1002) {
            let Ok(rate) = FrameRate::new(num, den) else { return Ok(()) };
            prop_assert_eq!(rate.to_string().parse::<FrameRate>(), Ok(rate));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,12}") {
            let _ = text.parse::<FrameRate>();
        }
    }
}
