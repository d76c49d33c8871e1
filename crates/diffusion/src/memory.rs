//! How much memory a run needs, told before it begins.

use std::fs;

use candle_core::{DType, Device};
use moue_models::ModelFile;

use crate::checkpoint::{Checkpoint, Compute};
use crate::config::UnetConfig;
use crate::painter::PainterSettings;
use crate::weights::WeightFile;
use crate::{DiffusionError, Result, SchedulerKind};

/// Bytes that a run needs at its peak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryNeeds {
    /// Networks and what is constant.
    pub fixed: u64,
    /// Each frame of a batch.
    pub per_frame: u64,
    /// Decoding one frame; not at the same time as denoising.
    pub decoding: u64,
}

/// Activations of the denoising network, in bytes per latent, channel of the finest level and row of the batch, in
/// f32: a pass of 320 channels over 64x64 latents on the CPU peaked about 0.4 GB above the networks.
const DENOISING_BYTES: f64 = 360.0;
/// Activations of the decoder, in bytes per pixel and channel of the finest level, in f32: guided frames of 512x512 with
/// reference peaked at 5.42 GB with weights in f32 and at 3.25 GB in f16 on the CPU, while decoding, which this puts at
/// 5.56 and 3.28 GB.
const DECODING_BYTES: f64 = 30.0;

impl MemoryNeeds {
    /// What a run with these settings needs.
    ///
    /// # Errors
    /// Where a model file is missing or damaged.
    pub fn estimate(checkpoint: &Checkpoint, compute: &Compute, settings: &PainterSettings) -> Result<Self> {
        let size = compute.dtype.size_in_bytes() as u64;
        let mut files = vec![ModelFile::Unet, ModelFile::Vae, ModelFile::ExpressionAdapter];
        files.extend(settings.reference_scale.map(|_| ModelFile::ReferenceAdapter));
        files.extend((settings.sampling.scheduler == SchedulerKind::Lcm).then_some(ModelFile::LcmLora));
        let mut fixed = 0;
        for file in files {
            let [path] = checkpoint.folder().require([file])?;
            let weights = WeightFile::open(&path)?;
            let numbers: usize = weights.tensors().values().map(|info| info.shape.iter().product::<usize>()).sum();
            // A LoRA is merged: the changed weights exist a second time while the reference is read, at most as much
            // as a sixth of the network.
            fixed += numbers as u64 * size;
            if file == ModelFile::ReferenceAdapter {
                fixed += fixed / 6;
            }
        }
        let (width, height) = settings.size;
        let pixels = f64::from(width) * f64::from(height);
        let latents = pixels / (checkpoint.vae.downscale() as f64).powi(2);
        let activation = crate::ops::activation_dtype(&compute.device, compute.dtype).size_in_bytes() as f64 / 4.0;
        let rows = if settings.sampling.is_guided() { 2.0 } else { 1.0 };
        let finest = checkpoint.unet.levels[0].channels as f64;
        // The network that reads painted frames holds what the LoRA changed in the other, which is counted above.
        let mut bank = 0.0;
        if settings.reads_history {
            bank = bank_numbers(&checkpoint.unet, latents) * 4.0 * activation;
            fixed += (HELD_BANKS as f64 * bank) as u64;
        }
        Ok(Self {
            fixed,
            per_frame: (latents * finest * rows * DENOISING_BYTES * activation + BANKS_PER_FRAME * bank) as u64,
            decoding: (pixels * checkpoint.vae.channels[0] as f64 * DECODING_BYTES * activation) as u64,
        })
    }

    /// The peak with so many frames at once.
    pub fn peak(&self, batch: usize) -> u64 {
        self.fixed + (self.per_frame * batch as u64).max(self.decoding)
    }

    /// Frames at once that fit into `available` bytes, at least one.
    ///
    /// # Errors
    /// Where not even one fits.
    pub fn batch(&self, available: Option<u64>, most: usize, compute: &Compute) -> Result<usize> {
        let Some(available) = available else { return Ok(1) };
        if self.peak(1) > available {
            return Err(self.too_little(available, 1, compute));
        }
        Ok((1..=most.max(1)).rev().find(|&batch| self.peak(batch) <= available).unwrap_or(1))
    }

    /// Refuses `batch` frames at once where they do not fit.
    ///
    /// # Errors
    /// That, with what would fit.
    pub fn check(&self, available: Option<u64>, batch: usize, compute: &Compute) -> Result<()> {
        match available {
            Some(available) if self.peak(batch) > available => Err(self.too_little(available, batch, compute)),
            _ => Ok(()),
        }
    }

