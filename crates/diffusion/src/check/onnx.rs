//! Whether a file can be an ONNX model: a protobuf message that ends where the file ends, with a graph in it.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::{DiffusionError, Result};

/// `ModelProto.graph`.
const GRAPH: u64 = 7;
/// The highest field number of `ModelProto`, with room for later ones.
const LAST_FIELD: u64 = 64;

/// Walks over the outermost fields; the graph itself, which is nearly all of the file, is skipped.
///
/// # Errors
/// Where the file is cut off or holds something else.
pub(super) fn check(path: &Path) -> Result<()> {
    let io = |e| DiffusionError::io(path, e);
    let refuse = |found: String| {
        DiffusionError::file(path, found, "a whole ONNX model", "fetch the file again with `moue models pull`")
    };
    let file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let mut file = BufReader::new(file);
    let (mut place, mut has_graph) = (0, false);
    while place < size {
        let (field, value) = match (varint(&mut file, &mut place), place) {
            (Some(tag), _) => (tag >> 3, tag & 7),
            (None, at) => return Err(refuse(format!("no protobuf field at byte {at}"))),
        };
        if field == 0 || field > LAST_FIELD {
            return Err(refuse(format!("field {field} before byte {place}")));
        }
        let length = match value {
            0 => varint(&mut file, &mut place).map(|_| 0),
            1 => Some(8),
            2 => varint(&mut file, &mut place),
            5 => Some(4),
            _ => None,
        };
        let end = length.and_then(|length| place.checked_add(length));
        let Some(end) = end.filter(|end| *end <= size) else {
            return Err(refuse(format!("{size} bytes, which end within field {field}")));
        };
        has_graph |= field == GRAPH && end > place;
        place = file.seek(SeekFrom::Start(end)).map_err(io)?;
    }
    if has_graph { Ok(()) } else { Err(refuse("a protobuf message without a graph".into())) }
}

fn varint(file: &mut impl Read, place: &mut u64) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        file.read_exact(&mut byte).ok()?;
        *place += 1;
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return Some(value);
        }
    }
    None
}
