//! Colours and brightness of paintings, fitted to the portrait's along the seam.

use image::RgbImage;
use image::imageops::{FilterType, resize};

/// Points along each side at which pictures are compared: coarse, so that light and colour count and detail does not.
const GRID: u32 = 64;
/// How often values are weighted anew by how well they fit: first towards the least sum of absolute errors, which a
/// part that differs cannot lead astray, then without that part.
const ROUNDS: [usize; 2] = [12, 6];
/// Differences up to this, in logarithms (three parts of a hundred), are never taken for something else than light.
const ALIKE: f64 = 0.03;
/// What is held against a gain that changes across the face, as a part of the weight of all points.
const STEADY: f64 = 1e-3;
/// No gain leaves this range: beyond it, what is compared is not the same thing.
const GAINS: (f64, f64) = (0.4, 2.5);
/// Below this level, ratios are mostly noise and count less.
const DARK: f64 = 40.0;
/// Numbers that are fitted for a channel: the gain's logarithm in the middle, and how it changes along x and y.
const UNKNOWN: usize = 3;

/// What is done to the colours of paintings: a gain for each channel, which may change steadily across the square.
///
/// There is no offset: fitted by contrasts, it would take those away wherever the painting is not in detail what the
/// portrait is, and the face would turn grey.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tone {
    /// For each channel: logarithm of the gain in the middle of the square, and its change along the square's width and
    /// height.
    channels: [[f32; UNKNOWN]; 3],
}

impl Tone {
    /// Colours stay as they are.
    pub const NONE: Self = Self { channels: [[0.0; UNKNOWN]; 3] };

    /// Fits a painting of a face at rest to the aligned portrait, by places weighted with `weight` (0 leaves one out).
    ///
    /// Where the painting shows something else than the portrait (hair that falls differently), it does not count:
    /// least absolute errors of the logarithms, then Tukey's weights. Without anything to compare, colours stay as they
    /// are.
    pub fn fit(aligned: &RgbImage, at_rest: &RgbImage, weight: impl Fn([f64; 2]) -> f64) -> Self {
        let coarse = |picture| resize(picture, GRID, GRID, FilterType::Triangle);
        let (portrait, painting) = (coarse(aligned), coarse(at_rest));
        let places: Vec<(u32, u32, [f64; 2], f64)> = (0..GRID * GRID)
            .map(|index| {
                let (x, y) = (index % GRID, index / GRID);
                let at = [x, y].map(|i| (f64::from(i) + 0.5) / f64::from(GRID));
                (x, y, at, weight(at))
            })
            .filter(|(.., weight)| *weight > 0.0)
            .collect();
        let channels = [0, 1, 2].map(|channel| {
            let samples: Vec<Sample> = places
                .iter()
                .map(|&(x, y, at, weight)| {
                    // The alignment cuts fractions off: half a level in the mean.
                    let wanted = f64::from(portrait.get_pixel(x, y).0[channel]) + 0.5;
                    let painted = f64::from(painting.get_pixel(x, y).0[channel]);
                    let light = (wanted.min(painted) / DARK).min(1.0);
                    Sample {
                        terms: [1.0, at[0] - 0.5, at[1] - 0.5],
                        wanted: ((wanted + 1.0) / (painted + 1.0)).ln(),
                        weight: weight * light,
                    }
                })
                .collect();
            fit(&samples).map(|number| number as f32)
        });
        Self { channels }
    }

    /// A colour of the painting (8-bit levels) at a place of the painted square, as it fits into the portrait.
    #[inline]
    pub fn apply(&self, at: [f64; 2], colour: [f32; 3]) -> [f32; 3] {
        let [x, y] = [at[0] as f32 - 0.5, at[1] as f32 - 0.5];
        let mut fitted = colour;
        for (level, [middle, along, down]) in fitted.iter_mut().zip(&self.channels) {
            *level *= (middle + along * x + down * y).exp();
        }
        fitted
    }
}

struct Sample {
    terms: [f64; UNKNOWN],
    wanted: f64,
    weight: f64,
}

/// The numbers of one channel.
fn fit(samples: &[Sample]) -> [f64; UNKNOWN] {
    const NONE: [f64; UNKNOWN] = [0.0; UNKNOWN];
    let mut weights: Vec<f64> = samples.iter().map(|sample| sample.weight).collect();
    let mut numbers = NONE;
    for round in 0..ROUNDS[0] + ROUNDS[1] {
        let Some(solved) = solve(samples, &weights) else { return NONE };
        numbers = solved;
        let missed = |sample: &Sample| {
            let value: f64 = numbers.iter().zip(sample.terms).map(|(number, term)| number * term).sum();
            (value - sample.wanted).abs()
        };
        let mut errors: Vec<f64> = samples.iter().map(missed).collect();
        let middle = errors.len() / 2;
        // Tukey's constant for 95% efficiency, in standard deviations by the median of the errors.
        let reach = 4.685 * (1.4826 * *errors.select_nth_unstable_by(middle, f64::total_cmp).1).max(ALIKE);
        for (weight, sample) in weights.iter_mut().zip(samples) {
            let missed = missed(sample);
            let counts = if round < ROUNDS[0] {
                ALIKE / missed.max(ALIKE)
            } else {
                (1.0 - (missed / reach).min(1.0).powi(2)).powi(2)
            };
            *weight = sample.weight * counts;
        }
    }
    // At the corners of the square the gain is the farthest from that in its middle.
    let (least, most) = (GAINS.0.ln(), GAINS.1.ln());
    let (middle, slope) = (numbers[0].clamp(least, most), numbers[1].abs() + numbers[2].abs());
    let room = 2.0 * (middle - least).min(most - middle);
    let share = if slope > room { room / slope } else { 1.0 };
    [middle, numbers[1] * share, numbers[2] * share]
}

