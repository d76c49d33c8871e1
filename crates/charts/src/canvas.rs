//! What a page is made of, before it becomes pixels or SVG.

use std::borrow::Cow;
use std::convert::Infallible;

use image::RgbImage;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
};

use crate::font::{CAP_HEIGHT, Type, Typeface};
use crate::theme::Colour;

/// plotters counts in whole units; with 16 of them in a pixel, lines are smooth.
pub(crate) const UNITS: f64 = 16.0;

/// No page is higher, in pixels.
const HIGHEST: f64 = 65_536.0;

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left side.
    pub x: f64,
    /// Top side.
    pub y: f64,
    /// From left to right.
    pub width: f64,
    /// From top to bottom.
    pub height: f64,
}

impl Rect {
    /// A rectangle with its top left corner at `x`, `y`.
    pub const fn new(x: f64, y: f64, width: f64, height: f64) -> Self {
        Self { x, y, width, height }
    }

    /// Right side.
    pub fn right(self) -> f64 {
        self.x + self.width
    }

    /// Bottom side.
    pub fn bottom(self) -> f64 {
        self.y + self.height
    }
}

/// Which point of a text's baseline is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Where it begins.
    Start,
    /// Half way.
    Middle,
    /// Where it ends.
    End,
}

/// One thing on a page, in pixels from its top left corner.
#[derive(Clone, Debug)]
pub enum Mark {
    /// A line through points; none where there are fewer than two.
    Line {
        /// In order.
        points: Vec<[f32; 2]>,
        /// Of the stroke.
        width: f32,
        /// Of the stroke.
        colour: Colour,
    },
    /// A filled rectangle.
    Box {
        /// Where.
        rect: Rect,
        /// Inside.
        colour: Colour,
    },
    /// A filled circle.
    Dot {
        /// Where.
        centre: [f32; 2],
        /// From the centre to the edge.
        radius: f32,
        /// Inside.
        colour: Colour,
    },
    /// A line of text.
    Text {
        /// Without control characters.
        text: String,
        /// The point that `anchor` names.
        baseline: [f64; 2],
        /// Which point is given.
        anchor: Anchor,
        /// How it looks.
        face: Type,
        /// Of the letters.
        colour: Colour,
    },
    /// At whole pixels; the picture has that size or a larger one of the same shape.
    Picture {
        /// Its top left corner.
        at: [u32; 2],
        /// Width and height on the page.
        size: [u32; 2],
        /// What is seen.
        picture: RgbImage,
    },
}

/// A page being drawn: marks, the later over the earlier.
#[derive(Clone, Debug)]
pub struct Canvas {
    /// What the page is called, for those who do not see it.
    pub title: String,
    /// In pixels, at least one.
    pub width: f64,
    /// In pixels, at least one when it is drawn.
    pub height: f64,
    /// The later over the earlier.
    pub marks: Vec<Mark>,
}

impl Canvas {
    /// An empty page. The height may still change.
    pub fn new(width: f64, height: f64) -> Self {
        Self { title: String::new(), width, height, marks: Vec::new() }
    }

    /// Adds a line of text; control characters are replaced.
    pub fn text(&mut self, text: &str, face: Type, colour: Colour, anchor: Anchor, baseline: [f64; 2]) {
        let text = printable(text);
        if !text.trim().is_empty() {
            self.marks.push(Mark::Text { text: text.into_owned(), baseline, anchor, face, colour });
        }
    }

    /// Adds a filled rectangle.
    pub fn fill(&mut self, rect: Rect, colour: Colour) {
        self.marks.push(Mark::Box { rect, colour });
    }

    /// Adds a straight line.
    pub fn line(&mut self, from: [f64; 2], to: [f64; 2], width: f64, colour: Colour) {
        let points = [from, to].map(|point| point.map(|value| value as f32)).to_vec();
        self.marks.push(Mark::Line { points, width: width as f32, colour });
    }

    /// Adds a filled circle.
    pub fn dot(&mut self, centre: [f64; 2], radius: f64, colour: Colour) {
        self.marks.push(Mark::Dot { centre: centre.map(|value| value as f32), radius: radius as f32, colour });
    }
}

/// `text` without control characters: names of files may hold anything, SVG and HTML may not.
pub fn printable(text: &str) -> Cow<'_, str> {
    let odd = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    if !text.contains(odd) {
        return Cow::Borrowed(text);
    }
    let whiten = |c: char| if c.is_whitespace() { ' ' } else { '\u{fffd}' };
    Cow::Owned(text.chars().map(|c| if odd(c) { whiten(c) } else { c }).collect())
}

