//! Configurations as diffusers and transformers write them.
//!
//! Only what these networks can be is accepted; any other value is an error that names its key, so that a checkpoint
//! of another family never gives a picture that is silently wrong.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{DiffusionError, Result};

// Far more than any network of the family has; what is beyond is no network, and its shapes could not be computed.
/// Channels or features.
const WIDEST: usize = 65_536;
/// Levels of resolution.
const MOST_LEVELS: usize = 8;
/// Blocks in a row.
const MOST_LAYERS: usize = 100;
/// Steps of the training.
const MOST_STEPS: usize = 10_000;

/// A number for all blocks, or one for each.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum PerBlock {
    One(usize),
    Each(Vec<usize>),
}

impl PerBlock {
    fn expand(&self, blocks: usize) -> Option<Vec<usize>> {
        match self {
            Self::One(n) => Some(vec![*n; blocks]),
            Self::Each(each) => (each.len() == blocks).then(|| each.clone()),
        }
    }
}

/// One level of the denoising network, from the finest to the coarsest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Channels that come out.
    pub channels: usize,
    /// Residual blocks on the way down; one more on the way up.
    pub layers: usize,
    /// Heads of its attention.
    pub heads: usize,
    /// Transformer blocks in one transformer.
    pub depth: usize,
    /// Whether there are transformers on the way down.
    pub attends_down: bool,
    /// Whether there are transformers on the way up.
    pub attends_up: bool,
}

/// `UNet2DConditionModel` of the Stable Diffusion 1.5 family (diffusers, `arc2face/config.json`).
#[derive(Clone, Debug, PartialEq)]
pub struct UnetConfig {
    /// Channels of the latents, 4.
    pub in_channels: usize,
    /// Channels of the prediction, 4.
    pub out_channels: usize,
    /// From the finest to the coarsest.
    pub levels: Vec<Level>,
    /// Width of prompt and expression tokens.
    pub cross_attention_dim: usize,
    /// Groups of every group normalisation.
    pub norm_groups: usize,
    /// Added to the variance in the residual blocks.
    pub norm_eps: f64,
    /// Whether the transformers' projections are stored as matrices and not as 1x1 convolutions.
    pub linear_projection: bool,
    /// Zeros around the picture where it is halved.
    pub downsample_padding: usize,
    /// Whether the timestep's embedding has its cosines first.
    pub flip_sin_to_cos: bool,
    /// Shift of the embedding's frequencies.
    pub freq_shift: f64,
    /// Height and width of the latents it was trained on.
    pub sample_size: usize,
}

/// `AutoencoderKL` (diffusers, `vae/config.json`).
#[derive(Clone, Debug, PartialEq)]
pub struct VaeConfig {
    /// Channels of each level, the finest first.
    pub channels: Vec<usize>,
    /// Residual blocks of each level of the encoder; the decoder has one more.
    pub layers: usize,
    /// Channels of the latents, 4.
    pub latent_channels: usize,
    /// Groups of every group normalisation.
    pub norm_groups: usize,
    /// What latents are multiplied by.
    pub scaling_factor: f64,
}

impl VaeConfig {
    /// Pixels along one side of a latent.
    pub fn downscale(&self) -> usize {
        1 << (self.channels.len() - 1)
    }
}

/// `CLIPTextModel` (transformers, `encoder/config.json`).
#[derive(Clone, Debug, PartialEq)]
pub struct TextConfig {
    /// Width of the tokens.
    pub hidden: usize,
    /// Width inside the feed-forward layers.
    pub intermediate: usize,
    /// Blocks.
    pub layers: usize,
    /// Heads of the attention.
    pub heads: usize,
    /// Tokens of a prompt, 77.
    pub positions: usize,
    /// Known tokens.
    pub vocabulary: usize,
    /// Added to the variance in normalisations.
    pub eps: f64,
    /// Whether the activation is the sigmoid approximation of GELU.
    pub quick_gelu: bool,
}

