use proptest::prelude::*;

use super::*;
use crate::testing::{KINDS, column, track, tracks};
use crate::{Channel, Shape};

#[test]
fn cuts_become_keys_with_what_was_shown_there() {
    let track = track(1.0, &[("jawOpen", &[0.0, 1.0, 0.5, 0.5])]);
    let part = track.trimmed(track.span(Some(0.5), Some(2.5)).unwrap(), Interpolation::Linear).unwrap();
    assert_eq!(part.times(), [0.0, 0.5, 1.5, 2.0]);
    assert_eq!(column(&part, "jawOpen"), [0.5, 1.0, 0.5, 0.5]);
    // Cuts on keys, one of them a rounding away, add none.
    let part = track.trimmed(track.span(Some(1.0 - 1e-12), Some(2.0)).unwrap(), Interpolation::Linear).unwrap();
    assert_eq!(part.times().len(), 2);
    assert_eq!(part.frame_count(FrameRate::FPS_25), 26);
    let instant = track.trimmed(track.span(Some(3.0), None).unwrap(), Interpolation::Linear).unwrap();
    assert_eq!((instant.times(), column(&instant, "jawOpen")), (&[0.0][..], vec![0.5]));
}

#[test]
fn speeds_outside_the_range_are_refused() {
    let track = track(1.0, &[("jawOpen", &[0.0, 1.0])]);
    assert_eq!(track.retimed(2.0).unwrap().times(), [0.0, 0.5]);
    for speed in [0.0, -1.0, 0.009, 101.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(track.retimed(speed), Err(EditError::Speed { .. })), "{speed}");
    }
    let message = track.retimed(-1.0).unwrap_err().to_string();
    assert!(message.starts_with("speed -1: expected a factor from 0.01 to 100\nhint: "), "{message}");
}

#[test]
fn times_that_cannot_be_told_apart_are_refused() {
    let far =
        Track::new(vec![Channel::Shape(Shape::JawOpen)], vec![1e16, 1e16 + 2.0, 1e16 + 4.0], vec![0.0; 3]).unwrap();
    assert!(matches!(far.retimed(100.0), Err(EditError::Times(_))));
}

#[test]
fn a_result_that_would_not_fit_is_refused_before_it_is_made() {
    let long = Track::new(vec![Channel::Shape(Shape::JawOpen)], vec![0.0, 1e12], vec![0.0, 1.0]).unwrap();
    let error = long.resampled(FrameRate::FPS_25, Interpolation::Linear).unwrap_err().to_string();
    assert!(
        error.starts_with("25000000000001 rows of 1 channels: expected at most 268435456 values\nhint: "),
        "{error}"
    );
}

#[test]
fn an_hour_is_resampled_to_the_last_key() {
    let rate: FrameRate = "29.97".parse().unwrap();
    let keys: Vec<f32> = (0..90_000).map(|row| (row % 7) as f32).collect();
    let resampled = track(0.04, &[("jawOpen", &keys)]).resampled(rate, Interpolation::Linear).unwrap();
    assert_eq!(resampled.times().len(), 107_891);
    assert!(resampled.times()[107_890] <= 0.04 * 89_999.0 && 0.04 * 89_999.0 < resampled.times()[107_890] + 1.0 / 29.0);
}

proptest! {
    #[test]
    fn a_part_shows_what_the_whole_showed(track in tracks(), from in 0.0..0.9f64, length in 0.01..1.0f64, at in 0.0..1.0f64) {
        let duration = track.duration();
        let Ok(span) = track.span(Some(from * duration), Some((from + length) * duration)) else { return Ok(()) };
        let part = track.trimmed(span, Interpolation::Linear).unwrap();
        prop_assert_eq!(part.times()[0], 0.0);
        prop_assert!((part.duration() - span.duration()).abs() < 1e-9);
        let t = at * part.duration();
        let whole = track.sample_row(track.times()[0] + span.start() + t, Interpolation::Linear);
        for (part, whole) in part.sample_row(t, Interpolation::Linear).into_iter().zip(whole) {
            // A microsecond of the steepest slope.
            prop_assert!((part - whole).abs() < 3.1e-3, "{part} {whole}");
        }
        for kind in KINDS {
            let part = track.trimmed(span, kind).unwrap();
            let start = track.sample_row(track.times()[0] + span.start(), kind);
            prop_assert_eq!(part.row(0), &start[..]);
        }
    }

    #[test]
    fn retiming_keeps_values_and_order(track in tracks(), speed in 0.01..100.0f64, at in 0.0..1.0f64) {
        let retimed = track.retimed(speed).unwrap();
        prop_assert_eq!(retimed.values(), track.values());
        prop_assert!((retimed.duration() * speed - track.duration()).abs() < 1e-9 * speed.max(1.0));
        let (first, t) = (track.times()[0], at * track.duration());
        let same = track.sample_row(first + t, Interpolation::Linear);
        for (a, b) in retimed.sample_row(first + t / speed, Interpolation::Linear).into_iter().zip(same) {
            prop_assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }

    #[test]
    fn keys_on_the_new_grid_are_exact(rows in 1usize..100, first in -2.0..2.0f64, divisor in 1usize..4) {
        let rate = FrameRate::new(60, 1).unwrap();
        let times: Vec<f64> = (0..rows).map(|row| first + rate.seconds_at(row as u64)).collect();
        let values: Vec<f32> = (0..rows).map(|row| (row * row % 17) as f32 / 17.0).collect();
        let track = Track::new(vec![Channel::Shape(Shape::JawOpen)], times, values.clone()).unwrap();
        for kind in KINDS {
            let slower = track.resampled(FrameRate::new(60, divisor as u32).unwrap(), kind).unwrap();
            let expected: Vec<f32> = values.iter().copied().step_by(divisor).collect();
            prop_assert_eq!(slower.values().len(), expected.len());
            for (a, b) in slower.values().iter().zip(expected) {
                // `row * 60` and `row * divisor * 20` divide to times a rounding apart.
                prop_assert!((a - b).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn resampled_values_stay_between_the_keys(track in tracks(), num in 1u32..120) {
        let resampled = track.resampled(FrameRate::new(num, 1).unwrap(), Interpolation::MonotoneCubic).unwrap();
        for column in 0..track.channels().len() {
            let (low, high) = track.column_values(column).fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(v), high.max(v)));
            prop_assert!(resampled.column_values(column).all(|value| (low..=high).contains(&value)));
        }
        prop_assert_eq!(resampled.times()[0], track.times()[0]);
    }
}
