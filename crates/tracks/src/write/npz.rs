//! The arrays of a track, named as [`crate::numpy`] reads them.

use std::ops::Range;

use moue_timeline::{Channel, FlameChannel, HeadAxis, Track};

use super::fixed_rate;
use crate::arrays::{Array, Elements};

/// `expression` (T, 50), `eyelids` (T, 2), `jaw` (T, 3), `head` (T, 3), `arkit` (T, n) with `arkit_names` (n,), each
/// where the track has something of it, and `fps` or `times` (T,).
pub(super) fn arrays(track: &Track) -> Vec<(&'static str, Array)> {
    let mut arrays = Vec::new();
    for (name, part) in
        [("expression", FlameChannel::EXPRESSION), ("eyelids", FlameChannel::EYELIDS), ("jaw", FlameChannel::JAW)]
    {
        arrays.extend(matrix(track, flame(part)).map(|array| (name, array)));
    }
    arrays.extend(matrix(track, HeadAxis::ALL.map(Channel::Head).to_vec()).map(|array| ("head", array)));
    let shapes: Vec<Channel> =
        track.channels().iter().copied().filter(|channel| matches!(channel, Channel::Shape(_))).collect();
    let names = Array::texts(shapes.iter().copied().map(Channel::name));
    if let Some(array) = matrix(track, shapes) {
        arrays.extend([("arkit", array), ("arkit_names", names)]);
    }
    let timing = match fixed_rate(track) {
        Some(rate) => ("fps", Array::scalar(rate.fps())),
        None => {
            let times: Vec<f64> = track.times().iter().map(|time| time - track.times()[0]).collect();
            ("times", Array::of(&[times.len()], Elements::F64(times)))
        }
    };
    arrays.push(timing);
    arrays
}

fn flame(part: Range<usize>) -> Vec<Channel> {
    part.filter_map(FlameChannel::from_index).map(Channel::Flame).collect()
}

/// One column for each channel, zero where the track lacks it; none where it lacks them all.
fn matrix(track: &Track, channels: Vec<Channel>) -> Option<Array> {
    let position = |channel: &Channel| track.channels().iter().position(|other| other == channel);
    let columns: Vec<Option<usize>> = channels.iter().map(position).collect();
    if columns.iter().all(Option::is_none) {
        return None;
    }
    let rows = track.times().len();
    let values = (0..rows).flat_map(|row| columns.iter().map(move |column| column.map_or(0.0, |c| track.row(row)[c])));
    Some(Array::of(&[rows, columns.len()], Elements::F32(values.collect())))
}
