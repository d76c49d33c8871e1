//! The board in blocks, one below the other, for the forms that have no layout of their own.

use std::collections::BTreeSet;

use moue_charts::draw::{GRID, GROUND, INK, MUTED, Rect};
use moue_charts::font::Type;

use crate::bar;
use crate::grid::{self, Span};
use crate::lines::{Item, Line, Paragraph, height};
use crate::palette;
use crate::words::{PanelWords, ShotWords, Words};
use crate::wrap::{DOT, pack};

const TITLE: Paragraph = Paragraph::new(Type::bold(20.0), INK);
const FACTS: Paragraph = Paragraph::new(Type::plain(8.5), MUTED);
const CAST: Type = Type::bold(7.5);
const CAST_BASELINE: f64 = 8.0;
/// From a colour to its name, and from there to the next.
const CHIP: f64 = 10.0;
const CHIP_GAP: f64 = 14.0;
const SHOT: Paragraph = Paragraph::new(Type::bold(10.5), INK);
const CONTINUED: Paragraph = Paragraph::new(Type::plain(9.0), MUTED);
const SHOT_FACTS: Paragraph = Paragraph::new(Type::plain(7.8), MUTED);
const NUMBER: Type = Type::bold(7.5);
const MOMENT: Paragraph = Paragraph::new(Type::plain(7.5), MUTED);
const CAPTION: Paragraph = Paragraph::new(Type::plain(10.0), INK);
const SPEAKER: Type = Type::bold(6.8);
const DIALOGUE: Paragraph = Paragraph::new(Type::plain(9.2), INK);
const EXPRESSION: Paragraph = Paragraph::new(Type::mono(6.8), MUTED);

const RULE: f64 = 2.0;
/// Between columns.
pub(crate) const GAP: f64 = 16.0;
/// Between blocks.
pub(crate) const BLOCK_GAP: f64 = 18.0;
/// Of titles, and of what is written above a shot.
const MOST_HEAD_LINES: usize = 4;

/// The room that a board has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// Side by side.
    pub columns: usize,
    /// Width of a panel, in points.
    pub panel: f64,
    /// Width of a tile for each of its height.
    pub aspect: f64,
    /// Blocks are not higher.
    pub highest: f64,
    /// What is left of it below the title.
    pub first: f64,
    /// Of a caption or a dialogue; what is left over is cut off.
    pub most_lines: usize,
}

impl Form {
    pub fn width(&self) -> f64 {
        self.columns as f64 * (self.panel + GAP) - GAP
    }

    fn column(&self, index: usize) -> f64 {
        index as f64 * (self.panel + GAP)
    }
}

/// A part of the board that stays on one page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    pub height: f64,
    pub items: Vec<Item>,
    /// Shots that begin in it.
    pub shots: Vec<usize>,
}

/// Panels side by side on an A4 page, for tiles of this shape: small enough that a caption's lines are not too long,
/// large enough that a face can be seen.
pub(crate) fn usual_columns(aspect: f64) -> usize {
    match aspect {
        narrow if narrow < 0.75 => 6,
        square if square < 1.25 => 5,
        wide if wide < 1.95 => 4,
        _ => 3,
    }
}

/// The title's block.
pub(crate) fn title(words: &Words<'_>, form: &Form) -> Block {
    let width = form.width();
    let mut lines = TITLE.lines(words.heading(), 0.0, width, MOST_HEAD_LINES);
    lines.push(Line::gap(1.0));
    let facts = pack(&words.facts, FACTS.face, width);
    let mut facts: Vec<Line> = facts.iter().map(|line| FACTS.line(line, 0.0)).collect();
    let used = FACTS.face.width(&words.facts.join(DOT));
    let room: f64 = words.cast.iter().map(|name| CHIP + CAST.width(name) + CHIP_GAP).sum();
    if let [line] = facts.as_mut_slice()
        && used + room <= width
    {
        // Who is seen finds room to the right of the facts.
        let beside = legend(words, width).into_iter().flat_map(|line| line.items);
        line.items.extend(beside.map(|item| item.shifted([width - room + CHIP_GAP, FACTS.baseline() - CAST_BASELINE])));
        lines.extend(facts);
    } else {
        lines.extend(facts);
        lines.push(Line::gap(4.0));
        lines.extend(legend(words, width));
    }
    lines.push(Line::gap(6.0));
    lines.push(Line { height: bar::height(), items: bar::bar(words, width) });
    let mut block = Block::default();
    block.place(lines, [0.0, 0.0]);
    block
}

