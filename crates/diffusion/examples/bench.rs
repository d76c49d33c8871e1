//! Times the networks of a folder of models, and says how much memory they took.
//!
//! `cargo run --release -p moue-diffusion --example bench -- --models DIR [--device cpu|cuda:0] [--dtype f32|f16|bf16]
//! [--size 512] [--steps 25] [--guidance 3] [--frames 1] [--no-reference] [--only unet_pass,..] [--runs 3]`
//!
//! Prints one JSON object a line: `{"what", "seconds", "runs", "peak_bytes"}`. `peak_bytes` is the process's peak so
//! far, on the CPU; a GPU's memory is watched from outside. Synthetic weights will do: see the example `synth`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use image::{Rgb, RgbImage};
use moue_diffusion::{Checkpoint, Compute, Conditioning, Painter, PainterSettings, ReferenceBank, Sampling, Subject};
use moue_models::{ModelFile, ModelFolder};

struct Arguments {
    models: String,
    compute: Compute,
    size: u32,
    sampling: Sampling,
    frames: usize,
    reference: bool,
    only: Option<Vec<String>>,
    runs: usize,
}

fn arguments() -> Result<Arguments> {
    let mut found = Arguments {
        models: String::new(),
        compute: Compute::cpu(),
        size: 512,
        sampling: Sampling::default(),
        frames: 1,
        reference: true,
        only: None,
        runs: 3,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--models" => found.models = value()?,
            "--device" => found.compute.device = moue_diffusion::device::open(&value()?)?,
            "--dtype" => {
                found.compute.dtype = match value()?.as_str() {
                    "f32" => DType::F32,
                    "f16" => DType::F16,
                    "bf16" => DType::BF16,
                    other => bail!("--dtype {other}: expected f32, f16 or bf16"),
                }
            }
            "--size" => found.size = value()?.parse()?,
            "--steps" => found.sampling.steps = value()?.parse()?,
            "--guidance" => found.sampling.guidance = value()?.parse()?,
            "--frames" => found.frames = value()?.parse()?,
            "--runs" => found.runs = value()?.parse()?,
            "--no-reference" => found.reference = false,
            "--only" => found.only = Some(value()?.split(',').map(str::to_owned).collect()),
            "--json" => {}
            other => bail!("unknown argument {other}: see the top of crates/diffusion/examples/bench.rs"),
        }
    }
    if found.models.is_empty() {
        bail!("--models DIR is needed");
    }
    Ok(found)
}

impl Arguments {
    fn wants(&self, what: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|name| name == what))
    }

    /// Runs `f` some times after one that does not count, and prints the median.
    fn time(&self, what: &str, mut f: impl FnMut() -> Result<()>) -> Result<()> {
        if !self.wants(what) {
            return Ok(());
        }
        f()?;
        let mut seconds = Vec::new();
        for _ in 0..self.runs.max(1) {
            let began = Instant::now();
            f()?;
            seconds.push(began.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        let (median, runs) = (seconds[seconds.len() / 2], seconds.len());
        println!(r#"{{"what": "{what}", "seconds": {median:.4}, "runs": {runs}, "peak_bytes": {}}}"#, peak_bytes());
        Ok(())
    }
}

/// Peak of the resident memory of this process, from Linux; 0 elsewhere.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Numbers that look random.
fn noise(shape: &[usize], device: &Device) -> Result<Tensor> {
    let mut state = 0x2545_f491u32;
    let values: Vec<f32> = (0..shape.iter().product::<usize>())
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as f32 / 2f32.powi(30) - 2.0
        })
        .collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?.to_device(device)?)
}

/// One pass of the network alone, with and without a reference, and the decoder alone.
fn parts(arguments: &Arguments) -> Result<()> {
    let compute = &arguments.compute;
    let checkpoint = Checkpoint::open(&ModelFolder::at(&arguments.models))?;
    let side = arguments.size as usize / checkpoint.vae.downscale();
    let latents = noise(&[2, checkpoint.vae.latent_channels, side, side], &compute.device)?;
    let prompt = noise(&[2, checkpoint.text.positions, checkpoint.unet.cross_attention_dim], &compute.device)?;
    let prompt = prompt.to_dtype(moue_diffusion::ops::activation_dtype(&compute.device, compute.dtype))?;
    // A result that is read has been computed: a GPU works behind the program's back.
    let finish = |tensor: Tensor| -> Result<()> {
        tensor.flatten_all()?.narrow(0, 0, 1)?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
        Ok(())
    };
    if ["unet_pass", "unet_cfg_pair", "unet_pass_reference"].iter().any(|what| arguments.wants(what)) {
        let weights = checkpoint.unet_weights(compute)?;
        let bank = weights.reference()?.forward(&latents.narrow(0, 0, 1)?, 0.0, &prompt.narrow(0, 0, 1)?)?;
        let lora = weights.lora(ModelFile::ReferenceAdapter)?;
        let unet = weights.denoising(None, &[(lora, 0.8)])?;
        let pass = |rows: usize, bank: &ReferenceBank| {
            let prompt = prompt.narrow(0, 0, rows)?;
            let conditioning = Conditioning { prompt: &prompt, expression: None, bank_from: rows - 1 };
            finish(unet.forward(&latents.narrow(0, 0, rows)?, 500.0, &conditioning, bank)?)
        };
        arguments.time("unet_pass", || pass(1, &ReferenceBank::empty()))?;
        arguments.time("unet_cfg_pair", || pass(2, &ReferenceBank::empty()))?;
        arguments.time("unet_pass_reference", || pass(1, &bank))?;
    }
    if arguments.wants("vae_decode") {
        let vae = checkpoint.load_vae(compute)?;
        let dtype = moue_diffusion::ops::activation_dtype(&compute.device, compute.dtype);
        let latents = latents.narrow(0, 0, 1)?.to_dtype(dtype)?;
        arguments.time("vae_decode", || finish(vae.decode(&latents)?))?;
    }
    Ok(())
}

/// Whole frames, as a run makes them; loading is not counted.
fn frames(arguments: &Arguments) -> Result<()> {
    if !arguments.wants("frames") {
        return Ok(());
    }
    let checkpoint = Checkpoint::open(&ModelFolder::at(&arguments.models))?;
    let mut face = [0f32; 512];
    face.iter_mut().enumerate().for_each(|(i, v)| *v = if i % 2 == 0 { 0.044_194 } else { -0.044_194 });
    let portrait = RgbImage::from_fn(arguments.size, arguments.size, |x, y| Rgb([x as u8, y as u8, 128]));
    let settings = PainterSettings {
        sampling: arguments.sampling.clone(),
        reference_scale: arguments.reference.then_some(0.8),
        size: (arguments.size, arguments.size),
        ..PainterSettings::default()
    };
    let subject = Subject { face: &face, portrait: &portrait };
    let painter = Painter::new(checkpoint, arguments.compute.clone(), settings, subject, &mut |_| Ok(()))?;
    let expressions = vec![[0.1; 55]; arguments.frames];
    arguments.time("frames", || {
        painter.paint(0, &expressions, &mut |_| Ok(()))?;
        Ok(())
    })
}

fn main() -> ExitCode {
    let run = || {
        let arguments = arguments()?;
        parts(&arguments)?;
        frames(&arguments)
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
    }
}