/// What plotters draws on.
pub(crate) struct Recorder<'a>(pub &'a mut Canvas);

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl Recorder<'_> {
    fn push_line(&mut self, points: Vec<[f32; 2]>, style: &impl BackendStyle) {
        let BackendColor { alpha, rgb: (r, g, b) } = style.color();
        if alpha > 0.0 {
            let width = (f64::from(style.stroke_width()) / UNITS) as f32;
            self.0.marks.push(Mark::Line { points, width, colour: Colour([r, g, b]) });
        }
    }

    fn push_box(&mut self, rect: Rect, style: &impl BackendStyle) {
        let BackendColor { alpha, rgb: (r, g, b) } = style.color();
        if alpha > 0.0 {
            self.0.fill(rect, Colour([r, g, b]));
        }
    }
}

fn typeface(style: &FontStyle) -> Typeface {
    if matches!(style, FontStyle::Bold) { Typeface::SansBold } else { Typeface::Sans }
}

fn pixels((x, y): BackendCoord) -> [f32; 2] {
    [x, y].map(|value| (f64::from(value) / UNITS) as f32)
}

impl DrawingBackend for Recorder<'_> {
    type ErrorType = Infallible;

    /// How high a page becomes is known when all is drawn.
    fn get_size(&self) -> (u32, u32) {
        ((self.0.width * UNITS) as u32, (HIGHEST * UNITS) as u32)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, colour: BackendColor) -> Drawn {
        let [x, y] = pixels(point).map(f64::from);
        self.push_box(Rect::new(x, y, 1.0 / UNITS, 1.0 / UNITS), &colour);
        Ok(())
    }

    /// Lines along an axis lie on whole pixels, so that grids are crisp.
    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        let (mut from, mut to) = (pixels(from), pixels(to));
        for axis in 0..2 {
            if from[axis] == to[axis] {
                from[axis] = from[axis].floor() + 0.5;
                to[axis] = from[axis];
            }
        }
        self.push_line(vec![from, to], style);
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        self.push_line(path.into_iter().map(pixels).collect(), style);
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Drawn {
        let ([x0, y0], [x1, y1]) = (pixels(from), pixels(to));
        if fill {
            let [x, y, width, height] = [x0, y0, x1 - x0, y1 - y0].map(f64::from);
            self.push_box(Rect::new(x, y, width, height), style);
        } else {
            self.push_line(vec![[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]], style);
        }
        Ok(())
    }

    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, at: BackendCoord) -> Drawn {
        let BackendColor { rgb: (r, g, b), .. } = style.color();
        let face = Type { size: style.size() / UNITS, typeface: typeface(&style.style()) };
        let [x, y] = pixels(at).map(f64::from);
        let anchor = match style.anchor().h_pos {
            HPos::Left => Anchor::Start,
            HPos::Center => Anchor::Middle,
            HPos::Right => Anchor::End,
        };
        let drop = match style.anchor().v_pos {
            VPos::Top => CAP_HEIGHT,
            VPos::Center => CAP_HEIGHT / 2.0,
            VPos::Bottom => 0.0,
        };
        self.0.text(text, face, Colour([r, g, b]), anchor, [x, y + drop * face.size]);
        Ok(())
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        text: &str,
        style: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let face = Type { size: style.size(), typeface: typeface(&style.style()) };
        Ok((face.width(text).ceil() as u32, style.size().ceil() as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_svg_cannot_hold_is_replaced() {
        assert_eq!(printable("take 1.csv"), "take 1.csv");
        assert_eq!(printable("a\u{1}b\nc\u{ffff}"), "a\u{fffd}b c\u{fffd}");
    }

    #[test]
    fn a_grid_line_lies_on_pixels_and_a_slant_stays_where_it_is() {
        let mut canvas = Canvas::new(100.0, 100.0);
        let style = BackendColor { alpha: 1.0, rgb: (1, 2, 3) };
        let mut recorder = Recorder(&mut canvas);
        recorder.draw_line((0, 33), (160, 33), &style).unwrap();
        recorder.draw_line((0, 0), (8, 24), &style).unwrap();
        recorder.draw_line((0, 0), (8, 24), &BackendColor { alpha: 0.0, ..style }).unwrap();
        let lines: Vec<&[[f32; 2]]> = canvas
            .marks
            .iter()
            .map(|mark| match mark {
                Mark::Line { points, colour: Colour([1, 2, 3]), .. } => points.as_slice(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(lines, [[[0.0, 2.5], [10.0, 2.5]], [[0.0, 0.0], [0.5, 1.5]]]);
    }
}
