//! Noise that depends on a seed and on nothing else, and noise that is carried along by what moves.
//!
//! Noise is carried on a grid finer than the latents' (Chang et al., "How I Warped Your Noise", ICLR 2024): interpolating
//! the latents' own noise would blur it and take from its variance. The fine grid is made so that the sums over its
//! blocks are the latents' noise: what does not move keeps the noise that it has anyway.

use candle_core::{Device, Result, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// What a run's noise is for; each has a sequence of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    /// What frames start from.
    Latents,
    /// Sampling the reference's latents.
    Reference,
    /// What is added after a denoising step.
    Step(usize),
}

impl Purpose {
    pub(crate) fn stream(self) -> u64 {
        match self {
            Self::Latents => 0,
            Self::Reference => 1,
            Self::Step(step) => 2 + step as u64,
        }
    }
}

/// Fine cells along each side of a latent's cell.
pub const FINE: usize = 8;

/// Where the noise of a picture's fine cells comes from: a grid of `height * FINE` rows of `width * FINE` cells over
/// latents of `height` rows and `width` columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoiseMap {
    width: usize,
    height: usize,
    sources: Vec<Option<u32>>,
}

impl NoiseMap {
    /// `sources` are indices of fine cells, row after row; nothing where what is seen was not seen before, and has noise
    /// of its own. None if there are not as many as fine cells, or one lies outside.
    pub fn new((width, height): (usize, usize), sources: Vec<Option<u32>>) -> Option<Self> {
        let cells = width * height * FINE * FINE;
        let fits = sources.len() == cells && sources.iter().flatten().all(|source| (*source as usize) < cells);
        fits.then_some(Self { width, height, sources })
    }

    /// Nothing moves.
    pub fn still((width, height): (usize, usize)) -> Self {
        Self { width, height, sources: (0..(width * height * FINE * FINE) as u32).map(Some).collect() }
    }

    /// Width and height of the latents.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }
}

/// Fine noise of a seed: of `channels` latents of a size, and of as many that nothing was seen of before.
#[derive(Debug)]
pub(crate) struct FineNoise {
    /// Channel after channel, rows of fine cells.
    seen: Vec<f32>,
    unseen: Vec<f32>,
    channels: usize,
}

impl FineNoise {
    /// The sums over blocks of fine cells, divided by [`FINE`], are `coarse`, the noise of the same seed and purpose.
    pub fn new(
        seed: u64,
        purpose: Purpose,
        coarse: &[f32],
        (channels, height, width): (usize, usize, usize),
    ) -> FineNoise {
        let (rows, columns) = (height * FINE, width * FINE);
        let count = channels * rows * columns;
        let mut seen = sequence(seed, purpose.stream() + FINE_STREAMS, count);
        for channel in 0..channels {
            for y in 0..height {
                for x in 0..width {
                    let at = |i: usize| (channel * rows + y * FINE + i / FINE) * columns + x * FINE + i % FINE;
                    let mean = (0..FINE * FINE).map(|i| seen[at(i)]).sum::<f32>() / (FINE * FINE) as f32;
                    let wanted = coarse[(channel * height + y) * width + x] / FINE as f32;
                    (0..FINE * FINE).for_each(|i| seen[at(i)] += wanted - mean);
                }
            }
        }
        let unseen = sequence(seed, purpose.stream() + UNSEEN_STREAMS, count);
        FineNoise { seen, unseen, channels }
    }

    /// The latents' noise after it was carried: each is the sum over the fine cells that came to it. Cells that came
    /// several times, where the picture is stretched, are counted so that the variance stays 1.
    pub fn carried(&self, map: &NoiseMap) -> Vec<f32> {
        let (columns, cells) = (map.width * FINE, map.width * map.height * FINE * FINE);
        let mut carried = vec![0.0; self.channels * map.width * map.height];
        let mut block: Vec<(bool, usize)> = Vec::with_capacity(FINE * FINE);
        for y in 0..map.height {
            for x in 0..map.width {
                block.clear();
                block.extend((0..FINE * FINE).map(|i| {
                    let own = (y * FINE + i / FINE) * columns + x * FINE + i % FINE;
                    map.sources[own].map_or((false, own), |source| (true, source as usize))
                }));
                block.sort_unstable();
                let runs = block.chunk_by(|a, b| a == b);
                let variance: usize = runs.map(|run| run.len() * run.len()).sum();
                let scale = 1.0 / (variance as f32).sqrt();
                for channel in 0..self.channels {
                    let value = |(is_seen, cell): &(bool, usize)| {
                        let all = if *is_seen { &self.seen } else { &self.unseen };
                        all[channel * cells + cell]
                    };
                    let sum: f32 = block.iter().map(value).sum();
                    carried[(channel * map.height + y) * map.width + x] = sum * scale;
                }
            }
        }
        carried
    }
}

/// Where the sequences of fine noise begin among those of a seed: beyond those of any purpose.
const FINE_STREAMS: u64 = 1 << 32;
const UNSEEN_STREAMS: u64 = 2 << 32;

/// Standard normal numbers: the same for the same seed and purpose on every machine.
pub(crate) fn normal(seed: u64, purpose: Purpose, shape: &[usize], device: &Device) -> Result<Tensor> {
    let values = sequence(seed, purpose.stream(), shape.iter().product());
    Tensor::from_vec(values, shape, &Device::Cpu)?.to_device(device)
}

/// The same as plain numbers.
pub(crate) fn sequence(seed: u64, stream: u64, count: usize) -> Vec<f32> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    StandardNormal.sample_iter(&mut generator).take(count).collect()
}

