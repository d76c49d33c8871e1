//! Convolution as a product of matrices, for the shapes that the Winograd kernel does not take.

use rayon::prelude::*;

use super::gemm::{Into, Mat, gemm};

/// Geometry of one convolution of square kernels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub in_channels: usize,
    pub out_channels: usize,
    pub kernel: usize,
    pub stride: usize,
    /// Rows and columns of zeros before the picture.
    pub pad: usize,
    /// Height and width of the input.
    pub input: (usize, usize),
    /// Height and width of the output.
    pub output: (usize, usize),
}

/// Output pixels that one task unrolls: their columns stay in the second-level cache for most layers.
const PIXELS_PER_TASK: usize = 192;

/// `out[(o, y, x)] = bias[o] + sum of weight[(o, c, i, j)] * input[(c, y * stride + i - pad, x * stride + j - pad)]`
/// for one picture. `weight` is (out_channels, in_channels * kernel * kernel).
pub(super) fn conv(g: &Geometry, input: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32]) {
    let (out_h, out_w) = g.output;
    let depth = g.in_channels * g.kernel * g.kernel;
    let pixels = out_h * out_w;
    // Rows of the output are split over tasks by pixels; each task makes all channels of its pixels, so the kernel's
    // weights are packed once per task and the unrolled input is never whole in memory.
    let tasks = pixels.div_ceil(PIXELS_PER_TASK);
    let pieces: Vec<Vec<f32>> = (0..tasks)
        .into_par_iter()
        .map(|task| {
            let range = task * PIXELS_PER_TASK..((task + 1) * PIXELS_PER_TASK).min(pixels);
            let count = range.len();
            let mut columns = vec![0f32; depth * count];
            unroll(g, input, range, &mut columns);
            let mut piece = vec![0f32; g.out_channels * count];
            piece.chunks_exact_mut(count).zip(bias).for_each(|(row, &b)| row.fill(b));
            let a = Mat::rows(weight, g.out_channels, depth, depth);
            gemm(&mut piece, count, a, Mat::rows(&columns, depth, count, count), 1.0, Into::Add);
            piece
        })
        .collect();
    out.par_chunks_exact_mut(pixels).enumerate().for_each(|(o, plane)| {
        for (target, piece) in plane.chunks_mut(PIXELS_PER_TASK).zip(&pieces) {
            target.copy_from_slice(&piece[o * target.len()..][..target.len()]);
        }
    });
}

/// Writes what each kernel element sees of the output pixels in `range`: (channels * kernel * kernel, pixels).
fn unroll(g: &Geometry, input: &[f32], range: std::ops::Range<usize>, columns: &mut [f32]) {
    let (in_h, in_w) = g.input;
    let out_w = g.output.1;
    let count = range.len();
    for (row, column) in columns.chunks_exact_mut(count).enumerate() {
        let (c, i, j) = (row / (g.kernel * g.kernel), row / g.kernel % g.kernel, row % g.kernel);
        let plane = &input[c * in_h * in_w..][..in_h * in_w];
        let mut done = 0;
        while done < count {
            let (y, x) = ((range.start + done) / out_w, (range.start + done) % out_w);
            let run = (out_w - x).min(count - done);
            let target = &mut column[done..done + run];
            done += run;
            let source_y = (y * g.stride + i).wrapping_sub(g.pad);
            if source_y >= in_h {
                continue; // above or below the picture: zeros already
            }
            let source = &plane[source_y * in_w..][..in_w];
            let first = x * g.stride + j;
            if g.stride == 1 {
                // Source columns first - pad .. first - pad + run, where they are inside.
                let skip = g.pad.saturating_sub(first).min(run);
                let from = first + skip - g.pad;
                let length = (run - skip).min(in_w.saturating_sub(from));
                target[skip..skip + length].copy_from_slice(&source[from..from + length]);
            } else {
                for (t, value) in target.iter_mut().enumerate() {
                    let source_x = (first + t * g.stride).wrapping_sub(g.pad);
                    if let Some(&v) = source.get(source_x) {
                        *value = v;
                    }
                }
            }
        }
    }
}
