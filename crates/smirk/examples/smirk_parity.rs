//! Computes every `out.smirk.*` of a file of goldens and says how far it is from what is there.
//!
//! `cargo run --release -p moue-smirk --example smirk_parity -- CHECKPOINT GOLDENS`; without arguments, the
//! repository's own. Exits with 1 if a relative error passes 1e-4.

#![allow(clippy::print_stdout, missing_docs)]

use std::path::PathBuf;
use std::process::ExitCode;

use candle_core::Device;
use moue_smirk::{SmirkTracker, crop};

#[path = "../tests/support/goldens.rs"]
mod goldens;

const TOLERANCE: f64 = 1e-4;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let checkpoint = arguments.next().unwrap_or_else(|| goldens::file("SMIRK_em1.pt"));
    let file = arguments.next().unwrap_or_else(|| goldens::file("goldens.safetensors"));
    let tracker = SmirkTracker::load(&checkpoint, &Device::Cpu)?;
    println!("{:<12} {:>10} {:>10} {:>20}", "face", "flame", "pose", "crop: other values");
    let mut worst = 0f64;
    for golden in goldens::read(&file)? {
        let [flame, pose] = goldens::errors(&tracker.track(&golden.picture, &golden.landmarks)?, &golden);
        let (share, levels) = goldens::crop_difference(&crop(&golden.picture, &golden.landmarks)?, &golden);
        println!("{:<12} {flame:>10.2e} {pose:>10.2e} {:>12.4} % by {levels}", golden.name, share * 100.0);
        worst = worst.max(flame).max(pose);
    }
    Ok(if worst <= TOLERANCE { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
