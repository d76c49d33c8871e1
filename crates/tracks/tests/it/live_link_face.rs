use moue_timeline::{Channel, HeadAxis, Interpolation, Shape};
use moue_tracks::Format;

use crate::{at, llf, llf_header, llf_row, load};

/// `count` rows from `first`, counted in frames of 60 per second since midnight, `step` frames apart; jaw opens by
/// a tenth each second.
fn rows(first: u32, step: u32, count: u32) -> Vec<String> {
    (0..count).map(|row| row_at(first, first + row * step)).collect()
}

fn row_at(first: u32, frame: u32) -> String {
    let (second, of_second) = (frame / 60, frame % 60);
    let (hours, minutes) = (second / 3600 % 24, second / 60 % 60);
    let code = format!("{hours:02}:{minutes:02}:{:02}:{of_second:02}.652", second % 60);
    llf_row(&code, (frame - first) as f32 / 600.0, [0.0; 3])
}

const NO_HEAD: &str = "the head's angles are all zero: the app did not record them";
const SIXTY: &str = "timecodes count 60 frames per second";

#[test]
fn steps_of_two_frames_keep_their_time() {
    let loaded = load(llf(&rows(47_584 * 60 + 31, 2, 90)));
    assert_eq!(loaded.format, Format::LiveLinkFace);
    assert_eq!(loaded.notes, [SIXTY, NO_HEAD]);
    assert!((loaded.track.duration() - 178.0 / 60.0).abs() < 1e-9);
    for t in [0.0, 0.5, 1.0 / 30.0, 2.9] {
        assert!((f64::from(at(&loaded, t).get(Shape::JawOpen)) - t / 10.0).abs() < 1e-6, "at {t}");
    }
    assert!(!loaded.track.has_channel(Channel::Head(HeadAxis::Yaw)));
}

#[test]
fn columns_are_found_by_name() {
    let text = llf(&rows(0, 1, 70));
    let reversed: Vec<String> =
        text.lines().map(|line| line.split(',').rev().collect::<Vec<_>>().join(",").to_string()).collect();
    let lower = format!("{}\n{}\n", reversed[0].to_lowercase(), reversed[1..].join("\n"));
    let (straight, other) = (load(&text), load(lower));
    for t in [0.0, 0.3, 1.1] {
        assert_eq!(at(&straight, t), at(&other, t));
    }
}

#[test]
fn dropped_rows_are_bridged_and_named() {
    let mut dropped = rows(0, 2, 90);
    dropped.drain(40..44);
    let loaded = load(llf(&dropped));
    assert_eq!(loaded.notes, [SIXTY, "gaps: 4 rows are bridged; the longest gap lasts 0.17 s, from 1.30 s", NO_HEAD]);
    for t in [1.3, 1.35, 1.4, 1.466, 2.0] {
        assert!((f64::from(at(&loaded, t).get(Shape::JawOpen)) - t / 10.0).abs() < 1e-6, "at {t}");
    }
}

#[test]
fn rows_without_a_face_are_bridged_and_named() {
    let mut lost = rows(0, 2, 90);
    for row in &mut lost[30..36] {
        let code = row.split(',').next().unwrap().to_owned();
        *row = format!("{code},0");
    }
    let loaded = load(llf(&lost));
    assert_eq!(loaded.track.times().len(), 84);
    let gap = "gaps: 6 rows are bridged; the longest gap lasts 0.23 s, from 0.97 s";
    assert_eq!(loaded.notes, [SIXTY, "6 of 90 rows have no face", gap, NO_HEAD]);
    assert!((at(&loaded, 1.1).get(Shape::JawOpen) - 0.11).abs() < 1e-6);
}

#[test]
fn time_goes_on_after_midnight() {
    let loaded = load(llf(&rows(86_399 * 60, 1, 180)));
    assert_eq!(loaded.notes, [SIXTY, NO_HEAD]);
    assert!((loaded.track.duration() - 179.0 / 60.0).abs() < 1e-9);
    assert!((at(&loaded, 2.0).get(Shape::JawOpen) - 0.2).abs() < 1e-6);
}

#[test]
fn a_short_take_assumes_the_apps_rate() {
    let loaded = load(llf(&rows(0, 1, 12)));
    assert_eq!(loaded.notes[0], "timecodes count 60 frames per second, which is assumed: the rows do not tell");
    assert!((loaded.track.duration() - 11.0 / 60.0).abs() < 1e-9);
}

#[test]
fn head_angles_come_in_our_convention() {
    let take = |head: [f32; 3]| {
        load(llf(&(0..70)
            .map(|row| llf_row(&format!("00:00:0{}:{:02}.0", row / 60, row % 60), 0.0, head))
            .collect::<Vec<_>>()))
    };
    // The app: positive yaw to the own right, positive pitch down, positive roll to the own left shoulder.
    let head = at(&take([0.1, 0.2, 0.3]), 0.5).head;
    assert_eq!((head.yaw, head.pitch, head.roll), (-0.1, -0.2, 0.3));
    let degrees = take([20.0, 0.0, 0.0]);
    assert!((at(&degrees, 0.5).head.yaw + 20.0_f32.to_radians()).abs() < 1e-6);
    assert_eq!(degrees.notes[1], "the head's angles reach 20: they are taken for degrees, not radians");
}

#[test]
fn an_hour_is_read_in_full() {
    let header = llf_header();
    let mut text = format!("{header}\n");
    for frame in (0..3600 * 60).step_by(120) {
        text.push_str(&row_at(0, frame));
        text.push('\n');
    }
    let loaded = load(text);
    assert_eq!(loaded.track.times().len(), 1800);
    assert!((loaded.track.sample(1800.5, Interpolation::Linear).get(Shape::JawOpen) - 180.05).abs() < 1e-2);
}

#[test]
fn recordings_of_different_rates_are_not_one_take() {
    // Ten seconds that count to 30, then ten that count to 60.
    let second = |second: u32, rate: u32| {
        (0..rate).map(move |frame| llf_row(&format!("10:00:{second:02}:{frame:02}.0"), 0.5, [0.0; 3]))
    };
    let rows: Vec<String> = (0..10).flat_map(|s| second(s, 30)).chain((10..20).flat_map(|s| second(s, 60))).collect();
    assert_eq!(
        crate::refusal(llf(&rows)),
        "take: found timecodes that count 60 frames per second, and 30 elsewhere, expected one rate throughout\nhint: the rates \
         are mixed: cut the file where the recordings meet"
    );
}
