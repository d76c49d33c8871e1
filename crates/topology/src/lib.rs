//! The 478 landmarks of MediaPipe's face mesh: canonical positions, triangles, mirror images and contours.
//!
//! Landmarks `0..468` are vertices of the canonical mesh, `468..478` are the two irises. Left and right are the
//! subject's own. Source: MediaPipe `face_landmarker.task`, `geometry_pipeline_metadata_landmarks.binarypb`
//! (Apache-2.0); the index lists follow its published face mesh contours.

use std::sync::OnceLock;

/// Landmarks of one face, irises included.
pub const LANDMARK_COUNT: usize = 478;
/// Vertices of the canonical mesh: the landmarks without the irises.
pub const VERTEX_COUNT: usize = 468;
/// Triangles of the canonical mesh.
pub const TRIANGLE_COUNT: usize = 898;

/// Outline of the face, clockwise in the picture from the middle of the forehead.
pub const FACE_OVAL: [u16; 36] = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
];
/// Lower edge of the upper lip, from the subject's right corner to the left one.
pub const INNER_LIP_UPPER: [u16; 11] = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308];
/// Upper edge of the lower lip, from the subject's right corner to the left one.
pub const INNER_LIP_LOWER: [u16; 11] = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308];
/// Upper edge of the upper lip, from the subject's right corner to the left one.
pub const OUTER_LIP_UPPER: [u16; 11] = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291];
/// Lower edge of the lower lip, from the subject's right corner to the left one.
pub const OUTER_LIP_LOWER: [u16; 11] = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291];
/// Margin of the right upper lid, from the outer corner to the inner one.
pub const RIGHT_LID_UPPER: [u16; 9] = [33, 246, 161, 160, 159, 158, 157, 173, 133];
/// Margin of the right lower lid, from the outer corner to the inner one.
pub const RIGHT_LID_LOWER: [u16; 9] = [33, 7, 163, 144, 145, 153, 154, 155, 133];
/// Margin of the left upper lid, from the inner corner to the outer one.
pub const LEFT_LID_UPPER: [u16; 9] = [362, 398, 384, 385, 386, 387, 388, 466, 263];
/// Margin of the left lower lid, from the inner corner to the outer one.
pub const LEFT_LID_LOWER: [u16; 9] = [362, 382, 381, 380, 374, 373, 390, 249, 263];
/// The right iris: its centre, then four points of its rim.
pub const RIGHT_IRIS: [u16; 5] = [468, 469, 470, 471, 472];
/// The left iris: its centre, then four points of its rim.
pub const LEFT_IRIS: [u16; 5] = [473, 474, 475, 476, 477];
/// Upper edge of the right brow, from the outer end to the inner one.
pub const RIGHT_BROW_UPPER: [u16; 5] = [70, 63, 105, 66, 107];
/// Upper edge of the left brow, from the inner end to the outer one.
pub const LEFT_BROW_UPPER: [u16; 5] = [336, 296, 334, 293, 300];

struct Canonical {
    rigid: Vec<(u16, f32)>,
    vertices: Vec<[f32; 3]>,
    triangles: Vec<[u16; 3]>,
    mirror: Vec<u16>,
}

fn canonical() -> &'static Canonical {
    static CANONICAL: OnceLock<Canonical> = OnceLock::new();
    CANONICAL.get_or_init(|| {
        parse(include_str!("../data/canonical_face.obj"), include_str!("../data/procrustes_landmarks.txt"))
    })
}

fn parse(text: &str, weights: &str) -> Canonical {
    let mut vertices = Vec::with_capacity(VERTEX_COUNT);
    let mut triangles = Vec::with_capacity(TRIANGLE_COUNT);
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("v") => vertices.push(three(words, |word| word.parse::<f32>().ok())),
            Some("f") => {
                let index = |word: &str| word.split('/').next()?.parse::<u16>().ok()?.checked_sub(1);
                triangles.push(three(words, index));
            }
            _ => {}
        }
    }
    let mirror = vertices.iter().map(|&vertex| mirror_of(vertex, &vertices)).collect();
    let pairs = weights.lines().filter_map(|line| line.split_once(' '));
    let rigid = pairs.filter_map(|(index, weight)| Some((index.parse().ok()?, weight.parse().ok()?))).collect();
    Canonical { rigid, vertices, triangles, mirror }
}

