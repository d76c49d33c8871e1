//! What means the same in ARKit and FLAME, and by how much.
//!
//! | ARKit | FLAME |
//! | --- | --- |
//! | `eyeBlinkLeft`, `eyeBlinkRight`, 0 open to 1 shut | `eyelid_left`, `eyelid_right`, 0 open to 1 shut |
//! | `jawOpen` of 1 | `jaw_x` of [`JAW_OPEN`] |
//! | `jawLeft` of 1 | `jaw_y` of [`JAW_SIDE`] |
//! | `jawRight` of 1 | `jaw_y` of -[`JAW_SIDE`] |
//!
//! FLAME's frame has x to the face's own left, y up and z out of the face. A rotation by a positive `jaw_x` about x
//! takes the chin, which lies in front of the joint, down: it opens the mouth. One by a positive `jaw_y` about y takes
//! z to x, the chin to the face's own left: ARKit's `jawLeft`.
//!
//! Not in the table: `jawForward`, since FLAME's jaw turns but does not slide, and `jaw_z`, a jaw that tilts.

use moue_timeline::{Channel, FlameChannel, Shape};

/// Radians that FLAME's jaw is open when ARKit's is fully open.
///
/// SMIRK, whose coefficients the expression adapter was trained on, shows its networks jaws of 0 to 0.5 rad while it is
/// trained (`smirk_trainer.py`, the tweaked jaw; Retsinas et al., "3D Facial Expressions through Analysis-by-Neural-
/// Synthesis", 2024). That this end of the range is what ARKit calls 1 is a convention: Apple gives no angle.
pub const JAW_OPEN: f32 = 0.5;

/// Radians that FLAME's jaw is turned when ARKit's is fully at a side: where SMIRK cuts `jaw_y` off
/// (`smirk_encoder.py`). That this is what ARKit calls 1 is a convention.
pub const JAW_SIDE: f32 = 0.2;

/// One coefficient as a sum of others, times factors.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub output: Channel,
    terms: Vec<(Channel, f32)>,
    /// What the output can be.
    range: (f32, f32),
}

/// Finite, at least.
const ANY: (f32, f32) = (f32::MIN, f32::MAX);

impl Rule {
    /// What it is made of.
    pub fn inputs(&self) -> impl Iterator<Item = Channel> {
        self.terms.iter().map(|(input, _)| *input)
    }

    /// `value` gives the inputs' values, zero for those that there are not.
    pub fn apply(&self, value: impl Fn(Channel) -> f32) -> f32 {
        let sum: f32 = self.terms.iter().map(|(input, factor)| factor * value(*input)).sum();
        sum.clamp(self.range.0, self.range.1)
    }
}

/// The rules that give FLAME's coefficients. Values beyond ARKit's range go on by the same factor.
pub(crate) fn to_flame() -> Vec<Rule> {
    let (lids, jaw) = (FlameChannel::EYELIDS.start, FlameChannel::JAW.start);
    let table: [(usize, &[(Shape, f32)]); 4] = [
        (lids, &[(Shape::EyeBlinkLeft, 1.0)]),
        (lids + 1, &[(Shape::EyeBlinkRight, 1.0)]),
        (jaw, &[(Shape::JawOpen, JAW_OPEN)]),
        (jaw + 1, &[(Shape::JawLeft, JAW_SIDE), (Shape::JawRight, -JAW_SIDE)]),
    ];
    let rule = |(index, terms): (usize, &[(Shape, f32)])| {
        let output = Channel::Flame(FlameChannel::from_index(index)?);
        let terms = terms.iter().map(|(shape, factor)| (Channel::Shape(*shape), *factor)).collect();
        Some(Rule { output, terms, range: ANY })
    };
    table.into_iter().filter_map(rule).collect()
}

