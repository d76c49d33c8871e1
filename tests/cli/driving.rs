//! Motion from anywhere: driving videos, `moue track`, `edit`, `inspect`, `measure`, `calibrate`.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::harness::{Bench, probe, repository};
use crate::readback;

/// The head of the example portrait, talking and blinking for three seconds; `drive.mp4` and the track `asked.csv`.
fn driver() -> Bench {
    let bench = Bench::new();
    let portrait = image::open(repository("examples/portraits/astronaut.png")).unwrap().to_rgb8();
    bench.save("driver.png", &image::imageops::crop_imm(&portrait, 85, 0, 280, 280).to_image());
    bench.write("asked.csv", talking(3.0).as_bytes());
    bench.run(&["animate", "driver.png", "asked.csv", "--size", "280x280", "-o", "drive.mp4"]).succeeded();
    bench
}

/// Channels at frequencies of their own, which rest at the ends.
fn talking(seconds: f64) -> String {
    let mut text =
        "time,jawOpen,mouthSmileLeft,mouthSmileRight,browInnerUp,eyeBlinkLeft,eyeBlinkRight,mouthPucker\n".to_owned();
    let rows = (seconds * 25.0) as u32;
    for row in 0..rows {
        let time = f64::from(row) / 25.0;
        let swing = |hertz: f64| 0.5 - 0.5 * (std::f64::consts::TAU * hertz * time).cos();
        // A blink of four frames, once a second.
        let blink = [0.5, 1.0, 1.0, 0.5].get((row % 25).wrapping_sub(12) as usize).copied().unwrap_or(0.0);
        let (jaw, smile, brow, pucker) = (0.7 * swing(1.7), 0.8 * swing(0.45), 0.9 * swing(0.7), 0.0);
        writeln!(text, "{time:.2},{jaw:.3},{smile:.3},{smile:.3},{brow:.3},{blink},{blink},{pucker}").unwrap();
    }
    text
}

fn ffmpeg(bench: &Bench, arguments: &[&str]) {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y"]).args(arguments).current_dir(bench.path("."));
    assert!(command.status().unwrap().success(), "{arguments:?}");
}

#[test]
fn a_motion_survives_the_way_through_a_rendered_video() {
    let bench = Bench::new();
    let (portrait, track) =
        (repository("examples/portraits/astronaut.png"), repository("examples/tracks/emotions.csv"));
    let (portrait, track) = (portrait.to_str().unwrap(), track.to_str().unwrap());
    let head = ["--framing", "head", "--size", "320x320", "--end", "6s", "-o", "seen.mp4"];
    bench.run(&[&["animate", portrait, track], &head[..]].concat()).succeeded();
    let ran = bench.run(&["inspect", track, "--compare", "seen.mp4", "--json", "--plot", "both.png"]);
    let seen = ran.succeeded().json();
    let agreement = seen["agreement"].as_array().unwrap();
    let figure = |name: &str, what: &str| {
        let one = agreement.iter().find(|one| one["channel"] == name).unwrap();
        one[what].as_f64().unwrap_or_else(|| panic!("{name} has no {what}: {one}"))
    };
    for name in ["jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp"] {
        let correlation = figure(name, "correlation");
        assert!(correlation >= 0.95, "{name}: {correlation}");
    }
    // Half of a frame is 20 ms. The brows and the smile go too slowly to tell.
    for name in ["jawOpen", "eyeBlinkLeft", "eyeBlinkRight"] {
        let lag = figure(name, "lag_seconds");
        assert!(lag.abs() < 0.02, "{name} comes {lag} s late");
    }
    assert!(image::open(bench.path("both.png")).unwrap().width() >= 1000);
}

