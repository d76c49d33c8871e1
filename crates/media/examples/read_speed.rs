//! How many frames per second are read from a source on this machine, and what that costs.
//!
//! ```text
//! cargo run --release -p moue-media --example read_speed SOURCE ...
//! ```
#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::error::Error;
use std::time::Instant;

use moue_media::{Source, VideoReader};

fn main() -> Result<(), Box<dyn Error>> {
    println!("{:>10}{:>12}{:>8}{:>14}  source", "frames", "frames/s", "late", "CPU ms/frame");
    for name in std::env::args().skip(1) {
        let (cpu_before, began) = (cpu_seconds(), Instant::now());
        let mut reader = VideoReader::open(&Source::parse(&name)?)?;
        let (mut frames, mut ending) = (0u32, String::new());
        // Time spent in opening and in waiting for the first frame.
        let mut late = None;
        for frame in reader.by_ref() {
            late.get_or_insert_with(|| began.elapsed().as_secs_f64());
            match frame {
                Ok(_) => frames += 1,
                Err(error) => ending = error.to_string(),
            }
        }
        let (fps, cpu_ms) = (f64::from(frames) / began.elapsed().as_secs_f64(), 1e3 * (cpu_seconds() - cpu_before));
        let late = late.unwrap_or_default();
        println!("{frames:>10}{fps:>12.0}{late:>8.3}{:>14.2}  {name}", cpu_ms / f64::from(frames.max(1)));
        println!("{:?}\n{ending}", reader.info());
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
