//! A font in a PDF: the part that is used, with the characters that it stands for.

use std::collections::{BTreeMap, BTreeSet};

use miniz_oxide::deflate::compress_to_vec_zlib;
use moue_charts::font::{CAP_HEIGHT, Typeface};
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Name, Pdf, Rect, Ref, Str};
use subsetter::GlyphRemapper;

use crate::BoardError;

const ADOBE_IDENTITY: SystemInfo = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
const COMPRESSION: u8 = 6;

/// The characters of one font. Each has a code of its own, those that the font lacks too: they are drawn as the same
/// box, and can be told apart by who searches or copies.
pub(crate) struct PdfFont {
    typeface: Typeface,
    codes: BTreeMap<char, u16>,
}

impl PdfFont {
    pub fn new(typeface: Typeface, characters: &BTreeSet<char>) -> Self {
        // 0 is the box, and what is left after 65535 others.
        Self { typeface, codes: characters.iter().copied().zip(1..=u16::MAX).collect() }
    }

    /// The bytes of `text` in a page's content.
    pub fn encode(&self, text: &str) -> Vec<u8> {
        text.chars().flat_map(|character| self.codes.get(&character).copied().unwrap_or(0).to_be_bytes()).collect()
    }

    /// Writes the font, as the object `id`.
    pub fn write(&self, pdf: &mut Pdf, id: Ref, mut next: impl FnMut() -> Ref) -> Result<(), BoardError> {
        let (face, name) = (self.typeface.face(), self.name());
        let mut glyphs = GlyphRemapper::new();
        // Of code 0, then of each in order.
        let original: Vec<u16> = std::iter::once(0)
            .chain(self.codes.keys().map(|character| self.typeface.glyph(*character).unwrap_or(0)))
            .collect();
        let map: Vec<u8> = original.iter().flat_map(|glyph| glyphs.remap(*glyph).to_be_bytes()).collect();
        let data = subsetter::subset(self.typeface.bytes(), 0, &glyphs)
            .map_err(|error| BoardError::Font { font: name, reason: error.to_string() })?;

        let [cid, descriptor, file, unicode, gids] = std::array::from_fn(|_| next());
        // Six letters say that it is a part of the font.
        let name = format!("MOUEBD+{name}");
        let name = Name(name.as_bytes());
        pdf.type0_font(id)
            .base_font(name)
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(cid)
            .to_unicode(unicode);

        let mut font = pdf.cid_font(cid);
        font.subtype(CidFontType::Type2).base_font(name).system_info(ADOBE_IDENTITY).font_descriptor(descriptor);
        font.cid_to_gid_map_stream(gids).default_width(0.0);
        let widths = original.iter().map(|glyph| (self.typeface.advance(*glyph) * 1000.0) as f32);
        font.widths().consecutive(0, widths);
        drop(font);

        let thousandths = |value: i16| f32::from(value) * 1000.0 / f32::from(face.units_per_em());
        let bounds = face.global_bounding_box();
        let [left, bottom, right, top] = [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max].map(thousandths);
        let mut flags = FontFlags::SYMBOLIC;
        flags.set(FontFlags::FIXED_PITCH, self.typeface == Typeface::Mono);
        pdf.font_descriptor(descriptor)
            .name(name)
            .flags(flags)
            .bbox(Rect::new(left, bottom, right, top))
            .italic_angle(0.0)
            .ascent(thousandths(face.ascender()))
            .descent(thousandths(face.descender()))
            .cap_height(CAP_HEIGHT as f32 * 1000.0)
            .stem_v(if self.typeface == Typeface::SansBold { 160.0 } else { 88.0 })
            .font_file2(file);

        let length = data.len() as i32;
        let data = compress_to_vec_zlib(&data, COMPRESSION);
        pdf.stream(file, &data).filter(Filter::FlateDecode).pair(Name(b"Length1"), length);
        pdf.stream(gids, &compress_to_vec_zlib(&map, COMPRESSION)).filter(Filter::FlateDecode);

        let mut cmap = UnicodeCmap::<u16>::new(
            Name(b"Adobe-Identity-UCS"),
            SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"UCS"), supplement: 0 },
        );
        for (character, code) in &self.codes {
            cmap.pair(*code, *character);
        }
        let cmap = compress_to_vec_zlib(cmap.finish().as_slice(), COMPRESSION);
        pdf.cmap(unicode, &cmap).filter(Filter::FlateDecode);
        Ok(())
    }

    fn name(&self) -> &'static str {
        match self.typeface {
            Typeface::Sans => "DejaVuSans",
            Typeface::SansBold => "DejaVuSans-Bold",
            Typeface::Mono => "DejaVuSansMono",
        }
    }
}
