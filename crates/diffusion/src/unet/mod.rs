//! `UNet2DConditionModel` of the Stable Diffusion 1.5 family, twice: one that reads a reference picture, one that
//! denoises with the expression adapter and the reference's bank.

mod attention;
mod bank;
mod blocks;
pub(crate) mod resnet;

use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::VarBuilder;

use crate::config::{Level, UnetConfig};
use crate::ops::{Conv2d, GroupNorm, Linear, activation_dtype};
pub use bank::ReferenceBank;
use blocks::{Count, Down, Middle, Up};

/// What a denoising pass is conditioned on, with one row for each row of the latents.
#[derive(Clone, Copy, Debug)]
pub struct Conditioning<'a> {
    /// Prompt embeddings, (batch, tokens, cross_attention_dim).
    pub prompt: &'a Tensor,
    /// Expression tokens, if the adapter is to act.
    pub expression: Option<ExpressionTokens<'a>>,
    /// The first row that reads the reference bank: those before, the unconditional half, only see themselves.
    pub bank_from: usize,
}

/// The expression's part of the conditioning.
#[derive(Clone, Copy, Debug)]
pub struct ExpressionTokens<'a> {
    /// (batch, tokens, cross_attention_dim).
    pub tokens: &'a Tensor,
    /// Weight of what they add, 1 as trained.
    pub scale: f64,
}

/// State of one pass.
struct Pass<'a> {
    prompt: &'a Tensor,
    expression: Option<ExpressionTokens<'a>>,
    bank: Option<Reading<'a>>,
    /// Where a bank is written.
    collected: Option<Vec<Tensor>>,
}

/// A bank that is read by the rows from `from` on.
#[derive(Clone, Copy)]
struct Reading<'a> {
    bank: &'a ReferenceBank,
    from: usize,
}

/// The network that looks at a reference picture once.
#[derive(Debug)]
pub struct ReferenceUnet(Unet);

impl ReferenceUnet {
    /// The network without changes.
    ///
    /// # Errors
    /// Where a tensor cannot be read.
    pub fn new(vb: &VarBuilder<'_>, config: &UnetConfig) -> Result<Self> {
        Ok(Self(Unet::new(vb, config, None)?))
    }

    /// What there is to see in `latents`, (1, 4, height, width), at `timestep`, with the prompt (1, tokens, width).
    ///
    /// # Errors
    /// Where shapes do not match.
    pub fn forward(&self, latents: &Tensor, timestep: f64, prompt: &Tensor) -> Result<ReferenceBank> {
        let mut pass = Pass { prompt, expression: None, bank: None, collected: Some(Vec::new()) };
        self.0.forward(latents, timestep, &mut pass)?;
        Ok(ReferenceBank::of(pass.collected.unwrap_or_default()))
    }
}

/// The network that predicts the noise.
#[derive(Debug)]
pub struct DenoisingUnet(Unet);

impl DenoisingUnet {
    /// The network, with `adapter` holding `{n}.to_k_ip` and `{n}.to_v_ip` if expressions are to act.
    ///
    /// # Errors
    /// Where a tensor cannot be read.
    pub fn new(vb: &VarBuilder<'_>, config: &UnetConfig, adapter: Option<&VarBuilder<'_>>) -> Result<Self> {
        Ok(Self(Unet::new(vb, config, adapter)?))
    }

    /// The noise in `latents`.
    ///
    /// # Shapes
    /// (batch, 4, height, width) -> the same.
    ///
    /// # Errors
    /// Where shapes do not match.
    pub fn forward(
        &self,
        latents: &Tensor,
        timestep: f64,
        conditioning: &Conditioning<'_>,
        bank: &ReferenceBank,
    ) -> Result<Tensor> {
        let blocks = bank.layers().len();
        if !bank.is_empty() && blocks != self.0.blocks {
            candle_core::bail!("a reference bank of {blocks} blocks for a network of {}", self.0.blocks);
        }
        let reading = Reading { bank, from: conditioning.bank_from };
        let mut pass = Pass {
            prompt: conditioning.prompt,
            expression: conditioning.expression,
            bank: (!bank.is_empty()).then_some(reading),
            collected: None,
        };
        self.0.forward(latents, timestep, &mut pass)
    }
}

impl UnetConfig {
    /// The level in the middle.
    pub(crate) fn coarsest(&self) -> &Level {
        &self.levels[self.levels.len() - 1]
    }

    /// Width of the timestep's embedding.
    pub(crate) fn time_features(&self) -> usize {
        4 * self.levels[0].channels
    }

