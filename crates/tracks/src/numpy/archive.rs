//! The arrays of a `.npz` file: a ZIP archive with a `.npy` file for each.

use std::io::{Cursor, Read, Seek};

use zip::ZipArchive;
use zip::result::ZipError;

use super::array::{Accept, RawArray};
use crate::{MAX_FILE_BYTES, Place, TrackError};

/// An archive whose members are known by name and read when asked for.
pub(crate) struct Archive<'a, R> {
    file: &'a str,
    zip: ZipArchive<R>,
    /// Names without `.npy`, and where they are.
    members: Vec<(String, usize)>,
    /// How many bytes may still be unpacked.
    budget: u64,
}

/// A track that was captured hardly packs: only the same bytes over and over do, and of those some are legitimate.
const LARGE_BYTES: u64 = 32 << 20;
const MAX_RATIO: u64 = 200;

/// The whole of `input` in memory, for an archive of it.
pub(crate) fn in_memory(file: &str, mut input: impl Read) -> Result<Cursor<Vec<u8>>, TrackError> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|error| TrackError::io(file, error))?;
    Ok(Cursor::new(bytes))
}

impl<'a, R: Read + Seek> Archive<'a, R> {
    pub fn open(file: &'a str, input: R) -> Result<Self, TrackError> {
        let zip = ZipArchive::new(input).map_err(|error| refusal(file, Place::File, &error))?;
        let names = || zip.file_names().enumerate().filter_map(|(index, name)| Some((name.ok()?, index)));
        let members = names().filter_map(|(name, index)| Some((name.strip_suffix(".npy")?.to_owned(), index)));
        let members: Vec<_> = members.collect();
        if members.is_empty() {
            let found = "a ZIP archive without .npy arrays";
            // PyTorch's own files are archives of a pickle and bare numbers.
            let hint = match names().any(|(name, _)| name.ends_with("data.pkl")) {
                true => crate::content::PICKLED,
                false => "unpack it and give the track inside; save spreadsheets as 'CSV UTF-8'",
            };
            return Err(TrackError::whole_file(file, found, crate::content::TRACKS, hint));
        }
        Ok(Self { file, zip, members, budget: MAX_FILE_BYTES })
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(name, _)| name.as_str())
    }

    /// The array at `member` of [`Self::names`].
    pub fn read(&mut self, member: usize, accept: Accept) -> Result<RawArray, TrackError> {
        let (name, index) = &self.members[member];
        let place = || Place::Array { name: name.clone() };
        let data = self.zip.by_index(*index).map_err(|error| refusal(self.file, place(), &error))?;
        let (size, packed) = (data.size(), data.compressed_size());
        if size > LARGE_BYTES && size / MAX_RATIO > packed {
            let found = format!("{packed} bytes that claim to unpack to {} MiB", size >> 20);
            let hint = "numbers do not pack like this; an honest file passes when saved with np.savez";
            return Err(TrackError::new(self.file, place(), found, "an array as NumPy saves it", hint));
        }
        let Some(budget) = self.budget.checked_sub(size) else {
            return Err(TrackError::too_large(self.file, MAX_FILE_BYTES.saturating_add(size)));
        };
        self.budget = budget;
        RawArray::read(self.file, Some(name), data, Some(size), accept)
    }
}

fn refusal(file: &str, place: Place, error: &ZipError) -> TrackError {
    let expected = "a .npz as np.savez or np.savez_compressed writes it";
    let hint = match error {
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
            "save it again, without a password and with np.savez_compressed at most"
        }
        _ => "the file is cut short or damaged: export or copy it again",
    };
    TrackError::new(file, place, format!("a ZIP archive that cannot be read ({error})"), expected, hint)
}
