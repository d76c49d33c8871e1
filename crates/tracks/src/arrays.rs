//! Arrays with names in NumPy's files, for whatever is no track: matrices, measurements, texts.
//!
//! `.npy` holds one array, `.npz` several with names. Numbers of every width are read, floats of at most 32 bits as
//! `f32`, all others as `f64` (integers are exact up to 2^53, `True` is 1), and text as UTF-8 (`<U…`, or `|S…` that is
//! UTF-8). Written are little-endian `<f4`, `<f8` and `<U…`, uncompressed, the same bytes every time. Python reads them
//! with `np.load(path)`, without `allow_pickle`; pickled objects are refused here too.
//!
//! Source: NumPy Enhancement Proposal 1, "A Simple File Format for NumPy Arrays".

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, Write};
use std::path::Path;

use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, result::ZipError};

use crate::numpy::{Accept, Archive, RawArray};
use crate::pending::PendingFile;
use crate::{MAX_FILE_BYTES, TrackError};

/// An array of any shape; the last index runs fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    elements: Elements,
}

/// The elements of an [`Array`], in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// Texts. NumPy ends a text at its last character that is not `\0`.
    Text(Vec<String>),
}

/// A shape that does not hold as many elements as there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an array of shape {shape:?} does not hold {count} elements")]
pub struct ArrayShapeError {
    shape: Vec<usize>,
    count: usize,
}

impl Elements {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::Text(texts) => texts.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Array {
    /// An array of `shape`, of no dimensions for a single element.
    ///
    /// # Errors
    /// Where the shape does not hold as many elements as there are.
    pub fn new(shape: &[usize], elements: Elements) -> Result<Self, ArrayShapeError> {
        let count = elements.len();
        match shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side)) {
            Some(holds) if holds == count => Ok(Self { shape: shape.to_vec(), elements }),
            _ => Err(ArrayShapeError { shape: shape.to_vec(), count }),
        }
    }

    /// Elements that were made for `shape`.
    pub(crate) fn of(shape: &[usize], elements: Elements) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), elements.len());
        Self { shape: shape.to_vec(), elements }
    }

    /// A single number.
    pub fn scalar(value: f64) -> Self {
        Self { shape: Vec::new(), elements: Elements::F64(vec![value]) }
    }

    /// Texts in one dimension.
    pub fn texts<S: Into<String>>(texts: impl IntoIterator<Item = S>) -> Self {
        let texts: Vec<String> = texts.into_iter().map(S::into).collect();
        Self { shape: vec![texts.len()], elements: Elements::Text(texts) }
    }

    /// A single text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { shape: Vec::new(), elements: Elements::Text(vec![text.into()]) }
    }

    /// Its sides.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its elements.
    pub fn elements(&self) -> &Elements {
        &self.elements
    }

    /// The numbers in double precision; none where the elements are text.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        match &self.elements {
            Elements::F32(values) => Some(values.iter().copied().map(f64::from).collect()),
            Elements::F64(values) => Some(values.clone()),
            Elements::Text(_) => None,
        }
    }

    /// Rows, columns and numbers of an array of two dimensions; none where it is something else.
    pub fn matrix(&self) -> Option<(usize, usize, Vec<f64>)> {
        let [rows, columns] = self.shape[..] else { return None };
        Some((rows, columns, self.to_f64()?))
    }

    /// The texts; none where the elements are numbers.
    pub fn as_texts(&self) -> Option<&[String]> {
        match &self.elements {
            Elements::Text(texts) => Some(texts),
            _ => None,
        }
    }

    fn from_raw(file: &str, raw: &RawArray) -> Result<Self, TrackError> {
        let elements = if raw.is_text() {
            let texts = raw.texts().collect::<Result<Vec<_>, usize>>().map_err(|index| {
                let hint = "save texts as str: np.array(texts)";
                TrackError::new(file, raw.place(), format!("no text at index {index}"), "UTF-8 or UTF-32 text", hint)
            })?;
            Elements::Text(texts)
        } else if raw.is_single() {
            Elements::F32(raw.numbers().map(|value| value as f32).collect())
        } else {
            Elements::F64(raw.numbers().collect())
        };
        Ok(Self { shape: raw.shape.clone(), elements })
    }
}

/// Reads the array in the `.npy` file at `path`.
///
/// # Errors
/// Where the file cannot be read, is larger than [`MAX_FILE_BYTES`], or holds something else.
pub fn read_npy(path: &Path) -> Result<Array, TrackError> {
    let file = path.display().to_string();
    npy_from(&file, open(path, &file)?)
}

/// Reads the array in `bytes`, a `.npy` file; `name` stands for it in messages.
///
/// # Errors
/// As [`read_npy`].
pub fn npy_from_bytes(name: &str, bytes: &[u8]) -> Result<Array, TrackError> {
    npy_from(name, bytes)
}

