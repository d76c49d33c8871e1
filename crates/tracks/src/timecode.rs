//! Timecodes `HH:MM:SS:FF.mmm` and the rate they count in.

use moue_timeline::FrameRate;

/// Rates that cameras and Live Link Face count in. 29.97 and 23.976 count like 30 and 24: their real time is 0.1 %
/// longer, which the table does not tell.
const COMMON_RATES: [f64; 9] = [24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 100.0, 120.0, 240.0];
/// What the app records at unless told otherwise.
const DEFAULT_RATE: f64 = 60.0;
const DAY_SECONDS: i64 = 24 * 3600;

/// A moment: whole seconds and frames, with parts of a frame.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Timecode {
    pub second: i64,
    pub frame: f64,
}

impl Timecode {
    /// `HH:MM:SS:FF` with an optional fraction of a frame; before the last field a semicolon may stand, as in
    /// drop-frame timecode.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split([':', ';']);
        let mut whole = |below: i64| {
            let field = fields.next()?;
            let digits = (1..=2).contains(&field.len()) && field.bytes().all(|byte| byte.is_ascii_digit());
            field.parse::<i64>().ok().filter(|value| digits && *value < below)
        };
        let second = whole(24)? * 3600 + whole(60)? * 60 + whole(60)?;
        let frame = fields.next()?;
        let plain = frame.starts_with(|c: char| c.is_ascii_digit())
            && frame.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let frame = frame.parse().ok().filter(|frame: &f64| plain && *frame < 1000.0)?;
        fields.next().is_none().then_some(Self { second, frame })
    }

    /// The same moment on the day of `previous` or, where it is more than half a day earlier, on the next one.
    pub fn after_midnight(mut self, previous: Self) -> Self {
        self.second += previous.second.div_euclid(DAY_SECONDS) * DAY_SECONDS;
        if previous.second - self.second > DAY_SECONDS / 2 {
            self.second += DAY_SECONDS;
        }
        self
    }

    pub fn seconds_after(self, start: Self, rate: f64) -> f64 {
        (self.second - start.second) as f64 + (self.frame - start.frame) / rate
    }
}

/// Frames per second of a timecode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TimecodeRate {
    pub rate: f64,
    /// Nothing in the file tells: it is the app's default.
    pub assumed: bool,
}

impl TimecodeRate {
    /// The caller's rate where nothing in the file tells, and its frame numbers allow it.
    pub fn or_given(self, given: Option<FrameRate>, codes: &[Timecode]) -> Self {
        let largest = codes.iter().map(|code| code.frame).fold(0.0, f64::max);
        match given.map(|given| given.fps().round()).filter(|given| self.assumed && *given > largest) {
            Some(rate) => Self { rate, assumed: false },
            None => self,
        }
    }
}

/// Two rates in one file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MixedRates {
    pub rate: f64,
    pub other: f64,
}

/// Infers the rate from where the frame numbers start again: the step from the last row of a second to the first of
/// the next is usually the same as any other. Where rows were lost there, that second tells nothing or something too
/// low, so the seconds vote.
pub(crate) fn infer_rate(codes: &[Timecode]) -> Result<TimecodeRate, MixedRates> {
    let pairs = || codes.windows(2).map(|pair| (pair[0], pair[1]));
    let within = pairs().filter(|(from, to)| from.second == to.second).map(|(from, to)| to.frame - from.frame);
    let largest = codes.iter().map(|code| code.frame).fold(0.0, f64::max);
    let above = |rate: &f64| *rate > largest;
    let step = median(within.collect()).unwrap_or(0.0);
    let crossing = pairs().filter(|(from, to)| step > 0.0 && to.second == from.second + 1);
    let estimates: Vec<f64> = crossing.map(|(from, to)| from.frame + step - to.frame).collect();
    let Some(highest) = estimates.iter().copied().max_by(f64::total_cmp) else {
        let rate = [DEFAULT_RATE].into_iter().chain(COMMON_RATES).find(above).unwrap_or(largest.floor() + 1.0);
        return Ok(TimecodeRate { rate, assumed: true });
    };
    let tolerance = 0.3 * step.max(1.0);
    let votes = |rate: f64| estimates.iter().filter(|estimate| (rate - **estimate).abs() <= tolerance).count();
    // Of equally many the last, which is the highest.
    let elected = COMMON_RATES.into_iter().filter(above).max_by_key(|rate| votes(*rate));
    let rate = elected.filter(|rate| votes(*rate) > 0).unwrap_or(highest.round().max(largest.floor() + 1.0));
    // Lost rows make single seconds look shorter by this much and that; many seconds alike are another recording. A row
    // or two lost at the same place make 25 frames look like 24, so neighbours do not count.
    let others = COMMON_RATES.into_iter().filter(|other| (other - rate).abs() > 0.1 * rate);
    let enough = (estimates.len() * 3 / 10).max(3);
    match others.max_by_key(|other| votes(*other)).filter(|other| votes(*other) >= enough) {
        Some(other) => Err(MixedRates { rate, other }),
        None => Ok(TimecodeRate { rate, assumed: false }),
    }
}

/// The lower of the two middle values where there are two.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn timecodes_are_read_in_full_or_not_at_all() {
        let code = |second, frame| Some(Timecode { second, frame });
        assert_eq!(Timecode::parse("13:13:04:31.652"), code(47_584, 31.652));
        assert_eq!(Timecode::parse("00:00:01;02"), code(1, 2.0));
        for text in ["", "1", "1:2:3", "24:00:00:00", "00:60:00:00", "00:00:60:00", "00:00:00:", "00:00:00:.5"] {
            assert_eq!(Timecode::parse(text), None, "{text}");
        }
        for text in
            ["-0:00:00:00", "00:00:00:-1", "00:00:00:1e3", "00:00:00:NaN", "00:00:00:1000", "0:0:0:0:0", "+1:0:0:0"]
        {
            assert_eq!(Timecode::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_rate_is_found_whatever_the_step_the_phase_and_the_losses(
            rate in prop::sample::select(vec![24u32, 25, 30, 50, 60]),
            step in 1u32..3,
            phase in 0.0..1.0f64,
            first in 0u32..3600,
            lost in prop::collection::hash_set(1usize..400, 0..20),
        ) {
            let frames = (0..400u32).filter(|row| !lost.contains(&(*row as usize))).map(|row| first + row * step);
            let code = |frame: u32| Timecode { second: (frame / rate).into(), frame: f64::from(frame % rate) + phase };
            let codes: Vec<Timecode> = frames.map(code).collect();
            prop_assert_eq!(infer_rate(&codes), Ok(TimecodeRate { rate: rate.into(), assumed: false }));
        }
    }
}
