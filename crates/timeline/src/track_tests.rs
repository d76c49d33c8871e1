use proptest::prelude::*;

use super::*;
use crate::{FlameChannel, Shape};

const KINDS: [Interpolation; 2] = [Interpolation::Linear, Interpolation::MonotoneCubic];

fn jaw(keys: &[(f64, f32)]) -> Track {
    let (times, values) = keys.iter().copied().unzip();
    Track::new(vec![Channel::Shape(Shape::JawOpen)], times, values).unwrap()
}

fn jaw_at(track: &Track, t: f64, kind: Interpolation) -> f32 {
    track.sample(t, kind).get(Shape::JawOpen)
}

/// Keys at uneven distances, from a thousandth of a second to a minute.
fn keys() -> impl Strategy<Value = Vec<(f64, f32)>> {
    prop::collection::vec((1e-3..60.0f64, -1.0..2.0f32), 1..40).prop_map(|steps| {
        let mut time = 0.0;
        steps.into_iter().map(|(step, value)| ((time, value), time += step).0).collect()
    })
}

#[test]
fn channels_that_are_missing_are_zero_and_the_others_land_in_their_place() {
    let flame = FlameChannel::from_index(0).unwrap();
    let channels = vec![
        Channel::Head(HeadAxis::Roll),
        Channel::Shape(Shape::TongueOut),
        Channel::Flame(flame),
        Channel::Head(HeadAxis::Yaw),
    ];
    let track = Track::new(channels, vec![2.0, 4.0], vec![0.1, 0.2, 7.0, 0.3, 0.3, 0.6, 9.0, 0.5]).unwrap();
    let middle = track.sample(3.0, Interpolation::Linear);
    let mut expected = Expression::NEUTRAL;
    expected.set(Shape::TongueOut, 0.4);
    expected.head.roll = 0.2;
    expected.head.yaw = 0.4;
    assert_eq!(middle, expected);
    assert_eq!(track.sample_row(3.0, Interpolation::Linear), [0.2, 0.4, 8.0, 0.4]);
    assert!(track.has_channel(Channel::Flame(flame)) && !track.has_channel(Channel::Head(HeadAxis::Pitch)));
    assert_eq!(track.duration(), 2.0);
    assert_eq!(track.frame_count(FrameRate::FPS_25), 51);
}

#[test]
fn a_single_key_holds_for_ever() {
    let track = jaw(&[(5.0, 0.7)]);
    for t in [f64::NEG_INFINITY, 0.0, 5.0, 1e12, f64::NAN] {
        assert_eq!(jaw_at(&track, t, Interpolation::MonotoneCubic), 0.7);
    }
    assert_eq!(track.duration(), 0.0);
    assert_eq!(track.frame_count(FrameRate::FPS_25), 1);
}

#[test]
fn cubic_pieces_join_without_a_kink_and_rest_at_extrema() {
    let track = jaw(&[(0.0, 0.0), (1.0, 0.2), (2.0, 1.0), (3.0, 0.5), (4.0, 0.5), (5.0, 0.9)]);
    let at = |t: f64| f64::from(jaw_at(&track, t, Interpolation::MonotoneCubic));
    let h = 1e-3;
    for key in [1.0, 2.0, 3.0, 4.0] {
        let (before, after) = ((at(key) - at(key - h)) / h, (at(key + h) - at(key)) / h);
        assert!((before - after).abs() < 0.01, "kink of {} at {key}", (before - after).abs());
    }
    assert!(((at(2.0 + h) - at(2.0)) / h).abs() < 0.01, "at rest at the peak");
    // Three-point tangent at 1 s: (0.2 + 0.8) / 2, below three times the smaller secant.
    assert!(((at(1.0 + h) - at(1.0 - h)) / (2.0 * h) - 0.5).abs() < 0.01);
    assert_eq!(at(3.5), 0.5);
}

