//! From nodes to values.

use std::{fmt::Display, ops::RangeInclusive};

use moue_timeline::nearest_name;

use crate::{Definitions, Meaning, Node, Report, Scalar, Schema, Span, Value};

/// A type that is read from a [`Node`], and that describes itself in a JSON Schema.
pub trait FromNode: Sized {
    /// Reads a value. What is wrong is reported; nothing is returned where no value can be made of it.
    fn from_node(node: &Node, report: &mut Report) -> Option<Self>;

    /// What a key that is not there stands for; none for keys that must be there.
    fn missing() -> Option<Self> {
        None
    }

    /// What a key stands for whose value could not be read, once that is reported: as if it were not there.
    fn wrong(_: Span) -> Option<Self> {
        Self::missing()
    }

    /// The JSON Schema of what is read.
    fn schema(types: &mut Definitions) -> Schema;
}

/// A value that is written as one word, number or text.
pub trait Written: Sized {
    /// What it is, as in "expected a time".
    const EXPECTED: &'static str;

    /// Reads the text.
    ///
    /// # Errors
    /// What was found and what was expected; may end with `\nhint: ...`.
    fn from_text(text: &str) -> Result<Self, String>;

    /// The JSON Schema of the text.
    fn text_schema() -> Schema;
}

impl Report {
    /// Reports an error about a node; where it was reached through an alias, that is shown too.
    pub fn wrong(&mut self, node: &Node, message: impl Into<String>) -> &mut crate::Diagnostic {
        let error = self.error(node.span(), message);
        match node.alias() {
            Some(alias) => error.label(alias, "used here"),
            None => error,
        }
    }

    /// Reports that a node is not what was expected. Says nothing of nodes that were reported before.
    pub fn unexpected(&mut self, node: &Node, expected: &str) {
        if !matches!(node.value(), Value::Reported) {
            self.wrong(node, format!("found {}, expected {expected}", found(node)));
        }
    }
}

/// What a node is, as in "found a list".
pub fn found(node: &Node) -> String {
    match node.value() {
        Value::Scalar(scalar) if scalar.meaning() == Meaning::Null => "nothing".to_owned(),
        Value::Scalar(scalar) => word(scalar),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) | Value::Reported => "a mapping".to_owned(),
    }
}

fn word(scalar: &Scalar) -> String {
    const SHOWN: usize = 40;
    let line = scalar.text.lines().next().unwrap_or_default();
    let shown: String = line.chars().take(SHOWN).collect();
    let more = if shown.len() < scalar.text.len() { "…" } else { "" };
    match scalar.meaning() {
        Meaning::Number(_) | Meaning::Bool(_) => shown,
        _ => format!("`{shown}{more}`"),
    }
}

/// The scalar, or a report that there is none; "nothing" is no scalar here.
fn scalar<'a>(node: &'a Node, expected: &str, report: &mut Report) -> Option<&'a Scalar> {
    let scalar = node.scalar().filter(|scalar| scalar.meaning() != Meaning::Null);
    if scalar.is_none() {
        report.unexpected(node, expected);
    }
    scalar
}

/// Reads a [`Written`] value.
pub fn read_written<T: Written>(node: &Node, report: &mut Report) -> Option<T> {
    let scalar = scalar(node, T::EXPECTED, report)?;
    T::from_text(&scalar.text).map_err(|message| report.wrong(node, message)).ok()
}

/// Reads one of `names` and gives its index.
pub fn read_word(node: &Node, names: &[&str], report: &mut Report) -> Option<usize> {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let expected = match quoted.as_slice() {
        [most @ .., last] if !most.is_empty() => format!("{} or {last}", most.join(", ")),
        _ => quoted.concat(),
    };
    let scalar = scalar(node, &expected, report)?;
    let index = names.iter().position(|name| *name == scalar.text);
    if index.is_none() {
        let nearest = nearest_name(&scalar.text, names.iter().copied());
        let hint = nearest.map(|name| format!("did you mean `{name}`?"));
        report.wrong(node, format!("found {}, expected {expected}", found(node))).maybe_hint(hint);
    }
    index
}