/// Reads all arrays in the `.npz` file at `path`, by their names.
///
/// # Errors
/// Where the file cannot be read, is larger than [`MAX_FILE_BYTES`] or unpacks to more, or one of its arrays is no
/// array of numbers or texts.
pub fn read_npz(path: &Path) -> Result<BTreeMap<String, Array>, TrackError> {
    let file = path.display().to_string();
    npz_from(&file, open(path, &file)?)
}

/// Reads all arrays in `bytes`, a `.npz` file, by their names; `name` stands for it in messages.
///
/// # Errors
/// As [`read_npz`].
pub fn npz_from_bytes(name: &str, bytes: &[u8]) -> Result<BTreeMap<String, Array>, TrackError> {
    npz_from(name, Cursor::new(bytes))
}

fn open(path: &Path, file: &str) -> Result<BufReader<File>, TrackError> {
    let input = File::open(path).map_err(|error| TrackError::io(file, error))?;
    let bytes = input.metadata().map_err(|error| TrackError::io(file, error))?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(TrackError::too_large(file, bytes));
    }
    Ok(BufReader::new(input))
}

fn npy_from(file: &str, input: impl Read) -> Result<Array, TrackError> {
    Array::from_raw(file, &RawArray::read(file, None, input, None, Accept::NumbersAndText)?)
}

fn npz_from<R: Read + Seek>(file: &str, mut input: R) -> Result<BTreeMap<String, Array>, TrackError> {
    let mut start = Vec::new();
    let looked = input.by_ref().take(2).read_to_end(&mut start).and_then(|_| input.rewind());
    looked.map_err(|error| TrackError::io(file, error))?;
    if start != b"PK" {
        let expected = "a .npz as np.savez or np.savez_compressed writes it";
        let hint = "check the name; a map is what `moue calibrate` wrote";
        return Err(TrackError::whole_file(file, "no ZIP archive", expected, hint));
    }
    let mut archive = Archive::open(file, input)?;
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    let mut arrays = BTreeMap::new();
    for (member, name) in names.into_iter().enumerate() {
        let raw = archive.read(member, Accept::NumbersAndText)?;
        let array = Array::from_raw(file, &raw)?;
        if arrays.insert(name, array).is_some() {
            return Err(TrackError::new(file, raw.place(), "two arrays of one name", "each name once", "rename one"));
        }
    }
    Ok(arrays)
}

/// Writes `array` as a `.npy` file; it gets its name when it is complete.
///
/// # Errors
/// Where the file exists and `overwrite` is not set, or it cannot be written.
pub fn write_npy(path: &Path, array: &Array, overwrite: bool) -> Result<(), TrackError> {
    PendingFile::create(path, overwrite)?.write(|output| write_array(array, output))
}

/// Writes arrays with their names as a `.npz` file; it gets its name when it is complete.
///
/// # Errors
/// As [`write_npy`]; also where two arrays have one name.
pub fn write_npz<'a>(
    path: &Path,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    overwrite: bool,
) -> Result<(), TrackError> {
    PendingFile::create(path, overwrite)?.write(|output| archive_of(arrays, output))
}

/// Writes `array` to `output` in the form of a `.npy` file.
pub(crate) fn write_array(array: &Array, mut output: impl Write) -> io::Result<()> {
    let longest = |texts: &[String]| texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    let descr = match &array.elements {
        Elements::F32(_) => "<f4".to_owned(),
        Elements::F64(_) => "<f8".to_owned(),
        Elements::Text(texts) => format!("<U{}", longest(texts)),
    };
    let shape = crate::numpy::shape_text(&array.shape);
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // The data begins at a multiple of 64; the header ends with a line end.
    let padding = 63 - (10 + header.len()) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let length = u16::try_from(header.len())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "an array of too many dimensions"))?;
    output.write_all(b"\x93NUMPY\x01\x00")?;
    output.write_all(&length.to_le_bytes())?;
    output.write_all(header.as_bytes())?;
    match &array.elements {
        Elements::F32(values) => values.iter().try_for_each(|value| output.write_all(&value.to_le_bytes())),
        Elements::F64(values) => values.iter().try_for_each(|value| output.write_all(&value.to_le_bytes())),
        Elements::Text(texts) => {
            let length = longest(texts);
            texts.iter().try_for_each(|text| {
                let letters = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(length);
                letters.into_iter().try_for_each(|letter| output.write_all(&letter.to_le_bytes()))
            })
        }
    }
}

/// Writes arrays to `output` in the form of a `.npz` file.
pub(crate) fn archive_of<'a>(
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    output: impl Write + Seek,
) -> io::Result<()> {
    let io = |error| match error {
        ZipError::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidInput, other.to_string()),
    };
    let mut zip = ZipWriter::new(output);
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, array) in arrays {
        zip.start_file(format!("{name}.npy"), options.large_file(true)).map_err(io)?;
        write_array(array, &mut zip)?;
    }
    zip.finish().map_err(io)?.flush()
}

#[cfg(test)]
#[path = "arrays_tests.rs"]
mod tests;
