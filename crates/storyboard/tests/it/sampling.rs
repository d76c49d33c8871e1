use std::sync::Arc;

use moue_storyboard::{Face, Region, ShotTimeline, Storyboard};
use moue_timeline::{Channel, FlameChannel, FrameRate, HeadAxis, Shape, Track};
use proptest::prelude::*;

use crate::given::{board, board_at, timeline, whole};

/// A channel's value, by its name.
fn get(face: &Face, name: &str) -> f64 {
    f64::from(match Channel::from_name(name).unwrap() {
        Channel::Shape(shape) => face.expression.get(shape),
        Channel::Flame(flame) => face.flame.get(flame),
        Channel::Head(HeadAxis::Yaw) => face.expression.head.yaw,
        Channel::Head(HeadAxis::Pitch) => face.expression.head.pitch,
        Channel::Head(HeadAxis::Roll) => face.expression.head.roll,
    })
}

fn values(timeline: &ShotTimeline, name: &str, frames: impl IntoIterator<Item = u64>) -> Vec<f64> {
    frames.into_iter().map(|frame| get(&timeline.sample(frame), name)).collect()
}

fn near(found: &[f64], expected: &[f64]) {
    let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(found.len() == expected.len() && apart < 1e-6, "{found:?} {expected:?}");
}

/// A cubic Bezier easing by its definition, with its parameter found by halving in f64.
fn bezier([x1, y1, x2, y2]: [f64; 4], x: f64) -> f64 {
    let point = |a: f64, b: f64, t: f64| 3.0 * a * t * (1.0 - t).powi(2) + 3.0 * b * t * t * (1.0 - t) + t.powi(3);
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if point(x1, x2, middle) < x { low = middle } else { high = middle }
    }
    point(y1, y2, (low + high) / 2.0)
}

#[test]
fn values_agree_with_an_independent_computation_of_the_easing() {
    for (ease, points) in [
        ("ease", [0.25, 0.1, 0.25, 1.0]),
        ("ease-in", [0.42, 0.0, 1.0, 1.0]),
        ("ease-out", [0.0, 0.0, 0.58, 1.0]),
        ("ease-in-out", [0.42, 0.0, 0.58, 1.0]),
        ("\"cubic-bezier(0.3, -0.6, 0.2, 1.7)\"", [0.3, -0.6, 0.2, 1.7]),
        ("linear", [0.3, 0.3, 0.7, 0.7]),
    ] {
        let text = format!(
            "shots: [{{beats: [{{at: 1s, express: jawOpen*0.2}}, {{then: 2s, express: jawOpen*0.9, ease: {ease}}}]}}]"
        );
        let timeline = timeline(&board(&text), 0);
        for frame in 25..=75 {
            let expected = 0.2 + 0.7 * bezier(points, f64::from(frame - 25) / 50.0);
            let found = get(&timeline.sample(u64::from(frame as u32)), "jawOpen");
            assert!((found - expected).abs() < 1e-6, "{ease} {frame}: {found} {expected}");
        }
    }
}

#[test]
fn keys_land_on_the_frames_they_name_at_any_rate() {
    let text =
        "shots: [{beats: [{at: 30f, express: jawOpen}, {at: 90f, express: neutral}, {at: 1:00, express: jawOpen}]}]";
    for fps in ["25", "24", "29.97", "30000/1001", "23.976", "59.94", "12.5", "1000/3"] {
        let storyboard = board_at(fps, None, text);
        let timeline = timeline(&storyboard, 0);
        let minute = (60.0 * storyboard.output.rate.fps()).round() as u64;
        near(&values(&timeline, "jawOpen", [0, 15, 30, 60, 90, minute]), &[0.0, 0.5, 1.0, 0.5, 0.0, 1.0]);
        assert_eq!(storyboard.shots[0].beats.iter().map(|beat| beat.at).collect::<Vec<_>>(), [30, 90, minute], "{fps}");
    }
}

#[test]
fn a_draft_has_the_same_times_at_another_rate() {
    let text = "shots: [{beats: [{at: 30f, express: jawOpen}, {at: 2.4s, express: neutral}]}]";
    let draft = board_at("30", FrameRate::new(12, 1).ok(), text);
    assert_eq!(draft.output.rate.fps(), 12.0);
    assert_eq!(draft.shots[0].beats.iter().map(|beat| beat.at).collect::<Vec<_>>(), [12, 29]);
}

