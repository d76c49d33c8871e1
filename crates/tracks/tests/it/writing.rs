//! Tracks as files, and back again.

use std::fs;
use std::path::Path;

use moue_timeline::{Channel, FrameRate, Interpolation, Shape, Track};
use moue_tracks::{Format, LoadedTrack, ReadOptions, WriteOptions, Written, arrays, read, write};
use proptest::prelude::*;

/// `rows` rows at `rate` of channels by their names; values and times tell where they are.
fn track(names: &[&str], rate: FrameRate, rows: u64) -> Track {
    let channels: Vec<Channel> = names.iter().map(|name| Channel::from_name(name).expect("a channel")).collect();
    let values = (0..rows as usize * names.len()).map(|at| (at % 97) as f32 / 97.0).collect();
    Track::new(channels, (0..rows).map(|row| rate.seconds_at(row)).collect(), values).expect("a track")
}

/// What was written, and what is read from it.
fn round_trip(name: &str, track: &Track, options: WriteOptions) -> (Written, LoadedTrack) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    let written = write(&path, track, options).unwrap_or_else(|error| panic!("{error}"));
    let loaded = read(&path).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.format, written.format);
    (written, loaded)
}

fn refusal(path: &Path, track: &Track, options: WriteOptions) -> String {
    let error = write(path, track, options).expect_err("it is refused").to_string();
    error.replace(&format!("{}", path.display()), "PATH")
}

const LIVE_LINK: WriteOptions = WriteOptions { format: Some(Format::LiveLinkFace), rate: None, overwrite: false };

#[test]
fn the_ending_says_what_is_written() {
    let track = track(&["jawOpen", "head_yaw"], FrameRate::FPS_30, 40);
    for (name, format) in
        [("a.csv", Format::Moue), ("a.CSV", Format::Moue), ("a.json", Format::MediaPipe), ("a.npz", Format::Npz)]
    {
        let (written, loaded) = round_trip(name, &track, WriteOptions::default());
        assert_eq!(written, Written { format, notes: Vec::new() });
        assert_eq!(loaded.notes, Vec::<String>::new(), "{name}");
    }
    let (written, _) = round_trip("a.csv", &track, LIVE_LINK);
    assert_eq!(written, Written { format: Format::LiveLinkFace, notes: Vec::new() });
    // A format without an ending that says otherwise.
    let (written, _) =
        round_trip("take.txt", &track, WriteOptions { format: Some(Format::Npz), ..WriteOptions::default() });
    assert_eq!(written.format, Format::Npz);
}

