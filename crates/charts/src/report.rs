//! One page about a rendered video: figures, curves, frames.

use crate::axis::{Axis, figure};
use crate::canvas::{Anchor, Canvas, Rect};
use crate::comparison::{Comparison, keys};
use crate::decimate::decimate;
use crate::film::{Film, FilmStrip};
use crate::heading::{Key, heading, stretch_keys};
use crate::page::Page;
use crate::plot::{Curve, Plot};
use crate::stretch::Stretch;
use crate::theme::{
    CURVE_WIDTH, CURVES, FIGURE, GROUND, GUTTER, HEADING, INK, LABEL, LABEL_BOLD, MARGIN, MUTED, PAGE_WIDTH, SMALL,
    TIME_LABELS,
};

/// What [`report`] draws. Parts without content take no room.
#[derive(Clone, Debug, Default)]
pub struct ReportSheet<'a> {
    /// What was measured.
    pub title: String,
    /// What there is to say about it, in a sentence or two.
    pub summary: String,
    /// The figures that matter most; four stand side by side, eight are shown.
    pub headlines: Vec<Headline>,
    /// What was asked for and what was measured; six channels are shown.
    pub comparison: Option<Comparison<'a>>,
    /// What changes from frame to frame: identity, difference to the frame before. Six are shown.
    pub strips: Vec<Strip>,
    /// Frames, to stand under the last strip; those that find no room are left out.
    pub film: FilmStrip,
}

/// A figure, what it is, and what to make of it.
#[derive(Clone, Debug, Default)]
pub struct Headline {
    /// What was measured: `Expression following`.
    pub name: String,
    /// The figure, or a word in its place: `0.97`, `not measured`.
    pub value: String,
    /// Of what, by what, or why not, in a sentence; three lines are shown.
    pub detail: String,
}

/// A value for every frame.
#[derive(Clone, Debug, Default)]
pub struct Strip {
    /// What the values are.
    pub name: String,
    /// Their unit, or how they were measured; three lines are shown.
    pub detail: String,
    /// Seconds and values in order of time; what is not finite parts the curve.
    pub points: Vec<(f64, f64)>,
    /// Whether the value axis begins at zero, or where the values do.
    pub from_zero: bool,
}

const CHANNELS: usize = 6;
const TILES: usize = 4;
const MAX_TILES: usize = 2 * TILES;
const MAX_STRIPS: usize = 6;
const TILE_GAP: f64 = 18.0;
const TILE_HEIGHT: f64 = 138.0;
const SECTION: f64 = 30.0;
const STRIP_HEIGHT: f64 = 92.0;
const STRIP_GAP: f64 = 20.0;
/// To the right of a strip, for its name.
const LEGEND: f64 = 260.0;

/// The one-page picture of a measurement: figures, asked against measured for the first channels, and what changes over
/// time with frames below.
pub fn report(sheet: &ReportSheet<'_>) -> Page {
    let mut canvas = Canvas::new(PAGE_WIDTH, 0.0);
    let stretches = sheet.comparison.as_ref().map_or(&[][..], |comparison| &comparison.stretches);
    let colours = if sheet.comparison.is_some() { keys().to_vec() } else { Vec::new() };
    let keys: Vec<Key> = colours.into_iter().chain(stretch_keys(stretches)).collect();
    let mut y = heading(&mut canvas, &sheet.title, &sheet.summary, &keys);
    y = tiles(&mut canvas, &sheet.headlines[..sheet.headlines.len().min(MAX_TILES)], y);
    if let Some(comparison) = &sheet.comparison {
        y = section(&mut canvas, "Asked and measured", y);
        y = comparison.draw(&mut canvas, y, CHANNELS) + SECTION * 0.5;
    }
    if !sheet.strips.is_empty() || !sheet.film.columns.is_empty() {
        y = section(&mut canvas, "Over time", y);
        y = over_time(&mut canvas, sheet, stretches, y);
    }
    canvas.height = (y + MARGIN).ceil();
    Page::new(canvas)
}

fn section(canvas: &mut Canvas, name: &str, y: f64) -> f64 {
    canvas.text(name, HEADING, INK, Anchor::Start, [MARGIN, y + 16.0]);
    y + SECTION
}

