//! Whether a folder of models is whole and its files fit each other, without computing anything.
//!
//! Only names and shapes are read, so that gigabytes take a second. Nothing stops at the first problem.

mod onnx;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use candle_nn::VarBuilder;
use moue_models::{ModelFile, ModelFolder, Presence};

use crate::adapter::{self, ExpressionProjection};
use crate::config::{ScheduleConfig, TextConfig, UnetConfig, VaeConfig};
use crate::text::TextModel;
use crate::weights::{Store, Synthesizer, WeightFile, lora_problems};
use crate::{DenoisingUnet, DiffusionError, PROMPT, Result, TensorProblem, Tokenizer, Vae};

/// What [`check`] has found.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// Every file of the catalogue, in its order.
    pub files: Vec<FileCheck>,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problems() == 0
    }

    /// How many things are wrong.
    pub fn problems(&self) -> usize {
        self.files.iter().map(|file| file.problems.len()).sum()
    }
}

/// What was found of one file.
#[derive(Clone, Debug)]
pub struct FileCheck {
    /// Which.
    pub file: ModelFile,
    /// Where it lies, if it does.
    pub path: Option<PathBuf>,
    /// How far the check came.
    pub depth: CheckDepth,
    /// What is wrong with it.
    pub problems: Vec<CheckProblem>,
}

/// How far the check of a file came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckDepth {
    /// There is nothing to check.
    Absent,
    /// It was looked at, but not compared with the configuration: there is none, or the file cannot be read.
    Alone,
    /// It was compared with all that it has to fit.
    Compared,
}

/// Something that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckProblem {
    /// It is not there, and nothing is rendered without it.
    Absent,
    /// It cannot be used. A sentence, and often a second line that begins with `hint:`.
    Unusable(String),
    /// One of its tensors does not fit the configuration. An extra tensor counts: a network that uses it computes
    /// something else than this one.
    Tensor(TensorProblem),
    /// It says something else than another file.
    Misfit(String),
}

impl fmt::Display for CheckProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("not there"),
            Self::Unusable(text) | Self::Misfit(text) => f.write_str(text),
            Self::Tensor(problem) => problem.fmt(f),
        }
    }
}

/// Opens every file of a folder and compares it with its configuration, and the configurations with each other.
///
/// Of the face recogniser and of SMIRK, whose networks this crate does not know, only the outer structure is looked
/// at.
pub fn check(folder: &ModelFolder) -> CheckReport {
    let mut checker = Checker { folder, files: BTreeMap::new() };
    checker.all();
    let files = ModelFile::ALL.into_iter().filter_map(|file| checker.files.remove(&file)).collect();
    CheckReport { files }
}

struct Checker<'a> {
    folder: &'a ModelFolder,
    files: BTreeMap<ModelFile, FileCheck>,
}

