//! The networks together: from crops to coefficients.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use image::RgbImage;
use moue_timeline::{FlameChannel, FlameExpression};
use moue_weights::{Store, WeightFile};
use rayon::prelude::*;

use crate::backbone::{Backbone, PATCH, Size};
use crate::{CROP_SIDE, Landmarks, Result, SmirkError, crop};

/// What the names of all tensors begin with; the file holds other networks too.
const PREFIX: &str = "smirk_encoder.";
const EXPRESSION: &str = "expression_encoder";
const POSE: &str = "pose_encoder";
/// Pose and camera.
const POSE_VALUES: usize = 6;
/// Frames that are computed at once: more gain nothing and take memory, some 10 MB each.
const BATCH: usize = 4;
/// Side of what the first convolution, of stride 2, makes of a crop.
const STEM_SIDE: usize = CROP_SIDE as usize / 2;

/// What SMIRK reads off one face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmirkFace {
    /// 50 expression coefficients of FLAME 2020, two eyelids (0..1) and the jaw's rotation vector in radians (x at
    /// least 0, y and z within 0.2).
    pub expression: FlameExpression,
    /// The head's rotation vector in radians, as FLAME's global rotation, then the camera: a weak perspective of scale
    /// s and shift (x, y), which sees a point of the head at s * (point + shift) in the crop's own coordinates, -1..1.
    /// Only where the file has the pose encoder.
    pub pose: Option<[f32; POSE_VALUES]>,
}

/// SMIRK's encoders of expression and pose.
///
/// Source: Retsinas et al., "3D Facial Expressions through Analysis-by-Neural-Synthesis", arXiv 2404.04104, and the
/// authors' `SMIRK_em1.pt`.
pub struct SmirkTracker {
    expression: Encoder,
    pose: Option<Encoder>,
    device: Device,
}

