//! MediaPipe's canonical face, read from `data/`.

use std::sync::OnceLock;

/// Number of vertices; vertex i is landmark i, the irises have none.
pub const CANONICAL_VERTEX_COUNT: usize = 468;
/// Number of triangles.
pub const CANONICAL_TRIANGLE_COUNT: usize = 898;

static OBJ: &str = include_str!("../data/canonical_face.obj");
static PROCRUSTES: &str = include_str!("../data/procrustes_landmarks.txt");

/// Vertices of the canonical face in centimetres: x towards the subject's left, y up, z out of the face.
///
/// Source: Google MediaPipe's face landmarker bundle, `geometry_pipeline_metadata_landmarks.binarypb`.
pub fn canonical_vertices() -> &'static [[f32; 3]; CANONICAL_VERTEX_COUNT] {
    static VERTICES: OnceLock<[[f32; 3]; CANONICAL_VERTEX_COUNT]> = OnceLock::new();
    VERTICES.get_or_init(|| collect(rows(OBJ, "v")))
}

/// Triangles of the canonical face as vertex indices from 0, counter-clockwise seen from outside. Eyes and mouth are
/// closed by triangles.
pub fn canonical_triangles() -> &'static [[u16; 3]; CANONICAL_TRIANGLE_COUNT] {
    static TRIANGLES: OnceLock<[[u16; 3]; CANONICAL_TRIANGLE_COUNT]> = OnceLock::new();
    TRIANGLES.get_or_init(|| collect(rows(OBJ, "f").map(|corners: [u16; 3]| corners.map(|one_based| one_based - 1))))
}

/// The landmarks that fix the head pose, with their weights.
pub(crate) fn procrustes_landmarks() -> &'static [(usize, f32)] {
    static LANDMARKS: OnceLock<Vec<(usize, f32)>> = OnceLock::new();
    LANDMARKS.get_or_init(|| {
        let lines = PROCRUSTES.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once(' '));
        pairs.filter_map(|(index, weight)| Some((index.parse().ok()?, weight.parse().ok()?))).collect()
    })
}

/// The three numbers of each line that starts with `keyword`. The file is part of the program: tests read all of it.
fn rows<T: std::str::FromStr>(text: &'static str, keyword: &'static str) -> impl Iterator<Item = [T; 3]> {
    text.lines().filter_map(move |line| {
        let mut numbers = line.strip_prefix(keyword)?.split_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some([next()?, next()?, next()?])
    })
}

fn collect<T: Copy + Default, const N: usize>(rows: impl Iterator<Item = [T; 3]>) -> [[T; 3]; N] {
    let mut all = [[T::default(); 3]; N];
    all.iter_mut().zip(rows).for_each(|(to, from)| *to = from);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_files_hold_exactly_what_the_counts_say() {
        let lines = |keyword: &str| OBJ.lines().filter(|line| line.starts_with(keyword)).count();
        assert_eq!(rows::<f32>(OBJ, "v").count(), CANONICAL_VERTEX_COUNT);
        assert_eq!(rows::<u16>(OBJ, "f").count(), CANONICAL_TRIANGLE_COUNT);
        assert_eq!(lines("v") + lines("f") + lines("#"), OBJ.lines().count());
        assert_eq!(procrustes_landmarks().len(), 33);
        assert_eq!(PROCRUSTES.lines().count(), 34);
    }

    #[test]
    fn triangles_use_every_vertex_and_no_other() {
        let mut used = [false; CANONICAL_VERTEX_COUNT];
        for &corner in canonical_triangles().iter().flatten() {
            used[usize::from(corner)] = true;
        }
        assert!(used.iter().all(|&used| used));
    }

    #[test]
    fn the_frame_is_left_up_and_out() {
        let vertices = canonical_vertices();
        let (nose, chin, brow) = (vertices[1], vertices[152], vertices[10]);
        assert!(
            vertices[263][0] > 0.0 && vertices[33][0] == -vertices[263][0],
            "the subject's left eye has positive x"
        );
        assert!(brow[1] > nose[1] && nose[1] > chin[1]);
        assert!(
            vertices.iter().all(|vertex| vertex[2] <= vertices[4][2] && vertex[2].abs() < 10.0),
            "the nose is foremost"
        );
    }

    #[test]
    fn procrustes_weights_are_symmetric_and_sum_to_about_one() {
        let weight_of = |i: usize| procrustes_landmarks().iter().find(|one| one.0 == i).map(|one| one.1);
        assert_eq!(weight_of(33), weight_of(263));
        assert!(weight_of(33).is_some());
        let sum: f32 = procrustes_landmarks().iter().map(|one| one.1).sum();
        assert!((sum - 1.0).abs() < 0.1, "{sum}");
    }
}
