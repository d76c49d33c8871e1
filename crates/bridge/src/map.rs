//! A linear map between the families, and where it came from.

use crate::{Affine, Family};

/// What a map was learned from.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The file's name, without its folder.
    pub name: String,
    /// Its content's hash, as the caller writes it; may be empty.
    pub hash: String,
    /// How many frames it gave.
    pub frames: u64,
}

/// Linear maps from ARKit coefficients to FLAME's, from FLAME's to ARKit's, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearMap {
    pub(crate) to_flame: Option<Affine>,
    pub(crate) to_arkit: Option<Affine>,
    pub(crate) sources: Vec<Source>,
    pub(crate) training_frames: u64,
    pub(crate) held_back_frames: u64,
}

impl LinearMap {
    /// The map that gives coefficients of a family, if there is one.
    pub fn to(&self, family: Family) -> Option<&Affine> {
        match family {
            Family::Flame => self.to_flame.as_ref(),
            Family::Arkit => self.to_arkit.as_ref(),
        }
    }

    /// What it was learned from.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The same map with other words on where it came from: for an imported one, the names and hashes of its files.
    #[must_use]
    pub fn with_sources(self, sources: Vec<Source>) -> Self {
        Self { sources, ..self }
    }

    /// How many frames it was learned from; 0 for an imported map.
    pub fn training_frames(&self) -> u64 {
        self.training_frames
    }

    /// How many frames its scores were measured on; 0 for an imported map.
    pub fn held_back_frames(&self) -> u64 {
        self.held_back_frames
    }
}
