//! The blendshape net: an MLP-Mixer (Tolstikhin et al., arXiv 2105.01601) over tokens made of landmarks.
//!
//! Points are centred and scaled, and become 96 tokens of 64 channels; a token of the net's own comes first, and what
//! has become of it after four layers says the scores. A layer mixes each channel's tokens and then each token's
//! channels, by two dense maps each. Weights are read from the same ONNX file that a runtime would read; tests compare
//! the two.

use std::sync::{Mutex, PoisonError};

use pulp::{Simd, WithSimd};

use crate::blendshapes::BLENDSHAPE_COUNT;
use crate::chain::{self, Chain};
use crate::kernels::{Dense, Residual, Source};
use crate::{FaceError, simd};

/// Landmarks that go in.
pub(crate) const POINTS: usize = 146;
/// Channels of a token.
const CHANNELS: usize = 64;

/// The net, ready to run from any thread.
pub(crate) struct Mixer {
    /// Of the points, after their mean distance from the centre is 1.
    scale: f32,
    /// From points to tokens, x and y each by itself.
    embed_points: Dense,
    /// From x and y to channels.
    embed_places: Dense,
    /// The token that comes first.
    first: Vec<f32>,
    layers: Vec<Layer>,
    head: Dense,
    /// Memory of runs that are over, so that none is allocated for each.
    spare: Mutex<Vec<Memory>>,
}

struct Layer {
    before_tokens: Norm,
    tokens: [Dense; 2],
    before_channels: Norm,
    channels: [Dense; 2],
}

/// Gives each token a mean of 0 and a variance of 1 over its channels, times a gain for each channel.
struct Norm {
    epsilon: f32,
    gains: Vec<f32>,
}

#[derive(Default)]
struct Memory {
    /// Tokens, and those of the next layer.
    tokens: [Vec<f32>; 2],
    normed: Vec<f32>,
    transposed: Vec<f32>,
    hidden: Vec<f32>,
    mixed: Vec<f32>,
}

impl Mixer {
    /// Reads the net from its ONNX file.
    pub(crate) fn load(name: &'static str, onnx: &[u8]) -> Result<Self, FaceError> {
        chain::read(onnx, Self::parse).map_err(|found| FaceError::Structure { net: name, found })
    }

    fn parse(chain: &mut Chain<'_>) -> chain::Result<Self> {
        for kind in ["ReduceMean", "Sub", "Mul", "ReduceSum", "Sqrt", "ReduceMean", "Div"] {
            chain.expect(kind)?;
        }
        const MOVES: [&str; 3] = ["Reshape", "Transpose", "Slice"];
        chain.skip(&MOVES);
        let scale = chain.values("Mul", 1, 1)?[0];
        chain.skip(&MOVES);
        let embed_points = chain.conv([1, 1, POINTS], false)?;
        let count = embed_points.outputs() + 1;
        chain.skip(&MOVES);
        let embed_places = chain.conv([1, 1, 2], false)?;
        let first = chain.values("Concat", 0, CHANNELS)?;
        let mut layers = Vec::new();
        while !chain.is_next("Slice") {
            let before_tokens = Norm::parse(chain)?;
            chain.skip(&MOVES);
            let tokens = mlp(chain, count)?;
            chain.skip(&MOVES);
            chain.expect("Add")?;
            let before_channels = Norm::parse(chain)?;
            let channels = mlp(chain, CHANNELS)?;
            chain.expect("Add")?;
            layers.push(Layer { before_tokens, tokens, before_channels, channels });
        }
        chain.skip(&MOVES);
        let head = chain.conv([1, 1, CHANNELS], false)?;
        chain.expect("Sigmoid")?;
        let counts = [embed_places.outputs(), head.outputs()];
        if counts != [CHANNELS, BLENDSHAPE_COUNT] {
            return Err(format!("{} channels and {} scores", counts[0], counts[1]));
        }
        let [embed_points, embed_places, head] = [embed_points, embed_places, head].map(|conv| conv.linear());
        Ok(Self { scale, embed_points, embed_places, first, layers, head, spare: Mutex::default() })
    }

