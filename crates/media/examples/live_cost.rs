//! What a live output costs beside the same encoding by `gst-launch-1.0` alone, and how many run at once.
//!
//! ```text
//! cargo run --release -p moue-media --example live_cost [SECONDS [ROUNDS [LEGS ...]]]
//! ```
//! Frames of 1280x720 are shown 25 times per second to so many legs (1 and 4 unless told), each an SRT listener that
//! nobody calls. In the same round, `gst-launch-1.0` encodes the same frames at the same pace with the same settings:
//! once from planes that were converted beforehand, once from the RGB that a renderer makes. What is compared is
//! processor time per frame and leg, which hardly depends on other work on the machine; the medians of the rounds
//! count.
#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::error::Error;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
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
    let numbers = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<Vec<u64>, _>>()?;
    let (seconds, rounds) = (numbers.first().copied().unwrap_or(20), numbers.get(1).copied().unwrap_or(3));
    let legs: &[u64] = if numbers.len() > 2 { &numbers[2..] } else { &[1, 4] };
    let frames: Vec<_> = (0..FRAMES).map(|index| Arc::new(portrait(index))).collect();
    let files = Files::of(&frames)?;
    let (mut from_planes, mut from_rgb, mut ours) = (Vec::new(), Vec::new(), vec![Vec::new(); legs.len()]);
    for round in 1..=rounds {
        from_planes.push(gst_launch(&files.planes, "format=i420", seconds)?);
        from_rgb.push(gst_launch(&files.rgb, "format=rgb ! videoconvert ! video/x-raw,format=I420", seconds)?);
        for (number, costs) in legs.iter().zip(&mut ours) {
            costs.push(measured(&frames, *number, seconds)?);
        }
        let latest: Vec<_> = ours.iter().map(|costs| format!("{:.2}", costs[costs.len() - 1])).collect();
        println!(
            "round {round}: gst-launch-1.0 {:.2} from planes, {:.2} from RGB; legs {}",
            from_planes[from_planes.len() - 1],
            from_rgb[from_rgb.len() - 1],
            latest.join(", ")
        );
    }
    let (planes, rgb) = (median(from_planes), median(from_rgb));
    println!("gst-launch-1.0 alone: {planes:.2} ms of processor time per frame from planes, {rgb:.2} from RGB");
    for (number, costs) in legs.iter().zip(ours) {
        let each = median(costs);
        let over = |bare: f64| 100.0 * (each / bare - 1.0);
        println!(
            "{number} legs: {each:.2} ms per frame and leg, {:+.1} % over planes, {:+.1} % over RGB",
            over(planes),
            over(rgb)
        );
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}

/// Milliseconds of processor time that so many legs take, per frame and leg; tells how they went.
fn measured(frames: &[Arc<RgbImage>], number: u64, seconds: u64) -> Result<f64, Box<dyn Error>> {
    let (before, began) = (cpu_seconds(0), Instant::now());
    let stats = legs(frames, number, seconds * FRAMES)?;
    let (cpu, elapsed) = (cpu_seconds(0) - before, began.elapsed().as_secs_f64());
    let sum = |count: fn(&LegStats) -> u64| stats.iter().map(count).sum::<u64>();
    let (sent, repeated, dropped) =
        (sum(|stats| stats.sent), sum(|stats| stats.repeated), sum(|stats| stats.dropped + stats.skipped));
    let busy = cpu / elapsed;
    println!("  {number} legs: {busy:.2} processors busy; {sent} sent, {repeated} of them repeated, {dropped} dropped");
    Ok(1e3 * cpu / sent as f64)
}

/// Shows frames in real time.
fn legs(frames: &[Arc<RgbImage>], number: u64, count: u64) -> Result<Vec<LegStats>, Box<dyn Error>> {
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

/// The frames as raw video, for `gst-launch-1.0`.
struct Files {
    planes: PathBuf,
    rgb: PathBuf,
    _folder: tempfile::TempDir,
}

impl Files {
    fn of(frames: &[Arc<RgbImage>]) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let [lossless, planes, rgb] = ["a.mkv", "a.yuv", "a.rgb"].map(|name| folder.path().join(name));
        std::fs::write(&rgb, frames.iter().flat_map(|frame| frame.as_raw().iter().copied()).collect::<Vec<u8>>())?;
        let settings: EncoderSettings = serde_json::from_str(r#"{"crf": 0, "speed": "ultrafast"}"#)?;
        let format = VideoFormat::new(SIZE.0, SIZE.1, RATE);
        let mut sink = Output::parse(&lossless.to_string_lossy())?.open(&format, &settings, true)?;
        frames.iter().try_for_each(|frame| sink.write(frame))?;
        sink.finish()?;
        // The planes that our own conversion makes.
        run(&format!(
            "filesrc location={} ! matroskademux ! avdec_h264 ! filesink location={}",
            lossless.display(),
            planes.display()
        ))?;
        Ok(Self { planes, rgb, _folder: folder })
    }
}

/// Processor time per frame, in milliseconds. `parsed`: what the file holds, and what comes before the encoder.
fn gst_launch(file: &Path, parsed: &str, seconds: u64) -> Result<f64, Box<dyn Error>> {
    let before = cpu_seconds(2);
    run(&format!(
        "multifilesrc location={} loop=true num-buffers={seconds} ! rawvideoparse width={} height={} framerate=25/1 \
         {parsed} ! x264enc tune=zerolatency bframes=0 speed-preset=veryfast bitrate=2500 key-int-max=25 \
         option-string=scenecut=0 ! h264parse config-interval=-1 ! mpegtsmux alignment=7 ! srtsink \
         uri=srt://127.0.0.1:{}?mode=listener wait-for-connection=false sync=true async=false",
        file.display(),
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
