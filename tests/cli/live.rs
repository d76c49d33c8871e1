//! Streams beside files, against a real RTMP server on the loopback.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use image::Rgb;

use self::rtmp::{Server, wait_for};
use crate::harness::{Bench, PROGRAM, Ran, head, motion, probe};

#[path = "../../crates/media/tests/support/rtmp.rs"]
#[allow(dead_code, reason = "the tests of moue-media use all of it")]
pub mod rtmp;

/// A run that goes on while the test does things to it.
pub struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
    listener: Option<thread::JoinHandle<()>>,
}

impl Running {
    pub fn start(bench: &Bench, arguments: &[&str]) -> Self {
        Self::of(&mut bench.command(arguments))
    }

    pub fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (stderr, said) = (child.stderr.take().unwrap(), Arc::new(Mutex::new(String::new())));
        let heard = Arc::clone(&said);
        let listener = thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let mut said = heard.lock().unwrap();
                said.push_str(&line.unwrap());
                said.push('\n');
            }
        });
        Self { child, said, listener: Some(listener) }
    }

    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said that.
    pub fn wait_for(&mut self, words: &str) {
        wait_for(words, || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() || self.said().contains(words), "ended without {words:?}: {}", self.said());
            self.said().contains(words)
        });
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    pub fn end(mut self) -> Ran {
        wait_for("the end", || self.child.try_wait().unwrap().is_some());
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        self.listener.take().unwrap().join().unwrap();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        let stderr = self.said.lock().unwrap().clone();
        Ran { code, stdout, stderr }
    }
}

impl Drop for Running {
    /// Nothing goes on when a test has failed.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn frames(path: &Path) -> u64 {
    probe(path)["streams"][0]["nb_read_frames"].as_str().unwrap().parse().unwrap()
}

const SMALL: [&str; 4] = ["--size", "96x96", "--json", "--overwrite"];

#[test]
fn a_stream_goes_out_in_real_time_beside_a_file() {
    let (bench, server) = (Bench::new(), Server::up());
    bench.write("long.csv", motion(3.0).as_bytes());
    let address = server.address("live");
    let ran = bench.run(&[&["animate", "me.png", "long.csv", "-o", &address, "-o", "a.mp4"], &SMALL[..]].concat());
    let summary = ran.succeeded().json();
    assert_eq!(summary["frames"], 76);
    assert_eq!(frames(&bench.path("a.mp4")), 76);
    assert!(summary["seconds"].as_f64().unwrap() > 2.9, "in real time: {summary}");
    let leg = &summary["live"][0];
    assert_eq!(
        (&leg["kind"], &leg["sessions"], &leg["failure"]),
        (&"RTMP".into(), &1.into(), &serde_json::Value::Null)
    );
    let (recordings, sent) = (server.recordings(), leg["sent"].as_u64().unwrap());
    assert_eq!(recordings.len(), 1);
    // The server has all that was sent: the run says farewell.
    assert_eq!(frames(&recordings[0]), sent);
    assert!(ran.stderr.contains("/live/...: live") && ran.stderr.contains("streamed rtmp://"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("/live/key"), "the key is a secret: {}", ran.stderr);
}

#[test]
fn a_file_has_every_frame_whatever_the_server_does() {
    let (bench, mut server) = (Bench::new(), Server::down());
    bench.write("long.csv", motion(60.0).as_bytes());
    let address = server.address("live");
    let arguments = [&["animate", "me.png", "long.csv", "-o", &address, "-o", "a.mkv"], &SMALL[..]].concat();
    let mut running = Running::start(&bench, &arguments);
    running.wait_for("not live: ");
    server.start();
    running.wait_for(": live");
    server.kill();
    wait_for("noticing", || running.said().matches("not live: ").count() == 2);
    server.start();
    running.wait_for("live again after ");
    running.signal("TERM");
    let ran = running.end();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    let summary = ran.json();
    assert_eq!(frames(&bench.path("a.mkv")), summary["frames"].as_u64().unwrap());
    assert_eq!((&summary["interrupted"], &summary["live"][0]["sessions"]), (&true.into(), &2.into()));
    assert_eq!(ran.stderr.matches("not live: ").count(), 2, "once per change: {}", ran.stderr);
}

#[test]
fn a_stream_that_never_was_is_a_failure_and_the_file_is_there() {
    let (bench, server) = (Bench::new(), Server::down());
    bench.write("long.csv", motion(1.0).as_bytes());
    let address = server.address("live");
    let ran = bench.run(&[&["animate", "me.png", "long.csv", "-o", &address, "-o", "a.mp4"], &SMALL[..2]].concat());
    ran.failed(1, &["error: rtmp://", "nothing listens", "hint: ", "wrote a.mp4, 26 frames"]);
    assert!(!ran.stderr.contains("streamed"), "{}", ran.stderr);
    assert_eq!(frames(&bench.path("a.mp4")), 26);
}

#[test]
fn fail_fast_ends_instead_and_the_file_has_what_there_was() {
    let (bench, server) = (Bench::new(), Server::down());
    bench.write("long.csv", motion(60.0).as_bytes());
    let address = server.address("live");
    let arguments = ["animate", "me.png", "long.csv", "--fail-fast", "-o", &address, "-o", "a.mp4"];
    let ran = bench.run(&[&arguments, &SMALL[..2]].concat());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("error: ") && ran.stderr.contains("hint: "), "{}", ran.stderr);
    let written = frames(&bench.path("a.mp4"));
    assert!((1..1501).contains(&written), "{written}");
}

