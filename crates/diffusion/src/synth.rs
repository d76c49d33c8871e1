//! Random weights in the official layout: for tests, and for measurements on machines that do not have the real ones.
//!
//! Every file has the names and shapes of the published one; what is painted with them is noise.

mod configs;
mod recogniser;
mod tensors;

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::DType;
use moue_models::{ModelFile, ModelFolder};

use crate::adapter::{ExpressionProjection, ProjectionKind};
use crate::text::TextModel;
use crate::weights::{OLDER_NAMES, Synthesizer};
use crate::{Checkpoint, DenoisingUnet, DiffusionError, EXPRESSION_SIZE, Result, Vae};
use tensors::{Draw, FilePlan, Planned};

/// How large the networks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// A few megabytes, for tests. Paints pictures of 64x64 and multiples of it.
    Tiny,
    /// The published shapes, gigabytes.
    Sd15,
}

/// What the numbers are stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// As most published files.
    F32,
    /// Half the size.
    F16,
}

/// What [`synth`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynthOptions {
    /// Size of the networks.
    pub scale: Scale,
    /// Type of the numbers.
    pub precision: Precision,
    /// Equal seeds give equal files.
    pub seed: u64,
    /// Whether to write the optional LoRA for few steps too.
    pub few_steps: bool,
}

/// How far [`synth`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynthProgress {
    /// What is being written, as a path in the folder.
    pub path: &'static str,
    /// Bytes of all files so far.
    pub written: u64,
    /// Bytes of all files in the end.
    pub total: u64,
}

/// Name of a text beside the models, so that nobody takes them for real.
pub const SYNTHETIC_NOTE: &str = "SYNTHETIC.txt";
const NOTE: (&str, &str) = (
    SYNTHETIC_NOTE,
    "The weights in this folder are random numbers in the shapes of the real ones, written by `moue models synth`.\n\
     They serve tests and measurements of speed. What they paint is noise.\n",
);

/// Writes a whole folder of models with random weights into `dir`, which must be empty or not exist, and returns the
/// paths of the files. After a failure, or where `progress` returns an error, nothing is left.
///
/// Where the published file is a pickle, the alternative that is read in its place is written: safetensors.
///
/// # Errors
/// Where something is in the folder, where it cannot be written to, and what `progress` returns.
pub fn synth(
    dir: &Path,
    options: &SynthOptions,
    progress: &mut dyn FnMut(SynthProgress) -> Result<()>,
) -> Result<Vec<PathBuf>> {
    let is_new = !dir.exists();
    refuse_full(dir)?;
    let mut folder = Folder { dir, files: Vec::new() };
    let written = folder.fill(options, progress);
    if written.is_err() {
        folder.clear(is_new);
    }
    written.map(|()| folder.files)
}

fn refuse_full(dir: &Path) -> Result<()> {
    let found = match fs::read_dir(dir).map(Iterator::count) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => "something that is no folder",
        Err(error) => return Err(DiffusionError::io(dir, error)),
        Ok(0) => return Ok(()),
        Ok(_) => "a folder that is not empty",
    };
    Err(DiffusionError::file(dir, found, "a new or an empty folder", "name another folder: nothing is replaced"))
}

/// The folder that is being filled.
struct Folder<'a> {
    dir: &'a Path,
    /// What is in it, in the order of writing.
    files: Vec<PathBuf>,
}

impl Folder<'_> {
    fn fill(&mut self, options: &SynthOptions, progress: &mut dyn FnMut(SynthProgress) -> Result<()>) -> Result<()> {
        let (vocabulary, merges) = configs::tokenizer(options.scale);
        self.add(NOTE.0, NOTE.1.as_bytes())?;
        for (path, json) in configs::configs(options.scale) {
            self.add(path, format!("{json:#}\n").as_bytes())?;
        }
        self.add(ModelFile::TokenizerVocabulary.path(), vocabulary.as_bytes())?;
        self.add(ModelFile::TokenizerMerges.path(), merges.as_bytes())?;
        self.add(ModelFile::Recogniser.path(), &recogniser::recogniser(options.seed))?;

        let plans = plans(&Checkpoint::open(&ModelFolder::at(self.dir))?, options)?;
        let total = plans.iter().map(|(_, plan)| plan.size()).sum();
        let mut written = 0;
        for (file, plan) in plans {
            // Safetensors come first.
            let path = file.accepted_paths().next().unwrap_or(file.path());
            plan.write(&self.place(path)?, options.seed, &mut |bytes| {
                written += bytes;
                progress(SynthProgress { path, written, total })
            })?;
        }
        Ok(())
    }

    fn add(&mut self, path: &str, content: &[u8]) -> Result<()> {
        let path = self.place(path)?;
        fs::write(&path, content).map_err(|e| DiffusionError::io(&path, e))
    }

    /// Makes room for a file.
    fn place(&mut self, path: &str) -> Result<PathBuf> {
        let path = self.dir.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| DiffusionError::io(parent, e))?;
        }
        self.files.push(path.clone());
        Ok(path)
    }

    /// Takes everything away again. What somebody else has put there meanwhile stays.
    fn clear(&self, is_new: bool) {
        for file in &self.files {
            let _ = fs::remove_file(file);
            if let Some(parent) = file.parent().filter(|parent| *parent != self.dir || is_new) {
                let _ = fs::remove_dir(parent);
            }
        }
        if is_new {
            let _ = fs::remove_dir(self.dir);
        }
    }
}

