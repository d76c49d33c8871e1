//! Rotations of the head in their usual forms.
//!
//! Matrices are row-major and map the face to the camera's space: x to the right of the picture (the face's own left),
//! y up, z towards the camera. MediaPipe's canonical face and the FLAME model have these axes both.

use moue_timeline::HeadPose;

pub(crate) type Matrix = [[f64; 4]; 4];

/// Yaw, pitch and roll, whatever the matrix's scale. None where an axis vanishes.
pub(crate) fn head_pose(matrix: &Matrix) -> Option<HeadPose> {
    HeadPose::from_rotation(&[0, 1, 2].map(|row| [matrix[row][0], matrix[row][1], matrix[row][2]]))
}

/// The matrix whose [`head_pose`] is `head`, without a translation.
pub(crate) fn matrix(head: HeadPose) -> Matrix {
    let [a, b, c] = head.to_rotation().map(|[x, y, z]| [x, y, z, 0.0]);
    [a, b, c, [0.0, 0.0, 0.0, 1.0]]
}

/// The rotation about the direction of `vector` by its length in radians, right-handed (Rodrigues).
pub(crate) fn from_vector(vector: [f64; 3]) -> Matrix {
    let angle = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    // Shorter ones turn by nothing that f32 can tell.
    let [x, y, z] = vector.map(|value| if angle > 1e-12 { value / angle } else { 0.0 });
    let (s, c) = angle.sin_cos();
    let t = 1.0 - c;
    [
        [t * x * x + c, t * x * y - s * z, t * x * z + s * y, 0.0],
        [t * x * y + s * z, t * y * y + c, t * y * z - s * x, 0.0],
        [t * x * z - s * y, t * y * z + s * x, t * z * z + c, 0.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
}

/// First `b`, then `a`.
pub(crate) fn product(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|row| std::array::from_fn(|column| (0..4).map(|k| a[row][k] * b[k][column]).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Right-handed rotations by `angle` about y, x and z.
    fn about(axis: char, angle: f64) -> Matrix {
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

    #[test]
    fn vectors_turn_about_their_direction() {
        for (vector, axis) in [([0.7, 0.0, 0.0], 'x'), ([0.0, 0.7, 0.0], 'y'), ([0.0, 0.0, 0.7], 'z')] {
            let (turned, expected) = (from_vector(vector), about(axis, 0.7));
            assert!((0..16).all(|at| (turned[at / 4][at % 4] - expected[at / 4][at % 4]).abs() < 1e-12), "{axis}");
        }
        assert_eq!(head_pose(&from_vector([0.0; 3])), Some(HeadPose::default()));
    }

    proptest! {
        #[test]
        fn a_pose_comes_back_from_its_matrix(yaw in -3.1..3.1f32, pitch in -1.4..1.4f32, roll in -3.1..3.1f32) {
            let head = head_pose(&matrix(HeadPose { yaw, pitch, roll })).unwrap();
            prop_assert!((head.yaw - yaw).abs() < 1e-5 && (head.pitch - pitch).abs() < 1e-5);
            prop_assert!((head.roll - roll).abs() < 1e-5);
        }

        #[test]
        fn angles_come_back_whatever_the_scale(yaw in -1.5..1.5f64, pitch in -1.5..1.5f64, roll in -1.5..1.5f64, scale in 0.1..10.0f64) {
            let rotation = product(&product(&about('y', yaw), &about('x', -pitch)), &about('z', -roll));
            let scaled = rotation.map(|row| row.map(|value| value * scale));
            let head = head_pose(&scaled).unwrap();
            prop_assert!((f64::from(head.yaw) - yaw).abs() < 1e-5);
            prop_assert!((f64::from(head.pitch) - pitch).abs() < 1e-5);
            prop_assert!((f64::from(head.roll) - roll).abs() < 1e-5);
        }
    }
}
