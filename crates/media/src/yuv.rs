//! Colours: 8-bit full-range RGB to and from 4:2:0 Y'CbCr.
//!
//! ITU-R BT.709-6 and BT.601-7, limited range (Y 16..235, Cb and Cr 16..240) or full range. Chroma is sited left, as
//! H.264 and VP9 decoders assume: on the even columns, half-way between two rows. Fixed point with 14 fractional bits,
//! rounded to nearest.

/// Fractional bits of the coefficients.
const BITS: u32 = 14;
const HALF: i32 = 1 << (BITS - 1);
/// A column sum of two rows, weighted 1 2 1, is eight times a pixel.
const CHROMA_BITS: u32 = BITS + 3;

/// Which RGB the numbers stand for: the luma weights of red and blue, and the range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Matrix {
    kr: f64,
    kb: f64,
    limited: bool,
}

impl Matrix {
    /// High definition, limited range: what is written.
    pub(crate) const BT709: Self = Self { kr: 0.2126, kb: 0.0722, limited: true };

    /// Standard definition.
    pub(crate) const BT601: Self = Self { kr: 0.299, kb: 0.114, limited: true };

    /// The same with the full range.
    pub(crate) const fn full_range(self) -> Self {
        Self { limited: false, ..self }
    }

    /// Smallest luma, luma steps, chroma steps.
    fn scales(self) -> (f64, f64, f64) {
        if self.limited { (16.0, 219.0 / 255.0, 224.0 / 255.0) } else { (0.0, 1.0, 1.0) }
    }
}

/// Where the three planes lie in one buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Pixels per row; even.
    pub(crate) width: usize,
    /// Rows; even.
    pub(crate) height: usize,
    /// First byte of Y, Cb, Cr.
    pub(crate) offsets: [usize; 3],
    /// Bytes from row to row of Y, Cb, Cr.
    pub(crate) strides: [usize; 3],
}

/// Converts RGB to I420. Keeps its tables and row buffers from frame to frame.
#[derive(Debug)]
pub(crate) struct ToI420 {
    luma: [i32; 3],
    luma_offset: i32,
    cb: [i32; 3],
    cr: [i32; 3],
    /// Sums of two rows, one plane per colour, one more column on the left for the filter's first tap.
    sums: [Vec<i32>; 3],
}

impl ToI420 {
    pub(crate) fn new(matrix: Matrix) -> Self {
        let Matrix { kr, kb, .. } = matrix;
        let (black, luma_scale, chroma_scale) = matrix.scales();
        let weights = [kr, 1.0 - kr - kb, kb];
        let one = f64::from(1 << BITS);
        let fixed = |value: f64| (value * one).round() as i32;
        let luma = balanced(weights.map(|weight| fixed(weight * luma_scale)), fixed(luma_scale));
        let cb_scale = chroma_scale / (2.0 * (1.0 - kb));
        let cr_scale = chroma_scale / (2.0 * (1.0 - kr));
        let cb = [-kr, kr + kb - 1.0, 1.0 - kb].map(|weight| fixed(weight * cb_scale));
        let cr = [1.0 - kr, kr + kb - 1.0, -kb].map(|weight| fixed(weight * cr_scale));
        let luma_offset = fixed(black) + HALF;
        Self { luma, luma_offset, cb: balanced(cb, 0), cr: balanced(cr, 0), sums: Default::default() }
    }

    /// `rgb`: `height` rows of `3 * width` bytes without padding; `planes`: the buffer that `layout` describes.
    pub(crate) fn convert(&mut self, rgb: &[u8], planes: &mut [u8], layout: &Layout) {
        let Layout { width, height, offsets, strides } = *layout;
        for sums in &mut self.sums {
            sums.resize(width + 1, 0);
        }
        let (y_plane, chroma) = planes.split_at_mut(offsets[1]);
        let (cb_plane, cr_plane) = chroma.split_at_mut(offsets[2] - offsets[1]);
        let row_pairs = rgb.chunks_exact(6 * width).zip(y_plane[offsets[0]..].chunks_mut(2 * strides[0]));
        let chroma_rows = cb_plane.chunks_mut(strides[1]).zip(cr_plane.chunks_mut(strides[2]));
        for ((rgb_rows, y_rows), (cb_row, cr_row)) in row_pairs.zip(chroma_rows).take(height / 2) {
            let (top, bottom) = rgb_rows.split_at(3 * width);
            let (y_top, y_bottom) = y_rows.split_at_mut(strides[0]);
            self.luma_and_sums(top, bottom, &mut y_top[..width], &mut y_bottom[..width]);
            self.chroma(&mut cb_row[..width / 2], &mut cr_row[..width / 2]);
        }
    }

