//! What the iFacialMocap and Facemotion3d apps send.

use moue_timeline::{Channel, FrameRate, HeadAxis, Shape};
use moue_tracks::{Format, ReadOptions};

use crate::{at, load, refusal};

const SIXTY: &str = "frames have no times: taken as 60 per second, as the app sends them";

/// The makers' own examples.
const IFACIALMOCAP: &str = "mouthSmile_R-0|eyeLookOut_L-0|mouthUpperUp_L-11|eyeBlink_R-7|eyeBlink_L-9|jawOpen-12|\
    =head#-21.488958,-6.038993,-6.6019735,-0.030653415,-0.10287084,-0.6584072|\
    rightEye#6.0297494,2.4403017,0.25649446|leftEye#6.034903,-1.6660284,-0.17520553|";
const FACEMOTION: &str = "eyeLookOutLeft&3|mouthPressRight&14|jawOpen&4|eyeBlinkLeft&29|FM_SAD&0|FM_TH&0|\
    =head#-22.167973,0.45402408,-4.8798294,-0.039975993,-0.048437987,-0.45562273|\
    rightEye#12.759762,5.527712,1.2244859|leftEye#12.862795,1.264116,0.28145725|";

#[test]
fn frames_of_both_apps_are_read() {
    let loaded = load(format!("{IFACIALMOCAP}\n{}\n", IFACIALMOCAP.replace("jawOpen-12", "jawOpen-52")));
    assert_eq!((loaded.format, loaded.track.channels().len()), (Format::IFacialMocap, 9));
    assert_eq!(loaded.notes, [SIXTY]);
    assert_eq!(loaded.track.times(), [0.0, 1.0 / 60.0]);
    let face = at(&loaded, 0.0);
    assert_eq!((face.get(Shape::EyeBlinkLeft), face.get(Shape::EyeBlinkRight)), (0.09, 0.07));
    assert!((at(&loaded, 0.5 / 60.0).get(Shape::JawOpen) - 0.32).abs() < 1e-6);
    // Up, to the own right and towards the own left shoulder.
    let head = [face.head.yaw, face.head.pitch, face.head.roll].map(f32::to_degrees);
    assert!(head.iter().zip([-6.038993, 21.488958, 6.6019735]).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-4));

    let loaded = load(FACEMOTION);
    assert_eq!(loaded.notes[..2], ["ignored 2 unknown values: 'FM_SAD', 'FM_TH'", SIXTY]);
    assert_eq!(at(&loaded, 0.0).get(Shape::EyeBlinkLeft), 0.29);
    // Thousands of values that mean nothing.
    let many: String = (0..5000).map(|index| format!("extra{index}-1|")).collect();
    let note = &load(format!("jawOpen-1|jawOpne-1|{many}")).notes[0];
    assert!(note.starts_with("ignored 5001 unknown values: 'jawOpne', 'extra0', "), "{note}");
    assert!(note.ends_with(" and 4995 more ('jawOpne' may be jawOpen)"), "{note}");
}

#[test]
fn frames_are_separated_by_lines_or_by_the_app_s_marker() {
    let frame = |jaw: u32| format!("jawOpen-{jaw}|eyeBlink_L-7|");
    let lines = load((0..4).map(|jaw| frame(jaw) + "\n").collect::<String>());
    assert_eq!(lines.track.times().len(), 4);
    for text in [
        (0..4).map(|jaw| frame(jaw) + "\r\n\r\n").collect::<String>(),
        (0..4).map(|jaw| frame(jaw) + "___iFacialMocap").collect(),
        (0..4).map(|jaw| frame(jaw).trim_end_matches('|').to_owned() + "\n").collect(),
        format!(
            "\u{feff}{}",
            (0..4).map(|jaw| frame(jaw).replace('-', "&").replace('|', " | ") + "\n").collect::<String>()
        ),
        // The shapes may stand in any order.
        (0..4).map(|jaw| format!("eyeBlink_L-7.0|jawOpen-{jaw}\n")).collect(),
    ] {
        assert_eq!(load(&text).track, lines.track, "{text}");
    }
    // A single value is a frame as well.
    assert_eq!(load("jawOpen-10\njawOpen-20\n").track.channels().len(), 1);
}

