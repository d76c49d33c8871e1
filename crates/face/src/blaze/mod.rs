//! The landmark net, computed block by block.
//!
//! The net is a chain of BlazeBlocks (Bazarevsky et al., "BlazeFace", arXiv 1907.05047): channels are reduced, convolved
//! each by itself, and expanded again. A general runtime computes such a chain operation by operation, each over a
//! whole picture that does not fit the cache, and spends most of its time on the depthwise convolutions. Here a row goes
//! through a whole block at once; only three rows of reduced channels are kept.
//!
//! Weights are read from the same ONNX file that a runtime would read; tests compare the two.

mod parse;

use std::sync::{Arc, Mutex, PoisonError};

use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use rten::ThreadPool;

use crate::kernels::{self, Dense, Depthwise, Residual, Source};
use crate::{FaceError, chain, simd};

/// Side of the picture that goes in, pixels.
pub(crate) const INPUT: usize = 256;
/// Values of a row that goes in: RGB, and one black pixel at its end.
pub(crate) const INPUT_ROW: usize = (INPUT + 1) * 3;
/// Pixels of the first convolution's result.
const STEM: usize = INPUT / 2;

/// The net, ready to run from any thread.
pub(crate) struct BlazeNet {
    /// A convolution of 3x3, every second pixel.
    stem: Dense,
    blocks: Vec<Block>,
    presence: Dense,
    landmarks: Dense,
    /// Values that the heads give.
    counts: [usize; 2],
    threads: Arc<ThreadPool>,
    /// Pictures of runs that are over, so that none is allocated for each.
    spare: Mutex<Vec<Pictures>>,
}

/// One BlazeBlock.
struct Block {
    /// Its input's rows (or columns), pixels.
    side: usize,
    channels: usize,
    /// Whether it halves the picture: reduces patches of 2x2, and adds their largest values.
    halves: bool,
    reduce: Dense,
    convolve: Depthwise,
    expand: Dense,
}

#[derive(Default)]
struct Pictures {
    /// 257 rows of [`INPUT_ROW`]; the last row and pixel stay black.
    input: Vec<f32>,
    /// What a block reads, and what it writes.
    halves: [Vec<f32>; 2],
    /// What the parts of a picture need while they are computed.
    scratch: Vec<Vec<f32>>,
}

impl BlazeNet {
    /// Reads the net from its ONNX file.
    pub(crate) fn load(name: &'static str, onnx: &[u8], threads: Arc<ThreadPool>) -> Result<Self, FaceError> {
        chain::read(onnx, |chain| parse::net(chain, threads)).map_err(|found| FaceError::Structure { net: name, found })
    }

    /// Landmarks (478 times x, y, z in pixels of the input) and the logit of presence, for the picture that `fill`
    /// writes: 256 rows of [`INPUT_ROW`] values, RGB from 0 to 1 for each pixel, the last three of a row untouched.
    pub(crate) fn run(&self, fill: impl FnOnce(&mut [f32]) + Send) -> (Vec<f32>, f32) {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut pictures = spare.unwrap_or_default();
        let result = self.threads.run(|| self.compute(&mut pictures, fill));
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(pictures);
        result
    }

    fn compute(&self, pictures: &mut Pictures, fill: impl FnOnce(&mut [f32])) -> (Vec<f32>, f32) {
        let Pictures { input, halves, scratch } = pictures;
        input.resize((INPUT + 1) * INPUT_ROW, 0.0);
        fill(&mut input[..INPUT * INPUT_ROW]);
        let [mut from, mut to] = halves.each_mut();
        divided(STEM, STEM * self.stem.outputs, to, scratch, |first, out, _| {
            simd::dispatch(StemRows { stem: &self.stem, input, first, out });
        });
        for block in &self.blocks {
            std::mem::swap(&mut from, &mut to);
            let side = block.out_side();
            divided(side, side * block.expand.outputs, to, scratch, |first, out, scratch| {
                simd::dispatch(BlockRows { block, input: from, first, out, scratch });
            });
        }
        let [presence, landmarks] = [&self.presence, &self.landmarks].map(|head| {
            let mut out = vec![0.0; head.outputs];
            simd::dispatch(HeadRow { head, input: to, out: &mut out });
            out
        });
        (landmarks[..self.counts[1]].to_vec(), presence[0])
    }
}

