//! `AutoencoderKL`: pictures to latents and back.

use candle_core::{DType, Module, Result, Tensor};
use candle_nn::VarBuilder;

use crate::config::VaeConfig;
use crate::ops::{Conv2d, GroupNorm, Linear, Mask, attention, upsample_nearest};
use crate::unet::resnet::ResnetBlock;

/// Added to the variance in every normalisation of the VAE.
const EPS: f64 = 1e-6;

/// Encoder and decoder of latents.
#[derive(Debug)]
pub struct Vae {
    encoder: Encoder,
    quant: Conv2d,
    post_quant: Conv2d,
    decoder: Decoder,
    scaling: f64,
}

/// What the encoder says of a picture: a normal distribution for each latent.
#[derive(Clone, Debug)]
pub struct Posterior {
    /// (batch, 4, height, width).
    pub mean: Tensor,
    /// Logarithm of the variance, -30..=20.
    pub logvar: Tensor,
}

impl Posterior {
    /// mean + standard deviation * noise.
    ///
    /// # Errors
    /// Where the noise has another shape.
    pub fn sample(&self, noise: &Tensor) -> Result<Tensor> {
        &self.mean + ((&self.logvar * 0.5)?.exp()? * noise.to_dtype(self.mean.dtype())?)?
    }
}

impl Vae {
    /// Takes the tensors under `encoder`, `decoder`, `quant_conv` and `post_quant_conv`.
    ///
    /// # Errors
    /// Where a tensor cannot be read.
    pub fn new(vb: &VarBuilder<'_>, config: &VaeConfig) -> Result<Self> {
        let latents = config.latent_channels;
        Ok(Self {
            encoder: Encoder::new(&vb.pp("encoder"), config)?,
            quant: Conv2d::new(&vb.pp("quant_conv"), 2 * latents, 2 * latents, 1)?,
            post_quant: Conv2d::new(&vb.pp("post_quant_conv"), latents, latents, 1)?,
            decoder: Decoder::new(&vb.pp("decoder"), config)?,
            scaling: config.scaling_factor,
        })
    }

    /// The distribution of latents of pictures in -1..=1, not scaled.
    ///
    /// # Shapes
    /// (batch, 3, height, width) -> each (batch, 4, height / 8, width / 8).
    ///
    /// # Errors
    /// Where the picture is too small.
    pub fn encode(&self, pictures: &Tensor) -> Result<Posterior> {
        let moments = self.quant.forward(&self.encoder.forward(pictures)?)?;
        let [mean, logvar] = &moments.chunk(2, 1)?[..] else { candle_core::bail!("the encoder gives no pair") };
        Ok(Posterior { mean: mean.contiguous()?, logvar: logvar.clamp(-30.0, 20.0)?.contiguous()? })
    }

    /// Latents of pictures in -1..=1 as the denoising network knows them, sampled with `noise`.
    ///
    /// # Errors
    /// Where the shapes do not match.
    pub fn latents(&self, pictures: &Tensor, noise: &Tensor) -> Result<Tensor> {
        self.encode(pictures)?.sample(noise)? * self.scaling
    }

    /// Pictures, about -1..=1, of latents as the denoising network knows them.
    ///
    /// # Shapes
    /// (batch, 4, height, width) -> (batch, 3, 8 * height, 8 * width), in f32.
    ///
    /// # Errors
    /// Where the shapes do not match.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        let latents = (latents / self.scaling)?;
        self.decoder.forward(&self.post_quant.forward(&latents)?)?.to_dtype(DType::F32)
    }
}

#[derive(Debug)]
struct Encoder {
    conv_in: Conv2d,
    levels: Vec<(Vec<ResnetBlock>, Option<Conv2d>)>,
    middle: Middle,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Encoder {
    fn new(vb: &VarBuilder<'_>, config: &VaeConfig) -> Result<Self> {
        let (channels, count) = (&config.channels, config.channels.len());
        let levels = (0..count).map(|i| {
            let vb = vb.pp(format!("down_blocks.{i}"));
            let resnets = resnets(&vb, config, channels[i.saturating_sub(1)], channels[i], config.layers)?;
            let halve =
                (i + 1 < count).then(|| Conv2d::new(&vb.pp("downsamplers.0.conv"), channels[i], channels[i], 3));
            Ok((resnets, halve.transpose()?.map(Conv2d::halving_below_right)))
        });
        let coarsest = channels[count - 1];
        Ok(Self {
            conv_in: Conv2d::new(&vb.pp("conv_in"), 3, channels[0], 3)?,
            levels: levels.collect::<Result<_>>()?,
            middle: Middle::new(&vb.pp("mid_block"), config)?,
            norm_out: GroupNorm::new(&vb.pp("conv_norm_out"), config.norm_groups, coarsest, EPS)?,
            conv_out: Conv2d::new(&vb.pp("conv_out"), coarsest, 2 * config.latent_channels, 3)?,
        })
    }

    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        let mut xs = self.conv_in.forward(xs)?;
        for (resnets, halve) in &self.levels {
            for resnet in resnets {
                xs = resnet.forward(&xs, None)?;
            }
            if let Some(halve) = halve {
                xs = halve.forward(&xs)?;
            }
        }
        let xs = self.middle.forward(&xs)?;
        self.conv_out.forward(&self.norm_out.forward_silu(&xs)?)
    }
}

