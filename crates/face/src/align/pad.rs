//! What the FFHQ alignment paints where a face hangs out of its picture: a reflection that blurs and fades.

use image::RgbImage;
use rayon::prelude::*;

/// A picture with more pixels on its left, top, right and bottom: the reflection of the inside, blurred towards the
/// outside and fading into the median colour.
///
/// `pads` are at least 1. `sigma` is the standard deviation of the blur, pixels. The blur begins inside the picture,
/// at a third of a pad from its edge, and is full at the edge; there the fading begins.
pub(crate) fn pad(picture: &RgbImage, pads: [u32; 4], sigma: f64) -> RgbImage {
    let mut padded = reflect(picture, pads);
    let blurred = padded.blurred(sigma);
    let [left, top, right, bottom] = pads.map(|pad| pad as f32);
    let (last_x, last_y) = ((padded.width - 1) as f32, (padded.height - 1) as f32);
    // 1 at the outermost pixel, 0 at the picture's edge, negative inside.
    let depth = |x: usize, y: usize| {
        let (x, y) = (x as f32, y as f32);
        let across = (x / left).min((last_x - x) / right);
        let down = (y / top).min((last_y - y) / bottom);
        (1.0 - across).max(1.0 - down)
    };
    padded.blend(|x, y| (depth(x, y) * 3.0 + 1.0).clamp(0.0, 1.0), |at| blurred.values[at]);
    let median = padded.median();
    padded.blend(|x, y| depth(x, y).clamp(0.0, 1.0), |at| median[at % 3]);
    let bytes = padded.values.iter().map(|value| value.round_ties_even().clamp(0.0, 255.0) as u8).collect();
    RgbImage::from_raw(padded.width as u32, padded.height as u32, bytes).expect("three values for each pixel")
}

/// RGB in f32, rows first.
struct Canvas {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

/// Repeats the picture mirrored at the centres of its outermost pixels, as often as the pads need.
fn reflect(picture: &RgbImage, [left, top, right, bottom]: [u32; 4]) -> Canvas {
    let (width, height) = picture.dimensions();
    let mirror = |at: i64, size: u32| {
        let last = i64::from(size) - 1;
        let phase = at.rem_euclid((2 * last).max(1));
        phase.min(2 * last - phase).max(0) as u32
    };
    let columns: Vec<u32> = (-i64::from(left)..i64::from(width + right)).map(|x| mirror(x, width)).collect();
    let rows: Vec<u32> = (-i64::from(top)..i64::from(height + bottom)).map(|y| mirror(y, height)).collect();
    let pixel = |x: u32, y: u32| picture.get_pixel(x, y).0.map(f32::from);
    let values = rows.iter().flat_map(|&y| columns.iter().flat_map(move |&x| pixel(x, y))).collect();
    Canvas { width: columns.len(), height: rows.len(), values }
}

impl Canvas {
    /// Moves each value towards another by a weight that depends on its pixel.
    fn blend(&mut self, weight: impl Fn(usize, usize) -> f32 + Sync, towards: impl Fn(usize) -> f32 + Sync) {
        let stride = self.width * 3;
        self.values.par_chunks_mut(stride).enumerate().for_each(|(y, row)| {
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let weight = weight(x, y);
                if weight > 0.0 {
                    for (channel, value) in pixel.iter_mut().enumerate() {
                        *value += (towards(y * stride + x * 3 + channel) - *value) * weight;
                    }
                }
            }
        });
    }

    /// Gauss' blur, cut off at four standard deviations; beyond the edges lies the mirrored canvas, the outermost
    /// pixels twice. SciPy's `gaussian_filter` does the same by default.
    fn blurred(&self, sigma: f64) -> Self {
        let kernel = half_kernel(sigma);
        let stride = self.width * 3;
        let row = |y: usize| &self.values[y * stride..(y + 1) * stride];
        let mut values = vec![0.0; self.values.len()];
        values.par_chunks_mut(stride).enumerate().for_each(|(y, into)| {
            add_scaled(into, row(y), row(y), kernel[0] / 2.0);
            for (k, &weight) in kernel.iter().enumerate().skip(1) {
                let (above, below) = (y as i64 - k as i64, y as i64 + k as i64);
                add_scaled(into, row(twice(above, self.height)), row(twice(below, self.height)), weight);
            }
        });
        values.par_chunks_mut(stride).for_each(|line| {
            let reach = kernel.len() - 1;
            let columns = (0..self.width + 2 * reach).map(|x| twice(x as i64 - reach as i64, self.width) * 3);
            let wide: Vec<f32> = columns.flat_map(|at| [line[at], line[at + 1], line[at + 2]]).collect();
            let from = |k: usize| &wide[k * 3..k * 3 + stride];
            line.fill(0.0);
            add_scaled(line, from(reach), from(reach), kernel[0] / 2.0);
            for (k, &weight) in kernel.iter().enumerate().skip(1) {
                add_scaled(line, from(reach - k), from(reach + k), weight);
            }
        });
        Self { values, ..*self }
    }