/// The noise schedule that the network was trained on (`scheduler/scheduler_config.json`).
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleConfig {
    /// Noise variance of the first step.
    pub beta_start: f64,
    /// Noise variance of the last step.
    pub beta_end: f64,
    /// Steps of the training.
    pub train_timesteps: usize,
    /// Whether the variances' roots are spaced evenly, and not the variances.
    pub scaled_linear: bool,
    /// What DDIM adds to its timesteps.
    pub steps_offset: usize,
    /// Whether DDIM ends without noise, and not at the first timestep's.
    pub set_alpha_to_one: bool,
    /// Whether DDIM keeps the clean latents within -1..=1.
    pub clip_sample: bool,
}

/// A JSON object whose keys are asked for by name.
struct Object<'a> {
    path: &'a Path,
    values: serde_json::Map<String, Value>,
}

impl<'a> Object<'a> {
    fn read(path: &'a Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| DiffusionError::io(path, e))?;
        let values = serde_json::from_str(&text).map_err(|e| {
            DiffusionError::file(
                path,
                format!("no JSON object ({e})"),
                "a configuration as diffusers writes it",
                "fetch the file again with `moue models pull`",
            )
        })?;
        Ok(Self { path, values })
    }

    fn error(&self, key: &str, found: Option<&Value>, expected: impl Into<String>) -> DiffusionError {
        DiffusionError::Config {
            path: self.path.into(),
            key: key.into(),
            found: found.map_or("nothing".into(), Value::to_string),
            expected: expected.into(),
        }
    }

    /// The value of `key`, or `default` where it is absent or null.
    fn get_or<T: DeserializeOwned>(&self, key: &str, default: T, expected: &str) -> Result<T> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => T::deserialize(value).map_err(|_| self.error(key, Some(value), expected)),
        }
    }

    fn get<T: DeserializeOwned>(&self, key: &str, expected: &str) -> Result<T> {
        self.get_or(key, None, expected)?.ok_or_else(|| self.error(key, self.values.get(key), expected))
    }

    /// A whole number of 1 to `most`.
    fn count(&self, key: &str, most: usize) -> Result<usize> {
        self.within(key, None, 1..=most)
    }

    /// The same, or `default` where the key is absent or null.
    fn count_or(&self, key: &str, default: usize, most: usize) -> Result<usize> {
        self.within(key, Some(default), 1..=most)
    }

    /// A number within a range; an absent or null key stands for the default, where there is one.
    fn within<T>(&self, key: &str, default: Option<T>, range: RangeInclusive<T>) -> Result<T>
    where
        T: DeserializeOwned + PartialOrd + Display,
    {
        let expected = format!("a number of {} to {}", range.start(), range.end());
        let n = self.get_or(key, default, &expected)?;
        n.filter(|n| range.contains(n)).ok_or_else(|| self.error(key, self.values.get(key), expected))
    }

    /// Channels of each level.
    fn channels(&self) -> Result<Vec<usize>> {
        let key = "block_out_channels";
        let expected = format!("a list of 1 to {MOST_LEVELS} whole numbers of 1 to {WIDEST}");
        let list: Vec<usize> = self.get(key, &expected)?;
        let fits = (1..=MOST_LEVELS).contains(&list.len()) && list.iter().all(|n| (1..=WIDEST).contains(n));
        if fits { Ok(list) } else { Err(self.error(key, self.values.get(key), expected)) }
    }

    /// Refuses a value other than `only`, unless the key is absent or null.
    fn only(&self, key: &str, only: Value) -> Result<()> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(()),
            Some(value) if *value == only => Ok(()),
            found => Err(self.error(key, found, only.to_string())),
        }
    }

    /// Refuses any value but null.
    fn absent(&self, keys: &[&str]) -> Result<()> {
        keys.iter().try_for_each(|key| self.only(key, Value::Null))
    }

    fn divides(&self, key: &str, divisor: usize, channels: &[usize]) -> Result<()> {
        match channels.iter().find(|c| !c.is_multiple_of(divisor)) {
            None => Ok(()),
            Some(c) => Err(self.error(key, self.values.get(key), format!("a divisor of {c}, the channels of a block"))),
        }
    }
}

