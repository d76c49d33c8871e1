//! NVIDIA GPUs: which there are, how full they are, and why one cannot be used.
//!
//! A build by `make cuda` asks for CUDA's libraries only when the first GPU is asked for. The crate that does the
//! asking panics where one is missing, so every function here looks for them first.

#![allow(unsafe_code, reason = "cudarc marks the calls that look for a library or at a memory pool as unsafe")]

use candle_core::Device;
use candle_core::cuda::cudarc::driver::{CudaContext, DriverError, result, sys};

use crate::{DiffusionError, Result};

/// One GPU, as the driver describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// N of `cuda:N`.
    pub index: usize,
    /// Name of the product.
    pub name: String,
    /// Compute capability: generation and step in it.
    pub capability: (i32, i32),
    /// Bytes of memory that nobody uses at this moment.
    pub free: u64,
    /// Bytes of memory.
    pub total: u64,
}

/// Every GPU of this machine.
///
/// # Errors
/// Where CUDA or its driver is missing or unusable, or sees no GPU.
pub fn gpus() -> Result<Vec<Gpu>> {
    (0..count()?).map(|index| describe(index).map_err(|error| said(index, error))).collect()
}

/// Opens `cuda:index`.
///
/// # Errors
/// As [`gpus`]; and where there is no GPU of this number.
pub fn open(index: usize) -> Result<Device> {
    let count = count()?;
    if index >= count {
        return Err(DiffusionError::Value {
            what: "the device",
            found: format!("cuda:{index}"),
            expected: format!("cuda:0 to cuda:{} on this machine", count - 1),
            hint: "`nvidia-smi` lists the GPUs of this machine".into(),
        });
    }
    let device = Device::new_cuda(index)?;
    keep_memory(&device)?;
    Ok(device)
}

/// Bytes of the GPU's memory that nobody uses at this moment, or nothing for another kind of device.
///
/// What this process has let go of and keeps for its next tensors counts as used.
///
/// # Errors
/// Where the driver says so.
pub fn free_memory(device: &Device) -> Result<Option<u64>> {
    let Device::Cuda(cuda) = device else { return Ok(None) };
    let stream = cuda.cuda_stream();
    let context = stream.context();
    let (free, _) = context.mem_get_info().map_err(|error| said(context.ordinal(), error))?;
    Ok(Some(free as u64))
}

/// The most bytes that this process's tensors have taken on the GPU at one time since it opened the device or called
/// [`forget_peak`]; nothing for another kind of device and for drivers without memory pools.
///
/// CUDA itself, its kernels and the workspace of its libraries come on top.
///
/// # Errors
/// Where the driver says so.
pub fn peak_memory(device: &Device) -> Result<Option<u64>> {
    let Device::Cuda(cuda) = device else { return Ok(None) };
    let stream = cuda.cuda_stream();
    let context = stream.context();
    let read = || -> Result<Option<u64>, DriverError> {
        stream.synchronize()?;
        let Some(pool) = pool(context)? else { return Ok(None) };
        let mut bytes = 0_u64;
        // SAFETY: the pool is the device's own, and this attribute is a u64.
        unsafe {
            result::mem_pool::get_attribute(
                pool,
                sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH,
                (&raw mut bytes).cast(),
            )?;
        }
        Ok(Some(bytes))
    };
    read().map_err(|error| said(context.ordinal(), error))
}

/// Lets [`peak_memory`] begin anew with what is in use now.
///
/// # Errors
/// Where the driver says so.
pub fn forget_peak(device: &Device) -> Result<()> {
    // The driver takes 0 alone, which means: what is in use now.
    set(device, sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH, 0)
}

/// By default the driver takes freed memory back whenever the GPU is waited for, once a frame at least, and hands it
/// out again piece by piece.
fn keep_memory(device: &Device) -> Result<()> {
    set(device, sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, u64::MAX)
}

fn set(device: &Device, attribute: sys::CUmemPool_attribute, mut value: u64) -> Result<()> {
    let Device::Cuda(cuda) = device else { return Ok(()) };
    let stream = cuda.cuda_stream();
    let context = stream.context();
    let mut set = || -> Result<(), DriverError> {
        let Some(pool) = pool(context)? else { return Ok(()) };
        // SAFETY: the pool is the device's own, and every attribute that comes here is a u64.
        unsafe { result::mem_pool::set_attribute(pool, attribute, (&raw mut value).cast()) }
    };
    set().map_err(|error| said(context.ordinal(), error))
}

