//! From nginx's `log_format` to a pattern and names for regex mode (`agent` 3.6).
//!
//! It is no parser of its own: what it makes is written into a configuration, where it can be read
//! and changed. Patterns are made so that the one-pass engine takes them, as far as the format
//! allows.

use std::collections::HashSet;

/// What reads the lines of a `log_format`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NginxFormat {
    /// Each line is a JSON object: JSON mode reads it.
    Json,
    /// Regex mode reads it.
    Regex {
        /// Perl syntax, for whole lines.
        pattern: String,
        /// Names, in the order of the groups.
        keys: Vec<String>,
        /// The name that holds the time, and its `strptime` format.
        time: Option<(&'static str, &'static str)>,
    },
}

/// A `log_format` that cannot be turned into a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NginxFormatError {
    /// There is no format in the text.
    #[error("there is no format; give all of `log_format NAME '…';`, or what stands in the quotes")]
    Empty,
    /// A string of the directive does not end.
    #[error("a quoted string does not end")]
    OpenString,
    /// A dollar sign without a name behind it.
    #[error("`$` at character {0} is followed by no variable name")]
    NoName(usize),
    /// Nothing tells where the first ends.
    #[error("`${0}` and `${1}` touch each other, so nothing tells where the first one ends")]
    Touching(String, String),
    /// No variable: no field.
    #[error("the format has no variables, so its lines have no fields")]
    NoVariables,
}

/// Variables that hold a time, with its format.
const TIMES: [(&str, &str); 3] =
    [("time_iso8601", "%Y-%m-%dT%H:%M:%S"), ("time_local", "%d/%b/%Y:%H:%M:%S"), ("msec", "%s")];

/// Names of the parts of `$request`.
const REQUEST: [&str; 3] = ["request_method", "request_uri", "server_protocol"];

/// Translates a `log_format` directive, or the format alone.
pub fn nginx_format(text: &str) -> Result<NginxFormat, NginxFormatError> {
    let format = match text.trim_start().strip_prefix("log_format") {
        Some(rest) if rest.starts_with(char::is_whitespace) => directive(rest)?,
        _ => text.trim_matches(['\r', '\n']).to_owned(),
    };
    if format.trim().is_empty() {
        return Err(NginxFormatError::Empty);
    }
    let parts = split(&format)?;
    if !parts.iter().any(|part| matches!(part, Part::Variable(_))) {
        return Err(NginxFormatError::NoVariables);
    }
    if format.trim_start().starts_with('{') && format.trim_end().ends_with('}') {
        return Ok(NginxFormat::Json);
    }
    Pattern::default().of(&parts)
}

/// The format of a directive: what stands behind its name, taken together.
fn directive(text: &str) -> Result<String, NginxFormatError> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        match first {
            ';' => break,
            '#' => while chars.next_if(|char| *char != '\n').is_some() {},
            quote @ ('"' | '\'') => {
                let mut word = String::new();
                loop {
                    match chars.next().ok_or(NginxFormatError::OpenString)? {
                        char if char == quote => break,
                        '\\' => word.push_str(&unescaped(chars.next())),
                        char => word.push(char),
                    }
                }
                words.push(word);
            }
            space if space.is_whitespace() => {}
            first => {
                let mut word = first.to_string();
                while let Some(char) = chars.next_if(|c| !c.is_whitespace() && *c != ';') {
                    word.push(char);
                }
                words.push(word);
            }
        }
    }
    // The name, and how values are escaped.
    let format = words.into_iter().skip(1).skip_while(|word| word.starts_with("escape="));
    Ok(format.collect())
}

