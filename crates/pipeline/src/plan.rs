//! Compiles a checked configuration into the stages that run it, and says everything that is
//! wrong with its patterns.
//!
//! What makes it impossible to run is an error; what runs but is probably not meant is a warning
//! (`kubernetes` 1.3): the agent runs a configuration with warnings, whoever shows it to a person
//! shows them.

use crate::discover::{DiscoverRule, ExcludeRule};
use crate::encoding::Conversion;
use crate::lines::MaxRecord;
use crate::multiline::{Framing, Patterns, Role};
use crate::parse::{Engine, Parser, PatternError, RegexParser};
use crate::tags::TopicRule;
use crate::time::{TimeFormat, TimeOptions};
use jiff::tz::{Offset, TimeZone};
use sls::collect::{
    self, CollectConfig, Destination, FieldFilter, Filter, Problem, Severity, Unmatched,
};
use std::time::Duration;

/// A compiled configuration. It has no effects by itself; the caller reads the files and sends.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the configuration.
    pub name: String,
    /// Project that receives the logs.
    pub project: String,
    /// Logstore that receives the logs.
    pub logstore: String,
    /// Everywhere the logs go; `project` and `logstore` are of the first.
    pub destinations: Vec<Destination>,
    /// Which files.
    pub discover: DiscoverRule,
    /// Which of them are left out.
    pub exclude: ExcludeRule,
    /// How much is read of a file that is older than the agent, from its end; `None` is the
    /// caller's rule.
    pub tail_bytes: Option<u64>,
    /// Read also files that never change.
    pub tail_existing: bool,
    /// How long an unfinished last line waits.
    pub flush_timeout: Duration,
    /// What a record is.
    pub framing: Framing,
    /// How long one may be. Of the encoding of the configuration; the size may be changed.
    pub max_record: MaxRecord,
    /// How its bytes become text.
    pub conversion: Conversion,
    /// How a record becomes fields.
    pub parser: Parser,
    /// Logs carry the nanoseconds of their time.
    pub nanoseconds: bool,
    /// What `__topic__` is.
    pub topic: TopicRule,
}

/// What became of a configuration.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The plan, when no problem is an error.
    pub plan: Option<Plan>,
    /// Everything worth saying.
    pub problems: Vec<Problem>,
}

/// Compiles a configuration. `local_zone` is the zone of times that have none.
pub fn compile(config: &CollectConfig, local_zone: &TimeZone) -> Compiled {
    let mut problems = Vec::new();
    let parser = parser(config, local_zone, &mut problems);
    let framing = framing(config, &mut problems);
    let topic = TopicRule::new(&config.topic)
        .map_err(|error| problems.push(pattern_problem("inputDetail.topicFormat", &error)))
        .ok();
    if config.input.paths.len() > 1 {
        problems.push(not_yet("inputDetail.logPath[1]", "several paths are not supported yet"));
    }
    if config.destinations.len() > 1 {
        problems.push(not_yet("outputDetail[1]", "several destinations are not supported yet"));
    }
    for problem in &mut problems {
        problem.field = config.places.shown(&problem.field);
    }
    let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
    let plan = match (parser, framing, topic, config.input.paths.first()) {
        (Some(parser), Some(framing), Some(topic), Some(path)) if !refused => Some(Plan {
            name: config.name.clone(),
            project: config.project().to_owned(),
            logstore: config.logstore().to_owned(),
            destinations: config.destinations.clone(),
            discover: DiscoverRule::new(&path.dir, &path.pattern, path.max_depth as usize),
            exclude: ExcludeRule::new(&config.input.exclude),
            tail_bytes: config.input.tail_bytes,
            tail_existing: config.input.tail_existing,
            flush_timeout: config.input.flush_timeout,
            framing,
            max_record: MaxRecord { encoding: config.input.encoding, ..MaxRecord::default() },
            conversion: match config.input.encoding {
                collect::Encoding::Gbk => Conversion::gbk(),
                collect::Encoding::Utf8 if config.input.blank_non_utf8 => Conversion::blank(),
                collect::Encoding::Utf8 => Conversion::none(),
            },
            parser,
            nanoseconds: config.nanoseconds,
            topic,
        }),
        _ => None,
    };
    Compiled { plan, problems }
}

fn parser(
    config: &CollectConfig,
    local_zone: &TimeZone,
    problems: &mut Vec<Problem>,
) -> Option<Parser> {
    let mut parser = match &config.parser {
        collect::Parser::Whole => Parser::whole(),
        collect::Parser::Regex { pattern, keys, alternatives } => {
            match RegexParser::new(pattern, keys) {
                Ok(mut regex) => {
                    if !alternatives.is_empty() {
                        problems.push(not_yet(
                            "inputDetail.regex",
                            "several patterns are not supported yet",
                        ));
                    }
                    check_groups(&regex, pattern, keys, problems);
                    check_sample(&mut regex, config, problems);
                    Parser::regex(regex)
                }
                Err(error) => {
                    problems.push(pattern_problem("inputDetail.regex", &error));
                    return None;
                }
            }
        }
        collect::Parser::Json => Parser::json(),
        collect::Parser::Delimiter { .. } | collect::Parser::Apsara { .. } => {
            problems.push(unsupported("inputDetail.logType", "this log type is not supported yet"));
            return None;
        }
    };
    match &config.unmatched {
        Unmatched::Drop => {}
        Unmatched::KeepRaw => parser = parser.keeping_unparsed(),
        Unmatched::KeepAs(_) => problems.push(not_yet(
            "inputDetail.discardUnmatch",
            "keeping what does not parse under a name of its own is not supported yet",
        )),
    }
    if !config.masks.is_empty() {
        problems.push(not_yet("inputDetail.sensitive_keys", "masking is not supported yet"));
    }
    if let Some(name) = &config.raw_field {
        parser = parser.with_raw(name);
    }
    if let Some(rule) = &config.time {
        let options = TimeOptions { year: rule.year, nanos: config.nanoseconds };
        set_time(&mut parser, rule, options, local_zone, problems);
    }
    let conditions = match &config.filter {
        None => Some(Vec::new()),
        Some(filter) => conjunction(filter),
    };
    if conditions.is_none() {
        problems.push(not_yet(
            "inputDetail.advanced.filter_expression",
            "`or` and `not` in filters are not supported yet",
        ));
    }
    for (index, filter) in conditions.unwrap_or_default().into_iter().enumerate() {
        match Engine::whole(&filter.pattern) {
            Ok(pattern) => {
                if !parser.may_have(&filter.key) {
                    let field = format!("inputDetail.filterKey[{index}]");
                    let what = format!("no field is named `{}`, so no log passes", filter.key);
                    problems
                        .push(Problem::warning(field, what).fix("use one of the names in `key`"));
                }
                parser.add_filter(&filter.key, pattern);
            }
            Err(error) => {
                problems.push(pattern_problem(&format!("inputDetail.filterRegex[{index}]"), &error))
            }
        }
    }
    Some(parser)
}

