//! Storyboards: panels, films, and work that is never lost.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Bench, Ran, decode, probe, repository, times};

/// Longest time that anything may take here. A debug build on a busy machine is slow; hanging takes for ever.
const PATIENCE: Duration = Duration::from_secs(120);

/// Three shots of a second each: a dissolve between the first two, a fade before the third, a voice in the second.
const BOARD: &str = r##"moue: 1
title: A <test> & more
output: {size: 96x96, background: "#204060"}
cast: {ada: me.png, bo: {portrait: me.png, rest: smile*0.5}}
defaults: {length: 1s, character: ada}
shots:
  - {name: one, caption: The first one., beats: at 0.5s to surprise}
  - {name: two, character: bo, dialogue: Hello there!, sound: {file: voice.wav, at: 0.2s}, transition: dissolve 0.2s, framing: whole to head*1.2, beats: at 0.4s to delight}
  - {name: three, carry: true, transition: fade 0.4s, beats: at 0.6s to doubt}
end: fade 0.2s
"##;

fn studio() -> Bench {
    let bench = Bench::new();
    bench.write("board.yaml", BOARD.as_bytes());
    fs::copy(repository("examples/storyboards/sounds/bo.wav"), bench.path("voice.wav")).unwrap();
    bench
}

fn storyboard(bench: &Bench, more: &[&str]) -> Ran {
    bench.run(&[&["storyboard", "board.yaml"], more].concat())
}

fn edit(bench: &Bench, from: &str, to: &str) {
    let text = fs::read_to_string(bench.path("board.yaml")).unwrap();
    assert!(text.contains(from), "{from}");
    bench.write("board.yaml", text.replace(from, to).as_bytes());
}

/// The coded frames of a film, without what muxers add: hashes of its packets.
fn packets(bench: &Bench, name: &str) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time,data_hash"])
        .args(["-show_data_hash", "md5", "-of", "csv=p=0"])
        .arg(bench.path(name))
        .output()
        .unwrap();
    assert!(output.status.success() && !output.stdout.is_empty());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_storyboard_becomes_a_film_and_a_board() {
    let bench = studio();
    let outputs = ["film.mp4", "film.webm", "frames/", "board.html", "board.pdf", "board.png"];
    let arguments: Vec<&str> = outputs.iter().flat_map(|output| ["-o", output]).chain(["--json"]).collect();
    let ran = storyboard(&bench, &arguments);
    let summary = ran.succeeded().json();
    assert_eq!(summary["title"], "A <test> & more");
    assert_eq!((&summary["film"]["frames"], &summary["film"]["rendered"]), (&75.into(), &75.into()));
    assert_eq!(summary["boards"].as_array().unwrap().len(), 3);

    for name in ["film.mp4", "film.webm"] {
        let probed = probe(&bench.path(name));
        assert_eq!(probed["streams"][0]["nb_read_frames"], "75", "{name}");
        for (index, time) in times(&probed).into_iter().enumerate() {
            assert!((time - index as f64 / 25.0).abs() < 0.0011, "{name}: frame {index} at {time}");
        }
    }
    // The fades go through the background; the dissolve has both.
    let frames = decode(&bench.path("film.mp4"), 96, 96);
    let near = |index: usize, x: u32, y: u32| frames[index].get_pixel(x, y).0;
    let blue = [0x20, 0x40, 0x60];
    let distance = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b))).max().unwrap();
    assert!(distance(near(74, 48, 48), blue) < 40 && distance(near(60, 48, 48), blue) > 60);
    assert!(distance(near(50, 48, 48), blue) < 40, "the middle of the fade");
    // PNG frames are the film before it is coded.
    assert_eq!(fs::read_dir(bench.path("frames")).unwrap().count(), 75);
    for index in [0, 12, 27, 40, 74] {
        let exact = image::open(bench.path(&format!("frames/{index:05}.png"))).unwrap().to_rgb8();
        let error: u64 = exact.iter().zip(frames[index].iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        assert!(error / (exact.len() as u64) < 4, "frame {index}: {error}");
    }
    // The voice says nothing before its place in the second shot, and something at its place.
    let sound = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(bench.path("film.mp4"))
        .args(["-f", "s16le", "-ac", "1", "-ar", "8000", "-"])
        .output()
        .unwrap();
    let samples: Vec<i16> = sound.stdout.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
    let loudest = |from: f64, to: f64| {
        let at = |time: f64| (time * 8000.0) as usize;
        samples[at(from)..at(to)].iter().map(|sample| sample.unsigned_abs()).max().unwrap()
    };
    assert!(loudest(0.0, 1.4) < 50, "{}", loudest(0.0, 1.4));
    assert!(loudest(1.5, 1.9) > 1000, "{}", loudest(1.5, 1.9));
    assert!(loudest(2.02, 2.9) < 50, "a sound ends with its shot: {}", loudest(2.02, 2.9));

    let page = fs::read_to_string(bench.path("board.html")).unwrap();
    for text in ["A &lt;test&gt; &amp; more", "The first one.", "Hello there!", "dissolve"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("http://") && !page.contains("src=\"/"), "nothing is loaded from elsewhere");
    assert!(fs::read(bench.path("board.pdf")).unwrap().starts_with(b"%PDF-"));
    assert!(image::open(bench.path("board.png")).unwrap().width() > 300);
}

