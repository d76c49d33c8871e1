//! What is asked for by mistake: refused at once, with what helps, and nothing is lost.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::harness::{Bench, PROGRAM, Ran};

#[test]
fn no_command_replaces_what_it_reads() {
    let bench = Bench::new();
    let names = ["me.png", "motion.csv", "film.yaml", "track.json", "both.csv", "map.npz", "a.mp4", "snd.mp4"];
    bench.write("film.yaml", b"moue: 1\ncast: {ada: me.png}\nshots: [{name: one, length: 1s}]\n");
    names[3..].iter().for_each(|name| bench.write(name, b"as it was"));
    fs::copy(bench.path("motion.csv"), bench.path("track.json")).unwrap();
    fs::create_dir(bench.path("fa")).unwrap();
    bench.write("fa/00000.png", b"as it was");
    std::os::unix::fs::symlink("fa/../both.csv", bench.path("link.csv")).unwrap();
    let before = names.map(|name| fs::read(bench.path(name)).unwrap());
    for line in [
        "farm plan film.yaml --no-sample -o film.yaml",
        "farm plan me.png motion.csv --no-sample -o me.png",
        "farm plan me.png track.json --no-sample -o fa/../track.json",
        "calibrate map.npz -o map.npz",
        "calibrate map.npz -o fa/../map.npz",
        "edit motion.csv -o ./motion.csv",
        "edit motion.csv --to flame --map map.npz -o map.npz",
        "track motion.csv --neutral both.csv -o link.csv",
        "join a.mp4 a.mp4 -o fa/../a.mp4",
        "join fa fa -o fa/",
        "join fa fa -o fa/%05d.png",
        "join a.mp4 --sound snd.mp4 -o snd.mp4",
    ] {
        let arguments: Vec<&str> = line.split(' ').chain(["--overwrite"]).collect();
        bench.run(&arguments).failed(2, &["is what is read", "hint: "]);
    }
    assert!(names.map(|name| fs::read(bench.path(name)).unwrap()) == before);
    assert!(!bench.path("me.yaml").exists() && !bench.path("track.yaml").exists());
}

#[test]
fn what_only_paints_does_not_go_with_a_storyboard_of_the_mesh() {
    let bench = Bench::new();
    bench.write("film.yaml", b"moue: 1\ncast: {ada: me.png}\nshots: [{name: one, length: 1s}]\n");
    for more in
        ["--steps 5", "--dtype f16", "--batch 2", "--noise shared", "--detail 0.5", "--compose crop", "--no-reference"]
    {
        let more: Vec<&str> = more.split(' ').collect();
        let words = [more[0], "does not go with the mesh renderer", "hint: "];
        for line in ["storyboard film.yaml -o film.mp4", "farm plan film.yaml --no-sample -o plan.json"] {
            for draft in [&[][..], &["--draft"]] {
                let line: Vec<&str> = line.split(' ').collect();
                bench.run(&[&line[..], &more, draft].concat()).failed(2, &words);
            }
        }
    }
    for line in
        ["storyboard film.yaml --draft --every 2 -o film.mp4", "storyboard film.yaml --device cuda:0 -o film.mp4"]
    {
        bench.run(&line.split(' ').collect::<Vec<_>>()).failed(2, &["mesh renderer", "hint: "]);
    }
    bench.run(&["storyboard", "film.yaml", "-o", "b.html", "--steps", "5"]).failed(2, &["--steps", "hint: "]);
    assert_eq!(bench.made(), ["film.yaml"]);
}

#[test]
fn options_of_videos_are_not_for_tracks() {
    let bench = Bench::new();
    for more in [&["--smirk"][..], &["--driver-face", "2"], &["--no-sound"], &["--causal"]] {
        let words = [more[0], "is for videos, and motion.csv is a track", "hint: "];
        bench.animate("me.png", "motion.csv", &[more, &["-o", "a.mp4"]].concat()).failed(2, &words);
    }
    bench.run(&["track", "motion.csv", "--smirk", "-o", "a.csv"]).failed(2, &["--smirk", "hint: "]);
    let ran = bench.run(&["track", "motion.csv", "--motion-fps", "50", "-o", "a.csv"]);
    assert!(ran.succeeded().stderr.contains("the given rate of 50 is not used"), "{}", ran.stderr);
    bench.run(&["track", "motion.csv", "--causal", "--smooth", "light", "-o", "b.csv"]).succeeded();
}

