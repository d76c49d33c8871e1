//! Any track is drawn, in a page whose size does not depend on it.

use image::{Rgb, RgbImage};
use moue_charts::{
    Absence, ChannelFigures, Comparison, ComparisonSheet, FilmStrip, Order, Page, Stretch, comparison, curves,
};
use moue_timeline::{Channel, Track};
use proptest::prelude::*;

use crate::support::{BLUE, PLOT, count, extent, sheet, track};

/// Elements on lines of their own, with numbers in them, and not many.
fn sound(page: &Page) -> Result<(), TestCaseError> {
    let svg = page.to_svg();
    prop_assert!(svg.len() < 6 << 20, "{}", svg.len());
    prop_assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    prop_assert!(!svg.contains("NaN") && !svg.contains("inf"));
    let (width, height) = page.dimensions();
    prop_assert!(width == 1600 && (100..3000).contains(&height), "{height}");
    Ok(())
}

/// Tracks of few rows and any channels, with everything that floating point has.
fn any_track() -> impl Strategy<Value = Track> {
    let finite = prop_oneof![
        4 => -1.0..2.0f32,
        1 => Just(0.0f32),
        1 => prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL,
        1 => prop_oneof![Just(f32::MAX), Just(f32::MIN)],
    ];
    let time = prop_oneof![6 => -10.0..1e4f64, 1 => prop::num::f64::NORMAL];
    let channels = prop::sample::subsequence(Channel::all().collect::<Vec<Channel>>(), 1..=Channel::COUNT);
    (channels, prop::collection::vec(time, 1..12)).prop_flat_map(move |(channels, mut times)| {
        times.sort_by(f64::total_cmp);
        times.dedup();
        let values = prop::collection::vec(finite.clone(), channels.len() * times.len());
        values.prop_map(move |values| Track::new(channels.clone(), times.clone(), values).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn curves_of_any_track_are_drawn(
        track in any_track(),
        stretches in prop::collection::vec((any::<f64>(), any::<f64>(), any::<bool>()), 0..4),
        frames in prop::collection::vec((any::<f64>() , 0u32..40, 0u32..40), 0..4),
    ) {
        let mut sheet = sheet(&track);
        sheet.stretches = stretches.into_iter().map(|(start, end, face)| {
            let reason = if face { Absence::NoFace } else { Absence::MissingRows };
            Stretch { start, end, reason }
        }).collect();
        sheet.film = FilmStrip::of(frames.into_iter().map(|(time, width, height)| (time, RgbImage::new(width, height))));
        sound(&curves(&sheet))?;
    }

    #[test]
    fn any_two_tracks_are_compared(
        asked in any_track(),
        measured in any_track(),
        figures in prop::collection::vec(any::<Option<f64>>(), 4),
        order in prop_oneof![Just(Order::Given), Just(Order::WorstFirst), Just(Order::MovementFirst)],
    ) {
        let figures = |channel| ChannelFigures {
            channel,
            correlation: figures[0],
            slope: figures[1],
            mean_abs_error: figures[2],
            lag: figures[3],
        };
        let channels = Channel::all().filter(|channel| asked.has_channel(*channel)).map(figures).collect();
        let pair = Comparison { asked: &asked, measured: &measured, channels, order, rate: None, stretches: Vec::new() };
        comparison(&ComparisonSheet { title: String::new(), summary: String::new(), comparison: pair });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_page_has_pixels(track in any_track()) {
        let page = curves(&sheet(&track));
        let picture = page.to_image();
        prop_assert_eq!(picture.dimensions(), page.dimensions());
        prop_assert_eq!(picture.get_pixel(0, 0), &Rgb([255; 3]));
        prop_assert!(count(&picture, PLOT.end..1600, BLUE) > 20);
    }
}

#[test]
fn every_channel_at_once_fits_on_a_page() {
    let every: Vec<&str> = Channel::all().map(Channel::name).collect();
    let times = (0..3000).map(|row| f64::from(row) * 0.01);
    let all = track(&every, times, |column, time| (time * (1.0 + column as f64 * 0.1)).sin() as f32);
    sound(&curves(&sheet(&all))).unwrap();
}

#[test]
fn a_single_row_among_a_million_is_seen() {
    let times = (0..1_000_000).map(|row| f64::from(row) / 60.0);
    let spiked = track(&["jawOpen", "jawLeft"], times, |column, time| {
        if column == 0 && (time - 5000.0).abs() < 1e-6 { 1.0 } else { (0.1 * (time * 0.01).sin()) as f32 }
    });
    let page = curves(&sheet(&spiked));
    sound(&page).unwrap();
    let picture = page.to_image();
    let plot = image::imageops::crop_imm(&picture, PLOT.start, 0, PLOT.len() as u32, picture.height()).to_image();
    let [.., bottom] = extent(&plot, BLUE).unwrap();
    let spike = (1094.0 * 5000.0 / (999_999.0 / 60.0)) as u32;
    // From the curve up to the top of the plot, which is nine tenths of the plot's height.
    let column = (spike - 1..=spike + 1).max_by_key(|x| count(&plot, *x..x + 1, BLUE)).unwrap();
    assert!(count(&plot, column..column + 1, BLUE) > 300, "{}", count(&plot, column..column + 1, BLUE));
    assert!(bottom > 500);
}
