//! The files, one by one.

use std::fmt;

const ARC2FACE: &str = "FoivosPar/Arc2Face";
const STABLE_DIFFUSION: &str = "stable-diffusion-v1-5/stable-diffusion-v1-5";
const LCM_LORA: &str = "latent-consistency/lcm-lora-sdv1-5";
/// On GitHub; nothing of it is on the hub.
const SMIRK: &str = "georgeretsi/smirk";

/// A file of the diffusion renderer or of the tracker beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ModelFile {
    /// The shape of the UNet.
    UnetConfig,
    /// The weights of the UNet.
    Unet,
    /// The shape of the text encoder.
    EncoderConfig,
    /// The weights of the text encoder.
    Encoder,
    /// The expression adapter.
    ExpressionAdapter,
    /// The reference adapter.
    ReferenceAdapter,
    /// The face recogniser.
    Recogniser,
    /// The shape of the VAE.
    VaeConfig,
    /// The weights of the VAE.
    Vae,
    /// The words of the tokenizer.
    TokenizerVocabulary,
    /// The merges of the tokenizer.
    TokenizerMerges,
    /// The noise schedule.
    SchedulerConfig,
    /// The LoRA for sampling in few steps.
    LcmLora,
    /// The tracker of expressions.
    Smirk,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Knowing whose face it is.
    Identity,
    /// Turning the prompt, with the face in it, into what the UNet attends to.
    Text,
    /// Painting: the UNet and its noise schedule.
    Denoising,
    /// Moving the face.
    Expression,
    /// Keeping hair, clothes and background of the portrait.
    Reference,
    /// From latents to pixels and back.
    Decoding,
    /// Sampling in two to four steps.
    FewSteps,
    /// Reading expressions off pictures and videos.
    Tracking,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity",
            Self::Text => "text",
            Self::Denoising => "denoising",
            Self::Expression => "expression",
            Self::Reference => "reference",
            Self::Decoding => "decoding",
            Self::FewSteps => "few steps",
            Self::Tracking => "tracking",
        })
    }
}

/// Under which licence a repository offers its files; on the hub, by the licence field of its model card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Licence {
    /// `mit`
    Mit,
    /// `creativeml-openrail-m`: free to use, also commercially, with a list of forbidden uses.
    OpenRailM,
    /// `openrail++`: the successor of OpenRAIL-M that Stability AI wrote for SDXL; forbidden uses too.
    OpenRailPlusPlus,
    /// Nothing says so for the file itself.
    NotStated,
}

impl fmt::Display for Licence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mit => "MIT",
            Self::OpenRailM => "CreativeML OpenRAIL-M",
            Self::OpenRailPlusPlus => "OpenRAIL++",
            Self::NotStated => "not stated",
        })
    }
}

/// What is known of a file.
struct Entry {
    path: &'static str,
    alternative: Option<&'static str>,
    repository: &'static str,
    hub_path: &'static str,
    summary: &'static str,
    purpose: Purpose,
    size: Option<u64>,
    sha256: Option<&'static str>,
}

impl ModelFile {
    /// Every file, in the order in which people want to read them.
    pub const ALL: [Self; 14] = [
        Self::UnetConfig,
        Self::Unet,
        Self::EncoderConfig,
        Self::Encoder,
        Self::ExpressionAdapter,
        Self::ReferenceAdapter,
        Self::Recogniser,
        Self::VaeConfig,
        Self::Vae,
        Self::TokenizerVocabulary,
        Self::TokenizerMerges,
        Self::SchedulerConfig,
        Self::LcmLora,
        Self::Smirk,
    ];

