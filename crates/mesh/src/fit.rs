//! The canonical face fitted to a portrait: where its frame lies in the picture.

use glam::{Mat3, Vec2, Vec3};
use moue_topology as topology;

use crate::error::MeshError;
use crate::surface::Surface;

/// Landmarks that hardly move with any expression: forehead, temples, eye corners, bridge of the nose, cheekbones.
const RIGID: [u16; 34] = [
    10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 33, 133, 362, 263, 127, 356, 162, 389, 21, 251, 54, 284, 103, 332, 67, 297,
    109, 338, 234, 454, 93, 323, 143, 372,
];

/// A similarity between the canonical frame (cm, y up, z towards the camera) and the picture (pixels, y down), and
/// the portrait's own vertices in that frame.
pub(crate) struct Fit {
    rotation: Mat3,
    /// Picture pixels per centimetre.
    pub px_per_cm: f32,
    translation: Vec3,
    /// The portrait's surface vertices in the canonical frame, cm.
    pub vertices: Vec<Vec3>,
}

impl Fit {
    /// # Errors
    /// [`MeshError::Landmarks`] if the points are not finite, coincide or lie on a line.
    pub fn new(landmarks: &[[f32; 3]; topology::LANDMARK_COUNT]) -> Result<Fit, MeshError> {
        if !landmarks.iter().flatten().all(|v| v.is_finite()) {
            return Err(MeshError::Landmarks("a coordinate is not a finite number"));
        }
        let picture: Vec<Vec3> = landmarks.iter().map(|&[x, y, z]| Vec3::new(x, -y, -z)).collect();
        let canonical = |v: u16| Vec3::from(topology::vertices()[v as usize]);
        let mean = |point: &dyn Fn(u16) -> Vec3| RIGID.iter().map(|&v| point(v)).sum::<Vec3>() / RIGID.len() as f32;
        let from = mean(&canonical);
        let to = mean(&|v| picture[v as usize]);
        let (mut covariance, mut spread_from, mut spread_to) = (Mat3::ZERO, 0.0, 0.0);
        for &v in &RIGID {
            let (a, b) = (canonical(v) - from, picture[v as usize] - to);
            covariance += Mat3::from_cols(b * a.x, b * a.y, b * a.z);
            spread_from += a.length_squared();
            spread_to += b.length_squared();
        }
        let px_per_cm = (spread_to / spread_from).sqrt();
        let rotation = nearest_rotation(covariance).ok_or(MeshError::Landmarks("they lie on a line or in a point"))?;
        if px_per_cm < 0.2 {
            return Err(MeshError::Landmarks("they span less than 3 pixels"));
        }
        let translation = to - rotation * from * px_per_cm;
        let into_frame = |v: u16| rotation.transpose() * (picture[v as usize] - translation) / px_per_cm;
        let vertices = Surface::get().parents.iter().map(|&[a, b]| (into_frame(a) + into_frame(b)) * 0.5).collect();
        Ok(Fit { rotation, px_per_cm, translation, vertices })
    }

    /// Picture position of a point of the canonical frame.
    pub fn project(&self, point: Vec3) -> Vec2 {
        let p = self.rotation * point * self.px_per_cm + self.translation;
        Vec2::new(p.x, -p.y)
    }

    /// Picture displacement of a displacement in the canonical frame.
    pub fn project_delta(&self, delta: Vec3) -> Vec2 {
        let d = self.rotation * delta * self.px_per_cm;
        Vec2::new(d.x, -d.y)
    }
}

/// The rotation nearest to `matrix`, by Higham's iteration for the polar decomposition; none for a flat matrix.
fn nearest_rotation(matrix: Mat3) -> Option<Mat3> {
    let mut r = matrix * (1.0 / matrix.to_cols_array().iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-20));
    if r.determinant() <= 1e-9 {
        return None;
    }
    for _ in 0..60 {
        let next = (r + r.inverse().transpose()) * 0.5;
        let change = next - r;
        r = next;
        if change.to_cols_array().iter().all(|v| v.abs() < 1e-7) {
            break;
        }
    }
    Some(r)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The canonical face itself as landmarks in a picture: turned by `rotation`, `px_per_cm` large.
    pub(crate) fn canonical_landmarks(rotation: Mat3, px_per_cm: f32, centre: Vec2) -> Box<[[f32; 3]; 478]> {
        let mut landmarks = Box::new([[0.0; 3]; 478]);
        for (landmark, &vertex) in landmarks.iter_mut().zip(topology::vertices()) {
            let p = rotation * Vec3::from(vertex) * px_per_cm;
            *landmark = [centre.x + p.x, centre.y - p.y, -p.z];
        }
        for (iris, corners) in [(topology::RIGHT_IRIS, [33, 133]), (topology::LEFT_IRIS, [362, 263])] {
            let [a, b] = corners.map(|v: usize| Vec3::from(landmarks[v]));
            let radius = (a - b).length() * 0.2;
            let rim = [Vec3::ZERO, Vec3::X, Vec3::NEG_Y, Vec3::NEG_X, Vec3::Y];
            for (point, offset) in iris.into_iter().zip(rim) {
                landmarks[point as usize] = ((a + b) * 0.5 + offset * radius).to_array();
            }
        }
        landmarks
    }

    #[test]
    fn a_turned_face_is_found_where_it_was_put() {
        let rotation = Mat3::from_rotation_y(0.3) * Mat3::from_rotation_z(-0.2);
        let landmarks = canonical_landmarks(rotation, 12.0, Vec2::new(200.0, 150.0));
        let fit = Fit::new(&landmarks).unwrap();
        assert!((fit.px_per_cm - 12.0).abs() < 1e-3);
        assert!((fit.rotation - rotation).to_cols_array().iter().all(|v| v.abs() < 1e-4));
        assert!(fit.vertices[1].distance(Vec3::from(topology::vertices()[1])) < 1e-3);
        assert!(fit.project(fit.vertices[4]).distance(Vec2::new(landmarks[4][0], landmarks[4][1])) < 1e-2);
    }

    #[test]
    fn points_that_are_no_face_are_refused() {
        assert!(matches!(Fit::new(&[[1.0; 3]; 478]), Err(MeshError::Landmarks(_))));
        let mut landmarks = canonical_landmarks(Mat3::IDENTITY, 10.0, Vec2::ZERO);
        landmarks[7][1] = f32::NAN;
        assert!(matches!(Fit::new(&landmarks), Err(MeshError::Landmarks(_))));
    }
}
