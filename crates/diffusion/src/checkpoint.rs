//! A folder in the official layout, and the networks that it makes.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use moue_models::{ModelFile, ModelFolder};

use crate::config::{ScheduleConfig, TextConfig, UnetConfig, VaeConfig};
use crate::text::{FACE_VECTOR, TextModel};
use crate::weights::{Lora, Store};
use crate::{DenoisingUnet, DiffusionError, ExpressionAdapter, ReferenceUnet, Result, Tokenizer, Vae};

/// Where networks are computed, and the type their weights are stored in.
#[derive(Clone, Debug)]
pub struct Compute {
    /// CPU or one GPU.
    pub device: Device,
    /// f32, f16 or bf16. On the CPU, the arithmetic is in f32 all the same.
    pub dtype: DType,
}

impl Compute {
    /// f32 on the CPU.
    pub fn cpu() -> Self {
        Self { device: Device::Cpu, dtype: DType::F32 }
    }
}

/// What is written before and after the face.
pub const PROMPT: &str = "photo of a id person";
/// The word whose place the face takes.
pub(crate) const FACE_WORD: &str = "id";

/// A folder of models, of which the configurations have been read.
#[derive(Debug)]
pub struct Checkpoint {
    folder: ModelFolder,
    /// The denoising network.
    pub unet: UnetConfig,
    /// The VAE.
    pub vae: VaeConfig,
    /// The text model.
    pub text: TextConfig,
    /// The noise of the training.
    pub schedule: ScheduleConfig,
}

/// Prompt embeddings of one person, (1, tokens, hidden) each.
#[derive(Clone, Debug)]
pub struct Prompts {
    /// With the face.
    pub positive: Tensor,
    /// Of the empty prompt, for the unconditional half.
    pub negative: Tensor,
}

impl Checkpoint {
    /// Reads the configurations of a folder.
    ///
    /// # Errors
    /// Where one is missing, describes another kind of network, or does not go with the others.
    pub fn open(folder: &ModelFolder) -> Result<Self> {
        use ModelFile::{EncoderConfig, SchedulerConfig, UnetConfig as Unet, VaeConfig as VaeFile};
        let [path, vae, text, schedule] = folder.require([Unet, VaeFile, EncoderConfig, SchedulerConfig])?;
        let (unet, vae, text) = (UnetConfig::read(&path)?, VaeConfig::read(&vae)?, TextConfig::read(&text)?);
        for (key, found, expected, whose) in [
            ("in_channels", unet.in_channels, vae.latent_channels, "latent_channels of vae/config.json"),
            ("out_channels", unet.out_channels, vae.latent_channels, "latent_channels of vae/config.json"),
            ("cross_attention_dim", unet.cross_attention_dim, text.hidden, "hidden_size of encoder/config.json"),
        ] {
            if found != expected {
                let (found, expected) = (found.to_string(), format!("{expected}, the {whose}"));
                return Err(DiffusionError::Config { path, key: key.into(), found, expected });
            }
        }
        Ok(Self { folder: folder.clone(), unet, vae, text, schedule: ScheduleConfig::read(&schedule)? })
    }

    /// Pixels along a side of the pictures that it has learned: the networks paint squares of that size best.
    pub fn side(&self) -> u32 {
        (self.unet.sample_size * self.vae.downscale()) as u32
    }

    /// The folder.
    pub fn folder(&self) -> &ModelFolder {
        &self.folder
    }

