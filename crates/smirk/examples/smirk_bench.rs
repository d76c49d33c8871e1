//! How long SMIRK takes: `cargo run --release -p moue-smirk --example smirk_bench [CHECKPOINT]`.
//!
//! Prints the fastest and the median of each, in milliseconds for one frame.

#![allow(clippy::print_stdout, missing_docs)]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use candle_core::Device;
use moue_smirk::{SmirkTracker, crop};

#[path = "../tests/support/goldens.rs"]
mod goldens;

fn main() -> anyhow::Result<()> {
    let checkpoint = std::env::args_os().nth(1).map_or_else(|| goldens::file("SMIRK_em1.pt"), PathBuf::from);
    let golden = goldens::read(&goldens::file("goldens.safetensors"))?.remove(0);
    measure("load", 5, 1, || SmirkTracker::load(&checkpoint, &Device::Cpu))?;
    let tracker = SmirkTracker::load(&checkpoint, &Device::Cpu)?;
    measure("crop", 100, 1, || crop(&golden.picture, &golden.landmarks))?;
    for frames in [1, 2, 4, 8, 16] {
        let batch = vec![(&golden.picture, &golden.landmarks); frames];
        measure(&format!("track, {frames} at once"), 40, frames, || tracker.track_batch(&batch))?;
    }
    Ok(())
}

fn measure<R, E: Into<anyhow::Error>>(
    name: &str,
    runs: usize,
    frames: usize,
    mut work: impl FnMut() -> Result<R, E>,
) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for _ in 0..runs {
        let start = Instant::now();
        black_box(work().map_err(Into::into)?);
        times.push(start.elapsed().as_secs_f64() * 1e3 / frames as f64);
    }
    times.sort_by(f64::total_cmp);
    println!("{name:<20} fastest {:7.2} ms   median {:7.2} ms", times[0], times[runs / 2]);
    Ok(())
}
