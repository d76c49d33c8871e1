//! JSON Schema (draft 2020-12).

use std::collections::BTreeMap;

use serde_json::{Map, json};

use crate::{FromNode, Mapping, Node};

/// A JSON Schema, or a part of one.
pub type Schema = serde_json::Value;

/// The schemas of the mappings that a schema refers to.
#[derive(Debug, Default)]
pub struct Definitions {
    by_name: BTreeMap<&'static str, Schema>,
}

/// The keys of a mapping while they are described.
#[derive(Debug, Default)]
pub struct Properties {
    all: Map<String, Schema>,
    required: Vec<&'static str>,
}

impl Properties {
    /// Describes a key.
    pub fn add<T: FromNode>(
        &mut self,
        name: &'static str,
        description: &[&str],
        default: Option<&str>,
        range: Option<(Schema, Schema)>,
        types: &mut Definitions,
    ) {
        let mut schema = T::schema(types);
        if let Schema::Object(schema) = &mut schema {
            schema.insert("description".to_owned(), text(description).into());
            if let Some(default) = default {
                schema.insert("default".to_owned(), Node::unwritten(default).to_json());
            }
            if let Some((minimum, maximum)) = range {
                schema.insert("minimum".to_owned(), minimum);
                schema.insert("maximum".to_owned(), maximum);
            }
        }
        if default.is_none() && T::missing().is_none() {
            self.required.push(name);
        }
        self.all.insert(name.to_owned(), schema);
    }
}

impl Definitions {
    /// A reference to the schema of a mapping, with the short forms that it may have. It is called as its type is,
    /// without `Text` at the end.
    pub fn mapping<T: Mapping>(&mut self) -> Schema {
        // Types of what is written are often called so, to tell them from what is meant.
        let name = T::NAME.strip_suffix("Text").unwrap_or(T::NAME);
        if !self.by_name.contains_key(name) {
            // Mappings may contain themselves.
            self.by_name.insert(name, Schema::Null);
            let schema = self.object::<T>();
            self.by_name.insert(name, schema);
        }
        let reference = json!({"$ref": format!("#/$defs/{name}")});
        if T::LINE {
            let mut forms = vec![json!({"type": "string"})];
            forms.extend(T::other_form(self));
            forms.push(reference);
            return json!({"anyOf": forms});
        }
        let Some(short) = T::SHORT else { return reference };
        let mut short = self.by_name[name]["properties"][short].clone();
        if let Some(short) = short.as_object_mut() {
            short.remove("description");
        }
        json!({"anyOf": [short, reference]})
    }

    /// A reference to a schema that several others use; `make` gives it the first time.
    pub fn define(&mut self, name: &'static str, make: impl FnOnce() -> Schema) -> Schema {
        self.by_name.entry(name).or_insert_with(make);
        json!({"$ref": format!("#/$defs/{name}")})
    }

    fn object<T: Mapping>(&mut self) -> Schema {
        let mut properties = Properties::default();
        T::properties(&mut properties, self);
        let mut schema = json!({
            "type": "object",
            "description": text(T::DESCRIPTION),
            "properties": properties.all,
            "patternProperties": {"^x-": true},
            "additionalProperties": false,
        });
        if !properties.required.is_empty() {
            schema["required"] = json!(properties.required);
        }
        schema
    }
}

/// The schema of a document that is a `T`.
pub fn schema<T: Mapping>(title: &str) -> Schema {
    let mut types = Definitions::default();
    let mut schema = types.object::<T>();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(title);
    schema["$defs"] = json!(types.by_name);
    schema
}

/// The schema of one of several words, each with what it means.
pub fn word_schema(words: &[(&str, &[&str])], description: &[&str]) -> Schema {
    let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
    let meanings: Vec<String> = words.iter().map(|(name, meaning)| format!("{name}: {}", text(meaning))).collect();
    json!({"enum": names, "description": format!("{} {}", text(description), meanings.join(" "))})
}

/// The lines of a doc comment as one text.
fn text(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}
