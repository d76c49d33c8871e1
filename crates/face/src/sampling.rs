//! A grid of points over a picture, and what the picture is there.

use image::RgbImage;
use pulp::{Simd, WithSimd};

use crate::region::Region;
use crate::simd;

/// Points whose places are computed together.
const POINTS: usize = 16;

/// What lies outside the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Border {
    /// Black, as the detector expects around a letterboxed picture.
    Black,
    /// The nearest pixel of the picture, as the landmark net expects around a face that is cut off.
    Nearest,
}

impl Border {
    fn pixel(self, image: &RgbImage, x: i64, y: i64) -> [f32; 3] {
        let inside = [x.clamp(0, i64::from(image.width()) - 1), y.clamp(0, i64::from(image.height()) - 1)];
        if self == Self::Black && inside != [x, y] {
            return [0.0; 3];
        }
        image.get_pixel(inside[0] as u32, inside[1] as u32).0.map(f32::from)
    }
}

/// A region's grid over a picture: point i of a row or column lies at i / `size` of the side.
pub(crate) struct Grid<'a> {
    image: &'a RgbImage,
    border: Border,
    size: usize,
    /// The first point, and the step to the next column; that to the next row is at right angles.
    corner: [f32; 2],
    step: [f32; 2],
}

impl<'a> Grid<'a> {
    pub(crate) fn new(region: &Region, image: &'a RgbImage, size: usize, border: Border) -> Self {
        let (sin, cos) = region.angle.sin_cos();
        let step = region.side / size as f32;
        let corner = region.image_from_region([0.0, 0.0]);
        Self { image, border, size, corner, step: [cos * step, sin * step] }
    }

    /// Samples rows from `first` on into rows of `row` values: R, G and B of each point beside each other, each
    /// `pixel * scale + offset`, by plain bilinear interpolation.
    pub(crate) fn sample(&self, first: usize, row: usize, scale: f32, offset: f32, out: &mut [f32]) {
        simd::dispatch(Rows { grid: self, first, row, scale, offset, out });
    }

    /// At or beside the picture's edge.
    #[inline(never)]
    fn beside(&self, [x0, y0]: [i32; 2], [fx, fy]: [f32; 2]) -> [f32; 3] {
        let at = |dx, dy| self.border.pixel(self.image, i64::from(x0) + dx, i64::from(y0) + dy);
        let (upper, lower) = ([at(0, 0), at(1, 0)], [at(0, 1), at(1, 1)]);
        [0, 1, 2].map(|c| {
            let [over, under] = [upper, lower].map(|[a, b]| a[c] + (b[c] - a[c]) * fx);
            over + (under - over) * fy
        })
    }
}

/// Some rows of a grid.
struct Rows<'a> {
    grid: &'a Grid<'a>,
    first: usize,
    row: usize,
    scale: f32,
    offset: f32,
    out: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { grid, first, row, scale, offset, out } = self;
        let (width, height) = (grid.image.width() as usize, grid.image.height() as usize);
        let (stride, pixels) = (width * 3, grid.image.as_raw().as_slice());
        let [step_x, step_y] = grid.step;
        for (y, out) in (first..).zip(out.chunks_exact_mut(row)) {
            let out = &mut out.as_chunks_mut::<3>().0[..grid.size];
            let row_x = grid.corner[0] - step_y * y as f32;
            let row_y = grid.corner[1] + step_x * y as f32;
            for (block, out) in out.chunks_mut(POINTS).enumerate() {
                let (mut whole, mut broken) = ([[0i32; POINTS]; 2], [[0f32; POINTS]; 2]);
                for i in 0..POINTS {
                    let column = (block * POINTS + i) as f32;
                    let (x, y) = (row_x + step_x * column, row_y + step_y * column);
                    let (floor_x, floor_y) = (x.floor(), y.floor());
                    (whole[0][i], whole[1][i]) = (integer(floor_x), integer(floor_y));
                    (broken[0][i], broken[1][i]) = (x - floor_x, y - floor_y);
                }
                for (i, out) in out.iter_mut().enumerate() {
                    let (x0, y0, fx, fy) = (whole[0][i], whole[1][i], broken[0][i], broken[1][i]);
                    // As numbers without a sign, those below zero are too large.
                    let (ux, uy) = (x0 as u32 as usize, y0 as u32 as usize);
                    let at = uy * stride + ux * 3;
                    let is_inside = ux + 1 < width && uy + 1 < height;
                    // A pixel and the next, and two bytes more.
                    let (upper, lower) = (pixels.get(at..at + 8), pixels.get(at + stride..at + stride + 8));
                    let (true, Some(upper), Some(lower)) = (is_inside, upper, lower) else {
                        *out = grid.beside([x0, y0], [fx, fy]);
                        for value in out {
                            *value = *value * scale + offset;
                        }
                        continue;
                    };
                    let mut values = [0f32; 4];
                    for c in 0..4 {
                        let (a, b) = (f32::from(upper[c]), f32::from(upper[c + 3]));
                        let (d, e) = (f32::from(lower[c]), f32::from(lower[c + 3]));
                        let (over, under) = (a + (b - a) * fx, d + (e - d) * fx);
                        values[c] = (over + (under - over) * fy) * scale + offset;
                    }
                    out.copy_from_slice(&values[..3]);
                }
            }
        }
    }
}

/// A whole number that is not as far from 0 as pictures' sides can be long several times over; beyond that, one that
/// is. What `as` makes sure of costs more than the rest of a point's place.
#[inline(always)]
fn integer(whole: f32) -> i32 {
    // Adding 1.5 * 2^23 leaves the number in the low bits.
    const SHIFT: f32 = 12_582_912.0;
    (whole.clamp(-1e6, 1e6) + SHIFT).to_bits() as i32 - SHIFT.to_bits() as i32
}
