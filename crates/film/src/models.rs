//! What paintings depend on of the models that paint them.

use std::path::Path;

use moue_animation::{AnimationError, Checkpoint, DiffusionError};
use moue_models::{ModelFile, ModelFolder, process_environment};

use crate::{FilmError, Props};

/// A folder of models, known by its contents: enough to tell which paintings are of it, wherever it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPrint {
    /// Pixels along a side of the pictures that they have learned.
    pub side: u32,
    /// Names of the files that are there, as `moue models list` names them, with the SHA-256 of their contents.
    pub files: Vec<(String, String)>,
}

impl ModelPrint {
    /// Reads the configurations and hashes the files.
    ///
    /// # Errors
    /// Where a configuration is missing or none, or a file cannot be read.
    pub fn of(folder: &ModelFolder, props: &Props) -> Result<Self, FilmError> {
        let side = Checkpoint::open(folder).map_err(AnimationError::from)?.side();
        let mut files = Vec::new();
        for file in ModelFile::ALL {
            if let Some(path) = folder.path(file) {
                files.push((file.path().to_owned(), props.digest(&path)?));
            }
        }
        Ok(Self { side, files })
    }
}

/// The folder of models on this machine.
///
/// # Errors
/// Where there is none.
pub fn model_folder(explicit: Option<&Path>) -> Result<ModelFolder, FilmError> {
    let found = ModelFolder::find(explicit, &process_environment);
    Ok(found.map_err(DiffusionError::from).map_err(AnimationError::from)?)
}
