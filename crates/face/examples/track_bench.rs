//! How long it takes to follow a face through a folder of PNG frames, decoding not counted; `benches/mediapipe_bench.py`
//! measures MediaPipe's Python runtime on the same folder.
//!
//! `cargo run --release -p moue-face --example track_bench -- FOLDER [--threads N] [--runs N] [--fps N] [--smooth]
//! [--apart] [--dump FILE]`
//!
//! --apart reads blendshapes and pose on a thread of their own, while the next frame is located; --dump writes what was
//! tracked as JSON, for `mediapipe_bench.py --compare`.

#![allow(clippy::print_stdout, missing_docs)]

use std::fs;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use image::RgbImage;
use moue_face::{FaceError, FaceFollower, FaceTracker, FollowSettings, Tracked};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

struct Options {
    folder: PathBuf,
    threads: Option<NonZero<usize>>,
    runs: usize,
    fps: f64,
    smooth: bool,
    apart: bool,
    dump: Option<PathBuf>,
}

impl Options {
    fn parse() -> Outcome<Self> {
        let mut arguments = std::env::args().skip(1);
        let mut options =
            Self { folder: PathBuf::new(), threads: None, runs: 3, fps: 25.0, smooth: false, apart: false, dump: None };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--threads" => options.threads = Some(value()?.parse()?),
                "--runs" => options.runs = value()?.parse()?,
                "--fps" => options.fps = value()?.parse()?,
                "--dump" => options.dump = Some(value()?.into()),
                "--smooth" => options.smooth = true,
                "--apart" => options.apart = true,
                _ => options.folder = argument.into(),
            }
        }
        Ok(options)
    }
}

fn main() -> Outcome<()> {
    let options = Options::parse()?;
    let mut files: Vec<PathBuf> =
        fs::read_dir(&options.folder)?.map(|entry| Ok(entry?.path())).collect::<Outcome<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "png"));
    files.sort();
    let pictures: Vec<RgbImage> = files.iter().map(|file| Ok(image::open(file)?.to_rgb8())).collect::<Outcome<_>>()?;
    let tracker = options.threads.map_or_else(FaceTracker::new, FaceTracker::with_threads)?;
    let settings = FollowSettings { smooth: options.smooth, ..FollowSettings::default() };
    let mut tracked = Vec::new();
    let mut times = Vec::new();
    for _ in 0..options.runs {
        let start = Instant::now();
        tracked = track(&tracker, settings, &pictures, &options)?;
        times.push(start.elapsed().as_secs_f64() * 1e3 / pictures.len().max(1) as f64);
    }
    times.sort_by(f64::total_cmp);
    let states: String = tracked
        .iter()
        .map(|tracked| match tracked {
            Tracked::Detected(_) => 'D',
            Tracked::Followed(_) => 'F',
            Tracked::Lost => 'L',
        })
        .collect();
    let count = |state| states.matches(state).count();
    println!("{} frames: {} detected, {} followed, {} lost", pictures.len(), count('D'), count('F'), count('L'));
    if let [fastest, ..] = times[..] {
        println!("ms a frame: fastest run {fastest:.2}, median run {:.2}", times[times.len() / 2]);
    }
    if let Some(file) = options.dump {
        let frames: Vec<_> = tracked
            .iter()
            .map(|tracked| {
                tracked.face().map(|face| {
                    let landmarks: Vec<&[f32; 3]> = face.landmarks.iter().collect();
                    serde_json::json!({"landmarks": landmarks, "blendshapes": &face.blendshapes[..], "pose": face.pose})
                })
            })
            .collect();
        fs::write(file, serde_json::to_string(&serde_json::json!({"states": states, "frames": frames}))?)?;
    }
    Ok(())
}

fn track(
    tracker: &FaceTracker,
    settings: FollowSettings,
    pictures: &[RgbImage],
    options: &Options,
) -> Result<Vec<Tracked>, FaceError> {
    let mut follower = FaceFollower::new(settings);
    // Time starts after 0, which MediaPipe takes for none.
    let frames = (1u32..)
        .zip(pictures)
        .map(|(number, picture)| (Duration::from_secs_f64(1.0 + f64::from(number) / options.fps), picture));
    if !options.apart {
        return frames.map(|(at, picture)| follower.follow(tracker, picture, at)).collect();
    }
    let (sender, located) = mpsc::sync_channel(2);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || located.iter().map(|located| tracker.read(located)).collect());
        for (at, picture) in frames {
            let located = follower.locate(tracker, picture, at)?;
            if sender.send(located).is_err() {
                break;
            }
        }
        drop(sender);
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
