//! Painted keyframes in files, for whoever renders another range of the same shot.

use std::collections::BTreeMap;
use std::path::PathBuf;

use moue_diffusion::Latents;
use moue_timeline::FlameExpression;
use moue_tracks::arrays::{self, Array, Elements};
use sha2::{Digest, Sha256};

use crate::AnimationError;

/// A folder of keyframes. A file's name is a hash of all that its keyframe depends on, and it has its name only when it
/// is whole: processes may share a folder.
#[derive(Clone, Debug)]
pub(crate) struct KeyframeStore {
    folder: PathBuf,
    /// What keyframes depend on besides their expressions.
    look: String,
}

const NAME: &str = "latents";

impl KeyframeStore {
    pub fn new(folder: PathBuf, look: String) -> Self {
        Self { folder, look }
    }

    /// The file of a keyframe.
    pub fn path(&self, expression: &FlameExpression) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(&self.look);
        expression.as_array().iter().for_each(|value| hash.update(value.to_le_bytes()));
        let name: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("keyframe-{name}.npz"))
    }

    /// The keyframe of an expression, if it is there.
    ///
    /// # Errors
    /// A file that is no keyframe, or one of another size.
    pub fn load(
        &self,
        expression: &FlameExpression,
        shape @ (channels, height, width): (usize, usize, usize),
    ) -> Result<Option<Latents>, AnimationError> {
        let path = self.path(expression);
        if !path.exists() {
            return Ok(None);
        }
        let wrong = |found: String| {
            let path = path.clone();
            Err(AnimationError::Keyframe { path, found, expected: format!("latents of {shape:?}") })
        };
        let Ok(mut arrays) = arrays::read_npz(&path) else { return wrong("a file that is damaged".to_owned()) };
        let Some(array) = arrays.remove(NAME) else { return wrong("a file without latents".to_owned()) };
        match array.elements() {
            Elements::F32(values) if array.shape() == [channels, height, width] => {
                Ok(Some(Latents { channels, height, width, values: values.clone() }))
            }
            _ => wrong(format!("an array of {:?}", array.shape())),
        }
    }

    /// Keeps a keyframe.
    ///
    /// # Errors
    /// Where the folder cannot be made, or the file not written.
    pub fn save(&self, expression: &FlameExpression, latents: &Latents) -> Result<(), AnimationError> {
        let failed = |source| AnimationError::KeyframeFolder { path: self.folder.clone(), source };
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        let path = self.path(expression);
        let shape = [latents.channels, latents.height, latents.width];
        let array = Array::new(&shape, Elements::F32(latents.values.clone()));
        let array =
            array.map_err(|problem| AnimationError::Array { path: path.clone(), found: problem.to_string() })?;
        let arrays = BTreeMap::from([(NAME, array)]);
        // Whoever was here first has written the same.
        arrays::write_npz(&path, arrays.iter().map(|(name, array)| (*name, array)), true)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframes_are_found_by_all_that_they_depend_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = KeyframeStore::new(folder.path().join("keys"), "a look".to_owned());
        let latents = Latents { channels: 4, height: 2, width: 3, values: (0..24).map(|i| i as f32 * 0.1).collect() };
        let shape = (4, 2, 3);
        let rest = FlameExpression::NEUTRAL;
        assert_eq!(store.load(&rest, shape).unwrap(), None);
        store.save(&rest, &latents).unwrap();
        store.save(&rest, &latents).unwrap();
        assert_eq!(store.load(&rest, shape).unwrap(), Some(latents.clone()));
        let mut other = rest;
        other.set(moue_timeline::FlameChannel::all().next().unwrap(), 0.5);
        assert_eq!(store.load(&other, shape).unwrap(), None);
        let elsewhere = KeyframeStore::new(store.folder.clone(), "another look".to_owned());
        assert_eq!(elsewhere.load(&rest, shape).unwrap(), None);

        let error = store.load(&rest, (4, 3, 3)).unwrap_err().to_string();
        assert!(error.contains("[4, 2, 3]") && error.contains("hint: "), "{error}");
        std::fs::write(store.path(&rest), b"PK").unwrap();
        assert!(store.load(&rest, shape).is_err());
    }
}
