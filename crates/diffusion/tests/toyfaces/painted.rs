//! Persons, painted by the toy checkpoint.

use std::path::{Path, PathBuf};

use image::RgbImage;
use image::imageops::{FilterType, resize};
use moue_diffusion::{Checkpoint, Compute, EXPRESSION_SIZE, Painter, PainterSettings, Sampling, Subject};
use moue_face::align::identity_crop;
use moue_face::{FaceTracker, Identity, Recogniser};
use moue_models::{ModelFile, ModelFolder};

use crate::readback::POINTS;

/// What the checkpoint was trained on, in pixels.
pub const SIDE: u32 = 128;
const STEPS: usize = 8;

pub type Expression = [f32; EXPRESSION_SIZE];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn folder() -> ModelFolder {
    ModelFolder::at(repository().join("examples/models/toyfaces"))
}

fn recogniser() -> Recogniser {
    Recogniser::load(folder().path(ModelFile::Recogniser).unwrap()).unwrap()
}

/// Somebody in a picture.
pub struct Person {
    pub identity: Identity,
    /// The portrait as the networks see it.
    pub aligned: RgbImage,
}

impl Person {
    /// The example portrait.
    pub fn first() -> Self {
        Self::load(&repository().join("examples/portraits/toyface.png"))
    }

    /// Somebody else.
    pub fn second() -> Self {
        Self::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/toyfaces/second.png"))
    }

    fn load(path: &Path) -> Self {
        let portrait = image::open(path).unwrap().into_rgb8();
        let faces = FaceTracker::new().unwrap().analyze(&portrait).unwrap();
        let face = faces.first().expect("MediaPipe finds drawn faces");
        let identity = recogniser().embed(&face.identity_crop(&portrait).unwrap()).unwrap();
        let aligned = resize(&face.aligned(&portrait).unwrap().picture, SIDE, SIDE, FilterType::Lanczos3);
        Self { identity, aligned }
    }

    /// With the authors' settings but for the number of steps.
    pub fn paint(&self, expressions: &[Expression]) -> Vec<RgbImage> {
        self.paint_with(expressions, Sampling::default().guidance, PainterSettings::default().reference_scale)
    }

    pub fn paint_with(&self, expressions: &[Expression], guidance: f64, reference_scale: Option<f64>) -> Vec<RgbImage> {
        self.paint_as(expressions, Sampling { steps: STEPS, guidance, ..Sampling::default() }, reference_scale)
    }

    pub fn paint_as(
        &self,
        expressions: &[Expression],
        sampling: Sampling,
        reference_scale: Option<f64>,
    ) -> Vec<RgbImage> {
        let settings = PainterSettings { sampling, reference_scale, size: (SIDE, SIDE), ..PainterSettings::default() };
        let subject = Subject { face: self.identity.values(), portrait: &self.aligned };
        let checkpoint = Checkpoint::open(&folder()).unwrap();
        let painter = Painter::new(checkpoint, Compute::cpu(), settings, subject, &mut |_| Ok(())).unwrap();
        painter.paint(0, expressions, &mut |_| Ok(())).unwrap()
    }
}

/// Who is seen in painted pictures.
pub fn identities(pictures: &[RgbImage]) -> Vec<Identity> {
    let points = POINTS.map(|point| point.map(|at| at * f64::from(SIDE) - 0.5));
    let recogniser = recogniser();
    pictures.iter().map(|picture| recogniser.embed(&identity_crop(picture, &points).unwrap()).unwrap()).collect()
}
