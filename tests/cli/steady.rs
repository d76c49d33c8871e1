//! Parts of a film: rendered apart and joined, they are the film; and painted frames that keep steady.

use std::fs;

use crate::harness::{Bench, Ran, motion, probe, repository, times};

/// A folder with the toy models' portrait and `toy.csv`: a jaw that is held shut, opens, is held and shuts again.
fn studio() -> Bench {
    let bench = Bench::new();
    fs::copy(repository("examples/portraits/toyface.png"), bench.path("toy.png")).unwrap();
    let mut table = "time,jaw_x,eyelid_left\n".to_owned();
    for (row, jaw) in [0.0, 0.0, 0.15, 0.3, 0.3, 0.3, 0.1, 0.0].into_iter().enumerate() {
        table += &format!("{},{jaw},{}\n", row as f64 / 25.0, jaw * 2.0);
    }
    bench.write("toy.csv", table.as_bytes());
    bench
}

fn paint(bench: &Bench, more: &[&str]) -> Ran {
    let models = repository("examples/models/toyfaces");
    let usual = ["animate", "toy.png", "toy.csv", "--renderer", "diffusion", "--models", models.to_str().unwrap()];
    bench.run(&[&usual, &["--size", "64x64", "--steps", "2"][..], more].concat())
}

/// The names and bytes of a folder's files, in the names' order.
fn files(bench: &Bench, folder: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(bench.path(folder)).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect();
    files.sort();
    files
}

/// The same files with the same bytes; says which are not.
#[track_caller]
fn same(found: &[(String, Vec<u8>)], expected: &[(String, Vec<u8>)]) {
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(found), names(expected));
    for ((name, found), (_, expected)) in found.iter().zip(expected) {
        assert!(found == expected, "{name} has other bytes");
    }
}

#[test]
fn a_range_of_painted_frames_is_what_the_whole_has_there() {
    let bench = studio();
    let steady =
        ["--noise", "carried", "--history", "keyframe", "--keyframe-distance", "0.4", "--start-strength", "0.5"];
    let with = |more: &[&str]| paint(&bench, &[&steady, more].concat());
    with(&["-o", "whole/"]).succeeded();
    let whole = files(&bench, "whole");
    assert_eq!(whole.len(), 8);
    // What is held is one picture; what moves is not.
    assert!(whole[3].1 == whole[4].1);
    assert!(whole[0].1 == whole[7].1);
    assert!(whole[2].1 != whole[3].1);

    // Keyframes that one run has painted, the other takes from their folder.
    with(&["--frames", "3..7", "--keyframes", "keys", "-o", "part/"]).succeeded();
    same(&files(&bench, "part"), &whole[3..7]);
    let keys = files(&bench, "keys");
    assert!(!keys.is_empty() && keys.iter().all(|(name, _)| name.starts_with("keyframe-") && name.ends_with(".npz")));
    with(&["--frames", "..3", "--keyframes", "keys", "--batch", "3", "-o", "start/"]).succeeded();
    same(&files(&bench, "start"), &whole[..3]);
    with(&["--frames", "7..", "--keyframes", "keys", "-o", "end/"]).succeeded();
    // They are read, not painted once more: with another's content the frames are others.
    let keys = files(&bench, "keys");
    assert!(keys.len() >= 2);
    for ((name, _), (_, other)) in keys.iter().zip(keys.iter().cycle().skip(1)) {
        bench.write(&format!("keys/{name}"), other);
    }
    with(&["--frames", "3..7", "--keyframes", "keys", "-o", "other/"]).succeeded();
    assert!(files(&bench, "other") != whole[3..7]);

    // Put together they are the whole, whatever order they are named in; with a gap they are not.
    bench.run(&["join", "end", "part", "start", "-o", "joined/"]).succeeded();
    same(&files(&bench, "joined"), &whole);
    bench.run(&["join", "start", "end", "-o", "gap/"]).failed(1, &["frames 3..7 are missing", "hint: "]);
    bench.run(&["join", "part", "whole", "-o", "gap/"]).failed(1, &["frame 3 is in", "whole"]);
    bench.run(&["join", "part", "toy.csv", "-o", "gap/"]).failed(1, &["toy.csv", "a folder of frames"]);
    assert!(!bench.path("gap").exists());
}

