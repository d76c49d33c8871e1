//! The head of a page: title, summary, and what its colours mean.

use crate::canvas::{Anchor, Canvas, Rect, printable};
use crate::stretch::{Absence, Stretch};
use crate::theme::{Colour, INK, LABEL, MARGIN, MUTED, PAGE_WIDTH, SUMMARY, TITLE};

const SUMMARY_LINES: usize = 3;
const SUMMARY_STEP: f64 = 22.0;
/// From the margin to the baseline of the title.
const TITLE_BASELINE: f64 = 22.0;
const SWATCH: f64 = 26.0;

/// A colour and what it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub colour: Colour,
    /// Of the line; none for a shaded stretch.
    pub width: Option<f64>,
    pub name: String,
}

/// The keys of the kinds of stretches that there are, with how many there are of each and how long they last.
pub(crate) fn stretch_keys(stretches: &[Stretch]) -> Vec<Key> {
    let key = |reason: Absence| {
        let lengths = stretches.iter().filter(|stretch| stretch.reason == reason).map(|s| (s.end - s.start).max(0.0));
        let (count, seconds) = lengths.fold((0, 0.0), |(count, sum), length| (count + 1, sum + length));
        let name = match count {
            1 => format!("{} (once, {seconds:.2} s)", reason.name()),
            _ => format!("{} ({count} times, {seconds:.2} s)", reason.name()),
        };
        (count > 0).then_some(Key { colour: reason.colour(), width: None, name })
    };
    Absence::ALL.into_iter().filter_map(key).collect()
}

/// Draws the head of a page and says where it ends, in pixels from the top.
pub(crate) fn heading(canvas: &mut Canvas, title: &str, summary: &str, keys: &[Key]) -> f64 {
    canvas.title = printable(&LABEL.fit(title, PAGE_WIDTH)).into_owned();
    let baseline = MARGIN + TITLE_BASELINE;
    let mut right = PAGE_WIDTH - MARGIN;
    for key in keys.iter().rev() {
        let name = LABEL.fit(&key.name, 360.0);
        canvas.text(&name, LABEL, INK, Anchor::End, [right, baseline]);
        right -= LABEL.width(&name) + 8.0;
        let middle = baseline - 5.0;
        match key.width {
            Some(width) => canvas.line([right - SWATCH, middle], [right, middle], width, key.colour),
            None => canvas.fill(Rect::new(right - SWATCH, middle - 7.0, SWATCH, 14.0), key.colour),
        }
        right -= SWATCH + 24.0;
    }
    canvas.text(&TITLE.fit(title, right - MARGIN), TITLE, INK, Anchor::Start, [MARGIN, baseline]);
    let mut y = baseline + 6.0;
    for line in SUMMARY.wrap(summary, PAGE_WIDTH - 2.0 * MARGIN, SUMMARY_LINES) {
        y += SUMMARY_STEP;
        canvas.text(&line, SUMMARY, MUTED, Anchor::Start, [MARGIN, y]);
    }
    y + 24.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_count_what_is_missing() {
        let stretch = |start, end, reason| Stretch { start, end, reason };
        let rows = [stretch(0.0, 0.5, Absence::MissingRows)];
        assert_eq!(stretch_keys(&rows)[0].name, "rows missing (once, 0.50 s)");
        let faces = [stretch(1.0, 2.0, Absence::NoFace), stretch(5.0, 5.25, Absence::NoFace)];
        assert_eq!(stretch_keys(&faces)[0].name, "no face found (2 times, 1.25 s)");
        assert_eq!((stretch_keys(&rows).len(), stretch_keys(&[]).len()), (1, 0));
    }

    #[test]
    fn a_longer_summary_pushes_the_rest_down() {
        let end = |summary: &str| heading(&mut Canvas::new(PAGE_WIDTH, 100.0), "take", summary, &[]);
        assert_eq!(end("x") - end(""), SUMMARY_STEP);
        assert_eq!(end(&"word ".repeat(2000)) - end(""), SUMMARY_LINES as f64 * SUMMARY_STEP);
    }
}
