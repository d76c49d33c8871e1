use proptest::prelude::*;

use super::*;
use crate::testing::{channel, column, track, tracks};

/// Uniform noise of a standard deviation, the same every time.
fn noise(state: &mut u64, deviation: f64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((*state >> 11) as f64 / (1u64 << 53) as f64 - 0.5) * 12f64.sqrt() * deviation
}

const REST: [(&str, f64); 8] = [
    ("eyeBlinkLeft", 0.15),
    ("eyeBlinkRight", 0.12),
    ("jawOpen", 0.04),
    ("browDownLeft", 0.3),
    ("mouthSmileLeft", 0.1),
    ("mouthSmileRight", 0.05),
    ("head_yaw", 0.35),
    ("head_pitch", -0.2),
];

/// A minute at 30 frames per second: blinks, speech most of the time, a smile for two thirds, a head that looks about.
fn driver() -> Track {
    let mut state = 5;
    let mut values = Vec::new();
    for row in 0..1800 {
        let t = f64::from(row) / 30.0;
        let blink = if t % 3.1 < 0.2 { 1.0 } else { 0.0 };
        let speech = if t % 12.0 < 9.0 { (0.25 + 0.25 * (t * 17.0).sin()).max(0.0) } else { 0.0 };
        let smile = if t > 20.0 { 0.6 } else { 0.0 };
        let look = if t % 9.0 < 3.0 { 0.3 * (t * 2.0).sin() } else { 0.0 };
        let moves = [blink, blink, speech, 0.3 * speech, smile, smile, look, 0.5 * look];
        for ((name, rest), moved) in REST.iter().zip(moves) {
            let value = if name.starts_with("head") { rest + moved } else { rest + (1.0 - rest) * moved };
            values.push((value + noise(&mut state, 0.015)) as f32);
        }
    }
    let times = (0..1800).map(|row| f64::from(row) / 30.0).collect();
    Track::new(REST.iter().map(|(name, _)| channel(name)).collect(), times, values).unwrap()
}

#[test]
fn neither_blinks_nor_speech_nor_a_long_smile_are_rest() {
    let rest = RestFace::estimate(&driver());
    for (name, expected) in REST {
        let found = f64::from(rest.get(channel(name)));
        assert!((found - expected).abs() < 0.015, "{name}: {found} for {expected}");
    }
    assert_eq!(rest.get(channel("cheekPuff")), 0.0);
}

#[test]
fn the_motion_away_from_rest_begins_at_zero_and_still_reaches_all() {
    let driver = driver();
    let motion = RestFace::estimate(&driver).subtracted_from(&driver);
    let mean = |name: &str, from: usize, to: usize| {
        let values = column(&motion, name);
        values[from..to].iter().sum::<f32>() / (to - from) as f32
    };
    // From 10 to 11.9 s the face is still while the head looks about; a blink ends at 9.5 s.
    for name in ["eyeBlinkLeft", "jawOpen", "browDownLeft", "mouthSmileLeft"] {
        assert!(mean(name, 305, 356) < 0.02, "{name}");
    }
    let blink = column(&motion, "eyeBlinkLeft").into_iter().fold(0.0, f32::max);
    assert!(blink > 0.97, "a blink closes the eye: {blink}");
    assert!((mean("mouthSmileLeft", 1320, 1380) - 0.6).abs() < 0.02);
    assert!(motion.values().iter().all(|value| value.is_finite()));
}

#[test]
fn each_family_is_subtracted_in_its_own_way() {
    let track = track(
        0.1,
        &[
            ("browDownLeft", &[0.2, 1.0, 0.6, 0.0]),
            ("eyelid_left", &[0.5, 1.0, 0.75, 0.4]),
            ("exp_03", &[-1.0, 1.0, 0.0, 2.0]),
            ("jaw_x", &[0.1, 0.5, 0.0, 0.1]),
            ("jaw_y", &[0.1, -0.1, 0.0, 0.1]),
            ("head_yaw", &[0.4, 0.5, 0.4, 0.4]),
        ],
    );
    let motion = RestFace::at(&track.select(&"all".parse().unwrap()).unwrap(), -1.0).subtracted_from(&track);
    for (name, expected) in [
        ("browDownLeft", [0.0, 1.0, 0.5, 0.0]),
        ("eyelid_left", [0.0, 1.0, 0.5, 0.0]),
        ("exp_03", [0.0, 2.0, 1.0, 3.0]),
        ("jaw_x", [0.0, 0.4, 0.0, 0.0]),
        ("jaw_y", [0.0, -0.2, -0.1, 0.0]),
        ("head_yaw", [0.0, 0.1, 0.0, 0.0]),
    ] {
        for (found, expected) in column(&motion, name).into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{name}: {found} for {expected}");
        }
    }
}

#[test]
fn a_moment_is_what_most_keys_around_it_say() {
    let mut jaw = [0.3; 30];
    jaw[15] = 0.9;
    let track = track(1.0 / 30.0, &[("jawOpen", &jaw)]);
    assert_eq!(RestFace::at(&track, 0.5).get(channel("jawOpen")), 0.3);
    assert_eq!(RestFace::at(&track, 99.0).get(channel("jawOpen")), 0.3);
}

#[test]
fn faces_of_pictures_are_rest_faces() {
    let mut expression = Expression::NEUTRAL;
    expression.set(Shape::BrowInnerUp, 0.25);
    expression.head = HeadPose { yaw: 0.1, pitch: 0.2, roll: 0.3 };
    let rest = RestFace::from(&expression);
    assert_eq!((rest.get(channel("browInnerUp")), rest.head()), (0.25, expression.head));
    let mut flame = FlameExpression::NEUTRAL;
    flame.set(FlameChannel::from_index(7).unwrap(), 0.5);
    assert_eq!(RestFace::from(&flame).get(channel("exp_07")), 0.5);
}

proptest! {
    #[test]
    fn a_face_that_holds_still_is_its_own_rest(track in tracks()) {
        let still = track.with(track.channels().to_vec(), track.row(0).repeat(track.times().len()));
        let rest = RestFace::estimate(&still);
        for (channel, value) in track.channels().iter().zip(track.row(0)) {
            prop_assert_eq!(rest.get(*channel), *value);
        }
    }

    #[test]
    fn coefficients_stay_in_order_and_full_strength_stays_full(rest in 0.0..0.9f32, values in prop::collection::vec(0.0..1.0f32, 2..20)) {
        let of = |values: &[f32]| track(0.1, &[("mouthFunnel", values)]);
        let rest = RestFace::at(&of(&[rest]), 0.0);
        let moved = column(&rest.subtracted_from(&of(&values)), "mouthFunnel");
        for (old, new) in values.windows(2).zip(moved.windows(2)) {
            prop_assert!((old[1] - old[0]) * (new[1] - new[0]) >= 0.0);
        }
        prop_assert!(moved.iter().all(|value| (0.0..=1.0).contains(value)));
        prop_assert!((column(&rest.subtracted_from(&of(&[1.0])), "mouthFunnel")[0] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_neutral_rest_changes_nothing_above_zero(track in tracks()) {
        let same = RestFace::default().subtracted_from(&track);
        for (row, column) in (0..track.times().len()).flat_map(|row| (0..track.channels().len()).map(move |column| (row, column))) {
            let (old, new) = (track.row(row)[column], same.row(row)[column]);
            prop_assert!(new == old || (old < 0.0 && new == 0.0));
        }
    }
}
