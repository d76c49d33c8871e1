//! LoRA files in all their spellings, and those that do not fit.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::Tensor;
use moue_diffusion::weights::{Lora, Store};
use moue_diffusion::{Compute, UnetWeights};
use moue_models::ModelFile;

use crate::helpers::{difference, file, noise, safetensors, says, unet_weights, variant};

const BLOCK: &str = "down_blocks.0.attentions.0.transformer_blocks.0";

/// A matrix, the end of a list, 3x3 and 1x1 convolutions.
fn modules() -> Vec<String> {
    let mut modules: Vec<String> =
        ["attn1.to_q", "attn2.to_v", "attn2.to_out.0", "ff.net.0.proj"].map(|name| format!("{BLOCK}.{name}")).into();
    modules.extend(["conv_in", "time_embedding.linear_1", "down_blocks.0.resnets.0.conv1"].map(Into::into));
    modules
}

/// The two matrices of rank 2 for a weight: (2, inputs ..) and (outputs, 2 ..).
fn pair(store: &Store, module: &str, seed: u64) -> [Tensor; 2] {
    let mut shape = store.weight_shape(module).unwrap().to_vec();
    let mut up = vec![shape[0], 2];
    up.resize(shape.len(), 1);
    shape[0] = 2;
    [noise(&shape, seed), noise(&up, seed + 1)]
}

fn weight(weights: &UnetWeights, loras: &[(Arc<Lora>, f64)], module: &str) -> Tensor {
    let shape = weights.store().weight_shape(module).unwrap().to_vec();
    weights.store().merged(loras).get(shape, &format!("{module}.weight")).unwrap()
}

