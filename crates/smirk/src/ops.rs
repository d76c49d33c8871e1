//! What the networks are made of. Activations are f32 of shape (channels, pictures, height, width): a pointwise
//! convolution is then one product of matrices for all pictures.
//!
//! candle's convolution goes through the groups of a depthwise one by one, which takes longer than all the rest; on the
//! CPU it has a kernel here. Elsewhere it is composed of candle's operations. Both are tested against each other.

use candle_core::{CpuStorage, CustomOp2, InplaceOp2, Layout, Result, Shape, Tensor, bail};
use candle_nn::VarBuilder;
use rayon::prelude::*;

/// What the batch norms of TensorFlow's MobileNetV3 add to the variance.
const EPSILON: f64 = 1e-3;

/// Whether negative values become 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    Relu,
    None,
}

/// Scale and shift of the batch norm `vb`, (channels) each.
fn batch_norm(vb: &VarBuilder<'_>, channels: usize) -> Result<(Tensor, Tensor)> {
    let get = |name| vb.get(channels, name);
    let scale = (get("weight")? / (get("running_var")? + EPSILON)?.sqrt()?)?;
    let shift = (get("bias")? - (get("running_mean")? * &scale)?)?;
    Ok((scale, shift))
}

/// A convolution of single pixels and its batch norm.
#[derive(Clone, Debug)]
pub(crate) struct Pointwise {
    /// (outputs, inputs).
    weight: Tensor,
    /// (outputs).
    bias: Tensor,
    activation: Activation,
}

impl Pointwise {
    /// `conv` and `norm` name the weight and the batch norm under `vb`; `shape` is that of the weight. Inputs are all
    /// its dimensions but the first: a convolution of whole patches is one of pixels that hold patches.
    pub(crate) fn new(
        vb: &VarBuilder<'_>,
        [conv, norm]: [&str; 2],
        shape: [usize; 4],
        activation: Activation,
    ) -> Result<Self> {
        let (scale, bias) = batch_norm(&vb.pp(norm), shape[0])?;
        let weight = vb.pp(conv).get(&shape[..], "weight")?.reshape((shape[0], ()))?;
        let weight = weight.broadcast_mul(&scale.unsqueeze(1)?)?;
        Ok(Self { weight, bias, activation })
    }

    /// (inputs, pictures, height, width) -> (outputs, pictures, height, width).
    pub(crate) fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        let (inputs, pictures, height, width) = xs.dims4()?;
        let ys = self.weight.matmul(&xs.reshape((inputs, ()))?)?;
        let ys = if ys.device().is_cpu() {
            ys.inplace_op2(&self.bias, &AddBias(self.activation))?;
            ys
        } else {
            activate(ys.broadcast_add(&self.bias.unsqueeze(1)?)?, self.activation)?
        };
        ys.reshape(((), pictures, height, width))
    }
}

fn activate(xs: Tensor, activation: Activation) -> Result<Tensor> {
    if activation == Activation::Relu { xs.relu() } else { Ok(xs) }
}

/// Adds a number to each row of a matrix, and activates.
struct AddBias(Activation);

impl InplaceOp2 for AddBias {
    fn name(&self) -> &'static str {
        "add-bias"
    }

    fn cpu_fwd(&self, xs: &mut CpuStorage, xl: &Layout, bias: &CpuStorage, bl: &Layout) -> Result<()> {
        let (_, columns) = xl.shape().dims2()?;
        let bias = values(bias, bl)?;
        let Some((start, end)) = xl.contiguous_offsets() else { bail!("a strided matrix, {xl:?}") };
        let CpuStorage::F32(xs) = xs else { bail!("a matrix of another type than f32") };
        let least = if self.0 == Activation::Relu { 0.0 } else { f32::NEG_INFINITY };
        let rows = xs[start..end].par_chunks_mut(columns.max(1));
        rows.zip(bias).with_min_len(32_768 / columns.max(1) + 1).for_each(|(row, &bias)| {
            row.iter_mut().for_each(|x| *x = at_least(*x + bias, least));
        });
        Ok(())
    }
}

