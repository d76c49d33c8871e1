//! The film as a bar of time: a share for each shot, and a tick for each panel.

use moue_charts::draw::{GRID, MUTED, Rect};
use moue_charts::font::{CAP_HEIGHT, Type};

use crate::lines::{Item, Paragraph};
use crate::palette::{self, WHITE};
use crate::words::Words;

const HEIGHT: f64 = 17.0;
const NAME: Type = Type::bold(7.5);
const TIMES: Paragraph = Paragraph::new(Type::plain(7.5), MUTED);
const TICK: [f64; 2] = [0.75, 4.0];
/// Between shots, where they are wide enough.
const GAP: f64 = 1.0;
/// Around a shot's name.
const PADDING: f64 = 4.0;
/// Names are cut off where there is so much room for them; numbers stand where there is less.
const LEAST_NAME: f64 = 40.0;

/// Points from the bar's top to the end of what is written below it.
pub(crate) fn height() -> f64 {
    HEIGHT + 2.0 + TICK[1] + TIMES.height()
}

/// The bar, `width` wide, from its top left corner.
pub(crate) fn bar(words: &Words<'_>, width: f64) -> Vec<Item> {
    let mut items = vec![Item::Fill { rect: Rect::new(0.0, 0.0, width, HEIGHT), colour: GRID }];
    for shot in &words.shots {
        let [left, share] = shot.span.map(|share| share * width);
        let gap = if share > 4.0 * GAP && left + share < width - GAP { GAP } else { 0.0 };
        let rect = Rect::new(left, 0.0, share, HEIGHT);
        items.push(Item::Fill { rect, colour: palette::cast(shot.who) });
        if gap > 0.0 {
            items.push(Item::Fill { rect: Rect::new(rect.right() - gap, 0.0, gap, HEIGHT), colour: WHITE });
        }
        let room = share - 2.0 * PADDING;
        let (name, number) = (shot.short(), shot.number.to_string());
        let name = if NAME.width(&name) <= room || room >= LEAST_NAME { NAME.fit(&name, room) } else { number };
        if NAME.width(&name) <= room {
            let baseline = (HEIGHT + NAME.size * CAP_HEIGHT) / 2.0;
            items.push(Item::text(&name, NAME, WHITE, [left + PADDING, baseline]));
        }
    }
    if ticks_show(words, width) {
        for panel in &words.panels {
            let x = (panel.position * width).min(width - TICK[0]);
            items.push(Item::Fill { rect: Rect::new(x, HEIGHT + 2.0, TICK[0], TICK[1]), colour: MUTED });
        }
    }
    let baseline = HEIGHT + 2.0 + TICK[1] + TIMES.baseline();
    items.push(Item::text("00:00.00", TIMES.face, MUTED, [0.0, baseline]));
    let right = width - TIMES.face.width(&words.end);
    items.push(Item::text(&words.end, TIMES.face, MUTED, [right, baseline]));
    items
}

/// Ticks that touch each other say nothing.
fn ticks_show(words: &Words<'_>, width: f64) -> bool {
    (words.panels.len() as f64) * 3.0 * TICK[0] < width
}
