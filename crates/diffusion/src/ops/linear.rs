//! Products with a matrix of weights.

use candle_core::{CpuStorage, CustomOp2, DType, Layout, Module, Result, Shape, Tensor};
use candle_nn::VarBuilder;
use rayon::prelude::*;

use super::gemm::{Into, Mat, gemm};
use super::{on_cpu, values};

/// A linear layer, with a bias where the checkpoint has one.
///
/// # Shapes
/// (.., inputs) -> (.., outputs).
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// The layer of the tensors `weight` and `bias` under `vb`.
    ///
    /// # Errors
    /// Where a tensor cannot be read.
    pub fn new(vb: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        Ok(Self { bias: Some(vb.get(outputs, "bias")?), ..Self::without_bias(vb, inputs, outputs)? })
    }

    /// The layer of the tensor `weight` under `vb`.
    ///
    /// # Errors
    /// Where the tensor cannot be read.
    pub fn without_bias(vb: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        Ok(Self { weight: vb.get((outputs, inputs), "weight")?, bias: None })
    }

    /// A layer whose weights are stored as those of a 1x1 convolution.
    ///
    /// # Errors
    /// Where a tensor cannot be read.
    pub fn from_pointwise_conv(vb: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = vb.get((outputs, inputs, 1, 1), "weight")?.reshape((outputs, inputs))?;
        Ok(Self { weight, bias: Some(vb.get(outputs, "bias")?) })
    }

    fn composed(&self, xs: &Tensor) -> Result<Tensor> {
        let weight = self.weight.to_dtype(xs.dtype())?.t()?;
        let dims = xs.dims();
        let (rows, inputs) = (dims[..dims.len() - 1].iter().product::<usize>(), dims[dims.len() - 1]);
        let mut shape = dims.to_vec();
        shape[dims.len() - 1] = weight.dims()[1];
        let ys = xs.contiguous()?.reshape((rows, inputs))?.matmul(&weight)?.reshape(shape)?;
        match &self.bias {
            Some(bias) => ys.broadcast_add(&bias.to_dtype(xs.dtype())?),
            None => Ok(ys),
        }
    }
}

impl Module for Linear {
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        if !on_cpu(xs) {
            return self.composed(xs);
        }
        let bias = match &self.bias {
            Some(bias) => Some(bias.to_dtype(DType::F32)?.contiguous()?.to_vec1::<f32>()?),
            None => None,
        };
        xs.contiguous()?.apply_op2_no_bwd(&self.weight.to_dtype(DType::F32)?.contiguous()?, &Kernel { bias })
    }
}

struct Kernel {
    bias: Option<Vec<f32>>,
}

/// Rows at least that one task multiplies, to pay for packing the weights.
const ROWS_PER_TASK: usize = 128;

impl CustomOp2 for Kernel {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, xl: &Layout, ws: &CpuStorage, wl: &Layout) -> Result<(CpuStorage, Shape)> {
        let (outputs, inputs) = wl.shape().dims2()?;
        let mut dims = xl.dims().to_vec();
        let Some(last) = dims.last_mut().filter(|last| **last == inputs) else {
            candle_core::bail!("a linear layer of {inputs} inputs was given {dims:?}");
        };
        *last = outputs;
        let (input, weight) = (values(xs, xl)?, values(ws, wl)?);
        let rows = input.len() / inputs;
        let mut out = vec![0f32; rows * outputs];
        // Both ways begin with the bias and add to it: a row must not depend on how many others there are, not even by its
        // last bit.
        if let Some(bias) = &self.bias {
            out.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(bias));
        }
        let threads = rayon::current_num_threads();
        if rows >= threads * ROWS_PER_TASK {
            let block = rows.div_ceil(threads * 2).max(ROWS_PER_TASK);
            out.par_chunks_mut(block * outputs).zip(input.par_chunks(block * inputs)).for_each(|(out, input)| {
                let a = Mat::rows(input, input.len() / inputs, inputs, inputs);
                gemm(out, outputs, a, Mat::rows(weight, outputs, inputs, inputs).t(), 1.0, Into::Add);
            });
        } else {
            // Few rows: each task has some of the outputs, so that the weights are read once.
            let block = outputs.div_ceil(threads * 2).max(16);
            let pieces: Vec<Vec<f32>> = weight
                .par_chunks(block * inputs)
                .enumerate()
                .map(|(index, weight)| {
                    let count = weight.len() / inputs;
                    let mut piece = vec![0f32; rows * count];
                    if let Some(bias) = &self.bias {
                        let bias = &bias[index * block..][..count];
                        piece.chunks_exact_mut(count).for_each(|row| row.copy_from_slice(bias));
                    }
                    let a = Mat::rows(input, rows, inputs, inputs);
                    gemm(&mut piece, count, a, Mat::rows(weight, count, inputs, inputs).t(), 1.0, Into::Add);
                    piece
                })
                .collect();
            for (r, row) in out.chunks_exact_mut(outputs).enumerate() {
                for (target, piece) in row.chunks_mut(block).zip(&pieces) {
                    let values = &piece[r * target.len()..][..target.len()];
                    target.copy_from_slice(values);
                }
            }
        }
        Ok((CpuStorage::F32(out), dims.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::tests::{difference, noise};

    #[test]
    fn kernel_agrees_with_candle() {
        for (rows, inputs, outputs) in [(1, 7, 5), (77, 64, 100), (1500, 40, 33)] {
            let xs = noise(&[2, rows, inputs], 1);
            let weight = noise(&[outputs, inputs], 2);
            for bias in [None, Some(noise(&[outputs], 3))] {
                let layer = Linear { weight: weight.clone(), bias };
                let error = difference(&layer.forward(&xs).unwrap(), &layer.composed(&xs).unwrap());
                assert!(error < 2e-6, "{rows}x{inputs}x{outputs}: {error}");
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_how_many_others_there_are() {
        for (inputs, outputs) in [(64, 40), (320, 1280), (1280, 96), (2560, 33)] {
            let (xs, weight) = (noise(&[1100, inputs], 1), noise(&[outputs, inputs], 2));
            let layer = Linear { weight, bias: Some(noise(&[outputs], 3)) };
            let all = layer.forward(&xs).unwrap();
            for (first, count) in [(0, 1), (7, 1), (3, 16), (64, 64), (100, 77), (256, 256), (500, 600)] {
                let some = layer.forward(&xs.narrow(0, first, count).unwrap()).unwrap();
                let error = difference(&some, &all.narrow(0, first, count).unwrap());
                assert_eq!(error, 0.0, "{count} rows of {inputs} numbers to {outputs}");
            }
        }
    }

    #[test]
    fn weights_in_half_precision_are_used_as_stored() {
        let xs = noise(&[3, 16], 1);
        let weight = noise(&[8, 16], 2).to_dtype(DType::F16).unwrap();
        let halved = Linear { weight: weight.clone(), bias: None };
        let rounded = Linear { weight: weight.to_dtype(DType::F32).unwrap(), bias: None };
        assert_eq!(difference(&halved.forward(&xs).unwrap(), &rounded.forward(&xs).unwrap()), 0.0);
    }
}
