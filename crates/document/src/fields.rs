//! The keys of a mapping.

use moue_timeline::nearest_name;

use crate::{Bounded, Definitions, Entry, FromNode, Node, Properties, Report, Schema, Span, Value};

/// A type that is read from the keys of a mapping; made by [`crate::mapping!`].
pub trait Mapping: Sized {
    /// Its name in a schema.
    const NAME: &'static str;
    /// What it is, line by line.
    const DESCRIPTION: &'static [&'static str];
    /// Whether it is one of several layers, each of which may leave to the one below what it does not say: then its
    /// defaults are not its own but those of the lowest layer, [`built_in`].
    const LAYERED: bool;
    /// The key whose value may stand for the whole mapping.
    const SHORT: Option<&'static str>;
    /// Whether it may be written on one line.
    const LINE: bool;

    /// What else than a line it may be made of.
    fn other_form(types: &mut Definitions) -> Option<Schema>;

    /// Reads its keys.
    fn read(fields: &mut Fields<'_>, report: &mut Report) -> Option<Self>;

    /// Describes its keys.
    fn properties(properties: &mut Properties, types: &mut Definitions);
}

impl Entry {
    /// Whether the key begins with `x-`: such keys are for other programs, and for anchors.
    pub fn is_extension(&self) -> bool {
        self.name.starts_with("x-")
    }

    /// Reports that there is no value after the key.
    pub(crate) fn report_nothing(&self, report: &mut Report) {
        let error = report.error(self.key, format!("`{}` has no value", self.name));
        if self.commented_out {
            error.hint("`#` begins a comment: put the value in quotes");
        } else {
            error.hint("write one after the colon, or remove the key");
        }
    }
}

/// The keys of a mapping while they are read.
pub struct Fields<'a> {
    span: Span,
    entries: &'a [Entry],
    taken: Vec<bool>,
    known: Vec<&'static str>,
    /// Whether defaults of layers count.
    lowest: bool,
}

impl<'a> Fields<'a> {
    fn new(span: Span, entries: &'a [Entry]) -> Self {
        Self { span, entries, taken: vec![false; entries.len()], known: Vec::new(), lowest: false }
    }

    /// Reads the key `name`. A key that is not there stands for `default` (as it would be written), or for what its
    /// type says. A key of an optional type whose value is wrong counts as not there, once that is reported.
    pub fn read<T: FromNode>(
        &mut self,
        name: &'static str,
        default: Option<&str>,
        layered: bool,
        report: &mut Report,
    ) -> Option<T> {
        self.read_checked(name, default, layered, report, |_| Ok(()))
    }

    /// The same for a number with a range.
    pub fn read_within<T: FromNode + Bounded>(
        &mut self,
        name: &'static str,
        range: &std::ops::RangeInclusive<T::Bound>,
        default: Option<&str>,
        layered: bool,
        report: &mut Report,
    ) -> Option<T> {
        self.read_checked(name, default, layered, report, |value: &T| value.check(range))
    }

    fn read_checked<T: FromNode>(
        &mut self,
        name: &'static str,
        default: Option<&str>,
        layered: bool,
        report: &mut Report,
        check: impl Fn(&T) -> Result<(), String>,
    ) -> Option<T> {
        self.known.push(name);
        let Some(index) = self.entries.iter().position(|entry| entry.name == name) else {
            if let Some(text) = default.filter(|_| self.lowest || !layered) {
                return T::from_node(&Node::unwritten(text), &mut Report::default());
            }
            return T::missing().or_else(|| {
                let hint = match name {
                    "moue" => "begin with `moue: 1`, the version of the language".to_owned(),
                    _ => format!("write it here: `{name}: ...`"),
                };
                report.error(self.span, format!("`{name}` is missing")).hint(hint);
                T::wrong(self.span)
            });
        };
        self.taken[index] = true;
        let entry = &self.entries[index];
        if entry.value.is_null() {
            entry.report_nothing(report);
            return T::wrong(entry.key);
        }
        let value = T::from_node(&entry.value, report).filter(|value| match check(value) {
            Ok(()) => true,
            Err(message) => {
                report.wrong(&entry.value, message);
                false
            }
        });
        value.or_else(|| T::wrong(entry.value.span()))
    }

    /// Reports the keys that nothing asked for.
    fn finish(self, report: &mut Report) {
        let unknown = self.entries.iter().zip(self.taken).filter(|(entry, taken)| !taken && !entry.is_extension());
        let mut cut = false;
        for (entry, _) in unknown {
            // `{ease: cubic-bezier(0.3, 0, 0.1, 1)}` has a key `0` without a value, and more of them.
            if entry.value.is_null() && !entry.commented_out && !entry.name.starts_with(char::is_alphabetic) {
                if !std::mem::replace(&mut cut, true) {
                    let error =
                        report.error(entry.key, format!("`{}` is no key, and nothing comes after it", entry.name));
                    error.hint("inside { } a comma ends a value: put a value with commas in quotes");
                }
                continue;
            }
            let hint = match nearest_name(&entry.name, self.known.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            report.error(entry.key, format!("unknown key `{}`", entry.name)).hint(hint);
        }
    }
}

/// Reads a mapping, or the value that may stand for it.
pub fn read_mapping<T: Mapping>(node: &Node, report: &mut Report) -> Option<T> {
    read_mapping_or_line(node, report, |node, report| {
        report.unexpected(node, "a mapping (lines of `key: value`)");
        None
    })
}

/// Reads a mapping, or the value that may stand for it, or what `line` makes of a scalar.
pub fn read_mapping_or_line<T: Mapping>(
    node: &Node,
    report: &mut Report,
    line: impl Fn(&Node, &mut Report) -> Option<Node>,
) -> Option<T> {
    let written;
    let (entries, span) = match (node.value(), T::SHORT) {
        (Value::Map(entries), _) => (entries, node.span()),
        (Value::Scalar(_), Some(short)) => {
            let entry = Entry { name: short.to_owned(), key: node.span(), value: node.clone(), commented_out: false };
            written = vec![entry];
            (&written, node.span())
        }
        _ => {
            written = match line(node, report)?.value() {
                Value::Map(entries) => entries.clone(),
                _ => return None,
            };
            (&written, node.span())
        }
    };
    let mut fields = Fields::new(span, entries);
    let read = T::read(&mut fields, report);
    fields.finish(report);
    read
}

/// The lowest layer: what counts where no layer says anything.
pub fn built_in<T: Mapping>() -> Option<T> {
    let mut fields = Fields::new(Span::default(), &[]);
    fields.lowest = true;
    T::read(&mut fields, &mut Report::default())
}
