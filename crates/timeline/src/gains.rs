//! A factor for each channel.

use std::str::FromStr;

use crate::names::{assignment, covered, entries};
use crate::{Channel, Expression, FlameChannel, FlameExpression, HeadAxis, Shape};

/// A factor for each channel; one where nothing was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Gains {
    /// By [`Channel::index`].
    factors: [f32; Channel::COUNT],
}

/// Why a text is not a list of gains.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GainsError {
    /// An entry without `=`, or with nothing before it.
    #[error("gain '{entry}': expected NAME=FACTOR\nhint: write for example jawOpen=1.2,mouthSmile=0.8,head=0")]
    Form {
        /// As written.
        entry: String,
    },
    /// A factor that is no number from 0 to 10.
    #[error(
        "gain '{entry}': expected a factor from 0 to 10, found '{found}'\nhint: 1 leaves a channel as it is, 0 switches it off"
    )]
    Factor {
        /// As written.
        entry: String,
        /// The part after `=`.
        found: String,
    },
    /// A name that no channel, pair or region has.
    #[error("gain '{entry}': there is no channel '{name}'\nhint: {hint}")]
    Name {
        /// As written.
        entry: String,
        /// The part before `=`.
        name: String,
        /// The nearest known name.
        hint: String,
    },
}

const MAX_FACTOR: f32 = 10.0;

impl Gains {
    /// The factor of one channel.
    pub fn get(&self, channel: Channel) -> f32 {
        self.factors[channel.index()]
    }

    /// Whether every factor is one.
    pub fn is_identity(&self) -> bool {
        self.factors.iter().all(|factor| *factor == 1.0)
    }

    /// Multiplies each shape and each head angle by its factor.
    pub fn apply(&self, expression: &mut Expression) {
        for shape in Shape::ALL {
            expression.shapes[shape.index()] *= self.get(Channel::Shape(shape));
        }
        expression.head.yaw *= self.get(Channel::Head(HeadAxis::Yaw));
        expression.head.pitch *= self.get(Channel::Head(HeadAxis::Pitch));
        expression.head.roll *= self.get(Channel::Head(HeadAxis::Roll));
    }

    /// Multiplies each FLAME coefficient by its factor.
    pub fn apply_flame(&self, expression: &mut FlameExpression) {
        for channel in FlameChannel::all() {
            expression.set(channel, expression.get(channel) * self.get(Channel::Flame(channel)));
        }
    }
}

impl Default for Gains {
    fn default() -> Self {
        Self { factors: [1.0; Channel::COUNT] }
    }
}

impl FromStr for Gains {
    type Err = GainsError;

    /// Reads `NAME=FACTOR,...`. A name is a channel (`jawOpen`), a channel without its side (`mouthSmile`), a region
    /// (`brow`, `cheek`, `eye`, `jaw`, `mouth`, `nose`, `tongue`), `head`, `eyelid`, or `all`, in any casing. A later
    /// entry replaces an earlier one, so `all=0,jawOpen=1` leaves the jaw alone.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut gains = Self::default();
        for entry in entries(text) {
            let form = || GainsError::Form { entry: entry.to_owned() };
            let (name, found) = assignment(entry).ok_or_else(form)?;
            let factor = found.parse().ok().filter(|factor| (0.0..=MAX_FACTOR).contains(factor));
            let factor =
                factor.ok_or_else(|| GainsError::Factor { entry: entry.to_owned(), found: found.to_owned() })?;
            let channels = covered(name).map_err(|hint| GainsError::Name {
                entry: entry.to_owned(),
                name: name.to_owned(),
                hint,
            })?;
            for channel in channels {
                gains.factors[channel.index()] = factor;
            }
        }
        Ok(gains)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HeadPose;

    fn gains(text: &str) -> Gains {
        text.parse().unwrap()
    }

    #[test]
    fn names_cover_sides_regions_axes_and_everything() {
        let of = |text: &str, channel: &str| gains(text).get(Channel::from_name(channel).unwrap());
        assert_eq!(of("jawOpen=1.2", "jawOpen"), 1.2);
        assert_eq!(of("jawOpen=1.2", "jawLeft"), 1.0);
        assert_eq!(of("mouthSmile=0.8", "mouthSmileLeft"), 0.8);
        assert_eq!(of("MOUTHSMILE = 0.8", "mouthSmileRight"), 0.8);
        assert_eq!(of("mouthSmileLeft=0.8", "mouthSmileRight"), 1.0);
        assert_eq!(of("mouth=0.5", "mouthClose"), 0.5);
        assert_eq!(of("mouth=0.5", "jawOpen"), 1.0);
        assert_eq!(of("head=0", "head_roll"), 0.0);
        assert_eq!(of("all=2", "exp_07"), 2.0);
        let mut flame = FlameExpression::from_array([0.5; 55]);
        "exp_07=2,eyelid=0".parse::<Gains>().unwrap().apply_flame(&mut flame);
        let at = |index: usize| flame.as_array()[index];
        assert_eq!([at(6), at(7), at(50), at(51), at(52)], [0.5, 1.0, 0.0, 0.0, 0.5]);
        assert_eq!(of("eyelid=2", "eyelid_right"), 2.0);
        assert_eq!(of("all=0,jawOpen=1", "jawOpen"), 1.0);
        assert_eq!(of("eye=3", "eyelid_left"), 1.0);
        assert!(gains("").is_identity() && gains(" , ").is_identity());
        assert!(!gains("head=0").is_identity());
    }

    #[test]
    fn factors_scale_shapes_and_head() {
        let mut expression = Expression::NEUTRAL;
        expression.set(Shape::JawOpen, 0.5);
        expression.set(Shape::TongueOut, 0.5);
        expression.head = HeadPose { yaw: 0.2, pitch: 0.2, roll: 0.2 };
        gains("jawOpen=1.5,head=0.5,head_yaw=0").apply(&mut expression);
        assert_eq!(expression.get(Shape::JawOpen), 0.75);
        assert_eq!(expression.get(Shape::TongueOut), 0.5);
        assert_eq!(expression.head, HeadPose { yaw: 0.0, pitch: 0.1, roll: 0.1 });
    }

    #[test]
    fn errors_say_what_was_found_and_what_is_near() {
        for (text, message) in [
            ("head=1,jawOpne=1.2", "gain 'jawOpne=1.2': there is no channel 'jawOpne'\nhint: did you mean 'jawOpen'?"),
            (
                "mouthSmiel=1.2",
                "gain 'mouthSmiel=1.2': there is no channel 'mouthSmiel'\nhint: did you mean 'mouthSmile'?",
            ),
            (
                "happiness=1",
                "gain 'happiness=1': there is no channel 'happiness'\nhint: use ARKit names such as jawOpen or \
                 mouthSmile, a region (brow, cheek, eye, jaw, mouth, nose, tongue), head, or all",
            ),
            (
                "jawOpen=much",
                "gain 'jawOpen=much': expected a factor from 0 to 10, found 'much'\n\
                 hint: 1 leaves a channel as it is, 0 switches it off",
            ),
            (
                "jawOpen",
                "gain 'jawOpen': expected NAME=FACTOR\nhint: write for example jawOpen=1.2,mouthSmile=0.8,head=0",
            ),
        ] {
            assert_eq!(text.parse::<Gains>().unwrap_err().to_string(), message);
        }
        for text in ["jawOpen=-1", "jawOpen=nan", "jawOpen=inf", "jawOpen=11", "jawOpen=", "=1", "a=1=2"] {
            assert!(text.parse::<Gains>().is_err(), "{text}");
        }
    }
}
