//! The portrait as it is sampled: once, with Catmull-Rom's cubic, from pixels no finer than the output's.

use glam::Vec2;
use image::RgbImage;
use image::imageops::{self, FilterType};

/// Where the output lies in the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Picture position of the output's top left corner, pixels; pixel `i` covers `i..i + 1`.
    pub origin: [f64; 2],
    /// Output pixels per picture pixel.
    pub scale: f64,
}

/// A colour with 8-bit levels as numbers; the fourth lane pads it to a vector register.
pub(crate) type Rgba = [f32; 4];

/// Part of the portrait, in texture pixels: picture pixels, or output pixels where those are coarser.
pub(crate) struct Texture {
    /// Texture pixels per picture pixel.
    pub scale: Vec2,
    width: usize,
    pixels: Vec<Rgba>,
    /// Texture position that the first four by four pixels are the surroundings of, and how far one may go from there.
    first: Vec2,
    last: Vec2,
}

/// Pixels beyond the sampled position that the filter reads, on either side.
const MARGIN: i64 = 2;

/// The picture at the resolution to sample from. Reduction happens here, with Lanczos' filter over the whole area of
/// each output pixel; enlarging happens in sampling.
pub(crate) fn for_output(picture: &RgbImage, scale: f64) -> (RgbImage, Vec2) {
    if scale >= 1.0 {
        return (picture.clone(), Vec2::ONE);
    }
    let reduced = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    let (width, height) = (reduced(picture.width()), reduced(picture.height()));
    let texels = imageops::resize(picture, width, height, FilterType::Lanczos3);
    let scale = Vec2::new(width as f32 / picture.width() as f32, height as f32 / picture.height() as f32);
    (texels, scale)
}

impl Texture {
    /// Keeps the part of `texels` between two corners (texture pixels), extended beyond the picture by its edge.
    pub fn cut(texels: &RgbImage, scale: Vec2, from: Vec2, to: Vec2) -> Texture {
        let low = |v: f32, side: u32| (v.floor() as i64).clamp(0, i64::from(side) - 1) - MARGIN;
        let high = |v: f32, side: u32| (v.ceil() as i64).clamp(1, i64::from(side)) + MARGIN;
        let corner = [low(from.x, texels.width()), low(from.y, texels.height())];
        let width = (high(to.x, texels.width()) - corner[0]) as usize;
        let height = (high(to.y, texels.height()) - corner[1]) as usize;
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height as i64 {
            for x in 0..width as i64 {
                pixels.push(at_or_edge(texels, corner[0] + x, corner[1] + y));
            }
        }
        Texture::of(scale, corner, width, pixels)
    }

    /// `corner` is the texture position of the first pixel.
    fn of(scale: Vec2, corner: [i64; 2], width: usize, pixels: Vec<Rgba>) -> Texture {
        let first = Vec2::new(corner[0] as f32 + 1.5, corner[1] as f32 + 1.5);
        let size = Vec2::new(width as f32, (pixels.len() / width) as f32);
        Texture { scale, width, pixels, first, last: size - 3.001 }
    }

    /// Paints a texture: `colour` is asked for the texture position of every pixel between two corners.
    pub fn paint(scale: Vec2, from: Vec2, to: Vec2, colour: impl Fn(Vec2) -> Rgba) -> Texture {
        let corner = [from.x.floor() as i64 - MARGIN, from.y.floor() as i64 - MARGIN];
        let side = |to: f32, corner: i64| (to.ceil() as i64 + MARGIN - corner).max(2 * MARGIN + 1) as usize;
        let (width, height) = (side(to.x, corner[0]), side(to.y, corner[1]));
        let centre = |i: usize, corner: i64| (corner + i as i64) as f32 + 0.5;
        let position = |i: usize| Vec2::new(centre(i % width, corner[0]), centre(i / width, corner[1]));
        let pixels = (0..width * height).map(|i| colour(position(i))).collect();
        Texture::of(scale, corner, width, pixels)
    }