impl UnetConfig {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// Where it cannot be read or describes a network of another kind.
    pub fn read(path: &Path) -> Result<Self> {
        let json = Object::read(path)?;
        json.only("act_fn", "silu".into())?;
        json.only("attention_type", "default".into())?;
        json.only("time_embedding_type", "positional".into())?;
        json.only("resnet_time_scale_shift", "default".into())?;
        json.only("mid_block_type", "UNetMidBlock2DCrossAttn".into())?;
        for key in ["mid_block_scale_factor", "resnet_out_scale_factor"] {
            json.only(key, 1.into()).or_else(|_| json.only(key, 1.0.into()))?;
        }
        for key in [
            "center_input_sample",
            "dual_cross_attention",
            "only_cross_attention",
            "mid_block_only_cross_attention",
            "class_embeddings_concat",
            "resnet_skip_time_act",
        ] {
            json.only(key, false.into())?;
        }
        for key in ["conv_in_kernel", "conv_out_kernel"] {
            json.only(key, 3.into())?;
        }
        json.absent(&[
            "addition_embed_type",
            "class_embed_type",
            "encoder_hid_dim",
            "encoder_hid_dim_type",
            "num_class_embeds",
            "time_cond_proj_dim",
            "time_embedding_act_fn",
            "time_embedding_dim",
            "timestep_post_act",
            "reverse_transformer_layers_per_block",
            "cross_attention_norm",
        ])?;
        let channels = json.channels()?;
        let blocks = channels.len();
        let per_block = |key: &str, default: Option<usize>, most: usize| {
            let expected = format!("one number of 1 to {most}, or {blocks}");
            let value = json.get_or(key, default.map(PerBlock::One), &expected)?;
            value
                .and_then(|value| value.expand(blocks))
                .filter(|each| each.iter().all(|n| (1..=most).contains(n)))
                .ok_or_else(|| json.error(key, json.values.get(key), expected))
        };
        let layers = per_block("layers_per_block", None, MOST_LAYERS)?;
        // The name says "dim", but the numbers are counts of heads; diffusers keeps it so for old checkpoints.
        let heads_key = if json.values.get("num_attention_heads").is_some_and(|v| !v.is_null()) {
            "num_attention_heads"
        } else {
            "attention_head_dim"
        };
        let heads = per_block(heads_key, Some(8), WIDEST)?;
        let depth = per_block("transformer_layers_per_block", Some(1), MOST_LAYERS)?;
        let types = |key: &str, with: &str, without: &str| -> Result<Vec<bool>> {
            let expected = format!("{blocks} of \"{with}\" and \"{without}\"");
            let names: Vec<String> = json.get(key, &expected)?;
            let known: Vec<bool> =
                names.iter().filter(|n| *n == with || *n == without).map(|name| name == with).collect();
            if known.len() == blocks && names.len() == blocks {
                Ok(known)
            } else {
                Err(json.error(key, json.values.get(key), expected))
            }
        };
        let down = types("down_block_types", "CrossAttnDownBlock2D", "DownBlock2D")?;
        let mut up = types("up_block_types", "CrossAttnUpBlock2D", "UpBlock2D")?;
        up.reverse();
        let levels: Vec<Level> = (0..blocks)
            .map(|i| Level {
                channels: channels[i],
                layers: layers[i],
                heads: heads[i],
                depth: depth[i],
                attends_down: down[i],
                attends_up: up[i],
            })
            .collect();
        let norm_groups = json.count_or("norm_num_groups", 32, WIDEST)?;
        json.divides("norm_num_groups", norm_groups, &channels)?;
        for level in &levels {
            json.divides(heads_key, level.heads, &[level.channels])?;
        }
        Ok(Self {
            in_channels: json.count("in_channels", WIDEST)?,
            out_channels: json.count("out_channels", WIDEST)?,
            levels,
            cross_attention_dim: json.count("cross_attention_dim", WIDEST)?,
            norm_groups,
            norm_eps: json.within("norm_eps", Some(1e-5), 0.0..=1.0)?,
            linear_projection: json.get_or("use_linear_projection", false, "true or false")?,
            // Without padding there, diffusers pads below and to the right only.
            downsample_padding: json.within("downsample_padding", Some(1), 1..=1)?,
            flip_sin_to_cos: json.get_or("flip_sin_to_cos", true, "true or false")?,
            freq_shift: json.within("freq_shift", Some(0.0), 0.0..=1.0)?,
            sample_size: json.count_or("sample_size", 64, WIDEST)?,
        })
    }
}

