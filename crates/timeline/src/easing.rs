//! How a value goes from one key to the next.

use std::{fmt, str::FromStr};

use crate::nearest_name;

/// How a value goes from one key to the next: progress in time to progress of the value.
///
/// Every kind begins at 0 and arrives at 1; in between a curve may leave that range (overshoot).
///
/// Source of the CSS kinds: W3C, "CSS Easing Functions Level 1".
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Easing {
    /// A straight line.
    Linear,
    /// A cubic Bezier curve from (0, 0) to (1, 1) in the plane of time and value.
    CubicBezier(CubicBezier),
    /// A staircase.
    Steps(Steps),
    /// A damped spring that is released from rest and has settled on arrival.
    Spring(Spring),
}

/// The two inner control points of a cubic Bezier curve, `x1 y1 x2 y2`; both x lie within 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CubicBezier([f64; 4]);

/// A staircase of equal steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    count: u32,
    jump: Jump,
}

/// Where a staircase jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Jump {
    Start,
    End,
    Neither,
    Both,
}

/// How far a spring swings past its goal: 0 not at all, 0.8 the most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spring {
    bounce: f64,
}

/// Why a text is no easing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("easing '{found}': {problem}\nhint: {hint}")]
pub struct EasingError {
    found: String,
    problem: &'static str,
    hint: String,
}

const MAX_STEPS: u32 = 1000;
const MAX_BOUNCE: f64 = 0.8;
const DEFAULT_BOUNCE: f64 = 0.35;
/// What is left of a spring's swing on arrival; it is taken off, so that the arrival is exact.
const SETTLED: f64 = 1e-3;

const NAMED_CURVES: [(&str, CubicBezier); 4] = [
    ("ease", CubicBezier([0.25, 0.1, 0.25, 1.0])),
    ("ease-in", CubicBezier([0.42, 0.0, 1.0, 1.0])),
    ("ease-out", CubicBezier([0.0, 0.0, 0.58, 1.0])),
    ("ease-in-out", CubicBezier([0.42, 0.0, 0.58, 1.0])),
];
const HOLD: Easing = Easing::Steps(Steps { count: 1, jump: Jump::End });

impl Easing {
    /// Every name that stands for itself; with arguments there are `cubic-bezier(x1, y1, x2, y2)`,
    /// `steps(count, jump-end)` and `spring(bounce)`.
    pub const NAMES: [&str; 9] =
        ["linear", "ease", "ease-in", "ease-out", "ease-in-out", "step-start", "step-end", "hold", "spring"];

    /// Progress of the value at the progress `u` of time; instants before 0 and after 1 give the ends.
    pub fn at(self, u: f64) -> f64 {
        // NaN is before everything.
        if u.is_nan() || u < 0.0 {
            return 0.0;
        }
        if u >= 1.0 {
            return 1.0;
        }
        match self {
            Self::Linear => u,
            Self::CubicBezier(curve) => curve.at(u),
            Self::Steps(steps) => steps.at(u),
            Self::Spring(spring) => spring.at(u),
        }
    }
}

impl CubicBezier {
    /// A curve with these control points.
    ///
    /// # Errors
    /// Where an x lies outside 0 to 1, where the curve would go back in time, or a number is not finite.
    pub fn new(x1: f64, y1: f64, x2: f64, y2: f64) -> Result<Self, EasingError> {
        let points = [x1, y1, x2, y2];
        let error = |problem| EasingError {
            found: format!("cubic-bezier({x1}, {y1}, {x2}, {y2})"),
            problem,
            hint: "the numbers are x1, y1, x2, y2; only y1 and y2 may overshoot".to_owned(),
        };
        if !points.iter().all(|point| point.is_finite()) {
            return Err(error("expected finite numbers"));
        }
        if ![x1, x2].iter().all(|x| (0.0..=1.0).contains(x)) {
            return Err(error("x1 and x2 are times, expected numbers from 0 to 1"));
        }
        Ok(Self(points))
    }

    fn at(self, x: f64) -> f64 {
        let [x1, y1, x2, y2] = self.0;
        cubic(y1, y2, parameter(x1, x2, x))
    }
}

/// One coordinate of the curve: 0, `a`, `b` and 1 are its control points.
fn cubic(a: f64, b: f64, t: f64) -> f64 {
    let s = 1.0 - t;
    3.0 * s * s * t * a + 3.0 * s * t * t * b + t * t * t
}

/// The parameter at which the curve's x is `x`: Newton's steps where they stay inside the bracket, else its middle.
fn parameter(x1: f64, x2: f64, x: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    let mut t = x;
    // Halving alone needs 50 rounds for the last bit; Newton's steps need three or four.
    for _ in 0..64 {
        let excess = cubic(x1, x2, t) - x;
        if excess == 0.0 {
            return t;
        }
        if excess > 0.0 {
            high = t;
        } else {
            low = t;
        }
        let s = 1.0 - t;
        let slope = 3.0 * s * s * x1 + 6.0 * s * t * (x2 - x1) + 3.0 * t * t * (1.0 - x2);
        let newton = t - excess / slope;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - t).abs() < 1e-14 {
            return next;
        }
        t = next;
    }
    t
}

impl Steps {
    fn at(self, u: f64) -> f64 {
        let risen = f64::from(self.count) * u;
        let count = f64::from(self.count);
        match self.jump {
            Jump::End => risen.floor() / count,
            Jump::Start => (risen.floor() + 1.0).min(count) / count,
            Jump::Neither => risen.floor().min(count - 1.0) / (count - 1.0),
            Jump::Both => (risen.floor() + 1.0) / (count + 1.0),
        }
    }
}

impl Spring {
    /// The step response of a spring with a damping ratio of `1 - bounce`, brought to rest exactly at 1.
    fn at(self, u: f64) -> f64 {
        self.response(u) / self.response(1.0)
    }

