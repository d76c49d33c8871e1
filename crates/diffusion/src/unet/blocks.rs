//! One level of the network, on the way down or up.

use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

use super::Pass;
use super::attention::{Shape, Transformer};
use super::resnet::ResnetBlock;
use crate::config::{Level, UnetConfig};
use crate::ops::{Conv2d, upsample_nearest};

/// How the blocks are counted while the network is built.
///
/// Reference banks list the blocks as they run: down, middle, up. Adapters list them as PyTorch holds them: down, up,
/// middle.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub bank: usize,
    pub adapter: usize,
}

/// Residual blocks, each with a transformer after it where the level attends.
#[derive(Debug)]
pub(super) struct Layers {
    resnets: Vec<ResnetBlock>,
    transformers: Vec<Transformer>,
}

impl Layers {
    /// `channels` are what goes into each residual block; `out` comes out of all.
    fn new(
        vb: &VarBuilder<'_>,
        config: &UnetConfig,
        level: &Level,
        inputs: &[usize],
        attends: bool,
        adapter: Option<&VarBuilder<'_>>,
        count: &mut Count,
    ) -> Result<Self> {
        let resnets = inputs.iter().enumerate().map(|(i, &input)| {
            let channels = (input, level.channels);
            let time = Some(config.time_features());
            ResnetBlock::new(&vb.pp(format!("resnets.{i}")), channels, config.norm_groups, config.norm_eps, time)
        });
        let mut transformers = Vec::new();
        for i in 0..if attends { inputs.len() } else { 0 } {
            let vb = vb.pp(format!("attentions.{i}"));
            transformers.push(transformer(&vb, config, level, adapter, *count)?);
            count.bank += level.depth;
            count.adapter += level.depth;
        }
        Ok(Self { resnets: resnets.collect::<Result<_>>()?, transformers })
    }

    fn layer(&self, i: usize, xs: &Tensor, time: &Tensor, pass: &mut Pass<'_>) -> Result<Tensor> {
        let xs = self.resnets[i].forward(xs, Some(time))?;
        match self.transformers.get(i) {
            Some(transformer) => transformer.forward(&xs, pass),
            None => Ok(xs),
        }
    }
}

fn transformer(
    vb: &VarBuilder<'_>,
    config: &UnetConfig,
    level: &Level,
    adapter: Option<&VarBuilder<'_>>,
    count: Count,
) -> Result<Transformer> {
    let shape = Shape {
        channels: level.channels,
        heads: level.heads,
        depth: level.depth,
        context: config.cross_attention_dim,
        groups: config.norm_groups,
        linear_projection: config.linear_projection,
    };
    Transformer::new(vb, shape, adapter, count.adapter, count.bank)
}

/// A level on the way down.
#[derive(Debug)]
pub(super) struct Down {
    layers: Layers,
    halve: Option<Conv2d>,
}

impl Down {
    pub(super) fn new(
        vb: &VarBuilder<'_>,
        config: &UnetConfig,
        index: usize,
        adapter: Option<&VarBuilder<'_>>,
        count: &mut Count,
    ) -> Result<Self> {
        let level = &config.levels[index];
        let mut inputs = vec![level.channels; level.layers];
        inputs[0] = config.levels[index.saturating_sub(1)].channels;
        let halve = (index + 1 < config.levels.len()).then(|| {
            let conv = Conv2d::new(&vb.pp("downsamplers.0.conv"), level.channels, level.channels, 3)?;
            Ok::<_, candle_core::Error>(conv.halving(config.downsample_padding))
        });
        Ok(Self {
            layers: Layers::new(vb, config, level, &inputs, level.attends_down, adapter, count)?,
            halve: halve.transpose()?,
        })
    }

    /// Each result also goes onto `skips`, for the way up.
    pub(super) fn forward(
        &self,
        xs: &Tensor,
        time: &Tensor,
        pass: &mut Pass<'_>,
        skips: &mut Vec<Tensor>,
    ) -> Result<Tensor> {
        let mut xs = xs.clone();
        for i in 0..self.layers.resnets.len() {
            xs = self.layers.layer(i, &xs, time, pass)?;
            skips.push(xs.clone());
        }
        if let Some(halve) = &self.halve {
            xs = halve.forward(&xs)?;
            skips.push(xs.clone());
        }
        Ok(xs)
    }
}

/// The coarsest level between the ways down and up.
#[derive(Debug)]
pub(super) struct Middle {
    first: ResnetBlock,
    transformer: Transformer,
    second: ResnetBlock,
}

impl Middle {
    pub(super) fn new(
        vb: &VarBuilder<'_>,
        config: &UnetConfig,
        adapter: Option<&VarBuilder<'_>>,
        count: Count,
    ) -> Result<Self> {
        let level = config.coarsest();
        let resnet = |i: usize| {
            let channels = (level.channels, level.channels);
            let time = Some(config.time_features());
            ResnetBlock::new(&vb.pp(format!("resnets.{i}")), channels, config.norm_groups, config.norm_eps, time)
        };
        Ok(Self {
            first: resnet(0)?,
            transformer: transformer(&vb.pp("attentions.0"), config, level, adapter, count)?,
            second: resnet(1)?,
        })
    }

    pub(super) fn forward(&self, xs: &Tensor, time: &Tensor, pass: &mut Pass<'_>) -> Result<Tensor> {
        let xs = self.first.forward(xs, Some(time))?;
        let xs = self.transformer.forward(&xs, pass)?;
        self.second.forward(&xs, Some(time))
    }
}

/// A level on the way up.
#[derive(Debug)]
pub(super) struct Up {
    layers: Layers,
    double: Option<Conv2d>,
}

impl Up {
    /// `index` is the level, from the finest.
    pub(super) fn new(
        vb: &VarBuilder<'_>,
        config: &UnetConfig,
        index: usize,
        adapter: Option<&VarBuilder<'_>>,
        count: &mut Count,
    ) -> Result<Self> {
        let level = &config.levels[index];
        let below = config.levels.get(index + 1).unwrap_or(level).channels;
        let finer = config.levels[index.saturating_sub(1)].channels;
        // Into each block goes what came before it, and the result of the same place on the way down.
        let inputs: Vec<usize> = (0..=level.layers)
            .map(|i| {
                let before = if i == 0 { below } else { level.channels };
                let skip = if i == level.layers { finer } else { level.channels };
                before + skip
            })
            .collect();
        let double = (index > 0)
            .then(|| Conv2d::new(&vb.pp("upsamplers.0.conv"), level.channels, level.channels, 3))
            .transpose()?;
        Ok(Self { layers: Layers::new(vb, config, level, &inputs, level.attends_up, adapter, count)?, double })
    }

    pub(super) fn forward(
        &self,
        xs: &Tensor,
        time: &Tensor,
        pass: &mut Pass<'_>,
        skips: &mut Vec<Tensor>,
    ) -> Result<Tensor> {
        let mut xs = xs.clone();
        for i in 0..self.layers.resnets.len() {
            let Some(skip) = skips.pop() else { candle_core::bail!("the way up is longer than the way down") };
            xs = self.layers.layer(i, &Tensor::cat(&[&xs, &skip], 1)?, time, pass)?;
        }
        match (&self.double, skips.last()) {
            // The size that the way down had there: with odd sizes, one less than twice.
            (Some(conv), Some(skip)) => conv.forward(&upsample_nearest(&xs, skip.dim(2)?, skip.dim(3)?)?),
            _ => Ok(xs),
        }
    }
}
