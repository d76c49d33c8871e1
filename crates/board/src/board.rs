//! What a board is made from.

use std::sync::OnceLock;

use image::RgbImage;
use moue_storyboard::Storyboard;

use crate::picture::{self, Jpeg};
use crate::words::Words;
use crate::{BoardError, html, layout, pdf, sheet};

/// The board of a storyboard: its panels with their pictures.
pub struct Board<'a> {
    words: Words<'a>,
    pictures: &'a [RgbImage],
    jpegs: OnceLock<Vec<Jpeg>>,
}

impl<'a> Board<'a> {
    /// Pictures are shown with at most so many pixels on their longer side (and fewer on boards of more than 244
    /// panels): who has many may scale them before.
    pub const PICTURE_SIDE: u32 = 640;

    /// The board of `storyboard`. `pictures` are those of [`Storyboard::panels`], in that order, of any size: they are
    /// scaled into tiles of the first one's shape, as a whole.
    ///
    /// # Errors
    /// Where there is not one picture for each panel, or one has no pixels.
    pub fn new(storyboard: &'a Storyboard, pictures: &'a [RgbImage]) -> Result<Self, BoardError> {
        let words = Words::new(storyboard);
        let (found, expected) = (pictures.len(), words.panels.len());
        if found != expected {
            return Err(BoardError::Pictures { found, expected });
        }
        if let Some(index) = pictures.iter().position(|picture| picture.width() == 0 || picture.height() == 0) {
            let (width, height) = pictures[index].dimensions();
            return Err(BoardError::EmptyPicture { panel: index + 1, width, height });
        }
        Ok(Self { words, pictures, jpegs: OnceLock::new() })
    }

    /// The board as a web page in one file: nothing is loaded from elsewhere, nothing is a script. It is light or dark
    /// as its reader likes, has as many columns as there is room for, and can be printed.
    pub fn html(&self) -> String {
        html::html(&self.words, self.jpegs(), self.aspect())
    }

    /// The board as a PDF: A4, landscape, with texts as texts and a bookmark for each shot. Equal boards give equal
    /// bytes.
    ///
    /// # Errors
    /// Where a font cannot be embedded.
    pub fn pdf(&self) -> Result<Vec<u8>, BoardError> {
        pdf::pdf(&self.words, self.jpegs(), self.aspect())
    }

    /// The board as one picture: tiles as wide as 328 pixels, in sRGB. Texts are cut off after twelve lines.
    ///
    /// A sheet has at most 64 million pixels and at most 16384 on a side. Where its tiles would not find room, all of
    /// it is drawn smaller: letters of captions have 18 pixels, and 8 on a sheet of 2000 panels.
    pub fn sheet(&self) -> RgbImage {
        sheet::sheet(&self.words, self.pictures, self.aspect())
    }

    /// The characters that the font of the PDF and of the sheet lacks, in order, each once: boxes are drawn for them.
    pub fn missing_glyphs(&self) -> Vec<char> {
        layout::missing_glyphs(&self.words)
    }

    fn jpegs(&self) -> &[Jpeg] {
        self.jpegs.get_or_init(|| picture::jpegs(self.pictures, Self::PICTURE_SIDE))
    }

    /// Width of tiles for each of their height.
    fn aspect(&self) -> f64 {
        self.pictures.first().map_or(1.0, picture::tile_aspect)
    }
}
