//! The arrays of a `.npz` file: a ZIP archive with a `.npy` file for each.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::array::Array;
use crate::{Place, TrackError};

/// An archive whose members are known by name and read when asked for.
pub(super) struct Archive<'a> {
    file: &'a str,
    zip: ZipArchive<Cursor<Vec<u8>>>,
    /// Names without `.npy`, and where they are.
    members: Vec<(String, usize)>,
}

impl<'a> Archive<'a> {
    pub fn open(file: &'a str, mut input: impl Read) -> Result<Self, TrackError> {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes).map_err(|error| TrackError::io(file, error))?;
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| refusal(file, Place::File, &error))?;
        let names = zip.file_names().enumerate();
        let members = names.filter_map(|(index, name)| Some((name.ok()?.strip_suffix(".npy")?.to_owned(), index)));
        let members: Vec<_> = members.collect();
        if members.is_empty() {
            let hint = "unpack it and give the track inside; save spreadsheets as 'CSV UTF-8'";
            return Err(TrackError::whole_file(file, "a ZIP archive without .npy arrays", crate::sniff::TRACKS, hint));
        }
        Ok(Self { file, zip, members })
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(name, _)| name.as_str())
    }

    /// The array at `member` of [`Self::names`].
    pub fn read(&mut self, member: usize) -> Result<Array, TrackError> {
        let (name, index) = &self.members[member];
        match self.zip.by_index(*index) {
            Ok(data) => Array::read(self.file, Some(name), data),
            Err(error) => Err(refusal(self.file, Place::Array { name: name.clone() }, &error)),
        }
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
