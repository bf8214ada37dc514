//! Cuts a query at the pipe between search and SQL.

/// The two parts of a query.
#[derive(Debug, PartialEq)]
pub(super) struct Parts<'a> {
    /// Everything before the pipe, or everything.
    pub(super) search: &'a str,
    /// Everything after the pipe; `None` without a pipe.
    pub(super) sql: Option<&'a str>,
}

/// Cuts at the first `|` outside double quotes. An unfinished quote reaches to the end: the
/// search parser reports it.
pub(super) fn at_pipe(text: &str) -> Parts<'_> {
    let bytes = text.as_bytes();
    let mut quoted = false;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += escape_len(&bytes[at..]) - 1,
            b'"' => quoted = !quoted,
            b'|' if !quoted => {
                return Parts { search: &text[..at], sql: Some(&text[at + 1..]) };
            }
            _ => {}
        }
        at += 1;
    }
    Parts { search: text, sql: None }
}

/// How many bytes the backslash at the start of `rest` takes up: two for `\"` and `\\`, which
/// stand for the second character, otherwise one, an ordinary backslash.
pub(super) fn escape_len(rest: &[u8]) -> usize {
    match rest.get(1) {
        Some(b'"' | b'\\') => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, search: &str, sql: Option<&str>) {
        assert_eq!(at_pipe(text), Parts { search, sql }, "{text}");
    }

    #[test]
    fn the_first_bare_pipe_separates_search_from_sql() {
        check("", "", None);
        check("a b", "a b", None);
        check("a | select 1", "a ", Some(" select 1"));
        check("a|b|c", "a", Some("b|c"));
        check("|", "", Some(""));
    }

    #[test]
    fn a_pipe_in_quotes_belongs_to_the_search() {
        check(r#""a|b""#, r#""a|b""#, None);
        check(r#"k:"a|b" | select '|'"#, r#"k:"a|b" "#, Some(" select '|'"));
        check(r##"#"a|b"|s"##, r##"#"a|b""##, Some("s"));
    }

    #[test]
    fn an_escaped_quote_neither_opens_nor_closes() {
        check(r#"a\"|b"#, r#"a\""#, Some("b"));
        check(r#""a\"|b"|c"#, r#""a\"|b""#, Some("c"));
        check(r#""a\\"|c"#, r#""a\\""#, Some("c"));
        check(r"a\|c", r"a\", Some("c"));
        check("a\\", "a\\", None);
    }

    #[test]
    fn an_unfinished_quote_hides_the_pipe() {
        check(r#""a | b"#, r#""a | b"#, None);
    }
}