    /// Names of the attention layers in the order of diffusers' processors: down, up, middle, and in each block the
    /// self-attention first.
    pub fn attention_layers(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut add = |prefix: String, depth: usize| {
            for i in 0..depth {
                names.extend([1, 2].map(|n| format!("{prefix}.transformer_blocks.{i}.attn{n}")));
            }
        };
        for (i, level) in self.levels.iter().enumerate().filter(|(_, level)| level.attends_down) {
            (0..level.layers).for_each(|j| add(format!("down_blocks.{i}.attentions.{j}"), level.depth));
        }
        for (i, level) in self.levels.iter().rev().enumerate().filter(|(_, level)| level.attends_up) {
            (0..=level.layers).for_each(|j| add(format!("up_blocks.{i}.attentions.{j}"), level.depth));
        }
        add("mid_block.attentions.0".into(), self.coarsest().depth);
        names
    }
}

#[derive(Debug)]
struct Unet {
    conv_in: Conv2d,
    time1: Linear,
    time2: Linear,
    down: Vec<Down>,
    middle: Middle,
    up: Vec<Up>,
    norm_out: GroupNorm,
    conv_out: Conv2d,
    frequencies: Frequencies,
    /// Transformer blocks in all.
    blocks: usize,
    device: Device,
    /// Type of the activations.
    dtype: DType,
}

impl Unet {
    fn new(vb: &VarBuilder<'_>, config: &UnetConfig, adapter: Option<&VarBuilder<'_>>) -> Result<Self> {
        let finest = config.levels[0].channels;
        let count = config.levels.len();
        let mut counted = Count::default();
        let down: Vec<Down> = (0..count)
            .map(|i| Down::new(&vb.pp(format!("down_blocks.{i}")), config, i, adapter, &mut counted))
            .collect::<Result<_>>()?;
        let down_bank = counted.bank;
        counted.bank += config.coarsest().depth;
        let up: Vec<Up> = (0..count)
            .map(|i| Up::new(&vb.pp(format!("up_blocks.{i}")), config, count - 1 - i, adapter, &mut counted))
            .collect::<Result<_>>()?;
        let place = Count { bank: down_bank, adapter: counted.adapter };
        let features = config.time_features();
        let (device, dtype) = (vb.device().clone(), vb.dtype());
        Ok(Self {
            conv_in: Conv2d::new(&vb.pp("conv_in"), config.in_channels, finest, 3)?,
            time1: Linear::new(&vb.pp("time_embedding.linear_1"), finest, features)?,
            time2: Linear::new(&vb.pp("time_embedding.linear_2"), features, features)?,
            down,
            middle: Middle::new(&vb.pp("mid_block"), config, adapter, place)?,
            up,
            norm_out: GroupNorm::new(&vb.pp("conv_norm_out"), config.norm_groups, finest, config.norm_eps)?,
            conv_out: Conv2d::new(&vb.pp("conv_out"), finest, config.out_channels, 3)?,
            frequencies: Frequencies { width: finest, flip: config.flip_sin_to_cos, shift: config.freq_shift },
            blocks: counted.bank,
            dtype: activation_dtype(&device, dtype),
            device,
        })
    }

    fn forward(&self, latents: &Tensor, timestep: f64, pass: &mut Pass<'_>) -> Result<Tensor> {
        let time = Tensor::new(self.frequencies.embed(timestep), &self.device)?.to_dtype(self.dtype)?.unsqueeze(0)?;
        let time = self.time2.forward(&candle_nn::ops::silu(&self.time1.forward(&time)?)?)?;
        let time = candle_nn::ops::silu(&time)?;
        let mut xs = self.conv_in.forward(&latents.to_dtype(self.dtype)?)?;
        let mut skips = vec![xs.clone()];
        for down in &self.down {
            xs = down.forward(&xs, &time, pass, &mut skips)?;
        }
        xs = self.middle.forward(&xs, &time, pass)?;
        for up in &self.up {
            xs = up.forward(&xs, &time, pass, &mut skips)?;
        }
        self.conv_out.forward(&self.norm_out.forward_silu(&xs)?)
    }
}

/// The sinusoidal embedding of a timestep.
#[derive(Debug)]
struct Frequencies {
    width: usize,
    flip: bool,
    shift: f64,
}

impl Frequencies {
    /// Computed here in full precision: in half precision, 999 times a frequency is off by whole radians.
    fn embed(&self, timestep: f64) -> Vec<f32> {
        let half = self.width / 2;
        let angles: Vec<f64> =
            (0..half).map(|i| timestep * (-(10_000f64.ln()) * i as f64 / (half as f64 - self.shift)).exp()).collect();
        let (sines, cosines) = (angles.iter().map(|a| a.sin() as f32), angles.iter().map(|a| a.cos() as f32));
        if self.flip { cosines.chain(sines).collect() } else { sines.chain(cosines).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedding_of_zero_is_cosines_of_zero() {
        let embedded = Frequencies { width: 6, flip: true, shift: 0.0 }.embed(0.0);
        assert_eq!(embedded, [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        let embedded = Frequencies { width: 4, flip: false, shift: 0.0 }.embed(1.0);
        assert!((embedded[0] - 1f32.sin()).abs() < 1e-7 && (embedded[1] - 0.01f32.sin()).abs() < 1e-7);
    }
}
