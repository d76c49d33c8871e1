//! A page as pixels.

use image::RgbImage;
use image::imageops::{self, FilterType};
use tiny_skia::{
    FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, PixmapMut, Rect as SkiaRect, Stroke, Transform,
};
use ttf_parser::OutlineBuilder;

use crate::canvas::{Anchor, Canvas, Mark};
use crate::theme::Colour;

/// Draws `canvas` on white, one pixel for each of its own. Texts are set letter by letter from left to right; letters
/// that the font lacks are boxes.
///
/// # Panics
/// Where the canvas has no size, or more pixels than memory can hold.
pub fn raster(canvas: &Canvas) -> RgbImage {
    let (width, height) = (canvas.width as u32, canvas.height as u32);
    let mut pixmap = Pixmap::new(width, height).expect("pages have a size");
    pixmap.fill(tiny_skia::Color::WHITE);
    for mark in &canvas.marks {
        draw(mark, &mut pixmap.as_mut());
    }
    // Everything is opaque, so premultiplied pixels are the colours themselves.
    let pixels = pixmap.data().as_chunks().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
    RgbImage::from_raw(width, height, pixels).expect("three values for each pixel")
}

fn draw(mark: &Mark, pixmap: &mut PixmapMut<'_>) {
    match mark {
        Mark::Line { points, width, colour } => {
            if let Some(path) = polyline(points) {
                let stroke =
                    Stroke { width: *width, line_cap: LineCap::Butt, line_join: LineJoin::Round, ..Stroke::default() };
                pixmap.stroke_path(&path, &paint(*colour), &stroke, Transform::identity(), None);
            }
        }
        Mark::Box { rect, colour } => {
            let [x, y, right, bottom] = [rect.x, rect.y, rect.right(), rect.bottom()].map(|side| side as f32);
            if let Some(rect) = SkiaRect::from_ltrb(x, y, right, bottom) {
                pixmap.fill_rect(rect, &paint(*colour), Transform::identity(), None);
            }
        }
        Mark::Dot { centre: [x, y], radius, colour } => {
            if let Some(path) = PathBuilder::from_circle(*x, *y, *radius) {
                fill(&path, *colour, pixmap);
            }
        }
        Mark::Text { text, baseline: [x, y], anchor, face, colour } => {
            let start = match anchor {
                Anchor::Start => *x,
                Anchor::Middle => x - face.width(text) / 2.0,
                Anchor::End => x - face.width(text),
            };
            let mut outline = Outline(PathBuilder::new());
            face.outline(text, [start, *y], &mut outline);
            if let Some(path) = outline.0.finish() {
                fill(&path, *colour, pixmap);
            }
        }
        Mark::Picture { at, size, picture } => paste(*at, *size, picture, pixmap),
    }
}

fn fill(path: &Path, colour: Colour, pixmap: &mut PixmapMut<'_>) {
    pixmap.fill_path(path, &paint(colour), FillRule::Winding, Transform::identity(), None);
}

fn paint(Colour([r, g, b]): Colour) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(r, g, b, 255);
    paint
}

/// None for fewer than two points.
fn polyline(points: &[[f32; 2]]) -> Option<Path> {
    let mut path = PathBuilder::with_capacity(points.len(), points.len());
    let (first, rest) = points.split_first()?;
    path.move_to(first[0], first[1]);
    for [x, y] in rest {
        path.line_to(*x, *y);
    }
    path.finish()
}

fn paste([left, top]: [u32; 2], [width, height]: [u32; 2], picture: &RgbImage, pixmap: &mut PixmapMut<'_>) {
    let scaled = imageops::resize(picture, width, height, FilterType::Triangle);
    let stride = pixmap.width();
    let pixels = pixmap.pixels_mut();
    for (x, y, colour) in scaled.enumerate_pixels() {
        let [r, g, b] = colour.0;
        let at = u64::from(top + y) * u64::from(stride) + u64::from(left + x);
        let inside = left + x < stride;
        if let Some(pixel) = usize::try_from(at).ok().and_then(|at| pixels.get_mut(at)).filter(|_| inside) {
            *pixel = tiny_skia::ColorU8::from_rgba(r, g, b, 255).premultiply();
        }
    }
}

struct Outline(PathBuilder);

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.0.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.0.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.0.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::canvas::Rect;
    use crate::font::Type;

    const RED: Colour = Colour([200, 0, 0]);

    fn drawn(draw: impl FnOnce(&mut Canvas)) -> RgbImage {
        let mut canvas = Canvas::new(40.0, 30.0);
        draw(&mut canvas);
        raster(&canvas)
    }

    /// Left, top, right and bottom of what is not white.
    fn extent(picture: &RgbImage) -> [u32; 4] {
        let inked = picture.enumerate_pixels().filter(|(_, _, pixel)| pixel.0 != [255; 3]);
        inked.fold([u32::MAX, u32::MAX, 0, 0], |[l, t, r, b], (x, y, _)| [l.min(x), t.min(y), r.max(x), b.max(y)])
    }

    #[test]
    fn marks_are_where_they_should_be() {
        let boxed = drawn(|canvas| canvas.fill(Rect::new(3.0, 4.0, 10.0, 5.0), RED));
        assert_eq!(extent(&boxed), [3, 4, 12, 8]);
        assert_eq!(boxed.get_pixel(3, 4).0, RED.0);
        let line = drawn(|canvas| canvas.line([0.0, 2.5], [20.0, 2.5], 1.0, RED));
        assert_eq!((extent(&line), line.get_pixel(10, 2).0), ([0, 2, 19, 2], RED.0));
        assert_eq!(extent(&drawn(|canvas| canvas.dot([20.0, 15.0], 3.0, RED))), [17, 12, 22, 17]);
    }

    #[test]
    fn texts_stand_on_their_baseline_on_either_side_of_their_anchor() {
        let at = |anchor| {
            let draw = |canvas: &mut Canvas| canvas.text("H", Type::plain(14.0), RED, anchor, [20.0, 20.0]);
            extent(&drawn(draw))
        };
        let ([l, t, _, b], [ml, _, mr, _], [_, _, r, _]) = (at(Anchor::Start), at(Anchor::Middle), at(Anchor::End));
        // The capital is 0.73 em high, its advance 0.75 em.
        assert_eq!((t, b), (9, 19));
        assert!(l >= 20 && r <= 20 && ml.abs_diff(15) <= 1 && mr.abs_diff(24) <= 1, "{l} {ml} {mr} {r}");
    }

    #[test]
    fn pictures_are_scaled_and_cut_off_at_the_edge() {
        let picture = RgbImage::from_pixel(16, 16, Rgb(RED.0));
        let mark = |at| Mark::Picture { at, size: [8, 8], picture: picture.clone() };
        assert_eq!(extent(&drawn(|canvas| canvas.marks.push(mark([10, 11])))), [10, 11, 17, 18]);
        assert_eq!(extent(&drawn(|canvas| canvas.marks.push(mark([36, 26])))), [36, 26, 39, 29]);
    }
}