#[test]
fn an_hour_at_60_frames_per_second_is_sampled_at_the_right_rows() {
    let rate: FrameRate = "60".parse().unwrap();
    let times: Vec<f64> = (0..216_000).map(|row| rate.seconds_at(row)).collect();
    let values: Vec<f32> = (0..216_000).map(|row| (row % 997) as f32 / 997.0).collect();
    let track = Track::new(vec![Channel::Shape(Shape::JawOpen)], times, values).unwrap();
    for row in (0..216_000).step_by(7) {
        assert_eq!(jaw_at(&track, rate.seconds_at(row), Interpolation::Linear), (row % 997) as f32 / 997.0);
    }
    assert_eq!(track.frame_count(rate), 216_000);
}

#[test]
fn malformed_tracks_are_refused() {
    let channel = Channel::Shape(Shape::JawOpen);
    let refuse = |channels: Vec<Channel>, times: Vec<f64>, values: Vec<f32>| {
        Track::new(channels, times, values).unwrap_err().to_string()
    };
    assert_eq!(refuse(vec![], vec![0.0], vec![]), "a track needs at least one row and one channel");
    assert_eq!(refuse(vec![channel], vec![], vec![]), "a track needs at least one row and one channel");
    assert_eq!(refuse(vec![channel], vec![0.0], vec![0.0; 2]), "1 rows of 1 channels need 1 values, found 2");
    assert_eq!(refuse(vec![channel; 2], vec![0.0], vec![0.0; 2]), "channel jawOpen appears twice");
    let time = "time of row 1 is 0 s: expected a finite time after the row before";
    assert_eq!(refuse(vec![channel], vec![0.0, 0.0], vec![0.0; 2]), time);
    assert!(Track::new(vec![channel], vec![f64::NAN], vec![0.0]).is_err());
    assert_eq!(refuse(vec![channel], vec![0.0, 1.0], vec![0.0, f32::INFINITY]), "jawOpen of row 1 is not finite");
}

proptest! {
    #[test]
    fn values_stay_between_the_neighbouring_keys(keys in keys(), fraction in 0.0..1.0f64) {
        let track = jaw(&keys);
        for (from, to) in keys.iter().zip(&keys[1..]) {
            let t = from.0 + fraction * (to.0 - from.0);
            for kind in KINDS {
                let value = jaw_at(&track, t, kind);
                prop_assert!(from.1.min(to.1) <= value && value <= from.1.max(to.1), "{from:?} {value} {to:?}");
            }
        }
    }

    #[test]
    fn values_move_one_way_between_keys(keys in keys()) {
        let track = jaw(&keys);
        for (from, to) in keys.iter().zip(&keys[1..]) {
            let direction = (to.1 - from.1).signum();
            for kind in KINDS {
                let mut previous = from.1;
                for step in 1..=32 {
                    let value = jaw_at(&track, from.0 + f64::from(step) / 32.0 * (to.0 - from.0), kind);
                    prop_assert!((value - previous) * direction >= -1e-6);
                    previous = value;
                }
            }
        }
    }

    #[test]
    fn keys_are_hit_exactly_and_held_outside(keys in keys(), beyond in 0.0..1e6f64) {
        let track = jaw(&keys);
        for kind in KINDS {
            for (time, value) in &keys {
                prop_assert_eq!(jaw_at(&track, *time, kind), *value);
            }
            prop_assert_eq!(jaw_at(&track, -beyond, kind), keys[0].1);
            let last = keys[keys.len() - 1];
            prop_assert_eq!(jaw_at(&track, last.0 + beyond, kind), last.1);
        }
    }

    /// Steps and slopes are fractions that an `f32` holds exactly: rounding two keys a millisecond apart makes a kink.
    #[test]
    fn a_straight_line_stays_straight(steps in prop::collection::vec(1..3840u32, 1..40), slope in -25..25i32, fraction in 0.0..1.0f64) {
        let (mut ticks, slope) = (0, f64::from(slope) / 256.0);
        let key = |ticks: u32| (f64::from(ticks) / 64.0, (slope * f64::from(ticks) / 64.0) as f32);
        let line: Vec<(f64, f32)> = steps.into_iter().map(|step| (key(ticks), ticks += step).0).collect();
        let track = jaw(&line);
        let t = fraction * track.duration();
        for kind in KINDS {
            prop_assert!((f64::from(jaw_at(&track, t, kind)) - slope * t).abs() < 1e-6 * (1.0 + slope.abs() * t));
        }
    }
}
