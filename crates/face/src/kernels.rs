//! What the nets are made of, on rows of pixels whose channels lie together.
//!
//! Everything in here is written for any vector instructions and inlined into what [`simd`](crate::simd)
//! compiles for each: vectors of 1, 4 or 8 values, so that 8 channels are always a whole number of them.

use pulp::{Simd, WithSimd};

/// Outputs that are computed together, where there are so many.
const WIDE: usize = 16;
/// Channels of a depthwise convolution that are computed together, and outputs where there are only so many.
pub(crate) const NARROW: usize = 8;

/// A linear map of the channels of a pixel, or of a patch of pixels, and the parametric ReLU after it: negative values
/// are multiplied by a slope for each channel.
#[derive(Debug)]
pub(crate) struct Dense {
    /// Values that go in for each pixel.
    pub(crate) inputs: usize,
    /// Values that come out for each pixel, a whole number of groups.
    pub(crate) outputs: usize,
    /// Outputs of a group, [`WIDE`] or [`NARROW`].
    group: usize,
    /// For each group of outputs, for each input, the weights of the group.
    weights: Vec<f32>,
    bias: Vec<f32>,
    slopes: Vec<f32>,
}

/// Where a [`Dense`] takes some of its inputs from: `inputs` values for each pixel, the next pixel's `stride` later.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) stride: usize,
    pub(crate) inputs: usize,
}

/// What is added before the ReLU: so many channels for each pixel, the first of the outputs.
#[derive(Clone, Copy)]
pub(crate) struct Residual<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) channels: usize,
}

impl Residual<'_> {
    pub(crate) const NOTHING: Self = Residual { values: &[], channels: 0 };
}

impl Dense {
    /// From weights by output and input; what lacks to a whole group of outputs is filled up with zeros.
    pub(crate) fn new(inputs: usize, weights: &[f32], bias: &[f32], slopes: &[f32]) -> Self {
        let group = if bias.len() <= NARROW { NARROW } else { WIDE };
        let outputs = bias.len().next_multiple_of(group);
        let mut packed = vec![0.0; outputs * inputs];
        for (output, row) in weights.chunks_exact(inputs).enumerate() {
            for (input, &weight) in row.iter().enumerate() {
                packed[(output / group * inputs + input) * group + output % group] = weight;
            }
        }
        let filled = |values: &[f32]| [values, &vec![0.0; outputs - values.len()]].concat();
        Self { inputs, outputs, group, weights: packed, bias: filled(bias), slopes: filled(slopes) }
    }

