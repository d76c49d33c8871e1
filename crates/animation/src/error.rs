//! What can go wrong between a portrait and a film.

use std::path::PathBuf;

use moue_diffusion::DiffusionError;
use moue_engine::EngineError;
use moue_face::FaceError;
use moue_media::MediaError;
use moue_mesh::MeshError;
use moue_timeline::SpanError;
use moue_tracks::TrackError;

use crate::{MAX_SIDE, MIN_SIDE};

/// Why there is no animation. The last line of a message, where it begins with `hint:`, says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnimationError {
    /// The portrait could not be read, or an output not written.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The motion could not be read.
    #[error(transparent)]
    Track(#[from] TrackError),
    /// The part of the motion that was asked for is empty.
    #[error("{}: {problem}", path.display())]
    Span {
        /// The motion.
        path: PathBuf,
        /// What is wrong.
        problem: SpanError,
    },
    /// The motion drives nothing that the renderer can move.
    #[error("{}: holds {found} only, but the {renderer} renderer is moved by {expected}\nhint: {hint}", path.display())]
    NothingToMove {
        /// The motion.
        path: PathBuf,
        /// What it holds instead.
        found: &'static str,
        /// Which renderer was asked for.
        renderer: &'static str,
        /// What moves it.
        expected: &'static str,
        /// What helps.
        hint: &'static str,
    },
    /// The diffusion renderer cannot be made, or failed at a frame.
    #[error(transparent)]
    Diffusion(Box<DiffusionError>),
    /// The tracker failed.
    #[error("{}: the face tracker failed", path.display())]
    Face {
        /// The picture.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<FaceError>,
    },
    /// Nobody in the portrait.
    #[error(
        "{}: no face found in this picture of {width}x{height} pixels\n\
         hint: use a picture with one clear face, at least {MIN_FACE_PIXELS} pixels high, looking roughly at the camera",
        path.display()
    )]
    NoFace {
        /// The picture.
        path: PathBuf,
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },
    /// A face was asked for that is not there.
    #[error(
        "{}: there is no face {asked}: found {found}\nhint: `moue inspect {} --annotate OUT.png` shows their numbers",
        path.display(), path.display()
    )]
    NoSuchFace {
        /// The picture.
        path: PathBuf,
        /// The number asked for, from 1.
        asked: usize,
        /// How many there are.
        found: usize,
    },
    /// The picture's own size is no size for an output.
    #[error(
        "the part of the picture that is shown has {width}x{height} pixels, expected sides from {MIN_SIDE} to \
         {MAX_SIDE}\nhint: choose the output's size, e.g. --size 1024x1024"
    )]
    SourceSize {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The renderer cannot be made for this portrait, or failed at a frame.
    #[error("the mesh renderer failed")]
    Mesh(#[from] MeshError),
    /// Two outputs with one name.
    #[error("the output {} is named twice\nhint: give each -o a name of its own", path.display())]
    SameOutput {
        /// That name.
        path: PathBuf,
    },
    /// An output that would replace the portrait or the motion.
    #[error("the output {} is what is read\nhint: give the output another name", path.display())]
    OutputIsInput {
        /// That name.
        path: PathBuf,
    },
    /// Nothing to write to.
    #[error("no output given\nhint: say where the result goes, e.g. -o out.mp4")]
    NoOutput,
    /// A device that the renderer cannot use.
    #[error(
        "the mesh renderer runs on the CPU and cannot use {asked}\nhint: leave --device out, or write --device cpu"
    )]
    Device {
        /// As asked for.
        asked: String,
    },
    /// An option that the renderer does not have.
    #[error("{option} does not go with the {renderer} renderer\nhint: {hint}")]
    Option {
        /// As written on the command line.
        option: &'static str,
        /// Which renderer was asked for.
        renderer: &'static str,
        /// What helps.
        hint: &'static str,
    },
    /// Interrupted twice, or before there was a frame. No output exists under its final name.
    #[error("interrupted: no file was written")]
    Interrupted,
    /// A part of the run failed; nothing of the outputs that were under way exists under its final name.
    #[error("{0}")]
    Run(EngineError),
}

/// Below this the landmarks of a face become guesses; said in hints, not enforced.
const MIN_FACE_PIXELS: u32 = 40;

impl AnimationError {
    /// The tracker or the recogniser failed on the picture at `path`.
    pub(crate) fn face(path: impl Into<PathBuf>, source: FaceError) -> Self {
        Self::Face { path: path.into(), source: Box::new(source) }
    }
}

impl From<DiffusionError> for AnimationError {
    fn from(error: DiffusionError) -> Self {
        Self::Diffusion(Box::new(error))
    }
}

impl From<EngineError> for AnimationError {
    /// The error that a stage of ours returned is the cause, not the stage.
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Aborted => Self::Interrupted,
            EngineError::Failed { stage, source } => match source.downcast::<AnimationError>() {
                Ok(ours) => *ours,
                Err(source) => Self::Run(EngineError::Failed { stage, source }),
            },
            other => Self::Run(other),
        }
    }
}
