use image::{Rgb, RgbImage};
use moue_charts::{Absence, FilmStrip, Stretch, curves};

use crate::support::{BLUE, PLOT, VERMILLION, at_30, count, extent, says, sheet, texts, track};

const MAGENTA: [u8; 3] = [255, 0, 255];

fn sine(column: usize, time: f64) -> f32 {
    (0.5 + 0.5 * (time * (column + 1) as f64).sin()) as f32
}

#[test]
fn names_ranges_and_units_are_told_by_part_of_the_face() {
    let track = track(&["jawOpen", "browInnerUp", "head_yaw", "exp_03"], at_30(300), |column, time| match column {
        2 => (0.5 * time.sin()) as f32,
        _ => sine(column, time),
    });
    let page = curves(&sheet(&track));
    for text in ["take.csv", "a summary", "Brows", "browInnerUp", "Jaw", "jawOpen", "Head", "degrees", "head_yaw"] {
        assert!(says(&page, text), "{text}");
    }
    // 0.5 rad; a sine of 10 s comes near both of its ends.
    assert!(says(&page, "−28.6 … 28.6"), "{:?}", texts(&page));
    assert!(says(&page, "FLAME expression") && says(&page, "exp_03"));
    assert!(says(&page, "seconds") && says(&page, "9"));
    let all = texts(&page);
    let at = |text: &str| all.iter().position(|found| found == text).unwrap();
    assert!(at("Brows") < at("Jaw") && at("Jaw") < at("FLAME expression") && at("FLAME expression") < at("Head"));
    assert!(page.to_svg().contains("<title>take.csv</title>"));
}

#[test]
fn the_busiest_six_of_a_group_are_drawn_and_the_others_counted() {
    let names = [
        "mouthFunnel",
        "mouthPucker",
        "mouthSmileLeft",
        "mouthClose",
        "mouthRollUpper",
        "mouthRollLower",
        "mouthLeft",
        "mouthPressLeft",
        "cheekPuff",
    ];
    let track = track(&names, at_30(200), |column, time| match column {
        8 => 0.4,
        _ => sine(0, time * 7.0) * (0.2 + 0.1 * column as f32),
    });
    let page = curves(&sheet(&track));
    let shown: Vec<String> = texts(&page).into_iter().filter(|text| names.contains(&text.as_str())).collect();
    assert_eq!(
        shown,
        ["mouthPressLeft", "mouthLeft", "mouthRollLower", "mouthRollUpper", "mouthClose", "mouthSmileLeft"]
    );
    // What does not move is not even counted.
    assert!(says(&page, "and 2 more"));
}

#[test]
fn sides_that_do_the_same_share_a_curve() {
    let names = ["mouthSmileRight", "mouthSmileLeft", "browDownLeft", "browDownRight", "eyelid_left", "eyelid_right"];
    let track = track(&names, at_30(60), |column, time| {
        let late = if column == 3 { 0.1 } else { 0.0 };
        (0.5 + 0.5 * ((time - late) * 3.0).sin()) as f32
    });
    let page = curves(&sheet(&track));
    for text in ["mouthSmileRight + Left", "browDownLeft", "browDownRight", "eyelid_left + right"] {
        assert!(says(&page, text), "{text}: {:?}", texts(&page));
    }
}

#[test]
fn curves_lie_in_the_plot_and_their_colours_in_the_legend() {
    let track = track(&["jawOpen", "jawForward"], at_30(300), |column, time| sine(column, time) * 0.7);
    let picture = curves(&sheet(&track)).to_image();
    assert_eq!(picture.width(), 1600);
    for colour in [BLUE, VERMILLION] {
        assert!(count(&picture, PLOT, colour) > 1000, "{colour:?}");
        assert!(count(&picture, PLOT.end..1600, colour) > 20, "{colour:?}");
        assert_eq!(count(&picture, 0..PLOT.start - 1, colour), 0, "{colour:?}");
    }
}