#[test]
fn a_video_drives_a_portrait() {
    let bench = driver();
    let ran = bench.run(&["animate", "me.png", "drive.mp4", "--size", "96x96", "-o", "out.mp4", "--json"]);
    let summary = ran.succeeded().json();
    assert_eq!((&summary["frames"], &summary["motion"]["kind"]), (&75.into(), &"video".into()));
    assert_eq!(summary["motion"]["video"]["frames_without_face"], 0);
    assert_eq!(summary["motion"]["video"]["searches"], 1, "{summary}");
    assert_eq!(probe(&bench.path("out.mp4"))["streams"][0]["nb_read_frames"], "75");
    assert!(ran.stderr.contains("tracking drive.mp4"), "{}", ran.stderr);

    let part = ["--size", "96x96", "--start", "1s", "--end", "2s", "-o", "part.mp4", "--json"];
    let mut arguments = vec!["animate", "me.png", "drive.mp4"];
    arguments.extend(part);
    let summary = bench.run(&arguments).succeeded().json();
    assert_eq!(summary["frames"], 25);
    assert_eq!((&summary["motion"]["start"], &summary["motion"]["video"]["frames"]), (&1.0.into(), &25.into()));
}

/// Codec and seconds of a file's sound, if it has some.
fn sound(bench: &Bench, file: &str) -> Option<(String, f64)> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "a:0", "-show_entries", "stream=codec_name,duration:packet=pts_time"])
        .args(["-of", "json"])
        .arg(bench.path(file))
        .output()
        .unwrap();
    let probed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let codec = probed["streams"][0]["codec_name"].as_str()?.to_owned();
    let last = probed["packets"].as_array()?.last()?["pts_time"].as_str()?.parse().ok()?;
    Some((codec, last))
}

#[test]
fn the_drivers_sound_goes_along() {
    let bench = driver();
    let tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=3:sample_rate=48000"];
    ffmpeg(
        &bench,
        &[&["-i", "drive.mp4"], &tone[..], &["-c:v", "copy", "-c:a", "aac", "-shortest", "loud.mp4"]].concat(),
    );
    let animate = |more: &[&str]| {
        let usual = ["animate", "me.png", "loud.mp4", "--size", "96x96", "--overwrite"];
        bench.run(&[&usual, more].concat())
    };
    let ran = animate(&["-o", "a.mp4", "-o", "a.webm", "-o", "a.gif"]);
    assert!(ran.succeeded().stderr.contains("a.mp4: the sound (AAC) is copied untouched"), "{}", ran.stderr);
    let (codec, last) = sound(&bench, "a.mp4").unwrap();
    assert!(codec == "aac" && (last - 3.0).abs() < 0.1, "{codec} ends at {last}");
    let (codec, last) = sound(&bench, "a.webm").unwrap();
    assert!(codec == "opus" && (last - 3.0).abs() < 0.1, "{codec} ends at {last}");

    animate(&["-o", "part.mp4", "--start", "1s", "--end", "2s"]).succeeded();
    let (codec, last) = sound(&bench, "part.mp4").unwrap();
    assert!(codec == "aac" && (last - 1.0).abs() < 0.1, "{codec} ends at {last}");
    animate(&["-o", "mute.mp4", "--no-sound"]).succeeded();
    assert_eq!(sound(&bench, "mute.mp4"), None);
    let ran = animate(&["-o", "a.gif"]);
    assert!(ran.succeeded().stderr.contains("hold no sound"), "{}", ran.stderr);
}

#[test]
fn a_face_that_comes_late_keeps_the_time() {
    let bench = driver();
    ffmpeg(
        &bench,
        &[
            "-i",
            "drive.mp4",
            "-vf",
            "drawbox=t=fill:color=black:enable='lt(n,15)+gt(n,69)'",
            "-pix_fmt",
            "yuv420p",
            "late.mp4",
        ],
    );
    let ran = bench.run(&["animate", "me.png", "late.mp4", "--size", "96x96", "-o", "late-out.mp4", "--json"]);
    assert_eq!(ran.succeeded().json()["frames"], 75, "as long as the video, though the face is seen in 55 frames");
    assert!(ran.stderr.contains("20 of 75 frames have no face"), "{}", ran.stderr);
}