#[test]
fn a_server_that_is_down_at_the_end_is_a_failure() {
    let (bench, mut server) = (Bench::new(), Server::up());
    bench.write("long.csv", motion(60.0).as_bytes());
    let arguments = ["animate", "me.png", "long.csv", "-o", &server.address("live"), "-o", "a.mkv"];
    let mut running = Running::start(&bench, &[&arguments, &SMALL[..3]].concat());
    running.wait_for(": live");
    server.kill();
    running.wait_for("not live: ");
    running.signal("TERM");
    let ran = running.end();
    ran.failed(1, &["it was lost before the end: ", "hint: "]);
    let (summary, written) = (ran.json(), frames(&bench.path("a.mkv")));
    assert!(summary["live"][0]["failure"].is_string() && summary["frames"] == written, "{summary}");
}

#[test]
fn srt_that_nobody_answers_is_not_said_to_be_streamed() {
    let bench = Bench::new();
    let address = format!("srt://127.0.0.1:{}", rtmp::free_port());
    let ran = bench.run(&[&["animate", "me.png", "motion.csv", "-o", &address, "-o", "a.mp4"], &SMALL[..2]].concat());
    ran.failed(1, &["srt://127.0.0.1:", "when the stream ended", "wrote a.mp4, 11 frames"]);
    assert!(!ran.stderr.contains("streamed"), "{}", ran.stderr);
}

#[test]
fn elements_that_hang_hold_nobody() {
    let bench = Bench::new();
    bench.write("long.csv", motion(60.0).as_bytes());
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = deaf.local_addr().unwrap().port();
    // The first frame is more than the system takes for somebody who does not read.
    let raw =
        format!("gst: videoscale ! video/x-raw,width=4096,height=4096 ! tcpclientsink host=127.0.0.1 port={port}");
    let arguments = ["animate", "me.png", "long.csv", "-o", &raw, "-o", "a.mkv"];
    let mut running = Running::start(&bench, &[&arguments, &SMALL[..2]].concat());
    running.wait_for("rendering 1501 frames");
    thread::sleep(Duration::from_secs(1));
    running.signal("TERM");
    let (asked, ran) = (Instant::now(), running.end());
    // Far less than the time it takes no frame for, with which it would be given up anyway.
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}: {}", asked.elapsed(), ran.stderr);
    ran.failed(1, &["gst: videoscale ! video/x-raw ! tcpclientsink: ", "hint: ", "wrote a.mkv"]);
    assert!(frames(&bench.path("a.mkv")) > 0);
    // What lies where one wants to write is safe from them too.
    bench.write("mine.dat", b"mine");
    let taken = ["animate", "me.png", "motion.csv", "-o", "gst: filesink location=mine.dat"];
    bench.run(&taken).failed(1, &["mine.dat: there is a file of that name already"]);
    let twice = [&taken[..], &["-o", "mine.dat"]].concat();
    assert_ne!(bench.run(&twice).code, 0);
    assert_eq!(std::fs::read(bench.path("mine.dat")).unwrap(), b"mine");
}

