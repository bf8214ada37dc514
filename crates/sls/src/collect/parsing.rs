//! Raw to checked: what a record is, how it becomes fields, and what is done with them.

use super::checked::{Framing, Overflow, Parser, RegexRule, TimeRule, Topic, UnmatchedLines};
use super::raw::Fields;
use super::{Problem, options};

/// Spellings of the patterns for the first, the continued and the last line of a record.
pub(super) struct LineKeys<'k>(pub(super) [&'k [&'k str]; 3]);

pub(super) fn read_framing(detail: &Fields<'_>) -> Framing {
    let keys = LineKeys([
        &["logBeginRegex", "log_begin_reg"],
        &["logContinueRegex", "log_continue_reg"],
        &["logEndRegex", "log_end_reg"],
    ]);
    // Only what was asked for in words is dropped without a parser having seen it.
    let unmatched = match detail.flag(&["discardUnmatch", "discard_unmatch"]) {
        Some(true) => UnmatchedLines::Discard,
        _ => UnmatchedLines::SingleLine,
    };
    match read_multiline(detail, &keys, unmatched, false) {
        // Objects of JSON may take several lines, as with the agents that came first.
        Framing::Line
            if detail.text(&["logType", "log_type"]).is_some_and(|it| it.1 == "json_log") =>
        {
            Framing::Json
        }
        framing => framing,
    }
}

/// Records of several lines, where there are patterns for them that go together.
pub(super) fn read_multiline<'a>(
    fields: &Fields<'a>,
    LineKeys([begin_keys, proceed_keys, end_keys]): &LineKeys<'a>,
    unmatched: UnmatchedLines,
    quiet: bool,
) -> Framing {
    let begin = read_line_pattern(fields, begin_keys);
    let mut proceed = read_line_pattern(fields, proceed_keys);
    let mut end = read_line_pattern(fields, end_keys);
    let used = |keys: &[&'a str]| fields.find(keys).map_or(keys[0], |(key, _)| key);
    if begin.is_some() && proceed.is_some() && end.take().is_some() {
        fields.report(
            Problem::warning(
                fields.path(used(end_keys)),
                "has no effect beside patterns for the first and the continued lines",
            )
            .fix("remove one of the three"),
        );
    }
    if begin.is_none() && end.is_none() && proceed.take().is_some() {
        fields.report(
            Problem::warning(
                fields.path(used(proceed_keys)),
                "alone has no effect, because it does not say where a record starts or ends",
            )
            .fix(format!("add `{}` or `{}`", begin_keys[0], end_keys[0])),
        );
    }
    if begin.is_none() && proceed.is_none() && end.is_none() {
        return Framing::Line;
    }
    Framing::Multiline { begin, proceed, end, unmatched, quiet }
}

/// A pattern for lines. `.*` matches every line: the documented way to say "single line".
fn read_line_pattern<'a>(fields: &Fields<'a>, spellings: &[&'a str]) -> Option<String> {
    fields.text(spellings).map(|(_, text)| text).filter(|text| text != ".*")
}

pub(super) fn drops_unmatched(detail: &Fields<'_>) -> bool {
    detail.flag(&["discardUnmatch", "discard_unmatch"]).unwrap_or(true)
}

pub(super) fn read_parser(detail: &Fields<'_>, advanced: &Fields<'_>) -> Parser {
    let Some((type_key, log_type)) = detail.text(&["logType", "log_type"]) else {
        detail.report(
            Problem::error(detail.path("logType"), "is missing")
                .fix("write `common_reg_log` for plain text, `json_log` or `delimiter_log`"),
        );
        return Parser::Whole;
    };
    match log_type.as_str() {
        "common_reg_log" => read_regex(detail),
        "json_log" => Parser::Json,
        "delimiter_log" => read_delimiter(detail, advanced),
        "apsara_log" => Parser::Apsara {
            zone_offset_seconds: read_zone(detail),
            adjust_microtime: advanced.flag(&["adjust_apsara_micro_timezone"]).unwrap_or(false),
        },
        other => {
            detail.report(
                Problem::error(detail.path(type_key), format!("`{other}` is not a log type"))
                    .fix("use `common_reg_log`, `json_log`, `delimiter_log` or `apsara_log`"),
            );
            Parser::Whole
        }
    }
}

fn read_regex(detail: &Fields<'_>) -> Parser {
    let mut patterns = detail.texts(&["regex"]).map_or_else(Vec::new, |(_, patterns)| patterns);
    let Some((key, names)) = detail.texts(&["key", "keys"]) else {
        if let Some(pattern) = patterns.iter().find(|pattern| *pattern != "(.*)") {
            detail.report(
                Problem::error(
                    detail.path("key"),
                    format!("is missing, while `regex` is {pattern}"),
                )
                .fix("name a field for each capture group of the pattern"),
            );
        }
        return Parser::Whole;
    };
    if patterns.len() > 1 {
        return read_alternatives(detail, patterns, key, &names);
    }
    // The agent's spelling joins the names with commas.
    let names: Vec<String> =
        if key == "keys" { names.iter().flat_map(|names| split(names)).collect() } else { names };
    check_names(detail, key, &names);
    match patterns.pop() {
        None if names == ["content"] => Parser::Whole,
        Some(pattern) if pattern == "(.*)" && names == ["content"] => Parser::Whole,
        Some(pattern) => Parser::Regex { pattern, keys: names, alternatives: Vec::new() },
        None => {
            detail.report(
                Problem::error(detail.path("regex"), "is missing, while `key` names fields")
                    .fix("write a pattern with a capture group for each key"),
            );
            Parser::Whole
        }
    }
}

fn split(names: &str) -> impl Iterator<Item = String> + '_ {
    names.split(',').map(|name| name.trim().to_owned())
}

