//! Beats: moments in which the face has an expression.

use std::ops::Range;

use moue_document::{Entry, Located, Node, Report, Tried, mapping};

use super::{EaseText, PoseText, Time};

mapping! {
    /// A moment of a shot in which the face has an expression. On one line: `at 1.2s to delight, ease spring` or
    /// `then 0.4s to surprise, hold 1s`.
    pub(crate) struct BeatText line beat_line {
        /// When, from the start of the shot.
        pub at: Tried<Located<Time>>,
        /// When, from the end of the beat before.
        pub then: Tried<Located<Time>>,
        /// What the whole face does. On one line: `to`.
        pub express: Tried<Located<PoseText>>,
        /// What the named channels do on top of that, until they are named again.
        pub also: Tried<Located<PoseText>>,
        /// What comes on top for a moment: a blink, a micro-expression.
        pub flash: Tried<Located<PoseText>>,
        /// How long the change takes; it ends in the beat.
        pub over: Option<Located<Time>>,
        /// How long the face stays like that.
        pub hold: Option<Located<Time>>,
        /// How values get there.
        pub ease: Option<EaseText>,
        /// What happens, on this beat's panel.
        pub caption: Option<String>,
        /// What is said, on this beat's panel.
        pub dialogue: Option<String>,
    }
}

/// What begins a part of a line, and the key it stands for.
const WORDS: [(&str, &str); 8] = [
    ("at", "at"),
    ("then", "then"),
    ("to", "express"),
    ("also", "also"),
    ("flash", "flash"),
    ("over", "over"),
    ("hold", "hold"),
    ("ease", "ease"),
];
const EXAMPLE: &str = "write for example `then 0.4s to surprise, hold 1s`";

/// A word that has a meaning of its own in a beat's line, so that no expression can have it as its name.
pub(crate) fn is_beat_word(word: &str) -> bool {
    WORDS.iter().any(|(known, _)| *known == word)
}

/// `[at TIME | then TIME] [to POSE | also POSE | flash POSE] [over TIME] [hold TIME] [ease EASING]`, with commas
/// between the parts or not.
fn beat_line(node: &Node, report: &mut Report) -> Option<Node> {
    let Some(scalar) = node.scalar().filter(|_| !node.is_null()) else {
        report.unexpected(node, "a beat such as `then 0.4s to surprise, hold 1s`");
        return None;
    };
    let text = &scalar.text;
    let mut entries: Vec<Entry> = Vec::new();
    for (word, value) in parts(text) {
        let key = node.part(word.clone());
        let Some((_, name)) = WORDS.iter().find(|(known, _)| *known == &text[word.clone()]) else {
            let found = text[word].to_owned();
            report
                .error(key, format!("found `{found}`, expected at, then, to, also, flash, over, hold or ease"))
                .hint(EXAMPLE);
            return None;
        };
        if value.start == value.end {
            report.error(key, format!("nothing comes after `{}`", &text[word])).hint(EXAMPLE);
            return None;
        }
        if let Some(first) = entries.iter().find(|entry| entry.name == *name) {
            let error = report.error(key, format!("`{}` is here a second time", &text[word]));
            error.label(first.key, "the first time").hint("write one line for each beat");
            return None;
        }
        entries.push(Entry { name: (*name).to_owned(), key, value: node.slice(value), commented_out: false });
    }
    Some(Node::mapping(node.span(), entries))
}

/// The parts of a line: where its word and its value are. Brackets keep together what is inside them.
fn parts(text: &str) -> Vec<(Range<usize>, Range<usize>)> {
    let mut parts: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    let (mut depth, mut at, mut ended) = (0usize, 0, true);
    while let Some(c) = text[at..].chars().next() {
        let start = at;
        if !c.is_alphanumeric() && c != '_' && c != '.' {
            at += c.len_utf8();
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => ended = true,
                _ => {}
            }
        } else {
            let rest = &text[at..];
            at += rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))).unwrap_or(rest.len());
            // The word right after another one is its value, so that `ease hold` can be said.
            let complete = parts.last().is_none_or(|(_, value)| value.start < value.end);
            if ended || (depth == 0 && complete && is_beat_word(&text[start..at])) {
                parts.push((start..at, at..at));
                ended = false;
                continue;
            }
        }
        // Commas and spaces at a value's end are no part of it; `slice` takes the spaces away.
        if let Some((_, value)) = parts.last_mut().filter(|_| !ended && !c.is_whitespace()) {
            if value.start == value.end {
                value.start = start;
            }
            value.end = at;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        parts(text).into_iter().map(|(word, value)| format!("{}={}", &text[word], &text[value])).collect()
    }

    #[test]
    fn lines_are_split_at_their_words() {
        assert_eq!(split("then 0.4s to surprise, hold 1s"), ["then=0.4s", "to=surprise", "hold=1s"]);
        assert_eq!(
            split("at 1.2s to delight*0.6 + doubt ease spring(0.5)"),
            ["at=1.2s", "to=delight*0.6 + doubt", "ease=spring(0.5)"]
        );
        assert_eq!(split("hold 1s"), ["hold=1s"]);
        assert_eq!(
            split("to mirror(contempt), ease cubic-bezier(0.3, 0, 0.1, 1)"),
            ["to=mirror(contempt)", "ease=cubic-bezier(0.3, 0, 0.1, 1)"]
        );
        assert_eq!(split("at 30f to 喜び, ease hold, hold 00:01"), ["at=30f", "to=喜び", "ease=hold", "hold=00:01"]);
        assert_eq!(split("surprise"), ["surprise="]);
        assert_eq!(split("then to hold"), ["then=to", "hold="]);
        assert_eq!(split("at 1s, surprise"), ["at=1s", "surprise="]);
        assert_eq!(split(""), Vec::<String>::new());
        assert_eq!(split("to -0.5*delight"), ["to=-0.5*delight"]);
    }
}
