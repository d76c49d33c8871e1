//! Head pose: the rigid motion and scale that bring the canonical face onto the landmarks, seen by a virtual camera.
//!
//! The method is MediaPipe's face geometry: landmarks on the screen are lifted into centimetres in two passes that
//! settle the scale, and a weighted Procrustes fit (Akca 2003, "Generalized Procrustes analysis and its applications
//! in photogrammetry") gives the matrix.

use moue_topology as topology;

use crate::landmarks::Landmarks;

/// Vertical field of view of the virtual camera, radians (63 degrees).
const VERTICAL_FIELD_OF_VIEW: f64 = 63.0 * std::f64::consts::PI / 180.0;
/// Distance of the camera's near plane, cm.
const NEAR: f64 = 1.0;

type Vec3 = [f64; 3];
type Mat3 = [[f64; 3]; 3];

/// `scale * rotation * x + translation`.
#[derive(Clone, Copy, Debug)]
struct Similarity {
    scale: f64,
    rotation: Mat3,
    translation: Vec3,
}

/// The pose matrix, rows first, in cm: canonical face to camera space (x right, y up, z towards the viewer, the camera
/// at the origin).
pub(crate) fn pose(landmarks: &Landmarks, width: u32, height: u32) -> [[f32; 4]; 4] {
    let screen = on_near_plane(landmarks, f64::from(width), f64::from(height));
    let depth_offset = screen.iter().map(|point| point[2]).sum::<f64>() / screen.len() as f64;

    // Right-handed from here on: towards the viewer is positive.
    let flat: Vec<Vec3> = screen.iter().map(|&[x, y, z]| [x, y, -z]).collect();
    let first_scale = fit(&flat).scale;
    let second_scale = fit(&lift(&screen, depth_offset, first_scale)).scale;
    let Similarity { scale, rotation, translation } = fit(&lift(&screen, depth_offset, first_scale * second_scale));

    let mut matrix = [[0.0; 4]; 4];
    for row in 0..3 {
        for column in 0..3 {
            matrix[row][column] = (scale * rotation[row][column]) as f32;
        }
        matrix[row][3] = translation[row] as f32;
    }
    matrix[3][3] = 1.0;
    matrix
}

/// The 468 landmarks that the canonical face has, on the camera's near plane: cm, y up, z in the scale of x.
fn on_near_plane(landmarks: &Landmarks, width: f64, height: f64) -> Vec<Vec3> {
    let plane_height = 2.0 * NEAR * (VERTICAL_FIELD_OF_VIEW / 2.0).tan();
    let plane_width = plane_height * width / height;
    let points = landmarks[..topology::vertices().len()].iter();
    points
        .map(|landmark| {
            let [x, y, z] = landmark.map(f64::from);
            [(x / width - 0.5) * plane_width, (0.5 - y / height) * plane_height, z / width * plane_width]
        })
        .collect()
}

/// Moves points from the near plane to where a face of the canonical size would be, along their rays.
fn lift(screen: &[Vec3], depth_offset: f64, scale: f64) -> Vec<Vec3> {
    let lifted = screen.iter().map(|&[x, y, z]| {
        let z = (z - depth_offset + NEAR) / scale;
        [x * z / NEAR, y * z / NEAR, -z]
    });
    lifted.collect()
}