    /// One row of pixels: `outputs` values for each. The residual's channels are a whole number of groups.
    #[inline(always)]
    pub(crate) fn row<S: Simd>(&self, simd: S, sources: &[Source<'_>], residual: Residual<'_>, out: &mut [f32]) {
        // Compiled once, not in each place that calls it.
        simd.vectorize(DenseRow { dense: self, sources, residual, out });
    }

    #[inline(always)]
    fn any_row<S: Simd>(&self, simd: S, sources: &[Source<'_>], residual: Residual<'_>, out: &mut [f32]) {
        // Pixels, and vectors of each, such that the sums are about as many as hide a multiplication's latency.
        match (self.group, S::F32_LANES) {
            (WIDE, 8) => self.groups::<S, 4, 2>(simd, sources, residual, out),
            (WIDE, 4) => self.groups::<S, 4, 4>(simd, sources, residual, out),
            (WIDE, _) => self.groups::<S, 1, WIDE>(simd, sources, residual, out),
            (_, 8) => self.groups::<S, 8, 1>(simd, sources, residual, out),
            (_, 4) => self.groups::<S, 4, 2>(simd, sources, residual, out),
            (_, _) => self.groups::<S, 1, NARROW>(simd, sources, residual, out),
        }
    }

    #[inline(always)]
    fn groups<S: Simd, const P: usize, const V: usize>(
        &self,
        simd: S,
        sources: &[Source<'_>],
        residual: Residual<'_>,
        out: &mut [f32],
    ) {
        let pixels = out.len() / self.outputs;
        let weights = vectors::<S, V>(&self.weights);
        let (biases, slopes) = (vectors::<S, V>(&self.bias), vectors::<S, V>(&self.slopes));
        let groups = weights.chunks_exact(self.inputs).zip(biases).zip(slopes);
        for (index, ((weights, bias), slopes)) in groups.enumerate() {
            let group = Group { index, weights, bias, slopes };
            let mut pixel = 0;
            while pixel + P <= pixels {
                self.tile::<S, P, V>(simd, &group, sources, residual, pixel, out);
                pixel += P;
            }
            while pixel + 2 <= pixels {
                self.tile::<S, 2, V>(simd, &group, sources, residual, pixel, out);
                pixel += 2;
            }
            if pixel < pixels {
                self.tile::<S, 1, V>(simd, &group, sources, residual, pixel, out);
            }
        }
    }

    /// P pixels from `pixel` on, and V vectors of their outputs.
    #[inline(always)]
    fn tile<S: Simd, const P: usize, const V: usize>(
        &self,
        simd: S,
        group: &Group<'_, S, V>,
        sources: &[Source<'_>],
        residual: Residual<'_>,
        pixel: usize,
        out: &mut [f32],
    ) {
        let mut sums = [*group.bias; P];
        let mut weights = group.weights;
        for source in sources {
            let (these, rest) = weights.split_at(source.inputs);
            weights = rest;
            let mut pixels = [&source.values[..0]; P];
            for (p, values) in pixels.iter_mut().enumerate() {
                *values = &source.values[(pixel + p) * source.stride..][..these.len()];
            }
            for (input, weights) in these.iter().enumerate() {
                for p in 0..P {
                    let value = simd.splat_f32s(pixels[p][input]);
                    for v in 0..V {
                        sums[p][v] = simd.mul_add_e_f32s(value, weights[v], sums[p][v]);
                    }
                }
            }
        }
        let (first, zero) = (group.index * self.group, simd.splat_f32s(0.0));
        let adds = first + self.group <= residual.channels;
        for (p, sums) in sums.iter_mut().enumerate() {
            if adds {
                let at = (pixel + p) * residual.channels + first;
                let values = &vectors::<S, V>(&residual.values[at..][..self.group])[0];
                for v in 0..V {
                    sums[v] = simd.add_f32s(sums[v], values[v]);
                }
            }
            let at = (pixel + p) * self.outputs + first;
            let out = &mut vectors_mut::<S, V>(&mut out[at..][..self.group])[0];
            for v in 0..V {
                let negative = simd.less_than_f32s(sums[v], zero);
                out[v] = simd.select_f32s(negative, simd.mul_f32s(sums[v], group.slopes[v]), sums[v]);
            }
        }
    }
}

struct DenseRow<'a> {
    dense: &'a Dense,
    sources: &'a [Source<'a>],
    residual: Residual<'a>,
    out: &'a mut [f32],
}

impl WithSimd for DenseRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.dense.any_row(simd, self.sources, self.residual, self.out);
    }
}

/// Some outputs of a [`Dense`].
struct Group<'a, S: Simd, const V: usize> {
    index: usize,
    weights: &'a [[S::f32s; V]],
    bias: &'a [S::f32s; V],
    slopes: &'a [S::f32s; V],
}

#[inline(always)]
fn vectors<S: Simd, const V: usize>(values: &[f32]) -> &[[S::f32s; V]] {
    S::as_simd_f32s(values).0.as_chunks().0
}

#[inline(always)]
fn vectors_mut<S: Simd, const V: usize>(values: &mut [f32]) -> &mut [[S::f32s; V]] {
    S::as_mut_simd_f32s(values).0.as_chunks_mut().0
}

/// A convolution of each channel by itself with a kernel of 3x3.
#[derive(Debug)]
pub(crate) struct Depthwise {
    /// For each group of [`NARROW`] channels, the nine weights of each, row by row, and the bias.
    groups: Vec<f32>,
}

