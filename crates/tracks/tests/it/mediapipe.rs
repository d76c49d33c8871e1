use moue_timeline::{Channel, HeadAxis, Shape};
use moue_tracks::Format;

use crate::{at, load, refusal};

fn js_face(jaw: f64) -> String {
    format!(
        r#"{{"categories":[{{"index":0,"score":0.01,"categoryName":"_neutral","displayName":""}},
        {{"index":25,"score":{jaw},"categoryName":"jawOpen","displayName":""}},
        {{"index":44,"score":0.5,"categoryName":"mouthSmileLeft","displayName":""}}],"headIndex":-1,"headName":""}}"#
    )
}

/// A turn by `yaw` to the face's own left, 40 cm away, packed by columns.
fn matrix(yaw: f64) -> [f64; 16] {
    let (s, c) = yaw.sin_cos();
    [c, 0.0, -s, 0.0, 0.0, 1.0, 0.0, 0.0, s, 0.0, c, 0.0, 1.5, 2.5, -40.0, 1.0]
}

#[test]
fn the_javascript_spelling_is_read() {
    let frames: Vec<String> = (0..4)
        .map(|frame| {
            format!(
                r#"{{"timestampMs":{},"faceLandmarks":[[{{"x":0.5,"y":0.5,"z":0}}]],"faceBlendshapes":[{}],
                "facialTransformationMatrixes":[{{"rows":4,"columns":4,"data":{:?}}}]}}"#,
                1000 + frame * 40,
                js_face(f64::from(frame) / 4.0),
                matrix(0.2)
            )
        })
        .collect();
    let loaded = load(format!(r#"{{"frames":[{}],"fps":25}}"#, frames.join(",")));
    assert_eq!(loaded.format, Format::MediaPipe);
    assert_eq!(loaded.notes, Vec::<String>::new());
    assert_eq!(loaded.track.times(), [0.0, 0.04, 0.08, 0.12].map(|t: f64| 1.0 + t).map(|t| t - 1.0));
    let face = at(&loaded, 0.06);
    assert!((face.get(Shape::JawOpen) - 0.375).abs() < 1e-6);
    assert_eq!(face.get(Shape::MouthSmileLeft), 0.5);
    assert!((face.head.yaw - 0.2).abs() < 1e-6 && face.head.pitch.abs() < 1e-6 && face.head.roll.abs() < 1e-6);
}

#[test]
fn the_python_spelling_is_read() {
    let m = matrix(-0.3);
    let rows: Vec<Vec<f64>> = (0..4).map(|row| (0..4).map(|column| m[column * 4 + row]).collect()).collect();
    let frame = |ms: f64, jaw: f64| {
        format!(
            r#"{{"timestamp_ms":{ms},"face_blendshapes":[[{{"index":25,"score":{jaw},"category_name":"jawOpen",
            "display_name":null}}]],"facial_transformation_matrixes":[{rows:?}]}}"#
        )
    };
    let loaded = load(format!("[{},{}]", frame(0.0, 0.2), frame(33.5, 0.4)));
    assert_eq!(loaded.track.times(), [0.0, 0.0335]);
    assert!((at(&loaded, 0.0335).get(Shape::JawOpen) - 0.4).abs() < 1e-6);
    assert!((at(&loaded, 0.0).head.yaw + 0.3).abs() < 1e-6);
}

