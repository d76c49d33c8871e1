//! Which part of the portrait is shown, and at what size.

use std::{fmt, str::FromStr};

use moue_topology::{FACE_OVAL, LANDMARK_COUNT};

use crate::AnimationError;

/// Smallest side of an output, in pixels.
pub const MIN_SIDE: u32 = 16;
/// Largest side of an output, in pixels: 8K, the most that common players decode.
pub const MAX_SIDE: u32 = 8192;
/// Side of a head's square unless a size is asked for, in pixels.
pub const HEAD_SIDE: u32 = 512;

/// The landmark in the middle of the forehead, below the hair line.
const FOREHEAD: usize = FACE_OVAL[0] as usize;
/// The landmark below the chin.
const CHIN: usize = FACE_OVAL[18] as usize;
/// Side of the square around a head, in face heights (forehead to chin): hair above, the shoulders' beginning below.
const HEAD_SIDE_IN_FACES: f64 = 2.4;
/// Bars narrower than this many pixels on both sides together are filled by showing a hair's breadth more.
const THIN_BARS: u32 = 4;

/// Which part of the portrait is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// The whole picture.
    #[default]
    Whole,
    /// A square around the head with room for hair and shoulders. It is moved, then made smaller, where it would
    /// leave the picture.
    Head,
    /// The face aligned as the diffusion model was trained on it: an upright square. Only that renderer has it.
    Face,
}

impl Framing {
    /// The name that people write.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Head => "head",
            Self::Face => "face",
        }
    }
}

impl FromStr for Framing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "whole" => Ok(Self::Whole),
            "head" => Ok(Self::Head),
            "face" => Ok(Self::Face),
            other => Err(format!("found '{other}', expected 'whole', 'head' or 'face'")),
        }
    }
}

/// The size of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// One output pixel for each source pixel.
    Source,
    /// So many pixels; both sides are even.
    Pixels {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source => f.write_str("source"),
            Self::Pixels { width, height } => write!(f, "{width}x{height}"),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    /// `source`, or `WxH`; odd sides are rounded up to even ones, which video needs.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "source" {
            return Ok(Self::Source);
        }
        let wrong = || format!("found '{text}', expected 'source' or WIDTHxHEIGHT in pixels, e.g. 512x512");
        let (width, height) = text.split_once(['x', 'X']).ok_or_else(wrong)?;
        let side = |side: &str| -> Result<u32, String> {
            let pixels: u32 = side.trim().parse().map_err(|_| wrong())?;
            if (MIN_SIDE..=MAX_SIDE).contains(&pixels) {
                Ok(pixels + pixels % 2)
            } else {
                Err(format!("found a side of {pixels} pixels, expected {MIN_SIDE} to {MAX_SIDE}"))
            }
        };
        Ok(Self::Pixels { width: side(width)?, height: side(height)? })
    }
}

/// Where the portrait lies in the output.
///
/// The picture fills `inner`; what remains of the output is black.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// The output, width and height in pixels, both even.
    pub size: (u32, u32),
    /// The part that shows the picture: x, y, width, height in output pixels.
    pub inner: (u32, u32, u32, u32),
    /// Source position of the top left corner of `inner`, in source pixels.
    pub origin: [f64; 2],
    /// Output pixels for each source pixel.
    pub scale: f64,
}

impl Layout {
    /// Lays a picture of `picture` (width, height) pixels with a face at `landmarks` (pixels) into an output.
    ///
    /// A part whose shape differs from the output's is fitted inside: a head's square first takes in more of the
    /// picture on the sides that have room, and what is then still empty stays black.
    ///
    /// # Errors
    /// [`AnimationError::SourceSize`] if the part at its own size is too small or too large for an output.
    pub fn new(
        picture: (u32, u32),
        landmarks: &[[f32; 3]; LANDMARK_COUNT],
        framing: Framing,
        size: Size,
    ) -> Result<Self, AnimationError> {
        let whole = [0.0, 0.0, f64::from(picture.0), f64::from(picture.1)];
        let part = match framing {
            Framing::Whole => whole,
            Framing::Head | Framing::Face => head_square(picture, landmarks),
        };
        match size {
            Size::Source => Self::at_source_size(part),
            Size::Pixels { width, height } => Ok(Self::fitted(picture, part, (width, height))),
        }
    }

    /// Whole source pixels only, so that what the animation does not touch stays as it is in the file.
    fn at_source_size([x, y, width, height]: [f64; 4]) -> Result<Self, AnimationError> {
        let even = |side: f64| (side.floor() as u32) & !1;
        let size = (even(width), even(height));
        let legal = MIN_SIDE..=MAX_SIDE;
        if !legal.contains(&size.0) || !legal.contains(&size.1) {
            return Err(AnimationError::SourceSize { width: size.0, height: size.1 });
        }
        Ok(Self { size, inner: (0, 0, size.0, size.1), origin: [x.floor(), y.floor()], scale: 1.0 })
    }

