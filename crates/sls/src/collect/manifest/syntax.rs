//! What is wrong with text that is no YAML, in words for people who write configurations.

use std::ops::Range;

use super::super::{Part, Severity};
use super::Diagnostic;

/// What the parser says (a part of it), what we say, and how to repair it.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "unclosed quote",
        "a text that starts with a quote is not closed",
        "add the closing quote, of the same kind as the opening one",
    ),
    (
        "trailing content after double-quoted scalar",
        "text follows a closing quote",
        "the quotes of this line do not pair up: put each item into a pair of its own, with a \
         comma between items",
    ),
    (
        "trailing content after single-quoted scalar",
        "text follows a closing quote",
        "write a quote inside a text in single quotes twice: ''",
    ),
    ("unclosed bracket '['", "a list that starts with `[` is not closed", "add the closing `]`"),
    ("unclosed bracket", "a bracket is not closed", "add the closing bracket"),
    (
        "illegal placement of ':'",
        "a `:` stands where no name can stand",
        "look for a bracket or quote above that is not closed, or put the text into quotes",
    ),
    (
        "mapping values are not allowed",
        "a `name: value` stands where none can stand",
        "indent it like the names beside it, or put a text that contains `: ` into quotes",
    ),
    (
        "did not find expected key",
        "this line fits to none of the names above it",
        "indent it like the names beside it",
    ),
    (
        "did not find expected '-'",
        "this line fits to none of the list items above it",
        "indent it like the `-` of the list, or like the names beside it",
    ),
    (
        "flow sequence, expected",
        "the items of a list in brackets need a comma between them",
        "add a comma, or the closing `]`",
    ),
    ("tabs disallowed", "a tab indents this line", "YAML indents with spaces only"),
    (
        "budget breached",
        "the document is too large, or becomes so when its `*` references are followed",
        "keep one object to a document and write repeated parts out",
    ),
    ("recursion limit", "the document is nested too deeply", "close the brackets further outside"),
    (
        "unknown escape character",
        "a text in double quotes contains an unknown `\\` sequence",
        "put patterns into single quotes, where `\\` has no special meaning",
    ),
    ("unknown anchor", "`*name` refers to nothing", "define it with `&name`, or quote the text"),
];

/// The diagnostic for `error`, which the parser gave for the bytes `document` of `text`.
pub(super) fn explain(
    error: &serde_saphyr::Error,
    text: &str,
    document: Range<usize>,
) -> Diagnostic {
    let said = error.without_snippet().to_string();
    let said = said.split(" at line ").next().unwrap_or(&said);
    let place = error.location().map_or(document.start, |location| {
        let (line, column) = (location.line() as usize, location.column() as usize);
        offset_of(text, &document, line, column)
    });
    let width =
        text[place..].chars().next().filter(|letter| *letter != '\n').map_or(0, char::len_utf8);
    let mut diagnostic = Diagnostic {
        severity: Severity::Error,
        field: String::new(),
        part: Part::Value,
        message: said.to_owned(),
        range: place..place + width,
        label: None,
        related: Vec::new(),
        help: None,
        repair: None,
    };
    if let Some(name) = said.strip_prefix("duplicate mapping key: ") {
        let name = name.split(',').next().unwrap_or(name);
        diagnostic.message = format!("`{name}` is given twice in one object");
        diagnostic.range.end = place + name.len().min(text.len() - place);
        diagnostic.help = Some("keep one of the two".to_owned());
    } else if let Some((_, message, help)) = WORDS.iter().find(|(part, ..)| said.contains(part)) {
        diagnostic.message = (*message).to_owned();
        diagnostic.help = Some((*help).to_owned());
    }
    diagnostic
}

/// The byte of `text` at a line and column of a document, both counted from 1 in characters.
fn offset_of(text: &str, document: &Range<usize>, line: usize, column: usize) -> usize {
    let piece = &text[document.clone()];
    let mut offset = document.start;
    for (index, content) in piece.split_inclusive('\n').enumerate() {
        if index + 1 == line {
            let within = content.char_indices().nth(column - 1).map_or(content.len(), |(at, _)| at);
            return (offset + within).min(document.end);
        }
        offset += content.len();
    }
    document.end
}
