//! The expression adapter: 55 FLAME values become tokens that the denoising network attends to beside the prompt.
//!
//! Layout and arithmetic are those of IP-Adapter (arXiv 2308.06721) as diffusers reads it.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Module, Tensor};
use candle_nn::VarBuilder;

use crate::ops::{LayerNorm, Linear};
use crate::weights::{Lora, Store, WeightFile};
use crate::{DiffusionError, Result};

/// Expression, eyelids and jaw of FLAME: what one frame is conditioned on.
pub const EXPRESSION_SIZE: usize = 55;

/// From FLAME values to tokens.
///
/// # Shapes
/// (batch, 55) -> (batch, tokens, hidden).
#[derive(Debug)]
pub struct ExpressionProjection {
    layers: Layers,
    norm: LayerNorm,
    tokens: usize,
    hidden: usize,
}

#[derive(Debug)]
enum Layers {
    /// One matrix.
    Linear(Linear),
    /// Two matrices with a GELU between.
    Mlp(Linear, Linear),
}

/// The kinds that diffusers knows, by their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectionKind {
    /// `proj.weight`, `norm.weight`: a matrix to several tokens.
    Linear,
    /// `proj.0`, `proj.2`, `proj.3`: a perceptron to one token, its normalisation inside.
    Full,
    /// `proj.0`, `proj.2`, `norm`: a perceptron to several tokens.
    FaceId,
}

impl ExpressionProjection {
    /// Reads the projection, of whichever kind it is, from tensors named as under `image_proj`.
    pub(crate) fn read(store: &Arc<Store>, hidden: usize) -> Result<Self> {
        let tensors = store.file().tensors();
        let rows = |name: &str| tensors.get(&format!("image_proj.{name}")).map(|info| info.shape.clone());
        let has = |name: &str| rows(name).is_some();
        let kind = if has("proj.weight") && has("norm.weight") {
            ProjectionKind::Linear
        } else if has("proj.3.weight") {
            ProjectionKind::Full
        } else if has("norm.weight") && has("proj.0.weight") && has("proj.2.weight") {
            ProjectionKind::FaceId
        } else {
            let keys: Vec<&str> = tensors.keys().filter_map(|k| k.strip_prefix("image_proj.")).collect();
            return Err(DiffusionError::file(
                store.file().path(),
                format!("image_proj with the keys {keys:?}"),
                "proj and norm; proj.0, proj.2 and proj.3; or proj.0, proj.2 and norm",
                "this is no expression adapter that moue knows",
            ));
        };
        let last = if kind == ProjectionKind::Linear { "proj.weight" } else { "proj.2.weight" };
        let tokens = rows(last).and_then(|shape| shape.first().copied()).unwrap_or(0) / hidden;
        let width = rows("proj.0.weight").and_then(|shape| shape.first().copied()).unwrap_or(0);
        Ok(Self::new(&store.builder(), kind, hidden, tokens.max(1), width)?)
    }

    /// A projection of `kind` to `tokens` tokens, with `width` features inside a perceptron.
    pub(crate) fn new(
        vb: &VarBuilder<'_>,
        kind: ProjectionKind,
        hidden: usize,
        tokens: usize,
        width: usize,
    ) -> candle_core::Result<Self> {
        let outputs = tokens * hidden;
        let mlp = || -> candle_core::Result<Layers> {
            let first = Linear::new(&vb.pp("proj.0"), EXPRESSION_SIZE, width)?;
            Ok(Layers::Mlp(first, Linear::new(&vb.pp("proj.2"), width, outputs)?))
        };
        let (layers, norm) = match kind {
            ProjectionKind::Linear => {
                (Layers::Linear(Linear::new(&vb.pp("proj"), EXPRESSION_SIZE, outputs)?), vb.pp("norm"))
            }
            ProjectionKind::Full => (mlp()?, vb.pp("proj.3")),
            ProjectionKind::FaceId => (mlp()?, vb.pp("norm")),
        };
        Ok(Self { layers, norm: LayerNorm::new(&norm, hidden, 1e-5)?, tokens, hidden })
    }

