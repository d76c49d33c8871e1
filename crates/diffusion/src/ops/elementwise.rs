//! The gate of the transformer blocks.

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::simd::{gelu, vectorized};
use super::{on_cpu, values};

/// The first half of the last dimension times the exact GELU of the second half.
///
/// # Shapes
/// (.., 2 * width) -> (.., width).
///
/// # Errors
/// Where the last dimension is odd.
pub fn geglu(xs: &Tensor) -> Result<Tensor> {
    if on_cpu(xs) {
        return xs.contiguous()?.apply_op1_no_bwd(&Geglu);
    }
    composed(xs)
}

fn composed(xs: &Tensor) -> Result<Tensor> {
    let width = xs.dim(D::Minus1)? / 2;
    let (value, gate) = (xs.narrow(D::Minus1, 0, width)?, xs.narrow(D::Minus1, width, width)?);
    value.contiguous()? * gate.contiguous()?.gelu_erf()?
}

struct Geglu;

impl CustomOp1 for Geglu {
    fn name(&self) -> &'static str {
        "geglu"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, xl: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut dims = xl.dims().to_vec();
        let Some(last) = dims.last_mut().filter(|last| **last % 2 == 0 && **last > 0) else {
            candle_core::bail!("geglu needs an even last dimension, not {dims:?}");
        };
        *last /= 2;
        let width = *last;
        let input = values(xs, xl)?;
        let mut out = vec![0f32; input.len() / 2];
        out.par_chunks_exact_mut(width).zip(input.par_chunks_exact(2 * width)).with_min_len(16).for_each(
            |(out, row)| {
                let (value, gate) = row.split_at(width);
                gated(out, value, gate);
            },
        );
        Ok((CpuStorage::F32(out), dims.into()))
    }
}

vectorized! {
    fn gated<'a>(out: &'a mut [f32], values: &'a [f32], gates: &'a [f32]) {
        for ((out, &value), &gate) in out.iter_mut().zip(values).zip(gates) {
            *out = value * gelu(gate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::tests::{difference, noise};

    #[test]
    fn kernel_agrees_with_candle() {
        let xs = (noise(&[2, 9, 26], 1) * 2.0).unwrap();
        assert!(difference(&geglu(&xs).unwrap(), &composed(&xs).unwrap()) < 1e-6);
        assert!(geglu(&noise(&[2, 3], 1)).is_err());
    }
}
