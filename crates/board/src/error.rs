//! Why there is no board.

/// Why a board cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoardError {
    /// There is not one picture for each panel.
    #[error(
        "storyboard: found {found} pictures, expected {expected}, one for each panel\n\
         hint: render a picture for each of `Storyboard::panels`, in that order"
    )]
    Pictures {
        /// How many were given.
        found: usize,
        /// How many panels there are.
        expected: usize,
    },
    /// A picture has no pixels.
    #[error(
        "storyboard, panel {panel}: found a picture of {width}x{height} pixels, expected at least 1x1\n\
         hint: render this panel again"
    )]
    EmptyPicture {
        /// Which panel, from 1.
        panel: usize,
        /// Columns of its picture.
        width: u32,
        /// Rows of its picture.
        height: u32,
    },
    /// The part of a font that a PDF needs could not be taken out of it.
    #[error("storyboard: cannot embed {font}: {reason}\nhint: write the board as a web page or as a picture")]
    Font {
        /// The font's name.
        font: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}
