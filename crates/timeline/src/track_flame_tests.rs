//! Sampling of FLAME channels.

use proptest::prelude::*;

use crate::{Channel, Expression, FlameChannel, FlameExpression, HeadAxis, Interpolation, Shape, Track};

const KINDS: [Interpolation; 2] = [Interpolation::Linear, Interpolation::MonotoneCubic];

fn flame(index: usize) -> Channel {
    Channel::Flame(FlameChannel::from_index(index).unwrap())
}

/// All 55 channels, keys a thirtieth of a second apart.
fn full(rows: &[[f32; FlameChannel::COUNT]]) -> Track {
    let times = (0..rows.len()).map(|row| row as f64 / 30.0).collect();
    Track::new(FlameChannel::all().map(Channel::Flame).collect(), times, rows.concat()).unwrap()
}

fn rows() -> impl Strategy<Value = Vec<[f32; FlameChannel::COUNT]>> {
    let row = prop::collection::vec(-4.0..4.0f32, FlameChannel::COUNT);
    prop::collection::vec(row.prop_map(|row| row.try_into().unwrap()), 1..12)
}

#[test]
fn channels_land_in_their_place_and_missing_ones_are_zero() {
    let channels = vec![flame(54), Channel::Shape(Shape::JawOpen), flame(3), Channel::Head(HeadAxis::Yaw), flame(50)];
    let values = vec![0.1, 1.0, 2.0, 0.3, 0.0, 0.2, 1.0, 4.0, 0.3, 1.0];
    let track = Track::new(channels, vec![0.0, 2.0], values).unwrap();
    let mut expected = [0.0; FlameChannel::COUNT];
    (expected[54], expected[3], expected[50]) = (0.15, 3.0, 0.5);
    assert_eq!(track.sample_flame(1.0, Interpolation::Linear), FlameExpression::from_array(expected));
    let mut shapes = Expression::NEUTRAL;
    shapes.set(Shape::JawOpen, 1.0);
    shapes.head.yaw = 0.3;
    assert_eq!(track.sample(1.0, Interpolation::Linear), shapes);
}

#[test]
fn a_track_tells_its_families() {
    let families = |channels: Vec<Channel>| {
        let values = vec![0.0; channels.len()];
        let track = Track::new(channels, vec![0.0], values).unwrap();
        (track.has_shapes(), track.has_flame())
    };
    let (shape, head) = (Channel::Shape(Shape::JawOpen), Channel::Head(HeadAxis::Roll));
    assert_eq!(families(vec![head]), (false, false));
    assert_eq!(families(vec![head, shape]), (true, false));
    assert_eq!(families(vec![head, flame(0)]), (false, true));
    assert_eq!(families(vec![flame(54), shape]), (true, true));
}

type Quaternion = [f64; 4];

fn quaternion(vector: [f32; 3]) -> Quaternion {
    let v = vector.map(f64::from);
    let angle = v.iter().map(|c| c * c).sum::<f64>().sqrt();
    let scale = if angle < 1e-9 { 0.5 } else { (angle / 2.0).sin() / angle };
    [(angle / 2.0).cos(), v[0] * scale, v[1] * scale, v[2] * scale]
}

/// Half the angle between two rotations.
fn half_angle(a: Quaternion, b: Quaternion) -> f64 {
    let difference = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    2.0 * (difference / 2.0).asin()
}

fn slerp(a: Quaternion, b: Quaternion, u: f64) -> Quaternion {
    let theta = half_angle(a, b);
    if theta < 1e-9 {
        return a;
    }
    std::array::from_fn(|i| (((1.0 - u) * theta).sin() * a[i] + (u * theta).sin() * b[i]) / theta.sin())
}

#[test]
fn jaws_between_keys_are_those_of_the_shortest_rotation() {
    let mut jaws = Vec::new();
    for x in [0.0, 0.2, 0.45, 0.7] {
        for y in [-0.2, 0.0, 0.2] {
            jaws.extend([-0.2, 0.0, 0.2].map(|z| [x, y, z]));
        }
    }
    let row = |jaw: [f32; 3]| {
        let mut row = [0.0; FlameChannel::COUNT];
        row[FlameChannel::JAW].copy_from_slice(&jaw);
        row
    };
    let mut largest: f64 = 0.0;
    for a in &jaws {
        for b in &jaws {
            let track = full(&[row(*a), row(*b)]);
            for step in 1..8 {
                let u = f64::from(step) / 8.0;
                let sampled = track.sample_flame(u / 30.0, Interpolation::Linear);
                let [.., x, y, z] = *sampled.as_array();
                let exact = slerp(quaternion(*a), quaternion(*b), u);
                largest = largest.max(2.0 * half_angle(quaternion([x, y, z]), exact));
            }
        }
    }
    assert!((0.004..0.005).contains(&largest), "the documented bound is no longer right: {largest} rad");
}

proptest! {
    #[test]
    fn coefficients_stay_between_the_neighbouring_keys(rows in rows(), at in 0.0..1.0f64) {
        let track = full(&rows);
        let t = at * track.duration();
        let row = ((t * 30.0).floor() as usize).min(rows.len() - 1);
        let (from, to) = (rows[row], rows[(row + 1).min(rows.len() - 1)]);
        for kind in KINDS {
            let sampled = track.sample_flame(t, kind);
            for (index, value) in sampled.as_array().iter().enumerate() {
                let (low, high) = (from[index].min(to[index]), from[index].max(to[index]));
                // The key itself may lie a rounding away from `t`.
                prop_assert!((low - 1e-4..=high + 1e-4).contains(value), "{index}: {low} {value} {high}");
            }
        }
    }

    #[test]
    fn keys_are_hit_exactly_and_held_outside(rows in rows(), beyond in 0.0..1e6f64) {
        let track = full(&rows);
        for kind in KINDS {
            for (row, time) in rows.iter().zip(track.times()) {
                prop_assert_eq!(*track.sample_flame(*time, kind).as_array(), *row);
            }
            prop_assert_eq!(*track.sample_flame(-beyond, kind).as_array(), rows[0]);
            let last = track.sample_flame(track.duration() + beyond, kind);
            prop_assert_eq!(*last.as_array(), rows[rows.len() - 1]);
        }
    }

    #[test]
    fn nothing_jumps(rows in rows(), at in 0.0..1.0f64) {
        let track = full(&rows);
        let t = at * track.duration();
        // A value moves by 8 at most from key to key, at no more than three times the mean speed.
        let (step, bound) = (1e-4, 3.0 * 8.0 * 30.0 * 1e-4 + 1e-5);
        for kind in KINDS {
            let (before, after) = (track.sample_flame(t, kind), track.sample_flame(t + step, kind));
            for (before, after) in before.as_array().iter().zip(after.as_array()) {
                prop_assert!((before - after).abs() <= bound, "{before} {after}");
            }
        }
    }
}
