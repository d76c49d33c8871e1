//! Reads the convolutions of an embedded net from its ONNX file, one node after the other.

use std::collections::HashMap;

use rten_onnx::onnx::{GraphProto, ModelProto, NodeProto, TensorProto};

use crate::kernels::{Dense, Depthwise, NARROW};

/// What is there in the place of what was expected.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// Reads a net: gives its nodes to `read`.
pub(crate) fn read<T>(onnx: &[u8], read: impl FnOnce(&mut Chain<'_>) -> Result<T>) -> Result<T> {
    let model = ModelProto::parse_buf(onnx).map_err(|error| format!("a file that cannot be read ({error})"))?;
    let graph = model.graph.ok_or("a file without a graph")?;
    read(&mut Chain::new(&graph))
}

/// A convolution without what follows it: weights by output, row, column and input.
pub(crate) struct Conv {
    inputs: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Conv {
    /// Channels that come out.
    pub(crate) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Without a ReLU.
    pub(crate) fn linear(self) -> Dense {
        self.with_slopes(1.0)
    }

    /// With one slope for all that is negative.
    fn with_slopes(self, slope: f32) -> Dense {
        let slopes = vec![slope; self.bias.len()];
        Dense::new(self.inputs, &self.weights, &self.bias, &slopes)
    }
}

/// The nodes that are left.
pub(crate) struct Chain<'a> {
    nodes: &'a [NodeProto],
    constants: HashMap<&'a str, &'a TensorProto>,
}

impl<'a> Chain<'a> {
    fn new(graph: &'a GraphProto) -> Self {
        let constants = graph.initializer.iter().filter_map(|tensor| Some((tensor.name.as_deref()?, tensor)));
        Self { nodes: &graph.node, constants: constants.collect() }
    }

    /// Whether the next node is of this kind.
    pub(crate) fn is_next(&self, kind: &str) -> bool {
        self.nodes.first().and_then(|node| node.op_type.as_deref()) == Some(kind)
    }

    /// The next node, which must be of this kind.
    pub(crate) fn expect(&mut self, kind: &str) -> Result<&'a NodeProto> {
        match self.nodes.split_first() {
            Some((node, rest)) if self.is_next(kind) => {
                self.nodes = rest;
                Ok(node)
            }
            node => {
                let found = node.and_then(|(node, _)| node.op_type.as_deref()).unwrap_or("nothing");
                Err(format!("{found} in the place of {kind}, {} nodes before the end", self.nodes.len()))
            }
        }
    }

    /// Passes over nodes of these kinds.
    pub(crate) fn skip(&mut self, kinds: &[&str]) {
        while kinds.iter().any(|kind| self.is_next(kind)) {
            self.nodes = &self.nodes[1..];
        }
    }

    /// Rows and columns of the next convolution's kernel.
    pub(crate) fn kernel(&self) -> Option<[usize; 2]> {
        let node = self.nodes.first().filter(|_| self.is_next("Conv"))?;
        let [_, _, rows, columns] = self.constants.get(node.input.get(1)?.as_str())?.dims[..] else { return None };
        Some([usize::try_from(rows).ok()?, usize::try_from(columns).ok()?])
    }

    /// The constant that the next node of this kind has as an input, which must be of so many values.
    pub(crate) fn values(&mut self, kind: &str, input: usize, count: usize) -> Result<Vec<f32>> {
        let node = self.expect(kind)?;
        let (shape, values) = self.constant(node, input)?;
        if values.len() == count { Ok(values) } else { Err(format!("a constant of shape {shape:?} for {kind}")) }
    }

    /// Shape and values of a constant.
    fn constant(&self, node: &NodeProto, input: usize) -> Result<(Vec<usize>, Vec<f32>)> {
        let name = node.input.get(input).map_or("", String::as_str);
        let tensor = self.constants.get(name).ok_or_else(|| format!("no constant '{name}'"))?;
        let shape: Vec<usize> = tensor.dims.iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect();
        let values = match &tensor.raw_data {
            Some(raw) => raw.borrow().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            None => tensor.float_data.clone(),
        };
        if values.len() != shape.iter().product::<usize>() {
            return Err(format!("{} values in the constant '{name}' of shape {shape:?}", values.len()));
        }
        Ok((shape, values))
    }

    /// A convolution of kernel rows, columns and channels. `halves` says whether it takes every second pixel.
    pub(crate) fn conv(&mut self, [rows, columns, channels]: [usize; 3], halves: bool) -> Result<Conv> {
        let node = self.expect("Conv")?;
        let (shape, weights) = self.constant(node, 1)?;
        let (_, bias) = self.constant(node, 2)?;
        let strides: &[i64] = if halves { &[2, 2] } else { &[1, 1] };
        let found = attribute(node, "strides");
        if shape != [bias.len(), channels, rows, columns] || found != strides {
            return Err(format!("a convolution of weights {shape:?} and strides {found:?}"));
        }
        // From output, channel, row, column.
        let (area, inputs) = (rows * columns, channels * rows * columns);
        let weights = (0..weights.len()).map(|i| {
            let (output, input) = (i / inputs, i % inputs);
            weights[output * inputs + input % channels * area + input / channels]
        });
        Ok(Conv { inputs, weights: weights.collect(), bias })
    }

    /// The parametric ReLU that follows a convolution.
    pub(crate) fn activated(&mut self, conv: Conv) -> Result<Dense> {
        let slopes = self.values("PRelu", 1, conv.outputs())?;
        if !slopes.len().is_multiple_of(NARROW) {
            return Err(format!("{} channels", slopes.len()));
        }
        Ok(Dense::new(conv.inputs, &conv.weights, &conv.bias, &slopes))
    }

    /// The ReLU that follows a convolution.
    pub(crate) fn rectified(&mut self, conv: Conv) -> Result<Dense> {
        self.expect("Relu")?;
        Ok(conv.with_slopes(0.0))
    }

    /// A convolution of each channel by itself.
    pub(crate) fn depthwise(&mut self, channels: usize) -> Result<Depthwise> {
        let node = self.expect("Conv")?;
        let (shape, weights) = self.constant(node, 1)?;
        let (_, bias) = self.constant(node, 2)?;
        let pads = attribute(node, "pads");
        if shape != [channels, 1, 3, 3] || pads != [1; 4] || attribute(node, "strides") != [1, 1] {
            return Err(format!("a depthwise convolution of weights {shape:?} and padding {pads:?}"));
        }
        Ok(Depthwise::new(&weights, &bias))
    }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> &'a [i64] {
    let found = node.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name));
    found.map_or(&[], |attribute| &attribute.ints)
}
