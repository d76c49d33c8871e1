//! ARKit coefficients in NumPy's files, times of their own, and the head's rotation.

use std::path::Path;

use moue_timeline::{Channel, HeadAxis, Interpolation, Shape};
use moue_tracks::{Format, LoadedTrack, ReadOptions, read};

use crate::numpy::{floats, fps, npy, npz, numbered};
use crate::{at, load, refusal};

const RATE_NOTE: &str = "arrays have no times: taken as 30 rows per second; a .npz may say otherwise with fps";

fn golden(name: &str) -> LoadedTrack {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap_or_else(|error| panic!("{error}"))
}

fn doubles(shape: &str, values: &[f64]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    npy("<f8", false, shape, &bytes)
}

fn texts(texts: &[&str]) -> Vec<u8> {
    let units = texts.iter().flat_map(|text| text.chars().map(u32::from).chain(std::iter::repeat(0)).take(20));
    let bytes: Vec<u8> = units.flat_map(u32::to_le_bytes).collect();
    npy("<U20", false, &format!("({},)", texts.len()), &bytes)
}

#[test]
fn numpy_s_own_archives_name_their_columns() {
    let loaded = golden("arkit.npz");
    assert_eq!((loaded.format, loaded.notes.len()), (Format::Npz, 0));
    let names: Vec<&str> = loaded.track.channels().iter().map(|channel| channel.name()).collect();
    assert_eq!(names, ["jawOpen", "mouthSmileLeft", "tongueOut", "browInnerUp"]);
    let times = [0.0, 0.04, 0.1];
    assert!(loaded.track.times().iter().zip(times).all(|(a, b)| (a - b).abs() < 1e-12));
    assert_eq!(loaded.track.row(2), [2.0 / 64.0, 3.0 / 64.0, 4.0 / 64.0, 5.0 / 64.0]);
    let bytes = golden("arkit_bytes.npz");
    assert_eq!((bytes.track.duration(), bytes.track.row(2)), (0.08, loaded.track.row(2)));

    let live = golden("live_link_face.npy");
    assert_eq!(live.format, Format::ArkitArray);
    assert_eq!(
        live.notes,
        [RATE_NOTE, "61 columns are taken for those of Live Link Face"]
            .map(str::to_owned)
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
    let face = at(&live, 0.0);
    assert!(Shape::ALL.into_iter().all(|shape| face.get(shape) == shape.index() as f32 / 64.0));
    // The app's signs: yaw to the own right, pitch down.
    assert_eq!((face.head.yaw, face.head.pitch, face.head.roll), (-52.0 / 64.0, -53.0 / 64.0, 54.0 / 64.0));
}

#[test]
fn the_order_of_52_columns_has_to_be_said() {
    let expected = "expected columns whose order is known\nhint: say in which order the columns are: --format arkit-array (Live \
                    Link Face's), arkit-sorted-array (alphabetical) or mediapipe-array (MediaPipe's); or save their names: \
                    np.savez(path, arkit=array, arkit_names=[...])";
    for columns in [51, 52] {
        let array = numbered(2, columns);
        assert_eq!(refusal(&array), format!("take: found an array of shape (2, {columns}), {expected}"));
        assert_eq!(
            refusal(npz(&[("arr_0", array)])),
            format!("take, array 'arr_0': found an array of shape (2, {columns}), {expected}")
        );
    }
    let read = |columns: usize, format: Format| {
        let array = floats(2, columns, |_, column| (column + 1) as f32);
        let options = ReadOptions { rate: None, format: Some(format) };
        let loaded = options.read_bytes("take", &array).unwrap();
        assert_eq!(
            (loaded.format, loaded.track.channels().len()),
            (format, columns.min(52) - usize::from(columns == 52 && format == Format::MediaPipeArray))
        );
        // In an archive with other arrays' timing too.
        let packed = options.read_bytes("take", &npz(&[("x", array), ("fps", fps(30.0))])).unwrap();
        assert_eq!(packed.track, loaded.track);
        loaded
    };
    let value = |loaded: &LoadedTrack, name: &str| at(loaded, 0.0).get(Shape::from_name(name).unwrap());
    let live = read(52, Format::ArkitArray);
    assert_eq!((value(&live, "eyeBlinkLeft"), value(&live, "jawOpen"), value(&live, "tongueOut")), (1.0, 18.0, 52.0));
    assert_eq!(value(&read(51, Format::ArkitArray), "tongueOut"), 0.0);
    let sorted = read(52, Format::ArkitSortedArray);
    assert_eq!(
        (value(&sorted, "browDownLeft"), value(&sorted, "jawOpen"), value(&sorted, "tongueOut")),
        (1.0, 25.0, 52.0)
    );
    let mediapipe = read(52, Format::MediaPipeArray);
    assert_eq!(
        (value(&mediapipe, "browDownLeft"), value(&mediapipe, "jawOpen"), value(&mediapipe, "noseSneerRight")),
        (2.0, 26.0, 52.0)
    );
    assert_eq!(read(51, Format::MediaPipeArray).track, read(51, Format::ArkitSortedArray).track);
    assert_eq!(value(&read(51, Format::MediaPipeArray), "noseSneerRight"), 51.0);
}

#[test]
fn names_of_columns_are_checked() {
    let with = |names: Vec<u8>| npz(&[("arkit", numbered(2, 2)), ("arkit_names", names), ("fps", fps(30.0))]);
    let loaded = load(with(texts(&["jawOpen", "smile"])));
    assert_eq!(loaded.notes, ["ignored 1 unknown columns of 'arkit': 'smile'"]);
    let expected = "expected names of ARKit's shapes, one for each column of 'arkit'";
    let save = "hint: np.savez(path, arkit=array, arkit_names=['jawOpen', ...]) names every column";
    let says = |archive: Vec<u8>, found: &str, hint: &str| {
        assert_eq!(refusal(archive), format!("take, array {found}, {expected}\n{hint}"));
    };
    says(with(texts(&["jawOpen"])), "'arkit_names': found an array of shape (1,) for 2 columns", save);
    says(with(texts(&["smile", "frown"])), "'arkit_names': found the names 'smile', 'frown'", save);
    says(
        with(texts(&["jawOpen", "JawOpen"])),
        "'arkit_names': found 'jawOpen' a second time",
        "hint: drop one of the two columns",
    );
    says(with(numbered(1, 2)), "'arkit_names': found elements of type '<f4'", save);
    let broken = npy("<U1", false, "(2,)", &0xd800_u32.to_le_bytes().repeat(2));
    says(with(broken), "'arkit_names': found no text at index 0", save);
    says(npz(&[("arkit", numbered(2, 60)), ("jaw", numbered(2, 3))]), "'arkit': found no 'arkit_names'", save);
    // Alone it is no array of FLAME, however wide.
    says(npz(&[("arkit", numbered(2, 55))]), "'arkit': found no 'arkit_names'", save);
}

#[test]
fn both_kinds_may_be_present() {
    let loaded = load(npz(&[
        ("arkit", numbered(3, 1)),
        ("arkit_names", texts(&["jawOpen"])),
        ("expression", numbered(3, 50)),
        ("head", floats(3, 3, |row, column| (row * 3 + column) as f32 / 10.0)),
        ("times", doubles("(3,)", &[5.0, 5.5, 7.0])),
    ]));
    assert_eq!(loaded.track.times(), [0.0, 0.5, 2.0]);
    assert!(loaded.track.has_flame() && loaded.track.has_shapes());
    let head = loaded.track.sample(2.0, Interpolation::Linear).head;
    assert_eq!((head.yaw, head.pitch, head.roll), (0.6, 0.7, 0.8));
    // A head that was asked for stays, even where it is still.
    let still = load(npz(&[("jaw", numbered(2, 3)), ("head", floats(2, 3, |_, _| 0.0)), ("fps", fps(30.0))]));
    assert!(still.track.has_channel(Channel::Head(HeadAxis::Roll)));
}

#[test]
fn times_are_checked() {
    let with =
        |shape: &str, times: &[f64]| refusal(npz(&[("flame", numbered(3, 55)), ("times", doubles(shape, times))]));
    let place = |row: usize| format!("take, array 'times', row {row}, column 0 (seconds): found");
    let sort = "hint: sort the rows; no two have one time";
    assert_eq!(
        with("(3,)", &[0.0, 1.0, 0.5]),
        format!("{} 0.5, expected a time after the row before (1)\n{sort}", place(2))
    );
    assert_eq!(
        with("(3, 1)", &[0.0, 0.0, 0.5]),
        format!("{} 0, expected a time after the row before (0)\n{sort}", place(1))
    );
    let finite = "expected a finite number\nhint: rows count from 0, as NumPy prints them";
    assert_eq!(with("(3,)", &[0.0, f64::NAN, 1.0]), format!("{} NaN, {finite}", place(1)));
    assert_eq!(with("(3,)", &[f64::NEG_INFINITY, 0.0, 1.0]), format!("{} -inf, {finite}", place(0)));
    let slip = "expected a time at most a day after the row before (1)\nhint: times are in seconds: look for a slip, or divide \
                milliseconds by 1000";
    assert_eq!(with("(3,)", &[0.0, 1.0, 1e6]), format!("{} 1000000, {slip}", place(2)));
    let cut = "expected (3,), one time for each row\nhint: all arrays hold the same frames: cut them";
    assert_eq!(with("(2,)", &[0.0, 1.0]), format!("take, array 'times': found an array of shape (2,), {cut}"));
    assert_eq!(with("(1, 3)", &[0.0, 1.0, 2.0]), format!("take, array 'times': found an array of shape (1, 3), {cut}"));
    let mixed = npz(&[("flame", numbered(3, 55)), ("times", doubles("(3,)", &[0.0, 0.1, 0.2])), ("fps", fps(30.0))]);
    assert_eq!(
        refusal(mixed),
        format!(
            "{} 0.1 s, expected 0.03333333333333333 s after the first row, as fps 30 says\nhint: the rates differ: keep either \
             times or fps",
            place(1)
        )
    );
    let same = npz(&[("flame", numbered(3, 55)), ("times", doubles("(3,)", &[0.0, 0.04, 0.08])), ("fps", fps(25.0))]);
    assert_eq!(load(same).track.times(), [0.0, 0.04, 0.08]);
}

#[test]
fn rotations_of_flame_become_ours() {
    let turned = |name: &'static str, vector: [f32; 3]| {
        let arrays =
            [("exp", numbered(1, 50)), (name, floats(1, 3, move |_, column| vector[column])), ("fps", fps(30.0))];
        load(npz(&arrays)).track.sample(0.0, Interpolation::Linear).head
    };
    for name in ["rotation", "head_pose", "pose_params"] {
        assert!((turned(name, [0.3, 0.0, 0.0]).pitch + 0.3).abs() < 1e-6, "about x it looks down");
        assert!((turned(name, [0.0, 0.3, 0.0]).yaw - 0.3).abs() < 1e-6, "about y it turns to its own left");
        assert!((turned(name, [0.0, 0.0, 0.3]).roll + 0.3).abs() < 1e-6, "about z it tilts to its own right");
    }
    // Names that mean something else where they have another shape, or nothing of FLAME beside them.
    let matrix = load(npz(&[("exp", numbered(2, 50)), ("rotation", numbered(2, 9)), ("fps", fps(30.0))]));
    assert_eq!(matrix.notes[0], "ignored arrays: 'rotation'");
    let alone = refusal(npz(&[("rotation", numbered(2, 3)), ("translation", numbered(2, 3))]));
    assert!(
        alone.starts_with("take: found the arrays 'rotation', 'translation', expected one array, or some"),
        "{alone}"
    );
}