#[test]
fn other_names_are_refused() {
    let track = track(&["jawOpen"], FrameRate::FPS_30, 3);
    let folder = tempfile::tempdir().unwrap();
    let says = |name: &str, format: Option<Format>, message: &str| {
        let options = WriteOptions { format, ..WriteOptions::default() };
        assert_eq!(refusal(&folder.path().join(name), &track, options), format!("PATH: found {message}"));
        assert!(options.format_of(Path::new(name)).is_err());
    };
    let endings = "expected a name that ends in .csv, .json or .npz\nhint: the ending says what is written";
    says("track", None, &format!("a name without ending, {endings}"));
    says("track.bvh", None, &format!("'.bvh', {endings}"));
    says(
        "track.csv",
        Some(Format::Vhap),
        "VHAP archive, expected a format that is written: moue, live-link-face, mediapipe, npz\nhint: it can only be read",
    );
    says(
        "track.json",
        Some(Format::LiveLinkFace),
        "the ending '.json', expected one that fits Live Link Face CSV\nhint: choose another ending, or leave the format out",
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn files_are_replaced_only_when_asked_and_when_complete() {
    let track = track(&["jawOpen"], FrameRate::FPS_30, 3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("track.csv");
    fs::write(&path, "mine").unwrap();
    assert_eq!(
        refusal(&path, &track, WriteOptions::default()),
        "PATH: found a file of that name, expected a name that is free\nhint: --overwrite replaces it; or choose another name"
    );
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    let overwrite = WriteOptions { overwrite: true, ..WriteOptions::default() };
    write(&path, &track, overwrite).unwrap();
    assert_eq!(read(&path).unwrap().track, track);
    fs::create_dir(folder.path().join("folder.csv")).unwrap();
    let taken = refusal(&folder.path().join("folder.csv"), &track, overwrite);
    assert!(taken.starts_with("PATH: found a folder of that name, expected the name of a file"), "{taken}");
    let nowhere = refusal(&folder.path().join("no/track.csv"), &track, overwrite);
    assert!(
        nowhere
            .starts_with("PATH: found no such folder, expected a folder that exists\nhint: create it first: mkdir -p ")
    );
    // Nothing is left beside them.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    #[cfg(target_os = "linux")]
    {
        // Not even root creates files there.
        let denied = refusal(Path::new("/proc/self/track.csv"), &track, overwrite);
        assert!(denied.starts_with("PATH: found an error of the system ("), "{denied}");
    }
}

#[test]
fn a_take_has_the_app_s_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("take.csv");
    let rate = FrameRate::new(60, 1).unwrap();
    write(&path, &track(&["jawOpen", "head_yaw"], rate, 130), LIVE_LINK).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 131);
    assert!(lines.iter().all(|line| line.split(',').count() == 63));
    assert!(lines[0].starts_with("Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,"));
    assert!(lines[0].ends_with(",TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll"));
    assert!(lines[1].starts_with("00:00:00:00.000,61,0,") && lines[61].starts_with("00:00:01:00.000,61,0,"));
    assert!(lines[130].starts_with("00:00:02:09.000,61,"));
}

#[test]
fn takes_count_at_the_rate_that_is_asked() {
    let keys = track(&["jawOpen"], FrameRate::FPS_25, 51);
    // 29.97 counts like 30.
    let ntsc: FrameRate = "29.97".parse().unwrap();
    let (written, loaded) = round_trip("a.csv", &keys, WriteOptions { rate: Some(ntsc), ..LIVE_LINK });
    assert_eq!(
        written.notes,
        [
            "resampled to 30000/1001 rows per second, linearly between the keys",
            "timecodes count 30 frames per second: at 30000/1001 the take's time runs 0.1 % fast"
        ]
    );
    assert_eq!(loaded.notes[0], "timecodes count 30 frames per second");
    for row in 0..60_u32 {
        let (there, here) = (
            loaded.track.sample(f64::from(row) / 30.0, Interpolation::Linear),
            keys.sample(ntsc.seconds_at(row.into()), Interpolation::Linear),
        );
        assert!((there.get(Shape::JawOpen) - here.get(Shape::JawOpen)).abs() < 1e-6, "row {row}");
    }
    // Keys without a rate.
    let sparse = Track::new(keys.channels().to_vec(), vec![0.0, 0.5, 2.0], vec![0.0, 1.0, 0.0]).unwrap();
    let (written, loaded) = round_trip("a.csv", &sparse, LIVE_LINK);
    assert_eq!(written.notes, ["the track has no rate that a timecode counts: resampled to 60 rows per second"]);
    assert_eq!(loaded.track.times().len(), 121);
    let folder = tempfile::tempdir().unwrap();
    let says = |track: &Track, rate: Option<&str>, message: &str| {
        let options = WriteOptions { rate: rate.map(|rate| rate.parse().unwrap()), ..LIVE_LINK };
        assert_eq!(refusal(&folder.path().join("a.csv"), track, options), format!("PATH: found {message}"));
    };
    let counted = "expected a rate that a timecode counts, such as 60, 30 or 29.97\nhint: give another rate";
    says(&keys, Some("12.5"), &format!("25/2 frames per second, {counted}"));
    let days = Track::new(keys.channels().to_vec(), vec![0.0, 90_000.0], vec![0.0, 1.0]).unwrap();
    says(&days, Some("1"), "90000 s, expected a take shorter than a day\nhint: cut the track into parts");
}

#[test]
fn what_a_format_cannot_hold_is_named_or_refused() {
    let both = track(&["jawOpen", "exp_00", "exp_01"], FrameRate::FPS_30, 5);
    for (name, options) in [("a.json", WriteOptions::default()), ("a.csv", LIVE_LINK)] {
        let (written, loaded) = round_trip(name, &both, options);
        let title = written.format.title();
        assert_eq!(written.notes, [format!("{title} has no FLAME coefficients: 2 channels are left out")]);
        assert!(!loaded.track.has_flame());
        let flame = track(&["exp_00"], FrameRate::FPS_30, 5);
        assert_eq!(
            refusal(Path::new(name), &flame, options),
            format!(
                "PATH: found a track of FLAME coefficients alone, expected ARKit shapes or the head's rotation, which {title} \
                 holds\nhint: write it as .csv or .npz, or map it to ARKit's shapes first"
            )
        );
    }
}

#[test]
fn archives_have_parts_with_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    write(
        &path,
        &track(&["exp_03", "jaw_x", "tongueOut", "head_pitch", "jawOpen"], FrameRate::FPS_25, 4),
        WriteOptions::default(),
    )
    .unwrap();
    let all = arrays::read_npz(&path).unwrap();
    let shapes: Vec<(&str, &[usize])> = all.iter().map(|(name, array)| (name.as_str(), array.shape())).collect();
    let expected: [(&str, &[usize]); 6] = [
        ("arkit", &[4, 2]),
        ("arkit_names", &[2]),
        ("expression", &[4, 50]),
        ("fps", &[]),
        ("head", &[4, 3]),
        ("jaw", &[4, 3]),
    ];
    assert_eq!(shapes, expected);
    assert_eq!(all["arkit_names"].as_texts().unwrap(), ["tongueOut", "jawOpen"]);
    assert_eq!(all["fps"].to_f64(), Some(vec![25.0]));
    // The same bytes every time.
    let again = folder.path().join("b.npz");
    write(&again, &read(&path).unwrap().track, WriteOptions::default()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap());
}

