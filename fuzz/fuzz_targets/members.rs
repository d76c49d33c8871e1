//! Archives whose frame is always whole: the fuzzer changes names, headers and data alone, which a raw archive's
//! checksums would hide. The input is a list of members: a byte that chooses the name, two for the length, the array.

#![no_main]

use std::io::{Cursor, Write};

use libfuzzer_sys::fuzz_target;
use moue_tracks::{Format, arrays};
use zip::write::{SimpleFileOptions, ZipWriter};

const NAMES: [&str; 19] = [
    "flame",
    "expression",
    "exp",
    "expr",
    "eyelids",
    "jaw",
    "jaw_pose",
    "pose",
    "rotation",
    "head_pose",
    "pose_params",
    "neck_pose",
    "head",
    "arkit",
    "arkit_names",
    "blendshape_scores",
    "times",
    "fps",
    "arr_0",
];

fuzz_target!(|bytes: &[u8]| {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut rest = bytes;
    while let [name, low, high, after @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(after.len());
        let (array, after) = after.split_at(length);
        rest = after;
        let name = NAMES[usize::from(*name) % NAMES.len()];
        // A name that is there already is refused.
        if zip.start_file(format!("{name}.npy"), options).is_ok() {
            zip.write_all(array).expect("memory takes it");
        }
    }
    let archive = zip.finish().expect("memory takes it").into_inner();
    moue_fuzz::check(&archive, &[Format::Npz, Format::Vhap, Format::FlameHeadTracker, Format::ArkitArray]);
    let _ = arrays::npz_from_bytes("arrays", &archive);
});
