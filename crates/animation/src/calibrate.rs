//! A map between ARKit and FLAME, from sources that both trackers have seen.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use moue_bridge::{BridgeError, Family, LinearMap, Pair, Source as MapSource, fit};
use moue_engine::CancelToken;
use moue_face::FaceTracker;
use moue_tracks::arrays::read_npy;
use sha2::{Digest, Sha256};

use crate::{AnimationError, Motion, MotionJob, Observer};

/// Fits a map from face videos, which SMIRK reads too, or tracks with both families of coefficients.
///
/// # Errors
/// Sources that cannot be read or lack a family, too few frames.
pub fn calibrate(
    sources: &[MotionJob],
    observer: &dyn Observer,
    token: &CancelToken,
) -> Result<LinearMap, AnimationError> {
    let tracker = FaceTracker::new().map_err(|source| AnimationError::face("the tracker", source))?;
    let mut read = Vec::new();
    for job in sources {
        // Read as they are: smoothing would make neighbours of frames that are held back look like them.
        let job = MotionJob { smirk: true, ..job.clone() };
        let motion = Motion::read(&job, &tracker, None, observer, token)?;
        for family in [Family::Arkit, Family::Flame] {
            if !motion.track.channels().iter().any(|channel| Family::of(*channel) == Some(family)) {
                return Err(AnimationError::OneFamily { path: motion.name.into(), missing: family });
            }
        }
        let hash = job.path().filter(|path| path.is_file()).map(hash).transpose();
        let hash = hash.map_err(|source| AnimationError::Hash { path: motion.name.clone().into(), source })?;
        let name = job.path().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        read.push((name.unwrap_or_else(|| motion.name.clone()), hash.unwrap_or_default(), motion.track));
    }
    let pairs: Vec<Pair<'_>> =
        read.iter().map(|(name, hash, track)| Pair { name, hash, arkit: track, flame: track }).collect();
    fit(&pairs).map_err(|problem| match problem {
        BridgeError::TooFewFrames { .. } => {
            let names: Vec<&str> = read.iter().map(|(name, ..)| name.as_str()).collect();
            AnimationError::Bridge { path: names.join(", ").into(), problem: Box::new(problem) }
        }
        problem => problem.into(),
    })
}

/// Takes over a third party's arrays, `bs2exp.npy` (52, 100) and `bs2jaw.npy` (52, 3), from a folder.
///
/// # Errors
/// Files that are missing, or arrays of another shape.
pub fn import_map(folder: &Path) -> Result<LinearMap, AnimationError> {
    let mut arrays = Vec::new();
    let mut sources = Vec::new();
    for name in ["bs2exp.npy", "bs2jaw.npy"] {
        let path = folder.join(name);
        let array = read_npy(&path)?;
        let problem = |found: String| AnimationError::Array { path: path.clone(), found };
        let (_, _, values) = array.matrix().ok_or_else(|| problem(format!("an array of shape {:?}", array.shape())))?;
        arrays.push(values.iter().map(|value| *value as f32).collect::<Vec<_>>());
        let hash = hash(&path).map_err(|source| AnimationError::Hash { path: path.clone(), source })?;
        sources.push(MapSource { name: name.to_owned(), hash, frames: 0 });
    }
    let map = LinearMap::from_third_party(&arrays[0], &arrays[1])
        .map_err(|problem| AnimationError::Map { path: folder.to_owned(), problem: Box::new(problem) })?;
    Ok(map.with_sources(sources))
}

/// `sha256:` and the hexadecimal digest of a file.
fn hash(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut BufReader::new(File::open(path)?), &mut hasher)?;
    let digest: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("sha256:{digest}"))
}
