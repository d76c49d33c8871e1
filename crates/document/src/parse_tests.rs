use proptest::prelude::*;

use super::*;

/// The document as JSON, and what is wrong with it.
fn read(text: &str) -> (Option<serde_json::Value>, String) {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let source = sources.add("f.yaml", text.into(), &mut report).unwrap();
    let node = parse(&sources, source, &mut report);
    (node.map(|node| node.to_json()), report.finish(sources).to_string())
}

fn json(text: &str) -> String {
    let (json, wrong) = read(text);
    assert_eq!(wrong, "", "{text}");
    json.unwrap().to_string()
}

/// What is wrong with a document.
fn wrong(text: &str) -> String {
    let (_, wrong) = read(text);
    assert_ne!(wrong, "", "{text}");
    wrong
}

#[test]
fn documents_become_trees() {
    assert_eq!(json("a: 1\nb: [x, 'y z', \"1\"]\nc:\n  - {d: ~}\n"), r#"{"a":1,"b":["x","y z","1"],"c":[{"d":null}]}"#);
    assert_eq!(json("\u{feff}a: 1.5"), r#"{"a":1.5}"#);
    assert_eq!(json("a: !!str 12\nb: !!int 3"), r#"{"a":"12","b":3}"#);
    assert_eq!(json("a: |\n  two\n  lines\n"), r#"{"a":"two\nlines\n"}"#);
}

#[test]
fn aliases_repeat_and_merge_keys_add_what_is_missing() {
    assert_eq!(json("a: &x {b: 1, c: 2}\nd: *x\n"), r#"{"a":{"b":1,"c":2},"d":{"b":1,"c":2}}"#);
    assert_eq!(json("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n"), r#"{"a":{"b":1,"c":2},"d":{"b":1,"c":3}}"#);
    let both = "x: &x {b: 1}\ny: &y {b: 2, c: 2}\nd:\n  <<: [*x, *y]\n";
    assert_eq!(json(both), r#"{"d":{"b":1,"c":2},"x":{"b":1},"y":{"b":2,"c":2}}"#);
    // The nearest anchor before the alias counts.
    assert_eq!(json("[&a 1, *a, &a 2, *a]"), "[1,1,2,2]");
}

#[test]
fn places_are_those_of_the_text() {
    let text = "漢字: \"a b\"\nlist:\n  - &x eins\n  - *x\nfolded: >\n  one\n  two\n";
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let source = sources.add("f.yaml", text.into(), &mut report).unwrap();
    let root = parse(&sources, source, &mut report).unwrap();
    let at = |span: Span| &text[span.start..span.end];
    let Value::Map(entries) = root.value() else { panic!() };
    assert_eq!(at(root.span()), text.trim_end());
    assert_eq!((at(entries[0].key), at(entries[0].value.span())), ("漢字", "\"a b\""));
    // A part of what is quoted.
    assert_eq!(at(entries[0].value.part(2..3)), "b");
    assert_eq!(at(entries[0].value.slice(1..3).span()), "b");
    assert_eq!(at(entries[1].value.span()), "- &x eins\n  - *x");
    let Value::List(items) = entries[1].value.value() else { panic!() };
    assert_eq!((at(items[0].span()), at(items[1].span())), ("eins", "eins"));
    assert_eq!(items[1].alias().map(at), Some("*x"));
    // Of a folded text no part has a place of its own.
    assert_eq!(entries[2].value.part(2..3), entries[2].value.span());
}

#[test]
fn keys_that_are_there_twice_are_shown_together() {
    assert_eq!(
        wrong("a: 1\nb: 2\na: 3\n"),
        "f.yaml:3:1: error: the key `a` is here a second time\n  1 | a: 1\n    | - the first time\n    ...\n  3 | a: 3\n    | ^\n\
         hint: remove one of them"
    );
    assert!(wrong("{a: 1, 'a': 2}").contains("a second time"));
}

#[test]
fn keys_are_found_among_few_and_among_many() {
    for count in [2, 23, 24, 25, 26, 500] {
        let text: String = (0..count).map(|key| format!("k{key}: {key}\n")).collect();
        assert_eq!(read(&text).0.unwrap().as_object().unwrap().len(), count);
        for twice in [0, count / 2, count - 1] {
            let told = wrong(&format!("{text}k{twice}: x\n"));
            let expected = format!("f.yaml:{}:1: error: the key `k{twice}` is here a second time", count + 1);
            assert!(told.starts_with(&expected), "{told}");
        }
    }
}

#[test]
fn what_is_no_yaml_is_told_in_words() {
    let cases = [
        (
            "a: 1\n\tb: 2\n",
            "2:1: error: a tab indents this line, expected spaces",
            "let the editor replace tabs by spaces",
        ),
        ("a:\n\t- 1\n", "2:1: error: a tab indents", "let the editor"),
        ("a: \"b\nc: d\n", "1:4: error: a quoted text is not closed", "end it with the quote"),
        ("a: {b: 1\nc: 2\n", "2:2: error: expected a comma or the closing bracket", "needs quotes"),
        ("a: [1, 2\n", "error: a bracket is not closed", "look for a { or ["),
        ("a: [1, 2}\n", "1:4: error: this `[` is closed by a `}`", ""),
        ("a: ]\n", "1:4: error: this bracket closes nothing", ""),
        ("a: b: c\n", "1:5: error: a colon stands where no value can begin", "needs quotes"),
        ("a: 1\n b: 2\n", "2:2: error: this line is farther to the right", "same column"),
        ("  a: 1\nb: 2\n", "2:1: error: this line is farther to the left", "same column"),
        ("a:\n  - 1\n - 2\n", "3:2: error: expected a key and a colon", "same column"),
        ("a: @b\n", "1:4: error: text cannot begin with this character", "put the text in quotes"),
        ("a: \"\\q\"\n", "error: the backslash begins an escape", "two backslashes"),
        ("a: 'b' c\n", "error: the text goes on after its closing quote", ""),
        ("a: * 0.6\n", "error: `&` and `*` at the start", "put the text in quotes"),
        ("a: !x 1\n", "1:4: error: the tag `!x` has no meaning here", "remove it"),
        ("? [a]\n: 1\n", "error: found a list or mapping as a key", "quotes"),
        ("a: 1\n---\nb: 2\n", "2:1: error: a second document begins here", "a file of its own"),
        ("a: *b\n", "1:4: error: there is no anchor `&b` before this alias", "mark what it stands for with `&b`"),
        ("x: &name 1\na: *nmae\n", "2:4: error: there is no anchor `&nmae`", "did you mean `*name`?"),
        ("a: &a [*a]\n", "1:8: error: this alias stands for something that it is itself a part of", ""),
        ("a: {<<: 3}\n", "1:9: error: expected a mapping to merge", "<<: *NAME"),
        ("", "f.yaml: error: the file is empty", "`moue: 1`"),
        ("# only this\n", "f.yaml: error: the file is empty", ""),
        ("a: \u{7}\n", "error: ", ""),
    ];
    let told = |hint: &str, wrong: &str| {
        hint.is_empty() || wrong.split("\nhint: ").nth(1).is_some_and(|found| found.contains(hint))
    };
    let not_told = cases
        .map(|(text, message, hint)| (text, message, hint, wrong(text)))
        .into_iter()
        .filter(|(_, message, hint, wrong)| !wrong.contains(message) || !told(hint, wrong));
    assert_eq!(not_told.map(|(text, _, _, wrong)| format!("{text:?} gave {wrong}\n")).collect::<String>(), "");
}

#[test]
fn billion_laughs_are_refused() {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..10 {
        let below = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", "));
    }
    let told = wrong(&text);
    assert!(told.contains("error: with this alias the document stands for more than 1000000 values"), "{told}");
    assert!(told.contains("what it repeats") && told.ends_with("hint: use fewer aliases of aliases"), "{told}");
}

#[test]
fn deep_nesting_is_refused() {
    for text in ["[".repeat(10_000), "- ".repeat(10_000), "{a: ".repeat(10_000)] {
        let told = wrong(&text);
        assert!(told.contains("error: too many lists and mappings are inside each other here"), "{told}");
    }
    // Aliases nest as well.
    let mut text = "- &a0 [1]\n".to_owned();
    for level in 1..1000 {
        text += &format!("- &a{level} [*a{}]\n", level - 1);
    }
    assert!(wrong(&text).contains("more than 64 lists and mappings are inside each other here"));
}

#[test]
fn an_alias_reports_what_is_wrong_below_it_once() {
    use crate::FromNode;
    let text = "- &a [1, x]\n- *a\n- *a\n";
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let source = sources.add("f.yaml", text.into(), &mut report).unwrap();
    let root = parse(&sources, source, &mut report).unwrap();
    let numbers = Vec::<Vec<f64>>::from_node(&root, &mut report).unwrap();
    assert_eq!(numbers, [[1.0], [1.0], [1.0]]);
    assert_eq!(report.len(), 3);
    let told = report.finish(sources).to_string();
    assert_eq!(told, "f.yaml:1:10: error: found `x`, expected a number\n  1 | - &a [1, x]\n    |          ^");
}

proptest! {
    /// Whatever a file holds, it becomes a tree or a report, never a panic; and every place lies in the text.
    #[test]
    fn any_text_is_survived(text in "(a|b:|- |&a |\\*a|<<|!!str|: |\\? |[-:#{}\\[\\]&*!|>'\"%@` \\n\\r\\tä漢0-9.,]){0,40}") {
        let (mut sources, mut report) = (Sources::default(), Report::default());
        let source = sources.add("f.yaml", text.clone().into_bytes(), &mut report).unwrap();
        let node = parse(&sources, source, &mut report);
        prop_assert!(node.is_some() || !report.is_empty());
        let mut open: Vec<Node> = node.into_iter().collect();
        while let Some(node) = open.pop() {
            let span = node.span();
            prop_assert!(text.get(span.start..span.end).is_some(), "{span:?} in {text:?}");
            match node.value() {
                Value::List(items) => open.extend(items.iter().cloned()),
                Value::Map(entries) => {
                    prop_assert!(entries.iter().all(|entry| text.get(entry.key.start..entry.key.end).is_some()));
                    open.extend(entries.iter().map(|entry| entry.value.clone()));
                }
                Value::Scalar(scalar) => {
                    let part = node.part(0..scalar.text.len());
                    prop_assert!(part == span || text[part.start..part.end] == scalar.text);
                }
                Value::Reported => {}
            }
        }
        prop_assert!(report.finish(sources).to_string().lines().all(|line| line.chars().count() < 400));
    }
}
