//! Faces that one look at the whole picture misses, because they are too small in it or fill it.
//!
//! MediaPipe looks once. Here smaller and smaller squares of the picture are looked at in turn. So many looks bring
//! chance hits that the landmark net alone does not reject, so each hit has to prove itself: the detector must see it
//! again at two other scales, and the tracker then sees whether landmarks found around landmarks stay where they are.

use image::RgbImage;
use rayon::prelude::*;

use crate::FaceError;
use crate::detector::{Detection, Detector};
use crate::region::Region;

/// Sides of the squares that are searched one after the other, as parts of the picture's long side. The first shrinks
/// the picture, for faces that fill it.
const LEVELS: [f32; 4] = [1.6, 0.5, 0.25, 0.125];
/// The shortest side of a square, pixels: half of the detector's input, so that a face covers at least some 15 pixels.
const MIN_SIDE: f32 = 64.0;
/// Boxes that overlap more than this (intersection over union) are the same face.
const SAME_FACE_IOU: f32 = 0.3;
/// Sides of the squares in which a hit is looked at again, as multiples of its own side. The detector is at its best
/// there: it gives faces 0.72 and more from 16 pixels on, chance hits less than 0.69 in one of the two.
const ZOOMS: [f32; 2] = [3.0, 2.2];
const MIN_ZOOMED_SCORE: f32 = 0.7;

/// The squares of each level, in the order of search. They overlap by half, so that a face of half a side lies whole
/// in one of them.
pub(crate) fn levels(image: &RgbImage) -> impl Iterator<Item = Vec<Region>> {
    let size = [image.width() as f32, image.height() as f32];
    let long = size[0].max(size[1]);
    let sides = LEVELS.into_iter().map(move |part| part * long).filter(move |&side| side >= MIN_SIDE.min(long));
    sides.map(move |side| {
        let [columns, rows] = size.map(|length| centers(length, side));
        let square = |x, y| Region { center: [x, y], side, angle: 0.0 };
        rows.iter().flat_map(|&y| columns.iter().map(move |&x| square(x, y))).collect()
    })
}

/// Centres of the spans of length `side` that cover 0..`length`, at most half a side apart; one in the middle if it
/// covers all.
fn centers(length: f32, side: f32) -> Vec<f32> {
    let room = length - side;
    if room <= 0.0 {
        return vec![length / 2.0];
    }
    let steps = (room / (side / 2.0)).ceil();
    (0..=steps as usize).map(|i| side / 2.0 + room * i as f32 / steps).collect()
}

/// What the detector sees in any of the squares and sees again when it looks closer.
pub(crate) fn detect(detector: &Detector, image: &RgbImage, squares: &[Region]) -> Result<Vec<Detection>, FaceError> {
    let each =
        || squares.par_iter().map(|square| detector.detect(image, square)).collect::<Result<Vec<_>, FaceError>>();
    let mut hits = detector.in_parallel(each)?.concat();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut seen: Vec<Detection> = Vec::new();
    let mut confirmed = Vec::new();
    for hit in hits {
        if seen.iter().all(|other| other.bounds.iou(&hit.bounds) <= SAME_FACE_IOU) {
            confirmed.extend(look_closer(detector, image, &hit)?);
            seen.push(hit);
        }
    }
    Ok(confirmed)
}

/// The hit as the last zoom sees it; `None` unless every zoom is sure.
fn look_closer(detector: &Detector, image: &RgbImage, hit: &Detection) -> Result<Option<Detection>, FaceError> {
    let [width, height] = hit.bounds.size();
    let mut confirmed = None;
    for zoom in ZOOMS {
        let square = Region { center: hit.bounds.center(), side: width.max(height) * zoom, angle: 0.0 };
        let again = detector.detect(image, &square)?;
        let again = again.into_iter().find(|one| one.bounds.iou(&hit.bounds) > SAME_FACE_IOU);
        match again {
            Some(one) if one.score >= MIN_ZOOMED_SCORE => confirmed = Some(one),
            _ => return Ok(None),
        }
    }
    Ok(confirmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_cover_the_picture_and_overlap_by_half() {
        for (length, side) in [(640.0, 320.0), (360.0, 320.0), (1000.0, 125.0), (131.0, 64.0)] {
            let centers = centers(length, side);
            assert!((centers[0] - side / 2.0).abs() < 1e-3, "{centers:?}");
            assert!((centers[centers.len() - 1] - (length - side / 2.0)).abs() < 1e-3, "{centers:?}");
            assert!(centers.windows(2).all(|pair| pair[1] - pair[0] <= side / 2.0 + 1e-3), "{centers:?}");
        }
        assert_eq!(centers(100.0, 160.0), [50.0]);
    }

    #[test]
    fn the_number_of_looks_is_bounded_whatever_the_shape() {
        for (width, height) in [(1, 1), (64, 64), (640, 360), (4000, 4000), (20_000, 3), (3, 20_000)] {
            // `levels` looks at the size only.
            let looks: usize = levels(&RgbImage::new(width, height)).map(|squares| squares.len()).sum();
            assert!((1..=1 + 9 + 49 + 225).contains(&looks), "{looks} looks at {width}x{height}");
        }
    }
}
