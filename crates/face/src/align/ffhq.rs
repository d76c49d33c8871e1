//! The alignment of the FFHQ data set (Karras et al. 2019, `download_ffhq.py`), as Arc2Face's `image_align` has it.

use std::borrow::Cow;

use image::{RgbImage, imageops};

use crate::FaceError;
use crate::align::points::{EYES_AND_MOUTH_COUNT, eyes, mouth_corners};
use crate::align::quad::Quad;
use crate::align::{Similarity, pad, quad};
use crate::tracker::check_size;

/// Side of an aligned picture, pixels.
pub const ALIGNED_SIDE: u32 = 512;

/// The shortest side of a square that can be aligned, pixels of the picture.
const MIN_SIDE: f64 = 4.0;

/// A face cut out by [`align`], and where it was.
#[derive(Clone, Debug, PartialEq)]
pub struct AlignedFace {
    /// 512x512 pixels, the eyes level.
    pub picture: RgbImage,
    /// The corners of the aligned picture in the picture that it was cut from: upper left, lower left, lower right,
    /// upper right. They form a square, but for what rounding does to a large picture's size when it is shrunk first, and may
    /// lie outside.
    pub corners: [[f64; 2]; 4],
}

impl AlignedFace {
    /// Where a pixel of the aligned picture comes from; its inverse brings it back to its place.
    ///
    /// Both sides count from the centre of the first pixel, so the aligned picture's corner is (-0.5, -0.5).
    pub fn source_from_aligned(&self) -> Similarity {
        let [upper_left, lower_left, lower_right, upper_right] = self.corners;
        let side = f64::from(ALIGNED_SIDE);
        let step = |axis: usize, from: [[f64; 2]; 2], to: [[f64; 2]; 2]| {
            (to[0][axis] - from[0][axis] + to[1][axis] - from[1][axis]) / (2.0 * side)
        };
        let [right, down] = [
            ([upper_left, lower_left], [upper_right, lower_right]),
            ([upper_left, upper_right], [lower_left, lower_right]),
        ]
        .map(|(from, to)| [step(0, from, to), step(1, from, to)]);
        // Of a square these are the same numbers twice; of what rounding left of one, the nearest similarity.
        let (a, b) = ((right[0] + down[1]) / 2.0, (right[1] - down[0]) / 2.0);
        let [x, y] = [0, 1].map(|axis| self.corners.iter().map(|corner| corner[axis]).sum::<f64>() / 4.0);
        let middle = (side - 1.0) / 2.0;
        Similarity::along([a, b], [x - (a - b) * middle, y - (a + b) * middle])
    }
}

/// Cuts out a face with hair and neck, upright, 512x512 pixels.
///
/// `points` are those of [`eyes_and_mouth`](crate::align::eyes_and_mouth), of which the middles of the eyes and the
/// corners of the mouth are read. The square is centred a tenth of the way from the eyes to the mouth; from its middle
/// to its edge it is 2 times the distance of the eyes or 1.8 times that of eyes and mouth, whichever is longer. Where
/// it leaves the picture (or nearly does), the picture is continued by its reflection, blurred and fading into the
/// median colour.
///
/// # Errors
/// [`FaceError::Alignment`] if the points are no face's, or lie so far outside that the square misses the picture;
/// [`FaceError::PictureSize`] for an empty or gigantic picture.
pub fn align(picture: &RgbImage, points: &[[f64; 2]; EYES_AND_MOUTH_COUNT]) -> Result<AlignedFace, FaceError> {
    check_size(picture)?;
    let square = Square::around(points)?;
    let center = square.center;
    let missed = || FaceError::Alignment {
        found: format!("a face at {center:.0?} beside the picture of {:?}", picture.dimensions()),
        expected: "a face that the picture shows at least in part",
        hint: "check that the landmarks belong to this picture",
    };

    let (shrunk, square) = shrink(picture, square);
    // Where the corners lie in the picture, by the size that it really was shrunk to. There the edges of the outermost
    // pixels keep their places, not their centres.
    let (width, height) = picture.dimensions();
    let stretch =
        [(width, shrunk.width()), (height, shrunk.height())].map(|(own, now)| f64::from(own) / f64::from(now));
    let corners = square.corners().map(|[x, y]| [(x + 0.5) * stretch[0] - 0.5, (y + 0.5) * stretch[1] - 0.5]);
    let border = (square.side() * 0.1).round_ties_even().max(3.0);
    let window = square.window(border, shrunk.dimensions()).ok_or_else(missed)?;
    let cropped = imageops::crop_imm(shrunk.as_ref(), window.x, window.y, window.width, window.height).to_image();
    let square = square.moved([-f64::from(window.x), -f64::from(window.y)]);
    let (padded, square) = continue_outside(cropped, square, border);

    // From here on the integer is the edge of a pixel.
    let [upper_left, lower_left, _, upper_right] = square.moved([0.5, 0.5]).corners();
    let aligned = quad::sample(&padded, &Quad { upper_left, lower_left, upper_right }, ALIGNED_SIDE);
    Ok(AlignedFace { picture: aligned, corners })
}

