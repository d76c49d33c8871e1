//! The residual block that the denoising network and the VAE are made of.

use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

use crate::ops::{Conv2d, GroupNorm, Linear};

/// Two convolutions, each after a group normalisation and SiLU, beside a shortcut.
///
/// # Shapes
/// (batch, in_channels, height, width) -> (batch, out_channels, height, width).
#[derive(Debug)]
pub(crate) struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    shortcut: Option<Conv2d>,
}

impl ResnetBlock {
    /// `time_features` is the width of the timestep's embedding, where there is one.
    pub(crate) fn new(
        vb: &VarBuilder<'_>,
        (in_channels, out_channels): (usize, usize),
        groups: usize,
        eps: f64,
        time_features: Option<usize>,
    ) -> Result<Self> {
        let time = time_features.map(|width| Linear::new(&vb.pp("time_emb_proj"), width, out_channels));
        let shortcut =
            (in_channels != out_channels).then(|| Conv2d::new(&vb.pp("conv_shortcut"), in_channels, out_channels, 1));
        Ok(Self {
            norm1: GroupNorm::new(&vb.pp("norm1"), groups, in_channels, eps)?,
            conv1: Conv2d::new(&vb.pp("conv1"), in_channels, out_channels, 3)?,
            time: time.transpose()?,
            norm2: GroupNorm::new(&vb.pp("norm2"), groups, out_channels, eps)?,
            conv2: Conv2d::new(&vb.pp("conv2"), out_channels, out_channels, 3)?,
            shortcut: shortcut.transpose()?,
        })
    }

    /// `time` is SiLU of the timestep's embedding, (1, time_features).
    pub(crate) fn forward(&self, xs: &Tensor, time: Option<&Tensor>) -> Result<Tensor> {
        let hidden = self.norm1.forward_silu(xs)?;
        let hidden = match (&self.time, time) {
            (Some(layer), Some(time)) => self.conv1.forward_shifted(&hidden, &layer.forward(time)?)?,
            _ => self.conv1.forward(&hidden)?,
        };
        let hidden = self.conv2.forward(&self.norm2.forward_silu(&hidden)?)?;
        match &self.shortcut {
            Some(shortcut) => hidden + shortcut.forward(xs)?,
            None => hidden + xs,
        }
    }
}
