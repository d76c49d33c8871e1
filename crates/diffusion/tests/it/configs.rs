//! Configurations that no network of the family has.

use std::path::{Path, PathBuf};

use moue_diffusion::{Checkpoint, DiffusionError, Result, ScheduleConfig, TextConfig, UnetConfig, VaeConfig};
use moue_models::ModelFolder;
use serde_json::{Map, Value, json};

use crate::helpers::{copy, file, says, variant};

type Object = Map<String, Value>;

fn read(path: &Path) -> Object {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// One kind of configuration: the good one, and how it is read.
struct Kind {
    good: Object,
    path: PathBuf,
    read: fn(&Path) -> Result<()>,
}

impl Kind {
    fn new(path: &str, read_it: fn(&Path) -> Result<()>) -> Self {
        let name = format!("configs/{}", path.replace('/', "-"));
        Self { good: read(&variant("faceid").join("checkpoint").join(path)), path: file(&name, ""), read: read_it }
    }

    /// Reads the good one with `key` set, or without it where the value is not given.
    fn with(&self, key: &str, value: Option<Value>) -> Result<()> {
        let mut changed = self.good.clone();
        match value {
            Some(value) => drop(changed.insert(key.into(), value)),
            None => drop(changed.remove(key)),
        }
        std::fs::write(&self.path, serde_json::to_string(&changed).unwrap()).unwrap();
        (self.read)(&self.path)
    }

    /// Each of `values` of `key` is refused, with the value and what is expected in its place.
    #[track_caller]
    fn refuses(&self, key: &str, values: &[Value], expected: &str) {
        self.with(key, self.good.get(key).cloned()).unwrap();
        for value in values {
            let Err(error) = self.with(key, Some(value.clone())) else { panic!("{key}: {value} is accepted") };
            assert!(matches!(error, DiffusionError::Config { .. }), "{error}");
            let found = format!(", {key}: found {value}, expected {expected}");
            says(error, &self.path, &[&found, "another family than Stable Diffusion 1.5"]);
        }
    }

    #[track_caller]
    fn needs(&self, keys: &[&str]) {
        for key in keys {
            for value in [None, Some(Value::Null)] {
                let error = self.with(key, value).unwrap_err();
                let found = error.to_string();
                let part = format!(", {key}: found ");
                assert!(found.contains(&part) && found.contains(", expected "), "{found}");
            }
        }
    }
}

fn unet() -> Kind {
    Kind::new("arc2face/config.json", |path| UnetConfig::read(path).map(drop))
}

fn vae() -> Kind {
    Kind::new("vae/config.json", |path| VaeConfig::read(path).map(drop))
}

fn text() -> Kind {
    Kind::new("encoder/config.json", |path| TextConfig::read(path).map(drop))
}

fn schedule() -> Kind {
    Kind::new("scheduler/scheduler_config.json", |path| ScheduleConfig::read(path).map(drop))
}

/// No number, none, too many, or no whole one.
fn no_counts() -> [Value; 7] {
    [json!(0), json!(-1), json!(1.5), json!("8"), json!([]), json!(true), json!(u64::MAX)]
}

#[test]
fn what_is_no_json_object() {
    for (i, kind) in [unet(), vae(), text(), schedule()].iter().enumerate() {
        for (j, text) in ["", "{", "[]", "7", "<html>", "{\"a\": 1,}", "\u{feff}{}"].iter().enumerate() {
            let path = file(&format!("configs/no{i}-{j}.json"), text);
            let error = (kind.read)(&path).unwrap_err();
            says(error, &path, &["found no JSON object (", "expected a configuration as diffusers writes it", "pull"]);
        }
        let nowhere = Path::new("nowhere/config.json");
        assert!((kind.read)(nowhere).unwrap_err().to_string().starts_with("nowhere/config.json: "));
        let binary = file(&format!("configs/no{i}.json"), [0xff, 0xfe, 0]);
        assert!((kind.read)(&binary).unwrap_err().to_string().starts_with(&binary.display().to_string()));
    }
}

#[test]
fn the_denoising_network() {
    let unet = unet();
    unet.needs(&[
        "block_out_channels",
        "layers_per_block",
        "down_block_types",
        "up_block_types",
        "in_channels",
        "out_channels",
        "cross_attention_dim",
    ]);
    for key in ["in_channels", "out_channels", "cross_attention_dim", "norm_num_groups", "sample_size"] {
        unet.refuses(key, &no_counts(), "a number of 1 to 65536");
    }
    for (key, only) in [
        ("act_fn", json!("silu")),
        ("attention_type", json!("default")),
        ("time_embedding_type", json!("positional")),
        ("resnet_time_scale_shift", json!("default")),
        ("mid_block_type", json!("UNetMidBlock2DCrossAttn")),
        ("mid_block_scale_factor", json!(1.0)),
        ("resnet_out_scale_factor", json!(1.0)),
        ("center_input_sample", json!(false)),
        ("dual_cross_attention", json!(false)),
        ("only_cross_attention", json!(false)),
        ("mid_block_only_cross_attention", json!(false)),
        ("class_embeddings_concat", json!(false)),
        ("resnet_skip_time_act", json!(false)),
        ("conv_in_kernel", json!(3)),
        ("conv_out_kernel", json!(3)),
    ] {
        unet.with(key, Some(only.clone())).unwrap();
        unet.refuses(key, &[json!("gelu"), json!(true), json!(5), json!([false, true])], &only.to_string());
    }
    for key in [
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
    ] {
        unet.refuses(key, &[json!("text_time"), json!(768), json!([1, 2])], "null");
    }
    let channels = "a list of 1 to 8 whole numbers of 1 to 65536";
    let lists = [json!([]), json!([8, 0, 16]), json!(8), json!([8, "8", 16]), json!([8, 8, 70000]), json!(vec![8; 9])];
    unet.refuses("block_out_channels", &lists, channels);
    let numbers = [json!(0), json!([1, 1]), json!([1, 1, 0]), json!([]), json!("2"), json!(2.5), json!(101)];
    unet.refuses("layers_per_block", &numbers, "one number of 1 to 100, or 3");
    unet.refuses("transformer_layers_per_block", &numbers, "one number of 1 to 100, or 3");
    let lists = [json!([]), json!(["DownBlock2D"]), json!("DownBlock2D"), json!(vec!["AttnDownBlock2D"; 3])];
    unet.refuses("down_block_types", &lists, "3 of \"CrossAttnDownBlock2D\" and \"DownBlock2D\"");
    unet.refuses("up_block_types", &lists, "3 of \"CrossAttnUpBlock2D\" and \"UpBlock2D\"");
    unet.refuses("use_linear_projection", &[json!(1), json!("true")], "true or false");
    unet.refuses("flip_sin_to_cos", &[json!(1), json!("true")], "true or false");
    unet.refuses("norm_eps", &[json!(-1e-5), json!(2), json!("1e-5")], "a number of 0 to 1");
    unet.refuses("freq_shift", &[json!(-1), json!(4), json!("0")], "a number of 0 to 1");
    unet.refuses("downsample_padding", &[json!(0), json!(2), json!(-1)], "a number of 1 to 1");
}

#[test]
fn what_does_not_divide() {
    let unet = unet();
    unet.refuses("norm_num_groups", &[json!(3), json!(16), json!(32)], "a divisor of 8, the channels of a block");
    unet.refuses(
        "attention_head_dim",
        &[json!(3), json!(16), json!([2, 5, 4])],
        "a divisor of 8, the channels of a block",
    );
    unet.refuses("attention_head_dim", &[json!([2, 4, 5])], "a divisor of 16, the channels of a block");
    unet.refuses("attention_head_dim", &[json!(0), json!([2, 4]), json!("8")], "one number of 1 to 65536, or 3");
    unet.refuses("num_attention_heads", &[json!(3)], "a divisor of 8, the channels of a block");
    vae().refuses("norm_num_groups", &[json!(5), json!(64)], "a divisor of");
    text().refuses("num_attention_heads", &[json!(3), json!(1000)], "a divisor of 512, the channels of a block");
}

#[test]
fn the_vae() {
    let vae = vae();
    vae.needs(&["block_out_channels", "layers_per_block", "latent_channels"]);
    for (key, only) in [
        ("act_fn", json!("silu")),
        ("in_channels", json!(3)),
        ("out_channels", json!(3)),
        ("use_quant_conv", json!(true)),
        ("use_post_quant_conv", json!(true)),
    ] {
        vae.with(key, Some(only.clone())).unwrap();
        vae.refuses(key, &[json!("gelu"), json!(false), json!(4)], &only.to_string());
    }
    for key in ["latents_mean", "latents_std", "shift_factor"] {
        vae.refuses(key, &[json!(0.1159), json!([0.0, 0.0])], "null");
    }
    vae.refuses("latent_channels", &no_counts(), "a number of 1 to 65536");
    vae.refuses("layers_per_block", &no_counts(), "a number of 1 to 100");
    vae.refuses("down_block_types", &[json!(["DownEncoderBlock2D"]), json!("DownEncoderBlock2D")], "[\"DownEncoder");
    vae.refuses("up_block_types", &[json!(["UpDecoderBlock2D"]), json!([])], "[\"UpDecoder");
    vae.refuses(
        "scaling_factor",
        &[json!(0), json!(-0.18215), json!("0.18215"), json!(1e30)],
        "a number of 0.000001 to",
    );
}

#[test]
fn the_text_model() {
    let text = text();
    text.needs(&["hidden_size", "num_attention_heads", "intermediate_size", "num_hidden_layers"]);
    text.refuses("intermediate_size", &no_counts(), "a number of 1 to 65536");
    text.refuses("max_position_embeddings", &no_counts(), "a number of 1 to 65536");
    text.refuses("vocab_size", &no_counts(), "a number of 1 to 16777216");
    text.refuses("num_hidden_layers", &[json!(-1), json!(101), json!([1])], "a number of 0 to 100");
    text.refuses("hidden_act", &[json!("relu"), json!(1)], "\"quick_gelu\" or \"gelu\"");
    text.refuses("hidden_size", &[json!(256), json!(8)], "at least 512, the face vector");
    text.refuses("layer_norm_eps", &[json!(-1), json!("0")], "a number of 0 to 1");
}

#[test]
fn the_noise_of_the_training() {
    let schedule = schedule();
    schedule.refuses("prediction_type", &[json!("v_prediction"), json!("sample"), json!(1)], "\"epsilon\"");
    schedule.refuses("trained_betas", &[json!([0.1]), json!(1)], "null");
    schedule.refuses("rescale_betas_zero_snr", &[json!(true)], "false");
    let names = "\"scaled_linear\" or \"linear\"";
    schedule.refuses("beta_schedule", &[json!("squaredcos_cap_v2"), json!(1)], names);
    schedule.refuses("beta_start", &[json!(0), json!(-1), json!(1), json!("0")], "a number of 0.00000001 to 0.1");
    schedule.refuses("beta_end", &[json!(0), json!(-1), json!(1), json!("0")], "a number of 0.00000001 to 0.1");
    schedule.refuses("num_train_timesteps", &no_counts(), "a number of 1 to 10000");
    schedule.refuses("steps_offset", &[json!(-1), json!("1"), json!(1.5), json!(10001)], "a number of 0 to 10000");
    schedule.refuses("set_alpha_to_one", &[json!(0)], "true or false");
    schedule.refuses("clip_sample", &[json!("no")], "true or false");
}

/// What is not written stands for the class's default, whose values the published files have.
#[test]
fn absent_keys_have_their_defaults() {
    let path = file("configs/defaults.json", "{}");
    let read = ScheduleConfig::read(&path).unwrap();
    assert_eq!((read.beta_start, read.beta_end, read.train_timesteps), (0.0001, 0.02, 1000));
    assert!(!read.scaled_linear && read.set_alpha_to_one && read.clip_sample && read.steps_offset == 0);
}

/// The published configuration of SDXL's network, in what it has otherwise.
#[test]
fn a_network_of_another_family() {
    let sdxl = json!({
        "_class_name": "UNet2DConditionModel",
        "act_fn": "silu",
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "attention_head_dim": [5, 10, 20],
        "block_out_channels": [320, 640, 1280],
        "cross_attention_dim": 2048,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "in_channels": 4,
        "layers_per_block": 2,
        "mid_block_type": "UNetMidBlock2DCrossAttn",
        "out_channels": 4,
        "projection_class_embeddings_input_dim": 2816,
        "transformer_layers_per_block": [1, 2, 10],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "use_linear_projection": true,
    });
    let path = file("configs/sdxl.json", sdxl.to_string());
    let found = ", addition_embed_type: found \"text_time\", expected null";
    says(UnetConfig::read(&path).unwrap_err(), &path, &[found, "`moue models list`"]);
    let diffusion3 = json!({"_class_name": "SD3Transformer2DModel", "in_channels": 16, "num_layers": 24});
    let path = file("configs/sd3.json", diffusion3.to_string());
    says(UnetConfig::read(&path).unwrap_err(), &path, &[", block_out_channels: found nothing, expected a list"]);
}

#[test]
fn configurations_that_do_not_go_together() {
    for (name, key, value, expected) in [
        ("arc2face", "in_channels", 9, "4, the latent_channels of vae/config.json"),
        ("arc2face", "out_channels", 8, "4, the latent_channels of vae/config.json"),
        ("arc2face", "cross_attention_dim", 768, "512, the hidden_size of encoder/config.json"),
    ] {
        let folder = copy("full", "configs/checkpoint");
        let path = folder.join(name).join("config.json");
        let mut changed = read(&path);
        changed.insert(key.into(), value.into());
        std::fs::write(&path, serde_json::to_string(&changed).unwrap()).unwrap();
        let error = Checkpoint::open(&ModelFolder::at(&folder)).unwrap_err();
        says(error, &path, &[&format!(", {key}: found {value}, expected {expected}")]);
    }
}
