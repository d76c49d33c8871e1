//! A drawn page.

use image::RgbImage;

use crate::canvas::Canvas;
use crate::{raster, svg};

/// A page that was laid out once, and is the same picture in either form.
#[derive(Clone, Debug)]
pub struct Page {
    canvas: Canvas,
}

impl Page {
    pub(crate) fn new(canvas: Canvas) -> Self {
        Self { canvas }
    }

    /// Width and height in pixels: always 1600 wide, as high as the content needs.
    pub fn dimensions(&self) -> (u32, u32) {
        (self.canvas.width as u32, self.canvas.height as u32)
    }

    /// The page in sRGB, of [`Self::dimensions`]. Texts are set letter by letter from left to right; letters that the
    /// font lacks are boxes.
    pub fn to_image(&self) -> RgbImage {
        raster::raster(&self.canvas)
    }

    /// The page as an SVG document with texts as texts, of [`Self::dimensions`]. Thumbnails are embedded as JPEG; fonts
    /// are named ([`crate::font::CSS_FAMILIES`]), not embedded.
    pub fn to_svg(&self) -> String {
        svg::svg(&self.canvas)
    }
}
