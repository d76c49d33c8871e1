//! The header of an array: a Python dictionary as text.
//!
//! Source: NumPy Enhancement Proposal 1, "A Simple File Format for NumPy Arrays".

/// What an array's header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The type of an element, such as `<f4`; none where elements have fields.
    pub descr: Option<String>,
    /// Whether the first index runs fastest.
    pub fortran_order: bool,
    pub shape: Vec<usize>,
}

impl Header {
    /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (150, 55), }`; none where this is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = Literal(text);
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        rest.eat('{')?;
        while rest.eat('}').is_none() {
            let key = rest.string()?;
            rest.eat(':')?;
            match key {
                "descr" => descr = Some(rest.descr()?),
                "fortran_order" => fortran_order = Some(rest.boolean()?),
                "shape" => shape = Some(rest.shape()?),
                _ => return None,
            }
            if rest.eat(',').is_none() {
                rest.eat('}')?;
                break;
            }
        }
        let end = rest.0.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0');
        end.is_empty().then_some(Self { descr: descr?, fortran_order: fortran_order?, shape: shape? })
    }
}

/// What is left of a Python literal.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn eat(&mut self, token: char) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    /// Names and types have no escapes.
    fn string(&mut self) -> Option<&'a str> {
        let quote = self.0.trim_start().chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        self.eat(quote)?;
        let (string, rest) = self.0.split_once(quote)?;
        self.0 = rest;
        Some(string)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.0 = self.0.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Some(value);
            }
        }
        None
    }

    fn shape(&mut self) -> Option<Vec<usize>> {
        let mut shape = Vec::new();
        self.eat('(')?;
        while self.eat(')').is_none() {
            let digits = self.0.trim_start();
            let end = digits.find(|c: char| !c.is_ascii_digit())?;
            shape.push(digits[..end].parse().ok()?);
            // Python 2 wrote long integers with an L.
            self.0 = digits[end..].strip_prefix('L').unwrap_or(&digits[end..]);
            if self.eat(',').is_none() {
                self.eat(')')?;
                break;
            }
        }
        Some(shape)
    }

    /// A string, or a list of fields, which is passed over.
    fn descr(&mut self) -> Option<Option<String>> {
        if self.eat('[').is_none() {
            return self.string().map(|descr| Some(descr.to_owned()));
        }
        let mut depth = 1;
        while depth > 0 {
            self.0 = self.0.trim_start();
            match self.0.chars().next()? {
                '\'' | '"' => drop(self.string()?),
                token => {
                    depth += i32::from(matches!(token, '[' | '(')) - i32::from(matches!(token, ']' | ')'));
                    self.eat(token)?;
                }
            }
        }
        Some(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(descr: Option<&str>, fortran_order: bool, shape: &[usize]) -> Option<Header> {
        Some(Header { descr: descr.map(str::to_owned), fortran_order, shape: shape.to_vec() })
    }

    #[test]
    fn headers_of_every_writer_are_read() {
        for (text, expected) in [
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (150, 55), }        \n",
                header(Some("<f4"), false, &[150, 55]),
            ),
            ("{'shape':(7,),\"descr\":\">f8\",'fortran_order':True}", header(Some(">f8"), true, &[7])),
            ("{'descr': '|O', 'fortran_order': False, 'shape': ()}\0\0", header(Some("|O"), false, &[])),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 55L)}", header(Some("<f4"), false, &[3, 55])),
            (
                "{'descr': [('a]', '<f4', (2, 3)), ('b', [('c', '<i2')])], 'fortran_order': False, 'shape': (3,), }",
                header(None, false, &[3]),
            ),
        ] {
            assert_eq!(Header::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "{}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)} x",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (1, 2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2)}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
            "{'descr': [('a', '<f4'), 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<f4",
        ] {
            assert_eq!(Header::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\{?'?(descr|shape|fortran_order)?[\\[\\](){}'\":,<f48TruFalse0-9 é]{0,60}") {
            let _ = Header::parse(&text);
        }
    }
}
