//! What pages are made of: marks on a canvas, and the colours that all pages share.

pub use crate::canvas::{Anchor, Canvas, Mark, Rect, printable};
pub use crate::raster::raster;
pub use crate::theme::{Colour, GRID, GROUND, INK, MUTED};