    /// The colour at a texture position; outside the stored part, that of its edge.
    #[inline]
    pub fn sample(&self, position: Vec2) -> Rgba {
        let x = (position.x - self.first.x).clamp(0.0, self.last.x);
        let y = (position.y - self.first.y).clamp(0.0, self.last.y);
        // Through i32: the conversion of f32 to a 64-bit index takes five times as long.
        let (column, row) = (x as i32, y as i32);
        let (wx, wy) = (weights(x - column as f32), weights(y - row as f32));
        let start = row as usize * self.width + column as usize;
        let line = |row: usize| {
            let start = start + row * self.width;
            let taps = &self.pixels[start..start + 4];
            let mut sum = [0.0; 4];
            for lane in 0..4 {
                sum[lane] =
                    (taps[0][lane] * wx[0] + taps[1][lane] * wx[1]) + (taps[2][lane] * wx[2] + taps[3][lane] * wx[3]);
            }
            sum
        };
        let (a, b, c, d) = (line(0), line(1), line(2), line(3));
        let mut sum = [0.0; 4];
        for lane in 0..4 {
            sum[lane] = (a[lane] * wy[0] + b[lane] * wy[1]) + (c[lane] * wy[2] + d[lane] * wy[3]);
        }
        sum
    }

    /// What [`Self::sample`] gives, but for rounding, at every position of a grid: rows of `y`, each at all of `x`.
    /// Where rows and columns are straight, the filter is applied along one and then along the other, which takes a
    /// third of the time.
    pub fn scan(&self, x: &[f32], y: impl Iterator<Item = f32>, mut row_of: impl FnMut(usize, &[Rgba])) {
        let place = |position: f32, first: f32, last: f32| {
            let along = (position - first).clamp(0.0, last);
            (along as usize, weights(along.fract()))
        };
        let columns: Vec<(usize, [f32; 4])> = x.iter().map(|x| place(*x, self.first.x, self.last.x)).collect();
        let from = columns.iter().map(|(column, _)| *column).min().unwrap_or(0);
        let to = columns.iter().map(|(column, _)| column + 4).max().unwrap_or(0);
        let (mut blend, mut out) = (vec![[0.0; 4]; to.saturating_sub(from)], vec![[0.0; 4]; x.len()]);
        for (index, y) in y.enumerate() {
            let (row, wy) = place(y, self.first.y, self.last.y);
            let line = |tap: usize| &self.pixels[(row + tap) * self.width..][from..to];
            let taps = line(0).iter().zip(line(1)).zip(line(2)).zip(line(3));
            for (blend, (((a, b), c), d)) in blend.iter_mut().zip(taps) {
                for lane in 0..4 {
                    blend[lane] = (a[lane] * wy[0] + b[lane] * wy[1]) + (c[lane] * wy[2] + d[lane] * wy[3]);
                }
            }
            for (out, (column, wx)) in out.iter_mut().zip(&columns) {
                let taps = &blend[column - from..column - from + 4];
                for lane in 0..4 {
                    out[lane] = (taps[0][lane] * wx[0] + taps[1][lane] * wx[1])
                        + (taps[2][lane] * wx[2] + taps[3][lane] * wx[3]);
                }
            }
            row_of(index, &out);
        }
    }
}

/// The colour at a position of the whole picture, as [`Texture::sample`] computes it.
pub(crate) fn sample_picture(texels: &RgbImage, position: Vec2) -> Rgba {
    let x = (position.x - 0.5).clamp(-1.0, texels.width() as f32);
    let y = (position.y - 0.5).clamp(-1.0, texels.height() as f32);
    let (column, row) = (x.floor(), y.floor());
    let (wx, wy) = (weights(x - column), weights(y - row));
    let mut sum = [0.0; 4];
    for (tap, wy) in (-1..3).zip(wy) {
        let taps = [-1, 0, 1, 2].map(|dx| at_or_edge(texels, column as i64 + dx, row as i64 + tap));
        for lane in 0..4 {
            let line =
                (taps[0][lane] * wx[0] + taps[1][lane] * wx[1]) + (taps[2][lane] * wx[2] + taps[3][lane] * wx[3]);
            sum[lane] += line * wy;
        }
    }
    sum
}

/// The colour of a picture at a position (x, y; pixel `i` covers `i..i + 1`), 8-bit levels that may overshoot a little:
/// Catmull-Rom's cubic, which gives the pixels themselves at their centres. Beyond the picture its edge goes on.
pub fn sample(picture: &RgbImage, [x, y]: [f64; 2]) -> [f32; 3] {
    let [r, g, b, _] = sample_picture(picture, Vec2::new(x as f32, y as f32));
    [r, g, b]
}

fn at_or_edge(texels: &RgbImage, x: i64, y: i64) -> Rgba {
    let clamp = |v: i64, side: u32| v.clamp(0, i64::from(side) - 1) as u32;
    let [r, g, b] = texels.get_pixel(clamp(x, texels.width()), clamp(y, texels.height())).0;
    [f32::from(r), f32::from(g), f32::from(b), 0.0]
}

