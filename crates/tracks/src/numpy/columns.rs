//! Columns of arrays become channels of a track.

use std::ops::Range;

use moue_timeline::{Channel, FlameChannel, FrameRate, Track};

use super::Role;
use super::array::Array;
use crate::{LoadedTrack, Place, TrackError, TrackKind, notes};

/// Some columns of an array and what they drive.
pub(super) struct Part<'a> {
    array: &'a Array,
    /// The first of them.
    column: usize,
    /// By [`FlameChannel::index`].
    channels: Range<usize>,
}

const EXPECTED_SHAPES: &str = "(T, 55), (T, 53) or (T, 50), T rows of FLAME coefficients";

/// The columns of an array that holds all there is.
pub(super) fn whole<'a>(file: &str, array: &'a Array, notes: &mut Vec<String>) -> Result<Vec<Part<'a>>, TrackError> {
    let part = |column, channels| Part { array, column, channels };
    match array.shape[..] {
        [_, 55] => Ok(vec![part(0, 0..FlameChannel::COUNT)]),
        [_, 53] => {
            notes.push("53 columns are taken for 50 expression components and the jaw".to_owned());
            Ok(vec![part(0, FlameChannel::EXPRESSION), part(50, FlameChannel::JAW)])
        }
        [_, 50] => Ok(vec![part(0, FlameChannel::EXPRESSION)]),
        _ => {
            let hint = match array.shape[..] {
                [50 | 53 | 55] => "a single frame has two dimensions too: array[None]",
                [50 | 53 | 55, _] => "rows are frames: transpose it, array.T",
                [1, _, 50 | 53 | 55] | [_, 1, 50 | 53 | 55] => "drop the dimension of length 1: array.squeeze()",
                _ => "name the parts: np.savez(path, expression=..., eyelids=..., jaw=...)",
            };
            Err(TrackError::new(file, array.place(), array.shape_text(), EXPECTED_SHAPES, hint))
        }
    }
}

/// The columns of arrays that hold a part each.
pub(super) fn parts<'a>(
    file: &str,
    arrays: &'a [(Role, Array)],
    notes: &mut Vec<String>,
) -> Result<Vec<Part<'a>>, TrackError> {
    let mut parts = Vec::new();
    for (role, array) in arrays {
        let (expected, column, channels) = match role {
            Role::Eyelids => ("(T, 2), left and right", 0, FlameChannel::EYELIDS),
            Role::Jaw => ("(T, 3), a rotation vector per row", 0, FlameChannel::JAW),
            Role::Pose => ("(T, 6)", 3, FlameChannel::JAW),
            _ => ("(T, 50) or (T, 100)", 0, FlameChannel::EXPRESSION),
        };
        match (role, &array.shape[..]) {
            (Role::Expression, [_, 100]) => {
                notes.push("the expression has 100 components: those after the first 50 are left out".to_owned());
            }
            (Role::Pose, [_, 6]) => {
                notes.push("the jaw is the second half of 'pose'; the head's rotation is left out".to_owned());
            }
            (Role::Expression, [_, 50]) | (Role::Eyelids, [_, 2]) | (Role::Jaw, [_, 3]) => {}
            _ => {
                let hint = "rows are frames, columns are coefficients; array.squeeze() drops dimensions of length 1";
                return Err(TrackError::new(file, array.place(), array.shape_text(), expected, hint));
            }
        }
        if array.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("expr")) {
            notes.push(
                "'expr' is VHAP's name, which fits FLAME 2023 unless told otherwise: coefficients of FLAME 2020 are \
                 expected, others give other expressions"
                    .to_owned(),
            );
        }
        parts.push(Part { array, column, channels });
    }
    Ok(parts)
}

/// A track of all columns, its rows at `rate`.
pub(super) fn build(
    file: &str,
    kind: TrackKind,
    parts: &[Part<'_>],
    rate: FrameRate,
    mut notes: Vec<String>,
) -> Result<LoadedTrack, TrackError> {
    let rows = parts.first().map_or(0, |part| part.array.shape[0]);
    for Part { array, .. } in parts {
        let error = |found, expected: &str, hint| Err(TrackError::new(file, array.place(), found, expected, hint));
        if !array.is_float() {
            let hint = "convert them: array.astype('float32')";
            return error(array.element_text(), "float32, float64 or float16", hint);
        }
        if array.shape[0] == 0 {
            return error(array.shape_text(), "at least one row", "record or export the track again");
        }
        if array.shape[0] != rows {
            let first = parts[0].array.name.as_deref().unwrap_or_default();
            let expected = format!("{rows} as in '{first}'");
            return error(format!("{} rows", array.shape[0]), &expected, "all arrays hold the same frames: cut them");
        }
    }
    let channels: Vec<FlameChannel> =
        parts.iter().flat_map(|part| part.channels.clone()).filter_map(FlameChannel::from_index).collect();
    let mut values = Vec::with_capacity(rows * channels.len());
    for row in 0..rows {
        for part in parts {
            for (index, channel) in part.channels.clone().enumerate() {
                values.push(coefficient(file, part, row, part.column + index, channel)?);
            }
        }
    }
    for (indices, note) in [
        (FlameChannel::EXPRESSION, "the expression is not in this file and stays neutral"),
        (FlameChannel::EYELIDS, "eyelids are not in this file and stay open"),
        (FlameChannel::JAW, "the jaw is not in this file and stays shut"),
    ] {
        if !channels.iter().any(|channel| indices.contains(&channel.index())) {
            notes.push(note.to_owned());
        }
    }
    let times: Vec<f64> = (0..rows as u64).map(|row| rate.seconds_at(row)).collect();
    notes::timing(&times, &mut notes);
    let channels = channels.into_iter().map(Channel::Flame).collect();
    let track = Track::new(channels, times, values).map_err(|error| {
        TrackError::whole_file(file, error.to_string(), "rows that form a track", "export the arrays again")
    })?;
    Ok(LoadedTrack { track, kind, notes })
}

fn coefficient(file: &str, part: &Part<'_>, row: usize, column: usize, channel: usize) -> Result<f32, TrackError> {
    let value = part.array.at(row, column);
    // Beyond f32 lies no coefficient.
    if (value as f32).is_finite() {
        return Ok(value as f32);
    }
    let place = Place::Element {
        array: part.array.name.clone(),
        row,
        column,
        name: FlameChannel::from_index(channel).map_or("", FlameChannel::name),
    };
    let hint = "rows and columns count from 0, as NumPy prints them; fill the gap or delete the frame";
    Err(TrackError::new(file, place, value.to_string(), "a finite number", hint))
}