    /// The files without which nothing is rendered.
    pub fn required() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|file| file.is_required())
    }

    /// Where it lies in the models folder, with `/` between the parts; the layout of Arc2Face's `models/`, and of
    /// diffusers for the rest.
    pub fn path(self) -> &'static str {
        self.entry().path
    }

    /// The paths under which it is accepted, best first.
    ///
    /// The only alternative is safetensors in the place of a torch pickle (`encoder/model.safetensors`,
    /// `exp_adapter/exp_adapter.safetensors`), and it comes first: it can be mapped, and holds nothing but tensors.
    /// Variants of lower precision (`.fp16.safetensors`) are not accepted: the renderer chooses the precision itself.
    pub fn accepted_paths(self) -> impl Iterator<Item = &'static str> {
        let entry = self.entry();
        entry.alternative.into_iter().chain([entry.path])
    }

    /// The repository that it comes from, as `owner/name`; on the hub unless there is a [`page`](Self::page).
    pub fn repository(self) -> &'static str {
        self.entry().repository
    }

    /// The page that says how to get it, where the hub does not have it and it cannot be pulled.
    pub fn page(self) -> Option<&'static str> {
        (self == Self::Smirk).then_some("https://github.com/georgeretsi/smirk")
    }

    /// Its path in that repository. Not always [`path`](Self::path).
    pub fn hub_path(self) -> &'static str {
        self.entry().hub_path
    }

    /// What it is, in one sentence without a full stop.
    pub fn summary(self) -> &'static str {
        self.entry().summary
    }

    /// What it is for.
    pub fn purpose(self) -> Purpose {
        self.entry().purpose
    }

    /// The licence of its repository.
    ///
    /// SMIRK's authors offer their code under MIT. Their weights lie elsewhere, and nothing there says under which
    /// licence; they were trained with FLAME, which is for research only unless its owners agree to more.
    pub fn licence(self) -> Licence {
        match self.repository() {
            ARC2FACE => Licence::Mit,
            LCM_LORA => Licence::OpenRailPlusPlus,
            SMIRK => Licence::NotStated,
            _ => Licence::OpenRailM,
        }
    }

    /// Whether nothing is rendered without it.
    pub fn is_required(self) -> bool {
        !matches!(self, Self::LcmLora | Self::Smirk)
    }

    /// How many bytes it has, where that is known without asking the hub.
    ///
    /// Read from the hub's own pages (LFS pointers in commits, listings of its cache); of the others these only say
    /// rounded sizes.
    pub fn size(self) -> Option<u64> {
        self.entry().size
    }

    /// The SHA-256 of its content in lower-case hexadecimal digits, where that is known without asking the hub.
    /// From the LFS pointers on the pages of the hub; a file that differs is refused.
    pub fn sha256(self) -> Option<&'static str> {
        self.entry().sha256
    }

    fn entry(self) -> &'static Entry {
        match self {
            Self::UnetConfig => {
                const { &Entry::new(ARC2FACE, "arc2face/config.json", Purpose::Denoising, "shape of the UNet") }
            }
            Self::Unet => {
                const {
                    &Entry::new(
                        ARC2FACE,
                        "arc2face/diffusion_pytorch_model.safetensors",
                        Purpose::Denoising,
                        "UNet of Stable Diffusion 1.5, trained by Arc2Face to paint the face that it is told",
                    )
                    .hashed("d2377c16b7135650ca375817a4812a999194fba1f081e39117bd54e50dacc784")
                }
            }
            Self::EncoderConfig => {
                const {
                    &Entry::new(
                        ARC2FACE,
                        "encoder/config.json",
                        Purpose::Text,
                        "shape of the text encoder, as transformers describes a CLIP text model",
                    )
                    .sized(560)
                }
            }
            Self::Encoder => {
                const {
                    &Entry::new(
                        ARC2FACE,
                        "encoder/pytorch_model.bin",
                        Purpose::Text,
                        "CLIP text encoder, trained by Arc2Face to read a face in the place of a word",
                    )
                    .or("encoder/model.safetensors")
                }
            }
            Self::ExpressionAdapter => {
                const {
                    &Entry::new(
                        ARC2FACE,
                        "exp_adapter/exp_adapter.bin",
                        Purpose::Expression,
                        "adapter that gives the face an expression from FLAME's coefficients",
                    )
                    .sized(78_085_419)
                    .hashed("a4ad105a8960889109e156af4fa6b0e19ede1cf27633f830fb95c1f141f20011")
                    .or("exp_adapter/exp_adapter.safetensors")
                }
            }
            Self::ReferenceAdapter => {
                const {
                    &Entry::new(
                        ARC2FACE,
                        "ref_adapter/pytorch_lora_weights.safetensors",
                        Purpose::Reference,
                        "LoRA on the UNet that keeps the looks of a reference picture",
                    )
                    .sized(51_137_360)
                    .hashed("69ab49aa393868fa0139f4e80222077fcb33b917b22a3ee3631e847b182c3ecd")
                }
            }
            Self::Recogniser => {
                const {
                    &Entry::new(
                        ARC2FACE,
                        "antelopev2/arcface.onnx",
                        Purpose::Identity,
                        "ArcFace net that turns a face into the 512 numbers of its identity",
                    )
                    // On the hub it lies beside the folders.
                    .on_hub("arcface.onnx")
                    .hashed("ec639a0429b4819130d1405a2d3b38beaa4cc4a6c5bd9cf48b94fdf65461de83")
                }
            }
            Self::VaeConfig => {
                const {
                    &Entry::new(
                        STABLE_DIFFUSION,
                        "vae/config.json",
                        Purpose::Decoding,
                        "shape of the VAE, as diffusers describes an AutoencoderKL",
                    )
                    .sized(547)
                }
            }
            Self::Vae => {
                const {
                    &Entry::new(
                        STABLE_DIFFUSION,
                        "vae/diffusion_pytorch_model.safetensors",
                        Purpose::Decoding,
                        "VAE of Stable Diffusion 1.5, between pixels and latents",
                    )
                    .sized(334_643_276)
                    .hashed("a2b5134f4dbc140d9c11f11cba3233099e00af40f262f136c691fb7d38d2194c")
                }
            }
            Self::TokenizerVocabulary => {
                const {
                    &Entry::new(
                        STABLE_DIFFUSION,
                        "tokenizer/vocab.json",
                        Purpose::Text,
                        "words of CLIP's tokenizer and their numbers",
                    )
                    .sized(1_059_962)
                }
            }
            Self::TokenizerMerges => {
                const {
                    &Entry::new(
                        STABLE_DIFFUSION,
                        "tokenizer/merges.txt",
                        Purpose::Text,
                        "how CLIP's tokenizer joins letters to words",
                    )
                    .sized(524_619)
                }
            }
            Self::SchedulerConfig => {
                const {
                    &Entry::new(
                        STABLE_DIFFUSION,
                        "scheduler/scheduler_config.json",
                        Purpose::Denoising,
                        "noise schedule that the UNet was trained with",
                    )
                    .sized(308)
                }
            }
            Self::LcmLora => {
                const {
                    &Entry::new(
                        LCM_LORA,
                        "lcm_lora/pytorch_lora_weights.safetensors",
                        Purpose::FewSteps,
                        "LoRA on the UNet that needs two to four steps in the place of twenty-five",
                    )
                    .on_hub("pytorch_lora_weights.safetensors")
                    .sized(134_621_556)
                    .hashed("8f90d840e075ff588a58e22c6586e2ae9a6f7922996ee6649a7f01072333afe4")
                }
            }
            Self::Smirk => {
                const {
                    &Entry::new(
                        SMIRK,
                        "smirk/SMIRK_em1.pt",
                        Purpose::Tracking,
                        "SMIRK, which reads FLAME's coefficients off a face",
                    )
                    .on_hub("pretrained_models/SMIRK_em1.pt")
                    .or("smirk/SMIRK_em1.safetensors")
                }
            }
        }
    }
}

