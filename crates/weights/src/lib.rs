//! Tensors from files: safetensors and PyTorch's zip pickles, under the names the authors gave them.
//!
//! [`WeightFile`] reads a file of either kind, tensor by tensor, and never runs what a pickle asks for. [`Store`] hands
//! its tensors to a network that is built through candle's `VarBuilder`, and tells all that is missing or misshapen at
//! once.

mod error;
mod file;
mod pickle;
mod safetensors;
mod store;
mod unpickle;

pub use error::{ProblemKind, Result, TensorProblem, WeightsError, listed};
pub use file::{TensorInfo, WeightFile};
pub use store::{OLDER_NAMES, Store, Synthesizer, WeightDelta};
