//! The model files of the diffusion renderer: which they are, where they lie, how they are fetched.
//!
//! - [`ModelFile`] is the catalogue: every file by name, with its repository, licence and use.
//! - [`ModelFolder`] is the folder they lie in, and says what it lacks.
//! - `hub::pull` (feature `hub`) brings them from the hub.
//!
//! Nothing here reads a tensor. Without the feature `hub` there is no network code.
//!
//! ```no_run
//! use moue_models::{ModelFile, ModelFolder, process_environment};
//!
//! let folder = ModelFolder::find(None, &process_environment)?;
//! let [unet, vae] = folder.require([ModelFile::Unet, ModelFile::Vae])?;
//! # Ok::<_, moue_models::ModelsError>(())
//! ```

mod catalogue;
mod error;
mod folder;
#[cfg(feature = "hub")]
pub mod hub;

pub use catalogue::{Licence, ModelFile, Purpose};
pub use error::{Missing, ModelsError};
pub use folder::{FolderOrigin, ModelFolder, Presence, process_environment};
