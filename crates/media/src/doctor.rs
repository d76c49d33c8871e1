//! What this machine can do with pictures and videos, as plain data.

use std::fs;
use std::path::{Path, PathBuf};

use gstreamer as gst;

pub use crate::elements::{ELEMENTS, Element};
use crate::{MediaError, elements};

/// What was found.
#[derive(Clone, Debug)]
pub struct Findings {
    /// GStreamer's version, such as `1.22.0`, or why it does not start.
    pub gstreamer: Result<String, String>,
    /// Every element that is used, and whether it is there.
    pub elements: Vec<ElementFinding>,
    /// Video encoders, and whether they are there.
    pub encoders: Vec<EncoderFinding>,
    /// The graphics card.
    pub cuda: CudaFinding,
}

/// An element and whether it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElementFinding {
    /// Its name, what it does, the package that brings it, and what is lost without it.
    pub element: Element,
    /// Whether this machine has it.
    pub is_present: bool,
}

/// A video encoder and whether it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderFinding {
    /// GStreamer's name of it.
    pub element: &'static str,
    /// What it makes.
    pub codec: &'static str,
    /// Whether outputs are written with it, or it is only good to know.
    pub is_used: bool,
    /// Whether this machine has it. Hardware encoders appear only where the hardware is.
    pub is_present: bool,
}

/// Signs of an NVIDIA card. Nothing is linked or started to find them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CudaFinding {
    /// The first device file, such as `/dev/nvidia0`.
    pub device: Option<PathBuf>,
    /// The kernel driver's own description.
    pub driver: Option<String>,
    /// The user-space library, such as `/usr/lib/x86_64-linux-gnu/libcuda.so.1`.
    pub library: Option<PathBuf>,
}

impl CudaFinding {
    /// Whether a program that uses CUDA would find what it needs.
    pub fn is_usable(&self) -> bool {
        self.device.is_some() && self.library.is_some()
    }
}

impl Findings {
    /// Elements that are missing.
    pub fn missing(&self) -> impl Iterator<Item = &Element> {
        self.elements.iter().filter(|finding| !finding.is_present).map(|finding| &finding.element)
    }

    /// The Debian packages that would bring what is missing, each once.
    pub fn missing_packages(&self) -> Vec<&'static str> {
        let mut packages: Vec<_> = self.missing().map(|element| element.package).collect();
        packages.sort_unstable();
        packages.dedup();
        packages
    }
}

const ENCODERS: &[(&str, &str, bool)] = &[
    ("x264enc", "H.264", true),
    ("vp9enc", "VP9", true),
    ("nvh264enc", "H.264", true),
    ("vah264enc", "H.264", false),
    ("vaapih264enc", "H.264", false),
    ("openh264enc", "H.264", false),
    ("nvh265enc", "H.265", false),
    ("x265enc", "H.265", false),
    ("vp8enc", "VP8", false),
    ("av1enc", "AV1", true),
    ("avenc_ffv1", "FFV1", true),
    ("svtav1enc", "AV1", false),
    ("nvav1enc", "AV1", false),
];

const LIBRARY_FOLDERS: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/cuda/compat",
    "/usr/lib/wsl/lib",
    "/usr/local/nvidia/lib64",
];

/// Looks around. It never fails: what does not work is part of what is found.
pub fn probe() -> Findings {
    let started = elements::start();
    let is_present = |name: &str| started.is_ok() && elements::is_present(name);
    let gstreamer = match &started {
        Ok(()) => {
            let (major, minor, micro, _) = gst::version();
            Ok(format!("{major}.{minor}.{micro}"))
        }
        Err(MediaError::GStreamer { detail }) => Err(detail.clone()),
        Err(other) => Err(other.to_string()),
    };
    let element = |element: &Element| ElementFinding { element: *element, is_present: is_present(element.name) };
    let encoder = |&(element, codec, is_used): &(&'static str, &'static str, bool)| EncoderFinding {
        element,
        codec,
        is_used,
        is_present: is_present(element),
    };
    Findings {
        gstreamer,
        elements: ELEMENTS.iter().map(element).collect(),
        encoders: ENCODERS.iter().map(encoder).collect(),
        cuda: cuda(Path::new("/")),
    }
}

fn cuda(root: &Path) -> CudaFinding {
    let at = |path: &str| root.join(path.trim_start_matches('/'));
    let device = (0..16).map(|index| at(&format!("/dev/nvidia{index}"))).find(|device| device.exists());
    let driver = fs::read_to_string(at("/proc/driver/nvidia/version")).ok();
    let from_environment = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let library = std::env::split_paths(&from_environment)
        .chain(LIBRARY_FOLDERS.iter().map(|folder| at(folder)))
        .map(|folder| folder.join("libcuda.so.1"))
        .find(|library| library.exists());
    CudaFinding { device, driver: driver.and_then(|text| Some(text.lines().next()?.trim().to_owned())), library }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_what_the_tests_need() {
        let findings = probe();
        assert!(findings.gstreamer.as_ref().unwrap().starts_with("1."), "{findings:?}");
        assert_eq!(findings.missing_packages(), [""; 0]);
        let x264 = findings.encoders.iter().find(|encoder| encoder.element == "x264enc").unwrap();
        assert!(x264.is_present && x264.is_used);
    }

    #[test]
    fn a_card_is_found_by_its_files() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["dev", "proc/driver/nvidia", "usr/lib64"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("dev/nvidia3"), "").unwrap();
        fs::write(root.path().join("proc/driver/nvidia/version"), "NVRM version: 1\nGCC\n").unwrap();
        fs::write(root.path().join("usr/lib64/libcuda.so.1"), "").unwrap();
        let found = cuda(root.path());
        assert!(found.is_usable());
        assert_eq!(found.driver.as_deref(), Some("NVRM version: 1"));
        assert_eq!(found.device, Some(root.path().join("dev/nvidia3")));
    }

    #[test]
    fn every_element_names_its_package() {
        for element in ELEMENTS {
            assert!(element.package.contains("gstreamer1.0") && !element.absence.is_empty(), "{element:?}");
        }
    }
}
