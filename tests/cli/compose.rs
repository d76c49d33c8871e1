//! The painted face in the whole picture, and frames that the mesh makes of painted ones: with the toy checkpoint.

use std::fs;

use image::{Rgb, RgbImage, imageops};

use crate::harness::{Bench, Ran, repository};

/// A picture of 240x200 with the toy face at its right, and a motion of FLAME's jaw that turns the head.
fn bench() -> Bench {
    let bench = Bench::new();
    let face = image::open(repository("examples/portraits/toyface.png")).unwrap().to_rgb8();
    let mut picture = RgbImage::from_pixel(240, 200, Rgb([110, 140, 170]));
    imageops::replace(&mut picture, &imageops::resize(&face, 180, 180, imageops::FilterType::Lanczos3), 50, 10);
    bench.save("toy.png", &picture);
    bench.write("flame.csv", b"time,jaw_x,head_yaw\n0,0,0\n0.04,0.3,0\n0.08,0.3,0\n0.12,0.15,0\n0.16,0,10\n0.2,0,0\n");
    bench
}

fn paint(bench: &Bench, renderer: &str, more: &[&str]) -> Ran {
    let models = repository("examples/models/toyfaces");
    let usual = ["animate", "toy.png", "flame.csv", "--renderer", renderer, "--models", models.to_str().unwrap()];
    bench.run(&[&usual[..], &["--steps", "1", "--guidance", "1", "--batch", "1"], more].concat())
}

fn frame(bench: &Bench, folder: &str, index: usize) -> RgbImage {
    image::open(bench.path(&format!("{folder}/{index:05}.png"))).unwrap().to_rgb8()
}

#[test]
fn painted_faces_go_back_into_their_picture_and_the_mesh_makes_frames_between_them() {
    let bench = bench();
    let summary = paint(&bench, "diffusion", &["--compose", "paste", "-o", "whole/", "--json"]).succeeded().json();
    assert_eq!(summary["size"], serde_json::json!([240, 200]));
    assert_eq!((&summary["framing"], &summary["frames"]), (&"whole".into(), &6.into()));
    let source = image::open(bench.path("toy.png")).unwrap().to_rgb8();
    let first = frame(&bench, "whole", 0);
    // The background and the corners are the picture's to the byte; the face is painted.
    for (x, y) in [(5, 5), (20, 100), (235, 195), (60, 190)] {
        assert_eq!(first.get_pixel(x, y), source.get_pixel(x, y), "{x} {y}");
    }
    let differs = |a: &RgbImage, b: &RgbImage| a.pixels().zip(b.pixels()).filter(|(a, b)| a != b).count();
    assert!(differs(&first, &source) > 2000);
    assert_ne!(first, frame(&bench, "whole", 1), "the jaw opens");
    assert_eq!(frame(&bench, "whole", 1), frame(&bench, "whole", 2), "it stays open");
    // Frames 0 and 4 are asked for the same face: what differs is the head.
    assert!(differs(&first, &frame(&bench, "whole", 4)) > 1000);
    assert_eq!(first, frame(&bench, "whole", 5));

    // Every third frame painted: those are the same, and a part of the film is what the whole has there.
    let mixed = ["--compose", "paste", "--every", "3", "-o"];
    let ran = paint(&bench, "mesh+diffusion", &[&mixed[..], &["mixed/", "--json"]].concat());
    assert_eq!(ran.succeeded().json()["renderer"], "mesh+diffusion");
    assert!(ran.stderr.contains("3 of 6 frames are painted"), "{}", ran.stderr);
    for key in [0, 3, 5] {
        assert_eq!(frame(&bench, "mixed", key), frame(&bench, "whole", key), "keyframe {key}");
    }
    assert_ne!(frame(&bench, "mixed", 1), frame(&bench, "mixed", 0));
    paint(&bench, "mesh+diffusion", &[&mixed[..], &["part/", "--frames", "4..6"]].concat()).succeeded();
    for index in [4, 5] {
        assert_eq!(frame(&bench, "part", index), frame(&bench, "mixed", index), "frame {index}");
    }

    // The head alone, at any size, is put into the picture without being told.
    paint(&bench, "diffusion", &["--framing", "head", "--size", "160x96", "-o", "head/", "--end", "1f"]).succeeded();
    assert_eq!(frame(&bench, "head", 0).dimensions(), (160, 96));
}

#[test]
fn combinations_without_a_meaning_are_refused_in_words() {
    let bench = bench();
    for (renderer, options, words) in [
        (
            "diffusion",
            &["--compose", "crop", "--framing", "head"][..],
            ["--framing whole or head", "--compose paste puts"],
        ),
        ("diffusion", &["--compose", "paste", "--framing", "face"], ["--framing face", "hint: use --framing whole"]),
        ("diffusion", &["--compose", "patch"], ["found 'patch'", "'crop' or 'paste'"]),
        ("diffusion", &["--paint-size", "64"], ["--paint-size", "use --size"]),
        ("diffusion", &["--every", "2"], ["--every", "mesh+diffusion"]),
        ("mesh+diffusion", &["--every", "2", "--share", "1/2"], ["--every", "cannot be used with"]),
        ("mesh+diffusion", &["--share", "3/2"], ["found '3/2'", "1/4"]),
        ("mesh", &["--compose", "paste"], ["--compose paste", "mesh"]),
    ] {
        let ran =
            bench.run(&[&["animate", "toy.png", "flame.csv", "--renderer", renderer, "-o", "a.mp4"], options].concat());
        ran.failed(2, &words);
    }
    assert!(fs::metadata(bench.path("a.mp4")).is_err());
}

