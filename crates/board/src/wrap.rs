//! Lines of texts.

use moue_charts::font::Type;
use unicode_linebreak::{BreakOpportunity, linebreaks};

/// `text` in at most `most` lines of `width`: broken where the Unicode line breaking algorithm (UAX 14) allows, words
/// that are wider than a line anywhere. Line breaks in the text are kept. What is left over is cut off, with an
/// ellipsis.
pub(crate) fn wrap(text: &str, face: Type, width: f64, most: usize) -> Vec<String> {
    let text = visible(text.trim());
    let mut lines = Lines { face, width, lines: Vec::new(), line: String::new(), used: 0.0 };
    let mut from = 0;
    for (to, opportunity) in linebreaks(&text) {
        lines.part(&text[from..to]);
        from = to;
        if opportunity == BreakOpportunity::Mandatory {
            lines.end();
        }
        if lines.lines.len() > most {
            break;
        }
    }
    let mut lines = lines.lines;
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = face.fit(&format!("{last}…"), width);
        }
    }
    lines
}

/// What can be drawn of a text: characters without a form are left out, controls are spaces or the sign for what
/// cannot be shown. Line breaks are kept.
pub(crate) fn visible(text: &str) -> String {
    text.replace("\r\n", "\n").chars().filter(|c| !is_ignorable(*c)).map(shown).collect()
}

fn shown(character: char) -> char {
    match character {
        '\n' => '\n',
        c if c.is_whitespace() && c.is_control() => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// Joiners, marks of direction and variation selectors: nothing where a font knows nothing of them.
fn is_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e0fff}'
    )
}

struct Lines {
    face: Type,
    width: f64,
    lines: Vec<String>,
    line: String,
    used: f64,
}

impl Lines {
    /// Adds a part that is not to be broken, with the space after it.
    fn part(&mut self, part: &str) {
        let word = part.trim_end();
        let width = self.face.width(word);
        if self.used + width > self.width && !self.line.is_empty() {
            self.end();
        }
        if width > self.width {
            self.letters(word);
        } else {
            self.line.push_str(word);
            self.used += width;
        }
        // Spaces may hang over the edge; at the end of a line they are left out.
        let space = part[word.len()..].trim_matches('\n');
        self.line.push_str(space);
        self.used += self.face.width(space);
    }

    fn letters(&mut self, word: &str) {
        for letter in word.chars() {
            let width = self.face.width(letter.encode_utf8(&mut [0; 4]));
            if self.used + width > self.width && !self.line.is_empty() {
                self.end();
            }
            self.line.push(letter);
            self.used += width;
        }
    }

    fn end(&mut self) {
        self.lines.push(self.line.trim_end().to_owned());
        self.line.clear();
        self.used = 0.0;
    }
}

/// Between parts of a line.
pub(crate) const DOT: &str = " · ";

/// `parts` with dots between them in lines of `width`, broken between parts where that can be.
pub(crate) fn pack(parts: &[String], face: Type, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        if let Some(last) = lines.last_mut()
            && face.width(last) + face.width(DOT) + face.width(part) <= width
        {
            last.push_str(DOT);
            last.push_str(part);
        } else {
            lines.extend(wrap(part, face, width, usize::MAX));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FACE: Type = Type::plain(10.0);

    fn wrapped(text: &str, width: f64) -> Vec<String> {
        wrap(text, FACE, width, usize::MAX)
    }

    #[test]
    fn lines_break_at_spaces_and_where_the_writer_broke_them() {
        assert_eq!(wrapped("one two three four", 60.0), ["one two", "three four"]);
        assert_eq!(wrapped("one\ntwo\r\n\nthree\n", 60.0), ["one", "two", "", "three"]);
        assert_eq!(wrapped("  ", 60.0), [""; 0]);
        assert_eq!(wrapped("", 60.0), [""; 0]);
    }

    #[test]
    fn long_words_and_scripts_without_spaces_break_too() {
        let line = wrapped("Donaudampfschifffahrtsgesellschaft", 60.0);
        assert!(line.len() > 2 && line.concat() == "Donaudampfschifffahrtsgesellschaft", "{line:?}");
        assert_eq!(wrapped("彼女は笑う。", 32.0).concat(), "彼女は笑う。");
        // A full stop does not begin a line.
        assert!(wrapped("彼女は笑う。", 32.0).iter().all(|line| !line.starts_with('。')));
    }

    #[test]
    fn what_is_left_over_is_cut_off() {
        assert_eq!(wrap("one two three four five six", FACE, 60.0, 2), ["one two", "three four…"]);
        assert_eq!(wrap("one two three", FACE, 60.0, 2), ["one two", "three"]);
    }

    #[test]
    fn what_has_no_form_is_left_out() {
        assert_eq!(visible("a\u{fe0f}b\tc\u{0}\u{200d}"), "ab c\u{fffd}");
    }

    #[test]
    fn parts_stay_together() {
        let parts = ["one two", "three", "four five six seven eight nine ten"].map(str::to_owned);
        assert_eq!(pack(&parts, FACE, 90.0), ["one two · three", "four five six", "seven eight nine", "ten"]);
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_its_line_and_nothing_is_lost(text in "[\\PC\n\t]{0,80}", width in 20.0..200.0f64) {
            let lines = wrapped(&text, width);
            prop_assert!(lines.iter().all(|line| FACE.width(line) <= width + 1e-9));
            let letters = |text: &str| visible(text).chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
            let few = wrap(&text, FACE, width, 2);
            prop_assert!(few.len() <= 2 && few.iter().all(|line| FACE.width(line) <= width + 1e-9));
        }
    }
}
