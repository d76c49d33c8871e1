//! Where an axis has its ticks, and what they say.

/// A stretch of time or of values, with ticks at round numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub from: f64,
    pub to: f64,
    pub ticks: Vec<f64>,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// Plain numbers with so many decimals.
    Decimal(usize),
    /// Too large or too small for those.
    Scientific,
    /// Minutes and seconds with so many decimals.
    Minutes(usize),
    /// Hours, minutes and seconds.
    Hours,
}

/// Beyond these, distances would no longer be finite.
const VALUE_LIMIT: f64 = 1e300;
const TIME_LIMIT: f64 = 1e15;
const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
/// Between a curve and the end of a value axis, as a share of the curve's height.
const AROUND: f64 = 0.05;
/// A step may be shorter than the number of ticks has it, since steps of 1, 2 and 5 are far apart.
const NEARLY: f64 = 0.75;
/// With six ticks in mind a step is at most 2.5 sixths of the range, which then holds two wherever it begins.
const ENOUGH_TICKS: usize = 6;
/// From here on seconds alone are hard to read.
const CLOCK_FROM: f64 = 180.0;
/// A clock that counts months is no help either.
const CLOCK_TO: f64 = 1000.0 * HOUR;

impl Axis {
    /// Values from `low` to `high`, at least `span` in all, with about `most` ticks. Curves keep away from the ends of the
    /// axis, but for an end that is zero.
    pub fn between(low: f64, high: f64, span: f64, most: usize) -> Self {
        let (low, mut high) = (low.clamp(-VALUE_LIMIT, VALUE_LIMIT), high.clamp(-VALUE_LIMIT, VALUE_LIMIT));
        let span = span.max(1e-9 * low.abs().max(high.abs()));
        if high - low < span {
            high = low + span;
        }
        let around = |end: f64| if end == 0.0 { 0.0 } else { (high - low) * AROUND };
        let (from, to) = (low - around(low), high + around(high));
        // A single tick says nothing about the scale.
        let most = most.max(1);
        let mut steps = (most..=most.max(ENOUGH_TICKS)).map(|most| round_step(NEARLY * (to - from) / most as f64));
        let step = steps.find(|step| ticks(from, to, *step).len() > 1).unwrap_or(to - from);
        Self { from, to, ticks: ticks(from, to, step), form: decimals(step, to.abs().max(from.abs())) }
    }

    /// An axis without ticks.
    pub const fn blank() -> Self {
        Self { from: 0.0, to: 1.0, ticks: Vec::new(), form: Form::Decimal(0) }
    }

    /// [`Self::between`] the two and zero.
    pub fn values(low: f64, high: f64, span: f64, most: usize) -> Self {
        Self::between(low.min(0.0), high.max(0.0), span, most)
    }

    /// Seconds from `from` to `to`, exactly these, with about `most` ticks.
    pub fn time(from: f64, to: f64, most: usize) -> Self {
        let (mut from, mut to) = (from.clamp(-TIME_LIMIT, TIME_LIMIT), to.clamp(-TIME_LIMIT, TIME_LIMIT));
        // A single instant is shown in the middle of a second; neighbours in floating point are as good as one.
        let least = 1e-9 * from.abs().max(to.abs());
        if to - from <= least {
            let around = least.max(0.5);
            (from, to) = (from - around, to + around);
        }
        let raw = (to - from) / most.max(1) as f64;
        let reach = from.abs().max(to.abs());
        let clock = (CLOCK_FROM..CLOCK_TO).contains(&reach);
        let step = if clock { clock_step(raw) } else { round_step(raw) };
        let form = match decimals(step, reach) {
            Form::Decimal(_) if clock && reach >= HOUR && step >= 1.0 => Form::Hours,
            Form::Decimal(count) if clock => Form::Minutes(count),
            other => other,
        };
        Self { from, to, ticks: ticks(from, to, step), form }
    }

    /// What to write beside a tick.
    pub fn label(&self, value: f64) -> String {
        let magnitude = value.abs();
        let text = match self.form {
            Form::Decimal(count) => format!("{magnitude:.count$}"),
            Form::Scientific => format!("{magnitude:.1e}"),
            Form::Minutes(count) => {
                let (minutes, seconds) = ((magnitude / MINUTE + 1e-9).floor(), magnitude);
                let width = if count == 0 { 2 } else { count + 3 };
                format!("{minutes}:{:0width$.count$}", (seconds - minutes * MINUTE).max(0.0))
            }
            Form::Hours => {
                let whole = magnitude.round() as u64;
                format!("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
            }
        };
        let zero = text.bytes().all(|byte| !byte.is_ascii_digit() || byte == b'0');
        if value < 0.0 && !zero { format!("−{text}") } else { text }
    }

    /// What a time axis counts.
    pub fn caption(&self) -> &'static str {
        match self.form {
            Form::Decimal(_) | Form::Scientific => "seconds",
            Form::Minutes(_) => "minutes:seconds",
            Form::Hours => "hours:minutes:seconds",
        }
    }

