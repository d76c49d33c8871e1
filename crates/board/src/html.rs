//! The board as a web page.

use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use moue_charts::draw::{Colour, printable};

use crate::layout::usual_columns;
use crate::palette;
use crate::picture::Jpeg;
use crate::words::{PanelWords, ShotWords, Words};

const STYLE: &str = include_str!("board.css");
/// Between columns, and on both sides of the page together, in rem.
const GAP: f64 = 1.5;
const SIDES: f64 = 4.0;
/// A shot's share of the film from which its name stands on the bar.
const NAMED_SHARE: f64 = 0.03;
/// More shots than these are not parted by lines on the bar.
const MOST_PARTED: usize = 120;
/// More ticks than these are a grey bar.
const MOST_TICKS: usize = 400;

/// Writes the page.
pub(crate) fn html(words: &Words<'_>, jpegs: &[Jpeg], aspect: f64) -> String {
    let pictures: usize = jpegs.iter().map(|jpeg| jpeg.bytes.len()).sum();
    let mut out = String::with_capacity(pictures / 3 * 4 + words.panels.len() * 1000 + 20_000);
    // Writing to a text cannot fail.
    let _ = page(&mut out, words, jpegs, aspect);
    out
}

fn page(out: &mut String, words: &Words<'_>, jpegs: &[Jpeg], aspect: f64) -> fmt::Result {
    let title = escaped(words.heading());
    write!(
        out,
        "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"moue\">\n<title>{title}</title>\n<style>\n{STYLE}"
    )?;
    columns(out, aspect)?;
    write!(out, "</style>\n</head>\n<body>\n<header>\n<h1 dir=\"auto\">{title}</h1>\n<div class=\"about\">\n<p>")?;
    writeln!(out, "{}</p>\n<ul class=\"cast\">", escaped(&words.facts.join(" · ")))?;
    for (index, name) in words.cast.iter().enumerate() {
        writeln!(out, "<li class=\"{}\">{}</li>", colour_class(index), escaped(name))?;
    }
    writeln!(out, "</ul>\n</div>")?;
    film(out, words)?;
    writeln!(out, "</header>\n<main class=\"board\">")?;
    for shot in &words.shots {
        section(out, words, shot, jpegs, usual_columns(aspect))?;
    }
    writeln!(out, "</main>\n</body>\n</html>")
}

/// The rules that depend on the shape of the pictures: how many columns windows have, and how many of them shots take.
fn columns(out: &mut String, aspect: f64) -> fmt::Result {
    let most = usual_columns(aspect);
    let least = match most {
        6 => 10.5,
        5 => 13.0,
        4 => 16.0,
        _ => 21.0,
    };
    writeln!(out, ":root {{ --aspect: {aspect:.4}; --least: {least}rem; }}")?;
    for (index, Colour([r, g, b])) in palette::CAST.iter().enumerate() {
        writeln!(out, ".{} {{ --who: #{r:02x}{g:02x}{b:02x}; }}", colour_class(index))?;
    }
    for columns in 2..=most {
        let window = columns as f64 * (least + GAP) - GAP + SIDES;
        write!(out, "@media screen and (min-width: {window}rem) {{ .board {{ --columns: {columns}; }}")?;
        for count in 2..=most {
            write!(out, " .n{count} {{ grid-column: span {}; }}", count.min(columns))?;
        }
        writeln!(out, " }}")?;
    }
    // On paper there are as many as in the PDF, without a grid around them: browsers break grids between pages badly.
    write!(out, "@media print {{")?;
    for count in 1..=most {
        write!(
            out,
            " .n{count} {{ --columns: {count}; width: calc((100% + {GAP}rem) * {count} / {most} - {GAP}rem); }}"
        )?;
    }
    writeln!(out, " }}")
}

fn colour_class(who: usize) -> String {
    format!("c{}", who % palette::CAST.len() + 1)
}