/// The weighted least-squares similarity from the canonical face to `targets` (one for each vertex).
fn fit(targets: &[Vec3]) -> Similarity {
    let pairs = || {
        topology::pose_landmarks().iter().map(|&(i, weight)| {
            (topology::vertices()[i as usize].map(f64::from), targets[i as usize], f64::from(weight))
        })
    };
    let total: f64 = pairs().map(|(.., weight)| weight).sum();
    let mean = |of: fn(&(Vec3, Vec3, f64)) -> Vec3| {
        [0, 1, 2].map(|axis| pairs().map(|pair| of(&pair)[axis] * pair.2).sum::<f64>() / total)
    };
    let (source_mean, target_mean) = (mean(|pair| pair.0), mean(|pair| pair.1));

    let mut covariance = [[0.0; 3]; 3];
    let mut source_variance = 0.0;
    for (source, target, weight) in pairs() {
        for row in 0..3 {
            let from = source[row] - source_mean[row];
            source_variance += weight * from * from;
            for column in 0..3 {
                covariance[row][column] += weight * from * (target[column] - target_mean[column]);
            }
        }
    }
    let rotation = rotation_from_covariance(&covariance);
    let aligned: f64 = (0..3)
        .flat_map(|row| (0..3).map(move |column| (row, column)))
        .map(|(row, column)| rotation[column][row] * covariance[row][column])
        .sum();
    let scale = aligned / source_variance;
    let translation = [0, 1, 2].map(|row| {
        target_mean[row] - scale * (0..3).map(|column| rotation[row][column] * source_mean[column]).sum::<f64>()
    });
    Similarity { scale, rotation, translation }
}

