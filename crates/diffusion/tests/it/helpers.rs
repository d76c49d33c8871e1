//! Files for tests, and what an error must say of them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use moue_diffusion::{Checkpoint, Compute, UnetWeights};
use moue_models::{ModelFile, ModelFolder};

/// A folder of goldens: `faceid`, `linear` or `full`.
pub fn variant(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens").join(name)
}

pub fn checkpoint(name: &str) -> Checkpoint {
    Checkpoint::open(&ModelFolder::at(variant(name).join("checkpoint"))).unwrap()
}

pub fn unet_weights(name: &str) -> UnetWeights {
    checkpoint(name).unet_weights(&Compute::cpu()).unwrap()
}

/// A place that only the running test writes to.
fn place(name: &str) -> PathBuf {
    let test = std::thread::current().name().unwrap_or_default().replace("::", "-");
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("diffusion").join(test).join(name)
}

/// The path of a file of one test, with `bytes` in it.
pub fn file(name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = place(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// A copy of a checkpoint that a test may spoil.
pub fn copy(variant_name: &str, name: &str) -> PathBuf {
    let (from, to) = (variant(variant_name).join("checkpoint"), place(name));
    for folder in fs::read_dir(&from).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let into = to.join(folder.file_name().unwrap());
        fs::create_dir_all(&into).unwrap();
        for file in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            fs::write(into.join(file.file_name().unwrap()), fs::read(&file).unwrap()).unwrap();
        }
    }
    to
}

pub fn load(path: &Path) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()
}

/// Writes tensors over the file in a copied checkpoint.
pub fn save(tensors: &HashMap<String, Tensor>, folder: &Path, file: ModelFile) {
    candle_core::safetensors::save(tensors, ModelFolder::at(folder).path(file).unwrap()).unwrap();
}

/// A file of `tensors`.
pub fn safetensors(name: &str, tensors: &HashMap<String, Tensor>) -> PathBuf {
    let path = file(name, "");
    candle_core::safetensors::save(tensors, &path).unwrap();
    path
}

/// Numbers that look random, in -1..1, the same for the same seed.
pub fn noise(shape: &[usize], seed: u64) -> Tensor {
    let mut random = Random(seed);
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|_| (random.next() >> 40) as f32 / 2f32.powi(23) - 1.0).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Numbers that look random (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Relative L2 difference.
pub fn difference(a: &Tensor, b: &Tensor) -> f32 {
    let norm = |t: &Tensor| t.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt();
    assert_eq!(a.dims(), b.dims());
    norm(&(a - b).unwrap()) / norm(b)
}

/// Fails unless the error names the file, all of `parts`, what was expected, and a way out.
#[track_caller]
pub fn says(error: impl std::fmt::Display, path: &Path, parts: &[&str]) {
    let message = error.to_string();
    assert!(message.starts_with(&path.display().to_string()), "no file's name: {message}");
    for part in parts.iter().chain(&["\nhint: "]) {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
}