fn tiles(canvas: &mut Canvas, headlines: &[Headline], top: f64) -> f64 {
    let columns = headlines.len().clamp(1, TILES);
    let width = (PAGE_WIDTH - 2.0 * MARGIN - TILE_GAP * (columns - 1) as f64) / columns as f64;
    for (index, headline) in headlines.iter().enumerate() {
        let x = MARGIN + (index % columns) as f64 * (width + TILE_GAP);
        let y = top + (index / columns) as f64 * (TILE_HEIGHT + TILE_GAP);
        canvas.fill(Rect::new(x, y, width, TILE_HEIGHT), GROUND);
        canvas.fill(Rect::new(x, y, 4.0, TILE_HEIGHT), CURVES[0]);
        let (x, room) = (x + 20.0, width - 36.0);
        canvas.text(&LABEL.fit(&headline.name, room), LABEL, MUTED, Anchor::Start, [x, y + 26.0]);
        canvas.text(&FIGURE.fit(&headline.value, room), FIGURE, INK, Anchor::Start, [x, y + 66.0]);
        for (line, text) in SMALL.wrap(&headline.detail, room, 3).iter().enumerate() {
            canvas.text(text, SMALL, MUTED, Anchor::Start, [x, y + 90.0 + 17.0 * line as f64]);
        }
    }
    let rows = headlines.len().div_ceil(columns) as f64;
    top + rows * (TILE_HEIGHT + TILE_GAP) + if rows > 0.0 { SECTION * 0.5 } else { 0.0 }
}

fn over_time(canvas: &mut Canvas, sheet: &ReportSheet<'_>, stretches: &[Stretch], top: f64) -> f64 {
    let left = MARGIN + GUTTER;
    let width = PAGE_WIDTH - MARGIN - LEGEND - left;
    let (from, to) = span(sheet);
    let time = Axis::time(from, to, 14);
    let film = Film::new(&sheet.film, &time, Rect::new(left, 0.0, width, 0.0));
    let strips = &sheet.strips[..sheet.strips.len().min(MAX_STRIPS)];
    let mut y = top;
    for (index, strip) in strips.iter().enumerate() {
        let area = Rect::new(left, y, width, STRIP_HEIGHT);
        let time_labels = index + 1 == strips.len();
        strip.draw(canvas, area, Plot { area, time: &time, values: &Axis::blank(), stretches, time_labels });
        y += STRIP_HEIGHT + STRIP_GAP;
    }
    let axis = if strips.is_empty() {
        let area = Rect::new(left, y, width, 4.0);
        Plot { area, time: &time, values: &Axis::blank(), stretches, time_labels: true }.draw(canvas, &[]);
        area.bottom()
    } else {
        y - STRIP_GAP
    };
    canvas.text(time.caption(), SMALL, MUTED, Anchor::Start, [left + width + 24.0, axis + 18.0]);
    film.draw(canvas, axis, left + width);
    axis + TIME_LABELS + film.height()
}

/// From the first to the last instant of anything on the page.
fn span(sheet: &ReportSheet<'_>) -> (f64, f64) {
    let points = sheet.strips.iter().flat_map(|strip| strip.points.iter().map(|point| point.0));
    let frames = sheet.film.columns.iter().map(|column| column.time);
    let asked = sheet.comparison.iter().flat_map(|comparison| <[f64; 2]>::from(comparison.span()));
    let times = points.chain(frames).chain(asked).filter(|time| time.is_finite());
    let (from, to) = times.fold((f64::INFINITY, f64::NEG_INFINITY), |(from, to), time| (from.min(time), to.max(time)));
    if from <= to { (from, to) } else { (0.0, 1.0) }
}

impl Strip {
    fn draw(&self, canvas: &mut Canvas, area: Rect, plot: Plot<'_>) {
        let pieces = decimate(self.points.iter().copied(), plot.time, area.width as usize);
        let values = pieces.iter().flatten().map(|point| point.1);
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let known = low <= high;
        let axis = match (known, self.from_zero) {
            (false, _) => Axis::blank(),
            (true, true) => Axis::values(low, high, 0.01, 3),
            (true, false) => Axis::between(low, high, 0.01, 3),
        };
        let curves = [Curve { pieces, colour: CURVES[0], width: CURVE_WIDTH }];
        Plot { values: &axis, ..plot }.draw(canvas, &curves);
        let (x, room) = (area.right() + 24.0, PAGE_WIDTH - MARGIN - area.right() - 24.0);
        let mut y = area.y + 13.0;
        canvas.text(&LABEL_BOLD.fit(&self.name, room), LABEL_BOLD, INK, Anchor::Start, [x, y]);
        if known {
            y += 20.0;
            canvas.text(&format!("{} … {}", figure(low), figure(high)), SMALL, INK, Anchor::Start, [x, y]);
        }
        for line in SMALL.wrap(&self.detail, room, 3) {
            y += 17.0;
            canvas.text(&line, SMALL, MUTED, Anchor::Start, [x, y]);
        }
    }
}
