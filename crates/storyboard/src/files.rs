//! What a storyboard needs to know about files.

use std::path::Path;

/// Access to the files of a storyboard, so that this crate needs none itself.
///
/// Errors are for people: what is wrong with the file, without its name, and what to do after `\nhint: `. They are
/// reported at the place where the file is named.
pub trait Files {
    /// The content of a storyboard or of a file that one includes.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn read(&self, path: &Path) -> Result<Vec<u8>, String>;

    /// Whether the file is a picture that can be read.
    ///
    /// # Errors
    /// Where it is not.
    fn check_portrait(&self, path: &Path) -> Result<(), String>;

    /// Whether a picture that can be read shows a face, or that one of its faces, from 1. Not everybody looks for faces.
    ///
    /// # Errors
    /// Where it does not.
    fn check_face(&self, _path: &Path, _face: Option<usize>) -> Result<(), String> {
        Ok(())
    }

    /// How long a sound is, in seconds.
    ///
    /// # Errors
    /// Where the file is missing or has no sound.
    fn sound_seconds(&self, path: &Path) -> Result<f64, String>;

    /// How long a track or a video is, in seconds from its first to its last row or frame.
    ///
    /// # Errors
    /// Where the file is missing or no motion.
    fn motion_seconds(&self, path: &Path) -> Result<f64, String>;
}
