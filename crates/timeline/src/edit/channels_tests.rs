use proptest::prelude::*;

use crate::testing::{channel, column, track, tracks};
use crate::{Channel, ChannelSet, Gains, Offsets};

#[test]
fn gains_and_offsets_reach_their_columns() {
    let track = track(0.1, &[("jawOpen", &[0.0, 0.5]), ("head_yaw", &[0.1, 0.2]), ("mouthSmileLeft", &[0.4, 0.4])]);
    let scaled = track.with_gains(&"jawOpen=2,head=0".parse::<Gains>().unwrap());
    assert_eq!(column(&scaled, "jawOpen"), [0.0, 1.0]);
    assert_eq!(column(&scaled, "head_yaw"), [0.0, 0.0]);
    assert_eq!(column(&scaled, "mouthSmileLeft"), [0.4, 0.4]);
    let shifted = track.with_offsets(&"mouthSmile=0.25,head_yaw=180,exp_00=1,jaw_x=0.5".parse::<Offsets>().unwrap());
    assert_eq!(column(&shifted, "mouthSmileLeft"), [0.65, 0.65]);
    assert_eq!(column(&shifted, "head_yaw"), [0.1 + std::f32::consts::PI, 0.2 + std::f32::consts::PI]);
    // What was absent was zero; FLAME channels do not come into an ARKit track.
    assert_eq!(column(&shifted, "mouthSmileRight"), [0.25, 0.25]);
    assert_eq!(shifted.channels().len(), 4);
}

#[test]
fn values_that_would_overflow_stay_finite() {
    let track = track(0.1, &[("jawOpen", &[3e38, -3e38])]);
    assert_eq!(column(&track.with_gains(&"jawOpen=10".parse().unwrap()), "jawOpen"), [f32::MAX, f32::MIN]);
}

#[test]
fn channels_are_chosen_and_left_out() {
    let track = track(0.1, &[("jawOpen", &[0.1, 0.2]), ("head_yaw", &[0.3, 0.4]), ("mouthClose", &[0.5, 0.6])]);
    let set: ChannelSet = "mouth,head".parse().unwrap();
    let (chosen, rest) = (track.select(&set).unwrap(), track.drop_channels(&set).unwrap());
    assert_eq!(chosen.channels(), [channel("head_yaw"), channel("mouthClose")]);
    assert_eq!((chosen.row(1), rest.row(1)), (&[0.4, 0.6][..], &[0.2][..]));
    let none = track.select(&"brow".parse().unwrap()).unwrap_err().to_string();
    assert_eq!(none, "no channel is left\nhint: the track has jawOpen, head_yaw, mouthClose");
    assert!(track.drop_channels(&"all".parse().unwrap()).is_err());
}

#[test]
fn sides_change_places_and_what_cannot_be_mirrored_is_told() {
    let track = track(
        0.1,
        &[
            ("mouthSmileLeft", &[0.5, 0.6]),
            ("mouthSmileRight", &[0.1, 0.2]),
            ("head_yaw", &[0.3, -0.3]),
            ("eyelid_left", &[1.0, 0.0]),
            ("jaw_z", &[0.1, 0.1]),
            ("exp_04", &[2.0, 3.0]),
        ],
    );
    let mirrored = track.mirrored();
    assert_eq!(mirrored.unchanged, [channel("exp_04")]);
    for (name, values) in [
        ("mouthSmileRight", [0.5, 0.6]),
        ("mouthSmileLeft", [0.1, 0.2]),
        ("head_yaw", [-0.3, 0.3]),
        ("eyelid_right", [1.0, 0.0]),
        ("jaw_z", [-0.1, -0.1]),
        ("exp_04", [2.0, 3.0]),
    ] {
        assert_eq!(column(&mirrored.track, name), values, "{name}");
    }
    assert!(!mirrored.track.has_channel(channel("eyelid_left")));
}

proptest! {
    #[test]
    fn two_mirrors_give_the_track_back(track in tracks()) {
        let mirrored = track.mirrored();
        prop_assert_eq!(&mirrored.track.mirrored().track, &track);
        let expression = |channel: &&Channel| channel.name().starts_with("exp_");
        let components: Vec<Channel> = track.channels().iter().filter(expression).copied().collect();
        prop_assert_eq!(mirrored.unchanged, components);
    }

    /// A mirrored track shows what a mirror shows of the track.
    #[test]
    fn mirroring_and_sampling_change_places(track in tracks(), at in 0.0..1.0f64) {
        let t = track.times()[0] + at * track.duration();
        let kind = crate::Interpolation::MonotoneCubic;
        prop_assert_eq!(track.mirrored().track.sample(t, kind), track.sample(t, kind).mirrored());
    }

    #[test]
    fn the_chosen_and_the_rest_are_the_track(track in tracks(), chosen in prop::collection::vec(any::<bool>(), 6)) {
        let set: ChannelSet = track.channels().iter().zip(&chosen).filter(|(_, chosen)| **chosen).map(|(c, _)| *c).collect();
        let (Ok(some), Ok(rest)) = (track.select(&set), track.drop_channels(&set)) else { return Ok(()) };
        let merged = some.merged(&rest, crate::Interpolation::Linear).unwrap();
        for channel in track.channels() {
            prop_assert_eq!(column(&merged, channel.name()), column(&track, channel.name()));
        }
        prop_assert_eq!(merged.channels().len(), track.channels().len());
    }
}
