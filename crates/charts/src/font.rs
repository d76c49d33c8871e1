//! The fonts of every picture: their bytes, and how wide their texts are.
//!
//! DejaVu 2.37, unchanged; `fonts/LICENSE-dejavu.txt` is its licence.

use std::sync::LazyLock;

use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// DejaVu Sans, a TrueType file.
pub const SANS: &[u8] = include_bytes!("../fonts/DejaVuSans.ttf");
/// DejaVu Sans Bold, a TrueType file.
pub const SANS_BOLD: &[u8] = include_bytes!("../fonts/DejaVuSans-Bold.ttf");
/// DejaVu Sans Mono, a TrueType file.
pub const MONO: &[u8] = include_bytes!("../fonts/DejaVuSansMono.ttf");
/// The families to ask for in CSS, best first. Verdana has nearly the widths of DejaVu Sans.
pub const CSS_FAMILIES: &str = "'DejaVu Sans', Verdana, sans-serif";
/// The same for what is set in [`Typeface::Mono`].
pub const CSS_MONO_FAMILIES: &str = "'DejaVu Sans Mono', monospace";

/// Height of a capital letter, in ems: what makes text look centred.
pub const CAP_HEIGHT: f64 = 0.73;

/// One of the embedded fonts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Typeface {
    /// DejaVu Sans.
    Sans,
    /// DejaVu Sans Bold.
    SansBold,
    /// DejaVu Sans Mono: code.
    Mono,
}

impl Typeface {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sans, Self::SansBold, Self::Mono];

    /// The TrueType file.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::Sans => SANS,
            Self::SansBold => SANS_BOLD,
            Self::Mono => MONO,
        }
    }

    /// The file's tables.
    pub fn face(self) -> &'static Face<'static> {
        static FACES: LazyLock<[Face<'static>; 3]> = LazyLock::new(|| {
            Typeface::ALL.map(|typeface| Face::parse(typeface.bytes(), 0).expect("a font of this crate"))
        });
        &FACES[self as usize]
    }

    /// The number of a character's glyph; none where the font lacks it.
    pub fn glyph(self, character: char) -> Option<u16> {
        self.face().glyph_index(character).map(|glyph| glyph.0)
    }

    /// Ems from the start of a glyph to the start of the next; the glyph 0 is the sign for a missing one.
    pub fn advance(self, glyph: u16) -> f64 {
        let units = self.face().glyph_hor_advance(GlyphId(glyph)).unwrap_or(0);
        f64::from(units) / f64::from(self.face().units_per_em())
    }
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Type {
    /// Ems in pixels.
    pub size: f64,
    /// The font.
    pub typeface: Typeface,
}

impl Type {
    /// DejaVu Sans with ems of `size` pixels.
    pub const fn plain(size: f64) -> Self {
        Self { size, typeface: Typeface::Sans }
    }

    /// DejaVu Sans Bold with ems of `size` pixels.
    pub const fn bold(size: f64) -> Self {
        Self { size, typeface: Typeface::SansBold }
    }

    /// DejaVu Sans Mono with ems of `size` pixels.
    pub const fn mono(size: f64) -> Self {
        Self { size, typeface: Typeface::Mono }
    }

    /// A character's glyph, the sign for a missing one where the font lacks it, and its advance in pixels.
    fn glyph(self, character: char) -> (u16, f64) {
        let glyph = self.typeface.glyph(character).unwrap_or(0);
        (glyph, self.typeface.advance(glyph) * self.size)
    }

    /// Pixels from the start of `text` to its end. Neither kerning nor ligatures are used.
    pub fn width(self, text: &str) -> f64 {
        text.chars().map(|character| self.glyph(character).1).sum()
    }

    /// `text`, or as much of its start as `width` pixels hold, and an ellipsis.
    pub fn fit(self, text: &str, width: f64) -> String {
        let room = width - self.glyph('…').1;
        let (mut end, mut used) = (0, 0.0);
        for (at, character) in text.char_indices() {
            used += self.glyph(character).1;
            if used <= room {
                end = at + character.len_utf8();
            }
            if used > width {
                return format!("{}…", text[..end].trim_end());
            }
        }
        text.to_owned()
    }

