use proptest::prelude::*;

use super::*;
use crate::testing::{KINDS, channel, column, track, tracks};
use crate::{FrameRate, Shape};

const LINEAR: Interpolation = Interpolation::Linear;

#[test]
fn a_blend_has_the_keys_and_channels_of_both() {
    let a = track(0.5, &[("jawOpen", &[0.0, 1.0, 0.0]), ("head_yaw", &[0.2, 0.2, 0.2])]);
    let b = track(0.4, &[("mouthClose", &[0.0, 0.8, 0.8]), ("jawOpen", &[1.0, 1.0, 1.0])]);
    let half = a.blended(&b, 0.5, LINEAR).unwrap();
    assert_eq!(half.times(), [0.0, 0.4, 0.5, 0.8, 1.0]);
    assert_eq!(half.channels(), ["jawOpen", "head_yaw", "mouthClose"].map(channel));
    for (found, expected) in half.row(1).iter().zip([0.9, 0.1, 0.4]) {
        assert!((found - expected).abs() < 1e-6);
    }
    // The second track holds its last values.
    assert_eq!(half.row(4), [0.5, 0.1, 0.4]);
    for weight in [-0.1, 1.1, f64::NAN] {
        let error = a.blended(&b, weight, LINEAR).unwrap_err().to_string();
        assert!(error.contains("expected a number from 0 to 1\nhint: "), "{error}");
    }
}

#[test]
fn a_cut_adds_the_frames_of_both() {
    let a = track(0.04, &[("jawOpen", &[0.2; 250])]);
    let b = track(0.04, &[("jawOpen", &[0.7; 125])]);
    let both = a.followed_by(&b, 0.0, LINEAR).unwrap();
    assert_eq!(both.times().len(), 375);
    assert_eq!(both.frame_count(FrameRate::FPS_25), 375);
    assert_eq!(both.gaps(), []);
    let jaw = column(&both, "jawOpen");
    assert_eq!((jaw[249], jaw[250]), (0.2, 0.7));
    // With a cross-fade of a second the tracks share 25 frames.
    let faded = a.followed_by(&b, 1.0, LINEAR).unwrap();
    assert_eq!(faded.frame_count(FrameRate::FPS_25), 350);
    assert_eq!(faded.gaps(), []);
}

#[test]
fn a_cross_fade_is_a_curve_even_between_far_keys() {
    let a = track(2.0, &[("jawOpen", &[0.0, 0.0])]);
    let b = track(2.0, &[("jawOpen", &[1.0, 1.0])]);
    let faded = a.followed_by(&b, 2.0, LINEAR).unwrap();
    // `b` begins at 2 + 2 - 2 s.
    let at = |t: f64| f64::from(faded.sample(t, LINEAR).get(Shape::JawOpen));
    assert_eq!([at(2.0), at(3.0), at(4.0)], [0.0, 0.5, 1.0]);
    for step in 0..=100 {
        let u = f64::from(step) / 100.0;
        assert!((at(2.0 + 2.0 * u) - u * u * (3.0 - 2.0 * u)).abs() < 0.01, "{u}");
    }
    let error = a.followed_by(&b, 4.5, LINEAR).unwrap_err().to_string();
    assert!(error.starts_with("cross-fade of 4.5 s: expected 0 to 4.000 s, the length of the shorter track\nhint: "));
    assert!(a.followed_by(&b, -1.0, LINEAR).is_err() && a.followed_by(&b, f64::NAN, LINEAR).is_err());
}

#[test]
fn single_keys_follow_each_other() {
    let (a, b) = (track(1.0, &[("jawOpen", &[0.0])]), track(1.0, &[("jawOpen", &[1.0])]));
    let both = a.followed_by(&b, 0.0, LINEAR).unwrap();
    assert_eq!((both.times(), column(&both, "jawOpen")), (&[0.0, DEFAULT_STEP][..], vec![0.0, 1.0]));
}

