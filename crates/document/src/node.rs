//! A document as a tree that knows its places.

use std::{ops::Range, sync::Arc};

use crate::Span;

/// One value of a document: a scalar, a list or a mapping. Cheap to clone; what aliases stand for is shared.
#[derive(Clone, Debug)]
pub struct Node {
    inner: Arc<Inner>,
    /// The alias that stands for it.
    alias: Option<Span>,
}

#[derive(Debug)]
struct Inner {
    span: Span,
    value: Value,
    /// Nodes below and this one, where aliases count with all that they stand for.
    size: u64,
    /// Levels below and this one.
    depth: u32,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// One word, number or text.
    Scalar(Scalar),
    /// Values in their order.
    List(Vec<Node>),
    /// Keys and values in their order; no key is there twice.
    Map(Vec<Entry>),
    /// Something that was already reported; readers pass over it in silence.
    Reported,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key's text.
    pub name: String,
    /// The key's place.
    pub key: Span,
    /// The value.
    pub value: Node,
    /// Whether a comment begins where the value should be, as in `colour: #fff`.
    pub commented_out: bool,
}

/// One word, number or text.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// Without quotes, with escapes resolved.
    pub text: String,
    /// Whether it stands there without quotes, so that it may be a number, `true`, `false` or nothing at all.
    pub plain: bool,
    /// Where the text's first byte stands in the file, if the text stands there as it is.
    verbatim_at: Option<usize>,
}

/// What a scalar means (YAML 1.2, core schema).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Meaning<'a> {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number in decimals.
    Number(f64),
    /// Anything else.
    Text(&'a str),
}

impl Scalar {
    /// `verbatim_at` is where the text stands in the file as it is.
    pub(crate) fn new(text: String, plain: bool, verbatim_at: Option<usize>) -> Self {
        Self { text, plain, verbatim_at }
    }

    /// What it means.
    pub fn meaning(&self) -> Meaning<'_> {
        if !self.plain {
            return Meaning::Text(&self.text);
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
            "true" | "True" | "TRUE" => Meaning::Bool(true),
            "false" | "False" | "FALSE" => Meaning::Bool(false),
            text => match number(text) {
                Some(number) => Meaning::Number(number),
                None => Meaning::Text(text),
            },
        }
    }
}

/// `f64`'s own reader, without its words (`inf`, `nan`) and without what overflows.
fn number(text: &str) -> Option<f64> {
    let decimal = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    text.parse().ok().filter(|number: &f64| text.bytes().all(decimal) && number.is_finite())
}

impl Node {
    pub(crate) fn new(span: Span, value: Value) -> Self {
        let children: Box<dyn Iterator<Item = &Self>> = match &value {
            Value::List(items) => Box::new(items.iter()),
            Value::Map(entries) => Box::new(entries.iter().map(|entry| &entry.value)),
            Value::Scalar(_) | Value::Reported => Box::new(std::iter::empty()),
        };
        let (mut size, mut depth) = (1u64, 0);
        for child in children {
            size = size.saturating_add(child.inner.size);
            depth = depth.max(child.inner.depth);
        }
        Self { inner: Arc::new(Inner { span, value, size, depth: depth + 1 }), alias: None }
    }

    /// A plain scalar that stands in no file.
    pub(crate) fn unwritten(text: &str) -> Self {
        Self::new(Span::default(), Value::Scalar(Scalar::new(text.to_owned(), true, None)))
    }

    /// A mapping that was written in another form, at `span`.
    pub fn mapping(span: Span, entries: Vec<Entry>) -> Self {
        Self::new(span, Value::Map(entries))
    }

    /// The same node, reached through an alias.
    pub(crate) fn through(&self, alias: Span) -> Self {
        Self { inner: Arc::clone(&self.inner), alias: Some(alias) }
    }

    /// Where it stands; for an alias, where what it stands for stands.
    pub fn span(&self) -> Span {
        self.inner.span
    }

    /// The alias through which it was reached.
    pub fn alias(&self) -> Option<Span> {
        self.alias
    }

    /// What it holds.
    pub fn value(&self) -> &Value {
        &self.inner.value
    }

    /// The scalar, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match self.value() {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Whether it is a scalar that means nothing.
    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| scalar.meaning() == Meaning::Null)
    }

    /// The place of some bytes of a scalar's text; the whole scalar where escapes or line breaks come between.
    pub fn part(&self, range: Range<usize>) -> Span {
        match self.scalar().and_then(|scalar| scalar.verbatim_at) {
            Some(at) => Span { start: at + range.start, end: at + range.end, ..self.span() },
            None => self.span(),
        }
    }

    /// Some bytes of a scalar's text as a scalar of its own, without the space around them; `range` lies on
    /// characters' boundaries of the text.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let Some(scalar) = self.scalar() else { return self.clone() };
        let text = scalar.text.get(range.clone()).unwrap_or_default();
        let start = range.start + text.len() - text.trim_start().len();
        let text = text.trim();
        let span = self.part(start..start + text.len());
        let verbatim_at = scalar.verbatim_at.map(|at| at + start);
        Self::new(span, Value::Scalar(Scalar { text: text.to_owned(), plain: true, verbatim_at }))
    }

    /// Nodes below and this one, where aliases count with all that they stand for.
    pub(crate) fn size(&self) -> u64 {
        self.inner.size
    }

    /// Levels below and this one.
    pub(crate) fn depth(&self) -> u32 {
        self.inner.depth
    }

    /// The node as JSON: what a JSON Schema is about. Things that were reported are `null`.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self.value() {
            Value::Scalar(scalar) => meaning_to_json(scalar.meaning()),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => {
                Json::Object(entries.iter().map(|entry| (entry.name.clone(), entry.value.to_json())).collect())
            }
            Value::Reported => Json::Null,
        }
    }
}

fn meaning_to_json(meaning: Meaning) -> serde_json::Value {
    match meaning {
        Meaning::Null => serde_json::Value::Null,
        Meaning::Bool(value) => value.into(),
        // Whole numbers are `integer` for a schema only without a point.
        Meaning::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => (number as i64).into(),
        Meaning::Number(number) => number.into(),
        Meaning::Text(text) => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(text: &str) -> String {
        format!("{:?}", Node::unwritten(text).scalar().unwrap().meaning())
    }

    #[test]
    fn plain_scalars_mean_what_yaml_1_2_says() {
        for (text, expected) in [
            ("", "Null"),
            ("~", "Null"),
            ("null", "Null"),
            ("true", "Bool(true)"),
            ("False", "Bool(false)"),
            ("yes", "Text(\"yes\")"),
            ("off", "Text(\"off\")"),
            ("12", "Number(12.0)"),
            ("-.8", "Number(-0.8)"),
            ("1e3", "Number(1000.0)"),
            ("1e999", "Text(\"1e999\")"),
            ("inf", "Text(\"inf\")"),
            (".inf", "Text(\".inf\")"),
            ("1:30", "Text(\"1:30\")"),
            ("1.2s", "Text(\"1.2s\")"),
        ] {
            assert_eq!(meaning(text), expected, "{text}");
        }
        let quoted = Scalar::new("12".to_owned(), false, None);
        assert_eq!(quoted.meaning(), Meaning::Text("12"));
    }

    #[test]
    fn json_keeps_whole_numbers_whole() {
        assert_eq!(Node::unwritten("12").to_json().to_string(), "12");
        assert_eq!(Node::unwritten("1.5").to_json().to_string(), "1.5");
        assert_eq!(Node::unwritten("").to_json().to_string(), "null");
        assert_eq!(Node::unwritten("12s").to_json().to_string(), "\"12s\"");
    }
}
