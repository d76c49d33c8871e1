//! Attention of several heads that never holds the whole matrix of scores.

use candle_core::{CpuStorage, CustomOp3, D, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::gemm::{Into, Mat, gemm};
use super::simd::{exp, vectorized};
use super::{on_cpu, values};

/// What a query may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Every key.
    Full,
    /// The keys up to its own place.
    Causal,
}

/// softmax(q kᵀ / sqrt(head width)) v, head by head.
///
/// # Shapes
/// q (batch, queries, heads * width), k and v (batch, keys, heads * width) -> the shape of q.
///
/// # Errors
/// Where the shapes do not match.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, mask: Mask) -> Result<Tensor> {
    if on_cpu(q) {
        let kernel = Kernel { heads, mask, log_weights: None };
        return q.contiguous()?.apply_op3_no_bwd(&k.contiguous()?, &v.contiguous()?, &kernel);
    }
    composed(q, k, v, heads, mask, None)
}

/// Attention of every query to every key, where keys count by weights: `log_weights`, (batch, keys) row after row, are
/// added to the scores. A weight of n is what n keys of that kind would be; keys of weight 0 ([`UNSEEN`]) are not seen.
///
/// # Shapes
/// As [`attention`].
///
/// # Errors
/// Where the shapes do not match.
pub fn weighted_attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, log_weights: &[f32]) -> Result<Tensor> {
    let (batch, keys, _) = k.dims3()?;
    if log_weights.len() != batch * keys {
        candle_core::bail!("{} weights for {batch} rows of {keys} keys", log_weights.len());
    }
    if on_cpu(q) {
        let kernel = Kernel { heads, mask: Mask::Full, log_weights: Some(log_weights.to_vec()) };
        return q.contiguous()?.apply_op3_no_bwd(&k.contiguous()?, &v.contiguous()?, &kernel);
    }
    let weights = Tensor::from_slice(log_weights, (batch, 1, 1, keys), q.device())?;
    composed(q, k, v, heads, Mask::Full, Some(&weights))
}

/// The logarithm that stands for a weight of 0. An infinite one would make NaN of a block that holds nothing else.
pub const UNSEEN: f32 = -1e4;

/// Bytes of scores that the composition holds at once, in f32.
const SCORE_BYTES: usize = 256 << 20;

/// By candle's operations, a few queries at a time.
fn composed(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    mask: Mask,
    log_weights: Option<&Tensor>,
) -> Result<Tensor> {
    let (batch, queries, features) = q.dims3()?;
    let keys = k.dim(1)?;
    let width = features / heads;
    let split = |xs: &Tensor, n: usize| xs.reshape((batch, n, heads, width))?.transpose(1, 2)?.contiguous();
    let q = (split(q, queries)? * (1.0 / (width as f64).sqrt()))?;
    let (k, v) = (split(k, keys)?.transpose(2, 3)?.contiguous()?, split(v, keys)?);
    let block = (SCORE_BYTES / (4 * batch * heads * keys)).clamp(1, queries);
    let mut parts = Vec::with_capacity(queries.div_ceil(block));
    for start in (0..queries).step_by(block) {
        let count = block.min(queries - start);
        let mut scores = q.narrow(2, start, count)?.contiguous()?.matmul(&k)?.to_dtype(DType::F32)?;
        if mask == Mask::Causal {
            let hidden: Vec<f32> = (start..start + count)
                .flat_map(|i| (0..keys).map(move |j| if j > i { f32::NEG_INFINITY } else { 0.0 }))
                .collect();
            scores = scores.broadcast_add(&Tensor::from_vec(hidden, (1, 1, count, keys), scores.device())?)?;
        }
        if let Some(log_weights) = log_weights {
            scores = scores.broadcast_add(log_weights)?;
        }
        let weights = candle_nn::ops::softmax(&scores, D::Minus1)?.to_dtype(v.dtype())?;
        parts.push(weights.matmul(&v)?);
    }
    Tensor::cat(&parts, 2)?.transpose(1, 2)?.reshape((batch, queries, features))
}

struct Kernel {
    heads: usize,
    mask: Mask,
    /// (batch, keys), added to the scores.
    log_weights: Option<Vec<f32>>,
}

/// Queries of one task.
const QUERIES: usize = 128;
/// Keys whose scores are held at once: with [`QUERIES`], 256 KiB, which the second-level cache holds.
const KEYS: usize = 512;

