//! Whatever a file holds, it is read or refused: never a panic, never a track that is not one.

use moue_timeline::{Channel, Track};
use moue_tracks::{Format, ReadOptions, read_bytes, write_csv};
use proptest::prelude::*;

use crate::numpy::{floats, fps, npy, npz};
use crate::{llf, llf_row};

fn tracks() -> impl Strategy<Value = Track> {
    let channels = prop::sample::subsequence(Channel::all().collect::<Vec<_>>(), 1..20).prop_shuffle();
    let steps = prop::collection::vec(1e-6..1e3f64, 0..30);
    (channels, steps).prop_flat_map(|(channels, steps)| {
        let times: Vec<f64> = std::iter::once(0.0)
            .chain(steps.into_iter().scan(0.0, |time, step| {
                *time += step;
                Some(*time)
            }))
            .collect();
        let value = prop_oneof![
            Just(0.0f32),
            -2.0..2.0f32,
            any::<f32>().prop_map(|v| if v.is_finite() { v % 1e30 } else { -0.0 })
        ];
        prop::collection::vec(value, times.len() * channels.len())
            .prop_map(move |values| Track::new(channels.clone(), times.clone(), values).expect("a valid track"))
    })
}

fn samples() -> Vec<Vec<u8>> {
    let rows: Vec<String> =
        (0..70).map(|row| llf_row(&format!("23:59:{:02}:{:02}.5", 58 + row / 60, row % 60), 0.5, [0.1; 3])).collect();
    let json = r#"[{"timestampMs":0,"faceBlendshapes":[{"categories":[{"score":0.5,"categoryName":"jawOpen"}]}],
        "facialTransformationMatrixes":[{"data":[1,0,0,0,0,1,0,0,0,0,1,0,0,0,-40,1]}]},null,
        {"timestampMs":40.5,"face_blendshapes":[[{"score":1,"category_name":"jawOpen"}]],
        "facial_transformation_matrixes":[[[1,0,0,0],[0,1,0,0],[0,0,1,-40],[0,0,0,1]]]}]"#;
    vec![
        llf(&rows).into_bytes(),
        b"time,jawOpen,head_yaw\n0,0.5,10\n0.5,1,\"-10\"\n2,0,0\n".to_vec(),
        b"\xef\xbb\xbftime;jawOpen;exp_00\r\n0;0,5;1\r\n1;0;2\r\n".to_vec(),
        json.as_bytes().to_vec(),
        br#"{"exportFps":30,"numPoses":2,"facsNames":["jawOpen","x"],"weightMat":[[0.5,1],[1e-1,0]]}"#.to_vec(),
        b",timeCode,blendShapes.JawOpen\n0,0.0,0.5\n1,0.033333335,1\n".to_vec(),
        b"trackingStatus-1|jawOpen-12|eyeBlink_L-7.5|=head#-21.4,-6,-6.6,-0.03,-0.1,-0.6|leftEye#6,1,0|\n".repeat(2),
        b"eyeLookOutLeft&3|jawOpen&4|___iFacialMocapeyeLookOutLeft&3|jawOpen&4|___iFacialMocap".to_vec(),
        npz(&[
            ("expr", floats(2, 100, |_, _| 0.5)),
            ("rotation", floats(2, 3, |_, _| 0.1)),
            ("neck_pose", floats(2, 3, |_, _| 0.1)),
        ]),
        floats(2, 61, |row, _| row as f32),
        floats(3, 53, |row, _| row as f32),
        npy(">f2", true, "(2, 50)", &[0x3c; 200]),
        npz(&[("exp", floats(2, 50, |_, _| 0.5)), ("jaw", floats(2, 3, |_, _| 0.1)), ("fps", fps(25.0))]),
    ]
}