    /// Lays a `part` (x, y, width, height in source pixels) of a picture of `picture` (width, height) pixels into an
    /// output of `size`, both sides even: more of the picture is taken in where the part has another shape than the
    /// output, and what is then still empty is left to the background.
    pub fn fitted(picture: (u32, u32), part: [f64; 4], size: (u32, u32)) -> Self {
        let [x, y, width, height] = widened(picture, part, f64::from(size.0) / f64::from(size.1));
        let scale = (f64::from(size.0) / width).min(f64::from(size.1) / height);
        // Along each side: how many output pixels show the picture, and what source position they start at.
        let along = |start: f64, length: f64, pixels: u32| -> (u32, u32, f64) {
            let exact = length * scale;
            let shown = if f64::from(pixels) - exact < f64::from(THIN_BARS) {
                pixels
            } else {
                ((exact / 2.0).round() as u32 * 2).clamp(2, pixels)
            };
            // Centred, and on an even pixel: colour is stored for pairs of pixels, so a bar's edge stays sharp.
            let offset = (pixels - shown) / 4 * 2;
            (offset, shown, start + (length - f64::from(shown) / scale) / 2.0)
        };
        let (left, columns, origin_x) = along(x, width, size.0);
        let (top, rows, origin_y) = along(y, height, size.1);
        Self { size, inner: (left, top, columns, rows), origin: [origin_x, origin_y], scale }
    }

    /// Whether the picture fills the output.
    pub fn is_full(&self) -> bool {
        (self.inner.2, self.inner.3) == self.size
    }

    /// A source position in output pixels.
    pub fn output_from_source(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [
            f64::from(self.inner.0) + (x - self.origin[0]) * self.scale,
            f64::from(self.inner.1) + (y - self.origin[1]) * self.scale,
        ]
    }
}

/// The square around the head that [`Framing::Head`] shows: x, y, width, height in source pixels, inside the picture of
/// `picture` (width, height) pixels.
pub fn head_square(picture: (u32, u32), landmarks: &[[f32; 3]; LANDMARK_COUNT]) -> [f64; 4] {
    let (mut left, mut right, mut top, mut bottom) = (f64::MAX, f64::MIN, f64::MAX, f64::MIN);
    for &[x, y, _] in landmarks {
        (left, right) = (left.min(x.into()), right.max(x.into()));
        (top, bottom) = (top.min(y.into()), bottom.max(y.into()));
    }
    let [forehead, chin] = [landmarks[FOREHEAD], landmarks[CHIN]];
    let upright = f64::from(chin[0] - forehead[0]).hypot(f64::from(chin[1] - forehead[1]));
    // A face that nods or turns looks shorter than it is; its extent along the other axis makes up for it.
    let face = upright.max(bottom - top).max(right - left);
    let (width, height) = (f64::from(picture.0), f64::from(picture.1));
    let side = (HEAD_SIDE_IN_FACES * face).min(width).min(height);
    let x = ((left + right - side) / 2.0).clamp(0.0, width - side);
    let y = ((top + bottom - side) / 2.0).clamp(0.0, height - side);
    [x, y, side, side]
}

