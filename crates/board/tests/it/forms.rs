//! What the three forms are made of.

use image::RgbImage;
use moue_board::{Board, BoardError};
use moue_storyboard::Storyboard;

use crate::given::{colour, pictures, storyboard, whole};
use crate::pdf_text::Pdf;

fn with_board<T>(storyboard: &Storyboard, sizes: &[(u32, u32)], then: impl FnOnce(&Board<'_>) -> T) -> T {
    let pictures = pictures(storyboard, sizes);
    then(&Board::new(storyboard, &pictures).expect("a picture for each panel"))
}

#[test]
fn a_board_needs_a_picture_for_each_panel() {
    let storyboard = whole();
    let told = |pictures: &[RgbImage]| Board::new(&storyboard, pictures).map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        told(&[]),
        "storyboard: found 0 pictures, expected 4, one for each panel\n\
         hint: render a picture for each of `Storyboard::panels`, in that order"
    );
    let mut pictures = pictures(&storyboard, &[(4, 4)]);
    pictures[2] = RgbImage::new(0, 3);
    assert_eq!(
        told(&pictures),
        "storyboard, panel 3: found a picture of 0x3 pixels, expected at least 1x1\nhint: render this panel again"
    );
    assert!(matches!(Board::new(&storyboard, &pictures[1..]), Err(BoardError::Pictures { found: 3, expected: 4 })));
}

#[test]
fn all_that_is_known_about_shots_is_told() {
    let (html, pdf) = with_board(&whole(), &[(64, 36)], |board| (board.html(), board.pdf().unwrap()));
    let pages = Pdf::read(&pdf).pages().concat();
    for fact in [
        "Hello & goodbye",
        "1 min 12.2 s · 3 shots · 4 panels · 25 frames per second · 640\u{a0}×\u{a0}360 pixels · mesh renderer",
        "Shot 1 · hello",
        "from 00:00.00 · 4 s · fade in 1 s · sound hello.wav from 0.3 s",
        "“Good morning!”",
        "smile*0.8",
        "1.2",
        "at 2.4 s",
        "She turns away.",
        "Shot 2",
        "from 00:04.00 · 3 s · dissolve 0.2 s · moved by take.mp4 from 0.4 s to 2.4 s",
        "from 00:07.00 · 1 min 5.2 s · fade out 0.8 s · goes on from shot hello",
        "ADA",
        "BO",
        "01:12.20",
    ] {
        assert!(html.contains(&fact.replace('&', "&amp;")), "{fact}");
        // Narrow columns part facts between lines, at the dots.
        let parted = fact.split(" · ").all(|part| pages.contains(part));
        assert!(parted, "{fact} in {pages}");
    }
}

#[test]
fn a_page_needs_nothing_else() {
    let html = with_board(&whole(), &[(64, 36)], |board| board.html());
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"));
    assert_eq!(html.matches("<figure").count(), 4);
    assert_eq!(html.matches("src=\"data:image/jpeg;base64,").count(), 4);
    assert_eq!((html.matches("src=").count(), html.matches("url(").count()), (4, 0));
    for part in ["http:", "https:", "<script", "<link", "@import", "javascript:"] {
        assert!(!html.contains(part), "{part}");
    }
    // Every place on the bar leads somewhere.
    for target in html.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(html.contains(&format!("id=\"{target}\"")), "{target}");
    }
}

#[test]
fn a_pdf_has_its_pictures_its_pages_and_its_bookmarks() {
    let bytes = with_board(&whole(), &[(64, 36), (900, 30)], |board| board.pdf().unwrap());
    let pdf = Pdf::read(&bytes);
    let sizes: Vec<(u32, u32)> = pdf
        .with("/Subtype /Image")
        .into_iter()
        .map(|(_, jpeg)| image::load_from_memory(jpeg).unwrap().to_rgb8().dimensions())
        .collect();
    assert_eq!(sizes, [(64, 36), (640, 21), (64, 36), (640, 21)]);
    assert_eq!(pdf.with("/Dest [").len(), 3);
    // The three fonts are there in part, each with a map to Unicode.
    let fonts: usize = pdf.with("/Length1").iter().map(|(_, font)| font.len()).sum();
    assert_eq!((pdf.with("/FontFile2").len(), pdf.with("/ToUnicode").len()), (3, 3));
    assert!(fonts < 60_000, "{fonts}");
    let pages = pdf.pages();
    assert!(pages.len() == 1 && pages[0].contains("1 / 1"));
    assert_eq!(bytes, with_board(&whole(), &[(64, 36), (900, 30)], |board| board.pdf().unwrap()));
}

/// How many pixels of a sheet have a picture's colour.
fn pixels(sheet: &RgbImage, index: usize) -> usize {
    sheet.pixels().filter(|pixel| **pixel == colour(index)).count()
}

#[test]
fn a_sheet_shows_every_picture_whole() {
    let board = storyboard("output: {size: 640x360}\nshots: [{}, {}, {}, {}, {}]\n");
    for sizes in [[(640, 360); 2], [(90, 160), (160, 90)], [(210, 90), (90, 90)], [(5, 5), (1000, 10)]] {
        let sheet = with_board(&board, &sizes, |board| board.sheet());
        let (width, height) = (f64::from(sizes[0].0), f64::from(sizes[0].1));
        let tile_aspect = (width / height).clamp(0.5, 2.6);
        let tile = pixels(&sheet, 0) as f64;
        for index in 0..5 {
            let (width, height) = sizes[index % 2];
            let ratio = f64::from(width) / f64::from(height) / tile_aspect;
            let share = pixels(&sheet, index) as f64 / tile;
            // As large as the tile's shape lets it be, to a pixel's rounding.
            assert!((share - ratio.min(1.0 / ratio)).abs() < 0.03, "{sizes:?} {index}: {share}");
        }
    }
}

#[test]
fn five_hundred_shots_are_no_trouble() {
    let mut text = "shots:\n".to_owned();
    for shot in 0..500 {
        let who = ["ada", "bo"][shot % 2];
        text +=
            &format!("  - {{character: {who}, caption: Caption {shot}., beats: [at 1s to smile, then 1s to fear]}}\n");
    }
    let (html, pdf, sheet) =
        with_board(&storyboard(&text), &[(16, 9)], |board| (board.html(), board.pdf().unwrap(), board.sheet()));
    let pages = Pdf::read(&pdf).pages();
    assert!((60..=130).contains(&pages.len()), "{}", pages.len());
    assert!(html.contains("Caption 499.") && pages.last().unwrap().contains("Caption 499."));
    let (width, height) = sheet.dimensions();
    assert!(width.max(height) <= 16384 && width * height <= 64_000_000, "{width}x{height}");
    assert!(f64::from(width) / f64::from(height) > 0.7 && width > 4000, "{width}x{height}");
}
