use std::io::Cursor;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn npy(array: &Array) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_array(array, &mut bytes).unwrap();
    bytes
}

fn npz(arrays: &[(&str, Array)]) -> Vec<u8> {
    let mut output = Cursor::new(Vec::new());
    archive_of(arrays.iter().map(|(name, array)| (*name, array)), &mut output).unwrap();
    output.into_inner()
}

#[test]
fn numpy_s_own_arrays_are_read_in_every_type_and_order() {
    let arrays = read_npz(&golden("anything.npz")).unwrap();
    let names: Vec<&str> = arrays.keys().map(String::as_str).collect();
    assert_eq!(names, ["cube", "flags", "half", "names", "nothing", "whole"]);
    let numbers = |name: &str| (arrays[name].shape(), arrays[name].to_f64().unwrap());
    assert_eq!(numbers("cube"), (&[2, 3, 4][..], (0..24).map(f64::from).collect()));
    assert_eq!(numbers("flags"), (&[2][..], vec![1.0, 0.0]));
    assert_eq!(arrays["half"], Array::new(&[], Elements::F32(vec![0.5])).unwrap());
    assert_eq!(numbers("nothing"), (&[0, 3][..], Vec::new()));
    assert_eq!(numbers("whole"), (&[2][..], vec![-9_007_199_254_740_992.0, 255.0]));
    assert_eq!(arrays["names"].shape(), [2, 2]);
    assert_eq!(arrays["names"].as_texts().unwrap(), ["é", "", "jaw", "\u{1f600}"]);
    assert_eq!(arrays["names"].to_f64(), None);

    let matrix = read_npy(&golden("float64_fortran.npy")).unwrap();
    let (rows, columns, values) = matrix.matrix().unwrap();
    assert_eq!((rows, columns), (3, 55));
    assert!((0..165).all(|at| values[at] == at as f64 / 64.0 - 1.0));
    assert_eq!(read_npz(&golden("arkit_bytes.npz")).unwrap()["arkit_names"].as_texts().unwrap()[2], "tongueOut");
}

#[test]
fn a_header_is_as_numpy_writes_it() {
    let bytes = npy(&Array::new(&[2, 3], Elements::F32(vec![0.0; 6])).unwrap());
    assert_eq!(bytes.len(), 128 + 24);
    assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
    let header = std::str::from_utf8(&bytes[10..128]).unwrap();
    assert_eq!(header.trim_end(), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
    assert!(header.ends_with(" \n"));
    assert!(npy(&Array::text("né")).starts_with(b"\x93NUMPY\x01\x00\x76\x00{'descr': '<U2', "));
    assert_eq!(npy(&Array::text("")).len(), 128 + 4);
}

#[test]
fn shapes_hold_what_there_is() {
    let values = || Elements::F64(vec![1.0; 6]);
    assert_eq!(Array::new(&[2, 3], values()).unwrap().matrix(), Some((2, 3, vec![1.0; 6])));
    assert_eq!(Array::new(&[6], values()).unwrap().matrix(), None);
    for shape in [&[2, 2][..], &[], &[7], &[usize::MAX, 2]] {
        let error = Array::new(shape, values()).unwrap_err();
        assert_eq!(error.to_string(), format!("an array of shape {shape:?} does not hold 6 elements"));
    }
    assert_eq!(Array::scalar(2.5).to_f64(), Some(vec![2.5]));
    assert_eq!(Array::texts(["a", "b"]).shape(), [2]);
    assert!(!values().is_empty());
}

#[test]
fn what_is_no_array_of_numbers_or_texts_is_refused() {
    let refusal = |bytes: &[u8]| npy_from_bytes("map", bytes).unwrap_err().to_string();
    assert_eq!(
        read_npy(&golden("dictionary.npy")).unwrap_err().to_string().split(": found ").nth(1).unwrap(),
        "pickled Python objects, expected numbers of type float32, float64 or float16\nhint: pickled objects can run \
         code and are never loaded; save the arrays themselves: np.savez(path, expression=..., eyelids=..., jaw=...)"
    );
    let with = |descr: &str, shape: &str, data: &[u8]| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': True, 'shape': {shape}}}\n");
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), data].concat()
    };
    assert!(refusal(&with("<c8", "(1,)", &[0; 8])).starts_with("map: found elements of type '<c8', expected numbers"));
    for (descr, data) in [("<U1", [0, 0xd8, 0, 0]), ("|S4", [0xff; 4])] {
        let text = "expected UTF-8 or UTF-32 text\nhint: save texts as str: np.array(texts)";
        assert_eq!(refusal(&with(descr, "(1,)", &data)), format!("map: found no text at index 0, {text}"));
    }
    // Texts without letters take no room, however many there are said to be.
    assert!(refusal(&with("<U0", "(999999999999,)", &[])).contains("expected at most 512 MiB"));
    assert!(refusal(&with("<f8", "(9, 9)", &[0; 80])).contains("found 80 bytes of data, expected 648 for the shape"));
    let huge = with("<U4611686018427387904", "(1, 0)", &[]);
    assert!(refusal(&huge).contains("found elements of type"), "{}", refusal(&huge));
}

