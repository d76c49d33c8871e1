//! Convolution and its companion, enlarging.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, D, DType, Layout, Module, Result, Shape, Tensor};
use candle_nn::VarBuilder;
use rayon::prelude::*;

use super::{im2col, on_cpu, values, winograd};

/// A 2-D convolution with square kernels and a bias.
///
/// # Shapes
/// (batch, in_channels, height, width) -> (batch, out_channels, height', width').
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Tensor,
    bias: Tensor,
    stride: usize,
    padding: Padding,
}

/// Zeros around the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Padding {
    /// The same number on all sides.
    Around(usize),
    /// One row below and one column to the right: how the VAE's encoder shrinks.
    BelowRight,
}

impl Conv2d {
    /// A convolution of the tensors `weight` and `bias` under `vb`, with `kernel / 2` zeros around.
    ///
    /// # Errors
    /// Where a tensor cannot be read.
    pub fn new(vb: &VarBuilder<'_>, in_channels: usize, out_channels: usize, kernel: usize) -> Result<Self> {
        let weight = vb.get((out_channels, in_channels, kernel, kernel), "weight")?;
        let bias = vb.get(out_channels, "bias")?;
        Ok(Self { weight, bias, stride: 1, padding: Padding::Around(kernel / 2) })
    }

    /// The same with stride 2, which halves the picture, and `padding` zeros around.
    #[must_use]
    pub fn halving(self, padding: usize) -> Self {
        Self { stride: 2, padding: Padding::Around(padding), ..self }
    }

    /// The same with stride 2 and zeros below and to the right only.
    #[must_use]
    pub fn halving_below_right(self) -> Self {
        Self { stride: 2, padding: Padding::BelowRight, ..self }
    }

    /// Convolves and adds `shift`, one number per picture (or for all pictures) and channel: (batch or 1,
    /// out_channels).
    ///
    /// # Errors
    /// Where the shapes do not match.
    pub fn forward_shifted(&self, xs: &Tensor, shift: &Tensor) -> Result<Tensor> {
        if !on_cpu(xs) {
            return self.composed(xs)?.broadcast_add(&shift.unsqueeze(D::Minus1)?.unsqueeze(D::Minus1)?);
        }
        self.kernel_forward(xs, self.bias.to_dtype(DType::F32)?.broadcast_add(shift)?.to_vec2()?)
    }

    fn kernel_forward(&self, xs: &Tensor, biases: Vec<Vec<f32>>) -> Result<Tensor> {
        let op = Kernel { biases, stride: self.stride, padding: self.padding, kernel: self.kernel() };
        xs.contiguous()?.apply_op2_no_bwd(&self.weight.to_dtype(DType::F32)?.contiguous()?, &op)
    }

    fn kernel(&self) -> usize {
        self.weight.dims()[3]
    }

    fn composed(&self, xs: &Tensor) -> Result<Tensor> {
        let (xs, padding) = match self.padding {
            Padding::Around(padding) => (xs.clone(), padding),
            Padding::BelowRight => (xs.pad_with_zeros(D::Minus1, 0, 1)?.pad_with_zeros(D::Minus2, 0, 1)?, 0),
        };
        let weight = self.weight.to_dtype(xs.dtype())?;
        let bias = self.bias.to_dtype(xs.dtype())?.reshape((1, (), 1, 1))?;
        xs.conv2d(&weight, padding, self.stride, 1, 1)?.broadcast_add(&bias)
    }
}

impl Module for Conv2d {
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        if !on_cpu(xs) {
            return self.composed(xs);
        }
        self.kernel_forward(xs, self.bias.to_dtype(DType::F32)?.unsqueeze(0)?.to_vec2()?)
    }
}

struct Kernel {
    /// One per picture, or one for all.
    biases: Vec<Vec<f32>>,
    stride: usize,
    padding: Padding,
    kernel: usize,
}

impl CustomOp2 for Kernel {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, xl: &Layout, ws: &CpuStorage, wl: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, in_channels, height, width) = xl.shape().dims4()?;
        let out_channels = wl.dims()[0];
        let (before, around) = match self.padding {
            Padding::Around(padding) => (padding, 2 * padding),
            Padding::BelowRight => (0, 1),
        };
        if height + around < self.kernel || width + around < self.kernel {
            candle_core::bail!("a picture of {width}x{height} is smaller than the kernel of {}", self.kernel);
        }
        let output =
            ((height + around - self.kernel) / self.stride + 1, (width + around - self.kernel) / self.stride + 1);
        let (input, weight) = (values(xs, xl)?, values(ws, wl)?);
        let mut out = vec![0f32; batch * out_channels * output.0 * output.1];
        let pictures = input.chunks_exact(in_channels * height * width);
        let results = out.chunks_exact_mut(out_channels * output.0 * output.1);
        let biases = self.biases.iter().cycle();
        let small = winograd::Geometry { in_channels, out_channels, height, width };
        if self.kernel == 3 && self.stride == 1 && before == 1 && small.pays() {
            let kernels = winograd::transform_kernels(&small, weight);
            for ((input, out), bias) in pictures.zip(results).zip(biases) {
                winograd::conv(&small, input, &kernels, bias, out);
            }
        } else {
            let geometry = im2col::Geometry {
                in_channels,
                out_channels,
                kernel: self.kernel,
                stride: self.stride,
                pad: before,
                input: (height, width),
                output,
            };
            for ((input, out), bias) in pictures.zip(results).zip(biases) {
                im2col::conv(&geometry, input, weight, bias, out);
            }
        }
        Ok((CpuStorage::F32(out), (batch, out_channels, output.0, output.1).into()))
    }
}

