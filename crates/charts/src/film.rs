//! Thumbnails of frames under a time axis.

use image::RgbImage;
use image::imageops::{self, FilterType};

use crate::axis::Axis;
use crate::canvas::{Anchor, Canvas, Mark, Rect};
use crate::theme::{AXIS, GUTTER, INK, LABEL, MARGIN, MUTED, PAGE_WIDTH, SMALL, TIME_LABELS};

/// Frames of one or more videos at the same instants, in rows.
#[derive(Clone, Debug, Default)]
pub struct FilmStrip {
    /// What each row shows, in a word; empty where that is plain.
    pub rows: Vec<String>,
    /// The instants.
    pub columns: Vec<FilmColumn>,
}

/// What is seen at one instant.
#[derive(Clone, Debug)]
pub struct FilmColumn {
    /// Seconds, on the clock of the curves.
    pub time: f64,
    /// One for each of [`FilmStrip::rows`], of any size; none where there is no frame. Four are shown.
    pub pictures: Vec<Option<RgbImage>>,
}

impl FilmStrip {
    /// Frames of a single video, each with its time in seconds.
    pub fn of(frames: impl IntoIterator<Item = (f64, RgbImage)>) -> Self {
        let column = |(time, picture)| FilmColumn { time, pictures: vec![Some(picture)] };
        Self { rows: vec![String::new()], columns: frames.into_iter().map(column).collect() }
    }
}

const MAX_ROWS: usize = 4;
const HEIGHT: u32 = 112;
/// Between two thumbnails, in either direction.
const GAP: u32 = 6;
/// From the axis to the thumbnails.
const TICK: f64 = 9.0;
/// Below the thumbnails, for their times.
const TIMES: f64 = 22.0;
/// Wider pictures are no faces, and leave no room for others.
const MAX_WIDTH: u32 = 4 * HEIGHT;
/// SVG is looked at enlarged.
const KEPT_SCALE: u32 = 2;

/// The frames that find room under an axis.
pub(crate) struct Film<'a> {
    strip: &'a FilmStrip,
    /// Left edge, width, and the pixel of the true time, by column.
    places: Vec<(u32, u32, f64, &'a FilmColumn)>,
}

impl<'a> Film<'a> {
    /// Chooses the frames that find room below a plot of `area`, from the first on; of those that would overlap an
    /// earlier one, none.
    pub fn new(strip: &'a FilmStrip, axis: &Axis, area: Rect) -> Self {
        let seen = |column: &&FilmColumn| (axis.from..=axis.to).contains(&column.time) && widest(column) > 0;
        let mut columns: Vec<&FilmColumn> = strip.columns.iter().filter(seen).collect();
        columns.sort_by(|a, b| a.time.total_cmp(&b.time));
        let mut places: Vec<(u32, u32, f64, &FilmColumn)> = Vec::new();
        // Under the labels of the value axis, too.
        let (start, end) = ((area.x - GUTTER) as u32, (PAGE_WIDTH - f64::from(GAP)) as u32);
        let mut free = start;
        for column in columns {
            let (width, centre) = (widest(column), area.x + axis.share(column.time) * area.width);
            // The instant stays above its picture, if not above the middle.
            let left =
                ((centre - f64::from(width) / 2.0).round() as u32).clamp(start, end.saturating_sub(width).max(start));
            if left >= free {
                places.push((left, width, centre, column));
                free = left + width + GAP;
            }
        }
        Self { strip, places }
    }

    /// How high the strip is, in pixels; nothing where no frame found room.
    pub fn height(&self) -> f64 {
        if self.places.is_empty() {
            return 0.0;
        }
        TICK + self.rows() as f64 * f64::from(HEIGHT + GAP) + TIMES
    }

    fn rows(&self) -> usize {
        self.places.iter().map(|place| shown(place.3).len()).max().unwrap_or(0)
    }

