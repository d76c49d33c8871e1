//! Colours: 8-bit full-range RGB to and from 4:2:0 Y'CbCr.
//!
//! ITU-R BT.709-6 and BT.601-7, limited range (Y 16..235, Cb and Cr 16..240) or full range. Chroma is sited left, as
//! H.264 and VP9 decoders assume: on the even columns, half-way between two rows.

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

    /// Ultra-high definition, non-constant luminance (ITU-R BT.2020-2).
    pub(crate) const BT2020: Self = Self { kr: 0.2627, kb: 0.0593, limited: true };

    /// Early high definition (SMPTE ST 240).
    pub(crate) const SMPTE240: Self = Self { kr: 0.212, kb: 0.087, limited: true };

    /// NTSC of 1953 (FCC 73.682).
    pub(crate) const FCC: Self = Self { kr: 0.30, kb: 0.11, limited: true };

    /// The same with the full range.
    pub(crate) const fn full_range(self) -> Self {
        Self { limited: false, ..self }
    }

    /// Smallest luma, luma steps, chroma steps.
    fn scales(self) -> (f64, f64, f64) {
        if self.limited { (16.0, 219.0 / 255.0, 224.0 / 255.0) } else { (0.0, 1.0, 1.0) }
    }

    /// The way back, for samples of `bits` bits.
    pub(crate) fn gains(self, bits: u32) -> Gains {
        let (black, luma_scale, chroma_scale) = self.scales();
        // A limited range of 10 bits is that of 8 bits times four; a full one ends at 1023, which is not 4 times 255.
        let unit = if self.limited { 1.0 } else { 255.0 * f64::from(1 << (bits - 8)) / f64::from((1 << bits) - 1) };
        let Self { kr, kb, .. } = self;
        let kg = 1.0 - kr - kb;
        let chroma = [2.0 * (1.0 - kr), 2.0 * (1.0 - kb) * kb / kg, 2.0 * (1.0 - kr) * kr / kg, 2.0 * (1.0 - kb)];
        Gains { black, luma: unit / luma_scale, chroma: chroma.map(|weight| weight * unit / chroma_scale) }
    }
}

/// From Y'CbCr to RGB: `red = luma * (y - black) + chroma[0] * cr` and so on, in levels of 8 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gains {
    pub(crate) black: f64,
    pub(crate) luma: f64,
    /// Of Cr in red, Cb in green (taken away), Cr in green (taken away), Cb in blue.
    pub(crate) chroma: [f64; 4],
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
///
/// All sums fit 16 bits and all products keep their upper half only, which is what vector units do eight at a time:
/// luma with 8 fractional bits, chroma with 6.
#[derive(Debug)]
pub(crate) struct ToI420 {
    /// Luma weights of red, green, blue, times 2^16.
    luma: [u16; 3],
    luma_offset: u16,
    /// Chroma weights times 2^15.
    cb: [i16; 3],
    cr: [i16; 3],
    /// Two rows, one plane per colour, each value times 2^8.
    rows: [[Vec<u16>; 3]; 2],
    /// Filtered pairs of rows, one plane per colour: eight times a pixel, times 2^4.
    filtered: [Vec<i16>; 3],
}

impl ToI420 {
    pub(crate) fn new(matrix: Matrix) -> Self {
        let Matrix { kr, kb, .. } = matrix;
        let kg = 1.0 - kr - kb;
        let (black, luma_scale, chroma_scale) = matrix.scales();
        let luma = [kr, kg, kb].map(|weight| (weight * luma_scale * 65536.0).round() as u16);
        let fixed =
            |weights: [f64; 3], scale: f64| balanced(weights.map(|weight| (weight * scale * 32768.0).round() as i16));
        let cb = fixed([-kr, -kg, 1.0 - kb], chroma_scale / (2.0 * (1.0 - kb)));
        let cr = fixed([1.0 - kr, -kg, -kb], chroma_scale / (2.0 * (1.0 - kr)));
        // Half a level, and what dropping the lower halves of three products takes away on average.
        let luma_offset = (black * 256.0) as u16 + 128 + 1;
        Self { luma, luma_offset, cb, cr, rows: Default::default(), filtered: Default::default() }
    }

    /// `rgb`: `height` rows of `3 * width` bytes without padding; `planes`: the buffer that `layout` describes.
    pub(crate) fn convert(&mut self, rgb: &[u8], planes: &mut [u8], layout: &Layout) {
        let Layout { width, height, offsets, strides } = *layout;
        self.rows.iter_mut().flatten().for_each(|row| row.resize(width, 0));
        self.filtered.iter_mut().for_each(|row| row.resize(width / 2, 0));
        let (y_plane, chroma) = planes.split_at_mut(offsets[1]);
        let (cb_plane, cr_plane) = chroma.split_at_mut(offsets[2] - offsets[1]);
        let row_pairs = rgb.chunks_exact(6 * width).zip(y_plane[offsets[0]..].chunks_mut(2 * strides[0]));
        let chroma_rows = cb_plane.chunks_mut(strides[1]).zip(cr_plane.chunks_mut(strides[2]));
        for ((rgb_rows, y_rows), (cb_row, cr_row)) in row_pairs.zip(chroma_rows).take(height / 2) {
            let y_rows = y_rows.chunks_mut(strides[0]);
            for ((rgb, y_row), planar) in rgb_rows.chunks_exact(3 * width).zip(y_rows).zip(&mut self.rows) {
                separate(rgb, planar);
                luma_row(planar, self.luma, self.luma_offset, &mut y_row[..width]);
            }
            let [top, bottom] = &self.rows;
            for ((top, bottom), filtered) in top.iter().zip(bottom).zip(&mut self.filtered) {
                filter(top, bottom, filtered);
            }
            chroma_row(&self.filtered, self.cb, &mut cb_row[..width / 2]);
            chroma_row(&self.filtered, self.cr, &mut cr_row[..width / 2]);
        }
    }
}

