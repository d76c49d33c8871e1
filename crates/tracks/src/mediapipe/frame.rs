//! One result of the Face Landmarker, in every spelling, read without keeping the landmarks.

use std::borrow::Cow;
use std::fmt;

use moue_timeline::Shape;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{Place, TrackError};

/// What MediaPipe calls the score of a face at rest.
pub(super) const NEUTRAL: &str = "_neutral";

/// One result; the default is a frame without a face.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct FrameFields {
    #[serde(alias = "face_blendshapes", rename = "faceBlendshapes")]
    pub blendshapes: Option<First<Scores>>,
    #[serde(alias = "facial_transformation_matrixes", rename = "facialTransformationMatrixes")]
    pub matrixes: Option<First<Matrix>>,
    #[serde(alias = "timestamp_ms", rename = "timestampMs")]
    pub timestamp_ms: Option<f64>,
    /// Some recorders wrap the result.
    pub result: Option<Box<FrameFields>>,
}

/// What is used of one frame.
#[derive(Default)]
pub(crate) struct Frame {
    pub scores: Option<Box<Scores>>,
    /// How many faces it has.
    pub faces: usize,
    /// Row-major.
    pub matrix: Option<Box<[[f64; 4]; 4]>>,
    pub timestamp_ms: Option<f64>,
}

impl From<FrameFields> for Frame {
    fn from(fields: FrameFields) -> Self {
        let timestamp_ms = fields.timestamp_ms;
        if let Some(result) = fields.result {
            let inner = Self::from(*result);
            return Self { timestamp_ms: timestamp_ms.or(inner.timestamp_ms), ..inner };
        }
        let (faces, scores) = fields.blendshapes.map_or((0, None), |faces| (faces.count, faces.first));
        let matrix = fields.matrixes.and_then(|matrixes| matrixes.first);
        Self { faces, scores, matrix: matrix.map(|matrix| Box::new(matrix.0)), timestamp_ms }
    }
}

impl<'de> Deserialize<'de> for Frame {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A null frame is one without a face.
        Ok(Option::<FrameFields>::deserialize(deserializer)?.map(Self::from).unwrap_or_default())
    }
}

/// A list of which only the first element is kept.
pub(crate) struct First<T> {
    first: Option<Box<T>>,
    count: usize,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = First<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of one element for each face")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<First<T>, A::Error> {
                let first: Option<T> = seq.next_element()?;
                let mut count = usize::from(first.is_some());
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(First { first: first.map(Box::new), count })
            }
        }
        deserializer.deserialize_seq(List(std::marker::PhantomData))
    }
}

/// The scores of one face.
#[derive(Clone, Debug)]
pub(crate) struct Scores {
    /// By [`Shape::index`]; NaN where there is none.
    values: [f32; Shape::COUNT],
    /// Names that are no shape's, the first of them.
    pub unknown: Vec<String>,
    /// How many such names there are.
    pub unknown_count: usize,
}

/// How many unknown names are kept; a message lists fewer.
const KEPT_NAMES: usize = 16;

impl Scores {
    pub fn has(&self, shape: Shape) -> bool {
        !self.values[shape.index()].is_nan()
    }

    /// The score of a shape that the first face of `file` has.
    pub fn value(&self, file: &str, frame: usize, shape: Shape) -> Result<f32, TrackError> {
        if self.has(shape) {
            return Ok(self.values[shape.index()]);
        }
        let found = format!("no category '{}'", shape.name());
        let hint = "export all 52 categories of every frame";
        Err(TrackError::new(file, Place::Frame(frame), found, "the categories of the frames before", hint))
    }
}

#[derive(Deserialize)]
struct Category<'a> {
    #[serde(alias = "category_name", rename = "categoryName", borrow)]
    name: Cow<'a, str>,
    score: f64,
}