/// Enlarges to `height` x `width` by repeating the nearest pixel.
///
/// # Errors
/// Where the tensor has not four dimensions.
pub fn upsample_nearest(xs: &Tensor, height: usize, width: usize) -> Result<Tensor> {
    if on_cpu(xs) {
        return xs.contiguous()?.apply_op1_no_bwd(&Nearest { height, width });
    }
    xs.upsample_nearest2d(height, width)
}

struct Nearest {
    height: usize,
    width: usize,
}

impl CustomOp1 for Nearest {
    fn name(&self) -> &'static str {
        "upsample-nearest"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, xl: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, channels, height, width) = xl.shape().dims4()?;
        let columns: Vec<usize> = (0..self.width).map(|x| x * width / self.width).collect();
        let mut out = vec![0f32; batch * channels * self.height * self.width];
        let planes = values(xs, xl)?.par_chunks_exact(height * width);
        out.par_chunks_exact_mut(self.height * self.width).zip(planes).with_min_len(8).for_each(|(out, plane)| {
            for (y, row) in out.chunks_exact_mut(self.width).enumerate() {
                let source = &plane[y * height / self.height * width..][..width];
                row.iter_mut().zip(&columns).for_each(|(value, &x)| *value = source[x]);
            }
        });
        Ok((CpuStorage::F32(out), (batch, channels, self.height, self.width).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::tests::{difference, noise};

    fn conv(in_channels: usize, out_channels: usize, kernel: usize) -> Conv2d {
        let scale = (1.0 / (in_channels * kernel * kernel) as f64).sqrt();
        Conv2d {
            weight: (noise(&[out_channels, in_channels, kernel, kernel], 1) * scale).unwrap(),
            bias: noise(&[out_channels], 2),
            stride: 1,
            padding: Padding::Around(kernel / 2),
        }
    }

    #[test]
    fn kernels_agree_with_candle() {
        for (in_channels, out_channels, height, width) in
            [(16, 24, 32, 32), (17, 16, 21, 30), (4, 8, 5, 7), (320, 33, 24, 25), (3, 16, 1, 1), (64, 64, 40, 300)]
        {
            let xs = noise(&[2, in_channels, height, width], 3);
            for kernel in [1, 3] {
                let conv = conv(in_channels, out_channels, kernel);
                let error = difference(&conv.forward(&xs).unwrap(), &conv.composed(&xs).unwrap());
                assert!(error < 5e-6, "{in_channels} to {out_channels}, {height}x{width}, {kernel}: {error}");
            }
        }
    }

    #[test]
    fn a_shift_is_added_to_each_channel_of_each_picture() {
        let (xs, conv) = (noise(&[2, 16, 24, 24], 3), conv(16, 20, 3));
        for batch in [1, 2] {
            let shift = noise(&[batch, 20], 5);
            let expected =
                conv.composed(&xs).unwrap().broadcast_add(&shift.reshape((batch, 20, 1, 1)).unwrap()).unwrap();
            assert!(difference(&conv.forward_shifted(&xs, &shift).unwrap(), &expected) < 5e-6);
        }
    }

    #[test]
    fn halving_agrees_with_candle() {
        for (height, width) in [(8, 8), (9, 7), (16, 2)] {
            let xs = noise(&[1, 5, height, width], 3);
            for conv in [conv(5, 6, 3).halving(1), conv(5, 6, 3).halving_below_right()] {
                let error = difference(&conv.forward(&xs).unwrap(), &conv.composed(&xs).unwrap());
                assert!(error < 2e-6, "{height}x{width}: {error}");
            }
        }
    }

    #[test]
    fn enlarging_agrees_with_candle() {
        let xs = noise(&[2, 3, 4, 5], 3);
        for (height, width) in [(8, 10), (7, 9)] {
            let ours = upsample_nearest(&xs, height, width).unwrap();
            assert_eq!(difference(&ours, &xs.upsample_nearest2d(height, width).unwrap()), 0.0);
        }
    }
}