#[test]
fn results_have_mediapipe_s_categories_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    write(&path, &track(&["jawOpen"], FrameRate::FPS_25, 2), WriteOptions::default()).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let frame = &json["frames"][1];
    assert_eq!(frame["timestampMs"], 40);
    assert_eq!(frame.get("facialTransformationMatrixes"), None);
    let categories = frame["faceBlendshapes"][0]["categories"].as_array().unwrap();
    assert_eq!(categories.len(), 52);
    for (index, name) in [(0, "_neutral"), (1, "browDownLeft"), (25, "jawOpen"), (51, "noseSneerRight")] {
        assert_eq!((&categories[index]["index"], &categories[index]["categoryName"]), (&index.into(), &name.into()));
    }
    assert!((categories[25]["score"].as_f64().unwrap() - 1.0 / 97.0).abs() < 1e-6);
    write(
        &folder.path().join("b.json"),
        &track(&["tongueOut", "head_yaw"], FrameRate::FPS_25, 2),
        WriteOptions::default(),
    )
    .unwrap();
    let text = fs::read_to_string(folder.path().join("b.json")).unwrap();
    assert!(text.contains(r#""index":52"#) && text.contains(r#""categoryName":"tongueOut""#));
    assert!(text.contains(r#""facialTransformationMatrixes":[{"rows":4,"columns":4,"data":[0.99"#));
}

/// Values that survive any notation, and some that are hard to write.
fn values(count: usize) -> impl Strategy<Value = Vec<f32>> {
    let value = prop_oneof![
        Just(0.0f32),
        0.0..1.0f32,
        -2.0..2.0f32,
        Just(f32::MIN_POSITIVE),
        Just(1e-44f32),
        Just(16777217.0f32)
    ];
    prop::collection::vec(value, count)
}

fn channels(of: fn(&Channel) -> bool) -> impl Strategy<Value = Vec<Channel>> {
    let all: Vec<Channel> = Channel::all().filter(of).collect();
    prop::sample::subsequence(all, 1..20).prop_shuffle()
}

/// Keys at a fixed rate, or at any times.
fn times(fixed: Option<FrameRate>, rows: usize) -> BoxedStrategy<Vec<f64>> {
    match fixed {
        Some(rate) => Just((0..rows as u64).map(|row| rate.seconds_at(row)).collect()).boxed(),
        None => prop::collection::vec(1e-3..100.0f64, rows)
            .prop_map(|steps| {
                steps.iter().scan(0.0, |time, step| Some(std::mem::replace(time, *time + step))).collect()
            })
            .boxed(),
    }
}

fn rates() -> impl Strategy<Value = FrameRate> {
    prop::sample::select(vec![
        "24", "25", "29.97", "30", "48", "50", "60", "120", "23.976", "59.94", "12", "15", "1", "90",
    ])
    .prop_map(|rate| rate.parse().expect("a rate"))
}

fn tracks(of: fn(&Channel) -> bool, rate: impl Strategy<Value = Option<FrameRate>>) -> impl Strategy<Value = Track> {
    (channels(of), 1usize..150, rate).prop_flat_map(|(channels, rows, rate)| {
        (Just(channels.clone()), times(rate, rows), values(rows * channels.len()))
            .prop_map(|(channels, times, values)| Track::new(channels, times, values).expect("a track"))
    })
}

/// The largest difference of a channel that either has, at the keys of `a`; missing ones are zero.
fn largest_difference(a: &Track, b: &Track, of: fn(&Channel) -> bool) -> f32 {
    let value = |track: &Track, row: usize, channel: Channel| {
        track.channels().iter().position(|other| *other == channel).map_or(0.0, |column| track.row(row)[column])
    };
    assert_eq!(a.times().len(), b.times().len());
    let rows = (0..a.times().len()).flat_map(|row| Channel::all().filter(of).map(move |channel| (row, channel)));
    rows.map(|(row, channel)| (value(a, row, channel) - value(b, row, channel)).abs()).fold(0.0, f32::max)
}

fn is_head(channel: &Channel) -> bool {
    matches!(channel, Channel::Head(_))
}

fn is_shape(channel: &Channel) -> bool {
    matches!(channel, Channel::Shape(_))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn archives_read_back(track in tracks(|_| true, prop::option::of(rates()))) {
        let (_, loaded) = round_trip("a.npz", &track, WriteOptions::default());
        prop_assert_eq!(largest_difference(&track, &loaded.track, |_| true), 0.0);
        let apart = track.times().iter().zip(loaded.track.times()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        prop_assert!(apart <= 1e-6, "{}", apart);
        prop_assert!(track.channels().iter().all(|channel| loaded.track.has_channel(*channel)));
    }

    #[test]
    fn results_read_back(track in tracks(|channel| !matches!(channel, Channel::Flame(_)), prop::option::of(rates()))) {
        prop_assume!(track.row(0).len() < 60);
        let (_, loaded) = round_trip("a.json", &track, WriteOptions::default());
        prop_assert_eq!(largest_difference(&track, &loaded.track, is_shape), 0.0);
        let apart = track.times().iter().zip(loaded.track.times()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        prop_assert!(apart <= 1e-9, "{}", apart);
        // Within the range that the documentation promises.
        let column = |name: &str| track.channels().iter().position(|channel| channel.name() == name);
        let within = |name: &str, limit: f32| column(name).is_none_or(|c| (0..track.times().len()).all(|row| track.row(row)[c].abs() < limit));
        if within("head_pitch", 1.48) && within("head_yaw", 3.1) && within("head_roll", 3.1) {
            prop_assert!(largest_difference(&track, &loaded.track, is_head) < 1e-5);
        }
    }

    #[test]
    fn takes_read_back(track in tracks(|channel| !matches!(channel, Channel::Flame(_)), rates().prop_map(|rate| Some(FrameRate::new(rate.fps().round() as u32, 1).unwrap())))) {
        let (written, loaded) = round_trip("a.csv", &track, LIVE_LINK);
        prop_assert_eq!(written.notes, Vec::<String>::new());
        prop_assert_eq!(largest_difference(&track, &loaded.track, is_shape), 0.0);
        let angles = |row: usize| track.channels().iter().zip(track.row(row)).filter(|(c, _)| is_head(c)).map(|(_, v)| v.abs());
        if (0..track.times().len()).flat_map(angles).all(|angle| angle <= 3.1) {
            prop_assert_eq!(largest_difference(&track, &loaded.track, is_head), 0.0);
        }
        // Two rows do not tell their rate.
        if track.times().len() != 2 {
            let apart = track.times().iter().zip(loaded.track.times()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            prop_assert!(apart <= 1e-9, "{}", apart);
        }
    }

    #[test]
    fn whatever_is_read_can_be_written_and_read(track in tracks(|_| true, prop::option::of(rates()))) {
        let (_, loaded) = round_trip("a.csv", &track, WriteOptions::default());
        prop_assert_eq!(&loaded.track, &track);
    }
}

#[test]
fn angles_that_fit_in_radians_alone_are_written_all_the_same() {
    // As large a number of degrees is beyond a float32.
    let yaw = Channel::from_name("head_yaw").unwrap();
    let track = Track::new(vec![yaw], vec![0.0, 1.0], vec![f32::MAX, -1.7e37]).unwrap();
    let (_, loaded) = round_trip("a.csv", &track, WriteOptions::default());
    assert_eq!(loaded.track, track);
}

#[test]
fn two_rows_are_read_at_the_caller_s_rate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let track = track(&["jawOpen"], FrameRate::FPS_25, 2);
    write(&path, &track, LIVE_LINK).unwrap();
    let options = ReadOptions { rate: Some(FrameRate::FPS_25), format: None };
    assert_eq!(options.read(&path).unwrap().track.duration(), 0.04);
    assert!(read(&path).unwrap().notes[0].contains("60 frames per second, which is assumed"));
}
