//! Recomputes goldens: files whose `in.*` tensors are inputs and whose `out.*` are what diffusers made of them.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use moue_diffusion::weights::WeightFile;
use moue_diffusion::{
    Checkpoint, Compute, Conditioning, DenoisingUnet, ExpressionAdapter, ExpressionTokens, FrameTokens, Prompts,
    ReferenceBank, Sampling, Scheduler, SchedulerKind, UnetWeights, sample,
};
use moue_models::{ModelFile, ModelFolder};

/// What was computed, and how far each tensor is from its golden.
pub struct Report {
    pub computed: HashMap<String, Tensor>,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    max_error: f64,
    relative_error: f64,
    tolerance: f64,
}

impl Report {
    /// Whether every error is within its tolerance.
    pub fn passes(&self) -> bool {
        self.failures().is_empty()
    }

    /// The tensors that are too far.
    pub fn failures(&self) -> Vec<&str> {
        let failed = self.rows.iter().filter(|row| row.relative_error > row.tolerance);
        failed.map(|row| row.name.as_str()).collect()
    }

    pub fn table(&self) -> String {
        let mut table = format!("{:<40} {:>12} {:>14} {:>10}\n", "tensor", "max error", "relative L2", "tolerance");
        for row in &self.rows {
            let Row { name, max_error, relative_error, tolerance } = row;
            let verdict = if relative_error <= tolerance { "" } else { "  TOO FAR" };
            let _ =
                writeln!(table, "{name:<40} {max_error:>12.3e} {relative_error:>14.3e} {tolerance:>10.1e}{verdict}");
        }
        let worst = self.rows.iter().max_by(|a, b| a.relative_error.total_cmp(&b.relative_error));
        let failed = self.failures().len();
        if let Some(worst) = worst {
            let total = self.rows.len();
            let _ = writeln!(
                table,
                "{total} tensors, {failed} too far; the worst is {} at {:.3e}",
                worst.name, worst.relative_error
            );
        }
        table
    }
}

/// Recomputes all of `goldens` with the networks in `checkpoint`.
pub fn compute(checkpoint: &Path, goldens: &Path, compute: &Compute) -> Result<Report> {
    let run = Run::new(checkpoint, goldens, compute)?;
    let mut computed = HashMap::new();
    run.text(&mut computed)?;
    run.vae(&mut computed)?;
    run.unet(&mut computed)?;
    run.lcm(&mut computed)?;
    report(&run.goldens, computed, compute)
}

fn report(goldens: &WeightFile, computed: HashMap<String, Tensor>, compute: &Compute) -> Result<Report> {
    let mut rows = Vec::new();
    let mut shaped = HashMap::new();
    for (name, info) in goldens.tensors().iter().filter(|(name, _)| name.starts_with("out.")) {
        let ours = computed.get(name).with_context(|| format!("{name} was not computed"))?;
        let ours = ours.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
        let ours = ours.reshape(info.shape.as_slice()).with_context(|| format!("shape of {name}"))?;
        let golden = floats(&goldens.read(name)?.to_dtype(DType::F32)?)?;
        let values = floats(&ours)?;
        let mut max_error = 0f64;
        let (mut error, mut size) = (0f64, 0f64);
        for (&a, &b) in values.iter().zip(&golden) {
            let difference = f64::from(a) - f64::from(b);
            // NaN must not pass: max would drop it.
            max_error = if difference.is_nan() { f64::INFINITY } else { max_error.max(difference.abs()) };
            error += difference * difference;
            size += f64::from(b) * f64::from(b);
        }
        let relative_error = if error == 0.0 { 0.0 } else { (error / size).sqrt() };
        let relative_error = if relative_error.is_nan() { f64::INFINITY } else { relative_error };
        rows.push(Row { name: name.clone(), max_error, relative_error, tolerance: tolerance(name, compute) });
        shaped.insert(name.clone(), ours);
    }
    ensure!(!rows.is_empty(), "no tensor out.* in {}", goldens.path().display());
    Ok(Report { computed: shaped, rows })
}

