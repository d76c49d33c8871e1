//! Storyboards on air: what is seen waits for nothing that can be done before, and whatever ends it says what there is.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::harness::{Bench, probe, repository};
use crate::live::{Running, rtmp::wait_for};

/// Two shots, of which each is a part of its own.
const FILM: &[u8] = b"moue: 1\noutput: {size: 96x96, fps: 25}\ncast: {ada: me.png}\nshots:\n\
    - beats: [hold 1s, then 0.5s to delight, hold 1s]\n- beats: [hold 1s, then 0.5s to surprise, hold 1s]\n";

fn frames(bench: &Bench, name: &str) -> usize {
    probe(&bench.path(name))["frames"].as_array().unwrap().len()
}

#[test]
fn motions_are_read_before_a_film_goes_on_air() {
    let bench = Bench::new();
    fs::copy(repository("examples/storyboards/driving.mp4"), bench.path("driving.mp4")).unwrap();
    bench.write(
        "film.yaml",
        b"moue: 1\noutput: {size: 96x96, fps: 25}\ncast: {ada: me.png}\nshots:\n- length: 0.4s\n\
          - {length: 1s, motion: driving.mp4}\n",
    );
    let ran = bench.run(&["storyboard", "film.yaml", "-o", "live.m3u8", "--json"]);
    let film = &ran.succeeded().json()["film"];
    assert_eq!((&film["frames"], &film["live"][0]["frames"]), (&35.into(), &35.into()));
    let place = |words: &str| ran.stderr.find(words).unwrap_or_else(|| panic!("{words}: {}", ran.stderr));
    assert!(place("tracking driving.mp4") < place("live.m3u8: live"), "{}", ran.stderr);
    // What is watched alone leaves nothing behind.
    assert!(!bench.made().iter().any(|name| name.ends_with(".moue")), "{:?}", bench.made());
}

#[test]
fn a_film_that_is_interrupted_on_air_says_what_there_is() {
    let bench = Bench::new();
    bench.write("film.yaml", FILM);
    let raw = "gst: videoconvert ! x264enc tune=zerolatency ! mp4mux ! filesink location=raw.mp4";
    let outputs = ["-o", "live.m3u8", "-o", "film.mp4", "-o", raw, "-o", "film.gif"];
    for (outputs, said) in [
        (&outputs[..2], "interrupted\nhint: the same command begins anew"),
        (&outputs[..], " of 2 parts of the film are finished and kept\nhint: the same command goes on"),
    ] {
        let mut running = Running::start(&bench, &[&["storyboard", "film.yaml", "--json"], outputs].concat());
        running.wait_for("live.m3u8: live");
        thread::sleep(Duration::from_secs(1));
        running.signal("INT");
        let ran = running.end();
        assert_eq!(ran.code, 130, "{}", ran.stderr);
        assert!(ran.stderr.contains(said) && ran.stderr.contains("streamed live.m3u8"), "{}", ran.stderr);
        let film = &ran.json()["film"];
        assert_eq!((&film["interrupted"], film["live"][0]["failure"].is_null()), (&true.into(), true));
        let rendered = film["rendered"].as_u64().unwrap();
        assert!((1..126).contains(&rendered), "{rendered}");
        assert!(!bench.path("film.mp4").exists() && !bench.path("film.gif").exists());
        if outputs.len() > 2 {
            // Its file is its own: it is closed, and can be played.
            assert!(
                frames(&bench, "raw.mp4") > 0 && ran.stderr.contains("--overwrite begins it anew"),
                "{}",
                ran.stderr
            );
        }
    }
}

#[test]
fn films_are_joined_beside_what_is_on_air() {
    let bench = Bench::new();
    bench.write("film.yaml", FILM);
    let outputs =
        ["-o", "live.m3u8", "-o", "a.mp4", "-o", "b.mp4", "-o", "c.webm", "--loop", "--metrics", "127.0.0.1:0"];
    let mut running = Running::start(&bench, &[&["storyboard", "film.yaml", "--json"], &outputs[..]].concat());
    let numbers = crate::preview::url(&mut running, "metrics");
    let count = |leg: &str, what: &str| {
        let text = crate::preview::metrics(&numbers);
        let name = format!("moue_leg_{what}{{leg=\"{leg}\"");
        let line =
            text.lines().find(|line| line.starts_with(&name)).unwrap_or_else(|| panic!("{name}: {text}")).to_owned();
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    running.wait_for("the files are finished; on air until Ctrl-C");
    for leg in ["a.mp4", "b.mp4", "c.webm"] {
        wait_for("all frames of a file", || count(leg, "frames_out_total") == 125.0);
        assert_eq!(frames(&bench, leg), 125);
    }
    // The film began again meanwhile.
    wait_for("more frames than the film has", || count("live.m3u8", "frames_in_total") > 125.0);
    running.signal("INT");
    let ran = running.end();
    assert_eq!(ran.succeeded().json()["film"]["outputs"].as_array().unwrap().len(), 3);
}

#[test]
fn what_is_watched_is_painted_by_and_by_and_damaged_paintings_are_painted_again() {
    let bench = Bench::new();
    fs::copy(repository("examples/portraits/toyface.png"), bench.path("toy.png")).unwrap();
    let text = |size: &str| {
        format!(
            "moue: 1\noutput: {{renderer: diffusion, size: {size}, fps: 4}}\ncast: {{toy: toy.png}}\nshots:\n\
             - {{length: 2s, framing: face}}\n"
        )
    };
    let models = repository("examples/models/toyfaces");
    let make = |size: &str, output: &str| {
        bench.write("film.yaml", text(size).as_bytes());
        let usual = ["storyboard", "film.yaml", "--keep", "kept", "--steps", "1", "--guidance", "1", "--json"];
        bench.run(&[&usual[..], &["--models", models.to_str().unwrap(), "-o", output]].concat())
    };
    let ran = make("128x128", "live.m3u8");
    assert_eq!(ran.succeeded().json()["film"]["live"][0]["frames"], 8);
    assert!(ran.stderr.contains("rendering 4 frames"), "a second of it: {}", ran.stderr);
    let folder = fs::read_dir(bench.path("kept/painted")).unwrap().next().unwrap().unwrap().path();
    let painting = |index: usize| fs::read(folder.join(format!("{index:06}.png"))).unwrap();
    let before: Vec<Vec<u8>> = (0..8).map(painting).collect();
    fs::write(folder.join("000001.png"), &before[1][..before[1].len() / 2]).unwrap();
    fs::write(folder.join("000003.png"), b"").unwrap();
    image::RgbImage::new(64, 64).save(folder.join("000006.png")).unwrap();
    make("64x64", "film.mp4").succeeded();
    assert_eq!((0..8).map(painting).collect::<Vec<_>>(), before, "the same picture, to the byte");
}
