//! Triangles drawn forward, from the portrait to where their corners have gone.

use std::ops::Range;

use glam::Vec2;
use image::RgbImage;

use crate::texture::{Rgba, to_rgb};

/// A corner: where it lies in the output, and in the texture.
#[derive(Clone, Copy)]
pub(crate) struct Corner {
    pub out: Vec2,
    pub texture: Vec2,
}

/// Draws every pixel whose centre lies in the triangle with the `colour` of its texture position.
pub(crate) fn fill(corners: [Corner; 3], frame: &mut RgbImage, colour: impl Fn(Vec2) -> Rgba) {
    let width = frame.width() as usize;
    scan(corners, frame.dimensions(), |row, columns, mut position, per_x| {
        let line = row * width * 3;
        let pixels = &mut frame.as_flat_samples_mut().samples[line + columns.start * 3..line + columns.end * 3];
        for pixel in pixels.chunks_exact_mut(3) {
            pixel.copy_from_slice(&to_rgb(colour(position)));
            position += per_x;
        }
    });
}

/// Visits the rows of pixels whose centres lie in the triangle, in an output of `size`: row, columns, the texture
/// position at the first of them, and how far that goes from one to the next.
///
/// Two triangles that share an edge compute the same crossing of it with every line of pixels, so that no pixel
/// between them is missed and none is visited twice.
pub(crate) fn scan(
    corners: [Corner; 3],
    (width, height): (u32, u32),
    mut visit: impl FnMut(usize, Range<usize>, Vec2, Vec2),
) {
    let [a, b, c] = corners;
    let (ab, ac) = (b.out - a.out, c.out - a.out);
    let area = ab.perp_dot(ac);
    if area.abs() < 1e-6 {
        return;
    }
    let (tb, tc) = (b.texture - a.texture, c.texture - a.texture);
    let per_x = (tb * ac.y - tc * ab.y) / area;
    let per_y = (tc * ab.x - tb * ac.x) / area;

    let top = a.out.y.min(b.out.y).min(c.out.y);
    let bottom = a.out.y.max(b.out.y).max(c.out.y);
    let rows = first_centre(top).max(0)..first_centre(bottom).min(height as i32);
    let edges = [Edge::new(a.out, b.out), Edge::new(b.out, c.out), Edge::new(c.out, a.out)];
    for row in rows {
        let y = row as f32 + 0.5;
        let (mut left, mut right) = (f32::INFINITY, f32::NEG_INFINITY);
        for edge in &edges {
            if edge.top.y <= y && y < edge.bottom {
                let x = edge.top.x + (y - edge.top.y) * edge.slope;
                left = left.min(x);
                right = right.max(x);
            }
        }
        let (start, end) = (first_centre(left).max(0), first_centre(right).min(width as i32));
        if start < end {
            let position = a.texture + per_x * (start as f32 + 0.5 - a.out.x) + per_y * (y - a.out.y);
            visit(row as usize, start as usize..end as usize, position, per_x);
        }
    }
}

/// An edge from its upper end to its lower one: the same numbers from either side, or rounding would leave cracks.
struct Edge {
    top: Vec2,
    bottom: f32,
    /// Columns per row.
    slope: f32,
}

impl Edge {
    fn new(a: Vec2, b: Vec2) -> Edge {
        let (top, end) = if a.y < b.y { (a, b) } else { (b, a) };
        Edge { top, bottom: end.y, slope: (end.x - top.x) / (end.y - top.y) }
    }
}

/// Index of the first pixel whose centre is at or beyond `edge`.
fn first_centre(edge: f32) -> i32 {
    let edge = edge - 0.5;
    let towards_zero = edge as i32;
    towards_zero + i32::from(edge > towards_zero as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texture::Texture;
    use proptest::prelude::*;

    fn white() -> Texture {
        let white = RgbImage::from_pixel(8, 8, image::Rgb([255; 3]));
        Texture::cut(&white, Vec2::ONE, Vec2::ZERO, Vec2::splat(8.0))
    }

    proptest! {
        #[test]
        fn a_fan_around_any_point_leaves_no_crack(x in 2.0f32..38.0, y in 2.0f32..28.0, steps in 3usize..9) {
            let (texture, mut frame) = (white(), RgbImage::new(40, 30));
            let rim = [(0.0, 0.0), (40.0, 0.0), (40.0, 30.0), (0.0, 30.0)];
            let middle = Corner { out: Vec2::new(x, y), texture: Vec2::splat(4.0) };
            let points: Vec<Vec2> = (0..4 * steps).map(|step| {
                let (from, to) = (rim[step / steps], rim[(step / steps + 1) % 4]);
                Vec2::from(from).lerp(Vec2::from(to), (step % steps) as f32 / steps as f32)
            }).collect();
            for (step, &from) in points.iter().enumerate() {
                let corner = |out| Corner { out, texture: Vec2::splat(4.0) };
                fill([middle, corner(from), corner(points[(step + 1) % points.len()])], &mut frame, |p| texture.sample(p));
            }
            prop_assert!(frame.pixels().all(|p| p.0 == [255; 3]));
        }
    }

    #[test]
    fn the_identity_copies_pixels() {
        let picture = RgbImage::from_fn(16, 16, |x, y| image::Rgb([(x * 16) as u8, (y * 16) as u8, 7]));
        let texture = Texture::cut(&picture, Vec2::ONE, Vec2::ZERO, Vec2::splat(16.0));
        let mut frame = RgbImage::new(16, 16);
        let corner = |x: f32, y: f32| Corner { out: Vec2::new(x, y), texture: Vec2::new(x, y) };
        fill([corner(0.0, 0.0), corner(16.0, 0.0), corner(0.0, 16.0)], &mut frame, |p| texture.sample(p));
        fill([corner(16.0, 16.0), corner(16.0, 0.0), corner(0.0, 16.0)], &mut frame, |p| texture.sample(p));
        assert_eq!(frame, picture);
    }
}
