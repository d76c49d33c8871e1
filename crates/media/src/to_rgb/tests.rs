use proptest::prelude::*;

use super::*;

/// A picture of any kind, with random samples and padded rows.
#[derive(Clone, Debug)]
struct Sample {
    size: [usize; 2],
    depth: Depth,
    chroma: Chroma,
    matrix: Matrix,
    /// Chroma in one plane, as in NV12.
    is_interleaved: bool,
    seed: u32,
}

fn sample() -> impl Strategy<Value = Sample> {
    let depth = prop_oneof![Just((8, 0)), Just((10, 0)), Just((10, 6)), Just((12, 0))];
    let matrix = prop_oneof![
        Just(Matrix::BT601),
        Just(Matrix::BT709),
        Just(Matrix::BT2020),
        Just(Matrix::SMPTE240),
        Just(Matrix::FCC)
    ];
    let flags = (any::<[bool; 2]>(), any::<[bool; 2]>(), any::<bool>(), any::<bool>());
    (1..20usize, 1..12usize, depth, matrix, flags, any::<u32>()).prop_map(
        |(width, height, (bits, shift), matrix, (is_halved, is_cosited, full, is_interleaved), seed)| Sample {
            size: [width, height],
            depth: Depth { bits, shift },
            chroma: Chroma { is_halved, is_cosited },
            matrix: if full { matrix.full_range() } else { matrix },
            is_interleaved,
            seed,
        },
    )
}

/// One plane as numbers, and the planes as bytes: luma, then chroma.
struct Planes {
    numbers: [Vec<Vec<u16>>; 3],
    bytes: Vec<u8>,
    at: [(usize, usize, usize); 3],
}

fn planes(sample: &Sample) -> Planes {
    let Sample { size: [width, height], depth, chroma, is_interleaved, .. } = *sample;
    let mut state = sample.seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> (32 - depth.bits)) as u16
    };
    let columns = if chroma.is_halved[0] { width.div_ceil(2) } else { width };
    let rows = if chroma.is_halved[1] { height.div_ceil(2) } else { height };
    let numbers = [(width, height), (columns, rows), (columns, rows)]
        .map(|(columns, rows)| (0..rows).map(|_| (0..columns).map(|_| next()).collect()).collect::<Vec<Vec<_>>>());
    let unit = if depth.bits == 8 { 1 } else { 2 };
    let mut bytes = Vec::new();
    let mut put = |row: Vec<u16>, bytes: &mut Vec<u8>| {
        let padding = next() as u8;
        for value in row {
            let stored = (value << depth.shift).to_le_bytes();
            bytes.extend_from_slice(&stored[..unit]);
        }
        bytes.extend([padding; 6]);
    };
    numbers[0].iter().for_each(|row| put(row.clone(), &mut bytes));
    let luma = (0, width * unit + 6, unit);
    let first = bytes.len();
    let (cb, cr) = if is_interleaved {
        for (cb, cr) in numbers[1].iter().zip(&numbers[2]) {
            put(cb.iter().zip(cr).flat_map(|(cb, cr)| [*cb, *cr]).collect(), &mut bytes);
        }
        let stride = 2 * columns * unit + 6;
        ((first, stride, 2 * unit), (first + unit, stride, 2 * unit))
    } else {
        numbers[1..].iter().flatten().for_each(|row| put(row.clone(), &mut bytes));
        let stride = columns * unit + 6;
        ((first, stride, unit), (first + rows * stride, stride, unit))
    };
    Planes { numbers, bytes, at: [luma, cb, cr] }
}

/// Chroma at a pixel as the standards put it, by linear interpolation in floating point.
fn interpolated(plane: &[Vec<u16>], chroma: Chroma, x: usize, y: usize) -> f64 {
    let place = |at: usize, axis: usize, count: usize| {
        let at = match (chroma.is_halved[axis], chroma.is_cosited[axis]) {
            (false, _) => at as f64,
            (true, true) => at as f64 / 2.0,
            (true, false) => at as f64 / 2.0 - 0.25,
        };
        let at = at.clamp(0.0, (count - 1) as f64);
        (at.floor() as usize, (at.floor() as usize + 1).min(count - 1), at.fract())
    };
    let (left, right, fx) = place(x, 0, plane[0].len());
    let (top, bottom, fy) = place(y, 1, plane.len());
    let row = |y: usize| f64::from(plane[y][left]) * (1.0 - fx) + f64::from(plane[y][right]) * fx;
    row(top) * (1.0 - fy) + row(bottom) * fy
}

