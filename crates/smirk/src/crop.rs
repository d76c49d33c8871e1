//! The part of a picture that the networks look at.

use image::{Rgb, RgbImage};

use crate::{Result, SmirkError};

/// Side of a crop, pixels.
pub const CROP_SIDE: u32 = 224;

/// MediaPipe's landmarks of a face: x and y in pixels of the picture, where the integer is the centre of a pixel; z is
/// not looked at.
pub type Landmarks = [[f32; 3]; moue_topology::LANDMARK_COUNT];

/// The crop's side as a multiple of the face's, the mean of the width and the height of its landmarks' box.
const MARGIN: f64 = 1.4;
/// The longest side of a crop in the picture, pixels: far beyond any picture, and within exact arithmetic.
const MAX_SIDE: f64 = 1e6;

/// Cuts out the face that `landmarks` belong to, [`CROP_SIDE`] pixels square: bilinear, black outside the picture, grey
/// levels cut off to whole ones.
///
/// As the authors' demo does it: the square around the middle of the landmarks' box has a side of 1.4 times the mean
/// of the box's width and height, cut off to whole pixels, and its corners come to the centres of the crop's corner
/// pixels.
///
/// # Errors
/// [`SmirkError::Landmarks`] for landmarks that are not numbers, lie in one point or far outside any picture;
/// [`SmirkError::Picture`] for a picture without pixels.
pub fn crop(picture: &RgbImage, landmarks: &Landmarks) -> Result<RgbImage> {
    let (width, height) = picture.dimensions();
    if width == 0 || height == 0 {
        return Err(SmirkError::Picture { width, height });
    }
    let Square { corner, side } = square(landmarks)?;
    let step = side / f64::from(CROP_SIDE - 1);
    let taps = |axis: usize, length: u32| -> Vec<Tap> {
        (0..CROP_SIDE).map(|i| Tap::at(corner[axis] + f64::from(i) * step, length)).collect()
    };
    let (columns, rows) = (taps(0, width), taps(1, height));
    let mut crop = RgbImage::new(CROP_SIDE, CROP_SIDE);
    for (row, y) in crop.rows_mut().zip(&rows) {
        for (pixel, x) in row.zip(&columns) {
            *pixel = sample(picture, x, y);
        }
    }
    Ok(crop)
}

/// Where a crop lies in the picture, pixels.
#[derive(Debug)]
struct Square {
    /// Upper left corner.
    corner: [f64; 2],
    side: f64,
}

fn square(landmarks: &Landmarks) -> Result<Square> {
    let refuse =
        |found| SmirkError::Landmarks { found, expected: "landmarks apart from each other, in or near the picture" };
    if let Some(bad) = landmarks.iter().position(|[x, y, _]| !x.is_finite() || !y.is_finite()) {
        let [x, y, _] = landmarks[bad];
        return Err(refuse(format!("landmark {bad} at ({x}, {y})")));
    }
    let [(left, right), (top, bottom)] = [0, 1].map(|axis| {
        let values = landmarks.iter().map(|landmark| f64::from(landmark[axis]));
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)))
    });
    let size = (right - left + bottom - top) / 2.0;
    let side = (size * MARGIN).trunc();
    let center = [right - (right - left) / 2.0, bottom - (bottom - top) / 2.0];
    if !(1.0..=MAX_SIDE).contains(&side) || center.iter().any(|c| c.abs() > MAX_SIDE) {
        return Err(refuse(format!(
            "landmarks in a box of {} x {} pixels around ({}, {})",
            right - left,
            bottom - top,
            center[0],
            center[1]
        )));
    }
    Ok(Square { corner: center.map(|c| c - side / 2.0), side })
}

/// Two neighbouring pixels on an axis, `None` outside the picture, and how far the sample lies between them (0..1).
struct Tap {
    before: Option<u32>,
    after: Option<u32>,
    part: f64,
}

impl Tap {
    fn at(position: f64, length: u32) -> Self {
        let inside = |position: f64| (position >= 0.0 && position < f64::from(length)).then_some(position as u32);
        let floor = position.floor();
        Self { before: inside(floor), after: inside(position.ceil()), part: position - floor }
    }
}