// The data file is part of the program and a test reads it whole, so a fault in it cannot reach a user.
fn three<'a, T: Copy + Default>(words: impl Iterator<Item = &'a str>, read: impl Fn(&str) -> Option<T>) -> [T; 3] {
    let mut out = [T::default(); 3];
    for (slot, word) in out.iter_mut().zip(words) {
        *slot = read(word).unwrap_or_default();
    }
    out
}

fn mirror_of([x, y, z]: [f32; 3], vertices: &[[f32; 3]]) -> u16 {
    let squared = |v: &[f32; 3]| (v[0] + x).powi(2) + (v[1] - y).powi(2) + (v[2] - z).powi(2);
    let nearest = vertices.iter().enumerate().min_by(|(_, a), (_, b)| squared(a).total_cmp(&squared(b)));
    nearest.map_or(0, |(index, _)| index as u16)
}

/// The 468 vertices in centimetres: x to the subject's left, y up, z out of the face.
pub fn vertices() -> &'static [[f32; 3]] {
    &canonical().vertices
}

/// The 898 triangles, counter-clockwise seen from outside. They cover the eyes and the mouth too.
pub fn triangles() -> &'static [[u16; 3]] {
    &canonical().triangles
}

/// The 33 landmarks that MediaPipe fits the head's pose to, and their weights in the fit.
pub fn pose_landmarks() -> &'static [(u16, f32)] {
    &canonical().rigid
}

/// The vertex that mirrors `vertex` on the other side of the face; itself on the midline.
///
/// # Panics
/// If `vertex` is not below [`VERTEX_COUNT`].
pub fn mirror(vertex: u16) -> u16 {
    canonical().mirror[vertex as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_file_is_whole() {
        assert_eq!(vertices().len(), VERTEX_COUNT);
        assert_eq!(triangles().len(), TRIANGLE_COUNT);
        assert!(triangles().iter().flatten().all(|&index| (index as usize) < VERTEX_COUNT));
        assert!(triangles().iter().all(|[a, b, c]| a != b && b != c && a != c));
        let [x, y, z] = vertices()[1];
        assert!(x.abs() < 1e-3 && (y + 1.127).abs() < 1e-2 && (z - 7.476).abs() < 1e-2, "the tip of the nose");
    }

    #[test]
    fn pose_weights_are_symmetric_and_sum_to_about_one() {
        assert_eq!(pose_landmarks().len(), 33);
        let weight_of = |vertex: u16| pose_landmarks().iter().find(|one| one.0 == vertex).map(|one| one.1);
        assert!(weight_of(33).is_some() && weight_of(33) == weight_of(263));
        let sum: f32 = pose_landmarks().iter().map(|one| one.1).sum();
        assert!((sum - 1.0).abs() < 0.1, "{sum}");
    }

    #[test]
    fn every_vertex_has_one_mirror_image() {
        for vertex in 0..VERTEX_COUNT as u16 {
            assert_eq!(mirror(mirror(vertex)), vertex);
        }
        assert_eq!(mirror(61), 291);
        assert_eq!(mirror(13), 13);
        for (right, left) in RIGHT_LID_UPPER.iter().zip(LEFT_LID_UPPER.iter().rev()) {
            assert_eq!(mirror(*right), *left);
        }
    }

    #[test]
    fn the_oval_is_the_boundary_of_the_mesh() {
        let mut uses = std::collections::HashMap::new();
        for [a, b, c] in triangles().iter().copied() {
            for (from, to) in [(a, b), (b, c), (c, a)] {
                *uses.entry((from.min(to), from.max(to))).or_insert(0) += 1;
            }
        }
        for (index, &from) in FACE_OVAL.iter().enumerate() {
            let to = FACE_OVAL[(index + 1) % FACE_OVAL.len()];
            assert_eq!(uses.remove(&(from.min(to), from.max(to))), Some(1));
        }
        assert!(uses.values().all(|&count| count == 2));
    }
}
