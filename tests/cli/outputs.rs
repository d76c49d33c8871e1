//! Every kind of output, decoded again.

use std::fs;

use image::RgbImage;

use crate::harness::{Bench, decode, probe, times};

#[test]
fn one_run_writes_every_kind_of_output() {
    let bench = Bench::new();
    let outputs = ["a.mp4", "a.mkv", "a.webm", "a.gif", "frames/", "shot_%03d.png", "sheet.png"];
    let named: Vec<&str> = outputs.iter().flat_map(|output| ["-o", *output]).collect();
    let ran = bench.animate("me.png", "motion.csv", &[&named[..], &["--json"]].concat());
    let summary = ran.succeeded().json();
    // 0 to 0.4 s at 25 frames per second, both ends shown.
    assert_eq!(summary["frames"], 11);
    assert_eq!(summary["outputs"].as_array().unwrap().len(), outputs.len());

    for (file, codec) in [("a.mp4", "h264"), ("a.mkv", "h264"), ("a.webm", "vp9")] {
        let probed = probe(&bench.path(file));
        let stream = &probed["streams"][0];
        assert_eq!(stream["codec_name"], codec, "{file}");
        assert_eq!((&stream["width"], &stream["height"]), (&96.into(), &96.into()), "{file}");
        assert_eq!(stream["pix_fmt"], "yuv420p", "{file}");
        assert_eq!(stream["color_range"], "tv", "{file}");
        assert_eq!(stream["color_space"], "bt709", "{file}");
        assert_eq!(stream["nb_read_frames"], "11", "{file}");
        for (index, time) in times(&probed).into_iter().enumerate() {
            let exact = index as f64 / 25.0;
            assert!((time - exact).abs() < 0.0011, "{file}: frame {index} at {time}, expected {exact}");
        }
    }
    let mp4 = probe(&bench.path("a.mp4"));
    assert_eq!(mp4["streams"][0]["color_primaries"], "bt709");
    assert_eq!(mp4["streams"][0]["color_transfer"], "bt709");
    assert_eq!(mp4["streams"][0]["has_b_frames"], 0);
    let bytes = fs::read(bench.path("a.mp4")).unwrap();
    let at = |name: &[u8]| bytes.windows(4).position(|window| window == name).unwrap();
    assert!(at(b"moov") < at(b"mdat"), "a player can start before it has all of the file");

    assert_eq!(probe(&bench.path("a.gif"))["streams"][0]["nb_read_frames"], "11");
    assert_eq!(fs::read_dir(bench.path("frames")).unwrap().count(), 11);
    assert!(bench.path("shot_010.png").exists() && !bench.path("shot_011.png").exists());
    let sheet = image::open(bench.path("sheet.png")).unwrap();
    assert!(sheet.width() > 96 && sheet.height() > 96);
    let hidden: Vec<_> = bench.made().into_iter().filter(|name| name.starts_with('.')).collect();
    assert_eq!(hidden, [""; 0], "nothing temporary stays");
}

