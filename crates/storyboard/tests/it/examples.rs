use std::path::{Path, PathBuf};

use moue_storyboard::Storyboard;

use crate::given::Given;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn boards() -> impl Iterator<Item = PathBuf> {
    ["hello", "interview", "six-emotions", "dialogue", "driven"]
        .into_iter()
        .map(|name| root().join(format!("examples/storyboards/{name}.yaml")))
}

#[test]
fn every_example_is_sound() {
    for path in boards() {
        let (storyboard, warnings) =
            Storyboard::read(&path, &Given::default()).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert!(warnings.is_empty(), "{warnings}");
        assert!(storyboard.title.is_some() && storyboard.frame_count() > 50, "{path:?}");
    }
}

#[test]
fn the_first_film_fits_in_fifteen_lines() {
    let text = std::fs::read_to_string(root().join("examples/storyboards/hello.yaml")).unwrap();
    assert!(text.lines().count() <= 15);
}

/// The YAML blocks of the reference, each as a whole storyboard.
fn blocks(text: &str) -> Vec<String> {
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let whole = |block: &str| {
        if block.contains("moue:") {
            return block.to_owned();
        }
        let mut whole = format!("moue: 1\n{block}");
        if !block.contains("cast:") {
            whole += "cast: {ada: ada.png}\n";
        }
        if !block.contains("shots:") {
            // Names that the block does not explain are the reader's.
            whole += "shots: [{character: ada}]\n";
        }
        whole
    };
    blocks.filter(|block| !block.starts_with("# yaml-language-server")).map(whole).collect()
}

#[test]
fn the_reference_says_what_is_so() {
    let text = std::fs::read_to_string(root().join("docs/storyboard.md")).unwrap();
    let blocks = blocks(&text);
    assert!(blocks.len() >= 9);
    for block in blocks {
        crate::given::whole(&block, None).unwrap_or_else(|wrong| panic!("{block}\n{wrong}"));
    }
    for (name, _) in moue_storyboard::built_in_expressions() {
        assert!(text.contains(&format!("`{name}`")), "{name} is not in the reference");
    }
    for schema in [moue_storyboard::storyboard_schema(), moue_storyboard::library_schema()] {
        let types = schema["$defs"].as_object().unwrap().values().chain([&schema]);
        for key in types.filter_map(|one| one["properties"].as_object()).flat_map(|properties| properties.keys()) {
            assert!(
                text.contains(&format!("`{key}`")) || text.contains(&format!("`{key}:")),
                "{key} is not in the reference"
            );
        }
    }
}
