//! What Audio2Face and Audio2Face-3D give.

use moue_timeline::{FrameRate, Shape};
use moue_tracks::{Format, ReadOptions};

use crate::{at, load, refusal};

fn json(fps: &str, names: &[&str], rows: &[&str]) -> String {
    format!(
        r#"{{{fps}"trackPath":"take.wav","numPoses":{},"numFrames":{},"facsNames":{names:?},"weightMat":[{}],
        "joints":["jaw"],"rotations":[[[0,0,0,1]]]}}"#,
        names.len(),
        rows.len(),
        rows.join(",")
    )
}

#[test]
fn weights_are_found_by_name_whatever_their_order() {
    let text = json("\"exportFps\":60.0,", &["tongueOut", "jawOpen"], &["[0.1,0.2]", "[0,1]", "[0.3,0.5]"]);
    let loaded = load(&text);
    assert_eq!((loaded.format, loaded.notes.len()), (Format::Audio2Face, 0));
    let expected = [0.0, 1.0, 2.0].map(|row| row / 60.0);
    assert_eq!(loaded.track.times(), expected);
    let middle = at(&loaded, 1.5 / 60.0);
    assert!((middle.get(Shape::JawOpen) - 0.75).abs() < 1e-6 && (middle.get(Shape::TongueOut) - 0.15).abs() < 1e-6);
    // The weights may come before their names, and in scientific notation.
    let text = r#"{"weightMat":[[1e-1],[2E-1]],"facsNames":["JAWOPEN"],"exportFps":29.97}"#;
    let loaded = load(text);
    assert_eq!(loaded.track.times(), [0.0, 1001.0 / 30000.0]);
    assert_eq!(at(&loaded, 1.0).get(Shape::JawOpen), 0.2);
}

#[test]
fn the_rate_comes_from_the_file_then_from_the_caller() {
    let options = ReadOptions { rate: Some(FrameRate::FPS_25), format: None };
    let read = |text: &str| options.read_bytes("take", text.as_bytes()).unwrap();
    let without = json("", &["jawOpen"], &["[0]", "[1]"]);
    assert_eq!((read(&without).track.duration(), read(&without).notes.len()), (0.04, 0));
    assert_eq!(load(&without).notes, ["there is no exportFps: taken as 30 frames per second"]);
    let own = read(&json("\"exportFps\":50,", &["jawOpen"], &["[0]", "[1]"]));
    assert_eq!(own.track.duration(), 0.02);
    assert_eq!(own.notes, ["the file says 50 frames per second: the given rate of 25 is not used"]);
}

#[test]
fn names_of_other_rigs_are_ignored_and_named() {
    let loaded = load(json("\"exportFps\":30,", &["browLowerL", "jawOpen"], &["[1,0.5]", "[1,0.5]"]));
    assert_eq!(loaded.track.channels().len(), 1);
    assert_eq!(loaded.notes, ["ignored 1 unknown weights: 'browLowerL'"]);
    // Thousands of them too.
    let names: Vec<String> = (0..5000).map(|index| format!("pose{index}")).chain(["jawOpen".to_owned()]).collect();
    let row = format!("[{}1]", "0,".repeat(5000));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let loaded = load(json("\"exportFps\":30,", &names, &[&row, &row]));
    assert_eq!(at(&loaded, 0.0).get(Shape::JawOpen), 1.0);
    assert!(loaded.notes[0].starts_with("ignored 5000 unknown weights: 'pose0', ") && loaded.notes[0].len() < 120);
}

#[test]
fn the_table_of_the_service_is_read() {
    let text = ",timeCode,blendShapes.EyeBlinkLeft,blendShapes.JawOpen,blendShapes.TongueTipUp\n\
                0,0.0,0.5,0.25,1\n1,0.033333335,0.25,0.5,1\n2,0.06666667,0.0,0.75,1\n";
    let loaded = load(text);
    assert_eq!(loaded.format, Format::Audio2FaceCsv);
    assert_eq!(loaded.notes, ["ignored 1 unknown column: 'blendShapes.TongueTipUp'"]);
    assert_eq!(loaded.track.times(), [0.0, 0.033333335, 0.06666667]);
    let face = at(&loaded, 0.033333335);
    assert_eq!((face.get(Shape::EyeBlinkLeft), face.get(Shape::JawOpen)), (0.25, 0.5));
    assert_eq!(load(text.replace(",timeCode", "Unnamed: 0,timeCode")).notes, loaded.notes);
}

