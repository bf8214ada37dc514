//! Raw to checked: what a record is, how it becomes fields, and what is done with them.

use super::checked::{
    FieldFilter, Framing, Parser, PreciseTime, PreciseUnit, TimeRule, Topic, UnmatchedLines,
};
use super::raw::Fields;
use super::{Problem, keys};
use serde_json::{Map, Value};

pub(super) fn read_framing(detail: &Fields<'_>) -> Framing {
    let pattern = |spellings: [&'static str; 2]| {
        // `.*` matches every line: the documented way to say "single line".
        detail.text(&spellings).map(|(_, text)| text).filter(|text| text != ".*")
    };
    let begin = pattern(["logBeginRegex", "log_begin_reg"]);
    let mut proceed = pattern(["logContinueRegex", "log_continue_reg"]);
    let mut end = pattern(["logEndRegex", "log_end_reg"]);
    if begin.is_some() && proceed.is_some() && end.take().is_some() {
        detail.report(
            Problem::warning(
                detail.path("logEndRegex"),
                "has no effect beside patterns for the first and the continued lines",
            )
            .fix("remove one of the three"),
        );
    }
    if begin.is_none() && end.is_none() && proceed.take().is_some() {
        detail.report(
            Problem::warning(
                detail.path("logContinueRegex"),
                "alone has no effect, because it does not say where a record starts or ends",
            )
            .fix("add `logBeginRegex` or `logEndRegex`"),
        );
    }
    if begin.is_none() && proceed.is_none() && end.is_none() {
        // Objects of JSON may take several lines, as with the agents that came first.
        return match detail.text(&["logType", "log_type"]) {
            Some((_, log_type)) if log_type == "json_log" => Framing::Json,
            _ => Framing::Line,
        };
    }
    // Only what was asked for in words is dropped without a parser having seen it.
    let unmatched = match detail.flag(&["discardUnmatch", "discard_unmatch"]) {
        Some(true) => UnmatchedLines::Discard,
        _ => UnmatchedLines::SingleLine,
    };
    Framing::Multiline { begin, proceed, end, unmatched, quiet: false }
}

