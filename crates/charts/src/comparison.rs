//! What was asked for and what was measured, on top of each other.

use moue_timeline::{Agreement, Channel, FrameRate, Track};

use crate::axis::{Axis, figure};
use crate::canvas::{Anchor, Canvas, Rect};
use crate::decimate::decimate;
use crate::heading::{Key, heading, stretch_keys};
use crate::movement::{Group, Movement, movements, values};
use crate::page::Page;
use crate::plot::{Curve, Plot};
use crate::stretch::Stretch;
use crate::theme::{
    ASKED, ASKED_WIDTH, CURVE_WIDTH, GUTTER, INK, LABEL_BOLD, MARGIN, MEASURED, MUTED, PAGE_WIDTH, SMALL, SMALL_BOLD,
    TIME_LABELS,
};

/// Two tracks of one motion, and how they agree.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    /// What was asked for.
    pub asked: &'a Track,
    /// What was measured, on the same clock.
    pub measured: &'a Track,
    /// The channels to show.
    pub channels: Vec<ChannelFigures>,
    /// Which of them first.
    pub order: Order,
    /// Lags are told in frames of this rate; none tells them in milliseconds.
    pub rate: Option<FrameRate>,
    /// Where values are only bridged.
    pub stretches: Vec<Stretch>,
}

/// How one channel that was measured follows what was asked for. Angles are in radians, as in tracks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChannelFigures {
    /// Which channel.
    pub channel: Channel,
    /// Pearson's correlation, -1 to 1; none for a channel that does not move.
    pub correlation: Option<f64>,
    /// Slope of measured over asked; none for a channel that was not asked to move.
    pub slope: Option<f64>,
    /// Mean of |measured - asked|, if known.
    pub mean_abs_error: Option<f64>,
    /// Seconds by which measured comes late, if known.
    pub lag: Option<f64>,
}

impl From<&Agreement> for ChannelFigures {
    fn from(agreement: &Agreement) -> Self {
        Self {
            channel: agreement.channel,
            correlation: agreement.moments.correlation(),
            slope: agreement.moments.slope(),
            mean_abs_error: agreement.moments.mean_abs_error(),
            lag: agreement.lag.map(|lag| lag.seconds),
        }
    }
}

/// In what order channels are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As they were given.
    Given,
    /// The smallest correlation first; channels that were not asked to move last, the largest error first.
    WorstFirst,
    /// What was asked to move most first.
    #[default]
    MovementFirst,
}

/// What [`comparison`] draws.
#[derive(Clone, Debug)]
pub struct ComparisonSheet<'a> {
    /// What is compared.
    pub title: String,
    /// What there is to say about it, in a sentence or two.
    pub summary: String,
    /// The tracks and their figures.
    pub comparison: Comparison<'a>,
}

/// Channels on a page at most.
const MOST: usize = 18;

/// A page of small plots, one for each channel, 18 at most: what was asked for as a broad band, what was measured as a
/// line on it, and the figures above. The head's angles are in degrees.
pub fn comparison(sheet: &ComparisonSheet<'_>) -> Page {
    let mut canvas = Canvas::new(PAGE_WIDTH, 0.0);
    let keys: Vec<Key> = keys().into_iter().chain(stretch_keys(&sheet.comparison.stretches)).collect();
    let top = heading(&mut canvas, &sheet.title, &sheet.summary, &keys);
    let bottom = sheet.comparison.draw(&mut canvas, top, MOST);
    canvas.height = (bottom + MARGIN).ceil();
    Page::new(canvas)
}

/// The two colours of a comparison.
pub(crate) fn keys() -> [Key; 2] {
    [
        Key { colour: ASKED, width: Some(ASKED_WIDTH), name: "asked".to_owned() },
        Key { colour: MEASURED, width: Some(CURVE_WIDTH + 0.4), name: "measured".to_owned() },
    ]
}

const GAP: f64 = 26.0;
/// Above a plot, for its name and figures.
const HEAD: f64 = 46.0;
/// In three columns, and in two.
const PLOT_HEIGHTS: [f64; 2] = [128.0, 210.0];