    /// Tokens of each expression. The unconditional half is the projection of zeros, not zeros.
    ///
    /// # Errors
    /// Where the expressions are not (batch, 55).
    pub fn forward(&self, expressions: &Tensor) -> candle_core::Result<Tensor> {
        let xs = match &self.layers {
            Layers::Linear(layer) => layer.forward(expressions)?,
            Layers::Mlp(first, second) => second.forward(&first.forward(expressions)?.gelu_erf()?)?,
        };
        self.norm.forward(&xs.reshape((expressions.dim(0)?, self.tokens, self.hidden))?)
    }

    /// Tokens of one expression.
    pub fn tokens(&self) -> usize {
        self.tokens
    }
}

/// A file with an expression adapter: the projection, the keys and values of every cross-attention, and for some a
/// LoRA that goes with it.
pub struct ExpressionAdapter {
    /// From values to tokens.
    pub projection: ExpressionProjection,
    /// Tensors `{n}.to_k_ip.weight` and `{n}.to_v_ip.weight`, for the denoising network to take.
    pub attention: Arc<Store>,
    /// Changes to the network's own attention that were trained with it.
    pub lora: Option<Arc<Lora>>,
    projection_store: Arc<Store>,
}

impl ExpressionAdapter {
    /// Reads the adapter at `path` for the network in `network`, whose attention layers are `layers`, in the order of
    /// diffusers' attention processors.
    ///
    /// # Errors
    /// Where the file is none or does not fit.
    pub fn open(
        path: &Path,
        hidden: usize,
        network: &Store,
        layers: &[String],
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let store = |prefix: &str| Ok::<_, DiffusionError>(Store::new(WeightFile::open(path)?, prefix, dtype, device));
        let projection_store = store("image_proj.")?;
        let projection = ExpressionProjection::read(&projection_store, hidden)?;
        projection_store.finish()?;
        let file = WeightFile::open(path)?;
        let changes = lora_names(&file, layers);
        let lora = if changes.is_empty() { None } else { Some(Arc::new(Lora::read(&file, changes, network)?)) };
        Ok(Self { projection, attention: store("ip_adapter.")?, lora, projection_store })
    }

    /// Tensors that nothing uses, once the denoising network has taken its own.
    pub fn extra(&self) -> Vec<crate::TensorProblem> {
        extra(&self.projection_store, &self.attention)
    }
}

/// The names of an adapter's LoRA in its file, and the same as names of the network: `{n}.to_q_lora.down.weight` is a
/// change of `<layer n>.to_q`. A layer that the network does not have keeps its name, for the error to tell.
pub(crate) fn lora_names(file: &WeightFile, layers: &[String]) -> Vec<(String, String)> {
    let layer = |name: &str| {
        let (n, rest) = name.strip_prefix("ip_adapter.")?.split_once('.')?;
        Some(format!("{}.{rest}", layers.get(n.parse::<usize>().ok()?)?))
    };
    let names = file.tensors().keys().filter(|name| name.contains("_lora."));
    names.map(|name| (name.clone(), layer(name).unwrap_or_else(|| name.clone()))).collect()
}

/// Tensors of an adapter's file that neither its projection nor the network has taken, and that are no LoRA's.
pub(crate) fn extra(projection: &Store, attention: &Store) -> Vec<crate::TensorProblem> {
    let tensors = attention.file().tensors().iter();
    let elsewhere = tensors.filter(|(name, _)| !["image_proj.", "ip_adapter."].iter().any(|g| name.starts_with(g)));
    let mut extra: Vec<_> = elsewhere
        .map(|(name, info)| crate::TensorProblem {
            name: name.clone(),
            kind: crate::ProblemKind::Extra { found: info.shape.clone() },
        })
        .collect();
    extra.extend(projection.extra());
    extra.extend(attention.extra().into_iter().filter(|problem| !problem.name.contains("_lora.")));
    extra
}
