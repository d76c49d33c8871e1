//! A storyboard to begin with.

use std::path::{Component, Path, PathBuf};

use moue_media::save_bytes;

use crate::{
    commands::{Outcome, Stop},
    exit,
    printer::{Printer, strong},
};

/// The text; `PORTRAIT` is replaced.
const STARTER: &str = include_str!("starter.yaml");

pub fn new(file: &Path, portrait: &Path, printer: Printer) -> Outcome {
    if file.exists() {
        let name = file.display();
        return Err(Stop::usage(anyhow::anyhow!(
            "{name}: there is a file of that name already\nhint: choose another name"
        )));
    }
    // Names in a storyboard are relative to it.
    let folder = file.parent().unwrap_or(Path::new(""));
    let text = STARTER.replace("PORTRAIT", &quoted(&relative(portrait, folder).to_string_lossy()));
    save_bytes(text.as_bytes(), file, false)?;
    printer.say(&format!("{} {}", strong("wrote"), file.display()));
    if !portrait.exists() {
        printer.note(&format!("{}: there is no such picture yet; name one of yours in the file", portrait.display()));
    }
    let (name, film) = (in_shell(file), in_shell(&file.with_extension("mp4")));
    printer.say(&format!("next: moue storyboard {name} --draft --watch -o {film}"));
    Ok(exit::DONE)
}

/// `path` as seen from `folder`, both relative to where we are.
fn relative(path: &Path, folder: &Path) -> PathBuf {
    let (Ok(path_parts), Ok(folder)) = (std::path::absolute(path), std::path::absolute(folder)) else {
        return path.to_owned();
    };
    if path.is_absolute() {
        return path.to_owned();
    }
    let (path, folder): (Vec<Component>, Vec<Component>) =
        (path_parts.components().collect(), folder.components().collect());
    let common = path.iter().zip(&folder).take_while(|(a, b)| a == b).count();
    let up = folder[common..].iter().map(|_| Component::ParentDir);
    up.chain(path[common..].iter().copied()).collect()
}

/// A name as a YAML string, in quotes only where it needs some.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    if name.chars().all(plain) && !name.starts_with('-') {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', "''"))
    }
}

/// A name as a shell takes it for one word, in quotes only where it needs some.
fn in_shell(path: &Path) -> String {
    let name = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if name.chars().all(plain) { name.into_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_word_in_a_shell() {
        for (name, expected) in [("boards/x.yaml", "boards/x.yaml"), ("x y.yaml", "'x y.yaml'"), ("it's", r"'it'\''s'")]
        {
            assert_eq!(in_shell(Path::new(name)), expected);
        }
    }

    #[test]
    fn names_are_relative_to_the_storyboard() {
        for (path, folder, expected) in [
            ("me.png", "", "me.png"),
            ("pictures/me.png", "boards", "../pictures/me.png"),
            ("boards/me.png", "boards", "me.png"),
            ("/pictures/me.png", "boards", "/pictures/me.png"),
        ] {
            assert_eq!(relative(Path::new(path), Path::new(folder)), Path::new(expected));
        }
        assert_eq!([quoted("a/b.png"), quoted("it's me.png")], ["a/b.png", "'it''s me.png'"]);
    }
}
