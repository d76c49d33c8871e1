//! Decoded pictures to 8-bit full-range RGB, a row at a time.
//!
//! Takes what decoders hand over: Y'CbCr or RGB, planar or interleaved, 8 to 12 bits, chroma at full or half
//! resolution in each direction, with the siting the stream states. All of it is 16-bit arithmetic over whole rows, of
//! which vector units do eight values at a time; values carry 6 fractional bits until they are rounded at the end.

use image::RgbImage;

use crate::yuv::Matrix;

/// One component of a picture (Y, Cb, Cr, or a colour) where it lies in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Component<'a> {
    /// From the first sample on.
    pub(crate) data: &'a [u8],
    /// Bytes from row to row.
    pub(crate) stride: usize,
    /// Bytes from sample to sample.
    pub(crate) step: usize,
}

/// How samples are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Depth {
    /// Bits that count, 8 to 12; more than 8 lie in two bytes, the low one first.
    pub(crate) bits: u32,
    /// Empty bits below them.
    pub(crate) shift: u32,
}

/// Where chroma samples are in relation to luma.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chroma {
    /// Half as many per row, and per column.
    pub(crate) is_halved: [bool; 2],
    /// Then: at every second luma sample of the row, of the column; otherwise half-way between two.
    pub(crate) is_cosited: [bool; 2],
}