/// The seed of a frame's own noise, where each has one.
pub(crate) fn of_frame(seed: u64, frame: u64) -> u64 {
    // Steele, Lea and Flood's mixing (SplitMix64): neighbours in, strangers out.
    let mut mixed = seed ^ (frame + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(seed: u64, purpose: Purpose) -> Vec<f32> {
        normal(seed, purpose, &[2000], &Device::Cpu).unwrap().to_vec1().unwrap()
    }

    #[test]
    fn seeds_and_purposes_give_noise_of_their_own() {
        let latents = values(7, Purpose::Latents);
        assert_eq!(latents, values(7, Purpose::Latents));
        for other in [values(8, Purpose::Latents), values(7, Purpose::Reference), values(7, Purpose::Step(0))] {
            let product: f32 = latents.iter().zip(&other).map(|(a, b)| a * b).sum::<f32>() / 2000.0;
            assert!(product.abs() < 0.1, "correlation {product}");
        }
    }

    fn is_standard_normal(values: &[f32]) {
        let count = values.len() as f32;
        let moment = |power: i32| values.iter().map(|v| v.powi(power)).sum::<f32>() / count;
        let tolerance = 4.5 / count.sqrt();
        let (mean, variance, fourth) = (moment(1), moment(2), moment(4));
        // Standard deviations of these estimates: 1, sqrt(2) and sqrt(96), each over sqrt(count).
        assert!(mean.abs() < tolerance, "mean {mean}");
        assert!((variance - 1.0).abs() < 1.5 * tolerance, "variance {variance}");
        assert!((fourth - 3.0).abs() < 9.8 * tolerance, "fourth moment {fourth}");
    }

    #[test]
    fn it_is_standard_normal() {
        is_standard_normal(&values(1, Purpose::Latents));
    }

    const SIZE: (usize, usize, usize) = (4, 24, 20);

    fn coarse() -> Vec<f32> {
        sequence(5, Purpose::Latents.stream(), SIZE.0 * SIZE.1 * SIZE.2)
    }

    fn carried(from: impl Fn(f32, f32) -> [f32; 2]) -> Vec<f32> {
        let fine = FineNoise::new(5, Purpose::Latents, &coarse(), SIZE);
        let (rows, columns) = ((SIZE.1 * FINE) as f32, (SIZE.2 * FINE) as f32);
        let cells = (0..SIZE.1 * FINE).flat_map(|y| (0..SIZE.2 * FINE).map(move |x| (x as f32 + 0.5, y as f32 + 0.5)));
        let sources = cells.map(|(x, y)| {
            let [x, y] = from(x, y);
            let inside = (0.0..columns).contains(&x) && (0.0..rows).contains(&y);
            inside.then(|| y as u32 * columns as u32 + x as u32)
        });
        fine.carried(&NoiseMap::new((SIZE.2, SIZE.1), sources.collect()).unwrap())
    }

    #[test]
    fn what_does_not_move_keeps_its_noise() {
        let still = carried(|x, y| [x, y]);
        let most = still.iter().zip(coarse()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(most < 1e-5, "{most}");
    }

    #[test]
    fn carried_noise_is_standard_normal_whatever_the_motion() {
        // Shifted by parts of a cell, stretched, squeezed, turned, and everything from one point.
        is_standard_normal(&carried(|x, y| [x + 3.3, y - 1.7]));
        is_standard_normal(&carried(|x, y| [x * 0.4 + 20.0, y * 0.7 + 10.0]));
        is_standard_normal(&carried(|x, y| [x * 1.6 - 30.0, y * 1.3 - 20.0]));
        is_standard_normal(&carried(|x, y| [0.9 * x + 0.3 * y, -0.3 * x + 0.9 * y + 20.0]));
        let one = carried(|_, _| [9.5, 9.5]);
        assert!(one.iter().all(|value| value.is_finite()));
    }

    #[test]
    fn noise_goes_where_the_picture_goes() {
        // By two whole cells to the right and one down: the latents' noise itself, moved.
        let moved = carried(|x, y| [x - 16.0, y - 8.0]);
        let coarse = coarse();
        for (channel, y, x) in [(0, 5, 7), (1, 1, 2), (3, 23, 19), (2, 10, 2)] {
            let at = |y: usize, x: usize| (channel * SIZE.1 + y) * SIZE.2 + x;
            assert!((moved[at(y, x)] - coarse[at(y - 1, x - 2)]).abs() < 1e-5);
        }
        // By half a cell: as like to one neighbour as to the other, which interpolation would make 0.5 of each.
        let half = carried(|x, y| [x - 4.0, y]);
        let likeness = |shift: usize| {
            let pairs = (0..4 * 24).flat_map(|row| (1..20).map(move |x| (row * 20 + x, row * 20 + x - shift)));
            pairs.clone().map(|(a, b)| half[a] * coarse[b]).sum::<f32>() / pairs.count() as f32
        };
        assert!((likeness(0) - 0.5).abs() < 0.1 && (likeness(1) - 0.5).abs() < 0.1, "{} {}", likeness(0), likeness(1));
    }

    #[test]
    fn maps_that_do_not_fit_are_none() {
        assert!(NoiseMap::new((2, 2), vec![None; 4 * FINE * FINE]).is_some());
        assert!(NoiseMap::new((2, 2), vec![None; 4]).is_none());
        assert!(NoiseMap::new((1, 1), vec![Some((FINE * FINE) as u32); FINE * FINE]).is_none());
        assert_eq!(NoiseMap::new((1, 1), (0..64).map(Some).collect()), Some(NoiseMap::still((1, 1))));
    }

    #[test]
    fn frames_have_noise_of_their_own() {
        let seeds: std::collections::HashSet<u64> = (0..1000).map(|frame| of_frame(7, frame)).collect();
        assert!(seeds.len() == 1000 && of_frame(7, 3) == of_frame(7, 3) && of_frame(8, 3) != of_frame(7, 3));
    }
}
