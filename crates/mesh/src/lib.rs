//! The mesh renderer: coefficients and a portrait in, a frame out, on the CPU.
//!
//! The portrait itself is warped: its landmarks carry the canonical face mesh, the rig (`rig/arkit.yaml`) says how each ARKit shape
//! displaces it, and triangles are drawn forward from the photograph to where their corners go. Behind the skin lie
//! the eyeballs and the mouth, which the lids and the lips uncover. Outside the face the motion fades to nothing.
//!
//! Invariants: nothing here reads files or keeps state between frames; equal expressions give equal bytes.

mod error;
mod eye;
mod field;
mod fit;
mod flow;
mod lips;
mod mouth;
mod opening;
mod pose;
mod raster;
mod renderer;
mod rig;
mod skirt;
mod stage;
mod surface;
mod teeth;
mod texture;

pub use error::{MeshError, RigError};
pub use flow::Flow;
pub use renderer::MeshRenderer;
pub use texture::{View, sample};
