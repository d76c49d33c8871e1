//! Tracks to draw, and ways to look at pages.

use image::RgbImage;
use moue_charts::{CurveSheet, FilmStrip, Page};
use moue_timeline::{Channel, Track};

/// The strongest colours of curves.
pub const BLUE: [u8; 3] = [0x00, 0x72, 0xb2];
pub const VERMILLION: [u8; 3] = [0xd5, 0x5e, 0x00];

/// Where the plots of a page of curves are, in pixels.
pub const PLOT: std::ops::Range<u32> = 106..1200;

/// A track of named channels with a row for each of `times`.
pub fn track(names: &[&str], times: impl IntoIterator<Item = f64>, value: impl Fn(usize, f64) -> f32) -> Track {
    let channels: Vec<Channel> = names.iter().map(|name| Channel::from_name(name).unwrap()).collect();
    let times: Vec<f64> = times.into_iter().collect();
    let columns = channels.len();
    let values = times.iter().flat_map(|time| (0..columns).map(|column| value(column, *time)).collect::<Vec<f32>>());
    let values = values.collect();
    Track::new(channels, times, values).unwrap()
}

/// `count` rows, 30 in a second.
pub fn at_30(count: u32) -> impl Iterator<Item = f64> {
    (0..count).map(|row| f64::from(row) / 30.0)
}

/// A sheet without anything but the track.
pub fn sheet(track: &Track) -> CurveSheet<'_> {
    CurveSheet {
        title: "take.csv".to_owned(),
        summary: "a summary".to_owned(),
        track,
        stretches: Vec::new(),
        film: FilmStrip::default(),
    }
}

/// The texts of a page in the order in which they were drawn.
pub fn texts(page: &Page) -> Vec<String> {
    let svg = page.to_svg();
    let lines = svg.lines().filter(|line| line.starts_with("<text"));
    let text = |line: &str| line.split_once('>')?.1.strip_suffix("</text>").map(str::to_owned);
    lines.map(|line| text(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

/// Whether one of the texts is this.
pub fn says(page: &Page, text: &str) -> bool {
    texts(page).iter().any(|found| found == text)
}

/// Left, top, right and bottom of the pixels of exactly this colour, if there are any.
pub fn extent(picture: &RgbImage, colour: [u8; 3]) -> Option<[u32; 4]> {
    let of_it = picture.enumerate_pixels().filter(|(_, _, pixel)| pixel.0 == colour);
    of_it.fold(None, |extent, (x, y, _)| {
        let [l, t, r, b] = extent.unwrap_or([x, y, x, y]);
        Some([l.min(x), t.min(y), r.max(x), b.max(y)])
    })
}

/// How many pixels of exactly this colour there are in some columns.
pub fn count(picture: &RgbImage, columns: std::ops::Range<u32>, colour: [u8; 3]) -> usize {
    picture.enumerate_pixels().filter(|(x, _, pixel)| columns.contains(x) && pixel.0 == colour).count()
}