/// The rotation R that maximises trace(R * covariance), covariance = sum of source * target^T, as a unit quaternion:
/// the eigenvector of the largest eigenvalue of a symmetric 4x4 matrix (Horn 1987, "Closed-form solution of absolute
/// orientation using unit quaternions"). Never a reflection.
fn rotation_from_covariance(s: &Mat3) -> Mat3 {
    let trace = s[0][0] + s[1][1] + s[2][2];
    let curl = [s[1][2] - s[2][1], s[2][0] - s[0][2], s[0][1] - s[1][0]];
    let mut n = [[0.0; 4]; 4];
    n[0][0] = trace;
    for i in 0..3 {
        (n[0][i + 1], n[i + 1][0]) = (curl[i], curl[i]);
        for j in 0..3 {
            n[i + 1][j + 1] = s[i][j] + s[j][i] - if i == j { trace } else { 0.0 };
        }
    }
    let [w, x, y, z] = largest_eigenvector(n);
    [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
        [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
        [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
    ]
}

/// Unit eigenvector of a symmetric matrix's largest eigenvalue, by cyclic Jacobi rotations.
fn largest_eigenvector(mut a: [[f64; 4]; 4]) -> [f64; 4] {
    let mut vectors = [[0.0; 4]; 4];
    (0..4).for_each(|i| vectors[i][i] = 1.0);
    // Convergence is quadratic: six sweeps reach machine precision, the rest is a margin.
    for _ in 0..16 {
        for p in 0..3 {
            for q in p + 1..4 {
                if a[p][q] == 0.0 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let cos = 1.0 / (t * t + 1.0).sqrt();
                let sin = t * cos;
                for row in &mut a {
                    (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
                }
                let (row_p, row_q) = (a[p], a[q]);
                a[p] = [0, 1, 2, 3].map(|k| cos * row_p[k] - sin * row_q[k]);
                a[q] = [0, 1, 2, 3].map(|k| sin * row_p[k] + cos * row_q[k]);
                for row in &mut vectors {
                    (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
                }
            }
        }
    }
    let largest = (0..4).max_by(|&i, &j| a[i][i].total_cmp(&a[j][j])).unwrap_or(0);
    [0, 1, 2, 3].map(|row| vectors[row][largest])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landmarks::LANDMARK_COUNT;

    fn turned(yaw: f64, pitch: f64, roll: f64) -> Mat3 {
        let about = |axis: usize, angle: f64| {
            let (sin, cos) = angle.sin_cos();
            let (i, j) = ((axis + 1) % 3, (axis + 2) % 3);
            let mut matrix = [[0.0; 3]; 3];
            matrix[axis][axis] = 1.0;
            (matrix[i][i], matrix[i][j], matrix[j][i], matrix[j][j]) = (cos, -sin, sin, cos);
            matrix
        };
        multiply(&multiply(&about(1, yaw), &about(0, pitch)), &about(2, roll))
    }

    fn multiply(a: &Mat3, b: &Mat3) -> Mat3 {
        [0, 1, 2].map(|row| [0, 1, 2].map(|column| (0..3).map(|k| a[row][k] * b[k][column]).sum()))
    }

    fn apply(rotation: &Mat3, point: Vec3, translation: Vec3) -> Vec3 {
        [0, 1, 2].map(|row| (0..3).map(|k| rotation[row][k] * point[k]).sum::<f64>() + translation[row])
    }

    /// What a landmark net would say of the canonical face, placed before the camera of a picture.
    fn landmarks_of(rotation: &Mat3, translation: Vec3, width: f64, height: f64) -> Landmarks {
        let placed: Vec<Vec3> =
            topology::vertices().iter().map(|vertex| apply(rotation, vertex.map(f64::from), translation)).collect();
        let mean_depth = -placed.iter().map(|point| point[2]).sum::<f64>() / placed.len() as f64;
        let focal_length = height / 2.0 / (VERTICAL_FIELD_OF_VIEW / 2.0).tan();
        let mut landmarks = [[0.0; 3]; LANDMARK_COUNT];
        for (landmark, [x, y, z]) in landmarks.iter_mut().zip(placed) {
            let scale = focal_length / -z;
            let depth = (-z - mean_depth) * focal_length / mean_depth;
            *landmark = [width / 2.0 + x * scale, height / 2.0 - y * scale, depth].map(|value| value as f32);
        }
        landmarks
    }

    #[test]
    fn the_pose_of_a_placed_canonical_face_is_found() {
        for (yaw, pitch, roll) in [(0.0, 0.0, 0.0), (0.5, -0.2, 0.1), (-0.7, 0.3, -0.6), (0.1, 0.4, 2.5)] {
            for (translation, width, height) in [
                ([0.0, 0.0, -40.0], 512.0, 512.0),
                ([9.0, -6.0, -70.0], 1280.0, 720.0),
                ([-5.0, 8.0, -55.0], 400.0, 900.0),
            ] {
                let rotation = turned(yaw, pitch, roll);
                let found = pose(&landmarks_of(&rotation, translation, width, height), width as u32, height as u32);
                for row in 0..3 {
                    for column in 0..3 {
                        let error = (f64::from(found[row][column]) - rotation[row][column]).abs();
                        assert!(error < 0.02, "{yaw} {pitch} {roll}: {found:?} for {rotation:?}");
                    }
                    let error = (f64::from(found[row][3]) - translation[row]).abs();
                    assert!(error < 0.02 * -translation[2], "{translation:?}: {found:?}");
                }
                assert_eq!(found[3], [0.0, 0.0, 0.0, 1.0]);
            }
        }
    }

    #[test]
    fn rotations_are_found_exactly_and_mirror_images_give_no_reflection() {
        let points = [[1.0, 0.2, 0.1], [-0.3, 2.0, 0.5], [0.4, -0.6, 3.0], [-1.1, 0.3, 0.2]];
        let covariance_with = |map: &dyn Fn(Vec3) -> Vec3| {
            let mut sum = [[0.0; 3]; 3];
            for point in points {
                let target = map(point);
                (0..9).for_each(|i| sum[i / 3][i % 3] += point[i / 3] * target[i % 3]);
            }
            sum
        };
        for (yaw, pitch, roll) in [(0.0, 0.0, 0.0), (3.0, 0.1, -2.0), (-1.5, 1.5, 0.7)] {
            let expected = turned(yaw, pitch, roll);
            let found = rotation_from_covariance(&covariance_with(&|point| apply(&expected, point, [0.0; 3])));
            let error = (0..9).map(|i| (found[i / 3][i % 3] - expected[i / 3][i % 3]).abs()).fold(0.0, f64::max);
            assert!(error < 1e-9, "{found:?} for {expected:?}");
        }
        let r = rotation_from_covariance(&covariance_with(&|[x, y, z]| [-x, y, z]));
        let determinant = r[0][0] * (r[1][1] * r[2][2] - r[1][2] * r[2][1])
            - r[0][1] * (r[1][0] * r[2][2] - r[1][2] * r[2][0])
            + r[0][2] * (r[1][0] * r[2][1] - r[1][1] * r[2][0]);
        assert!((determinant - 1.0).abs() < 1e-9, "{determinant}");
    }
}
