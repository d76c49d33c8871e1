//! Blendshape weights of NVIDIA's Audio2Face: the JSON that the application exports, and the table that the client of
//! the Audio2Face-3D service writes.
//!
//! JSON: `facsNames` names the columns of `weightMat`, `numFrames` rows of `numPoses`; `exportFps` is their rate. Names
//! are those of ARKit, in any selection; joints and other animation in the file are not used.
//!
//! Table: an index, `timeCode` in seconds, and `blendShapes.` before each name.
//!
//! Neither has the head's rotation.

use std::fmt;
use std::io::BufRead;

use moue_timeline::{Channel, FrameRate, Shape, Track, nearest_name};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::header::{AUDIO2FACE_PREFIX, COMPARED, listed};
use crate::table::Table;
use crate::{Format, LoadedTrack, Place, ReadOptions, TrackError, moue_csv, notes};

pub(crate) fn read_table<R: BufRead>(table: Table<R>) -> Result<LoadedTrack, TrackError> {
    moue_csv::read_timed(table, Format::Audio2FaceCsv, "timeCode", |name| {
        let lower = name.to_ascii_lowercase();
        // Pandas' index has no name, or one that says so.
        if name.is_empty() || lower.starts_with("unnamed:") {
            return Ok(None);
        }
        let shape = Shape::from_name(lower.strip_prefix(AUDIO2FACE_PREFIX).unwrap_or(&lower));
        shape.map(|shape| Some(Channel::Shape(shape))).ok_or(())
    })
}

/// What is used of the JSON.
pub(crate) struct Weights {
    pub fps: Option<f64>,
    pub poses: Option<u64>,
    pub frames: Option<u64>,
    pub names: Option<Names>,
    pub matrix: Option<Matrix>,
}

/// Names of columns.
pub(crate) struct Names(Vec<String>);

/// Rows of equal length, row-major.
pub(crate) struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

/// The app has 52, its largest rigs a few hundred.
const MAX_NAMES: usize = 100_000;

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of names")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element()? {
                    if names.len() == MAX_NAMES {
                        return Err(A::Error::custom(format_args!("more than {MAX_NAMES} names in facsNames")));
                    }
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

impl<'de> Deserialize<'de> for Matrix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// A row is appended to the values and gives its length.
        struct Row<'a>(&'a mut Matrix);
        impl<'de> serde::de::DeserializeSeed<'de> for Row<'_> {
            type Value = usize;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
                deserializer.deserialize_seq(self)
            }
        }
        impl<'de> Visitor<'de> for Row<'_> {
            type Value = usize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row of weights")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<usize, A::Error> {
                let before = self.0.values.len();
                while let Some(value) = seq.next_element::<f64>()? {
                    let weight = value as f32;
                    if !weight.is_finite() {
                        let (row, column) = (self.0.rows, self.0.values.len() - before);
                        return Err(A::Error::custom(format_args!("weight {value} in row {row}, column {column}")));
                    }
                    self.0.values.push(weight);
                }
                Ok(self.0.values.len() - before)
            }
        }
        struct Rows;
        impl<'de> Visitor<'de> for Rows {
            type Value = Matrix;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rows of weights")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Matrix, A::Error> {
                let mut matrix = Matrix { rows: 0, columns: 0, values: Vec::new() };
                while let Some(length) = seq.next_element_seed(Row(&mut matrix))? {
                    if matrix.rows == 0 {
                        matrix.columns = length;
                    }
                    if length != matrix.columns {
                        let (row, columns) = (matrix.rows, matrix.columns);
                        let problem = format_args!("{length} weights in row {row} after rows of {columns}");
                        return Err(A::Error::custom(problem));
                    }
                    matrix.rows += 1;
                }
                Ok(matrix)
            }
        }
        deserializer.deserialize_seq(Rows)
    }
}

