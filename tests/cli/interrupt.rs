//! Ctrl-C.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::harness::{Bench, motion, probe};

/// Longest time that a run may take to stop. A debug build on a busy machine is slow; hanging takes for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run of ten minutes that has rendered some frames: returns once it has said how far it is.
fn long_run(bench: &Bench, outputs: &[&str]) -> (Child, thread::JoinHandle<String>) {
    bench.write("long.csv", motion(600.0).as_bytes());
    let arguments = [&["animate", "me.png", "long.csv", "--size", "256x256", "--json"], outputs].concat();
    let mut command = bench.command(&arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("/15001 frames") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "ended early: {said}");
    }
    // Somebody has to go on reading, or the program would wait for room in the pipe.
    let rest = thread::spawn(move || {
        stderr.read_to_string(&mut said).unwrap();
        said
    });
    (child, rest)
}

fn interrupt(child: &Child) {
    signal(child, &["INT"]);
}

fn signal(child: &Child, names: &[&str]) {
    let kills: Vec<String> = names.iter().map(|name| format!("kill -{name} {}", child.id())).collect();
    let sent = Command::new("bash").args(["-c", &kills.join(" && ")]).status().unwrap();
    assert!(sent.success());
}

fn end(mut child: Child, stderr: thread::JoinHandle<String>) -> (Option<i32>, String, String) {
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("did not stop: {}", stderr.join().unwrap());
        }
        thread::sleep(Duration::from_millis(20));
    };
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    (status.code(), stdout, stderr.join().unwrap())
}

#[test]
fn one_finishes_the_files_with_what_there_is() {
    let bench = Bench::new();
    let (child, stderr) = long_run(&bench, &["-o", "a.mp4", "-o", "a.mkv"]);
    interrupt(&child);
    let (code, stdout, stderr) = end(child, stderr);
    assert_eq!(code, Some(130), "{stderr}");
    assert!(stderr.contains("interrupted: finishing the files"), "{stderr}");
    let summary: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(summary["interrupted"], true);
    let frames = summary["frames"].as_u64().unwrap();
    assert!(frames > 0 && frames < 15_001, "{frames}");
    for file in ["a.mp4", "a.mkv"] {
        assert_eq!(probe(&bench.path(file))["streams"][0]["nb_read_frames"], frames.to_string(), "{file}");
    }
    assert_eq!(bench.made(), ["a.mkv", "a.mp4", "long.csv"]);
}

#[test]
fn two_stop_at_once_and_leave_nothing() {
    let bench = Bench::new();
    let (child, stderr) = long_run(&bench, &["-o", "a.mp4", "-o", "frames/"]);
    // Two of a kind that are waiting at the same time arrive as one, and what has few frames is finished before the second:
    // hence two kinds, which it finds when it wakes up.
    signal(&child, &["STOP", "INT", "TERM", "CONT"]);
    let (code, stdout, stderr) = end(child, stderr);
    assert_eq!(code, Some(130), "{stderr}");
    assert_eq!(stdout, "");
    assert!(stderr.contains("no file was written"), "{stderr}");
    assert_eq!(bench.made(), ["long.csv"]);
}
