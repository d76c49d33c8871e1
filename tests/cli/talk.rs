//! What is said where: data on stdout, talk on stderr, colours only where they are wanted.

use crate::harness::{Bench, Ran};

#[test]
fn talk_goes_to_stderr_and_quiet_has_none() {
    let bench = Bench::new();
    let talkative = bench.animate("me.png", "motion.csv", &["-o", "a.gif"]);
    assert_eq!(talkative.succeeded().stdout, "");
    for word in ["the portrait's expression:", "11/11 frames, 100 %", "wrote a.gif", "frames/s"] {
        assert!(talkative.stderr.contains(word), "{word} in {}", talkative.stderr);
    }
    assert!(!talkative.stderr.contains('\x1b'), "NO_COLOR is heeded");

    let quiet = bench.animate("me.png", "motion.csv", &["-o", "b.gif", "--quiet"]);
    assert_eq!((quiet.succeeded().stderr.as_str(), quiet.stdout.as_str()), ("", ""));
    // Errors are not talk.
    bench.animate("me.png", "motion.csv", &["-o", "b.gif", "-q"]).failed(1, &["b.gif"]);

    let data = bench.animate("me.png", "motion.csv", &["-o", "c.gif", "-q", "--json"]);
    assert_eq!(data.succeeded().stderr, "");
    assert_eq!(data.json()["frames"], 11);
}

#[test]
fn colours_can_be_forced_and_verbosity_is_logged() {
    let bench = Bench::new();
    let mut forced = bench.command(&["animate", "nowhere.png", "motion.csv", "-o", "a.gif"]);
    let forced = Ran::of_coloured(forced.env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1"));
    assert!(forced.contains("\x1b["), "{forced}");

    let verbose = bench.animate("me.png", "motion.csv", &["-o", "a.mp4", "-vv"]);
    assert!(verbose.succeeded().stderr.contains("DEBUG"), "{}", verbose.stderr);
}

#[test]
fn a_measurement_is_a_table_on_stdout() {
    let bench = Bench::new();
    let ran = bench.animate("me.png", "motion.csv", &["-o", "a.gif", "--measure=5"]);
    for word in ["measured 3 frames (every 5)", "shape", "corr.", "slope", "jawOpen", "not asked to move"] {
        assert!(ran.succeeded().stdout.contains(word), "{word} in {}", ran.stdout);
    }
}

#[test]
fn doctor_lists_what_this_machine_can_do() {
    let bench = Bench::new();
    let table = bench.run(&["doctor"]);
    for word in ["GStreamer 1.", "x264enc", "mp4mux", "CUDA", "face detector", "model files", "Nothing is missing"] {
        assert!(table.succeeded().stdout.contains(word), "{word} in {}", table.stdout);
    }
    let data = bench.run(&["doctor", "--json"]).succeeded().json();
    assert_eq!(data["ok"], true);
    assert_eq!(data["install"], serde_json::Value::Null);
    assert!(data["gstreamer"]["version"].as_str().unwrap().starts_with("1."));
    let elements = data["elements"].as_array().unwrap();
    assert!(elements.iter().all(|element| {
        element["present"] == true && element["package"].is_string() && element["absence"].is_string()
    }));
    assert!(data["encoders"].as_array().unwrap().iter().any(|encoder| encoder["element"] == "x264enc"));
    assert!(data["cuda"]["usable"].is_boolean());
    assert!(data["models"].as_array().unwrap().len() >= 4);
    assert!(data["diffusion"]["found"].as_u64() <= data["diffusion"]["needed"].as_u64());
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let line = format!("'{}' doctor > /dev/full", crate::harness::PROGRAM);
    Ran::of(std::process::Command::new("bash").args(["-c", &line])).failed(1, &["stdout: No space left", "hint: "]);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let bench = Bench::new();
    let line = format!("'{}' animate --help | head -n 1; exit ${{PIPESTATUS[0]}}", crate::harness::PROGRAM);
    let mut command = std::process::Command::new("bash");
    let ran = Ran::of(command.args(["-c", &line]).current_dir(bench.path("")));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}