fn separate(rgb: &[u8], [red, green, blue]: &mut [Vec<u16>; 3]) {
    let planes = red.iter_mut().zip(green).zip(blue);
    for ([r, g, b], ((red, green), blue)) in rgb.as_chunks::<3>().0.iter().zip(planes) {
        *red = u16::from(*r) << 8;
        *green = u16::from(*g) << 8;
        *blue = u16::from(*b) << 8;
    }
}

fn luma_row([red, green, blue]: &[Vec<u16>; 3], weights: [u16; 3], offset: u16, row: &mut [u8]) {
    let times = |value: u16, weight: u16| ((u32::from(value) * u32::from(weight)) >> 16) as u16;
    for (((red, green), blue), y) in red.iter().zip(green).zip(blue).zip(row) {
        let sum = times(*red, weights[0]) + times(*green, weights[1]) + times(*blue, weights[2]) + offset;
        *y = (sum >> 8) as u8;
    }
}

/// Means of two rows, filtered 1 2 1 around the even columns; the first column stands in for the one before it.
fn filter(top: &[u16], bottom: &[u16], filtered: &mut [i16]) {
    // Both rows are values times 2^8; a sixteenth of that leaves room for the sum of all weights, 8.
    let sum = |top: u16, bottom: u16| ((top >> 4) + (bottom >> 4)) as i16;
    let mut before = sum(top[0], bottom[0]);
    let pairs = top.as_chunks::<2>().0.iter().zip(bottom.as_chunks::<2>().0);
    for ((top, bottom), filtered) in pairs.zip(filtered) {
        let (here, after) = (sum(top[0], bottom[0]), sum(top[1], bottom[1]));
        *filtered = before + 2 * here + after;
        before = after;
    }
}

fn chroma_row([red, green, blue]: &[Vec<i16>; 3], weights: [i16; 3], row: &mut [u8]) {
    let times = |value: i16, weight: i16| ((i32::from(value) * i32::from(weight)) >> 16) as i16;
    // 128, half a level, and what dropping the lower halves of three products takes away on average.
    let offset = (128 << 6) + 32 + 1;
    for (((red, green), blue), chroma) in red.iter().zip(green).zip(blue).zip(row) {
        let sum = times(*red, weights[0]) + times(*green, weights[1]) + times(*blue, weights[2]) + offset;
        *chroma = (sum >> 6).clamp(0, 255) as u8;
    }
}

/// Corrects the largest of three rounded weights so that they add up to nothing: greys stay grey.
fn balanced(mut weights: [i16; 3]) -> [i16; 3] {
    let largest = (0..3).max_by_key(|&i| weights[i].abs()).unwrap_or(1);
    weights[largest] -= weights.iter().sum::<i16>();
    weights
}

#[cfg(test)]
mod tests {
    use image::RgbImage;
    use proptest::prelude::*;

    use super::*;
    use crate::to_rgb::{Chroma, Component, Decoded, Depth, Pixels, ToRgb};

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

    fn back(planes: &[u8], layout: &Layout, matrix: Matrix) -> Vec<u8> {
        let component = |i: usize| Component { data: &planes[layout.offsets[i]..], stride: layout.strides[i], step: 1 };
        let chroma = Chroma { is_halved: [true, true], is_cosited: [true, false] };
        let pixels = Pixels::Yuv([component(0), component(1), component(2)], chroma, matrix);
        let Layout { width, height, .. } = *layout;
        let mut rgb = RgbImage::new(width as u32, height as u32);
        let picture = Decoded { width, height, depth: Depth { bits: 8, shift: 0 }, pixels };
        ToRgb::default().convert(&picture, &mut rgb).unwrap();
        rgb.into_raw()
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
            let back = back(&planes, &layout, matrix);
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
            let back = back(&planes, &layout, Matrix::BT709);
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
        let back = back(&planes, &layout, Matrix::BT709);
        for (i, (found, expected)) in back.chunks(3).zip(rgb.chunks(3)).enumerate() {
            let x = i % width;
            if x > 1 && x < width - 2 && expected[2] > 24 {
                assert!(found[2].abs_diff(expected[2]) <= 3, "column {x}: {found:?}, {expected:?}");
            }
        }
    }
}
