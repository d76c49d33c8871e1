//! Colours, sizes and distances that all pages share.

use crate::font::Type;

/// A colour in sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

/// Titles, names and figures.
pub const INK: Colour = Colour([0x1b, 0x24, 0x30]);
/// What explains them.
pub const MUTED: Colour = Colour([0x5a, 0x65, 0x72]);
pub(crate) const AXIS: Colour = Colour([0x93, 0x9d, 0xa8]);
/// Lines that part.
pub const GRID: Colour = Colour([0xe2, 0xe6, 0xea]);
/// Behind plots and figures.
pub const GROUND: Colour = Colour([0xf7, 0xf8, 0xfa]);
/// Where rows are missing.
pub(crate) const MISSING_ROWS: Colour = Colour([0xd5, 0xda, 0xe0]);
/// Where there is no face.
pub(crate) const NO_FACE: Colour = Colour([0xf6, 0xdc, 0xb0]);

/// Six colours that remain distinct for every kind of colour vision, the strongest first; the yellow of the palette is
/// too pale for lines on white.
///
/// Source: Okabe and Ito, "Color Universal Design", 2008.
pub(crate) const CURVES: [Colour; 6] = [
    Colour([0x00, 0x72, 0xb2]),
    Colour([0xd5, 0x5e, 0x00]),
    Colour([0x00, 0x9e, 0x73]),
    Colour([0xcc, 0x79, 0xa7]),
    Colour([0xe6, 0x9f, 0x00]),
    Colour([0x56, 0xb4, 0xe9]),
];
/// What was asked for: a broad band, so that what was measured can lie on it without hiding it.
pub(crate) const ASKED: Colour = Colour([0x9c, 0xc9, 0xe8]);
pub(crate) const ASKED_WIDTH: f64 = 5.0;
pub(crate) const MEASURED: Colour = Colour([0xc0, 0x4a, 0x00]);
pub(crate) const CURVE_WIDTH: f64 = 1.8;

pub(crate) const TITLE: Type = Type::bold(25.0);
pub(crate) const SUMMARY: Type = Type::plain(15.0);
pub(crate) const HEADING: Type = Type::bold(17.0);
pub(crate) const LABEL: Type = Type::plain(14.0);
pub(crate) const LABEL_BOLD: Type = Type::bold(15.0);
pub(crate) const SMALL: Type = Type::plain(12.5);
pub(crate) const SMALL_BOLD: Type = Type::bold(12.5);
/// A figure that a page is about.
pub(crate) const FIGURE: Type = Type::bold(32.0);

pub(crate) const PAGE_WIDTH: f64 = 1600.0;
/// Around the page.
pub(crate) const MARGIN: f64 = 40.0;
/// For the labels of a value axis.
pub(crate) const GUTTER: f64 = 66.0;
/// Below a plot for the labels of its time axis.
pub(crate) const TIME_LABELS: f64 = 28.0;
