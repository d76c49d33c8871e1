//! What networks take their tensors from.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use crate::{ProblemKind, Result, TensorInfo, TensorProblem, WeightFile, WeightsError};

/// Changes to the weights of a network, such as a LoRA.
pub trait WeightDelta: Send + Sync {
    /// What is added to the weight of `module`, in f32 and with as many numbers; `None` where nothing is.
    fn delta(&self, module: &str) -> Option<candle_core::Result<Tensor>>;
}

/// Changes, each with the factor that it is added with.
type Deltas = Vec<(Arc<dyn WeightDelta>, f64)>;

/// The tensors of one file, converted to one type and device as they are asked for.
///
/// A tensor that is missing or has another shape does not stop the network from being built: it is noted, and
/// [`Store::finish`] tells all of them at once.
pub struct Store {
    file: WeightFile,
    /// Only names that start with this are seen, without it.
    prefix: String,
    dtype: DType,
    device: Device,
    /// Whether numbers are read, and not names and shapes only.
    reads: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    problems: BTreeMap<String, ProblemKind>,
    used: BTreeSet<String>,
    /// Tensors that were handed out, so that two networks of one file share them.
    cache: HashMap<String, Tensor>,
}

/// Other names of the tensors: diffusers renamed the VAE's attention, the published files did not follow.
pub const OLDER_NAMES: [(&str, &str); 4] =
    [(".to_q.", ".query."), (".to_k.", ".key."), (".to_v.", ".value."), (".to_out.0.", ".proj_attn.")];

/// Tensors that files carry and no network needs: counters that transformers saved for a while.
const NEEDLESS: [&str; 1] = ["position_ids"];

impl Store {
    /// All tensors of the file at `path`.
    ///
    /// # Errors
    /// Those of [`WeightFile::open`].
    pub fn open(path: &Path, dtype: DType, device: &Device) -> Result<Arc<Self>> {
        Ok(Self::new(WeightFile::open(path)?, "", dtype, device))
    }

    /// The tensors of `file` whose names start with `prefix`.
    pub fn new(file: WeightFile, prefix: &str, dtype: DType, device: &Device) -> Arc<Self> {
        let device = device.clone();
        Arc::new(Self { file, prefix: prefix.into(), dtype, device, reads: true, state: Mutex::default() })
    }

    /// The same without their numbers: networks that are made of it only find out what does not fit them.
    pub fn shapes(file: WeightFile, prefix: &str) -> Arc<Self> {
        let (prefix, device) = (prefix.into(), Device::Cpu);
        Arc::new(Self { file, prefix, dtype: DType::F32, device, reads: false, state: Mutex::default() })
    }

    /// The file.
    pub fn file(&self) -> &WeightFile {
        &self.file
    }

