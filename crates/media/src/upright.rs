//! Turning pictures upright, and stretching them until their pixels are square.

use std::borrow::Cow;

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

/// Side of the squares that are turned one after the other, in pixels: all of one fits the nearest cache.
const TILE: usize = 16;

/// The picture with `orientation` applied to it. Quarter turns, which phones ask for with every frame, go square by
/// square: going along the rows of one picture and the columns of the other at once takes twice as long.
pub(crate) fn turned(image: &RgbImage, orientation: Orientation) -> RgbImage {
    match orientation {
        Orientation::Rotate90 => quarter_turn::<true>(image),
        Orientation::Rotate270 => quarter_turn::<false>(image),
        other => {
            let mut image = DynamicImage::ImageRgb8(image.clone());
            image.apply_orientation(other);
            image.into_rgb8()
        }
    }
}

fn quarter_turn<const CLOCKWISE: bool>(image: &RgbImage) -> RgbImage {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut turned = RgbImage::new(image.height(), image.width());
    let (from, _) = image.as_chunks::<3>();
    let (to, _) = turned.as_chunks_mut::<3>();
    let mut tile = [[[0u8; 3]; TILE]; TILE];
    for top in (0..height).step_by(TILE) {
        let rows = TILE.min(height - top);
        for left in (0..width).step_by(TILE) {
            let columns = TILE.min(width - left);
            for (y, line) in tile.iter_mut().take(rows).enumerate() {
                // Clockwise, the lowest row comes first.
                let y = if CLOCKWISE { top + rows - 1 - y } else { top + y };
                let row = &from[y * width + left..];
                match row.first_chunk::<TILE>() {
                    Some(row) if columns == TILE => *line = *row,
                    _ => line[..columns].copy_from_slice(&row[..columns]),
                }
            }
            for (i, column) in (left..left + columns).enumerate() {
                // A column becomes a row; against the clock, the last one comes first.
                let row = if CLOCKWISE { column } else { width - 1 - column };
                let line = &mut to[row * height + if CLOCKWISE { height - top - rows } else { top }..];
                // Known lengths and indices that need no check are what makes it fast.
                match line.first_chunk_mut::<TILE>() {
                    Some(line) if rows == TILE => {
                        line.iter_mut().zip(&tile).for_each(|(pixel, row)| *pixel = row[i % TILE])
                    }
                    _ => line.iter_mut().take(rows).zip(&tile).for_each(|(pixel, row)| *pixel = row[i % TILE]),
                }
            }
        }
    }
    turned
}

/// The picture at a size that is not smaller, by linear interpolation.
pub(crate) fn stretched(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let wide = if width == image.width() { Cow::Borrowed(image) } else { Cow::Owned(wider(image, width)) };
    if height == image.height() { wide.into_owned() } else { higher(&wide, height) }
}

/// Where position `i` of `count` lies among `of`: the sample before it, the one after it, and the weight of that in
/// 256ths.
fn place(i: usize, count: usize, of: usize) -> (usize, usize, u16) {
    let at = ((i as f64 + 0.5) * of as f64 / count as f64 - 0.5).clamp(0.0, of.saturating_sub(1) as f64);
    (at as usize, (at as usize + 1).min(of.saturating_sub(1)), (at.fract() * 256.0).round() as u16)
}

fn mixed(a: u8, b: u8, weight: u16) -> u8 {
    ((u16::from(a) * (256 - weight) + u16::from(b) * weight + 128) >> 8) as u8
}

fn wider(image: &RgbImage, width: u32) -> RgbImage {
    let mut wide = RgbImage::new(width, image.height());
    let places: Vec<_> = (0..width as usize).map(|x| place(x, width as usize, image.width() as usize)).collect();
    let rows = image.chunks_exact(3 * image.width() as usize).zip(wide.chunks_exact_mut(3 * width as usize));
    for (from, to) in rows {
        let (from, _) = from.as_chunks::<3>();
        for (pixel, &(left, right, weight)) in to.as_chunks_mut::<3>().0.iter_mut().zip(&places) {
            let (a, b) = (from[left], from[right]);
            *pixel = [mixed(a[0], b[0], weight), mixed(a[1], b[1], weight), mixed(a[2], b[2], weight)];
        }
    }
    wide
}

fn higher(image: &RgbImage, height: u32) -> RgbImage {
    let mut high = RgbImage::new(image.width(), height);
    let bytes = 3 * image.width() as usize;
    for (y, to) in high.chunks_exact_mut(bytes).enumerate() {
        let (top, bottom, weight) = place(y, height as usize, image.height() as usize);
        let row = |y: usize| &image.as_raw()[y * bytes..(y + 1) * bytes];
        for ((to, a), b) in to.iter_mut().zip(row(top)).zip(row(bottom)) {
            *to = mixed(*a, *b, weight);
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use image::{Rgb, imageops};

    use super::*;

    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]))
    }

    #[test]
    fn quarter_turns_are_those_of_the_image_crate() {
        for (width, height) in [(1, 1), (5, 3), (32, 64), (33, 31), (100, 70)] {
            let image = picture(width, height);
            assert_eq!(turned(&image, Orientation::Rotate90), imageops::rotate90(&image));
            assert_eq!(turned(&image, Orientation::Rotate270), imageops::rotate270(&image));
            assert_eq!(turned(&image, Orientation::Rotate180), imageops::rotate180(&image));
        }
    }

    #[test]
    fn stretching_is_linear_interpolation() {
        for (width, height, wide, high) in [(60, 40, 80, 40), (60, 40, 60, 55), (1, 1, 2, 3), (33, 31, 64, 31)] {
            let image = picture(width, height);
            let expected = imageops::resize(&image, wide, high, imageops::FilterType::Triangle);
            let found = stretched(&image, wide, high);
            assert_eq!(found.dimensions(), (wide, high));
            let worst = found.iter().zip(expected.iter()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst <= Some(1), "{width}x{height} to {wide}x{high}: {worst:?}");
        }
    }
}