#[test]
fn a_loop_goes_on_until_it_is_stopped() {
    let bench = Bench::new();
    let arguments = ["animate", "me.png", "motion.csv", "--loop", "-o", "web.m3u8", "-o", "a.mp4"];
    let began = Instant::now();
    let mut running = Running::start(&bench, &[&arguments, &SMALL[..3]].concat());
    running.wait_for("web.m3u8: live");
    // Longer than the motion, which has 11 frames.
    let playlist = bench.path("web.m3u8");
    let segments = || std::fs::read_to_string(&playlist).unwrap_or_default().matches("#EXTINF").count();
    wait_for("three segments", || segments() >= 3);
    wait_for("the file", || bench.path("a.mp4").exists());
    let on_air = Instant::now();
    let before = segments();
    wait_for("more segments", || segments() >= (before + 2).min(6));
    thread::sleep(Duration::from_secs(1));
    let on_air = on_air.elapsed();
    running.signal("INT");
    let ran = running.end();
    let summary = ran.succeeded().json();
    assert_eq!(summary["frames"], 11);
    let seconds = summary["seconds"].as_f64().unwrap();
    assert!(seconds + on_air.as_secs_f64() < began.elapsed().as_secs_f64(), "the time of one pass: {seconds}");
    assert_eq!(ran.stderr.matches("11/11 frames").count(), 1, "{}", ran.stderr);
    assert_eq!(frames(&bench.path("a.mp4")), 11, "files get it once");
    assert!(frames(&playlist) > 50);
}

#[test]
fn a_storyboard_goes_on_air() {
    let (bench, server) = (Bench::new(), Server::up());
    bench.write(
        "film.yaml",
        b"moue: 1\noutput: {size: 96x96, fps: 25}\ncast: {ada: me.png}\nshots:\n  - length: 1s\n    beats: [then 0.4s to delight]\n  - length: 1s\n",
    );
    let address = server.address("live");
    for outputs in
        [&["-o", &address][..], &["-o", &address, "-o", "film.mp4"], &["-o", &address, "-o", "film.mp4", "--overwrite"]]
    {
        let ran = bench.run(&[&["storyboard", "film.yaml", "--json"], outputs].concat());
        let summary = ran.succeeded().json();
        assert_eq!(summary["film"]["live"][0]["frames"], 50, "also what is kept goes on air");
        assert_eq!(summary["film"]["live"][0]["sessions"], 1);
    }
    assert_eq!(frames(&bench.path("film.mp4")), 50);
    assert_eq!(server.recordings().len(), 3);
    // A server that never comes fails the stream, not the film.
    let absent = ["storyboard", "film.yaml", "-o", "rtmp://127.0.0.1:1/live/key", "-o", "film2.mp4"];
    let ran = bench.run(&absent);
    ran.failed(1, &["nothing listens at 127.0.0.1:1", "hint: ", "film2.mp4, 50 frames"]);
    assert_eq!(frames(&bench.path("film2.mp4")), 50);
    // One that the film is not to outlive ends it; what is finished of it is kept.
    let ran = bench.run(&[&absent[..], &["--fail-fast", "--restart", "--overwrite"]].concat());
    ran.failed(1, &["nothing listens at 127.0.0.1:1", "parts of the film are finished and kept", "the same command"]);
    let wrong = bench.run(&["storyboard", "film.yaml", "--loop", "-o", "b.mp4"]);
    wrong.failed(2, &["--loop is for live outputs"]);
}