/// A file with the pairs of `modules`, as `spell` calls the two of them, and an alpha if there is one.
fn write(
    name: &str,
    store: &Store,
    modules: &[String],
    alpha: Option<f32>,
    spell: &dyn Fn(&str) -> (String, [&'static str; 2]),
) -> std::path::PathBuf {
    let mut tensors = HashMap::new();
    for (i, module) in modules.iter().enumerate() {
        let (stem, suffixes) = spell(module);
        for (suffix, tensor) in suffixes.iter().zip(pair(store, module, 10 * i as u64)) {
            tensors.insert(format!("{stem}{suffix}"), tensor);
        }
        if let Some(alpha) = alpha {
            tensors.insert(format!("{stem}.alpha"), Tensor::new(alpha, &candle_core::Device::Cpu).unwrap());
        }
    }
    safetensors(&format!("loras/{name}.safetensors"), &tensors)
}

fn peft(module: &str) -> (String, [&'static str; 2]) {
    (format!("unet.{module}"), [".lora_A.weight", ".lora_B.weight"])
}

/// weight + scale * alpha / rank * up * down.
fn expected(weights: &UnetWeights, module: &str, seed: u64, factor: f64) -> Tensor {
    let base = weight(weights, &[], module);
    let [down, up] = pair(weights.store(), module, seed);
    let (down, up) = (down.flatten_from(1).unwrap(), up.reshape((up.dim(0).unwrap(), 2)).unwrap());
    (&base + (up.matmul(&down).unwrap() * factor).unwrap().reshape(base.shape()).unwrap()).unwrap()
}

#[test]
fn all_spellings_are_the_same_change() {
    let weights = unet_weights("faceid");
    let attention: Vec<String> = modules().into_iter().filter(|module| module.contains(".attn")).collect();
    let processor = |module: &str| {
        let (block, layer) = module.rsplit_once(".to_").unwrap();
        (format!("{block}.processor.to_{}", layer.trim_end_matches(".0")), ["_lora.down.weight", "_lora.up.weight"])
    };
    type Spell<'a> = &'a dyn Fn(&str) -> (String, [&'static str; 2]);
    let spellings: [(&str, Spell<'_>); 8] = [
        ("peft", &peft),
        ("bare", &|m| (m.into(), [".lora_A.weight", ".lora_B.weight"])),
        ("model", &|m| (format!("base_model.model.{m}"), [".lora_A.weight", ".lora_B.weight"])),
        ("default", &|m| (format!("base_model.model.unet.{m}"), [".lora_A.default.weight", ".lora_B.default.weight"])),
        ("diffusers", &|m| (format!("unet.{m}"), [".lora.down.weight", ".lora.up.weight"])),
        ("layer", &|m| (m.into(), [".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"])),
        ("kohya", &|m| (format!("lora_unet_{}", m.replace('.', "_")), [".lora_down.weight", ".lora_up.weight"])),
        ("processor", &processor),
    ];
    for (name, spell) in spellings {
        let modules = if name == "processor" { attention.clone() } else { modules() };
        let path = write(name, weights.store(), &modules, None, spell);
        let lora = Arc::new(Lora::open(&path, weights.store()).unwrap());
        assert!(lora.targets().keys().eq(std::collections::BTreeSet::from_iter(&modules)), "{name}");
        for (i, module) in modules.iter().enumerate() {
            let merged = weight(&weights, &[(lora.clone(), 0.8)], module);
            let wanted = expected(&weights, module, 10 * i as u64, 0.8);
            assert!(difference(&merged, &wanted) < 1e-6, "{name}: {module}");
            assert!(difference(&merged, &weight(&weights, &[], module)) > 1e-2, "{name}: {module} is unchanged");
        }
        let other = "mid_block.resnets.0.conv1";
        assert_eq!(difference(&weight(&weights, &[(lora, 1.0)], other), &weight(&weights, &[], other)), 0.0);
    }
}

#[test]
fn alpha_is_the_rank_unless_the_file_says_otherwise() {
    let weights = unet_weights("faceid");
    let modules = modules();
    let path = write("alpha", weights.store(), &modules, Some(0.5), &|m| {
        (format!("lora_unet_{}", m.replace('.', "_")), [".lora_down.weight", ".lora_up.weight"])
    });
    let lora = Arc::new(Lora::open(&path, weights.store()).unwrap());
    for (i, module) in modules.iter().enumerate() {
        let merged = weight(&weights, &[(lora.clone(), 1.0)], module);
        assert!(difference(&merged, &expected(&weights, module, 10 * i as u64, 0.25)) < 1e-6, "{module}");
    }
}

/// diffusers from 0.34 on writes peft's settings into the header.
#[test]
fn alpha_may_stand_in_the_header() {
    let weights = unet_weights("faceid");
    let modules = &modules()[..2];
    let path = write("header", weights.store(), modules, None, &peft);
    let tensors = crate::helpers::load(&path);
    let settings = serde_json::json!({"unet.lora_alpha": 4, "unet.alpha_pattern": {modules[1].as_str(): 1.0}});
    let metadata = HashMap::from([("lora_adapter_metadata".to_owned(), settings.to_string())]);
    safetensors::serialize_to_file(tensors.iter(), Some(metadata), &path).unwrap();
    let lora = Arc::new(Lora::open(&path, weights.store()).unwrap());
    for (module, (seed, factor)) in modules.iter().zip([(0, 2.0), (10, 0.5)]) {
        let merged = weight(&weights, &[(lora.clone(), 1.0)], module);
        assert!(difference(&merged, &expected(&weights, module, seed, factor)) < 1e-6, "{module}");
    }
}

#[test]
fn two_at_once_add_up_and_none_is_the_base() {
    let weights = unet_weights("linear");
    let first = weights.lora(ModelFile::ReferenceAdapter).unwrap();
    let second = weights.lora(ModelFile::LcmLora).unwrap();
    let shared: Vec<&String> = first.targets().keys().filter(|m| second.targets().contains_key(*m)).collect();
    assert!(shared.len() > 3, "{shared:?}");
    for module in shared {
        let base = weight(&weights, &[], module);
        let change = |loras: &[(Arc<Lora>, f64)]| (weight(&weights, loras, module) - &base).unwrap();
        let (one, two) = (change(&[(first.clone(), 0.8)]), change(&[(second.clone(), 1.0)]));
        let both = change(&[(first.clone(), 0.8), (second.clone(), 1.0)]);
        assert!(difference(&both, &(one + two).unwrap()) < 1e-5, "{module}");
        let off = weight(&weights, &[(first.clone(), 0.0), (second.clone(), 0.0)], module);
        assert_eq!(
            off.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            base.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        );
    }
}

#[test]
fn files_that_do_not_fit() {
    let weights = unet_weights("faceid");
    let store = weights.store();
    let module = format!("{BLOCK}.attn1.to_q");
    let [down, up] = pair(store, &module, 1);
    let a = format!("unet.{module}.lora_A.weight");
    let b = format!("unet.{module}.lora_B.weight");
    let refused = |name: &str, tensors: &[(&str, &Tensor)], parts: &[&str]| {
        let tensors = tensors.iter().map(|(name, tensor)| ((*name).to_owned(), (*tensor).clone())).collect();
        let path = safetensors(&format!("loras/{name}.safetensors"), &tensors);
        says(Lora::open(&path, store).unwrap_err(), &path, parts);
    };
    let hint = "hint: a LoRA for Stable Diffusion 1.5's UNet is needed";
    let unknown = "unet.down_blocks.7.attentions.0.proj_in.lora_A.weight";
    let found = format!("found 1 tensors for modules the network does not have, the first is {unknown}");
    refused("unknown", &[(&a, &down), (&b, &up), (unknown, &down)], &[&found, "expected changes to modules", hint]);
    for name in [
        "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.down.weight",
        "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight",
        "transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight",
        "conv_in.weight",
    ] {
        refused("text", &[(&a, &down), (&b, &up), (name, &down)], &[&format!("the first is {name}"), hint]);
    }
    let alone = format!("found only one of the two matrices of {module}, expected both");
    refused("down", &[(&a, &down)], &[&alone, hint]);
    refused("up", &[(&b, &up)], &[&alone, hint]);
    let alpha = format!("unet.{module}.alpha");
    refused("alpha", &[(&alpha, &noise(&[], 1))], &[&alone, hint]);
    let twice = format!("{module}.lora.down.weight");
    refused("twice", &[(&a, &down), (&b, &up), (&twice, &down)], &[&format!("found {module} twice")]);
    let path = safetensors("loras/none.safetensors", &HashMap::new());
    says(Lora::open(&path, store).unwrap_err(), &path, &["found no pair of LoRA matrices", hint]);
    // Of another width, of another rank each, of no rank, no matrices, and an `up` that is a real convolution.
    for [down, up] in [
        [&[2, 9][..], &[8, 2][..]],
        [&[2, 8], &[9, 2]],
        [&[2, 8], &[8, 3]],
        [&[0, 8], &[8, 0]],
        [&[], &[8, 2]],
        [&[2, 8], &[]],
        [&[2, 8], &[8]],
        [&[2, 4], &[8, 2, 2, 1]],
        [&[16], &[8, 16]],
    ] {
        let tensors = [(a.as_str(), &noise(down, 1)), (&b, &noise(up, 2))];
        let found =
            format!("found {module} with matrices {down:?} and {up:?}, expected a change of a weight of [8, 8]");
        refused("shape", &tensors, &[&found, hint]);
    }
    for bad in [noise(&[0], 1), Tensor::new(f32::NAN, down.device()).unwrap()] {
        let tensors = [(a.as_str(), &down), (&b, &up), (&alpha, &bad)];
        refused("alpha", &tensors, &[&format!("found no number as alpha of {module}"), hint]);
    }
    let path = file("loras/page.safetensors", "<html>");
    says(Lora::open(&path, store).unwrap_err(), &path, &["found a web page"]);
}

/// The published folder without the file: the error of the folder, not one of the file.
#[test]
fn a_lora_that_is_not_there() {
    let weights = moue_diffusion::Checkpoint::open(&moue_models::ModelFolder::at(variant("full").join("checkpoint")))
        .unwrap()
        .unet_weights(&Compute::cpu())
        .unwrap();
    let error = weights.lora(ModelFile::LcmLora).unwrap_err().to_string();
    assert!(error.contains("lcm_lora") && error.contains("moue models pull"), "{error}");
}