#[test]
fn an_hour_does_not_drift() {
    // A key every 3.6 s for an hour, in one shot; and an hour of shots of 3.6 s.
    let beats: String = (1..=1000).map(|k| format!("  - then 3.6s to jawOpen*{}\n", k % 2)).collect();
    let one = board_at("30000/1001", None, &format!("shots:\n- beats:\n{beats}"));
    let exact = |seconds: f64| (seconds * 30000.0 / 1001.0).round() as u64;
    for (index, beat) in one.shots[0].beats.iter().enumerate() {
        assert_eq!(beat.at, exact(3.6 * (index + 1) as f64));
    }
    let many = board_at("30000/1001", None, &format!("shots:\n{}", "- length: 3.6s\n".repeat(1000)));
    for (index, shot) in many.shots.iter().enumerate() {
        assert_eq!(
            (shot.start, shot.start + shot.frames),
            (exact(3.6 * index as f64), exact(3.6 * (index + 1) as f64))
        );
        assert!((shot.length - 3.6 * 30000.0 / 1001.0).abs() < 1e-9 && shot.rendered_frames() == 108);
    }
    assert_eq!(many.frame_count(), 107_892);
}

#[test]
fn holds_overs_and_sequences_take_their_time() {
    let timeline = timeline(
        &board(
            "shots:\n- over: 400ms\n  beats:\n  - at 1s to jawOpen, hold 1s\n  - then 1s to jawOpen*0.5\n  - at 5s to neutral, over 2s\n",
        ),
        0,
    );
    // 10 frames before the first beat; a hold; 10 frames before 3 s; 2 s before 5 s.
    near(
        &values(&timeline, "jawOpen", [0, 15, 20, 25, 50, 65, 70, 75, 100, 125]),
        &[0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0],
    );
}

#[test]
fn a_channel_may_have_an_easing_of_its_own() {
    let text = "shots: [{beats: {at: 4s, express: jawOpen + head_yaw*10 + mouthSmile, ease: {all: linear, head: hold, mouth: steps(2)}}}]";
    let timeline = timeline(&board(text), 0);
    let at = |name: &str| values(&timeline, name, [25, 75, 100]);
    near(&at("jawOpen"), &[0.25, 0.75, 1.0]);
    near(&at("head_yaw"), &[0.0, 0.0, 10f64.to_radians()]);
    near(&at("mouthSmileLeft"), &[0.0, 0.5, 1.0]);
}

