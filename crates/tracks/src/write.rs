//! Tracks as files.

mod live_link_face;
mod mediapipe;
mod npz;

use std::path::Path;

use moue_timeline::{Channel, FrameRate, Track};

use crate::pending::PendingFile;
use crate::{Format, TrackError, moue_csv};

/// How a track is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteOptions {
    /// One of [`Format::WRITABLE`]. None takes what the name's ending says: `.csv` is [`Format::Moue`], `.json` is
    /// [`Format::MediaPipe`], `.npz` is [`Format::Npz`].
    pub format: Option<Format>,
    /// Rows per second of a format that has a fixed rate, [`Format::LiveLinkFace`]. None takes the track's own rate
    /// where it has one, and otherwise 60.
    pub rate: Option<FrameRate>,
    /// Whether a file of that name is replaced.
    pub overwrite: bool,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// In which format.
    pub format: Format,
    /// What the format cannot hold or had to change, one sentence each, for a person.
    pub notes: Vec<String>,
}

/// Writes `track` to `path`, complete or not at all: the file gets its name when it is whole.
///
/// | format | reads back | does not hold |
/// | --- | --- | --- |
/// | [`Format::Moue`] | bit for bit | - |
/// | [`Format::Npz`] | bit for bit, times to a microsecond where they have a fixed rate; parts of FLAME are completed with zeros | - |
/// | [`Format::MediaPipe`] | scores bit for bit, times to a nanosecond, the head to 1e-5 rad where its pitch stays below 85 degrees | FLAME |
/// | [`Format::LiveLinkFace`] | rows of the fixed rate bit for bit, between the track's keys linear | FLAME, other rates |
///
/// In all of them the first key is at zero, and shapes that a format always has are zero where the track lacks them.
///
/// # Errors
/// Where the ending or the format is none that can be written, the track holds nothing that the format has, the file
/// exists and [`WriteOptions::overwrite`] is not set, or the disk refuses.
pub fn write(path: &Path, track: &Track, options: WriteOptions) -> Result<Written, TrackError> {
    let format = options.format_of(path)?;
    let name = path.display().to_string();
    let mut notes = Vec::new();
    match format {
        Format::LiveLinkFace => {
            left_out(&name, track, format, &mut notes)?;
            let take = live_link_face::Take::of(&name, track, options.rate, &mut notes)?;
            PendingFile::create(path, options.overwrite)?.write(|output| take.write(output))?;
        }
        Format::MediaPipe => {
            left_out(&name, track, format, &mut notes)?;
            PendingFile::create(path, options.overwrite)?.write(|output| mediapipe::write(track, output))?;
        }
        Format::Npz => {
            let arrays = npz::arrays(track);
            let arrays = arrays.iter().map(|(name, array)| (*name, array));
            PendingFile::create(path, options.overwrite)?.write(|output| crate::arrays::archive_of(arrays, output))?;
        }
        _ => PendingFile::create(path, options.overwrite)?.write(|output| moue_csv::write_csv(track, output))?,
    }
    Ok(Written { format, notes })
}

impl WriteOptions {
    /// The format that [`write()`] gives the file at `path`, which needs not exist.
    ///
    /// # Errors
    /// Where the ending or the format is none that can be written, or the two contradict each other.
    pub fn format_of(&self, path: &Path) -> Result<Format, TrackError> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let by_ending = match ending.as_str() {
            "csv" => Some(Format::Moue),
            "json" => Some(Format::MediaPipe),
            "npz" => Some(Format::Npz),
            _ => None,
        };
        let refuse = |found: String, expected: String, hint: &str| {
            Err(TrackError::whole_file(&path.display().to_string(), found, expected, hint))
        };
        match (self.format, by_ending) {
            (None, Some(format)) => Ok(format),
            (None, None) => {
                let found = if ending.is_empty() { "a name without ending".to_owned() } else { format!("'.{ending}'") };
                refuse(found, "a name that ends in .csv, .json or .npz".to_owned(), "the ending says what is written")
            }
            (Some(format), _) if !Format::WRITABLE.contains(&format) => {
                let names = Format::WRITABLE.map(Format::name).join(", ");
                refuse(format.title().to_owned(), format!("a format that is written: {names}"), "it can only be read")
            }
            (Some(Format::LiveLinkFace), Some(Format::Moue)) => Ok(Format::LiveLinkFace),
            (Some(format), Some(other)) if format != other => {
                let hint = "choose another ending, or leave the format out";
                refuse(format!("the ending '.{ending}'"), format!("one that fits {}", format.title()), hint)
            }
            (Some(format), _) => Ok(format),
        }
    }
}

/// Notes what ARKit's formats cannot hold, and refuses a track that has nothing else.
fn left_out(name: &str, track: &Track, format: Format, notes: &mut Vec<String>) -> Result<(), TrackError> {
    let flame = track.channels().iter().filter(|channel| matches!(channel, Channel::Flame(_))).count();
    if flame == track.channels().len() {
        let expected = format!("ARKit shapes or the head's rotation, which {} holds", format.title());
        let hint = "write it as .csv or .npz, or map it to ARKit's shapes first";
        return Err(TrackError::whole_file(name, "a track of FLAME coefficients alone", expected, hint));
    }
    if flame > 0 {
        notes.push(format!("{} has no FLAME coefficients: {flame} channels are left out", format.title()));
    }
    Ok(())
}

/// Times to this many seconds are times of a fixed rate.
const SAME_TIME: f64 = 1e-6;

/// The rate whose frames are the keys of the track, where there is one.
fn fixed_rate(track: &Track) -> Option<FrameRate> {
    let times = track.times();
    let steps = times.len().checked_sub(1).filter(|steps| *steps > 0)?;
    let rate: FrameRate = format!("{:.3}", steps as f64 / track.duration()).parse().ok()?;
    let mut apart = times.iter().enumerate().map(|(row, time)| time - times[0] - rate.seconds_at(row as u64));
    apart.all(|apart| apart.abs() <= SAME_TIME).then_some(rate)
}
