//! Expression adapters that do not fit, or are none.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use moue_diffusion::weights::WeightFile;
use moue_diffusion::{DiffusionError, ExpressionAdapter, Result, UnetWeights};
use moue_models::ModelFile;

use crate::helpers::{checkpoint, noise, safetensors, says, unet_weights};

/// The tensors of the adapter in goldens.
fn tensors(variant: &str) -> HashMap<String, Tensor> {
    let path = checkpoint(variant).folder().path(ModelFile::ExpressionAdapter).unwrap();
    let file = WeightFile::open(&path).unwrap();
    file.tensors().keys().map(|name| (name.clone(), file.read(name).unwrap())).collect()
}

fn open(variant: &str, path: &Path, weights: &UnetWeights) -> Result<ExpressionAdapter> {
    let unet = checkpoint(variant).unet;
    let layers = unet.attention_layers();
    ExpressionAdapter::open(path, unet.cross_attention_dim, weights.store(), &layers, DType::F32, &Device::Cpu)
}

fn changed(variant: &str, name: &str, change: &dyn Fn(&mut HashMap<String, Tensor>)) -> (PathBuf, UnetWeights) {
    let mut tensors = tensors(variant);
    change(&mut tensors);
    (safetensors(&format!("adapters/{name}.safetensors"), &tensors), unet_weights(variant))
}

#[test]
fn as_safetensors_it_is_the_same() {
    for variant in ["faceid", "linear", "full"] {
        let (path, weights) = changed(variant, variant, &|_| ());
        let ours = open(variant, &path, &weights).unwrap();
        let theirs = weights.expression_adapter().unwrap();
        let expression = noise(&[2, 55], 3);
        let tokens = |adapter: &ExpressionAdapter| adapter.projection.forward(&expression).unwrap();
        let [a, b] = [&ours, &theirs].map(|adapter| tokens(adapter).flatten_all().unwrap().to_vec1::<f32>().unwrap());
        assert_eq!(a, b);
        assert_eq!(ours.projection.tokens(), theirs.projection.tokens());
        assert_eq!(ours.lora.is_some(), variant == "faceid");
    }
}

#[test]
fn projections_of_an_unknown_kind() {
    let plus: &dyn Fn(&mut HashMap<String, Tensor>) = &|tensors| {
        tensors.retain(|name, _| !name.starts_with("image_proj."));
        for name in ["latents", "proj_in.weight", "proj_out.weight", "norm_out.weight"] {
            tensors.insert(format!("image_proj.{name}"), noise(&[4], 1));
        }
    };
    let none: &dyn Fn(&mut HashMap<String, Tensor>) = &|tensors| tensors.retain(|name, _| name.starts_with("ip_"));
    let half: &dyn Fn(&mut HashMap<String, Tensor>) =
        &|tensors| tensors.retain(|name, _| !name.starts_with("image_proj.norm"));
    for (variant, name, change, keys) in [
        ("full", "plus", plus, r#"["latents", "norm_out.weight", "proj_in.weight", "proj_out.weight"]"#),
        ("full", "none", none, "[]"),
        ("linear", "half", half, r#"["proj.bias", "proj.weight"]"#),
        ("faceid", "half2", half, r#"["proj.0.bias", "proj.0.weight", "proj.2.bias", "proj.2.weight"]"#),
    ] {
        let (path, weights) = changed(variant, name, change);
        let found =
            format!("found image_proj with the keys {keys}, expected proj and norm; proj.0, proj.2 and proj.3;");
        let error = open(variant, &path, &weights).map(drop).unwrap_err();
        says(error, &path, &[&found, "this is no expression adapter that moue knows"]);
    }
}

#[test]
fn projections_of_another_shape() {
    // For 51 values and not 55; tokens of another width; no matrix at all.
    for (name, shape, expected) in [
        ("inputs", &[2080, 51][..], "found [2080, 51], expected [2080, 55]"),
        ("width", &[2000, 55], "found [2000, 55], expected [1560, 55]"),
        ("scalar", &[], "found [], expected [520, 55]"),
    ] {
        let (path, weights) = changed("linear", name, &|tensors| {
            tensors.insert("image_proj.proj.weight".into(), noise(shape, 1));
        });
        let error = open("linear", &path, &weights).map(drop).unwrap_err();
        says(error, &path, &[&format!("misshapen image_proj.proj.weight: {expected}")]);
    }
}

#[test]
fn layers_that_are_missing_are_all_told() {
    let (path, weights) = changed("full", "layers", &|tensors| {
        tensors.remove("ip_adapter.1.to_k_ip.weight").unwrap();
        tensors.remove("ip_adapter.3.to_v_ip.weight").unwrap();
        tensors.insert("ip_adapter.3.to_k_ip.weight".into(), noise(&[8, 768], 1));
    });
    let adapter = open("full", &path, &weights).unwrap();
    let error = weights.denoising(Some(&adapter), &[]).unwrap_err();
    says(
        &error,
        &path,
        &[
            "3 of its tensors do not fit the network",
            "missing   ip_adapter.1.to_k_ip.weight [8, 512]",
            "missing   ip_adapter.3.to_v_ip.weight [8, 512]",
            "misshapen ip_adapter.3.to_k_ip.weight: found [8, 768], expected [8, 512]",
        ],
    );
    assert!(matches!(error, DiffusionError::Tensors { problems, .. } if problems.len() == 3));
}

/// A file for a larger network has more layers: the changes to them are refused, not passed over.
#[test]
fn changes_to_layers_that_are_not_there() {
    let (path, weights) = changed("faceid", "lora", &|tensors| {
        tensors.insert("ip_adapter.99.to_q_lora.down.weight".into(), noise(&[4, 8], 1));
        tensors.insert("ip_adapter.99.to_q_lora.up.weight".into(), noise(&[8, 4], 1));
    });
    let error = open("faceid", &path, &weights).map(drop).unwrap_err();
    says(
        error,
        &path,
        &["found 2 tensors for modules the network does not have", "ip_adapter.99.to_q_lora.down.weight"],
    );
}

#[test]
fn what_nobody_uses_is_extra() {
    let (path, weights) = changed("full", "extra", &|tensors| {
        for name in ["optimizer.step", "image_proj.unknown", "ip_adapter.99.to_k_ip.weight"] {
            tensors.insert(name.into(), noise(&[1], 1));
        }
    });
    let adapter = open("full", &path, &weights).unwrap();
    weights.denoising(Some(&adapter), &[]).unwrap();
    let extra: Vec<String> = adapter.extra().into_iter().map(|problem| problem.name).collect();
    assert_eq!(extra, ["optimizer.step", "image_proj.unknown", "ip_adapter.99.to_k_ip.weight"]);
}
