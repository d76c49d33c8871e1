//! Hashes of what goes into a frame.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Raised whenever frames, pieces or their order change in a way that the storyboard does not say: pictures made
/// before must not be taken for those made now.
const REVISION: u32 = 3;

/// Bytes that are read at once.
const BLOCK: usize = 1 << 16;

/// The version of this program, as far as what it draws depends on it.
pub fn program() -> String {
    format!("{} r{REVISION}", env!("CARGO_PKG_VERSION"))
}

/// The hash of a text, in hexadecimal.
pub(crate) fn of_text(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// The hash of a file's content; of a folder, that of the files in it, with their names.
pub(crate) fn of_path(path: &Path) -> io::Result<String> {
    if !path.is_dir() {
        let mut hash = Sha256::new();
        feed(&mut hash, path)?;
        return Ok(hex(&hash.finalize()));
    }
    let mut files: Vec<PathBuf> = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?.path();
            if entry.is_dir() { folders.push(entry) } else { files.push(entry) }
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let name = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().into_owned();
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update(of_path(&file)?);
    }
    Ok(hex(&hash.finalize()))
}

fn feed(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(BLOCK, File::open(path)?);
    let mut block = vec![0; BLOCK];
    loop {
        match reader.read(&mut block)? {
            0 => return Ok(()),
            count => hash.update(&block[..count]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
