//! Embedded nets in a general runtime, behind plain slices of numbers: the detector's, and in tests those that
//! [`blaze`](crate::blaze) and [`mixer`](crate::mixer) compute. The threads are the runtime's for all of them.

use std::num::NonZero;
use std::sync::Arc;

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value};

use crate::FaceError;

/// One net with one input, ready to run from any thread.
pub(crate) struct Net {
    name: &'static str,
    model: Model,
    input: NodeId,
    /// (node, name, number of values) of each output that is read.
    outputs: Vec<(NodeId, &'static str, usize)>,
    threads: Arc<ThreadPool>,
}

impl Net {
    /// Loads a net from its ONNX file and finds its nodes by name.
    pub(crate) fn load(
        name: &'static str,
        onnx: &'static [u8],
        outputs: &[(&'static str, usize)],
        threads: Arc<ThreadPool>,
    ) -> Result<Self, FaceError> {
        let model = ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load_static_slice(onnx)
            .map_err(|source| FaceError::Load { net: name, source })?;
        let node = |id| model.node_id(id).map_err(|source| FaceError::Run { net: name, source });
        let input = node("input")?;
        let outputs = outputs.iter().map(|&(id, len)| Ok((node(id)?, id, len))).collect::<Result<_, FaceError>>()?;
        Ok(Self { name, model, input, outputs, threads })
    }

    /// Runs the net on `values` of the given shape; returns the outputs in the order asked for at loading.
    pub(crate) fn run(&self, shape: &[usize], values: Vec<f32>) -> Result<Vec<Vec<f32>>, FaceError> {
        let fail = |source| FaceError::Run { net: self.name, source };
        let input = Value::from_shape(shape, values).expect("the caller's shape matches its values");
        let nodes: Vec<NodeId> = self.outputs.iter().map(|&(node, ..)| node).collect();
        let mut options = RunOptions::default();
        options.thread_pool = Some(Arc::clone(&self.threads));
        let results = self.model.run(vec![(self.input, input.into())], &nodes, Some(options)).map_err(fail)?;
        results
            .into_iter()
            .zip(&self.outputs)
            .map(|(value, &(_, output, len))| self.unpack(value, output, len))
            .collect()
    }

    /// Runs work on the net's own threads; runs of the net inside it share them.
    pub(crate) fn in_parallel<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.threads.run(work)
    }

    fn unpack(&self, value: Value, output: &'static str, expected: usize) -> Result<Vec<f32>, FaceError> {
        let error = |found| FaceError::Output { net: self.name, output, found, expected };
        let kind = value.dtype();
        let tensor = value.into_tensor::<f32>().ok_or_else(|| error(kind.to_string()))?;
        let values = tensor.into_data();
        if values.len() == expected { Ok(values) } else { Err(error(format!("{} values", values.len()))) }
    }
}

/// Logical cores that this process may use.
///
/// The runtime's own default counts physical cores of the whole machine: half of what a small rented machine has, and
/// more than a container may use.
pub(crate) fn available_threads() -> NonZero<usize> {
    std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// A pool of this many threads.
pub(crate) fn thread_pool(threads: NonZero<usize>) -> Arc<ThreadPool> {
    Arc::new(ThreadPool::with_num_threads(threads.get()))
}
