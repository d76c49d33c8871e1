//! What can be wrong with the models.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::{FolderOrigin, ModelFile};

/// Why the model files cannot be used or fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelsError {
    /// A folder that somebody named is not there.
    #[error(
        "{}: found {found}, expected the models folder that {origin} names\n\
         hint: check the spelling, or make and fill it: moue models pull --models {}",
        folder.display(),
        quoted(folder)
    )]
    Folder {
        /// As it was named.
        folder: PathBuf,
        /// Who named it.
        origin: FolderOrigin,
        /// What is in its place.
        found: &'static str,
    },

    /// Nothing says where the models folder is.
    #[error(
        "no models folder: neither --models nor any of MOUE_MODELS, XDG_DATA_HOME and HOME says where it is\n\
         hint: name it: --models DIR"
    )]
    NoFolder,

    /// Files that are needed are not there.
    #[error(
        "{}: {} model {} missing{}\nhint: {}",
        folder.display(),
        missing.len(),
        files(missing.len()),
        listed(missing),
        missing_hint(folder, *origin, missing)
    )]
    Missing {
        /// Where they were looked for.
        folder: PathBuf,
        /// How that folder was found.
        origin: FolderOrigin,
        /// Which, and what is there in their place.
        missing: Vec<Missing>,
    },

    /// The system refused to read or write a file.
    #[error("{}: cannot {action}: {source}\nhint: {}", path.display(), io_hint(source))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as in "cannot read it".
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },

    /// The hub, or the way there.
    #[cfg(feature = "hub")]
    #[error(transparent)]
    Hub(#[from] crate::hub::HubError),
}

/// A file that is needed and not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which.
    pub file: ModelFile,
    /// A text of Git LFS in its place, if there is one: the repository was cloned without its large files.
    pub pointer: Option<PathBuf>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.file, self.file.summary())?;
        match &self.pointer {
            Some(_) => f.write_str(": found a pointer of Git LFS, a text in the place of the file"),
            None => Ok(()),
        }
    }
}

fn files(count: usize) -> &'static str {
    if count == 1 { "file is" } else { "files are" }
}

fn listed(missing: &[Missing]) -> String {
    missing.iter().map(|missing| format!("\n  {missing}")).collect()
}

fn missing_hint(folder: &Path, origin: FolderOrigin, missing: &[Missing]) -> String {
    // What the hub has is asked for first; the rest has a page each.
    let page = missing.iter().all(|missing| missing.file.page().is_some());
    if let (true, Some(missing)) = (page, missing.first()) {
        let (page, place) = (missing.file.page().unwrap_or_default(), folder.join(missing.file.path()));
        return format!("it cannot be pulled: see {page}, and put it at {}", place.display());
    }
    let mut hint = "run: moue models pull".to_owned();
    if missing.iter().any(|missing| missing.file == ModelFile::LcmLora) {
        hint += " --with lcm";
    }
    if origin == FolderOrigin::Argument {
        hint += &format!(" --models {}", quoted(folder));
    }
    if missing.iter().any(|missing| missing.pointer.is_some()) {
        hint += " (or, where the pointers came from a clone: git lfs pull)";
    }
    hint
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=~".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

fn io_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: make room, or take another folder with --models DIR; what has been fetched is kept"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "check the permissions, or take another folder with --models DIR"
        }
        _ => "check that the disk works and that no other program holds the file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_names_a_folder_that_a_shell_understands() {
        assert_eq!(quoted(Path::new("/srv/my-models")), "/srv/my-models");
        assert_eq!(quoted(Path::new("my models")), "'my models'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
    }

    #[test]
    fn each_missing_file_has_a_line_and_the_hint_comes_last() {
        let missing = vec![
            Missing { file: ModelFile::Unet, pointer: Some("arc2face/x".into()) },
            Missing { file: ModelFile::VaeConfig, pointer: None },
        ];
        let error = ModelsError::Missing { folder: "m".into(), origin: FolderOrigin::Argument, missing };
        let text = error.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(lines[0], "m: 2 model files are missing");
        assert!(lines[1].starts_with("  arc2face/diffusion_pytorch_model.safetensors (UNet"), "{text}");
        assert!(lines[1].ends_with("found a pointer of Git LFS, a text in the place of the file"), "{text}");
        assert_eq!(lines[2], "  vae/config.json (shape of the VAE, as diffusers describes an AutoencoderKL)");
        assert_eq!(
            lines[3],
            "hint: run: moue models pull --models m (or, where the pointers came from a clone: git lfs pull)"
        );
    }

    #[test]
    fn what_cannot_be_pulled_has_a_page_and_a_place() {
        let missing = vec![Missing { file: ModelFile::Smirk, pointer: None }];
        let error = ModelsError::Missing { folder: "m".into(), origin: FolderOrigin::UserData, missing };
        let text = error.to_string();
        let hint =
            "\nhint: it cannot be pulled: see https://github.com/georgeretsi/smirk, and put it at m/smirk/SMIRK_em1.pt";
        assert!(text.ends_with(hint), "{text}");
    }

    #[test]
    fn a_folder_that_was_not_given_need_not_be_given_to_pull() {
        let missing = vec![Missing { file: ModelFile::VaeConfig, pointer: None }];
        let error = ModelsError::Missing { folder: "m".into(), origin: FolderOrigin::UserData, missing };
        let text = error.to_string();
        assert!(text.starts_with("m: 1 model file is missing\n"), "{text}");
        assert!(text.ends_with("\nhint: run: moue models pull"), "{text}");
    }
}