/// `part` with more of the picture to the left and right, or above and below, until it has the shape `aspect`
/// (width over height) or the picture ends.
fn widened(picture: (u32, u32), [x, y, width, height]: [f64; 4], aspect: f64) -> [f64; 4] {
    let stretch = |start: f64, length: f64, wanted: f64, limit: f64| {
        let wanted = wanted.clamp(length, limit.max(length));
        ((start + (length - wanted) / 2.0).clamp(0.0, (limit - wanted).max(0.0)), wanted)
    };
    if width < height * aspect {
        let (x, width) = stretch(x, width, height * aspect, picture.0.into());
        [x, y, width, height]
    } else {
        let (y, height) = stretch(y, height, width / aspect, picture.1.into());
        [x, y, width, height]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A face of landmarks in a box; forehead and chin in the middle of its top and bottom.
    fn face(x: f32, y: f32, width: f32, height: f32) -> [[f32; 3]; LANDMARK_COUNT] {
        let mut landmarks = [[x + width / 2.0, y + height / 2.0, 0.0]; LANDMARK_COUNT];
        landmarks[0] = [x, y, 0.0];
        landmarks[1] = [x + width, y + height, 0.0];
        landmarks[FOREHEAD] = [x + width / 2.0, y, 0.0];
        landmarks[CHIN] = [x + width / 2.0, y + height, 0.0];
        landmarks
    }

    #[test]
    fn sizes_are_read_and_rounded_to_even() {
        assert_eq!("source".parse(), Ok(Size::Source));
        assert_eq!("1920x1080".parse(), Ok(Size::Pixels { width: 1920, height: 1080 }));
        assert_eq!("333X111".parse(), Ok(Size::Pixels { width: 334, height: 112 }));
        for wrong in ["", "512", "x", "0x512", "512x", "-4x4", "99999x512", "1e3x512", "8x8"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_whole_picture_at_its_own_size_is_pixel_for_pixel() {
        let layout = Layout::new((513, 301), &face(0.0, 0.0, 9.0, 9.0), Framing::Whole, Size::Source).unwrap();
        assert_eq!(layout, Layout { size: (512, 300), inner: (0, 0, 512, 300), origin: [0.0, 0.0], scale: 1.0 });
        assert!(Layout::new((10, 300), &face(0.0, 0.0, 9.0, 9.0), Framing::Whole, Size::Source).is_err());
    }

    #[test]
    fn a_picture_of_another_shape_is_fitted_inside_and_centred() {
        let size = Size::Pixels { width: 1920, height: 1080 };
        let layout = Layout::new((500, 500), &face(9.0, 9.0, 9.0, 9.0), Framing::Whole, size).unwrap();
        assert_eq!((layout.inner, layout.scale), ((420, 0, 1080, 1080), 2.16));
        assert_eq!(layout.output_from_source([250.0, 250.0]), [960.0, 540.0]);
        assert!(!layout.is_full());
    }

    #[test]
    fn a_heads_square_has_room_above_and_takes_in_more_for_a_wide_output() {
        let landmarks = face(450.0, 300.0, 80.0, 100.0);
        let size = Size::Pixels { width: 512, height: 512 };
        let square = Layout::new((1000, 800), &landmarks, Framing::Head, size).unwrap();
        assert!((square.scale - 512.0 / 240.0).abs() < 1e-9);
        assert!((square.origin[0] - 370.0).abs() < 1e-9 && (square.origin[1] - 230.0).abs() < 1e-9);

        let size = Size::Pixels { width: 1024, height: 512 };
        let wide = Layout::new((1000, 800), &landmarks, Framing::Head, size).unwrap();
        assert!(wide.is_full());
        assert!((wide.origin[0] - 250.0).abs() < 1e-9 && (wide.scale - square.scale).abs() < 1e-9);
    }

    #[test]
    fn a_head_at_the_edge_moves_its_square_into_the_picture() {
        let landmarks = face(0.0, 0.0, 80.0, 100.0);
        let layout = Layout::new((1000, 800), &landmarks, Framing::Head, Size::Source).unwrap();
        assert_eq!((layout.origin, layout.size, layout.scale), ([0.0, 0.0], (240, 240), 1.0));
    }

    proptest! {
        /// Whatever the picture, the face and the output: the output is as asked, even, and shows only the picture
        /// (up to the sliver that replaces a thin bar), undistorted, with the whole face in it where it was.
        #[test]
        fn layouts_stay_inside(
            picture in (32u32..3000, 32u32..3000),
            at in (0.0f32..1.0, 0.0f32..1.0),
            share in 0.05f32..0.9,
            width in (MIN_SIDE / 2..1000).prop_map(|half| half * 2),
            height in (MIN_SIDE / 2..1000).prop_map(|half| half * 2),
            head in any::<bool>(),
        ) {
            let side = share * picture.0.min(picture.1) as f32;
            let corner = (at.0 * (picture.0 as f32 - side), at.1 * (picture.1 as f32 - side));
            let landmarks = face(corner.0, corner.1, side * 0.8, side);
            let framing = if head { Framing::Head } else { Framing::Whole };
            let layout = Layout::new(picture, &landmarks, framing, Size::Pixels { width, height }).unwrap();
            prop_assert_eq!(layout.size, (width, height));
            let (x, y, columns, rows) = layout.inner;
            prop_assert!(x + columns <= width && y + rows <= height && x % 2 == 0 && y % 2 == 0);
            prop_assert!(columns > 0 && rows > 0 && (columns == width || rows == height));
            let slack = f64::from(THIN_BARS) / layout.scale;
            for (origin, shown, limit) in
                [(layout.origin[0], columns, picture.0), (layout.origin[1], rows, picture.1)]
            {
                prop_assert!(origin >= -slack, "{origin}");
                prop_assert!(origin + f64::from(shown) / layout.scale <= f64::from(limit) + slack);
            }
            for [px, py, _] in landmarks {
                let [ox, oy] = layout.output_from_source([px.into(), py.into()]);
                prop_assert!(ox >= f64::from(x) - 4.0 && ox <= f64::from(x + columns) + 4.0, "{ox} {layout:?}");
                prop_assert!(oy >= f64::from(y) - 4.0 && oy <= f64::from(y + rows) + 4.0, "{oy} {layout:?}");
            }
        }
    }
}