#[test]
fn a_pipe_that_nobody_writes_into_is_told() {
    let bench = Bench::new();
    assert!(Command::new("mkfifo").arg(bench.path("ff")).status().unwrap().success());
    let words = ["nobody has written into this pipe", "hint: start what writes into the pipe"];
    bench.run(&["inspect", "ff"]).failed(1, &words);
    bench.run(&["storyboard", "check", "ff"]).failed(1, &words);
    // Whoever writes may begin late, and write slowly.
    let line =
        format!("(sleep 0.5; head -c 40 motion.csv; sleep 0.5; tail -c +41 motion.csv) > ff & '{PROGRAM}' inspect ff");
    let mut shell = Command::new("bash");
    let ran = Ran::of(shell.args(["-c", &line]).current_dir(bench.path("")));
    assert!(ran.succeeded().stdout.contains("5 rows"), "{}", ran.stdout);
    let line = format!("'{PROGRAM}' inspect <(cat motion.csv)");
    let mut shell = Command::new("bash");
    Ran::of(shell.args(["-c", &line]).current_dir(bench.path(""))).succeeded();
}

#[test]
fn a_face_that_is_not_there_is_a_mistake_of_the_storyboard() {
    let bench = Bench::new();
    bench.save("nobody.png", &image::RgbImage::from_pixel(128, 128, image::Rgb([90, 120, 40])));
    bench.write(
        "film.yaml",
        b"moue: 1\ncast:\n  ada: {portrait: me.png, face: 9}\n  bo: nobody.png\nshots:\n  - {character: ada, length: 1s}\n  \
          - {character: bo, length: 1s}\n",
    );
    let ran = bench.run(&["storyboard", "check", "film.yaml"]);
    ran.failed(1, &["film.yaml:3:", "there is no face 9: found 1", "film.yaml:4:", "no face found", "hint: "]);
}

#[test]
fn an_interrupted_film_leaves_no_board() {
    let bench = Bench::new();
    bench.write("film.yaml", b"moue: 1\noutput: {size: 64x64}\ncast: {ada: me.png}\nshots: [{length: 300s}]\n");
    let line = ["storyboard", "film.yaml", "-o", "film.mp4", "-o", "board.html"];
    let mut child = bench.command(&line).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("/7500 frames") {
        assert!(said.read_line(&mut text).unwrap() > 0, "{text}");
    }
    let id = child.id().to_string();
    assert!(Command::new("bash").args(["-c", &format!("kill -INT {id}")]).status().unwrap().success());
    said.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("goes on from there"), "{text}");
    assert!(!bench.path("film.mp4").exists() && !bench.path("board.html").exists());
    // What cannot be written is known before the film is made.
    bench.run(&["storyboard", "film.yaml", "-o", "film.mp4", "-o", "no/b.html"]).failed(2, &["no/b.html", "hint: "]);
}

#[test]
fn a_playlist_makes_its_own_folder() {
    let bench = Bench::new();
    bench.animate("me.png", "motion.csv", &["-o", "live/index.m3u8"]).succeeded();
    assert!(bench.path("live/index.m3u8").exists());
    bench.animate("me.png", "motion.csv", &["-o", "no/live/index.m3u8"]).failed(1, &["no/live", "mkdir -p", "hint: "]);
    assert!(!bench.path("no").exists());
}