fn expected(sample: &Sample, numbers: &[Vec<Vec<u16>>; 3], x: usize, y: usize) -> [f64; 3] {
    let unit = f64::from(1u32 << (sample.depth.bits - 8));
    let gains = sample.matrix.gains(sample.depth.bits);
    let luma = gains.luma * (f64::from(numbers[0][y][x]) / unit - gains.black);
    let [cb, cr] = [1, 2].map(|i| interpolated(&numbers[i], sample.chroma, x, y) / unit - 128.0);
    let [r, gb, gr, b] = gains.chroma;
    [luma + r * cr, luma - gb * cb - gr * cr, luma + b * cb].map(|value| value.clamp(0.0, 255.0))
}

fn picture<'a>(sample: &Sample, planes: &'a Planes) -> Decoded<'a> {
    let component = |i: usize| {
        let (offset, stride, step) = planes.at[i];
        Component { data: &planes.bytes[offset..], stride, step }
    };
    let pixels = Pixels::Yuv([component(0), component(1), component(2)], sample.chroma, sample.matrix);
    Decoded { width: sample.size[0], height: sample.size[1], depth: sample.depth, pixels }
}

proptest! {
    #[test]
    fn every_layout_gives_the_standards_colours(sample in sample()) {
        let planes = planes(&sample);
        let [width, height] = sample.size;
        let mut rgb = RgbImage::new(width as u32, height as u32);
        ToRgb::default().convert(&picture(&sample, &planes), &mut rgb).unwrap();
        for (x, y, pixel) in rgb.enumerate_pixels() {
            let expected = expected(&sample, &planes.numbers, x as usize, y as usize);
            for (found, expected) in pixel.0.into_iter().zip(expected) {
                let error = (f64::from(found) - expected).abs();
                prop_assert!(error <= 0.6, "({x}, {y}): {pixel:?}, not {expected:?}");
            }
        }
    }

    #[test]
    fn a_buffer_that_is_too_short_is_an_error(sample in sample(), missing in 1..200usize) {
        let mut planes = planes(&sample);
        // Without the padding of the last row, which nobody reads.
        planes.bytes.truncate(planes.bytes.len().saturating_sub(6 + missing));
        let starts = planes.at.iter().all(|(offset, ..)| *offset <= planes.bytes.len());
        if starts {
            let [width, height] = sample.size;
            let mut rgb = RgbImage::new(width as u32, height as u32);
            prop_assert!(ToRgb::default().convert(&picture(&sample, &planes), &mut rgb).is_err());
        }
    }
}

#[test]
fn rgb_and_grey_come_through() {
    let bgrx: Vec<u8> = (0..2 * 3 * 4).collect();
    let component = |offset: usize| Component { data: &bgrx[offset..], stride: 8, step: 4 };
    let depth = Depth { bits: 8, shift: 0 };
    let pixels = Pixels::Rgb([component(2), component(1), component(0)]);
    let mut rgb = RgbImage::new(2, 3);
    ToRgb::default().convert(&Decoded { width: 2, height: 3, depth, pixels }, &mut rgb).unwrap();
    assert_eq!(rgb.get_pixel(1, 2).0, [22, 21, 20]);

    let ten: Vec<u8> = [0u16, 512, 1023].into_iter().flat_map(u16::to_le_bytes).collect();
    let component = Component { data: &ten, stride: 6, step: 2 };
    let depth = Depth { bits: 10, shift: 0 };
    let mut row = RgbImage::new(3, 1);
    let pixels = Pixels::Rgb([component; 3]);
    ToRgb::default().convert(&Decoded { width: 3, height: 1, depth, pixels }, &mut row).unwrap();
    assert_eq!(row.as_raw()[..], [0, 0, 0, 128, 128, 128, 255, 255, 255]);

    let grey = Component { data: &[16, 126, 235, 255], stride: 4, step: 1 };
    let pixels = Pixels::Grey(grey, Matrix::BT709);
    let mut row = RgbImage::new(4, 1);
    let depth = Depth { bits: 8, shift: 0 };
    ToRgb::default().convert(&Decoded { width: 4, height: 1, depth, pixels }, &mut row).unwrap();
    assert_eq!(row.as_raw()[..], [0, 0, 0, 128, 128, 128, 255, 255, 255, 255, 255, 255]);
}
