//! Safetensors, read tensor by tensor, so that the file is never in memory as a whole beside the network.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use ::safetensors::tensor::{Dtype, Metadata};
use candle_core::{DType, Device, Tensor};

use crate::{Result, TensorInfo, WeightsError};

#[derive(Debug)]
pub(crate) struct Reader {
    tensors: BTreeMap<String, TensorInfo>,
    /// First byte of each tensor in the file.
    offsets: BTreeMap<String, u64>,
    metadata: BTreeMap<String, String>,
}

/// The header is JSON of some hundred bytes a tensor; the format's own limit.
const MOST_HEADER: u64 = 100_000_000;

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let io = |e| WeightsError::io(path, e);
        let refuse = |found: String| {
            let hint = "the download was cut short or the file is damaged: fetch it again with `moue models pull`";
            WeightsError::file(path, found, "a whole safetensors file", hint)
        };
        let mut file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let mut length = [0u8; 8];
        file.read_exact(&mut length).map_err(|_| refuse(format!("{size} bytes")))?;
        let header = u64::from_le_bytes(length);
        if header > MOST_HEADER || 8 + header > size {
            return Err(refuse(format!("a header of {header} bytes in a file of {size}")));
        }
        let mut bytes = vec![0u8; 8 + header as usize];
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        file.read_exact(&mut bytes).map_err(io)?;
        let metadata: Metadata = serde_json::from_slice(&bytes[8..])
            .map_err(|e| refuse(format!("a header that is no safetensors header ({e})")))?;
        let mut tensors = BTreeMap::new();
        let mut offsets = BTreeMap::new();
        let mut end = 8 + header;
        for (name, info) in metadata.tensors() {
            let Some(dtype) = dtype(info.dtype) else {
                return Err(refuse(format!("tensor {name} of type {:?}", info.dtype)));
            };
            let bytes = (info.data_offsets.1 - info.data_offsets.0) as u64;
            let expected = info.shape.iter().product::<usize>() * dtype.size_in_bytes();
            if bytes != expected as u64 {
                return Err(refuse(format!("tensor {name} {:?} of {bytes} bytes", info.shape)));
            }
            end = end.max(8 + header + info.data_offsets.1 as u64);
            offsets.insert(name.clone(), 8 + header + info.data_offsets.0 as u64);
            tensors.insert(name, TensorInfo { dtype, shape: info.shape.clone() });
        }
        if end != size {
            return Err(refuse(format!("{size} bytes where its header tells of {end}")));
        }
        let metadata = metadata.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        Ok(Self { tensors, offsets, metadata })
    }

    pub(crate) fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        self.metadata.clone()
    }

    pub(crate) fn read(&self, path: &Path, name: &str) -> Result<Tensor> {
        let (Some(info), Some(&offset)) = (self.tensors.get(name), self.offsets.get(name)) else {
            return Err(WeightsError::file(path, format!("no tensor {name}"), "one", "it was asked for by name"));
        };
        let mut bytes = vec![0u8; info.shape.iter().product::<usize>() * info.dtype.size_in_bytes()];
        let mut file = File::open(path).map_err(|e| WeightsError::io(path, e))?;
        file.seek(SeekFrom::Start(offset)).map_err(|e| WeightsError::io(path, e))?;
        file.read_exact(&mut bytes).map_err(|e| WeightsError::io(path, e))?;
        Ok(Tensor::from_raw_buffer(&bytes, info.dtype, &info.shape, &Device::Cpu)?)
    }
}

fn dtype(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::I64 => DType::I64,
        Dtype::U32 => DType::U32,
        Dtype::U8 => DType::U8,
        _ => return None,
    })
}
