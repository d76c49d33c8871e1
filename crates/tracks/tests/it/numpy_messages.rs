//! The full text of every refusal of an array.

use std::io::{Cursor, Write};
use std::path::Path;

use moue_tracks::{Place, read_bytes};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::numpy::{floats, fps, npy, npz, numbered};
use crate::{load, refusal};

#[track_caller]
fn says(bytes: impl AsRef<[u8]>, message: &str) {
    assert_eq!(refusal(bytes), message);
}

#[test]
fn shapes_that_are_no_track() {
    let shapes = "expected (T, 55), (T, 53) or (T, 50), T rows of FLAME coefficients";
    let name_them = "name the parts: np.savez(path, expression=..., eyelids=..., jaw=...)";
    for (shape, elements, hint) in [
        ("(2, 56)", 112, name_them),
        ("(2, 100)", 200, name_them),
        ("()", 1, name_them),
        ("(55,)", 55, "a single frame has two dimensions too: array[None]"),
        ("(55, 2)", 110, "rows are frames: transpose it, array.T"),
        ("(1, 2, 53)", 106, "drop the dimension of length 1: array.squeeze()"),
    ] {
        let array = npy("<f4", false, shape, &vec![0; 4 * elements]);
        says(&array, &format!("take: found an array of shape {shape}, {shapes}\nhint: {hint}"));
        says(
            npz(&[("flame", array), ("jaw", numbered(2, 3))]),
            &format!("take, array 'flame': found an array of shape {shape}, {shapes}\nhint: {hint}"),
        );
    }
    says(
        numbered(0, 55),
        "take: found an array of shape (0, 55), expected at least one row\nhint: record or export the track again",
    );
    let part = "hint: rows are frames, columns are coefficients; array.squeeze() drops dimensions of length 1";
    says(
        npz(&[("exp", numbered(2, 50)), ("jaw", numbered(2, 1))]),
        &format!(
            "take, array 'jaw': found an array of shape (2, 1), expected (T, 3), a rotation vector per row\n{part}"
        ),
    );
    says(
        npz(&[("exp", numbered(2, 50)), ("jaw", numbered(3, 3))]),
        "take, array 'jaw': found 3 rows, expected 2 as in 'exp'\nhint: all arrays hold the same frames: cut them",
    );
}

#[test]
fn elements_that_are_no_coefficients() {
    let types = "expected numbers of type float32, float64 or float16";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let pickled = std::fs::read(folder.join("dictionary.npy")).unwrap();
    says(
        pickled,
        &format!(
            "take: found pickled Python objects, {types}\nhint: pickled objects can run code and are never loaded; save the \
             arrays themselves: np.savez(path, expression=..., eyelids=..., jaw=...)"
        ),
    );
    let convert = "hint: convert them: array.astype('float32')";
    for descr in ["<c8", "|b1", "<U5", "<f16", "<M8[ns]", "f", ""] {
        says(
            npy(descr, false, "(1, 55)", &[0; 55 * 16]),
            &format!("take: found elements of type '{descr}', {types}\n{convert}"),
        );
    }
    says(
        npy("<i8", false, "(1, 55)", &[0; 55 * 8]),
        &format!("take: found elements of type '<i8', expected float32, float64 or float16\n{convert}"),
    );
    let fields = npy("<f4", false, "(1,)", &[0; 4]);
    let fields =
        String::from_utf8_lossy(&fields[10..]).replace("'<f4'", "[('exp', '<f4', (50,)), ('jaw', '<f4', (3,))]");
    let mut structured = b"\x93NUMPY\x01\x00".to_vec();
    structured.extend((fields.len() as u16).to_le_bytes());
    structured.extend(fields.as_bytes());
    says(
        structured,
        &format!(
            "take: found elements with fields, {types}\nhint: save each field as an array of its own with np.savez"
        ),
    );
}

