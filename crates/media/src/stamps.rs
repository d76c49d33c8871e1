//! When a file was made, taken out of an MP4: equal frames and sounds then make equal bytes, whenever and wherever.
//!
//! Source: ISO/IEC 14496-12, 8.2.2 (`mvhd`), 8.3.2 (`tkhd`) and 8.4.2 (`mdhd`). A time of zero is one that is not known.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The boxes that hold others on the way to those with times.
const HOLDERS: [&[u8; 4]; 3] = [b"moov", b"trak", b"mdia"];
/// The boxes that begin with a creation and a modification time.
const STAMPED: [&[u8; 4]; 3] = [b"mvhd", b"tkhd", b"mdhd"];

/// Sets all times of creation and modification in an MP4 to zero.
pub(crate) fn take_out(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let end = file.metadata()?.len();
    within(&mut file, 0, end)
}

/// Does so in the boxes between two places of the file.
fn within(file: &mut File, mut at: u64, end: u64) -> io::Result<()> {
    while at + 8 <= end {
        file.seek(SeekFrom::Start(at))?;
        let mut head = [0; 16];
        file.read_exact(&mut head[..8])?;
        let (size, kind) = head.split_at(4);
        let (size, kind) = (u32_of(size), [kind[0], kind[1], kind[2], kind[3]]);
        let (body, next) = match size {
            0 => (at + 8, end),
            1 => {
                file.read_exact(&mut head[8..])?;
                (at + 16, at.saturating_add(u64::from(u32_of(&head[8..12])) << 32 | u64::from(u32_of(&head[12..]))))
            }
            size => (at + 8, at + u64::from(size)),
        };
        if next < body || next > end {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the MP4's boxes do not fit into each other"));
        }
        if HOLDERS.contains(&&kind) {
            within(file, body, next)?;
        } else if STAMPED.contains(&&kind) {
            // Version and flags, then two times of 32 bits, or of 64 in version 1.
            file.seek(SeekFrom::Start(body))?;
            let mut version = [0; 4];
            file.read_exact(&mut version)?;
            file.write_all(&[0; 16][..if version[0] == 1 { 16 } else { 8 }])?;
        }
        at = next;
    }
    Ok(())
}

fn u32_of(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes(), &kind[..], body].concat()
    }

    #[test]
    fn times_go_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        let header = |time: u8| boxed(b"mvhd", &[&[0; 4][..], &[time; 8], &[7; 12]].concat());
        let long = |time: u8| boxed(b"mdhd", &[&[1, 0, 0, 0][..], &[time; 16], &[7; 12]].concat());
        let file = |time: u8| {
            let track = boxed(b"trak", &[boxed(b"tkhd", &[0; 20]), boxed(b"mdia", &long(time))].concat());
            // A box with a size of 64 bits, and pictures that look like a header.
            let wide = [&1u32.to_be_bytes()[..], b"free", &20u64.to_be_bytes(), &[9; 4]].concat();
            [wide, boxed(b"moov", &[header(time), track].concat()), boxed(b"mdat", &header(3))].concat()
        };
        std::fs::write(&path, file(5)).unwrap();
        take_out(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), file(0));
        std::fs::write(&path, &file(5)[..60]).unwrap();
        assert!(take_out(&path).is_err());
    }
}
