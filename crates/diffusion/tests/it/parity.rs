//! Every folder of goldens, recomputed.

use candle_core::DType;
use moue_diffusion::Compute;
use moue_models::ModelFile;
use safetensors::SafeTensors;

use crate::goldens::{Report, compute};
use crate::helpers::{copy, file, load, save, variant};

const VARIANTS: [&str; 3] = ["faceid", "linear", "full"];

fn report(name: &str, dtype: DType) -> Report {
    let folder = variant(name);
    let compute_in = Compute { dtype, ..Compute::cpu() };
    compute(&folder.join("checkpoint"), &folder.join("goldens.safetensors"), &compute_in).unwrap()
}

fn passes(name: &str, dtype: DType) {
    let report = report(name, dtype);
    eprintln!("{name} {dtype:?}\n{}", report.table());
    assert!(report.passes(), "{name} {dtype:?}\n{}", report.table());
}

#[test]
fn faceid_in_f32() {
    passes("faceid", DType::F32);
}

#[test]
fn linear_in_f32() {
    passes("linear", DType::F32);
}

#[test]
fn full_in_f32() {
    passes("full", DType::F32);
}

#[test]
fn all_in_f16() {
    VARIANTS.iter().for_each(|name| passes(name, DType::F16));
}

#[test]
fn all_in_bf16() {
    VARIANTS.iter().for_each(|name| passes(name, DType::BF16));
}

/// What only our goldens have must have been compared, not passed over.
#[test]
fn the_goldens_beyond_the_official_ones_are_computed() {
    for (name, tensors) in [
        ("faceid", &["out.unet_cfg.exp1_ref0_adapter_lora_off", "out.lcm.trace"][..]),
        ("linear", &["out.unet_cfg.lcm_lora", "out.unet_cfg.reference_lcm_lora", "out.lcm.reference.trace"]),
    ] {
        let report = report(name, DType::F32);
        for tensor in tensors {
            assert!(report.computed.contains_key(*tensor) && report.table().contains(tensor), "{name} has no {tensor}");
        }
    }
}

/// One golden that is off by a thousandth is one failure.
#[test]
fn a_wrong_golden_fails() {
    let folder = variant("full");
    let bytes = std::fs::read(folder.join("goldens.safetensors")).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let mut tensors = load(&folder.join("goldens.safetensors"));
    let name = "out.unet_cfg.reference";
    let golden = tensors[name].clone();
    tensors.insert(name.into(), (&golden * 1.001).unwrap());
    let path = file("parity/goldens.safetensors", "");
    let metadata = header.metadata().clone();
    safetensors::serialize_to_file(tensors.iter(), metadata, &path).unwrap();
    let report = compute(&folder.join("checkpoint"), &path, &Compute::cpu()).unwrap();
    assert_eq!(report.failures(), [name], "{}", report.table());
    assert!(!report.passes());
    assert!(report.table().contains("1 too far"), "{}", report.table());
}

/// One weight that is off by a hundredth is seen wherever it acts, and nowhere else.
#[test]
fn a_wrong_weight_fails() {
    let checkpoint = copy("full", "parity/checkpoint");
    let path = checkpoint.join("arc2face/diffusion_pytorch_model.safetensors");
    let mut tensors = load(&path);
    let weight = tensors["conv_out.weight"].clone();
    tensors.insert("conv_out.weight".into(), (weight * 1.01).unwrap());
    save(&tensors, &checkpoint, ModelFile::Unet);
    let report = compute(&checkpoint, &variant("full").join("goldens.safetensors"), &Compute::cpu()).unwrap();
    let failures = report.failures();
    assert!(failures.contains(&"out.unet_cfg.exp0_ref0") && failures.contains(&"out.euler.reference.latents"));
    assert!(!failures.iter().any(|name| name.contains("bank") || name.contains("vae")), "{failures:?}");
}