/// The largest relative L2 error that is still no mistake.
///
/// In f32, sums in another order are all that differs: they move these tensors by some 1e-6, those of DDIM by 1e-4.
///
/// In half precision the weights are rounded (f16 to 2^-11 of their size, bf16 to 2^-8) and, on a GPU, the activations
/// too. On the CPU, over the goldens of this repository, the worst of one pass is 1.0e-3 in f16 and 1.2e-2 in bf16, of a
/// sampling without DDIM 5.2e-4 and 6.3e-3. The tolerances leave room for the activations.
///
/// DDIM is another matter: with its class's defaults it clips the clean latents to -1..=1. Where a value is near the
/// limit, a rounding decides whether it is cut, and the guidance multiplies that at each step: the worst is 5.2e-2 in
/// f16 and 6.3e-1 in bf16. In f16 the tolerance still tells another picture from the same; in bf16 it only tells that
/// the result is finite and of the right size, and says nothing of its parts.
fn tolerance(name: &str, compute: &Compute) -> f64 {
    let is = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(&format!("out.{prefix}")));
    let ddim = is(&["ddim."]);
    let sampled = is(&["dpmpp", "euler.", "lcm.reference."]);
    match compute.dtype {
        _ if name.ends_with(".timesteps") => 1e-4,
        DType::F32 if ddim => 1e-3,
        DType::F32 => 1e-4,
        DType::F16 if ddim => 5e-1,
        DType::F16 if sampled => 2e-2,
        DType::F16 => 5e-3,
        _ if ddim => 2.0,
        _ if sampled => 1.5e-1,
        _ => 4e-2,
    }
}

fn number(goldens: &WeightFile, key: &str) -> Result<f64> {
    let metadata = goldens.metadata();
    let text = metadata.get(key).with_context(|| format!("no {key} in the header of the goldens"))?;
    text.parse().with_context(|| format!("{key} in the header of the goldens: {text}"))
}

fn floats(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}

struct Run {
    checkpoint: Checkpoint,
    goldens: WeightFile,
    compute: Compute,
    guidance: f64,
    expression_scale: f64,
    reference_scale: f64,
    steps: usize,
}

impl Run {
    fn new(checkpoint: &Path, goldens: &Path, compute: &Compute) -> Result<Self> {
        let goldens = WeightFile::open(goldens)?;
        let number = |key| number(&goldens, key);
        Ok(Self {
            checkpoint: Checkpoint::open(&ModelFolder::at(checkpoint))?,
            compute: compute.clone(),
            guidance: number("cfg")?,
            expression_scale: number("exp_scale")?,
            reference_scale: number("ref_scale")?,
            steps: number("steps")? as usize,
            goldens,
        })
    }

    /// An input, on the device, in f32.
    fn input(&self, name: &str) -> Result<Tensor> {
        Ok(self.goldens.read(name)?.to_dtype(DType::F32)?.to_device(&self.compute.device)?)
    }

    fn prompts(&self) -> Result<Prompts> {
        let face: Vec<f32> = floats(&self.goldens.read("in.id_embedding")?)?;
        let face: [f32; 512] = face.try_into().ok().context("in.id_embedding has not 512 values")?;
        let tokenizer = self.checkpoint.tokenizer()?;
        for (name, text) in [("in.prompt_ids", moue_diffusion::PROMPT), ("in.negative_prompt_ids", "")] {
            let expected: Vec<u32> = self.goldens.read(name)?.to_dtype(DType::U32)?.flatten_all()?.to_vec1()?;
            let ids = tokenizer.encode(text, self.checkpoint.text.positions)?;
            ensure!(ids == expected, "{name}: the tokenizer says {ids:?}, the goldens {expected:?}");
        }
        Ok(self.checkpoint.prompts(&face, &self.compute)?)
    }

    fn text(&self, computed: &mut HashMap<String, Tensor>) -> Result<()> {
        let prompts = self.prompts()?;
        computed.insert("out.prompt_embeds".into(), prompts.positive);
        computed.insert("out.negative_prompt_embeds".into(), prompts.negative);
        Ok(())
    }

    /// A golden reference picture, 0..1, as the VAE sees it.
    fn vae(&self, computed: &mut HashMap<String, Tensor>) -> Result<()> {
        let vae = self.checkpoint.load_vae(&self.compute)?;
        let dtype = moue_diffusion::ops::activation_dtype(&self.compute.device, self.compute.dtype);
        let picture = ((self.input("in.reference_image")? * 2.0)? - 1.0)?.to_dtype(dtype)?;
        let posterior = vae.encode(&picture)?;
        let noise = self.input("in.vae_noise")?;
        computed.insert("out.reference_latents".into(), vae.latents(&picture, &noise)?);
        computed.insert("out.vae_mean".into(), posterior.mean);
        computed.insert("out.vae_logvar".into(), posterior.logvar);
        computed.insert("out.vae_decode".into(), vae.decode(&self.input("in.latents")?.to_dtype(dtype)?)?);
        Ok(())
    }