fn sample(picture: &RgbImage, x: &Tap, y: &Tap) -> Rgb<u8> {
    let row = |y: Option<u32>| {
        let [before, after] = [x.before, x.after].map(|x| match (x, y) {
            (Some(x), Some(y)) => picture.get_pixel(x, y).0.map(f64::from),
            _ => [0.0; 3],
        });
        [0, 1, 2].map(|c| (1.0 - x.part) * before[c] + x.part * after[c])
    };
    let (upper, lower) = (row(y.before), row(y.after));
    Rgb([0, 1, 2].map(|c| ((1.0 - y.part) * upper[c] + y.part * lower[c]) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Landmarks in the corners of a box.
    fn boxed(left: f32, top: f32, width: f32, height: f32) -> Landmarks {
        let mut landmarks = [[left + width / 2.0, top + height / 2.0, 5.0]; moue_topology::LANDMARK_COUNT];
        (landmarks[3], landmarks[40]) = ([left, top, 0.0], [left + width, top + height, -9.0]);
        landmarks
    }

    fn ramp(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 77]))
    }

    #[test]
    fn the_square_has_whole_pixels_and_the_middle_of_the_box() {
        // 1.4 x (100 + 121) / 2 = 154.7
        let square = square(&boxed(50.0, 20.0, 100.0, 121.0)).unwrap();
        assert_eq!((square.side, square.corner), (154.0, [100.0 - 77.0, 80.5 - 77.0]));
    }

    #[test]
    fn corners_come_to_the_centres_of_the_corner_pixels() {
        // 1.4 x 159.5 = 223.3: one pixel of the picture is one of the crop.
        let picture = ramp(256, 256);
        let crop = crop(&picture, &boxed(134.5 - 79.75, 122.5 - 79.75, 159.5, 159.5)).unwrap();
        assert_eq!(crop.dimensions(), (CROP_SIDE, CROP_SIDE));
        assert!(crop.enumerate_pixels().all(|(u, v, pixel)| pixel.0 == [u as u8 + 23, v as u8 + 11, 77]));
    }

    #[test]
    fn levels_between_whole_ones_are_cut_off_and_outside_is_black() {
        // Side 446: two pixels of the picture are one of the crop. Column 111 lies half a pixel left of the picture.
        let crop = crop(&ramp(250, 250), &boxed(0.5 - 159.3, 125.25 - 159.3, 318.6, 318.6)).unwrap();
        let blue = [110, 111, 112].map(|u| crop.get_pixel(u, 112).0[2]);
        assert_eq!(blue, [0, 38, 77], "77 / 2 is cut off");
    }

    #[test]
    fn landmarks_that_say_nothing_are_refused() {
        let picture = ramp(9, 9);
        let mut broken = boxed(0.0, 0.0, 9.0, 9.0);
        broken[7][1] = f32::NAN;
        for (landmarks, found) in [
            (broken, "landmark 7 at (4.5, NaN)"),
            (boxed(4.0, 4.0, 0.0, 0.0), "a box of 0 x 0 pixels around (4, 4)"),
            (boxed(0.0, 0.0, 1e30, 1.0), "a box of"),
            (boxed(3e7, 0.0, 9.0, 9.0), "around"),
        ] {
            let text = crop(&picture, &landmarks).unwrap_err().to_string();
            assert!(text.contains(found) && text.contains("\nhint: "), "{text}");
        }
        let error = crop(&RgbImage::new(0, 5), &boxed(0.0, 0.0, 9.0, 9.0)).unwrap_err();
        assert!(error.to_string().contains("0x5 pixels"), "{error}");
    }

    proptest! {
        #[test]
        fn any_box_gives_a_crop_or_an_error(
            left in -2e6f32..2e6, top in -3e2f32..3e2, width in 0f32..3e6, height in 0f32..3e3, z in any::<f32>(),
        ) {
            let mut landmarks = boxed(left, top, width, height);
            landmarks[477][2] = z;
            match crop(&ramp(20, 10), &landmarks) {
                Ok(crop) => prop_assert_eq!(crop.dimensions(), (CROP_SIDE, CROP_SIDE)),
                Err(error) => {
                    let is_about_landmarks = matches!(error, SmirkError::Landmarks { .. });
                    prop_assert!(is_about_landmarks, "{error}");
                }
            }
        }
    }
}