/// The bar of time.
fn film(out: &mut String, words: &Words<'_>) -> fmt::Result {
    writeln!(out, "<div class=\"film\">\n<nav aria-label=\"Shots\">")?;
    for shot in &words.shots {
        let [left, share] = shot.span;
        let named = share >= NAMED_SHARE;
        let look = match (named, words.shots.len() <= MOST_PARTED) {
            (true, true) => " parted",
            (true, false) => "",
            (false, true) => " parted thin",
            (false, false) => " thin",
        };
        let title = escaped(&format!("{}: {}", shot.heading(), shot.facts.join(" · ")));
        writeln!(
            out,
            "<a class=\"{}{look}\" style=\"left:{:.3}%;width:{:.3}%\" href=\"#shot-{}\" title=\"{title}\">{}</a>",
            colour_class(shot.who),
            left * 100.0,
            share * 100.0,
            shot.number,
            if named { escaped(&shot.short()) } else { String::new() },
        )?;
    }
    writeln!(out, "</nav>")?;
    if words.panels.len() <= MOST_TICKS {
        write!(out, "<svg viewBox=\"0 0 1000 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path d=\"")?;
        for panel in &words.panels {
            write!(out, "M{:.2} 0v1", (panel.position * 1000.0).clamp(0.5, 999.5))?;
        }
        writeln!(out, "\" vector-effect=\"non-scaling-stroke\"/></svg>")?;
    }
    writeln!(out, "<p><span>00:00.00</span><span>{}</span></p>\n</div>", words.end)
}

fn section(out: &mut String, words: &Words<'_>, shot: &ShotWords<'_>, jpegs: &[Jpeg], most: usize) -> fmt::Result {
    let who = escaped(&words.cast[shot.who]);
    writeln!(
        out,
        "<section class=\"shot n{} {}{}\" id=\"shot-{}\">\n<header>\n<h2 dir=\"auto\">{}</h2>\n\
         <p><span class=\"who\">{who}</span> {}</p>",
        shot.panels.len().min(most),
        colour_class(shot.who),
        if shot.panels.len() > most { " long" } else { "" },
        shot.number,
        escaped(&shot.heading()),
        escaped(&shot.facts.join(" · ")),
    )?;
    writeln!(out, "</header>\n<div class=\"panels\">")?;
    for (panel, jpeg) in words.panels[shot.panels.clone()].iter().zip(&jpegs[shot.panels.clone()]) {
        figure(out, panel, jpeg, &who)?;
    }
    writeln!(out, "</div>\n</section>")
}

/// A panel; `who` is escaped.
fn figure(out: &mut String, panel: &PanelWords<'_>, jpeg: &Jpeg, who: &str) -> fmt::Result {
    let (number, moment) = (&panel.number, &panel.moment);
    write!(
        out,
        "<figure class=\"panel\" id=\"panel-{number}\">\n<img width=\"{}\" height=\"{}\" \
         alt=\"{who} {moment}\" src=\"data:image/jpeg;base64,",
        jpeg.width, jpeg.height
    )?;
    STANDARD.encode_string(&jpeg.bytes, out);
    writeln!(out, "\">\n<figcaption>\n<p class=\"moment\"><b>{number}</b> <span>{moment}</span></p>")?;
    if let Some(caption) = panel.caption {
        writeln!(out, "<p class=\"caption\" dir=\"auto\">{}</p>", escaped(caption))?;
    }
    if let Some(dialogue) = &panel.dialogue {
        let dialogue = escaped(dialogue);
        writeln!(out, "<blockquote dir=\"auto\"><cite class=\"who\">{who}</cite>{dialogue}</blockquote>")?;
    }
    if let Some(expression) = panel.expression {
        writeln!(out, "<code>{}</code>", escaped(expression))?;
    }
    writeln!(out, "</figcaption>\n</figure>")
}

/// A text as a page's text or an attribute's value; line breaks are kept.
fn escaped(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(printable).collect();
    let mut out = String::with_capacity(text.len() + 16);
    for character in lines.join("\n").chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_become_markup() {
        assert_eq!(escaped("<b title='a\"b'>&amp;\n\u{1}"), "&lt;b title=&#39;a&quot;b&#39;&gt;&amp;amp;\n\u{fffd}");
    }

    #[test]
    fn shots_take_as_many_columns_as_they_have_panels_and_windows_have() {
        let mut style = String::new();
        columns(&mut style, 16.0 / 9.0).unwrap();
        for rule in [
            "@media screen and (min-width: 37.5rem) { .board { --columns: 2; } .n2 { grid-column: span 2; } \
             .n3 { grid-column: span 2; } .n4 { grid-column: span 2; } }",
            "@media screen and (min-width: 55rem) { .board { --columns: 3; } .n2 { grid-column: span 2; } \
             .n3 { grid-column: span 3; } .n4 { grid-column: span 3; } }",
        ] {
            assert!(style.contains(rule), "{style}");
        }
        assert!(!style.contains("--columns: 5"));
    }
}