#[test]
fn lost_faces_are_bridged_and_named() {
    let frame = |tracked: u32, jaw: u32| format!("trackingStatus-{tracked}|jawOpen-{jaw}|hapihapi-0|\n");
    let text: String = (0..60).map(|index| frame(u32::from(!(20..24).contains(&index)), index)).collect();
    let loaded = load(&text);
    let gap = "gaps: 4 rows are bridged; the longest gap lasts 0.08 s, from 0.32 s";
    assert_eq!(loaded.notes, [SIXTY, "4 of 60 frames have no face", gap]);
    assert!((at(&loaded, 22.0 / 60.0).get(Shape::JawOpen) - 0.22).abs() < 1e-6);
    let lost = refusal("trackingStatus-0|jawOpen-1|\n");
    assert!(lost.starts_with("take: found no frame with a face, expected frames of iFacialMocap"), "{lost}");
}

#[test]
fn the_rate_is_the_caller_s() {
    let options = ReadOptions { rate: Some(FrameRate::FPS_25), format: None };
    let loaded = options.read_bytes("take", b"jawOpen-10|\njawOpen-20|\n").unwrap();
    assert_eq!((loaded.track.times(), loaded.notes.len()), (&[0.0, 0.04][..], 0));
}

#[test]
fn a_head_that_comes_and_goes_is_left_out() {
    let loaded = load("jawOpen-1|=head#1,2,3,4,5,6|\njawOpen-2|\n");
    assert!(!loaded.track.has_channel(Channel::Head(HeadAxis::Yaw)));
    assert_eq!(loaded.notes, [SIXTY, "only some frames have the head's rotation: the head stays still"]);
}

#[test]
fn shares_of_one_are_named() {
    let loaded = load("jawOpen-0.5|\njawOpen-0.9|\n");
    assert_eq!(loaded.notes[1], "values are percent in this format, and these reach only 0.9");
    assert_eq!(load("jawOpen-0|\njawOpen-1|\n").notes, [SIXTY]);
}

#[test]
fn what_is_wrong_is_named() {
    let says = |text: &str, message: &str| assert_eq!(refusal(text), message);
    let value = "expected name-value or name&value, from 0 to 100";
    let form =
        "hint: a frame is for example jawOpen-12|eyeBlink_L-7|; where the file is cut short, delete its last line";
    for bad in [
        "jawOpen-NaN",
        "jawOpen-inf",
        "jawOpen-",
        "jawOpen",
        "jaw Open-1",
        "jawOpen–1",
        "=head#1,2",
        "=head#1,2,x",
        "=head#1,2,NaN",
    ] {
        says(&format!("jawOpen-1|\n{bad}|\n"), &format!("take, line 2: found '{bad}', {value}\n{form}"));
    }
    says("jawOpen-1___iFacialMocapjawOpen-x", &format!("take, frame 1: found 'jawOpen-x', {value}\n{form}"));
    says(
        "jawOpen-1|jawOpen-2|\n",
        &format!(
            "take, line 1: found 'jawOpen' a second time, {value}\nhint: each shape once in a frame; frames are separated \
             by line ends"
        ),
    );
    let same = "expected the shapes of the frames before\nhint: every frame has the same shapes: complete or delete this one \
                (missing frames are bridged)";
    says("jawOpen-1|mouthLeft-1\njawOpen-2\n", &format!("take, line 2: found no value of 'mouthLeft', {same}"));
    says("jawOpen-1\njawOpen-2|mouthLeft-3\n", &format!("take, line 2: found a value of 'mouthLeft', {same}"));
    says(
        &format!("jawOpen-1|{}", "x".repeat(5000)),
        &format!("take, line 1: found 4096 bytes without '|', {value}\nhint: values are separated by '|'"),
    );
    let late = [b"jawOpen-1|\n".repeat(8000).as_slice(), b"jawOpen-\xff|"].concat();
    assert_eq!(
        refusal(&late),
        format!("take, line 8000: found 'jawOpen-\u{fffd}|', {value}\nhint: save the text as UTF-8")
    );
    let huge = refusal("jawOpen-1e300|\n");
    assert!(
        huge.starts_with("take, line 1: found 'jawOpen-1e300'") && huge.ends_with("lie between 0 and 100"),
        "{huge}"
    );
}
