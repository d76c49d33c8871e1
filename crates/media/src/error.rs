use std::io;
use std::path::{Path, PathBuf};

/// Why a picture could not be read or an output not written. The text ends with a hint line where one helps.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// There is no such file.
    #[error("{path}: there is no such file\nhint: check the spelling; relative paths start at the current folder")]
    Missing {
        /// The path as given.
        path: PathBuf,
    },
    /// The path is a folder, a device or a pipe.
    #[error("{path}: expected a file, found {found}\nhint: {hint}")]
    NotAFile {
        /// The path as given.
        path: PathBuf,
        /// What is there.
        found: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The file has no content.
    #[error("{path}: the file is empty\nhint: copy or export the picture again")]
    Empty {
        /// The path as given.
        path: PathBuf,
    },
    /// The content is not of a kind of picture that is read here.
    #[error("{path}: expected a PNG, JPEG or WebP picture, found {found}\nhint: {hint}")]
    NotAPicture {
        /// The path as given.
        path: PathBuf,
        /// What the content looks like.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// The picture is larger than what is read.
    #[error("{path}: {found}; at most {limit} is read\nhint: scale the picture down first")]
    PictureTooLarge {
        /// The path as given.
        path: PathBuf,
        /// Its size.
        found: String,
        /// The limit.
        limit: String,
    },
    /// The file ends before the picture does.
    #[error("{path}: the {format} file is cut off ({detail})\nhint: copy or download it again")]
    Truncated {
        /// The path as given.
        path: PathBuf,
        /// The file format.
        format: &'static str,
        /// What the decoder says.
        detail: String,
    },
    /// The file's content contradicts its format.
    #[error("{path}: the {format} file is damaged ({detail})\nhint: export the picture again")]
    Damaged {
        /// The path as given.
        path: PathBuf,
        /// The file format.
        format: &'static str,
        /// What the decoder says.
        detail: String,
    },
    /// The name of an output does not say what to write.
    #[error("output '{name}': {problem}\nhint: {hint}")]
    OutputName {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// The size of the frames does not suit the output.
    #[error("{path}: {problem}\nhint: {hint}")]
    FrameSize {
        /// The output.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// The encoder's settings do not suit the output.
    #[error("{path}: {problem}\nhint: {hint}")]
    Settings {
        /// The output.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// Something of that name is there already.
    #[error("{path}: {found} already\nhint: {hint}")]
    Exists {
        /// The output.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// The folder that the output belongs in does not exist.
    #[error("{path}: there is no folder '{folder}'\nhint: make it first: mkdir -p '{folder}'")]
    NoFolder {
        /// The output.
        path: PathBuf,
        /// The missing folder.
        folder: PathBuf,
    },
    /// Writing is not allowed there.
    #[error("{path}: writing there is not allowed ({source})\nhint: choose another folder or change its permissions")]
    NotAllowed {
        /// The output.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The disk is full.
    #[error("{path}: the disk is full\nhint: make room or choose another folder; nothing was left behind")]
    DiskFull {
        /// The output.
        path: PathBuf,
        /// What the system or GStreamer says.
        detail: String,
    },
    /// Any other failure to read or write.
    #[error("{path}: {action} failed: {source}\nhint: check that the folder takes files, or write to another one")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// GStreamer itself does not start.
    #[error("GStreamer does not start: {detail}\nhint: `moue doctor` lists what is missing")]
    GStreamer {
        /// What it says.
        detail: String,
    },
    /// GStreamer lacks an element that this output needs.
    #[error("{path}: GStreamer has no element '{element}', which {purpose}\nhint: apt-get install {package}")]
    MissingElement {
        /// The output.
        path: PathBuf,
        /// The element's name.
        element: &'static str,
        /// What it is for.
        purpose: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// The encoder or the muxer failed.
    #[error("{path}: {action} failed: {message} ({detail})")]
    Media {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// What GStreamer says, in short.
        message: String,
        /// What it says for developers.
        detail: String,
    },
    /// The output was completed without a single frame.
    #[error(
        "{path}: not a single frame was rendered, so nothing was written\nhint: check --start, --end and the track"
    )]
    NoFrames {
        /// The output.
        path: PathBuf,
    },
}

impl MediaError {
    /// Sorts an I/O error on the way to `path`.
    pub(crate) fn from_io(path: &Path, action: &'static str, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path, detail: source.to_string() }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::NotAllowed { path, source },
            _ => Self::Io { path, action, source },
        }
    }
}
