//! The diffusion renderer, with tiny random models: what it paints is noise, but all of the machinery is real.

use std::fmt::Write as _;
use std::fs;

use crate::harness::{Bench, Ran, probe, repository};

/// A folder with tiny models, a portrait and `flame.csv`, whose jaw opens for `rows` rows of 0.04 s.
fn studio(rows: usize) -> Bench {
    let bench = Bench::new();
    bench.run(&["models", "synth", "--scale", "tiny", "models"]).succeeded();
    let mut table = "time,exp_00,jaw_x,eyelid_left\n".to_owned();
    for row in 0..rows {
        let phase = row as f64 / rows as f64;
        writeln!(table, "{},{:.3},{:.3},{:.3}", row as f64 / 25.0, 2.0 * phase, 0.4 * phase, phase).unwrap();
    }
    bench.write("flame.csv", table.as_bytes());
    bench
}

fn paint(bench: &Bench, motion: &str, more: &[&str]) -> Ran {
    let usual = ["animate", "me.png", motion, "--renderer", "diffusion", "--models", "models"];
    let quick = ["--size", "64x64", "--steps", "2"];
    let own = |option: &str| more.contains(&option);
    let mut arguments = usual.to_vec();
    arguments.extend(quick.chunks(2).filter(|pair| !own(pair[0])).flatten());
    arguments.extend(more);
    bench.run(&arguments)
}