    fn luma_and_sums(&mut self, top: &[u8], bottom: &[u8], y_top: &mut [u8], y_bottom: &mut [u8]) {
        let [wr, wg, wb] = self.luma;
        let offset = self.luma_offset;
        let luma = |r: i32, g: i32, b: i32| ((wr * r + wg * g + wb * b + offset) >> BITS) as u8;
        let [red, green, blue] = &mut self.sums;
        let sums = red[1..].iter_mut().zip(&mut green[1..]).zip(&mut blue[1..]);
        let pixels = top.chunks_exact(3).zip(bottom.chunks_exact(3)).zip(y_top.iter_mut().zip(y_bottom));
        for (((top, bottom), (y_top, y_bottom)), ((red, green), blue)) in pixels.zip(sums) {
            let [r0, g0, b0] = [i32::from(top[0]), i32::from(top[1]), i32::from(top[2])];
            let [r1, g1, b1] = [i32::from(bottom[0]), i32::from(bottom[1]), i32::from(bottom[2])];
            *y_top = luma(r0, g0, b0);
            *y_bottom = luma(r1, g1, b1);
            *red = r0 + r1;
            *green = g0 + g1;
            *blue = b0 + b1;
        }
        for sums in [red, green, blue] {
            sums[0] = sums[1];
        }
    }

    fn chroma(&self, cb_row: &mut [u8], cr_row: &mut [u8]) {
        let [red, green, blue] = &self.sums;
        let offset = (128 << CHROMA_BITS) + (1 << (CHROMA_BITS - 1));
        let taps = |sums: &[i32], at: usize| sums[at] + 2 * sums[at + 1] + sums[at + 2];
        for (i, (cb, cr)) in cb_row.iter_mut().zip(cr_row).enumerate() {
            let [r, g, b] = [taps(red, 2 * i), taps(green, 2 * i), taps(blue, 2 * i)];
            *cb = ((self.cb[0] * r + self.cb[1] * g + self.cb[2] * b + offset) >> CHROMA_BITS).clamp(0, 255) as u8;
            *cr = ((self.cr[0] * r + self.cr[1] * g + self.cr[2] * b + offset) >> CHROMA_BITS).clamp(0, 255) as u8;
        }
    }
}

/// Corrects the largest of three rounded weights so that they add up to `sum`: greys stay grey.
fn balanced(mut weights: [i32; 3], sum: i32) -> [i32; 3] {
    let largest = (0..3).max_by_key(|&i| weights[i].abs()).unwrap_or(1);
    weights[largest] += sum - weights.iter().sum::<i32>();
    weights
}

