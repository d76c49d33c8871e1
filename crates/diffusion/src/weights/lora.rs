//! Low-rank changes to a network's weights (LoRA, arXiv 2106.09685), in the names that the field has used over time.

mod check;

pub(crate) use check::problems;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use candle_core::{DType, Tensor};

use super::{Store, WeightDelta, WeightFile};
use crate::{DiffusionError, Result};

/// Changes to the modules of one network: weight += alpha / rank * up * down.
#[derive(Debug)]
pub struct Lora {
    targets: BTreeMap<String, LoraTarget>,
}

/// The change of one module's weight.
#[derive(Debug)]
pub struct LoraTarget {
    /// (rank, inputs ..).
    down: Tensor,
    /// (outputs, rank ..).
    up: Tensor,
    /// The rank, unless the file says otherwise.
    alpha: f64,
}

impl LoraTarget {
    /// alpha / rank * up * down: (outputs, inputs * kernel elements), in f32.
    fn delta(&self) -> candle_core::Result<Tensor> {
        let (up, down) = (self.up.to_dtype(DType::F32)?, self.down.to_dtype(DType::F32)?);
        let (outputs, rank) = (up.dim(0)?, down.dim(0)?);
        up.reshape((outputs, rank))?.matmul(&down.reshape((rank, ()))?)? * (self.alpha / rank as f64)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Part {
    Down,
    Up,
    Alpha,
}

/// How the two matrices and the scale are called: peft; diffusers before peft; kohya, which LCM-LoRA uses; diffusers'
/// attention processors.
const SUFFIXES: [(&str, Part); 13] = [
    (".lora_A.weight", Part::Down),
    (".lora_B.weight", Part::Up),
    (".lora_A.default.weight", Part::Down),
    (".lora_B.default.weight", Part::Up),
    (".lora.down.weight", Part::Down),
    (".lora.up.weight", Part::Up),
    (".lora_down.weight", Part::Down),
    (".lora_up.weight", Part::Up),
    ("_lora.down.weight", Part::Down),
    ("_lora.up.weight", Part::Up),
    (".lora_linear_layer.down.weight", Part::Down),
    (".lora_linear_layer.up.weight", Part::Up),
    (".alpha", Part::Alpha),
];

/// What stands before the module's name.
const PREFIXES: [&str; 4] = ["base_model.model.unet.", "base_model.model.", "unet.", "lora_unet_"];

impl Lora {
    /// Reads a LoRA for the network in `network`.
    ///
    /// # Errors
    /// Where the file is none, speaks of modules that the network does not have, or has other shapes.
    pub fn open(path: &Path, network: &Store) -> Result<Self> {
        let file = WeightFile::open(path)?;
        let names: Vec<String> = file.tensors().keys().cloned().collect();
        Self::read(&file, names.iter().map(|name| (name.clone(), name.clone())), network)
    }

    /// Reads it from `names`: names in the file, and the names by which they are understood.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn read(
        file: &WeightFile,
        names: impl IntoIterator<Item = (String, String)>,
        network: &Store,
    ) -> Result<Self> {
        let refuse = |found: String, expected: &str| {
            let hint = "a LoRA for Stable Diffusion 1.5's UNet is needed, as peft, diffusers or kohya name it";
            DiffusionError::file(file.path(), found, expected, hint)
        };
        let modules = Modules::of(network);
        let mut parts: BTreeMap<String, BTreeMap<Part, Tensor>> = BTreeMap::new();
        let mut unknown = Vec::new();
        for (name, understood) in names {
            match modules.resolve(&understood) {
                Some((module, part)) => {
                    let place = parts.entry(module.clone()).or_default();
                    if place.insert(part, file.read(&name)?).is_some() {
                        return Err(refuse(format!("{module} twice, under two names"), "one change of each module"));
                    }
                }
                None => unknown.push(name),
            }
        }
        if let Some(first) = unknown.first() {
            let found =
                format!("{} tensors for modules the network does not have, the first is {first}", unknown.len());
            return Err(refuse(found, "changes to modules of the UNet"));
        }
        if parts.is_empty() {
            return Err(refuse("no pair of LoRA matrices".into(), "lora_A and lora_B, or lora_down and lora_up"));
        }
        let configured = Alphas::of(file);
        let mut targets = BTreeMap::new();
        for (module, mut found) in parts {
            let (Some(down), Some(up)) = (found.remove(&Part::Down), found.remove(&Part::Up)) else {
                return Err(refuse(format!("only one of the two matrices of {module}"), "both"));
            };
            let shape = network.weight_shape(&module).unwrap_or_default();
            let Some(rank) = rank(down.dims(), up.dims(), shape) else {
                let found = format!("{module} with matrices {:?} and {:?}", down.dims(), up.dims());
                return Err(refuse(found, &format!("a change of a weight of {shape:?}")));
            };
            let alpha = match found.remove(&Part::Alpha) {
                Some(alpha) => alpha.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?.first().map(|&a| a.into()),
                None => Some(configured.get(&module).unwrap_or(rank as f64)),
            };
            let Some(alpha) = alpha.filter(|alpha| alpha.is_finite()) else {
                return Err(refuse(format!("no number as alpha of {module}"), "one"));
            };
            targets.insert(module, LoraTarget { down, up, alpha });
        }
        Ok(Self { targets })
    }

    /// What it changes, by the module's name.
    pub fn targets(&self) -> &BTreeMap<String, LoraTarget> {
        &self.targets
    }
}

impl WeightDelta for Lora {
    fn delta(&self, module: &str) -> Option<candle_core::Result<Tensor>> {
        self.targets.get(module).map(LoraTarget::delta)
    }
}

/// The rank of two matrices that change a weight of `shape`: (rank, inputs ..) and (outputs, rank, and ones).
fn rank(down: &[usize], up: &[usize], shape: &[usize]) -> Option<usize> {
    let ([rank, inputs @ ..], [outputs, inner, ones @ ..], [first, rest @ ..]) = (down, up, shape) else { return None };
    let fits = *rank > 0
        && rank == inner
        && ones.iter().all(|&n| n == 1)
        && outputs == first
        && inputs.iter().product::<usize>() == rest.iter().product::<usize>();
    fits.then_some(*rank)
}

/// The network's modules under the spellings of LoRA files.
struct Modules {
    dotted: BTreeSet<String>,
    /// kohya's spelling, which has `_` for `.`.
    flat: BTreeMap<String, String>,
}

impl Modules {
    fn of(network: &Store) -> Self {
        let dotted = network.modules();
        let flat = dotted.iter().map(|name| (name.replace('.', "_"), name.clone())).collect();
        Self { dotted, flat }
    }