#[test]
fn files_are_complete_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.npz");
    let array = Array::texts(["jawOpen"]);
    write_npz(&path, [("names", &array)], false).unwrap();
    assert_eq!(read_npz(&path).unwrap()["names"], array);
    let error = write_npz(&path, [("names", &array)], false).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}: found a file of that name, expected a name that is free\nhint: --overwrite replaces it; or choose \
             another name",
            path.display()
        )
    );
    // A failure on the way leaves the old file and nothing else.
    let twice = write_npz(&path, [("a", &array), ("a", &array)], true).unwrap_err().to_string();
    assert!(twice.contains("Duplicate filename"), "{twice}");
    assert_eq!(read_npz(&path).unwrap()["names"], array);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let path = folder.path().join("one.npy");
    write_npy(&path, &array, false).unwrap();
    assert_eq!(read_npy(&path).unwrap(), array);
    assert!(read_npy(&folder.path().join("none.npy")).unwrap_err().to_string().contains("found no such file"));
}

#[test]
fn archives_that_unpack_to_far_more_than_they_are_stay_packed() {
    let zeros = vec![0; 34 << 20];
    let header = npy(&Array::new(&[0], Elements::F32(Vec::new())).unwrap());
    let header = String::from_utf8_lossy(&header[10..]).replace("(0,), }       ", "(8912896,), } ");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("zeros.npy", SimpleFileOptions::default()).unwrap();
    zip.write_all(b"\x93NUMPY\x01\x00\x76\x00").unwrap();
    zip.write_all(header.as_bytes()).unwrap();
    zip.write_all(&zeros).unwrap();
    let bomb = zip.finish().unwrap().into_inner();
    let error = npz_from_bytes("map", &bomb).unwrap_err().to_string();
    let start = format!("map, array 'zeros': found {}", bomb.len() / 1000);
    assert!(error.starts_with(&start) && error.contains("bytes that claim to unpack to 34 MiB"), "{error}");
}

fn arrays() -> impl Strategy<Value = Array> {
    prop::collection::vec(0usize..4, 0..4).prop_flat_map(|shape| {
        let count: usize = shape.iter().product();
        let elements = prop_oneof![
            prop::collection::vec(any::<f32>(), count).prop_map(Elements::F32),
            prop::collection::vec(any::<f64>(), count).prop_map(Elements::F64),
            // A text ends at its last letter that is not zero.
            prop::collection::vec("[^\\x00]{0,5}", count).prop_map(Elements::Text),
        ];
        elements.prop_map(move |elements| Array::new(&shape, elements).unwrap())
    })
}

/// NaN is not equal to itself.
fn bits(array: &Array) -> (Vec<usize>, Vec<u64>, Vec<String>) {
    let numbers = match array.elements() {
        Elements::F32(values) => values.iter().map(|value| value.to_bits().into()).collect(),
        Elements::F64(values) => values.iter().map(|value| value.to_bits()).collect(),
        Elements::Text(_) => Vec::new(),
    };
    (array.shape().to_vec(), numbers, array.as_texts().unwrap_or_default().to_vec())
}

proptest! {
    #[test]
    fn what_is_written_reads_back_bit_for_bit(array in arrays(), other in arrays()) {
        prop_assert_eq!(bits(&npy_from_bytes("a", &npy(&array)).unwrap()), bits(&array));
        let both = npz_from_bytes("a", &npz(&[("one", array.clone()), ("ü/two", other.clone())])).unwrap();
        prop_assert_eq!(bits(&both["one"]), bits(&array));
        prop_assert_eq!(bits(&both["ü/two"]), bits(&other));
    }

    #[test]
    fn damaged_arrays_never_panic(array in arrays(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = npy(&array);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = npy_from_bytes("a", &bytes);
        let _ = npy_from_bytes("a", &bytes[..at]);
    }
}

#[test]
fn what_is_no_archive_is_not_called_a_damaged_one() {
    for bytes in [&b"\x89PNG\r\n\x1a\n"[..], b"time,jawOpen\n", b"P", b""] {
        let told = npz_from_bytes("map.npz", bytes).unwrap_err().to_string();
        assert!(told.starts_with("map.npz: found no ZIP archive, expected a .npz"), "{told}");
        assert!(told.contains("\nhint: "), "{told}");
    }
}
