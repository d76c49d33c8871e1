//! The head's rotation in a facial transformation matrix.

use moue_timeline::HeadPose;

/// Row-major, maps the canonical face to the camera's space: x to the right of the picture (the face's own left), y
/// up, z towards the camera; centimetres. Yaw, pitch and roll in that order, yaw outermost. None where an axis
/// vanishes.
pub(crate) fn head_pose(matrix: &[[f64; 4]; 4]) -> Option<HeadPose> {
    let axis = |column: usize| {
        let axis = [matrix[0][column], matrix[1][column], matrix[2][column]];
        let length = axis.iter().map(|value| value * value).sum::<f64>().sqrt();
        // The face's scale is of no interest.
        (length.is_finite() && length > 1e-6).then(|| axis.map(|value| value / length))
    };
    let (right, up, forward) = (axis(0)?, axis(1)?, axis(2)?);
    Some(HeadPose {
        yaw: forward[0].atan2(forward[2]) as f32,
        pitch: forward[1].clamp(-1.0, 1.0).asin() as f32,
        roll: -right[1].atan2(up[1]) as f32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn multiply(a: [[f64; 4]; 4], b: [[f64; 4]; 4]) -> [[f64; 4]; 4] {
        std::array::from_fn(|row| std::array::from_fn(|column| (0..4).map(|k| a[row][k] * b[k][column]).sum()))
    }

    /// Right-handed rotations by `angle` about y, x and z.
    fn about(axis: char, angle: f64) -> [[f64; 4]; 4] {
        let (s, c) = angle.sin_cos();
        match axis {
            'y' => [[c, 0.0, s, 0.0], [0.0, 1.0, 0.0, 0.0], [-s, 0.0, c, 0.0], [0.0, 0.0, 0.0, 1.0]],
            'x' => [[1.0, 0.0, 0.0, 0.0], [0.0, c, -s, 0.0], [0.0, s, c, 0.0], [0.0, 0.0, 0.0, 1.0]],
            _ => [[c, -s, 0.0, 0.0], [s, c, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]],
        }
    }

    #[test]
    fn signs_are_those_of_a_head_pose() {
        // Turned by 90 degrees to its own left, the face looks along x.
        let left = head_pose(&about('y', 0.5)).unwrap();
        assert!((left.yaw - 0.5).abs() < 1e-6 && left.pitch.abs() < 1e-6 && left.roll.abs() < 1e-6);
        // A turn about x takes z down: the face looks down.
        let down = head_pose(&about('x', 0.5)).unwrap();
        assert!((down.pitch + 0.5).abs() < 1e-6 && down.yaw.abs() < 1e-6);
        // A turn about z lifts the face's own left side: it tilts to its right shoulder.
        let right = head_pose(&about('z', 0.5)).unwrap();
        assert!((right.roll + 0.5).abs() < 1e-6 && right.yaw.abs() < 1e-6);
        assert_eq!(head_pose(&[[0.0; 4]; 4]), None);
        assert_eq!(head_pose(&[[f64::NAN; 4]; 4]), None);
    }

    proptest! {
        #[test]
        fn angles_come_back_whatever_the_scale(yaw in -1.5..1.5f64, pitch in -1.5..1.5f64, roll in -1.5..1.5f64, scale in 0.1..10.0f64) {
            let rotation = multiply(multiply(about('y', yaw), about('x', -pitch)), about('z', -roll));
            let scaled = rotation.map(|row| row.map(|value| value * scale));
            let head = head_pose(&scaled).unwrap();
            prop_assert!((f64::from(head.yaw) - yaw).abs() < 1e-5);
            prop_assert!((f64::from(head.pitch) - pitch).abs() < 1e-5);
            prop_assert!((f64::from(head.roll) - roll).abs() < 1e-5);
        }
    }
}
