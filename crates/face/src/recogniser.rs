//! Whose face it is: embeddings of the ArcFace family.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use rten::{Dimension, Model, ModelOptions, NodeId, NodeInfo, RunOptions, ThreadPool, Value};

use crate::FaceError;
use crate::align::IDENTITY_CROP_SIDE;
use crate::nets;
use crate::onnx;

/// Length of an embedding.
pub const EMBEDDING_LEN: usize = 512;

const SIDE: usize = IDENTITY_CROP_SIDE as usize;
const INPUT_SHAPE: [usize; 4] = [1, 3, SIDE, SIDE];
const OUTPUT_SHAPE: [usize; 2] = [1, EMBEDDING_LEN];
/// How a file begins that stands for another in Git's large file storage.
const LFS_POINTER: &[u8] = b"version https://git-lfs";

/// Says whose face a crop shows: a net of the ArcFace family (Deng et al. 2019), read from an ONNX file.
///
/// Any recogniser with the usual contract will do: one input 1x3x112x112, RGB, `(value - 127.5) / 127.5`; one output
/// of 512 numbers. Make one and share it, recognition needs no exclusive access.
pub struct Recogniser {
    file: PathBuf,
    model: Model,
    input: NodeId,
    output: NodeId,
    threads: Arc<ThreadPool>,
}

impl Recogniser {
    /// Reads a recogniser such as Arc2Face's `arcface.onnx`.
    ///
    /// # Errors
    /// [`FaceError::Recogniser`] if the file cannot be read, is no ONNX file, or has another input or output.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, FaceError> {
        let refuse = Refusal { file: path.as_ref() };
        let bytes = fs::read(refuse.file).map_err(|error| refuse.unreadable(error))?;
        if bytes.starts_with(LFS_POINTER) {
            return Err(refuse.with(
                "a pointer to Git's large file storage".to_owned(),
                "the file itself",
                "the repository was cloned without its large files; run 'git lfs pull' there, or download the file",
            ));
        }
        onnx::check(&bytes).map_err(|found| refuse.damaged(&found))?;
        let model = ModelOptions::with_all_ops().load(bytes).map_err(|error| refuse.unknown(error))?;
        let (&[input], &[output]) = (model.input_ids(), model.output_ids()) else {
            let (inputs, outputs) = (model.input_ids().len(), model.output_ids().len());
            return Err(refuse.shape(format!("{inputs} inputs and {outputs} outputs"), "one input and one output"));
        };
        let fits = |node, shape| model.node_info(node).is_none_or(|info| matches(&info, shape));
        let found = |node, kind| format!("the {kind} {}", described(model.node_info(node)));
        if !fits(input, &INPUT_SHAPE) {
            return Err(refuse.shape(found(input, "input"), "an input of 1x3x112x112"));
        }
        if !fits(output, &OUTPUT_SHAPE) {
            return Err(refuse.shape(found(output, "output"), "an output of 1x512"));
        }
        Ok(Self {
            file: refuse.file.to_owned(),
            model,
            input,
            output,
            threads: nets::thread_pool(nets::available_threads()),
        })
    }

    /// Says whose face an identity crop shows, see [`identity_crop`](crate::align::identity_crop).
    ///
    /// # Errors
    /// [`FaceError::CropSize`] unless the crop has 112x112 pixels; [`FaceError::Run`] or [`FaceError::Recogniser`] if
    /// the net fails or returns no embedding.
    pub fn embed(&self, crop: &RgbImage) -> Result<Identity, FaceError> {
        let (width, height) = crop.dimensions();
        if (width, height) != (IDENTITY_CROP_SIDE, IDENTITY_CROP_SIDE) {
            return Err(FaceError::CropSize { width, height, side: IDENTITY_CROP_SIDE });
        }
        let planes = [0, 1, 2].into_iter().flat_map(|channel| crop.pixels().map(move |pixel| pixel.0[channel]));
        let embedding = self.run(planes.map(|value| (f32::from(value) - 127.5) / 127.5).collect())?;
        Identity::new(&embedding).ok_or_else(|| {
            Refusal { file: &self.file }.with(
                "an embedding without a direction".to_owned(),
                "512 finite numbers that are not all 0",
                "the weights are damaged; download the file again",
            )
        })
    }

    /// The net's own output for three planes (R, G, B) of 112 rows.
    fn run(&self, input: Vec<f32>) -> Result<Vec<f32>, FaceError> {
        let input = Value::from_shape(&INPUT_SHAPE, input).expect("the caller gives three planes of 112x112");
        let mut options = RunOptions::default();
        options.thread_pool = Some(Arc::clone(&self.threads));
        let results = self.model.run(vec![(self.input, input.into())], &[self.output], Some(options));
        let results = results.map_err(|source| FaceError::Run { net: "recogniser", source })?;
        let refuse = |found| Refusal { file: &self.file }.shape(found, "an output of 1x512 numbers of type f32");
        let value = results.into_iter().next().ok_or_else(|| refuse("no output".to_owned()))?;
        let kind = value.dtype();
        let tensor = value.into_tensor::<f32>().ok_or_else(|| refuse(format!("an output of type {kind}")))?;
        let values = tensor.into_data();
        if values.len() != EMBEDDING_LEN {
            return Err(refuse(format!("an output of {} numbers", values.len())));
        }
        Ok(values)
    }
}

