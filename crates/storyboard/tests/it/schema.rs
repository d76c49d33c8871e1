//! The committed schemas: what they say is what the reader does.

use std::path::{Path, PathBuf};

use moue_document::{Report, Sources, parse};
use moue_storyboard::{library_schema, storyboard_schema};
use serde_json::{Value, json};

use crate::validator::problems;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A YAML text as JSON.
fn to_json(text: &str) -> Value {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let source = sources.add("f.yaml", text.into(), &mut report).unwrap();
    parse(&sources, source, &mut report).unwrap().to_json()
}

#[test]
fn the_committed_schemas_are_up_to_date() {
    for (name, schema) in [("storyboard", storyboard_schema()), ("storyboard-library", library_schema())] {
        let path = root().join(format!("schemas/{name}-v1.schema.json"));
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if std::env::var_os("MOUE_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{path:?} is not what the types say: run the tests with MOUE_BLESS=1 and commit it");
    }
}

#[test]
fn every_example_fits_its_schema() {
    let folder = root().join("examples/storyboards");
    let mut boards = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let document = to_json(&std::fs::read_to_string(&path).unwrap());
            let is_board = document.get("shots").is_some();
            let schema = if is_board { storyboard_schema() } else { library_schema() };
            assert_eq!(problems(&schema, &document), Vec::<String>::new(), "{path:?}");
            boards += usize::from(is_board);
        }
    }
    assert_eq!(boards, 5);
    let built_in = to_json(include_str!("../../src/expressions.yaml"));
    assert_eq!(problems(&library_schema(), &built_in), Vec::<String>::new());
}

#[test]
fn what_the_reader_refuses_the_schema_refuses_where_it_can() {
    let schema = storyboard_schema();
    let fits = |shot: &str| {
        let text = format!("moue: 1\ncast: {{ada: a.png}}\nshots:\n- {shot}\n");
        let read = crate::given::whole(&text, None).is_ok();
        (read, problems(&schema, &to_json(&text)).is_empty())
    };
    for good in [
        "{length: 2}",
        "{length: sound, sound: a.wav}",
        "{beats: at 1s to delight}",
        "{beats: [{at: 1s, express: {exp: [1, -2.5], jaw_x: 0.2, head_yaw: -30, mouthSmile: 1.2}, ease: {mouth: spring(0.2)}}]}",
        "{beats: [{at: 00:00:01.5, flash: blink, over: 80ms}], x-note: {any: thing}}",
        "{motion: [a.csv, {file: b.csv, at: 10s, speed: 2, gain: \"head=0\"}], length: 20s}",
        "{framing: [0, 0, 0.5, 1], blink: 3s, idle: 0.5}",
        "{framing: {from: head, to: [0, 0, 0.5, 0.5], ease: linear}, transition: fade 1s, carry: true}",
    ] {
        assert_eq!(fits(good), (true, true), "{good}");
    }
    for bad in [
        "{length: soon}",
        "{lenght: 2s}",
        "{beats: {at: 1s, express: {mouthSmle: 1}}}",
        "{beats: {at: 1s, express: {mouthSmile: 100}}}",
        "{beats: {at: 1s, express: {mouthSmile: high}}}",
        "{beats: {at: 1s, express: [1]}}",
        "{beats: {at: 1s, express: delight, ease: fast}}",
        "{motion: {at: 1s}}",
        "{motion: {file: a.csv, speed: 0}}",
        "{framing: [0, 0, 1]}",
        "{framing: {to: behind}}",
        "{transition: wipe 1s}",
        "{blink: often}",
        "{idle: 9}",
        "{carry: yes}",
        "[1]",
    ] {
        assert_eq!(fits(bad), (false, false), "{bad}");
    }
    assert!(!problems(&schema, &json!({"moue": 2, "shots": []})).is_empty());
}