impl SmirkTracker {
    /// Loads the encoders from the published file, or from safetensors with the same names. Other tensors in it are
    /// not looked at. Computation is in f32, whatever the file is stored in.
    ///
    /// # Errors
    /// [`SmirkError::Weights`] where the file is none of tensors, or lacks some that the encoders need: all of those at
    /// once.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let file = WeightFile::open(path)?;
        let has_pose = file.tensors().keys().any(|name| {
            name.strip_prefix(PREFIX).and_then(|name| name.strip_prefix(POSE)).is_some_and(|rest| rest.starts_with('.'))
        });
        let store = Store::new(file, PREFIX, DType::F32, device);
        let vb = store.builder();
        let expression = Encoder::new(&vb.pp(EXPRESSION), Size::Large, "expression_layers.0", FlameChannel::COUNT)?;
        let pose =
            has_pose.then(|| Encoder::new(&vb.pp(POSE), Size::Small, "pose_cam_layers.0", POSE_VALUES)).transpose()?;
        store.finish()?;
        Ok(Self { expression, pose, device: device.clone() })
    }

    /// Whether the head's pose is read too.
    pub fn has_pose(&self) -> bool {
        self.pose.is_some()
    }

    /// Reads one face: the one in `picture` that `landmarks` belong to.
    ///
    /// # Errors
    /// As [`Self::track_batch`].
    pub fn track(&self, picture: &RgbImage, landmarks: &Landmarks) -> Result<SmirkFace> {
        self.one(&crop(picture, landmarks)?)
    }

    /// Reads faces of several frames. What is read of a frame depends on the others by
    /// rounding at most.
    ///
    /// # Errors
    /// Those of [`crop()`]; [`SmirkError::NotFinite`] for damaged weights.
    pub fn track_batch(&self, frames: &[(&RgbImage, &Landmarks)]) -> Result<Vec<SmirkFace>> {
        let crops: Result<Vec<_>> = frames.par_iter().map(|(picture, landmarks)| crop(picture, landmarks)).collect();
        self.read_crops(&crops?)
    }

    /// Reads faces that were cut out by [`crop()`].
    ///
    /// # Errors
    /// [`SmirkError::CropSize`] unless all are [`CROP_SIDE`] pixels square; [`SmirkError::NotFinite`] for damaged
    /// weights.
    pub fn read_crops(&self, crops: &[RgbImage]) -> Result<Vec<SmirkFace>> {
        let mut faces = Vec::with_capacity(crops.len());
        for crops in crops.chunks(BATCH) {
            let patches = self.patches(crops)?;
            let expressions = self.expression.forward::<{ FlameChannel::COUNT }>(&patches)?;
            let poses = self.pose.as_ref().map(|pose| pose.forward::<POSE_VALUES>(&patches)).transpose()?;
            faces.extend(expressions.into_iter().enumerate().map(|(i, expression)| SmirkFace {
                expression: FlameExpression::from_array(expression).constrained(),
                pose: poses.as_ref().and_then(|poses| poses.get(i).copied()),
            }));
        }
        Ok(faces)
    }

    fn one(&self, crop: &RgbImage) -> Result<SmirkFace> {
        let faces = self.read_crops(std::slice::from_ref(crop))?;
        faces.into_iter().next().ok_or(SmirkError::NotFinite { found: f32::NAN })
    }

    /// What lies under the first convolution's kernel at each of its places, RGB 0..1: (27, pictures, 112, 112). Its
    /// padding is one row of zeros below and one column to the right.
    fn patches(&self, crops: &[RgbImage]) -> Result<Tensor> {
        for crop in crops {
            let (width, height) = crop.dimensions();
            if (width, height) != (CROP_SIDE, CROP_SIDE) {
                return Err(SmirkError::CropSize { width, height });
            }
        }
        let (side, plane) = (CROP_SIDE as usize, STEM_SIDE * STEM_SIDE);
        let mut values = vec![0f32; PATCH * crops.len() * plane];
        values.par_chunks_exact_mut(plane).enumerate().for_each(|(index, values)| {
            let (tap, crop) = (index / crops.len(), &crops[index % crops.len()]);
            // Weights are ordered by channel, row and column.
            let (channel, row, column) = (tap / 9, tap / 3 % 3, tap % 3);
            for (y, values) in values.chunks_exact_mut(STEM_SIDE).enumerate() {
                let Some(start) = Some(2 * y + row).filter(|&y| y < side) else { continue };
                let pixels = &crop.as_raw()[start * side * 3..][..side * 3];
                let levels = pixels.iter().skip(column * 3 + channel).step_by(6);
                values.iter_mut().zip(levels).for_each(|(value, &level)| *value = f32::from(level) / 255.0);
            }
        });
        Ok(Tensor::from_vec(values, (PATCH, crops.len(), STEM_SIDE, STEM_SIDE), &self.device)?)
    }
}

/// A backbone, and the linear layer that reads its features.
struct Encoder {
    backbone: Backbone,
    /// (outputs, features).
    weight: Tensor,
    /// (outputs, 1).
    bias: Tensor,
}

impl Encoder {
    fn new(vb: &VarBuilder<'_>, size: Size, layer: &str, outputs: usize) -> Result<Self> {
        let backbone = Backbone::new(&vb.pp("encoder"), size)?;
        let layer = vb.pp(layer);
        let weight = layer.get((outputs, size.features()), "weight")?;
        Ok(Self { backbone, weight, bias: layer.get(outputs, "bias")?.unsqueeze(1)? })
    }

    /// N values for each picture.
    fn forward<const N: usize>(&self, patches: &Tensor) -> Result<Vec<[f32; N]>> {
        let features = self.backbone.forward(patches)?;
        let values = self.weight.matmul(&features)?.broadcast_add(&self.bias)?;
        let values: Vec<f32> = values.t()?.flatten_all()?.to_vec1()?;
        match values.iter().find(|value| !value.is_finite()) {
            Some(&found) => Err(SmirkError::NotFinite { found }),
            None => Ok(values.as_chunks().0.to_vec()),
        }
    }
}
