//! Writes a folder of models with random weights, for measurements on machines that do not have the real ones.
//!
//! `cargo run --release -p moue-diffusion --example synth -- --scale tiny|sd15 [--dtype f16|f32] [--seed N] [--lcm] DIR`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use moue_diffusion::{Precision, Scale, SynthOptions, synth};

fn main() -> Result<()> {
    let (mut scale, mut dir) = (None, None);
    let mut options = SynthOptions { scale: Scale::Tiny, precision: Precision::F16, seed: 0, few_steps: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--scale" => {
                scale = Some(match value()?.as_str() {
                    "tiny" => Scale::Tiny,
                    "sd15" => Scale::Sd15,
                    other => bail!("--scale {other}: expected tiny or sd15"),
                });
            }
            "--dtype" => {
                options.precision = match value()?.as_str() {
                    "f32" => Precision::F32,
                    "f16" => Precision::F16,
                    other => bail!("--dtype {other}: expected f32 or f16"),
                }
            }
            "--seed" => options.seed = value()?.parse().context("--seed needs a number")?,
            "--lcm" => options.few_steps = true,
            other if other.starts_with('-') => bail!("unknown option {other}: see the top of examples/synth.rs"),
            other => dir = Some(PathBuf::from(other)),
        }
    }
    options.scale = scale.context("--scale tiny|sd15 is needed")?;
    let dir = dir.context("the folder to write is needed")?;
    let began = Instant::now();
    let (mut bytes, mut shown) = (0, None);
    let files = synth(&dir, &options, &mut |progress| {
        bytes = progress.total;
        if shown.replace(progress.path) != Some(progress.path) {
            eprintln!("{:>3} %  {}", progress.written * 100 / progress.total, progress.path);
        }
        Ok(())
    })?;
    let (megabytes, seconds) = (bytes / 1_000_000, began.elapsed().as_secs_f64());
    println!("{}: {} files with random weights, {megabytes} MB, in {seconds:.1} s", dir.display(), files.len());
    Ok(())
}