/// Vectors of a group: nine weights and the bias.
const TAPS: usize = 10;

impl Depthwise {
    /// From nine weights for each channel, row by row. Channels are a multiple of [`NARROW`].
    pub(crate) fn new(weights: &[f32], bias: &[f32]) -> Self {
        let mut groups = Vec::with_capacity(TAPS * bias.len());
        for (bias, weights) in bias.chunks_exact(NARROW).zip(weights.chunks_exact(9 * NARROW)) {
            for tap in 0..9 {
                groups.extend(weights.iter().skip(tap).step_by(9));
            }
            groups.extend_from_slice(bias);
        }
        Self { groups }
    }

    /// One row of pixels from three, each with a pixel more at both ends.
    #[inline(always)]
    pub(crate) fn row<S: Simd>(&self, simd: S, rows: [&[f32]; 3], out: &mut [f32]) {
        match S::F32_LANES {
            8 => self.vectors::<S, 1>(simd, rows, out),
            4 => self.vectors::<S, 2>(simd, rows, out),
            _ => self.vectors::<S, NARROW>(simd, rows, out),
        }
    }

    #[inline(always)]
    fn vectors<S: Simd, const V: usize>(&self, simd: S, rows: [&[f32]; 3], out: &mut [f32]) {
        let groups = vectors::<S, V>(&self.groups).as_chunks::<TAPS>().0;
        let rows = [vectors::<S, V>(rows[0]), vectors::<S, V>(rows[1]), vectors::<S, V>(rows[2])];
        let out = vectors_mut::<S, V>(out);
        let (count, pixels) = (groups.len(), out.len() / groups.len().max(1));
        for (index, group) in groups.iter().enumerate() {
            let mut pixel = 0;
            while pixel + 4 <= pixels {
                taps::<S, 4, V>(simd, group, rows, count, pixel * count + index, out);
                pixel += 4;
            }
            while pixel < pixels {
                taps::<S, 1, V>(simd, group, rows, count, pixel * count + index, out);
                pixel += 1;
            }
        }
    }
}

/// P pixels of one group, the first of which lies at `at`, the others `count` apart.
#[inline(always)]
fn taps<S: Simd, const P: usize, const V: usize>(
    simd: S,
    group: &[[S::f32s; V]; TAPS],
    rows: [&[[S::f32s; V]]; 3],
    count: usize,
    at: usize,
    out: &mut [[S::f32s; V]],
) {
    let mut sums = [group[TAPS - 1]; P];
    for (y, row) in rows.iter().enumerate() {
        for x in 0..P + 2 {
            let values = &row[at + x * count];
            for dx in 0..3 {
                if x >= dx && x - dx < P {
                    for v in 0..V {
                        sums[x - dx][v] = simd.mul_add_e_f32s(values[v], group[3 * y + dx][v], sums[x - dx][v]);
                    }
                }
            }
        }
    }
    for (p, sums) in sums.iter().enumerate() {
        out[at + p * count] = *sums;
    }
}

/// The largest of each 2x2 pixels, from two rows.
#[inline(always)]
pub(crate) fn pool<S: Simd>(simd: S, rows: [&[f32]; 2], channels: usize, out: &mut [f32]) {
    let lanes = channels / S::F32_LANES;
    let [upper, lower] = [S::as_simd_f32s(rows[0]).0, S::as_simd_f32s(rows[1]).0];
    let pairs = upper.chunks_exact(2 * lanes).zip(lower.chunks_exact(2 * lanes));
    for ((upper, lower), out) in pairs.zip(S::as_mut_simd_f32s(out).0.chunks_exact_mut(lanes)) {
        let ((a, b), (c, d)) = (upper.split_at(lanes), lower.split_at(lanes));
        for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *out = simd.max_f32s(simd.max_f32s(*a, *b), simd.max_f32s(*c, *d));
        }
    }
}

#[cfg(test)]
mod tests;
