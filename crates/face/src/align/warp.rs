//! Warping by a similarity with the arithmetic of OpenCV's `warpAffine`.

use image::{Rgb, RgbImage};

use crate::align::Similarity;

/// Fractional bits of a coordinate while it is added up.
const COORDINATE_BITS: u32 = 10;
/// Fractional bits of the weights: OpenCV interpolates at 32 places between two pixels.
const WEIGHT_BITS: u32 = 5;

/// Samples a picture where each pixel of a `side` x `side` picture lies in it: bilinear, black outside.
///
/// Recognisers were trained on crops that OpenCV made, so its fixed-point steps are kept: the coordinates of row and
/// column are rounded one by one to 10 fractional bits, their sum to 5, and the weights are whole.
pub(crate) fn warp(picture: &RgbImage, source_from_crop: &Similarity, side: u32) -> RgbImage {
    let [[xx, xy, x0], [yx, yy, y0]] = source_from_crop.matrix();
    let one = f64::from(1 << COORDINATE_BITS);
    // OpenCV saturates to i32; i64 leaves room for the sums.
    let fixed = |value: f64| (value * one).round_ties_even().clamp(i32::MIN.into(), i32::MAX.into()) as i64;
    let drop = COORDINATE_BITS - WEIGHT_BITS;
    let half = 1 << (drop - 1);
    RgbImage::from_fn(side, side, |u, v| {
        let (u, v) = (f64::from(u), f64::from(v));
        let x = (fixed(xy * v + x0) + half + fixed(xx * u)) >> drop;
        let y = (fixed(yy * v + y0) + half + fixed(yx * u)) >> drop;
        interpolate(picture, x, y)
    })
}

/// The picture between its pixels; coordinates have 5 fractional bits.
fn interpolate(picture: &RgbImage, x: i64, y: i64) -> Rgb<u8> {
    let one = 1 << WEIGHT_BITS;
    let (fx, fy) = (x & (one - 1), y & (one - 1));
    let pixel = |dx: i64, dy: i64| {
        let (x, y) = ((x >> WEIGHT_BITS) + dx, (y >> WEIGHT_BITS) + dy);
        let inside = u32::try_from(x).ok().zip(u32::try_from(y).ok());
        inside.and_then(|(x, y)| picture.get_pixel_checked(x, y)).map_or([0; 3], |pixel| pixel.0.map(i64::from))
    };
    let taps = [(pixel(0, 0), one - fx, one - fy), (pixel(1, 0), fx, one - fy)];
    let lower = [(pixel(0, 1), one - fx, fy), (pixel(1, 1), fx, fy)];
    let taps = [taps[0], taps[1], lower[0], lower[1]];
    Rgb([0, 1, 2].map(|channel| {
        let sum: i64 = taps.iter().map(|(pixel, wx, wy)| pixel[channel] * wx * wy).sum();
        ((sum + (1 << (2 * WEIGHT_BITS - 1))) >> (2 * WEIGHT_BITS)) as u8
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> RgbImage {
        RgbImage::from_fn(40, 30, |x, y| Rgb([(x * 6) as u8, (y * 8) as u8, 200]))
    }

    #[test]
    fn the_identity_and_whole_shifts_copy_pixels() {
        let picture = ramp();
        let crop = warp(&picture, &Similarity::new(1.0, 0.0, [3.0, 2.0]), 20);
        assert!(crop.enumerate_pixels().all(|(x, y, pixel)| pixel == picture.get_pixel(x + 3, y + 2)));
    }

    #[test]
    fn halves_are_rounded_up_and_outside_is_black() {
        let picture = ramp();
        let crop = warp(&picture, &Similarity::new(1.0, 0.0, [-1.5, 0.0]), 4);
        let row: Vec<[u8; 3]> = (0..4).map(|x| crop.get_pixel(x, 1).0).collect();
        assert_eq!(row, [[0, 0, 0], [0, 4, 100], [3, 8, 200], [9, 8, 200]]);
    }

    #[test]
    fn any_similarity_gives_a_picture() {
        for shift in [[1e18, -1e18], [-1e18, 1e18], [1e300, 0.0]] {
            let crop = warp(&ramp(), &Similarity::new(1e6, 1.0, shift), 3);
            assert!(crop.pixels().all(|pixel| pixel.0 == [0; 3]));
        }
    }
}