/// Where the tensors' memory comes from, if the driver has memory pools.
fn pool(context: &CudaContext) -> Result<Option<sys::CUmemoryPool>, DriverError> {
    if !context.has_async_alloc() {
        return Ok(None);
    }
    // SAFETY: the device belongs to a living context.
    unsafe { result::device::get_default_mem_pool(context.cu_device()) }.map(Some)
}

fn describe(index: usize) -> Result<Gpu, DriverError> {
    let context = CudaContext::new(index)?;
    let (free, total) = context.mem_get_info()?;
    Ok(Gpu {
        index,
        name: context.name()?,
        capability: context.compute_capability()?,
        free: free as u64,
        total: total as u64,
    })
}

/// How many GPUs there are: at least one.
fn count() -> Result<usize> {
    libraries()?;
    let count = CudaContext::device_count().map_err(|error| match error.0 {
        sys::CUresult::CUDA_ERROR_NO_DEVICE => no_gpu(),
        _ => DiffusionError::Value {
            what: "the device",
            found: format!("a driver that does not start: {error}"),
            expected: "a working NVIDIA driver".into(),
            hint: "`nvidia-smi` says more; a driver that was updated needs a restart. Or use --device cpu".into(),
        },
    })?;
    usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(no_gpu)
}

/// Looks for the libraries that opening a device calls into.
fn libraries() -> Result<()> {
    use candle_core::cuda::cudarc::{cublas, curand, driver};

    // A build that is linked to CUDA has not this function: there the libraries are, or it would not have started.
    // The glob below brings it into scope where it exists, and this one is found where it does not.
    #[allow(dead_code, reason = "shadowed where cudarc loads libraries itself")]
    unsafe fn is_culib_present() -> bool {
        true
    }
    macro_rules! present {
        ($library:ident) => {{
            #[allow(unused_imports, clippy::wildcard_imports, reason = "see above")]
            use $library::sys::*;
            // SAFETY: loads the library, whose own initialisation is all that runs.
            unsafe { is_culib_present() }
        }};
    }

    if !present!(driver) {
        return Err(DiffusionError::Value {
            what: "the device",
            found: "no NVIDIA driver (libcuda)".into(),
            expected: "cpu, or a machine with an NVIDIA GPU and its driver".into(),
            hint: "`nvidia-smi` shows whether the driver is there; or use --device cpu".into(),
        });
    }
    let missing: Vec<&str> = [("libcublas", present!(cublas)), ("libcurand", present!(curand))]
        .iter()
        .filter(|(_, present)| !present)
        .map(|(name, _)| *name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(DiffusionError::Value {
        what: "the device",
        found: format!("an NVIDIA driver, but not CUDA's {}", missing.join(" and ")),
        expected: "CUDA's libraries where programs look for them".into(),
        hint: "install CUDA's runtime libraries, or name their folder in LD_LIBRARY_PATH; or use --device cpu".into(),
    })
}

fn no_gpu() -> DiffusionError {
    DiffusionError::Value {
        what: "the device",
        found: "an NVIDIA driver that sees no GPU".into(),
        expected: "cpu, or a machine with an NVIDIA GPU".into(),
        hint: "CUDA_VISIBLE_DEVICES can hide GPUs, and a container must be given them; or use --device cpu".into(),
    }
}

fn said(index: usize, error: DriverError) -> DiffusionError {
    DiffusionError::Value {
        what: "the device",
        found: format!("cuda:{index}, of which the driver says: {error}"),
        expected: "a GPU that can be used".into(),
        hint: "`nvidia-smi` shows its state and who uses its memory; or use --device cpu".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wherever it runs: no panic, and where there is no GPU, a message that says what is missing.
    #[test]
    fn a_machine_is_described_or_refused_in_words() {
        match gpus() {
            Ok(gpus) => assert!(gpus.iter().all(|gpu| gpu.free <= gpu.total && !gpu.name.is_empty()), "{gpus:?}"),
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("NVIDIA") && text.contains("--device cpu"), "{text}");
                assert!(open(0).is_err());
            }
        }
    }
}
