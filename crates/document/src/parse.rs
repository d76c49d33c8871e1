//! From text to a tree.

use std::{collections::HashMap, ops::Range};

use granit_parser::{Event, Parser, ScalarStyle, Tag, options};
use moue_timeline::nearest_name;

use crate::{Entry, Node, Report, Scalar, SourceId, Sources, Span, Value, syntax};

/// Most values of a document, where aliases count with all that they stand for.
const MAX_NODES: u64 = 1_000_000;
/// Most lists and mappings inside each other, where aliases count with all that they stand for.
const MAX_DEPTH: u32 = 64;

/// Reads a file as YAML 1.2, with the merge key `<<` of YAML 1.1. What is wrong is reported; nothing is returned where
/// the text is no YAML at all, so that its structure is not known.
pub fn parse(sources: &Sources, source: SourceId, report: &mut Report) -> Option<Node> {
    let text = sources.text(source);
    let options = options! {
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
        flow_nesting_limit: MAX_DEPTH as usize,
        block_nesting_limit: MAX_DEPTH as usize,
    };
    let mut tree = Tree { source, text, report, open: Vec::new(), anchors: HashMap::new(), root: None, nodes: 0 };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => {
                let tag = span.tag_span().and_then(|tag| tag.byte_range()).unwrap_or_default();
                tree.take(event, span.byte_range().unwrap_or_default(), tag)?;
            }
            Err(error) => {
                syntax::report(text, source, &error, tree.report);
                return None;
            }
        }
    }
    match tree.root {
        Some(root) if !root.is_null() => Some(root),
        _ => {
            report.file_error(source, "the file is empty").hint("its first line is `moue: 1`");
            None
        }
    }
}

/// A list or mapping whose end was not seen yet.
struct Open {
    start: usize,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<Node>, merged: Vec<Node> },
}

struct Tree<'a> {
    source: SourceId,
    text: &'a str,
    report: &'a mut Report,
    open: Vec<Open>,
    /// By number: the name, and the node once it is complete.
    anchors: HashMap<usize, (String, Option<Node>)>,
    root: Option<Node>,
    nodes: u64,
}