/// Several patterns, each with its names in one text.
fn read_alternatives(
    detail: &Fields<'_>,
    patterns: Vec<String>,
    key: &str,
    names: &[String],
) -> Parser {
    if patterns.len() != names.len() {
        detail.report(
            Problem::error(
                detail.path(key),
                format!(
                    "{} lists of names for {} patterns in `regex`",
                    names.len(),
                    patterns.len()
                ),
            )
            .fix("write the names of each pattern in one text, joined by commas"),
        );
    }
    let rules = patterns.into_iter().zip(names).map(|(pattern, names)| {
        let keys: Vec<String> = split(names).collect();
        RegexRule { pattern, keys }
    });
    let mut rules = rules.collect::<Vec<_>>();
    if rules.is_empty() {
        return Parser::Whole;
    }
    let first = rules.remove(0);
    Parser::Regex { pattern: first.pattern, keys: first.keys, alternatives: rules }
}

/// Field names that no one means to write.
pub(super) fn check_names(detail: &Fields<'_>, key: &str, names: &[String]) {
    for (index, name) in names.iter().enumerate() {
        let path = detail.path(&format!("{key}[{index}]"));
        let bare: String = name.chars().filter(|c| !"\"'[]{}`".contains(*c)).collect();
        let bare = bare.trim();
        if name.contains(['"', '\'', '`']) {
            let meant = options::nearest_usual_field(bare).unwrap_or(bare);
            detail.report(
                Problem::error(path, format!("field name `{name}` contains a quote"))
                    .fix(format!("the quotes of the list do not pair up here; write \"{meant}\""))
                    .replacement(meant),
            );
        } else if name.chars().any(char::is_control) || name.len() > 128 {
            detail.report(
                Problem::error(path, format!("`{}` cannot be a field name", name.escape_debug()))
                    .fix("use at most 128 bytes without control characters"),
            );
        } else if name.starts_with("__") && name.ends_with("__") && name.len() > 4 {
            detail.report(
                Problem::warning(path, format!("`{name}` looks like a reserved field"))
                    .fix("names with two underscores on both sides belong to the service"),
            );
        } else if let Some(first) = names[..index].iter().position(|other| other == name) {
            detail.report(
                Problem::warning(
                    path,
                    format!("`{name}` is already the name of group {}", first + 1),
                )
                .fix("the last value wins; give each group a name of its own"),
            );
        }
    }
}

fn read_delimiter(detail: &Fields<'_>, advanced: &Fields<'_>) -> Parser {
    let keys = match detail.texts(&["key", "columnKeys", "column_keys", "keys"]) {
        Some((key, names)) => {
            check_names(detail, key, &names);
            names
        }
        None => {
            detail.report(Problem::error(detail.path("key"), "is missing").fix("name the columns"));
            Vec::new()
        }
    };
    let partial = advanced.flag(&["extract_partial_fields"]).unwrap_or(false);
    let extend = detail.flag(&["autoExtend", "auto_extend"]).unwrap_or(true);
    Parser::Delimiter {
        separator: read_separator(detail, &["separator", "delimiter_separator"]),
        quote: read_quote(detail, &["quote", "delimiter_quote"]),
        keys,
        overflow: match (partial, extend) {
            (true, _) => Overflow::Discard,
            (false, true) => Overflow::Extend,
            (false, false) => Overflow::Keep,
        },
        accept_short: detail
            .flag(&["acceptNoEnoughKeys", "accept_no_enough_keys"])
            .unwrap_or(false),
        partial,
    }
}

