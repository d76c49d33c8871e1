//! The transformers between the residual blocks.

use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

use super::Pass;
use crate::ops::{GroupNorm, LayerNorm, Linear, Mask, attention, geglu, weighted_attention};

/// Sizes of one transformer, and where its layers stand in the lists of adapters and banks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub channels: usize,
    pub heads: usize,
    pub depth: usize,
    pub context: usize,
    pub groups: usize,
    pub linear_projection: bool,
}

/// A transformer over the pixels of a picture.
///
/// # Shapes
/// (batch, channels, height, width) -> the same.
#[derive(Debug)]
pub(super) struct Transformer {
    norm: GroupNorm,
    proj_in: Linear,
    blocks: Vec<Block>,
    proj_out: Linear,
}

impl Transformer {
    /// `adapter` holds keys and values for the expression, `first_adapter` is the first of its layers that is taken;
    /// `first_bank` is the place of the first block in reference banks.
    pub(super) fn new(
        vb: &VarBuilder<'_>,
        shape: Shape,
        adapter: Option<&VarBuilder<'_>>,
        first_adapter: usize,
        first_bank: usize,
    ) -> Result<Self> {
        let channels = shape.channels;
        let projection = |name: &str| {
            if shape.linear_projection {
                Linear::new(&vb.pp(name), channels, channels)
            } else {
                Linear::from_pointwise_conv(&vb.pp(name), channels, channels)
            }
        };
        let blocks = (0..shape.depth).map(|i| {
            // Processors alternate between self- and cross-attention; those of the expression have the odd numbers.
            let layer = adapter.map(|vb| vb.pp(2 * (first_adapter + i) + 1));
            Block::new(&vb.pp(format!("transformer_blocks.{i}")), shape, layer.as_ref(), first_bank + i)
        });
        Ok(Self {
            norm: GroupNorm::new(&vb.pp("norm"), shape.groups, channels, 1e-6)?,
            proj_in: projection("proj_in")?,
            blocks: blocks.collect::<Result<_>>()?,
            proj_out: projection("proj_out")?,
        })
    }

    pub(super) fn forward(&self, xs: &Tensor, pass: &mut Pass<'_>) -> Result<Tensor> {
        let (batch, channels, height, width) = xs.dims4()?;
        let tokens = self.norm.forward(xs)?.reshape((batch, channels, height * width))?.transpose(1, 2)?;
        let mut tokens = self.proj_in.forward(&tokens)?;
        for block in &self.blocks {
            tokens = block.forward(&tokens, pass)?;
        }
        let picture = self.proj_out.forward(&tokens)?.transpose(1, 2)?.reshape((batch, channels, height, width))?;
        picture + xs
    }
}

/// Self-attention, attention to the prompt and the expression, and a gated feed-forward layer.
#[derive(Debug)]
struct Block {
    norm1: LayerNorm,
    attn1: Projections,
    norm2: LayerNorm,
    attn2: Projections,
    expression: Option<(Linear, Linear)>,
    norm3: LayerNorm,
    ff_in: Linear,
    ff_out: Linear,
    heads: usize,
    /// Its place in reference banks.
    bank: usize,
}

impl Block {
    fn new(vb: &VarBuilder<'_>, shape: Shape, expression: Option<&VarBuilder<'_>>, bank: usize) -> Result<Self> {
        let Shape { channels, heads, context, .. } = shape;
        let norm = |name: &str| LayerNorm::new(&vb.pp(name), channels, 1e-5);
        let expression = expression.map(|vb| {
            let k = Linear::without_bias(&vb.pp("to_k_ip"), context, channels)?;
            Ok::<_, candle_core::Error>((k, Linear::without_bias(&vb.pp("to_v_ip"), context, channels)?))
        });
        Ok(Self {
            norm1: norm("norm1")?,
            attn1: Projections::new(&vb.pp("attn1"), channels, channels)?,
            norm2: norm("norm2")?,
            attn2: Projections::new(&vb.pp("attn2"), channels, context)?,
            expression: expression.transpose()?,
            norm3: norm("norm3")?,
            ff_in: Linear::new(&vb.pp("ff.net.0.proj"), channels, 8 * channels)?,
            ff_out: Linear::new(&vb.pp("ff.net.2"), 4 * channels, channels)?,
            heads,
            bank,
        })
    }

