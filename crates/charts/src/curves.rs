//! The curves of a track's busiest channels.

use moue_timeline::{Channel, Track};

use crate::axis::{Axis, figure};
use crate::canvas::{Anchor, Canvas, Rect};
use crate::decimate::decimate;
use crate::film::{Film, FilmStrip};
use crate::heading::{heading, stretch_keys};
use crate::movement::{Group, Movement, movements, values};
use crate::page::Page;
use crate::plot::{Curve, Plot};
use crate::stretch::Stretch;
use crate::theme::{
    CURVE_WIDTH, CURVES, GUTTER, INK, LABEL, LABEL_BOLD, MARGIN, MUTED, PAGE_WIDTH, SMALL, TIME_LABELS,
};

/// What [`curves`] draws.
#[derive(Clone, Debug)]
pub struct CurveSheet<'a> {
    /// What the track is called.
    pub title: String,
    /// What there is to say about it, in a sentence or two.
    pub summary: String,
    /// Whose curves are drawn.
    pub track: &'a Track,
    /// Where values are only bridged.
    pub stretches: Vec<Stretch>,
    /// Driving frames, to stand under the time axis; those that find no room are left out.
    pub film: FilmStrip,
}

/// The page is at least this high; fewer plots are higher plots.
const LEAST_HEIGHT: f64 = 1000.0;
/// To the right of a plot, for names and ranges.
const LEGEND: f64 = 360.0;
const LEGEND_STEP: f64 = 21.0;
/// Between the name of a group and its first channel.
const LEGEND_HEAD: f64 = 26.0;
const PLOT_GAP: f64 = 22.0;
const LEAST_PLOT: f64 = 84.0;
const TIME_TICKS: usize = 14;

/// A page of curves: the busiest channels of each part of the face in a plot of their own, at most six in each, over one
/// time axis. Busy is who has the largest standard deviation; left and right that do the same share a curve. Where no
/// channel of a track moves at all, what is held is drawn. The head's angles are in degrees.
///
/// The work grows with the track, the page does not: of many rows in one column of pixels, the first, the last, the
/// smallest and the largest are drawn.
pub fn curves(sheet: &CurveSheet<'_>) -> Page {
    let (track, plans) = (sheet.track, plans(sheet.track));
    let (first, last) = (track.times()[0], track.times()[track.times().len() - 1]);
    let time = Axis::time(first, last, TIME_TICKS);
    let left = MARGIN + GUTTER;
    let width = PAGE_WIDTH - MARGIN - LEGEND - left;
    let film = Film::new(&sheet.film, &time, Rect::new(left, 0.0, width, 0.0));

    let keys = stretch_keys(&sheet.stretches);
    let mut canvas = Canvas::new(PAGE_WIDTH, LEAST_HEIGHT);
    let top = heading(&mut canvas, &sheet.title, &sheet.summary, &keys);
    let below = TIME_LABELS + film.height() + MARGIN;
    let needed: f64 = plans.iter().map(|plan| plan.height() + PLOT_GAP).sum::<f64>() - PLOT_GAP;
    canvas.height = (top + needed + below).max(LEAST_HEIGHT).ceil();
    let spare = (canvas.height - top - needed - below) / plans.len() as f64;

    let mut y = top;
    for (index, plan) in plans.iter().enumerate() {
        let area = Rect::new(left, y.round(), width, (plan.height() + spare).floor());
        let values = plan.axis(area.height);
        let time_labels = index + 1 == plans.len();
        let plot = Plot { area, time: &time, values: &values, stretches: &sheet.stretches, time_labels };
        plot.draw(&mut canvas, &plan.curves(track, &time, width));
        plan.legend(&mut canvas, area);
        y += plan.height() + spare + PLOT_GAP;
    }
    let axis = y - PLOT_GAP;
    canvas.text(time.caption(), SMALL, MUTED, Anchor::Start, [left + width + 24.0, axis + 18.0]);
    film.draw(&mut canvas, axis, left + width);
    Page::new(canvas)
}

/// One plot's content.
struct Plan {
    group: Group,
    /// The busiest first.
    lines: Vec<Line>,
    /// How many channels there is no room for.
    more: usize,
}

struct Line {
    column: usize,
    movement: Movement,
    name: String,
}

