//! Computes everything in a file of goldens again and says how far it is from them.
//!
//! `cargo run --release -p moue-diffusion --example parity -- --checkpoint DIR --goldens FILE [--device cpu|cuda:0]
//! [--dtype f32|f16|bf16] [--write OUT.safetensors]`
//!
//! Exits 1 if a relative L2 error is above the tolerance of the type.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

#[path = "../tests/support/goldens.rs"]
mod goldens;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use candle_core::DType;
use moue_diffusion::Compute;

struct Arguments {
    checkpoint: PathBuf,
    goldens: PathBuf,
    compute: Compute,
    write: Option<PathBuf>,
}

fn arguments() -> Result<Arguments> {
    let (mut checkpoint, mut goldens, mut write) = (None, None, None);
    let mut compute = Compute::cpu();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--checkpoint" => checkpoint = Some(value()?.into()),
            "--goldens" => goldens = Some(value()?.into()),
            "--write" => write = Some(value()?.into()),
            "--device" => compute.device = moue_diffusion::device::open(&value()?)?,
            "--dtype" => {
                compute.dtype = match value()?.as_str() {
                    "f32" => DType::F32,
                    "f16" => DType::F16,
                    "bf16" => DType::BF16,
                    other => bail!("--dtype {other}: expected f32, f16 or bf16"),
                }
            }
            other => bail!("unknown argument {other}: see the top of crates/diffusion/examples/parity.rs"),
        }
    }
    let need = |value: Option<PathBuf>, name: &str| value.with_context(|| format!("{name} is needed"));
    Ok(Arguments {
        checkpoint: need(checkpoint, "--checkpoint DIR")?,
        goldens: need(goldens, "--goldens FILE")?,
        compute,
        write,
    })
}

fn run() -> Result<bool> {
    let Arguments { checkpoint, goldens, compute, write } = arguments()?;
    let report = goldens::compute(&checkpoint, &goldens, &compute)?;
    print!("{}", report.table());
    if let Some(path) = write {
        candle_core::safetensors::save(&report.computed, &path)?;
    }
    Ok(report.passes())
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
