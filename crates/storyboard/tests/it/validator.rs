//! A JSON Schema validator for the keywords that our schemas use; any other keyword fails the test.

use regex::Regex;
use serde_json::{Map, Value};

/// What is wrong with a document.
pub fn problems(schema: &Value, document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    Validator { root: schema, problems: &mut problems }.check(schema, document, "$");
    problems
}

struct Validator<'a> {
    root: &'a Value,
    problems: &'a mut Vec<String>,
}

impl Validator<'_> {
    fn check(&mut self, schema: &Value, value: &Value, place: &str) {
        let Value::Object(keywords) = schema else {
            // `true` allows everything.
            assert_eq!(*schema, Value::Bool(true), "a schema of another kind at {place}");
            return;
        };
        for (keyword, argument) in keywords {
            if !self.holds(keyword, argument, value, keywords, place) {
                self.problems.push(format!("{place}: {keyword} {argument} does not hold for {value}"));
            }
        }
    }

    fn fits(&self, schema: &Value, value: &Value) -> bool {
        let mut problems = Vec::new();
        Validator { root: self.root, problems: &mut problems }.check(schema, value, "");
        problems.is_empty()
    }

    fn holds(&mut self, keyword: &str, argument: &Value, value: &Value, all: &Map<String, Value>, place: &str) -> bool {
        let number = |compare: fn(&f64, &f64) -> bool| match (value.as_f64(), argument.as_f64()) {
            (Some(value), Some(limit)) => compare(&value, &limit),
            (None, Some(_)) => true,
            _ => panic!("{keyword} {argument}"),
        };
        let count = |found: Option<usize>, compare: fn(&usize, &usize) -> bool| {
            found.is_none_or(|found| compare(&found, &(argument.as_u64().unwrap() as usize)))
        };
        match keyword {
            "$schema" | "$defs" | "title" | "description" | "default" | "examples" => true,
            "$ref" => {
                let name = argument.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                let target = &self.root["$defs"][name];
                assert!(target.is_object(), "{argument} is not defined");
                self.check(target, value, place);
                true
            }
            "type" => {
                let names: Vec<&str> = match argument {
                    Value::Array(names) => names.iter().map(|name| name.as_str().unwrap()).collect(),
                    name => vec![name.as_str().unwrap()],
                };
                names.into_iter().any(|name| match name {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "number" => value.is_number(),
                    "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
                    other => panic!("type {other}"),
                })
            }
            "const" => value == argument,
            "enum" => argument.as_array().unwrap().contains(value),
            "minimum" => number(f64::ge),
            "maximum" => number(f64::le),
            "exclusiveMinimum" => number(f64::gt),
            "minLength" => count(value.as_str().map(|text| text.chars().count()), usize::ge),
            "minItems" => count(value.as_array().map(Vec::len), usize::ge),
            "maxItems" => count(value.as_array().map(Vec::len), usize::le),
            "pattern" => {
                let pattern = Regex::new(argument.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "anyOf" => argument.as_array().unwrap().iter().any(|schema| self.fits(schema, value)),
            "required" => {
                let names = argument.as_array().unwrap();
                value.as_object().is_none_or(|map| names.iter().all(|name| map.contains_key(name.as_str().unwrap())))
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.check(argument, item, &format!("{place}[{index}]"));
                }
                true
            }
            "propertyNames" => {
                value.as_object().into_iter().flatten().all(|(name, _)| self.fits(argument, &name.as_str().into()))
            }
            "properties" | "patternProperties" => {
                for (name, schema) in argument.as_object().unwrap() {
                    let named = |key: &str| {
                        if keyword == "properties" { key == name } else { Regex::new(name).unwrap().is_match(key) }
                    };
                    for (key, value) in value.as_object().into_iter().flatten().filter(|(key, _)| named(key)) {
                        self.check(schema, value, &format!("{place}.{key}"));
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = |key: &str| {
                    let listed = all.get("properties").is_some_and(|properties| properties.get(key).is_some());
                    let patterns = all.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
                    listed || patterns.into_iter().any(|(pattern, _)| Regex::new(pattern).unwrap().is_match(key))
                };
                let mut others = value.as_object().into_iter().flatten().filter(|(key, _)| !known(key));
                if *argument == Value::Bool(false) {
                    return others.next().is_none();
                }
                for (key, value) in others {
                    self.check(argument, value, &format!("{place}.{key}"));
                }
                true
            }
            other => panic!("the keyword {other} is new here: teach it to this validator"),
        }
    }
}
