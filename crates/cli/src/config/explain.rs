//! Why a line does not match a pattern: how far it does.

use pipeline::parse::{LogTime, Outcome, Parser, RegexParser};
use sls::collect::groups;
use sls::log_group::{LogGroup, LogGroupWriter};

/// Bytes shown of what is left over.
const SHOWN_CHARACTERS: usize = 30;

/// Words for a line that `pattern` does not match: up to which group it does, and where it stops.
pub(super) fn explain(pattern: &str, keys: &[String], line: &str) -> String {
    let groups = groups(pattern);
    for (index, group) in groups.iter().enumerate().rev() {
        let Some(matched_bytes) = matched(&pattern[..group.end], line) else { continue };
        let name = keys.get(index).map_or_else(String::new, |key| format!(" \"{key}\""));
        let rest = match line.get(matched_bytes..) {
            None | Some("") => "the line ends there".to_owned(),
            Some(rest) => format!("what follows does not: {}", shown(rest)),
        };
        let column = line.get(..matched_bytes).unwrap_or(line).chars().count() + 1;
        let words = format!("matches up to group {}{name}", index + 1);
        return format!("{words}; at column {column} {rest}");
    }
    match groups.first() {
        Some(first) => {
            format!("does not match from its beginning: group 1 is {}", &pattern[first.clone()])
        }
        None => "does not match the pattern, which has no groups".to_owned(),
    }
}

/// How many bytes of `line` the beginning of a pattern matches. `None` when it does not match, or
/// when it is no pattern by itself, as inside of another group.
fn matched(beginning: &str, line: &str) -> Option<usize> {
    let pattern = format!(r"({beginning})[\s\S]*");
    let regex = RegexParser::new(&pattern, &["matched".to_owned()]).ok()?;
    let mut group = LogGroupWriter::new();
    let now = LogTime { seconds: 0, nanos: None };
    let Outcome::Parsed = Parser::regex(regex).record(line.as_bytes(), now, &mut group) else {
        return None;
    };
    let group = LogGroup::parse(group.as_bytes()).ok()?;
    let log = group.logs().next()?;
    log.contents().next().map(|(_, value)| value.len())
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, line: &str, expected: &str) {
        let keys = ["ip", "method", "status"].map(str::to_owned);
        assert_eq!(explain(pattern, &keys, line), expected);
    }

    #[test]
    fn a_line_is_followed_as_far_as_it_matches() {
        let pattern = r"(\S+) ([A-Z]+) (\d+)";
        check(
            pattern,
            "10.0.0.1 GET abc",
            "matches up to group 2 \"method\"; at column 13 what follows does not: ` abc`",
        );
        check(
            pattern,
            "10.0.0.1 GET",
            "matches up to group 2 \"method\"; at column 13 the line ends there",
        );
        check(
            pattern,
            "10.0.0.1 GET 200 more",
            "matches up to group 3 \"status\"; at column 17 what follows does not: ` more`",
        );
        check(pattern, " ", r"does not match from its beginning: group 1 is (\S+)");
    }

    #[test]
    fn a_group_inside_of_another_is_skipped() {
        check(
            r"((\w+)-(\d+)) end",
            "abc-12 fin",
            "matches up to group 1 \"ip\"; at column 7 what follows does not: ` fin`",
        );
    }
}