    fn resolve(&self, name: &str) -> Option<(String, Part)> {
        let (stem, part) = SUFFIXES.iter().find_map(|(suffix, part)| Some((name.strip_suffix(suffix)?, *part)))?;
        let stem = PREFIXES.iter().find_map(|prefix| stem.strip_prefix(prefix)).unwrap_or(stem);
        // diffusers' processors: `attn1.processor.to_out` for the module `attn1.to_out.0`.
        let stem = stem.replace(".processor.", ".");
        let candidates = [stem.clone(), format!("{stem}.0")];
        let module = candidates.iter().find(|c| self.dotted.contains(*c)).or_else(|| self.flat.get(&stem))?;
        Some((module.clone(), part))
    }
}

/// Scales that newer diffusers write into the header as JSON, under `lora_adapter_metadata`.
struct Alphas {
    general: Option<f64>,
    by_module: BTreeMap<String, f64>,
}

impl Alphas {
    fn of(file: &WeightFile) -> Self {
        let metadata = file.metadata();
        let json = metadata.get("lora_adapter_metadata").and_then(|text| serde_json::from_str(text).ok());
        let json: serde_json::Value = json.unwrap_or_default();
        let by_module = json["unet.alpha_pattern"].as_object().into_iter().flatten();
        Self {
            general: json["unet.lora_alpha"].as_f64(),
            by_module: by_module.filter_map(|(name, alpha)| Some((name.clone(), alpha.as_f64()?))).collect(),
        }
    }

    fn get(&self, module: &str) -> Option<f64> {
        self.by_module.get(module).copied().or(self.general)
    }
}