/// Weighted least squares, held to a steady gain where the samples do not say.
fn solve(samples: &[Sample], weights: &[f64]) -> Option<[f64; UNKNOWN]> {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let mut rows = [[0.0; UNKNOWN + 1]; UNKNOWN];
    for (sample, weight) in samples.iter().zip(weights) {
        for (row, a) in rows.iter_mut().zip(sample.terms) {
            for (cell, b) in row.iter_mut().zip(sample.terms.iter().chain([&sample.wanted])) {
                *cell += weight * a * b;
            }
        }
    }
    for (index, row) in rows.iter_mut().enumerate().skip(1) {
        row[index] += STEADY * total;
    }
    // Gauss-Jordan; what holds the slopes makes the matrix positive definite.
    for pivot in 0..UNKNOWN {
        let row = rows[pivot].map(|cell| cell / rows[pivot][pivot]);
        rows[pivot] = row;
        for other in (0..UNKNOWN).filter(|other| *other != pivot) {
            let factor = rows[other][pivot];
            rows[other].iter_mut().zip(row).for_each(|(cell, own)| *cell -= factor * own);
        }
    }
    let solved = rows.map(|row| row[UNKNOWN]);
    solved.iter().all(|number| number.is_finite()).then_some(solved)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn portrait() -> RgbImage {
        RgbImage::from_fn(128, 128, |x, y| {
            let wave = |by: f64| 120.0 + 60.0 * (f64::from(x) * by).sin() * (f64::from(y) * 0.04).cos();
            Rgb([wave(0.05), wave(0.06) * 0.8, wave(0.045) * 0.6].map(|level| level as u8))
        })
    }

    fn changed(picture: &RgbImage, change: impl Fn(u32, u32, f64) -> f64) -> RgbImage {
        let mut changed = picture.clone();
        for (x, y, pixel) in changed.enumerate_pixels_mut() {
            pixel.0 = pixel.0.map(|level| change(x, y, level.into()).round().clamp(0.0, 255.0) as u8);
        }
        changed
    }

    /// The largest difference to the portrait after fitting, where `counts` says.
    fn worst(painting: &RgbImage, tone: &Tone, counts: impl Fn(u32, u32) -> bool) -> f32 {
        let portrait = portrait();
        let mut worst = 0.0f32;
        for (x, y, pixel) in painting.enumerate_pixels().filter(|(x, y, _)| counts(*x, *y)) {
            let at = [x, y].map(|i| (f64::from(i) + 0.5) / 128.0);
            let fitted = tone.apply(at, pixel.0.map(f32::from));
            for (found, wanted) in fitted.iter().zip(portrait.get_pixel(x, y).0) {
                worst = worst.max((found - f32::from(wanted)).abs());
            }
        }
        worst
    }

    #[test]
    fn a_painting_that_is_darker_by_a_known_gain_comes_back_right() {
        for gain in [0.6, 0.8, 1.2] {
            let painting = changed(&portrait(), |_, _, level| level * gain);
            let tone = Tone::fit(&portrait(), &painting, |_| 1.0);
            assert!(worst(&painting, &tone, |_, _| true) < 2.0, "{gain}: {}", worst(&painting, &tone, |_, _| true));
            assert!((f64::from(tone.channels[0][0]).exp() * gain - 1.0).abs() < 0.02, "{tone:?}");
        }
    }

    #[test]
    fn light_from_one_side_is_undone() {
        let painting = changed(&portrait(), |x, _, level| level / (1.1 - 0.3 * f64::from(x) / 128.0));
        let tone = Tone::fit(&portrait(), &painting, |_| 1.0);
        assert!(worst(&painting, &tone, |_, _| true) < 3.0, "{}", worst(&painting, &tone, |_, _| true));
    }

    #[test]
    fn what_the_painting_shows_otherwise_does_not_count() {
        // A quarter of it is something else.
        let other = |x: u32, y: u32| x < 64 && y < 64;
        let painting = changed(&portrait(), |x, y, level| if other(x, y) { 20.0 } else { level * 0.8 });
        let tone = Tone::fit(&portrait(), &painting, |_| 1.0);
        let worst = worst(&painting, &tone, |x, y| !other(x, y));
        assert!(worst < 3.0, "{worst}");
    }

    #[test]
    fn a_painting_of_something_else_keeps_its_contrast() {
        // Nothing in it is where the portrait has it.
        let painting = RgbImage::from_fn(128, 128, |x, y| {
            let wave = 100.0 + 60.0 * (f64::from(y) * 0.08).sin() * (f64::from(x) * 0.02).cos();
            Rgb([wave, wave * 0.8, wave * 0.6].map(|level| level as u8))
        });
        let tone = Tone::fit(&portrait(), &painting, |_| 1.0);
        for channel in tone.channels {
            assert!((0.9..1.6).contains(&channel[0].exp()), "{tone:?}");
        }
    }

    #[test]
    fn without_anything_to_compare_colours_stay() {
        assert_eq!(Tone::fit(&portrait(), &RgbImage::new(64, 64), |_| 0.0), Tone::NONE);
        // Black is no darker portrait; whatever is made of it is a gain within the range.
        let tone = Tone::fit(&portrait(), &RgbImage::new(64, 64), |_| 1.0);
        assert!(tone.channels.iter().all(|channel| (0.39..=2.51).contains(&channel[0].exp())), "{tone:?}");
        assert_eq!(Tone::NONE.apply([0.3, 0.9], [1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]);
    }
}
