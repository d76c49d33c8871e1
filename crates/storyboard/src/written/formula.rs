//! Expressions combined: `delight*0.6 + doubt`, `mirror(contempt)`.

use std::ops::Range;

use moue_document::{Node, Report, Span};

/// Most brackets inside each other.
const MAX_DEPTH: usize = 32;

/// An expression as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Formula {
    /// The pose of that name.
    Name { name: String, span: Span },
    /// A pose, weaker or stronger.
    Scaled(Box<Formula>, f64),
    /// Poses together.
    Sum(Vec<Formula>),
    /// A pose with left and right exchanged.
    Mirror { inner: Box<Formula>, span: Span },
}

/// Whether a text is one name: a letter or `_`, then letters, digits and `_`.
pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(begins_name) && chars.all(continues_name)
}

fn begins_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn continues_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl Formula {
    /// Reads the text of a scalar; what is wrong with it is reported at its very place.
    pub(crate) fn read(node: &Node, report: &mut Report) -> Option<Self> {
        let text = &node.scalar()?.text;
        let read = Parser { text, at: 0, depth: 0, node }.whole();
        read.map_err(|wrong| {
            let error = report.error(node.part(wrong.range), wrong.message);
            error.maybe_hint(wrong.hint.map(str::to_owned));
        })
        .ok()
    }
}

struct Wrong {
    range: Range<usize>,
    message: String,
    hint: Option<&'static str>,
}

/// A part of a formula: a number can only be a factor.
enum Part {
    Number(f64),
    Pose(Formula),
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    node: &'a Node,
}

const EXAMPLE: &str = "write for example `delight*0.6 + doubt` or `mirror(contempt)`";

impl Parser<'_> {
    fn whole(mut self) -> Result<Formula, Wrong> {
        let part = self.sum()?;
        if let Some(c) = self.peek() {
            return Err(self.wrong(
                self.at..self.at + c.len_utf8(),
                format!("found `{c}`, expected + - or *"),
                EXAMPLE,
            ));
        }
        match part {
            Part::Pose(formula) => Ok(formula),
            Part::Number(_) => {
                let hint = "a number only scales: `delight*0.6`; a face that does nothing is `neutral`";
                Err(self.wrong(0..self.text.len(), "found a number, expected an expression".to_owned(), hint))
            }
        }
    }

    fn sum(&mut self) -> Result<Part, Wrong> {
        let start = self.start();
        let mut total = self.product()?;
        loop {
            let factor = if self.take('+') {
                1.0
            } else if self.take('-') {
                -1.0
            } else {
                return Ok(total);
            };
            let next = self.product()?;
            total = match (total, scaled(next, factor)) {
                (Part::Number(a), Part::Number(b)) => Part::Number(a + b),
                (Part::Pose(Formula::Sum(mut terms)), Part::Pose(next)) => {
                    terms.push(next);
                    Part::Pose(Formula::Sum(terms))
                }
                (Part::Pose(first), Part::Pose(next)) => Part::Pose(Formula::Sum(vec![first, next])),
                _ => {
                    let message = "a number and an expression cannot be added".to_owned();
                    return Err(self.wrong(start..self.at, message, "scale with `*`: `delight*0.6`"));
                }
            };
        }
    }

    fn product(&mut self) -> Result<Part, Wrong> {
        let start = self.start();
        let mut total = self.factor()?;
        while self.take('*') {
            let next = self.factor()?;
            total = match (total, next) {
                (Part::Pose(_), Part::Pose(_)) => {
                    let message = "two expressions cannot be multiplied".to_owned();
                    return Err(self.wrong(start..self.at, message, "add them with `+`"));
                }
                (part, Part::Number(factor)) | (Part::Number(factor), part) => scaled(part, factor),
            };
        }
        Ok(total)
    }

    fn factor(&mut self) -> Result<Part, Wrong> {
        let start = self.start();
        let Some(c) = self.peek() else {
            let message = "the formula ends where an expression should be".to_owned();
            return Err(self.wrong(start..self.text.len(), message, EXAMPLE));
        };
        if c == '(' {
            return self.bracket(start);
        }
        if c == '-' {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(self.wrong(start..start + 1, "too many signs stand before each other".to_owned(), EXAMPLE));
            }
            self.take('-');
            let negative = self.factor().map(|part| scaled(part, -1.0));
            self.depth -= 1;
            return negative;
        }
        if c.is_ascii_digit() || c == '.' {
            let number = self.run(|c| c.is_ascii_digit() || c == '.').to_owned();
            let wrong = |_| self.wrong(start..self.at, format!("found `{number}`, expected a number"), EXAMPLE);
            return number.parse().map(Part::Number).map_err(wrong);
        }
        if !begins_name(c) {
            let message = format!("found `{c}`, expected an expression");
            return Err(self.wrong(start..start + c.len_utf8(), message, EXAMPLE));
        }
        let name = self.run(continues_name).to_owned();
        let span = self.node.part(start..self.at);
        if self.peek() != Some('(') {
            return Ok(Part::Pose(Formula::Name { name, span }));
        }
        if name != "mirror" {
            return Err(self.wrong(start..self.at, format!("there is no function `{name}`"), "there is `mirror(...)`"));
        }
        match self.bracket(start)? {
            Part::Pose(inner) => Ok(Part::Pose(Formula::Mirror { inner: Box::new(inner), span })),
            Part::Number(_) => Err(self.wrong(start..self.at, "a number has no mirror image".to_owned(), EXAMPLE)),
        }
    }

    fn bracket(&mut self, start: usize) -> Result<Part, Wrong> {
        self.take('(');
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let hint = "give parts of it names of their own";
            return Err(self.wrong(start..self.at, "too many brackets are inside each other".to_owned(), hint));
        }
        let part = self.sum()?;
        self.depth -= 1;
        if !self.take(')') {
            let hint = "close it with `)`";
            return Err(self.wrong(start..self.at, "this bracket is not closed".to_owned(), hint));
        }
        Ok(part)
    }

    fn wrong(&self, range: Range<usize>, message: String, hint: &'static str) -> Wrong {
        Wrong { range, message, hint: Some(hint) }
    }

    /// Where the next sign begins.
    fn start(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// The next sign that is no space.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, sign: char) -> bool {
        let found = self.peek() == Some(sign);
        if found {
            self.at += sign.len_utf8();
        }
        found
    }

    fn run(&mut self, belongs: impl Fn(char) -> bool) -> &str {
        let start = self.at;
        let rest = &self.text[start..];
        self.at += rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        &self.text[start..self.at]
    }
}

fn scaled(part: Part, factor: f64) -> Part {
    match part {
        Part::Number(number) => Part::Number(number * factor),
        Part::Pose(pose) if factor == 1.0 => Part::Pose(pose),
        Part::Pose(Formula::Scaled(inner, other)) => Part::Pose(Formula::Scaled(inner, other * factor)),
        Part::Pose(pose) => Part::Pose(Formula::Scaled(Box::new(pose), factor)),
    }
}