#[test]
fn only_what_changed_is_rendered_and_the_film_is_the_same_as_from_nothing() {
    let bench = studio();
    storyboard(&bench, &["-o", "film.mp4"]).succeeded();
    let rendered = |ran: &Ran| ran.succeeded().json()["film"]["rendered"].as_u64().unwrap();
    let again = ["-o", "film.mp4", "--overwrite", "--json"];
    assert_eq!(rendered(&storyboard(&bench, &again)), 0);
    // Neither what is written nor what is heard is seen in the film.
    edit(&bench, "The first one.", "Another caption.");
    edit(&bench, "at: 0.2s}", "at: 0.3s}");
    assert_eq!(rendered(&storyboard(&bench, &again)), 0);
    // The first shot, and its half of the dissolve; the third one carries on from it and is another too.
    edit(&bench, "at 0.5s to surprise", "at 0.5s to fear");
    let ran = storyboard(&bench, &again);
    let summary = ran.succeeded().json();
    assert!(rendered(&ran) < 75, "the middle of the second shot stays");
    assert_eq!(summary["film"]["rendered_shots"], serde_json::json!(["one", "two", "three"]));
    let after = packets(&bench, "film.mp4");
    storyboard(&bench, &["-o", "anew.mp4", "--keep", "elsewhere"]).succeeded();
    assert_eq!(after, packets(&bench, "anew.mp4"));
    // A portrait counts by its content.
    let mut portrait = image::open(bench.path("me.png")).unwrap().to_rgb8();
    portrait.pixels_mut().for_each(|pixel| pixel.0[2] = pixel.0[2].saturating_sub(20));
    bench.save("me.png", &portrait);
    assert_eq!(rendered(&storyboard(&bench, &again)), 75);
}

#[test]
fn killed_at_any_moment_it_leaves_nothing_that_looks_finished_and_loses_no_shot() {
    let bench = studio();
    // Longer, so that there is something to kill.
    edit(&bench, "length: 1s", "length: 4s");
    storyboard(&bench, &["-o", "whole.mp4", "--keep", "kept-apart"]).succeeded();
    let expected = packets(&bench, "whole.mp4");
    let mut waits = 0;
    for round in 0u64.. {
        let mut child =
            bench.command(&["storyboard", "board.yaml", "-o", "film.mp4"]).stderr(Stdio::null()).spawn().unwrap();
        // Moments that no clock of the program knows.
        let wait = Duration::from_millis(150 + (round * 379) % 900 + 150 * round);
        let began = Instant::now();
        while began.elapsed() < wait && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        waits += 1;
        if bench.path("film.mp4").exists() {
            assert_eq!(packets(&bench, "film.mp4"), expected, "it has its name only when it is whole");
            break;
        }
        assert!(waits < 60, "never finished");
    }
    assert!(waits > 0, "it was never killed");
    let again = storyboard(&bench, &["-o", "film.mp4", "--overwrite", "--json"]);
    assert_eq!(again.succeeded().json()["film"]["rendered"], 0, "what was finished is still there");
    assert_eq!(packets(&bench, "film.mp4"), expected);
    let kept = fs::read_dir(bench.path("film.moue")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(kept.into_iter().all(|name| !name.to_string_lossy().starts_with('.')), "leftovers are tidied away");
}

#[test]
fn a_ledger_that_does_not_fit_is_told_and_restart_helps() {
    let bench = studio();
    storyboard(&bench, &["-o", "film.mp4"]).succeeded();
    let piece = fs::read_dir(bench.path("film.moue")).unwrap().map(|entry| entry.unwrap().path());
    let piece = piece.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "mkv")).unwrap();
    fs::write(&piece, b"something else").unwrap();
    let again = ["-o", "film.mp4", "--overwrite"];
    storyboard(&bench, &again).failed(1, &["ledger.json", "other content", "hint: --restart"]);
    fs::write(bench.path("film.moue/ledger.json"), "{\"moue_film\": 99}").unwrap();
    storyboard(&bench, &again).failed(1, &["version 99", "hint: --restart"]);
    let ran = storyboard(&bench, &["-o", "film.mp4", "--overwrite", "--restart", "--json"]);
    assert_eq!(ran.succeeded().json()["film"]["rendered"], 75);
}