impl<'de> Deserialize<'de> for Scores {
    /// A list of categories, or an object that holds one.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Categories;
        impl<'de> Visitor<'de> for Categories {
            type Value = Scores;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("categories with a name and a score")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scores, A::Error> {
                let mut scores = Scores { values: [f32::NAN; Shape::COUNT], unknown: Vec::new(), unknown_count: 0 };
                while let Some(Category { name, score }) = seq.next_element()? {
                    let Some(shape) = Shape::from_name(&name) else {
                        if name != NEUTRAL {
                            scores.unknown_count += 1;
                            if scores.unknown.len() < KEPT_NAMES {
                                scores.unknown.push(name.into_owned());
                            }
                        }
                        continue;
                    };
                    if scores.has(shape) {
                        return Err(A::Error::custom(format_args!("category {name} twice in one face")));
                    }
                    let value = score as f32;
                    if !value.is_finite() {
                        return Err(A::Error::custom(format_args!("score {score} of {name}")));
                    }
                    scores.values[shape.index()] = value;
                }
                Ok(scores)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scores, A::Error> {
                let mut scores = None;
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    match &*key {
                        "categories" if scores.is_none() => scores = Some(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                scores.ok_or_else(|| A::Error::missing_field("categories"))
            }
        }
        deserializer.deserialize_any(Categories)
    }
}

/// Row-major.
pub(crate) struct Matrix([[f64; 4]; 4]);

impl Matrix {
    /// MediaPipe packs a flat matrix by columns; where the translation stands in the last places of the rows instead,
    /// someone has packed it by rows.
    fn from_flat(flat: [f64; 16]) -> Self {
        let by_columns = |row: usize, column: usize| flat[column * 4 + row];
        let bottom_is_affine = (0..3).all(|column| by_columns(3, column) == 0.0);
        let matrix = std::array::from_fn(|row| {
            std::array::from_fn(|column| match bottom_is_affine {
                true => by_columns(row, column),
                false => flat[row * 4 + column],
            })
        });
        Self(matrix)
    }
}

impl<'de> Deserialize<'de> for Matrix {
    /// Sixteen numbers by columns, four rows of four (numpy), or an object with one of them as `data`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyMatrix;
        impl<'de> Visitor<'de> for AnyMatrix {
            type Value = Matrix;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a 4x4 matrix")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Matrix, A::Error> {
                let mut flat = Vec::with_capacity(16);
                let mut rows = 0;
                while let Some(element) = seq.next_element::<Element>()? {
                    match element {
                        Element::Number(number) => flat.push(number),
                        Element::Row(row) => {
                            rows += 1;
                            flat.extend(row);
                        }
                    }
                    if flat.len() > 16 {
                        break;
                    }
                }
                let values: [f64; 16] = flat.try_into().map_err(|_| A::Error::custom("a matrix that is not 4x4"))?;
                match rows {
                    0 => Ok(Matrix::from_flat(values)),
                    4 => Ok(Matrix(std::array::from_fn(|row| std::array::from_fn(|column| values[row * 4 + column])))),
                    _ => Err(A::Error::custom("a matrix that is not 4x4")),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Matrix, A::Error> {
                let mut matrix = None;
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    match &*key {
                        "data" | "packedData" if matrix.is_none() => matrix = Some(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                matrix.ok_or_else(|| A::Error::missing_field("data"))
            }
        }
        deserializer.deserialize_any(AnyMatrix)
    }
}

/// An element of a matrix: a number, or a row of four.
enum Element {
    Number(f64),
    Row([f64; 4]),
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyElement;
        impl<'de> Visitor<'de> for AnyElement {
            type Value = Element;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a row of four")
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Element, E> {
                Ok(Element::Number(value))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Element, E> {
                Ok(Element::Number(value as f64))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Element, E> {
                Ok(Element::Number(value as f64))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Element, A::Error> {
                <[f64; 4]>::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map(Element::Row)
            }
        }
        deserializer.deserialize_any(AnyElement)
    }
}