#[test]
fn merged_channels_come_from_the_second_track() {
    let a = track(0.5, &[("jawOpen", &[0.1, 0.2, 0.3]), ("head_yaw", &[0.0, 0.1, 0.2])]);
    let b = track(1.0, &[("mouthClose", &[0.0, 1.0]), ("jawOpen", &[0.5, 0.7])]);
    let merged = a.merged(&b, LINEAR).unwrap();
    assert_eq!(merged.times(), a.times());
    assert_eq!(merged.channels(), ["head_yaw", "mouthClose", "jawOpen"].map(channel));
    assert_eq!(column(&merged, "mouthClose"), [0.0, 0.5, 1.0]);
    assert_eq!(column(&merged, "jawOpen"), [0.5, 0.6, 0.7]);
    assert_eq!(column(&merged, "head_yaw"), [0.0, 0.1, 0.2]);
}

proptest! {
    #[test]
    fn weights_of_0_and_1_show_one_track(a in tracks(), b in tracks(), t in -3.0..20.0f64) {
        let [first, second] = [0.0, 1.0].map(|weight| a.blended(&b, weight, LINEAR).unwrap());
        for (blend, track) in [(first, &a), (second, &b)] {
            let (blend, track) = (blend.sample(t, LINEAR), track.sample(t, LINEAR));
            for (x, y) in blend.shapes.iter().zip(track.shapes) {
                // Keys of the two tracks that are one within a microsecond move by as much.
                prop_assert!((x - y).abs() < 5e-3);
            }
        }
    }

    #[test]
    fn a_blend_stays_within_the_two(a in tracks(), b in tracks(), weight in 0.0..1.0f64) {
        for kind in KINDS {
            let blend = a.blended(&b, weight, kind).unwrap();
            for (row, time) in blend.times().iter().enumerate() {
                within(&blend, row, [(&a, *time), (&b, *time)], kind)?;
            }
        }
    }

    #[test]
    fn a_sequence_lasts_as_long_as_its_parts(a in tracks(), b in tracks(), share in 0.0..1.0f64) {
        let step = a.step().or(b.step()).unwrap_or(DEFAULT_STEP);
        let fade = share * (a.duration().min(b.duration()) + step);
        let both = a.followed_by(&b, fade, LINEAR).unwrap();
        let expected = a.duration() + b.duration() + step - fade;
        prop_assert!((both.duration() - expected).abs() < 2e-6, "{} {expected}", both.duration());
        prop_assert_eq!(both.times()[0], a.times()[0]);
    }

    #[test]
    fn a_cross_fade_stays_within_the_two_and_the_rest_is_theirs(a in tracks(), b in tracks(), share in 0.0..1.0f64) {
        let step = a.step().or(b.step()).unwrap_or(DEFAULT_STEP);
        let fade = share * (a.duration().min(b.duration()) + step);
        let both = a.followed_by(&b, fade, LINEAR).unwrap();
        let start = a.times()[a.times().len() - 1] + step - fade;
        let shift = start - b.times()[0];
        for (row, time) in both.times().iter().enumerate() {
            if *time < start {
                within(&both, row, [(&a, *time), (&a, *time)], LINEAR)?;
            } else if *time > start + fade {
                within(&both, row, [(&b, time - shift), (&b, time - shift)], LINEAR)?;
            } else {
                within(&both, row, [(&a, *time), (&b, time - shift)], LINEAR)?;
            }
        }
    }
}

/// Every value of a row lies between those of two tracks at the given times, where a missing channel is zero.
fn within(found: &Track, row: usize, tracks: [(&Track, f64); 2], kind: Interpolation) -> Result<(), TestCaseError> {
    for (channel, value) in found.channels().iter().zip(found.row(row)) {
        let [a, b] = tracks
            .map(|(track, time)| track.column(*channel).map_or(0.0, |column| track.sample_row(time, kind)[column]));
        let slack = 1e-5;
        prop_assert!((a.min(b) - slack..=a.max(b) + slack).contains(value), "{a} {value} {b}");
    }
    Ok(())
}
