//! A square of a picture, sampled finely and shrunk: the last step of the FFHQ alignment.

use fast_image_resize as fir;
use image::{Rgb, RgbImage};
use rayon::prelude::*;

/// Samples are taken on a grid of this many points along each side before it is shrunk.
const GRID: u32 = 4096;
/// Rows of the grid that are in memory at once, for each thread.
const STRIP: u32 = 64;

/// A parallelogram of a picture by three corners, in coordinates where the integer is the edge of a pixel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quad {
    pub(crate) upper_left: [f64; 2],
    pub(crate) lower_left: [f64; 2],
    pub(crate) upper_right: [f64; 2],
}

/// Brings a parallelogram to `side` x `side` pixels: bilinear samples on a grid of 4096 x 4096, black outside, shrunk
/// with Lanczos' filter. Pillow's `Image.transform` and `Image.resize` do the same.
pub(crate) fn sample(picture: &RgbImage, quad: &Quad, side: u32) -> RgbImage {
    // A Lanczos filter is separable, and 8 bits are what Pillow keeps between its passes: a strip of the grid can be
    // narrowed before the next is made, and 6 MB are needed instead of 50.
    let mut narrow = RgbImage::new(side, GRID);
    let rows = side as usize * 3 * STRIP as usize;
    narrow.par_chunks_mut(rows).enumerate().for_each(|(strip, narrow)| {
        let mut wide = RgbImage::new(GRID, STRIP);
        for (x, y, pixel) in wide.enumerate_pixels_mut() {
            *pixel = bilinear(picture, quad.at(x, y + strip as u32 * STRIP));
        }
        lanczos_rows(&wide, narrow, side, STRIP);
    });
    resize(&narrow, side, side)
}

impl Quad {
    /// Where the centre of a grid point lies.
    fn at(&self, x: u32, y: u32) -> [f64; 2] {
        let (u, v) = ((f64::from(x) + 0.5) / f64::from(GRID), (f64::from(y) + 0.5) / f64::from(GRID));
        [0, 1].map(|axis| {
            let corner = self.upper_left[axis];
            corner + (self.upper_right[axis] - corner) * u + (self.lower_left[axis] - corner) * v
        })
    }
}

/// The picture at a point; the integer is the edge of a pixel. The outermost half pixel repeats, beyond it is black.
fn bilinear(picture: &RgbImage, [x, y]: [f64; 2]) -> Rgb<u8> {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    if !(x >= 0.0 && y >= 0.0 && x < width && y < height) {
        return Rgb([0; 3]);
    }
    // Clamped to the centres of the outermost pixels, which is to repeat them.
    let (x, y) = ((x - 0.5).clamp(0.0, width - 1.0), (y - 0.5).clamp(0.0, height - 1.0));
    let (x0, y0) = (x as usize, y as usize);
    let (fx, fy) = ((x - x0 as f64) as f32, (y - y0 as f64) as f32);
    let (stride, pixels) = (picture.width() as usize * 3, picture.as_raw().as_slice());
    let at = y0 * stride + x0 * 3;
    let right = if x0 as f64 + 1.0 < width { at + 3 } else { at };
    let down = if y0 as f64 + 1.0 < height { stride } else { 0 };
    let (a, b) = (&pixels[at..at + 3], &pixels[right..right + 3]);
    let (c, d) = (&pixels[at + down..at + down + 3], &pixels[right + down..right + down + 3]);
    let mut value = [0; 3];
    for channel in 0..3 {
        let [a, b, c, d] = [a[channel], b[channel], c[channel], d[channel]].map(f32::from);
        let (over, under) = (a + (b - a) * fx, c + (d - c) * fx);
        // Pillow cuts the fraction off here.
        value[channel] = (over + (under - over) * fy) as u8;
    }
    Rgb(value)
}

/// Resizes a picture with Lanczos' filter (three lobes, widened when shrinking), as Pillow does.
pub(crate) fn resize(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let mut resized = RgbImage::new(width, height);
    lanczos_rows(picture, &mut resized, width, height);
    resized
}

fn lanczos_rows(picture: &RgbImage, into: &mut [u8], width: u32, height: u32) {
    let options = fir::ResizeOptions::new().resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Lanczos3));
    let from = fir::images::ImageRef::new(picture.width(), picture.height(), picture.as_raw(), fir::PixelType::U8x3);
    let into = fir::images::Image::from_slice_u8(width, height, into, fir::PixelType::U8x3);
    let (from, mut into) = (from.expect("a picture's own size"), into.expect("as many bytes as pixels need"));
    fir::Resizer::new().resize(&from, &mut into, &options).expect("both pictures are RGB in 8 bits");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> RgbImage {
        RgbImage::from_fn(20, 10, |x, y| Rgb([(x * 10) as u8, (y * 20) as u8, 90]))
    }

    #[test]
    fn pixels_have_their_centres_at_halves_and_edges_repeat() {
        let picture = ramp();
        let cases = [
            ([3.5, 4.5], [30, 80, 90]),
            ([4.0, 5.0], [35, 90, 90]),
            ([0.0, 0.0], [0, 0, 90]),
            ([19.9, 9.9], [190, 180, 90]),
            ([3.59, 4.5], [30, 80, 90]),
            ([20.0, 5.0], [0, 0, 0]),
            ([-0.01, 5.0], [0, 0, 0]),
            ([5.0, f64::NAN], [0, 0, 0]),
        ];
        for (point, expected) in cases {
            assert_eq!(bilinear(&picture, point).0, expected, "{point:?}");
        }
    }

    #[test]
    fn corners_of_the_quad_come_to_the_corners_of_the_picture() {
        // A quarter turn: what is at the left of the source comes to the top.
        let quad = Quad { upper_left: [0.0, 10.0], lower_left: [10.0, 10.0], upper_right: [0.0, 0.0] };
        let turned = sample(&ramp(), &quad, 16);
        let [top_left, top_right, bottom_left] = [(0, 0), (15, 0), (0, 15)].map(|(x, y)| turned.get_pixel(x, y).0);
        assert!(top_left[0] < 8 && top_left[1] > 170, "{top_left:?}");
        assert!(top_right[0] < 8 && top_right[1] < 8, "{top_right:?}");
        assert!(bottom_left[0] > 85 && bottom_left[0] < 100 && bottom_left[1] > 170, "{bottom_left:?}");
    }
}
