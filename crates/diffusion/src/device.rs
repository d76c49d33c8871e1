//! Where tensors live.

use candle_core::Device;

use crate::{DiffusionError, Result};

/// Opens the device called `name`: `cpu`, `cuda` or `cuda:N`.
///
/// # Errors
/// Where there is no such device, or this build does not know it.
pub fn open(name: &str) -> Result<Device> {
    let wanted = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => Some(0),
        _ => name.strip_prefix("cuda:").and_then(|n| n.parse().ok()),
    };
    match wanted {
        Some(index) => cuda(index),
        None => Err(DiffusionError::Value {
            what: "the device",
            found: name.into(),
            expected: "cpu, cuda or cuda:N".into(),
            hint: "`nvidia-smi` lists the GPUs of this machine".into(),
        }),
    }
}

/// Whether this build and this machine have a CUDA device.
pub fn has_cuda() -> bool {
    cfg!(feature = "cuda") && open("cuda:0").is_ok()
}

/// Bytes that are free on a GPU, if it tells.
#[cfg(feature = "cuda")]
pub(crate) fn free_memory(device: &Device) -> Option<u64> {
    crate::cuda::free_memory(device).ok().flatten()
}

#[cfg(not(feature = "cuda"))]
pub(crate) fn free_memory(_: &Device) -> Option<u64> {
    None
}

#[cfg(feature = "cuda")]
use crate::cuda::open as cuda;

#[cfg(not(feature = "cuda"))]
fn cuda(index: usize) -> Result<Device> {
    Err(DiffusionError::Value {
        what: "the device",
        found: format!("cuda:{index}"),
        expected: "cpu in this build, which knows no CUDA".into(),
        hint: "`make cuda` builds a moue that does; or use --device cpu".into(),
    })
}
