use proptest::prelude::*;

use super::*;
use moue_timeline::{FlameChannel, Shape};

fn channel(name: &str) -> Channel {
    Channel::from_name(name).unwrap()
}

fn track(columns: &[(&str, &[f32])]) -> Track {
    let rows = columns[0].1.len();
    let times = (0..rows).map(|row| row as f64 / 25.0).collect();
    let values = (0..rows).flat_map(|row| columns.iter().map(move |(_, values)| values[row])).collect();
    Track::new(columns.iter().map(|(name, _)| channel(name)).collect(), times, values).unwrap()
}

fn column(track: &Track, name: &str) -> Vec<f32> {
    track.column_values(track.column(channel(name)).unwrap()).collect()
}

/// `exp_00 = 2 smile + 0.5`, `jaw_x = 9 smile`; back: `smile = 0.5 exp_00`, `cheekPuff = -exp_00`.
fn map() -> LinearMap {
    let affine = |inputs: &[&str], outputs: &[&str], weights: &[f64], bias: &[f64]| Affine {
        inputs: inputs.iter().map(|name| channel(name)).collect(),
        outputs: outputs.iter().map(|name| channel(name)).collect(),
        weights: weights.to_vec(),
        bias: bias.to_vec(),
        scores: vec![None; outputs.len()],
        rule_scores: vec![None; outputs.len()],
    };
    LinearMap {
        to_flame: Some(affine(
            &["mouthSmileLeft", "noseSneerLeft"],
            &["exp_00", "jaw_x"],
            &[2.0, 9.0, 1.0, 0.0],
            &[0.5, 0.0],
        )),
        to_arkit: Some(affine(&["exp_00"], &["mouthSmileLeft", "cheekPuff"], &[0.5, -1.0], &[0.0, 0.0])),
        sources: Vec::new(),
        training_frames: 0,
        held_back_frames: 0,
    }
}

#[test]
fn without_a_map_lids_and_jaw_follow_and_the_rest_is_told() {
    let arkit = track(&[
        ("mouthSmileLeft", &[0.5, 0.6]),
        ("mouthFunnel", &[0.0, 0.004]),
        ("jawOpen", &[0.2, 1.0]),
        ("jawRight", &[0.5, 0.0]),
        ("eyeBlinkLeft", &[1.0, 0.0]),
        ("head_yaw", &[0.1, 0.2]),
    ]);
    let flame = bridge(&arkit, Family::Flame, None).unwrap();
    assert_eq!(flame.track.channels(), ["head_yaw", "eyelid_left", "jaw_x", "jaw_y"].map(channel));
    assert_eq!(flame.track.times(), arkit.times());
    assert_eq!((column(&flame.track, "jaw_x"), column(&flame.track, "jaw_y")), (vec![0.1, 0.5], vec![-0.1, 0.0]));
    assert_eq!(
        (column(&flame.track, "eyelid_left"), column(&flame.track, "head_yaw")),
        (vec![1.0, 0.0], vec![0.1, 0.2])
    );
    assert_eq!((flame.by_rule.len(), flame.by_map.len(), flame.missing.len()), (3, 0, 0));
    // A channel that does not move loses nothing.
    assert_eq!(flame.lost, [channel("mouthSmileLeft")]);
}

#[test]
fn a_map_gives_what_the_rule_does_not() {
    let arkit = track(&[("mouthSmileLeft", &[0.5, 1.0]), ("jawOpen", &[0.2, 1.0]), ("mouthFunnel", &[0.3, 0.3])]);
    let flame = bridge(&arkit, Family::Flame, Some(&map())).unwrap();
    assert_eq!((column(&flame.track, "exp_00"), column(&flame.track, "jaw_x")), (vec![1.5, 2.5], vec![0.1, 0.5]));
    assert_eq!((flame.by_rule, flame.by_map), (vec![channel("jaw_x")], vec![channel("exp_00")]));
    assert_eq!((flame.lost, flame.missing), (vec![channel("mouthFunnel")], vec![channel("noseSneerLeft")]));
    // Without a jaw to follow, the map's is better than none.
    let smile = track(&[("mouthSmileLeft", &[0.5, 1.0])]);
    assert_eq!(column(&bridge(&smile, Family::Flame, Some(&map())).unwrap().track, "jaw_x"), [4.5, 9.0]);
}

