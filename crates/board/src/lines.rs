//! What a board is drawn with, and texts as lines of it.

use moue_charts::draw::{Colour, Rect};
use moue_charts::font::{Type, Typeface};

use crate::wrap::{visible, wrap};

/// One thing on a board, in points from the top left corner of what it belongs to.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// From the start of its baseline.
    Text {
        at: [f64; 2],
        text: String,
        face: Type,
        colour: Colour,
    },
    Fill {
        rect: Rect,
        colour: Colour,
    },
    /// A panel's picture.
    Picture {
        rect: Rect,
        panel: usize,
    },
}

impl Item {
    /// A line of text, in a font that can show it.
    pub fn text(text: &str, face: Type, colour: Colour, at: [f64; 2]) -> Self {
        let text = visible(text).replace('\n', " ");
        Self::Text { face: showing(face, &text), text, colour, at }
    }

    /// The panel whose picture it is.
    pub fn panel(&self) -> Option<usize> {
        match self {
            Self::Picture { panel, .. } => Some(*panel),
            _ => None,
        }
    }

    pub fn shifted(mut self, [x, y]: [f64; 2]) -> Self {
        match &mut self {
            Self::Text { at, .. } => *at = [at[0] + x, at[1] + y],
            Self::Fill { rect, .. } | Self::Picture { rect, .. } => {
                rect.x += x;
                rect.y += y;
            }
        }
        self
    }
}

/// `face`, or DejaVu Sans in its size, which has the most characters, where `face` lacks some of `text` and that does not.
fn showing(face: Type, text: &str) -> Type {
    let shows = |typeface: Typeface| text.chars().all(|character| typeface.glyph(character).is_some());
    let plain = Type::plain(face.size);
    if !shows(face.typeface) && shows(plain.typeface) { plain } else { face }
}

/// A strip of a column that is not parted: a line of text and what stands beside it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub height: f64,
    pub items: Vec<Item>,
}

impl Line {
    pub fn gap(height: f64) -> Self {
        Self { height, items: Vec::new() }
    }
}

/// Text in a column.
#[derive(Clone, Copy)]
pub(crate) struct Paragraph {
    pub face: Type,
    pub colour: Colour,
    /// From one baseline to the next, in ems.
    pub leading: f64,
}

impl Paragraph {
    pub const fn new(face: Type, colour: Colour) -> Self {
        Self { face, colour, leading: 1.35 }
    }

    pub fn height(self) -> f64 {
        self.face.size * self.leading
    }

    /// Pixels from the top of a line to its baseline.
    pub fn baseline(self) -> f64 {
        // Half of the leading above, and the ascenders.
        self.face.size * ((self.leading - 1.0) / 2.0 + 0.82)
    }

    /// A line that was broken before.
    pub fn line(self, text: &str, x: f64) -> Line {
        let item = Item::text(text, self.face, self.colour, [x, self.baseline()]);
        Line { height: self.height(), items: vec![item] }
    }

    /// `text` in lines from `x` on, at most `most` of them.
    pub fn lines(mut self, text: &str, x: f64, width: f64, most: usize) -> Vec<Line> {
        self.face = showing(self.face, &visible(text).replace('\n', " "));
        wrap(text, self.face, width, most).iter().map(|line| self.line(line, x)).collect()
    }
}

/// The height of all `lines`.
pub(crate) fn height(lines: &[Line]) -> f64 {
    lines.iter().map(|line| line.height).sum()
}
