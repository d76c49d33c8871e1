//! Values with their places, one or several values, values by name.

use crate::{Bounded, Definitions, FromNode, Node, Report, Schema, Span, Value};

/// A value and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T: FromNode> FromNode for Located<T> {
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        T::from_node(node, report).map(|value| Self { value, span: node.span() })
    }

    fn schema(types: &mut Definitions) -> Schema {
        T::schema(types)
    }
}

impl<T: Bounded> Bounded for Located<T> {
    type Bound = T::Bound;
    const KIND: &'static str = T::KIND;
    fn bound(&self) -> Option<T::Bound> {
        self.value.bound()
    }
}

/// The value of a key that need not be there, where it matters whether it was there and could not be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tried<T> {
    /// The key is not there.
    Absent,
    /// The key is there; what is wrong with its value was reported.
    Wrong(Span),
    /// The key's value.
    Value(T),
}

impl<T> Tried<T> {
    /// The value, where there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }

    /// Whether the key is there.
    pub fn is_there(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

impl<T: FromNode> FromNode for Tried<T> {
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        T::from_node(node, report).map(Self::Value)
    }

    fn missing() -> Option<Self> {
        Some(Self::Absent)
    }

    fn wrong(span: Span) -> Option<Self> {
        Some(Self::Wrong(span))
    }

    fn schema(types: &mut Definitions) -> Schema {
        T::schema(types)
    }
}

/// A list, or one value without the list's dash.
#[derive(Clone, Debug, PartialEq)]
pub struct Many<T>(pub Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: FromNode> FromNode for Many<T> {
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        match node.value() {
            Value::List(_) => Vec::from_node(node, report).map(Self),
            _ => T::from_node(node, report).map(|value| Self(vec![value])),
        }
    }

    fn missing() -> Option<Self> {
        Some(Self::default())
    }

    fn schema(types: &mut Definitions) -> Schema {
        let one = T::schema(types);
        serde_json::json!({"anyOf": [one, {"type": "array", "items": one}]})
    }
}

/// A key and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key's text.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// Values by names that the writer gives; in their order. Names that begin with `x-` are left out.
#[derive(Clone, Debug)]
pub struct Named<T>(
    /// None where the value could not be read: then the name is known all the same.
    pub Vec<(Key, Option<T>)>,
);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: FromNode> FromNode for Named<T> {
    fn from_node(node: &Node, report: &mut Report) -> Option<Self> {
        let Value::Map(entries) = node.value() else {
            report.unexpected(node, "a mapping of names");
            return None;
        };
        let read = |entry: &crate::Entry| {
            let key = Key { name: entry.name.clone(), span: entry.key };
            if entry.value.is_null() {
                entry.report_nothing(report);
                return (key, None);
            }
            let value = T::from_node(&entry.value, report);
            (key, value)
        };
        Some(Self(entries.iter().filter(|entry| !entry.is_extension()).map(read).collect()))
    }

    fn missing() -> Option<Self> {
        Some(Self::default())
    }

    fn schema(types: &mut Definitions) -> Schema {
        serde_json::json!({"type": "object", "patternProperties": {"^x-": true}, "additionalProperties": T::schema(types)})
    }
}