/// Who is seen, with their colours on the bar.
fn legend(words: &Words<'_>, width: f64) -> Vec<Line> {
    let line = || Line { height: CAST.size * 1.5, items: Vec::new() };
    let mut lines = vec![line()];
    let mut x = 0.0;
    for (index, name) in words.cast.iter().enumerate() {
        let name = CAST.fit(name, width - CHIP);
        let room = CHIP + CAST.width(&name);
        if x > 0.0 && x + room > width {
            if lines.len() == MOST_HEAD_LINES {
                break;
            }
            lines.push(line());
            x = 0.0;
        }
        if let Some(line) = lines.last_mut() {
            let rect = Rect::new(x, CAST_BASELINE - 6.0, 6.5, 6.5);
            line.items.push(Item::Fill { rect, colour: palette::cast(index) });
            line.items.push(Item::text(&name, CAST, INK, [x + CHIP, CAST_BASELINE]));
        }
        x += room + CHIP_GAP;
    }
    lines
}

/// The blocks of the panels: rows, and what is too much for one.
pub(crate) fn rows(words: &Words<'_>, form: &Form) -> Vec<Block> {
    let rows = grid::rows(words.shots.iter().map(|shot| shot.panels.clone()), form.columns);
    let mut blocks: Vec<Vec<Block>> = rows.iter().map(|row| row_blocks(words, form, row, form.highest)).collect();
    if let ([first, ..], [parts, ..]) = (rows.as_slice(), blocks.as_mut_slice())
        && parts.len() > 1
    {
        // What has to be parted anyway begins below the title, if its pictures find room there.
        let below = row_blocks(words, form, first, form.first);
        if below[0].height <= form.first {
            *parts = below;
        }
    }
    blocks.into_iter().flatten().collect()
}

/// A row, and what is left over where its first block is `highest`.
fn row_blocks(words: &Words<'_>, form: &Form, row: &[Span], mut highest: f64) -> Vec<Block> {
    let mut first = Block::default();
    let heads: Vec<Vec<Line>> = row
        .iter()
        .map(|span| {
            let width = form.column(span.panels.len()) - GAP;
            let shot = &words.shots[span.shot];
            let rule = Rect::new(form.column(span.column), 0.0, width, RULE);
            first.items.push(Item::Fill { rect: rule, colour: palette::cast(shot.who) });
            if span.continued {
                return CONTINUED.lines(&format!("{}, continued", shot.heading()), 0.0, width, MOST_HEAD_LINES);
            }
            first.shots.push(span.shot);
            head(words, shot, width)
        })
        .collect();
    let top = RULE + 4.0;
    let picture = top + heads.iter().map(|lines| height(lines)).fold(0.0, f64::max) + 5.0;
    for (span, lines) in row.iter().zip(heads) {
        first.place(lines, [form.column(span.column), top]);
    }
    let tile = form.panel / form.aspect;
    let mut below: Vec<(f64, Vec<Line>)> = Vec::new();
    for span in row {
        for (index, panel) in span.panels.clone().enumerate() {
            let x = form.column(span.column + index);
            let rect = Rect::new(x, picture, form.panel, tile);
            first.items.push(Item::Fill { rect, colour: GROUND });
            first.items.push(Item::Picture { rect, panel });
            let panel = &words.panels[panel];
            below.push((x, panel_lines(panel, &words.cast[panel.who], form)));
        }
    }
    first.height = picture + tile;
    let mut blocks = Vec::new();
    let mut block = first;
    let mut from = block.height;
    loop {
        for (x, lines) in &mut below {
            let mut end = from;
            let fit = lines.iter().take_while(|line| {
                end += line.height;
                end <= highest
            });
            // A block that begins with a line that is too high for any has it nevertheless.
            let count = fit.count().max(usize::from(from == 0.0));
            let rest = lines.split_off(count.min(lines.len()));
            block.place(std::mem::replace(lines, rest), [*x, from]);
        }
        blocks.push(block);
        if below.iter().all(|(_, lines)| lines.is_empty()) {
            return blocks;
        }
        (block, from, highest) = (Block::default(), 0.0, form.highest);
    }
}

