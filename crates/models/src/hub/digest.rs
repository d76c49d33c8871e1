//! The hash of a file.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use sha2::{Digest, Sha256};

use crate::ModelsError;

/// In lower-case hexadecimal digits; `None` if it was cancelled.
pub fn sha256(path: &Path, cancel: &dyn Fn() -> bool) -> Result<Option<String>, ModelsError> {
    let io = |source| ModelsError::Io { path: path.to_owned(), action: "read it", source };
    let mut file = File::open(path).map_err(io)?;
    let mut hasher = Sha256::new();
    // A millisecond's work.
    let mut buffer = vec![0; 1 << 20];
    loop {
        if cancel() {
            return Ok(None);
        }
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => hasher.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io(error)),
        }
    }
    Ok(Some(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_abc() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(file.path(), &|| false).unwrap().unwrap(), expected);
        assert_eq!(sha256(file.path(), &|| true).unwrap(), None);
    }
}
