#![no_main]

use libfuzzer_sys::fuzz_target;
use moue_tracks::{Format, arrays};

fuzz_target!(|bytes: &[u8]| {
    moue_fuzz::check(
        bytes,
        &[Format::FlameArray, Format::ArkitArray, Format::ArkitSortedArray, Format::MediaPipeArray],
    );
    let _ = arrays::npy_from_bytes("array", bytes);
});
