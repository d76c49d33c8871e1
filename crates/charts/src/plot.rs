//! One plot: grid, labels, shaded stretches and curves.

use std::convert::Infallible;
use std::ops::Range;

use plotters::chart::ChartBuilder;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::drawing::{DrawingAreaErrorKind, IntoDrawingArea};
use plotters::series::LineSeries;
use plotters::style::{RGBColor, ShapeStyle, TRANSPARENT, TextStyle};

use crate::axis::Axis;
use crate::canvas::{Canvas, Recorder, Rect, UNITS};
use crate::decimate::Point;
use crate::font::CSS_FAMILIES;
use crate::stretch::{Absence, Stretch, covered};
use crate::theme::{AXIS, Colour, GRID, GROUND, GUTTER, MUTED, SMALL, TIME_LABELS};

/// A curve, ready to be drawn.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    /// Each of one point or more, in order of time.
    pub pieces: Vec<Vec<Point>>,
    pub colour: Colour,
    pub width: f64,
}

/// A plot to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plot<'a> {
    /// Where the curves go; the labels lie outside it, [`GUTTER`] wide on the left and [`TIME_LABELS`] high below.
    pub area: Rect,
    pub time: &'a Axis,
    pub values: &'a Axis,
    pub stretches: &'a [Stretch],
    /// Whether the times are written below.
    pub time_labels: bool,
}

impl Plot<'_> {
    /// Draws the plot with `curves`, the later over the earlier.
    pub fn draw(&self, canvas: &mut Canvas, curves: &[Curve]) {
        canvas.fill(self.area, GROUND);
        for reason in Absence::ALL {
            for (from, to) in covered(self.stretches, reason, self.time, self.area.width) {
                let shade = Rect { x: self.area.x + from, width: to - from, ..self.area };
                canvas.fill(shade, reason.colour());
            }
        }
        self.chart(canvas, curves).expect("recording marks cannot fail");
        let bottom = self.area.bottom().floor() + 0.5;
        canvas.line([self.area.x, bottom], [self.area.right(), bottom], 1.0, AXIS);
        for curve in curves {
            // A line needs two points; a row on its own is a dot.
            for (time, value) in curve.pieces.iter().filter(|piece| piece.len() == 1).flatten() {
                canvas.dot([self.x(*time), self.y(*value)], curve.width * 1.5, curve.colour);
            }
        }
    }

    /// Where an instant lies, in pixels of the page.
    pub fn x(&self, time: f64) -> f64 {
        self.area.x + self.time.share(time) * self.area.width
    }

    fn y(&self, value: f64) -> f64 {
        self.area.bottom() - self.values.share(value) * self.area.height
    }

    fn chart(&self, canvas: &mut Canvas, curves: &[Curve]) -> Result<(), DrawingAreaErrorKind<Infallible>> {
        let units = |pixels: f64| (pixels * UNITS).round() as i32;
        let below = if self.time_labels { TIME_LABELS } else { 0.0 };
        let Rect { x, y, width, height } = self.area;
        let page = Recorder(canvas).into_drawing_area();
        let place = page.shrink((units(x - GUTTER), units(y)), (units(width + GUTTER), units(height + below)));
        let (time, values) = (self.time, self.values);
        let mut chart = ChartBuilder::on(&place)
            .y_label_area_size(units(GUTTER))
            .x_label_area_size(units(below))
            .build_cartesian_2d(time.clone(), values.clone())?;
        let muted = rgb(MUTED);
        let labels = TextStyle::from((CSS_FAMILIES, SMALL.size * UNITS)).color(&muted);
        chart
            .configure_mesh()
            .bold_line_style(stroke(GRID, 1.0))
            .light_line_style(TRANSPARENT)
            .axis_style(TRANSPARENT)
            .label_style(labels)
            .set_all_tick_mark_size(units(4.0))
            .draw()?;
        if values.from < 0.0 && values.to > 0.0 {
            chart.draw_series(LineSeries::new([(time.from, 0.0), (time.to, 0.0)], stroke(AXIS, 1.0)))?;
        }
        for curve in curves {
            for piece in curve.pieces.iter().filter(|piece| piece.len() > 1) {
                chart.draw_series(LineSeries::new(piece.iter().copied(), stroke(curve.colour, curve.width)))?;
            }
        }
        Ok(())
    }
}

/// What lies outside an axis is drawn at its end.
impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        start + (f64::from(end - start) * self.share(*value)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.label(*value)
    }
}

fn rgb(Colour([r, g, b]): Colour) -> RGBColor {
    RGBColor(r, g, b)
}

fn stroke(colour: Colour, width: f64) -> ShapeStyle {
    ShapeStyle { color: rgb(colour).into(), filled: false, stroke_width: (width * UNITS).round() as u32 }
}
