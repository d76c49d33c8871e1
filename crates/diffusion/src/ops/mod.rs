//! The few operations that the networks are made of.
//!
//! On the CPU each is a kernel of our own over f32, because what candle offers there is several times slower than the
//! processor; elsewhere it is a composition of candle's tensor operations, in the tensors' own type with
//! normalisations and softmax in f32. Both are tested against each other.
//!
//! On the CPU, activations are always f32. Weights may be stored in f16 or bf16 there, which halves the memory and
//! costs a conversion each time they are used.

mod attention;
mod conv;
mod elementwise;
mod gemm;
mod im2col;
mod linear;
mod norm;
mod simd;
mod winograd;

pub use attention::{Mask, UNSEEN, attention, weighted_attention};
pub use conv::{Conv2d, upsample_nearest};
pub use elementwise::geglu;
pub use linear::Linear;
pub use norm::{GroupNorm, LayerNorm};

use candle_core::{CpuStorage, DType, Device, Layout, Result, Tensor};

/// The type that activations have where weights are stored as `dtype`.
pub fn activation_dtype(device: &Device, dtype: DType) -> DType {
    if device.is_cpu() { DType::F32 } else { dtype }
}

/// Whether the kernels for the CPU can take this tensor.
fn on_cpu(xs: &Tensor) -> bool {
    xs.device().is_cpu() && xs.dtype() == DType::F32
}

/// The values of a contiguous f32 tensor.
fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let all = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&all[start..end]),
        None => candle_core::bail!("a kernel for the CPU was given strided values, {layout:?}"),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    /// Numbers that look random, in -1..1, the same for the same seed.
    pub(super) fn noise(shape: &[usize], seed: u32) -> Tensor {
        let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
        let values: Vec<f32> = (0..shape.iter().product::<usize>())
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state as f32 / 2f32.powi(31) - 1.0
            })
            .collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// Relative L2 difference.
    pub(super) fn difference(a: &Tensor, b: &Tensor) -> f32 {
        let norm = |t: &Tensor| t.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt();
        assert_eq!(a.dims(), b.dims());
        norm(&(a - b).unwrap()) / norm(b)
    }
}