#[derive(Debug)]
struct Decoder {
    conv_in: Conv2d,
    middle: Middle,
    levels: Vec<(Vec<ResnetBlock>, Option<Conv2d>)>,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Decoder {
    fn new(vb: &VarBuilder<'_>, config: &VaeConfig) -> Result<Self> {
        // From the coarsest level to the finest.
        let channels: Vec<usize> = config.channels.iter().rev().copied().collect();
        let count = channels.len();
        let levels = (0..count).map(|i| {
            let vb = vb.pp(format!("up_blocks.{i}"));
            let resnets = resnets(&vb, config, channels[i.saturating_sub(1)], channels[i], config.layers + 1)?;
            let double = (i + 1 < count).then(|| Conv2d::new(&vb.pp("upsamplers.0.conv"), channels[i], channels[i], 3));
            Ok((resnets, double.transpose()?))
        });
        let finest = channels[count - 1];
        Ok(Self {
            conv_in: Conv2d::new(&vb.pp("conv_in"), config.latent_channels, channels[0], 3)?,
            middle: Middle::new(&vb.pp("mid_block"), config)?,
            levels: levels.collect::<Result<_>>()?,
            norm_out: GroupNorm::new(&vb.pp("conv_norm_out"), config.norm_groups, finest, EPS)?,
            conv_out: Conv2d::new(&vb.pp("conv_out"), finest, 3, 3)?,
        })
    }

    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        let mut xs = self.middle.forward(&self.conv_in.forward(xs)?)?;
        for (resnets, double) in &self.levels {
            for resnet in resnets {
                xs = resnet.forward(&xs, None)?;
            }
            if let Some(conv) = double {
                xs = conv.forward(&upsample_nearest(&xs, 2 * xs.dim(2)?, 2 * xs.dim(3)?)?)?;
            }
        }
        self.conv_out.forward(&self.norm_out.forward_silu(&xs)?)
    }
}

fn resnets(
    vb: &VarBuilder<'_>,
    config: &VaeConfig,
    input: usize,
    output: usize,
    count: usize,
) -> Result<Vec<ResnetBlock>> {
    (0..count)
        .map(|i| {
            let channels = (if i == 0 { input } else { output }, output);
            ResnetBlock::new(&vb.pp(format!("resnets.{i}")), channels, config.norm_groups, EPS, None)
        })
        .collect()
}

/// Two residual blocks with an attention of one head between.
#[derive(Debug)]
struct Middle {
    first: ResnetBlock,
    norm: GroupNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    second: ResnetBlock,
}

impl Middle {
    fn new(vb: &VarBuilder<'_>, config: &VaeConfig) -> Result<Self> {
        let channels = config.channels[config.channels.len() - 1];
        let resnet =
            |i| ResnetBlock::new(&vb.pp(format!("resnets.{i}")), (channels, channels), config.norm_groups, EPS, None);
        let attn = vb.pp("attentions.0");
        let layer = |name: &str| Linear::new(&attn.pp(name), channels, channels);
        Ok(Self {
            first: resnet(0)?,
            norm: GroupNorm::new(&attn.pp("group_norm"), config.norm_groups, channels, EPS)?,
            q: layer("to_q")?,
            k: layer("to_k")?,
            v: layer("to_v")?,
            out: layer("to_out.0")?,
            second: resnet(1)?,
        })
    }

    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        let xs = self.first.forward(xs, None)?;
        let (batch, channels, height, width) = xs.dims4()?;
        let tokens =
            self.norm.forward(&xs)?.reshape((batch, channels, height * width))?.transpose(1, 2)?.contiguous()?;
        let (q, k, v) = (self.q.forward(&tokens)?, self.k.forward(&tokens)?, self.v.forward(&tokens)?);
        let attended = self.out.forward(&attention(&q, &k, &v, 1, Mask::Full)?)?;
        let attended = attended.transpose(1, 2)?.reshape((batch, channels, height, width))?;
        self.second.forward(&(xs + attended)?, None)
    }
}