#[test]
fn what_is_printed_is_what_is_rendered() {
    let bench = studio();
    let printed = storyboard(&bench, &["--print-track", "one"]);
    assert_eq!(printed.succeeded().stdout.lines().count(), 26, "a heading and a row for each frame");
    bench.write("one.csv", printed.stdout.as_bytes());
    storyboard(&bench, &["--shot", "one", "-o", "shot/"]).succeeded();
    bench.animate("me.png", "one.csv", &["-o", "animated/"]).succeeded();
    let frame = |folder: &str, index: usize| fs::read(bench.path(&format!("{folder}/{index:05}.png"))).unwrap();
    for index in 0..25 {
        assert_eq!(frame("shot", index), frame("animated", index), "frame {index}");
    }
    // On its beat's frame the face has the beat's expression, whatever the easing.
    let surprise = storyboard(&bench, &["--print-track", "one"]).stdout;
    let mut lines = surprise.lines();
    let column = lines.next().unwrap().split(',').position(|name| name == "jawOpen").unwrap();
    let jaw: Vec<f64> = lines.map(|line| line.split(',').nth(column).unwrap().parse().unwrap()).collect();
    // AU26*1.1, and AU26 is a jaw opened by 0.4; frame 13 is nearest to 0.5 s.
    assert!((jaw[13] - 0.44).abs() < 1e-6 && jaw[0] == 0.0 && jaw[6] < jaw[13], "{jaw:?}");
    storyboard(&bench, &["--print-track", "ones"]).failed(2, &["no shot `ones`", "did you mean `one`"]);
    storyboard(&bench, &["--shot", "nine", "-o", "x.mp4"]).failed(2, &["no shot `nine`", "hint: "]);
    // By its number, although it has a name.
    storyboard(&bench, &["--shot", "1", "-o", "number/"]).succeeded();
    let count = |folder: &str| fs::read_dir(bench.path(folder)).unwrap().count();
    assert_eq!(count("number"), count("shot"));
}

#[test]
fn drafts_are_small_and_coarse_and_as_long() {
    let bench = studio();
    let ran = storyboard(&bench, &["--draft", "-o", "draft.mp4", "--json"]);
    assert_eq!(ran.succeeded().json()["film"]["size"], serde_json::json!([48, 48]));
    let stream = &probe(&bench.path("draft.mp4"))["streams"][0];
    assert_eq!((&stream["r_frame_rate"], &stream["nb_read_frames"]), (&"12/1".into(), &"36".into()));
    assert_eq!((&stream["width"], &stream["height"]), (&48.into(), &48.into()));
    let ran = storyboard(&bench, &["--shot", "three", "--shot", "one", "-o", "two.mkv", "--json"]);
    assert_eq!(ran.succeeded().json()["film"]["frames"], 50);
}