impl VaeConfig {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// Where it cannot be read or describes a network of another kind.
    pub fn read(path: &Path) -> Result<Self> {
        let json = Object::read(path)?;
        json.only("act_fn", "silu".into())?;
        json.only("in_channels", 3.into())?;
        json.only("out_channels", 3.into())?;
        json.only("use_quant_conv", true.into())?;
        json.only("use_post_quant_conv", true.into())?;
        json.absent(&["latents_mean", "latents_std", "shift_factor"])?;
        let channels = json.channels()?;
        for (key, block) in [("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D")] {
            json.only(key, vec![block; channels.len()].into())?;
        }
        let norm_groups = json.count_or("norm_num_groups", 32, WIDEST)?;
        json.divides("norm_num_groups", norm_groups, &channels)?;
        Ok(Self {
            layers: json.count("layers_per_block", MOST_LAYERS)?,
            latent_channels: json.count("latent_channels", WIDEST)?,
            norm_groups,
            scaling_factor: json.within("scaling_factor", Some(0.18215), 1e-6..=1e6)?,
            channels,
        })
    }
}

impl TextConfig {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// Where it cannot be read or describes a network of another kind.
    pub fn read(path: &Path) -> Result<Self> {
        let json = Object::read(path)?;
        let activation: String = json.get_or("hidden_act", "quick_gelu".into(), "\"quick_gelu\" or \"gelu\"")?;
        if activation != "quick_gelu" && activation != "gelu" {
            return Err(json.error("hidden_act", json.values.get("hidden_act"), "\"quick_gelu\" or \"gelu\""));
        }
        let (hidden, heads) = (json.count("hidden_size", WIDEST)?, json.count("num_attention_heads", WIDEST)?);
        json.divides("num_attention_heads", heads, &[hidden])?;
        if hidden < crate::text::FACE_VECTOR {
            return Err(json.error("hidden_size", json.values.get("hidden_size"), "at least 512, the face vector"));
        }
        Ok(Self {
            hidden,
            heads,
            intermediate: json.count("intermediate_size", WIDEST)?,
            layers: json.within("num_hidden_layers", None, 0..=MOST_LAYERS)?,
            positions: json.count_or("max_position_embeddings", 77, WIDEST)?,
            vocabulary: json.count_or("vocab_size", 49408, 1 << 24)?,
            eps: json.within("layer_norm_eps", Some(1e-5), 0.0..=1.0)?,
            quick_gelu: activation == "quick_gelu",
        })
    }
}

impl ScheduleConfig {
    /// Reads `scheduler_config.json`: the noise of the training, whichever scheduler it names.
    ///
    /// # Errors
    /// Where it cannot be read or the network predicts something other than noise.
    pub fn read(path: &Path) -> Result<Self> {
        let json = Object::read(path)?;
        json.only("prediction_type", "epsilon".into())?;
        json.only("rescale_betas_zero_snr", false.into())?;
        json.absent(&["trained_betas"])?;
        let kind: String = json.get_or("beta_schedule", "linear".into(), "\"scaled_linear\" or \"linear\"")?;
        if kind != "scaled_linear" && kind != "linear" {
            let found = json.values.get("beta_schedule");
            return Err(json.error("beta_schedule", found, "\"scaled_linear\" or \"linear\""));
        }
        Ok(Self {
            // Beyond, nothing of the picture would be left that f32 could tell from zero.
            beta_start: json.within("beta_start", Some(0.0001), 1e-8..=0.1)?,
            beta_end: json.within("beta_end", Some(0.02), 1e-8..=0.1)?,
            train_timesteps: json.count_or("num_train_timesteps", 1000, MOST_STEPS)?,
            scaled_linear: kind == "scaled_linear",
            steps_offset: json.within("steps_offset", Some(0), 0..=MOST_STEPS)?,
            set_alpha_to_one: json.get_or("set_alpha_to_one", true, "true or false")?,
            clip_sample: json.get_or("clip_sample", true, "true or false")?,
        })
    }
}
