//! Columns of arrays become rows of channels, and rows become a track.

use moue_timeline::{Channel, FlameChannel, FrameRate, HeadAxis, Track};

use super::array::RawArray;
use crate::error::quoted;
use crate::{Format, LoadedTrack, Place, TrackError, notes, rotation};

/// Rows of values, before they have times.
pub(crate) struct Rows {
    pub format: Format,
    pub channels: Vec<Channel>,
    pub count: usize,
    /// Row-major.
    pub values: Vec<f32>,
    pub notes: Vec<String>,
    /// Of the file itself.
    pub rate: Option<FrameRate>,
    /// Seconds, of the file itself; then as many as there are rows.
    pub times: Option<Vec<f64>>,
    /// Whether the head's rotation was tracked even where it is zero.
    pub keeps_head: bool,
}

/// Some columns of an array and what they drive.
pub(super) struct Part<'a> {
    pub array: &'a RawArray,
    pub columns: Columns,
}

pub(super) enum Columns {
    /// Column by column.
    Channels(Vec<(usize, Channel)>),
    /// A rotation vector that starts at this column, in FLAME's axes, and the neck's that is applied before it.
    Rotation(usize),
}

impl<'a> Part<'a> {
    /// Columns from `column` on that drive FLAME channels, by [`FlameChannel::index`].
    pub fn flame(array: &'a RawArray, column: usize, channels: std::ops::Range<usize>) -> Self {
        let channels = channels.filter_map(FlameChannel::from_index).map(Channel::Flame);
        Self { array, columns: Columns::Channels(channels.enumerate().map(|(at, c)| (column + at, c)).collect()) }
    }

    fn channels(&self) -> Vec<Channel> {
        match &self.columns {
            Columns::Channels(columns) => columns.iter().map(|(_, channel)| *channel).collect(),
            Columns::Rotation(_) => HeadAxis::ALL.map(Channel::Head).to_vec(),
        }
    }
}

/// All rows of all parts. `neck` is a rotation of its own, (T, 3), for the parts that are rotations.
pub(super) fn collect(
    file: &str,
    format: Format,
    parts: &[Part<'_>],
    neck: Option<&RawArray>,
    notes: Vec<String>,
) -> Result<Rows, TrackError> {
    let count = parts.first().map_or(0, |part| part.array.shape[0]);
    for array in parts.iter().map(|part| part.array).chain(neck) {
        let error = |found, expected: &str, hint| Err(TrackError::new(file, array.place(), found, expected, hint));
        if !array.is_float() {
            let hint = "convert them: array.astype('float32')";
            return error(array.element_text(), "float32, float64 or float16", hint);
        }
        if array.shape[0] == 0 {
            return error(array.shape_text(), "at least one row", "record or export the track again");
        }
        if array.shape[0] != count {
            let first = parts[0].array.name.as_deref().unwrap_or_default();
            let expected = format!("{count} as in {}", quoted(first));
            return error(format!("{} rows", array.shape[0]), &expected, "all arrays hold the same frames: cut them");
        }
    }
    let channels: Vec<Channel> = parts.iter().flat_map(Part::channels).collect();
    let mut values = Vec::with_capacity(count * channels.len());
    for row in 0..count {
        for Part { array, columns } in parts {
            match columns {
                Columns::Channels(columns) => {
                    for (column, channel) in columns {
                        values.push(coefficient(file, array, row, *column, channel.name())?);
                    }
                }
                Columns::Rotation(column) => {
                    let mut head = rotation::from_vector(vector(file, array, row, *column)?);
                    if let Some(neck) = neck {
                        head = rotation::product(&head, &rotation::from_vector(vector(file, neck, row, 0)?));
                    }
                    let head = rotation::head_pose(&head).unwrap_or_default();
                    values.extend([head.yaw, head.pitch, head.roll]);
                }
            }
        }
    }
    Ok(Rows { format, channels, count, values, notes, rate: None, times: None, keeps_head: false })
}

fn vector(file: &str, array: &RawArray, row: usize, column: usize) -> Result<[f64; 3], TrackError> {
    const NAMES: [&str; 3] = ["rotation about x", "rotation about y", "rotation about z"];
    let mut vector = [0.0; 3];
    for (axis, (value, name)) in vector.iter_mut().zip(NAMES).enumerate() {
        *value = coefficient(file, array, row, column + axis, name)?.into();
    }
    Ok(vector)
}

fn coefficient(file: &str, array: &RawArray, row: usize, column: usize, name: &'static str) -> Result<f32, TrackError> {
    let value = array.at(row, column);
    // Beyond f32 lies no coefficient.
    if (value as f32).is_finite() {
        return Ok(value as f32);
    }
    let place = Place::Element { array: array.name.clone(), row, column, name };
    let hint = "rows and columns count from 0, as NumPy prints them; fill the gap or delete the frame";
    Err(TrackError::new(file, place, value.to_string(), "a finite number", hint))
}

impl Rows {
    /// Leaves out the head where it never turns and nothing says that it was tracked.
    pub fn without_still_head(mut self) -> Self {
        let is_head: Vec<bool> = self.channels.iter().map(|channel| matches!(channel, Channel::Head(_))).collect();
        if self.keeps_head || !is_head.contains(&true) {
            return self;
        }
        let moves = self.values.iter().zip(is_head.iter().cycle()).any(|(value, is_head)| *is_head && *value != 0.0);
        if !moves {
            self.notes.push("the head's rotation is zero throughout: it was not tracked".to_owned());
            let mut columns = is_head.iter().cycle();
            self.values.retain(|_| !columns.next().copied().unwrap_or_default());
            self.channels.retain(|channel| !matches!(channel, Channel::Head(_)));
        }
        self
    }

    /// A track of these rows at `times`, the first at zero.
    pub fn into_track(self, file: &str, mut times: Vec<f64>) -> Result<LoadedTrack, TrackError> {
        let Self { format, channels, values, mut notes, .. } = self;
        if channels.iter().any(|channel| matches!(channel, Channel::Flame(_))) {
            for (indices, note) in [
                (FlameChannel::EXPRESSION, "the expression is not in this file and stays neutral"),
                (FlameChannel::EYELIDS, "eyelids are not in this file and stay open"),
                (FlameChannel::JAW, "the jaw is not in this file and stays shut"),
            ] {
                let is_part = |channel: &Channel| matches!(channel, Channel::Flame(f) if indices.contains(&f.index()));
                if !channels.iter().any(is_part) {
                    notes.push(note.to_owned());
                }
            }
        }
        let start = times.first().copied().unwrap_or_default();
        times.iter_mut().for_each(|time| *time -= start);
        notes::timing(&times, &mut notes);
        let track = Track::new(channels, times, values).map_err(|error| {
            TrackError::whole_file(file, error.to_string(), "rows that form a track", "export the arrays again")
        })?;
        Ok(LoadedTrack { track, format, notes })
    }
}