#[test]
fn mistakes_are_told_all_at_once_and_nothing_is_made() {
    let bench = studio();
    edit(&bench, "to surprise", "to suprise");
    edit(&bench, "file: voice.wav", "file: voices.wav");
    for arguments in [&["storyboard", "check", "board.yaml"][..], &["storyboard", "board.yaml", "-o", "film.mp4"]] {
        let ran = bench.run(arguments);
        ran.failed(1, &["board.yaml:7:", "did you mean `surprise`?", "board.yaml:8:", "voices.wav", "^^^^"]);
    }
    assert!(!bench.path("film.mp4").exists() && !bench.path("film.moue").exists());
    for (arguments, words) in [
        (&["-o", "film.avi"][..], "avi"),
        (&[][..], "no output given"),
        (&["-o", "rtmp://localhost/live"], "stream key"),
    ] {
        storyboard(&bench, arguments).failed(2, &[words, "hint: "]);
    }
}

#[test]
fn names_that_are_taken_are_told_before_anything_is_rendered() {
    let bench = studio();
    bench.write("film.mp4", b"precious");
    storyboard(&bench, &["-o", "film.mp4"]).failed(1, &["film.mp4", "--overwrite"]);
    storyboard(&bench, &["-o", "film.mkv", "-o", "./film.mkv"]).failed(2, &["named twice"]);
    storyboard(&bench, &["-o", "a/b.mp4"]).failed(1, &["a/b.mp4", "hint: "]);
    bench.write("board.html", b"precious");
    storyboard(&bench, &["-o", "board.html"]).failed(2, &["board.html", "--overwrite"]);
    assert_eq!(fs::read(bench.path("film.mp4")).unwrap(), b"precious");
    // What it is made of is never replaced.
    let portrait = fs::read(bench.path("me.png")).unwrap();
    storyboard(&bench, &["-o", "me.png", "--overwrite"]).failed(2, &["me.png is what is read", "hint: "]);
    storyboard(&bench, &["-o", "new.html", "-o", "./new.html"]).failed(2, &["named twice"]);
    assert!(fs::read(bench.path("me.png")).unwrap() == portrait && !bench.path("new.html").exists());
    assert!(!bench.path("film.moue").exists());
}

#[test]
fn one_begins_with_a_starter_that_is_fine() {
    let bench = Bench::new();
    let ran = bench.run(&["storyboard", "new", "first.yaml", "--portrait", "me.png"]);
    ran.succeeded();
    assert!(ran.stderr.contains("moue storyboard first.yaml --draft --watch"), "{}", ran.stderr);
    let checked = bench.run(&["storyboard", "check", "first.yaml"]);
    assert!(checked.succeeded().stderr.contains("3 shots"), "{}", checked.stderr);
    assert!(!checked.stderr.contains("warning"), "{}", checked.stderr);
    bench.run(&["storyboard", "new", "first.yaml"]).failed(2, &["first.yaml", "of that name already", "hint: "]);
    let schema = bench.run(&["storyboard", "schema"]);
    assert_eq!(schema.succeeded().json()["title"], "moue storyboard, version 1");
    let file: serde_json::Value =
        serde_json::from_slice(&fs::read(repository("schemas/storyboard-v1.schema.json")).unwrap()).unwrap();
    assert_eq!(schema.json(), file);
}

#[test]
fn the_examples_are_fine() {
    let bench = Bench::new();
    for name in ["hello", "interview", "six-emotions", "dialogue", "driven"] {
        let path = repository(&format!("examples/storyboards/{name}.yaml"));
        let ran = bench.run(&["storyboard", "check", path.to_str().unwrap()]);
        assert!(!ran.succeeded().stderr.contains("warning"), "{}", ran.stderr);
    }
}

/// A program that runs, and what it has said so far.
struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr, said: String::new() }
    }

    /// Reads on until it says `words`; what it said since the last time.
    fn until(&mut self, words: &str) -> String {
        let from = self.said.len();
        while !self.said[from..].contains(words) {
            assert!(self.stderr.read_line(&mut self.said).unwrap() > 0, "ended early: {}", self.said);
        }
        self.said[from..].to_owned()
    }

    fn interrupt(mut self) -> (Option<i32>, String) {
        let sent = Command::new("bash").args(["-c", &format!("kill -INT {}", self.child.id())]).status().unwrap();
        assert!(sent.success());
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "did not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.stderr.read_to_string(&mut self.said).unwrap();
        (self.child.wait().unwrap().code(), self.said)
    }
}

