//! What every reader promises, whatever the bytes: no panic, a track that is one or a refusal that has all its parts,
//! and what was read can be written and read again.

use moue_tracks::{Format, LoadedTrack, ReadOptions, TrackError, read_bytes, write_csv};

/// Reads `bytes` as what they look like, and as one of `formats`.
pub fn check(bytes: &[u8], formats: &[Format]) {
    if let Some(loaded) = outcome(read_bytes("take", bytes)) {
        round_trip(&loaded);
    }
    // The same bytes choose the same format every time.
    let sum = bytes.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
    if let Some(format) = formats.get(sum % formats.len().max(1)) {
        outcome(ReadOptions { rate: None, format: Some(*format) }.read_bytes("take", bytes));
    }
}

fn outcome(result: Result<LoadedTrack, TrackError>) -> Option<LoadedTrack> {
    match result {
        Ok(loaded) => {
            assert_eq!(loaded.track.times()[0], 0.0);
            assert!(loaded.track.duration().is_finite());
            assert!(loaded.notes.iter().all(|note| !note.chars().any(char::is_control)), "{:?}", loaded.notes);
            Some(loaded)
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!error.found().is_empty() && !error.expected().is_empty() && !error.hint().is_empty(), "{text}");
            assert_eq!(text.chars().filter(|c| c.is_control()).count(), 1, "{text:?}");
            None
        }
    }
}

fn round_trip(loaded: &LoadedTrack) {
    let mut table = Vec::new();
    write_csv(&loaded.track, &mut table).expect("memory takes it");
    let again = read_bytes("again", &table).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.track, loaded.track);
}
