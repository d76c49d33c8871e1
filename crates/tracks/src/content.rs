//! Tells by its first bytes what a file is.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use crate::{Format, TrackError, folder, ifacialmocap, media_magic};

/// How many bytes of the start are looked at.
pub(crate) const WINDOW: usize = 64 << 10;

/// What somebody gave as a motion, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentKind {
    /// Text, JSON, arrays, or a folder of arrays: something that [`crate::read`] reads or says what is wrong with.
    Track,
    /// A video, animated GIF included.
    Video,
    /// A still picture.
    Picture,
    /// A folder of pictures and nothing that could be a track.
    PictureFolder,
    /// Sound alone.
    Sound,
    /// None of these; [`crate::read`] says more.
    Unknown,
}

/// What the file at `path` holds, by its content: its name and ending do not matter. In a folder, endings tell which
/// files are looked at.
///
/// What is neither a regular file nor a folder (a pipe) cannot be read twice and is taken for a track unseen.
///
/// # Errors
/// Where there is nothing at `path` or it cannot be opened.
pub fn sniff_kind(path: &Path) -> Result<ContentKind, TrackError> {
    let name = path.display().to_string();
    let io = |error| TrackError::io(&name, error);
    let metadata = path.metadata().map_err(io)?;
    if metadata.is_dir() {
        return folder::kind(path, &name);
    }
    if !metadata.is_file() {
        return Ok(ContentKind::Track);
    }
    file_kind(path).map_err(io)
}

/// What the regular file at `path` holds.
pub(crate) fn file_kind(path: &Path) -> std::io::Result<ContentKind> {
    let mut start = Vec::new();
    File::open(path)?.take(WINDOW as u64).read_to_end(&mut start)?;
    Ok(match look(&start) {
        Look::Track(_) => ContentKind::Track,
        Look::Other(kind, ..) => kind,
    })
}

/// How a track is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Json,
    /// A table with a header.
    Table,
    /// Lines of iFacialMocap.
    Lines,
    Npy,
    Npz,
}

impl Container {
    /// Whether a track of `format` may come like this.
    pub fn holds(self, format: Format) -> bool {
        use Format::{
            ArkitArray, ArkitSortedArray, Audio2Face, Audio2FaceCsv, FlameArray, FlameHeadTracker, IFacialMocap,
            LiveLinkFace, MediaPipe, MediaPipeArray, Moue, Npz, Vhap,
        };
        match self {
            Self::Json => matches!(format, MediaPipe | Audio2Face),
            Self::Table => matches!(format, Moue | LiveLinkFace | Audio2FaceCsv | IFacialMocap),
            Self::Lines => format == IFacialMocap,
            Self::Npy => matches!(format, FlameArray | ArkitArray | ArkitSortedArray | MediaPipeArray),
            Self::Npz => Self::Npy.holds(format) || matches!(format, Npz | Vhap | FlameHeadTracker),
        }
    }

    /// What a person calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Table => "a table",
            Self::Lines => "lines of iFacialMocap",
            Self::Npy => "a NumPy array",
            Self::Npz => "a NumPy archive",
        }
    }
}

pub(crate) struct Content {
    pub container: Container,
    /// Bytes before the text: a byte-order mark.
    pub skip: usize,
}

/// What the first bytes say: a track, or what else, with a hint.
enum Look {
    Track(Content),
    Other(ContentKind, &'static str, &'static str),
}

const BOM: &[u8] = b"\xef\xbb\xbf";
pub(crate) const TRACKS: &str = "a table (moue, Live Link Face, Audio2Face-3D), JSON (MediaPipe, Audio2Face), \
                                 iFacialMocap text, or NumPy arrays (.npy, .npz)";
const AGAIN: &str = "record or export the track again";
pub(crate) const PICKLED: &str = "pickled objects can run code and are never loaded; save the arrays themselves: np.savez(path, \
                       expression=..., eyelids=..., jaw=...)";

