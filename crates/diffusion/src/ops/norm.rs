//! Normalisation over groups of channels and over features.

use candle_core::{CpuStorage, CustomOp1, D, DType, Layout, Module, Result, Shape, Tensor};
use candle_nn::VarBuilder;
use rayon::prelude::*;

use super::simd::{silu, vectorized};
use super::{on_cpu, values};

/// Group normalisation with a weight and a bias per channel.
///
/// # Shapes
/// (batch, channels, ..) -> the same.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    groups: usize,
    eps: f64,
}

impl GroupNorm {
    /// The tensors `weight` and `bias` under `vb`.
    ///
    /// # Errors
    /// Where a tensor cannot be read.
    pub fn new(vb: &VarBuilder<'_>, groups: usize, channels: usize, eps: f64) -> Result<Self> {
        Ok(Self { weight: vb.get(channels, "weight")?, bias: vb.get(channels, "bias")?, groups, eps })
    }

    /// Normalises, then applies x * sigmoid(x).
    ///
    /// # Errors
    /// Where the channels are not those of the weights.
    pub fn forward_silu(&self, xs: &Tensor) -> Result<Tensor> {
        self.apply(xs, true)
    }

    fn apply(&self, xs: &Tensor, silu: bool) -> Result<Tensor> {
        if !on_cpu(xs) {
            let ys = self.composed(xs)?;
            return if silu { candle_nn::ops::silu(&ys) } else { Ok(ys) };
        }
        let (weight, bias) = (floats(&self.weight)?, floats(&self.bias)?);
        let kernel = GroupKernel { weight, bias, groups: self.groups, eps: self.eps, silu };
        xs.contiguous()?.apply_op1_no_bwd(&kernel)
    }

    fn composed(&self, xs: &Tensor) -> Result<Tensor> {
        let dims = xs.dims();
        let (batch, channels) = (dims[0], dims[1]);
        let mut per_channel = vec![1; dims.len()];
        per_channel[1] = channels;
        let grouped = xs.to_dtype(DType::F32)?.reshape((batch, self.groups, ()))?;
        let grouped = grouped.broadcast_sub(&grouped.mean_keepdim(D::Minus1)?)?;
        let variance = grouped.sqr()?.mean_keepdim(D::Minus1)?;
        let ys = grouped.broadcast_div(&(variance + self.eps)?.sqrt()?)?.reshape(dims)?;
        let weight = self.weight.to_dtype(DType::F32)?.reshape(per_channel.as_slice())?;
        let bias = self.bias.to_dtype(DType::F32)?.reshape(per_channel.as_slice())?;
        ys.broadcast_mul(&weight)?.broadcast_add(&bias)?.to_dtype(xs.dtype())
    }
}

impl Module for GroupNorm {
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        self.apply(xs, false)
    }
}

fn floats(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.contiguous()?.to_vec1()
}

struct GroupKernel {
    weight: Vec<f32>,
    bias: Vec<f32>,
    groups: usize,
    eps: f64,
    silu: bool,
}

impl CustomOp1 for GroupKernel {
    fn name(&self) -> &'static str {
        "group-norm"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, xl: &Layout) -> Result<(CpuStorage, Shape)> {
        let channels = xl.dims()[1];
        if channels != self.weight.len() || !channels.is_multiple_of(self.groups) {
            candle_core::bail!("{} groups of {} channels were given {channels}", self.groups, self.weight.len());
        }
        let input = values(xs, xl)?;
        let pixels: usize = xl.dims()[2..].iter().product();
        let per_group = channels / self.groups;
        let mut out = vec![0f32; input.len()];
        let groups = input.par_chunks_exact(per_group * pixels);
        out.par_chunks_exact_mut(per_group * pixels).zip(groups).enumerate().for_each(|(index, (out, group))| {
            let first = index % self.groups * per_group;
            let channels = first..first + per_group;
            let affine = (&self.weight[channels.clone()], &self.bias[channels]);
            normalise_group(out, group, affine, self.eps, self.silu);
        });
        Ok((CpuStorage::F32(out), xl.shape().clone()))
    }
}

vectorized! {
    /// `affine` is a weight and a bias for each channel of the group.
    fn normalise_group<'a>(
        out: &'a mut [f32],
        group: &'a [f32],
        affine: (&'a [f32], &'a [f32]),
        eps: f64,
        activate: bool,
    ) {
        let (mean, scale) = moments(group, eps);
        let pixels = group.len() / affine.0.len();
        let channels = out.chunks_exact_mut(pixels).zip(group.chunks_exact(pixels));
        for ((out, values), (&weight, &bias)) in channels.zip(affine.0.iter().zip(affine.1)) {
            let weight = weight * scale;
            let bias = bias - mean * weight;
            if activate {
                out.iter_mut().zip(values).for_each(|(o, &x)| *o = silu(x.mul_add(weight, bias)));
            } else {
                out.iter_mut().zip(values).for_each(|(o, &x)| *o = x.mul_add(weight, bias));
            }
        }
    }
}

