//! How long tracking and cutting out take: `cargo bench -p moue-face`. Prints the fastest and the median run of each.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use image::{RgbImage, imageops};
use moue_face::FaceTracker;

fn main() {
    let portrait = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/portraits/astronaut.png");
    let portrait = image::open(portrait).unwrap().to_rgb8();
    let mut full_hd = RgbImage::new(1920, 1080);
    imageops::replace(&mut full_hd, &imageops::resize(&portrait, 1080, 1080, imageops::FilterType::Triangle), 420, 0);
    let without_face = imageops::crop_imm(&portrait, 0, 260, 512, 252).to_image();

    measure("load the nets", 10, || FaceTracker::new().unwrap());
    let tracker = FaceTracker::new().unwrap();
    let face = tracker.analyze(&portrait).unwrap().remove(0);
    measure("analyze, 512x512", 60, || tracker.analyze(&portrait).unwrap());
    // Its face measures a ninth of the long side: the whole picture does not show it, squares of half the size do.
    measure("analyze, 1920x1080, a small face", 30, || tracker.analyze(&full_hd).unwrap());
    measure("track, 512x512", 60, || tracker.track(&portrait, &face).unwrap());
    measure("identity crop", 60, || face.identity_crop(&portrait).unwrap());
    measure("align, the square inside", 10, || face.aligned(&portrait).unwrap());
    let near = imageops::crop_imm(&portrait, 170, 60, 120, 130).to_image();
    let face = tracker.analyze(&near).unwrap().remove(0);
    measure("align, the square hanging out", 10, || face.aligned(&near).unwrap());
    measure("analyze, 512x252 without a face", 3, || tracker.analyze(&without_face).unwrap());
}

fn measure<R>(name: &str, runs: usize, mut work: impl FnMut() -> R) {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed()
        })
        .collect();
    times.sort();
    let [fastest, median] = [times[0], times[runs / 2]].map(|time| time.as_secs_f64() * 1e3);
    println!("{name:<34} fastest {fastest:8.1} ms   median {median:8.1} ms");
}