pub(super) fn read_separator<'a>(fields: &Fields<'a>, spellings: &[&'a str]) -> String {
    match fields.text(spellings) {
        Some((_, text)) => text.replace("\\t", "\t"),
        None => {
            fields.report(
                Problem::error(fields.path(spellings[0]), "is missing")
                    .fix("write the text between two columns, for example `,` or `\\t`"),
            );
            ",".to_owned()
        }
    }
}

pub(super) fn read_quote<'a>(fields: &Fields<'a>, spellings: &[&'a str]) -> char {
    let Some((key, text)) = fields.text(spellings) else { return '"' };
    let mut chars = text.chars();
    if let (Some(quote), None) = (chars.next(), chars.next()) {
        return quote;
    }
    fields.report(Problem::error(fields.path(key), format!("`{text}` is not one character")));
    '"'
}

pub(super) fn read_time(
    detail: &Fields<'_>,
    advanced: &Fields<'_>,
    parser: &Parser,
) -> Option<TimeRule> {
    let key = detail.text(&["timeKey", "time_key"]).map(|(_, key)| key);
    let format = detail.text(&["timeFormat", "timeformat", "time_format"]).map(|(_, text)| text);
    let adjust = detail.flag(&["adjustTimezone", "tz_adjust"]).unwrap_or(false);
    let Some(format) = format else {
        if adjust && !matches!(parser, Parser::Apsara { .. }) {
            detail.report(
                Problem::warning(
                    detail.path("adjustTimezone"),
                    "has no effect without `timeFormat`",
                )
                .fix("add the format of the time field"),
            );
        }
        return None;
    };
    let key = match (key, parser) {
        (Some(key), _) => key,
        (None, Parser::Regex { keys, .. }) => {
            // Regex mode: the group named `time`, however it is capitalised.
            keys.iter().find(|name| name.eq_ignore_ascii_case("time"))?.clone()
        }
        (None, Parser::Json | Parser::Delimiter { .. }) => {
            detail.report(
                Problem::warning(detail.path("timeFormat"), "has no effect without `timeKey`")
                    .fix("name the field that holds the time"),
            );
            return None;
        }
        (None, _) => "time".to_owned(),
    };
    let zone_offset_seconds = read_zone(detail);
    Some(TimeRule { key, format, zone_offset_seconds, year: read_year(advanced, "specified_year") })
}

/// The zone of the log, where it is asked for.
fn read_zone(detail: &Fields<'_>) -> Option<i32> {
    if !detail.flag(&["adjustTimezone", "tz_adjust"]).unwrap_or(false) {
        return None;
    }
    read_zone_text(detail, &["logTimezone", "log_tz"])
}

pub(super) fn read_zone_text<'a>(fields: &Fields<'a>, spellings: &[&'a str]) -> Option<i32> {
    let (key, text) = fields.text(spellings)?;
    let offset = zone_offset(&text);
    if offset.is_none() {
        fields.report(
            Problem::error(fields.path(key), format!("`{text}` is not a time zone"))
                .fix("write it as GMT+08:00"),
        );
    }
    offset
}

/// The year of times without one. Nothing, 0 and -1 leave it to the agent.
pub(super) fn read_year<'a>(fields: &Fields<'a>, key: &'a str) -> Option<i16> {
    match fields.integer(&[key])? {
        (_, 0 | -1) => None,
        (_, year @ 1970..=2105) => Some(year as i16),
        (_, year) => {
            let what = format!("{year} is not a year from 1970 to 2105, it has no effect");
            fields.report(
                Problem::warning(fields.path(key), what)
                    .fix("write the year, or 0 for the current one"),
            );
            None
        }
    }
}

/// Seconds east of UTC of `GMT[+-]HH:MM`.
fn zone_offset(text: &str) -> Option<i32> {
    let rest = text.strip_prefix("GMT")?;
    let sign = match rest.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = rest.get(1..)?.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

pub(super) fn read_topic(detail: &Fields<'_>) -> Topic {
    let Some((_, text)) = detail.text(&["topicFormat", "topic_format"]) else {
        return Topic::Path;
    };
    match text.as_str() {
        "none" => Topic::None,
        "default" => Topic::Path,
        "group_topic" | "global_topic" => Topic::Group,
        text => match text.strip_prefix("customized://") {
            Some(fixed) => Topic::Fixed(fixed.to_owned()),
            None => Topic::FromPath(text.to_owned()),
        },
    }
}