#[test]
fn a_disk_that_fills_ends_one_file_and_not_the_others() {
    let bench = Bench::new();
    bench.write("long.csv", motion(20.0).as_bytes());
    // No file may have more than 40 kB: as good as a full disk, for one file alone.
    let limited = format!("trap '' XFSZ; ulimit -f 40; exec {PROGRAM} \"$@\"");
    let arguments = ["animate", "me.png", "long.csv", "--size", "96x96", "--json", "-o", "a.mkv", "-o", "frames/"];
    let mut command = Command::new("bash");
    command.args(["-c", &limited, "moue"]).args(arguments).current_dir(bench.path("")).stdin(Stdio::null());
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("a.mkv: the disk is full; the file ends after") && stderr.contains("hint: "), "{stderr}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["frames"], summary["failures"].as_array().unwrap().len()), (&501.into(), 1));
    assert_eq!(std::fs::read_dir(bench.path("frames")).unwrap().count(), 501);
    let written = frames(&bench.path("a.mkv"));
    assert!((1..501).contains(&written), "{written}");
}

#[test]
fn a_file_in_fragments_survives_whatever_kills_the_program() {
    let bench = Bench::new();
    bench.write("long.csv", motion(600.0).as_bytes());
    bench.write("safe.yaml", b"moue: 1\noutputs:\n- to: a.mp4\n  encoder: {fragmented: true}\n");
    let mut running =
        Running::start(&bench, &["animate", "me.png", "long.csv", "--pipeline", "safe.yaml", "--size", "256x256"]);
    let part = || bench.made().into_iter().find(|name| name.starts_with(".a.partial"));
    wait_for("some fragments", || {
        assert!(running.child.try_wait().unwrap().is_none(), "{}", running.said());
        part().is_some_and(|name| bench.path(&name).metadata().unwrap().len() > 100_000)
    });
    running.signal("KILL");
    running.child.wait().unwrap();
    assert!(!bench.path("a.mp4").exists(), "it is not whole");
    assert!(frames(&bench.path(&part().unwrap())) > 25);
}

/// A camera that shows a face and, in the upper left corner, the number of the frame as 16 squares.
struct Camera {
    ffmpeg: Child,
    /// When each number was sent.
    sent: Arc<Mutex<Vec<Instant>>>,
}

const CAMERA: u32 = 200;
const SQUARE: u32 = 16;

impl Camera {
    fn on_air(address: &str) -> Self {
        let mut command = Command::new("ffmpeg");
        let input = format!("-v error -f rawvideo -pix_fmt rgb24 -s {CAMERA}x{CAMERA} -r 25 -i - -pix_fmt yuv420p");
        command.args(input.split(' ')).args("-c:v libx264 -preset ultrafast -tune zerolatency -g 25 -f flv".split(' '));
        let mut ffmpeg = command.arg(address).stdin(Stdio::piped()).spawn().expect("ffmpeg runs");
        let (mut input, sent) = (ffmpeg.stdin.take().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let sending = Arc::clone(&sent);
        thread::spawn(move || {
            let (mut picture, began) = (head(), Instant::now());
            for number in 0_u32.. {
                for (x, y) in (0..8 * SQUARE).flat_map(|x| (0..2 * SQUARE).map(move |y| (x, y))) {
                    let bit = y / SQUARE * 8 + x / SQUARE;
                    picture.put_pixel(x, y, Rgb([if number >> bit & 1 == 1 { 255 } else { 0 }; 3]));
                }
                let due = began + Duration::from_millis(40) * number;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                sending.lock().unwrap().push(Instant::now());
                if input.write_all(picture.as_raw()).is_err() {
                    return;
                }
            }
        });
        Self { ffmpeg, sent }
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        let _ = self.ffmpeg.kill();
        let _ = self.ffmpeg.wait();
    }
}

/// Numbers that a client reads, and when.
type Seen = Arc<Mutex<Vec<(u32, Instant)>>>;

/// A client that reads the numbers in the inset.
fn viewer(address: &str, side: u32) -> (Child, Seen) {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "quiet", "-nostdin", "-fflags", "nobuffer", "-probesize", "20000", "-i", address]);
    command.args(["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"]);
    let mut process = command.stdout(Stdio::piped()).spawn().expect("ffmpeg runs");
    let (mut output, numbers) = (process.stdout.take().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&numbers);
    thread::spawn(move || {
        let mut bytes = vec![0; (side * side) as usize];
        let (inset, square) = (side / 4, side / 4 * SQUARE / CAMERA);
        while output.read_exact(&mut bytes).is_ok() {
            let is_white = |bit: &u32| {
                let (x, y) = (bit % 8 * square + square / 2, bit / 8 * square + square / 2);
                bytes[((side - inset + y) * side + side - inset + x) as usize] > 128
            };
            seen.lock().unwrap().push(((0..16).filter(is_white).map(|bit| 1 << bit).sum(), Instant::now()));
        }
    });
    (process, numbers)
}