impl FromNode for bool {
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        let scalar = scalar(node, "true or false", report)?;
        if let Meaning::Bool(value) = scalar.meaning() {
            return Some(value);
        }
        let hint = match scalar.text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" => Some("write true".to_owned()),
            "no" | "off" | "n" => Some("write false".to_owned()),
            _ => None,
        };
        report.wrong(node, format!("found {}, expected true or false", found(node))).maybe_hint(hint);
        None
    }

    fn schema(_: &mut Definitions) -> Schema {
        serde_json::json!({"type": "boolean"})
    }
}

impl FromNode for String {
    /// Any scalar: `title: 2024` is a text as well.
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        scalar(node, "text", report).map(|scalar| scalar.text.clone())
    }

    fn schema(_: &mut Definitions) -> Schema {
        serde_json::json!({"type": ["string", "number", "boolean"]})
    }
}

impl FromNode for f64 {
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        match scalar(node, Self::KIND, report)?.meaning() {
            Meaning::Number(number) => return Some(number),
            _ => report.unexpected(node, Self::KIND),
        }
        None
    }

    fn schema(_: &mut Definitions) -> Schema {
        serde_json::json!({"type": "number"})
    }
}

macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl FromNode for $type {
            fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
                let scalar = scalar(node, Self::KIND, report)?;
                let whole = scalar.text.parse().ok().filter(|_| scalar.plain);
                if whole.is_none() {
                    report.unexpected(node, Self::KIND);
                }
                whole
            }

            fn schema(_: &mut Definitions) -> Schema {
                serde_json::json!({"type": "integer", "minimum": 0})
            }
        }
    )*};
}

whole_numbers!(u32, u64, usize);

/// The version of a format: 1.
#[derive(Clone, Copy, Debug)]
pub struct FormatVersion;

impl FromNode for FormatVersion {
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        if node.scalar().is_some_and(|scalar| scalar.text == "1") {
            return Some(Self);
        }
        let found = found(node);
        report
            .wrong(node, format!("found version {found} of the language, expected 1, the only one this program knows"))
            .hint("write `moue: 1`, or take the version of moue that the file was written for");
        None
    }

    /// Reading goes on, so that everything else is told as well.
    fn wrong(_: Span) -> Option<Self> {
        Some(Self)
    }

    fn schema(_: &mut Definitions) -> Schema {
        serde_json::json!({"const": 1})
    }
}

impl<T: FromNode> FromNode for Option<T> {
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        T::from_node(node, report).map(Some)
    }

    fn missing() -> Option<Self> {
        Some(None)
    }

    fn schema(types: &mut Definitions) -> Schema {
        T::schema(types)
    }
}

impl<T: FromNode> FromNode for Vec<T> {
    /// Items that cannot be read are left out.
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        match node.value() {
            Value::List(items) => Some(items.iter().filter_map(|item| T::from_node(item, report)).collect()),
            _ => {
                report.unexpected(node, "a list");
                None
            }
        }
    }

    fn schema(types: &mut Definitions) -> Schema {
        serde_json::json!({"type": "array", "items": T::schema(types)})
    }
}

/// A number that may have a range.
pub trait Bounded {
    /// The number itself.
    type Bound: Copy + PartialOrd + Display + Into<serde_json::Value>;
    /// What it is, as in "expected a number".
    const KIND: &'static str;
    /// The number, where there is one.
    fn bound(&self) -> Option<Self::Bound>;
    /// What is wrong with it, where it lies outside of `range`.
    ///
    /// # Errors
    /// What was found and what was expected.
    fn check(&self, range: &RangeInclusive<Self::Bound>) -> Result<(), String> {
        match self.bound() {
            Some(found) if !range.contains(&found) => {
                Err(format!("found {found}, expected {} from {} to {}", Self::KIND, range.start(), range.end()))
            }
            _ => Ok(()),
        }
    }
}

macro_rules! bounded {
    ($($type:ty: $kind:literal),*) => {$(
        impl Bounded for $type {
            type Bound = Self;
            const KIND: &'static str = $kind;
            fn bound(&self) -> Option<Self> {
                Some(*self)
            }
        }
    )*};
}

bounded!(f64: "a number", u32: "a whole number", u64: "a whole number", usize: "a whole number");

impl<T: Bounded> Bounded for Option<T> {
    type Bound = T::Bound;
    const KIND: &'static str = T::KIND;
    fn bound(&self) -> Option<T::Bound> {
        self.as_ref().and_then(T::bound)
    }
}