    /// Reads the tokenizer.
    ///
    /// # Errors
    /// Where its files are missing or damaged.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        let files = [ModelFile::TokenizerVocabulary, ModelFile::TokenizerMerges];
        let [vocabulary, merges] = self.folder.require(files)?;
        Tokenizer::open(&vocabulary, &merges)
    }

    /// Loads the text model.
    ///
    /// # Errors
    /// Where its file is missing, damaged or does not fit.
    pub fn text_model(&self, compute: &Compute) -> Result<TextModel> {
        let store = self.store(ModelFile::Encoder, compute)?;
        let model = TextModel::new(&store.builder(), &self.text)?;
        store.finish()?;
        Ok(model)
    }

    /// The prompts for a face vector, by the text model, which is not kept.
    ///
    /// # Errors
    /// As [`Self::text_model`] and [`Self::tokenizer`].
    pub fn prompts(&self, face: &[f32; FACE_VECTOR], compute: &Compute) -> Result<Prompts> {
        let tokenizer = self.tokenizer()?;
        let model = self.text_model(compute)?;
        let ids = tokenizer.encode(PROMPT, self.text.positions)?;
        let face = Some((tokenizer.token(FACE_WORD)?, face));
        Ok(Prompts {
            positive: model.forward(&ids, face)?,
            negative: model.forward(&tokenizer.encode("", self.text.positions)?, None)?,
        })
    }

    /// Loads the VAE.
    ///
    /// # Errors
    /// Where its file is missing, damaged or does not fit.
    pub fn load_vae(&self, compute: &Compute) -> Result<Vae> {
        let store = self.store(ModelFile::Vae, compute)?;
        let vae = Vae::new(&store.builder(), &self.vae)?;
        store.finish()?;
        Ok(vae)
    }

    /// Opens the denoising network's file, from which its variants are made.
    ///
    /// # Errors
    /// Where it is missing or damaged.
    pub fn unet_weights(&self, compute: &Compute) -> Result<UnetWeights> {
        let store = self.store(ModelFile::Unet, compute)?;
        Ok(UnetWeights { config: self.unet.clone(), folder: self.folder.clone(), store, compute: compute.clone() })
    }

    fn store(&self, file: ModelFile, compute: &Compute) -> Result<Arc<Store>> {
        let [path] = self.folder.require([file])?;
        Ok(Store::open(&path, compute.dtype, &compute.device)?)
    }
}

/// The denoising network's file. Networks made of it share the tensors that no LoRA changes.
pub struct UnetWeights {
    config: UnetConfig,
    folder: ModelFolder,
    store: Arc<Store>,
    compute: Compute,
}

impl UnetWeights {
    /// Opens the expression adapter.
    ///
    /// # Errors
    /// Where its file is missing, damaged or does not fit.
    pub fn expression_adapter(&self) -> Result<ExpressionAdapter> {
        let [path] = self.folder.require([ModelFile::ExpressionAdapter])?;
        let layers = self.config.attention_layers();
        let Compute { device, dtype } = &self.compute;
        ExpressionAdapter::open(&path, self.config.cross_attention_dim, &self.store, &layers, *dtype, device)
    }

    /// Opens the LoRA in `file`.
    ///
    /// # Errors
    /// Where it is missing, damaged or does not fit.
    pub fn lora(&self, file: ModelFile) -> Result<Arc<Lora>> {
        let [path] = self.folder.require([file])?;
        Ok(Arc::new(Lora::open(&path, &self.store)?))
    }

    /// The network that reads reference pictures, without any change.
    ///
    /// # Errors
    /// Where the file does not fit the configuration.
    pub fn reference(&self) -> Result<ReferenceUnet> {
        let unet = ReferenceUnet::new(&self.store.builder(), &self.config)?;
        self.store.finish()?;
        Ok(unet)
    }

    /// The network that denoises, with the adapter's own LoRA and `loras` merged into it, each at its scale.
    ///
    /// # Errors
    /// Where a file does not fit the configuration.
    pub fn denoising(&self, adapter: Option<&ExpressionAdapter>, loras: &[(Arc<Lora>, f64)]) -> Result<DenoisingUnet> {
        let own = adapter.and_then(|adapter| adapter.lora.clone()).map(|lora| (lora, 1.0));
        let loras: Vec<_> = own.into_iter().chain(loras.iter().cloned()).collect();
        let keys = adapter.map(|adapter| adapter.attention.builder());
        let unet = DenoisingUnet::new(&self.store.merged(&loras), &self.config, keys.as_ref())?;
        self.store.finish()?;
        adapter.map_or(Ok(()), |adapter| adapter.attention.finish())?;
        Ok(unet)
    }

    /// The file.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }
}