    /// Scores 0..1 from points in any unit.
    pub(crate) fn run(&self, points: &[[f32; 2]; POINTS]) -> [f32; BLENDSHAPE_COUNT] {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut memory = spare.unwrap_or_default();
        let scores = simd::dispatch(Run { net: self, points, memory: &mut memory });
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        scores
    }
}

/// Two dense maps with a ReLU between, from and to so many values.
fn mlp(chain: &mut Chain<'_>, count: usize) -> chain::Result<[Dense; 2]> {
    let widen = chain.conv([1, 1, count], false)?;
    let hidden = widen.outputs();
    let widen = chain.rectified(widen)?;
    let narrow = chain.conv([1, 1, hidden], false)?;
    if narrow.outputs() != count {
        return Err(format!("{} values to be added to {count}", narrow.outputs()));
    }
    Ok([widen, narrow.linear()])
}

impl Norm {
    fn parse(chain: &mut Chain<'_>) -> chain::Result<Self> {
        for kind in ["ReduceMean", "Neg", "Sub", "Mul", "ReduceMean"] {
            chain.expect(kind)?;
        }
        let epsilon = chain.values("Add", 1, 1)?[0];
        chain.expect("Sqrt")?;
        chain.expect("Reciprocal")?;
        let gains = chain.values("Mul", 1, CHANNELS)?;
        for kind in ["Mul", "Mul", "Add"] {
            chain.expect(kind)?;
        }
        Ok(Self { epsilon, gains })
    }

    #[inline(always)]
    fn apply(&self, tokens: &[f32], normed: &mut Vec<f32>) {
        normed.resize(tokens.len(), 0.0);
        for (token, normed) in tokens.chunks_exact(CHANNELS).zip(normed.chunks_exact_mut(CHANNELS)) {
            let mean = token.iter().sum::<f32>() / CHANNELS as f32;
            let variance = token.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / CHANNELS as f32;
            let scale = 1.0 / (variance + self.epsilon).sqrt();
            for ((normed, value), gain) in normed.iter_mut().zip(token).zip(&self.gains) {
                *normed = (value - mean) * (scale * gain);
            }
        }
    }
}

struct Run<'a> {
    net: &'a Mixer,
    points: &'a [[f32; 2]; POINTS],
    memory: &'a mut Memory,
}

impl WithSimd for Run<'_> {
    type Output = [f32; BLENDSHAPE_COUNT];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { net, points, memory: Memory { tokens, normed, transposed, hidden, mixed } } = self;
        let [mut tokens, mut next] = tokens.each_mut();
        let places = net.places(points);
        apply(simd, &net.embed_points, places.as_flattened(), Residual::NOTHING, hidden);
        let [x, y] = [0, 1].map(|axis| &hidden[axis * net.embed_points.outputs..][..net.embed_points.outputs]);
        mixed.clear();
        mixed.extend(x.iter().zip(y).flat_map(|(x, y)| [*x, *y]));
        apply(simd, &net.embed_places, mixed, Residual::NOTHING, next);
        tokens.clear();
        tokens.extend_from_slice(&net.first);
        tokens.extend_from_slice(next);
        let count = tokens.len() / CHANNELS;
        for (index, layer) in net.layers.iter().enumerate() {
            layer.before_tokens.apply(tokens, normed);
            transposed.resize(tokens.len(), 0.0);
            for (t, token) in normed.chunks_exact(CHANNELS).enumerate() {
                for (c, value) in token.iter().enumerate() {
                    transposed[c * count + t] = *value;
                }
            }
            apply(simd, &layer.tokens[0], transposed, Residual::NOTHING, hidden);
            apply(simd, &layer.tokens[1], hidden, Residual::NOTHING, mixed);
            for (t, token) in tokens.chunks_exact_mut(CHANNELS).enumerate() {
                for (value, mixed) in token.iter_mut().zip(mixed.chunks_exact(layer.tokens[1].outputs)) {
                    *value += mixed[t];
                }
            }
            // At the end only the first token is looked at.
            let used = if index + 1 == net.layers.len() { CHANNELS } else { tokens.len() };
            layer.before_channels.apply(&tokens[..used], normed);
            apply(simd, &layer.channels[0], normed, Residual::NOTHING, hidden);
            let residual = Residual { values: &tokens[..used], channels: CHANNELS };
            apply(simd, &layer.channels[1], hidden, residual, next);
            std::mem::swap(&mut tokens, &mut next);
        }
        apply(simd, &net.head, &tokens[..CHANNELS], Residual::NOTHING, hidden);
        let mut scores = [0.0; BLENDSHAPE_COUNT];
        for (score, logit) in scores.iter_mut().zip(hidden) {
            *score = 1.0 / (1.0 + (-*logit).exp());
        }
        scores
    }
}

