//! The board as one picture.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use moue_charts::draw::{Anchor, Canvas, Mark, Rect, raster};
use moue_charts::font::Type;

use crate::layout::{self, BLOCK_GAP, Block, Form, usual_columns};
use crate::lines::Item;
use crate::picture::within;
use crate::words::Words;

/// Pixels of a point, unless the sheet becomes too large.
const SCALE: f64 = 1.8;
/// Width of a sheet of many panels for each of its height.
const SHAPE: f64 = 1.4;
const MOST_PIXELS: f64 = 64e6;
const MOST_SIDE: f64 = 16384.0;
const MARGIN: f64 = 28.0;
const MOST_LINES: usize = 12;

/// Draws the board.
pub(crate) fn sheet(words: &Words<'_>, pictures: &[RgbImage], aspect: f64) -> RgbImage {
    let form = form(words.panels.len(), aspect);
    let mut blocks = vec![layout::title(words, &form)];
    blocks.extend(layout::rows(words, &form));
    let size = [form.width() + 2.0 * MARGIN, content_height(&blocks) + 2.0 * MARGIN];
    let scale = scale(size);
    let [width, height] = size.map(|length| ((length * scale).floor() as u32).max(1));
    let mut sheet = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    let mut y = MARGIN;
    for block in &blocks {
        let top = (y * scale).round();
        imageops::replace(&mut sheet, &strip(block, pictures, scale, width), 0, top as i64);
        y += block.height + BLOCK_GAP;
    }
    sheet
}

/// Few panels stand as on a page, many in a rectangle.
fn form(panels: usize, aspect: f64) -> Form {
    let usual = usual_columns(aspect);
    let panel = PAGE_WIDTH / usual as f64 - layout::GAP;
    // Below a picture there is about as much text on most boards.
    let height = panel / aspect + 100.0;
    let square = (panels as f64 * SHAPE * height / (panel + layout::GAP)).sqrt().ceil() as usize;
    let columns = if panels <= 3 * usual { usual.min(panels.max(2)) } else { square.max(usual) };
    Form { columns, panel, aspect, highest: f64::INFINITY, first: f64::INFINITY, most_lines: MOST_LINES }
}

/// Of a row of the usual columns with a gap after each: four tiles are 182 points wide, and 328 pixels.
const PAGE_WIDTH: f64 = 4.0 * (182.0 + layout::GAP);

fn content_height(blocks: &[Block]) -> f64 {
    blocks.iter().map(|block| block.height).sum::<f64>() + BLOCK_GAP * blocks.len().saturating_sub(1) as f64
}

/// Pixels of a point on a sheet of this size.
fn scale([width, height]: [f64; 2]) -> f64 {
    SCALE.min(MOST_SIDE / width.max(height)).min((MOST_PIXELS / (width * height)).sqrt())
}

/// A block, as wide as the sheet.
fn strip(block: &Block, pictures: &[RgbImage], scale: f64, width: u32) -> RgbImage {
    let mut canvas = Canvas::new(f64::from(width), (block.height * scale).ceil().max(1.0));
    let left = MARGIN * scale;
    for item in &block.items {
        match item {
            Item::Text { at: [x, y], text, face, colour } => {
                let face = Type { size: face.size * scale, ..*face };
                canvas.text(text, face, *colour, Anchor::Start, [left + x * scale, y * scale]);
            }
            Item::Fill { rect, colour } => canvas.fill(scaled(*rect, scale, left), *colour),
            Item::Picture { rect, panel } => {
                if let Some(picture) = pictures.get(*panel) {
                    canvas.marks.push(tile(picture, scaled(*rect, scale, left)));
                }
            }
        }
    }
    raster(&canvas)
}

fn scaled(rect: Rect, scale: f64, left: f64) -> Rect {
    Rect::new(left + rect.x * scale, rect.y * scale, rect.width * scale, rect.height * scale)
}

/// A picture on whole pixels.
fn tile(picture: &RgbImage, rect: Rect) -> Mark {
    let rect = within(rect, picture.width(), picture.height());
    let [left, top, right, bottom] = [rect.x, rect.y, rect.right(), rect.bottom()].map(|side| side.round() as u32);
    let size = [(right - left).max(1), (bottom - top).max(1)];
    let picture = imageops::resize(picture, size[0], size[1], FilterType::CatmullRom);
    Mark::Picture { at: [left, top], size, picture }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_are_never_too_large() {
        for size in [[800.0, 600.0], [800.0, 60_000.0], [9000.0, 8000.0], [1e6, 10.0]] {
            let [width, height] = size.map(|length| length * scale(size));
            assert!(width.max(height) <= MOST_SIDE + 1e-6 && width * height <= MOST_PIXELS * (1.0 + 1e-9), "{size:?}");
            assert!(scale(size) <= SCALE);
        }
        assert_eq!(scale([800.0, 600.0]), SCALE);
    }

    #[test]
    fn many_panels_fill_a_rectangle() {
        for aspect in [0.5625, 1.0, 16.0 / 9.0, 2.33] {
            let form = form(2000, aspect);
            let rows = 2000.0 / form.columns as f64;
            let shape = form.width() / (rows * (form.panel / aspect + 100.0));
            assert!((1.2..1.6).contains(&shape), "{aspect}: {shape}");
        }
        assert_eq!([1, 2, 3, 4, 12].map(|panels| form(panels, 1.78).columns), [2, 2, 3, 4, 4]);
    }
}
