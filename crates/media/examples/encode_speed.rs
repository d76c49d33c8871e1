//! How many frames per second each kind of output takes on this machine, without any rendering.
//!
//! ```text
//! cargo run --release -p moue-media --example encode_speed [SECONDS_PER_MEASUREMENT [OUTPUT ...]]
//! ```
//! The picture resembles an animated portrait: a still, grainy surrounding, and a third of it in motion by fractions
//! of a pixel.
#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use moue_media::{EncoderSettings, Output, VideoFormat};
use moue_timeline::FrameRate;

/// Frames made beforehand and shown to and fro.
const FRAMES: usize = 24;

fn main() -> Result<(), Box<dyn Error>> {
    let seconds: f64 = std::env::args().nth(1).map_or(Ok(4.0), |text| text.parse())?;
    let chosen: Vec<String> = std::env::args().skip(2).collect();
    let all = ["clip.mp4", "clip.mkv", "clip.webm", "clip.gif", "sheet.png", "frames/"];
    let names = if chosen.is_empty() { all.map(str::to_owned).to_vec() } else { chosen };
    let folder = tempfile::tempdir()?;
    println!("{:<12}{:>12}{:>12}{:>14}{:>12}", "output", "size", "frames/s", "CPU ms/frame", "kbit/s");
    for (width, height) in [(512, 512), (1920, 1080)] {
        let frames: Vec<_> = (0..FRAMES).map(|index| Arc::new(portrait(width, height, index))).collect();
        for name in &names {
            let path = folder.path().join(name);
            let output = Output::parse(&path.to_string_lossy())?;
            let format = VideoFormat::new(width, height, FrameRate::FPS_25);
            let mut sink = output.open(&format, &EncoderSettings::default(), true)?;
            let cpu_before = cpu_seconds();
            let (began, limit) = (Instant::now(), Duration::from_secs_f64(seconds));
            let to_and_fro = (0..FRAMES).chain((1..FRAMES - 1).rev()).cycle();
            for index in to_and_fro.take_while(|_| began.elapsed() < limit) {
                sink.write(&frames[index])?;
            }
            let written = sink.finish()?;
            let (count, elapsed) = (written.frames as f64, began.elapsed().as_secs_f64());
            let kilobits = written.bytes as f64 * 8e-3 / (count / 25.0);
            let (size, fps) = (format!("{width}x{height}"), count / elapsed);
            let cpu_ms = 1e3 * (cpu_seconds() - cpu_before) / count;
            println!("{name:<12}{size:>12}{fps:>12.0}{cpu_ms:>14.2}{kilobits:>12.0}");
        }
    }
    Ok(())
}

/// Processor time of this program so far, all threads together; zero where there is no `/proc`. On a machine with other
/// work it says more than the clock.
fn cpu_seconds() -> f64 {
    // `PID (NAME) STATE ...`: user and system time are the 12th and 13th after the name, in hundredths of a second.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn portrait(width: u32, height: u32, index: usize) -> RgbImage {
    let (w, h) = (f64::from(width), f64::from(height));
    let phase = index as f64 / FRAMES as f64 * std::f64::consts::PI;
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (f64::from(x) / w - 0.5, f64::from(y) / h - 0.5);
        // Motion of a few pixels inside an ellipse, fading to nothing at its edge.
        let inside = (1.0 - (u / 0.28).powi(2) - (v / 0.38).powi(2)).max(0.0);
        let (dx, dy) = (inside * 0.010 * phase.sin(), inside * 0.016 * (1.0 - phase.cos()));
        let (u, v) = (u + dx, v + dy);
        let shade = 150.0 - 120.0 * (u * u + v * v) + 22.0 * (u * 34.0).sin() * (v * 27.0).cos();
        let detail = 14.0 * (u * w * 0.35).sin() * (v * h * 0.31).sin();
        let grain = f64::from(hash(x, y) % 13) - 6.0;
        let at = |factor: f64| (factor * (shade + detail) + grain * (1.0 - inside)).clamp(0.0, 255.0) as u8;
        Rgb([at(1.15), at(0.92), at(0.8)])
    })
}

fn hash(x: u32, y: u32) -> u32 {
    let mixed = (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77)).wrapping_mul(0xC2B2_AE3D);
    mixed ^ (mixed >> 15)
}