impl Checker<'_> {
    fn all(&mut self) {
        let unet = self.open(ModelFile::UnetConfig, UnetConfig::read);
        let vae = self.open(ModelFile::VaeConfig, VaeConfig::read);
        let text = self.open(ModelFile::EncoderConfig, TextConfig::read);
        self.open(ModelFile::SchedulerConfig, ScheduleConfig::read);
        self.configs(unet.as_ref(), vae.as_ref(), text.as_ref());
        self.tokenizer(text.as_ref());

        self.network(ModelFile::Encoder, text, |vb, config| TextModel::new(vb, config).map(drop));
        self.network(ModelFile::Vae, vae, |vb, config| Vae::new(vb, config).map(drop));
        self.network(ModelFile::Unet, unet.clone(), |vb, config| DenoisingUnet::new(vb, config, None).map(drop));

        // The adapters are compared with what the configuration says of the network, whatever its own file holds.
        let modules = unet.as_ref().and_then(|config| self.note(ModelFile::UnetConfig, modules(config)));
        let network = unet.as_ref().zip(modules.as_ref());
        self.expression_adapter(network);
        for file in [ModelFile::ReferenceAdapter, ModelFile::LcmLora] {
            let Some(weights) = self.open(file, open_weights) else { continue };
            match &modules {
                Some(modules) => {
                    let names = weights.tensors().keys().map(|name| (name.clone(), name.clone()));
                    self.tensors(file, lora_problems(&weights, names, modules));
                }
                None => self.not_compared(file),
            }
        }
        self.open(ModelFile::Recogniser, onnx::check);
        self.open(ModelFile::Smirk, open_weights);
    }

    /// Looks at a file with `read`, which says what is wrong with it alone.
    fn open<T>(&mut self, file: ModelFile, read: impl FnOnce(&Path) -> Result<T>) -> Option<T> {
        let unusable = |text: &str| vec![CheckProblem::Unusable(text.to_owned())];
        let (path, problems, value) = match self.folder.presence(file) {
            Presence::Present { path, .. } => match read(&path) {
                Ok(value) => (Some(path), Vec::new(), Some(value)),
                Err(error) => {
                    let problems = unusable(&without_path(&error, &path));
                    (Some(path), problems, None)
                }
            },
            Presence::Pointer { path } => {
                let text = "found a Git LFS pointer, a short text in place of the file\n\
                            hint: run `git lfs pull` where it was cloned, or `moue models pull`";
                (Some(path), unusable(text), None)
            }
            Presence::Absent => {
                let paths = file.accepted_paths().map(|path| self.folder.dir().join(path));
                match paths.into_iter().find(|path| path.exists()) {
                    Some(path) => {
                        let text = "found an empty file, or something that may not be read\n\
                                    hint: check its permissions, or fetch it again with `moue models pull`";
                        (Some(path), unusable(text), None)
                    }
                    None if file.is_required() => (None, vec![CheckProblem::Absent], None),
                    None => (None, Vec::new(), None),
                }
            }
        };
        let depth = match (&path, &value) {
            (None, _) => CheckDepth::Absent,
            (Some(_), None) => CheckDepth::Alone,
            (Some(_), Some(_)) => CheckDepth::Compared,
        };
        self.files.insert(file, FileCheck { file, path, depth, problems });
        value
    }

    fn problem(&mut self, file: ModelFile, problem: CheckProblem) {
        if let Some(check) = self.files.get_mut(&file) {
            check.problems.push(problem);
        }
    }

    fn tensors(&mut self, file: ModelFile, problems: Vec<TensorProblem>) {
        problems.into_iter().for_each(|problem| self.problem(file, CheckProblem::Tensor(problem)));
    }

    fn not_compared(&mut self, file: ModelFile) {
        if let Some(check) = self.files.get_mut(&file) {
            check.depth = CheckDepth::Alone;
        }
    }

    /// The value, or the error as a problem of `file`.
    fn note<T>(&mut self, file: ModelFile, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                let path = self.files.get(&file).and_then(|check| check.path.clone()).unwrap_or_default();
                self.problem(file, CheckProblem::Unusable(without_path(&error, &path)));
                None
            }
        }
    }

    /// Whether the configurations fit each other.
    fn configs(&mut self, unet: Option<&UnetConfig>, vae: Option<&VaeConfig>, text: Option<&TextConfig>) {
        let Some(unet) = unet else { return };
        let mut compare = |file: ModelFile, key: &str, found: usize, theirs: &str, expected: usize| {
            if found != expected {
                let of = ModelFile::UnetConfig;
                let text = format!("{key}: found {found}, expected {expected}, the {theirs} of {of}");
                self.problem(file, CheckProblem::Misfit(text));
            }
        };
        if let Some(text) = text {
            let (key, theirs) = ("hidden_size", "cross_attention_dim");
            compare(ModelFile::EncoderConfig, key, text.hidden, theirs, unet.cross_attention_dim);
        }
        if let Some(vae) = vae {
            compare(ModelFile::VaeConfig, "latent_channels", vae.latent_channels, "in_channels", unet.in_channels);
        }
        compare(ModelFile::UnetConfig, "out_channels", unet.out_channels, "in_channels", unet.in_channels);
    }

    fn tokenizer(&mut self, text: Option<&TextConfig>) {
        let file = ModelFile::TokenizerVocabulary;
        let vocabulary = self.open(file, |path| Ok(path.to_owned()));
        let merges = self.open(ModelFile::TokenizerMerges, |path| Ok(path.to_owned()));
        let (Some(vocabulary), Some(merges)) = (vocabulary, merges) else { return };
        let Some(tokenizer) = self.note(file, Tokenizer::open(&vocabulary, &merges)) else { return };
        self.note(file, tokenizer.token(crate::checkpoint::FACE_WORD));
        let Some(text) = text else { return };
        let Some(ids) = self.note(file, tokenizer.encode(PROMPT, text.positions)) else { return };
        if let Some(id) = ids.into_iter().find(|&id| id as usize >= text.vocabulary) {
            let (of, most) = (ModelFile::EncoderConfig, text.vocabulary - 1);
            let text = format!("found token {id}, expected at most {most}, by the vocab_size of {of}");
            self.problem(file, CheckProblem::Misfit(text));
        }
    }

    /// Compares the file of a network with the network that `build` makes of its configuration.
    fn network<C>(
        &mut self,
        file: ModelFile,
        config: Option<C>,
        build: impl FnOnce(&VarBuilder<'_>, &C) -> candle_core::Result<()>,
    ) {
        let Some(weights) = self.open(file, open_weights) else { return };
        let Some(config) = config else { return self.not_compared(file) };
        let store = Store::shapes(weights, "");
        self.note(file, build(&store.builder(), &config).map_err(Into::into));
        self.tensors(file, [store.problems(), store.extra()].concat());
    }

    fn expression_adapter(&mut self, network: Option<(&UnetConfig, &BTreeMap<String, Vec<usize>>)>) {
        let file = ModelFile::ExpressionAdapter;
        let Some(path) = self.open(file, |path| open_weights(path).map(|_| path.to_owned())) else { return };
        let Some((config, modules)) = network else { return self.not_compared(file) };
        let stores = || {
            let store = |prefix: &str| Ok::<_, DiffusionError>(Store::shapes(open_weights(&path)?, prefix));
            Ok((store("image_proj.")?, store("ip_adapter.")?))
        };
        let Some((projection, attention)) = self.note(file, stores()) else { return };
        let is_known = self.note(file, ExpressionProjection::read(&projection, config.cross_attention_dim)).is_some();
        let unused = Synthesizer::default().builder();
        let built = DenoisingUnet::new(&unused, config, Some(&attention.builder())).map_err(Into::into);
        self.note(file, built);
        self.tensors(file, [projection.problems(), attention.problems()].concat());
        let extra = adapter::extra(&projection, &attention).into_iter();
        // Of a projection that is not known, all is extra; that it is not known has been said.
        self.tensors(file, extra.filter(|extra| is_known || !extra.name.starts_with("image_proj.")).collect());
        let changes = adapter::lora_names(attention.file(), &config.attention_layers());
        self.tensors(file, lora_problems(attention.file(), changes, modules));
    }
}

fn open_weights(path: &Path) -> Result<WeightFile> {
    Ok(WeightFile::open(path)?)
}

/// Shapes of the weights of all modules, by the module's name.
fn modules(config: &UnetConfig) -> Result<BTreeMap<String, Vec<usize>>> {
    let network = Synthesizer::default();
    DenoisingUnet::new(&network.builder(), config, None)?;
    let tensors = network.tensors().into_iter();
    Ok(tensors.filter_map(|(name, shape)| Some((name.strip_suffix(".weight")?.to_owned(), shape))).collect())
}

/// The error without the file's name before it, which stands beside it in the report.
fn without_path(error: &DiffusionError, path: &Path) -> String {
    let text = error.to_string();
    let rest = text.strip_prefix(&path.display().to_string()).map(|rest| rest.trim_start_matches([':', ',', ' ']));
    rest.map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests;