impl Entry {
    const fn new(repository: &'static str, path: &'static str, purpose: Purpose, summary: &'static str) -> Self {
        Self { path, alternative: None, repository, hub_path: path, summary, purpose, size: None, sha256: None }
    }

    const fn or(mut self, alternative: &'static str) -> Self {
        self.alternative = Some(alternative);
        self
    }

    /// Where it lies in its repository, if not under its own path.
    const fn on_hub(mut self, path: &'static str) -> Self {
        self.hub_path = path;
        self
    }

    const fn sized(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    const fn hashed(mut self, sha256: &'static str) -> Self {
        self.sha256 = Some(sha256);
        self
    }
}

impl fmt::Display for ModelFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.path())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_file_has_a_place_of_its_own() {
        let paths: Vec<_> = ModelFile::ALL.into_iter().flat_map(ModelFile::accepted_paths).collect();
        assert_eq!(paths.len(), 17);
        assert_eq!(paths.iter().collect::<HashSet<_>>().len(), 17);
        let sources = ModelFile::ALL.map(|file| (file.repository(), file.hub_path()));
        assert_eq!(HashSet::from(sources).len(), ModelFile::ALL.len());
        // They are joined to a folder, and to an address.
        for path in paths.into_iter().chain(sources.map(|(_, path)| path)) {
            assert!(
                path.split('/').all(|part| !part.is_empty() && part != ".." && !part.contains(['\\', ' '])),
                "{path}"
            );
        }
    }

    #[test]
    fn what_is_known_is_well_formed() {
        for file in ModelFile::ALL {
            assert_ne!(file.size(), Some(0), "{file}");
            let digits = file.sha256().unwrap_or("0123456789abcdef".repeat(4).leak());
            assert!(digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{file}");
            assert!(!file.summary().ends_with('.'), "{file}");
        }
    }

    #[test]
    fn the_few_step_lora_and_the_tracker_are_optional() {
        assert_eq!(ModelFile::required().count(), ModelFile::ALL.len() - 2);
        let optional = [Purpose::FewSteps, Purpose::Tracking];
        assert!(ModelFile::required().all(|file| !optional.contains(&file.purpose())));
    }

    #[test]
    fn what_is_needed_can_be_pulled() {
        assert!(ModelFile::required().all(|file| file.page().is_none()));
        assert!(ModelFile::Smirk.page().is_some_and(|page| page.ends_with(ModelFile::Smirk.repository())));
    }

    #[test]
    fn safetensors_come_before_a_pickle() {
        let accepted: Vec<_> = ModelFile::Encoder.accepted_paths().collect();
        assert_eq!(accepted, ["encoder/model.safetensors", "encoder/pytorch_model.bin"]);
        assert_eq!(ModelFile::Unet.accepted_paths().count(), 1);
    }
}
