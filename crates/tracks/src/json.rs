//! What a JSON file holds: MediaPipe's results or Audio2Face's weights. It is read in one pass, without the parts
//! that nothing here uses.

use std::fmt;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::audio2face::{self, Weights};
use crate::mediapipe::{self, First, Frame, FrameFields, Matrix, Scores};
use crate::{Format, LoadedTrack, Place, ReadOptions, TrackError};

/// The whole file.
enum Document {
    Results(Vec<Frame>),
    Audio2Face(Weights),
    /// An object with none of the names that matter.
    Unknown,
}

impl Document {
    fn format(&self) -> Option<Format> {
        match self {
            Self::Results(_) => Some(Format::MediaPipe),
            Self::Audio2Face(_) => Some(Format::Audio2Face),
            Self::Unknown => None,
        }
    }
}

const EXPECTED: &str = "results of MediaPipe's Face Landmarker or weights of Audio2Face";
const FORMS: &str = "MediaPipe: frames hold faceBlendshapes[0].categories[] with categoryName and score; Audio2Face: \
                     facsNames and weightMat";

/// Reads the file as `wanted`, or as what it is.
pub(crate) fn read(file: &str, input: impl BufRead, options: ReadOptions) -> Result<LoadedTrack, TrackError> {
    let document: Document = serde_json::from_reader(input).map_err(|error| syntax(file, &error))?;
    let found = document.format();
    match (document, options.format) {
        (Document::Results(frames), None | Some(Format::MediaPipe)) => mediapipe::build(file, &frames, options),
        (Document::Audio2Face(weights), None | Some(Format::Audio2Face)) => audio2face::build(file, weights, options),
        (_, wanted) => Err(match (found, wanted) {
            (Some(found), Some(wanted)) => TrackError::misfit(file, found, wanted),
            _ => {
                let found = "an object without frames, faceBlendshapes or facsNames";
                TrackError::whole_file(file, found, EXPECTED, FORMS)
            }
        }),
    }
}

/// What the file holds, if anything that is known.
pub(crate) fn format(input: impl BufRead) -> Option<Format> {
    serde_json::from_reader::<_, Document>(input).ok()?.format()
}

/// The names at the top of either kind.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TopFields {
    #[serde(alias = "face_blendshapes", rename = "faceBlendshapes")]
    blendshapes: Option<First<Scores>>,
    #[serde(alias = "facial_transformation_matrixes", rename = "facialTransformationMatrixes")]
    matrixes: Option<First<Matrix>>,
    #[serde(alias = "timestamp_ms", rename = "timestampMs")]
    timestamp_ms: Option<f64>,
    result: Option<Box<FrameFields>>,
    #[serde(alias = "results")]
    frames: Option<Frames>,
    #[serde(rename = "exportFps")]
    export_fps: Option<f64>,
    #[serde(rename = "numPoses")]
    num_poses: Option<u64>,
    #[serde(rename = "numFrames")]
    num_frames: Option<u64>,
    #[serde(rename = "facsNames")]
    facs_names: Option<audio2face::Names>,
    #[serde(rename = "weightMat")]
    weight_mat: Option<audio2face::Matrix>,
}

impl From<TopFields> for Document {
    fn from(fields: TopFields) -> Self {
        if fields.facs_names.is_some() || fields.weight_mat.is_some() {
            return Self::Audio2Face(Weights {
                fps: fields.export_fps,
                poses: fields.num_poses,
                frames: fields.num_frames,
                names: fields.facs_names,
                matrix: fields.weight_mat,
            });
        }
        if let Some(Frames(frames)) = fields.frames {
            return Self::Results(frames);
        }
        if fields.blendshapes.is_none() && fields.result.is_none() {
            return Self::Unknown;
        }
        let TopFields { blendshapes, matrixes, timestamp_ms, result, .. } = fields;
        Self::Results(vec![Frame::from(FrameFields { blendshapes, matrixes, timestamp_ms, result })])
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyDocument;
        impl<'de> Visitor<'de> for AnyDocument {
            type Value = Document;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of frames or an object")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Document, A::Error> {
                Frames::deserialize(serde::de::value::SeqAccessDeserializer::new(seq))
                    .map(|Frames(frames)| Document::Results(frames))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Document, A::Error> {
                TopFields::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Document::from)
            }
        }
        deserializer.deserialize_any(AnyDocument)
    }
}

/// Hours of any recording; a frame can be as short as `{},` and takes far more memory than that.
const MAX_FRAMES: usize = 1 << 22;

/// A list of results.
struct Frames(Vec<Frame>);

impl<'de> Deserialize<'de> for Frames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Frames;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of frames")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Frames, A::Error> {
                let mut frames = Vec::new();
                while let Some(frame) = seq.next_element()? {
                    if frames.len() == MAX_FRAMES {
                        return Err(A::Error::custom(format_args!("more than {MAX_FRAMES} frames")));
                    }
                    frames.push(frame);
                }
                Ok(Frames(frames))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

fn syntax(file: &str, error: &serde_json::Error) -> TrackError {
    if let Some(kind) = error.io_error_kind() {
        return TrackError::io(file, kind.into());
    }
    let text = error.to_string();
    let found = text.split(" at line ").next().unwrap_or(&text).to_owned();
    let hint = match error.classify() {
        serde_json::error::Category::Eof => "the file is cut short: export it again",
        serde_json::error::Category::Data => FORMS,
        _ => "the file is no JSON; NaN and Infinity have no place in it, nor have several values one after another",
    };
    let place = Place::Text { line: error.line(), column: error.column() };
    TrackError::new(file, place, format!("'{found}'"), EXPECTED, hint)
}
