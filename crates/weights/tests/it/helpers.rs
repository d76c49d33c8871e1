//! Files for tests, and what an error must say of them.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use zip::write::{SimpleFileOptions, ZipWriter};

/// A place that only the running test writes to.
fn place(name: &str) -> PathBuf {
    let test = std::thread::current().name().unwrap_or_default().replace("::", "-");
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("weights").join(test).join(name)
}

/// The path of a file of one test, with `bytes` in it.
pub fn file(name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = place(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// A zip with these members, stored as PyTorch stores them.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in members {
        zip.start_file(*name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Numbers that look random (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Fails unless the error names the file, all of `parts`, what was expected, and a way out.
#[track_caller]
pub fn says(error: impl std::fmt::Display, path: &Path, parts: &[&str]) {
    let message = error.to_string();
    assert!(message.starts_with(&path.display().to_string()), "no file's name: {message}");
    for part in parts.iter().chain(&["\nhint: "]) {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
}
