//! Goldens of SMIRK: `tests/goldens/make_smirk.py` says how they were made.

// Each test and example takes some of them.
#![allow(dead_code)]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use image::RgbImage;
use moue_smirk::{CROP_SIDE, Landmarks, SmirkFace};

/// One face, and what the authors' code makes of it.
pub struct Golden {
    pub name: String,
    pub picture: RgbImage,
    pub landmarks: Landmarks,
    pub crop: RgbImage,
    pub flame: Vec<f32>,
    pub pose: Vec<f32>,
}

/// A file in the repository's `tests/goldens/smirk`.
pub fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/smirk").join(name)
}

/// The faces in a file of goldens; their picture is in it as `in.image`, or is the example portrait.
pub fn read(path: &Path) -> anyhow::Result<Vec<Golden>> {
    let tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
    let picture = match tensors.get("in.image") {
        Some(image) => rgb(image)?,
        None => {
            let portrait = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/portraits/astronaut.png");
            image::open(portrait)?.to_rgb8()
        }
    };
    let names: BTreeMap<&str, &Tensor> = tensors
        .iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix("in.smirk.")?.strip_suffix(".landmarks")?, tensor)))
        .collect();
    names
        .into_iter()
        .map(|(name, points)| {
            let out = |what: &str| get(&tensors, &format!("out.smirk.{name}.{what}"));
            let mut landmarks: Landmarks = [[0.0; 3]; _];
            let points = points.to_dtype(candle_core::DType::F32)?.to_vec2::<f32>()?;
            anyhow::ensure!(points.len() == landmarks.len(), "{name} has {} landmarks", points.len());
            for (landmark, point) in landmarks.iter_mut().zip(points) {
                landmark.iter_mut().zip(point).for_each(|(to, from)| *to = from);
            }
            Ok(Golden {
                name: name.into(),
                picture: picture.clone(),
                landmarks,
                crop: rgb(out("crop224")?)?,
                flame: out("flame55")?.flatten_all()?.to_vec1()?,
                pose: out("pose6")?.flatten_all()?.to_vec1()?,
            })
        })
        .collect()
}

fn get<'a>(tensors: &'a HashMap<String, Tensor>, name: &str) -> anyhow::Result<&'a Tensor> {
    tensors.get(name).ok_or_else(|| anyhow::anyhow!("no tensor {name}"))
}

fn rgb(tensor: &Tensor) -> anyhow::Result<RgbImage> {
    let (height, width, _) = tensor.dims3()?;
    let picture = RgbImage::from_raw(width as u32, height as u32, tensor.flatten_all()?.to_vec1()?);
    picture.ok_or_else(|| anyhow::anyhow!("a picture of shape {:?}", tensor.dims()))
}

/// Relative L2 differences of the coefficients and of the pose.
pub fn errors(face: &SmirkFace, golden: &Golden) -> [f64; 2] {
    let pose = face.pose.map(Vec::from).unwrap_or_default();
    [relative(face.expression.as_array(), &golden.flame), relative(&pose, &golden.pose)]
}

fn relative(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let differences = squares(&mut found.iter().zip(expected).map(|(a, b)| f64::from(a - b)));
    (differences / squares(&mut expected.iter().map(|&value| f64::from(value)))).sqrt()
}

/// The share of the crop's values that are not the same, and by how many levels at most.
pub fn crop_difference(found: &RgbImage, golden: &Golden) -> (f64, u8) {
    assert_eq!(found.dimensions(), (CROP_SIDE, CROP_SIDE));
    let differences = found.as_raw().iter().zip(golden.crop.as_raw()).map(|(a, b)| a.abs_diff(*b));
    let other = differences.clone().filter(|&difference| difference > 0).count();
    (other as f64 / found.as_raw().len() as f64, differences.max().unwrap_or(0))
}