    /// Draws the strip below the labels of the time axis, which lies at `axis` and ends at `right`, with the rows' names
    /// beside it. The instants are marked on the axis.
    pub fn draw(&self, canvas: &mut Canvas, axis: f64, right: f64) {
        let top = axis + TIME_LABELS;
        let first_row = (top + TICK).ceil() as u32;
        let row_top = |row: usize| first_row + row as u32 * (HEIGHT + GAP);
        let end = self.places.last().map_or(0.0, |(left, width, ..)| f64::from(left + width)).max(right) + 16.0;
        for (row, name) in self.strip.rows.iter().enumerate().take(self.rows()) {
            let middle = f64::from(row_top(row)) + f64::from(HEIGHT) / 2.0 + 5.0;
            let name = LABEL.fit(name, PAGE_WIDTH - MARGIN - end);
            canvas.text(&name, LABEL, INK, Anchor::Start, [end, middle]);
        }
        for (left, width, centre, column) in &self.places {
            canvas.dot([*centre, axis.floor()], 3.5, INK);
            canvas.line([*centre, top], [*centre, f64::from(first_row)], 1.0, AXIS);
            for (row, picture) in shown(column).iter().enumerate() {
                if let Some(picture) = picture.as_ref().filter(|picture| thumbnail_width(picture) > 0) {
                    let own = thumbnail_width(picture);
                    let at = [left + (width - own) / 2, row_top(row)];
                    canvas.marks.push(Mark::Picture { at, size: [own, HEIGHT], picture: kept(picture, own) });
                }
            }
            let below = f64::from(row_top(self.rows())) + 10.0;
            let middle = f64::from(*left) + f64::from(*width) / 2.0;
            let time = SMALL.fit(&format!("{:.2} s", column.time), f64::from(width + GAP));
            canvas.text(&time, SMALL, MUTED, Anchor::Middle, [middle, below]);
        }
    }
}

fn shown(column: &FilmColumn) -> &[Option<RgbImage>] {
    &column.pictures[..column.pictures.len().min(MAX_ROWS)]
}

fn widest(column: &FilmColumn) -> u32 {
    shown(column).iter().flatten().map(thumbnail_width).max().unwrap_or(0)
}

/// Zero for a picture without pixels.
fn thumbnail_width(picture: &RgbImage) -> u32 {
    let (width, height) = picture.dimensions();
    if width == 0 || height == 0 {
        return 0;
    }
    let scaled = f64::from(width) / f64::from(height) * f64::from(HEIGHT);
    (scaled.round() as u32).clamp(1, MAX_WIDTH)
}

/// As much of a picture as its thumbnail needs in SVG.
fn kept(picture: &RgbImage, width: u32) -> RgbImage {
    let (width, height) = (width * KEPT_SCALE, HEIGHT * KEPT_SCALE);
    if picture.width() <= width && picture.height() <= height {
        return picture.clone();
    }
    if picture.width() >= 2 * width && picture.height() >= 2 * height {
        // Means of whole pixels: fast, and no worse at such ratios.
        return imageops::thumbnail(picture, width, height);
    }
    imageops::resize(picture, width, height, FilterType::CatmullRom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(times: &[f64], size: (u32, u32)) -> Vec<(f64, u32)> {
        let strip = FilmStrip::of(times.iter().map(|time| (*time, RgbImage::new(size.0, size.1))));
        let film = Film::new(&strip, &Axis::time(0.0, 10.0, 10), Rect::new(106.0, 0.0, 1000.0, 100.0));
        film.places
            .iter()
            .map(|(left, width, centre, column)| {
                assert!(f64::from(*left) <= *centre && *centre <= f64::from(left + width));
                (column.time, *left)
            })
            .collect()
    }

    #[test]
    fn frames_stand_at_their_times_and_apart() {
        assert_eq!(
            places(&[5.0, 0.0, 1.0, 1.2, 10.0, 11.0], (64, 64)),
            [(0.0, 50), (1.2, 170), (5.0, 550), (10.0, 1050)]
        );
        let many: Vec<f64> = (0..=1000).map(|frame| f64::from(frame) / 100.0).collect();
        let chosen = places(&many, (64, 64));
        assert!(chosen.windows(2).all(|pair| pair[1].1 >= pair[0].1 + HEIGHT + GAP), "{chosen:?}");
        assert!(chosen.len() >= 8);
    }

    #[test]
    fn a_wide_frame_at_the_start_moves_into_the_page() {
        assert_eq!(places(&[0.0, 1.0, 5.0], (1920, 1080)), [(0.0, 40), (5.0, 507)]);
    }

    #[test]
    fn odd_pictures_are_left_out_or_bounded() {
        assert_eq!(places(&[1.0, 2.0], (0, 64)), []);
        assert_eq!(places(&[f64::NAN, 5.0], (9000, 1)).len(), 1);
        assert_eq!(thumbnail_width(&RgbImage::new(1, 9000)), 1);
        assert_eq!(kept(&RgbImage::new(1920, 1080), 199).dimensions(), (398, 224));
        assert_eq!(kept(&RgbImage::new(30, 20), 168).dimensions(), (30, 20));
    }

    #[test]
    fn nothing_to_show_takes_no_room() {
        let strip = FilmStrip::default();
        let film = Film::new(&strip, &Axis::time(0.0, 1.0, 5), Rect::new(100.0, 0.0, 500.0, 100.0));
        assert_eq!(film.height(), 0.0);
    }
}
