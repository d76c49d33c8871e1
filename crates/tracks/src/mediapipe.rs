//! Results of MediaPipe's Face Landmarker as JSON: a list of frames, an object that holds one, or a single result.
//!
//! Both spellings are read: `faceBlendshapes[0].categories[]` with `categoryName` (JavaScript, Java) and
//! `face_blendshapes[0][]` with `category_name` (Python). Of several faces the first is used. Where a frame has
//! `timestampMs` or `timestamp_ms`, all must; where none has, frames are as far apart as the caller
//! says, or 1/30 s. A frame without a face is bridged. The head's rotation comes from `facialTransformationMatrixes`
//! where every face has one.

mod frame;

use moue_timeline::{Channel, FrameRate, HeadAxis, Shape, Track, nearest_name};

use crate::header::counted;
use crate::{Format, LONGEST_GAP, LoadedTrack, Place, ReadOptions, TrackError, notes, rotation};

pub(crate) use frame::{First, Frame, FrameFields, Matrix, Scores};

/// A track of all frames with a face.
pub(crate) fn build(file: &str, frames: &[Frame], options: ReadOptions) -> Result<LoadedTrack, TrackError> {
    let mut notes = Vec::new();
    let all_times = times(file, frames, options, &mut notes)?;
    let faces = || frames.iter().enumerate().filter(|(_, frame)| frame.scores.is_some());
    let Some((first, _)) = faces().next() else {
        let (found, hint) = match frames.len() {
            0 => ("an empty list", "record or export the track again"),
            _ => ("no frame with blendshapes", "switch output_face_blendshapes on, and check that a face was seen"),
        };
        return Err(TrackError::whole_file(file, found, "frames with blendshapes", hint));
    };
    let missing = frames.len() - faces().count();
    if missing > 0 {
        notes.push(format!("{missing} of {} frames have no face", frames.len()));
    }
    let several = frames.iter().filter(|frame| frame.faces > 1).count();
    if several > 0 {
        notes.push(format!("{several} frames have several faces: the first of each is used"));
    }
    let has_head = faces().all(|(_, frame)| frame.matrix.is_some());
    if !has_head && faces().any(|(_, frame)| frame.matrix.is_some()) {
        notes.push("only some frames have a transformation matrix: the head stays still".to_owned());
    }

    let shapes = shapes_of(file, frames, first, &mut notes)?;
    let mut channels: Vec<Channel> = shapes.iter().copied().map(Channel::Shape).collect();
    if has_head {
        channels.extend(HeadAxis::ALL.map(Channel::Head));
    }
    let mut values = Vec::new();
    let mut times = Vec::new();
    for (index, frame) in faces() {
        times.push(all_times[index] - all_times[first]);
        let Some(scores) = &frame.scores else { continue };
        for shape in &shapes {
            values.push(scores.value(file, index, *shape)?);
        }
        if let (true, Some(matrix)) = (has_head, &frame.matrix) {
            let head = rotation::head_pose(matrix).ok_or_else(|| {
                let expected = "a transformation matrix with a rotation";
                TrackError::new(
                    file,
                    Place::Frame(index),
                    "a degenerate matrix",
                    expected,
                    "delete the matrix or the frame",
                )
            })?;
            values.extend([head.yaw, head.pitch, head.roll]);
        }
    }
    notes::timing(&times, &mut notes);
    let track = Track::new(channels, times, values).map_err(|error| {
        TrackError::whole_file(file, error.to_string(), "frames that form a track", "check timestamps and scores")
    })?;
    Ok(LoadedTrack { track, format: Format::MediaPipe, notes })
}

/// Seconds of every frame.
fn times(file: &str, frames: &[Frame], options: ReadOptions, notes: &mut Vec<String>) -> Result<Vec<f64>, TrackError> {
    let stamped = frames.iter().filter(|frame| frame.timestamp_ms.is_some()).count();
    if stamped == 0 {
        let rate = options.rate.unwrap_or_else(|| {
            notes.push("frames have no timestamps: taken as 30 per second".to_owned());
            FrameRate::FPS_30
        });
        return Ok((0..frames.len() as u64).map(|index| rate.seconds_at(index)).collect());
    }
    notes::rate_beside_times(options, notes);
    let mut times: Vec<f64> = Vec::with_capacity(frames.len());
    for (index, frame) in frames.iter().enumerate() {
        let error = |found: String, expected: &str, hint: &str| {
            Err(TrackError::new(file, Place::Frame(index), found, expected, hint))
        };
        let Some(ms) = frame.timestamp_ms else {
            return error("no timestamp".into(), "one in every frame or in none", "add timestamp_ms, in milliseconds");
        };
        if !ms.is_finite() || ms < 0.0 {
            return error(format!("timestamp {ms} ms"), "a time of zero or more", "count from the first frame");
        }
        let time = ms / 1000.0;
        if let Some(previous) = times.last().copied().filter(|previous| time <= *previous) {
            let expected = format!("a time after the frame before ({} ms)", previous * 1000.0);
            return error(format!("timestamp {ms} ms"), &expected, "sort the frames; no two have one time");
        }
        if let Some(previous) = times.last().filter(|previous| time - **previous > LONGEST_GAP) {
            let expected = format!("a time at most a day after the frame before ({} ms)", previous * 1000.0);
            return error(format!("timestamp {ms} ms"), &expected, "timestamps are in milliseconds: look for a slip");
        }
        times.push(time);
    }
    Ok(times)
}

/// The shapes of the first face; every other has to have them too.
fn shapes_of(file: &str, frames: &[Frame], first: usize, notes: &mut Vec<String>) -> Result<Vec<Shape>, TrackError> {
    let Some(scores) = &frames[first].scores else { return Ok(Vec::new()) };
    let shapes: Vec<Shape> = Shape::ALL.into_iter().filter(|shape| scores.has(*shape)).collect();
    let unknown = || scores.unknown.iter().map(String::as_str);
    let listed_unknown = || counted(unknown(), scores.unknown_count);
    if shapes.is_empty() {
        let near = unknown().find_map(|name| nearest_name(name, Shape::ALL.into_iter().map(Shape::name)));
        let found = match scores.unknown_count {
            0 => "no categories".to_owned(),
            _ => format!("the categories {}", listed_unknown()),
        };
        let hint = near
            .map_or("categoryName holds names such as jawOpen".to_owned(), |near| format!("did you mean '{near}'?"));
        return Err(TrackError::new(file, Place::Frame(first), found, "ARKit's names of shapes", hint));
    }
    if scores.unknown_count > 0 {
        notes.push(format!("ignored {} unknown categories: {}", scores.unknown_count, listed_unknown()));
    }
    Ok(shapes)
}
