//! Random tensors, written one after the other.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use rayon::prelude::*;

use crate::{DiffusionError, Result};

/// What numbers a tensor has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Draw {
    /// All the same.
    Constant(f32),
    /// Evenly distributed around 0.
    Uniform {
        /// Standard deviation.
        deviation: f32,
    },
}

/// A tensor to write.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub name: String,
    pub shape: Vec<usize>,
    pub draw: Draw,
}

impl Planned {
    /// A tensor of a network: activations of about the same size come out of each layer as went in.
    pub fn of_network(name: String, shape: Vec<usize>) -> Self {
        let draw = if name.ends_with("bias") {
            Draw::Constant(0.0)
        } else if shape.len() == 1 {
            Draw::Constant(1.0) // of a normalisation
        } else if name.ends_with("embedding.weight") {
            // About the size of a face vector's values, which stand among them.
            Draw::Uniform { deviation: 0.04 }
        } else {
            let gain = if name == "decoder.conv_out.weight" { PICTURE_GAIN } else { 1.0 };
            Draw::Uniform { deviation: gain / (shape[1..].iter().product::<usize>() as f32).sqrt() }
        };
        Self { name, shape, draw }
    }

    fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Keeps most pixels within black and white. After SiLU of normalised values, a gain of 1 gives a deviation of 0.6.
const PICTURE_GAIN: f32 = 0.7;

/// A safetensors file to write: a header, then the tensors by name.
pub(super) struct FilePlan {
    tensors: Vec<Planned>,
    dtype: DType,
    header: Vec<u8>,
}

impl FilePlan {
    pub fn new(mut tensors: Vec<Planned>, dtype: DType) -> Self {
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        // As diffusers marks its files.
        let mut entries = vec![r#""__metadata__":{"format":"pt"}"#.to_owned()];
        let mut offset = 0;
        let kind = if dtype == DType::F16 { "F16" } else { "F32" };
        for tensor in &tensors {
            let end = offset + tensor.count() * dtype.size_in_bytes();
            let shape: Vec<String> = tensor.shape.iter().map(usize::to_string).collect();
            let (name, shape) = (serde_json::Value::from(tensor.name.as_str()), shape.join(","));
            entries.push(format!(r#"{name}:{{"dtype":"{kind}","shape":[{shape}],"data_offsets":[{offset},{end}]}}"#));
            offset = end;
        }
        let mut json = format!("{{{}}}", entries.join(","));
        // Numbers begin at a multiple of 8, after spaces.
        json += &" ".repeat(json.len().next_multiple_of(8) - json.len());
        let header = [&(json.len() as u64).to_le_bytes(), json.as_bytes()].concat();
        Self { tensors, dtype, header }
    }

    /// Bytes of the whole file.
    pub fn size(&self) -> u64 {
        let numbers: usize = self.tensors.iter().map(Planned::count).sum();
        (self.header.len() + numbers * self.dtype.size_in_bytes()) as u64
    }

    /// Writes the file; `advanced` is told how many more bytes there are, and may end it.
    pub fn write(&self, path: &Path, seed: u64, advanced: &mut dyn FnMut(u64) -> Result<()>) -> Result<()> {
        let io = |e| DiffusionError::io(path, e);
        let mut file = BufWriter::new(File::create(path).map_err(io)?);
        file.write_all(&self.header).map_err(io)?;
        advanced(self.header.len() as u64)?;
        for tensor in &self.tensors {
            let (stream, count) = (stream(seed, &tensor.name), tensor.count());
            let blocks = count.div_ceil(BLOCK);
            // Some blocks at a time: the file may be larger than the memory.
            for first in (0..blocks).step_by(BLOCKS_AT_ONCE) {
                let last = blocks.min(first + BLOCKS_AT_ONCE);
                let written: Result<Vec<Vec<u8>>> = (first..last)
                    .into_par_iter()
                    .map(|i| bytes(block(tensor.draw, stream, i, BLOCK.min(count - i * BLOCK)), self.dtype))
                    .collect();
                for bytes in written? {
                    file.write_all(&bytes).map_err(io)?;
                    advanced(bytes.len() as u64)?;
                }
            }
        }
        file.flush().map_err(io)
    }
}

/// Numbers that are drawn from one place of a stream on.
const BLOCK: usize = 1 << 16;
/// Megabytes, and enough for many processors.
const BLOCKS_AT_ONCE: usize = 64;

fn bytes(values: Vec<f32>, dtype: DType) -> Result<Vec<u8>> {
    if dtype != DType::F16 {
        return Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect());
    }
    let count = values.len();
    let halved = Tensor::from_vec(values, count, &Device::Cpu)?.to_dtype(dtype)?;
    let (storage, _) = halved.storage_and_layout();
    match &*storage {
        Storage::Cpu(CpuStorage::F16(values)) => Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        _ => Err(candle_core::Error::Msg("f16 on the CPU is not f16".into()).into()),
    }
}

/// `count` numbers of the stream that `seed` begins.
pub(super) fn values(draw: Draw, seed: u64, count: usize) -> Vec<f32> {
    (0..count.div_ceil(BLOCK)).flat_map(|i| block(draw, seed, i, BLOCK.min(count - i * BLOCK))).collect()
}

/// The first `count` numbers of block `index` of a stream. Blocks do not depend on each other, so that threads can
/// share the work and the numbers stay the same.
fn block(draw: Draw, stream: u64, index: usize, count: usize) -> Vec<f32> {
    let deviation = match draw {
        Draw::Constant(value) => return vec![value; count],
        Draw::Uniform { deviation } => deviation,
    };
    // The deviation of -1..1 is the root of 1/3.
    let (scale, step) = (deviation * 3f32.sqrt(), 1.0 / (1u32 << 23) as f32);
    let mut state = mix(stream ^ mix(index as u64));
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        state = state.wrapping_add(GOLDEN);
        let bits = mix(state);
        for bits in [bits >> 40, bits & 0xff_ffff] {
            values.push((bits as f32 * step - 1.0) * scale);
        }
    }
    values.truncate(count);
    values
}

/// The seed of one tensor's numbers: FNV-1a of its name.
fn stream(seed: u64, name: &str) -> u64 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    mix(seed.wrapping_add(GOLDEN)) ^ hash
}

/// SplitMix64 (Steele, Lea and Flood 2014).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_deviation_that_was_asked_for() {
        let values = values(Draw::Uniform { deviation: 0.25 }, 7, 3 * BLOCK + 5);
        assert_eq!(values.len(), 3 * BLOCK + 5);
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let deviation = (values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / n).sqrt();
        assert!(mean.abs() < 0.002 && (deviation - 0.25).abs() < 0.001, "{mean} {deviation}");
        assert_ne!(values[..100], values[BLOCK..BLOCK + 100]);
    }

    #[test]
    fn each_tensor_has_numbers_of_its_own() {
        let first = |seed, name| block(Draw::Uniform { deviation: 1.0 }, stream(seed, name), 0, 8);
        assert_eq!(first(1, "a"), first(1, "a"));
        assert_ne!(first(1, "a"), first(1, "b"));
        assert_ne!(first(1, "a"), first(2, "a"));
    }
}
