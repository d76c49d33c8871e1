//! The two MobileNetV3 that look at a crop: Howard et al., "Searching for MobileNetV3", arXiv 1905.02244, in the
//! "minimalistic" variants that TensorFlow published (3x3 kernels and ReLU only, no squeeze-and-excite). Names of the
//! tensors are those of the `timm` library (`tf_mobilenetv3_large_minimal_100`, `tf_mobilenetv3_small_minimal_100`).

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::ops::{Activation, Depthwise, Pointwise};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Large,
    Small,
}

/// Inputs of the first convolution: 3x3 patches of RGB.
pub(crate) const PATCH: usize = 27;
/// Channels after the first convolution and the first block.
const FIRST: usize = 16;

/// A block that expands its channels, convolves each by itself and brings them together again.
struct Bottleneck {
    expanded: usize,
    outputs: usize,
    stride: usize,
}

/// (expanded, outputs, stride).
const fn bottleneck(expanded: usize, outputs: usize, stride: usize) -> Bottleneck {
    Bottleneck { expanded, outputs, stride }
}

const LARGE: &[&[Bottleneck]] = &[
    &[bottleneck(64, 24, 2), bottleneck(72, 24, 1)],
    &[bottleneck(72, 40, 2), bottleneck(120, 40, 1), bottleneck(120, 40, 1)],
    &[bottleneck(240, 80, 2), bottleneck(200, 80, 1), bottleneck(184, 80, 1), bottleneck(184, 80, 1)],
    &[bottleneck(480, 112, 1), bottleneck(672, 112, 1)],
    &[bottleneck(672, 160, 2), bottleneck(960, 160, 1), bottleneck(960, 160, 1)],
];

const SMALL: &[&[Bottleneck]] = &[
    &[bottleneck(72, 24, 2), bottleneck(88, 24, 1)],
    &[bottleneck(96, 40, 2), bottleneck(240, 40, 1), bottleneck(240, 40, 1)],
    &[bottleneck(120, 48, 1), bottleneck(144, 48, 1)],
    &[bottleneck(288, 96, 2), bottleneck(576, 96, 1), bottleneck(576, 96, 1)],
];

impl Size {
    /// Stride of the first block.
    fn first_stride(self) -> usize {
        match self {
            Self::Large => 1,
            Self::Small => 2,
        }
    }

    /// The stages after the first, by their blocks.
    fn stages(self) -> &'static [&'static [Bottleneck]] {
        match self {
            Self::Large => LARGE,
            Self::Small => SMALL,
        }
    }

    /// Channels of the last feature map.
    pub(crate) fn features(self) -> usize {
        match self {
            Self::Large => 960,
            Self::Small => 576,
        }
    }
}

/// The network without its classifier.
#[derive(Clone, Debug)]
pub(crate) struct Backbone {
    stem: Pointwise,
    first: (Depthwise, Pointwise),
    /// Whether the first block keeps size and channels, so that its input is added to its output.
    first_adds: bool,
    blocks: Vec<Block>,
    last: Pointwise,
}

#[derive(Clone, Debug)]
struct Block {
    expand: Pointwise,
    convolve: Depthwise,
    project: Pointwise,
    adds: bool,
}

impl Backbone {
    pub(crate) fn new(vb: &VarBuilder<'_>, size: Size) -> Result<Self> {
        let stem = Pointwise::new(vb, ["conv_stem", "bn1"], [FIRST, 3, 3, 3], Activation::Relu)?;
        let stages = vb.pp("blocks");
        let block = stages.pp("0.0");
        let first = (
            Depthwise::new(&block, ["conv_dw", "bn1"], FIRST, size.first_stride())?,
            Pointwise::new(&block, ["conv_pw", "bn2"], [FIRST, FIRST, 1, 1], Activation::None)?,
        );
        let (mut inputs, mut blocks) = (FIRST, Vec::new());
        for (stage, bottlenecks) in (1..).zip(size.stages()) {
            for (at, Bottleneck { expanded, outputs, stride }) in bottlenecks.iter().enumerate() {
                let block = stages.pp(stage).pp(at);
                let (expanded, outputs) = (*expanded, *outputs);
                blocks.push(Block {
                    expand: Pointwise::new(&block, ["conv_pw", "bn1"], [expanded, inputs, 1, 1], Activation::Relu)?,
                    convolve: Depthwise::new(&block, ["conv_dw", "bn2"], expanded, *stride)?,
                    project: Pointwise::new(&block, ["conv_pwl", "bn3"], [outputs, expanded, 1, 1], Activation::None)?,
                    adds: *stride == 1 && inputs == outputs,
                });
                inputs = outputs;
            }
        }
        let block = stages.pp(size.stages().len() + 1).pp(0);
        let last = Pointwise::new(&block, ["conv", "bn1"], [size.features(), inputs, 1, 1], Activation::Relu)?;
        Ok(Self { stem, first, first_adds: size.first_stride() == 1, blocks, last })
    }

    /// The mean over the last feature map: (27, pictures, 112, 112), the patches under the first convolution, ->
    /// (features, pictures).
    pub(crate) fn forward(&self, patches: &Tensor) -> Result<Tensor> {
        let stem = self.stem.forward(patches)?;
        let mut xs = self.first.1.forward(&self.first.0.forward(&stem)?)?;
        if self.first_adds {
            xs = (xs + stem)?;
        }
        for block in &self.blocks {
            let ys = block.project.forward(&block.convolve.forward(&block.expand.forward(&xs)?)?)?;
            xs = if block.adds { (ys + xs)? } else { ys };
        }
        self.last.forward(&xs)?.flatten_from(2)?.mean(2)
    }
}
