//! The panels' pictures, scaled.

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use moue_charts::draw::Rect;
use rayon::prelude::*;

/// A picture as it is embedded.
pub(crate) struct Jpeg {
    pub bytes: Vec<u8>,
    pub width: u32,
    pub height: u32,
}

const QUALITY: u8 = 86;
/// Of all embedded pictures together: a page of 2000 panels should open too.
const MOST_PIXELS: f64 = 100e6;
/// Tiles are neither narrower nor wider; pictures that are have borders.
const TILE_ASPECTS: [f64; 2] = [0.5, 2.6];

/// Width of tiles for each of their height, where `picture` is the first one's.
pub(crate) fn tile_aspect(picture: &RgbImage) -> f64 {
    aspect(picture.width(), picture.height()).clamp(TILE_ASPECTS[0], TILE_ASPECTS[1])
}

fn aspect(width: u32, height: u32) -> f64 {
    f64::from(width) / f64::from(height.max(1))
}

/// Where a picture of this shape lies in a tile: as large as can be, in the middle.
pub(crate) fn within(tile: Rect, width: u32, height: u32) -> Rect {
    let aspect = aspect(width, height);
    let width = tile.width.min(tile.height * aspect);
    let height = tile.height.min(tile.width / aspect);
    Rect::new(tile.x + (tile.width - width) / 2.0, tile.y + (tile.height - height) / 2.0, width, height)
}

/// All pictures, with at most `side` pixels on their longer side.
pub(crate) fn jpegs(pictures: &[RgbImage], side: u32) -> Vec<Jpeg> {
    let side = shared_side(pictures.len(), side);
    pictures.par_iter().map(|picture| jpeg(picture, side)).collect()
}

/// The longer side of `count` pictures that have `most` at most.
fn shared_side(count: usize, most: u32) -> u32 {
    let share = (MOST_PIXELS / count.max(1) as f64).sqrt();
    (share as u32).clamp(64, most)
}

fn jpeg(picture: &RgbImage, side: u32) -> Jpeg {
    let (width, height) = picture.dimensions();
    let scale = f64::from(side) / f64::from(width.max(height));
    let scaled;
    let picture = if scale < 1.0 {
        let [width, height] = [width, height].map(|length| ((f64::from(length) * scale).round() as u32).max(1));
        scaled = imageops::resize(picture, width, height, FilterType::CatmullRom);
        &scaled
    } else {
        picture
    };
    let mut bytes = Vec::new();
    picture
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))
        .expect("a picture of 1 to 640 pixels on a side, written to memory");
    Jpeg { bytes, width: picture.width(), height: picture.height() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn large_pictures_are_scaled_and_small_ones_are_not() {
        let sizes = [(1280, 720), (10, 20), (1, 3000), (640, 640)].map(|(width, height)| RgbImage::new(width, height));
        let jpegs: Vec<(u32, u32)> = jpegs(&sizes, 640).iter().map(|jpeg| (jpeg.width, jpeg.height)).collect();
        assert_eq!(jpegs, [(640, 360), (10, 20), (1, 640), (640, 640)]);
    }

    #[test]
    fn many_pictures_share_the_room() {
        assert_eq!([1, 244, 245, 2000, 1_000_000_000].map(|count| shared_side(count, 640)), [640, 640, 638, 223, 64]);
    }

    proptest! {
        #[test]
        fn pictures_lie_whole_in_the_middle_of_their_tiles(width in 1u32..3000, height in 1u32..3000, aspect in 0.5..2.6) {
            let tile = Rect::new(10.0, 20.0, 100.0 * aspect, 100.0);
            let at = within(tile, width, height);
            prop_assert!(at.width <= tile.width + 1e-9 && at.height <= tile.height + 1e-9);
            prop_assert!((at.width - tile.width).abs() < 1e-9 || (at.height - tile.height).abs() < 1e-9);
            prop_assert!((at.width / at.height * f64::from(height) / f64::from(width) - 1.0).abs() < 1e-9);
            prop_assert!((at.x - tile.x - (tile.right() - at.right())).abs() < 1e-9);
            prop_assert!((at.y - tile.y - (tile.bottom() - at.bottom())).abs() < 1e-9);
        }
    }
}