impl Mixer {
    /// The points' x and y, about their centre.
    fn places(&self, points: &[[f32; 2]; POINTS]) -> [[f32; POINTS]; 2] {
        let mean = [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f32>() / POINTS as f32);
        let mut places = [0, 1].map(|axis| points.map(|point| point[axis] - mean[axis]));
        let [x, y] = &places;
        let distance = x.iter().zip(y).map(|(x, y)| (x * x + y * y).sqrt()).sum::<f32>() / POINTS as f32;
        places.as_flattened_mut().iter_mut().for_each(|value| *value = *value / distance * self.scale);
        places
    }
}

/// A dense map of as many pixels as there are values for.
#[inline(always)]
fn apply<S: Simd>(simd: S, dense: &Dense, values: &[f32], residual: Residual<'_>, out: &mut Vec<f32>) {
    out.resize(values.len() / dense.inputs * dense.outputs, 0.0);
    dense.row(simd, &[Source { values, stride: dense.inputs, inputs: dense.inputs }], residual, out);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZero;

    use super::*;
    use crate::nets::{self, Net};

    const ONNX: &[u8] = include_bytes!("../models/face_blendshapes.onnx");

    /// Points about a circle, as no face has them, but different for each seed.
    fn points(seed: u32) -> [[f32; 2]; POINTS] {
        std::array::from_fn(|i| {
            let angle = i as f32 * 0.7 + seed as f32;
            let radius = 40.0 + 30.0 * (i as f32 * 1.3 * (seed + 1) as f32).sin();
            [200.0 + radius * angle.cos(), 120.0 + radius * angle.sin()]
        })
    }

    #[test]
    fn scores_are_those_of_a_runtime() {
        let threads = nets::thread_pool(NonZero::<usize>::MIN);
        let runtime = Net::load("face_blendshapes", ONNX, &[("scores", BLENDSHAPE_COUNT)], threads).unwrap();
        let net = Mixer::load("face_blendshapes", ONNX).unwrap();
        for seed in 0..5 {
            let points = points(seed);
            let expected = runtime.run(&[1, POINTS, 2], points.as_flattened().to_vec()).unwrap().remove(0);
            let scores = net.run(&points);
            for (i, (score, expected)) in scores.iter().zip(&expected).enumerate() {
                assert!((score - expected).abs() < 1e-4, "{i}: {score}, not {expected}");
            }
            assert_eq!(scores, net.run(&points), "memory of the run before leaves no trace");
        }
    }

    #[test]
    fn another_net_is_refused_by_its_structure() {
        let other: &[u8] = include_bytes!("../models/face_landmarks_detector.onnx");
        for onnx in [other, b"", &ONNX[..ONNX.len() / 2]] {
            let error = Mixer::load("net", onnx).err().unwrap();
            assert!(matches!(error, FaceError::Structure { .. }), "{error}");
        }
    }
}
