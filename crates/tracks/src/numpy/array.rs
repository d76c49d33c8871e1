//! One array of numbers, as NumPy saves it.

use std::io::{self, Read};

use half::f16;

use super::header::Header;
use crate::error::quoted;
use crate::{MAX_FILE_BYTES, Place, TrackError};

pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy itself reads no header above 10000 characters unless told to.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// How an element's bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Float,
    Signed,
    Unsigned,
}

/// An array of numbers of any shape.
#[derive(Debug)]
pub(super) struct Array {
    /// What an archive calls it.
    pub name: Option<String>,
    pub shape: Vec<usize>,
    descr: String,
    kind: Kind,
    big_endian: bool,
    element_bytes: usize,
    fortran_order: bool,
    /// As many as the shape says.
    bytes: Vec<u8>,
}

impl Array {
    /// Reads an array of integers or floats; `name` is what an archive calls it.
    pub fn read(file: &str, name: Option<&str>, mut input: impl Read) -> Result<Self, TrackError> {
        let place = place(name);
        let header = read_header(file, &place, &mut input)?;
        let (kind, big_endian, element_bytes) = element(file, &place, header.descr.as_deref())?;
        let elements = header.shape.iter().try_fold(element_bytes, |bytes, side| bytes.checked_mul(*side));
        let length = elements.unwrap_or(usize::MAX);
        if length as u64 > MAX_FILE_BYTES {
            return Err(TrackError::too_large(file, length as u64));
        }
        // Grows with what is there, not with what the header claims.
        let mut bytes = Vec::new();
        let read = input.by_ref().take(length as u64).read_to_end(&mut bytes);
        // An archive checks its sum where the member ends.
        read.and_then(|_| input.read(&mut [0])).map_err(|error| damaged(file, &place, &error))?;
        if bytes.len() < length {
            let found = format!("{} bytes of data", bytes.len());
            let expected = format!("{length} for the shape {}", shape_text(&header.shape));
            return Err(TrackError::new(
                file,
                place,
                found,
                expected,
                "the file is cut short: export or copy it again",
            ));
        }
        Ok(Self {
            name: name.map(str::to_owned),
            shape: header.shape,
            descr: header.descr.unwrap_or_default(),
            kind,
            big_endian,
            element_bytes,
            fortran_order: header.fortran_order,
            bytes,
        })
    }

    /// Whether the elements are floats.
    pub fn is_float(&self) -> bool {
        self.kind == Kind::Float
    }

    /// Where the array is.
    pub fn place(&self) -> Place {
        place(self.name.as_deref())
    }

    /// `elements of type '<i8'`.
    pub fn element_text(&self) -> String {
        format!("elements of type {}", quoted(&self.descr))
    }

    /// `an array of shape (150, 55)`.
    pub fn shape_text(&self) -> String {
        format!("an array of shape {}", shape_text(&self.shape))
    }

    /// The only element, where there is one.
    pub fn scalar(&self) -> Option<f64> {
        (self.shape.iter().product::<usize>() == 1).then(|| self.element(0))
    }

    /// The element at `row` and `column` of an array of two dimensions, both below its sides.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        let (rows, columns) = (self.shape[0], self.shape[1]);
        self.element(if self.fortran_order { column * rows + row } else { row * columns + column })
    }

    fn element(&self, index: usize) -> f64 {
        // Sign-extended or zero-extended to 8 bytes, little end first.
        let mut wide = [0; 8];
        let bytes = &self.bytes[index * self.element_bytes..][..self.element_bytes];
        wide[..bytes.len()].copy_from_slice(bytes);
        if self.big_endian {
            wide[..bytes.len()].reverse();
        }
        let bits = u64::from_le_bytes(wide);
        match (self.kind, self.element_bytes) {
            (Kind::Float, 2) => f16::from_bits(bits as u16).to_f64(),
            (Kind::Float, 4) => f32::from_bits(bits as u32).into(),
            (Kind::Float, _) => f64::from_bits(bits),
            (Kind::Unsigned, _) => bits as f64,
            (Kind::Signed, size) => {
                let unused = 64 - 8 * size as u32;
                (((bits << unused) as i64) >> unused) as f64
            }
        }
    }
}

fn place(name: Option<&str>) -> Place {
    name.map_or(Place::File, |name| Place::Array { name: name.to_owned() })
}

/// As Python writes it: `(150, 55)`, `(55,)`, `()`.
fn shape_text(shape: &[usize]) -> String {
    match shape {
        [side] => format!("({side},)"),
        _ => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn read_header(file: &str, place: &Place, input: &mut impl Read) -> Result<Header, TrackError> {
    let error =
        |found: &str, hint: &str| TrackError::new(file, place.clone(), found, "an array as NumPy saves it", hint);
    let cut = || error("a header that is cut short", "export or copy the file again");
    let mut read = |bytes: &mut [u8]| match input.read_exact(bytes) {
        Err(failure) if failure.kind() == io::ErrorKind::UnexpectedEof => Err(cut()),
        Err(failure) => Err(damaged(file, place, &failure)),
        Ok(()) => Ok(()),
    };
    let mut start = [0; 8];
    read(&mut start)?;
    let [magic @ .., major, _minor] = start;
    if magic != *MAGIC {
        return Err(error("no NumPy array", "save arrays with np.save or np.savez"));
    }
    let mut length = [0; 4];
    match major {
        1 => read(&mut length[..2])?,
        2 | 3 => read(&mut length)?,
        _ => {
            let found = format!("version {major} of the format");
            return Err(error(&found, "versions 1 to 3 are read; save it with np.save"));
        }
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_HEADER_BYTES {
        return Err(error(&format!("a header of {length} bytes"), "save plain arrays of floats"));
    }
    let mut text = vec![0; length];
    read(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    Header::parse(&text).ok_or_else(|| error(&format!("the header {}", quoted(&text)), "export the array again"))
}

/// How elements of the type `descr` are read: their kind, whether the big end is first, and their bytes.
fn element(file: &str, place: &Place, descr: Option<&str>) -> Result<(Kind, bool, usize), TrackError> {
    let refuse = |found: String, hint: &str| {
        Err(TrackError::new(file, place.clone(), found, "numbers of type float32, float64 or float16", hint))
    };
    let Some(descr) = descr else {
        return refuse("elements with fields".into(), "save each field as an array of its own with np.savez");
    };
    let plain = descr.trim_start_matches(['<', '>', '=', '|']);
    if plain.starts_with('O') {
        let hint = "pickled objects can run code and are never loaded; save the arrays themselves: \
                    np.savez(path, expression=..., eyelids=..., jaw=...)";
        return refuse("pickled Python objects".into(), hint);
    }
    let kind = match plain {
        "f2" | "f4" | "f8" => Kind::Float,
        "i1" | "i2" | "i4" | "i8" => Kind::Signed,
        "u1" | "u2" | "u4" | "u8" => Kind::Unsigned,
        _ => return refuse(format!("elements of type {}", quoted(descr)), "convert them: array.astype('float32')"),
    };
    Ok((kind, descr.starts_with('>'), usize::from(plain.as_bytes()[1] - b'0')))
}

fn damaged(file: &str, place: &Place, error: &io::Error) -> TrackError {
    let found = format!("data that cannot be read ({error})");
    TrackError::new(file, place.clone(), found, "an array as NumPy saves it", "export or copy the file again")
}
