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
}

impl Default for Expression {
    fn default() -> Self {
        Self::NEUTRAL
    }
}
