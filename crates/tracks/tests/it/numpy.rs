//! Arrays of FLAME coefficients: files that NumPy wrote, and files made here byte by byte.

use std::io::{Cursor, Write};
use std::path::Path;

use moue_timeline::{Channel, FlameChannel, FlameExpression, FrameRate, HeadAxis, Interpolation};
use moue_tracks::{Format, LoadedTrack, ReadOptions, read, write_csv};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::load;

const RATE_NOTE: &str = "arrays have no times: taken as 30 rows per second; a .npz may say otherwise with fps";
const NO_EYELIDS: &str = "eyelids are not in this file and stay open";
const NO_JAW: &str = "the jaw is not in this file and stays shut";
const NO_EXPRESSION: &str = "the expression is not in this file and stays neutral";

/// An array as NumPy saves it.
pub fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// A float32 array of `rows` by `columns`.
pub fn floats(rows: usize, columns: usize, value: impl Fn(usize, usize) -> f32) -> Vec<u8> {
    let values = (0..rows * columns).flat_map(|at| value(at / columns, at % columns).to_le_bytes());
    npy("<f4", false, &format!("({rows}, {columns})"), &values.collect::<Vec<u8>>())
}

/// Values that tell where they are: 1.25 in row 1, column 25.
pub fn numbered(rows: usize, columns: usize) -> Vec<u8> {
    floats(rows, columns, |row, column| row as f32 + column as f32 / 100.0)
}

pub fn npz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data) in members {
        zip.start_file(format!("{name}.npy"), SimpleFileOptions::default()).expect("memory takes it");
        zip.write_all(data).expect("memory takes it");
    }
    zip.finish().expect("memory takes it").into_inner()
}

pub fn fps(value: f64) -> Vec<u8> {
    npy("<f8", false, "()", &value.to_le_bytes())
}

fn golden(name: &str) -> LoadedTrack {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    read(&folder.join(name)).unwrap_or_else(|error| panic!("{error}"))
}

fn key(loaded: &LoadedTrack, row: usize) -> FlameExpression {
    loaded.track.sample_flame(loaded.track.times()[row], Interpolation::Linear)
}

#[test]
fn numpy_s_own_files_hold_what_it_wrote() {
    for (name, kind, rate, notes) in [
        ("float32.npy", Format::FlameArray, 30.0, vec![RATE_NOTE]),
        ("float64_fortran.npy", Format::FlameArray, 30.0, vec![RATE_NOTE]),
        ("float32_big_endian.npy", Format::FlameArray, 30.0, vec![RATE_NOTE]),
        ("float16_fortran.npy", Format::FlameArray, 30.0, vec![RATE_NOTE]),
        ("version2.npy", Format::FlameArray, 30.0, vec![RATE_NOTE]),
        ("compressed.npz", Format::Npz, 25.0, vec![]),
        ("parts.npz", Format::Npz, 30000.0 / 1001.0, vec![]),
    ] {
        let loaded = golden(name);
        assert_eq!(loaded.format, kind, "{name}");
        assert_eq!(loaded.notes, notes, "{name}");
        let times: Vec<f64> = (0..3).map(|row| f64::from(row) / rate).collect();
        assert!(loaded.track.times().iter().zip(&times).all(|(a, b)| (a - b).abs() < 1e-12), "{name}");
        for row in 0..3 {
            let expected = std::array::from_fn(|column| (55 * row + column) as f32 / 64.0 - 1.0);
            assert_eq!(key(&loaded, row), FlameExpression::from_array(expected), "{name}, row {row}");
        }
    }
}

#[test]
fn the_number_of_columns_tells_what_they_are() {
    let full = load(numbered(2, 55));
    assert_eq!(key(&full, 1).as_array(), &std::array::from_fn(|column| 1.0 + column as f32 / 100.0));
    assert_eq!(full.notes, [RATE_NOTE]);

    let speech = load(numbered(2, 53));
    let mut expected: [f32; FlameChannel::COUNT] = std::array::from_fn(|column| 1.0 + column as f32 / 100.0);
    expected[50..].copy_from_slice(&[0.0, 0.0, 1.5, 1.51, 1.52]);
    assert_eq!(key(&speech, 1), FlameExpression::from_array(expected));
    let taken = "53 columns are taken for 50 expression components and the jaw";
    assert_eq!(speech.notes, [taken, RATE_NOTE, NO_EYELIDS]);

    let expression = load(numbered(2, 50));
    expected[50..].fill(0.0);
    assert_eq!(key(&expression, 1), FlameExpression::from_array(expected));
    assert_eq!(expression.notes, [RATE_NOTE, NO_EYELIDS, NO_JAW]);
    assert!(expression.track.has_flame() && !expression.track.has_shapes());
}

#[test]
fn parts_are_joined_by_their_names() {
    let all =
        [("exp", numbered(2, 100)), ("Jaw_Pose", numbered(2, 3)), ("eyelids", numbered(2, 2)), ("fps", fps(50.0))];
    let loaded = load(npz(&all));
    let mut expected: [f32; FlameChannel::COUNT] = std::array::from_fn(|column| 1.0 + column as f32 / 100.0);
    expected[50..].copy_from_slice(&[1.0, 1.01, 1.0, 1.01, 1.02]);
    assert_eq!(key(&loaded, 1), FlameExpression::from_array(expected));
    assert_eq!(loaded.track.times(), [0.0, 0.02]);
    assert_eq!(loaded.notes, ["the expression has 100 components: those after the first 50 are left out"]);

    let jaw = load(npz(&[("jaw", numbered(2, 3)), ("fps", fps(50.0))]));
    assert_eq!(jaw.track.channels().len(), 3);
    assert_eq!(jaw.notes, [NO_EXPRESSION, NO_EYELIDS]);
}

