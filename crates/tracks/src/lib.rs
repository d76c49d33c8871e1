//! Reads expression tracks of every kind into a [`Track`], and writes them.
//!
//! A file's kind follows from its content, never from its name; [`ReadOptions::format`] overrides that. What had to be
//! guessed, bridged or ignored is told in [`LoadedTrack::notes`]; what cannot be read is a [`TrackError`] that names the
//! place and the way out.

pub mod arrays;
mod audio2face;
mod content;
mod error;
mod folder;
mod format;
mod header;
mod ifacialmocap;
mod json;
mod live_link_face;
mod media_magic;
mod mediapipe;
mod moue_csv;
mod notes;
mod numpy;
mod pending;
mod pipe;

mod rotation;
mod table;
mod timecode;
mod write;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use moue_timeline::{FrameRate, Track};

use content::Container;
use table::Table;

pub use content::{ContentKind, sniff_kind};
pub use error::{Place, TrackError};
pub use format::{Format, FormatError};
pub use moue_csv::write_csv;
pub use pipe::open_file;
pub use write::{WriteOptions, Written, write};

/// Larger files are refused before they are read; two and a half hours of Live Link Face at 60 rows per second fit.
pub const MAX_FILE_BYTES: u64 = 512 << 20;

/// Seconds between two rows: more is a slip of the pen, and would be rendered for years.
const LONGEST_GAP: f64 = 24.0 * 3600.0;

/// A track and how it was read.
#[derive(Clone, Debug)]
pub struct LoadedTrack {
    /// Its first key is at 0 s.
    pub track: Track,
    /// What the content was recognised as.
    pub format: Format,
    /// What was inferred, bridged or ignored, one sentence each, for a person.
    pub notes: Vec<String>,
}

/// What a file may leave open.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// Rows per second of a file that has no times of its own: arrays, folders, iFacialMocap text, JSON without
    /// timestamps, and takes of Live Link Face so short that their timecodes tell no rate. None takes what the format
    /// usually has and says so in a note.
    pub rate: Option<FrameRate>,
    /// What the content is, where the guess would be wrong or there is none. Content that is something else is
    /// refused, and the refusal says what it looks like.
    pub format: Option<Format>,
}

/// Reads the track in the file or folder at `path`.
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
            return folder::read(path, &name, self).map(with_implausible_values);
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err(TrackError::too_large(&name, metadata.len()));
        }
        let file = open_file(path).map_err(io)?;
        // What is no regular file has no length in advance.
        self.read_from(&name, file.take(MAX_FILE_BYTES))
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

    fn read_from(self, name: &str, input: impl Read) -> Result<LoadedTrack, TrackError> {
        let (container, input) = content::open(name, input)?;
        let mut input = BufReader::with_capacity(content::WINDOW, input);
        if let Some(wanted) = self.format.filter(|wanted| !container.holds(*wanted)) {
            return Err(match guess(name, container, input) {
                Some(found) => TrackError::misfit(name, found, wanted),
                None => {
                    let hint = "leave the format out: the content decides";
                    TrackError::whole_file(name, container.title(), wanted.title(), hint)
                }
            });
        }
        match container {
            Container::Npy => numpy::read_npy(name, input, self),
            Container::Npz => {
                let bytes = numpy::in_memory(name, &mut input)?;
                numpy::read_npz(name, numpy::Archive::open(name, bytes)?, self)
            }
            Container::Json => json::read(name, input, self),
            Container::Lines => ifacialmocap::read(name, input, self),
            Container::Table if self.format == Some(Format::IFacialMocap) => {
                let start = input.fill_buf().map_err(|error| TrackError::io(name, error))?;
                let guess = guess(name, container, start);
                ifacialmocap::read(name, input, self).map_err(|error| match guess {
                    Some(guess) => error.looking_like(guess),
                    None => error,
                })
            }
            Container::Table => self.read_table(Table::open(name, input)?),
        }
        .map(with_implausible_values)
    }

    fn read_table(self, table: Table<impl BufRead>) -> Result<LoadedTrack, TrackError> {
        let guess = header::kind(&table);
        let Some(wanted) = self.format else { return self.read_table_as(table, guess?) };
        self.read_table_as(table, wanted).map_err(|error| match guess {
            Ok(guess) if guess != wanted => error.looking_like(guess),
            _ => error,
        })
    }

    fn read_table_as(self, table: Table<impl BufRead>, format: Format) -> Result<LoadedTrack, TrackError> {
        match format {
            Format::LiveLinkFace => live_link_face::read(table, self),
            Format::Audio2FaceCsv => audio2face::read_table(table),
            _ => {
                let mut loaded = moue_csv::read(table)?;
                notes::rate_beside_times(self, &mut loaded.notes);
                Ok(loaded)
            }
        }
    }
}

/// What a file that is not what was asked for looks like.
fn guess(name: &str, container: Container, mut input: impl BufRead) -> Option<Format> {
    match container {
        Container::Lines => Some(Format::IFacialMocap),
        Container::Table => header::kind(&Table::open(name, input).ok()?).ok(),
        Container::Json => json::format(input),
        Container::Npz => {
            let bytes = numpy::in_memory(name, &mut input).ok()?;
            numpy::Archive::open(name, bytes).ok().map(|archive| numpy::format(&archive))
        }
        Container::Npy => None,
    }
}

fn with_implausible_values(mut loaded: LoadedTrack) -> LoadedTrack {
    notes::implausible_values(&loaded.track, &mut loaded.notes);
    loaded
}

/// What phones record at.
fn fps_60() -> FrameRate {
    // Sixty is within the range of rates.
    FrameRate::new(60, 1).unwrap_or(FrameRate::FPS_30)
}
