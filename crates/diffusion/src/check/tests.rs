use std::collections::HashMap;
use std::fs;

use candle_core::{DType, Device, Tensor};
use tempfile::TempDir;

use super::*;
use crate::{Precision, Scale, SynthOptions, synth};

/// A whole folder, to be broken.
struct Scene(TempDir);

impl Scene {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let options = SynthOptions { scale: Scale::Tiny, precision: Precision::F16, seed: 1, few_steps: true };
        synth(temp.path(), &options, &mut |_| Ok(())).unwrap();
        Self(temp)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn check(&self) -> CheckReport {
        check(&ModelFolder::at(self.0.path()))
    }

    /// What is wrong with one file, given that all else is right.
    #[track_caller]
    fn only(&self, file: ModelFile) -> Vec<String> {
        let report = self.check();
        let others = report.files.iter().filter(|check| check.file != file);
        for other in others {
            assert_eq!(other.problems, [], "{}", other.file);
        }
        let check = report.files.iter().find(|check| check.file == file).unwrap();
        check.problems.iter().map(CheckProblem::to_string).collect()
    }

    /// Changes the tensors of a file.
    fn edit(&self, name: &str, change: impl FnOnce(&mut HashMap<String, Tensor>)) {
        let mut tensors = candle_core::safetensors::load(self.path(name), &Device::Cpu).unwrap();
        change(&mut tensors);
        candle_core::safetensors::save(&tensors, self.path(name)).unwrap();
    }

    fn edit_text(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(self.path(name), text.replace(from, to)).unwrap();
    }
}

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DType::F16, &Device::Cpu).unwrap()
}

const UNET: &str = "arc2face/diffusion_pytorch_model.safetensors";
const ADAPTER: &str = "exp_adapter/exp_adapter.safetensors";
const REFERENCE: &str = "ref_adapter/pytorch_lora_weights.safetensors";

#[test]
fn a_whole_folder_is_clean() {
    let report = Scene::new().check();
    for check in &report.files {
        // The tracker is none of the renderer's own files.
        let depth = if check.file == ModelFile::Smirk { CheckDepth::Absent } else { CheckDepth::Compared };
        assert_eq!((check.problems.as_slice(), check.depth), (&[][..], depth), "{}", check.file);
    }
    assert_eq!(report.files.len(), ModelFile::ALL.len());
    assert!(report.is_clean());
}

#[test]
fn a_tracker_that_is_no_file_of_tensors_is_told() {
    let scene = Scene::new();
    let path = scene.path(ModelFile::Smirk.path());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "<html>Google Drive - Quota exceeded</html>").unwrap();
    let told = scene.only(ModelFile::Smirk);
    assert!(told[0].contains("found a web page"), "{told:?}");
}

#[test]
fn an_empty_folder_lacks_all_that_is_required() {
    let temp = tempfile::tempdir().unwrap();
    let report = check(&ModelFolder::at(temp.path()));
    assert_eq!(report.problems(), ModelFile::required().count());
    assert!(report.files.iter().all(|check| check.depth == CheckDepth::Absent));
}

#[test]
fn exactly_the_tensors_that_do_not_fit_are_told() {
    let scene = Scene::new();
    scene.edit(UNET, |tensors| {
        tensors.remove("conv_in.bias").unwrap();
        tensors.insert("conv_out.weight".into(), zeros(&[4, 9, 3, 3]));
        tensors.insert("conv_out.more".into(), zeros(&[2]));
    });
    let told = scene.only(ModelFile::Unet);
    assert_eq!(
        told,
        [
            "missing   conv_in.bias [8]",
            "misshapen conv_out.weight: found [4, 9, 3, 3], expected [4, 8, 3, 3]",
            "extra     conv_out.more [2]"
        ]
    );
}

#[test]
fn every_network_is_compared() {
    for (file, path, tensor) in [
        (ModelFile::Encoder, "encoder/model.safetensors", "text_model.final_layer_norm.weight"),
        (ModelFile::Vae, "vae/diffusion_pytorch_model.safetensors", "decoder.mid_block.attentions.0.query.weight"),
        (ModelFile::ExpressionAdapter, ADAPTER, "ip_adapter.3.to_v_ip.weight"),
    ] {
        let scene = Scene::new();
        scene.edit(path, |tensors| {
            tensors.remove(tensor).unwrap();
        });
        let told = scene.only(file);
        assert!(told.len() == 1 && told[0].starts_with("missing"), "{told:?}");
    }
}

#[test]
fn loras_are_told_apart_into_halves_and_strangers() {
    let scene = Scene::new();
    let block = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1";
    scene.edit(REFERENCE, |tensors| {
        tensors.remove(&format!("{block}.to_q.lora.up.weight")).unwrap();
        tensors.insert(format!("{block}.to_k.lora.down.weight"), zeros(&[2, 9]));
        tensors.insert("unet.nothing.lora.up.weight".into(), zeros(&[8, 2]));
    });
    let told = scene.only(ModelFile::ReferenceAdapter);
    assert_eq!(
        told,
        [
            "extra     unet.nothing.lora.up.weight [8, 2]".to_owned(),
            format!("misshapen {block}.to_k.lora.down.weight: found [2, 9], expected [2, 8]"),
            format!("missing   {block}.to_q.lora.up.weight [8, 2]"),
        ]
    );
}

