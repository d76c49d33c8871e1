//! Whether streams that go on for long stay as they began: memory, threads, descriptors, times, and sound with its picture.
//!
//! ```text
//! cargo run --release -p moue-media --example live_endurance [MINUTES]
//! ```
//! A clapper of 640x360 at 25 frames per second, with its sound, goes in real time (ten minutes unless told) to a real
//! RTMP server and into an HLS playlist. Twice a minute it prints what the process holds. At the end the server's
//! recording is read: every time must be later than the one before, and clicks must come with their flashes at the end as
//! at the beginning. What is printed after `off by` is the median distance of a click from its flash. Ends with 1 where
//! that passes 20 ms, a time does not rise, or the process has grown.
#![allow(clippy::print_stdout, reason = "it prints what it measures")]
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use moue_media::{LegEvent, LiveLeg, LiveOutput, LiveSettings, Soundtrack, Source, VideoFormat};
use moue_timeline::FrameRate;
use support::rtmp::Server;
use support::{Folder, clicks, flashes, packets};

const RATE: FrameRate = FrameRate::FPS_25;
/// Frames from one clap to the next, of which as many are white after the clap.
const CLAP: u64 = 50;
const WHITE: u64 = 5;
/// How far sound may be from its picture, in seconds.
const LIMIT: f64 = 0.02;
/// What a process may grow by once it runs: allocators keep some of what was freed. In bytes.
const GROWTH: u64 = 16 << 20;

fn main() {
    let minutes: u64 = std::env::args().nth(1).map_or(10, |text| text.parse().expect("a number of minutes"));
    let (seconds, folder, server) = (minutes * 60, Folder::new(), Server::up());
    let sound = folder.at("clapper.wav");
    let period = RATE.seconds_at(CLAP);
    let click = format!("if(between(mod(t\\,{period})\\,{0}\\,{0}+0.04)\\,0.8*sin(2*PI*1000*t)\\,0)", period / 2.0);
    support::ffmpeg(&format!("-f lavfi -i aevalsrc={click}:s=48000:d={seconds} -c:a pcm_s16le"), &sound);
    let (_, cues) = Soundtrack::new(Source::from(sound.as_path())).for_live().unwrap();

    let settings: LiveSettings = serde_json::from_str(r#"{"speed": "veryfast", "encoder": "x264"}"#).unwrap();
    let format = VideoFormat::new(640, 360, RATE);
    let playlist = folder.at("a.m3u8").display().to_string();
    let legs = [server.address("live"), playlist].map(|name| {
        let told = name.clone();
        let on_event = move |event: LegEvent| println!("{told}: {event}");
        LiveLeg::open(&LiveOutput::parse(&name).unwrap(), &format, &settings, &cues, on_event).unwrap()
    });
    let pictures = [0, 235].map(|grey| Arc::new(RgbImage::from_pixel(640, 360, Rgb([grey; 3]))));

    let start = Instant::now();
    let mut held = Vec::new();
    for index in 0..seconds * 25 {
        let due = start + Duration::from_nanos(RATE.pts(index).0);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let is_white = index % CLAP >= CLAP / 2 && index % CLAP < CLAP / 2 + WHITE;
        for leg in &legs {
            leg.show(&pictures[usize::from(is_white)], index).unwrap();
        }
        if index % (30 * 25) == 30 * 25 - 1 {
            held.push(holdings());
            let (memory, threads, descriptors) = holdings();
            println!(
                "{:>5.1} min: {:.1} MiB, {threads} threads, {descriptors} descriptors; {:?}",
                RATE.seconds_at(index) / 60.0,
                memory as f64 / f64::from(1 << 20),
                legs.each_ref().map(|leg| {
                    let stats = leg.stats();
                    format!("{} sent, {} repeated, {} dropped", stats.sent, stats.repeated, stats.dropped)
                })
            );
        }
    }
    for leg in legs {
        leg.end().unwrap();
    }

    let recording = server.recordings().pop().expect("the server records");
    let rises = ["v:0", "a:0"].map(|which| {
        let times = packets(&recording, which, "dts_time");
        times.len() > 100 && times.windows(2).all(|pair| pair[1] > pair[0])
    });
    let (first, last) = off(&recording);
    println!("times rise: {rises:?}; off by {:.1} ms at the beginning, {:.1} ms at the end", first * 1e3, last * 1e3);
    // What is held after the first minute, when every thread and buffer is there, and at the end.
    let (begin, end) = (held[held.len().min(2) - 1], held[held.len() - 1]);
    let has_grown = end.0 > begin.0 + GROWTH || end.1 > begin.1 || end.2 > begin.2;
    let is_well = rises == [true; 2] && first < LIMIT && last < LIMIT && !has_grown;
    std::process::exit(i32::from(!is_well));
}

/// Resident memory in bytes, threads, and open descriptors of this process.
fn holdings() -> (u64, usize, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = memory.split_whitespace().next().unwrap().parse().unwrap();
    let entries = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    (kilobytes << 10, entries("/proc/self/task"), entries("/proc/self/fd"))
}

/// Median distances of flashes from their clicks, in the first and in the last quarter of a recording, in seconds.
fn off(recording: &Path) -> (f64, f64) {
    let (flashes, (clicks, _)) = (flashes(recording), clicks(recording));
    let nearest =
        |flash: &f64| clicks.iter().map(|click| (click - flash).abs()).min_by(f64::total_cmp).unwrap_or(f64::INFINITY);
    let median = |part: &[f64]| {
        let mut off: Vec<_> = part.iter().map(nearest).collect();
        off.sort_by(f64::total_cmp);
        off.get(off.len() / 2).copied().unwrap_or(f64::INFINITY)
    };
    let quarter = flashes.len().div_ceil(4);
    (median(&flashes[..quarter]), median(&flashes[flashes.len() - quarter..]))
}
