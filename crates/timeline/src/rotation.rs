//! Rotations of the head composed.

use crate::HeadPose;

impl HeadPose {
    /// What has to follow `rest` to give this pose: the head's own movement away from a pose that it rests in.
    ///
    /// A head that rests turned aside, since the camera stands there, and then nods, nods about an axis that is turned
    /// with it; the differences of the angles would make a tilt of that nod. Angles are yaw, then pitch, then roll, yaw
    /// outermost, as everywhere here.
    #[must_use]
    pub fn relative_to(self, rest: Self) -> Self {
        if rest == Self::default() {
            return self;
        }
        let (rest, turned) = (rest.to_rotation(), self.to_rotation());
        // A rotation's inverse is its transpose.
        let of = |row: usize, column: usize| (0..3).map(|k| rest[k][row] * turned[k][column]).sum::<f64>();
        let relative = std::array::from_fn(|row| std::array::from_fn(|column| of(row, column)));
        // A product of rotations is one.
        Self::from_rotation(&relative).unwrap_or_default()
    }

    /// The pose as a rotation matrix, rows first, of a frame with x to the face's own left, y up and z forward.
    pub fn to_rotation(self) -> [[f64; 3]; 3] {
        let [(sy, cy), (sp, cp), (sr, cr)] = [self.yaw, self.pitch, self.roll].map(|angle| f64::from(angle).sin_cos());
        [
            [cy * cr + sy * sp * sr, cy * sr - sy * sp * cr, sy * cp],
            [-cp * sr, cp * cr, sp],
            [-sy * cr + cy * sp * sr, -sy * sr - cy * sp * cr, cy * cp],
        ]
    }

    /// The pose that a rotation matrix is, whatever its scale: yaw, pitch and roll in that order, yaw outermost. None
    /// where an axis vanishes.
    pub fn from_rotation(matrix: &[[f64; 3]; 3]) -> Option<Self> {
        let axis = |column: usize| {
            let axis = [matrix[0][column], matrix[1][column], matrix[2][column]];
            let length = axis.iter().map(|value| value * value).sum::<f64>().sqrt();
            (length.is_finite() && length > 1e-6).then(|| axis.map(|value| value / length))
        };
        let (left, up, forward) = (axis(0)?, axis(1)?, axis(2)?);
        Some(Self {
            yaw: forward[0].atan2(forward[2]) as f32,
            pitch: forward[1].clamp(-1.0, 1.0).asin() as f32,
            roll: (-left[1]).atan2(up[1]) as f32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Matrix = [[f64; 3]; 3];

    fn head(yaw: f32, pitch: f32, roll: f32) -> HeadPose {
        HeadPose { yaw, pitch, roll }
    }

    fn near(a: HeadPose, b: HeadPose) -> bool {
        let apart = [a.yaw - b.yaw, a.pitch - b.pitch, a.roll - b.roll];
        apart.iter().all(|difference| difference.abs() < 1e-5)
    }

    #[test]
    fn the_matrix_is_that_of_right_handed_turns_about_y_x_and_z() {
        let times = |a: Matrix, b: Matrix| -> Matrix {
            std::array::from_fn(|row| std::array::from_fn(|column| (0..3).map(|k| a[row][k] * b[k][column]).sum()))
        };
        let (yaw, pitch, roll) = (0.4f32, -0.7f32, 0.3f32);
        let ((sy, cy), (sp, cp), (sr, cr)) =
            (f64::from(yaw).sin_cos(), f64::from(-pitch).sin_cos(), f64::from(-roll).sin_cos());
        let about_y = [[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]];
        let about_x = [[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]];
        let about_z = [[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]];
        let expected = times(times(about_y, about_x), about_z);
        for (row, expected) in head(yaw, pitch, roll).to_rotation().iter().zip(expected) {
            for (value, expected) in row.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_nod_of_a_turned_head_is_a_nod() {
        // The matrix of a pose is yaw * pitch, so a head that rests at some yaw and nods has just these angles.
        assert!(near(head(0.5, 0.2, 0.0).relative_to(head(0.5, 0.0, 0.0)), head(0.0, 0.2, 0.0)));
        // A head that rests looking down and then turns about its own axis: differences of angles would be wrong.
        let down = head(0.0, -0.4, 0.0);
        let turned = HeadPose::from_rotation(&{
            let (a, b) = (down.to_rotation(), head(0.6, 0.0, 0.0).to_rotation());
            std::array::from_fn(|row| std::array::from_fn(|column| (0..3).map(|k| a[row][k] * b[k][column]).sum()))
        })
        .unwrap();
        assert!(turned.roll.abs() > 0.1, "the turn shows as a tilt, too: {turned:?}");
        assert!(near(turned.relative_to(down), head(0.6, 0.0, 0.0)));
    }

    proptest! {
        #[test]
        fn rest_itself_is_no_movement(yaw in -1.5..1.5f32, pitch in -1.4..1.4f32, roll in -1.5..1.5f32) {
            let rest = head(yaw, pitch, roll);
            prop_assert!(near(rest.relative_to(rest), HeadPose::default()));
            prop_assert_eq!(rest.relative_to(HeadPose::default()), rest);
            prop_assert!(near(HeadPose::from_rotation(&rest.to_rotation()).unwrap(), rest));
        }

        /// About one axis alone, angles subtract.
        #[test]
        fn one_axis_subtracts(rest in -1.0..1.0f32, now in -1.0..1.0f32) {
            prop_assert!(near(head(now, 0.0, 0.0).relative_to(head(rest, 0.0, 0.0)), head(now - rest, 0.0, 0.0)));
            prop_assert!(near(head(0.0, 0.0, now).relative_to(head(0.0, 0.0, rest)), head(0.0, 0.0, now - rest)));
        }
    }
}