/// A track of all rows.
pub(crate) fn build(file: &str, weights: Weights, options: ReadOptions) -> Result<LoadedTrack, TrackError> {
    let refuse = |found: String, expected: &str, hint: &str| Err(TrackError::whole_file(file, found, expected, hint));
    let (Some(Names(names)), Some(matrix)) = (weights.names, weights.matrix) else {
        return refuse(
            "Audio2Face's weights without facsNames or weightMat".to_owned(),
            "both",
            "export the blendshapes as JSON again",
        );
    };
    if matrix.rows == 0 {
        return refuse("no frames in weightMat".to_owned(), "at least one", "export the track again");
    }
    let same = "the parts of the file belong to different exports: export it again";
    if matrix.columns != names.len() {
        return refuse(
            format!("rows of {} weights", matrix.columns),
            &format!("{} as in facsNames", names.len()),
            same,
        );
    }
    for (declared, there, what) in
        [(weights.frames, matrix.rows, "numFrames"), (weights.poses, names.len(), "numPoses")]
    {
        if let Some(declared) = declared.filter(|declared| *declared != there as u64) {
            return refuse(format!("{what} {declared}"), &format!("{there}, as many as there are"), same);
        }
    }
    let mut notes = Vec::new();
    let columns = columns(file, &names, &mut notes)?;
    let rate = rate(file, weights.fps, options, &mut notes)?;
    let rows = || matrix.values.chunks_exact(matrix.columns.max(1));
    let values = rows().flat_map(|row| columns.iter().map(|(column, _)| row[*column])).collect();
    let times: Vec<f64> = (0..matrix.rows as u64).map(|row| rate.seconds_at(row)).collect();
    notes::timing(&times, &mut notes);
    let channels = columns.iter().map(|(_, shape)| Channel::Shape(*shape)).collect();
    let track = Track::new(channels, times, values).map_err(|error| {
        TrackError::whole_file(file, error.to_string(), "rows that form a track", "export the track again")
    })?;
    Ok(LoadedTrack { track, format: Format::Audio2Face, notes })
}

/// The columns that are shapes, in the order of the file.
fn columns(file: &str, names: &[String], notes: &mut Vec<String>) -> Result<Vec<(usize, Shape)>, TrackError> {
    let mut columns: Vec<(usize, Shape)> = Vec::new();
    let mut unknown = Vec::new();
    for (column, name) in names.iter().enumerate() {
        let Some(shape) = Shape::from_name(name) else {
            unknown.push(name.as_str());
            continue;
        };
        if columns.iter().any(|(_, other)| *other == shape) {
            let found = format!("'{}' a second time in facsNames", shape.name());
            return Err(TrackError::whole_file(file, found, "each name once", "delete or rename one of the two"));
        }
        columns.push((column, shape));
    }
    if columns.is_empty() {
        let near = unknown.iter().take(COMPARED).find_map(|name| nearest_name(name, Shape::ALL.map(Shape::name)));
        let hint = near.map_or_else(
            || "solve for ARKit's blendshapes in Audio2Face; other rigs have other names".to_owned(),
            |near| format!("did you mean '{near}'?"),
        );
        let found = match unknown.len() {
            0 => "no names in facsNames".to_owned(),
            _ => format!("the names {}", listed(unknown.iter().copied())),
        };
        return Err(TrackError::whole_file(file, found, "ARKit's names of shapes in facsNames", hint));
    }
    if !unknown.is_empty() {
        notes.push(format!("ignored {} unknown weights: {}", unknown.len(), listed(unknown.iter().copied())));
    }
    Ok(columns)
}

fn rate(file: &str, fps: Option<f64>, options: ReadOptions, notes: &mut Vec<String>) -> Result<FrameRate, TrackError> {
    let Some(fps) = fps else {
        return Ok(options.rate.unwrap_or_else(|| {
            notes.push("there is no exportFps: taken as 30 frames per second".to_owned());
            FrameRate::FPS_30
        }));
    };
    // Three decimals tell 29.97 from 30.
    let rate: FrameRate = format!("{fps:.3}").parse().map_err(|_| {
        let (expected, hint) = ("frames per second from 0.1 to 1000", "correct it, or delete it and give the rate");
        TrackError::new(file, Place::File, format!("exportFps {fps}"), expected, hint)
    })?;
    notes::unused_rate(rate, options, notes);
    Ok(rate)
}