/// The bytes of a frame's file.
fn frame(bench: &Bench, name: &str) -> Vec<u8> {
    fs::read(bench.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn a_portrait_and_flame_coefficients_become_a_video() {
    let bench = studio(4);
    let ran = paint(&bench, "flame.csv", &["-o", "a.mp4", "--json"]);
    let summary = ran.succeeded().json();
    assert_eq!(summary["renderer"], "diffusion");
    assert_eq!(summary["device"], "cpu");
    assert_eq!(summary["framing"], "face");
    assert_eq!(summary["frames"], 4);
    let stream = &probe(&bench.path("a.mp4"))["streams"][0];
    assert_eq!((&stream["width"], &stream["height"]), (&64.into(), &64.into()));
    assert_eq!(stream["nb_read_frames"], "4");
    for said in ["these models are random numbers", "loading the text model", "looking at the portrait", "wrote a.mp4"]
    {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
}

#[test]
fn frames_depend_on_seed_and_expression_alone() {
    let bench = studio(5);
    paint(&bench, "flame.csv", &["-o", "one/", "--seed", "3"]).succeeded();
    paint(&bench, "flame.csv", &["-o", "two/", "--seed", "3", "--batch", "2"]).succeeded();
    paint(&bench, "flame.csv", &["-o", "part/", "--seed", "3", "--start", "2f"]).succeeded();
    paint(&bench, "flame.csv", &["-o", "other/", "--seed", "4"]).succeeded();
    let file = |folder: &str, index: usize| frame(&bench, &format!("{folder}/{index:05}.png"));
    let picture = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().to_rgb8().into_raw();
    for index in 0..5 {
        let (one, two) = (picture(&file("one", index)), picture(&file("two", index)));
        let most = one.iter().zip(&two).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(most <= 1, "frame {index} in batches of two differs by {most} levels");
    }
    for index in 0..3 {
        assert_eq!(file("one", index + 2), file("part", index), "a range of frames is what the whole run has there");
    }
    assert_ne!(file("one", 0), file("other", 0), "another seed");
    assert_ne!(file("one", 0), file("one", 4), "another expression");
}

#[test]
fn every_scheduler_and_setting_runs() {
    let bench = studio(1);
    for options in [
        &["--scheduler", "ddim"][..],
        &["--scheduler", "euler", "--steps", "3"],
        &["--guidance", "1"],
        &["--no-reference"],
        &["--reference-scale", "0.5", "--expression-scale", "1.2"],
        &["--dtype", "f16"],
        &["--dtype", "bf16"],
        &["--size", "128x128"],
        &["--pipeline", "diffusion-mp4"],
    ] {
        let ran = paint(&bench, "flame.csv", &[options, &["-o", "a/", "--overwrite"]].concat());
        ran.succeeded();
    }
}

#[test]
fn without_models_it_says_which_and_how_to_get_them() {
    let bench = studio(1);
    fs::remove_file(bench.path("models/arc2face/diffusion_pytorch_model.safetensors")).unwrap();
    fs::remove_dir_all(bench.path("models/vae")).unwrap();
    let ran = paint(&bench, "flame.csv", &["-o", "a.mp4"]);
    ran.failed(1, &["arc2face/diffusion_pytorch_model.safetensors", "vae/config.json", "moue models pull --models"]);
    assert!(!ran.stderr.contains("ref_adapter"), "{}", ran.stderr);

    let mut command = bench.command(&["animate", "me.png", "flame.csv", "--renderer", "diffusion", "-o", "a.mp4"]);
    let ran = Ran::of(command.env_remove("MOUE_MODELS").env("XDG_DATA_HOME", bench.path("data")));
    ran.failed(1, &["ref_adapter/pytorch_lora_weights.safetensors", "moue models pull"]);
    assert!(!bench.path("a.mp4").exists());
}

#[test]
fn what_it_cannot_do_is_refused_before_the_models_are_loaded() {
    let bench = studio(1);
    for (options, words) in [
        (&["--framing", "head", "--compose", "crop"][..], &["--framing", "--compose paste"][..]),
        (&["--relative"], &["--relative"]),
        (&["--measure"], &["--measure", "FLAME"]),
        (&["--size", "64x128"], &["--size", "square"]),
        (&["--size", "100x100"], &["the size is 100x100", "multiples of 8", "104x104"]),
        (&["--steps", "0"], &["number of steps is 0", "1 to 1000"]),
        (&["--guidance=-1"], &["the guidance is -1"]),
        (&["--guidance", "99"], &["the guidance is 99"]),
        (&["--scheduler", "pndm"], &["--scheduler", "dpmpp-2m"]),
        (&["--device", "cuda:0"], &["cuda:0", "make cuda"]),
        (&["--batch", "0"], &["--batch"]),
    ] {
        let ran = paint(&bench, "flame.csv", &[options, &["-o", "a.mp4"]].concat());
        ran.failed(2, words);
        assert!(!ran.stderr.contains("loading the denoising network"), "{}", ran.stderr);
    }
    // The example track is one that it can follow.
    let sweep = repository("examples/tracks/flame_sweep.csv");
    paint(&bench, sweep.to_str().unwrap(), &["-o", "sweep.gif", "--end", "2f"]).succeeded();
    // Of ARKit's shapes, lids and jaw move it as they are; without them nothing does.
    paint(&bench, "motion.csv", &["-o", "arkit.gif", "--end", "2f"]).succeeded();
    bench.write("smile.csv", b"time,mouthSmileLeft\n0,0\n1,1\n");
    paint(&bench, "smile.csv", &["-o", "a.mp4"]).failed(1, &["smile.csv", "mouthSmileLeft", "FLAME", "moue calibrate"]);
    bench.write("nan.csv", b"time,exp_00\n0,0\n1,nan\n");
    paint(&bench, "nan.csv", &["-o", "a.mp4"]).failed(1, &["nan.csv, line 3"]);
    assert!(!bench.path("a.mp4").exists());
}

#[test]
fn latents_that_are_not_finite_end_the_run_with_frame_and_step() {
    let bench = studio(2);
    let path = bench.path("models/arc2face/diffusion_pytorch_model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    // The last number of the file, whatever layer it belongs to, becomes NaN in f16 and in f32.
    let end = bytes.len();
    bytes[end - 4..].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let ran = paint(&bench, "flame.csv", &["-o", "a.mp4"]);
    ran.failed(1, &["latents of frame 0 are not finite after step 1 of 2", "hint: "]);
    assert!(!bench.path("a.mp4").exists());
}
