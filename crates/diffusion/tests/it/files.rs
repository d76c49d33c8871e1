//! Files of weights that do not fit their network.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use moue_diffusion::weights::Store;
use moue_diffusion::{Compute, DiffusionError, ProblemKind};
use moue_models::ModelFile;

use crate::helpers::{checkpoint, copy, load, noise, safetensors, save, says, unet_weights};

#[test]
fn everything_missing_and_misshapen_is_told_at_once() {
    let folder = copy("full", "files/checkpoint");
    let path = folder.join("arc2face/diffusion_pytorch_model.safetensors");
    let mut tensors = load(&path);
    tensors.remove("conv_in.weight").unwrap();
    tensors.remove("mid_block.resnets.1.conv2.bias").unwrap();
    let wide = Tensor::zeros((3, 5), DType::F32, &Device::Cpu).unwrap();
    tensors.insert("time_embedding.linear_1.weight".into(), wide.clone());
    tensors.insert("nobody.asked".into(), wide);
    save(&tensors, &folder, ModelFile::Unet);
    let weights = moue_diffusion::Checkpoint::open(&moue_models::ModelFolder::at(&folder))
        .unwrap()
        .unet_weights(&Compute::cpu())
        .unwrap();
    let error = weights.denoising(None, &[]).unwrap_err();
    says(
        &error,
        &path,
        &[
            "3 of its tensors do not fit the network",
            "missing   conv_in.weight [8, 4, 3, 3]",
            "missing   mid_block.resnets.1.conv2.bias [16]",
            "misshapen time_embedding.linear_1.weight: found [3, 5], expected [32, 8]",
            "moue models check",
        ],
    );
    let DiffusionError::Tensors { problems, .. } = error else { panic!("another error") };
    assert_eq!(problems.len(), 3);
    // Only the one that nobody asked for is extra, now that everything has been asked for.
    let extra = weights.store().extra();
    assert_eq!(extra.len(), 1);
    assert_eq!((extra[0].name.as_str(), &extra[0].kind), ("nobody.asked", &ProblemKind::Extra { found: vec![3, 5] }));
}

/// A list that fills the terminal helps nobody.
#[test]
fn of_many_problems_some_are_shown_and_all_counted() {
    let path = safetensors("files/none.safetensors", &HashMap::from([("x".into(), noise(&[1], 1))]));
    let store = Store::open(&path, DType::F32, &Device::Cpu).unwrap();
    let vae = checkpoint("full").vae;
    moue_diffusion::Vae::new(&store.builder(), &vae).unwrap();
    let error = DiffusionError::from(store.finish().unwrap_err());
    let DiffusionError::Tensors { problems, .. } = &error else { panic!("{error}") };
    let more = format!("  and {} more\n", problems.len() - 12);
    says(&error, &path, &[&format!("{} of its tensors", problems.len()), &more]);
}

#[test]
fn a_whole_checkpoint_has_nothing_left_over() {
    for name in ["faceid", "linear", "full"] {
        let weights = unet_weights(name);
        let adapter = weights.expression_adapter().unwrap();
        weights.denoising(Some(&adapter), &[]).unwrap();
        assert_eq!((weights.store().extra(), adapter.extra()), (Vec::new(), Vec::new()), "{name}");
    }
}
