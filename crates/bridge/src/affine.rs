//! Outputs as weighted sums of inputs.

use moue_timeline::Channel;

/// How well an output was predicted on frames that it was not learned from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Root of the mean square error, in the output's units.
    pub rmse: f64,
    /// 1 - (mean square error / variance): 1 is perfect, 0 no better than the mean of these frames, below 0 worse. None
    /// for an output that does not move there.
    pub r2: Option<f64>,
}

/// `y = x W + b` from channels of one family to channels of the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    pub(crate) inputs: Vec<Channel>,
    pub(crate) outputs: Vec<Channel>,
    /// Row-major, one row for each input, one column for each output.
    pub(crate) weights: Vec<f64>,
    /// One for each output.
    pub(crate) bias: Vec<f64>,
    /// One for each output; none where nobody measured it.
    pub(crate) scores: Vec<Option<Score>>,
    /// The same for the outputs that a rule gives ([`crate::rule`]).
    pub(crate) rule_scores: Vec<Option<Score>>,
}

impl Affine {
    /// Channels that it reads, each once.
    pub fn inputs(&self) -> &[Channel] {
        &self.inputs
    }

    /// Channels that it gives, each once.
    pub fn outputs(&self) -> &[Channel] {
        &self.outputs
    }

    /// What one unit of an input adds to an output; both by their places in [`Self::inputs`] and [`Self::outputs`].
    pub fn weight(&self, input: usize, output: usize) -> f64 {
        self.weights[input * self.outputs.len() + output]
    }

    /// What the outputs are where all inputs are zero.
    pub fn bias(&self) -> &[f64] {
        &self.bias
    }

    /// How well each output was predicted on held-back frames; none for a map that came without figures.
    pub fn scores(&self) -> &[Option<Score>] {
        &self.scores
    }

    /// How well the rule did on the same frames, for each output that one gives: [`crate::bridge`] takes the rule there,
    /// where its inputs exist.
    pub fn rule_scores(&self) -> &[Option<Score>] {
        &self.rule_scores
    }

    /// The outputs for one row of inputs.
    pub(crate) fn apply(&self, row: &[f64], outputs: &mut Vec<f64>) {
        outputs.clear();
        outputs.extend_from_slice(&self.bias);
        for (value, weights) in row.iter().zip(self.weights.chunks_exact(self.outputs.len().max(1))) {
            for (output, weight) in outputs.iter_mut().zip(weights) {
                *output += value * weight;
            }
        }
    }
}
