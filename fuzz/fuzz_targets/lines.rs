#![no_main]

use libfuzzer_sys::fuzz_target;
use moue_tracks::Format;

fuzz_target!(|bytes: &[u8]| moue_fuzz::check(bytes, &[Format::IFacialMocap]));
