use std::f64::consts::TAU;
use std::ops::Range;

use proptest::prelude::*;

use super::*;
use crate::testing::{channel, tracks};

/// Standard deviation of the tracker's noise.
const SIGMA: f64 = 0.02;
/// From one movement to the next, seconds: no whole number of frames, so that they fall between the keys in every way.
const PERIOD: f64 = 2.0137;
const ROWS: usize = 3000;

/// Normal noise, the same every time.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// A channel that leaves its rest for a moment, again and again.
#[derive(Clone, Copy)]
struct Movement {
    channel: &'static str,
    rest: f64,
    peak: f64,
    /// Seconds from rest to rest.
    width: f64,
}

impl Movement {
    fn at(&self, t: f64) -> f64 {
        let from_peak = (t - (t / PERIOD).round() * PERIOD).abs();
        let lifted = if from_peak < self.width / 2.0 { 0.5 + 0.5 * (TAU * from_peak / self.width).cos() } else { 0.0 };
        self.rest + (self.peak - self.rest) * lifted
    }

    fn recorded(&self, times: Vec<f64>) -> Track {
        let mut noise = Noise(7);
        let values = times.iter().map(|t| (self.at(*t) + SIGMA * noise.normal()) as f32).collect();
        Track::new(vec![channel(self.channel)], times, values).unwrap()
    }

    /// What is left of it after smoothing.
    fn judge(&self, recorded: &Track, smoothed: &Track) -> Judgement {
        let height =
            |track: &Track, row: usize| (f64::from(track.values()[row]) - self.rest) * (self.peak - self.rest).signum();
        let mut judgement = Judgement { kept: f64::INFINITY, lost: 0.0, mean_kept: 0.0, shift: 0, calmer: 0.0 };
        let end = recorded.times()[recorded.times().len() - 10];
        let count = (end / PERIOD) as usize;
        for index in 1..=count {
            let centre = recorded.times().partition_point(|t| *t < index as f64 * PERIOD);
            let rows = centre - 5..centre + 5;
            let highest = |track: &Track| {
                let heights = rows.clone().map(|row| (row, height(track, row)));
                heights.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
            };
            let ((_, asked), (row, found)) = (highest(recorded), highest(smoothed));
            judgement.kept = judgement.kept.min(found / asked);
            judgement.lost = judgement.lost.max(asked - found);
            judgement.mean_kept += found / asked / count as f64;
            // Two keys as high as each other but for noise are both the peak.
            let peaks = rows.clone().filter(|row| height(recorded, *row) > asked - 2.5 * SIGMA);
            judgement.shift = judgement.shift.max(peaks.map(|peak| peak.abs_diff(row)).min().unwrap());
        }
        judgement.calmer = self.unrest(recorded) / self.unrest(smoothed);
        judgement
    }