/// The rules that give ARKit's coefficients, within 0 to 1: those to FLAME read backwards, term by term.
pub(crate) fn to_arkit() -> Vec<Rule> {
    let backwards = |rule: Rule| {
        let Rule { output: input, terms, .. } = rule;
        let rule = move |(output, factor): (Channel, f32)| Rule {
            output,
            terms: vec![(input, 1.0 / factor)],
            range: (0.0, 1.0),
        };
        terms.into_iter().map(rule)
    };
    to_flame().into_iter().flat_map(backwards).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn channel(name: &str) -> Channel {
        Channel::from_name(name).unwrap()
    }

    fn apply(rules: &[Rule], values: &[(&str, f32)], output: &str) -> f32 {
        let value =
            |wanted: Channel| values.iter().find(|(name, _)| channel(name) == wanted).map_or(0.0, |pair| pair.1);
        rules.iter().find(|rule| rule.output == channel(output)).unwrap().apply(value)
    }

    #[test]
    fn lids_and_jaw_follow_the_table() {
        let flame = to_flame();
        assert_eq!(flame.len(), 4);
        assert_eq!(apply(&flame, &[("eyeBlinkLeft", 0.7), ("eyeBlinkRight", 0.2)], "eyelid_left"), 0.7);
        assert_eq!(apply(&flame, &[("eyeBlinkLeft", 0.7), ("eyeBlinkRight", 0.2)], "eyelid_right"), 0.2);
        assert_eq!(apply(&flame, &[("jawOpen", 1.0)], "jaw_x"), 0.5);
        assert_eq!(apply(&flame, &[("jawLeft", 0.5)], "jaw_y"), 0.1);
        assert_eq!(apply(&flame, &[("jawRight", 0.5)], "jaw_y"), -0.1);
        let arkit = to_arkit();
        assert_eq!(arkit.len(), 5);
        assert_eq!(apply(&arkit, &[("jaw_x", 0.25)], "jawOpen"), 0.5);
        assert_eq!(apply(&arkit, &[("jaw_x", 0.7)], "jawOpen"), 1.0);
        assert_eq!(apply(&arkit, &[("jaw_x", -0.1)], "jawOpen"), 0.0);
        let left = [("jaw_y", 0.1)];
        assert_eq!([apply(&arkit, &left, "jawLeft"), apply(&arkit, &left, "jawRight")], [0.5, 0.0]);
        let right = [("jaw_y", -0.1)];
        assert_eq!([apply(&arkit, &right, "jawLeft"), apply(&arkit, &right, "jawRight")], [0.0, 0.5]);
    }

    /// The rotation itself, so that the signs rest on more than the table.
    #[test]
    fn the_chin_goes_where_arkit_says() {
        // Rodrigues for a small rotation vector w: p + w x p. The chin lies below and in front of the joint, cm.
        let chin = [0.0, -5.0, 8.0];
        let moved = |w: [f64; 3]| {
            [w[1] * chin[2] - w[2] * chin[1], w[2] * chin[0] - w[0] * chin[2], w[0] * chin[1] - w[1] * chin[0]]
        };
        assert!(moved([0.1, 0.0, 0.0])[1] < 0.0, "a positive x takes it down");
        assert!(moved([0.0, 0.1, 0.0])[0] > 0.0, "a positive y takes it to the face's own left");
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same(open in 0.0..1.0f32, side in -1.0..1.0f32, lids in (0.0..1.0f32, 0.0..1.0f32)) {
            let values = [("jawOpen", open), ("jawLeft", side.max(0.0)), ("jawRight", (-side).max(0.0)), ("eyeBlinkLeft", lids.0), ("eyeBlinkRight", lids.1)];
            let flame = ["jaw_x", "jaw_y", "eyelid_left", "eyelid_right"].map(|name| (name, apply(&to_flame(), &values, name)));
            for (name, value) in values {
                prop_assert!((apply(&to_arkit(), &flame, name) - value).abs() < 1e-6, "{name}");
            }
        }
    }
}
