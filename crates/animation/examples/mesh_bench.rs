//! Frames per second of the renderer alone, of the encoder alone, and of both together, measured in one run so that
//! their ratio means something on a machine whose speed varies; and the processor time that each frame takes, which
//! does not depend on what else the machine is doing.
//!
//! `cargo run --release -p moue-animation --example mesh_bench -- [SECONDS] [PORTRAIT MOTION]`

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use image::RgbImage;
use moue_animation::{
    AnimateJob, Compose, Device, Framing, Layout, LiveJob, MeshInLayout, MotionJob, Painting, Portrait, Renderer,
    RendererKind, Size, animate,
};
use moue_engine::{CancelToken, Pool};
use moue_face::FaceTracker;
use moue_media::{EncoderSettings, Output, Source, VideoFormat};
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
    let mut out = std::io::stdout().lock();
    let cores = std::thread::available_parallelism()?;
    writeln!(out, "{cores} cores, {seconds} s of film at 25 frames per second, H.264 with default settings")?;
    writeln!(out, "frames per second, and processor milliseconds per frame\n")?;
    let head = ["mesh alone", "H.264 alone", "end to end", "end to end / H.264"];
    writeln!(out, "{:<12}{:<8}{:>16}{:>16}{:>16}{:>20}", "size", "framing", head[0], head[1], head[2], head[3])?;
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
        let cell = |cost: Cost| format!("{:.0} {:>5.1} ms", cost.fps, cost.cpu_ms);
        let (mesh, ratio) = (cell(mesh), both.fps / encoder.fps);
        let (encoder, both) = (cell(encoder), cell(both));
        writeln!(out, "{size:<12}{:<8}{mesh:>16}{encoder:>16}{both:>16}{ratio:>20.2}", framing.name())?;
    }
    Ok(())
}

/// What a frame takes.
#[derive(Clone, Copy)]
struct Cost {
    fps: f64,
    cpu_ms: f64,
}

/// Time and processor time since it was made.
struct Watch {
    began: Instant,
    cpu_before: f64,
}

impl Watch {
    fn start() -> Self {
        Self { began: Instant::now(), cpu_before: cpu_seconds() }
    }

    fn stop(&self, frames: usize) -> Cost {
        let cpu = cpu_seconds() - self.cpu_before;
        Cost { fps: frames as f64 / self.began.elapsed().as_secs_f64(), cpu_ms: cpu * 1000.0 / frames as f64 }
    }
}

/// Processor time that all threads of this process have used; zero where the system does not say.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // proc(5): the name, which may hold anything, ends with the last bracket; utime and stime are fields 14 and 15, in
    // hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// Renders on all cores and keeps nothing but some frames for the encoder.
fn mesh_alone(scene: &Scene, (width, height): (u32, u32), framing: Framing) -> Outcome<(Cost, Vec<Arc<RgbImage>>)> {
    let portrait = Portrait::load(&scene.portrait, None, &scene.tracker)?;
    let size = Size::Pixels { width, height };
    let layout = Layout::new(portrait.image.dimensions(), &portrait.face().landmarks, framing, size)?;
    let renderer = MeshInLayout::new(&portrait, layout)?;
    let track = moue_tracks::read(&scene.motion)?.track;
    let expressions: Vec<Expression> = (0..(scene.seconds * 25.0) as u64)
        .map(|index| track.sample(FrameRate::FPS_25.seconds_at(index), Interpolation::Linear))
        .collect();

    let watch = Watch::start();
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
            renderer.draw(&expression, &mut frame)?;
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
    let cost = watch.stop(expressions.len());

    let mut kept = Vec::new();
    for expression in expressions.iter().take(ENCODED_FRAMES) {
        let mut frame = renderer.new_frame();
        renderer.draw(expression, &mut frame)?;
        kept.push(Arc::new(frame));
    }
    Ok((cost, kept))
}

/// Encodes the frames to and fro, so that there is no jump, for as long as the film lasts.
fn encoder_alone(scene: &Scene, frames: &[Arc<RgbImage>]) -> Outcome<Cost> {
    let folder = tempfile::tempdir()?;
    let (width, height) = frames[0].dimensions();
    let output = Output::parse(&folder.path().join("a.mp4").display().to_string())?;
    let mut sink =
        output.open(&VideoFormat::new(width, height, FrameRate::FPS_25), &EncoderSettings::default(), false)?;
    let count = (scene.seconds * 25.0) as usize;
    let watch = Watch::start();
    for index in 0..count {
        let phase = index % (2 * frames.len());
        sink.write(&frames[phase.min(2 * frames.len() - 1 - phase)])?;
    }
    sink.finish()?;
    Ok(watch.stop(count))
}

fn end_to_end(scene: &Scene, (width, height): (u32, u32), framing: Framing) -> Outcome<Cost> {
    let folder = tempfile::tempdir()?;
    let output = Output::parse(&folder.path().join("a.mp4").display().to_string())?;
    let job = AnimateJob {
        portrait: scene.portrait.clone(),
        face: None,
        motion: MotionJob::plain(Source::from(&scene.motion)),
        mute: false,
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
        painting: Painting::default(),
        compose: Compose::Crop,
        keyframes: None,
        outputs: vec![(output, EncoderSettings::default())],
        raw: Vec::new(),
        live: LiveJob::default(),
        overwrite: false,
        frames: None,
        measure_every: None,
        workers: None,
    };
    let watch = Watch::start();
    let summary = animate(&job, &(), &CancelToken::new())?;
    // The rate is that of rendering and writing; finding the face once, at the beginning, is not part of it.
    Ok(Cost { fps: summary.fps, ..watch.stop(summary.frames as usize) })
}
