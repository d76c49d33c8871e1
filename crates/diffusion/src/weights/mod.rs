//! Tensors from files, under the names the authors gave them, and the LoRA that change them.

mod lora;

pub(crate) use lora::problems as lora_problems;
pub use lora::{Lora, LoraTarget};
pub(crate) use moue_weights::OLDER_NAMES;
pub use moue_weights::{Store, Synthesizer, TensorInfo, WeightDelta, WeightFile};