    fn forward(&self, xs: &Tensor, pass: &mut Pass<'_>) -> Result<Tensor> {
        let normed = self.norm1.forward(xs)?;
        let attended = self.attend_self(&normed, pass)?;
        if let Some(collected) = &mut pass.collected {
            collected.push(normed);
        }
        let xs = (xs + attended)?;
        let xs = (&xs + self.attend_prompt(&self.norm2.forward(&xs)?, pass)?)?;
        let inner = geglu(&self.ff_in.forward(&self.norm3.forward(&xs)?)?)?;
        &xs + self.ff_out.forward(&inner)?
    }

    /// Every row of the batch attends to itself; from `bank.from` on, also to the reference.
    fn attend_self(&self, xs: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        let own = &self.attn1;
        let (q, k, v) = (own.q.forward(xs)?, own.k.forward(xs)?, own.v.forward(xs)?);
        let rows = xs.dim(0)?;
        let attended = match pass.bank.filter(|bank| bank.from < rows) {
            None => attention(&q, &k, &v, self.heads, Mask::Full)?,
            Some(bank) => {
                let reference = &bank.bank.layers()[self.bank];
                let (_, tokens, channels) = reference.dims3()?;
                let reading = rows - bank.from;
                let extended = |own: &Tensor, projection: &Linear| {
                    let extra = projection.forward(reference)?.broadcast_as((reading, tokens, channels))?;
                    Tensor::cat(&[&own.narrow(0, bank.from, reading)?, &extra], 1)
                };
                let (q_reading, k, v) = (
                    q.narrow(0, bank.from, reading)?,
                    (k.clone(), extended(&k, &own.k)?),
                    (v.clone(), extended(&v, &own.v)?),
                );
                let reading = match bank.bank.key_weights(reading, xs.dim(1)?, tokens) {
                    Some(weights) => weighted_attention(&q_reading, &k.1, &v.1, self.heads, &weights)?,
                    None => attention(&q_reading, &k.1, &v.1, self.heads, Mask::Full)?,
                };
                if bank.from == 0 {
                    reading
                } else {
                    let head = |xs: &Tensor| xs.narrow(0, 0, bank.from);
                    let alone = attention(&head(&q)?, &head(&k.0)?, &head(&v.0)?, self.heads, Mask::Full)?;
                    Tensor::cat(&[&alone, &reading], 0)?
                }
            }
        };
        own.out.forward(&attended)
    }

    /// The same queries look at the prompt and at the expression's tokens; the latter is weighted by its scale.
    fn attend_prompt(&self, xs: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        let layer = &self.attn2;
        let q = layer.q.forward(xs)?;
        let (k, v) = (layer.k.forward(pass.prompt)?, layer.v.forward(pass.prompt)?);
        let mut attended = attention(&q, &k, &v, self.heads, Mask::Full)?;
        if let (Some((to_k, to_v)), Some(expression)) = (&self.expression, &pass.expression) {
            let (k, v) = (to_k.forward(expression.tokens)?, to_v.forward(expression.tokens)?);
            let change = attention(&q, &k, &v, self.heads, Mask::Full)?;
            attended = (attended + (change * expression.scale)?)?;
        }
        layer.out.forward(&attended)
    }
}

/// The four matrices of an attention layer.
#[derive(Debug)]
struct Projections {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
}

impl Projections {
    fn new(vb: &VarBuilder<'_>, channels: usize, context: usize) -> Result<Self> {
        Ok(Self {
            q: Linear::without_bias(&vb.pp("to_q"), channels, channels)?,
            k: Linear::without_bias(&vb.pp("to_k"), context, channels)?,
            v: Linear::without_bias(&vb.pp("to_v"), context, channels)?,
            out: Linear::new(&vb.pp("to_out.0"), channels, channels)?,
        })
    }
}
