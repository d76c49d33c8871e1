#![no_main]

use libfuzzer_sys::fuzz_target;
use moue_tracks::{Format, arrays};

fuzz_target!(|bytes: &[u8]| {
    moue_fuzz::check(bytes, &[Format::Npz, Format::Vhap, Format::FlameHeadTracker, Format::FlameArray]);
    let _ = arrays::npz_from_bytes("arrays", bytes);
});
