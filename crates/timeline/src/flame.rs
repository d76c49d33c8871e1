//! What a FLAME head does at one instant.

use crate::FlameChannel;

/// The 55 coefficients of a FLAME head at one instant, in the order that the expression adapter takes them.
///
/// | index | what | range |
/// | --- | --- | --- |
/// | 0..50 | weights of the first 50 expression components of FLAME 2020, unitless | unbounded, 0 at rest |
/// | 50..52 | eyelids, left and right, the face's own | 0 open, 1 shut |
/// | 52..55 | rotation vector of the jaw: its direction is the axis, its length the angle | radians; x opens the mouth, y turns it to a side, z tilts it |
///
/// Other releases of FLAME have other components: coefficients of FLAME 2023 do not fit. The components are ordered
/// by how much they explain, so a track of more than 50 loses little when it is cut.
///
/// Source: [`FlameChannel`]; the order and the ranges are those of Retsinas et al., "3D Facial Expressions through
/// Analysis-by-Neural-Synthesis", 2024.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlameExpression([f32; FlameChannel::COUNT]);

/// How far the jaw turns and tilts to a side in [`FlameExpression::constrained`], radians.
const JAW_SIDE_LIMIT: f32 = 0.2;

impl FlameExpression {
    /// A face at rest: closed mouth, open eyes.
    pub const NEUTRAL: Self = Self([0.0; FlameChannel::COUNT]);

    /// From coefficients by [`FlameChannel::index`]. They are taken as they are; see [`Self::constrained`].
    pub const fn from_array(coefficients: [f32; FlameChannel::COUNT]) -> Self {
        Self(coefficients)
    }

    /// The coefficients by [`FlameChannel::index`].
    pub const fn as_array(&self) -> &[f32; FlameChannel::COUNT] {
        &self.0
    }

    /// One coefficient.
    pub const fn get(&self, channel: FlameChannel) -> f32 {
        self.0[channel.index()]
    }

    /// Sets one coefficient.
    pub const fn set(&mut self, channel: FlameChannel, value: f32) {
        self.0[channel.index()] = value;
    }

    /// The same within what the tracker that the adapter was trained on can give: eyelids within 0 to 1, a jaw that
    /// opens but never closes beyond shut (x >= 0) and turns and tilts by at most 0.2 rad. Expression components are
    /// unbounded there and stay as they are.
    #[must_use]
    pub fn constrained(mut self) -> Self {
        for eyelid in &mut self.0[FlameChannel::EYELIDS] {
            *eyelid = eyelid.clamp(0.0, 1.0);
        }
        let [open, sides @ ..] = &mut self.0[FlameChannel::JAW] else { return self };
        *open = open.max(0.0);
        for side in sides {
            *side = side.clamp(-JAW_SIDE_LIMIT, JAW_SIDE_LIMIT);
        }
        self
    }
}

impl Default for FlameExpression {
    fn default() -> Self {
        Self::NEUTRAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn channel(name: &str) -> FlameChannel {
        FlameChannel::all().find(|channel| channel.name() == name).unwrap()
    }

    #[test]
    fn the_order_is_expression_eyelids_jaw() {
        let mut expression = FlameExpression::default();
        for (name, value) in [("exp_00", 1.0), ("exp_49", 2.0), ("eyelid_left", 3.0), ("eyelid_right", 4.0)] {
            expression.set(channel(name), value);
        }
        for (name, value) in [("jaw_x", 5.0), ("jaw_y", 6.0), ("jaw_z", 7.0)] {
            expression.set(channel(name), value);
        }
        let array = expression.as_array();
        assert_eq!((array[0], &array[1..49], &array[49..]), (1.0, &[0.0; 48][..], &[2.0, 3.0, 4.0, 5.0, 6.0, 7.0][..]));
        assert_eq!(expression.get(channel("eyelid_right")), 4.0);
        assert_eq!(FlameExpression::from_array(*array), expression);
    }

    #[test]
    fn constraints_touch_eyelids_and_jaw_alone() {
        let with = |tail: [f32; 5]| {
            let mut array = [-7.0; FlameChannel::COUNT];
            array[50..].copy_from_slice(&tail);
            FlameExpression::from_array(array)
        };
        assert_eq!(with([-0.1, 1.5, -0.3, 0.5, -0.5]).constrained(), with([0.0, 1.0, 0.0, 0.2, -0.2]));
        let inside = with([0.0, 1.0, 0.7, -0.2, 0.2]);
        assert_eq!(inside.constrained(), inside);
    }

    proptest! {
        #[test]
        fn constraining_twice_is_constraining_once(values in prop::collection::vec(-9.0..9.0f32, FlameChannel::COUNT)) {
            let once = FlameExpression::from_array(values.try_into().unwrap()).constrained();
            prop_assert_eq!(once.constrained(), once);
            prop_assert!(once.as_array()[50..52].iter().all(|eyelid| (0.0..=1.0).contains(eyelid)));
            prop_assert!(once.as_array()[52] >= 0.0 && once.as_array()[53..].iter().all(|side| side.abs() <= 0.2));
        }
    }
}