/// What the components stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pixels<'a> {
    Grey(Component<'a>, Matrix),
    Yuv([Component<'a>; 3], Chroma, Matrix),
    Rgb([Component<'a>; 3]),
}

/// A decoded picture in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoded<'a> {
    /// Pixels per row.
    pub(crate) width: usize,
    /// Rows.
    pub(crate) height: usize,
    pub(crate) depth: Depth,
    pub(crate) pixels: Pixels<'a>,
}

/// Converts pictures; keeps its row buffers from one to the next.
#[derive(Debug, Default)]
pub(crate) struct ToRgb {
    luma: Vec<u16>,
    near: Vec<u16>,
    far: Vec<u16>,
    /// Chroma between the rows, four times a sample.
    mixed: Vec<u16>,
    /// Cb and Cr for each pixel, as differences from grey, 128 times a level of 8 bits.
    chroma: [Vec<i16>; 2],
    rows: [Vec<u8>; 3],
}

impl ToRgb {
    /// `rgb` has the picture's size.
    ///
    /// # Errors
    /// The buffers are shorter than the size needs.
    pub(crate) fn convert(&mut self, picture: &Decoded<'_>, rgb: &mut RgbImage) -> Result<(), String> {
        let Decoded { width, height, depth, .. } = *picture;
        check(picture)?;
        self.luma.resize(width, 0);
        self.rows.iter_mut().for_each(|row| row.resize(width, 0));
        let row_bytes = (3 * width).max(1);
        for (y, out) in rgb.chunks_exact_mut(row_bytes).enumerate().take(height) {
            match &picture.pixels {
                Pixels::Rgb(components) => {
                    for (component, row) in components.iter().zip(&mut self.rows) {
                        load(component, depth, y, &mut self.luma);
                        let most = (1 << depth.bits) - 1;
                        let byte = |value: &u16| ((u32::from(*value) * 255 + most / 2) / most) as u8;
                        row.iter_mut().zip(&self.luma).for_each(|(out, value)| *out = byte(value));
                    }
                }
                Pixels::Grey(component, matrix) => {
                    load(component, depth, y, &mut self.luma);
                    let [red, green, blue] = &mut self.rows;
                    grey_row(&self.luma, &Weights::new(*matrix, depth), red);
                    green.copy_from_slice(red);
                    blue.copy_from_slice(red);
                }
                Pixels::Yuv([luma, cb, cr], chroma, matrix) => {
                    load(luma, depth, y, &mut self.luma);
                    self.chroma_row([cb, cr], *chroma, depth, [width, height], y);
                    let weights = Weights::new(*matrix, depth);
                    let [cb, cr] = &self.chroma;
                    colour_row(&self.luma, &cb[..width], &cr[..width], &weights, &mut self.rows);
                }
            }
            let [red, green, blue] = &self.rows;
            for (((pixel, red), green), blue) in out.as_chunks_mut::<3>().0.iter_mut().zip(red).zip(green).zip(blue) {
                *pixel = [*red, *green, *blue];
            }
        }
        Ok(())
    }

    /// Fills `chroma` for row `y`.
    fn chroma_row(&mut self, planes: [&Component<'_>; 2], chroma: Chroma, depth: Depth, size: [usize; 2], y: usize) {
        let Chroma { is_halved: [half_wide, half_high], is_cosited: [cosited_x, cosited_y] } = chroma;
        let columns = if half_wide { size[0].div_ceil(2) } else { size[0] };
        let (near, far, far_weight) = match (half_high, cosited_y, y % 2) {
            (false, ..) => (y, y, 0),
            (true, true, 0) => (y / 2, y / 2, 0),
            (true, true, _) => (y / 2, y / 2 + 1, 2),
            (true, false, 0) => (y / 2, (y / 2).saturating_sub(1), 1),
            (true, false, _) => (y / 2, y / 2 + 1, 1),
        };
        let rows = if half_high { size[1].div_ceil(2) } else { size[1] };
        for buffer in [&mut self.near, &mut self.far, &mut self.mixed] {
            buffer.resize(columns, 0);
        }
        for (plane, wide) in planes.into_iter().zip(&mut self.chroma) {
            load(plane, depth, near, &mut self.near);
            if far_weight == 0 {
                self.mixed.iter_mut().zip(&self.near).for_each(|(mixed, near)| *mixed = near << 2);
            } else {
                load(plane, depth, far.min(rows - 1), &mut self.far);
                let pairs = self.near.iter().zip(&self.far);
                let weight = 4 - far_weight;
                self.mixed.iter_mut().zip(pairs).for_each(|(mixed, (near, far))| {
                    *mixed = near * weight + far * far_weight;
                });
            }
            wide.resize(2 * columns, 0);
            match (half_wide, cosited_x) {
                (false, _) => {
                    wide.truncate(columns);
                    let level = Level::new(depth);
                    wide.iter_mut().zip(&self.mixed).for_each(|(wide, mixed)| *wide = level.of(mixed << 2));
                }
                (true, true) => widen_cosited(&self.mixed, Level::new(depth), wide),
                (true, false) => widen_between(&self.mixed, Level::new(depth), wide),
            }
        }
    }
}

/// From 16 times a sample to 128 times its difference from grey, in levels of 8 bits.
#[derive(Clone, Copy)]
struct Level {
    grey: u16,
    up: u32,
    down: u32,
}

impl Level {
    fn new(depth: Depth) -> Self {
        Self { grey: 16 << (depth.bits - 1), up: 11u32.saturating_sub(depth.bits), down: depth.bits.saturating_sub(11) }
    }

    /// 16 samples of 12 bits just fit, and so do their differences.
    #[inline(always)]
    fn of(self, sum: u16) -> i16 {
        ((sum.wrapping_sub(self.grey) as i16) << self.up) >> self.down
    }
}

/// Chroma sited on the even columns: those take it as it is, the odd ones the mean of their neighbours.
fn widen_cosited(mixed: &[u16], level: Level, wide: &mut [i16]) {
    let Some((last, before)) = mixed.split_last() else { return };
    let (pairs, _) = wide.as_chunks_mut::<2>();
    for ((pair, here), next) in pairs.iter_mut().zip(before).zip(&mixed[1..]) {
        *pair = [level.of(here << 2), level.of((here + next) << 1)];
    }
    pairs[before.len()] = [level.of(last << 2); 2];
}

/// Chroma sited between two columns: each takes three parts of the nearer sample and one of the other.
fn widen_between(mixed: &[u16], level: Level, wide: &mut [i16]) {
    let (Some(first), Some(last)) = (mixed.first(), mixed.last()) else { return };
    let values = &mut wide[..2 * mixed.len()];
    let count = values.len();
    // The outermost columns have no other neighbour.
    values[0] = level.of(first << 2);
    values[count - 1] = level.of(last << 2);
    let pairs = values[1..count - 1].as_chunks_mut::<2>().0;
    for ((pair, here), next) in pairs.iter_mut().zip(mixed).zip(&mixed[1..]) {
        *pair = [level.of(here * 3 + next), level.of(here + next * 3)];
    }
}

/// Reads row `y` of a component.
fn load(component: &Component<'_>, depth: Depth, y: usize, row: &mut [u16]) {
    let Component { data, stride, step } = *component;
    let bytes = &data[y * stride..];
    match (depth.bits, step) {
        (8, 1) => row.iter_mut().zip(bytes).for_each(|(value, byte)| *value = u16::from(*byte)),
        (8, _) => row.iter_mut().zip(bytes.iter().step_by(step)).for_each(|(value, byte)| *value = u16::from(*byte)),
        (_, 2) => row
            .iter_mut()
            .zip(bytes.as_chunks::<2>().0)
            .for_each(|(value, pair)| *value = u16::from_le_bytes(*pair) >> depth.shift),
        _ => row.iter_mut().zip(bytes.chunks(step)).for_each(|(value, bytes)| {
            *value = u16::from_le_bytes([bytes[0], bytes[1]]) >> depth.shift;
        }),
    }
}

fn check(picture: &Decoded<'_>) -> Result<(), String> {
    let Decoded { width, height, depth, .. } = *picture;
    if !(8..=12).contains(&depth.bits) {
        return Err(format!("samples of {} bits; expected 8 to 12", depth.bits));
    }
    let sample = if depth.bits == 8 { 1 } else { 2 };
    let holds = |component: &Component<'_>, width: usize, height: usize| {
        let Component { data, stride, step } = *component;
        let last = height.saturating_sub(1) * stride + width.saturating_sub(1) * step + sample;
        let is_whole = step >= sample && data.len() >= last;
        is_whole.then_some(()).ok_or_else(|| format!("{} bytes of a picture of {width}x{height}", data.len()))
    };
    match &picture.pixels {
        Pixels::Grey(component, _) => holds(component, width, height),
        Pixels::Rgb(components) => components.iter().try_for_each(|component| holds(component, width, height)),
        Pixels::Yuv([luma, cb, cr], chroma, _) => {
            let halved = |length: usize, is_halved: bool| if is_halved { length.div_ceil(2) } else { length };
            let (columns, rows) = (halved(width, chroma.is_halved[0]), halved(height, chroma.is_halved[1]));
            holds(luma, width, height)?;
            [cb, cr].into_iter().try_for_each(|component| holds(component, columns, rows))
        }
    }
}

/// Fixed-point weights of luma and chroma.
struct Weights {
    /// Bits that bring a sample to 15.
    luma_shift: u32,
    /// Times 2^15.
    luma: u16,
    offset: i16,
    red: Weight,
    green: [i16; 2],
    blue: Weight,
}

/// A chroma weight between a half and two and a half: one or two, and a rest times 2^15.
struct Weight {
    /// Bits to drop for the whole part: 128 times a level becomes 64 or 128 times.
    halvings: u32,
    rest: i16,
}

impl Weight {
    fn new(weight: f64) -> Self {
        let whole = if weight < 1.5 { 1.0 } else { 2.0 };
        Self { halvings: if whole == 1.0 { 1 } else { 0 }, rest: ((weight - whole) * 32768.0).round() as i16 }
    }

    #[inline(always)]
    fn times(&self, chroma: i16) -> i16 {
        (chroma >> self.halvings) + upper(chroma, self.rest)
    }
}

impl Weights {
    fn new(matrix: Matrix, depth: Depth) -> Self {
        let gains = matrix.gains(depth.bits);
        let [red, green_cb, green_cr, blue] = gains.chroma;
        let fixed = |weight: f64| (weight * 32768.0).round() as i16;
        // Half a level, and what dropping the lower halves of two or three products takes away on average.
        let offset = (32.0 + 1.0 - gains.black * gains.luma * 64.0).round() as i16;
        Self {
            luma_shift: 15 - depth.bits,
            luma: (gains.luma * 32768.0).round() as u16,
            offset,
            red: Weight::new(red),
            green: [fixed(green_cb), fixed(green_cr)],
            blue: Weight::new(blue),
        }
    }

    /// 64 times a level.
    #[inline(always)]
    fn luma(&self, sample: u16) -> i16 {
        ((u32::from(sample << self.luma_shift) * u32::from(self.luma)) >> 16) as i16 + self.offset
    }
}

#[inline(always)]
fn upper(value: i16, weight: i16) -> i16 {
    ((i32::from(value) * i32::from(weight)) >> 16) as i16
}

#[inline(always)]
fn rounded(value: i16) -> u8 {
    (value >> 6).clamp(0, 255) as u8
}

fn grey_row(luma: &[u16], weights: &Weights, out: &mut [u8]) {
    luma.iter().zip(out).for_each(|(sample, out)| *out = rounded(weights.luma(*sample)));
}

fn colour_row(luma: &[u16], cb: &[i16], cr: &[i16], weights: &Weights, [red, green, blue]: &mut [Vec<u8>; 3]) {
    let pixels = red.iter_mut().zip(green).zip(blue).zip(luma).zip(cb.iter().zip(cr));
    for ((((red, green), blue), luma), (cb, cr)) in pixels {
        let luma = weights.luma(*luma);
        *red = rounded(luma.saturating_add(weights.red.times(*cr)));
        *green = rounded(luma.saturating_sub(upper(*cb, weights.green[0]) + upper(*cr, weights.green[1])));
        *blue = rounded(luma.saturating_add(weights.blue.times(*cb)));
    }
}

#[cfg(test)]
mod tests;
