//! Tracks for the tests.

use proptest::prelude::*;

use crate::{Channel, Interpolation, Track};

pub(crate) const KINDS: [Interpolation; 2] = [Interpolation::Linear, Interpolation::MonotoneCubic];

pub(crate) fn channel(name: &str) -> Channel {
    Channel::from_name(name).unwrap()
}

/// A track of named channels, one slice of values each, with a key every `step` seconds from zero on.
pub(crate) fn track(step: f64, columns: &[(&str, &[f32])]) -> Track {
    let rows = columns[0].1.len();
    let times = (0..rows).map(|row| row as f64 * step).collect();
    let values = (0..rows).flat_map(|row| columns.iter().map(move |(_, values)| values[row])).collect();
    Track::new(columns.iter().map(|(name, _)| channel(name)).collect(), times, values).unwrap()
}

pub(crate) fn column(track: &Track, name: &str) -> Vec<f32> {
    track.column_values(track.column(channel(name)).unwrap()).collect()
}

/// Any few channels over keys at uneven distances of a millisecond to half a second, from any first key on.
pub(crate) fn tracks() -> impl Strategy<Value = Track> {
    let channels = prop::sample::subsequence(Channel::all().collect::<Vec<_>>(), 1..6).prop_shuffle();
    (channels, prop::collection::vec(1e-3..0.5f64, 1..30), -2.0..2.0f64).prop_flat_map(|(channels, steps, first)| {
        let rows = steps.len();
        let mut time = first;
        let times: Vec<f64> = steps.into_iter().map(|step| (time, time += step).0).collect();
        prop::collection::vec(-1.0..2.0f32, rows * channels.len())
            .prop_map(move |values| Track::new(channels.clone(), times.clone(), values).unwrap())
    })
}