impl CustomOp3 for Kernel {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        qs: &CpuStorage,
        ql: &Layout,
        ks: &CpuStorage,
        kl: &Layout,
        vs: &CpuStorage,
        vl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, queries, features) = ql.shape().dims3()?;
        let (_, keys, _) = kl.shape().dims3()?;
        if kl.dims() != [batch, keys, features] || vl.dims() != kl.dims() || !features.is_multiple_of(self.heads) {
            let (q, k, v) = (ql.dims(), kl.dims(), vl.dims());
            candle_core::bail!("attention of {} heads was given q {q:?}, k {k:?}, v {v:?}", self.heads);
        }
        let (q, k, v) = (values(qs, ql)?, values(ks, kl)?, values(vs, vl)?);
        let mut out = vec![0f32; q.len()];
        let pictures = out.par_chunks_exact_mut(queries * features).zip(q.par_chunks_exact(queries * features));
        pictures.enumerate().for_each(|(b, (out, q))| {
            let (k, v) = (&k[b * keys * features..][..keys * features], &v[b * keys * features..][..keys * features]);
            let log_weights = self.log_weights.as_ref().map(|all| &all[b * keys..][..keys]);
            let blocks = out.par_chunks_mut(QUERIES * features).zip(q.par_chunks(QUERIES * features));
            blocks.enumerate().for_each_init(Scratch::default, |scratch, (block, (out, q))| {
                self.block(scratch, block * QUERIES, features, q, k, v, log_weights, out);
            });
        });
        Ok((CpuStorage::F32(out), ql.shape().clone()))
    }
}

/// One head of some queries while it is computed.
#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    sums: Vec<f32>,
    maxima: Vec<f32>,
    result: Vec<f32>,
}

impl Kernel {
    /// All heads of the queries `q`, which start at the query `first`. Keys come in blocks; the maximum and the sum of
    /// each row are corrected as they come (Milakov and Gimelshein, arXiv 1805.02867).
    #[expect(clippy::too_many_arguments, reason = "three tensors and where they are")]
    fn block(
        &self,
        scratch: &mut Scratch,
        first: usize,
        features: usize,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        log_weights: Option<&[f32]>,
        out: &mut [f32],
    ) {
        let width = features / self.heads;
        let (queries, keys) = (q.len() / features, k.len() / features);
        let scale = 1.0 / (width as f32).sqrt();
        scratch.scores.resize(queries * KEYS.min(keys), 0.0);
        scratch.result.resize(queries * width, 0.0);
        let visible = if self.mask == Mask::Causal { keys.min(first + queries) } else { keys };
        for head in 0..self.heads {
            let at = head * width;
            scratch.sums.clear();
            scratch.sums.resize(queries, 0.0);
            scratch.maxima.clear();
            scratch.maxima.resize(queries, f32::NEG_INFINITY);
            scratch.result.fill(0.0);
            for start in (0..visible).step_by(KEYS) {
                let count = KEYS.min(visible - start);
                let Scratch { scores, sums, maxima, result } = scratch;
                let scores = &mut scores[..queries * count];
                let queries_of_head = Mat::rows(&q[at..], queries, width, features);
                let keys_of_head = Mat::rows(&k[start * features + at..], count, width, features);
                gemm(scores, count, queries_of_head, keys_of_head.t(), scale, Into::Replace);
                if self.mask == Mask::Causal {
                    for (i, row) in scores.chunks_exact_mut(count).enumerate() {
                        let seen = (first + i + 1).saturating_sub(start).min(count);
                        row[seen..].fill(f32::NEG_INFINITY);
                    }
                }
                if let Some(log_weights) = log_weights {
                    let log_weights = &log_weights[start..start + count];
                    for row in scores.chunks_exact_mut(count) {
                        row.iter_mut().zip(log_weights).for_each(|(score, weight)| *score += weight);
                    }
                }
                absorb(scores, count, result, width, maxima, sums);
                let values_of_head = Mat::rows(&v[start * features + at..], count, width, features);
                let weights = Mat::rows(scores, queries, count, count);
                gemm(result, width, weights, values_of_head, 1.0, Into::Add);
            }
            let rows = scratch.result.chunks_exact(width).zip(&scratch.sums);
            for (out, (result, sum)) in out.chunks_exact_mut(features).zip(rows) {
                out[at..at + width].iter_mut().zip(result).for_each(|(o, r)| *o = r / sum);
            }
        }
    }
}