#[test]
fn numbers_that_are_none_are_named_by_row_and_column() {
    let hint = "hint: rows and columns count from 0, as NumPy prints them; fill the gap or delete the frame";
    let array = |columns: usize, at: (usize, usize), value: f32| {
        floats(3, columns, move |row, column| if (row, column) == at { value } else { 0.0 })
    };
    says(
        array(55, (2, 51), f32::NAN),
        &format!("take, row 2, column 51 (eyelid_right): found NaN, expected a finite number\n{hint}"),
    );
    // The jaw of 53 columns is where the eyelids of 55 are.
    says(
        array(53, (0, 51), f32::INFINITY),
        &format!("take, row 0, column 51 (jaw_y): found inf, expected a finite number\n{hint}"),
    );
    says(
        npz(&[("exp", array(100, (1, 49), f32::NEG_INFINITY)), ("jaw", numbered(3, 3))]),
        &format!("take, array 'exp', row 1, column 49 (exp_49): found -inf, expected a finite number\n{hint}"),
    );
    // Those that are left out are not looked at.
    load(npz(&[("exp", array(100, (1, 50), f32::NAN)), ("jaw", numbered(3, 3))]));
    let mut data = [0; 50 * 8];
    data[16..24].copy_from_slice(&1e300_f64.to_be_bytes());
    let error = read_bytes("take", &npy(">f8", true, "(1, 50)", &data)).unwrap_err();
    let place = Place::Element { array: None, row: 0, column: 2, name: "exp_02" };
    assert_eq!((error.place(), error.found().len()), (&place, 301));
}

#[test]
fn files_that_are_cut_or_damaged() {
    let whole = numbered(3, 55);
    says(
        &whole[..whole.len() - 1],
        "take: found 659 bytes of data, expected 660 for the shape (3, 55)\nhint: the file is cut short: export or copy \
         it again",
    );
    let array = "expected an array as NumPy saves it";
    for cut in [6, 9, 40] {
        says(
            &whole[..cut],
            &format!("take: found a header that is cut short, {array}\nhint: export or copy the file again"),
        );
    }
    let huge = npy("<f4", false, "(9999999999999, 55)", &[]);
    assert!(refusal(huge).starts_with("take: found 2098083496 MiB, expected at most 512 MiB\nhint: "));
    let claims = npy("<f4", false, "(2000000, 55)", &[0; 8]);
    assert!(refusal(claims).starts_with("take: found 8 bytes of data, expected 440000000 for"));
    let mut version = whole.clone();
    version[6] = 9;
    says(
        version,
        &format!("take: found version 9 of the format, {array}\nhint: versions 1 to 3 are read; save it with np.save"),
    );
    let mut header = whole.clone();
    header[10] = b'[';
    let text = "[|descr|: |<f4|, |fortran_order|: False,…".replace('|', "'");
    says(header, &format!("take: found the header '{text}', {array}\nhint: export the array again"));

    let archive = npz(&[("flame", whole)]);
    let npz_text = "expected a .npz as np.savez or np.savez_compressed writes it";
    let cut = refusal(&archive[..archive.len() - 30]);
    assert!(cut.starts_with("take: found a ZIP archive that cannot be read ("), "{cut}");
    assert!(
        cut.ends_with(&format!("), {npz_text}\nhint: the file is cut short or damaged: export or copy it again")),
        "{cut}"
    );
    // A bit of the data: the archive's sum tells. Stored, so that it is no error of the decompression.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut stored = std::fs::read(folder.join("parts.npz")).unwrap();
    let at = stored.windows(4).position(|bytes| bytes == (1.0_f32 / 64.0 - 1.0).to_le_bytes()).unwrap();
    stored[at] ^= 1;
    says(
        stored,
        &format!(
            "take, array 'expression': found data that cannot be read (Invalid checksum), {array}\nhint: export or copy the \
             file again"
        ),
    );
}