    /// `text` in at most `most` lines of `width` pixels, broken at spaces; what is left over is cut off.
    pub fn wrap(self, text: &str, width: f64, most: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            let longer = match lines.last() {
                Some(line) => format!("{line} {word}"),
                None => word.to_owned(),
            };
            let fits = lines.is_empty() || self.width(&longer) <= width;
            if fits {
                lines.pop();
                lines.push(longer);
            } else if lines.len() < most {
                lines.push(word.to_owned());
            } else {
                let rest: Vec<&str> = std::iter::once(word).chain(words.by_ref().take(50)).collect();
                let last = lines.pop().unwrap_or_default();
                lines.push(format!("{last} {}", rest.join(" ")));
                break;
            }
        }
        lines.truncate(most);
        lines.iter().map(|line| self.fit(line, width)).collect()
    }

    /// Draws the outlines of `text` with its baseline's start at `at` (pixels, y down).
    pub fn outline(self, text: &str, at: [f64; 2], builder: &mut dyn OutlineBuilder) {
        let face = self.typeface.face();
        let scale = self.size / f64::from(face.units_per_em());
        let mut x = at[0];
        for character in text.chars() {
            let (glyph, advance) = self.glyph(character);
            let mut placed = Placed { builder, x, y: at[1], scale };
            // A glyph without an outline is a space.
            let _ = face.outline_glyph(GlyphId(glyph), &mut placed);
            x += advance;
        }
    }
}

/// Font units to pixels.
struct Placed<'a> {
    builder: &'a mut dyn OutlineBuilder,
    x: f64,
    y: f64,
    scale: f64,
}

impl Placed<'_> {
    fn x(&self, x: f32) -> f32 {
        (self.x + f64::from(x) * self.scale) as f32
    }

    fn y(&self, y: f32) -> f32 {
        (self.y - f64::from(y) * self.scale) as f32
    }
}

impl OutlineBuilder for Placed<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        self.builder.move_to(self.x(x), self.y(y));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.builder.line_to(self.x(x), self.y(y));
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.builder.quad_to(self.x(x1), self.y(y1), self.x(x), self.y(y));
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.builder.curve_to(self.x(x1), self.y(y1), self.x(x2), self.y(y2), self.x(x), self.y(y));
    }

    fn close(&mut self) {
        self.builder.close();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn figures_are_of_one_width_and_bold_is_wider() {
        let widths = ('0'..='9').map(|figure| Type::plain(20.0).width(&figure.to_string()));
        // 1303 of 2048 units.
        assert!(widths.into_iter().all(|width| (width - 20.0 * 1303.0 / 2048.0).abs() < 1e-9));
        assert!(Type::bold(20.0).width("moue") > Type::plain(20.0).width("moue"));
        assert_eq!(Type::mono(20.0).width("ill"), Type::mono(20.0).width("www"));
    }

    #[test]
    fn the_height_of_capitals_is_the_fonts() {
        for typeface in Typeface::ALL {
            let bounds = typeface.face().glyph_bounding_box(GlyphId(typeface.glyph('H').unwrap())).unwrap();
            let capital = f64::from(bounds.y_max) / f64::from(typeface.face().units_per_em());
            assert!((capital - CAP_HEIGHT).abs() < 0.005, "{capital}");
        }
    }

    #[test]
    fn long_texts_are_broken_at_spaces_and_cut_off() {
        let face = Type::plain(10.0);
        assert_eq!(face.wrap("one two three four", 60.0, 5), ["one two", "three four"]);
        assert_eq!(face.wrap("one two three four five six seven", 60.0, 2), ["one two", "three four…"]);
        assert_eq!(face.wrap("  ", 60.0, 2), [""; 0]);
        assert_eq!(face.fit("abc", 100.0), "abc");
        assert_eq!(face.fit("abc", 1.0), "…");
    }

    proptest! {
        #[test]
        fn what_was_fitted_fits(text in "\\PC{0,60}", width in 20.0..300.0f64, most in 1usize..4) {
            let face = Type::plain(12.0);
            prop_assert!(face.width(&face.fit(&text, width)) <= width + 1e-9);
            let lines = face.wrap(&text, width, most);
            prop_assert!(lines.len() <= most && lines.iter().all(|line| face.width(line) <= width + 1e-9));
        }
    }
}