#[test]
fn what_is_wrong_is_named() {
    let found = |text: &str| refusal(text).split("\nhint: ").next().unwrap().to_owned();
    let one = |fps: &str, rows: &[&str]| json(fps, &["jawOpen"], rows);
    let is = |text: String, expected: &str| assert_eq!(found(&text), format!("take{expected}"));
    is(one("", &[]), ": found no frames in weightMat, expected at least one");
    is(one("", &["[1,2]"]), ": found rows of 2 weights, expected 1 as in facsNames");
    is(
        one("", &["[1]"]).replace("\"numFrames\":1", "\"numFrames\":7"),
        ": found numFrames 7, expected 1, as many as there are",
    );
    is(
        one("", &["[1]"]).replace("\"numPoses\":1", "\"numPoses\":9"),
        ": found numPoses 9, expected 1, as many as there are",
    );
    is(
        json("", &["jawOpen", "JawOpen"], &["[1,2]"]),
        ": found 'jawOpen' a second time in facsNames, expected each name once",
    );
    is(json("", &[], &["[]"]), ": found no names in facsNames, expected ARKit's names of shapes in facsNames");
    is(
        r#"{"facsNames":["jawOpen"]}"#.to_owned(),
        ": found Audio2Face's weights without facsNames or weightMat, expected both",
    );
    for fps in ["0", "-30", "1e9"] {
        let text = one(&format!("\"exportFps\":{fps},"), &["[1]"]);
        let fps: f64 = fps.parse().unwrap();
        is(text, &format!(": found exportFps {fps}, expected frames per second from 0.1 to 1000"));
    }
    let near = refusal(json("", &["jawOpne"], &["[1]"]));
    assert!(near.ends_with("\nhint: did you mean 'jawOpen'?"), "{near}");

    let expected = "expected results of MediaPipe's Face Landmarker or weights of Audio2Face";
    let place = |text: &str| refusal(text).split(", expected").next().unwrap().to_owned();
    assert_eq!(
        place("{\"weightMat\":\n[[0.5],[0.5, 1]]}"),
        "take, line 2, column 16: found '2 weights in row 1 after rows of 1'"
    );
    assert!(
        place("{\"weightMat\":\n[[0.5],[1e39]]}")
            .ends_with(": found 'weight 1000000000000000000000000000000000000000 in row 1, column 0'")
    );
    for number in ["NaN", "Infinity", "-Infinity"] {
        let text = refusal(format!("{{\"weightMat\":[[0.5],[{number}]]}}"));
        assert!(text.starts_with("take, line 1, column ") && text.contains(expected), "{text}");
        assert!(text.contains("NaN and Infinity have no place in it"), "{text}");
    }
    let cut = one("", &["[1]", "[0.5]"]);
    assert!(refusal(&cut[..cut.len() / 2]).ends_with("hint: the file is cut short: export it again"));
}

#[test]
fn tables_have_the_checks_of_ours() {
    let table = |rows: &str| refusal(format!(",timeCode,blendShapes.JawOpen\n{rows}"));
    assert_eq!(
        table("0,0.5,1\n1,0.25,1\n"),
        "take, line 3, column 2 (timeCode): found '0.25', expected a time after the row above (0.5)\nhint: time runs \
         backwards: sort the rows by time"
    );
    assert!(
        table("0,0.5,nan\n")
            .starts_with("take, line 2, column 3 (blendShapes.JawOpen): found 'nan', expected a finite")
    );
    assert!(table("0,0.5\n").starts_with("take, line 2: found 2 fields, expected 3 as in the header"));
    assert!(table("").starts_with("take: found only a header, expected rows of numbers below it"));
    assert_eq!(
        refusal(",blendShapes.JawOpen\n0,1\n"),
        "take, line 1: found the columns '', 'blendShapes.JawOpen', expected a column 'timeCode'\nhint: the first line \
         names the columns"
    );
}
