//! Arc2Face with its expression and reference adapters, on candle.
//!
//! Paper of the adapters: "ID-Consistent, Precise Expression Generation with Blendshape-Guided Diffusion", arXiv
//! 2510.04706; of the network under them: "Arc2Face", arXiv 2403.11641. The published files are read under their own
//! names, and what comes out is what the authors' code computes.

mod adapter;
mod check;
mod checkpoint;
mod config;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod device;
mod error;
mod frame;
pub mod memory;
mod noise;
pub mod ops;
mod painter;
mod sample;
mod scheduler;
mod synth;
mod text;
mod tokenizer;
mod unet;
mod vae;
pub mod weights;

pub use candle_core::DType;

pub use adapter::{EXPRESSION_SIZE, ExpressionAdapter, ExpressionProjection, ProjectionKind};
pub use check::{CheckDepth, CheckProblem, CheckReport, FileCheck, check};
pub use checkpoint::{Checkpoint, Compute, PROMPT, Prompts, UnetWeights};
pub use config::{Level, ScheduleConfig, TextConfig, UnetConfig, VaeConfig};
pub use error::{DiffusionError, ProblemKind, Result, TensorProblem};
pub use frame::{FrameInput, FrameNoise, Latents, Start};
pub use memory::MemoryNeeds;
pub use noise::{FINE, NoiseMap};
pub use painter::{Painter, PainterSettings, Preparation, Step, Subject};
pub use sample::{FrameTokens, Initial, Sampling, sample};
pub use scheduler::{Scheduler, SchedulerKind};
pub use synth::{Precision, SYNTHETIC_NOTE, Scale, SynthOptions, SynthProgress, synth};
pub use text::{FACE_VECTOR, TextModel};
pub use tokenizer::Tokenizer;
pub use unet::{Conditioning, DenoisingUnet, ExpressionTokens, ReferenceBank, ReferenceUnet};
pub use vae::{Posterior, Vae};
