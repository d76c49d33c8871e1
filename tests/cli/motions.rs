//! Motions as people have them: of every kind, and broken in every way.

use crate::harness::{Bench, motion, repository};

/// A Live Link Face recording: rows of a timecode and the jaw's coefficient.
fn live_link(rows: &[(&str, f64)]) -> Vec<u8> {
    let example = std::fs::read_to_string(repository("examples/tracks/speech_livelink.csv")).unwrap();
    let header = example.lines().next().unwrap();
    let mut text = format!("{header}\n");
    for (timecode, jaw) in rows {
        let cell = |name: &str| match name {
            "Timecode" => (*timecode).to_owned(),
            "BlendShapeCount" => "61".to_owned(),
            "JawOpen" => jaw.to_string(),
            _ => "0".to_owned(),
        };
        text += &format!("{}\n", header.split(',').map(cell).collect::<Vec<_>>().join(","));
    }
    text.into_bytes()
}

#[test]
fn recordings_and_tables_are_told_apart_by_content() {
    let bench = Bench::new();
    let link = live_link(&[("10:00:00:00.0", 0.1), ("10:00:00:12.0", 0.6)]);
    bench.write("take.txt", &link);
    bench.write("bom.csv", &[b"\xef\xbb\xbf", motion(0.4).as_bytes()].concat());
    let mediapipe = r#"[{"faceBlendshapes":[{"categories":[{"index":0,"score":0.0,"categoryName":"_neutral"},
        {"index":25,"score":0.5,"categoryName":"jawOpen"}]}]}]"#;
    bench.write("landmarker.json", mediapipe.as_bytes());
    for (file, kind) in
        [("take.txt", "Live Link Face CSV"), ("bom.csv", "moue CSV"), ("landmarker.json", "MediaPipe JSON")]
    {
        let ran = bench.animate("me.png", file, &["-o", "a.gif", "--overwrite", "--json"]);
        assert_eq!(ran.succeeded().json()["motion"]["kind"], kind);
    }
}

#[test]
fn dropped_rows_are_bridged_in_time() {
    let bench = Bench::new();
    // One and a half seconds at 30 rows per second, and 18 of them missing in the middle.
    let present = (0..45).filter(|row| !(6..24).contains(row));
    let codes: Vec<String> = present.map(|row| format!("10:00:{:02}:{:02}.0", row / 30, row % 30)).collect();
    bench.write("gap.csv", &live_link(&codes.iter().map(|code| (code.as_str(), 0.2)).collect::<Vec<_>>()));
    let ran = bench.animate("me.png", "gap.csv", &["-o", "a.gif", "--json"]);
    let duration = ran.succeeded().json()["motion"]["duration"].as_f64().unwrap();
    assert!((duration - 44.0 / 30.0).abs() < 0.02, "{duration}");
}

#[test]
fn ten_rows_may_last_an_hour() {
    let bench = Bench::new();
    let rows: String = (0..10).map(|row| format!("{},{}\n", row * 400, f64::from(row) / 10.0)).collect();
    bench.write("slow.csv", format!("time,jawOpen\n{rows}").as_bytes());
    let part = ["-o", "a.gif", "--start", "00:59:58", "--json", "--fps", "5"];
    let summary = bench.animate("me.png", "slow.csv", &part).succeeded().json();
    assert_eq!(summary["motion"]["duration"], 3600.0);
    assert_eq!(summary["frames"], 11);
}

#[test]
fn broken_motions_are_named_with_the_place() {
    let bench = Bench::new();
    let good = ("10:00:00:00.0", 0.1);
    for (name, content, words) in [
        ("empty.csv", b"".to_vec(), &["empty"][..]),
        ("header.csv", b"time,jawOpen\n".to_vec(), &["expected"]),
        ("nothing.csv", b"time,colour,weight\n0,1,2\n".to_vec(), &["expected"]),
        ("notime.csv", b"jawOpen,mouthSmileLeft\n0.1,0.2\n".to_vec(), &["time"]),
        ("nan.csv", b"time,jawOpen\n0,0\n0.1,NaN\n".to_vec(), &["line 3", "jawOpen", "NaN"]),
        ("words.csv", b"time,jawOpen\n0,0\n0.1,wide\n".to_vec(), &["line 3", "wide"]),
        ("backwards.csv", b"time,jawOpen\n0,0\n0.2,0\n0.1,0\n".to_vec(), &["line 4", "0.1"]),
        ("negative.csv", live_link(&[good, ("-10:00:00:01.0", 0.1)]), &["line 3", "-10:00:00:01.0"]),
        ("timecode.csv", live_link(&[("10:00:05:00.0", 0.1), good]), &["line 3", "10:00:00:00.0"]),
        ("short.csv", b"time,jawOpen,cheekPuff\n0,0,0\n0.1,0\n".to_vec(), &["line 3"]),
        ("mixed.csv", b"time,jawOpen,cheekPuff\n0;0;0\n1;1;1\n".to_vec(), &["line 2"]),
        ("broken.json", b"[{\"faceBlendshapes\": [".to_vec(), &["line 1"]),
        ("other.json", b"{\"hello\": 1}".to_vec(), &["expected"]),
    ] {
        bench.write(name, &content);
        let ran = bench.animate("me.png", name, &["-o", "a.mp4"]);
        ran.failed(1, words).failed(1, &[name, "hint: "]);
        assert!(!bench.path("a.mp4").exists());
    }
    bench.animate("me.png", "nowhere.csv", &["-o", "a.mp4"]).failed(1, &["nowhere.csv", "hint: "]);
    bench.animate("me.png", "me.png", &["-o", "a.mp4"]).failed(1, &["me.png", "hint: "]);
}

#[test]
fn a_part_outside_the_motion_is_a_usage_error() {
    let bench = Bench::new();
    bench
        .animate("me.png", "motion.csv", &["-o", "a.mp4", "--start", "9s"])
        .failed(2, &["motion.csv", "start 9 s", "0.4 s", "hint: "]);
}

#[test]
fn what_moves_nothing_of_a_renderer_is_said() {
    let bench = Bench::new();
    bench.write("flame.csv", b"time,exp_00,exp_01\n0,0,0\n0.2,1,0.1\n");
    bench
        .animate("me.png", "flame.csv", &["-o", "a.mp4"])
        .failed(1, &["flame.csv", "exp_00", "ARKit", "moue calibrate"]);
    // The jaw means the same in both.
    bench.write("jaw.csv", b"time,exp_00,jaw_x\n0,0,0\n0.2,1,0.1\n");
    let ran = bench.animate("me.png", "jaw.csv", &["-o", "a.gif"]);
    assert!(
        ran.succeeded().stderr.contains("jaw.csv: 1 FLAME channel moves nothing in ARKit: exp_00"),
        "{}",
        ran.stderr
    );
}

#[test]
fn every_example_track_is_read() {
    let bench = Bench::new();
    let folder = repository("examples/tracks");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "csv" || ending == "json") {
            let arguments = ["-o", "a.gif", "--overwrite", "--end", "0.2s", "--quiet"];
            let ran = bench.animate("me.png", path.to_str().unwrap(), &arguments);
            // FLAME's components do not move ARKit's shapes, and it says so.
            if path.file_name().is_some_and(|name| name == "flame_sweep.csv" || name == "toyface.csv") {
                ran.succeeded();
            } else {
                assert_eq!(ran.succeeded().stderr, "", "{}", path.display());
            }
            count += 1;
        }
    }
    assert!(count >= 4, "{count} example tracks");
}