#[test]
fn convolutions_are_told_in_kohyas_spelling() {
    let scene = Scene::new();
    let module = "lora_unet_down_blocks_0_resnets_0_conv1";
    scene.edit("lcm_lora/pytorch_lora_weights.safetensors", |tensors| {
        tensors.remove(&format!("{module}.lora_down.weight")).unwrap();
        tensors.insert(format!("{module}.alpha"), zeros(&[2]));
    });
    let told = scene.only(ModelFile::LcmLora);
    assert_eq!(
        told,
        [
            format!("missing   {module}.lora_down.weight [2, 8, 3, 3]"),
            format!("misshapen {module}.alpha: found [2], expected []"),
        ]
    );
}

#[test]
fn an_adapter_of_another_kind_is_told_once() {
    let scene = Scene::new();
    scene.edit(ADAPTER, |tensors| {
        tensors.remove("image_proj.norm.weight").unwrap();
        tensors.insert("stray".into(), zeros(&[1]));
        tensors.insert("ip_adapter.99.to_q_lora.down.weight".into(), zeros(&[2, 8]));
    });
    let told = scene.only(ModelFile::ExpressionAdapter);
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[0].contains("image_proj with the keys"), "{told:#?}");
    assert_eq!(told[1], "extra     stray [1]");
    assert_eq!(told[2], "extra     ip_adapter.99.to_q_lora.down.weight [2, 8]");
}

#[test]
fn files_that_are_something_else_are_one_problem_each() {
    let whole = fs::read(Scene::new().path(UNET)).unwrap();
    let cases: [(&[u8], &str); 6] = [
        (&whole[..whole.len() - 7], "bytes where its header tells of"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"),
        (b"\x80\x02}q\x00.", "PyTorch before 1.6"),
        (b"<html>not found</html>", "a web page"),
        (b"just a note", "something else"),
        (b"", "an empty file"),
    ];
    for (content, expected) in cases {
        let scene = Scene::new();
        fs::write(scene.path(UNET), content).unwrap();
        let told = scene.only(ModelFile::Unet);
        assert!(told.len() == 1 && told[0].contains(expected), "{expected}: {told:?}");
        assert!(told[0].contains("\nhint: ") && !told[0].contains(UNET), "{told:?}");
    }
}

#[test]
fn a_recogniser_that_is_cut_off_or_no_onnx_is_told() {
    let scene = Scene::new();
    let path = scene.path(ModelFile::Recogniser.path());
    let whole = fs::read(&path).unwrap();
    for (content, expected) in [
        (&whole[..whole.len() - 1], "which end within field 8"),
        (&whole[..whole.len() / 2], "which end within field 7"),
        (b"PK\x03\x04 a zip", "found"),
        (&whole[..2], "without a graph"),
    ] {
        fs::write(&path, content).unwrap();
        let told = scene.only(ModelFile::Recogniser);
        assert!(told.len() == 1 && told[0].contains(expected), "{expected}: {told:?}");
    }
}

#[test]
fn configurations_have_to_fit_each_other() {
    let scene = Scene::new();
    scene.edit_text("vae/config.json", r#""latent_channels": 4"#, r#""latent_channels": 5"#);
    let report = scene.check();
    let told = |file| {
        let check = report.files.iter().find(|check| check.file == file).unwrap();
        check.problems.iter().map(CheckProblem::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        told(ModelFile::VaeConfig),
        ["latent_channels: found 5, expected 4, the in_channels of arc2face/config.json"]
    );
    // And the weights do not fit what the configuration says now.
    assert!(told(ModelFile::Vae).iter().all(|line| line.starts_with("misshapen")), "{:?}", told(ModelFile::Vae));
    assert!(!told(ModelFile::Vae).is_empty());
    assert!(told(ModelFile::Unet).is_empty());
}

#[test]
fn a_vocabulary_beyond_the_text_model_is_told() {
    let scene = Scene::new();
    scene.edit_text("tokenizer/vocab.json", r#""id</w>":"#, r#""id</w>":9"#);
    let told = scene.only(ModelFile::TokenizerVocabulary);
    assert!(told.len() == 1 && told[0].contains("by the vocab_size of encoder/config.json"), "{told:?}");
    fs::write(scene.path("tokenizer/merges.txt"), "#version: 0.2\n").unwrap();
    let told = scene.only(ModelFile::TokenizerVocabulary);
    assert!(told.iter().any(|line| line.contains("the word that stands for the face")), "{told:?}");
}

#[test]
fn without_a_configuration_files_are_opened_all_the_same() {
    let scene = Scene::new();
    fs::write(scene.path("arc2face/config.json"), "{").unwrap();
    fs::write(scene.path(REFERENCE), "short").unwrap();
    let report = scene.check();
    let depth = |file| report.files.iter().find(|check| check.file == file).unwrap().depth;
    for file in [ModelFile::Unet, ModelFile::ExpressionAdapter, ModelFile::ReferenceAdapter, ModelFile::LcmLora] {
        assert_eq!(depth(file), CheckDepth::Alone, "{file}");
    }
    assert_eq!(depth(ModelFile::Vae), CheckDepth::Compared);
    assert_eq!(report.problems(), 2);
}
