//! A file of tensors, by what is in it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};

use crate::{Result, WeightsError, pickle, safetensors};

/// A file of tensors, of which only the names and shapes have been read.
#[derive(Debug)]
pub struct WeightFile {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Safetensors(safetensors::Reader),
    Pickle(pickle::Reader),
}

/// Type and shape of a tensor in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Type of its numbers.
    pub dtype: DType,
    /// Its shape.
    pub shape: Vec<usize>,
}

impl WeightFile {
    /// Opens `path` by what is in it, whatever its name: safetensors, or what `torch.save` writes. Of a pickle, only
    /// tensors in dictionaries are read, the inner ones under `outer.inner`; code in it is refused, never run.
    ///
    /// # Errors
    /// Where it is neither, is cut off, is a pointer of Git LFS, or asks for code.
    pub fn open(path: &Path) -> Result<Self> {
        let mut start = [0u8; 64];
        let mut file = std::fs::File::open(path).map_err(|e| WeightsError::io(path, e))?;
        let mut length = 0;
        while length < start.len() {
            match file.read(&mut start[length..]).map_err(|e| WeightsError::io(path, e))? {
                0 => break,
                n => length += n,
            }
        }
        let start = &start[..length];
        let again = "fetch the file again with `moue models pull`";
        let refuse = |found: &str, hint: &str| {
            Err(WeightsError::file(path, found, "tensors as safetensors or a PyTorch zip pickle", hint))
        };
        let kind = if start.is_empty() {
            return refuse("an empty file", again);
        } else if start.starts_with(b"version https://git-lfs") {
            return refuse(
                "a Git LFS pointer, a short text in place of the weights",
                "run `git lfs pull` where it was cloned, or `moue models pull`",
            );
        } else if start.starts_with(b"PK\x03\x04") {
            Kind::Pickle(pickle::Reader::open(path)?)
        } else if start.len() > 2 && start[0] == 0x80 && (2..=5).contains(&start[1]) {
            return refuse(
                "a pickle in the format of PyTorch before 1.6",
                "load and save it once with a newer PyTorch: torch.save(torch.load(file, weights_only=True), file)",
            );
        } else if start.len() > 8 && start[8] == b'{' {
            Kind::Safetensors(safetensors::Reader::open(path)?)
        } else if start.trim_ascii_start().starts_with(b"<") {
            return refuse("a web page", again);
        } else if start.len() <= 8 {
            return refuse(&format!("only {} bytes", start.len()), again);
        } else {
            let first: Vec<String> = start[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            return refuse(&format!("something else, which starts with the bytes {}", first.join(" ")), again);
        };
        Ok(Self { path: path.into(), kind })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names, types and shapes of all its tensors.
    pub fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        match &self.kind {
            Kind::Safetensors(reader) => reader.tensors(),
            Kind::Pickle(reader) => reader.tensors(),
        }
    }

    /// Text that the file carries beside the tensors: the metadata of a safetensors header.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        match &self.kind {
            Kind::Safetensors(reader) => reader.metadata(),
            Kind::Pickle(_) => BTreeMap::new(),
        }
    }

    /// Reads one tensor, on the CPU, in the type it is stored in.
    ///
    /// # Errors
    /// Where it is not there or cannot be read.
    pub fn read(&self, name: &str) -> Result<Tensor> {
        match &self.kind {
            Kind::Safetensors(reader) => reader.read(&self.path, name),
            Kind::Pickle(reader) => reader.read(&self.path, name),
        }
    }
}