/// What a backslash and the character behind it mean in a configuration of nginx.
fn unescaped(char: Option<char>) -> String {
    match char {
        Some(char @ ('"' | '\'' | '\\')) => char.to_string(),
        Some('t') => "\t".to_owned(),
        Some('r') => "\r".to_owned(),
        Some('n') => "\n".to_owned(),
        other => std::iter::once('\\').chain(other).collect(),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

fn split(format: &str) -> Result<Vec<Part>, NginxFormatError> {
    let mut parts = Vec::new();
    let mut rest = format;
    while let Some(dollar) = rest.find('$') {
        if dollar > 0 {
            parts.push(Part::Text(rest[..dollar].to_owned()));
        }
        let behind = &rest[dollar + 1..];
        let (open, close) = if behind.starts_with('{') { (1, 1) } else { (0, 0) };
        let name = &behind[open..];
        let len = name
            .find(|char: char| !char.is_ascii_alphanumeric() && char != '_')
            .unwrap_or(name.len());
        if len == 0 || (close == 1 && !name[len..].starts_with('}')) {
            let at = format.len() - rest.len() + dollar;
            return Err(NginxFormatError::NoName(format[..at].chars().count() + 1));
        }
        if let Some(Part::Variable(before)) = parts.last() {
            return Err(NginxFormatError::Touching(before.clone(), name[..len].to_owned()));
        }
        parts.push(Part::Variable(name[..len].to_owned()));
        rest = &name[len + close..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

/// A pattern being made.
#[derive(Debug, Default)]
struct Pattern {
    text: String,
    keys: Vec<String>,
    seen: HashSet<String>,
    in_quotes: bool,
    in_brackets: bool,
}

impl Pattern {
    fn of(mut self, parts: &[Part]) -> Result<NginxFormat, NginxFormatError> {
        for (index, part) in parts.iter().enumerate() {
            match part {
                Part::Text(text) => self.literal(text),
                Part::Variable(name) => {
                    let next = match parts.get(index + 1) {
                        Some(Part::Text(text)) => text.chars().next(),
                        _ => None,
                    };
                    self.variable(name, next);
                }
            }
        }
        // What a later version of the format has behind is tolerated.
        self.text.push_str(".*");
        let time = TIMES.into_iter().find(|(name, _)| self.seen.contains(*name));
        Ok(NginxFormat::Regex { pattern: self.text, keys: self.keys, time })
    }

    fn literal(&mut self, text: &str) {
        for char in text.chars() {
            match char {
                '"' => self.in_quotes = !self.in_quotes,
                '[' if !self.in_quotes => self.in_brackets = true,
                ']' if !self.in_quotes => self.in_brackets = false,
                _ => {}
            }
            match char {
                '\t' => self.text.push_str(r"\t"),
                '\n' => self.text.push_str(r"\n"),
                '\r' => self.text.push_str(r"\r"),
                char => {
                    if r"\^$.|?*+()[]{}".contains(char) {
                        self.text.push('\\');
                    }
                    self.text.push(char);
                }
            }
        }
    }

    fn variable(&mut self, name: &str, next: Option<char>) {
        let value = self.value(next);
        match name {
            "request" => {
                // `GET /path HTTP/1.1`.
                let parts = [r"\S+", r"\S+", &value];
                for (index, (name, pattern)) in REQUEST.into_iter().zip(parts).enumerate() {
                    if index > 0 {
                        self.text.push(' ');
                    }
                    self.group(name, pattern);
                }
            }
            // The servers that were asked, one after the other.
            list if list.starts_with("upstream_") && value == r"\S*" => {
                self.group(list, r"[^\s,]*(?:(?:,| :) [^\s,]+)*");
            }
            name => self.group(name, &value),
        }
    }

    /// A group for a name that has none yet.
    fn group(&mut self, name: &str, pattern: &str) {
        if self.seen.insert(name.to_owned()) {
            self.keys.push(name.to_owned());
            self.text.push_str(&format!("({pattern})"));
        } else {
            self.text.push_str(&format!("(?:{pattern})"));
        }
    }

    /// The pattern of a value that is followed by `next`.
    fn value(&self, next: Option<char>) -> String {
        let around = match (self.in_quotes, self.in_brackets) {
            (true, _) => "\"",
            (false, true) => r"\]",
            (false, false) => r"\s",
        };
        match next {
            Some('"') if self.in_quotes => r#"[^"]*"#.to_owned(),
            Some(']') if self.in_brackets && !self.in_quotes => r"[^\]]*".to_owned(),
            None => r"\S*".to_owned(),
            Some(next) if next.is_whitespace() && !self.in_quotes && !self.in_brackets => {
                r"\S*".to_owned()
            }
            Some(next) => {
                let escape = if r"\^]-[".contains(next) { r"\" } else { "" };
                let next = if next == '\t' { r"\t".to_owned() } else { next.to_string() };
                format!("[^{around}{escape}{next}]*")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{LogTime, Outcome, Parser, RegexParser};
    use proptest::prelude::*;
    use sls::log_group::{LogGroup, LogGroupWriter};

    const COMBINED: &str = r#"log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for"';"#;

    fn regex(format: &str) -> (String, Vec<String>) {
        match nginx_format(format).unwrap() {
            NginxFormat::Regex { pattern, keys, .. } => (pattern, keys),
            NginxFormat::Json => panic!("{format} is JSON"),
        }
    }

    /// The fields of a line, and whether the one-pass engine found them.
    fn read(format: &str, line: &str) -> (Option<Vec<String>>, bool) {
        let (pattern, keys) = regex(format);
        let regex = RegexParser::new(&pattern, &keys).unwrap();
        assert_eq!(regex.groups(), keys.len(), "{pattern}");
        let is_split = regex.is_split();
        let mut group = LogGroupWriter::new();
        let now = LogTime { seconds: 0, nanos: None };
        if Parser::regex(regex).record(line.as_bytes(), now, &mut group) != Outcome::Parsed {
            return (None, is_split);
        }
        let group = LogGroup::parse(group.as_bytes()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let log = group.logs().next().unwrap();
        let fields = log.contents().map(|(key, value)| format!("{}={}", text(key), text(value)));
        (Some(fields.collect()), is_split)
    }

    #[track_caller]
    fn check(format: &str, line: &str, expected: &[&str]) {
        let (fields, is_split) = read(format, line);
        assert_eq!(fields.unwrap_or_default(), expected, "{line}");
        assert!(is_split, "{:?}", regex(format));
    }

    #[test]
    fn the_usual_format_is_read() {
        check(
            COMBINED,
            r#"10.0.0.1 - - [14/Nov/2023:10:20:30 +0800] "GET /a?b=c HTTP/1.1" 200 612 "-" "curl/8.8.0 (x)" "-""#,
            &[
                "remote_addr=10.0.0.1",
                "remote_user=-",
                "time_local=14/Nov/2023:10:20:30 +0800",
                "request_method=GET",
                "request_uri=/a?b=c",
                "server_protocol=HTTP/1.1",
                "status=200",
                "body_bytes_sent=612",
                "http_referer=-",
                "http_user_agent=curl/8.8.0 (x)",
                "http_x_forwarded_for=-",
            ],
        );
        let NginxFormat::Regex { pattern, time, .. } = nginx_format(COMBINED).unwrap() else {
            panic!("not JSON")
        };
        assert_eq!(time, Some(("time_local", "%d/%b/%Y:%H:%M:%S")));
        assert_eq!(
            pattern,
            r#"(\S*) - (\S*) \[([^\]]*)\] "(\S+) (\S+) ([^"]*)" (\S*) (\S*) "([^"]*)" "([^"]*)" "([^"]*)".*"#
        );
    }

    #[test]
    fn text_behind_the_format_is_tolerated() {
        check("$status", "200", &["status=200"]);
        check("$status", "200 more", &["status=200"]);
        check("[$status]", "[200] rt=0.1", &["status=200"]);
    }

    #[test]
    fn a_value_ends_where_the_text_behind_it_begins() {
        check("$a,$b|$c", "1,2|3", &["a=1", "b=2", "c=3"]);
        check("\"$host:$server_port\" x", "\"h:80\" x", &["host=h", "server_port=80"]);
        check("\"$a $b\"", "\"1 2 3\"", &["a=1", "b=2 3"]);
        check("[$a-$b]", "[1-2]", &["a=1", "b=2"]);
        check("$a\t${b}x", "1\t2x", &["a=1", "b=2"]);
        check("($a) $b^$c", "(1) 2^3", &["a=1", "b=2", "c=3"]);
    }

    #[test]
    fn a_variable_that_comes_again_is_one_field() {
        check("$a $b $a", "1 2 1", &["a=1", "b=2"]);
        check(
            "\"$request\" $request_method",
            "\"GET / HTTP/2.0\" GET",
            &["request_method=GET", "request_uri=/", "server_protocol=HTTP/2.0"],
        );
    }

    #[test]
    fn the_servers_that_were_asked_are_a_list() {
        let format = "$upstream_addr $upstream_status $status";
        let line = "10.0.0.1:80, 10.0.0.2:80 : 10.0.0.3:80 502, 502 : 200 200";
        let fields = read(format, line).0.unwrap();
        assert_eq!(
            fields,
            [
                "upstream_addr=10.0.0.1:80, 10.0.0.2:80 : 10.0.0.3:80",
                "upstream_status=502, 502 : 200",
                "status=200",
            ]
        );
        assert_eq!(read(format, "10.0.0.1:80 200 200").0.unwrap()[0], "upstream_addr=10.0.0.1:80");
    }

    #[test]
    fn a_directive_is_read_as_nginx_does() {
        let expected = regex("$a \"$b\" \\$c");
        for directive in [
            r#"log_format x '$a "$b" \$c';"#,
            r#"  log_format x escape=none '$a ' "\"$b\" " '\\$c' ; access_log off;"#,
            "log_format\tx # a comment; '\n'$a ' '\"$b\" '\n\\$c;",
        ] {
            assert_eq!(regex(directive), expected, "{directive}");
        }
        let json = r#"log_format x escape=json '{"a":"$a",' '"b":$b}';"#;
        assert_eq!(nginx_format(json), Ok(NginxFormat::Json));
    }

    #[test]
    fn what_cannot_be_a_pattern_is_refused_with_the_reason() {
        let reason = |format: &str| nginx_format(format).unwrap_err().to_string();
        assert!(reason("log_format main;").starts_with("there is no format"));
        assert_eq!(reason("log_format main '$a"), "a quoted string does not end");
        assert_eq!(reason("é$ x"), "`$` at character 2 is followed by no variable name");
        assert_eq!(reason("${a"), "`$` at character 1 is followed by no variable name");
        assert!(reason("$a$b").starts_with("`$a` and `$b` touch each other"));
        assert!(reason("text").starts_with("the format has no variables"));
    }

    /// How a variable stands in a format, and what a value of it may be.
    fn variable() -> impl Strategy<Value = (&'static str, &'static str, String)> {
        prop_oneof![
            "[a-z0-9./:?=-]{0,6}".prop_map(|value| ("", "", value)),
            r"[a-z \[\],|;^$.-]{0,6}".prop_map(|value| ("\"", "\"", value)),
            r#"[a-z ",|;^$.-]{0,6}"#.prop_map(|value| ("[", "]", value)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// Values that do not hold what stands behind them come out as they went in, in one pass.
        #[test]
        fn a_line_made_by_a_format_is_read_back(
            variables in prop::collection::vec(
                (variable(), prop::sample::select(vec![" ", "|", ",", ";", "^", " - ", "\t", "*+"])),
                1..8,
            ),
            tail in prop::sample::select(vec!["", " more"]),
        ) {
            let (mut format, mut line, mut expected) = (String::new(), String::new(), Vec::new());
            for (index, ((open, close, value), between)) in variables.iter().enumerate() {
                let between = if index == 0 { "" } else { between };
                format.push_str(&format!("{between}{open}${{v{index}}}{close}"));
                line.push_str(&format!("{between}{open}{value}{close}"));
                expected.push(format!("v{index}={value}"));
            }
            line.push_str(tail);
            let (fields, is_split) = read(&format, &line);
            prop_assert_eq!(fields, Some(expected), "{} over {:?}", format, line);
            prop_assert!(is_split, "{:?}", regex(&format));
        }
    }
}