    /// Standard deviation where nothing moves.
    fn unrest(&self, track: &Track) -> f64 {
        let held = |t: f64| (t - (t / PERIOD).round() * PERIOD).abs() > 0.5;
        let values: Vec<f64> =
            track.times().iter().zip(track.values()).filter(|(t, _)| held(**t)).map(|(_, v)| f64::from(*v)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    }
}

#[derive(Debug)]
struct Judgement {
    /// The smallest share of a peak's height that is left.
    kept: f64,
    mean_kept: f64,
    /// The most that a peak lost.
    lost: f64,
    /// Frames from the recorded peak to the smoothed one, at most.
    shift: usize,
    /// By which factor noise is lower.
    calmer: f64,
}

fn even(fps: f64) -> Vec<f64> {
    (0..ROWS).map(|row| row as f64 / fps).collect()
}

/// Steps of one to three frames, each some milliseconds off: dropped rows and a camera without a clock.
fn uneven(fps: f64) -> Vec<f64> {
    let (mut noise, mut time) = (Noise(3), 0.0);
    let step = |noise: &mut Noise| {
        let frames = if noise.uniform() < 0.95 { 1.0 } else { (noise.uniform() * 2.0).ceil() + 1.0 };
        (frames + 0.2 * (noise.uniform() - 0.5)) / fps
    };
    (0..ROWS).map(|_| (time, time += step(&mut noise)).0).collect()
}

fn both(track: &Track, smoothing: Smoothing) -> [Track; 2] {
    [track.smoothed(smoothing), track.smoothed_zero_lag(smoothing)]
}

#[test]
fn blinks_keep_their_depth_and_their_frame_while_the_noise_falls() {
    for (fps, width) in [25.0, 30.0].into_iter().flat_map(|fps| [(fps, 0.1), (fps, 0.125), (fps, 0.15)]) {
        for (name, rest) in [("eyeBlinkLeft", 0.05), ("eyelid_right", 0.0)] {
            let blink = Movement { channel: name, rest, peak: 1.0, width };
            let recorded = blink.recorded(even(fps));
            // (smoothing, kept, noise: causal and without lag)
            for (smoothing, kept, calmer) in
                [(Smoothing::Light, 0.95, [1.8, 2.3]), (Smoothing::Strong, 0.9, [2.5, 3.4])]
            {
                let [causal, zero_lag] = both(&recorded, smoothing).map(|smoothed| blink.judge(&recorded, &smoothed));
                assert!(causal.kept >= kept && zero_lag.kept >= kept, "{fps} {width} {causal:?} {zero_lag:?}");
                assert!(causal.shift <= 1 && zero_lag.shift == 0, "{fps} {width} {causal:?} {zero_lag:?}");
                assert!(causal.calmer >= calmer[0] && zero_lag.calmer >= calmer[1], "{fps} {causal:?} {zero_lag:?}");
            }
        }
    }
}

#[test]
fn lips_that_close_for_a_plosive_close() {
    for (fps, width) in [(25.0, 0.08), (25.0, 0.1), (30.0, 0.08), (30.0, 0.1)] {
        for closure in [
            Movement { channel: "mouthClose", rest: 0.05, peak: 0.6, width },
            Movement { channel: "jawOpen", rest: 0.4, peak: 0.05, width },
            Movement { channel: "mouthPressLeft", rest: 0.0, peak: 0.5, width },
        ] {
            let recorded = closure.recorded(even(fps));
            for (smoothing, share, mean) in [(Smoothing::Light, 0.1, 0.95), (Smoothing::Strong, 0.2, 0.9)] {
                for (smoothed, most) in both(&recorded, smoothing).into_iter().zip([1, 0]) {
                    let judgement = closure.judge(&recorded, &smoothed);
                    // A key beside the peak may lie above it by noise alone: to lose that is no loss.
                    let peak = (closure.peak - closure.rest).abs();
                    assert!(judgement.lost <= (share * peak).max(2.5 * SIGMA), "{fps} {width} {judgement:?}");
                    assert!(judgement.mean_kept >= mean, "{fps} {width} {judgement:?}");
                    assert!(judgement.shift <= most, "{fps} {width} {judgement:?}");
                }
            }
        }
    }
}

#[test]
fn lost_rows_and_uneven_clocks_change_nothing() {
    let blink = Movement { channel: "eyeBlinkRight", rest: 0.05, peak: 1.0, width: 0.15 };
    for fps in [25.0, 30.0, 60.0] {
        let recorded = blink.recorded(uneven(fps));
        for (smoothing, kept, calmer) in [(Smoothing::Light, 0.9, 1.7), (Smoothing::Strong, 0.8, 2.4)] {
            for (smoothed, most) in both(&recorded, smoothing).into_iter().zip([1, 0]) {
                let judgement = blink.judge(&recorded, &smoothed);
                assert!(judgement.kept >= kept && judgement.shift <= most, "{fps} {judgement:?}");
                assert!(judgement.calmer >= calmer, "{fps} {judgement:?}");
            }
        }
    }
}

/// A smile within half a second, a nod within 0.8 s: the lag of the whole channel, in seconds.
fn lags(name: &str, reach: f64, rise: f64, noise: f64, smoothing: Smoothing) -> [f64; 2] {
    let mut random = Noise(11);
    let value = |t: f64| {
        let u = ((t % 4.0 - 1.0) / rise).clamp(0.0, 1.0) - ((t % 4.0 - 2.5) / rise).clamp(0.0, 1.0);
        reach * u * u * (3.0 - 2.0 * u)
    };
    let times: Vec<f64> = even(25.0).into_iter().take(1000).collect();
    let clean = times.iter().map(|t| value(*t) as f32).collect();
    let noisy = times.iter().map(|t| (value(*t) + noise * random.normal()) as f32).collect();
    let asked = Track::new(vec![channel(name)], times.clone(), clean).unwrap();
    let recorded = Track::new(vec![channel(name)], times, noisy).unwrap();
    both(&recorded, smoothing).map(|smoothed| asked.agreement(&smoothed)[0].lag.unwrap().seconds)
}

#[test]
fn slow_movements_come_a_frame_late_at_most_and_without_lag_in_time() {
    const FRAME: f64 = 0.04;
    for (name, reach, rise, noise, frames) in [
        ("mouthSmileLeft", 0.8, 0.5, SIGMA, [1.0, 1.5]),
        ("jawOpen", 0.5, 0.2, SIGMA, [0.5, 1.0]),
        ("browInnerUp", 0.7, 0.4, SIGMA, [1.0, 2.0]),
        ("exp_00", 2.0, 0.4, 2.0 * SIGMA, [0.7, 1.0]),
        ("head_yaw", 0.4, 0.8, 0.5 * SIGMA, [2.0, 3.0]),
    ] {
        for (smoothing, most) in [Smoothing::Light, Smoothing::Strong].into_iter().zip(frames) {
            let [causal, zero_lag] = lags(name, reach, rise, noise, smoothing);
            assert!((0.0..most * FRAME).contains(&causal), "{name} {smoothing}: {causal} s");
            assert!(zero_lag.abs() < 0.1 * FRAME, "{name} {smoothing}: {zero_lag} s");
        }
    }
}

#[test]
fn groups_answer_in_the_order_of_their_haste() {
    for (name, group_of) in [
        ("eyeBlinkLeft", Group::Quick),
        ("jawOpen", Group::Quick),
        ("mouthClose", Group::Quick),
        ("mouthRollLower", Group::Quick),
        ("eyelid_left", Group::Quick),
        ("exp_10", Group::Quick),
        ("mouthSmileLeft", Group::Mouth),
        ("eyeLookInLeft", Group::Calm),
        ("browDownRight", Group::Calm),
        ("head_roll", Group::Head),
    ] {
        assert_eq!(group(channel(name)), group_of, "{name}");
    }
}

#[test]
fn strengths_read_back_and_others_are_refused() {
    for smoothing in [Smoothing::Off, Smoothing::Light, Smoothing::Strong] {
        assert_eq!(smoothing.to_string().parse(), Ok(smoothing));
    }
    let error = "medium".parse::<Smoothing>().unwrap_err().to_string();
    assert_eq!(error, "smoothing 'medium': expected off, light or strong\nhint: light is enough for most videos");
}

#[test]
fn rows_that_come_late_get_what_was_there() {
    let mut smoother = Smoother::new(&[channel("jawOpen")], Smoothing::Light);
    let mut at = |time: f64, value: f32| {
        let mut row = [value];
        smoother.smooth(time, &mut row);
        row[0]
    };
    assert_eq!(at(0.0, 0.5), 0.5);
    let second = at(0.04, 0.52);
    assert!(second > 0.5 && second < 0.52);
    assert_eq!([at(0.04, 0.9), at(0.01, 0.9), at(f64::NAN, 0.9)], [second; 3]);
    assert!((at(0.08, 0.9) - 0.9).abs() < 0.05);
}

fn range(track: &Track, column: usize) -> Range<f32> {
    track.column_values(column).fold(f32::MAX..f32::MIN, |range, v| range.start.min(v)..range.end.max(v))
}

proptest! {
    #[test]
    fn values_stay_within_those_of_the_track(track in tracks(), strong in any::<bool>()) {
        let smoothing = if strong { Smoothing::Strong } else { Smoothing::Light };
        for smoothed in both(&track, smoothing) {
            prop_assert_eq!((smoothed.times(), smoothed.channels()), (track.times(), track.channels()));
            for column in 0..track.channels().len() {
                let (old, new) = (range(&track, column), range(&smoothed, column));
                prop_assert!(new.start >= old.start - 1e-6 && new.end <= old.end + 1e-6, "{old:?} {new:?}");
            }
        }
        prop_assert_eq!(both(&track, Smoothing::Off), [track.clone(), track]);
    }

    #[test]
    fn what_rests_stays_as_it_is(track in tracks()) {
        let row = track.row(0).to_vec();
        let still = track.with(track.channels().to_vec(), row.repeat(track.times().len()));
        for smoothing in [Smoothing::Light, Smoothing::Strong] {
            prop_assert_eq!(both(&still, smoothing), [still.clone(), still.clone()]);
        }
    }

    /// Nothing of the past weighs more than the same of the future.
    #[test]
    fn without_lag_time_may_run_backwards(track in tracks()) {
        let reversed = |track: &Track| {
            let end = track.times()[0] + track.times()[track.times().len() - 1];
            let times = track.times().iter().rev().map(|time| end - time).collect();
            let rows = track.values().chunks_exact(track.channels().len()).rev();
            Track::new(track.channels().to_vec(), times, rows.flatten().copied().collect()).unwrap()
        };
        let (there, back) =
            (reversed(&track.smoothed_zero_lag(Smoothing::Light)), reversed(&track).smoothed_zero_lag(Smoothing::Light));
        for (a, b) in there.values().iter().zip(back.values()) {
            prop_assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }

    #[test]
    fn channels_do_not_touch_each_other(track in tracks()) {
        let alone = track.select(&[track.channels()[0]].into_iter().collect()).unwrap();
        for (all, one) in both(&track, Smoothing::Strong).into_iter().zip(both(&alone, Smoothing::Strong)) {
            prop_assert!(all.column_values(0).eq(one.column_values(0)));
        }
    }
}
