use image::{Rgb, RgbImage};
use moue_charts::{ChannelFigures, Comparison, FilmColumn, FilmStrip, Headline, Order, ReportSheet, Strip, report};

use crate::support::{BLUE, at_30, count, extent, says, texts, track};

fn headline(name: &str, value: &str, detail: &str) -> Headline {
    Headline { name: name.to_owned(), value: value.to_owned(), detail: detail.to_owned() }
}

fn strip(points: Vec<(f64, f64)>) -> Strip {
    Strip { name: "Identity".to_owned(), detail: "cosine to the portrait".to_owned(), points, from_zero: false }
}

#[test]
fn every_part_is_on_the_page() {
    let asked =
        track(&["jawOpen", "browInnerUp"], at_30(120), |column, time| (time * (column + 1) as f64).sin() as f32);
    let channels = asked.agreement(&asked).iter().map(ChannelFigures::from).collect();
    let pair = Comparison {
        asked: &asked,
        measured: &asked,
        channels,
        order: Order::MovementFirst,
        rate: None,
        stretches: Vec::new(),
    };
    let red = || Some(RgbImage::from_pixel(100, 100, Rgb([255, 0, 0])));
    let sheet = ReportSheet {
        title: "out.mp4".to_owned(),
        summary: "120 frames".to_owned(),
        headlines: vec![
            headline("Expression following", "0.97", "median of 2 channels"),
            headline(
                "Identity",
                "not measured",
                "there is no recogniser here: fetch one with moue models fetch arcface",
            ),
            headline("Flicker", "0.2", ""),
            headline("Frames", "none dropped", ""),
            headline("Fifth", "5", "stands below"),
        ],
        comparison: Some(pair),
        strips: vec![strip(at_30(120).map(|time| (time, 0.9 + 0.01 * time)).collect())],
        film: FilmStrip {
            rows: vec!["asked".to_owned(), "seen".to_owned()],
            columns: vec![FilmColumn { time: 2.0, pictures: vec![None, red()] }],
        },
    };
    let page = report(&sheet);
    for text in [
        "out.mp4",
        "120 frames",
        "Expression following",
        "0.97",
        "not measured",
        "none dropped",
        "stands below",
        "Asked and measured",
        "jawOpen",
        "r 1.00",
        "Over time",
        "Identity",
        "0.90 … 0.94",
        "cosine to the portrait",
        "seen",
        "2.00 s",
    ] {
        assert!(says(&page, text), "{text}: {:?}", texts(&page));
    }
    // The reason is broken into lines.
    assert!(texts(&page).iter().any(|text| text.starts_with("there is no recogniser")));
    assert!(texts(&page).iter().any(|text| text.ends_with("fetch arcface")));
    let [_, top, _, bottom] = extent(&page.to_image(), [255, 0, 0]).unwrap();
    assert_eq!(bottom - top, 111);
}

#[test]
fn parts_without_content_take_no_room() {
    let empty = report(&ReportSheet::default());
    assert_eq!(texts(&empty), [""; 0]);
    assert!(empty.dimensions().1 < 200);
    let film = FilmStrip::of([(1.0, RgbImage::new(10, 10))]);
    let page = report(&ReportSheet { film, ..ReportSheet::default() });
    assert!(says(&page, "1.00 s") && says(&page, "seconds"));
    assert_eq!(page.to_image().dimensions(), page.dimensions());
}

#[test]
fn a_strip_is_parted_where_nothing_was_measured() {
    let points = (0..=100).map(|frame| {
        let value = if (30..70).contains(&frame) { f64::NAN } else { 0.5 + 0.001 * f64::from(frame) };
        (f64::from(frame), value)
    });
    let sheet = ReportSheet { strips: vec![strip(points.collect())], ..ReportSheet::default() };
    let picture = report(&sheet).to_image();
    // 1194 pixels for 100 s.
    let columns = |from: f64, to: f64| (106.0 + 11.94 * from) as u32..(106.0 + 11.94 * to) as u32;
    assert!(count(&picture, columns(0.0, 29.0), BLUE) > 100 && count(&picture, columns(70.0, 100.0), BLUE) > 100);
    assert_eq!(count(&picture, columns(30.0, 69.0), BLUE), 0);
    let nothing = ReportSheet { strips: vec![strip(vec![(f64::NAN, f64::INFINITY)])], ..ReportSheet::default() };
    assert!(says(&report(&nothing), "Identity"));
}

#[test]
fn a_page_stays_a_page_whatever_is_asked_of_it() {
    let pictures = vec![Some(RgbImage::new(9, 9)); 1000];
    let sheet = ReportSheet {
        headlines: vec![headline("name", "value", "detail"); 1000],
        strips: vec![strip(vec![(0.0, 1.0), (1.0, 2.0)]); 1000],
        film: FilmStrip { rows: vec!["row".to_owned(); 1000], columns: vec![FilmColumn { time: 0.5, pictures }] },
        ..ReportSheet::default()
    };
    let page = report(&sheet);
    assert!(page.dimensions().1 < 2000, "{:?}", page.dimensions());
    let said = |text: &str| texts(&page).iter().filter(|found| found.as_str() == text).count();
    assert_eq!((said("value"), said("Identity"), said("row")), (8, 6, 4));
}