vectorized! {
    /// Turns rows of `count` scores into weights, and corrects what earlier keys have left of each row: its result of
    /// `width` numbers, its maximum and its sum.
    fn absorb<'a>(
        scores: &'a mut [f32],
        count: usize,
        results: &'a mut [f32],
        width: usize,
        maxima: &'a mut [f32],
        sums: &'a mut [f32],
    ) {
        let state = maxima.iter_mut().zip(sums);
        for ((row, result), (maximum, sum)) in
            scores.chunks_exact_mut(count).zip(results.chunks_exact_mut(width)).zip(state)
        {
            let new = maximum.max(largest(row));
            let correction = exp(*maximum - new);
            *sum = *sum * correction + exponentials(row, new);
            *maximum = new;
            for r in result {
                *r *= correction;
            }
        }
    }
}

#[inline(always)]
fn largest(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (blocks, rest) = row.as_chunks::<16>();
    for block in blocks {
        for (lane, &x) in lanes.iter_mut().zip(block) {
            *lane = if x > *lane { x } else { *lane };
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |a, &b| a.max(b))
}

/// Replaces x by exp(x - maximum) and returns the sum.
#[inline(always)]
fn exponentials(row: &mut [f32], maximum: f32) -> f32 {
    let mut lanes = [0f32; 16];
    let (blocks, rest) = row.as_chunks_mut::<16>();
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *x = exp(*x - maximum);
            *lane += *x;
        }
    }
    let mut sum: f32 = lanes.iter().sum();
    for x in rest {
        *x = exp(*x - maximum);
        sum += *x;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::tests::{difference, noise};

    #[test]
    fn kernel_agrees_with_candle() {
        for (queries, keys, mask) in [
            (1, 1, Mask::Full),
            (77, 77, Mask::Causal),
            (300, 1100, Mask::Full),
            (700, 700, Mask::Causal),
            (5, 77, Mask::Full),
        ] {
            let (q, k, v) = (noise(&[2, queries, 24], 1), noise(&[2, keys, 24], 2), noise(&[2, keys, 24], 3));
            let q = (q * 4.0).unwrap();
            let ours = attention(&q, &k, &v, 3, mask).unwrap();
            let error = difference(&ours, &composed(&q, &k, &v, 3, mask, None).unwrap());
            assert!(error < 3e-6, "{queries} queries, {keys} keys, {mask:?}: {error}");
        }
    }

    #[test]
    fn a_weight_counts_keys_and_without_one_they_are_not_seen() {
        let (q, k, v) = (noise(&[2, 70, 24], 1), noise(&[2, 600, 24], 2), noise(&[2, 600, 24], 3));
        let log_weights: Vec<f32> = (0..1200).map(|i| [0.0, -1.5, 2f32.ln(), UNSEEN][i % 4]).collect();
        let ours = weighted_attention(&q, &k, &v, 3, &log_weights).unwrap();
        let weights = Tensor::from_slice(&log_weights, (2, 1, 1, 600), q.device()).unwrap();
        let theirs = composed(&q, &k, &v, 3, Mask::Full, Some(&weights)).unwrap();
        assert!(difference(&ours, &theirs) < 3e-6);
        // A weight of two is two such keys; one of nothing is none, also where a whole block has none.
        let twice = Tensor::cat(&[&k, &k.narrow(1, 0, 200).unwrap()], 1).unwrap();
        let twice_v = Tensor::cat(&[&v, &v.narrow(1, 0, 200).unwrap()], 1).unwrap();
        let two = |i: usize| if i % 600 < 200 { 2f32.ln() } else { 0.0 };
        let weighted = weighted_attention(&q, &k, &v, 3, &(0..1200).map(two).collect::<Vec<_>>()).unwrap();
        assert!(difference(&weighted, &attention(&q, &twice, &twice_v, 3, Mask::Full).unwrap()) < 1e-5);
        let some = |i: usize| if i % 600 < 40 { 0.0 } else { UNSEEN };
        let weighted = weighted_attention(&q, &k, &v, 3, &(0..1200).map(some).collect::<Vec<_>>()).unwrap();
        let few = |all: &Tensor| all.narrow(1, 0, 40).unwrap();
        assert!(difference(&weighted, &attention(&q, &few(&k), &few(&v), 3, Mask::Full).unwrap()) < 1e-5);
        assert!(weighted_attention(&q, &k, &v, 3, &[0.0; 7]).is_err());
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let (q, k) = (noise(&[1, 4, 24], 1), noise(&[1, 5, 16], 2));
        assert!(attention(&q, &k, &k, 3, Mask::Full).is_err());
    }
}
