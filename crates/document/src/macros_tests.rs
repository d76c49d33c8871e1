use serde_json::json;

use crate::{Diagnostics, FromNode, Located, Many, Named, Node, Report, Sources, Tried, Written, parse, schema};

crate::words! {
    /// How loud.
    pub enum Volume {
        /// Hardly heard.
        Low = "low",
        /// Heard far away.
        High = "high",
    }
}

/// A colour as `#rrggbb`.
#[derive(Clone, Debug, PartialEq)]
struct Colour(String);

impl Written for Colour {
    const EXPECTED: &'static str = "a colour";

    fn from_text(text: &str) -> Result<Self, String> {
        match text.strip_prefix('#').filter(|digits| digits.len() == 6) {
            Some(digits) => Ok(Self(digits.to_owned())),
            None => Err(format!("found `{text}`, expected a colour\nhint: write \"#rrggbb\"")),
        }
    }

    fn text_schema() -> crate::Schema {
        json!({"type": "string", "pattern": "^#[0-9a-f]{6}$"})
    }
}

crate::written!(Colour);

crate::mapping! {
    /// What parts
    /// may leave open.
    struct Look layered {
        /// The colour.
        colour: Option<Colour> = "#000000",
        /// Its share.
        share: Option<f64> where (0.0..=1.0) = "0.5",
        /// Its name.
        title: Option<String>,
    }
}

crate::mapping! {
    /// A thing.
    struct Thing short name {
        /// What it is called.
        name: Located<String>,
        /// How many there are.
        count: u32 where (1..=9) = "1",
        /// How loud it is.
        volume: Option<Volume>,
        /// Things inside.
        inside: Many<Thing>,
    } with {
        /// How it looks.
        look: Look,
    }
}

/// A pair as `LEFT and RIGHT`.
fn pair_line(node: &Node, report: &mut Report) -> Option<Node> {
    let text = &node.scalar()?.text;
    let Some(at) = text.find(" and ") else {
        report.unexpected(node, "`LEFT and RIGHT`");
        return None;
    };
    let entry = |name: &str, value: Node| crate::Entry {
        name: name.to_owned(),
        key: value.span(),
        value,
        commented_out: false,
    };
    let entries = vec![entry("left", node.slice(0..at)), entry("right", node.slice(at + 5..text.len()))];
    Some(Node::mapping(node.span(), entries))
}

crate::mapping! {
    /// Two numbers.
    struct Pair line pair_line {
        /// One.
        left: f64,
        /// The other.
        right: f64 where (0.0..=10.0),
    }
}

fn read<T: FromNode>(text: &str) -> (Option<T>, Diagnostics) {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let source = sources.add("f.yaml", text.into(), &mut report).unwrap();
    let value = parse(&sources, source, &mut report).and_then(|root| T::from_node(&root, &mut report));
    (value, report.finish(sources))
}

fn good<T: FromNode>(text: &str) -> T {
    let (value, wrong) = read(text);
    assert!(wrong.is_empty(), "{wrong}");
    value.unwrap()
}

/// The first line and the hint of everything that is wrong.
fn wrong<T: FromNode>(text: &str) -> Vec<String> {
    let told = read::<T>(text).1.to_string();
    let short = |one: &str| {
        let hint = one.split("\nhint: ").nth(1).map(|hint| format!(" | {hint}"));
        format!("{}{}", one.lines().next().unwrap().trim_start_matches("f.yaml:"), hint.unwrap_or_default())
    };
    told.split("\n\n").map(short).collect()
}