#[test]
fn frames_without_a_face_are_bridged_and_told() {
    let bench = driver();
    // Black from 1.0 s to 1.4 s.
    ffmpeg(
        &bench,
        &[
            "-i",
            "drive.mp4",
            "-vf",
            "drawbox=t=fill:color=black:enable='between(n,25,34)'",
            "-pix_fmt",
            "yuv420p",
            "gap.mp4",
        ],
    );
    let ran = bench.run(&["track", "gap.mp4", "-o", "gap.csv", "--json"]);
    let video = &ran.succeeded().json()["videos"][0];
    assert_eq!((&video["frames"], &video["frames_without_face"]), (&75.into(), &10.into()));
    let gap = &video["gaps"][0];
    assert!((gap["start"].as_f64().unwrap() - 1.0).abs() < 1e-6 && (gap["end"].as_f64().unwrap() - 1.4).abs() < 1e-6);
    assert!(ran.stderr.contains("10 of 75 frames have no face"), "{}", ran.stderr);
    let table = std::fs::read_to_string(bench.path("gap.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 65, "what was not seen is not invented");

    ffmpeg(&bench, &["-f", "lavfi", "-i", "color=gray:s=160x120:d=0.4:r=25", "nobody.mp4"]);
    bench
        .run(&["track", "nobody.mp4", "-o", "x.csv"])
        .failed(1, &["nobody.mp4", "no face found in 10 frames", "hint: "]);
    bench.run(&["track", "driver.png", "-o", "x.csv"]).failed(1, &["driver.png", "a picture", "hint: "]);
    bench.run(&["track", "missing.mp4", "-o", "x.csv"]).failed(1, &["missing.mp4", "hint: "]);
    assert!(!bench.path("x.csv").exists());
}

#[test]
fn the_drivers_own_rest_is_taken_off() {
    let bench = driver();
    let ranges = |file: &str, more: &[&str]| {
        let mut arguments = vec!["track", file, "-o", "t.csv", "--overwrite", "--json"];
        arguments.extend(more);
        bench.run(&arguments).succeeded().json()["channels"].clone()
    };
    // The astronaut smiles in the picture; the driver's rest is that of the video's first frames.
    let raw = ranges("drive.mp4", &[]);
    let auto = ranges("drive.mp4", &["--neutral", "auto"]);
    let picture = ranges("drive.mp4", &["--neutral", "driver.png"]);
    let frame = ranges("drive.mp4", &["--neutral", "0f"]);
    let least = |ranges: &serde_json::Value, name: &str| ranges[name][0].as_f64().unwrap();
    assert!(least(&auto, "eyeBlinkLeft") < 0.02 && least(&frame, "eyeBlinkLeft") < 0.02);
    assert!(least(&raw, "eyeBlinkLeft") > least(&auto, "eyeBlinkLeft"));
    assert_eq!(least(&picture, "mouthSmileLeft"), 0.0, "the picture smiles, and rests in that");
    bench.run(&["track", "drive.mp4", "-o", "t.csv", "--overwrite", "--neutral", "9s"]).failed(2, &["9s", "hint: "]);
}

#[test]
fn tracks_are_edited() {
    let bench = Bench::new();
    bench.write("a.csv", talking(2.0).as_bytes());
    let edit = |arguments: &[&str]| {
        let mut all = vec!["edit"];
        all.extend(arguments);
        all.extend(["-o", "e.csv", "--overwrite", "--json"]);
        bench.run(&all).succeeded().json()
    };
    let duration = |summary: &serde_json::Value| summary["duration"].as_f64().unwrap();
    assert!((duration(&edit(&["a.csv", "--start", "0.5s", "--end", "1.5s"])) - 1.0).abs() < 1e-6);
    assert!((duration(&edit(&["a.csv", "--speed", "2"])) - 0.98).abs() < 1e-6);
    assert!((duration(&edit(&["a.csv", "a.csv", "--crossfade", "500ms"])) - 3.46).abs() < 1e-6);
    assert_eq!(edit(&["a.csv", "--only", "mouthSmile,jaw"])["channels"].as_object().unwrap().len(), 3);
    assert_eq!(edit(&["a.csv", "--gain", "jaw=0.5"])["channels"]["jawOpen"][1].as_f64().unwrap() as f32, 0.35);
    assert_eq!(edit(&["a.csv", "--offset", "jaw=-0.05"])["channels"]["jawOpen"][0].as_f64().unwrap() as f32, -0.05);
    assert_eq!(edit(&["a.csv", "--fps", "50"])["rows"], 99);
    let flame = edit(&["a.csv", "--to", "flame"]);
    assert!(flame["channels"]["eyelid_left"][1] == 1.0 && flame["channels"]["jawOpen"].is_null(), "{flame}");
    bench.run(&["edit", "a.csv", "--blend", "0.5", "-o", "x.csv"]).failed(2, &["--blend", "found 1", "hint: "]);
    bench.run(&["edit", "a.csv", "--speed", "0", "-o", "x.csv"]).failed(2, &["hint: "]);
    bench.run(&["edit", "a.csv", "-o", "x.xlsx"]).failed(2, &["x.xlsx", ".csv", "hint: "]);
    bench.run(&["edit", "a.csv", "-o", "a.csv"]).failed(2, &["exists", "--overwrite"]);
}

#[test]
fn a_map_lets_one_family_drive_the_other() {
    let bench = Bench::new();
    // Both kinds of coefficients, of which the one follows from the other.
    let mut both = "time,jawOpen,mouthSmileLeft,mouthSmileRight,browInnerUp,exp_00,exp_01,jaw_x\n".to_owned();
    for row in 0..1500 {
        let time = f64::from(row) / 25.0;
        let swing = |hertz: f64| 0.5 - 0.5 * (std::f64::consts::TAU * hertz * time).cos();
        let (jaw, smile, brow) = (swing(1.7), swing(0.45), swing(0.71));
        let (first, second) = (2.0 * smile - 0.5 * brow + 0.1, 1.5 * brow - 0.3 * jaw);
        writeln!(both, "{time:.2},{jaw:.4},{smile:.4},{smile:.4},{brow:.4},{first:.4},{second:.4},{:.4}", 0.3 * jaw)
            .unwrap();
    }
    bench.write("both.csv", both.as_bytes());
    let fitted = bench.run(&["calibrate", "both.csv", "-o", "map.npz", "--json"]).succeeded().json();
    let first = fitted["to_flame"].as_array().unwrap().iter().find(|one| one["channel"] == "exp_00").unwrap().clone();
    assert!(first["rmse"].as_f64().unwrap() < 0.01 && first["r2"].as_f64().unwrap() > 0.99, "{first}");
    assert!(fitted["sources"][0]["hash"].as_str().unwrap().starts_with("sha256:"));

    bench.write("arkit.csv", b"time,mouthSmileLeft,mouthSmileRight,browInnerUp,jawOpen\n0,1,1,0,0\n1,1,1,0,0\n");
    let to_flame = ["edit", "arkit.csv", "--to", "flame", "--map", "map.npz", "-o", "flame.csv", "--json"];
    let flame = bench.run(&to_flame).succeeded().json();
    assert!((flame["channels"]["exp_00"][0].as_f64().unwrap() - 2.1).abs() < 0.02, "{flame}");
    let ran = bench.run(&["edit", "arkit.csv", "--to", "flame", "-o", "bare.csv", "--json"]);
    assert!(ran.succeeded().stderr.contains("nothing in FLAME"), "{}", ran.stderr);
    assert!(ran.json()["channels"]["exp_00"].is_null());
    bench.run(&["calibrate", "arkit.csv", "-o", "m.npz"]).failed(1, &["arkit.csv", "FLAME", "hint: "]);
    bench.run(&["edit", "arkit.csv", "--to", "flame", "--map", "both.csv", "-o", "y.csv"]).failed(1, &["both.csv"]);
    assert!(!bench.path("y.csv").exists());
}

/// What is read in frames 0, 1, ... of a folder.
fn readings(bench: &Bench, folder: &str, frames: usize) -> Vec<readback::Reading> {
    let frame = |index| image::open(bench.path(&format!("{folder}/{index:05}.png"))).unwrap().into_rgb8();
    (0..frames).map(|index| readback::read(&frame(index))).collect()
}

#[test]
fn the_toy_faces_map_carries_what_no_rule_does() {
    let bench = Bench::new();
    fs::copy(repository("examples/portraits/toyface.png"), bench.path("toy.png")).unwrap();
    let models = repository("examples/models/toyfaces");
    let map = models.join("map.npz");
    let (models, map) = (models.to_str().unwrap(), map.to_str().unwrap());

    // The mesh by FLAME coefficients: at rest, brows up, corners of the mouth up.
    bench.write("flame.csv", b"time,exp_00,exp_02,jaw_x\n0,0,0,0\n0.04,0,2,0\n0.08,2,0,0\n");
    bench.run(&["animate", "toy.png", "flame.csv", "--map", map, "-o", "drawn/"]).succeeded();
    bench.run(&["animate", "toy.png", "flame.csv", "-o", "bare/"]).succeeded();
    let (drawn, bare) = (readings(&bench, "drawn", 3), readings(&bench, "bare", 3));
    let (brows, smile) = (drawn[1].brows - drawn[0].brows, drawn[2].smile - drawn[0].smile);
    assert!(brows > 0.01 && smile > 0.01, "brows rise by {brows}, corners of the mouth by {smile}");
    assert!((bare[1].brows - bare[0].brows).abs() < 1e-9, "no rule says what a component moves");

    // The diffusion renderer by ARKit coefficients.
    bench.write("arkit.csv", b"time,browInnerUp,browOuterUpLeft,browOuterUpRight\n0,0,0,0\n0.04,1,1,1\n");
    let painting = ["--renderer", "diffusion", "--models", models, "--size", "128x128", "--steps", "5"];
    let usual = ["animate", "toy.png", "arkit.csv", "--map", map, "-o", "painted/"];
    bench.run(&[&usual[..], &painting].concat()).succeeded();
    let painted = readings(&bench, "painted", 2);
    let brows = painted[1].brows - painted[0].brows;
    assert!(brows > 0.01, "painted brows rise by {brows}");
}

#[test]
fn a_rendered_video_is_measured() {
    let bench = driver();
    let arguments =
        ["measure", "drive.mp4", "--motion", "asked.csv", "--portrait", "driver.png", "--models", ".", "--json"];
    let ran = bench.run(&arguments);
    let measured = ran.succeeded().json();
    assert_eq!((&measured["frames"], &measured["frames_without_face"]), (&75.into(), &0.into()));
    assert_eq!((measured["dropped"].as_array().unwrap().len(), measured["repeated"].as_array().unwrap().len()), (0, 0));
    let jaw = measured["following"].as_array().unwrap().iter().find(|one| one["channel"] == "jawOpen").unwrap().clone();
    assert!(jaw["correlation"].as_f64().unwrap() > 0.95 && jaw["lag_frames"].as_f64().unwrap().abs() < 0.5, "{jaw}");
    assert!(measured["identity"].is_null() && measured["identity_absent"].as_str().unwrap().contains("recogniser"));

    // Every fifth frame shown twice, and one second cut out.
    ffmpeg(
        &bench,
        &["-i", "drive.mp4", "-vf", "select='not(between(n,20,44))'", "-fps_mode", "passthrough", "cut.mp4"],
    );
    let cut = bench.run(&["measure", "cut.mp4", "--motion", "asked.csv", "--json"]).succeeded().json();
    assert_eq!(cut["dropped"][0]["frames"], 25, "{}", cut["dropped"]);

    bench.run(&["measure", "drive.mp4", "--motion", "asked.csv", "--plot", "page.svg"]).succeeded();
    let page = std::fs::read_to_string(bench.path("page.svg")).unwrap();
    assert!(page.contains("Expression following") && page.contains("jawOpen"));
}
