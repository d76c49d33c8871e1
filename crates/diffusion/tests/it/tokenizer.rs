//! The tokenizer's files, and texts of any kind.

use std::path::{Path, PathBuf};

use moue_diffusion::{DiffusionError, Tokenizer};

use crate::helpers::{checkpoint, file, says, variant};

fn good() -> [PathBuf; 2] {
    let folder = variant("full").join("checkpoint/tokenizer");
    [folder.join("vocab.json"), folder.join("merges.txt")]
}

fn refusal(vocabulary: &Path, merges: &Path) -> DiffusionError {
    Tokenizer::open(vocabulary, merges).map(drop).unwrap_err()
}

#[test]
fn files_that_are_damaged() {
    let [vocabulary, merges] = good();
    let expected = "expected the vocabulary and merges of CLIP's tokenizer";
    for text in ["", "{", "[]", "<html>", "version https://git-lfs.github.com/spec/v1", r#"{"a": "b"}"#] {
        let path = file("tokenizer/vocab.json", text);
        says(refusal(&path, &merges), &path, &["found ", expected, "moue models pull"]);
    }
    let path = file("tokenizer/vocab.json", "{}");
    says(refusal(&path, &file("tokenizer/merges.txt", "")), &path, &["found no <|startoftext|>", expected]);
    let marks = r#"{"<|startoftext|>": 0}"#;
    let path = file("tokenizer/vocab.json", marks);
    says(refusal(&path, &file("tokenizer/merges.txt", "")), &path, &["found no <|endoftext|>", expected]);
    // Merges of what the vocabulary does not have, and lines that are no merges.
    for text in ["#version: 0.2\nzz qq\n", "one\n", "a b c d\n"] {
        let error = refusal(&vocabulary, &file("tokenizer/bad.txt", text));
        says(error, &vocabulary, &["found ", expected]);
    }
    for [vocabulary, merges] in [["nowhere.json", "nowhere.txt"], [&vocabulary.to_string_lossy(), "nowhere.txt"]] {
        let error = refusal(Path::new(vocabulary), Path::new(merges));
        assert!(matches!(error, DiffusionError::Io { .. }) && error.to_string().starts_with("nowhere"), "{error}");
    }
}

#[test]
fn texts_that_are_too_long() {
    let tokenizer = checkpoint("full").tokenizer().unwrap();
    for (text, length) in [("photo of a id person", 6), ("id", 2), ("id", 1), ("id", 0)] {
        let error = tokenizer.encode(text, length).unwrap_err().to_string();
        let expected = format!("expected at most {}\nhint: shorten the prompt", length.saturating_sub(2));
        assert!(error.contains("the prompt's length in tokens is") && error.contains(&expected), "{error}");
    }
    assert_eq!(tokenizer.encode("", 77).unwrap().len(), 77);
}

/// Letters, signs, controls and marks of any script become numbers of the vocabulary.
#[test]
fn any_text_is_tokens() {
    let tokenizer = checkpoint("full").tokenizer().unwrap();
    let size = checkpoint("full").text.vocabulary as u32;
    for text in ["\0\u{7f}", "Ünïcödé", "日本語", "🙂🙂", "a\n\n\tb", "<|endoftext|>", "l'id d'un", &"x".repeat(50)]
    {
        let ids = tokenizer.encode(text, 400).unwrap();
        assert!(ids.iter().all(|&id| id < size), "{text:?}: {ids:?}");
    }
}

#[test]
fn the_word_for_the_face_is_one_token() {
    let tokenizer = checkpoint("full").tokenizer().unwrap();
    tokenizer.token("id").unwrap();
    let error = tokenizer.token("id person").unwrap_err().to_string();
    assert!(error.contains("is 2, expected 1") && error.contains("moue models pull"), "{error}");
}
