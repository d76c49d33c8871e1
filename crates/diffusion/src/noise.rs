//! Noise that depends on a seed and on nothing else.

use candle_core::{Device, Result, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// What a run's noise is for; each has a sequence of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// What frames start from.
    Latents,
    /// Sampling the reference's latents.
    Reference,
    /// What is added after a denoising step.
    Step(usize),
}

impl Purpose {
    fn stream(self) -> u64 {
        match self {
            Self::Latents => 0,
            Self::Reference => 1,
            Self::Step(step) => 2 + step as u64,
        }
    }
}

/// Standard normal numbers: the same for the same seed and purpose on every machine.
pub(crate) fn normal(seed: u64, purpose: Purpose, shape: &[usize], device: &Device) -> Result<Tensor> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(purpose.stream());
    let count = shape.iter().product();
    let values: Vec<f32> = StandardNormal.sample_iter(&mut generator).take(count).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)?.to_device(device)
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

    #[test]
    fn it_is_standard_normal() {
        let values = values(1, Purpose::Latents);
        let mean = values.iter().sum::<f32>() / 2000.0;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / 2000.0;
        assert!(mean.abs() < 0.1 && (variance - 1.0).abs() < 0.1, "{mean} {variance}");
    }
}