#[test]
fn a_track_that_holds_still_shows_what_it_holds() {
    let track = track(&["jawOpen", "head_roll"], at_30(30), |_, _| 0.3);
    let page = curves(&sheet(&track));
    assert!(says(&page, "jawOpen") && says(&page, "0.30") && says(&page, "17.2"));
    assert!(count(&page.to_image(), PLOT, BLUE) > 1000);
}

#[test]
fn a_single_row_is_a_dot_in_the_middle() {
    let track = track(&["jawOpen"], [2.0], |_, _| 0.5);
    let [left, _, right, _] = extent(&curves(&sheet(&track)).to_image(), BLUE).unwrap();
    let middle = (PLOT.start + PLOT.end) / 2;
    assert!(left.abs_diff(middle) < 6, "{left}");
    // The legend has the colour too.
    assert!(right > PLOT.end);
}

#[test]
fn what_is_missing_is_shaded_and_counted() {
    let track = track(&["jawOpen"], at_30(301), sine);
    let mut sheet = sheet(&track);
    sheet.stretches = vec![
        Stretch { start: 2.0, end: 4.0, reason: Absence::MissingRows },
        Stretch { start: 7.0, end: 7.5, reason: Absence::NoFace },
    ];
    let page = curves(&sheet);
    assert!(says(&page, "rows missing (once, 2.00 s)") && says(&page, "no face found (once, 0.50 s)"));
    let picture = page.to_image();
    // 1094 pixels for ten seconds; below the key, which has the same colours.
    let plots = image::imageops::crop_imm(&picture, 0, 110, 1600, picture.height() - 110).to_image();
    let shaded = |colour| extent(&plots, colour).map(|[left, _, right, _]| (left, right)).unwrap();
    let (from, to) = shaded([0xd5, 0xda, 0xe0]);
    assert!(from.abs_diff(106 + 219) <= 1 && to.abs_diff(106 + 437) <= 1, "{from} {to}");
    let (from, to) = shaded([0xf6, 0xdc, 0xb0]);
    assert!(from.abs_diff(106 + 766) <= 1 && to.abs_diff(106 + 820) <= 1, "{from} {to}");
}

#[test]
fn driving_frames_stand_at_their_times() {
    let track = track(&["jawOpen"], at_30(301), sine);
    let mut sheet = sheet(&track);
    let frame = |colour| RgbImage::from_pixel(320, 320, Rgb(colour));
    sheet.film = FilmStrip::of([(2.5, frame(MAGENTA)), (7.5, frame([0, 255, 0])), (99.0, frame([0, 0, 255]))]);
    let page = curves(&sheet);
    let picture = page.to_image();
    let [left, top, right, bottom] = extent(&picture, MAGENTA).unwrap();
    let (centre, expected) = (f64::from(left + right + 1) / 2.0, 106.0 + 1094.0 * 0.25);
    assert!((centre - expected).abs() <= 1.0, "{centre} {expected}");
    assert_eq!((right - left, bottom - top), (111, 111));
    let [green, ..] = extent(&picture, [0, 255, 0]).unwrap();
    assert!((f64::from(green - left) - 1094.0 * 0.5).abs() <= 1.0);
    assert!(says(&page, "2.50 s") && says(&page, "7.50 s") && !says(&page, "99.00 s"));
    assert_eq!(page.to_svg().matches("<image ").count(), 2);
    assert_eq!(extent(&picture, [0, 0, 255]), None);
}

#[test]
fn any_title_is_cut_off_and_escaped() {
    let track = track(&["jawOpen"], at_30(3), sine);
    let mut sheet = sheet(&track);
    sheet.title = "<&\u{1}> 話 ".repeat(2000);
    sheet.summary = "x".repeat(100_000);
    let svg = curves(&sheet).to_svg();
    assert!(svg.contains("&lt;&amp;\u{fffd}&gt; 話") && svg.len() < 20_000, "{}", svg.len());
}