impl Tree<'_> {
    /// Takes in what comes next; nothing where no more should come.
    fn take(&mut self, event: Event, range: Range<usize>, tag_range: Range<usize>) -> Option<()> {
        let span = Span { source: self.source, start: range.start, end: range.end };
        let tag_span = Span { source: self.source, start: tag_range.start, end: tag_range.end };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !self.forced_to_text(tag.as_deref(), tag_span);
                let node = self.scalar(&text, plain, span);
                self.finish(node, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.forced_to_text(tag.as_deref(), tag_span);
                self.open.push(Open { start: span.start, anchor, content: Content::List(Vec::new()) });
                Some(())
            }
            Event::MappingStart(_, anchor, tag) => {
                self.forced_to_text(tag.as_deref(), tag_span);
                let content = Content::Map { entries: Vec::new(), key: None, merged: Vec::new() };
                self.open.push(Open { start: span.start, anchor, content });
                Some(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Anchor(id, name) => {
                // A scalar is complete before its anchor is told, a list is not.
                let node = self.anchors.remove(&id).and_then(|(_, node)| node);
                self.anchors.insert(id, (name.into_owned(), node));
                Some(())
            }
            Event::Alias(id) => self.alias(id, span),
            Event::UnresolvedAlias(name) => {
                let known = self.anchors.values().map(|(name, _)| name.as_str());
                let hint = match nearest_name(&name, known) {
                    Some(nearest) => format!("did you mean `*{nearest}`?"),
                    None => format!("mark what it stands for with `&{name}`, further up"),
                };
                self.report.error(span, format!("there is no anchor `&{name}` before this alias")).hint(hint);
                self.finish(Node::new(span, Value::Reported), 0)
            }
            Event::DocumentStart(..) if self.root.is_some() => {
                let error = self.report.error(span, "a second document begins here, expected one in a file");
                error.hint("put it into a file of its own, or remove the line `---`");
                None
            }
            _ => Some(()),
        }
    }

    fn scalar(&mut self, text: &str, plain: bool, span: Span) -> Node {
        let raw = self.text.get(span.start..span.end).unwrap_or_default();
        let verbatim_at = if raw == text {
            Some(span.start)
        } else {
            // Between quotes.
            raw.get(1..raw.len().saturating_sub(1)).filter(|inner| *inner == text).map(|_| span.start + 1)
        };
        Node::new(span, Value::Scalar(Scalar::new(text.to_owned(), plain, verbatim_at)))
    }

    /// Whether the tag is `!!str`. Tags that give meanings of their own are reported; YAML's other ones say what the
    /// value says itself.
    fn forced_to_text(&mut self, tag: Option<&Tag>, span: Span) -> bool {
        let Some(tag) = tag else { return false };
        if !tag.is_yaml_core_schema() {
            self.report.error(span, format!("the tag `{tag}` has no meaning here")).hint("remove it");
        }
        tag.is_yaml_core_schema() && tag.suffix() == "str"
    }

    fn end(&mut self, span: Span) -> Option<()> {
        let Open { start, anchor, content } = self.open.pop()?;
        // A block ends where the next thing begins: the space between belongs to neither.
        let inside = self.text.get(start..span.end).unwrap_or_default();
        let span = Span { start, end: start + inside.trim_end().len(), ..span };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map { entries, merged, .. } => Value::Map(self.merge(entries, merged)),
        };
        self.finish(Node::new(span, value), anchor)
    }

    fn alias(&mut self, id: usize, span: Span) -> Option<()> {
        let Some(node) = self.anchors.get(&id).and_then(|(_, node)| node.as_ref()) else {
            let error = self.report.error(span, "this alias stands for something that it is itself a part of");
            error.hint("an alias repeats what is complete before it");
            return self.finish(Node::new(span, Value::Reported), 0);
        };
        let depth = self.open.len() as u64 + u64::from(node.depth());
        let nodes = self.nodes.saturating_add(node.size());
        let (node, target) = (node.through(span), node.span());
        if nodes > MAX_NODES {
            let message = format!("with this alias the document stands for more than {MAX_NODES} values");
            let error = self.report.error(span, message);
            error.label(target, "what it repeats").hint("use fewer aliases of aliases");
            return None;
        }
        if depth > u64::from(MAX_DEPTH) {
            self.report.error(span, format!("more than {MAX_DEPTH} lists and mappings are inside each other here"));
            return None;
        }
        self.nodes = nodes;
        self.finish(node, 0)
    }

    /// Puts a complete node where it belongs.
    fn finish(&mut self, node: Node, anchor: usize) -> Option<()> {
        if node.alias().is_none() {
            self.nodes += 1;
        }
        if anchor != 0 {
            let name = self.anchors.remove(&anchor).map(|(name, _)| name).unwrap_or_default();
            self.anchors.insert(anchor, (name, Some(node.clone())));
        }
        let Some(Open { content, .. }) = self.open.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        match content {
            Content::List(items) => items.push(node),
            Content::Map { key: key @ None, .. } => *key = Some(node),
            Content::Map { entries, key, merged } => {
                let Some(key) = key.take() else { return Some(()) };
                let Some(scalar) = key.scalar() else {
                    if !matches!(key.value(), Value::Reported) {
                        let error =
                            self.report.error(key.span(), "found a list or mapping as a key, expected one word");
                        error.hint("text with { or [ at its start needs quotes");
                    }
                    return Some(());
                };
                if scalar.plain && scalar.text == "<<" {
                    merged.push(node);
                    return Some(());
                }
                let after = self.text.get(key.span().end..).unwrap_or_default();
                let rest = after.lines().next().unwrap_or_default().trim_start_matches(['"', '\'', ' ', ':']);
                let commented_out = node.is_null() && rest.starts_with('#');
                let (name, key) = (scalar.text.clone(), key.span());
                entries.push(Entry { name, key, value: node, commented_out });
            }
        }
        Some(())
    }

    /// The entries of a mapping without those that are there twice, and with those of the mappings merged into it that
    /// it does not have itself.
    fn merge(&mut self, written: Vec<Entry>, merged: Vec<Node>) -> Vec<Entry> {
        let mut known = Known::with_room_for(written.len());
        for entry in written {
            if let Some(first) = known.get(&entry.name) {
                let error = self.report.error(entry.key, format!("the key `{}` is here a second time", entry.name));
                error.label(first.key, "the first time").hint("remove one of them");
            } else {
                known.push(entry);
            }
        }
        for node in merged {
            let parts: Vec<&Node> = match node.value() {
                Value::List(items) => items.iter().collect(),
                _ => vec![&node],
            };
            for part in parts {
                match part.value() {
                    Value::Map(others) => {
                        for other in others {
                            if known.get(&other.name).is_none() {
                                known.push(other.clone());
                            }
                        }
                    }
                    Value::Reported => {}
                    _ => {
                        let place = node.alias().unwrap_or(node.span());
                        let error = self.report.error(place, "expected a mapping to merge");
                        error.hint("write <<: *NAME, where &NAME marks a mapping");
                    }
                }
            }
        }
        known.entries
    }
}

/// Entries that can be found by their names. Most mappings are so small that looking at all of them is fastest.
struct Known {
    entries: Vec<Entry>,
    /// Where each is, once there are many.
    places: HashMap<String, usize>,
}

const FEW: usize = 24;

impl Known {
    fn with_room_for(count: usize) -> Self {
        Self { entries: Vec::with_capacity(count), places: HashMap::new() }
    }

    fn get(&self, name: &str) -> Option<&Entry> {
        if self.entries.len() <= FEW {
            return self.entries.iter().find(|entry| entry.name == name);
        }
        self.places.get(name).map(|place| &self.entries[*place])
    }

    fn push(&mut self, entry: Entry) {
        let count = self.entries.len();
        if count == FEW {
            self.places = self.entries.iter().enumerate().map(|(place, entry)| (entry.name.clone(), place)).collect();
        }
        if count >= FEW {
            self.places.insert(entry.name.clone(), count);
        }
        self.entries.push(entry);
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