    /// The median of each channel.
    fn median(&self) -> [f32; 3] {
        [0, 1, 2].map(|channel| {
            let mut values: Vec<f32> = self.values.iter().skip(channel).step_by(3).copied().collect();
            let (middle, even) = (values.len() / 2, values.len().is_multiple_of(2));
            let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
            let lower = below.iter().copied().max_by(f32::total_cmp);
            if even { (lower.unwrap_or(upper) + upper) / 2.0 } else { upper }
        })
    }
}

/// The right half of Gauss' bell from its middle to four standard deviations; the whole bell sums to 1.
fn half_kernel(sigma: f64) -> Vec<f32> {
    let reach = (4.0 * sigma + 0.5) as usize;
    let bell = |k: usize| (-0.5 * (k as f64 / sigma).powi(2)).exp();
    let total: f64 = 1.0 + 2.0 * (1..=reach).map(bell).sum::<f64>();
    (0..=reach).map(|k| if k == 0 { 1.0 / total } else { bell(k) / total } as f32).collect()
}

/// An index mirrored at the outer edges of the first and the last element.
fn twice(at: i64, size: usize) -> usize {
    let phase = at.rem_euclid(2 * size as i64) as usize;
    phase.min(2 * size - 1 - phase)
}

fn add_scaled(into: &mut [f32], first: &[f32], second: &[f32], weight: f32) {
    for ((into, first), second) in into.iter_mut().zip(first).zip(second) {
        *into += (first + second) * weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn reflections_do_not_repeat_the_outermost_pixel_and_go_on_beyond_the_far_edge() {
        let picture = RgbImage::from_fn(3, 1, |x, _| Rgb([x as u8; 3]));
        let canvas = reflect(&picture, [5, 2, 4, 0]);
        assert_eq!((canvas.width, canvas.height), (12, 3));
        let row: Vec<u8> = canvas.values.iter().step_by(3).take(12).map(|&value| value as u8).collect();
        assert_eq!(row, [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]);
        assert_eq!(canvas.values[..36], canvas.values[72..], "one row is repeated");
    }

    #[test]
    fn the_blur_keeps_flat_colour_and_brightness() {
        let flat = Canvas { width: 9, height: 4, values: vec![77.0; 9 * 4 * 3] };
        assert!(flat.blurred(3.0).values.iter().all(|value| (value - 77.0).abs() < 1e-3));
        let mut dot = Canvas { width: 31, height: 31, values: vec![0.0; 31 * 31 * 3] };
        dot.values[(15 * 31 + 15) * 3] = 1000.0;
        let blurred = dot.blurred(2.0);
        assert!((blurred.values.iter().sum::<f32>() - 1000.0).abs() < 0.01);
        let variance: f32 = (0..31 * 31).map(|i| blurred.values[i * 3] * (i as f32 % 31.0 - 15.0).powi(2)).sum();
        assert!((variance / 1000.0 - 4.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let values = [[5.0, 1.0, 0.0], [9.0, 2.0, 0.0], [1.0, 3.0, 0.0], [6.0, 40.0, 8.0]].concat();
        assert_eq!(Canvas { width: 2, height: 2, values }.median(), [5.5, 2.5, 0.0]);
        assert_eq!(Canvas { width: 1, height: 1, values: vec![3.0, 4.0, 5.0] }.median(), [3.0, 4.0, 5.0]);
    }

    #[test]
    fn the_inside_stays_and_the_outermost_pixel_is_the_median() {
        let picture = RgbImage::from_fn(90, 60, |x, y| Rgb([(x * 2) as u8, (y * 4) as u8, ((x + y) % 7 * 30) as u8]));
        let padded = pad(&picture, [30, 30, 12, 21], 2.0);
        assert_eq!(padded.dimensions(), (132, 111));
        for (x, y) in [(40, 30), (12, 12), (88, 50)] {
            let found = padded.get_pixel(x + 30, y + 30);
            assert_eq!(found == picture.get_pixel(x, y), x < 80, "{x} {y}");
        }
        let corner = padded.get_pixel(0, 0);
        assert!([(131, 0), (0, 110), (131, 110), (66, 0)].iter().all(|&(x, y)| padded.get_pixel(x, y) == corner));
    }
}