fn frames(bench: &Bench, folder: &str) -> Vec<RgbImage> {
    let mut names: Vec<_> = fs::read_dir(bench.path(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().map(|name| image::open(name).unwrap().to_rgb8()).collect()
}

fn mean_difference(a: &RgbImage, b: &RgbImage) -> f64 {
    let sum: u64 = a.iter().zip(b.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

#[test]
fn the_videos_colours_are_those_that_were_rendered() {
    let bench = Bench::new();
    bench.animate("me.png", "motion.csv", &["-o", "a.mp4", "-o", "frames/"]).succeeded();
    let (decoded, rendered) = (decode(&bench.path("a.mp4"), 96, 96), frames(&bench, "frames"));
    assert_eq!(decoded.len(), rendered.len());
    for (decoded, rendered) in decoded.iter().zip(&rendered) {
        let mean = |picture: &RgbImage, channel: usize| {
            let values = picture.pixels().map(|pixel| f64::from(pixel[channel]));
            values.sum::<f64>() / f64::from(picture.width() * picture.height())
        };
        for channel in 0..3 {
            let shift = (mean(decoded, channel) - mean(rendered, channel)).abs();
            assert!(shift < 1.0, "channel {channel} is {shift:.2} levels off");
        }
        let difference = mean_difference(decoded, rendered);
        assert!(difference < 4.0, "{difference:.2} levels with chroma at half resolution");
    }
}

#[test]
fn the_motion_moves_the_face_and_a_held_expression_holds() {
    let bench = Bench::new();
    bench.write("held.csv", b"time,jawOpen\n0,0\n0.2,0.8\n0.4,0.8\n");
    bench.animate("me.png", "held.csv", &["-o", "frames/"]).succeeded();
    let frames = frames(&bench, "frames");
    assert!(mean_difference(&frames[0], &frames[5]) > 0.5, "the jaw opened");
    assert_eq!(frames[6], frames[7]);
    assert_eq!(frames[7], frames[10]);
}

#[test]
fn equal_runs_give_equal_frames_on_any_number_of_threads() {
    let bench = Bench::new();
    bench.animate("me.png", "motion.csv", &["-o", "one/", "--threads", "1"]).succeeded();
    bench.animate("me.png", "motion.csv", &["-o", "four/", "--threads", "4", "--seed", "9"]).succeeded();
    assert_eq!(frames(&bench, "one"), frames(&bench, "four"));
}

#[test]
fn rates_and_parts_are_exact() {
    let bench = Bench::new();
    bench.write("long.csv", crate::harness::motion(3.0).as_bytes());
    let part = ["--fps", "29.97", "--start", "0.5s", "--end", "00:00:02.5", "-o", "part.mp4", "--json"];
    let summary = bench.animate("me.png", "long.csv", &part).succeeded().json();
    assert_eq!(summary["frame_rate"], "30000/1001");
    let probed = probe(&bench.path("part.mp4"));
    assert_eq!(probed["streams"][0]["r_frame_rate"], "30000/1001");
    let times = times(&probed);
    assert_eq!(times.len(), 60);
    assert_eq!(summary["frames"], 60);
    let last = 59.0 * 1001.0 / 30000.0;
    assert!((times[59] - last).abs() < 1e-3, "{} {last}", times[59]);
}

#[test]
fn sizes_and_framings_give_even_videos() {
    let bench = Bench::new();
    let summary = bench.run(&["animate", "me.png", "motion.csv", "-o", "whole.mp4", "--json"]).succeeded().json();
    assert_eq!(summary["size"], serde_json::json!([200, 200]), "the portrait's own size");

    // A portrait of another shape than the output: black at both sides, also in the video.
    bench.run(&["animate", "me.png", "motion.csv", "-o", "wide.mp4", "--size", "161x97"]).succeeded();
    let wide = decode(&bench.path("wide.mp4"), 162, 98);
    for x in [2, 159] {
        assert!(wide[0].get_pixel(x, 49).0.iter().all(|value| *value < 6), "{:?}", wide[0].get_pixel(x, 49));
    }
    assert!(wide[0].get_pixel(81, 49).0.iter().any(|value| *value > 40));

    let head = ["animate", "me.png", "motion.csv", "-o", "head.mp4", "--framing", "head", "--json"];
    assert_eq!(bench.run(&head).succeeded().json()["size"], serde_json::json!([512, 512]));
}

#[test]
fn the_summary_has_the_shape_that_scripts_rely_on() {
    let bench = Bench::new();
    let ran = bench.animate("me.png", "motion.csv", &["-o", "a.gif", "--json", "--measure=4", "--seed", "7"]);
    let summary = ran.succeeded().json();
    for key in ["frames", "seconds", "fps", "duration"] {
        assert!(summary[key].as_f64().unwrap() > 0.0, "{key}");
    }
    let stages: Vec<&str> = summary["stages"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    for stage in ["sample", "render", "hand out", "write a.gif", "measure", "finish"] {
        assert!(stages.contains(&stage), "{stage} in {stages:?}");
    }
    assert!(summary["stages"].as_array().unwrap().iter().all(|stage| stage["busy"].as_f64().unwrap() >= 0.0));
    assert!(summary["queues"].as_array().unwrap().iter().all(|q| q["most"].as_u64() <= q["capacity"].as_u64()));
    assert_eq!(summary["seed"], 7);
    assert_eq!(summary["interrupted"], false);
    assert_eq!(summary["outputs"][0]["path"], "a.gif");
    assert_eq!(summary["outputs"][0]["bytes"], fs::metadata(bench.path("a.gif")).unwrap().len());
    assert_eq!(summary["portrait"]["expression"].as_object().unwrap().len(), 52);
    assert_eq!(summary["motion"]["kind"], "moue CSV");
    assert_eq!(summary["fidelity"]["frames"], 3);
    assert_eq!(summary["fidelity"]["channels"].as_array().unwrap().len(), 51);
}

#[test]
fn the_face_obeys_as_the_tracker_sees_it() {
    let bench = Bench::new();
    let portrait = crate::harness::repository("examples/portraits/astronaut.png");
    bench.write(
        "sweep.csv",
        b"time,jawOpen,eyeBlinkLeft,eyeBlinkRight\n0,0,0,0\n0.2,0.9,0,0\n0.4,0,0,0\n0.6,0,1,1\n0.8,0,0,0\n",
    );
    let arguments = [
        "animate",
        portrait.to_str().unwrap(),
        "sweep.csv",
        "--framing",
        "head",
        "--size",
        "320x320",
        "--fps",
        "10",
        "-o",
        "a.gif",
        "--json",
        "--measure=1",
    ];
    let summary = bench.run(&arguments).succeeded().json();
    assert_eq!(summary["fidelity"]["frames_without_face"], 0);
    for name in ["jawOpen", "eyeBlinkLeft", "eyeBlinkRight"] {
        let channels = summary["fidelity"]["channels"].as_array().unwrap();
        let channel = channels.iter().find(|channel| channel["name"] == name).unwrap();
        assert!(channel["correlation"].as_f64().unwrap() > 0.9, "{channel}");
        assert!(channel["slope"].as_f64().unwrap() > 0.4, "{channel}");
    }
}

#[test]
fn relative_coefficients_are_added_to_the_portraits_own() {
    let bench = Bench::new();
    bench.write("rest.csv", b"time,jawOpen\n0,0\n0.2,0\n");
    bench.animate("me.png", "rest.csv", &["-o", "absolute/"]).succeeded();
    let relative = bench.animate("me.png", "rest.csv", &["-o", "relative/", "--relative"]);
    assert!(relative.succeeded().stderr.contains("the portrait's expression:"), "{}", relative.stderr);
    assert!(relative.stderr.contains("mouthSmile"), "{}", relative.stderr);
    // At rest, relative motion leaves the portrait as it is, and an absolute zero takes its smile away.
    bench.run(&["animate", "me.png", "rest.csv", "-o", "own/", "--relative"]).succeeded();
    let own = frames(&bench, "own");
    assert!(mean_difference(&own[0], &crate::harness::head()) < 0.05);
    assert!(mean_difference(&frames(&bench, "absolute")[0], &frames(&bench, "relative")[0]) > 0.3);
}

#[test]
fn an_input_is_no_output_however_it_is_named() {
    let bench = Bench::new();
    fs::create_dir(bench.path("d")).unwrap();
    std::os::unix::fs::symlink("../me.png", bench.path("d/link.png")).unwrap();
    fs::copy(bench.path("me.png"), bench.path("neutral.png")).unwrap();
    let before = fs::read(bench.path("me.png")).unwrap();
    let refused = |arguments: &[&str]| {
        bench.run(&[arguments, &["--overwrite"]].concat()).failed(2, &["is what is read", "hint: "]);
    };
    refused(&["animate", "d/link.png", "motion.csv", "-o", "me.png"]);
    refused(&["animate", "me.png", "motion.csv", "-o", "d/../me.png"]);
    refused(&["animate", "me.png", "motion.csv", "--neutral", "neutral.png", "-o", "./neutral.png"]);
    refused(&["inspect", "me.png", "--annotate", "d/link.png"]);
    refused(&["measure", "a.mp4", "--motion", "motion.csv", "--portrait", "me.png", "--plot", "me.png"]);
    assert!(fs::read(bench.path("me.png")).unwrap() == before);
}

#[test]
fn a_name_that_is_taken_is_told_before_anything_is_read() {
    let bench = Bench::new();
    bench.write("a.mp4", b"mine");
    bench.animate("none.png", "motion.csv", &["-o", "a.mp4"]).failed(1, &["a.mp4", "there is a file of that name"]);
    bench.animate("none.png", "motion.csv", &["-o", "no/a.mp4"]).failed(1, &["no/a.mp4", "hint: "]);
    assert_eq!(fs::read(bench.path("a.mp4")).unwrap(), b"mine");
}