impl Block {
    /// Puts lines below each other, and grows as high as they need.
    fn place(&mut self, lines: Vec<Line>, [x, mut y]: [f64; 2]) {
        for line in lines {
            self.items.extend(line.items.into_iter().map(|item| item.shifted([x, y])));
            y += line.height;
        }
        self.height = self.height.max(y);
    }
}

/// What stands above a shot's panels.
fn head(words: &Words<'_>, shot: &ShotWords<'_>, width: f64) -> Vec<Line> {
    let mut lines = SHOT.lines(&shot.heading(), 0.0, width, MOST_HEAD_LINES);
    let who = CAST.fit(&words.cast[shot.who], width);
    let beside = CAST.width(&who) + 7.0;
    // What finds room beside the name stands there, the rest below.
    let facts = |count: usize| shot.facts[..count].join(DOT);
    let fits = |count: &usize| SHOT_FACTS.face.width(&facts(*count)) <= width - beside;
    let count = (1..=shot.facts.len()).take_while(fits).last().unwrap_or(0);
    let mut line = SHOT_FACTS.line(&facts(count), beside);
    line.items.push(Item::text(&who, CAST, palette::cast(shot.who), [0.0, SHOT_FACTS.baseline()]));
    lines.push(line);
    let rest = pack(&shot.facts[count..], SHOT_FACTS.face, width);
    lines.extend(rest.iter().take(2 * MOST_HEAD_LINES).map(|line| SHOT_FACTS.line(line, 0.0)));
    lines
}

/// What stands below a panel's picture.
fn panel_lines(panel: &PanelWords<'_>, who: &str, form: &Form) -> Vec<Line> {
    const INDENT: f64 = 8.0;
    let (width, most) = (form.panel, form.most_lines);
    let mut lines = vec![Line::gap(3.0)];
    let mut moment = MOMENT.line(&panel.moment, width - MOMENT.face.width(&panel.moment));
    moment.items.insert(0, Item::text(&panel.number, NUMBER, MUTED, [0.0, MOMENT.baseline()]));
    lines.push(moment);
    if let Some(caption) = panel.caption {
        lines.push(Line::gap(1.5));
        lines.extend(CAPTION.lines(caption, 0.0, width, most));
    }
    if let Some(dialogue) = &panel.dialogue {
        lines.push(Line::gap(3.5));
        let colour = palette::cast(panel.who);
        let mut said = Paragraph::new(SPEAKER, colour).lines(who, INDENT, width - INDENT, 1);
        said.extend(DIALOGUE.lines(dialogue, INDENT, width - INDENT, most));
        for line in &mut said {
            line.items.push(Item::Fill { rect: Rect::new(0.0, 0.0, 1.5, line.height), colour: GRID });
        }
        lines.extend(said);
    }
    if let Some(expression) = panel.expression {
        lines.push(Line::gap(3.0));
        lines.extend(EXPRESSION.lines(expression, 0.0, width, most));
    }
    lines
}

/// The characters that no font of ours can show, in order.
pub(crate) fn missing_glyphs(words: &Words<'_>) -> Vec<char> {
    let form = Form {
        columns: 4,
        panel: 180.0,
        aspect: 1.0,
        highest: f64::INFINITY,
        first: f64::INFINITY,
        most_lines: usize::MAX,
    };
    let mut missing = BTreeSet::new();
    for block in std::iter::once(title(words, &form)).chain(rows(words, &form)) {
        for item in block.items {
            if let Item::Text { text, face, .. } = item {
                missing.extend(text.chars().filter(|character| face.typeface.glyph(*character).is_none()));
            }
        }
    }
    missing.into_iter().collect()
}