/// As `f32::max`, but one instruction, and not a number stays what it is.
#[inline(always)]
fn at_least(x: f32, least: f32) -> f32 {
    if x < least { least } else { x }
}

/// A convolution of each channel by itself with a kernel of 3x3, its batch norm and ReLU. Padded as TensorFlow does:
/// where the zeros are odd in number, one more of them below and to the right.
#[derive(Clone, Debug)]
pub(crate) struct Depthwise {
    /// (channels, 9).
    weight: Tensor,
    /// (channels).
    bias: Tensor,
    stride: usize,
}

impl Depthwise {
    pub(crate) fn new(vb: &VarBuilder<'_>, [conv, norm]: [&str; 2], channels: usize, stride: usize) -> Result<Self> {
        let (scale, bias) = batch_norm(&vb.pp(norm), channels)?;
        let weight = vb.pp(conv).get((channels, 1, 3, 3), "weight")?.reshape((channels, 9))?;
        Ok(Self { weight: weight.broadcast_mul(&scale.unsqueeze(1)?)?, bias, stride })
    }

    /// (channels, pictures, height, width) -> (channels, pictures, height / stride, width / stride), rounded up.
    pub(crate) fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        if !xs.device().is_cpu() {
            return self.composed(xs);
        }
        let kernels = Tensor::cat(&[&self.weight, &self.bias.unsqueeze(1)?], 1)?;
        xs.apply_op2_no_bwd(&kernels, &DepthwiseKernel { stride: self.stride })
    }

    /// Each of the nine taps as a shifted picture.
    fn composed(&self, xs: &Tensor) -> Result<Tensor> {
        let (channels, _, height, width) = xs.dims4()?;
        let (rows, columns) = (Extent::new(height, self.stride), Extent::new(width, self.stride));
        // One row more than needed below, so that every tap has whole groups of `stride` rows after it.
        let padded = xs.pad_with_zeros(2, rows.before, rows.after + self.stride)?.pad_with_zeros(
            3,
            columns.before,
            columns.after + self.stride,
        )?;
        let every = |xs: Tensor, dim: usize, tap: usize, length: usize| -> Result<Tensor> {
            let xs = xs.narrow(dim, tap, length * self.stride)?.contiguous()?;
            let mut dims = xs.dims().to_vec();
            dims[dim] = length;
            dims.insert(dim + 1, self.stride);
            xs.reshape(dims)?.narrow(dim + 1, 0, 1)?.squeeze(dim + 1)
        };
        let mut ys = self.bias.reshape((channels, 1, 1, 1))?;
        for tap in 0..9 {
            let shifted = every(every(padded.clone(), 2, tap / 3, rows.outputs)?, 3, tap % 3, columns.outputs)?;
            let weight = self.weight.narrow(1, tap, 1)?.reshape((channels, 1, 1, 1))?;
            ys = shifted.broadcast_mul(&weight)?.broadcast_add(&ys)?;
        }
        ys.relu()
    }
}

/// One side of a padded picture.
#[derive(Clone, Copy)]
struct Extent {
    outputs: usize,
    /// Zeros before the first pixel, and after the last.
    before: usize,
    after: usize,
}

impl Extent {
    fn new(inputs: usize, stride: usize) -> Self {
        let outputs = inputs.div_ceil(stride);
        let padding = ((outputs.max(1) - 1) * stride + 3).saturating_sub(inputs);
        Self { outputs, before: padding / 2, after: padding - padding / 2 }
    }
}

/// Nine weights and the bias of each channel are the second argument.
struct DepthwiseKernel {
    stride: usize,
}