/// Whose face it is: a direction in the space of a recogniser, 512 numbers of length 1.
///
/// Identities of different recognisers cannot be compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity([f32; EMBEDDING_LEN]);

impl Identity {
    /// The direction of an embedding of any length above 0; `None` unless it has 512 finite numbers.
    pub fn new(embedding: &[f32]) -> Option<Self> {
        let mut values: [f32; EMBEDDING_LEN] = embedding.try_into().ok()?;
        let length = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        if !length.is_finite() || length <= 0.0 {
            return None;
        }
        for value in &mut values {
            *value = (f64::from(*value) / length) as f32;
        }
        Some(Self(values))
    }

    /// The numbers; their squares sum to 1.
    pub fn values(&self) -> &[f32; EMBEDDING_LEN] {
        &self.0
    }

    /// How alike two faces are, -1 to 1; 1 is the same picture.
    pub fn cosine(&self, other: &Self) -> f32 {
        let product: f64 = self.0.iter().zip(&other.0).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        product.clamp(-1.0, 1.0) as f32
    }
}

/// Makes the errors of one file.
#[derive(Clone, Copy)]
struct Refusal<'a> {
    file: &'a Path,
}

impl Refusal<'_> {
    fn with(self, found: String, expected: &'static str, hint: &'static str) -> FaceError {
        FaceError::Recogniser { file: self.file.to_owned(), found, expected, hint, source: None }
    }

    fn unreadable(self, error: std::io::Error) -> FaceError {
        let (found, hint) = match error.kind() {
            ErrorKind::NotFound => ("no such file", "check the spelling; relative paths start at the current folder"),
            ErrorKind::PermissionDenied => ("a file that may not be read", "check the file's permissions"),
            _ => ("an error of the system", "check that the file can be read to its end"),
        };
        let (file, found, expected) = (self.file.to_owned(), found.to_owned(), "a face recogniser as an ONNX file");
        FaceError::Recogniser { file, found, expected, hint, source: Some(error.into()) }
    }

    fn damaged(self, found: &str) -> FaceError {
        self.with(
            format!("data that cannot be read as ONNX, {found}"),
            "a face recogniser as an ONNX file",
            "check that the file is what its name says, and that the download was complete",
        )
    }

    fn unknown(self, error: rten::LoadError) -> FaceError {
        FaceError::Recogniser {
            file: self.file.to_owned(),
            found: "data that cannot be read as ONNX".to_owned(),
            expected: "a face recogniser as an ONNX file",
            hint: "check that the file is what its name says, and that the download was complete",
            source: Some(error.into()),
        }
    }

    fn shape(self, found: String, expected: &'static str) -> FaceError {
        self.with(found, expected, "take a recogniser of the ArcFace family, such as Arc2Face's arcface.onnx")
    }
}

/// Whether a node may have a shape: where it declares a size, it is the same.
fn matches(info: &NodeInfo<'_>, shape: &[usize]) -> bool {
    info.shape().is_none_or(|declared| {
        declared.len() == shape.len()
            && declared.iter().zip(shape).all(|(declared, &size)| match declared {
                Dimension::Fixed(declared) => *declared == size,
                Dimension::Symbolic(_) => true,
            })
    })
}

/// Name and shape of a node, as in `'input.1' of n x 3 x 112 x 112`.
fn described(info: Option<NodeInfo<'_>>) -> String {
    let name = info.as_ref().and_then(NodeInfo::name).unwrap_or_default();
    let shape = info.as_ref().and_then(NodeInfo::shape).unwrap_or_default();
    let sizes: Vec<String> = shape
        .iter()
        .map(|size| match size {
            Dimension::Fixed(size) => size.to_string(),
            Dimension::Symbolic(name) => name.clone(),
        })
        .collect();
    format!("'{name}' of {}", sizes.join("x"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn embedding(first: f32, second: f32) -> Vec<f32> {
        let mut values = vec![0.0; EMBEDDING_LEN];
        (values[0], values[1]) = (first, second);
        values
    }

    #[test]
    fn identities_have_length_one_whatever_the_embedding_has() {
        let identity = Identity::new(&embedding(3.0, -4.0)).unwrap();
        assert_eq!(identity.values()[..3], [0.6, -0.8, 0.0]);
        for scale in [1e-30, 1e30] {
            assert_eq!(Identity::new(&embedding(3.0 * scale, -4.0 * scale)).unwrap().values()[..2], [0.6, -0.8]);
        }
    }

    #[test]
    fn the_cosine_is_that_of_the_angle_between() {
        let identity = |x, y| Identity::new(&embedding(x, y)).unwrap();
        let right = identity(1.0, 0.0);
        assert_eq!(right.cosine(&right), 1.0);
        assert_eq!(right.cosine(&identity(-2.0, 0.0)), -1.0);
        assert_eq!(right.cosine(&identity(0.0, 5.0)), 0.0);
        assert!((right.cosine(&identity(1.0, 1.0)) - 0.5f32.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn what_has_no_direction_is_no_identity() {
        for bad in
            [embedding(0.0, 0.0), embedding(f32::NAN, 1.0), embedding(f32::INFINITY, 1.0), vec![1.0; 511], vec![]]
        {
            assert_eq!(Identity::new(&bad), None);
        }
    }
}
