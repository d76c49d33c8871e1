//! The tracks that come with the project, as a player sees them.

use std::path::Path;

use moue_timeline::{Channel, Expression, FlameExpression, FrameRate, Interpolation, Shape, Track};
use moue_tracks::{Format, LoadedTrack, read};

fn example(name: &str) -> LoadedTrack {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/tracks");
    read(&folder.join(name)).unwrap_or_else(|error| panic!("{error}"))
}

fn frames(track: &Track, rate: FrameRate) -> Vec<Expression> {
    let times = (0..track.frame_count(rate)).map(|index| rate.seconds_at(index));
    times.map(|t| track.sample(t, Interpolation::MonotoneCubic)).collect()
}

#[test]
fn every_value_is_one_a_face_can_have() {
    for name in ["emotions.csv", "speech.csv", "speech_livelink.csv", "micro.csv", "sweep.csv"] {
        for frame in frames(&example(name).track, FrameRate::FPS_25) {
            assert!(frame.shapes.iter().all(|value| (0.0..=1.0).contains(value)), "{name}");
            let head = [frame.head.yaw, frame.head.pitch, frame.head.roll];
            assert!(head.iter().all(|angle| angle.abs() < 8.0_f32.to_radians()), "{name}");
        }
    }
}

#[test]
fn tables_of_ours_are_read_without_a_note() {
    for (name, seconds) in [
        ("emotions.csv", 10.4),
        ("speech.csv", 4.2),
        ("micro.csv", 8.0),
        ("sweep.csv", 56.0),
        ("flame_sweep.csv", 5.0),
        ("toyface.csv", 4.0),
    ] {
        let loaded = example(name);
        assert_eq!(loaded.format, Format::Moue);
        assert_eq!(loaded.notes, Vec::<String>::new(), "{name}");
        assert!((loaded.track.duration() - seconds).abs() < 1e-9, "{name}");
    }
}

#[test]
fn performances_begin_and_end_at_rest_and_never_jump() {
    for name in ["emotions.csv", "micro.csv"] {
        let frames = frames(&example(name).track, FrameRate::FPS_30);
        for end in [frames[0], frames[frames.len() - 1]] {
            assert!(end.shapes.iter().all(|value| *value < 0.01), "{name}");
        }
        for pair in frames.windows(2) {
            for shape in Shape::ALL {
                let step = (pair[1].get(shape) - pair[0].get(shape)).abs();
                let lid = matches!(shape.name().get(..6), Some("eyeBli" | "eyeWid"));
                assert!(step < if lid { 0.6 } else { 0.2 }, "{name}: {} by {step}", shape.name());
            }
        }
    }
}

#[test]
fn the_recording_of_the_app_is_the_table_of_ours() {
    let (ours, app) = (example("speech.csv"), example("speech_livelink.csv"));
    assert_eq!(app.format, Format::LiveLinkFace);
    assert_eq!(
        app.notes,
        ["timecodes count 60 frames per second", "gaps: 1 row is bridged; the longest gap lasts 0.03 s, from 1.65 s"]
    );
    for index in 0..=252 {
        let t = f64::from(index) / 60.0;
        let (a, b) = (ours.track.sample(t, Interpolation::Linear), app.track.sample(t, Interpolation::Linear));
        for shape in Shape::ALL {
            assert!((a.get(shape) - b.get(shape)).abs() < 0.02, "{} at {t}", shape.name());
        }
        // A thousandth of a degree, the precision of our table.
        let close = |a: f32, b: f32| (a - b).abs() < 1e-3_f32.to_radians() + if index == 100 { 1e-3 } else { 0.0 };
        assert!(close(a.head.yaw, b.head.yaw) && close(a.head.pitch, b.head.pitch) && close(a.head.roll, b.head.roll));
    }
}

#[test]
fn the_sweep_takes_every_shape_to_one_alone_and_with_its_other_side() {
    let track = example("sweep.csv").track;
    for shape in Shape::ALL {
        let column = track.channels().iter().position(|channel| channel.name() == shape.name()).unwrap();
        let peaks: Vec<usize> = (0..track.times().len()).filter(|row| track.row(*row)[column] == 1.0).collect();
        let alone = peaks.iter().filter(|row| track.row(**row).iter().sum::<f32>() == 1.0).count();
        assert_eq!(alone, 1, "{}", shape.name());
        let sided = shape.mirrored() != shape
            && !["jaw", "mouth"].contains(&shape.name().trim_end_matches("Left").trim_end_matches("Right"));
        assert_eq!(peaks.len(), if sided { 2 } else { 1 }, "{}", shape.name());
    }
}

#[test]
fn the_flame_sweep_moves_one_part_after_another_within_what_a_tracker_gives() {
    let track = example("flame_sweep.csv").track;
    assert!(track.has_flame() && !track.has_shapes());
    let rate = FrameRate::FPS_30;
    let frames: Vec<FlameExpression> = (0..track.frame_count(rate))
        .map(|index| track.sample_flame(rate.seconds_at(index), Interpolation::MonotoneCubic))
        .collect();
    assert_eq!((frames[0], frames[150]), (FlameExpression::NEUTRAL, FlameExpression::NEUTRAL));
    assert!(frames.iter().all(|frame| frame.constrained() == *frame));
    for (name, low, high) in [
        ("jaw_x", 0.0, 0.3),
        ("eyelid_left", 0.0, 1.0),
        ("eyelid_right", 0.0, 1.0),
        ("exp_00", -2.0, 2.0),
        ("exp_01", -2.0, 2.0),
        ("exp_02", -2.0, 2.0),
    ] {
        let Some(Channel::Flame(channel)) = Channel::from_name(name) else { panic!("{name}") };
        let values = || frames.iter().map(|frame| frame.get(channel));
        let (least, most) = (values().fold(0.0, f32::min), values().fold(0.0, f32::max));
        assert!((least - low).abs() < 0.05 && (most - high).abs() < 0.05, "{name}: {least} {most}");
        // Nothing else moves meanwhile; the other eyelid does.
        let peak = frames.iter().max_by(|a, b| a.get(channel).total_cmp(&b.get(channel))).unwrap();
        let moving = peak.as_array().iter().filter(|value| value.abs() > 0.01).count();
        assert_eq!(moving, if name.starts_with("eyelid") { 2 } else { 1 }, "{name}");
    }
}
