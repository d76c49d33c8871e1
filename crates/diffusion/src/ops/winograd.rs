//! 3x3 convolution with stride 1 by the minimal filtering algorithm F(4x4, 3x3) of Winograd, after Lavin and Gray,
//! "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308): a tile of 4x4 outputs costs 36
//! multiplications per pair of channels in place of 144.
//!
//! Kernels and 6x6 tiles of the input are transformed, multiplied as 36 independent matrices, and transformed back.
//! In f32 the result differs from the direct sum by some 1e-6 of its size.

use rayon::prelude::*;

use super::gemm::{Into, Mat, gemm};
use super::simd::vectorized;

/// Outputs along one side of a tile.
const OUT: usize = 4;
/// Inputs along one side of a tile, and elements of a transformed kernel's side.
const IN: usize = 6;
/// Elements of a transformed tile.
const ELEMENTS: usize = IN * IN;
/// Tiles that one pass of the 36 products takes: enough to pay for packing the kernels again.
const TILES_PER_PASS: usize = 512;

/// Sizes of one convolution with padding 1; output and input have the same height and width.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub in_channels: usize,
    pub out_channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Geometry {
    fn tiles(&self) -> (usize, usize) {
        (self.height.div_ceil(OUT), self.width.div_ceil(OUT))
    }

    /// Whether this pays: with few tiles, reading 36 numbers per kernel in place of 9 costs more than is saved.
    pub(super) fn pays(&self) -> bool {
        let (rows, cols) = self.tiles();
        rows * cols >= 32 && self.in_channels >= 16 && self.out_channels >= 16
    }
}

/// Transformed kernels, (36, out_channels, in_channels).
pub(super) fn transform_kernels(g: &Geometry, weight: &[f32]) -> Vec<f32> {
    let plane = g.out_channels * g.in_channels;
    let mut transformed = vec![0f32; ELEMENTS * plane];
    // Each of the six rows of a transformed kernel needs only one combination of the kernel's rows.
    transformed.par_chunks_exact_mut(plane).enumerate().for_each(|(element, target)| {
        transform_element(target, weight.as_chunks::<9>().0, element / IN, element % IN);
    });
    transformed
}

vectorized! {
    /// Element (i, j) of each transformed kernel.
    fn transform_element<'a>(target: &'a mut [f32], kernels: &'a [[f32; 9]], i: usize, j: usize) {
        let ([a, b, c], [d, e, f]) = (FILTER[i], FILTER[j]);
        for (value, k) in target.iter_mut().zip(kernels) {
            let column = |x: usize| a * k[x] + b * k[3 + x] + c * k[6 + x];
            *value = d * column(0) + e * column(1) + f * column(2);
        }
    }
}

/// The matrix G.
const FILTER: [[f32; 3]; IN] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// `out[(o, y, x)] = bias[o] + sum of weight[(o, c, i, j)] * input[(c, y + i - 1, x + j - 1)]` for one picture, with
/// `kernels` from [`transform_kernels`].
pub(super) fn conv(g: &Geometry, input: &[f32], kernels: &[f32], bias: &[f32], out: &mut [f32]) {
    let (tile_rows, tile_cols) = g.tiles();
    let rows_per_pass = (TILES_PER_PASS / tile_cols).max(1);
    let most = rows_per_pass.min(tile_rows) * tile_cols;
    let mut seen = vec![0f32; ELEMENTS * g.in_channels * most];
    let mut products = vec![0f32; ELEMENTS * g.out_channels * most];
    for first in (0..tile_rows).step_by(rows_per_pass) {
        let rows = rows_per_pass.min(tile_rows - first);
        let tiles = rows * tile_cols;
        let (seen, products) =
            (&mut seen[..ELEMENTS * g.in_channels * tiles], &mut products[..ELEMENTS * g.out_channels * tiles]);
        gather(g, input, first, rows, seen);
        products.par_chunks_exact_mut(g.out_channels * tiles).enumerate().for_each(|(element, product)| {
            let kernel = &kernels[element * g.out_channels * g.in_channels..][..g.out_channels * g.in_channels];
            let kernel = Mat::rows(kernel, g.out_channels, g.in_channels, g.in_channels);
            let tile = &seen[element * g.in_channels * tiles..][..g.in_channels * tiles];
            gemm(product, tiles, kernel, Mat::rows(tile, g.in_channels, tiles, tiles), 1.0, Into::Replace);
        });
        scatter(g, products, bias, first, rows, out);
    }
}

/// Transforms the input's tiles of `rows` rows of tiles: (36, in_channels, tiles).
fn gather(g: &Geometry, input: &[f32], first: usize, rows: usize, seen: &mut [f32]) {
    let (_, cols) = g.tiles();
    let tiles = rows * cols;
    // Channel by channel, so that a thread writes its own row of each of the 36 matrices.
    let mut by_channel: Vec<Vec<&mut [f32]>> = (0..g.in_channels).map(|_| Vec::with_capacity(ELEMENTS)).collect();
    for matrix in seen.chunks_exact_mut(g.in_channels * tiles) {
        for (rows, row) in by_channel.iter_mut().zip(matrix.chunks_exact_mut(tiles)) {
            rows.push(row);
        }
    }
    by_channel.into_par_iter().with_min_len(8).enumerate().for_each_init(
        // Six rows of the picture, each split into four phases of every fourth column, one more at the end.
        || (vec![0f32; IN * OUT * (cols + 1)], vec![0f32; IN * OUT * (cols + 1)]),
        |(phases, mixed), (c, targets)| {
            let plane = &input[c * g.height * g.width..][..g.height * g.width];
            let mut targets = targets;
            for row in 0..rows {
                load(g, plane, (first + row) * OUT, cols, phases);
                transform(phases, mixed, cols, row, &mut targets);
            }
        },
    );
}

