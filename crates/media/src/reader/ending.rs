//! Whether the end of a video file is missing, by what its container says about its own length.
//!
//! Demuxers end such a file as if it were whole. MP4 and MOV (ISO/IEC 14496-12) are a row of boxes with a length each,
//! Matroska and WebM (RFC 9559) two elements, AVI a row of RIFF chunks. Streams made to be cut anywhere, such as
//! MPEG-TS, say nothing.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The container.
    pub(crate) format: &'static str,
    /// How much is there.
    pub(crate) detail: String,
    /// Without an index not a single frame can be found.
    pub(crate) is_hopeless: bool,
}

/// Looks for the end of a file; `None` where it is there, or cannot be told, or the file cannot be read.
pub(crate) fn missing_end(path: &Path) -> Option<Missing> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let mut start = [0; 12];
    file.read_exact(&mut start).ok()?;
    match (&start[..4], &start[4..8]) {
        (b"\x1A\x45\xDF\xA3", _) => matroska(&mut file, length).ok()?,
        (b"RIFF", _) => riff(&mut file, length).ok()?,
        (_, b"ftyp" | b"moov" | b"mdat" | b"wide" | b"free" | b"skip") => iso(&mut file, length).ok()?,
        _ => None,
    }
}

fn cut(format: &'static str, found: u64, said: u64) -> Option<Missing> {
    (found < said).then(|| Missing { format, detail: format!("{found} of {said} bytes are there"), is_hopeless: false })
}

fn bytes<const N: usize>(file: &mut File, at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Boxes that are found outermost. What is none of these is something that a camera or a program put behind the video.
const BOXES: [&[u8; 4]; 14] = [
    b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"uuid", b"meta", b"sidx", b"mfra", b"styp",
    b"pnot", b"emsg",
];

fn iso(file: &mut File, length: u64) -> io::Result<Option<Missing>> {
    let (mut at, mut has_index) = (0u64, false);
    while at < length {
        let Ok(head) = bytes::<8>(file, at) else { break };
        let [a, b, c, d, kind @ ..] = head;
        if !BOXES.contains(&&kind) {
            return Ok(None);
        }
        has_index |= &kind == b"moov";
        let size = match u32::from_be_bytes([a, b, c, d]) {
            0 => length - at,
            1 => bytes(file, at + 8).map_or(u64::MAX, u64::from_be_bytes),
            size => u64::from(size),
        };
        let end = at.saturating_add(size.max(8));
        if end > length && has_index {
            return Ok(cut("MP4", length, end));
        }
        at = end;
    }
    let detail = "its index is missing, which is written at the end of a recording".to_owned();
    Ok((!has_index).then_some(Missing { format: "MP4", detail, is_hopeless: true }))
}

fn matroska(file: &mut File, length: u64) -> io::Result<Option<Missing>> {
    let mut at = 4;
    let header = number(file, &mut at)?;
    let Some(header) = header else { return Ok(None) };
    at = at.saturating_add(header);
    if bytes::<4>(file, at)? != *b"\x18\x53\x80\x67" {
        return Ok(None);
    }
    at += 4;
    // Unknown while it is being recorded or streamed.
    let Some(segment) = number(file, &mut at)? else { return Ok(None) };
    Ok(cut("Matroska", length, at.saturating_add(segment)))
}

/// A length of one to eight bytes: the leading zero bits say how many follow the first; all ones means unknown.
fn number(file: &mut File, at: &mut u64) -> io::Result<Option<u64>> {
    let [first] = bytes(file, *at)?;
    let more = u64::from(first.leading_zeros());
    if more > 7 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut value = u64::from(first) & (0x7F >> more);
    let mut is_unknown = value == 0x7F >> more;
    for i in 1..=more {
        let [byte] = bytes(file, *at + i)?;
        value = value << 8 | u64::from(byte);
        is_unknown &= byte == 0xFF;
    }
    *at += 1 + more;
    Ok((!is_unknown).then_some(value))
}

fn riff(file: &mut File, length: u64) -> io::Result<Option<Missing>> {
    let mut at = 0;
    // Large AVI files are several chunks in a row.
    while let Ok(head) = bytes::<8>(file, at) {
        let [b'R', b'I', b'F', b'F', size @ ..] = head else { break };
        let end = at + 8 + u64::from(u32::from_le_bytes(size));
        if let Some(missing) = cut("RIFF", length, end) {
            return Ok(Some(missing));
        }
        at = end.next_multiple_of(2);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judge(bytes: &[u8]) -> Option<Missing> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        missing_end(&path)
    }

    fn mp4_box(kind: &[u8; 4], content: usize) -> Vec<u8> {
        let size = (content as u32 + 8).to_be_bytes();
        [&size[..], kind, &vec![7; content]].concat()
    }

    #[test]
    fn an_mp4_is_as_long_as_its_boxes() {
        let whole = [mp4_box(b"ftyp", 16), mp4_box(b"moov", 100), mp4_box(b"mdat", 1000)].concat();
        assert_eq!(judge(&whole), None);
        let cut = judge(&whole[..whole.len() - 1]).unwrap();
        assert_eq!((cut.detail.as_str(), cut.is_hopeless), ("1139 of 1140 bytes are there", false));
        let without_index = [mp4_box(b"ftyp", 16), mp4_box(b"mdat", 1000)].concat();
        assert!(judge(&without_index).unwrap().is_hopeless);
        assert!(judge(&without_index[..100]).unwrap().is_hopeless);
        // A box to the end of the file, and one with a long length.
        let open = [mp4_box(b"ftyp", 16), mp4_box(b"moov", 100), b"\0\0\0\0mdat12345".to_vec()].concat();
        assert_eq!(judge(&open), None);
        let long = [&mp4_box(b"moov", 8)[..], b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x14abcd"].concat();
        assert_eq!(judge(&long), None);
        assert!(judge(&long[..long.len() - 1]).is_some());
        // What follows the last box and is none does not belong to the video.
        assert_eq!(judge(&[&whole[..], b"\0\0\x10\0\x01\x02\x03\x04"].concat()), None);
        assert_eq!(judge(&[&whole[..], b"bye"].concat()), None);
    }

    #[test]
    fn a_matroska_file_is_as_long_as_its_segment() {
        let whole = b"\x1A\x45\xDF\xA3\x83abc\x18\x53\x80\x67\x40\x05hello".to_vec();
        assert_eq!(judge(&whole), None);
        assert_eq!(judge(&whole[..whole.len() - 2]).unwrap().detail, "17 of 19 bytes are there");
        let unknown = b"\x1A\x45\xDF\xA3\x83abc\x18\x53\x80\x67\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFFhello".to_vec();
        assert_eq!(judge(&unknown), None);
    }

    #[test]
    fn an_avi_is_as_long_as_its_chunks() {
        let whole = b"RIFF\x06\0\0\0AVI 12RIFF\x04\0\0\0AVIX".to_vec();
        assert_eq!(judge(&whole), None);
        assert!(judge(&whole[..whole.len() - 1]).is_some());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(
            start in prop::sample::select(vec![&b"\0\0\0\x08ftyp"[..], b"\x1A\x45\xDF\xA3", b"RIFF", b"????mdat"]),
            rest in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            judge(&[start, &rest[..]].concat());
        }
    }
}