/// Halves a large picture, or thirds it, and so on, while the square keeps two pixels for each of the result.
fn shrink(picture: &RgbImage, square: Square) -> (Cow<'_, RgbImage>, Square) {
    let factor = (square.side() / f64::from(ALIGNED_SIDE) * 0.5).floor();
    if factor <= 1.0 {
        return (Cow::Borrowed(picture), square);
    }
    let shorter = |side: u32| ((f64::from(side) / factor).round_ties_even() as u32).max(1);
    let shrunk = quad::resize(picture, shorter(picture.width()), shorter(picture.height()));
    let square = Square { center: square.center.map(|c| c / factor), half: square.half.map(|c| c / factor) };
    (Cow::Owned(shrunk), square)
}

/// Pads the picture if the square reaches its edge.
fn continue_outside(picture: RgbImage, square: Square, border: f64) -> (RgbImage, Square) {
    let ([left, top], [right, bottom]) = square.bounds();
    let overhang = [
        border - left,
        border - top,
        right + border - f64::from(picture.width()),
        bottom + border - f64::from(picture.height()),
    ];
    if overhang.iter().all(|&pad| pad.max(0.0) <= border - 4.0) {
        return (picture, square);
    }
    let least = (square.side() * 0.3).round_ties_even().max(1.0);
    let pads = overhang.map(|pad| pad.max(least) as u32);
    let padded = pad::pad(&picture, pads, square.side() * 0.02);
    (padded, square.moved([pads[0].into(), pads[1].into()]))
}

/// A turned square by its centre and the way from there to the middle of its right side.
#[derive(Clone, Copy, Debug)]
struct Square {
    center: [f64; 2],
    half: [f64; 2],
}

impl Square {
    fn around(points: &[[f64; 2]; EYES_AND_MOUTH_COUNT]) -> Result<Self, FaceError> {
        let ([left_eye, right_eye], [left_mouth, right_mouth]) = (eyes(points), mouth_corners(points));
        let middle = |a: [f64; 2], b: [f64; 2]| [(a[0] + b[0]) * 0.5, (a[1] + b[1]) * 0.5];
        let (eyes, mouth) = (middle(left_eye, right_eye), middle(left_mouth, right_mouth));
        let eye_to_eye = [right_eye[0] - left_eye[0], right_eye[1] - left_eye[1]];
        let eye_to_mouth = [mouth[0] - eyes[0], mouth[1] - eyes[1]];
        // The direction to the right: the line of the eyes and the upright through eyes and mouth, turned, added up.
        let right = [eye_to_eye[0] + eye_to_mouth[1], eye_to_eye[1] - eye_to_mouth[0]];
        let length = |[x, y]: [f64; 2]| x.hypot(y);
        let half = (length(eye_to_eye) * 2.0).max(length(eye_to_mouth) * 1.8);
        let square = Self {
            center: [eyes[0] + eye_to_mouth[0] * 0.1, eyes[1] + eye_to_mouth[1] * 0.1],
            half: right.map(|component| component / length(right) * half),
        };
        let finite = square.center.iter().chain(&square.half).all(|value| value.is_finite());
        if finite && square.side() >= MIN_SIDE {
            return Ok(square);
        }
        Err(FaceError::Alignment {
            found: format!("eyes at {left_eye:.1?} and {right_eye:.1?}, the middle of the mouth at {mouth:.1?}"),
            expected: "eyes and mouth apart from each other, the mouth below the eyes",
            hint: "the points come from a face tracker; check that it found a face",
        })
    }

    fn side(&self) -> f64 {
        self.half[0].hypot(self.half[1]) * 2.0
    }

    fn moved(self, [dx, dy]: [f64; 2]) -> Self {
        Self { center: [self.center[0] + dx, self.center[1] + dy], ..self }
    }

    /// Upper left, lower left, lower right, upper right.
    fn corners(&self) -> [[f64; 2]; 4] {
        let ([x, y], [a, b]) = (self.center, self.half);
        [[x - a + b, y - b - a], [x - a - b, y - b + a], [x + a - b, y + b + a], [x + a + b, y + b - a]]
    }

    /// The upright box of whole pixels around it: least and greatest x, y.
    fn bounds(&self) -> ([f64; 2], [f64; 2]) {
        let reach = self.half[0].abs() + self.half[1].abs();
        (self.center.map(|c| (c - reach).floor()), self.center.map(|c| (c + reach).ceil()))
    }

    /// The part of a picture within `border` pixels of it; `None` if there is none.
    fn window(&self, border: f64, (width, height): (u32, u32)) -> Option<Window> {
        let ([left, top], [right, bottom]) = self.bounds();
        let span = |low: f64, high: f64, size: u32| {
            let (low, high) = ((low - border).max(0.0), (high + border).min(size.into()));
            (high > low).then_some((low as u32, (high - low) as u32))
        };
        let ((x, width), (y, height)) = (span(left, right, width)?, span(top, bottom, height)?);
        Some(Window { x, y, width, height })
    }
}

/// A part of a picture, pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}