#[test]
fn keys_become_fields_and_defaults_fill_them() {
    let thing: Thing =
        good("name: lamp\nvolume: high\nshare: 0.25\nx-note: anything\ninside:\n- shade\n- {name: bulb, count: 2}\n");
    assert_eq!((thing.name.value.as_str(), thing.count, thing.volume), ("lamp", 1, Some(Volume::High)));
    assert_eq!(thing.inside.0.iter().map(|inner| inner.name.value.as_str()).collect::<Vec<_>>(), ["shade", "bulb"]);
    assert_eq!((thing.inside.0[1].count, thing.look.share), (2, Some(0.25)));
    // A layer has no defaults of its own; the lowest has nothing else.
    assert_eq!(thing.look.colour, None);
    let look = thing.look.over(&Look::built_in());
    assert_eq!((look.colour, look.share, look.title), (Some(Colour("000000".to_owned())), Some(0.25), None));
    assert_eq!(good::<Thing>("lamp").name.value, "lamp");
    assert_eq!(Volume::ALL.iter().map(|volume| volume.name()).collect::<Vec<_>>(), ["low", "high"]);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = "nmae: lamp\ncount: 10\nvolume: hihg\nshare: yes\ncolour: #ff0000\ninside:\n  - {name: [1]}\n  - count: 1.5\n    name:\n";
    assert_eq!(
        wrong::<Thing>(text),
        [
            "1:1: error: unknown key `nmae` | did you mean `name`?",
            "1:1: error: `name` is missing | write it here: `name: ...`",
            "2:8: error: found 10, expected a whole number from 1 to 9",
            "3:9: error: found `hihg`, expected `low` or `high` | did you mean `high`?",
            "4:8: error: found `yes`, expected a number",
            "5:1: error: `colour` has no value | `#` begins a comment: put the value in quotes",
            "7:12: error: found a list, expected text",
            "8:12: error: found 1.5, expected a whole number",
            "9:5: error: `name` has no value | write one after the colon, or remove the key",
        ]
    );
    assert_eq!(wrong::<Thing>("[1]"), ["1:1: error: found a list, expected a mapping (lines of `key: value`)"]);
    assert_eq!(
        wrong::<Vec<bool>>("[no, 1, true]"),
        ["1:2: error: found `no`, expected true or false | write false", "1:6: error: found 1, expected true or false",]
    );
    assert_eq!(wrong::<Colour>("red"), ["1:1: error: found `red`, expected a colour | write \"#rrggbb\""]);
    assert_eq!(
        wrong::<Thing>("{name: a, zebra: 1}"),
        ["1:11: error: unknown key `zebra` | known here: name, count, volume, inside, colour, share, title"]
    );
}

crate::mapping! {
    /// Whether keys are there.
    struct There {
        /// One.
        a: Tried<f64>,
        /// Another.
        b: Tried<f64>,
        /// A third.
        c: Tried<f64>,
        /// A fourth.
        d: Tried<f64>,
    }
}

#[test]
fn whether_a_key_is_there_can_be_known_without_its_value() {
    let (there, wrong) = read::<There>("a: 1\nb: x\nc:\n");
    let there = there.unwrap();
    assert_eq!((there.a.value(), there.b.value(), there.d), (Some(&1.0), None, Tried::Absent));
    assert_eq!([there.a, there.b, there.c, there.d].map(|key| key.is_there()), [true, true, true, false]);
    assert_eq!(wrong.list().len(), 2);
}

#[test]
fn what_was_reached_through_an_alias_says_so() {
    let told = read::<Named<f64>>("a: &a 1\nb: &b x\nc: *b\n").1.to_string();
    let expected = "f.yaml:2:7: error: found `x`, expected a number\n  2 | b: &b x\n    |       ^\n  3 | c: *b\n    |    -- used here";
    assert!(told.ends_with(expected), "{told}");
}

#[test]
fn names_are_known_even_where_their_values_are_wrong() {
    let (named, wrong) = read::<Named<f64>>("a: 1\nb: x\nc:\nx-d: y\n");
    let named: Vec<(String, Option<f64>)> =
        named.unwrap().0.into_iter().map(|(key, value)| (key.name, value)).collect();
    assert_eq!(named, [("a".to_owned(), Some(1.0)), ("b".to_owned(), None), ("c".to_owned(), None)]);
    assert_eq!(wrong.list().len(), 2);
}

#[test]
fn a_line_is_read_like_the_mapping_it_stands_for() {
    let pair: Pair = good("1.5 and 2");
    assert_eq!((pair.left, pair.right), (1.5, 2.0));
    assert_eq!(wrong::<Pair>("\"1.5 and 12\""), ["1:10: error: found 12, expected a number from 0 to 10"]);
    assert_eq!(wrong::<Pair>("both"), ["1:1: error: found `both`, expected `LEFT and RIGHT`"]);
    assert_eq!(good::<Pair>("{left: 1, right: 2}").right, 2.0);
}

#[test]
fn the_schema_says_the_same() {
    let schema = schema::<Thing>("Things");
    assert_eq!(schema["title"], "Things");
    assert_eq!(schema["required"], json!(["name"]));
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(
        schema["properties"]["count"],
        json!({"type": "integer", "minimum": 1, "maximum": 9, "default": 1, "description": "How many there are."})
    );
    assert_eq!(schema["properties"]["share"]["default"], 0.5);
    assert_eq!(schema["properties"]["volume"]["enum"], json!(["low", "high"]));
    let inner = json!({"anyOf": [{"type": ["string", "number", "boolean"]}, {"$ref": "#/$defs/Thing"}]});
    assert_eq!(schema["properties"]["inside"]["anyOf"], json!([inner, {"type": "array", "items": inner}]));
    assert_eq!(schema["$defs"]["Thing"]["description"], "A thing.");
    let pair = crate::schema::<Pair>("Pairs");
    assert_eq!(pair["required"], json!(["left", "right"]));
    let types = &mut crate::Definitions::default();
    assert_eq!(Pair::schema(types), json!({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Pair"}]}));
}
