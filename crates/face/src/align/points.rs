//! Which of MediaPipe's 478 landmarks stand for the points that the alignments were made with.

use crate::LANDMARK_COUNT;

/// Number of points in [`eyes_and_mouth`].
pub const EYES_AND_MOUTH_COUNT: usize = 24;

/// Points 36 to 59 of the 68-point markup, and the MediaPipe landmarks at the same places of the face.
///
/// Left and right are the picture's. 36-41: the left eye from its outer corner along the upper lid to the inner corner
/// and back along the lower lid. 42-47: the right eye from its inner corner, likewise. 48-59: the outer edge of the
/// lips, from the left corner along the upper lip to the right corner (54) and back along the lower lip.
const EYES_AND_MOUTH: [usize; EYES_AND_MOUTH_COUNT] = [
    33, 160, 158, 133, 153, 144, // left eye
    362, 385, 387, 263, 373, 380, // right eye
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, // lips
];

/// Where the tip of the nose is seen: landmark 4 is its foremost vertex, 1 the next towards the lip.
const NOSE_TIP: [usize; 2] = [1, 4];

/// The five points of an ArcFace crop: left eye, right eye, nose tip, left and right corner of the mouth (as seen in
/// the picture), x and y in the landmarks' unit.
///
/// Recognisers were trained on crops from a detector's five points (MTCNN, later RetinaFace and SCRFD), which no
/// MediaPipe landmark matches by definition. The choice here was measured against MTCNN on 13 portraits, frontal to
/// half turned, mean distance in pixels of the 112x112 crop:
///
/// | point | taken | others |
/// | --- | --- | --- |
/// | eyes | mean of six points on the lids, 1.4 | mean of the two corners, 1.7; centre of the iris, 1.8 |
/// | nose | between landmarks 1 and 4, 1.6 | 4, 2.3; 1, 2.4; 19, 4.2; 5, 6.0 |
/// | mouth | outer corners 61 and 291, 1.8 | inner corners 78 and 308, 2.5 |
///
/// MTCNN itself moves by 2 to 5% of the distance of the eyes (about 1 pixel) when the same picture is scaled. Taking
/// the lids also keeps the crop still when the gaze wanders.
pub fn five_points(landmarks: &[[f32; 3]; LANDMARK_COUNT]) -> [[f64; 2]; 5] {
    let [left_eye, right_eye] = eyes(&eyes_and_mouth(landmarks));
    let nose = mean(&NOSE_TIP.map(|index| flat(landmarks[index])));
    [left_eye, right_eye, nose, flat(landmarks[EYES_AND_MOUTH[12]]), flat(landmarks[EYES_AND_MOUTH[18]])]
}

/// Points 36 to 59 of the 68-point markup (the eyes, then the outer edge of the lips), x and y in the landmarks' unit.
///
/// [`align`](crate::align::align) reads the mean of each eye and the two corners of the mouth (48 and 54) only.
pub fn eyes_and_mouth(landmarks: &[[f32; 3]; LANDMARK_COUNT]) -> [[f64; 2]; EYES_AND_MOUTH_COUNT] {
    EYES_AND_MOUTH.map(|index| flat(landmarks[index]))
}

/// The middles of the left and the right eye.
pub(crate) fn eyes(points: &[[f64; 2]; EYES_AND_MOUTH_COUNT]) -> [[f64; 2]; 2] {
    [mean(&points[..6]), mean(&points[6..12])]
}

/// The left and the right corner of the mouth.
pub(crate) fn mouth_corners(points: &[[f64; 2]; EYES_AND_MOUTH_COUNT]) -> [[f64; 2]; 2] {
    [points[12], points[18]]
}

fn flat([x, y, _]: [f32; 3]) -> [f64; 2] {
    [x.into(), y.into()]
}

fn mean(points: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f64>() / points.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use moue_topology as topology;

    /// The canonical face as seen from the front, y down; it has no irises.
    fn canonical() -> [[f32; 3]; LANDMARK_COUNT] {
        let mut landmarks = [[0.0; 3]; LANDMARK_COUNT];
        for (landmark, [x, y, z]) in landmarks.iter_mut().zip(topology::vertices()) {
            *landmark = [*x, -*y, -*z];
        }
        landmarks
    }

    #[test]
    fn the_five_points_of_a_symmetric_face_are_symmetric_and_in_place() {
        let [left_eye, right_eye, nose, left_mouth, right_mouth] = five_points(&canonical());
        for (left, right) in [(left_eye, right_eye), (left_mouth, right_mouth)] {
            assert!(left[0] < -1.0, "left as seen in the picture comes first");
            assert!((left[0] + right[0]).abs() < 1e-5 && (left[1] - right[1]).abs() < 1e-5, "{left:?} {right:?}");
        }
        assert!(nose[0].abs() < 1e-5);
        assert!(left_eye[1] < nose[1] && nose[1] < left_mouth[1]);
    }

    #[test]
    fn mirrored_points_of_the_68_are_mirrored_landmarks() {
        let points = eyes_and_mouth(&canonical());
        let left_of =
            |i: usize| [9, 8, 7, 6, 11, 10, 3, 2, 1, 0, 5, 4, 18, 17, 16, 15, 14, 13, 12, 23, 22, 21, 20, 19][i];
        for (i, [x, y]) in points.into_iter().enumerate() {
            let [mirrored, level] = points[left_of(i)];
            assert!((x + mirrored).abs() < 1e-5 && (y - level).abs() < 1e-5, "point {}", 36 + i);
        }
    }

    #[test]
    fn rings_run_around_the_eyes_and_the_lips_as_in_the_68_points() {
        let points = eyes_and_mouth(&canonical());
        for ring in [&points[..6], &points[6..12], &points[12..]] {
            let next = ring.iter().cycle().skip(1);
            let doubled: f64 = ring.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum();
            assert!(doubled > 0.0, "from the left over the top: clockwise with y down");
            let leftmost = ring.iter().map(|point| point[0]).fold(f64::INFINITY, f64::min);
            assert!((ring[0][0] - leftmost).abs() < 1e-9, "a ring begins at its left corner");
        }
    }
}