#[test]
fn files_of_other_programs() {
    let vhap = [
        ("expr", numbered(2, 100)),
        ("jaw_pose", numbered(2, 3)),
        ("eyes_pose", numbered(2, 6)),
        ("shape", npy("<f4", false, "(300,)", &[0; 1200])),
    ];
    let vhap = load(npz(&vhap));
    assert_eq!(vhap.format, Format::Vhap);
    assert_eq!(
        vhap.notes,
        [
            "ignored arrays: 'eyes_pose', 'shape'",
            "the expression has 100 components: those after the first 50 are left out",
            "'expr' is VHAP's name, which fits FLAME 2023 unless told otherwise: the adapter was trained on FLAME 2020, \
             whose components are others, so expressions may differ",
            RATE_NOTE,
            NO_EYELIDS
        ]
    );
    let emoca = load(npz(&[("exp", numbered(2, 50)), ("pose", numbered(2, 6))]));
    assert_eq!(key(&emoca, 1).as_array()[52..], [1.03, 1.04, 1.05]);
    assert_eq!(emoca.notes, ["'pose' is the head's rotation, then the jaw's", RATE_NOTE, NO_EYELIDS]);
    let smirk = [
        ("expression_params", numbered(1, 50)),
        ("eyelid_params", numbered(1, 2)),
        ("jaw_params", numbered(1, 3)),
        ("pose_params", numbered(1, 3)),
        ("pose", numbered(1, 6)),
    ];
    let smirk = load(npz(&smirk));
    assert_eq!(key(&smirk, 0).as_array()[50..], [0.0, 0.01, 0.0, 0.01, 0.02]);
    let single = "there is a single row: the expression is held";
    assert_eq!(smirk.notes, ["ignored arrays: 'pose'", RATE_NOTE, single]);
    assert!(smirk.track.has_channel(Channel::Head(HeadAxis::Yaw)));
}

#[test]
fn an_only_array_may_have_any_name() {
    for name in ["arr_0", "motion", "exp", "a/b"] {
        let loaded = load(npz(&[(name, numbered(2, 55)), ("fps", fps(25.0))]));
        assert_eq!((loaded.track.channels().len(), loaded.notes.len()), (55, 0), "{name}");
    }
    let named = load(npz(&[("exp", numbered(2, 50)), ("flame", numbered(2, 55)), ("fps", fps(25.0))]));
    assert_eq!(named.track.channels().len(), 55);
    assert_eq!(named.notes, ["ignored arrays: 'exp'"]);
}

#[test]
fn the_rate_comes_from_the_file_then_from_the_caller() {
    let options = ReadOptions { rate: Some(FrameRate::FPS_25), format: None };
    let read = |bytes: &[u8]| options.read_bytes("take", bytes).unwrap();
    let array = read(&numbered(2, 55));
    assert_eq!((array.track.times(), array.notes.len()), (&[0.0, 0.04][..], 0));
    let own = read(&npz(&[("flame", numbered(2, 55)), ("fps", fps(50.0))]));
    assert_eq!(own.track.times(), [0.0, 0.02]);
    assert_eq!(own.notes, ["the file says 50 frames per second: the given rate of 25 is not used"]);
    // Whole numbers of every kind are rates.
    for (descr, bytes) in [("<i8", 50_i64.to_le_bytes().to_vec()), (">u2", vec![0, 50]), ("|i1", vec![50])] {
        let fps = npy(descr, false, "(1,)", &bytes);
        assert_eq!(load(npz(&[("flame", numbered(2, 55)), ("fps", fps)])).track.times(), [0.0, 0.02], "{descr}");
    }
    let json = r#"[{"faceBlendshapes":[{"categories":[{"score":0.5,"categoryName":"jawOpen"}]}]},
        {"faceBlendshapes":[{"categories":[{"score":0.5,"categoryName":"jawOpen"}]}]}]"#;
    let results = read(json.as_bytes());
    assert_eq!((results.track.times(), results.notes.len()), (&[0.0, 0.04][..], 0));
}

#[test]
fn a_table_of_the_same_gives_the_same_expression() {
    let array = load(floats(40, 55, |row, column| ((row * 55 + column) as f32).sin()));
    let mut table = Vec::new();
    write_csv(&array.track, &mut table).unwrap();
    let table = load(&table);
    assert_eq!(table.format, Format::Moue);
    for index in 0..400 {
        let t = f64::from(index) / 300.0;
        for kind in [Interpolation::Linear, Interpolation::MonotoneCubic] {
            assert_eq!(table.track.sample_flame(t, kind), array.track.sample_flame(t, kind));
        }
    }
}

#[test]
fn jaws_in_degrees_are_kept_and_named() {
    let loaded = load(npz(&[("jaw", floats(2, 3, |row, _| row as f32 * 20.0)), ("fps", fps(30.0))]));
    let note = "the jaw's angles are in radians: jaw_z reaches 20, which looks like degrees";
    assert_eq!(loaded.notes, [NO_EXPRESSION, NO_EYELIDS, note]);
    assert_eq!(key(&loaded, 1).as_array()[52..], [20.0; 3]);
}
