//! What can be wrong with a rig or a portrait.

/// A fault in a rig file.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RigError {
    /// Not YAML, or not of the rig's form; the text names line and column.
    #[error("the rig is not readable: {0}")]
    Syntax(String),
    /// A shape that ARKit does not have.
    #[error("the rig has a shape '{0}' that is none of ARKit's 52")]
    UnknownShape(String),
    /// A right shape: those are mirror images.
    #[error("the rig defines '{0}'\nhint: write down the left shape only, the right one is its mirror image")]
    RightSide(String),
    /// A control at a point that is not in `points`, or whose landmark does not exist.
    #[error("shape '{shape}' of the rig moves '{point}', which is not among its points (landmarks 0 to 467)")]
    UnknownPoint {
        /// The shape.
        shape: String,
        /// The point as written.
        point: String,
    },
    /// Controls without a usable reach.
    #[error("shape '{shape}' of the rig has reach {found}; expected more than 0 and at most 20 cm")]
    Reach {
        /// The shape.
        shape: String,
        /// The value found.
        found: f32,
    },
    /// A bend that would turn the motion back.
    #[error("shape '{shape}' of the rig has bend {found}; expected -0.9 to 0.9")]
    Bend {
        /// The shape.
        shape: String,
        /// The value found.
        found: f32,
    },
}

/// Why a portrait cannot be rendered.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MeshError {
    /// The rig itself is at fault.
    #[error(transparent)]
    Rig(#[from] RigError),
    /// Landmarks that do not span a face.
    #[error("the landmarks do not form a face: {0}")]
    Landmarks(&'static str),
    /// A picture or an output without pixels, or a scale that is not a positive number.
    #[error("cannot render {width}x{height} pixels at a scale of {scale}")]
    Size {
        /// Output width in pixels.
        width: u32,
        /// Output height in pixels.
        height: u32,
        /// Output pixels per picture pixel.
        scale: f64,
    },
    /// The buffer to render into has another size than the renderer was made for.
    #[error("the frame buffer is {found_width}x{found_height}, expected {width}x{height}")]
    Buffer {
        /// Width of the buffer.
        found_width: u32,
        /// Height of the buffer.
        found_height: u32,
        /// Width expected.
        width: u32,
        /// Height expected.
        height: u32,
    },
}
