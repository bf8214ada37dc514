//! How the records of a configuration become fields, and what is done with these: compiles the
//! patterns, and says what they will not do.

use super::pattern_problem;
use crate::parse::{Columns, Engine, Filter, Mask, Parser, RegexParser};
use crate::time::{MAX_AGE_SECONDS, TimeFormat, TimeOptions};
use jiff::tz::{Offset, TimeZone};
use sls::collect::{self, CollectConfig, Problem, Unmatched};

/// Compiles everything that happens to a record. `None` when there is no parser to go on with,
/// which is a problem then.
pub(super) fn parser(
    config: &CollectConfig,
    local_zone: &TimeZone,
    problems: &mut Vec<Problem>,
) -> Option<Parser> {
    let mut parser = cutter(config, local_zone, problems)?;
    parser = match &config.unmatched {
        Unmatched::Drop => parser,
        Unmatched::KeepRaw => parser.keeping_unparsed(),
        Unmatched::KeepAs(name) => parser.keeping_unparsed_as(name),
    };
    if let Some(name) = &config.raw_field {
        parser = parser.with_raw(name);
    }
    if let Some(rule) = &config.precise_time {
        parser = parser.with_precise_time(rule, config.nanoseconds);
    }
    if let Some(name) = &config.tags.offset_field {
        parser = parser.with_offset(name);
    }
    parser.set_max_age(Some(MAX_AGE_SECONDS));
    if let Some(rule) = &config.time {
        let nanos = config.nanoseconds || config.precise_time.is_some();
        let options = TimeOptions { year: rule.year, nanos };
        set_time(&mut parser, rule, options, local_zone, problems);
    }
    if let Some(rule) = &config.filter {
        let is_sum = !matches!(rule, collect::Filter::All(_) | collect::Filter::Field(_));
        let mut conditions = 0;
        let filter = filter(rule, is_sum, &mut conditions, &parser, problems);
        if let Some(filter) = filter {
            parser.set_filter(filter);
        }
    }
    for (index, mask) in config.masks.iter().enumerate() {
        match Mask::new(mask) {
            Ok(mask) => parser.add_mask(mask),
            Err(error) => {
                // The agents that came first run such a configuration, so it is no error. What
                // the other masks are to hide is hidden all the same.
                let field = format!("inputDetail.sensitive_keys[{index}]");
                let what = format!("the pattern is not valid: {error}; this mask has no effect");
                problems.push(
                    Problem::warning(field, what)
                        .fix("correct `regex_begin` and `regex_content`; both are patterns alone"),
                );
            }
        }
    }
    Some(parser)
}

/// How a record becomes fields.
fn cutter(
    config: &CollectConfig,
    local_zone: &TimeZone,
    problems: &mut Vec<Problem>,
) -> Option<Parser> {
    Some(match &config.parser {
        collect::Parser::Whole => Parser::whole(),
        collect::Parser::Regex { pattern, keys, alternatives } => {
            let rules = std::iter::once((pattern, keys))
                .chain(alternatives.iter().map(|rule| (&rule.pattern, &rule.keys)));
            let mut parsers = Vec::new();
            let mut refused = false;
            for (index, (pattern, keys)) in rules.enumerate() {
                let place = |name: &str| match index {
                    0 => format!("inputDetail.{name}"),
                    _ => format!("inputDetail.{name}[{index}]"),
                };
                match RegexParser::new(pattern, keys) {
                    Ok(regex) => {
                        check_groups(&regex, pattern, keys, &place("key"), problems);
                        parsers.push(regex);
                    }
                    Err(error) => {
                        problems.push(pattern_problem(&place("regex"), &error));
                        refused = true;
                    }
                }
            }
            if refused {
                return None;
            }
            check_sample(&mut parsers, config, problems);
            if parsers.len() == 1 {
                Parser::regex(parsers.pop()?)
            } else {
                Parser::several(parsers)
            }
        }
        collect::Parser::Json => Parser::json(),
        collect::Parser::Delimiter { separator, quote, keys, overflow, accept_short, partial } => {
            Parser::delimiter(&Columns {
                separator,
                quote: *quote,
                names: keys,
                overflow: *overflow,
                accept_short: *accept_short,
                partial: *partial,
            })
        }
        collect::Parser::Apsara { zone_offset_seconds, adjust_microtime } => {
            let zone = zone(*zone_offset_seconds, local_zone);
            let micro_zone = if *adjust_microtime { &zone } else { local_zone };
            Parser::apsara(zone.clone(), micro_zone.clone())?
        }
    })
}

