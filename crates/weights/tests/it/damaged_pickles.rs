//! Damaged and random pickles: whatever comes is read or refused.

use std::fmt::Write;

use crate::helpers::{Random, says};
use crate::pickles::{Pickle, good, open};

/// The most address space that this process ever had, in bytes: an allocation counts even if it is never touched.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// What any of these bytes makes of the file is read or refused, without a large allocation.
fn survives(what: &str, seed: u64, rounds: usize, mutate: &dyn Fn(&mut Random) -> Vec<u8>) -> (usize, usize) {
    let (mut random, before) = (Random(seed), peak());
    let (mut read, mut refusals) = (0, 0);
    for round in 0..rounds {
        let bytes = mutate(&mut random);
        let state = std::panic::catch_unwind(|| match open(&format!("pickles/{what}.bin"), &bytes) {
            (_, Ok(opened)) => {
                opened.tensors().keys().for_each(|name| drop(opened.read(name)));
                true
            }
            (path, Err(error)) => {
                says(error, &path, &["found ", "expected "]);
                false
            }
        });
        match state {
            Ok(true) => read += 1,
            Ok(false) => refusals += 1,
            Err(_) => {
                let shown = bytes.iter().fold(String::new(), |mut text, byte| {
                    let _ = write!(text, "{byte:02x}");
                    text
                });
                panic!("{what}, round {round}: {shown}");
            }
        }
    }
    let grown = peak() - before;
    assert!(grown < 1 << 30, "{what}: {grown} bytes were allocated");
    (read, refusals)
}

/// Changes, drops, doubles or inserts up to four bytes.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, random.next() as u8),
            _ => {
                let end = (at + 1 + random.below(16)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
}

#[test]
fn a_damaged_pickle_is_no_panic() {
    let good = good().0;
    let (read, refusals) = survives("fuzz", 7, 6000, &|random| {
        let mut pickle = good.clone();
        damage(&mut pickle, random);
        Pickle(pickle).zip()
    });
    eprintln!("{read} were read, {refusals} refused");
    assert!(read > 20 && refusals > 1000, "{read} were read, {refusals} refused");
}

#[test]
fn a_damaged_zip_is_no_panic() {
    let whole = good().zip();
    let (read, refusals) = survives("fuzz-zip", 8, 4000, &|random| {
        let mut bytes = whole.clone();
        damage(&mut bytes, random);
        // What does not start as a zip is not read as one.
        bytes.splice(..bytes.len().min(4), *b"PK\x03\x04");
        bytes
    });
    eprintln!("{read} were read, {refusals} refused");
    assert!(read > 50 && refusals > 1000, "{read} were read, {refusals} refused");
}

#[test]
fn instructions_at_random_are_no_panic() {
    const WORDS: &[&[u8]] = &[
        b"}",
        b"]",
        b")",
        b"(",
        b"t",
        b"R",
        b"\x81",
        b"Q",
        b"s",
        b"u",
        b"a",
        b"e",
        b"b",
        b"0",
        b"1",
        b"2",
        b"N",
        b"K\x03",
        b"J\xff\xff\xff\x7f",
        b"X\x01\0\0\0a",
        b"q\0",
        b"h\0",
        b"q\x01",
        b"h\x01",
        b"\x85",
        b"\x86",
        b"\x87",
        b"d",
        b"l",
        b"ccollections\nOrderedDict\n",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ctorch._utils\n_rebuild_parameter\n",
        b"ctorch._tensor\n_rebuild_from_type_v2\n",
        b"ctorch\nFloatStorage\n",
        b"\x94",
        b"X\x07\0\0\0storage",
    ];
    survives("fuzz-words", 9, 3000, &|random| {
        let mut pickle = Pickle::new();
        for _ in 0..random.below(60) {
            pickle = pickle.raw(WORDS[random.below(WORDS.len())]);
        }
        pickle.raw(".").zip()
    });
}