/// Splits the six picture rows from `y - 1` on, padded by zeros, into phases: (6, 4, cols + 1).
fn load(g: &Geometry, plane: &[f32], y: usize, cols: usize, phases: &mut [f32]) {
    let length = cols + 1;
    for (i, phases) in phases.chunks_exact_mut(OUT * length).enumerate() {
        phases.fill(0.0);
        let source_y = (y + i).wrapping_sub(1);
        if source_y >= g.height {
            continue;
        }
        let source = &plane[source_y * g.width..][..g.width];
        // Column x of the picture is element x + 1 of the padded row.
        for (phase, values) in phases.chunks_exact_mut(length).enumerate() {
            let start = (phase + OUT - 1) % OUT;
            let skip = usize::from(phase == 0);
            for (value, pixel) in values[skip..].iter_mut().zip(source.iter().skip(start).step_by(OUT)) {
                *value = *pixel;
            }
        }
    }
}

/// The six rows of the matrix B transposed, times a vector of six.
#[inline(always)]
fn input_transform(d: [f32; IN]) -> [f32; IN] {
    let [d0, d1, d2, d3, d4, d5] = d;
    let (even, odd) = (d4 - 4.0 * d2, d3 - 4.0 * d1);
    let (even2, odd2) = (d4 - d2, 2.0 * (d3 - d1));
    [4.0 * d0 - 5.0 * d2 + d4, even + odd, even - odd, even2 + odd2, even2 - odd2, 4.0 * d1 - 5.0 * d3 + d5]
}

vectorized! {
    fn transform<'a, 'b>(phases: &'a [f32], mixed: &'a mut [f32], cols: usize, row: usize, targets: &'a mut [&'b mut [f32]]) {
    let length = OUT * (cols + 1);
    let rows: [&[f32]; IN] = std::array::from_fn(|i| &phases[i * length..][..length]);
    for x in 0..length {
        let values = input_transform(std::array::from_fn(|i| rows[i][x]));
        for (i, value) in values.into_iter().enumerate() {
            mixed[i * length + x] = value;
        }
    }
    for i in 0..IN {
        let line = &mixed[i * length..][..length];
        let phase: [&[f32]; OUT] = std::array::from_fn(|p| &line[p * (cols + 1)..][..cols + 1]);
        let [t0, t1, t2, t3, t4, t5] = &mut targets[i * IN..][..IN] else { unreachable!("six targets a row") };
        let at = row * cols..(row + 1) * cols;
        let (t0, t1, t2) = (&mut t0[at.clone()], &mut t1[at.clone()], &mut t2[at.clone()]);
        let (t3, t4, t5) = (&mut t3[at.clone()], &mut t4[at.clone()], &mut t5[at]);
        for t in 0..cols {
            let d = [phase[0][t], phase[1][t], phase[2][t], phase[3][t], phase[0][t + 1], phase[1][t + 1]];
            [t0[t], t1[t], t2[t], t3[t], t4[t], t5[t]] = input_transform(d);
        }
    }
}
}

/// The four rows of the matrix A transposed, times a vector of six.
#[inline(always)]
fn output_transform(m: [f32; IN]) -> [f32; OUT] {
    let [m0, m1, m2, m3, m4, m5] = m;
    let (sum, difference) = (m1 + m2, m1 - m2);
    let (sum2, difference2) = (m3 + m4, m3 - m4);
    [m0 + sum + sum2, difference + 2.0 * difference2, sum + 4.0 * sum2, difference + 8.0 * difference2 + m5]
}

vectorized! {
    /// One row of tiles of one channel: 36 lines of products become four rows of pixels.
    fn restore<'a>(
        lines: &'a [&'a [f32]; ELEMENTS],
        mixed: &'a mut [f32],
        pixels: &'a mut [f32],
        cols: usize,
        bias: f32,
    ) {
        for i in 0..IN {
            let line: [&[f32]; IN] = std::array::from_fn(|j| &lines[i * IN + j][..cols]);
            for t in 0..cols {
                let values = output_transform(std::array::from_fn(|j| line[j][t]));
                for (p, value) in values.into_iter().enumerate() {
                    mixed[(i * OUT + p) * cols + t] = value;
                }
            }
        }
        for p in 0..OUT {
            for t in 0..cols {
                let values = output_transform(std::array::from_fn(|i| mixed[(i * OUT + p) * cols + t]));
                for (y, value) in values.into_iter().enumerate() {
                    pixels[(y * cols + t) * OUT + p] = value + bias;
                }
            }
        }
    }
}

/// Transforms the products back and writes the pixels of `rows` rows of tiles.
fn scatter(g: &Geometry, products: &[f32], bias: &[f32], first: usize, rows: usize, out: &mut [f32]) {
    let (_, cols) = g.tiles();
    let tiles = rows * cols;
    let pixels = g.height * g.width;
    out.par_chunks_exact_mut(pixels).enumerate().with_min_len(8).for_each_init(
        || vec![0f32; (IN + OUT) * OUT * cols],
        |scratch, (o, plane)| {
            let bias = bias[o];
            let (mixed, pixels) = scratch.split_at_mut(IN * OUT * cols);
            for row in 0..rows {
                let line: [&[f32]; ELEMENTS] =
                    std::array::from_fn(|e| &products[(e * g.out_channels + o) * tiles + row * cols..][..cols]);
                restore(&line, mixed, pixels, cols, bias);
                let y = (first + row) * OUT;
                for (target, source) in plane[y * g.width..]
                    .chunks_exact_mut(g.width)
                    .zip(pixels.chunks_exact(cols * OUT))
                    .take(g.height - y)
                {
                    target.copy_from_slice(&source[..g.width]);
                }
            }
        },
    );
}
