//! A hash of all that a keyframe depends on besides its expression.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use image::RgbImage;
use moue_bridge::LinearMap;
use moue_diffusion::{Compute, PainterSettings};
use moue_models::{ModelFile, ModelFolder};
use sha2::{Digest, Sha256};

use crate::{AnimationError, NoiseMode, TemporalConditioning};

/// What decides how an expression is painted, but for the person.
pub(crate) struct Look<'a> {
    pub folder: &'a ModelFolder,
    pub settings: &'a PainterSettings,
    pub compute: &'a Compute,
    pub conditioning: TemporalConditioning,
    pub map: Option<&'a LinearMap>,
}

/// Bytes at the end of a model file that tell it from others of its length: to read gigabytes of weights to their end
/// would take as long as to paint.
const TAIL: u64 = 1 << 16;

/// # Errors
/// Where a model file cannot be read.
pub(crate) fn look(of: &Look<'_>) -> Result<Sha256, AnimationError> {
    let mut hash = Sha256::new();
    let settings = PainterSettings { reads_history: false, ..of.settings.clone() };
    let device = if of.compute.device.is_cpu() { "cpu" } else { "gpu" };
    hash.update(format!("{} {settings:?} {device} {:?}", env!("CARGO_PKG_VERSION"), of.compute.dtype));
    if of.conditioning.noise == NoiseMode::Carried {
        hash.update(format!("carried {:?}", of.map));
    }
    for file in ModelFile::ALL {
        let Some(path) = of.folder.path(file) else { continue };
        let failed = |source| AnimationError::Hash { path: path.clone(), source };
        let mut opened = File::open(&path).map_err(failed)?;
        let length = opened.metadata().map_err(failed)?.len();
        opened.seek(SeekFrom::Start(length.saturating_sub(TAIL))).map_err(failed)?;
        let mut tail = Vec::new();
        opened.take(TAIL).read_to_end(&mut tail).map_err(failed)?;
        hash.update(format!(" {} {length} ", file.path()));
        hash.update(tail);
    }
    Ok(hash)
}

/// The same of a person: the recogniser's vector, and the picture that is looked at.
pub(crate) fn of_person(mut hash: Sha256, face: &[f32], picture: &RgbImage) -> String {
    face.iter().for_each(|value| hash.update(value.to_le_bytes()));
    hash.update(picture.as_raw());
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
