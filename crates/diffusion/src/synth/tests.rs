use super::*;
use crate::{
    Compute, FrameTokens, ReferenceBank, Sampling,
    sample::{check_finite, sample},
};
use candle_core::{Device, Tensor};

fn options(scale: Scale, precision: Precision) -> SynthOptions {
    SynthOptions { scale, precision, seed: 1, few_steps: true }
}

/// The plans of the published shapes, without their numbers.
fn planned(precision: Precision) -> Vec<(ModelFile, u64)> {
    let temp = tempfile::tempdir().unwrap();
    for (path, json) in configs::configs(Scale::Sd15) {
        let path = temp.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, json.to_string()).unwrap();
    }
    let checkpoint = Checkpoint::open(&ModelFolder::at(temp.path())).unwrap();
    let plans = plans(&checkpoint, &options(Scale::Sd15, precision)).unwrap();
    plans.into_iter().map(|(file, plan)| (file, plan.size())).collect()
}

#[test]
fn files_in_the_published_shapes_have_the_published_sizes() {
    let f32_sizes = planned(Precision::F32);
    let size = |sizes: &[(ModelFile, u64)], file| sizes.iter().find(|(f, _)| *f == file).unwrap().1;
    for file in [ModelFile::Vae, ModelFile::ReferenceAdapter] {
        assert_eq!(Some(size(&f32_sizes, file)), file.size(), "{file}");
    }
    // A pickle there, safetensors here.
    let adapter = size(&f32_sizes, ModelFile::ExpressionAdapter);
    assert!(ModelFile::ExpressionAdapter.size().unwrap().abs_diff(adapter) < 12_000, "{adapter}");
    // Stored in half precision.
    let lcm = size(&planned(Precision::F16), ModelFile::LcmLora);
    assert_eq!(Some(lcm), ModelFile::LcmLora.size());
    let unet = size(&f32_sizes, ModelFile::Unet);
    assert!(unet.abs_diff(4 * 859_520_964) < 100_000, "{unet}");
}

#[test]
fn a_tiny_folder_is_tiny_and_paints_something_finite() {
    let temp = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    let files = synth(&temp.path().join("models"), &options(Scale::Tiny, Precision::F16), &mut |progress| {
        seen.push(progress);
        Ok(())
    })
    .unwrap();
    let last = seen.last().unwrap();
    assert_eq!(last.written, last.total);
    let needed = files.iter().filter(|file| !file.ends_with(ModelFile::LcmLora.path()));
    let size: u64 = needed.map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(size < 3_000_000, "{size}");

    let folder = ModelFolder::at(temp.path().join("models"));
    assert_eq!(folder.missing(), []);
    let (checkpoint, compute) = (Checkpoint::open(&folder).unwrap(), Compute::cpu());
    let mut face = [0.0; crate::FACE_VECTOR];
    face[3] = 1.0;
    let prompts = checkpoint.prompts(&face, &compute).unwrap();
    let weights = checkpoint.unet_weights(&compute).unwrap();
    let adapter = weights.expression_adapter().unwrap();
    let reference = weights.lora(ModelFile::ReferenceAdapter).unwrap();
    let lcm = weights.lora(ModelFile::LcmLora).unwrap();
    let unet = weights.denoising(Some(&adapter), &[(reference, 0.8), (lcm, 1.0)]).unwrap();
    assert_eq!(adapter.extra(), []);

    let noise = |seed, shape: &[usize]| {
        let values = tensors::values(Draw::Uniform { deviation: 1.0 }, seed, shape.iter().product());
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    };
    let vae = checkpoint.load_vae(&compute).unwrap();
    let picture = noise(1, &[1, 3, 64, 64]).clamp(-1.0, 1.0).unwrap();
    let latents = vae.latents(&picture, &noise(2, &[1, 4, 8, 8])).unwrap();
    let bank = weights.reference().unwrap().forward(&latents, 0.0, &prompts.positive).unwrap();
    let tokens = |value: f32| {
        let values = Tensor::full(value, (1, EXPRESSION_SIZE), &Device::Cpu).unwrap();
        adapter.projection.forward(&values).unwrap()
    };
    let paint = |expression: f32, bank: &ReferenceBank| {
        let frames = FrameTokens { expressions: tokens(expression), neutral: tokens(0.0) };
        let initial = noise(3, &[1, 4, 8, 8]);
        let sampling = Sampling::default();
        let latents = sample(
            &unet,
            &checkpoint.schedule,
            &sampling,
            &prompts,
            Some(&frames),
            bank,
            &initial,
            &|_| Ok(initial.clone()),
            &mut |step, latents| check_finite("latents", latents, 0, step, 25, "-"),
        );
        vae.decode(&latents.unwrap()).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    let painted = paint(0.5, &bank);
    let mean = painted.iter().sum::<f32>() / painted.len() as f32;
    let deviation = (painted.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / painted.len() as f32).sqrt();
    assert!(mean.abs() < 1.0 && deviation > 0.1 && deviation < 1.0, "{mean} {deviation}");
    // The adapters do something.
    assert_ne!(painted, paint(1.0, &bank));
    assert_ne!(painted, paint(0.5, &ReferenceBank::empty()));
}

#[test]
fn equal_seeds_give_equal_files() {
    let temp = tempfile::tempdir().unwrap();
    let files = |name: &str, seed| {
        let options = SynthOptions { seed, ..options(Scale::Tiny, Precision::F16) };
        let files = synth(&temp.path().join(name), &options, &mut |_| Ok(())).unwrap();
        files.into_iter().map(|file| fs::read(file).unwrap()).collect::<Vec<_>>()
    };
    let first = files("a", 1);
    assert!(first == files("b", 1));
    assert!(first != files("c", 2));
}

#[test]
fn nothing_is_replaced_and_nothing_is_left_half_done() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("models");
    let tiny = options(Scale::Tiny, Precision::F16);
    let cancelled = synth(&dir, &tiny, &mut |progress| {
        if progress.written > 1_000_000 { Err(DiffusionError::Cancelled) } else { Ok(()) }
    });
    assert!(matches!(cancelled, Err(DiffusionError::Cancelled)));
    assert!(!dir.exists());

    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("mine.txt"), "mine").unwrap();
    let refused = synth(&dir, &tiny, &mut |_| Ok(())).unwrap_err().to_string();
    assert!(refused.contains("not empty"), "{refused}");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
    let refused = synth(&dir.join("mine.txt"), &tiny, &mut |_| Ok(())).unwrap_err().to_string();
    assert!(refused.contains("no folder"), "{refused}");
}
