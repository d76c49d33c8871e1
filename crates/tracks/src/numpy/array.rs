//! One array, as NumPy saves it.

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
    /// UTF-32, filled up with zeros.
    Unicode,
    /// UTF-8, filled up with zeros.
    Bytes,
}

/// Which elements the caller has a use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    Numbers,
    NumbersAndText,
}

/// An array of any shape.
#[derive(Debug)]
pub(crate) struct RawArray {
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

impl RawArray {
    /// Reads an array; `name` is what an archive calls it, `size` how many bytes it has, header included, where that
    /// is known.
    pub fn read(
        file: &str,
        name: Option<&str>,
        mut input: impl Read,
        size: Option<u64>,
        accept: Accept,
    ) -> Result<Self, TrackError> {
        let place = place(name);
        let (header, header_bytes) = read_header(file, &place, &mut input)?;
        let (kind, big_endian, element_bytes) = element(file, &place, header.descr.as_deref(), accept)?;
        // Texts of no letters have no bytes, and are elements all the same.
        let elements = header.shape.iter().try_fold(element_bytes.max(1), |bytes, side| bytes.checked_mul(*side));
        let length = elements.unwrap_or(usize::MAX);
        if length as u64 > MAX_FILE_BYTES {
            return Err(TrackError::too_large(file, length as u64));
        }
        let length = if element_bytes == 0 { 0 } else { length };
        let cut = |found: u64| {
            let (found, expected) =
                (format!("{found} bytes of data"), format!("{length} for the shape {}", shape_text(&header.shape)));
            let hint = "the file is cut short: export or copy it again";
            TrackError::new(file, place.clone(), found, expected, hint)
        };
        if let Some(data) = size.map(|size| size.saturating_sub(header_bytes)).filter(|data| *data < length as u64) {
            return Err(cut(data));
        }
        // Grows with what is there, not with what the header claims.
        let mut bytes = Vec::new();
        let read = input.by_ref().take(length as u64).read_to_end(&mut bytes);
        // An archive checks its sum where the member ends.
        read.and_then(|_| input.read(&mut [0])).map_err(|error| damaged(file, &place, &error))?;
        if bytes.len() < length {
            return Err(cut(bytes.len() as u64));
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

    /// The same, called `name`.
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The same with its only dimension as a row of two.
    pub fn with_row(mut self) -> Self {
        if let [side] = self.shape[..] {
            self.shape = vec![1, side];
        }
        self
    }

    /// Whether the elements are floats.
    pub fn is_float(&self) -> bool {
        self.kind == Kind::Float
    }

    /// Whether every element fits a float32.
    pub fn is_single(&self) -> bool {
        self.is_float() && self.element_bytes <= 4
    }

    /// Whether the elements are text.
    pub fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Unicode | Kind::Bytes)
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

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The only element, where there is one and it is a number.
    pub fn scalar(&self) -> Option<f64> {
        (self.len() == 1 && !self.is_text()).then(|| self.number(0))
    }

    /// The number at `row` and `column` of an array of two dimensions, both below its sides.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        let (rows, columns) = (self.shape[0], self.shape[1]);
        self.number(if self.fortran_order { column * rows + row } else { row * columns + column })
    }

    /// All numbers, the last index running fastest.
    pub fn numbers(&self) -> impl Iterator<Item = f64> {
        self.offsets().map(|offset| self.number(offset))
    }

    /// All texts, the last index running fastest; an error says which one is none.
    pub fn texts(&self) -> impl Iterator<Item = Result<String, usize>> {
        self.offsets().enumerate().map(|(index, offset)| self.text(offset).ok_or(index))
    }

    /// Where the elements are, the last index running fastest.
    fn offsets(&self) -> impl Iterator<Item = usize> {
        let strides: Vec<usize> = self
            .shape
            .iter()
            .scan(1_usize, |stride, side| Some(std::mem::replace(stride, stride.saturating_mul(*side))))
            .collect();
        let fortran = self.fortran_order && self.shape.len() > 1;
        (0..self.len()).map(move |index| {
            if !fortran {
                return index;
            }
            let sides = self.shape.iter().zip(&strides).rev();
            let (offset, _) =
                sides.fold((0, index), |(offset, rest), (side, stride)| (offset + rest % side * stride, rest / side));
            offset
        })
    }

    /// The bytes of an element, little end first where it is a number.
    fn element(&self, offset: usize) -> &[u8] {
        &self.bytes[offset * self.element_bytes..][..self.element_bytes]
    }

