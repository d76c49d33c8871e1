//! From the ONNX file to blocks.

use std::sync::{Arc, Mutex};

use rten::ThreadPool;

use super::{BlazeNet, Block, STEM};
use crate::chain::{Chain, Result};

pub(super) fn net(chain: &mut Chain<'_>, threads: Arc<ThreadPool>) -> Result<BlazeNet> {
    let stem = chain.conv([3, 3, 3], true)?;
    let stem = chain.activated(stem)?;
    let (mut side, mut channels, mut blocks) = (STEM, stem.outputs, Vec::new());
    while chain.kernel() != Some([2, 2]) || side > 2 {
        let halves = chain.kernel() == Some([2, 2]);
        let reduce = if halves {
            let reduce = chain.conv([2, 2, channels], true)?;
            chain.expect("MaxPool")?;
            chain.skip(&["Pad"]);
            reduce
        } else {
            chain.conv([1, 1, channels], false)?
        };
        let reduce = chain.activated(reduce)?;
        let convolve = chain.depthwise(reduce.outputs)?;
        let expand = chain.conv([1, 1, reduce.outputs], false)?;
        chain.expect("Add")?;
        let expand = chain.activated(expand)?;
        let block = Block { side, channels, halves, reduce, convolve, expand };
        (side, channels) = (block.out_side(), block.expand.outputs);
        blocks.push(block);
    }
    let [first, second] = [chain.conv([2, 2, channels], false)?, chain.conv([2, 2, channels], false)?];
    let counts = [first.outputs(), second.outputs()];
    if counts != [1, 3 * crate::LANDMARK_COUNT] {
        return Err(format!("heads of {counts:?} values"));
    }
    let [presence, landmarks] = [first, second].map(|head| head.linear());
    Ok(BlazeNet { stem, blocks, presence, landmarks, counts, threads, spare: Mutex::default() })
}
