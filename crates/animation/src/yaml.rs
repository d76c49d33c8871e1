//! Files that people write in YAML: strict types in, and errors that point at the place.
//!
//! A type that is read here derives `Deserialize` with `deny_unknown_fields`, and avoids `flatten`, `untagged` and
//! internal tags: those buffer the document and lose positions. Values with a range are newtypes that read
//! themselves with [`deserialize_scalar`], so that even "7 is too large" has a line and a column.

use std::{fmt, marker::PhantomData};

use moue_timeline::nearest_name;
use serde::{
    Deserializer,
    de::{DeserializeOwned, Error, Visitor},
};

/// Longest file that is read, in bytes. What people write by hand is a thousand times smaller.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// What is wrong with a YAML file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// The file's name, as the user gave it.
    pub file: String,
    /// Line and column, both from 1; absent when the file as a whole is wrong.
    pub place: Option<(usize, usize)>,
    /// What was found and what was expected.
    pub message: String,
    /// The line in question with a caret below the place, each line indented; empty without a place.
    pub snippet: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file, self.message)?,
            None => write!(f, "{}: {}", self.file, self.message)?,
        }
        if !self.snippet.is_empty() {
            write!(f, "\n{}", self.snippet)?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for YamlError {}

/// Reads `text`, the content of `file`.
///
/// # Errors
/// Anything that is not YAML, or not a `T`; with the place, the line itself and, for a misspelt name, the name
/// that was probably meant.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, YamlError> {
    if text.len() > MAX_FILE_BYTES {
        return Err(too_long(file, text.len() as u64));
    }
    serde_yaml::from_str(text).map_err(|error| explain(file, text, &error))
}

/// The error for a file that is too long to be what it should be.
pub(crate) fn too_long(file: &str, bytes: u64) -> YamlError {
    YamlError {
        file: file.to_owned(),
        place: None,
        message: format!("is {bytes} bytes long, more than {MAX_FILE_BYTES}"),
        snippet: String::new(),
        hint: Some("is this the right file?".to_owned()),
    }
}

fn explain(file: &str, text: &str, error: &serde_yaml::Error) -> YamlError {
    let mut message = error.to_string();
    let mut place = error.location().map(|location| (location.line(), location.column()));
    if let Some((line, column)) = place {
        // The place is told apart from the message, so that it stands where editors and terminals look for it.
        message = message.replace(&format!(" at line {line} column {column}"), "");
    }
    // A type from elsewhere may bring a hint of its own, and checks that name their field.
    let mut hint = None;
    if let Some((first, own)) = message.split_once("\nhint: ") {
        (message, hint) = (first.to_owned(), Some(own.to_owned()));
    }
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (wrong, known) = match quoted.split_first() {
        Some((wrong, known)) => (Some(*wrong), known),
        None => (None, &[][..]),
    };
    if message.contains("unknown field") || message.contains("unknown variant") {
        hint = wrong
            .and_then(|wrong| nearest_name(wrong, known.iter().copied()))
            .map(|name| format!("did you mean `{name}`?"));
    }
    // Errors about the outermost mapping are placed at its first line by the parser: find the key itself.
    if let (Some((1, 1)), Some(wrong)) = (place, wrong) {
        if message.contains("unknown field") {
            place = find(text, &format!("{wrong}:")).or(place);
        } else if message.contains("duplicate field") {
            place = find_second(text, &format!("{wrong}:")).or(place);
        }
    }
    // A check that ran after the value was read is placed at the mapping around it; its message begins with the key.
    if let (Some(outer), Some(key)) = (place, message.split(": ").nth(1).and_then(|rest| rest.split(' ').next())) {
        place = places(text, &format!("{key}:")).find(|inner| inner.0 >= outer.0).or(place);
    }
    let snippet = place.map(|place| snippet(text, place)).unwrap_or_default();
    YamlError { file: file.to_owned(), place, message, snippet, hint }
}

/// Where lines begin with `needle`, also as the first key of a list's item.
fn places(text: &str, needle: &str) -> impl Iterator<Item = (usize, usize)> {
    text.lines().enumerate().filter_map(move |(index, line)| {
        let trimmed = line.trim_start().trim_start_matches("- ");
        trimmed.starts_with(needle).then(|| (index + 1, line.chars().count() - trimmed.chars().count() + 1))
    })
}

fn find(text: &str, needle: &str) -> Option<(usize, usize)> {
    places(text, needle).next()
}

fn find_second(text: &str, needle: &str) -> Option<(usize, usize)> {
    places(text, needle).nth(1)
}

