//! Recordings of Epic's Live Link Face app in ARKit mode.
//!
//! `Timecode,BlendShapeCount`, the 52 shapes in PascalCase, then `HeadYaw, HeadPitch, HeadRoll` and the eyes' angles.
//! Columns are read by name: their order differs between versions of the app. While the face is lost the app writes
//! rows of the timecode and a count of 0 alone.
//!
//! # Angles
//! Radians. The app writes the head and the eyes with one conversion, so the eyes' columns tell the convention of
//! both: in seven public recordings `LeftEyeYaw` is -0.61 rad per unit of (`EyeLookOutLeft` - `EyeLookInLeft`)
//! (correlation -0.99), and `LeftEyePitch` falls as `EyeLookUpLeft` rises (-0.99). So a positive yaw turns to the
//! face's own right and a positive pitch looks down; the eyes' roll, which equals yaw times pitch, is that of Unreal
//! Engine's rotator, whose positive roll tilts towards the own left shoulder. Measured with the phone upright; on its
//! side, users report the opposite signs of yaw and pitch.
//!
//! The eyes' own angles repeat what the `EyeLook` shapes say and are left out.

use std::io::BufRead;

use moue_timeline::{Channel, HeadAxis, Shape, Track, nearest_name};

use crate::error::quoted;
use crate::header::{COMPARED, Columns, listed};
use crate::table::Table;
use crate::timecode::{Timecode, infer_rate};
use crate::{Format, LoadedTrack, Place, ReadOptions, TrackError, notes};

const TIMECODE: &str = "timecode";
const COUNT: &str = "blendshapecount";
const EYE_ANGLES: [&str; 6] =
    ["lefteyeyaw", "lefteyepitch", "lefteyeroll", "righteyeyaw", "righteyepitch", "righteyeroll"];

pub(crate) fn read<R: BufRead>(mut table: Table<R>, options: ReadOptions) -> Result<LoadedTrack, TrackError> {
    let columns = Columns::new(&table, TIMECODE, channel_of)?;
    check_complete(&table, &columns)?;
    let count = table.header().iter().position(|name| name.eq_ignore_ascii_case(COUNT));
    let mut notes = Vec::new();
    columns.note_unknown(&table, &mut notes);

    let mut codes: Vec<Timecode> = Vec::new();
    let mut with_face: Vec<usize> = Vec::new();
    let mut values: Vec<f32> = Vec::new();
    while table.next_row()? {
        let lost = is_lost(&table, count, columns.time)?;
        if !lost {
            table.check_width()?;
        }
        codes.push(next_code(&table, columns.time, codes.last().copied())?);
        if lost {
            continue;
        }
        with_face.push(codes.len() - 1);
        for (column, _) in &columns.channels {
            values.push(table.number(*column)? as f32);
        }
    }
    let Some(first) = with_face.first().copied() else {
        let (found, hint) = match codes.len() {
            0 => ("only a header", "record the take again"),
            _ => ("no row with a face", "the app saw no face: record the take again"),
        };
        return Err(TrackError::whole_file(table.file(), found, "rows of coefficients", hint));
    };
    notes.extend(table.notes());
    let rate = match infer_rate(&codes) {
        Ok(rate) => rate.or_given(options.rate, &codes),
        Err(mixed) => {
            let found = format!("timecodes that count {} frames per second, and {} elsewhere", mixed.rate, mixed.other);
            let hint = "the rates are mixed: cut the file where the recordings meet";
            return Err(TrackError::whole_file(table.file(), found, "one rate throughout", hint));
        }
    };
    let time = |row: &usize| codes[*row].seconds_after(codes[first], rate.rate);
    let times: Vec<f64> = with_face.iter().map(time).collect();
    let assumed = if rate.assumed { ", which is assumed: the rows do not tell" } else { "" };
    notes.push(format!("timecodes count {} frames per second{assumed}", rate.rate));
    let lost = codes.len() - with_face.len();
    if lost > 0 {
        notes.push(format!("{lost} of {} rows have no face", codes.len()));
    }
    notes::timing(&times, &mut notes);

    let channels: Vec<Channel> = columns.channels.iter().map(|(_, channel)| *channel).collect();
    let (channels, values) = with_head_in_our_convention(channels, values, &mut notes);
    let track = Track::new(channels, times, values).map_err(|error| {
        TrackError::whole_file(table.file(), error.to_string(), "rows that form a track", "check times and columns")
    })?;
    Ok(LoadedTrack { track, format: Format::LiveLinkFace, notes })
}

