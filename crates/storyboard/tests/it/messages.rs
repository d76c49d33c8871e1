//! What is said of files with mistakes. `tests/messages/NAME.yaml` is read, `NAME.txt` is what is said of it.

use std::path::{Path, PathBuf};

use moue_storyboard::Storyboard;

use crate::given::Given;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages")
}

/// What is said of a file; its name as a person would give it in that folder.
fn told(name: &str) -> String {
    match Storyboard::read(Path::new(name), &Given::in_folder(folder())) {
        Ok((_, warnings)) => format!("{warnings}\n"),
        Err(wrong) => format!("{wrong}\n"),
    }
}

#[test]
fn every_message_is_the_one_that_was_agreed_on() {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    assert!(names.len() >= 15);
    for name in names {
        let told = told(&name);
        let path = folder().join(name.replace(".yaml", ".txt"));
        if std::env::var_os("MOUE_BLESS").is_some() {
            std::fs::write(&path, &told).unwrap();
        }
        let agreed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(told == agreed, "{name} says\n{told}\nwhere {path:?} says\n{agreed}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = told("nowhere.yaml");
    assert!(
        error.starts_with("nowhere.yaml: error: cannot be read: No such file or directory (os error 2)\n"),
        "{error}"
    );
    assert!(error.contains("hint: check the spelling"), "{error}");
}