    fn unet(&self, computed: &mut HashMap<String, Tensor>) -> Result<()> {
        let weights = self.checkpoint.unet_weights(&self.compute)?;
        let adapter = weights.expression_adapter()?;
        let expression = self.input("in.expression")?;
        let tokens = FrameTokens {
            neutral: adapter.projection.forward(&expression.zeros_like()?)?,
            expressions: adapter.projection.forward(&expression)?,
        };
        let prompts = self.prompts()?;
        let both = Tensor::cat(&[&tokens.neutral, &tokens.expressions], 0)?;
        computed.insert("out.expression_tokens".into(), both.clone());

        let plain = weights.denoising(Some(&adapter), &[])?;
        let pass = Pass { run: self, prompts: &prompts, tokens: &both };
        let empty = ReferenceBank::empty();
        for (name, scale) in [("exp0_ref0", 0.0), ("exp1_ref0", 1.0), ("exp05_ref0", 0.5)] {
            computed.insert(format!("out.unet_cfg.{name}"), pass.predict(&plain, scale, &empty)?);
        }
        let reference_latents = computed["out.reference_latents"].clone();
        let bank = weights.reference()?.forward(&reference_latents, 0.0, &prompts.positive)?;
        for (i, layer) in bank.layers().iter().enumerate() {
            computed.insert(format!("out.reference_bank.{i:02}"), layer.clone());
        }
        let lora = weights.lora(ModelFile::ReferenceAdapter)?;
        let adapted = weights.denoising(Some(&adapter), &[(lora, self.reference_scale)])?;
        let scale = self.expression_scale;
        computed.insert("out.unet_cfg.lora_only".into(), pass.predict(&adapted, scale, &empty)?);
        computed.insert("out.unet_cfg.reference".into(), pass.predict(&adapted, scale, &bank)?);
        self.sample(computed, "dpmpp_2m.plain", &plain, &prompts, &tokens, &empty)?;
        for kind in ["dpmpp_2m", "dpmpp_2m_short", "ddim", "euler"] {
            self.sample(computed, &format!("{kind}.reference"), &adapted, &prompts, &tokens, &bank)?;
        }
        self.without_adapter_lora(&weights, &pass, computed)?;
        self.second_lora(&weights, &adapter, &pass, &tokens, &bank, computed)
    }

    fn has(&self, name: &str) -> bool {
        self.goldens.tensors().contains_key(name)
    }

    /// Without the changes that an expression adapter brings along, where the goldens have that.
    fn without_adapter_lora(
        &self,
        weights: &UnetWeights,
        pass: &Pass<'_>,
        computed: &mut HashMap<String, Tensor>,
    ) -> Result<()> {
        let name = "out.unet_cfg.exp1_ref0_adapter_lora_off";
        if !self.has(name) {
            return Ok(());
        }
        let mut adapter = weights.expression_adapter()?;
        ensure!(adapter.lora.take().is_some(), "{name} in the goldens, but no LoRA in the expression adapter");
        let unet = weights.denoising(Some(&adapter), &[])?;
        computed.insert(name.into(), pass.predict(&unet, 1.0, &ReferenceBank::empty())?);
        Ok(())
    }

    /// A second LoRA, alone, with the reference adapter's, and as what samples in few steps, where the goldens have one.
    fn second_lora(
        &self,
        weights: &UnetWeights,
        adapter: &ExpressionAdapter,
        pass: &Pass<'_>,
        tokens: &FrameTokens,
        bank: &ReferenceBank,
        computed: &mut HashMap<String, Tensor>,
    ) -> Result<()> {
        let (alone, both) = ("out.unet_cfg.lcm_lora", "out.unet_cfg.reference_lcm_lora");
        if !self.has(alone) && !self.has(both) {
            return Ok(());
        }
        let lcm = (weights.lora(ModelFile::LcmLora)?, number(&self.goldens, "lcm_scale")?);
        let reference = (weights.lora(ModelFile::ReferenceAdapter)?, self.reference_scale);
        let scale = self.expression_scale;
        let unet = weights.denoising(Some(adapter), std::slice::from_ref(&lcm))?;
        computed.insert(alone.into(), pass.predict(&unet, scale, &ReferenceBank::empty())?);
        let unet = weights.denoising(Some(adapter), &[reference, lcm])?;
        computed.insert(both.into(), pass.predict(&unet, scale, bank)?);
        if self.has("out.lcm.reference.latents") {
            self.sample(computed, "lcm.reference", &unet, pass.prompts, tokens, bank)?;
        }
        Ok(())
    }