/// Never empty, as tracks are not.
fn plans(track: &Track) -> Vec<Plan> {
    let all: Vec<(usize, Movement)> = movements(track).into_iter().enumerate().collect();
    let still = !all.iter().any(|(_, movement)| movement.moves());
    let plan = |group: Group| {
        let belongs = |(_, movement): &&(usize, Movement)| Group::of(movement.channel) == group;
        let mut busy: Vec<(usize, Movement)> =
            all.iter().filter(belongs).filter(|(_, movement)| still || movement.moves()).copied().collect();
        busy.sort_by(|a, b| a.1.busier(&b.1));
        let mut plan = Plan { group, lines: Vec::new(), more: 0 };
        for (column, movement) in busy {
            let name = movement.channel.name();
            if let Some(twin) = plan.lines.iter_mut().find(|line| are_twins(track, line.column, column)) {
                twin.name = twin_name(twin.movement.channel.name(), name);
            } else if plan.lines.len() < CURVES.len() {
                plan.lines.push(Line { column, movement, name: name.to_owned() });
            } else {
                plan.more += 1;
            }
        }
        plan
    };
    Group::ALL.into_iter().map(plan).filter(|plan| !plan.lines.is_empty()).collect()
}

/// Whether two channels are left and right of the same, and do the same all the time.
fn are_twins(track: &Track, one: usize, other: usize) -> bool {
    let (channels, rows) = (track.channels(), 0..track.times().len());
    let mirrored = |channel: Channel| channel.mirrored().filter(|mirrored| mirrored.1 > 0.0).map(|mirrored| mirrored.0);
    channels[one] != channels[other]
        && mirrored(channels[one]) == Some(channels[other])
        && rows.map(|row| track.row(row)).all(|row| (row[one] - row[other]).abs() < 0.005)
}

/// `mouthSmileLeft + Right`: both names, as short as can be.
fn twin_name(one: &str, other: &str) -> String {
    let common = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    format!("{one} + {}", &other[common..])
}

impl Plan {
    fn height(&self) -> f64 {
        let more = if self.more > 0 { LEGEND_STEP } else { 0.0 };
        (LEGEND_HEAD + self.lines.len() as f64 * LEGEND_STEP + more).max(LEAST_PLOT)
    }

    fn axis(&self, height: f64) -> Axis {
        let low = self.lines.iter().map(|line| line.movement.low).fold(0.0, f64::min);
        let high = self.lines.iter().map(|line| line.movement.high).fold(0.0, f64::max);
        Axis::values(low, high, self.group.least_span(), (height / 36.0).clamp(2.0, 6.0) as usize)
    }

    /// The busiest first: what moves less lies over it.
    fn curves(&self, track: &Track, time: &Axis, width: f64) -> Vec<Curve> {
        let curve = |(line, colour): (&Line, _)| {
            let pieces = decimate(values(track, line.column), time, width as usize);
            Curve { pieces, colour, width: CURVE_WIDTH }
        };
        self.lines.iter().zip(CURVES).map(curve).collect()
    }

    fn legend(&self, canvas: &mut Canvas, area: Rect) {
        let (left, right) = (area.right() + 24.0, PAGE_WIDTH - MARGIN);
        let mut y = area.y + 13.0;
        canvas.text(self.group.name(), LABEL_BOLD, INK, Anchor::Start, [left, y]);
        let unit = self.group.unit().unwrap_or("range");
        canvas.text(unit, SMALL, MUTED, Anchor::End, [right, y]);
        y += LEGEND_HEAD - LEGEND_STEP;
        for (line, colour) in self.lines.iter().zip(CURVES) {
            y += LEGEND_STEP;
            let Movement { low, high, .. } = line.movement;
            let range =
                if line.movement.moves() { format!("{} … {}", figure(low), figure(high)) } else { figure(low) };
            canvas.text(&range, SMALL, MUTED, Anchor::End, [right, y]);
            canvas.line([left, y - 5.0], [left + 20.0, y - 5.0], 3.0, colour);
            let room = right - SMALL.width(&range) - 10.0 - (left + 28.0);
            canvas.text(&LABEL.fit(&line.name, room), LABEL, INK, Anchor::Start, [left + 28.0, y]);
        }
        if self.more > 0 {
            let more = format!("and {} more", self.more);
            canvas.text(&more, SMALL, MUTED, Anchor::Start, [left + 28.0, y + LEGEND_STEP]);
        }
    }
}
