//! Files of weights that are not what they should be.

use std::path::Path;

use moue_weights::{WeightFile, WeightsError};

use crate::helpers::{Random, file, says};

const AGAIN: &str = "`moue models pull`";

#[track_caller]
fn refused(name: &str, bytes: impl AsRef<[u8]>, parts: &[&str]) {
    let path = file(name, bytes);
    says(WeightFile::open(&path).unwrap_err(), &path, parts);
}

/// A safetensors file with this header, true or not, and so many bytes of numbers.
fn with_header(header: &str, bytes: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; bytes][..]].concat()
}

fn whole() -> Vec<u8> {
    with_header(r#"{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#, 24)
}

#[test]
fn a_whole_file_is_read() {
    let path = file("files/whole.safetensors", whole());
    let opened = WeightFile::open(&path).unwrap();
    assert_eq!(opened.tensors()["a"].shape, [2, 3]);
    assert_eq!(opened.read("a").unwrap().to_vec2::<f32>().unwrap(), [[0f32; 3]; 2]);
    says(opened.read("b").unwrap_err(), &path, &["found no tensor b"]);
}

#[test]
fn a_file_that_is_not_there() {
    let path = Path::new("nowhere/weights.safetensors");
    let error = WeightFile::open(path).unwrap_err();
    assert!(matches!(error, WeightsError::Io { .. }), "{error}");
    assert!(error.to_string().starts_with("nowhere/weights.safetensors: "), "{error}");
}

#[test]
fn what_stands_in_the_place_of_weights() {
    let expected = "expected tensors as safetensors or a PyTorch zip pickle";
    refused("files/empty", "", &["found an empty file", expected, AGAIN]);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3438167536\n";
    refused("files/pointer", pointer, &["found a Git LFS pointer", expected, "git lfs pull"]);
    refused("files/page", "<!DOCTYPE html><html>Not found</html>", &["found a web page", expected, AGAIN]);
    refused("files/page2", "\r\n\n <html><body>rate limit</body></html>", &["found a web page", expected]);
    refused("files/json", r#"{"error":"Repository not found"}"#, &["something else", "7b 22 65 72", expected]);
    refused("files/short", [1, 2, 3], &["found only 3 bytes", expected, AGAIN]);
    refused("files/gguf", b"GGUF\x03\0\0\0\x01\0", &["found something else", "47 47 55 46"]);
    let legacy = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.";
    let again = "torch.save(torch.load(file, weights_only=True), file)";
    refused("files/legacy.bin", legacy, &["a pickle in the format of PyTorch before 1.6", expected, again]);
    refused("files/legacy4.bin", b"\x80\x04\x95\x11\0\0\0\0\0\0\0}.", &["before 1.6", again]);
}

#[test]
fn a_safetensors_file_that_was_cut_short() {
    let whole = whole();
    for length in [9, 20, 40, 64, whole.len() - 24, whole.len() - 1] {
        let found: &[&str] = if length < whole.len() - 24 {
            &["a header of 57 bytes in a file of", "expected a whole safetensors file", AGAIN]
        } else {
            &["bytes where its header tells of 89", "expected a whole safetensors file", AGAIN]
        };
        refused("files/cut.safetensors", &whole[..length], found);
    }
    let longer = [&whole[..], &[0]].concat();
    refused("files/long.safetensors", longer, &["90 bytes where its header tells of 89", AGAIN]);
}

#[test]
fn a_header_with_a_wrong_length() {
    for length in [u64::MAX, 1 << 40, 100_000_001, 1000] {
        let mut bytes = whole();
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        let found = format!("a header of {length} bytes in a file of 89");
        refused("files/length.safetensors", bytes, &[&found, AGAIN]);
    }
    for length in [0u64, 1, 56, 58] {
        let mut bytes = whole();
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        refused("files/length.safetensors", bytes, &["found a header that is no safetensors header", AGAIN]);
    }
}

#[test]
fn a_header_that_lies() {
    let no_header = "found a header that is no safetensors header";
    for (dtype, shape, offsets) in [
        ("F32", "[2,4]", "[0,24]"),
        ("F16", "[2,3]", "[0,24]"),
        ("F32", "[2,3]", "[24,0]"),
        ("F32", "[2,3]", "[4,28]"),
        ("F32", "[-2,3]", "[0,24]"),
        ("F32", "[4611686018427387904,4]", "[0,0]"),
        ("F32", "[4294967296,4294967296]", "[0,24]"),
        ("F32", "[2,3]", "[18446744073709551615,23]"),
        ("F33", "[2,3]", "[0,24]"),
    ] {
        let header = format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#);
        refused("files/lies.safetensors", with_header(&header, 24), &[no_header, AGAIN]);
    }
    // Two tensors over the same numbers, and a gap between two.
    let two = |second: &str| {
        let first = r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[3],"#;
        with_header(&format!("{first}\"data_offsets\":{second}}}}}"), 24)
    };
    assert!(WeightFile::open(&file("files/two.safetensors", two("[12,24]"))).is_ok());
    refused("files/two.safetensors", two("[8,20]"), &[no_header]);
    refused("files/two.safetensors", two("[16,28]"), &[no_header]);
    // What the format knows and no network here is stored as.
    let header = r#"{"a":{"dtype":"F8_E5M2","shape":[2],"data_offsets":[0,2]}}"#;
    refused("files/f8.safetensors", with_header(header, 2), &["found tensor a of type F8_E5M2", AGAIN]);
    // All is as the header says, but there are fewer numbers, or a terabyte of them is told.
    let header = r#"{"a":{"dtype":"F32","shape":[274877906944],"data_offsets":[0,1099511627776]}}"#;
    refused("files/large.safetensors", with_header(header, 24), &["bytes where its header tells of 1099511627"]);
}

/// Any byte of the file may be wrong: it is read or refused.
#[test]
fn a_damaged_safetensors_file_is_no_panic() {
    let (whole, mut random, mut refusals) = (whole(), Random(1), 0);
    for round in 0..2000 {
        let mut bytes = whole.clone();
        for _ in 0..=round % 3 {
            let at = random.below(bytes.len() - 24);
            bytes[at] = random.next() as u8;
        }
        let path = file("files/damaged.safetensors", bytes);
        match WeightFile::open(&path) {
            Ok(opened) => opened.tensors().keys().for_each(|name| drop(opened.read(name).unwrap())),
            Err(error) => {
                says(error, &path, &["expected "]);
                refusals += 1;
            }
        }
    }
    assert!(refusals > 1000, "only {refusals} of 2000 were refused");
}