    fn response(self, u: f64) -> f64 {
        let damping = 1.0 - self.bounce;
        // The swing's envelope falls to `SETTLED` at 1.
        let frequency = -SETTLED.ln() / damping;
        let decay = (-damping * frequency * u).exp();
        if self.bounce < 1e-9 {
            return 1.0 - decay * (1.0 + frequency * u);
        }
        let root = (1.0 - damping * damping).sqrt();
        let phase = frequency * root * u;
        1.0 - decay * (phase.cos() + damping / root * phase.sin())
    }
}

impl FromStr for Easing {
    type Err = EasingError;

    /// Reads a CSS easing (`linear`, `ease-in-out`, `cubic-bezier(0.3, 0, 0.1, 1.4)`, `steps(4, jump-start)`), `hold`,
    /// `spring` or `spring(0.5)`. Arguments may be separated by commas, spaces or both.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let error = |problem, hint: &str| EasingError { found: text.to_owned(), problem, hint: hint.to_owned() };
        if let Some((name, rest)) = text.split_once('(') {
            let Some(inner) = rest.strip_suffix(')') else {
                return Err(error("the bracket is not closed", "inside { } a comma ends a value: put it in quotes"));
            };
            let arguments: Vec<&str> =
                inner.split([',', ' ']).map(str::trim).filter(|argument| !argument.is_empty()).collect();
            return match name.trim_end() {
                "cubic-bezier" => curve(&arguments, &error),
                "steps" => staircase(&arguments, &error),
                "spring" => spring(&arguments, &error),
                _ => Err(error("unknown", "with a bracket there are cubic-bezier(...), steps(...) and spring(...)")),
            };
        }
        if let Some((_, curve)) = NAMED_CURVES.iter().find(|(name, _)| *name == text) {
            return Ok(Self::CubicBezier(*curve));
        }
        match text {
            "linear" => Ok(Self::Linear),
            "step-start" => Ok(Self::Steps(Steps { count: 1, jump: Jump::Start })),
            "step-end" | "hold" => Ok(HOLD),
            "spring" => Ok(Self::Spring(Spring { bounce: DEFAULT_BOUNCE })),
            "cubic-bezier" | "steps" => {
                Err(error("expected arguments", "write cubic-bezier(0.3, 0, 0.1, 1) or steps(4)"))
            }
            _ => {
                let nearest = nearest_name(text, Self::NAMES);
                let known = || format!("use {}, cubic-bezier(...), steps(...)", Self::NAMES.join(", "));
                Err(error("unknown", &nearest.map_or_else(known, |name| format!("did you mean '{name}'?"))))
            }
        }
    }
}

type MakeError<'a> = &'a dyn Fn(&'static str, &str) -> EasingError;

fn curve(arguments: &[&str], error: MakeError) -> Result<Easing, EasingError> {
    let hint = "write for example cubic-bezier(0.3, 0, 0.1, 1.4)";
    let numbers: Option<Vec<f64>> = arguments.iter().map(|argument| argument.parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[x1, y1, x2, y2]) => CubicBezier::new(x1, y1, x2, y2).map(Easing::CubicBezier),
        _ => Err(error("expected four numbers", hint)),
    }
}

fn staircase(arguments: &[&str], error: MakeError) -> Result<Easing, EasingError> {
    let hint = "write steps(4), or steps(4, jump-start) with jump-start, jump-end, jump-none or jump-both";
    let (count, jump) = match *arguments {
        [count] => (count, "jump-end"),
        [count, jump] => (count, jump),
        _ => return Err(error("expected a count and where to jump", hint)),
    };
    let jump = match jump {
        "jump-start" | "start" => Jump::Start,
        "jump-end" | "end" => Jump::End,
        "jump-none" => Jump::Neither,
        "jump-both" => Jump::Both,
        _ => return Err(error("unknown place to jump", hint)),
    };
    let least = if jump == Jump::Neither { 2 } else { 1 };
    match count.parse() {
        Ok(count) if (least..=MAX_STEPS).contains(&count) => Ok(Easing::Steps(Steps { count, jump })),
        _ => Err(error("expected 1 to 1000 steps, at least 2 with jump-none", hint)),
    }
}

fn spring(arguments: &[&str], error: MakeError) -> Result<Easing, EasingError> {
    let bounce = match *arguments {
        [bounce] => bounce.parse().ok().filter(|bounce| (0.0..=MAX_BOUNCE).contains(bounce)),
        _ => None,
    };
    let wrong = || error("expected one number from 0 to 0.8", "spring(0) does not overshoot, spring(0.8) swings long");
    bounce.map(|bounce| Easing::Spring(Spring { bounce })).ok_or_else(wrong)
}

impl fmt::Display for Easing {
    /// Parses back to the same easing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linear => f.write_str("linear"),
            Self::CubicBezier(curve) => match NAMED_CURVES.iter().find(|(_, named)| named == curve) {
                Some((name, _)) => f.write_str(name),
                None => {
                    let [x1, y1, x2, y2] = curve.0;
                    write!(f, "cubic-bezier({x1}, {y1}, {x2}, {y2})")
                }
            },
            easing if *easing == HOLD => f.write_str("hold"),
            Self::Steps(Steps { count, jump }) => {
                let jump = match jump {
                    Jump::Start => "jump-start",
                    Jump::End => "jump-end",
                    Jump::Neither => "jump-none",
                    Jump::Both => "jump-both",
                };
                write!(f, "steps({count}, {jump})")
            }
            Self::Spring(Spring { bounce }) => write!(f, "spring({bounce})"),
        }
    }
}

#[cfg(test)]
#[path = "easing_tests.rs"]
mod tests;
