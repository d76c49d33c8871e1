//! Tells by its first bytes what a file is.

use crate::TrackError;

/// How many bytes of the start are looked at.
pub(crate) const WINDOW: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Table,
    Npy,
    Npz,
}

pub(crate) struct Content {
    pub format: Format,
    /// Bytes before the text: a byte-order mark.
    pub skip: usize,
}

const BOM: &[u8] = b"\xef\xbb\xbf";
pub(crate) const TRACKS: &str = "a Live Link Face CSV, a moue CSV, a MediaPipe JSON, or FLAME arrays (.npy, .npz)";

/// `start` is the beginning of the file: [`WINDOW`] bytes, or all of it where it is shorter.
pub(crate) fn sniff(file: &str, start: &[u8]) -> Result<Content, TrackError> {
    let refuse = |found: &str, hint: &str| Err(TrackError::whole_file(file, found, TRACKS, hint));
    if start.is_empty() || start == BOM {
        return refuse("an empty file", "record or export the track again");
    }
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return refuse("UTF-16 text", "save it as UTF-8 (spreadsheets: 'CSV UTF-8')");
    }
    if is_video(start) {
        return refuse("a video", "driving video comes later; for now record its coefficients as CSV or JSON");
    }
    if is_picture(start) {
        return refuse("a picture", "the portrait comes first, the track second: moue animate PORTRAIT MOTION");
    }
    if start.starts_with(crate::numpy::MAGIC) {
        return Ok(Content { format: Format::Npy, skip: 0 });
    }
    // With members and without.
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return Ok(Content { format: Format::Npz, skip: 0 });
    }
    let text = start.strip_prefix(BOM).unwrap_or(start);
    if text.contains(&0) || !is_utf8_start(text) {
        return refuse(
            "binary data",
            "tables are UTF-8 text: save them as 'CSV UTF-8'; save arrays with np.save or np.savez",
        );
    }
    let first = text.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    let format = match first {
        Some(b'{' | b'[') => Format::Json,
        Some(_) => Format::Table,
        None if start.len() < WINDOW => return refuse("only blank lines", "record or export the track again"),
        None => return refuse("nothing but blanks at the start", "record or export the track again"),
    };
    Ok(Content { format, skip: start.len() - text.len() })
}

fn is_video(start: &[u8]) -> bool {
    let at = |offset: usize, magic: &[u8]| start.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    // ISO base media (MP4, MOV), EBML (Matroska, WebM), AVI, MPEG program and transport streams, GIF, Ogg, FLV.
    at(4, b"ftyp")
        || at(4, b"moov")
        || at(0, b"\x1a\x45\xdf\xa3")
        || (at(0, b"RIFF") && at(8, b"AVI "))
        || at(0, b"\x00\x00\x01\xba")
        || (at(0, b"\x47") && at(188, b"\x47") && at(376, b"\x47"))
        || at(0, b"GIF8")
        || at(0, b"OggS")
        || at(0, b"FLV\x01")
}

fn is_picture(start: &[u8]) -> bool {
    start.starts_with(b"\x89PNG")
        || start.starts_with(b"\xff\xd8\xff")
        || (start.starts_with(b"RIFF") && start.get(8..12) == Some(b"WEBP"))
}

/// The window may end within a character.
fn is_utf8_start(text: &[u8]) -> bool {
    match std::str::from_utf8(text) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && text.len() - error.valid_up_to() < 4,
    }
}