/// Converts I420 to RGB without padding. Chroma is interpolated between its sites.
pub(crate) fn to_rgb(planes: &[u8], layout: &Layout, matrix: Matrix, rgb: &mut [u8]) {
    let Layout { width, height, offsets, strides } = *layout;
    let (black, luma_scale, chroma_scale) = matrix.scales();
    let one = f64::from(1 << BITS);
    let fixed = |value: f64| (value * one).round() as i32;
    let Matrix { kr, kb, .. } = matrix;
    let kg = 1.0 - kr - kb;
    let luma = fixed(1.0 / luma_scale);
    // Interpolated chroma is eight times the difference from 128.
    let chroma = |value: f64| fixed(value / chroma_scale / 8.0);
    let (r_cr, b_cb) = (chroma(2.0 * (1.0 - kr)), chroma(2.0 * (1.0 - kb)));
    let (g_cr, g_cb) = (chroma(2.0 * (1.0 - kr) * kr / kg), chroma(2.0 * (1.0 - kb) * kb / kg));
    let (columns, rows) = (width / 2, height / 2);
    let at = |plane: usize, x: usize, y: usize| i32::from(planes[offsets[plane] + y * strides[plane] + x]) - 128;
    for (y, row) in rgb.chunks_exact_mut(3 * width).enumerate().take(height) {
        let near = y / 2;
        let far = if y % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(rows - 1) };
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let left = x / 2;
            let right = (left + x % 2).min(columns - 1);
            let interpolated = |plane| {
                3 * (at(plane, left, near) + at(plane, right, near)) + at(plane, left, far) + at(plane, right, far)
            };
            let (cb, cr) = (interpolated(1), interpolated(2));
            let base = luma * (at(0, x, y) + 128 - black as i32) + HALF;
            pixel[0] = ((base + r_cr * cr) >> BITS).clamp(0, 255) as u8;
            pixel[1] = ((base - g_cr * cr - g_cb * cb) >> BITS).clamp(0, 255) as u8;
            pixel[2] = ((base + b_cb * cb) >> BITS).clamp(0, 255) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layout(width: usize, height: usize) -> Layout {
        let stride = width.next_multiple_of(4);
        let chroma = (width / 2).next_multiple_of(4);
        let first = stride * height;
        let offsets = [0, first, first + chroma * height / 2];
        Layout { width, height, offsets, strides: [stride, chroma, chroma] }
    }

    fn there(rgb: &[u8], layout: &Layout, matrix: Matrix) -> Vec<u8> {
        let mut planes = vec![0; layout.offsets[2] + layout.strides[2] * layout.height / 2];
        ToI420::new(matrix).convert(rgb, &mut planes, layout);
        planes
    }

    proptest! {
        #[test]
        fn flat_colours_meet_the_standard_and_come_back(rgb in any::<[u8; 3]>(), full in any::<bool>(), sd in any::<bool>()) {
            let matrix = if sd { Matrix::BT601 } else { Matrix::BT709 };
            let matrix = if full { matrix.full_range() } else { matrix };
            let layout = layout(6, 4);
            let picture: Vec<u8> = rgb.iter().copied().cycle().take(6 * 4 * 3).collect();
            let planes = there(&picture, &layout, matrix);

            let [r, g, b] = rgb.map(|value| f64::from(value) / 255.0);
            let y = matrix.kr * r + (1.0 - matrix.kr - matrix.kb) * g + matrix.kb * b;
            let (pb, pr) = ((b - y) / (2.0 * (1.0 - matrix.kb)), (r - y) / (2.0 * (1.0 - matrix.kr)));
            let expected = if full {
                [255.0 * y, 128.0 + 255.0 * pb, 128.0 + 255.0 * pr]
            } else {
                [16.0 + 219.0 * y, 128.0 + 224.0 * pb, 128.0 + 224.0 * pr]
            };
            for plane in 0..3 {
                let found = f64::from(planes[layout.offsets[plane]]);
                prop_assert!((found - expected[plane].min(255.0)).abs() <= 0.52, "plane {plane}: {found}, {expected:?}");
            }
            let mut back = vec![0; picture.len()];
            to_rgb(&planes, &layout, matrix, &mut back);
            for (found, expected) in back.iter().zip(&picture) {
                prop_assert!(found.abs_diff(*expected) <= 2, "{back:?} for {rgb:?}");
            }
        }
    }

    #[test]
    fn greys_stay_grey_to_the_level() {
        let layout = layout(2, 2);
        for grey in 0..=255u8 {
            let planes = there(&[grey; 12], &layout, Matrix::BT709);
            assert_eq!((planes[layout.offsets[1]], planes[layout.offsets[2]]), (128, 128), "{grey}");
            let mut back = [0; 12];
            to_rgb(&planes, &layout, Matrix::BT709, &mut back);
            assert!(back.iter().all(|value| value.abs_diff(grey) <= 1), "{grey}: {back:?}");
        }
    }

    #[test]
    fn rows_land_where_the_layout_says() {
        // A picture whose every row and column differs, with padded rows.
        let (width, height) = (10, 6);
        let layout = layout(width, height);
        let rgb: Vec<u8> = (0..width * height).flat_map(|i| [(i * 4) as u8; 3]).collect();
        let planes = there(&rgb, &layout, Matrix::BT709);
        for y in 0..height {
            for x in 0..width {
                let expected = 16.0 + 219.0 / 255.0 * f64::from(((y * width + x) * 4) as u8);
                assert!((f64::from(planes[y * layout.strides[0] + x]) - expected).abs() <= 0.51);
            }
        }
    }

    #[test]
    fn chroma_is_sited_left_and_a_ramp_survives() {
        // Blue rises by 8 from column to column: linear in x, so siting errors show as an offset of 4 or 8.
        let (width, height) = (32, 4);
        let layout = layout(width, height);
        let rgb: Vec<u8> = (0..width * height).flat_map(|i| [0, 0, (i % width * 8) as u8]).collect();
        let planes = there(&rgb, &layout, Matrix::BT709);
        let mut back = vec![0; rgb.len()];
        to_rgb(&planes, &layout, Matrix::BT709, &mut back);
        for (i, (found, expected)) in back.chunks(3).zip(rgb.chunks(3)).enumerate() {
            let x = i % width;
            if x > 1 && x < width - 2 && expected[2] > 24 {
                assert!(found[2].abs_diff(expected[2]) <= 3, "column {x}: {found:?}, {expected:?}");
            }
        }
    }

    #[test]
    fn zz_speed() {
        for (w, h) in [(512, 512), (1920, 1080)] {
            let layout = layout(w, h);
            let rgb: Vec<u8> = (0..w * h * 3).map(|i| (i * 31 % 251) as u8).collect();
            let mut planes = vec![0; layout.offsets[2] + layout.strides[2] * layout.height / 2];
            let mut c = ToI420::new(Matrix::BT709);
            let mut best = f64::MAX;
            for _ in 0..60 {
                let t = std::time::Instant::now();
                c.convert(&rgb, &mut planes, &layout);
                best = best.min(t.elapsed().as_secs_f64() * 1e3);
            }
            println!("{w}x{h} best {best} ms");
        }
    }
}
