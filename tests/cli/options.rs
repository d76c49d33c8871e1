//! The command line itself: what it refuses, presets, help.

use std::fs;

use crate::harness::{Bench, repository};

#[test]
fn wrong_options_are_refused_before_any_work() {
    let bench = Bench::new();
    for (options, words) in [
        (&["--size", "big"][..], &["--size", "big", "512x512"][..]),
        (&["--size", "4x4"], &["--size", "16"]),
        (&["--fps", "fast"], &["--fps", "fast", "29.97"]),
        (&["--fps", "0"], &["--fps"]),
        (&["--gain", "jawOpne=1"], &["--gain", "did you mean 'jawOpen'"]),
        (&["--gain", "jawOpen=-1"], &["--gain", "0 to 10"]),
        (&["--framing", "tight"], &["--framing", "'whole', 'head' or 'face'"]),
        (&["--framing", "face"], &["--framing face", "mesh", "hint: "]),
        (&["--start", "2s", "--end", "1s"], &["--start 2", "--end 1", "hint: "]),
        (&["--start", "soon"], &["--start", "soon", "hint: "]),
        (&["--pipeline", "mesh-mp5"], &["mesh-mp5", "did you mean 'mesh-mp4'", "presets: "]),
        (&["--pipeline", "nowhere.yaml"], &["nowhere.yaml", "cannot read"]),
        (&["--face", "0"], &["--face", "from 1"]),
        (&["--renderer", "magic"], &["--renderer", "mesh"]),
        (&["--device", "cuda:0"], &["runs on the CPU", "cuda:0", "hint: "]),
        (&["--device", "gpu"], &["--device", "cuda:NUMBER"]),
        (&["--measure=0"], &["--measure"]),
        (&["-o", "./a.mp4"], &["named twice", "hint: "]),
        (&["-o", "nowhere.png", "--overwrite"], &["nowhere.png is what is read", "hint: "]),
        (&["-o", "b.avi"], &["b.avi", ".mp4"]),
        (&["-o", "rtmp://127.0.0.1/live"], &["stream key", "hint: "]),
        (&["-o", "http://127.0.0.1/a.mp4"], &["nothing is streamed by 'http'"]),
        (&["--quiet", "-v"], &["--quiet"]),
        (&["--colour"], &["--colour"]),
    ] {
        let arguments = [&["animate", "nowhere.png", "nowhere.csv", "-o", "a.mp4"], options].concat();
        bench.run(&arguments).failed(2, words);
    }
    bench.run(&["animate", "me.png"]).failed(2, &["MOTION"]);
    bench.run(&["animate", "me.png", "motion.csv"]).failed(2, &["no output given", "-o out.mp4"]);
    bench.run(&["paint"]).failed(2, &["paint"]);
    assert_eq!(bench.made(), [""; 0]);
}

#[test]
fn a_preset_says_what_the_command_line_does_not() {
    let bench = Bench::new();
    let ran = bench.run(&["animate", "me.png", "motion.csv", "--pipeline", "mesh-mp4", "--size", "64x64"]);
    assert!(ran.succeeded().stderr.contains("wrote me-motion.mp4"), "{}", ran.stderr);
    assert!(bench.path("me-motion.mp4").exists());

    let own = "moue: 1\nframing: head\nsize: 80x60\nfps: 12.5\noutputs:\n  - to: '{portrait}.gif'\n";
    bench.write("own.yaml", own.as_bytes());
    let ran = bench.run(&["animate", "me.png", "motion.csv", "--pipeline", "own.yaml", "--json"]);
    let summary = ran.succeeded().json();
    assert_eq!(summary["frame_rate"], "25/2");
    assert_eq!(summary["size"], serde_json::json!([80, 60]));
    assert_eq!(summary["framing"], "head");
    assert_eq!(summary["outputs"][0]["path"], "me.gif");

    let over = ["--pipeline", "own.yaml", "--fps", "25", "--framing", "whole", "-o", "x.gif", "--json"];
    let summary = bench.run(&[&["animate", "me.png", "motion.csv"], &over[..]].concat()).succeeded().json();
    assert_eq!((&summary["frame_rate"], &summary["framing"]), (&"25".into(), &"whole".into()));
    assert_eq!(summary["outputs"].as_array().unwrap().len(), 1);
}

#[test]
fn mistakes_in_a_preset_are_pointed_at() {
    let bench = Bench::new();
    bench.write("bad.yaml", b"moue: 1\nfps: 25\nframming: head\n");
    let ran = bench.run(&["animate", "me.png", "motion.csv", "--pipeline", "bad.yaml"]);
    ran.failed(2, &["bad.yaml:3:1: error: ", "framming: head", "^^^^^^^^", "did you mean `framing`?"]);

    bench.write("range.yaml", b"moue: 1\noutputs:\n  - to: a.mp4\n    encoder:\n      crf: 99\n");
    let ran = bench.run(&["animate", "me.png", "motion.csv", "--pipeline", "range.yaml"]);
    ran.failed(2, &["range.yaml:5:12: error: found 99", "crf: 99"]);
}

#[test]
fn presets_are_listed_shown_and_described() {
    let bench = Bench::new();
    let listed = bench.run(&["pipelines"]);
    let names: Vec<&str> =
        listed.succeeded().stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names[..3], ["mesh-mp4", "diffusion-mp4", "rtmp-preview"]);
    assert_eq!(names.len(), 8);
    for name in names {
        let text = bench.run(&["pipelines", "show", name]).succeeded().stdout.clone();
        let committed = fs::read_to_string(repository(&format!("pipelines/{name}.yaml"))).unwrap();
        assert_eq!(text.trim_end(), committed.trim_end());
    }
    bench.run(&["pipelines", "show", "mesh-mp5"]).failed(2, &["did you mean 'mesh-mp4'"]);
    assert_eq!(bench.run(&["pipelines", "schema"]).succeeded().json()["title"], "moue run preset, version 1");
}

#[test]
fn every_preset_in_the_repository_is_built_in() {
    let bench = Bench::new();
    bench.write("flame.csv", b"time,exp_00\n0,0\n1,1\n");
    for entry in fs::read_dir(repository("pipelines")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let motion = if name.starts_with("diffusion") { "flame.csv" } else { "motion.csv" };
        // The preset is found and read; the portrait is not.
        bench.run(&["animate", "nowhere.png", motion, "--pipeline", &name, "-o", "a.gif"]).failed(1, &["nowhere.png"]);
    }
}

#[test]
fn help_teaches() {
    let bench = Bench::new();
    let overview = bench.run(&["--help"]);
    for word in ["animate", "inspect", "doctor", "Examples:", "Exit codes:", "130"] {
        assert!(overview.succeeded().stdout.contains(word), "{word}");
    }
    let long = bench.run(&["animate", "--help"]);
    let expected = [
        "Live Link Face",
        "MediaPipe",
        "absolute",
        "--relative",
        "Examples:",
        "Ctrl-C",
        "--framing",
        "512x512",
        "--gain",
        "moue pipelines",
        "Output:",
        "Picture:",
        "Motion:",
        "Rendering:",
        "Talk:",
    ];
    for word in expected {
        assert!(long.succeeded().stdout.contains(word), "{word} in\n{}", long.stdout);
    }
    let short = bench.run(&["animate", "-h"]).stdout;
    assert!(short.lines().count() < long.stdout.lines().count() / 2, "-h is the short one");
    assert!(long.stdout.lines().all(|line| line.chars().count() <= 110), "{}", long.stdout);
    assert!(bench.run(&["--version"]).succeeded().stdout.starts_with("moue 0."));
}