fn framing(config: &CollectConfig, problems: &mut Vec<Problem>) -> Option<Framing> {
    match &config.framing {
        collect::Framing::Line => Some(Framing::line()),
        collect::Framing::Json => Some(Framing::json()),
        collect::Framing::WholeFile => Some(Framing::whole_file()),
        collect::Framing::Multiline { begin, proceed, end, unmatched, quiet } => {
            let patterns = Patterns {
                begin: begin.as_deref(),
                proceed: proceed.as_deref(),
                end: end.as_deref(),
            };
            let framing = Framing::joined(patterns, *unmatched, *quiet);
            framing
                .map_err(|errors| {
                    problems.extend(errors.iter().map(|(role, error)| {
                        let field = match role {
                            Role::Begin => "inputDetail.logBeginRegex",
                            Role::Proceed => "inputDetail.logContinueRegex",
                            Role::End => "inputDetail.logEndRegex",
                        };
                        pattern_problem(field, error)
                    }));
                })
                .ok()
        }
    }
}

/// The number of groups and of names should be the same (`agent` 3.2).
fn check_groups(regex: &RegexParser, pattern: &str, keys: &[String], problems: &mut Vec<Problem>) {
    let (groups, names) = (regex.groups(), keys.len());
    if groups == names {
        return;
    }
    let counts = format!("the pattern has {groups} capture groups for {names} names");
    problems.push(if groups > names {
        let first = group_text(pattern, names + 1).unwrap_or_default();
        Problem::warning(
            "inputDetail.key",
            format!("{counts}; group {} `{first}` and those after it become no field", names + 1),
        )
        .fix("name every group, or write `(?:…)` for a group that is no field")
    } else {
        Problem::warning(
            "inputDetail.key",
            format!("{counts}; `{}` has no group, so no line can match", keys[groups]),
        )
        .fix("put every part that is a field into parentheses, or remove the names too many")
    });
}

/// A sample that the user gave should match.
fn check_sample(regex: &mut RegexParser, config: &CollectConfig, problems: &mut Vec<Problem>) {
    if let Some(sample) = &config.sample
        && regex.groups() > 0
        && !regex.matches(sample.trim_end_matches(['\r', '\n']).as_bytes())
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
    let zone = rule
        .zone_offset_seconds
        .and_then(|seconds| Offset::from_seconds(seconds).ok())
        .map_or_else(|| local_zone.clone(), TimeZone::fixed);
    match TimeFormat::new(&rule.format, zone) {
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

/// The text of a pattern's capture group, for messages.
fn group_text(pattern: &str, number: usize) -> Option<&str> {
    let bytes = pattern.as_bytes();
    let (mut at, mut seen, mut in_class) = (0, 0, false);
    let mut open: Vec<Option<usize>> = Vec::new();
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'[' if !in_class => {
                in_class = true;
                // A bracket that closes in the first place is a member.
                at += usize::from(bytes.get(at + 1) == Some(&b'^'));
                at += usize::from(bytes.get(at + 1) == Some(&b']'));
            }
            b']' => in_class = false,
            b'(' if !in_class => {
                let rest = &pattern[at..];
                let named = rest.starts_with("(?P<")
                    || (rest.starts_with("(?<")
                        && !rest.starts_with("(?<=")
                        && !rest.starts_with("(?<!"));
                let captures = !rest.starts_with("(?") && !rest.starts_with("(*") || named;
                seen += usize::from(captures);
                open.push((captures && seen == number).then_some(at));
            }
            b')' if !in_class => {
                if let Some(start) = open.pop()? {
                    return Some(&pattern[start..=at]);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn pattern_problem(field: &str, error: &PatternError) -> Problem {
    Problem::error(field, format!("the pattern is not valid: {error}"))
        .fix("correct the pattern there; it is read as Perl reads it")
}

fn not_yet(field: &str, what: &str) -> Problem {
    Problem::error(field, what).fix("remove it")
}

/// The conditions that must all hold, if that is all the filter says.
fn conjunction(filter: &Filter) -> Option<Vec<&FieldFilter>> {
    match filter {
        Filter::Field(condition) => Some(vec![condition]),
        Filter::All(filters) => {
            filters.iter().map(conjunction).collect::<Option<Vec<_>>>().map(|all| all.concat())
        }
        Filter::Any(_) | Filter::Not(_) => None,
    }
}

fn unsupported(field: &str, what: &str) -> Problem {
    Problem::error(field, what).fix("use simple mode, or `common_reg_log` with a pattern and names")
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