impl Comparison<'_> {
    /// Draws the `most` first channels as small plots below `top` and says where they end.
    pub(crate) fn draw(&self, canvas: &mut Canvas, top: f64, most: usize) -> f64 {
        let channels = self.ordered();
        let (columns, height) = if channels.len() <= 4 { (2, PLOT_HEIGHTS[1]) } else { (3, PLOT_HEIGHTS[0]) };
        let width = (PAGE_WIDTH - 2.0 * MARGIN - GAP * (columns - 1) as f64) / columns as f64;
        let (from, to) = self.span();
        let time = Axis::time(from, to, 6);
        let row_height = HEAD + height + TIME_LABELS + GAP * 0.6;
        for (index, figures) in channels.iter().take(most).enumerate() {
            let x = MARGIN + (index % columns) as f64 * (width + GAP);
            let y = top + (index / columns) as f64 * row_height;
            self.panel(canvas, figures, Rect::new(x, y, width, HEAD + height), &time);
        }
        let bottom = top + channels.len().min(most).div_ceil(columns) as f64 * row_height;
        let note = match channels.len() {
            0 => "no channel in common".to_owned(),
            count if count > most => format!("and {} channels more", count - most),
            _ => String::new(),
        };
        canvas.text(&note, SMALL, MUTED, Anchor::Start, [MARGIN + GUTTER, bottom + 6.0]);
        let caption = format!("r: correlation  ·  error: mean of |measured − asked|  ·  time in {}", time.caption());
        canvas.text(&caption, SMALL, MUTED, Anchor::End, [PAGE_WIDTH - MARGIN, bottom + 6.0]);
        bottom + 12.0
    }

    /// From the first key of either track to the last.
    pub(crate) fn span(&self) -> (f64, f64) {
        let (a, b) = (self.asked.times(), self.measured.times());
        (a[0].min(b[0]), a[a.len() - 1].max(b[b.len() - 1]))
    }

    fn ordered(&self) -> Vec<ChannelFigures> {
        let mut channels = self.channels.clone();
        match self.order {
            Order::Given => {}
            Order::WorstFirst => channels.sort_by(|a, b| {
                let error = |figures: &ChannelFigures| figures.mean_abs_error.unwrap_or(0.0);
                badness(a).total_cmp(&badness(b)).then_with(|| error(b).total_cmp(&error(a)))
            }),
            Order::MovementFirst => {
                let mut moved = [0.0; Channel::COUNT];
                for Movement { channel, deviation, .. } in movements(self.asked) {
                    moved[channel.index()] = deviation / Group::of(channel).full();
                }
                channels.sort_by(|a, b| moved[b.channel.index()].total_cmp(&moved[a.channel.index()]));
            }
        }
        channels
    }

    fn panel(&self, canvas: &mut Canvas, figures: &ChannelFigures, place: Rect, time: &Axis) {
        let group = Group::of(figures.channel);
        let area = Rect::new(place.x + GUTTER, place.y + HEAD, place.width - GUTTER, place.height - HEAD);
        let unit = group.unit().map_or_else(String::new, |unit| format!(", {unit}"));
        let mut x = area.x;
        canvas.text(figures.channel.name(), LABEL_BOLD, INK, Anchor::Start, [x, place.y + 14.0]);
        x += LABEL_BOLD.width(figures.channel.name());
        canvas.text(&unit, SMALL, MUTED, Anchor::Start, [x, place.y + 14.0]);
        let [first, rest] = self.sentences(figures);
        canvas.text(&first, SMALL_BOLD, INK, Anchor::Start, [area.x, place.y + 34.0]);
        x = area.x + SMALL_BOLD.width(&first) + 12.0;
        canvas.text(&SMALL.fit(&rest, area.right() - x), SMALL, MUTED, Anchor::Start, [x, place.y + 34.0]);

        let tracks = [(self.asked, ASKED, ASKED_WIDTH), (self.measured, MEASURED, CURVE_WIDTH)];
        let curves = tracks.into_iter().filter_map(|(track, colour, width)| {
            let column = track.channels().iter().position(|channel| *channel == figures.channel)?;
            Some(Curve { pieces: decimate(values(track, column), time, area.width as usize), colour, width })
        });
        let curves: Vec<Curve> = curves.collect();
        let points = || curves.iter().flat_map(|curve| curve.pieces.iter().flatten()).map(|point| point.1);
        let (low, high) = (points().fold(0.0, f64::min), points().fold(0.0, f64::max));
        let values = Axis::values(low, high, group.least_span(), 3);
        let plot = Plot { area, time, values: &values, stretches: &self.stretches, time_labels: true };
        plot.draw(canvas, &curves);
    }

    /// The correlation, and the other figures.
    fn sentences(&self, figures: &ChannelFigures) -> [String; 2] {
        let first = match (figures.correlation, figures.slope) {
            (Some(correlation), _) => format!("r {}", figure(correlation)),
            (None, Some(_)) => "does not move".to_owned(),
            (None, None) => "not asked to move".to_owned(),
        };
        let scale = Group::of(figures.channel).scale();
        let lag = |seconds: f64| match self.rate {
            Some(rate) => format!("lag {} frames", signed(seconds * rate.fps(), 1)),
            None => format!("lag {} ms", signed(seconds * 1000.0, 0)),
        };
        let rest = [
            figures.slope.map(|slope| format!("slope {}", figure(slope))),
            figures.mean_abs_error.map(|error| format!("error {}", figure(error * scale))),
            figures.lag.map(lag),
        ];
        [first, rest.into_iter().flatten().collect::<Vec<String>>().join("  ·  ")]
    }
}

/// The correlation; less than any for a channel that should move and does not, more than any for one that should not.
fn badness(figures: &ChannelFigures) -> f64 {
    match (figures.correlation, figures.slope) {
        (Some(correlation), _) => correlation,
        (None, Some(_)) => -2.0,
        (None, None) => 2.0,
    }
}

/// With a sign where there is something to sign.
fn signed(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    match text.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
        true if value > 0.0 => format!("+{text}"),
        true => format!("−{text}"),
        false => text,
    }
}