#[test]
fn also_moves_its_channels_and_no_others() {
    let text = "shots:\n- length: 8s\n  beats:\n  - at 1s to jawOpen*0.5\n  - at 2s also head_yaw*20, over 2s\n  - at 3s to neutral\n  - at 4s also jawOpen*0.2\n  - at 6s also neutral\n";
    let timeline = timeline(&board(text), 0);
    let yaw: Vec<f64> =
        values(&timeline, "head_yaw", [0, 25, 50, 100, 125, 150]).iter().map(|yaw| yaw.to_degrees()).collect();
    assert!(yaw.iter().zip([0.0, 10.0, 20.0, 20.0, 10.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-4), "{yaw:?}");
    // Both layers add: 0.2 rises from the start of the shot on.
    near(&values(&timeline, "jawOpen", [25, 50, 75, 100, 150]), &[0.55, 0.25 + 0.1, 0.15, 0.2, 0.0]);
}

#[test]
fn a_flash_is_all_there_on_its_frame_and_soon_gone() {
    let text = "shots: [{length: 4s, beats: [{at: 1s, express: jawOpen*0.3}, {at: 2s, flash: blink + jawOpen*0.2, over: 120ms, hold: 80ms}]}]";
    let timeline = timeline(&board(text), 0);
    near(&values(&timeline, "eyeBlinkLeft", [46, 47, 50, 51, 52, 58, 60]), &[0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    near(&values(&timeline, "jawOpen", [47, 50, 58]), &[0.3, 0.5, 0.3]);
    let falling = values(&timeline, "eyeBlinkLeft", 52..=58);
    assert!(falling.windows(2).all(|pair| pair[0] > pair[1]), "{falling:?}");
}

#[test]
fn the_jaw_of_flame_turns_as_a_rotation() {
    let text = "shots: [{beats: {at: 4s, express: {jaw_x: 0.6, jaw_y: 0.4, jaw_z: -0.3, exp: [1.5, -2]}}}]";
    let timeline = timeline(&board(text), 0);
    // From rest the axis stays: a quarter of the way is a quarter of the angle.
    near(&values(&timeline, "jaw_x", [25, 100]), &[0.15, 0.6]);
    near(&values(&timeline, "jaw_y", [25, 100]), &[0.1, 0.4]);
    near(&values(&timeline, "exp_01", [50]), &[-1.0]);
    // Between two axes the way is not their straight mixture.
    let text = "shots: [{beats: [{express: {jaw_x: 0.6}}, {at: 4s, express: {jaw_y: 0.6}}]}]";
    let sample = |frame: u64| {
        FlameChannel::JAW
            .map(|index| f64::from(timeline_of(text).sample(frame).flame.as_array()[index]))
            .collect::<Vec<_>>()
    };
    let middle = sample(50);
    // By symmetry x and y are equal in the middle; a straight mixture would have 0.3.
    assert!((middle[0] - middle[1]).abs() < 1e-6 && middle[0] > 0.304, "{middle:?}");
    let half = |v: &[f64]| (v.iter().map(|x| x * x).sum::<f64>().sqrt() / 2.0).cos();
    // The quaternion's scalar part of the mean of two unit quaternions with an angle of 2 a between them.
    let w = half(&[0.6]);
    let expected = 2.0 * w / (2.0 + 2.0 * w * w).sqrt();
    assert!((half(&middle) - expected).abs() < 1e-6);
}

fn timeline_of(text: &str) -> ShotTimeline {
    timeline(&board(text), 0)
}

#[test]
fn overshoot_is_kept() {
    let timeline = timeline_of("shots: [{beats: [{at: 1s, express: jawOpen, ease: spring(0.6)}]}]");
    let most = (0..25).map(|frame| get(&timeline.sample(frame), "jawOpen")).fold(0.0, f64::max);
    assert!(most > 1.1, "{most}");
}

fn track(columns: &[(&str, &[f32])], step: f64) -> Arc<Track> {
    let rows = columns[0].1.len();
    let times = (0..rows).map(|row| 5.0 + row as f64 * step).collect();
    let values = (0..rows).flat_map(|row| columns.iter().map(move |(_, values)| values[row])).collect();
    let channels = columns.iter().map(|(name, _)| Channel::from_name(name).unwrap()).collect();
    Arc::new(Track::new(channels, times, values).unwrap())
}

fn with_track(storyboard: &Storyboard, shot: usize, track: &Arc<Track>) -> ShotTimeline {
    storyboard.timeline(shot, |_| Ok::<_, String>(Arc::clone(track))).unwrap()
}

#[test]
fn a_motion_moves_its_part_of_the_shot_with_the_expression_on_top() {
    let text = "shots:\n- length: 6s\n  motion: {file: take-4s.csv, at: 1s, from: 1s, length: 2s, speed: 1.5, fade: 0, gain: head=0.5}\n  beats: at 4s to jawOpen*0.4\n";
    let storyboard = board(text);
    let ramp = track(&[("jawOpen", &[0.0, 0.1, 0.2, 0.3, 0.4]), ("head_yaw", &[0.2; 5]), ("exp_00", &[1.0; 5])], 1.0);
    let timeline = with_track(&storyboard, 0, &ramp);
    // At 2 s: half of the expression; the track's second 1 + 1 * 1.5.
    near(&values(&timeline, "jawOpen", [24, 25, 50, 74, 75, 100]), &[0.096, 0.2, 0.45, 0.296 + 0.394, 0.3, 0.4]);
    near(&values(&timeline, "head_yaw", [24, 50, 75]), &[0.0, 0.1, 0.0]);
    near(&values(&timeline, "exp_00", [24, 50, 75]), &[0.0, 1.0, 0.0]);
}

#[test]
fn motions_come_and_go_softly_but_not_at_the_ends_of_the_shot() {
    let constant = track(&[("jawOpen", &[1.0, 1.0])], 10.0);
    let inside = board("shots: [{length: 4s, motion: {file: a-10s.csv, at: 1s, length: 2s, fade: 400ms}}]");
    near(
        &values(&with_track(&inside, 0, &constant), "jawOpen", [25, 30, 35, 50, 65, 70, 75]),
        &[0.0, 0.5, 1.0, 1.0, 1.0, 0.5, 0.0],
    );
    let whole = board(
        "shots: [{length: motion, motion: a-10s.csv, transition: cut}, {length: 1s, transition: dissolve 400ms}]",
    );
    assert_eq!((whole.shots[0].frames, whole.shots[0].tail), (250, 10));
    // It goes on below the dissolve.
    near(&values(&with_track(&whole, 0, &constant), "jawOpen", [0, 249, 259]), &[1.0, 1.0, 1.0]);
}

#[test]
fn faces_live_unless_they_are_moved_or_told_not_to() {
    let alive = |settings: &str| {
        let text = format!("moue: 1\ncast: {{ada: ada.png}}\nshots: [{{length: 30s{settings}}}]\n");
        let storyboard = whole(&text, None).unwrap().0;
        let constant = track(&[("jawOpen", &[0.0, 0.0])], 60.0);
        let timeline = with_track(&storyboard, 0, &constant);
        let sum = |name: &str| (0..750).map(|frame| get(&timeline.sample(frame), name).abs()).sum::<f64>();
        (sum("eyeBlinkLeft") > 1.0, sum("head_yaw") > 0.1)
    };
    assert_eq!(alive(""), (true, true));
    assert_eq!(alive(", blink: false"), (false, true));
    assert_eq!(alive(", idle: false"), (true, false));
    assert_eq!(alive(", blink: false, idle: 0"), (false, false));
    assert_eq!(alive(", motion: take-60s.csv"), (false, false));
}

#[test]
fn seeds_of_life_belong_to_what_is_said_and_not_to_the_place_in_the_film() {
    let seeds = |shots: &str| {
        let text = format!(
            "moue: 1\ncast: {{ada: ada.png, bo: {{portrait: b.png, seed: 3}}}}\ndefaults: {{character: ada}}\nshots: [{shots}]\n"
        );
        whole(&text, None).unwrap().0.shots.iter().map(|shot| shot.life.seed).collect::<Vec<_>>()
    };
    let (a, b, b2) = (
        "{caption: a, character: bo}",
        "{caption: b, beats: at 1s to delight}",
        "{caption: b, beats: at 1.5s to delight}",
    );
    let all = seeds(&format!("{a}, {b}, {b}"));
    assert_eq!(seeds(&format!("{b}, {a}, {b}")), [all[1], all[0], all[2]]);
    assert!(all[0] != all[1] && all[1] != all[2]);
    // A beat that comes later leaves the blinks where they are.
    assert_eq!(seeds(&format!("{a}, {b2}")), all[..2]);
    assert_ne!(seeds("{caption: b, seed: 1}"), seeds("{caption: b}"));
}

#[test]
fn framing_moves_during_the_shot() {
    let storyboard = board(
        "shots: [{length: 4s, framing: head to head*1.2}, {length: 1s, framing: [0, 0, 0.5, 0.5]}, {length: 1s}]",
    );
    let moving = timeline(&storyboard, 0);
    let at = |frame: u64| moving.framing(frame);
    assert_eq!((at(0).from.region, at(0).to.zoom, at(0).progress, at(99).progress), (Region::Head, 1.2, 0.0, 1.0));
    assert!((at(49).progress - 0.5).abs() < 0.02);
    assert_eq!(timeline(&storyboard, 1).framing(3).from.region, Region::Crop([0.0, 0.0, 0.5, 0.5]));
    assert_eq!(timeline(&storyboard, 2).framing(3).from, moue_storyboard::View::WHOLE);
}

#[test]
fn what_is_carried_over_goes_on_without_a_jump() {
    let text = "moue: 1\ncast: {ada: {portrait: a.png, rest: smile}, bo: b.png}\ndefaults: {character: ada}\nshots:\n\
        - length: 2.02s\n  motion: {file: a-10s.csv, at: 1s}\n  beats: [at 1s to delight + jaw_x*0.2, at 1.5s also head_roll*5, at 2s flash blink, at 2.02s to doubt]\n\
        - {character: bo, length: 1s}\n- {carry: true, length: 3s, beats: at 2s to fear}\n- {carry: true, length: 1s}\n";
    let storyboard = whole(text, None).unwrap().0;
    let moving = track(&[("jawOpen", &[0.0, 0.5]), ("jaw_y", &[0.1, 0.1]), ("head_yaw", &[0.0, 0.3])], 10.0);
    let load = |_: &moue_storyboard::Motion| Ok::<_, String>(Arc::clone(&moving));
    let all = storyboard.timelines(load).unwrap();
    for (before, after) in [(0, 2), (2, 3)] {
        let (end, start) = (all[before].sample_at(storyboard.shots[before].length), all[after].sample(0));
        for channel in Channel::all() {
            let (end, start) = (get(&end, channel.name()), get(&start, channel.name()));
            // A shot that is moved from elsewhere has no life of its own; the one after it has.
            let slack = if before == 0
                && (channel.name().starts_with("eye")
                    || channel.name().contains("head")
                    || channel.name().contains("Inner"))
            {
                0.1
            } else {
                1e-6
            };
            assert!((end - start).abs() < slack, "{} {end} {start}", channel.name());
        }
        let alone = storyboard.timeline(after, load).unwrap();
        assert!((0..75).all(|frame| alone.sample(frame) == all[after].sample(frame)));
    }
    // Without `carry` a shot begins at rest.
    let cut = whole(&text.replace("carry: true", "carry: false"), None).unwrap().0;
    let rest = get(&cut.timelines(load).unwrap()[3].sample(0), "mouthSmileLeft");
    assert!((rest - 0.45).abs() < 1e-6);
    // Only what is still there at the end of the shot before is asked for.
    let mut asked = 0;
    let quiet = whole(&text.replace("at: 1s}", "at: 0s, length: 1s}"), None).unwrap().0;
    quiet
        .timeline(3, |_| {
            asked += 1;
            Ok::<_, String>(Arc::clone(&moving))
        })
        .unwrap();
    assert_eq!(asked, 0);
}

#[test]
fn a_track_of_the_shot_is_what_is_sampled() {
    let text = "moue: 1\noutput: {fps: 30000/1001}\ncast: {ada: a.png}\nshots: [{beats: [at 1s to delight + jaw_x*0.2 + exp_03, at 2s flash blink]}]\n";
    let storyboard = whole(text, None).unwrap().0;
    let (timeline, rate) = (timeline(&storyboard, 0), storyboard.output.rate);
    let track = timeline.track(storyboard.shots[0].frames).unwrap();
    assert_eq!(track.frame_count(rate), storyboard.shots[0].frames);
    for frame in 0..storyboard.shots[0].frames {
        let face = timeline.sample(frame);
        let time = rate.seconds_at(frame);
        assert_eq!(track.sample(time, moue_timeline::Interpolation::Linear), face.expression);
        assert_eq!(track.sample_flame(time, moue_timeline::Interpolation::Linear), face.flame);
    }
    let still = timeline_of("shots: [{length: 1s}]").track(25).unwrap();
    assert_eq!((still.times().len(), still.channels().len()), (25, 1));
    assert!(timeline.track(0).is_err());
}

proptest! {
    /// On the frame of a beat the face is the beat's; between two beats it stays between them, for easings that do.
    #[test]
    fn faces_are_those_of_their_beats(
        steps in prop::collection::vec((1u32..2000, 0.0..1.0f64, 0u32..500), 1..12),
        fps in prop::sample::select(vec!["25", "30000/1001", "24000/1001", "60", "12.5"]),
        ease in prop::sample::select(vec!["linear", "ease", "ease-in-out", "hold", "steps(3)", "step-start"]),
    ) {
        let beats: String = steps.iter().map(|(then, value, hold)| {
            format!("  - {{then: {}ms, express: {{jawOpen: {value}, jaw_x: {value}}}, hold: {hold}ms, ease: {ease}}}\n", then + 100)
        }).collect();
        let storyboard = board_at(fps, None, &format!("shots:\n- beats:\n{beats}"));
        let timeline = timeline(&storyboard, 0);
        let mut before = (0u64, 0.0f64);
        for (beat, (_, value, _)) in storyboard.shots[0].beats.iter().zip(&steps) {
            for frame in [beat.at, beat.end] {
                let face = timeline.sample(frame);
                prop_assert!((get(&face, "jawOpen") - value).abs() < 1e-6);
                prop_assert!((get(&face, "jaw_x") - value).abs() < 1e-6);
            }
            for frame in before.0..=beat.at {
                let found = get(&timeline.sample(frame), "jawOpen");
                prop_assert!(found >= before.1.min(*value) - 1e-6 && found <= before.1.max(*value) + 1e-6);
            }
            before = (beat.end, *value);
        }
    }

    /// Whatever happens in a shot, values are finite and change little from one moment to the next.
    #[test]
    fn faces_do_not_jump(seed in 0u64..1000, at in 0.0..10.0f64, fps in prop::sample::select(vec!["25", "29.97"])) {
        let text = format!(
            "moue: 1\noutput: {{fps: {fps}}}\ncast: {{ada: a.png}}\nshots:\n- seed: {seed}\n  length: 10s\n  beats: \
             [at 1s to delight, then 1s to fear + jaw_x*0.3, at 3s also head_yaw*10, at 4s flash blink, at 5s to doubt + jaw_y*0.1]\n"
        );
        let storyboard = whole(&text, None).unwrap().0;
        let timeline = timeline(&storyboard, 0);
        let frame = at * storyboard.output.rate.fps();
        let (a, b) = (timeline.sample_at(frame), timeline.sample_at(frame + 1e-3));
        for shape in Shape::ALL {
            let (a, b) = (a.expression.get(shape), b.expression.get(shape));
            prop_assert!(a.is_finite() && (a - b).abs() < 2e-3, "{} {a} {b}", shape.name());
        }
    }
}
