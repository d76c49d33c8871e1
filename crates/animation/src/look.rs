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

/// How many pieces of a model file tell it from others of its length, and their bytes: to read gigabytes of weights to
/// their end would take as long as to paint. Files of up to 4 MiB are read whole.
const PIECES: u64 = 1024;
const PIECE: u64 = 4096;

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
        hash.update(format!(" {} {length} ", file.path()));
        update_by_pieces(&mut hash, &mut opened, length).map_err(failed)?;
    }
    Ok(hash)
}

/// Hashes pieces that are spread evenly over a file, and its end.
fn update_by_pieces(hash: &mut Sha256, file: &mut (impl Read + Seek), length: u64) -> std::io::Result<()> {
    let step = (length / PIECES).max(PIECE);
    let places = (0..length).step_by(usize::try_from(step).unwrap_or(usize::MAX));
    let mut piece = Vec::new();
    for at in places.chain([length.saturating_sub(PIECE)]) {
        piece.clear();
        file.seek(SeekFrom::Start(at))?;
        file.take(PIECE).read_to_end(&mut piece)?;
        hash.update(&piece);
    }
    Ok(())
}

/// The same of a person: the recogniser's vector, and the picture that is looked at.
pub(crate) fn of_person(mut hash: Sha256, face: &[f32], picture: &RgbImage) -> String {
    face.iter().for_each(|value| hash.update(value.to_le_bytes()));
    hash.update(picture.as_raw());
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn hash(bytes: &[u8]) -> Vec<u8> {
        let mut hash = Sha256::new();
        update_by_pieces(&mut hash, &mut Cursor::new(bytes), bytes.len() as u64).unwrap();
        hash.finalize().to_vec()
    }

    #[test]
    fn a_change_anywhere_in_a_small_file_and_in_most_of_a_large_one_is_seen() {
        let small = vec![7; 3 * PIECE as usize + 5];
        for at in [0, 5000, small.len() - 1] {
            let mut other = small.clone();
            other[at] = 8;
            assert_ne!(hash(&other), hash(&small), "{at}");
        }
        assert_eq!(hash(&[]), hash(&[]));
        // Weights that have been trained on differ all over a tensor, however long the file is.
        let large = vec![7; 12 << 20];
        for tensor in [0..100_000, 5_000_000..5_100_000, large.len() - 10..large.len()] {
            let mut other = large.clone();
            other[tensor.clone()].fill(8);
            assert_ne!(hash(&other), hash(&large), "{tensor:?}");
        }
    }
}