/// All files with tensors.
fn plans(checkpoint: &Checkpoint, options: &SynthOptions) -> Result<Vec<(ModelFile, FilePlan)>> {
    let network = Synthesizer::default();
    let adapter = Synthesizer::default();
    DenoisingUnet::new(&network.builder(), &checkpoint.unet, Some(&adapter.builder().pp("ip_adapter")))?;
    let (tokens, rank) = match options.scale {
        Scale::Tiny => (2, 2),
        // The published adapter's 78,085,419 bytes are 16 pairs of keys and values for tokens of 768 numbers, this
        // projection to 4 tokens, and 356 bytes for each of the 38 tensors. The LoRA's 51,137,360 bytes are a header
        // in diffusers' older spelling and 128 f32 for every row and column of the self-attentions, to the byte.
        Scale::Sd15 => (4, 128),
    };
    let hidden = checkpoint.unet.cross_attention_dim;
    let projection = adapter.builder().pp("image_proj");
    ExpressionProjection::new(&projection, ProjectionKind::FaceId, hidden, tokens, 2 * EXPRESSION_SIZE)?;
    let text = Synthesizer::default();
    TextModel::new(&text.builder(), &checkpoint.text)?;
    let vae = Synthesizer::default();
    Vae::new(&vae.builder(), &checkpoint.vae)?;

    let dtype = match options.precision {
        Precision::F32 => DType::F32,
        Precision::F16 => DType::F16,
    };
    let plan = |tensors: Vec<(String, Vec<usize>)>| {
        FilePlan::new(tensors.into_iter().map(|(name, shape)| Planned::of_network(name, shape)).collect(), dtype)
    };
    let network = network.tensors();
    let reference = lora(&network, rank, |module| {
        let (block, layer) = module.split_once(".attn1.")?;
        Some((format!("unet.{block}.attn1.{layer}.lora"), [".down.weight", ".up.weight"]))
    });
    let mut plans = vec![
        (ModelFile::Encoder, plan(text.tensors())),
        (ModelFile::ExpressionAdapter, plan(adapter.tensors())),
        (ModelFile::ReferenceAdapter, FilePlan::new(reference, dtype)),
        (ModelFile::Vae, plan(vae.tensors().into_iter().map(|(name, shape)| (older(name), shape)).collect())),
    ];
    if options.few_steps {
        plans.push((ModelFile::LcmLora, FilePlan::new(few_steps(&network, if rank < 64 { rank } else { 64 }), dtype)));
    }
    plans.push((ModelFile::Unet, plan(network)));
    Ok(plans)
}

/// The published VAE has the names of its attention from before diffusers renamed it.
fn older(name: String) -> String {
    let known = OLDER_NAMES.iter().find(|(new, _)| name.contains(new));
    known.map_or(name.clone(), |(new, old)| name.replace(new, old))
}

/// The LoRA for few steps: kohya's spelling, and changes of everything between the first and the last convolution.
fn few_steps(network: &[(String, Vec<usize>)], rank: usize) -> Vec<Planned> {
    let spelled = |module: &str| {
        let inside = ["down_blocks.", "mid_block.", "up_blocks."].iter().any(|prefix| module.starts_with(prefix));
        inside.then(|| (format!("lora_unet_{}", module.replace('.', "_")), [".lora_down.weight", ".lora_up.weight"]))
    };
    let mut planned = lora(network, rank, spelled);
    let alphas: Vec<Planned> = planned
        .iter()
        .filter_map(|tensor| tensor.name.strip_suffix(".lora_up.weight"))
        .map(|module| Planned { name: format!("{module}.alpha"), shape: Vec::new(), draw: Draw::Constant(rank as f32) })
        .collect();
    planned.extend(alphas);
    planned
}

/// The two matrices of each module that `spelled` gives a name to, as down and up. Together they change little.
fn lora(
    network: &[(String, Vec<usize>)],
    rank: usize,
    spelled: impl Fn(&str) -> Option<(String, [&'static str; 2])>,
) -> Vec<Planned> {
    /// Size of the change, of the size of the weights.
    const CHANGE: f32 = 0.1;
    let matrices = network.iter().filter(|(_, shape)| shape.len() > 1);
    let modules = matrices.filter_map(|(name, shape)| Some((name.strip_suffix(".weight")?, shape)));
    modules
        .filter_map(|(module, shape)| Some((spelled(module)?, shape)))
        .flat_map(|((name, [down, up]), shape)| {
            let inputs = shape[1..].iter().product::<usize>() as f32;
            // A convolution becomes one to few channels and a 1x1 convolution.
            let mut down_shape = shape.clone();
            down_shape[0] = rank;
            let mut up_shape = vec![1; shape.len()];
            (up_shape[0], up_shape[1]) = (shape[0], rank);
            let uniform = |deviation: f32| Draw::Uniform { deviation };
            let up_draw = uniform(CHANGE / (rank as f32).sqrt());
            [
                Planned { name: name.clone() + down, shape: down_shape, draw: uniform(1.0 / inputs.sqrt()) },
                Planned { name: name + up, shape: up_shape, draw: up_draw },
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests;
