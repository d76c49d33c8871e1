//! What a face does at one instant.

use crate::Shape;

/// Rotation of the head in radians.
///
/// Positive `yaw` turns the face to its own left, positive `pitch` makes it look up, positive `roll` tilts
/// the head towards its own left shoulder.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HeadPose {
    /// Turn to the side.
    pub yaw: f32,
    /// Nod.
    pub pitch: f32,
    /// Tilt to the shoulder.
    pub roll: f32,
}

/// The 52 ARKit coefficients and the head's rotation at one instant.
///
/// Coefficients are unitless, 0 is a neutral feature and 1 its full extent; values outside are legal and are
/// clamped only where a renderer must.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expression {
    /// By [`Shape::index`].
    pub shapes: [f32; Shape::COUNT],
    /// Zero where the source has no head pose.
    pub head: HeadPose,
}

impl Expression {
    /// A face at rest.
    pub const NEUTRAL: Self = Self { shapes: [0.0; Shape::COUNT], head: HeadPose { yaw: 0.0, pitch: 0.0, roll: 0.0 } };

    /// The coefficient of one shape.
    pub fn get(&self, shape: Shape) -> f32 {
        self.shapes[shape.index()]
    }

    /// Sets the coefficient of one shape.
    pub fn set(&mut self, shape: Shape, value: f32) {
        self.shapes[shape.index()] = value;
    }

    /// The same expression seen in a mirror: left and right change places, the head turns and tilts the other way.
    pub fn mirrored(&self) -> Self {
        let mut mirrored = *self;
        for shape in Shape::ALL {
            mirrored.set(shape.mirrored(), self.get(shape));
        }
        mirrored.head = HeadPose { yaw: -self.head.yaw, pitch: self.head.pitch, roll: -self.head.roll };
        mirrored
    }
}

impl Default for Expression {
    fn default() -> Self {
        Self::NEUTRAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mirror_exchanges_the_sides() {
        let mut expression = Expression::NEUTRAL;
        expression.set(Shape::MouthSmileLeft, 0.8);
        expression.set(Shape::JawRight, 0.3);
        expression.set(Shape::JawOpen, 0.5);
        expression.head = HeadPose { yaw: 0.1, pitch: 0.2, roll: 0.3 };
        let mirrored = expression.mirrored();
        assert_eq!((mirrored.get(Shape::MouthSmileRight), mirrored.get(Shape::MouthSmileLeft)), (0.8, 0.0));
        assert_eq!((mirrored.get(Shape::JawLeft), mirrored.get(Shape::JawRight)), (0.3, 0.0));
        assert_eq!(mirrored.get(Shape::JawOpen), 0.5);
        assert_eq!(mirrored.head, HeadPose { yaw: -0.1, pitch: 0.2, roll: -0.3 });
    }

    proptest! {
        #[test]
        fn two_mirrors_give_the_expression_back(values in prop::collection::vec(-1.0..2.0f32, Shape::COUNT)) {
            let shapes = values.try_into().unwrap();
            let expression = Expression { shapes, head: HeadPose { yaw: 0.1, pitch: -0.2, roll: 0.3 } };
            prop_assert_eq!(expression.mirrored().mirrored(), expression);
        }
    }
}
