//! What the columns of a table mean.

use std::io::BufRead;

use moue_timeline::{Channel, Shape, nearest_name};

use crate::error::quoted;
use crate::table::Table;
use crate::{Format, Place, TrackError};

/// What Audio2Face-3D puts before the names of shapes.
pub(crate) const AUDIO2FACE_PREFIX: &str = "blendshapes.";

/// Which table this is: the names of its columns tell.
pub(crate) fn kind<R: BufRead>(table: &Table<R>) -> Result<Format, TrackError> {
    let names = table.header();
    let has = |name: &str| names.iter().any(|other| other.eq_ignore_ascii_case(name));
    let error = |found: String, hint: String| {
        let expected = "a column 'time' (moue CSV), 'Timecode' (Live Link Face CSV) or 'timeCode' and 'blendShapes.…' \
             (Audio2Face-3D CSV)";
        TrackError::new(table.file(), Place::Line(table.line_number()), found, expected, hint)
    };
    // Before the timecode of Live Link Face, which differs from Audio2Face's in casing alone.
    if names.iter().any(|name| name.to_ascii_lowercase().starts_with(AUDIO2FACE_PREFIX)) {
        return Ok(Format::Audio2FaceCsv);
    }
    if has("timecode") {
        return Ok(Format::LiveLinkFace);
    }
    if has("time") {
        return Ok(Format::Moue);
    }
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        let hint = "add a header line such as time,jawOpen,mouthSmileLeft";
        return Err(error("a line of numbers".to_owned(), hint.to_owned()));
    }
    let found = format!("the columns {}", listed(names.iter().map(String::as_str)));
    let near = names.iter().take(COMPARED).find_map(|name| Some((name, nearest_name(name, ["time", "timecode"])?)));
    let hint = match near {
        Some((name, near)) => format!("rename {} to '{near}'", quoted(name)),
        None if names.iter().any(|name| Shape::from_name(name).is_some()) => {
            "add a column 'time' with the seconds of each row".to_owned()
        }
        None => "a track is a table with a header such as time,jawOpen,mouthSmileLeft".to_owned(),
    };
    Err(error(found, hint))
}

/// The columns of a table by what they mean.
pub(crate) struct Columns {
    /// Where the times are.
    pub time: usize,
    /// Columns that drive a channel, in the order of the file.
    pub channels: Vec<(usize, Channel)>,
    /// Columns that mean nothing here.
    pub unknown: Vec<usize>,
}

impl Columns {
    /// `time` is what the column of times is called; `channel_of` gives what a name drives, or that it is known and of
    /// no use (`Ok(None)`), or unknown (`Err`).
    pub fn new<R: BufRead>(
        table: &Table<R>,
        time: &str,
        channel_of: impl Fn(&str) -> Result<Option<Channel>, ()>,
    ) -> Result<Self, TrackError> {
        let mut columns = Self { time: 0, channels: Vec::new(), unknown: Vec::new() };
        let mut seen = [None; Channel::COUNT];
        let mut time_seen = None;
        for (column, name) in table.header().iter().enumerate() {
            let first = if name.eq_ignore_ascii_case(time) {
                columns.time = column;
                time_seen.replace(column)
            } else {
                match channel_of(name) {
                    Ok(Some(channel)) => {
                        columns.channels.push((column, channel));
                        seen[channel.index()].replace(column)
                    }
                    Ok(None) => None,
                    Err(()) => {
                        columns.unknown.push(column);
                        None
                    }
                }
            };
            if let Some(first) = first {
                let found = format!("{} a second time, after column {}", quoted(name), first + 1);
                return Err(table.at(column, found, "each column once", "delete or rename one of the two"));
            }
        }
        if time_seen.is_none() {
            let found = format!("the columns {}", listed(table.header().iter().map(String::as_str)));
            let (expected, hint) = (format!("a column '{time}'"), "the first line names the columns");
            return Err(TrackError::new(table.file(), Place::Line(table.line_number()), found, expected, hint));
        }
        Ok(columns)
    }

    /// One sentence about the columns that mean nothing, with the likely meaning of misspelt ones.
    pub fn note_unknown<R: BufRead>(&self, table: &Table<R>, notes: &mut Vec<String>) {
        if self.unknown.is_empty() {
            return;
        }
        let names = self.unknown.iter().map(|column| table.header()[*column].as_str());
        let near = self.unknown.iter().take(LISTED).filter_map(|column| {
            let name = table.header()[*column].as_str();
            Some(format!("{} may be {}", quoted(name), nearest_name(name, Channel::all().map(Channel::name))?))
        });
        let near: Vec<String> = near.collect();
        let near = if near.is_empty() { String::new() } else { format!(" ({})", near.join(", ")) };
        let plural = if self.unknown.len() == 1 { "column" } else { "columns" };
        notes.push(format!("ignored {} unknown {plural}: {}{near}", self.unknown.len(), listed(names)));
    }
}

/// How many unknown names are compared with the known ones, which takes time: a person misspells a few.
pub(crate) const COMPARED: usize = 100;
/// How many names a message lists.
const LISTED: usize = 6;

/// `'a', 'b' and 7 more`.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    counted(names.clone(), names.count())
}

/// The same of the first of `count` names.
pub(crate) fn counted<'a>(names: impl Iterator<Item = &'a str>, count: usize) -> String {
    let shown: Vec<String> = names.take(LISTED).map(quoted).collect();
    let more = count.saturating_sub(shown.len());
    let shown = shown.join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}