/// `start` is the beginning of the file: [`WINDOW`] bytes, or all of it where it is shorter.
pub(crate) fn sniff(file: &str, start: &[u8]) -> Result<Content, TrackError> {
    match look(start) {
        Look::Track(content) => Ok(content),
        Look::Other(_, found, hint) => Err(TrackError::whole_file(file, found, TRACKS, hint)),
    }
}

/// Reads the start of `input`, and gives what it is with all of `input`, less its byte-order mark.
pub(crate) fn open<R: Read>(file: &str, mut input: R) -> Result<(Container, impl Read), TrackError> {
    let mut start = Vec::new();
    // A pipe gives its bytes in small portions.
    input.by_ref().take(WINDOW as u64).read_to_end(&mut start).map_err(|error| TrackError::io(file, error))?;
    let content = sniff(file, &start)?;
    start.drain(..content.skip);
    Ok((content.container, Cursor::new(start).chain(input)))
}

fn look(start: &[u8]) -> Look {
    let unknown = |found, hint| Look::Other(ContentKind::Unknown, found, hint);
    let packed = |container| Look::Track(Content { container, skip: 0 });
    if start.is_empty() || start == BOM {
        return unknown("an empty file", AGAIN);
    }
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return unknown("UTF-16 text", "save it as UTF-8 (spreadsheets: 'CSV UTF-8')");
    }
    if media_magic::is_video(start) {
        let hint = "a track is made of it first: moue track VIDEO -o track.csv";
        return Look::Other(ContentKind::Video, "a video", hint);
    }
    if media_magic::is_picture(start) {
        let hint = "a motion is a track or a video; the portrait of `moue animate PORTRAIT MOTION` comes first";
        return Look::Other(ContentKind::Picture, "a picture", hint);
    }
    if media_magic::is_sound(start) {
        let hint = "sound alone moves no face: Audio2Face makes a track of it";
        return Look::Other(ContentKind::Sound, "sound", hint);
    }
    if start.starts_with(crate::numpy::MAGIC) {
        return packed(Container::Npy);
    }
    // With members and without.
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return packed(Container::Npz);
    }
    if start.starts_with(b"MATLAB 5.0 MAT-file") {
        return unknown("a MATLAB file", MATLAB);
    }
    if start.starts_with(b"\x89HDF\r\n\x1a\n") {
        return unknown("an HDF5 file", "save its arrays with np.savez(path, expression=..., eyelids=..., jaw=...)");
    }
    if matches!(start, [0x80, 2..=5, ..]) {
        return unknown("pickled Python objects", PICKLED);
    }
    let text = start.strip_prefix(BOM).unwrap_or(start);
    if text.contains(&0) || !is_utf8_start(text) {
        return unknown(
            "binary data",
            "tables are UTF-8 text: save them as 'CSV UTF-8'; save arrays with np.save or np.savez",
        );
    }
    let container = match text.iter().position(|byte| !byte.is_ascii_whitespace()) {
        Some(at) if matches!(text[at], b'{' | b'[') => Container::Json,
        Some(at) if ifacialmocap::looks_like(&text[at..]) => Container::Lines,
        Some(_) => Container::Table,
        None if start.len() < WINDOW => return unknown("only blank lines", AGAIN),
        None => return unknown("nothing but blanks at the start", AGAIN),
    };
    Look::Track(Content { container, skip: start.len() - text.len() })
}

/// How to get out of a MATLAB file, which DECA and EMOCA write on request.
pub(crate) const MATLAB: &str = "save its arrays as NumPy's: m = scipy.io.loadmat(path); np.savez('track.npz', \
                                 exp=m['exp'], pose=m['pose'])";

/// The window may end within a character.
fn is_utf8_start(text: &[u8]) -> bool {
    match std::str::from_utf8(text) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && text.len() - error.valid_up_to() < 4,
    }
}
