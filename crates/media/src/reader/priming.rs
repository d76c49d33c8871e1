//! What MP3 encoders put before a sound, which the first frame of a file tells and demuxers do not heed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Samples by which decoders of MP3 lag behind.
const DECODER: u64 = 529;
/// Samples per second in MPEG 1; half of that in MPEG 2, a quarter in 2.5.
const RATES: [u64; 3] = [44_100, 48_000, 32_000];

/// Nanoseconds of an MP3 file before its sound begins; 0 for other files, and where it is not told.
pub(super) fn priming(path: &Path) -> i64 {
    let Ok(mut file) = File::open(path) else { return 0 };
    let mut head = [0; 10];
    let mut start = 0;
    if file.read_exact(&mut head).is_ok() && head.starts_with(b"ID3") {
        // Seven bits a byte; a footer is as long as the header.
        let size = head[6..].iter().fold(0, |size, byte| size << 7 | u64::from(byte & 0x7F));
        start = 10 + size + if head[5] & 0x10 != 0 { 10 } else { 0 };
    }
    let mut frame = Vec::new();
    let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.take(256).read_to_end(&mut frame));
    read.ok().and_then(|_| told(&frame)).unwrap_or(0)
}

/// What the first frame says, in the tag that LAME added to that of Xing.
fn told(frame: &[u8]) -> Option<i64> {
    let [0xFF, second, third, fourth] = *frame.first_chunk::<4>()? else { return None };
    let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
    if second >> 5 != 7 || version == 1 || layer != 1 {
        return None;
    }
    let shift = [2, 0, 1, 0][usize::from(version)];
    let rate = RATES.get(usize::from(third >> 2 & 3))? >> shift;
    let is_mono = fourth >> 6 == 3;
    let side = match (shift, is_mono) {
        (0, false) => 32,
        (0, true) | (_, false) => 17,
        (_, true) => 9,
    };
    let tag = frame.get(4 + side..)?;
    if !tag.starts_with(b"Xing") && !tag.starts_with(b"Info") {
        return None;
    }
    // The number of frames, that of bytes, a table for seeking, the quality.
    let parts = [4, 4, 100, 4].iter().enumerate();
    let skipped: usize =
        parts.filter(|(bit, _)| tag.get(7).is_some_and(|flags| flags >> bit & 1 == 1)).map(|(_, n)| n).sum();
    let lame = tag.get(8 + skipped..)?;
    let [high, low] = *lame.get(21..23)?.first_chunk::<2>()?;
    // Without the encoder's name there is no such tag.
    lame[0].is_ascii_alphabetic().then_some(())?;
    let samples = (u64::from(high) << 4 | u64::from(low >> 4)) + DECODER;
    i64::try_from(samples * 1_000_000_000 / rate).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first frame of an MP3 file, MPEG 1, 44.1 kHz, with both counts and a table.
    fn frame(mode: u8, side: usize) -> Vec<u8> {
        let mut frame = vec![0xFF, 0xFB, 0x50, mode];
        frame.resize(4 + side, 0);
        frame.extend(b"Info\0\0\0\x0F");
        frame.resize(frame.len() + 112, 7);
        frame.extend(b"LAME3.100");
        frame.resize(frame.len() + 12, 0);
        // 576 samples before, 1234 after.
        frame.extend([0x24, 0x04, 0xD2]);
        frame
    }

    fn of(bytes: &[u8]) -> i64 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp3");
        std::fs::write(&path, bytes).unwrap();
        priming(&path)
    }

    #[test]
    fn the_delay_is_that_of_encoder_and_decoder() {
        let expected = (576 + 529) * 1_000_000_000 / 44_100;
        assert_eq!(of(&frame(0, 32)), expected);
        assert_eq!(of(&frame(0xC0, 17)), expected);
        let labelled = [&b"ID3\x04\0\0\0\0\x01\x02"[..], &[0; 130], &frame(0, 32)].concat();
        assert_eq!(of(&labelled), expected);
        assert_eq!(of(&[&[0xFF, 0xFB, 0x50, 0], &[0; 400][..]].concat()), 0);
        assert_eq!(of(b"RIFF"), 0);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(rest in prop::collection::vec(any::<u8>(), 0..300), cut in 0..200usize) {
            let whole = frame(0, 32);
            told(&[&whole[..cut.min(whole.len())], &rest].concat());
            of(&[b"ID3", &rest[..]].concat());
        }
    }
}
