//! The folder with the files.

use std::{
    ffi::OsString,
    fmt,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{Missing, ModelFile, ModelsError};

/// How the text begins that Git leaves in the place of a large file that was not fetched.
const LFS_MAGIC: &[u8] = b"version https://git-lfs.github.com/spec/";

/// What the process was started with, for [`ModelFolder::find`]. An empty value counts as none, as XDG wants it.
pub fn process_environment(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// How the models folder was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FolderOrigin {
    /// It was given: `--models DIR`.
    Argument,
    /// `MOUE_MODELS` says so.
    Environment,
    /// Nothing was said: `moue/models` in the user's data folder.
    UserData,
}

impl fmt::Display for FolderOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Argument => "--models",
            Self::Environment => "MOUE_MODELS",
            Self::UserData => "the user's data folder",
        })
    }
}

/// What lies in the place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The file, under one of its accepted names.
    Present {
        /// Where.
        path: PathBuf,
        /// In bytes.
        size: u64,
    },
    /// Only a text of Git LFS that stands for it.
    Pointer {
        /// Where.
        path: PathBuf,
    },
    /// Nothing, or nothing that can be read.
    Absent,
}

/// The folder that the model files lie in. It need not exist unless somebody named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFolder {
    path: PathBuf,
    origin: FolderOrigin,
}

impl ModelFolder {
    /// The folder to read from: `explicit` (the command line's `--models`), else `MOUE_MODELS`, else `moue/models` in
    /// the user's data folder (`XDG_DATA_HOME`, or `~/.local/share`).
    ///
    /// `environment` is [`process_environment`] but for tests. A folder that somebody named has to exist; the one in
    /// the user's data need not, and then [lacks](Self::missing) everything.
    pub fn find(explicit: Option<&Path>, environment: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, ModelsError> {
        let folder = Self::target(explicit, environment)?;
        let found = match fs::metadata(&folder.path) {
            Ok(metadata) if metadata.is_dir() => return Ok(folder),
            Ok(_) => "something else than a folder",
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => "a folder that may not be read",
            Err(_) => "nothing",
        };
        match folder.origin {
            FolderOrigin::UserData if found == "nothing" => Ok(folder),
            origin => Err(ModelsError::Folder { folder: folder.path, origin, found }),
        }
    }

    /// The folder to fetch into: chosen as [`find`](Self::find) does, and it may be made first.
    pub fn target(
        explicit: Option<&Path>,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ModelsError> {
        let variable = |name| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(path) = explicit {
            return Ok(Self { path: path.to_owned(), origin: FolderOrigin::Argument });
        }
        if let Some(path) = variable("MOUE_MODELS") {
            return Ok(Self { path, origin: FolderOrigin::Environment });
        }
        // The XDG specification tells programs to ignore a relative path there.
        let data = variable("XDG_DATA_HOME").filter(|path| path.is_absolute());
        let data = data.or_else(|| variable("HOME").map(|home| home.join(".local/share")));
        let path = data.ok_or(ModelsError::NoFolder)?.join("moue/models");
        Ok(Self { path, origin: FolderOrigin::UserData })
    }

    /// A folder given by a program. Errors speak of it as of `--models`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), origin: FolderOrigin::Argument }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.path
    }

    /// How it was found.
    pub fn origin(&self) -> FolderOrigin {
        self.origin
    }

    /// The file under the best of its [accepted names](ModelFile::accepted_paths), if it is there.
    pub fn path(&self, file: ModelFile) -> Option<PathBuf> {
        match self.presence(file) {
            Presence::Present { path, .. } => Some(path),
            Presence::Pointer { .. } | Presence::Absent => None,
        }
    }

    /// What lies in the place of the file.
    pub fn presence(&self, file: ModelFile) -> Presence {
        let mut pointer = None;
        for path in file.accepted_paths().map(|path| self.path.join(path)) {
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if !metadata.is_file() || metadata.len() == 0 {
                continue;
            }
            match is_pointer(&path) {
                Ok(false) => return Presence::Present { path, size: metadata.len() },
                Ok(true) => pointer = pointer.or(Some(path)),
                Err(_) => continue,
            }
        }
        pointer.map_or(Presence::Absent, |path| Presence::Pointer { path })
    }

    /// The required files that are not there.
    pub fn missing(&self) -> Vec<ModelFile> {
        ModelFile::required().filter(|file| self.path(*file).is_none()).collect()
    }

    /// The paths of these files, in their order; if any is not there, an error that names all that are not.
    pub fn require<const N: usize>(&self, files: [ModelFile; N]) -> Result<[PathBuf; N], ModelsError> {
        let mut paths = self.require_all(files)?.into_iter();
        Ok(files.map(|_| paths.next().unwrap_or_default()))
    }

    /// The same for any number of files.
    pub fn require_all(&self, files: impl IntoIterator<Item = ModelFile>) -> Result<Vec<PathBuf>, ModelsError> {
        let (mut paths, mut missing) = (Vec::new(), Vec::new());
        for file in files {
            match self.presence(file) {
                Presence::Present { path, .. } => paths.push(path),
                Presence::Pointer { path } => missing.push(Missing { file, pointer: Some(path) }),
                Presence::Absent => missing.push(Missing { file, pointer: None }),
            }
        }
        if missing.is_empty() {
            return Ok(paths);
        }
        Err(ModelsError::Missing { folder: self.path.clone(), origin: self.origin, missing })
    }
}

impl fmt::Display for ModelFolder {
    /// The folder, and why it is this one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.origin {
            FolderOrigin::Argument => write!(f, "{path} (given with --models)"),
            FolderOrigin::Environment => write!(f, "{path} (from MOUE_MODELS)"),
            FolderOrigin::UserData => {
                write!(f, "{path} (the user's data folder; neither --models nor MOUE_MODELS is given)")
            }
        }
    }
}

fn is_pointer(path: &Path) -> io::Result<bool> {
    let mut start = Vec::with_capacity(LFS_MAGIC.len());
    File::open(path)?.take(LFS_MAGIC.len() as u64).read_to_end(&mut start)?;
    Ok(start == LFS_MAGIC)
}

#[cfg(test)]
mod tests;
