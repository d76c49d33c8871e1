//! Trackers that write a file or a folder for every frame.

use std::fs;
use std::path::Path;

use moue_timeline::{Channel, FrameRate, HeadAxis, Interpolation};
use moue_tracks::{ContentKind, Format, LoadedTrack, ReadOptions, read, sniff_kind};
use tempfile::TempDir;

use crate::numpy::{floats, fps, npy, npz};

const RATE_NOTE: &str = "a folder has no times: taken as 30 frames per second";
const NO_EYELIDS: &str = "eyelids are not in this file and stay open";

fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().expect("the folder is writable");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("the folder is writable")).expect("the folder is writable");
        fs::write(path, bytes).expect("the folder is writable");
    }
    folder
}

fn load(path: &Path) -> LoadedTrack {
    read(path).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(path: &Path) -> String {
    let error = read(path).expect_err("it is no track").to_string();
    error.replace(&format!("{}", path.display()), "take")
}

fn vector(values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    npy("<f4", false, &format!("({},)", values.len()), &bytes)
}

/// A frame of flame-head-tracker, its first expression component `value`.
fn head_tracker(value: f32) -> Vec<u8> {
    npz(&[
        ("exp", floats(1, 100, |_, column| if column == 0 { value } else { 0.0 })),
        ("jaw_pose", floats(1, 3, |_, column| [0.1, 0.0, 0.0][column])),
        ("eye_pose", floats(1, 6, |_, _| 0.0)),
        ("head_pose", floats(1, 3, |_, _| 0.0)),
        ("shape", floats(1, 300, |_, _| 1.0)),
    ])
}

fn first_component(loaded: &LoadedTrack, t: f64) -> f32 {
    loaded.track.sample_flame(t, Interpolation::Linear).as_array()[0]
}

#[test]
fn frames_of_flame_head_tracker_are_sorted_as_people_count() {
    let present = (8..30).filter(|frame| *frame != 10);
    let files: Vec<(String, Vec<u8>)> =
        present.map(|frame| (format!("{frame}.npz"), head_tracker(frame as f32))).collect();
    let mut files: Vec<(&str, Vec<u8>)> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    files.extend([("texture.png", b"\x89PNG".to_vec()), (".DS_Store", b"\0".to_vec())]);
    let folder = folder(&files);
    let loaded = load(folder.path());
    assert_eq!(loaded.format, Format::FlameHeadTracker);
    // Frame 10 had no face.
    assert_eq!(loaded.track.times()[..4], [0.0, 1.0, 3.0, 4.0].map(|frame| frame / 30.0));
    assert!((first_component(&loaded, 2.0 / 30.0) - 10.0).abs() < 1e-5);
    assert_eq!(
        loaded.notes,
        [
            RATE_NOTE,
            "ignored arrays: 'eye_pose', 'shape'",
            "the expression has 100 components: those after the first 50 are left out",
            "the head's rotation is zero throughout: it was not tracked",
            NO_EYELIDS,
            "gaps: 1 row is bridged; the longest gap lasts 0.07 s, from 0.03 s",
        ]
    );
    assert_eq!(sniff_kind(folder.path()).unwrap(), ContentKind::Track);
    let options = ReadOptions { rate: Some(FrameRate::FPS_25), format: Some(Format::FlameHeadTracker) };
    assert_eq!(options.read(folder.path()).unwrap().track.duration(), 21.0 / 25.0);
}

#[test]
fn scores_beside_the_coefficients_are_read_too() {
    let scores = floats(1, 52, |_, column| column as f32 / 100.0);
    let frame = npz(&[("exp", floats(1, 50, |_, _| 0.0)), ("blendshape_scores", scores)]);
    let loaded = load(folder(&[("0.npz", frame.clone()), ("1.npz", frame)]).path());
    assert!(loaded.track.has_flame() && loaded.track.has_shapes());
    let face = loaded.track.sample(0.0, Interpolation::Linear);
    // MediaPipe's order, the score of a face at rest first.
    assert_eq!((face.shapes.iter().sum::<f32>() * 100.0).round() as u32, (1..52).sum::<u32>());
    let names = [("browDownLeft", 0.01), ("eyeBlinkLeft", 0.09), ("jawOpen", 0.25), ("noseSneerRight", 0.51)];
    for (name, value) in names {
        let shape = moue_timeline::Shape::from_name(name).unwrap();
        assert_eq!(face.get(shape), value, "{name}");
    }
}

#[test]
fn frames_of_vhap_turn_the_head_and_warn() {
    let frame = |turn: f32| {
        npz(&[
            ("expr", floats(1, 100, |_, _| 0.5)),
            ("jaw_pose", floats(1, 3, |_, _| 0.0)),
            ("eyes_pose", floats(1, 6, |_, _| 0.0)),
            ("neck_pose", floats(1, 3, |_, column| if column == 1 { 0.1 } else { 0.0 })),
            ("rotation", floats(1, 3, |_, column| if column == 1 { turn } else { 0.0 })),
            ("translation", floats(1, 3, |_, _| 0.0)),
            ("shape", vector(&[0.0; 300])),
        ])
    };
    let folder = folder(&[("00000.npz", frame(0.2)), ("00001.npz", frame(0.4))]);
    let loaded = load(folder.path());
    assert_eq!(loaded.format, Format::Vhap);
    assert!(loaded.notes.iter().any(|note| note.contains("FLAME 2023") && note.contains("FLAME 2020")));
    // To the own left, and the neck with it.
    let yaw = |t: f64| loaded.track.sample(t, Interpolation::Linear).head.yaw;
    assert!((yaw(0.0) - 0.3).abs() < 1e-6 && (yaw(1.0) - 0.5).abs() < 1e-6);
}

#[test]
fn frames_of_emoca_are_folders() {
    let pose = |nod: f32| vector(&[nod, 0.0, 0.0, 0.2, 0.01, -0.01]);
    let expression = |value: f32| vector(&[&[value][..], &[0.0; 49]].concat());
    let folder = folder(&[
        ("000001_000/exp.npy", expression(1.0)),
        ("000001_000/pose.npy", pose(0.3)),
        ("000001_000/shape.npy", vector(&[0.0; 100])),
        ("000001_001/exp.npy", expression(9.0)),
        ("000001_001/pose.npy", pose(0.9)),
        ("000002_000/exp.npy", npy("<f4", false, "(1, 50)", &2.0_f32.to_le_bytes().repeat(50))),
        ("000002_000/pose.npy", pose(0.5)),
        ("000003_000/out_im_coarse.png", b"\x89PNG".to_vec()),
        ("000004_000/exp.npy", expression(4.0)),
        ("000004_000/pose.npy", pose(0.7)),
    ]);
    let loaded = load(folder.path());
    assert_eq!((loaded.format, loaded.track.times().len()), (Format::Emoca, 3));
    assert_eq!(loaded.track.duration(), 0.1);
    let flame = loaded.track.sample_flame(0.0, Interpolation::Linear);
    assert_eq!((flame.as_array()[0], &flame.as_array()[50..]), (1.0, &[0.0, 0.0, 0.2, 0.01, -0.01][..]));
    // Nodding down is a rotation about x.
    assert!((loaded.track.sample(0.0, Interpolation::Linear).head.pitch + 0.3).abs() < 1e-6);
    assert_eq!(
        loaded.notes,
        [
            "1 of 5 folders have no exp.npy",
            RATE_NOTE,
            "1 frames more are further faces: the first of each frame is used",
            "'pose' is the head's rotation, then the jaw's",
            NO_EYELIDS,
        ]
    );
    // One frame alone, or arrays of all frames.
    let one = load(&folder.path().join("000002_000"));
    assert_eq!((one.format, one.track.times().len()), (Format::Emoca, 1));
    let all = super::folders::folder(&[
        ("exp.npy", floats(3, 50, |row, _| row as f32)),
        ("pose.npy", floats(3, 6, |_, _| 0.0)),
    ]);
    let all = load(all.path());
    assert_eq!(all.track.times().len(), 3);
    assert!(!all.track.has_channel(Channel::Head(HeadAxis::Yaw)));
    // Without poses the jaw stays shut.
    let without = super::folders::folder(&[("1/exp.npy", expression(1.0)), ("2/exp.npy", expression(2.0))]);
    assert!(load(without.path()).notes.contains(&"the jaw is not in this file and stays shut".to_owned()));
}

#[test]
fn the_rate_of_the_archives_counts() {
    let frame = || npz(&[("exp", floats(1, 50, |_, _| 0.0)), ("fps", fps(50.0))]);
    let folder = folder(&[("1.npz", frame()), ("2.npz", frame())]);
    assert_eq!(load(folder.path()).track.duration(), 0.02);
    assert!(!load(folder.path()).notes.contains(&RATE_NOTE.to_owned()));
}

#[test]
fn damaged_frames_are_named() {
    let frames = "an archive or a folder for each frame (flame-head-tracker, VHAP, EMOCA, DECA)";
    let with = |name: &str, bytes: Vec<u8>| folder(&[("0.npz", head_tracker(1.0)), (name, bytes)]);
    let cut = head_tracker(2.0);
    let cut = refusal(with("1.npz", cut[..cut.len() / 2].to_vec()).path());
    assert!(cut.starts_with("take/1.npz: found a ZIP archive that cannot be read"), "{cut}");
    let nan = npz(&[
        ("exp", floats(1, 50, |_, column| if column == 7 { f32::NAN } else { 0.0 })),
        ("jaw_pose", floats(1, 3, |_, _| 0.0)),
    ]);
    let nan = refusal(with("1.npz", nan).path());
    assert!(
        nan.starts_with("take/1.npz, array 'exp', row 0, column 7 (exp_07): found NaN, expected a finite number"),
        "{nan}"
    );
    let fewer = npz(&[("exp", floats(1, 50, |_, _| 0.0))]);
    assert_eq!(
        refusal(with("1.npz", fewer).path()),
        "take/1.npz: found 50 channels, expected the 56 channels of the first frame\nhint: the frames come from different \
         programs or settings: keep one kind in the folder"
    );
    let several = npz(&[("exp", floats(7, 50, |_, _| 0.0))]);
    assert_eq!(
        refusal(folder(&[("whole.npz", several)]).path()),
        "take/whole.npz: found 7 frames, expected one frame in each file of a folder\nhint: give the file itself where it \
         holds a whole track"
    );
    let wide = folder(&[("1/exp.npy", vector(&[0.0; 20])), ("1/pose.npy", vector(&[0.0; 6]))]);
    assert_eq!(
        refusal(wide.path()),
        "take/1, array 'exp': found an array of shape (1, 20), expected (T, 50), or up to (T, 100)\nhint: rows are frames, \
         columns are coefficients; array.squeeze() drops dimensions of length 1"
    );
    let pickled = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dictionary.npy")).unwrap();
    let pickled = refusal(folder(&[("1/exp.npy", pickled)]).path());
    assert!(pickled.starts_with("take/1/exp.npy: found pickled Python objects"), "{pickled}");

    let matlab = "hint: save its arrays as NumPy's: m = scipy.io.loadmat(path); np.savez('track.npz', exp=m['exp'], pose=m['pose'])";
    for name in ["000001.mat", "000001/000001.mat"] {
        let folder = folder(&[(name, b"MATLAB 5.0 MAT-file".to_vec())]);
        assert_eq!(refusal(folder.path()), format!("take: found MATLAB files, expected {frames}\n{matlab}"));
    }
    let take = folder(&[("take.csv", b"time,jawOpen\n0,1\n".to_vec()), ("thumbnail.jpg", b"\xff\xd8\xff".to_vec())]);
    assert_eq!(
        refusal(take.path()),
        format!(
            "take: found a folder with 'take.csv', 'thumbnail.jpg', expected {frames}\nhint: give the file inside it, for example 'take.csv'"
        )
    );
    assert_eq!(sniff_kind(take.path()).unwrap(), ContentKind::Unknown);
    let outside = folder(&[("results/EMOCA/1/exp.npy", vector(&[0.0; 50]))]);
    assert!(
        refusal(outside.path())
            .ends_with("give the folder further inside that holds one folder or archive for each frame")
    );
    let pictures = folder(&[("1.png", b"\x89PNG".to_vec()), ("2.png", b"\x89PNG".to_vec())]);
    assert_eq!(sniff_kind(pictures.path()).unwrap(), ContentKind::PictureFolder);
    assert_eq!(
        refusal(pictures.path()),
        format!(
            "take: found a folder of pictures, expected {frames}\nhint: a track is made of them first: moue track FOLDER -o track.csv"
        )
    );
}