    /// The tensors as they are.
    pub fn builder(self: &Arc<Self>) -> VarBuilder<'static> {
        self.view(Vec::new())
    }

    /// The tensors with `deltas` added, each at its scale.
    pub fn merged<D: WeightDelta + 'static>(self: &Arc<Self>, deltas: &[(Arc<D>, f64)]) -> VarBuilder<'static> {
        self.view(deltas.iter().map(|(delta, scale)| (delta.clone() as Arc<dyn WeightDelta>, *scale)).collect())
    }

    fn view(self: &Arc<Self>, deltas: Deltas) -> VarBuilder<'static> {
        let backend = View { store: self.clone(), deltas };
        VarBuilder::from_backend(Box::new(backend), self.dtype, self.device.clone())
    }

    /// # Errors
    /// All tensors that were asked for and are missing or misshapen.
    pub fn finish(&self) -> Result<()> {
        let problems = self.problems();
        if problems.is_empty() {
            return Ok(());
        }
        Err(WeightsError::Tensors { path: self.file.path().into(), problems })
    }

    /// What was missing or misshapen so far.
    pub fn problems(&self) -> Vec<TensorProblem> {
        let state = self.state();
        state.problems.iter().map(|(name, kind)| TensorProblem { name: name.clone(), kind: kind.clone() }).collect()
    }

    /// Tensors of the file that nobody asked for.
    pub fn extra(&self) -> Vec<TensorProblem> {
        let state = self.state();
        let needless = |name: &str| NEEDLESS.iter().any(|n| name.ends_with(n));
        self.file
            .tensors()
            .iter()
            .filter(|(name, _)| name.starts_with(&self.prefix) && !state.used.contains(*name) && !needless(name))
            .map(|(name, info)| TensorProblem {
                name: name.clone(),
                kind: ProblemKind::Extra { found: info.shape.clone() },
            })
            .collect()
    }

    /// Names of all modules with a weight, as LoRA files speak of them.
    pub fn modules(&self) -> BTreeSet<String> {
        let names = self.file.tensors().keys().filter_map(|name| name.strip_prefix(&self.prefix));
        names.filter_map(|name| name.strip_suffix(".weight")).map(str::to_owned).collect()
    }

    /// Shape of the weight of `module`.
    pub fn weight_shape(&self, module: &str) -> Option<&[usize]> {
        let info = self.file.tensors().get(&format!("{}{module}.weight", self.prefix))?;
        Some(&info.shape)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name in the file of the tensor that the network calls `name`.
    fn locate(&self, name: &str) -> Option<(String, &TensorInfo)> {
        let name = format!("{}{name}", self.prefix);
        let older = OLDER_NAMES.iter().filter(|(new, _)| name.contains(new)).map(|(new, old)| name.replace(new, old));
        std::iter::once(name.clone()).chain(older).find_map(|n| self.file.tensors().get(&n).map(|info| (n, info)))
    }

    /// Reads the tensor `name`, which must have the shape `wanted`; notes what is wrong and gives zeros otherwise.
    fn get(&self, wanted: &Shape, name: &str, deltas: &Deltas) -> candle_core::Result<Tensor> {
        let Some((found, info)) = self.locate(name) else {
            let kind = ProblemKind::Missing { expected: wanted.dims().to_vec() };
            self.state().problems.insert(format!("{}{name}", self.prefix), kind);
            return placeholder(wanted, self.dtype, &self.device);
        };
        self.state().used.insert(found.clone());
        // A 1x1 convolution may be stored as a matrix and the other way round.
        let trim = |dims: &[usize]| match dims {
            [rest @ .., 1, 1] if rest.len() == 2 => rest.to_vec(),
            dims => dims.to_vec(),
        };
        if trim(&info.shape) != trim(wanted.dims()) {
            let kind = ProblemKind::Misshapen { found: info.shape.clone(), expected: wanted.dims().to_vec() };
            self.state().problems.insert(found, kind);
            return placeholder(wanted, self.dtype, &self.device);
        }
        if !self.reads {
            return placeholder(wanted, self.dtype, &self.device);
        }
        let module = name.strip_suffix(".weight").unwrap_or_default();
        let deltas: Vec<_> = deltas.iter().filter_map(|(delta, scale)| Some((delta.delta(module)?, *scale))).collect();
        if deltas.is_empty()
            && let Some(tensor) = self.state().cache.get(&found)
        {
            return tensor.reshape(wanted);
        }
        let read = || self.file.read(&found).map_err(|e| candle_core::Error::Msg(e.to_string()));
        if deltas.is_empty() {
            let tensor = read()?.to_dtype(self.dtype)?.to_device(&self.device)?;
            self.state().cache.insert(found, tensor.clone());
            return tensor.reshape(wanted);
        }
        // Added in f32, whatever the network is stored in: small changes would vanish in half precision.
        let mut weight = read()?.to_dtype(DType::F32)?;
        for (delta, scale) in deltas {
            weight = (&weight + (delta? * scale)?.reshape(weight.shape())?)?;
        }
        weight.to_dtype(self.dtype)?.to_device(&self.device)?.reshape(wanted)
    }
}

/// Zeros that take no memory, for a network that will not be used.
fn placeholder(shape: &Shape, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
    Tensor::zeros((), dtype, device)?.broadcast_as(shape)
}

struct View {
    store: Arc<Store>,
    deltas: Deltas,
}

impl SimpleBackend for View {
    fn get(&self, s: Shape, name: &str, _: Init, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        self.store.get(&s, name, &self.deltas)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        match self.store.locate(name) {
            Some((_, info)) => self.store.get(&info.shape.as_slice().into(), name, &self.deltas),
            None => candle_core::bail!("no tensor {name} in {}", self.store.file.path().display()),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.store.locate(name).is_some()
    }
}

/// Notes which tensors a network asks for, in place of a file: what is needed to write one.
#[derive(Clone, Default)]
pub struct Synthesizer(Arc<Mutex<Asked>>);

/// Names and shapes.
type Asked = Vec<(String, Vec<usize>)>;

impl Synthesizer {
    /// Hands out zeros that take no memory.
    pub fn builder(&self) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), DType::F32, Device::Cpu)
    }

    /// Names and shapes in the order in which they were asked for.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl SimpleBackend for Synthesizer {
    fn get(&self, s: Shape, name: &str, _: Init, dtype: DType, dev: &Device) -> candle_core::Result<Tensor> {
        let mut tensors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tensors.push((name.into(), s.dims().to_vec()));
        placeholder(&s, dtype, dev)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        candle_core::bail!("the shape of {name} is not known")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        false
    }
}