#[test]
fn a_matrix_packed_by_rows_is_told_by_its_last_row() {
    let m = matrix(0.4);
    let by_rows: Vec<f64> = (0..16).map(|at| m[at % 4 * 4 + at / 4]).collect();
    let text =
        format!(r#"{{"faceBlendshapes":[{}],"facialTransformationMatrixes":[{{"data":{by_rows:?}}}]}}"#, js_face(0.1));
    assert!((at(&load(text), 0.0).head.yaw - 0.4).abs() < 1e-6);
}

#[test]
fn frames_without_a_face_are_bridged_and_named() {
    let face = |jaw: f64| format!(r#"{{"faceBlendshapes":[{}]}}"#, js_face(jaw));
    let mut frames: Vec<String> = (0..30).map(|frame| face(f64::from(frame) / 30.0)).collect();
    frames[10] = "null".to_owned();
    frames[11] = "{}".to_owned();
    frames[12] = r#"{"faceBlendshapes":[]}"#.to_owned();
    frames[20] = format!(r#"{{"result":{{"faceBlendshapes":[{},{}]}}}}"#, js_face(20.0 / 30.0), js_face(0.9));
    let loaded = load(format!("[{}]", frames.join(",")));
    assert_eq!(
        loaded.notes,
        [
            "frames have no timestamps: taken as 30 per second",
            "3 of 30 frames have no face",
            "1 frames have several faces: the first of each is used",
            "gaps: 3 rows are bridged; the longest gap lasts 0.13 s, from 0.30 s",
        ]
    );
    for t in [0.3, 0.35, 0.4, 0.6, 20.0 / 30.0] {
        assert!((f64::from(at(&loaded, t).get(Shape::JawOpen)) - t).abs() < 1e-6, "at {t}");
    }
    assert!(!loaded.track.has_channel(Channel::Head(HeadAxis::Yaw)));
}

#[test]
fn what_is_wrong_is_named() {
    let found = |text: &str| refusal(text).split(", expected").next().unwrap().to_owned();
    assert_eq!(found("{}"), "take: found an object without frames, faceBlendshapes or facsNames");
    assert_eq!(found("[]"), "take: found an empty list");
    assert_eq!(found("[null, {}]"), "take: found no frame with blendshapes");
    let face = js_face(0.5);
    let ok = format!(r#"{{"timestampMs":40,"faceBlendshapes":[{face}]}}"#);
    assert_eq!(found(&format!("[{ok},{ok}]")), "take, frame 1: found timestamp 40 ms");
    assert_eq!(found(&format!(r#"[{ok},{{"faceBlendshapes":[{face}]}}]"#)), "take, frame 1: found no timestamp");
    let far = ok.replace("40", "86400041");
    assert_eq!(found(&format!("[{ok},{far}]")), "take, frame 1: found timestamp 86400041 ms");
    let negative = ok.replace("40", "-40");
    assert_eq!(found(&format!("[{negative}]")), "take, frame 0: found timestamp -40 ms");
    let less = r#"{"timestampMs":80,"faceBlendshapes":[{"categories":[{"categoryName":"jawOpen","score":0}]}]}"#;
    assert_eq!(found(&format!("[{ok},{less}]")), "take, frame 1: found no category 'mouthSmileLeft'");
    let unknown = r#"{"faceBlendshapes":[{"categories":[{"categoryName":"jaw_open","score":0}]}]}"#;
    assert_eq!(
        refusal(unknown),
        "take, frame 0: found the categories 'jaw_open', expected ARKit's names of shapes\nhint: did you mean 'jawOpen'?"
    );
    assert_eq!(
        refusal("[{\"faceBlendshapes\":\n[{\"categories\":[{\"categoryName\":\"jawOpen\",\"score\":NaN}]}]}]"),
        "take, line 2, column 51: found 'expected value', expected results of MediaPipe's Face Landmarker or \
         weights of Audio2Face\nhint: the file is no JSON; NaN and Infinity have no place in it, nor have several values one after another"
    );
    assert_eq!(
        refusal("[{\"faceBlendshapes\":[{\"categories\":[{\"categoryName\":\"jawOpen\",\"score\":\"high\"}]}]}]"),
        "take, line 1, column 76: found 'invalid type: string \"high\", expected f64', expected results of MediaPipe's \
         Face Landmarker or weights of Audio2Face\nhint: MediaPipe: frames hold faceBlendshapes[0].categories[] with \
         categoryName and score; Audio2Face: facsNames and weightMat"
    );
    let cut = format!("[{ok},{}", &ok[..60]);
    assert!(refusal(cut).ends_with("hint: the file is cut short: export it again"));
    let singular =
        format!(r#"{{"faceBlendshapes":[{face}],"facialTransformationMatrixes":[{{"data":{:?}}}]}}"#, [0.0; 16]);
    assert_eq!(found(&singular), "take, frame 0: found a degenerate matrix");
    let short = format!(r#"{{"faceBlendshapes":[{face}],"facialTransformationMatrixes":[[1,0,0]]}}"#);
    assert!(refusal(short).contains("a matrix that is not 4x4"));
}
