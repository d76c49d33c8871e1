use proptest::prelude::*;

use super::*;
use crate::testing::{channel, track};
use crate::{FrameRate, Track};

/// A motion without a period: a jaw that opens at uneven distances, and a brow that does something else.
fn motion(t: f64) -> [f64; 2] {
    let bump = |centre: f64, width: f64| (-((t - centre) / width).powi(2)).exp();
    let jaw = 0.5 * bump(1.0, 0.12) + 0.3 * bump(1.55, 0.1) + 0.7 * bump(2.9, 0.2) + 0.4 * bump(3.5, 0.15);
    [jaw, 0.3 + 0.3 * (1.7 * t).sin()]
}

fn moving(rate: f64, seconds: f64, delay: f64) -> Track {
    let rows = (seconds * rate) as usize;
    let times: Vec<f64> = (0..rows).map(|row| row as f64 / rate).collect();
    let values = times.iter().flat_map(|t| motion(t - delay).map(|value| value as f32)).collect();
    Track::new(vec![channel("jawOpen"), channel("browInnerUp")], times, values).unwrap()
}

#[test]
fn a_copy_agrees_in_everything() {
    let track = moving(30.0, 5.0, 0.0);
    for agreement in track.agreement(&track) {
        let moments = agreement.moments;
        assert!((moments.correlation().unwrap() - 1.0).abs() < 1e-9 && (moments.slope().unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(moments.mean_abs_error(), Some(0.0));
        let lag = agreement.lag.unwrap();
        assert!(lag.seconds.abs() < 1e-6 && (lag.correlation - 1.0).abs() < 1e-9, "{lag:?}");
    }
}

#[test]
fn channels_that_only_one_track_has_and_tracks_that_never_meet_are_not_compared() {
    let a = track(0.1, &[("jawOpen", &[0.0, 1.0]), ("head_yaw", &[0.0, 1.0])]);
    let b = track(0.1, &[("mouthClose", &[0.0, 1.0]), ("jawOpen", &[0.5, 0.5])]);
    let agreement = a.agreement(&b);
    assert_eq!(agreement.iter().map(|agreement| agreement.channel).collect::<Vec<_>>(), [channel("jawOpen")]);
    assert_eq!((agreement[0].moments.mean_abs_error(), agreement[0].lag), (Some(0.5), None));
    let later = Track::new(vec![channel("jawOpen")], vec![5.0], vec![0.0]).unwrap();
    assert_eq!(a.agreement(&later), []);
}

#[test]
fn what_rests_has_no_lag() {
    let still = track(0.1, &[("jawOpen", &[0.5; 40])]);
    let moving: Vec<f32> = (0..40).map(|row| (row as f32 * 0.7).sin()).collect();
    let moving = track(0.1, &[("jawOpen", &moving)]);
    assert_eq!(still.agreement(&moving)[0].lag, None);
    assert_eq!(moving.agreement(&still)[0].lag, None);
}

#[test]
fn far_keys_cost_no_more_than_near_ones() {
    let mut times: Vec<f64> = (0..20).map(|row| f64::from(row) * 0.04).collect();
    for far in [1e12, 1e300] {
        times.push(far);
        let values = (0..times.len()).map(|row| (row % 3) as f32).collect();
        let track = Track::new(vec![channel("jawOpen")], times.clone(), values).unwrap();
        assert!(track.agreement(&track)[0].moments.count() <= 88);
    }
}

proptest! {
    /// To a tenth of a frame, whatever the rates of the two tracks.
    #[test]
    fn a_delay_is_found_between_the_frames(delay in -0.4..0.4f64, rate in 24.0..60.0f64, other in 24.0..60.0f64) {
        let agreement = moving(rate, 5.0, 0.0).agreement(&moving(other, 5.0, delay));
        let lag = agreement[0].lag.unwrap();
        prop_assert!((lag.seconds - delay).abs() < 0.1 / rate.min(other), "{} for {delay}", lag.seconds);
        // Half a frame beside the best lag, the narrowest bump is a little off.
        prop_assert!(lag.correlation > 0.98);
    }

    #[test]
    fn shared_sums_give_pearsons_correlation(values in prop::collection::vec((-1.0..1.0f64, -1.0..1.0f64), 20..60), shift in -10isize..=10) {
        let (asked, found): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
        let quick = Sums::of(&asked).correlation(&Sums::of(&found), shift).unwrap();
        let mut moments = PairMoments::new();
        for (index, asked) in asked.iter().enumerate() {
            if let Some(found) = index.checked_add_signed(shift).and_then(|index| found.get(index)) {
                moments.add(*asked, *found);
            }
        }
        prop_assert!((quick - moments.correlation().unwrap()).abs() < 1e-9);
    }
}

#[test]
fn half_strength_and_half_speed_are_told() {
    let asked = moving(30.0, 5.0, 0.0);
    let half = asked.with_gains(&"jawOpen=0.5".parse().unwrap());
    let jaw = &asked.agreement(&half)[0];
    assert!(
        (jaw.moments.slope().unwrap() - 0.5).abs() < 1e-6 && (jaw.moments.correlation().unwrap() - 1.0).abs() < 1e-6
    );
    let coarse = asked.resampled(FrameRate::new(5, 1).unwrap(), crate::Interpolation::Linear).unwrap();
    let jaw = &asked.agreement(&coarse)[0];
    assert!(jaw.moments.correlation().unwrap() < 0.98 && jaw.lag.unwrap().seconds.abs() < 0.02);
}
