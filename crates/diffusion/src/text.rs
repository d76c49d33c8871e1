//! CLIP's text model, with a face in the place of a word.

use candle_core::{Device, Module, Result, Tensor};
use candle_nn::VarBuilder;

use crate::config::TextConfig;
use crate::ops::{LayerNorm, Linear, Mask, attention};

/// Values of a recogniser's face vector.
pub const FACE_VECTOR: usize = 512;

/// The text model.
#[derive(Debug)]
pub struct TextModel {
    tokens: Tensor,
    positions: Tensor,
    blocks: Vec<Block>,
    norm: LayerNorm,
    hidden: usize,
}

#[derive(Debug)]
struct Block {
    norm1: LayerNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    heads: usize,
    quick_gelu: bool,
}

impl TextModel {
    /// Takes the tensors under `text_model`.
    ///
    /// # Errors
    /// Where a tensor cannot be read.
    pub fn new(vb: &VarBuilder<'_>, config: &TextConfig) -> Result<Self> {
        let vb = vb.pp("text_model");
        let embeddings = vb.pp("embeddings");
        let tokens = embeddings.get((config.vocabulary, config.hidden), "token_embedding.weight")?;
        let positions = embeddings.get((config.positions, config.hidden), "position_embedding.weight")?;
        let blocks = (0..config.layers).map(|i| Block::new(&vb.pp(format!("encoder.layers.{i}")), config));
        Ok(Self {
            blocks: blocks.collect::<Result<_>>()?,
            norm: LayerNorm::new(&vb.pp("final_layer_norm"), config.hidden, config.eps)?,
            hidden: config.hidden,
            tokens,
            positions,
        })
    }

    /// The last hidden state of `ids`, after the final normalisation. Where a token is `face.0`, its embedding is
    /// `face.1`, filled up with zeros.
    ///
    /// # Shapes
    /// (tokens) -> (1, tokens, hidden), in f32 on the CPU, else in the type of the weights.
    ///
    /// # Errors
    /// Where an id is not in the vocabulary.
    pub fn forward(&self, ids: &[u32], face: Option<(u32, &[f32; FACE_VECTOR])>) -> Result<Tensor> {
        let device = self.tokens.device();
        let dtype = crate::ops::activation_dtype(device, self.tokens.dtype());
        let mut xs = self.tokens.embedding(&Tensor::new(ids, device)?)?.to_dtype(dtype)?;
        if let Some((id, vector)) = face {
            let mut padded = vector.to_vec();
            padded.resize(self.hidden, 0.0);
            let vector =
                Tensor::from_vec(padded, (1, self.hidden), &Device::Cpu)?.to_device(device)?.to_dtype(dtype)?;
            let rows = ids.iter().enumerate().map(
                |(i, &token)| {
                    if token == id { Ok(vector.clone()) } else { xs.narrow(0, i, 1) }
                },
            );
            xs = Tensor::cat(&rows.collect::<Result<Vec<_>>>()?, 0)?;
        }
        let positions = self.positions.narrow(0, 0, ids.len())?.to_dtype(dtype)?;
        let mut xs = (xs + positions)?.unsqueeze(0)?;
        for block in &self.blocks {
            xs = block.forward(&xs)?;
        }
        self.norm.forward(&xs)
    }
}

impl Block {
    fn new(vb: &VarBuilder<'_>, config: &TextConfig) -> Result<Self> {
        let (hidden, inner) = (config.hidden, config.intermediate);
        let projection = |name: &str| Linear::new(&vb.pp(format!("self_attn.{name}_proj")), hidden, hidden);
        Ok(Self {
            norm1: LayerNorm::new(&vb.pp("layer_norm1"), hidden, config.eps)?,
            q: projection("q")?,
            k: projection("k")?,
            v: projection("v")?,
            out: projection("out")?,
            norm2: LayerNorm::new(&vb.pp("layer_norm2"), hidden, config.eps)?,
            fc1: Linear::new(&vb.pp("mlp.fc1"), hidden, inner)?,
            fc2: Linear::new(&vb.pp("mlp.fc2"), inner, hidden)?,
            heads: config.heads,
            quick_gelu: config.quick_gelu,
        })
    }

    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        let normed = self.norm1.forward(xs)?;
        let (q, k, v) = (self.q.forward(&normed)?, self.k.forward(&normed)?, self.v.forward(&normed)?);
        let xs = (xs + self.out.forward(&attention(&q, &k, &v, self.heads, Mask::Causal)?)?)?;
        let inner = self.fc1.forward(&self.norm2.forward(&xs)?)?;
        let inner = if self.quick_gelu {
            (&inner * candle_nn::ops::sigmoid(&(&inner * 1.702)?)?)?
        } else {
            inner.gelu_erf()?
        };
        &xs + self.fc2.forward(&inner)?
    }
}