/// The zone of an offset in seconds east of UTC.
fn zone(offset_seconds: Option<i32>, local_zone: &TimeZone) -> TimeZone {
    offset_seconds
        .and_then(|seconds| Offset::from_seconds(seconds).ok())
        .map_or_else(|| local_zone.clone(), TimeZone::fixed)
}

/// Compiles a filter. `conditions` counts the conditions before this one. All of it is looked at,
/// whatever is wrong; then there is none.
fn filter(
    rule: &collect::Filter,
    is_sum: bool,
    conditions: &mut usize,
    parser: &Parser,
    problems: &mut Vec<Problem>,
) -> Option<Filter> {
    let mut compile = |rules: &[collect::Filter]| -> Option<Vec<Filter>> {
        let filters: Vec<_> =
            rules.iter().map(|it| filter(it, is_sum, conditions, parser, problems)).collect();
        filters.into_iter().collect()
    };
    match rule {
        collect::Filter::All(rules) => Some(Filter::All(compile(rules)?)),
        collect::Filter::Any(rules) => Some(Filter::Any(compile(rules)?)),
        collect::Filter::Not(rule) => {
            filter(rule, is_sum, conditions, parser, problems).map(|it| Filter::Not(Box::new(it)))
        }
        collect::Filter::Field(condition) => {
            let index = *conditions;
            *conditions += 1;
            if !parser.may_have(&condition.key) {
                let effect = if is_sum { "this never holds" } else { "no log passes" };
                problems.push(
                    Problem::warning(
                        format!("inputDetail.filterKey[{index}]"),
                        format!("no field is named `{}`, so {effect}", condition.key),
                    )
                    .fix("use one of the names in `key`"),
                );
            }
            Engine::whole(&condition.pattern)
                .map(|pattern| Filter::field(&condition.key, pattern))
                .map_err(|error| {
                    let field = format!("inputDetail.filterRegex[{index}]");
                    problems.push(pattern_problem(&field, &error));
                })
                .ok()
        }
    }
}

/// The number of groups and of names should be the same (`agent` 3.2).
fn check_groups(
    regex: &RegexParser,
    pattern: &str,
    keys: &[String],
    field: &str,
    problems: &mut Vec<Problem>,
) {
    let (groups, names) = (regex.groups(), keys.len());
    if groups == names {
        return;
    }
    let counts = format!("the pattern has {groups} capture groups for {names} names");
    problems.push(if groups > names {
        let first = collect::groups(pattern).into_iter().nth(names);
        let first = first.map_or("", |range| &pattern[range]);
        Problem::warning(
            field,
            format!("{counts}; group {} `{first}` and those after it become no field", names + 1),
        )
        .fix("name every group, or write `(?:…)` for a group that is no field")
    } else {
        Problem::warning(
            field,
            format!("{counts}; `{}` has no group, so no line can match", keys[groups]),
        )
        .fix("put every part that is a field into parentheses, or remove the names too many")
    });
}

/// A sample that the user gave should match.
fn check_sample(parsers: &mut [RegexParser], config: &CollectConfig, problems: &mut Vec<Problem>) {
    if let Some(sample) = &config.sample
        && parsers.iter().any(|regex| regex.groups() > 0)
        && let sample = sample.trim_end_matches(['\r', '\n']).as_bytes()
        && !parsers.iter_mut().any(|regex| regex.matches(sample))
    {
        problems.push(
            Problem::warning("logSample", "the sample does not match `regex` as a whole")
                .fix("end the pattern with `.*` if the line goes on, or correct the pattern"),
        );
    }
}

fn set_time(
    parser: &mut Parser,
    rule: &collect::TimeRule,
    options: TimeOptions,
    local_zone: &TimeZone,
    problems: &mut Vec<Problem>,
) {
    match TimeFormat::new(&rule.format, zone(rule.zone_offset_seconds, local_zone)) {
        Ok(format) => {
            if !parser.set_time(&rule.key, format.with(options)) {
                problems.push(
                    Problem::warning(
                        "inputDetail.timeKey",
                        format!(
                            "no field is named `{}`, so logs get the time of collection",
                            rule.key
                        ),
                    )
                    .fix("name the field that holds the time"),
                );
            }
        }
        Err(error) => problems.push(
            Problem::warning(
                "inputDetail.timeFormat",
                format!("{error}, so logs get the time of collection"),
            )
            .fix("use the specifiers of strptime, for example `%d/%b/%Y:%H:%M:%S`"),
        ),
    }
}
