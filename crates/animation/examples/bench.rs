//! Frames per second of the renderer alone, of the encoder alone, and of both together, measured in one run so that
//! their ratio means something on a machine whose speed varies.
//!
//! `cargo run --release -p moue-animation --example bench -- [SECONDS] [PORTRAIT MOTION]`

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use image::RgbImage;
use moue_animation::{
    AnimateJob, Device, Framing, Layout, MeshInLayout, Portrait, Renderer, RendererKind, Size, animate,
};
use moue_engine::{CancelToken, Pool};
use moue_face::FaceTracker;
use moue_media::{EncoderSettings, Output, VideoFormat};
use moue_timeline::{Expression, FrameRate, Gains, Interpolation};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Different frames that the encoder alone is fed with, over and over; what fits into memory at 1080p.
const ENCODED_FRAMES: usize = 50;

struct Scene {
    portrait: PathBuf,
    motion: PathBuf,
    /// How much of the motion is rendered, in seconds of film.
    seconds: f64,
    tracker: FaceTracker,
}

#[allow(clippy::print_stdout, reason = "a benchmark's result is what it prints")]
fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let seconds: f64 = arguments.next().map_or(Ok(10.0), |seconds| seconds.parse())?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = |given: Option<String>, example: &str| given.map_or_else(|| root.join(example), PathBuf::from);
    let scene = Scene {
        portrait: file(arguments.next(), "examples/portraits/astronaut.png"),
        motion: file(arguments.next(), "examples/tracks/emotions.csv"),
        seconds,
        tracker: FaceTracker::new()?,
    };
    let cores = std::thread::available_parallelism()?;
    println!("{cores} cores, {seconds} s of film at 25 frames per second, H.264 with default settings\n");
    println!(
        "{:<12}{:<8}{:>12}{:>13}{:>13}{:>14}",
        "size", "framing", "mesh alone", "H.264 alone", "end to end", "end/encoder"
    );
    for (width, height, framing) in [
        (512, 512, Framing::Head),
        (512, 512, Framing::Whole),
        (1080, 1080, Framing::Head),
        (1920, 1080, Framing::Head),
    ] {
        let (mesh, frames) = mesh_alone(&scene, (width, height), framing)?;
        let encoder = encoder_alone(&scene, &frames)?;
        drop(frames);
        let both = end_to_end(&scene, (width, height), framing)?;
        let size = format!("{width}x{height}");
        let ratio = both / encoder;
        println!("{size:<12}{:<8}{mesh:>12.0}{encoder:>13.0}{both:>13.0}{ratio:>14.2}", framing.name());
    }
    Ok(())
}

/// Renders on all cores and keeps nothing but some frames for the encoder.
fn mesh_alone(scene: &Scene, (width, height): (u32, u32), framing: Framing) -> Outcome<(f64, Vec<Arc<RgbImage>>)> {
    let portrait = Portrait::load(&scene.portrait, None, &scene.tracker)?;
    let size = Size::Pixels { width, height };
    let layout = Layout::new(portrait.image.dimensions(), &portrait.face().landmarks, framing, size)?;
    let renderer = MeshInLayout::new(&portrait, layout)?;
    let track = moue_tracks::read(&scene.motion)?.track;
    let expressions: Vec<Expression> = (0..(scene.seconds * 25.0) as u64)
        .map(|index| track.sample(FrameRate::FPS_25.seconds_at(index), Interpolation::Linear))
        .collect();

    let began = Instant::now();
    let pool = Pool::new(64, move || RgbImage::new(width, height));
    let workers = std::thread::available_parallelism()?.get();
    moue_engine::run(&CancelToken::new(), |scope| {
        let (asked, to_render) = scope.channel("asked", 2 * workers);
        let (rendered, done) = scope.channel::<RgbImage>("rendered", 1);
        let (frames, renderer, expressions) = (pool.clone(), &renderer, &expressions);
        scope.stage("ask", move |_| {
            for expression in expressions {
                asked.send(*expression)?;
            }
            asked.close();
            Ok(())
        });
        let render = move |_: &mut (), expression: Expression| {
            let mut frame = frames.take();
            renderer.render(&expression, &mut frame)?;
            Ok(frame)
        };
        scope.fan_out("render", workers, to_render, rendered, |_| Ok(()), render);
        let pool = pool.clone();
        scope.stage("drop", move |_| {
            while let Some(frame) = done.recv()? {
                pool.give(frame);
            }
            Ok(())
        });
    })?;
    let fps = expressions.len() as f64 / began.elapsed().as_secs_f64();

    let mut kept = Vec::new();
    for expression in expressions.iter().take(ENCODED_FRAMES) {
        let mut frame = renderer.new_frame();
        renderer.render(expression, &mut frame)?;
        kept.push(Arc::new(frame));
    }
    Ok((fps, kept))
}

/// Encodes the frames to and fro, so that there is no jump, for as long as the film lasts.
fn encoder_alone(scene: &Scene, frames: &[Arc<RgbImage>]) -> Outcome<f64> {
    let folder = tempfile::tempdir()?;
    let (width, height) = frames[0].dimensions();
    let output = Output::parse(&folder.path().join("a.mp4").display().to_string())?;
    let mut sink =
        output.open(&VideoFormat::new(width, height, FrameRate::FPS_25), &EncoderSettings::default(), false)?;
    let count = (scene.seconds * 25.0) as usize;
    let began = Instant::now();
    for index in 0..count {
        let phase = index % (2 * frames.len());
        sink.write(&frames[phase.min(2 * frames.len() - 1 - phase)])?;
    }
    sink.finish()?;
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

fn end_to_end(scene: &Scene, (width, height): (u32, u32), framing: Framing) -> Outcome<f64> {
    let folder = tempfile::tempdir()?;
    let output = Output::parse(&folder.path().join("a.mp4").display().to_string())?;
    let job = AnimateJob {
        portrait: scene.portrait.clone(),
        face: None,
        motion: scene.motion.clone(),
        start: None,
        end: Some(scene.seconds),
        interpolation: Interpolation::Linear,
        gains: Gains::default(),
        relative: false,
        rate: FrameRate::FPS_25,
        framing,
        size: Size::Pixels { width, height },
        renderer: RendererKind::Mesh,
        device: Device::Auto,
        seed: 0,
        outputs: vec![(output, EncoderSettings::default())],
        overwrite: false,
        measure_every: None,
        workers: None,
    };
    Ok(animate(&job, &(), &CancelToken::new())?.fps)
}