#[test]
fn a_camera_drives_the_portrait_at_once() {
    const SIDE: u32 = 400;
    let (bench, server) = (Bench::new(), Server::up());
    let (camera, output) = (server.address("plain"), server.address("live"));
    let camera_on_air = Camera::on_air(&camera);
    wait_for("the camera", || camera_on_air.sent.lock().unwrap().len() > 50);
    let arguments = ["animate", "me.png", &camera, "--neutral", "me.png", "--inset", "--size", "400x400", "--json"];
    let mut running = Running::start(&bench, &[&arguments[..], &["-o", &output, "-o", "a.mp4"]].concat());
    running.wait_for("/live/...: live");
    let (mut client, seen) = viewer(&output, SIDE);
    wait_for("pictures", || seen.lock().unwrap().len() > 60);
    running.signal("INT");
    let ran = running.end();
    client.kill().unwrap();
    client.wait().unwrap();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    let summary = ran.json();
    assert_eq!(frames(&bench.path("a.mp4")), summary["frames"].as_u64().unwrap());
    let driver = &summary["motion"]["driver"];
    assert!(driver["frames"].as_u64().unwrap() > 50 && driver["frames_without_face"] == 0, "{driver}");
    // The file keeps the time, whatever was dropped.
    let (duration, seconds) = (summary["duration"].as_f64().unwrap(), summary["seconds"].as_f64().unwrap());
    assert!(duration > 2.0 && duration < seconds + 0.1, "{duration} s of video in {seconds} s");
    // What a client sees was in front of the camera before.
    let (sent, seen) = (camera_on_air.sent.lock().unwrap(), seen.lock().unwrap());
    let delays: Vec<f64> =
        seen.iter().map(|(number, at)| at.duration_since(sent[*number as usize]).as_secs_f64() * 1e3).collect();
    assert!(delays.iter().all(|delay| *delay > 0.0) && seen.is_sorted_by_key(|(number, _)| *number), "{seen:?}");
    let mut sorted = delays.clone();
    sorted.sort_by(f64::total_cmp);
    println!(
        "glass to glass, {} frames: median {:.0} ms, 95 % within {:.0} ms; of it in moue {:.0} ms",
        sorted.len(),
        sorted[sorted.len() / 2],
        sorted[sorted.len() * 95 / 100],
        driver["latency_ms"][0].as_f64().unwrap()
    );
}

#[test]
fn a_live_source_is_not_known_beforehand() {
    let (bench, server) = (Bench::new(), Server::up());
    let camera = server.address("plain");
    let _on_air = Camera::on_air(&camera);
    for (option, value) in [("--start", "1s"), ("--neutral", "2s"), ("--measure=5", "--quiet")] {
        let ran = bench.run(&["animate", "me.png", &camera, option, value, "-o", "web.m3u8"]);
        ran.failed(2, &["does not go with a live source", "hint: "]);
    }
}

#[test]
fn a_source_that_is_silent_holds_nobody_and_its_key_is_told_to_nobody() {
    let (bench, server) = (Bench::new(), Server::up());
    // Nobody publishes there.
    let silent = format!("{}?key=secret", server.address("plain").replace("rtmp://", "rtmp://me:secret@"));
    let running = Running::start(&bench, &["animate", "me.png", &silent, "-o", "web.m3u8", "-v"]);
    thread::sleep(Duration::from_secs(2));
    running.signal("TERM");
    let (asked, ran) = (Instant::now(), running.end());
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}: {}", asked.elapsed(), ran.stderr);
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
    let ran = bench.run(&["animate", "me.png", "foo://me:secret@h/x?k=secret", "-o", "a.mp4"]);
    ran.failed(1, &["foo://h/x?...: nothing here reads 'foo://'", "hint: "]);
    assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
}