impl CustomOp2 for DepthwiseKernel {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, xl: &Layout, ws: &CpuStorage, wl: &Layout) -> Result<(CpuStorage, Shape)> {
        let (channels, pictures, height, width) = xl.shape().dims4()?;
        if wl.dims() != [channels, 10] {
            bail!("kernels of shape {:?} for {channels} channels", wl.dims());
        }
        let (input, kernels) = (values(xs, xl)?, values(ws, wl)?);
        let (rows, columns) = (Extent::new(height, self.stride), Extent::new(width, self.stride));
        let (plane, result) = (height * width, rows.outputs * columns.outputs);
        let mut out = vec![0f32; channels * pictures * result];
        let planes = input.par_chunks_exact(plane.max(1)).enumerate();
        let padded = Padded { stride: self.stride, width, columns };
        out.par_chunks_exact_mut(result.max(1)).zip(planes).with_min_len(32_768 / result.max(1) + 1).for_each_init(
            || vec![0f32; 3 * padded.row_len()],
            |buffer, (out, (index, plane))| {
                let kernel = &kernels[index / pictures * 10..][..10];
                padded.convolve(buffer, plane, rows, kernel, out);
            },
        );
        Ok((CpuStorage::F32(out), (channels, pictures, rows.outputs, columns.outputs).into()))
    }
}

/// How the rows of a plane are laid out before they are convolved.
#[derive(Clone, Copy)]
struct Padded {
    stride: usize,
    width: usize,
    columns: Extent,
}

impl Padded {
    /// Values of a padded row. With a stride of 2 the even ones come first, then the odd, so that what the kernel takes
    /// together lies together.
    fn row_len(self) -> usize {
        (self.columns.outputs + 2) * self.stride
    }

    /// Three rows of one tap each, for all outputs.
    fn taps(self, row: &[f32]) -> [&[f32]; 3] {
        let n = self.columns.outputs;
        match self.stride {
            1 => [&row[..n], &row[1..=n], &row[2..n + 2]],
            _ => {
                let (even, odd) = row.split_at(n + 2);
                [&even[..n], &odd[..n], &even[1..=n]]
            }
        }
    }

    fn convolve(self, buffer: &mut [f32], plane: &[f32], rows: Extent, kernel: &[f32], out: &mut [f32]) {
        let height = plane.len() / self.width.max(1);
        for (y, out) in out.chunks_exact_mut(self.columns.outputs).enumerate() {
            for (tap, row) in buffer.chunks_exact_mut(self.row_len()).enumerate() {
                // The row above the first does not exist.
                let source = (y * self.stride + tap).checked_sub(rows.before).filter(|&source| source < height);
                self.lay(source.map(|source| &plane[source * self.width..][..self.width]), row);
            }
            let mut taps = buffer.chunks_exact(self.row_len()).map(|row| self.taps(row));
            let (Some(a), Some(b), Some(c)) = (taps.next(), taps.next(), taps.next()) else { return };
            combine(a, b, c, kernel, out);
        }
    }

    /// Writes a row, or zeros, with zeros around it.
    fn lay(self, source: Option<&[f32]>, row: &mut [f32]) {
        row.fill(0.0);
        let Some(source) = source else { return };
        let before = self.columns.before;
        if self.stride == 1 {
            row[before..before + source.len()].copy_from_slice(source);
            return;
        }
        let (even, odd) = row.split_at_mut(self.columns.outputs + 2);
        let (first, second) = if before == 0 { (even, odd) } else { (odd, &mut even[1..]) };
        for (pair, (first, second)) in source.chunks(2).zip(first.iter_mut().zip(second)) {
            *first = pair[0];
            if let Some(&value) = pair.get(1) {
                *second = value;
            }
        }
    }
}

/// Nine products, the bias and ReLU, for a row of outputs.
#[inline(always)]
fn combine(a: [&[f32]; 3], b: [&[f32]; 3], c: [&[f32]; 3], kernel: &[f32], out: &mut [f32]) {
    let n = out.len();
    let Some(&[k0, k1, k2, k3, k4, k5, k6, k7, k8, bias]) = kernel.first_chunk::<10>() else { return };
    let [[a0, a1, a2], [b0, b1, b2], [c0, c1, c2]] = [a, b, c].map(|row| row.map(|tap| &tap[..n]));
    for i in 0..n {
        let upper = k0 * a0[i] + k1 * a1[i] + k2 * a2[i];
        let middle = k3 * b0[i] + k4 * b1[i] + k5 * b2[i];
        let lower = k6 * c0[i] + k7 * c1[i] + k8 * c2[i];
        out[i] = at_least(upper + middle + lower + bias, 0.0);
    }
}