#[test]
fn what_claims_to_be_huge_is_refused_before_memory_is_taken() {
    // The header says more than the archive's directory.
    let claims = npz(&[("exp", npy("<f4", false, "(1000000, 50)", &[0; 8])), ("jaw", numbered(2, 3))]);
    says(
        claims,
        "take, array 'exp': found 8 bytes of data, expected 200000000 for the shape (1000000, 50)\nhint: the file is cut \
         short: export or copy it again",
    );
    for shape in ["(99999999999, 50)", "(4294967296, 4294967296, 4294967296)"] {
        let huge = refusal(npz(&[("exp", npy("<f4", false, shape, &[])), ("jaw", numbered(2, 3))]));
        assert!(huge.starts_with("take: found ") && huge.contains(" MiB, expected at most 512 MiB"), "{huge}");
    }
    // Rows of nothing are no rows.
    says(
        npy("<f4", false, "(1152921504606846976, 0)", &[]),
        "take: found an array of shape (1152921504606846976, 0), expected (T, 55), (T, 53) or (T, 50), T rows of FLAME \
         coefficients\nhint: name the parts: np.savez(path, expression=..., eyelids=..., jaw=...)",
    );
    let thousands = refusal(numbered(2, 5000));
    assert!(thousands.starts_with("take: found an array of shape (2, 5000), expected (T, 55)"), "{thousands}");
    // 34 MiB of zeros in 34 KiB.
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("flame.npy", SimpleFileOptions::default()).unwrap();
    zip.write_all(&npy("<f4", false, "(162000, 55)", &vec![0; 162_000 * 55 * 4])).unwrap();
    let bomb = refusal(zip.finish().unwrap().into_inner());
    assert!(bomb.contains(" bytes that claim to unpack to 33 MiB, expected an array as NumPy saves it"), "{bomb}");
    assert!(bomb.ends_with("an honest file passes when saved with np.savez"), "{bomb}");
}

#[test]
fn archives_without_a_track() {
    let named = "expected one array, or some named flame, expression, eyelids, jaw, arkit";
    says(
        npz(&[("shape", numbered(1, 300)), ("expresion", numbered(2, 50))]),
        &format!("take: found the arrays 'shape', 'expresion', {named}\nhint: rename 'expresion' to 'expression'"),
    );
    says(
        npz(&[("a", numbered(1, 300)), ("b", numbered(2, 50))]),
        &format!(
            "take: found the arrays 'a', 'b', {named}\nhint: np.savez(path, expression=..., eyelids=..., jaw=...) names them"
        ),
    );
    says(
        npz(&[("exp", numbered(2, 50)), ("Expression", numbered(2, 50)), ("jaw", numbered(2, 3))]),
        "take: found the arrays 'exp', 'Expression', expected one of them\nhint: they mean the same: keep one",
    );
    says(
        npz(&[("exp", b"no array at all".to_vec())]),
        "take, array 'exp': found no NumPy array, expected an array as NumPy saves it\nhint: save arrays with np.save or \
         np.savez",
    );
    let rates =
        "expected one number of rows per second, from 0.1 to 1000\nhint: save it as np.savez(path, fps=30, ...)";
    for (fps, found) in [
        (fps(0.0), "0"),
        (fps(f64::NAN), "NaN"),
        (fps(-25.0), "-25"),
        (numbered(2, 1), "an array of shape (2, 1)"),
        (npy("<f8", false, "(0,)", &[]), "an array of shape (0,)"),
    ] {
        says(npz(&[("flame", numbered(2, 55)), ("fps", fps)]), &format!("take, array 'fps': found {found}, {rates}"));
    }
    let tracks = crate::messages::TRACKS;
    let unpack = "hint: unpack it and give the track inside; save spreadsheets as 'CSV UTF-8'";
    let empty = ZipWriter::new(Cursor::new(Vec::new())).finish().unwrap().into_inner();
    says(empty, &format!("take: found a ZIP archive without .npy arrays, expected {tracks}\n{unpack}"));
    let mut sheet = ZipWriter::new(Cursor::new(Vec::new()));
    sheet.start_file("xl/workbook.xml", SimpleFileOptions::default()).unwrap();
    let sheet = sheet.finish().unwrap().into_inner();
    says(sheet, &format!("take: found a ZIP archive without .npy arrays, expected {tracks}\n{unpack}"));
}