#[test]
fn arkit_coefficients_stay_within_0_to_1() {
    let flame = track(&[("exp_00", &[-1.0, 1.0, 5.0]), ("jaw_x", &[-0.1, 0.25, 2.0]), ("exp_01", &[1.0, 1.0, 1.0])]);
    let arkit = bridge(&flame, Family::Arkit, Some(&map())).unwrap();
    assert_eq!(column(&arkit.track, "mouthSmileLeft"), [0.0, 0.5, 1.0]);
    assert_eq!(column(&arkit.track, "cheekPuff"), [1.0, 0.0, 0.0]);
    assert_eq!(column(&arkit.track, "jawOpen"), [0.0, 0.5, 1.0]);
    assert_eq!(arkit.lost, [channel("exp_01")]);
}

#[test]
fn what_a_track_has_already_is_kept() {
    let both = track(&[("exp_00", &[0.3]), ("jawOpen", &[1.0]), ("eyeBlinkLeft", &[0.7]), ("jaw_x", &[0.2])]);
    let flame = bridge(&both, Family::Flame, Some(&map())).unwrap();
    assert_eq!(flame.track.channels(), ["exp_00", "jaw_x", "eyelid_left"].map(channel));
    assert_eq!(flame.track.row(0), [0.3, 0.2, 0.7]);
    assert_eq!((flame.by_rule, flame.by_map, flame.lost), (vec![channel("eyelid_left")], vec![], vec![]));
    let same = track(&[("exp_00", &[0.3]), ("head_roll", &[0.1])]);
    assert_eq!(bridge(&same, Family::Flame, None).unwrap().track, same);
}

#[test]
fn tracks_that_nothing_follows_from_are_refused() {
    let smile = track(&[("mouthSmileLeft", &[0.5]), ("head_yaw", &[0.5])]);
    assert_eq!(
        bridge(&smile, Family::Flame, None).unwrap_err().to_string(),
        "the track drives mouthSmileLeft, head_yaw, and none of it can be turned into FLAME coefficients\n\
         hint: all but lids and jaw takes a map: make one with `moue calibrate` and give it with --map"
    );
    let one_way = LinearMap { to_arkit: None, ..map() };
    let flame = track(&[("jaw_x", &[0.5])]);
    assert_eq!(bridge(&flame, Family::Arkit, Some(&one_way)), Err(BridgeError::Direction { to: Family::Arkit }));
    let puff = track(&[("cheekPuff", &[0.5])]);
    assert!(bridge(&puff, Family::Flame, Some(&map())).unwrap_err().to_string().contains("the map knows none"));
}

proptest! {
    /// ARKit, FLAME and ARKit again, with the rules alone.
    #[test]
    fn lids_and_jaw_come_back(rows in prop::collection::vec((0.0..1.0f32, -1.0..1.0f32, 0.0..1.0f32, 0.0..1.0f32), 1..20)) {
        let columns: [(&str, Vec<f32>); 5] = [
            ("jawOpen", rows.iter().map(|row| row.0).collect()),
            ("jawLeft", rows.iter().map(|row| row.1.max(0.0)).collect()),
            ("jawRight", rows.iter().map(|row| (-row.1).max(0.0)).collect()),
            ("eyeBlinkLeft", rows.iter().map(|row| row.2).collect()),
            ("eyeBlinkRight", rows.iter().map(|row| row.3).collect()),
        ];
        let arkit = track(&columns.each_ref().map(|(name, values)| (*name, &values[..])));
        let flame = bridge(&arkit, Family::Flame, None).unwrap();
        let back = bridge(&flame.track, Family::Arkit, None).unwrap();
        prop_assert!(flame.lost.is_empty() && back.lost.is_empty());
        for (name, values) in &columns {
            for (old, new) in values.iter().zip(column(&back.track, name)) {
                prop_assert!((old - new).abs() < 1e-6, "{name}: {old} {new}");
            }
        }
    }

    /// Any values at all give a track, in both directions.
    #[test]
    fn extreme_values_stay_finite(values in prop::collection::vec(prop_oneof![Just(f32::MAX), Just(f32::MIN), -1.0..1.0f32], 4)) {
        let arkit = [Shape::JawLeft, Shape::JawRight, Shape::MouthSmileLeft, Shape::JawOpen].map(Channel::Shape);
        let flame = [0, 51, 52, 53].map(|index| Channel::Flame(FlameChannel::from_index(index).unwrap()));
        for (channels, to) in [(arkit, Family::Flame), (flame, Family::Arkit)] {
            let track = Track::new(channels.to_vec(), vec![0.0], values.clone()).unwrap();
            prop_assert!(bridge(&track, to, Some(&map())).is_ok());
        }
    }
}