/// The values of a contiguous f32 tensor.
fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let all = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&all[start..end]),
        None => bail!("strided values, {layout:?}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use candle_core::Device;

    /// Numbers that look random, in -1..1, the same for the same seed.
    fn noise(shape: &[usize], seed: u32) -> Tensor {
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

    fn difference(a: &Tensor, b: &Tensor) -> f32 {
        assert_eq!(a.dims(), b.dims());
        (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
    }

    /// candle's own convolution in groups, padded as TensorFlow says: `out = ceil(in / stride)`, zeros split evenly
    /// with the odd one behind.
    fn reference(layer: &Depthwise, xs: &Tensor) -> Tensor {
        let (channels, _, height, width) = xs.dims4().unwrap();
        let pad = |xs: Tensor, dim: usize, length: usize| {
            let total = (length.div_ceil(layer.stride) - 1) * layer.stride + 3;
            let total = total.saturating_sub(length);
            xs.pad_with_zeros(dim, total / 2, total.div_ceil(2)).unwrap()
        };
        let xs = pad(pad(xs.transpose(0, 1).unwrap().contiguous().unwrap(), 2, height), 3, width);
        let weight = layer.weight.reshape((channels, 1, 3, 3)).unwrap();
        let ys = xs.conv2d(&weight, 0, layer.stride, 1, channels).unwrap();
        let ys = ys.broadcast_add(&layer.bias.reshape((1, channels, 1, 1)).unwrap()).unwrap();
        ys.relu().unwrap().transpose(0, 1).unwrap().contiguous().unwrap()
    }

    #[test]
    fn depthwise_agrees_with_candle_on_any_device() {
        for (channels, pictures, height, width) in
            [(16, 1, 112, 112), (5, 3, 7, 7), (3, 2, 14, 9), (2, 1, 1, 1), (4, 2, 2, 3), (7, 1, 33, 8)]
        {
            for stride in [1, 2] {
                let layer = Depthwise { weight: noise(&[channels, 9], 1), bias: noise(&[channels], 2), stride };
                let xs = noise(&[channels, pictures, height, width], 3);
                let expected = reference(&layer, &xs);
                for ys in [layer.forward(&xs).unwrap(), layer.composed(&xs).unwrap()] {
                    let error = difference(&ys, &expected);
                    assert!(error < 2e-6, "{channels} channels of {height}x{width}, stride {stride}: {error}");
                }
            }
        }
    }

    #[test]
    fn pointwise_is_a_product_for_every_pixel_with_bias_and_activation() {
        for activation in [Activation::Relu, Activation::None] {
            let layer = Pointwise { weight: noise(&[6, 4], 1), bias: noise(&[6], 2), activation };
            let xs = noise(&[4, 2, 3, 5], 3);
            let ys = layer.forward(&xs).unwrap();
            let product = layer.weight.matmul(&xs.reshape((4, 30)).unwrap()).unwrap();
            let expected = product.broadcast_add(&layer.bias.unsqueeze(1).unwrap()).unwrap();
            let expected = activate(expected, activation).unwrap().reshape((6, 2, 3, 5)).unwrap();
            assert_eq!(difference(&ys, &expected), 0.0);
            let negative = ys.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().any(|y| y < 0.0);
            assert_eq!(negative, activation == Activation::None);
        }
    }

    #[test]
    fn what_is_not_a_number_stays_visible() {
        let layer = Depthwise { weight: noise(&[1, 9], 1), bias: noise(&[1], 2), stride: 1 };
        let xs = (noise(&[1, 1, 5, 5], 3) * f64::NAN).unwrap();
        let ys = layer.forward(&xs).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(ys.iter().all(|y| y.is_nan()), "{ys:?}");
    }
}
