//! The secret that lets a browser in.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::PreviewError;

/// Random bytes of a token that we make: 128 bits cannot be guessed.
const RANDOM_BYTES: usize = 16;
/// Shorter ones could be guessed.
const MIN_CHARS: usize = 16;
const MAX_CHARS: usize = 128;

/// Letters, digits, `-` and `_`, so that it needs no escapes in an address, a cookie or a header.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn random() -> Result<Self, PreviewError> {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| PreviewError::System {
            what: "the system gives no random numbers for a token",
            detail: error.to_string(),
        })?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// None where it is too short, too long, or has other characters.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = (MIN_CHARS..=MAX_CHARS).contains(&text.len());
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        (fits && is_plain).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes as long for a wrong token as for the right one, so that its letters cannot be found one by one.
    pub(crate) fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_tokens_differ_and_are_tokens() {
        let [a, b] = [Token::random().unwrap(), Token::random().unwrap()];
        assert_ne!(a, b);
        assert_eq!(Token::parse(a.as_str()), Some(a.clone()));
        assert!(a.is(a.as_str()) && !a.is(b.as_str()) && !a.is("") && !a.is(&a.as_str()[1..]));
        assert!(!format!("{a:?}").contains(a.as_str()));
    }

    #[test]
    fn weak_and_awkward_tokens_are_none() {
        let long = "a".repeat(129);
        for text in
            ["", "short", "fifteen-letters", "with spaces in it!", "with;semicolon;in;it", "ünïcödé-ünïcödé", &long]
        {
            assert_eq!(Token::parse(text), None, "{text}");
        }
        assert!(Token::parse("sixteen-letters_").is_some());
    }
}