/// Catmull-Rom's weights for the four pixels around a fraction.
#[inline]
fn weights(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [-0.5 * t3 + t2 - 0.5 * t, 1.5 * t3 - 2.5 * t2 + 1.0, -1.5 * t3 + 2.0 * t2 + 0.5 * t, 0.5 * t3 - 0.5 * t2]
}

/// The nearest 8-bit colour.
#[inline]
pub(crate) fn to_rgb(colour: Rgba) -> [u8; 3] {
    // Adding 2^23 leaves the rounded value in the lowest bits of the number: an eighth of the whole renderer's time
    // went into the saturating conversion of the language.
    const SHIFT: f32 = 8_388_608.0;
    let mut levels = [0u32; 4];
    for lane in 0..4 {
        levels[lane] = (colour[lane].clamp(0.0, 255.0) + SHIFT).to_bits();
    }
    [levels[0] as u8, levels[1] as u8, levels[2] as u8]
}

/// Brightness with the weights of BT.709.
pub(crate) fn luma([r, g, b, _]: Rgba) -> f32 {
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// `a` for 0, `b` for 1.
#[inline]
pub(crate) fn mix(a: Rgba, b: Rgba, share: f32) -> Rgba {
    std::array::from_fn(|lane| a[lane] + (b[lane] - a[lane]) * share)
}

/// 0 below `from`, 1 above `to`, smooth between.
#[inline]
pub(crate) fn smoothstep(from: f32, to: f32, x: f32) -> f32 {
    let x = ((x - from) / (to - from)).clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> RgbImage {
        RgbImage::from_fn(31, 23, |x, y| image::Rgb([(x * 8) as u8, (y * 11) as u8, ((x * y) % 256) as u8]))
    }

    #[test]
    fn pixel_centres_give_the_pixels_themselves() {
        let picture = picture();
        let texture = Texture::cut(&picture, Vec2::ONE, Vec2::new(4.0, 3.0), Vec2::new(31.0, 23.0));
        for (x, y, pixel) in picture.enumerate_pixels() {
            let centre = Vec2::new(x as f32 + 0.5, y as f32 + 0.5);
            assert_eq!(to_rgb(sample_picture(&picture, centre)), pixel.0);
            if x >= 4 && y >= 3 {
                assert_eq!(to_rgb(texture.sample(centre)), pixel.0, "{x} {y}");
            }
        }
    }

    #[test]
    fn part_and_whole_agree_everywhere() {
        let picture = picture();
        let texture = Texture::cut(&picture, Vec2::ONE, Vec2::ZERO, Vec2::new(31.0, 23.0));
        for step in 0..900 {
            let position = Vec2::new((step % 30) as f32 * 1.013 + 0.6, (step / 30) as f32 * 0.74 + 0.6);
            let (a, b) = (texture.sample(position), sample_picture(&picture, position));
            assert!((0..3).all(|lane| (a[lane] - b[lane]).abs() < 0.02), "{position} {a:?} {b:?}");
        }
    }

    #[test]
    fn scanning_is_sampling() {
        let texture = Texture::cut(&picture(), Vec2::ONE, Vec2::ZERO, Vec2::new(31.0, 23.0));
        let x: Vec<f32> = (-4..90).map(|step| step as f32 * 0.37).collect();
        let y: Vec<f32> = (-4..60).map(|step| step as f32 * 0.41).collect();
        texture.scan(&x, y.iter().copied(), |row, colours| {
            for (x, colour) in x.iter().zip(colours) {
                let sampled = texture.sample(Vec2::new(*x, y[row]));
                assert!((0..3).all(|lane| (sampled[lane] - colour[lane]).abs() < 0.01), "{x} {}", y[row]);
            }
        });
    }

    #[test]
    fn reduction_averages_and_does_not_alias() {
        let stripes = RgbImage::from_fn(64, 64, |x, _| image::Rgb([if x % 2 == 0 { 0 } else { 200 }; 3]));
        let (texels, scale) = for_output(&stripes, 0.25);
        assert_eq!((texels.dimensions(), scale), ((16, 16), Vec2::splat(0.25)));
        assert!(
            texels.enumerate_pixels().filter(|(x, ..)| (2..14).contains(x)).all(|(.., p)| p.0[0].abs_diff(100) < 4)
        );
    }
}