fn channel_of(name: &str) -> Result<Option<Channel>, ()> {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    match name {
        _ if is("headyaw") => Ok(Some(Channel::Head(HeadAxis::Yaw))),
        _ if is("headpitch") => Ok(Some(Channel::Head(HeadAxis::Pitch))),
        _ if is("headroll") => Ok(Some(Channel::Head(HeadAxis::Roll))),
        _ if is(COUNT) || EYE_ANGLES.into_iter().any(is) => Ok(None),
        _ => Shape::from_name(name).map(|shape| Some(Channel::Shape(shape))).ok_or(()),
    }
}

/// The app always writes all 52; a table without one was damaged, and zeros would hide that.
fn check_complete<R: BufRead>(table: &Table<R>, columns: &Columns) -> Result<(), TrackError> {
    let has = |shape: &Shape| columns.channels.iter().any(|(_, channel)| *channel == Channel::Shape(*shape));
    let missing: Vec<&str> = Shape::ALL.into_iter().filter(|shape| !has(shape)).map(Shape::name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let misspelt = columns.unknown.iter().take(COMPARED).find_map(|column| {
        let name = table.header()[*column].as_str();
        Some(format!("rename column {} to '{}'", quoted(name), nearest_name(name, missing.iter().copied())?))
    });
    let hint = misspelt.unwrap_or_else(|| {
        "export the take again; for a table of fewer shapes name the time column 'time', in seconds".to_owned()
    });
    let plural = if missing.len() == 1 { "column" } else { "columns" };
    let found = format!("no {plural} {}", listed(missing.iter().copied()));
    let expected = format!("all {} shapes", Shape::COUNT);
    Err(TrackError::new(table.file(), Place::Line(table.line_number()), found, expected, hint))
}

/// Whether the app wrote this row without seeing a face.
fn is_lost<R: BufRead>(table: &Table<R>, count: Option<usize>, time: usize) -> Result<bool, TrackError> {
    match count {
        Some(count) if count < table.len() && time < table.len() => Ok(table.cell(count)? == "0"),
        _ => Ok(false),
    }
}

fn next_code<R: BufRead>(table: &Table<R>, column: usize, previous: Option<Timecode>) -> Result<Timecode, TrackError> {
    let text = table.cell(column)?;
    let found = quoted(text);
    let Some(code) = Timecode::parse(text) else {
        let hint = if text.starts_with('-') {
            "a timecode is never negative: check the recording's clock"
        } else if text.parse::<f64>().is_ok() {
            "for seconds name the column 'time' and the shapes as in ARKit"
        } else {
            "a timecode is for example 13:04:31:07.652"
        };
        return Err(table.at(column, found, "a timecode HH:MM:SS:FF.mmm", hint));
    };
    let Some(previous) = previous else { return Ok(code) };
    let code = code.after_midnight(previous);
    if code == previous {
        let hint = "two rows have one time: delete one of them";
        return Err(table.at(column, format!("{found} a second time"), "a timecode after the row above", hint));
    }
    if code < previous {
        let hint = "time runs backwards: sort the rows, or cut the file where the clock was set";
        return Err(table.at(column, found, "a timecode after the row above", hint));
    }
    Ok(code)
}

/// Turns the head's angles into ours, or leaves them out where the app did not record them.
pub(crate) fn with_head_in_our_convention(
    channels: Vec<Channel>,
    mut values: Vec<f32>,
    notes: &mut Vec<String>,
) -> (Vec<Channel>, Vec<f32>) {
    let width = channels.len();
    let is_head = |column: usize| matches!(channels[column], Channel::Head(_));
    let head = |values: &[f32]| {
        let angles = values.iter().enumerate().filter(|(at, _)| is_head(at % width));
        angles.map(|(_, value)| value.abs()).fold(0.0, f32::max)
    };
    let largest = head(&values);
    if largest == 0.0 {
        let kept: Vec<Channel> =
            channels.iter().copied().filter(|channel| !matches!(channel, Channel::Head(_))).collect();
        if kept.len() < width {
            notes.push("the head's angles are all zero: the app did not record them".to_owned());
            let mut at = 0;
            values.retain(|_| {
                at += 1;
                !is_head((at - 1) % width)
            });
        }
        return (kept, values);
    }
    let degrees = largest > std::f32::consts::PI;
    if degrees {
        notes.push(format!("the head's angles reach {largest}: they are taken for degrees, not radians"));
    }
    for (at, value) in values.iter_mut().enumerate() {
        let sign = match channels[at % width] {
            Channel::Head(HeadAxis::Yaw | HeadAxis::Pitch) => -1.0,
            Channel::Head(HeadAxis::Roll) => 1.0,
            _ => continue,
        };
        *value = sign * if degrees { value.to_radians() } else { *value };
    }
    (channels, values)
}
