//! What a live output costs beside the same encoding by `gst-launch-1.0` alone, and how many run at once.
//!
//! ```text
//! cargo run --release -p moue-media --example live_cost [SECONDS [LEGS ...]]
//! ```
//! Frames of 1280x720 are shown 25 times per second to so many legs (1 and 4 unless told), each an SRT listener that nobody
//! calls. Then `gst-launch-1.0` encodes as many of the same frames, converted beforehand, with the same settings. What is
//! compared is processor time per frame and leg, which hardly depends on other work on the machine.
#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::error::Error;
use std::net::UdpSocket;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use moue_media::{EncoderSettings, LegStats, LiveLeg, LiveOutput, LiveSettings, Output, VideoFormat};
use moue_timeline::FrameRate;

const SIZE: (u32, u32) = (1280, 720);
const RATE: FrameRate = FrameRate::FPS_25;
/// Frames made beforehand, a second of them.
const FRAMES: u64 = 25;

fn main() -> Result<(), Box<dyn Error>> {
    let seconds: u64 = std::env::args().nth(1).map_or(Ok(20), |text| text.parse())?;
    let mut numbers = std::env::args().skip(2).map(|text| text.parse()).collect::<Result<Vec<usize>, _>>()?;
    if numbers.is_empty() {
        numbers = vec![1, 4];
    }
    let frames: Vec<_> = (0..FRAMES).map(|index| Arc::new(portrait(index))).collect();
    let bare = gst_launch(&frames, seconds)?;
    println!("gst-launch-1.0 alone: {bare:.2} ms of processor time per frame");
    for number in numbers {
        let (before, began) = (cpu_seconds(0), Instant::now());
        let stats = legs(&frames, number, seconds * FRAMES)?;
        let (cpu, elapsed) = (cpu_seconds(0) - before, began.elapsed().as_secs_f64());
        let sent: u64 = stats.iter().map(|stats| stats.sent).sum();
        let repeated: u64 = stats.iter().map(|stats| stats.repeated).sum();
        let dropped: u64 = stats.iter().map(|stats| stats.dropped + stats.skipped).sum();
        let each = 1e3 * cpu / sent as f64;
        println!(
            "{number} legs: {each:.2} ms per frame and leg, {:+.1} % over that; {:.2} processors busy; {sent} sent, \
             {repeated} of them repeated, {dropped} dropped",
            100.0 * (each / bare - 1.0),
            cpu / elapsed
        );
    }
    Ok(())
}

/// Shows frames in real time.
fn legs(frames: &[Arc<RgbImage>], number: usize, count: u64) -> Result<Vec<LegStats>, Box<dyn Error>> {
    let format = VideoFormat::new(SIZE.0, SIZE.1, RATE);
    let settings: LiveSettings = serde_json::from_str(r#"{"encoder": "x264"}"#)?;
    let mut legs = Vec::new();
    for _ in 0..number {
        let output = LiveOutput::parse(&format!("srt://127.0.0.1:{}?mode=listener", free_port()?))?;
        legs.push(LiveLeg::open(&output, &format, &settings, &[], |_| {})?);
    }
    let start = Instant::now();
    for index in 0..count {
        let due = start + Duration::from_nanos(RATE.pts(index).0);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for leg in &legs {
            leg.show(&frames[(index % FRAMES) as usize], index)?;
        }
    }
    legs.into_iter().map(|leg| Ok(leg.end()?)).collect()
}

/// Processor time per frame, in milliseconds.
fn gst_launch(frames: &[Arc<RgbImage>], seconds: u64) -> Result<f64, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (lossless, planes) = (folder.path().join("a.mkv"), folder.path().join("a.yuv"));
    let settings: EncoderSettings = serde_json::from_str(r#"{"crf": 0, "speed": "ultrafast"}"#)?;
    let format = VideoFormat::new(SIZE.0, SIZE.1, RATE);
    let mut sink = Output::parse(&lossless.to_string_lossy())?.open(&format, &settings, true)?;
    frames.iter().try_for_each(|frame| sink.write(frame))?;
    sink.finish()?;
    // The planes that our own conversion makes.
    let decode = format!(
        "filesrc location={} ! matroskademux ! avdec_h264 ! filesink location={}",
        lossless.display(),
        planes.display()
    );
    run(&decode)?;
    let before = cpu_seconds(2);
    run(&format!(
        "multifilesrc location={} loop=true num-buffers={seconds} ! rawvideoparse width={} height={} format=i420 \
         framerate=25/1 ! x264enc tune=zerolatency bframes=0 speed-preset=veryfast bitrate=2500 key-int-max=25 \
         option-string=scenecut=0 ! h264parse config-interval=-1 ! mpegtsmux alignment=7 ! srtsink \
         uri=srt://127.0.0.1:{}?mode=listener wait-for-connection=false sync=false async=false",
        planes.display(),
        SIZE.0,
        SIZE.1,
        free_port()?
    ))?;
    Ok(1e3 * (cpu_seconds(2) - before) / (seconds * FRAMES) as f64)
}

fn run(pipeline: &str) -> Result<(), Box<dyn Error>> {
    let output = Command::new("gst-launch-1.0").arg("-q").args(pipeline.split_whitespace()).output()?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned().into()) }
}

fn free_port() -> Result<u16, std::io::Error> {
    Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Processor time so far, of this program (`from` 0) or of the ended ones that it started (2); zero without a `/proc`.
fn cpu_seconds(from: usize) -> f64 {
    // `PID (NAME) STATE ...`: user and system time are the 12th and 13th after the name, in hundredths of a second, and
    // those of children the next two.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    fields.skip(11 + from).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// A still, grainy surrounding, and a third of the picture in motion.
fn portrait(index: u64) -> RgbImage {
    let phase = index as f64 / FRAMES as f64 * std::f64::consts::TAU;
    RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
        let (u, v) = (f64::from(x) / f64::from(SIZE.0) - 0.5, f64::from(y) / f64::from(SIZE.1) - 0.5);
        let inside = (1.0 - (u / 0.2).powi(2) - (v / 0.38).powi(2)).max(0.0);
        let (u, v) = (u + inside * 0.010 * phase.sin(), v + inside * 0.016 * (1.0 - phase.cos()));
        let shade = 150.0 - 120.0 * (u * u + v * v) + 22.0 * (u * 34.0).sin() * (v * 27.0).cos();
        let grain = f64::from((x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77)) >> 20 & 7) - 3.5;
        let at = |factor: f64| (factor * shade + grain * (1.0 - inside)).clamp(0.0, 255.0) as u8;
        Rgb([at(1.15), at(0.92), at(0.8)])
    })
}
