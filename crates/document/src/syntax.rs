//! What is no YAML, in words.

use granit_parser::{ErrorKind, ScanError};

use crate::{Report, SourceId, Span};

/// Reports why the text is no YAML. The parser's own words are kept where they say what is wrong.
pub(crate) fn report(text: &str, source: SourceId, error: &ScanError, report: &mut Report) {
    let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    let (start, message, hint) = explain(text, at, error);
    // Past the end of a file, the end of its last line is what can be shown.
    let start = if start >= text.len() { text.trim_end().len() } else { start };
    let width = text.get(start..).and_then(|rest| rest.chars().next()).filter(|c| !c.is_control());
    let span = Span { source, start, end: start + width.map_or(0, char::len_utf8) };
    let diagnostic = report.error(span, message);
    diagnostic.maybe_hint(hint.map(str::to_owned));
}

const SAME_COLUMN: &str = "keys that belong together begin in the same column";

fn explain(text: &str, at: usize, error: &ScanError) -> (usize, String, Option<&'static str>) {
    use ErrorKind as E;
    let tabs = [
        E::TabNotAllowed,
        E::TabInBlockIndentation,
        E::TabInIndentation,
        E::TabInPlainScalar,
        E::TabAtBlockScalarStart,
    ];
    let line_start = text[..at].rfind(['\n', '\r']).map_or(0, |end| end + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
    // Whatever the parser says of a line that is indented with a tab, the tab is why. It may tell it of the text before.
    let tab = indent.find('\t').or_else(|| text[line_start..].find('\t').filter(|_| tabs.contains(error.kind())));
    if let Some(tab) = tab {
        let message = "a tab indents this line, expected spaces".to_owned();
        return (line_start + tab, message, Some("let the editor replace tabs by spaces"));
    }
    let colon = matches!(error.kind(), E::MappingValueNotAllowed) && line.find(':') == Some(at - line_start);
    let (message, hint) = match error.kind() {
        E::MappingValueNotAllowed if colon && !indent.is_empty() => {
            let message = "this line is farther to the right than the one above, which has its value already";
            return (line_start + indent.len(), message.to_owned(), Some(SAME_COLUMN));
        }
        E::ExpectedDocumentStart => {
            ("this line is farther to the left than the first one, or the file should end before it", Some(SAME_COLUMN))
        }
        E::RecursionLimitExceeded => ("too many lists and mappings are inside each other here", None),
        E::UnclosedQuotedScalar | E::DocumentIndicatorInQuotedScalar => {
            ("a quoted text is not closed", Some("end it with the quote that it begins with"))
        }
        E::UnclosedFlowCollection { .. }
        | E::UnexpectedEofFlowMapping
        | E::UnexpectedEofFlowSequence
        | E::UnexpectedEofImplicitFlowMapping => {
            ("a bracket is not closed", Some("look for a { or [ without its } or ]"))
        }
        E::MismatchedFlowCollectionEnd { open, close } => {
            return (at, format!("this `{open}` is closed by a `{close}`"), None);
        }
        E::MisplacedFlowCollectionEnd => ("this bracket closes nothing", None),
        E::ExpectedFlowMappingSeparator | E::ExpectedFlowSequenceSeparator => (
            "expected a comma or the closing bracket",
            Some("inside { } and [ ] text with a comma, a colon or a bracket needs quotes"),
        ),
        E::MappingValueNotAllowed | E::InvalidColonPlacement | E::InvalidMappingValueWhitespace => (
            "a colon stands where no value can begin",
            Some("text with a colon and a space in it needs quotes: \"like: this\""),
        ),
        E::ExpectedBlockMappingKey | E::InvalidIndentation | E::MappingKeyNotAllowed | E::SimpleKeyExpected => {
            ("expected a key and a colon, as far to the right as the keys above", Some(SAME_COLUMN))
        }
        E::ExpectedBlockSequenceEntry | E::BlockSequenceEntryNotAllowed => (
            "an item of a list stands where none can be",
            Some("items that belong together begin with `- ` in the same column"),
        ),
        E::UnexpectedCharacter { character: '@' | '`' | '%' } => {
            ("text cannot begin with this character", Some("put the text in quotes"))
        }
        E::MissingAnchorOrAliasName => {
            ("`&` and `*` at the start of a text mark anchors and aliases", Some("put the text in quotes"))
        }
        E::UnknownQuotedScalarEscape | E::InvalidQuotedScalarHexEscape | E::InvalidUnicodeEscape => (
            "the backslash begins an escape that YAML does not know",
            Some("write two backslashes, or put the text in single quotes"),
        ),
        E::InvalidTrailingDoubleQuotedScalar | E::InvalidTrailingSingleQuotedScalar => {
            ("the text goes on after its closing quote", Some("put all of it in quotes, or none"))
        }
        E::CommentNotSeparated => ("a comment needs a space before its #", None),
        _ => return (at, format!("this is no YAML: {}", error.info()), None),
    };
    (at, message.to_owned(), hint)
}