/// A change of a valid file: bytes overwritten, inserted or removed.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![prop::sample::select(b",;\t\n\r\"-.:{}[]0Ne".to_vec()), any::<u8>()];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0u8..3, byte), 1..8);
    (prop::sample::select(samples()), edits).prop_map(|(mut bytes, edits)| {
        for (index, kind, byte) in edits {
            let at = index.index(bytes.len().max(1));
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => bytes.insert(at.min(bytes.len()), byte),
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        bytes
    })
}

/// A track holds its own conditions; a refusal has all its parts.
fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    match read_bytes("take", bytes) {
        Ok(loaded) => {
            prop_assert_eq!(loaded.track.times()[0], 0.0);
            prop_assert!(loaded.track.duration().is_finite());
        }
        Err(error) => {
            prop_assert!(!error.found().is_empty() && !error.expected().is_empty() && !error.hint().is_empty());
            let text = error.to_string();
            prop_assert_eq!(text.matches('\n').count(), 1, "{}", text);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_is_written_reads_back_bit_for_bit(track in tracks()) {
        let mut bytes = Vec::new();
        write_csv(&track, &mut bytes).unwrap();
        prop_assert_eq!(&read_bytes("take", &bytes).unwrap().track, &track);
    }

    #[test]
    fn arrays_of_any_layout_hold_the_same(
        rows in 1usize..6,
        columns in prop::sample::select(vec![50usize, 53, 55]),
        fortran in any::<bool>(),
        big_endian in any::<bool>(),
        doubles in any::<bool>(),
        seed in -1e6..1e6f32,
    ) {
        let value = |row: usize, column: usize| seed * ((row * columns + column) as f32).sin();
        let plain = read_bytes("take", &floats(rows, columns, value)).unwrap().track;
        let index = |at: usize| if fortran { (at % rows, at / rows) } else { (at / columns, at % columns) };
        let mut data = Vec::new();
        for at in 0..rows * columns {
            let value = value(index(at).0, index(at).1);
            let mut bytes =
                if doubles { f64::from(value).to_le_bytes().to_vec() } else { value.to_le_bytes().to_vec() };
            if big_endian {
                bytes.reverse();
            }
            data.extend(bytes);
        }
        let descr = format!("{}{}", if big_endian { ">" } else { "<" }, if doubles { "f8" } else { "f4" });
        let array = npy(&descr, fortran, &format!("({rows}, {columns})"), &data);
        prop_assert_eq!(&read_bytes("take", &array).unwrap().track, &plain);
        prop_assert_eq!(&read_bytes("take", &npz(&[("motion", array)])).unwrap().track, &plain);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&bytes)?;
    }

    #[test]
    fn arbitrary_tables_never_panic(text in "(time|Timecode|[a-z]{1,3})[,;\t\"a-zA-Z0-9:.\n\r-]{0,200}") {
        check(text.as_bytes())?;
    }

    #[test]
    fn arbitrary_tokens_never_panic(text in "(jawOpen|eyeBlink_L|=head)[-&#][-&#|,a-zA-Z_0-9.\n–]{0,200}") {
        check(text.as_bytes())?;
    }

    #[test]
    fn arbitrary_json_never_panics(text in "[\\[{][\\[\\]{}\":,0-9a-z. -]{0,200}") {
        check(text.as_bytes())?;
    }

    #[test]
    fn mutated_files_never_panic(bytes in mutated()) {
        check(&bytes)?;
    }

    #[test]
    fn files_read_in_any_format_never_panic(bytes in mutated(), format in prop::sample::select(Format::ALL.to_vec())) {
        let options = ReadOptions { rate: None, format: Some(format) };
        if let Ok(loaded) = options.read_bytes("take", &bytes) {
            prop_assert_eq!(loaded.track.times()[0], 0.0);
        }
    }

    #[test]
    fn a_file_cut_anywhere_never_panics(bytes in prop::sample::select(samples()), index in any::<prop::sample::Index>()) {
        check(&bytes[..index.index(bytes.len())])?;
    }
}