#[test]
fn a_film_that_is_joined_is_looked_at_before_its_pieces() {
    let bench = Bench::new();
    bench.write("film.yaml", b"moue: 1\noutput: {size: 64x64}\ncast: {ada: me.png}\nshots: [{length: 0.2s}]\n");
    bench.run(&["farm", "plan", "film.yaml", "--no-sample", "-o", "plan.json"]).succeeded();
    // No task has been run.
    bench.write("film.mp4", b"precious");
    let join = |film: &str| bench.run(&["farm", "join", "plan.json", "-o", film]);
    join("film.mp4").failed(1, &["film.mp4", "--overwrite"]);
    join("no/film.mp4").failed(1, &["no/film.mp4", "mkdir -p"]);
    let ran = join("new.mp4");
    ran.failed(1, &["have no result that can be used"]);
    assert!(ran.stderr.contains("reading the pieces of 5 frames"), "{}", ran.stderr);
}

#[test]
fn hints_are_of_the_mistake_that_was_made() {
    let bench = Bench::new();
    let run = |line: &str| bench.run(&line.split(' ').collect::<Vec<_>>());
    let spelling = "hint: check the spelling";
    run("join nope.mp4 -o x.mp4").failed(1, &["nope.mp4: there is no such file", spelling]);
    run("join me.png nope.mp4 -o x.mp4").failed(1, &["nope.mp4: there is no such file", spelling]);
    bench.animate("me.png", "motion.csv", &["-o", "a.mp4"]).succeeded();
    run("join a.mp4 a.mp4 -o x.webm")
        .failed(1, &["a.mp4: its frames are coded as H.264", "hint: name the whole .mp4 or .mkv"]);
    run("measure motion.csv --motion motion.csv").failed(1, &["found text", "hint: name a video here"]);
    bench.write("far.csv", b"time,jawOpen\n0,0\n1e300,1\n");
    run("inspect far.csv").failed(1, &["expected a number that is not so large", "times are in seconds"]);
    run("farm join plan.json -o film.avi")
        .failed(2, &["hint: a film that is joined is film.mp4, film.mkv or film.webm"]);
    run("storyboard film.yaml -o s.yaml").failed(2, &["board.html, board.pdf or board.png"]);
    run("farm plan nope.jpg motion.csv -o p.json").failed(1, &["nope.jpg: there is no such file", spelling]);
    run("calibrate motion.csv -o map.csv").failed(2, &["map.csv: expected a name ending in .npz", "hint: "]);
    run("storyboard check nope.yaml").failed(1, &["nope.yaml: error: cannot be read: there is no such file", spelling]);
    for (text, words) in [
        ("moue: 1\ninclude: nope.yaml\n", "there is no such file"),
        ("moue: 1\ninclude: .\n", "it is a folder"),
        ("cast: {ada: me.png}\n", "begin with `moue: 1`"),
        ("# nothing\n", "hint: its first line is `moue: 1`"),
        ("moue: 2\n", "hint: write `moue: 1`"),
        ("moue: 1\ncast: {ada: me.png}\nshots: [{motion: me.png}]\n", "hint: a motion is a track or a video"),
    ] {
        bench.write("film.yaml", text.as_bytes());
        let ran = run("storyboard check film.yaml");
        ran.failed(1, &[words, "hint: "]);
        assert!(!ran.stderr.contains("os error"), "{}", ran.stderr);
    }
    let ran = bench.run(&["storyboard", "new", "x y.yaml", "--portrait", "me.png"]);
    assert!(ran.stderr.contains("next: moue storyboard 'x y.yaml' --draft --watch -o 'x y.mp4'"), "{}", ran.stderr);
}

#[test]
fn one_is_one() {
    let bench = Bench::new();
    bench.write("short.csv", b"time,jawOpen\n0,0\n0.01,1\n");
    let ran = bench.animate("me.png", "short.csv", &["-o", "a.mp4"]);
    for words in ["rendering 1 frame\n", "1/1 frame,", "wrote a.mp4, 1 frame,"] {
        assert!(ran.succeeded().stderr.contains(words), "{words}: {}", ran.stderr);
    }
    let ran = bench.run(&["join", "a.mp4", "-o", "b.mp4"]);
    assert!(ran.succeeded().stderr.contains("1 frame of 1 part,"), "{}", ran.stderr);
    let ran = bench.run(&["inspect", "short.csv"]);
    assert!(ran.succeeded().stdout.contains("by 1 ARKit channel\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("1 channel moves, 0 do not"), "{}", ran.stdout);
}
