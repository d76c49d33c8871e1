//! A page as SVG.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

use crate::canvas::{Anchor, Canvas, Mark};
use crate::font::{CSS_FAMILIES, CSS_MONO_FAMILIES, Typeface};
use crate::theme::Colour;

const JPEG_QUALITY: u8 = 88;

/// Draws `canvas` as an SVG 1.1 document that refers to nothing outside it.
pub(crate) fn svg(canvas: &Canvas) -> String {
    let Canvas { width, height, .. } = canvas;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"{width}\" \
         height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"{CSS_FAMILIES}\" \
         stroke-linejoin=\"round\" text-rendering=\"geometricPrecision\" \
         style=\"font-kerning:none;font-variant-ligatures:none\" xml:space=\"preserve\">\n\
         <title>{}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
        escaped(&canvas.title)
    );
    for mark in &canvas.marks {
        // Writing to a text cannot fail.
        let _ = write(mark, &mut out);
    }
    out.push_str("</svg>\n");
    out
}

fn write(mark: &Mark, out: &mut String) -> std::fmt::Result {
    match mark {
        Mark::Line { points, width, colour } if points.len() > 1 => {
            write!(out, "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" points=\"", hex(*colour))?;
            for (index, [x, y]) in points.iter().enumerate() {
                write!(out, "{}{},{}", if index == 0 { "" } else { " " }, short(*x), short(*y))?;
            }
            writeln!(out, "\"/>")
        }
        Mark::Line { .. } => Ok(()),
        Mark::Box { rect, colour } => {
            let [x, y, width, height] = [rect.x, rect.y, rect.width, rect.height].map(|side| short(side as f32));
            writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"/>", hex(*colour))
        }
        Mark::Dot { centre: [x, y], radius, colour } => {
            writeln!(
                out,
                "<circle cx=\"{}\" cy=\"{}\" r=\"{radius}\" fill=\"{}\"/>",
                short(*x),
                short(*y),
                hex(*colour)
            )
        }
        Mark::Text { text, baseline, anchor, face, colour } => {
            let [x, y] = baseline.map(|value| short(value as f32));
            write!(out, "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\"", face.size)?;
            match face.typeface {
                Typeface::Sans => {}
                Typeface::SansBold => out.push_str(" font-weight=\"bold\""),
                Typeface::Mono => write!(out, " font-family=\"{CSS_MONO_FAMILIES}\"")?,
            }
            match anchor {
                Anchor::Start => {}
                Anchor::Middle => out.push_str(" text-anchor=\"middle\""),
                Anchor::End => out.push_str(" text-anchor=\"end\""),
            }
            writeln!(out, " fill=\"{}\">{}</text>", hex(*colour), escaped(text))
        }
        Mark::Picture { at: [x, y], size: [width, height], picture } => match jpeg(picture) {
            Some(jpeg) => writeln!(
                out,
                "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
                 xlink:href=\"data:image/jpeg;base64,{jpeg}\"/>"
            ),
            None => Ok(()),
        },
    }
}

/// Base64 of the picture as JPEG; none where its sides exceed what JPEG can say.
fn jpeg(picture: &RgbImage) -> Option<String> {
    let mut bytes = Vec::new();
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)).ok()?;
    Some(STANDARD.encode(bytes))
}

fn hex(Colour([r, g, b]): Colour) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A length to a twentieth of a pixel, without needless digits.
fn short(value: f32) -> f32 {
    (value * 20.0).round() / 20.0
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::Rect;
    use crate::font::Type;

    #[test]
    fn every_mark_has_its_element() {
        let mut canvas = Canvas::new(100.0, 50.0);
        let blue = Colour([0, 0x72, 0xb2]);
        canvas.line([0.0, 2.5], [20.0, 2.512], 1.0, blue);
        canvas.fill(Rect::new(1.0, 2.0, 3.0, 4.0), blue);
        canvas.dot([5.0, 6.0], 2.0, blue);
        canvas.text("a < b & \"c\"", Type::bold(12.0), blue, Anchor::End, [7.0, 8.0]);
        canvas.text(" ", Type::bold(12.0), blue, Anchor::End, [7.0, 8.0]);
        let picture = RgbImage::new(4, 4);
        canvas.marks.push(Mark::Picture { at: [9, 10], size: [2, 2], picture });
        let svg = svg(&canvas);
        for part in [
            "width=\"100\" height=\"50\" viewBox=\"0 0 100 50\"",
            "stroke=\"#0072b2\" stroke-width=\"1\" points=\"0,2.5 20,2.5\"/>",
            "<rect x=\"1\" y=\"2\" width=\"3\" height=\"4\" fill=\"#0072b2\"/>",
            "<circle cx=\"5\" cy=\"6\" r=\"2\" fill=\"#0072b2\"/>",
            "<text x=\"7\" y=\"8\" font-size=\"12\" font-weight=\"bold\" text-anchor=\"end\" fill=\"#0072b2\">a &lt; b \
             &amp; \"c\"</text>",
            "<image x=\"9\" y=\"10\" width=\"2\" height=\"2\"",
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert_eq!(svg.matches("<text").count(), 1);
        let (_, data) = svg.split_once("base64,").unwrap();
        let jpeg = STANDARD.decode(data.split_once('"').unwrap().0).unwrap();
        assert_eq!(image::load_from_memory(&jpeg).unwrap().to_rgb8().dimensions(), (4, 4));
    }
}