/// The line with its number, and a caret below the column.
fn snippet(text: &str, (line, column): (usize, usize)) -> String {
    let Some(content) = text.lines().nth(line.saturating_sub(1)) else { return String::new() };
    let number = line.to_string();
    let shown: String = content.chars().take(160).map(|c| if c == '\t' { ' ' } else { c }).collect();
    let rest: String = shown.chars().skip(column.saturating_sub(1)).collect();
    let word = rest.find([':', ',', '#', ']', '}']).map_or(rest.as_str(), |end| &rest[..end]).trim_end();
    let carets = "^".repeat(word.chars().count().max(1));
    let margin = " ".repeat(number.len());
    let indent = " ".repeat(column.saturating_sub(1).min(160));
    format!("  {number} | {shown}\n  {margin} | {indent}{carets}")
}

/// One value as YAML wrote it, before it is given a meaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// A string, quoted or plain.
    Text(&'a str),
    /// Any number; integers above 2^53 are out of every range in these files.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
}

impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}

/// Reads a newtype from one scalar, with the scalar's place in the error when the conversion fails.
///
/// `#[serde(try_from = "f64")]` would report the place of the mapping around the value instead.
///
/// # Errors
/// The conversion's own message, or that a list or mapping was found.
pub fn deserialize_scalar<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> TryFrom<Scalar<'a>, Error = String>,
{
    struct ScalarVisitor<T>(PhantomData<T>);

    impl<T: for<'a> TryFrom<Scalar<'a>, Error = String>> Visitor<'_> for ScalarVisitor<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a single value")
        }
        fn visit_str<E: Error>(self, value: &str) -> Result<T, E> {
            T::try_from(Scalar::Text(value)).map_err(E::custom)
        }
        fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
            T::try_from(Scalar::Bool(value)).map_err(E::custom)
        }
        fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
            T::try_from(Scalar::Number(value as f64)).map_err(E::custom)
        }
        fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
            T::try_from(Scalar::Number(value as f64)).map_err(E::custom)
        }
        fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
            T::try_from(Scalar::Number(value)).map_err(E::custom)
        }
    }

    deserializer.deserialize_any(ScalarVisitor(PhantomData))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug)]
    struct Share(f64);

    impl TryFrom<Scalar<'_>> for Share {
        type Error = String;

        fn try_from(value: Scalar<'_>) -> Result<Self, String> {
            match value {
                Scalar::Number(share) if (0.0..=1.0).contains(&share) => Ok(Self(share)),
                other => Err(format!("found {other}, expected a number from 0 to 1")),
            }
        }
    }

    impl<'de> Deserialize<'de> for Share {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserialize_scalar(deserializer)
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        share: Option<Share>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        inner: Vec<Inner>,
        count: Option<u32>,
    }

    fn error(text: &str) -> YamlError {
        parse::<Outer>("f.yaml", text).unwrap_err()
    }

    #[test]
    fn a_value_out_of_range_is_pointed_at_itself() {
        let error = error("inner:\n  - share: 0.5\n  - share: 7\n");
        assert_eq!(error.place, Some((3, 12)));
        assert_eq!(
            error.to_string(),
            "f.yaml:3:12: inner[1].share: found 7, expected a number from 0 to 1\n  3 |   - share: 7\n    |            ^"
        );
    }

    #[test]
    fn a_misspelt_field_gets_the_name_that_was_meant() {
        let nested = error("inner:\n  - shaer: 0.5\n");
        assert_eq!(nested.place, Some((2, 5)));
        assert_eq!(nested.hint.as_deref(), Some("did you mean `share`?"));
        assert!(nested.snippet.ends_with("|     ^^^^^"), "{}", nested.snippet);

        let outermost = error("inner: []\ncuont: 1\n");
        assert_eq!(outermost.place, Some((2, 1)));
        assert_eq!(outermost.hint.as_deref(), Some("did you mean `count`?"));

        assert_eq!(error("inner: []\nzebra: 1\n").hint, None);
    }

    #[test]
    fn what_is_no_yaml_and_what_is_said_twice_is_placed() {
        assert_eq!(error("inner: []\n\tcount: 3").place.map(|place| place.0), Some(2));
        assert_eq!(error("inner: []\ncount: 1\ncount: 2\n").place, Some((3, 1)));
        assert!(error("").message.contains("missing field `inner`"));
        assert!(error(&" ".repeat(MAX_FILE_BYTES + 1)).message.contains("bytes long"));
    }

    proptest::proptest! {
        /// Whatever a file holds, it is read or explained; never a panic.
        #[test]
        fn any_text_is_survived(text in "(inner|count|share|[-:#{}\\[\\]&*!|>'\"%@` \\n\\tä0-9.]){0,40}") {
            if let Err(error) = parse::<Outer>("f.yaml", &text) {
                proptest::prop_assert!(error.to_string().starts_with("f.yaml"));
            }
        }
    }

    #[test]
    fn good_files_are_read() {
        let read: Outer = parse("f.yaml", "inner:\n- share: 1\ncount: 2\n").unwrap();
        assert_eq!((read.inner[0].share.as_ref().unwrap().0, read.count), (1.0, Some(2)));
    }
}