/// Computes a picture of `height` rows with `row` values each, in as many parts as pay. `compute` gets the first row
/// of a part, its place and its scratch.
fn divided(
    height: usize,
    row: usize,
    out: &mut Vec<f32>,
    scratch: &mut Vec<Vec<f32>>,
    compute: impl Fn(usize, &mut [f32], &mut Vec<f32>) + Sync,
) {
    out.resize(height * row, 0.0);
    let parts = rayon::current_num_threads().min(height / NARROWEST).max(1);
    if scratch.len() < parts {
        scratch.resize_with(parts, Vec::new);
    }
    let rows_each = height.div_ceil(parts);
    if parts == 1 {
        return compute(0, out, &mut scratch[0]);
    }
    let parts = out.par_chunks_mut(rows_each * row).zip(scratch).enumerate();
    parts.for_each(|(part, (out, scratch))| compute(part * rows_each, out, scratch));
}

/// Rows of a part at least: two more are computed at its edges, and dividing takes its time too.
const NARROWEST: usize = 8;

/// Some rows of the first convolution.
struct StemRows<'a> {
    stem: &'a Dense,
    input: &'a [f32],
    first: usize,
    out: &'a mut [f32],
}

impl WithSimd for StemRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (y, out) in (self.first..).zip(self.out.chunks_exact_mut(STEM * self.stem.outputs)) {
            let source = |tap| {
                let values = &self.input[(2 * y + tap) * INPUT_ROW..][..INPUT_ROW];
                Source { values, stride: 6, inputs: 9 }
            };
            self.stem.row(simd, &[source(0), source(1), source(2)], Residual::NOTHING, out);
        }
    }
}

impl Block {
    fn out_side(&self) -> usize {
        if self.halves { self.side / 2 } else { self.side }
    }
}

/// Some rows of a block.
struct BlockRows<'a> {
    block: &'a Block,
    input: &'a [f32],
    first: usize,
    out: &'a mut [f32],
    scratch: &'a mut Vec<f32>,
}

impl WithSimd for BlockRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { block, input, first, out, scratch } = self;
        let Block { side, channels, halves, ref reduce, ref convolve, ref expand } = *block;
        let (width, reduced) = (block.out_side(), reduce.outputs);
        let (in_row, padded) = (side * channels, (width + 2) * reduced);
        let row = |y: usize| &input[y * in_row..][..in_row];
        scratch.resize(3 * padded + width * (reduced + channels), 0.0);
        // Three padded rows; row y of the picture is in the place of (y + 1) % 3.
        let (ring, rest) = scratch.split_at_mut(3 * padded);
        let (convolved, pooled) = rest.split_at_mut(width * reduced);
        for row in ring.chunks_exact_mut(padded) {
            row[..reduced].fill(0.0);
            row[padded - reduced..].fill(0.0);
        }
        let last = first + out.len() / (width * expand.outputs);
        // Rows count from 1, so that the one above the picture is 0.
        for next in first..last + 2 {
            let place = &mut ring[next % 3 * padded..][..padded][reduced..][..width * reduced];
            if next == 0 || next > width {
                place.fill(0.0);
            } else if halves {
                let (stride, inputs) = (2 * channels, 2 * channels);
                let source = |y| Source { values: row(y), stride, inputs };
                reduce.row(simd, &[source(2 * next - 2), source(2 * next - 1)], Residual::NOTHING, place);
            } else {
                let source = Source { values: row(next - 1), stride: channels, inputs: channels };
                reduce.row(simd, &[source], Residual::NOTHING, place);
            }
            let Some(y) = next.checked_sub(first + 2) else { continue };
            let at = first + y;
            let ring_row = |y: usize| &ring[y % 3 * padded..][..padded];
            convolve.row(simd, [ring_row(at), ring_row(at + 1), ring_row(at + 2)], convolved);
            let values = if halves {
                kernels::pool(simd, [row(2 * at), row(2 * at + 1)], channels, pooled);
                &*pooled
            } else {
                row(at)
            };
            let source = Source { values: convolved, stride: reduced, inputs: reduced };
            let out = &mut out[y * width * expand.outputs..][..width * expand.outputs];
            expand.row(simd, &[source], Residual { values, channels }, out);
        }
    }
}

/// What a head makes of the last picture.
struct HeadRow<'a> {
    head: &'a Dense,
    input: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for HeadRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let inputs = self.head.inputs;
        self.head.row(simd, &[Source { values: self.input, stride: inputs, inputs }], Residual::NOTHING, self.out);
    }
}

#[cfg(test)]
mod tests;