    fn sample(
        &self,
        computed: &mut HashMap<String, Tensor>,
        name: &str,
        unet: &DenoisingUnet,
        prompts: &Prompts,
        tokens: &FrameTokens,
        bank: &ReferenceBank,
    ) -> Result<()> {
        let method = name.split('.').next().unwrap_or_default();
        let key = format!("out.{method}.timesteps");
        let rows = [key.clone(), format!("out.{name}.trace")];
        let rows = rows.iter().find_map(|name| self.goldens.tensors().get(name)?.shape.first().copied());
        let steps = rows.with_context(|| format!("no {key} in the goldens"))?;
        ensure!(name != "dpmpp_2m.reference" || steps == self.steps, "{key} does not have `steps` rows");
        let sampling = Sampling {
            scheduler: match method {
                "ddim" => SchedulerKind::Ddim,
                "euler" => SchedulerKind::Euler,
                "lcm" => SchedulerKind::Lcm,
                _ => SchedulerKind::DpmppTwoM,
            },
            steps,
            // Few steps do without the unconditional half.
            guidance: if method == "lcm" { 1.0 } else { self.guidance },
            expression_scale: self.expression_scale,
        };
        let mut trace = Vec::new();
        let latents = sample(
            unet,
            &self.checkpoint.schedule,
            &sampling,
            prompts,
            Some(tokens),
            bank,
            &self.input("in.latents")?,
            &|step| Ok(self.goldens.read("in.lcm.noise")?.to_device(&self.compute.device)?.narrow(0, step, 1)?),
            &mut |_, latents| {
                trace.push(latents.clone());
                Ok(())
            },
        )?;
        computed.insert(format!("out.{name}.trace"), Tensor::cat(&trace, 0)?);
        let scheduler = Scheduler::new(sampling.scheduler, &self.checkpoint.schedule, sampling.steps);
        computed.insert(key, Tensor::new(scheduler.timesteps(), &Device::Cpu)?);
        if self.has(&format!("out.{name}.image")) {
            let vae = self.checkpoint.load_vae(&self.compute)?;
            let dtype = moue_diffusion::ops::activation_dtype(&self.compute.device, self.compute.dtype);
            let picture = vae.decode(&latents.to_dtype(dtype)?)?;
            computed.insert(format!("out.{name}.image"), picture);
        }
        computed.insert(format!("out.{name}.latents"), latents);
        Ok(())
    }

    /// The LCM scheduler alone, on fixed predictions.
    fn lcm(&self, computed: &mut HashMap<String, Tensor>) -> Result<()> {
        let (predictions, noise) = (self.input("in.lcm.model_output")?, self.input("in.lcm.noise")?);
        let steps = predictions.dim(0)?;
        let mut scheduler = Scheduler::new(SchedulerKind::Lcm, &self.checkpoint.schedule, steps);
        let mut latents = self.input("in.latents")?;
        let mut trace = Vec::new();
        for step in 0..steps {
            let fresh = noise.narrow(0, step, 1)?;
            latents = scheduler.step(step, &predictions.narrow(0, step, 1)?, &latents, Some(&fresh))?;
            trace.push(latents.clone());
        }
        computed.insert("out.lcm.timesteps".into(), Tensor::new(scheduler.timesteps(), &Device::Cpu)?);
        computed.insert("out.lcm.trace".into(), Tensor::cat(&trace, 0)?);
        Ok(())
    }
}

/// One pass over the negative and the positive prompt.
struct Pass<'a> {
    run: &'a Run,
    prompts: &'a Prompts,
    tokens: &'a Tensor,
}

impl Pass<'_> {
    fn predict(&self, unet: &DenoisingUnet, scale: f64, bank: &ReferenceBank) -> Result<Tensor> {
        let latents = self.run.input("in.latents")?;
        let timestep = f64::from(floats(&self.run.input("in.timestep")?)?[0]);
        let prompt = Tensor::cat(&[&self.prompts.negative, &self.prompts.positive], 0)?;
        let conditioning = Conditioning {
            prompt: &prompt,
            expression: Some(ExpressionTokens { tokens: self.tokens, scale }),
            bank_from: 1,
        };
        Ok(unet.forward(&Tensor::cat(&[&latents, &latents], 0)?, timestep, &conditioning, bank)?)
    }
}