vectorized! {
    fn normalise_row<'a>(out: &'a mut [f32], row: &'a [f32], affine: (&'a [f32], &'a [f32]), eps: f64) {
        let (mean, scale) = moments(row, eps);
        for ((out, &x), (&weight, &bias)) in out.iter_mut().zip(row).zip(affine.0.iter().zip(affine.1)) {
            *out = ((x - mean) * scale).mul_add(weight, bias);
        }
    }
}

/// Mean, and one over the root of the variance plus `eps`.
#[inline(always)]
fn moments(values: &[f32], eps: f64) -> (f32, f32) {
    let count = values.len() as f64;
    let mean = sum(values, |x| x) / count;
    let center = mean as f32;
    let variance = sum(values, |x| (x - center) * (x - center)) / count;
    (center, (1.0 / (variance + eps).sqrt()) as f32)
}

/// The sum of `f` over the values: sixteen lanes in f32 over short runs, and those in f64, so that neither speed nor
/// the last digits of a million values are lost.
#[inline(always)]
fn sum(values: &[f32], f: impl Fn(f32) -> f32) -> f64 {
    let mut total = 0.0;
    for run in values.chunks(1024) {
        let mut lanes = [0f32; 16];
        let (blocks, rest) = run.as_chunks::<16>();
        for block in blocks {
            for (lane, &x) in lanes.iter_mut().zip(block) {
                *lane += f(x);
            }
        }
        total += lanes.iter().map(|&x| f64::from(x)).sum::<f64>() + rest.iter().map(|&x| f64::from(f(x))).sum::<f64>();
    }
    total
}

/// Normalisation over the last dimension with a weight and a bias per feature.
///
/// # Shapes
/// (.., features) -> the same.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// The tensors `weight` and `bias` under `vb`.
    ///
    /// # Errors
    /// Where a tensor cannot be read.
    pub fn new(vb: &VarBuilder<'_>, features: usize, eps: f64) -> Result<Self> {
        Ok(Self { weight: vb.get(features, "weight")?, bias: vb.get(features, "bias")?, eps })
    }

    fn composed(&self, xs: &Tensor) -> Result<Tensor> {
        let dtype = xs.dtype();
        let xs = xs.to_dtype(DType::F32)?;
        let xs = xs.broadcast_sub(&xs.mean_keepdim(D::Minus1)?)?;
        let variance = xs.sqr()?.mean_keepdim(D::Minus1)?;
        let ys = xs.broadcast_div(&(variance + self.eps)?.sqrt()?)?;
        let (weight, bias) = (self.weight.to_dtype(DType::F32)?, self.bias.to_dtype(DType::F32)?);
        ys.broadcast_mul(&weight)?.broadcast_add(&bias)?.to_dtype(dtype)
    }
}

impl Module for LayerNorm {
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        if !on_cpu(xs) {
            return self.composed(xs);
        }
        let (weight, bias) = (floats(&self.weight)?, floats(&self.bias)?);
        xs.contiguous()?.apply_op1_no_bwd(&LayerKernel { weight, bias, eps: self.eps })
    }
}

struct LayerKernel {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f64,
}

impl CustomOp1 for LayerKernel {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, xl: &Layout) -> Result<(CpuStorage, Shape)> {
        let features = self.weight.len();
        if xl.dims().last() != Some(&features) {
            candle_core::bail!("a normalisation of {features} features was given {:?}", xl.dims());
        }
        let input = values(xs, xl)?;
        let mut out = vec![0f32; input.len()];
        out.par_chunks_exact_mut(features).zip(input.par_chunks_exact(features)).with_min_len(32).for_each(
            |(out, row)| {
                normalise_row(out, row, (&self.weight, &self.bias), self.eps);
            },
        );
        Ok((CpuStorage::F32(out), xl.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::tests::{difference, noise};

    #[test]
    fn group_kernel_agrees_with_candle() {
        for shape in [&[2, 12, 9, 7][..], &[1, 6, 40, 40]] {
            let (weight, bias) = (noise(&[shape[1]], 1), noise(&[shape[1]], 2));
            let norm = GroupNorm { weight, bias, groups: 3, eps: 1e-5 };
            let xs = ((noise(shape, 3) * 3.0).unwrap() + 5.0).unwrap();
            let expected = norm.composed(&xs).unwrap();
            assert!(difference(&norm.forward(&xs).unwrap(), &expected) < 3e-6);
            let activated = candle_nn::ops::silu(&expected).unwrap();
            assert!(difference(&norm.forward_silu(&xs).unwrap(), &activated) < 3e-6);
            assert!(norm.forward(&noise(&[1, 9, 4, 4], 3)).is_err());
        }
    }

    #[test]
    fn layer_kernel_agrees_with_candle() {
        let norm = LayerNorm { weight: noise(&[37], 1), bias: noise(&[37], 2), eps: 1e-5 };
        let xs = ((noise(&[2, 50, 37], 3) * 3.0).unwrap() - 7.0).unwrap();
        assert!(difference(&norm.forward(&xs).unwrap(), &norm.composed(&xs).unwrap()) < 3e-6);
    }
}
