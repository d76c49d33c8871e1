//! Reads expression tracks of every kind into a [`Track`], and writes our own.
//!
//! A file's kind follows from its content, never from its name. What had to be guessed, bridged or ignored is told in
//! [`LoadedTrack::notes`]; what cannot be read is a [`TrackError`] that names the place and the way out.

mod error;
mod header;
mod live_link_face;
mod mediapipe;
mod moue_csv;
mod notes;
mod numpy;
mod sniff;
mod table;
mod timecode;

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use moue_timeline::{FrameRate, Track};

pub use error::{Place, TrackError};
pub use moue_csv::write_csv;

/// Larger files are refused before they are read; two and a half hours of Live Link Face at 60 rows per second fit.
pub const MAX_FILE_BYTES: u64 = 512 << 20;

/// What kind of file a track came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackKind {
    /// A recording of Epic's Live Link Face app (ARKit mode).
    LiveLinkFaceCsv,
    /// This project's own table: `time` in seconds and named columns.
    MoueCsv,
    /// Results of MediaPipe's Face Landmarker.
    MediaPipeJson,
    /// FLAME coefficients in one array of T rows: (T, 55), (T, 53) without eyelids, or (T, 50) without jaw too.
    Npy,
    /// The same array in an archive, or one array each for expression, eyelids and jaw, and the rate as `fps`.
    Npz,
}

impl fmt::Display for TrackKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LiveLinkFaceCsv => "Live Link Face CSV",
            Self::MoueCsv => "moue CSV",
            Self::MediaPipeJson => "MediaPipe JSON",
            Self::Npy => "NumPy array of FLAME coefficients",
            Self::Npz => "NumPy archive of FLAME coefficients",
        })
    }
}

/// A track and how it was read.
#[derive(Clone, Debug)]
pub struct LoadedTrack {
    /// Its first key is at 0 s.
    pub track: Track,
    /// What the content was recognised as.
    pub kind: TrackKind,
    /// What was inferred, bridged or ignored, one sentence each, for a person.
    pub notes: Vec<String>,
}

/// What a file may leave open.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// Rows per second of a file that has no times of its own: arrays, and MediaPipe results without timestamps. None
    /// takes 30 and says so in a note.
    pub rate: Option<FrameRate>,
}

/// Reads the track in the file at `path`.
///
/// # Errors
/// Where the file cannot be opened, is larger than [`MAX_FILE_BYTES`], is of no known kind, or is malformed.
pub fn read(path: &Path) -> Result<LoadedTrack, TrackError> {
    ReadOptions::default().read(path)
}

/// Reads the track in `bytes`; `name` stands for the file in messages.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(name: &str, bytes: &[u8]) -> Result<LoadedTrack, TrackError> {
    ReadOptions::default().read_bytes(name, bytes)
}

impl ReadOptions {
    /// [`read`] with these options.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read(self, path: &Path) -> Result<LoadedTrack, TrackError> {
        let name = path.display().to_string();
        let io = |error| TrackError::io(&name, error);
        let metadata = path.metadata().map_err(io)?;
        if metadata.is_dir() {
            return Err(TrackError::whole_file(&name, "a folder", "a track", "give the file inside it"));
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err(TrackError::too_large(&name, metadata.len()));
        }
        let file = File::open(path).map_err(io)?;
        // What is no regular file has no length in advance.
        self.read_from(&name, BufReader::with_capacity(sniff::WINDOW, file.take(MAX_FILE_BYTES)))
    }

    /// [`read_bytes`] with these options.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read_bytes(self, name: &str, bytes: &[u8]) -> Result<LoadedTrack, TrackError> {
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(TrackError::too_large(name, bytes.len() as u64));
        }
        self.read_from(name, bytes)
    }

    fn read_from(self, name: &str, mut input: impl BufRead) -> Result<LoadedTrack, TrackError> {
        let start = input.fill_buf().map_err(|error| TrackError::io(name, error))?;
        let content = sniff::sniff(name, &start[..start.len().min(sniff::WINDOW)])?;
        input.consume(content.skip);
        let mut loaded = match content.format {
            sniff::Format::Npy => numpy::read_npy(name, input, self)?,
            sniff::Format::Npz => numpy::read_npz(name, input, self)?,
            sniff::Format::Json => mediapipe::read(name, input, self)?,
            sniff::Format::Table => {
                let table = table::Table::open(name, input)?;
                match header::kind(&table)? {
                    TrackKind::LiveLinkFaceCsv => live_link_face::read(table)?,
                    _ => moue_csv::read(table)?,
                }
            }
        };
        notes::implausible_values(&loaded.track, &mut loaded.notes);
        Ok(loaded)
    }
}