#[test]
fn each_way_of_keeping_steady_paints_and_is_another() {
    let bench = studio();
    let mut seen = Vec::new();
    for (folder, options) in [
        ("shared", &["--noise", "shared", "--history", "none", "--start-strength", "1"][..]),
        ("carried", &["--noise", "carried", "--history", "none", "--start-strength", "1"]),
        ("independent", &["--noise", "independent", "--history", "none", "--start-strength", "1"]),
        ("history", &["--noise", "shared", "--history", "keyframe", "--start-strength", "1"]),
        ("start", &["--noise", "shared", "--history", "none", "--start-strength", "0.5"]),
    ] {
        let ran = paint(&bench, &[options, &["--frames", "3..5", "-o", &format!("{folder}/")]].concat());
        ran.succeeded();
        let is_carried = folder == "carried" || folder == "start";
        assert_eq!(ran.stderr.contains("by lids and jaw alone"), is_carried, "{}", ran.stderr);
        let frames = files(&bench, folder);
        assert_eq!(frames[0].1 == frames[1].1, folder != "independent", "{folder}: a held expression");
        assert!(!seen.contains(&frames), "{folder} paints what another does");
        seen.push(frames);
    }
    for (options, words) in [
        (&["--noise", "warped"][..], &["--noise", "independent or shared or carried"][..]),
        (&["--history", "all"], &["--history", "none or keyframe"]),
        (&["--history", "keyframe", "--no-reference"], &["--no-reference", "--history"]),
        (&["--start-strength", "0"], &["--start-strength is 0", "above 0"]),
        (&["--keyframe-distance", "0"], &["--keyframe-distance is 0"]),
        (&["--frames", "4..9"], &["--frames 4..9", "0..8"]),
        (&["--frames", "4..4"], &["--frames", "holds no frame"]),
        (&["--frames", "4"], &["--frames", "0..250"]),
    ] {
        paint(&bench, &[options, &["-o", "wrong/"]].concat()).failed(2, words);
    }
    assert!(!bench.path("wrong").exists());
}

#[test]
fn videos_of_parts_become_one_without_being_encoded_again() {
    let bench = Bench::new();
    bench.write("motion.csv", motion(0.6).as_bytes());
    let part = |range: &str, out: &str| bench.animate("me.png", "motion.csv", &["--frames", range, "-o", out]);
    part("0..7", "a.mp4").succeeded();
    part("7..", "b.mp4").succeeded();
    part("7..12", "frames/").succeeded();
    bench.animate("me.png", "motion.csv", &["-o", "whole/", "--fps", "25"]).succeeded();
    same(&files(&bench, "frames"), &files(&bench, "whole")[7..12]);

    let summary = bench.run(&["join", "a.mp4", "b.mp4", "-o", "all.mp4", "--json"]).succeeded().json();
    assert_eq!((&summary["frames"], &summary["parts"]), (&16.into(), &2.into()));
    let all = times(&probe(&bench.path("all.mp4")));
    let expected: Vec<f64> = (0..16).map(|frame| f64::from(frame) / 25.0).collect();
    assert!(all.len() == 16 && all.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-3), "{all:?}");

    bench.run(&["animate", "me.png", "motion.csv", "--size", "64x64", "-o", "small.mp4", "--overwrite"]).succeeded();
    bench.run(&["join", "a.mp4", "small.mp4", "-o", "no.mp4"]).failed(1, &["small.mp4", "64x64", "96x96"]);
    bench.run(&["join", "a.mp4", "missing.mp4", "-o", "no.mp4"]).failed(1, &["missing.mp4", "missing"]);
    bench.run(&["join", "a.mp4", "b.mp4", "-o", "all.mp4"]).failed(1, &["all.mp4", "--overwrite"]);
    bench.run(&["join", "a.mp4", "b.mp4", "-o", "no.png"]).failed(2, &["no.png"]);
    assert!(!bench.path("no.mp4").exists());
}