#[test]
fn shots_of_a_storyboard_show_the_painted_face_in_the_picture() {
    let bench = bench();
    bench.write(
        "film.yaml",
        b"moue: 1\noutput: {renderer: diffusion, size: 128x96, fps: 5}\ncast: {toy: toy.png}\nshots:\n\
          - framing: whole to head\n  beats:\n  - hold 0.2s\n  - then 0.2s to jawOpen*0.8\n",
    );
    let models = repository("examples/models/toyfaces");
    let make = |more: &[&str]| {
        let usual = ["storyboard", "film.yaml", "-o", "film/", "--overwrite", "--models", models.to_str().unwrap()];
        bench.run(&[&usual[..], &["--steps", "1", "--guidance", "1", "--batch", "1"], more].concat())
    };
    make(&[]).succeeded();
    assert_eq!(frame(&bench, "film", 0).dimensions(), (128, 96));
    assert_ne!(frame(&bench, "film", 0), frame(&bench, "film", 1));
    // What is painted is kept: another composition of it paints nothing.
    let paintings = || {
        let folders = fs::read_dir(bench.path("film.moue/painted")).unwrap();
        folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap()).count()
    };
    let before = paintings();
    let frames = fs::read_dir(bench.path("film")).unwrap().count();
    assert_eq!(before, frames + 1, "the frames and the face at rest");
    let text = fs::read_to_string(bench.path("film.yaml")).unwrap();
    bench.write("film.yaml", text.replace("whole to head", "head").as_bytes());
    make(&[]).succeeded();
    assert_eq!(paintings(), before);
    make(&["--compose", "crop"]).failed(1, &["--compose crop", "the head", "hint: leave --compose out"]);
}

#[test]
fn films_larger_than_the_pictures_that_models_have_learned_have_paintings_made_larger() {
    let bench = bench();
    bench.write(
        "film.yaml",
        b"moue: 1\noutput: {renderer: diffusion, size: 320x256, fps: 5}\ncast: {toy: toy.png}\nshots:\n\
          - framing: face\n  beats:\n  - hold 0.2s\n",
    );
    let models = repository("examples/models/toyfaces");
    let usual = ["storyboard", "film.yaml", "-o", "film/", "--models", models.to_str().unwrap()];
    let ran = bench.run(&[&usual[..], &["--steps", "1", "--guidance", "1", "--batch", "1"]].concat());
    ran.succeeded();
    assert!(!ran.stderr.contains("several faces"), "{}", ran.stderr);
    assert_eq!(frame(&bench, "film", 0).dimensions(), (320, 256));
    let folders = fs::read_dir(bench.path("film.moue/painted")).unwrap();
    let painted: Vec<_> = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap()).collect();
    assert!(!painted.is_empty());
    for painting in painted {
        assert_eq!(image::image_dimensions(painting.unwrap().path()).unwrap(), (128, 128));
    }
}

#[test]
fn a_storyboard_may_have_some_of_its_frames_painted() {
    let bench = bench();
    let film = |renderer: &str| {
        format!(
            "moue: 1\noutput: {{renderer: {renderer}, size: 64x64, fps: 25}}\ncast: {{toy: toy.png}}\nshots:\n\
             - beats:\n  - hold 0.1s\n  - then 0.3s to jawOpen*0.8\n"
        )
    };
    let models = repository("examples/models/toyfaces");
    let make = |out: &str, more: &[&str]| {
        let usual = ["storyboard", "film.yaml", "-o", out, "--keep", "keep", "--models", models.to_str().unwrap()];
        bench.run(&[&usual[..], &["--steps", "1", "--guidance", "1", "--batch", "1"], more].concat())
    };
    let paintings = || {
        let folders = fs::read_dir(bench.path("keep/painted")).unwrap();
        folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap()).count()
    };
    bench.write("film.yaml", film("mesh+diffusion").as_bytes());
    make("mixed/", &["--every", "4"]).succeeded();
    let frames = fs::read_dir(bench.path("mixed")).unwrap().count();
    let keys: Vec<usize> = (0..frames).filter(|at| at % 4 == 0 || at + 1 == frames).collect();
    assert!(frames > 8, "{frames}");
    assert_eq!(paintings(), keys.len());
    // Another choice paints what is missing, and is another film.
    make("mixed2/", &["--every", "2"]).succeeded();
    assert!(paintings() > keys.len() && paintings() < frames);

    // The paintings are those of a film of which all frames are painted.
    bench.write("film.yaml", film("diffusion").as_bytes());
    make("painted/", &[]).succeeded();
    assert_eq!(paintings(), frames);
    let painted = |at: &usize| frame(&bench, "mixed", *at) == frame(&bench, "painted", *at);
    assert!(keys.iter().all(painted));
    // The jaw is on its way.
    assert!(!painted(&5) && !painted(&6));
    make("other/", &["--every", "4"]).failed(2, &["--every", "renderer is diffusion", "hint: write `renderer: mesh+"]);
    assert!(!bench.path("other").exists());

    bench.write("film.yaml", film("mesh+diffusion").as_bytes());
    let plan = ["farm", "plan", "film.yaml", "-o", "plan.json", "--models", models.to_str().unwrap()];
    bench.run(&plan).failed(1, &["film.yaml", "a farm paints every frame", "hint: write `renderer: diffusion`"]);
}
