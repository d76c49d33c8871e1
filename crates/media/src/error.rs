use std::io;
use std::path::{Path, PathBuf};

use moue_timeline::counted;

/// Why a picture or a video could not be read, or an output not written. The text ends with a hint line where one helps.
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
    #[error("{path}: the file is empty\nhint: copy or export it again")]
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
    /// The picture, or a frame of the video, is larger than what is read.
    #[error("{path}: {found}; at most {limit} is read\nhint: scale it down first")]
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
    #[error("{path}: the {format} file is damaged ({detail})\nhint: export it again")]
    Damaged {
        /// The path as given.
        path: PathBuf,
        /// The file format.
        format: &'static str,
        /// What the decoder says.
        detail: String,
    },
    /// The content is no video, nor anything else that holds frames.
    #[error("{path}: expected a video, found {found}\nhint: {hint}")]
    NotAVideo {
        /// The path or address as given.
        path: PathBuf,
        /// What the content looks like.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// There is something to hear but nothing to see.
    #[error("{path}: there are no pictures in it, only {found}\nhint: name the video that the sound belongs to")]
    NoPictures {
        /// The path or address as given.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// A folder without a picture in it.
    #[error("{path}: expected a folder of PNG, JPEG or WebP pictures, found none\nhint: name the folder they lie in")]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The frames are coded in a way that this machine cannot decode.
    #[error("{path}: there is no decoder for {codec} on this machine\nhint: {hint}")]
    NoDecoder {
        /// The path or address as given.
        path: PathBuf,
        /// The codec, as people call it or as GStreamer does.
        codec: String,
        /// What to install.
        hint: String,
    },
    /// The video breaks off. All frames before that place have been delivered and can be used.
    #[error(
        "{path}: the video breaks off after {}, at {at:.2} s: {detail}\nhint: copy, download or record it \
         again; the frames before that place can be used",
        counted(*frames, "frame")
    )]
    EndsEarly {
        /// The path or address as given.
        path: PathBuf,
        /// Where its last frame ends, in seconds from its first one.
        at: f64,
        /// Frames delivered.
        frames: u64,
        /// What shows that something is missing.
        detail: String,
    },
    /// The part asked for is not in the video.
    #[error("{path}: {problem}\nhint: {hint}")]
    Range {
        /// The path or address as given.
        path: PathBuf,
        /// What was asked for and what is there.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// The address makes no sense here.
    #[error("{address}: {problem}\nhint: {hint}")]
    Address {
        /// The address as given.
        address: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// Nothing could be read from a network address or a device.
    #[error("{address}: nothing could be read from there: {problem}\nhint: {hint}")]
    Unreachable {
        /// The address as given.
        address: String,
        /// What GStreamer says.
        problem: String,
        /// What to do.
        hint: &'static str,
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
    #[error(
        "{path}: the disk is full\nhint: make room or choose another folder; nothing was left behind (of \
         an MKV or an MP4 with `fragmented`, what was written is kept)"
    )]
    DiskFull {
        /// The output.
        path: PathBuf,
        /// What the system or GStreamer says.
        detail: String,
    },
    /// The disk filled up, or nearly so. What had been written until then was completed, has its name and can be played.
    #[error(
        "{path}: the disk is full; the file ends after {}, at {at:.2} s, and can be played{lacking}\nhint: \
         make room and render the rest",
        counted(*frames, "frame")
    )]
    CutShort {
        /// The output.
        path: PathBuf,
        /// Frames in it.
        frames: u64,
        /// Where the last one ends, in seconds.
        at: f64,
        /// What it lacks but for its end, as ", without its sound"; mostly nothing.
        lacking: &'static str,
    },
    /// Any other failure to read or write.
    #[error("{path}: {action} failed: {source}\nhint: {}", io_hint(action))]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A bin of GStreamer's own words that cannot be used.
    #[error("{output}: {problem}\nhint: {hint}")]
    RawOutput {
        /// The names of its elements.
        output: String,
        /// What is wrong with it, and with which element.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// A live stream that was not to be tried again does not stand, or no longer.
    #[error("{output}: {problem}\nhint: {hint}")]
    Stream {
        /// The output, without its secrets.
        output: String,
        /// Why it does not stand.
        problem: String,
        /// What to do.
        hint: String,
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
    /// A piece of a film cannot become a part of it.
    #[error("{path}: {problem}\nhint: render this piece anew")]
    Piece {
        /// The piece.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// A part that does not go with the others.
    #[error("{path}: {problem}\nhint: {hint}")]
    Part {
        /// The part, or a frame in it.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// There is nothing to hear in it.
    #[error("{path}: there is no sound in it\nhint: name a file with sound, or leave the sound out")]
    NoSound {
        /// The file.
        path: PathBuf,
    },
    /// Whoever asked for it wants it no longer.
    #[error("{path}: stopped before it was complete; nothing was written")]
    Interrupted {
        /// The output.
        path: PathBuf,
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

fn io_hint(action: &str) -> &'static str {
    if action.starts_with("reading") || action.starts_with("listing") {
        "check that you may read it, and that the disk works"
    } else {
        "check that the folder takes files, or write to another one"
    }
}
