//! Our own table: `time` in seconds, then named columns.
//!
//! ARKit names in camelCase (0..1), FLAME names (`exp_00`..., `eyelid_left`, `jaw_x`... in radians), and `head_yaw`,
//! `head_pitch`, `head_roll` in degrees, in any order and any selection. Rows are keys: they need no fixed rate.

use std::io::{self, BufRead, Write};

use moue_timeline::{Channel, Track};

use crate::error::quoted;
use crate::header::{COMPARED, Columns, listed};
use crate::table::Table;
use crate::{Format, LONGEST_GAP, LoadedTrack, Place, TrackError, notes};

const TIME: &str = "time";

pub(crate) fn read<R: BufRead>(table: Table<R>) -> Result<LoadedTrack, TrackError> {
    read_timed(table, Format::Moue, TIME, |name| Channel::from_name(name).map(Some).ok_or(()))
}

/// A table with seconds in the column `time_column`; `channel_of` is that of [`Columns::new`].
pub(crate) fn read_timed<R: BufRead>(
    mut table: Table<R>,
    format: Format,
    time_column: &str,
    channel_of: impl Fn(&str) -> Result<Option<Channel>, ()>,
) -> Result<LoadedTrack, TrackError> {
    let columns = Columns::new(&table, time_column, channel_of)?;
    let mut notes = Vec::new();
    columns.note_unknown(&table, &mut notes);
    if columns.channels.is_empty() {
        let others = columns.unknown.iter().map(|column| table.header()[*column].as_str());
        let found = match columns.unknown.len() {
            0 => format!("only '{time_column}'"),
            _ => format!("no known column among {}", listed(others)),
        };
        let near = columns.unknown.iter().take(COMPARED).find_map(|column| {
            let name = table.header()[*column].as_str();
            let near = moue_timeline::nearest_name(name, Channel::all().map(Channel::name))?;
            Some(format!("rename {} to '{near}'", quoted(name)))
        });
        let hint = near.unwrap_or_else(|| "add a column such as jawOpen or mouthSmileLeft".to_owned());
        let expected = "at least one column that drives the face";
        return Err(TrackError::new(table.file(), Place::Line(table.line_number()), found, expected, hint));
    }
    let mut times: Vec<f64> = Vec::new();
    let mut values: Vec<f32> = Vec::new();
    while table.next_row()? {
        table.check_width()?;
        times.push(time(&mut table, columns.time, times.last().copied())?);
        for (column, channel) in &columns.channels {
            let value = match is_degrees(*channel) {
                true => table.converted(*column, f64::to_radians)?,
                false => table.number(*column)?,
            };
            values.push(value as f32);
        }
    }
    let Some(start) = times.first().copied() else {
        let (expected, hint) = ("rows of numbers below it", "record or export the track again");
        return Err(TrackError::whole_file(table.file(), "only a header", expected, hint));
    };
    times.iter_mut().for_each(|time| *time -= start);
    notes.extend(table.notes());
    notes::timing(&times, &mut notes);
    let channels = columns.channels.iter().map(|(_, channel)| *channel).collect();
    let track = Track::new(channels, times, values).map_err(|error| {
        TrackError::whole_file(table.file(), error.to_string(), "rows that form a track", "check times and columns")
    })?;
    Ok(LoadedTrack { track, format, notes })
}

fn time<R: BufRead>(table: &mut Table<R>, column: usize, previous: Option<f64>) -> Result<f64, TrackError> {
    if table.cell(column)?.contains(':') {
        let found = quoted(table.cell(column)?);
        let hint = "write 62.5 for 00:01:02.5; a column named Timecode holds HH:MM:SS:FF.mmm";
        return Err(table.at(column, found, "seconds", hint));
    }
    let time = table.number(column)?;
    let found = quoted(table.cell(column)?);
    if time < 0.0 {
        return Err(table.at(column, found, "a time of zero or more", "count the seconds from the start"));
    }
    match previous {
        Some(previous) if time == previous => {
            let hint = "two rows have one time: delete one of them";
            Err(table.at(column, format!("{found} a second time"), "a time after the row above", hint))
        }
        Some(previous) if time < previous => {
            let expected = format!("a time after the row above ({previous})");
            Err(table.at(column, found, expected, "time runs backwards: sort the rows by time"))
        }
        Some(previous) if time - previous > LONGEST_GAP => {
            let expected = format!("a time at most a day after the row above ({previous})");
            Err(table.at(
                column,
                found,
                expected,
                "times are in seconds: look for a slip, or divide milliseconds by 1000",
            ))
        }
        _ => Ok(time),
    }
}

fn is_degrees(channel: Channel) -> bool {
    matches!(channel, Channel::Head(_))
}

/// Writes `track` as our own table. What is read back equals it bit for bit where its first key is at 0 s.
///
/// # Errors
/// Where `output` refuses.
pub fn write_csv(track: &Track, mut output: impl Write) -> io::Result<()> {
    write!(output, "{TIME}")?;
    for channel in track.channels() {
        write!(output, ",{}", channel.name())?;
    }
    writeln!(output)?;
    for (row, time) in track.times().iter().enumerate() {
        write!(output, "{time}")?;
        for (value, channel) in track.row(row).iter().zip(track.channels()) {
            match is_degrees(*channel) {
                // In f64, so that the way back to radians rounds to the same f32.
                true => write!(output, ",{}", f64::from(*value).to_degrees())?,
                false => write!(output, ",{value}")?,
            }
        }
        writeln!(output)?;
    }
    output.flush()
}
