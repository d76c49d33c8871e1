//! 255 colours for a frame, kept as long as they suit the frames that follow.

use image::RgbImage;

use crate::quantise;

/// Colours in a palette; the last of 256 places means "unchanged".
pub(crate) const COLOURS: usize = 255;

/// Pixels looked at to make or to judge a palette, about.
const LEARNED_PIXELS: usize = 40_000;
const JUDGED_PIXELS: usize = 4_000;

/// Bits per channel of the table that finds the nearest colour.
const TABLE_BITS: u32 = 6;
const UNKNOWN: u16 = u16::MAX;

/// Half the height of the dither pattern, in levels. Small: it hides the steps between skin tones.
const DITHER_AMPLITUDE: i32 = 5;

/// Recursive ordered dither (Bayer 1973), 8x8: it stays put from frame to frame, unlike error diffusion, which crawls.
const fn bayer(x: usize, y: usize) -> i32 {
    let (mut value, mut bit) = (0, 0);
    while bit < 3 {
        let (x, y) = ((x >> bit) & 1, (y >> bit) & 1);
        value = (value << 2) | (((x ^ y) << 1) | y) as i32;
        bit += 1;
    }
    value
}

const DITHER: [[i32; 8]; 8] = {
    let mut table = [[0; 8]; 8];
    let mut at = 0;
    while at < 64 {
        let (x, y) = (at % 8, at / 8);
        table[y][x] = (2 * bayer(x, y) - 63) * DITHER_AMPLITUDE / 63;
        at += 1;
    }
    table
};

/// A palette and the way to find the nearest of its colours.
#[derive(Debug)]
pub(crate) struct Palette {
    colours: Vec<[u8; 3]>,
    /// The nearest colour of each cell of the RGB cube, found when first asked for.
    nearest: Vec<u16>,
    /// Mean squared distance of the frame it was made for.
    error: f64,
}

impl Palette {
    /// Learns the colours of a frame.
    pub(crate) fn of(frame: &RgbImage) -> Self {
        let colours = quantise::colours(some_pixels(frame, LEARNED_PIXELS), COLOURS);
        let mut palette = Self { colours, nearest: vec![UNKNOWN; 1 << (3 * TABLE_BITS)], error: 0.0 };
        palette.error = palette.error_on(frame);
        palette
    }

    /// Whether the frame loses no more than the one the palette was made for, by a margin nobody sees.
    pub(crate) fn suits(&mut self, frame: &RgbImage) -> bool {
        self.error_on(frame) <= 1.5 * self.error + 6.0
    }

    /// Red, green, blue of each of 256 places in turn; those that are not used are black.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.colours.concat();
        bytes.resize(3 * 256, 0);
        bytes
    }

    /// The nearest colour's place and value.
    pub(crate) fn dithered(&mut self, pixel: [u8; 3], x: usize, y: usize) -> (u8, [u8; 3]) {
        let offset = DITHER[y % 8][x % 8];
        self.nearest(pixel.map(|value| (i32::from(value) + offset).clamp(0, 255) as u8))
    }

    fn nearest(&mut self, pixel: [u8; 3]) -> (u8, [u8; 3]) {
        let shift = 8 - TABLE_BITS;
        let cell = pixel.iter().fold(0, |cell, value| (cell << TABLE_BITS) | usize::from(value >> shift));
        if self.nearest[cell] == UNKNOWN {
            let centre = pixel.map(|value| (value >> shift << shift) + (1 << (shift - 1)));
            let distances = self.colours.iter().map(|colour| distance(*colour, centre));
            let best = distances.enumerate().min_by_key(|(_, distance)| *distance);
            self.nearest[cell] = best.map_or(0, |(index, _)| index as u16);
        }
        let index = self.nearest[cell] as u8;
        (index, self.colours[usize::from(index)])
    }

    fn error_on(&mut self, frame: &RgbImage) -> f64 {
        let (mut sum, mut count) = (0, 0);
        for pixel in some_pixels(frame, JUDGED_PIXELS) {
            sum += u64::from(distance(self.nearest(pixel).1, pixel));
            count += 1;
        }
        sum as f64 / f64::from(count.max(1))
    }
}

/// About `wanted` pixels from all over the frame.
fn some_pixels(frame: &RgbImage, wanted: usize) -> impl Iterator<Item = [u8; 3]> {
    let count = frame.as_raw().len() / 3;
    // Odd, so that it does not stay in a few columns of a width that is a power of two.
    let step = (count / wanted) | 1;
    frame.as_raw().chunks_exact(3).step_by(step).map(|pixel| [pixel[0], pixel[1], pixel[2]])
}

fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn gradient(tint: u8) -> RgbImage {
        RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, tint]))
    }

    #[test]
    fn the_dither_pattern_has_every_level_once_and_no_bias() {
        let mut levels: Vec<i32> = (0..64).map(|at| bayer(at % 8, at / 8)).collect();
        levels.sort_unstable();
        assert_eq!(levels, (0..64).collect::<Vec<_>>());
        assert_eq!(DITHER.iter().flatten().sum::<i32>(), 0);
    }

    #[test]
    fn a_palette_suits_its_frame_and_not_another() {
        let mut palette = Palette::of(&gradient(0));
        assert_eq!(palette.bytes().len(), 3 * 256);
        assert!(palette.error < 60.0, "{}", palette.error);
        assert!(palette.suits(&gradient(0)));
        assert!(!palette.suits(&gradient(200)));
    }

    #[test]
    fn local_means_survive_the_quantisation() {
        let frame = gradient(90);
        let mut palette = Palette::of(&frame);
        let (mut before, mut after) = ([0i64; 3], [0i64; 3]);
        for (x, y, pixel) in frame.enumerate_pixels() {
            let (_, shown) = palette.dithered(pixel.0, x as usize, y as usize);
            for channel in 0..3 {
                before[channel] += i64::from(pixel.0[channel]);
                after[channel] += i64::from(shown[channel]);
            }
        }
        for channel in 0..3 {
            assert!((before[channel] - after[channel]).abs() < 3 * 64 * 64, "{before:?} {after:?}");
        }
    }
}