#[test]
fn watching_makes_again_what_was_saved() {
    let bench = studio();
    let mut running = Running::start(bench.command(&["storyboard", "board.yaml", "--watch", "-o", "film.mp4"]));
    assert!(running.until("watching").contains("wrote film.mp4"));
    edit(&bench, "at 0.6s to doubt", "at 0.6s to anger");
    let said = running.until("watching");
    assert!(said.contains("of 75 frames are new or changed") && said.contains("kept from before"), "{said}");
    edit(&bench, "to anger", "to angre");
    let said = running.until("watching");
    assert!(said.contains("did you mean `anger`?"), "{said}");
    edit(&bench, "to angre", "to anger");
    assert!(running.until("watching").contains("nothing had changed"));
    let (code, _) = running.interrupt();
    assert_eq!(code, Some(0));
    assert_eq!(probe(&bench.path("film.mp4"))["streams"][0]["nb_read_frames"], "75");
}

#[test]
fn an_interrupted_film_goes_on_where_it_was() {
    let bench = studio();
    edit(&bench, "length: 1s", "length: 60s");
    let mut running = Running::start(bench.command(&["storyboard", "board.yaml", "-o", "film.mp4"]));
    running.until("/4500 frames");
    let (code, said) = running.interrupt();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("parts of the film are finished and kept") && said.contains("goes on from there"), "{said}");
    assert!(!bench.path("film.mp4").exists() && bench.path("film.moue").exists());
}

#[test]
fn the_diffusion_renderer_paints_each_frame_once() {
    let bench = studio();
    bench.run(&["models", "synth", "--scale", "tiny", "models"]).succeeded();
    bench.write(
        "board.yaml",
        b"moue: 1\noutput: {size: 64x64, renderer: diffusion, fps: 5, diffusion: {steps: 1, guidance: 1}}\n\
          cast: {ada: me.png}\ndefaults: {length: 1s, blink: false, idle: false}\nshots:\n\
          - {name: a, beats: {at: 0.4s, express: {exp: [1, -1], jaw_x: 0.3}}}\n\
          - {name: b, framing: face*1.5, transition: dissolve 0.4s, beats: to blink}\n",
    );
    let run = |more: &[&str]| storyboard(&bench, &[&["--models", "models", "-o", "film.mp4"], more].concat());
    let ran = run(&["--json"]);
    assert_eq!(ran.succeeded().json()["film"]["rendered"], 10);
    assert!(ran.stderr.contains("loading the denoising network"), "{}", ran.stderr);
    let painted = || {
        let shots = fs::read_dir(bench.path("film.moue/painted")).unwrap().map(|shot| shot.unwrap().path());
        shots.map(|shot| fs::read_dir(shot).unwrap().count()).sum::<usize>()
    };
    assert_eq!(painted(), 12, "five frames each, and two more of the first below the dissolve");
    // Frames are kept by the device that paints them, whether it was named or not.
    assert_eq!(run(&["--json", "--overwrite", "--device", "cpu"]).succeeded().json()["film"]["rendered"], 0);
    // Another view of what was painted takes no painting.
    let text = fs::read_to_string(bench.path("board.yaml")).unwrap();
    bench.write("board.yaml", text.replace("face*1.5", "face*1.2 to face*1.4").as_bytes());
    let ran = run(&["--json", "--overwrite"]);
    assert!(ran.succeeded().json()["film"]["rendered"].as_u64().unwrap() >= 5);
    assert!(!ran.stderr.contains("loading"), "{}", ran.stderr);
    assert_eq!(painted(), 12);
    bench.write("board.yaml", text.replace("face*1.5", "head").as_bytes());
    let words = ["shot b", "the head", "hint: leave --compose out", "`framing: face`"];
    run(&["--overwrite", "--compose", "crop"]).failed(1, &words);
    // A draft needs no models.
    storyboard(&bench, &["--draft", "-o", "draft.mp4", "-o", "draft.html"]).succeeded();
}

#[test]
fn sound_and_rate_are_for_videos_that_are_joined() {
    let bench = Bench::new();
    fs::create_dir(bench.path("frames")).unwrap();
    for more in [["--fps", "25"], ["--sound", "voice.wav"]] {
        let ran = bench.run(&[&["join", "frames", "-o", "whole/"][..], &more].concat());
        ran.failed(2, &[more[0], "frames is a folder of frames", "hint: "]);
    }
    assert!(!bench.path("whole").exists());
}