    /// How far along the axis `value` is: 0 at its start, 1 at its end, and no further.
    pub fn share(&self, value: f64) -> f64 {
        ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is at least `raw` (positive).
fn round_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= raw * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

fn clock_step(raw: f64) -> f64 {
    const STEPS: [f64; 14] = [
        5.0,
        10.0,
        15.0,
        30.0,
        MINUTE,
        2.0 * MINUTE,
        5.0 * MINUTE,
        10.0 * MINUTE,
        15.0 * MINUTE,
        30.0 * MINUTE,
        HOUR,
        2.0 * HOUR,
        5.0 * HOUR,
        10.0 * HOUR,
    ];
    if raw < 2.0 {
        return round_step(raw);
    }
    STEPS.into_iter().find(|step| *step >= raw).unwrap_or_else(|| HOUR * round_step(raw / HOUR))
}

/// The multiples of `step` from `from` to `to`; never many, whatever rounding did.
fn ticks(from: f64, to: f64, step: f64) -> Vec<f64> {
    // What lies within a thousandth of a step outside is rounding.
    let (first, last) = ((from / step - 1e-3).ceil(), (to / step + 1e-3).floor());
    let count = (last - first + 1.0).clamp(0.0, 100.0) as u32;
    (0..count).map(|index| ((first + f64::from(index)) * step).clamp(from, to)).collect()
}

fn decimals(step: f64, reach: f64) -> Form {
    let count = (-step.log10() - 1e-9).ceil().max(0.0);
    if count > 6.0 || reach >= 1e7 { Form::Scientific } else { Form::Decimal(count as usize) }
}

/// A figure for people: three significant digits where that is short, a true minus sign.
pub(crate) fn figure(value: f64) -> String {
    let magnitude = value.abs();
    let text = match magnitude {
        0.0 => "0".to_owned(),
        m if m >= 1e6 => format!("{m:.2e}"),
        m if m >= 99.95 => format!("{m:.0}"),
        m if m >= 9.995 => format!("{m:.1}"),
        m if m >= 0.0995 => format!("{m:.2}"),
        m if m >= 0.00095 => format!("{m:.3}"),
        m => format!("{m:.1e}"),
    };
    if value < 0.0 { format!("−{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|tick| axis.label(*tick)).collect()
    }

    #[test]
    fn values_have_room_around_them_and_include_zero() {
        let axis = Axis::values(0.2, 0.83, 0.05, 4);
        assert_eq!(axis.from, 0.0);
        assert!((axis.to - 0.83 * 1.05).abs() < 1e-9, "{axis:?}");
        assert_eq!(labels(&axis), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(&Axis::values(-12.0, 7.0, 1.0, 4)), ["−10", "−5", "0", "5"]);
        assert_eq!(labels(&Axis::values(0.0, 0.0, 0.05, 4)), ["0.00", "0.01", "0.02", "0.03", "0.04", "0.05"]);
        assert_eq!(labels(&Axis::values(0.0, 3e38, 1.0, 3)), ["0.0e0", "1.0e38", "2.0e38", "3.0e38"]);
        assert_eq!(labels(&Axis::between(0.85, 0.92, 0.01, 3)), ["0.86", "0.88", "0.90", "0.92"]);
    }

    #[test]
    fn times_read_as_people_write_them() {
        assert_eq!(labels(&Axis::time(0.0, 10.4, 12)), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
        assert_eq!(labels(&Axis::time(0.0, 0.9, 5)), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(&Axis::time(0.0, 200.0, 5)), ["0:00", "1:00", "2:00", "3:00"]);
        assert_eq!(labels(&Axis::time(599.0, 600.0, 3)), ["9:59.0", "9:59.5", "10:00.0"]);
        assert_eq!(labels(&Axis::time(0.0, 7300.0, 3)), ["0:00:00", "1:00:00", "2:00:00"]);
        assert_eq!(labels(&Axis::time(-1.0, 1.0, 2)), ["−1", "0", "1"]);
        assert_eq!(Axis::time(0.0, 7300.0, 3).caption(), "hours:minutes:seconds");
        let instant = Axis::time(2.0, 2.0, 4);
        assert_eq!((instant.from, instant.to), (1.5, 2.5));
    }

    #[test]
    fn figures_have_three_digits() {
        let figures = [0.0, 0.954, -0.0312, 12.34, -123.4, 4.2e9, 0.0001].map(figure);
        assert_eq!(figures, ["0", "0.95", "−0.031", "12.3", "−123", "4.20e9", "1.0e-4"]);
    }

    proptest! {
        #[test]
        fn any_range_has_few_ticks_inside_it(low in prop::num::f64::NORMAL, high in prop::num::f64::NORMAL, most in 1usize..20) {
            let (low, high) = (low.min(high), low.max(high));
            for axis in [Axis::values(low, high, 0.01, most), Axis::between(low, high, 0.01, most), Axis::time(low, high, most)] {
                prop_assert!(axis.to > axis.from && (axis.to - axis.from).is_finite(), "{axis:?}");
                prop_assert!(axis.ticks.len() <= most.max(ENOUGH_TICKS) * 4 / 3 + 2, "{axis:?}");
                prop_assert!(axis.ticks.iter().all(|tick| (axis.from..=axis.to).contains(tick)), "{axis:?}");
                prop_assert!(labels(&axis).iter().all(|label| label.len() < 20), "{axis:?}");
            }
        }

        #[test]
        fn usual_ranges_have_at_least_two_different_ticks(low in -2.0..0.0f64, span in 0.01..100.0f64, most in 3usize..15) {
            for axis in [Axis::values(low, low + span, 0.01, most), Axis::time(low, low + span, most + 3)] {
                let labels = labels(&axis);
                prop_assert!(labels.len() >= 2, "{axis:?}");
                prop_assert!(labels.windows(2).all(|pair| pair[0] != pair[1]), "{labels:?}");
            }
        }
    }
}
