//! Outputs that cannot be written: nothing half-done may carry a final name.

use std::{fs, process::Command};

use crate::harness::{Bench, PROGRAM, Ran, decode, motion};

#[test]
fn what_exists_is_left_alone_without_overwrite() {
    let bench = Bench::new();
    fs::create_dir(bench.path("frames")).unwrap();
    for name in ["a.mp4", "a.gif", "sheet.png", "frames/00000.png"] {
        bench.write(name, b"precious");
    }
    for (output, name) in [("a.mp4", "a.mp4"), ("a.gif", "a.gif"), ("sheet.png", "sheet.png"), ("frames/", "frames")] {
        let ran = bench.animate("me.png", "motion.csv", &["-o", output]);
        ran.failed(1, &[name, "already", "hint: ", "--overwrite"]);
    }
    for name in ["a.mp4", "a.gif", "sheet.png", "frames/00000.png"] {
        assert_eq!(fs::read(bench.path(name)).unwrap(), b"precious");
    }
    bench.animate("me.png", "motion.csv", &["-o", "a.mp4", "--overwrite"]).succeeded();
    assert!(fs::metadata(bench.path("a.mp4")).unwrap().len() > 1000);
}

#[test]
fn a_folder_that_is_missing_or_closed_is_named() {
    let bench = Bench::new();
    bench
        .animate("me.png", "motion.csv", &["-o", "nowhere/a.mp4"])
        .failed(1, &["nowhere/a.mp4", "no folder", "mkdir -p 'nowhere'"]);
    // The system's own folder of devices takes no files, not even from root.
    for output in ["/sys/kernel/moue.mp4", "/sys/kernel/moue.gif", "/sys/kernel/moue/"] {
        let ran = bench.animate("me.png", "motion.csv", &["-o", output]);
        ran.failed(1, &["/sys/kernel/moue", "hint: "]);
    }
    bench.write("file", b"");
    bench.animate("me.png", "motion.csv", &["-o", "file/a.mp4"]).failed(1, &["file/a.mp4"]);
}

/// The shell's limit on the size of a file stands in for a disk that fills up while frames are written.
#[test]
fn a_disk_that_fills_up_leaves_no_file() {
    for output in ["a.mp4", "a.mkv", "a.gif", "frames/", "sheet.png"] {
        let bench = Bench::new();
        bench.write("long.csv", motion(2.0).as_bytes());
        let line =
            format!("trap '' XFSZ; ulimit -f 8; exec '{PROGRAM}' animate me.png long.csv -o '{output}' -o other.gif");
        let mut command = Command::new("bash");
        command.args(["-c", &line]).current_dir(bench.path("")).env("NO_COLOR", "1");
        let ran = Ran::of(&mut command);
        ran.failed(1, &["error: "]);
        assert!(ran.stderr.contains("large") || ran.stderr.contains("full"), "{output}: {}", ran.stderr);
        assert_eq!(bench.made(), ["long.csv"], "{output}: {}", ran.stderr);
    }
}

#[test]
fn an_output_of_a_storyboard_that_fails_leaves_the_others_alone() {
    let bench = Bench::new();
    bench.write(
        "film.yaml",
        b"moue: 1\noutput: {size: 128x128, fps: 25}\ncast: {me: me.png}\nshots:\n\
          - beats: [hold 1s, then 0.5s to delight, hold 1s]\n- beats: [hold 0.4s]\n",
    );
    // It takes frames of the first part of the film, and none of the second.
    let broken = "gst: videoconvert ! identity error-after=20 ! fakesink";
    let others = ["-o", "film.mp4", "-o", "frames/", "-o", "live/a.m3u8", "--json"];
    let ran = bench.run(&[&["storyboard", "film.yaml", "-o", broken], &others[..]].concat());
    ran.failed(1, &["gst: videoconvert ! identity ! fakesink: encoding failed"]);
    let film = &ran.json()["film"];
    assert_eq!((film["failures"].as_array().unwrap().len(), film["outputs"].as_array().unwrap().len()), (1, 2));
    assert_eq!(film["live"][0]["failure"], serde_json::Value::Null);
    let frames = film["frames"].as_u64().unwrap();
    assert_eq!(fs::read_dir(bench.path("frames")).unwrap().count() as u64, frames);
    assert_eq!(decode(&bench.path("film.mp4"), 128, 128).len() as u64, frames);
    // Alone, it is the reason that there is nothing.
    bench.run(&["storyboard", "film.yaml", "-o", broken]).failed(1, &["identity ! fakesink: encoding failed"]);

    // A part that cannot be kept: no film of it, but all else; and the film as soon as there is room.
    let line = format!(
        "trap '' XFSZ; ulimit -f 8; \
         exec '{PROGRAM}' storyboard film.yaml -o b.mp4 -o 'gst: videoconvert ! fakesink' --json"
    );
    let mut command = Command::new("bash");
    command.args(["-c", &line]).current_dir(bench.path("")).env("NO_COLOR", "1");
    let ran = Ran::of(&mut command);
    ran.failed(1, &["b.mp4: not made, as a part of it is lost: ", "the disk is full", "hint: make room"]);
    assert_eq!(ran.json()["film"]["outputs"][0]["frames"], frames);
    assert!(!bench.path("b.mp4").exists());
    bench.run(&["storyboard", "film.yaml", "-o", "b.mp4"]).succeeded();
    assert_eq!(decode(&bench.path("b.mp4"), 128, 128).len() as u64, frames);
}

#[test]
fn a_missing_element_is_named_with_its_package() {
    let bench = Bench::new();
    fs::create_dir(bench.path("plugins")).unwrap();
    let without_plugins = |arguments: &[&str]| {
        let mut command = bench.command(arguments);
        command.env("GST_PLUGIN_SYSTEM_PATH_1_0", bench.path("plugins"));
        command.env("GST_REGISTRY_1_0", bench.path("plugins/registry.bin"));
        command.env("GST_PLUGIN_PATH_1_0", "");
        Ran::of(&mut command)
    };
    without_plugins(&["animate", "me.png", "motion.csv", "-o", "a.mp4"])
        .failed(1, &["a.mp4", "no element", "hint: apt-get install"]);
    assert!(!bench.path("a.mp4").exists());
    // What needs no plugin still works.
    without_plugins(&["animate", "me.png", "motion.csv", "-o", "a.gif"]).succeeded();

    let doctor = without_plugins(&["doctor", "--json"]).succeeded().json();
    assert_eq!(doctor["ok"], false);
    assert!(doctor["install"].as_str().unwrap().contains("gstreamer1.0-plugins-ugly"), "{doctor}");
    let table = without_plugins(&["doctor"]);
    assert!(table.succeeded().stdout.contains("missing  x264enc"), "{}", table.stdout);
}

#[test]
fn one_failing_output_takes_the_others_with_it() {
    let bench = Bench::new();
    bench.write("taken.mp4", b"precious");
    let ran = bench.animate("me.png", "motion.csv", &["-o", "a.gif", "-o", "b.mkv", "-o", "taken.mp4"]);
    ran.failed(1, &["taken.mp4", "already"]);
    assert_eq!(bench.made(), ["taken.mp4"]);
}