    fn number(&self, offset: usize) -> f64 {
        // Sign-extended or zero-extended to 8 bytes, little end first.
        let mut wide = [0; 8];
        let bytes = self.element(offset);
        wide[..bytes.len()].copy_from_slice(bytes);
        if self.big_endian {
            wide[..bytes.len()].reverse();
        }
        let bits = u64::from_le_bytes(wide);
        match (self.kind, self.element_bytes) {
            (Kind::Float, 2) => f16::from_bits(bits as u16).to_f64(),
            (Kind::Float, 4) => f32::from_bits(bits as u32).into(),
            (Kind::Float, _) => f64::from_bits(bits),
            (Kind::Signed, size) => {
                let unused = 64 - 8 * size as u32;
                (((bits << unused) as i64) >> unused) as f64
            }
            _ => bits as f64,
        }
    }

    fn text(&self, offset: usize) -> Option<String> {
        let bytes = self.element(offset);
        let mut text = match self.kind {
            Kind::Bytes => String::from_utf8(bytes.to_vec()).ok()?,
            Kind::Unicode => {
                let units = bytes.chunks_exact(4).map(|unit| {
                    let mut unit = [unit[0], unit[1], unit[2], unit[3]];
                    if self.big_endian {
                        unit.reverse();
                    }
                    char::from_u32(u32::from_le_bytes(unit))
                });
                units.collect::<Option<String>>()?
            }
            _ => return None,
        };
        text.truncate(text.trim_end_matches('\0').len());
        Some(text)
    }
}

fn place(name: Option<&str>) -> Place {
    name.map_or(Place::File, |name| Place::Array { name: name.to_owned() })
}

/// As Python writes it: `(150, 55)`, `(55,)`, `()`.
pub(crate) fn shape_text(shape: &[usize]) -> String {
    match shape {
        [side] => format!("({side},)"),
        _ => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// The header, and how many bytes it takes.
fn read_header(file: &str, place: &Place, input: &mut impl Read) -> Result<(Header, u64), TrackError> {
    let error =
        |found: &str, hint: &str| TrackError::new(file, place.clone(), found, "an array as NumPy saves it", hint);
    let cut = || error("a header that is cut short", "export or copy the file again");
    let mut total = 0;
    let mut read = |bytes: &mut [u8]| match input.read_exact(bytes) {
        Err(failure) if failure.kind() == io::ErrorKind::UnexpectedEof => Err(cut()),
        Err(failure) => Err(damaged(file, place, &failure)),
        Ok(()) => {
            total += bytes.len() as u64;
            Ok(())
        }
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
    let header = Header::parse(&text);
    let header = header.ok_or_else(|| error(&format!("the header {}", quoted(&text)), "export the array again"))?;
    Ok((header, total))
}

/// How elements of the type `descr` are read: their kind, whether the big end is first, and their bytes.
fn element(file: &str, place: &Place, descr: Option<&str>, accept: Accept) -> Result<(Kind, bool, usize), TrackError> {
    let refuse = |found: String, hint: &str| {
        Err(TrackError::new(file, place.clone(), found, "numbers of type float32, float64 or float16", hint))
    };
    let Some(descr) = descr else {
        return refuse("elements with fields".into(), "save each field as an array of its own with np.savez");
    };
    let plain = descr.trim_start_matches(['<', '>', '=', '|']);
    if plain.starts_with('O') {
        return refuse("pickled Python objects".into(), crate::content::PICKLED);
    }
    let text_length =
        |kind: char| plain.strip_prefix(kind)?.parse::<usize>().ok()?.checked_mul(if kind == 'U' { 4 } else { 1 });
    let kind = match plain {
        "f2" | "f4" | "f8" => Kind::Float,
        "i1" | "i2" | "i4" | "i8" => Kind::Signed,
        "u1" | "u2" | "u4" | "u8" => Kind::Unsigned,
        _ if accept == Accept::NumbersAndText => match (plain, text_length('U'), text_length('S')) {
            ("b1", ..) => Kind::Unsigned,
            (_, Some(bytes), _) => return Ok((Kind::Unicode, descr.starts_with('>'), bytes)),
            (.., Some(bytes)) => return Ok((Kind::Bytes, false, bytes)),
            _ => return refuse(format!("elements of type {}", quoted(descr)), "convert them: array.astype('float32')"),
        },
        _ => return refuse(format!("elements of type {}", quoted(descr)), "convert them: array.astype('float32')"),
    };
    Ok((kind, descr.starts_with('>'), usize::from(plain.as_bytes()[1] - b'0')))
}

fn damaged(file: &str, place: &Place, error: &io::Error) -> TrackError {
    let found = format!("data that cannot be read ({error})");
    TrackError::new(file, place.clone(), found, "an array as NumPy saves it", "export or copy the file again")
}
