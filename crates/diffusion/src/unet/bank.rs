//! What denoising reads of reference pictures.

use candle_core::{Result, Tensor};

use crate::ops::UNSEEN;

/// What the network saw of reference pictures: the normalised tokens before each self-attention, in the order in which
/// the blocks run.
///
/// # Shapes
/// Each (1 or rows, parts * height * width of its level, channels of its level): one for all rows that read it, or one
/// for each. The tokens of a part are one picture's.
#[derive(Clone, Debug, Default)]
pub struct ReferenceBank {
    layers: Vec<Tensor>,
    /// Logarithms of the weights of the parts, row after row; nothing where all of them count alike.
    log_weights: Option<Vec<f32>>,
    parts: usize,
}

impl ReferenceBank {
    /// A bank that nothing is read from.
    pub fn empty() -> Self {
        Self::default()
    }

    /// One picture's.
    pub(super) fn of(layers: Vec<Tensor>) -> Self {
        Self { layers, log_weights: None, parts: 1 }
    }

    /// Several pictures at once, for rows that each have pictures of their own: a weight of 1 is as a picture has that is
    /// there alone, one of 0 is as if it were not there. Each is one picture's bank, and of one network.
    ///
    /// # Errors
    /// Where the banks are of different networks or pictures of different sizes.
    pub fn combined(rows: &[Vec<(&ReferenceBank, f32)>]) -> Result<Self> {
        let parts = rows.iter().map(Vec::len).max().unwrap_or(0);
        let Some(first) = rows.iter().flatten().next() else { return Ok(Self::empty()) };
        let blocks = first.0.layers.len();
        if let Some((other, _)) = rows.iter().flatten().find(|(bank, _)| bank.layers.len() != blocks) {
            candle_core::bail!("reference banks of {blocks} and of {} blocks", other.layers.len());
        }
        // Rows with fewer pictures see one of theirs once more, with no weight.
        let padded = |row: &[(&'_ ReferenceBank, f32)], part: usize| match row.get(part) {
            Some((bank, weight)) => ((*bank).clone(), *weight),
            None => ((*row.first().map_or(first.0, |(bank, _)| *bank)).clone(), 0.0),
        };
        let filled: Vec<Vec<(ReferenceBank, f32)>> =
            rows.iter().map(|row| (0..parts).map(|part| padded(row, part)).collect()).collect();
        let layers = (0..blocks).map(|layer| {
            let row = |row: &Vec<(ReferenceBank, f32)>| {
                Tensor::cat(&row.iter().map(|(bank, _)| &bank.layers[layer]).collect::<Vec<_>>(), 1)
            };
            Tensor::cat(&filled.iter().map(row).collect::<Result<Vec<_>>>()?, 0)
        });
        let log = |weight: f32| if weight > 0.0 { weight.ln().max(UNSEEN) } else { UNSEEN };
        let log_weights: Vec<f32> = filled.iter().flatten().map(|(_, weight)| log(*weight)).collect();
        let is_weighted = log_weights.iter().any(|weight| *weight != 0.0);
        Ok(Self { layers: layers.collect::<Result<_>>()?, log_weights: is_weighted.then_some(log_weights), parts })
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// The tokens of every block.
    pub fn layers(&self) -> &[Tensor] {
        &self.layers
    }

    /// Logarithms of the weights of `own` keys of a row and of the bank's `tokens` after them, for `rows` rows; nothing
    /// where all count alike.
    pub(super) fn key_weights(&self, rows: usize, own: usize, tokens: usize) -> Option<Vec<f32>> {
        let weights = self.log_weights.as_ref()?;
        let of_row = |row: usize| {
            let first = (row * self.parts) % weights.len();
            let parts = weights[first..first + self.parts].iter();
            std::iter::repeat_n(0.0, own).chain(parts.flat_map(move |w| std::iter::repeat_n(*w, tokens / self.parts)))
        };
        Some((0..rows).flat_map(of_row).collect())
    }
}
