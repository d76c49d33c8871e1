//! What can go wrong between a portrait and a film.

use std::path::PathBuf;

use moue_bridge::{BridgeError, Family};
use moue_diffusion::DiffusionError;
use moue_engine::EngineError;
use moue_face::FaceError;
use moue_media::MediaError;
use moue_mesh::MeshError;
use moue_preview::PreviewError;
use moue_smirk::SmirkError;
use moue_timeline::{EditError, SpanError, TrackShapeError, counted};
use moue_tracks::TrackError;

use crate::{FrameRange, MAX_SIDE, MIN_SIDE};

/// Why there is no animation. The last line of a message, where it begins with `hint:`, says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnimationError {
    /// The portrait could not be read, or an output not written.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The preview page or the metrics cannot be opened.
    #[error(transparent)]
    Preview(#[from] PreviewError),
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
    /// A track cannot be brought to the coefficients that are wanted.
    #[error("{}: {problem}", path.display())]
    Bridge {
        /// The motion.
        path: PathBuf,
        /// What is wrong.
        problem: Box<BridgeError>,
    },
    /// A map cannot be learned.
    #[error(transparent)]
    Fit(Box<BridgeError>),
    /// A file is no map between ARKit and FLAME.
    #[error("{}: {problem}", path.display())]
    Map {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: Box<BridgeError>,
    },
    /// A source of a map that lacks what one of the two trackers gives.
    #[error(
        "{}: has no {missing} coefficients, and a map is learned from both kinds\nhint: give a video, or a track that \
         `moue track VIDEO --smirk` wrote", path.display()
    )]
    OneFamily {
        /// The source.
        path: PathBuf,
        /// What it lacks.
        missing: Family,
    },
    /// An array that is no matrix.
    #[error("{}: found {found}, expected an array of two dimensions\nhint: these are published with (52, 100) and (52, 3)", path.display())]
    Array {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// A file that could not be read a second time.
    #[error("{}: cannot be read\nhint: check that it is still there", path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An operation on a track that is not possible.
    #[error("{}: {problem}", path.display())]
    Edit {
        /// The motion.
        path: PathBuf,
        /// What is wrong.
        problem: EditError,
    },
    /// Tracks cannot be combined.
    #[error(transparent)]
    Combine(#[from] EditError),
    /// Something that holds no motion.
    #[error("{}: a track's kind was given, but this is an address\nhint: leave --format out", path.display())]
    NotAMotion {
        /// The address.
        path: PathBuf,
    },
    /// No face in a whole video.
    #[error(
        "{}: {} found in {}{}\nhint: the driver's face has to be seen, at least {MIN_FACE_PIXELS} \
         pixels high; `moue inspect` shows what is found in a picture",
        path.display(), face_text(*face), counted(*frames, "frame"), broke.as_ref().map(|broke| format!(" ({broke})")).unwrap_or_default()
    )]
    NoFaceInVideo {
        /// The video.
        path: PathBuf,
        /// Which face was looked for, from 1.
        face: usize,
        /// How many frames there were.
        frames: u64,
        /// Why there were no more.
        broke: Option<String>,
    },
    /// What was read off a video is no track.
    #[error("{}: the tracker gave no track: {problem}", path.display())]
    Tracked {
        /// The video.
        path: PathBuf,
        /// What is wrong.
        problem: TrackShapeError,
    },
    /// A resting face outside the motion.
    #[error(
        "{}: the resting face is to be taken at {rest}, but the motion goes from {start:.2} s to {end:.2} s\nhint: \
         --neutral auto finds one; times count from the start of the motion", path.display()
    )]
    NoRest {
        /// The motion.
        path: PathBuf,
        /// As asked for.
        rest: String,
        /// Seconds.
        start: f64,
        /// Seconds.
        end: f64,
    },
    /// SMIRK cannot be loaded, or failed.
    #[error(transparent)]
    Smirk(Box<SmirkError>),
    /// The diffusion renderer cannot be made, or failed at a frame.
    #[error(transparent)]
    Diffusion(Box<DiffusionError>),
    /// A net that looks at faces failed.
    #[error("{}: looking at the face failed", path.display())]
    Face {
        /// The picture, or the net.
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
    /// A setting of the temporal conditioning that is out of range.
    #[error("{option} is {found}, expected {expected}\nhint: docs/steadiness.md has what the values do")]
    Conditioning {
        /// As written on the command line.
        option: &'static str,
        /// The value.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A file that should be a painted keyframe and is not.
    #[error("{}: found {found}, expected {expected}\nhint: delete the file: the keyframe is painted again", path.display())]
    Keyframe {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What the painter takes.
        expected: String,
    },
    /// The folder of keyframes cannot be made.
    #[error("{}: making this folder failed\nhint: keyframes are kept in it; name another with --keyframes", path.display())]
    KeyframeFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Frames that the film does not have.
    #[error(
        "--frames {asked}: the film has {}, 0..{whole}\nhint: ranges are half open: 0..10 is followed by 10..20",
        counted(*whole, "frame")
    )]
    Frames {
        /// As asked for.
        asked: FrameRange,
        /// How many there are.
        whole: u64,
    },
    /// An option that does not go with a motion that goes on in real time.
    #[error("{option} does not go with a live source, which is followed as it comes\nhint: {hint}")]
    LiveSource {
        /// The option.
        option: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The system gives no thread.
    #[error("no thread for {what}: {error}")]
    Thread {
        /// What it was for.
        what: &'static str,
        /// The system's reason.
        error: std::io::Error,
    },
    /// An option of live outputs, where there is none.
    #[error(
        "{option} is for live outputs, and there is none\nhint: add one, e.g. -o rtmp://localhost/live/preview or -o live/index.m3u8"
    )]
    NothingLive {
        /// The option.
        option: &'static str,
    },
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
    /// An option that does not go with what becomes of painted squares.
    #[error("{option} does not go with --compose {compose}\nhint: {hint}")]
    Composition {
        /// As written on the command line.
        option: &'static str,
        /// What was asked for: crop or paste.
        compose: &'static str,
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

/// `no face`, or `no face 2`.
fn face_text(number: usize) -> String {
    if number == 1 { "no face".to_owned() } else { format!("no face {number} (--driver-face)") }
}

/// Below this the landmarks of a face become guesses; said in hints, not enforced.
const MIN_FACE_PIXELS: u32 = 40;

impl AnimationError {
    /// The tracker or the recogniser failed on the picture at `path`.
    pub(crate) fn face(path: impl Into<PathBuf>, source: FaceError) -> Self {
        Self::Face { path: path.into(), source: Box::new(source) }
    }
}

impl From<BridgeError> for AnimationError {
    fn from(error: BridgeError) -> Self {
        Self::Fit(Box::new(error))
    }
}

impl From<SmirkError> for AnimationError {
    fn from(error: SmirkError) -> Self {
        Self::Smirk(Box::new(error))
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