    fn too_little(&self, available: u64, batch: usize, compute: &Compute) -> DiffusionError {
        let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
        let fitting = (1..batch).rev().find(|&batch| self.peak(batch) <= available);
        let hint = match fitting {
            Some(batch) => format!("--batch {batch} fits"),
            None if compute.dtype == DType::F32 => {
                let halved = self.fixed / 2 + self.peak(1) - self.fixed;
                format!("--dtype f16 needs {}; a smaller --size needs less", gib(halved))
            }
            None => "a smaller --size needs less; close other programs".into(),
        };
        DiffusionError::Value {
            what: "the free memory",
            found: gib(available),
            expected: format!("{} for {batch} frame(s) at once", gib(self.peak(batch))),
            hint,
        }
    }
}

/// Banks that a frame of a batch has of its own: the two keyframes that it looks at, and these with the portrait's in one.
const BANKS_PER_FRAME: f64 = 5.0;

/// Banks of painted frames that are worth holding at the same time: those that one frame looks at, and that come next.
pub const HELD_BANKS: usize = 4;

/// Numbers in a reference bank of a picture of so many latents.
fn bank_numbers(config: &UnetConfig, latents: f64) -> f64 {
    let last = config.levels.len() - 1;
    let tokens = |level: usize, blocks: usize| {
        (blocks * config.levels[level].depth * config.levels[level].channels) as f64 * latents / 4f64.powi(level as i32)
    };
    let blocks = config.levels.iter().enumerate().map(|(i, level)| {
        let down = if level.attends_down { level.layers } else { 0 };
        let up = if level.attends_up { level.layers + 1 } else { 0 };
        tokens(i, down + up)
    });
    blocks.sum::<f64>() + tokens(last, 1)
}

/// Memory that a program may still take on `device`, if the system tells.
pub fn available(device: &Device) -> Option<u64> {
    if !device.is_cpu() {
        return crate::device::free_memory(device);
    }
    let free = meminfo(&fs::read_to_string("/proc/meminfo").ok()?)?;
    Some(control_group().map_or(free, |limit| limit.min(free)))
}

/// `MemAvailable` of Linux's `/proc/meminfo`, in bytes.
fn meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// What a container may still take.
fn control_group() -> Option<u64> {
    let read =
        |name: &str| fs::read_to_string(format!("/sys/fs/cgroup/memory.{name}")).ok()?.trim().parse::<u64>().ok();
    // What is used holds pages of files, which give way: whoever has just hashed the models has them all there.
    let cached = file_cache(&fs::read_to_string("/sys/fs/cgroup/memory.stat").unwrap_or_default());
    Some(read("max")?.saturating_sub(read("current")?.saturating_sub(cached)))
}

/// Bytes of files in a control group's `memory.stat`.
fn file_cache(text: &str) -> u64 {
    let rows = text.lines().filter_map(|line| line.split_once(' '));
    let of_files = rows.filter(|(name, _)| matches!(*name, "inactive_file" | "active_file"));
    of_files.filter_map(|(_, bytes)| bytes.trim().parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: MemoryNeeds = MemoryNeeds { fixed: 4 << 30, per_frame: 1 << 30, decoding: 3 << 29 };

    #[test]
    fn pages_of_files_are_no_memory_that_is_taken() {
        let text = "anon 1000\nfile 900\ninactive_anon 7\ninactive_file 300\nactive_file 500\nslab 3\n";
        assert_eq!(file_cache(text), 800);
        assert_eq!(file_cache(""), 0);
    }

    #[test]
    fn as_many_frames_as_fit() {
        let cpu = Compute::cpu();
        assert_eq!(NEEDS.batch(Some(8 << 30), 8, &cpu).unwrap(), 4);
        assert_eq!(NEEDS.batch(Some(64 << 30), 8, &cpu).unwrap(), 8);
        assert_eq!(NEEDS.batch(None, 8, &cpu).unwrap(), 1);
        // One frame is decoded with more than it is denoised with.
        assert_eq!(NEEDS.peak(1), (4 << 30) + (3 << 29));
    }

    #[test]
    fn too_little_is_told_with_what_would_fit() {
        let error = NEEDS.batch(Some(5 << 30), 8, &Compute::cpu()).unwrap_err().to_string();
        assert!(
            error.contains("5.0 GiB") && error.contains("5.5 GiB") && error.contains("--dtype f16 needs 3.5 GiB"),
            "{error}"
        );
        let error = NEEDS.check(Some(6 << 30), 4, &Compute::cpu()).unwrap_err().to_string();
        assert!(error.contains("8.0 GiB") && error.contains("--batch 2 fits"), "{error}");
    }

    #[test]
    fn linux_says_what_is_free() {
        assert_eq!(meminfo("MemTotal: 9 kB\nMemAvailable:    2048 kB\n"), Some(2 << 20));
        assert_eq!(meminfo("nothing"), None);
    }
}