pub(super) fn read_parser(detail: &Fields<'_>) -> Parser {
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
        "delimiter_log" => read_delimiter(detail),
        "apsara_log" => Parser::Apsara,
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
    let patterns = detail.texts(&["regex"]);
    let keys = detail.texts(&["key", "keys"]);
    if let Some((key, patterns)) = &patterns
        && patterns.len() > 1
    {
        detail.report(
            Problem::error(detail.path(key), "several patterns in one configuration")
                .fix("write one configuration for each pattern"),
        );
    }
    let pattern = patterns.and_then(|(_, patterns)| patterns.into_iter().next());
    let Some((key, names)) = keys else {
        if let Some(pattern) = pattern.filter(|pattern| pattern != "(.*)") {
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
    // The agent's spelling joins the names with commas.
    let names: Vec<String> = if key == "keys" {
        names.iter().flat_map(|names| names.split(',')).map(|name| name.trim().to_owned()).collect()
    } else {
        names
    };
    check_names(detail, key, &names);
    match pattern {
        None if names == ["content"] => Parser::Whole,
        Some(pattern) if pattern == "(.*)" && names == ["content"] => Parser::Whole,
        Some(pattern) => Parser::Regex { pattern, keys: names },
        None => {
            detail.report(
                Problem::error(detail.path("regex"), "is missing, while `key` names fields")
                    .fix("write a pattern with a capture group for each key"),
            );
            Parser::Whole
        }
    }
}

/// Field names that no one means to write.
fn check_names(detail: &Fields<'_>, key: &str, names: &[String]) {
    for (index, name) in names.iter().enumerate() {
        let path = detail.path(&format!("{key}[{index}]"));
        let bare: String = name.chars().filter(|c| !"\"'[]{}`".contains(*c)).collect();
        let bare = bare.trim();
        if name.contains(['"', '\'', '`']) {
            let meant = keys::nearest_usual_field(bare).unwrap_or(bare);
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

fn read_delimiter(detail: &Fields<'_>) -> Parser {
    let separator = match detail.text(&["separator", "delimiter_separator"]) {
        Some((_, text)) => text.replace("\\t", "\t"),
        None => {
            detail.report(
                Problem::error(detail.path("separator"), "is missing")
                    .fix("write the text between two columns, for example `,` or `\\t`"),
            );
            ",".to_owned()
        }
    };
    let quote = match detail.text(&["quote", "delimiter_quote"]) {
        None => '"',
        Some((key, text)) => {
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(quote), None) => quote,
                _ => {
                    detail.report(Problem::error(
                        detail.path(key),
                        format!("`{text}` is not one character"),
                    ));
                    '"'
                }
            }
        }
    };
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
    Parser::Delimiter {
        separator,
        quote,
        keys,
        extend: detail.flag(&["autoExtend", "auto_extend"]).unwrap_or(true),
        accept_short: detail
            .flag(&["acceptNoEnoughKeys", "accept_no_enough_keys"])
            .unwrap_or(false),
    }
}

pub(super) fn read_time(
    detail: &Fields<'_>,
    advanced: &Map<String, Value>,
    parser: &Parser,
) -> Option<TimeRule> {
    let key = detail.text(&["timeKey", "time_key"]).map(|(_, key)| key);
    let format = detail.text(&["timeFormat", "timeformat", "time_format"]).map(|(_, text)| text);
    let adjust = detail.flag(&["adjustTimezone", "tz_adjust"]).unwrap_or(false);
    let zone = detail.text(&["logTimezone", "log_tz"]);
    let Some(format) = format else {
        if adjust {
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
    let zone_offset_seconds = match zone {
        Some((zone_key, text)) if adjust => {
            let offset = zone_offset(&text);
            if offset.is_none() {
                detail.report(
                    Problem::error(detail.path(zone_key), format!("`{text}` is not a time zone"))
                        .fix("write it as GMT+08:00"),
                );
            }
            offset
        }
        _ => None,
    };
    Some(TimeRule { key, format, zone_offset_seconds, year: read_year(advanced, detail) })
}

/// `specified_year`: the year of times that have none; 0 is the current one.
fn read_year(advanced: &Map<String, Value>, detail: &Fields<'_>) -> Option<i16> {
    let value = advanced.get("specified_year")?;
    match value.as_i64() {
        Some(0) => None,
        Some(year @ 1970..=2105) => Some(year as i16),
        _ => {
            detail.report(
                Problem::warning(
                    detail.path("advanced.specified_year"),
                    format!("{value} is not a year from 1970 to 2105, it has no effect"),
                )
                .fix("write the year, or 0 for the current one"),
            );
            None
        }
    }
}

/// The deprecated field that carries the time of a log as a number.
pub(super) fn read_precise_time(
    advanced: &Map<String, Value>,
    detail: &Fields<'_>,
) -> Option<PreciseTime> {
    if advanced.get("enable_precise_timestamp")?.as_bool() != Some(true) {
        return None;
    }
    let text = |key: &str| advanced.get(key).and_then(Value::as_str).filter(|it| !it.is_empty());
    let unit = match text("precise_timestamp_unit") {
        None | Some("ms") => PreciseUnit::Millis,
        Some("us") => PreciseUnit::Micros,
        Some("ns") => PreciseUnit::Nanos,
        Some(other) => {
            detail.report(
                Problem::warning(
                    detail.path("advanced.precise_timestamp_unit"),
                    format!("`{other}` is not a unit, so it is milliseconds"),
                )
                .fix("write `ms`, `us` or `ns`"),
            );
            PreciseUnit::Millis
        }
    };
    let key = text("precise_timestamp_key").unwrap_or("precise_timestamp").to_owned();
    Some(PreciseTime { key, unit })
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

pub(super) fn read_filters(detail: &Fields<'_>) -> Vec<FieldFilter> {
    let keys = detail.texts(&["filterKey", "filter_keys"]).map_or(Vec::new(), |(_, keys)| keys);
    let patterns =
        detail.texts(&["filterRegex", "filter_regs"]).map_or(Vec::new(), |(_, texts)| texts);
    if keys.len() != patterns.len() {
        detail.report(
            Problem::error(
                detail.path("filterKey"),
                format!("{} keys for {} patterns in `filterRegex`", keys.len(), patterns.len()),
            )
            .fix("write one pattern for each key"),
        );
    }
    keys.into_iter().zip(patterns).map(|(key, pattern)| FieldFilter { key, pattern }).collect()
}
