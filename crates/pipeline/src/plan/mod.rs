//! Compiles a checked configuration into the stages that run it, and says everything that is
//! wrong with its patterns.
//!
//! What makes it impossible to run is an error; what runs but is probably not meant is a warning
//! (`kubernetes` 1.3): the agent runs a configuration with warnings, whoever shows it to a person
//! shows them.

mod parsing;

use crate::discover::{DiscoverRule, ExcludeRule};
use crate::encoding::Conversion;
use crate::lines::MaxRecord;
use crate::multiline::{Framing, Patterns, Role};
use crate::parse::{Parser, PatternError};
use crate::tags::LabelRule;
use jiff::tz::TimeZone;
use sls::collect::{self, CollectConfig, Destination, Problem, Severity};
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
    /// When its files are read too late, and what then.
    pub delay: DelayRule,
    /// Rotated files of one path that may wait behind the one being read; `None` is any number.
    pub rotation_queue: Option<usize>,
    /// How long a file without news is held open; `None` is for ever.
    pub close_unused: Option<Duration>,
    /// Directories deeper than this need no watching while nothing happens in them.
    pub preserved_depth: Option<usize>,
    /// 1 is served first, then 2 and 3, then 0, which is the usual.
    pub priority: u8,
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
    /// What topic and tags are.
    pub labels: LabelRule,
}

/// When a file is read too late, in unread bytes (`agent` 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayRule {
    /// From this many on an alarm is raised.
    pub alarm_bytes: u64,
    /// Beyond this many the file is read on at its end; `None` is never.
    pub skip_bytes: Option<u64>,
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
    let parser = parsing::parser(config, local_zone, &mut problems);
    let framing = framing(config, &mut problems);
    let labels = LabelRule::new(&config.topic, &config.tags)
        .map(|rule| match config.parser {
            collect::Parser::Apsara { .. } => rule.without_suffix(),
            _ => rule,
        })
        .map_err(|error| problems.push(pattern_problem("inputDetail.topicFormat", &error)))
        .ok();
    for problem in &mut problems {
        problem.field = config.places.shown(&problem.field);
    }
    let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
    let plan = match (parser, framing, labels) {
        (Some(parser), Some(framing), Some(labels)) if !refused => Some(Plan {
            name: config.name.clone(),
            project: config.project().to_owned(),
            logstore: config.logstore().to_owned(),
            destinations: config.destinations.clone(),
            discover: DiscoverRule::new(&config.input.paths).with_gzip(config.input.gzip_history),
            exclude: ExcludeRule::new(&config.input.exclude),
            tail_bytes: config.input.tail_bytes,
            tail_existing: config.input.tail_existing,
            flush_timeout: config.input.flush_timeout,
            delay: DelayRule {
                alarm_bytes: config.input.delay_alarm_bytes,
                skip_bytes: config.input.delay_skip_bytes,
            },
            rotation_queue: config.input.rotation_queue.map(|limit| limit as usize),
            close_unused: config.input.close_unused,
            preserved_depth: config.input.preserved_depth.map(|depth| depth as usize),
            priority: config.priority,
            framing,
            max_record: MaxRecord { encoding: config.input.encoding, ..MaxRecord::default() },
            conversion: match config.input.encoding {
                collect::Encoding::Gbk => Conversion::gbk(),
                collect::Encoding::Utf8 if config.input.blank_non_utf8 => Conversion::blank(),
                collect::Encoding::Utf8 => Conversion::none(),
            },
            parser,
            nanoseconds: config.nanoseconds,
            labels,
        }),
        _ => None,
    };
    Compiled { plan, problems }
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

fn pattern_problem(field: &str, error: &PatternError) -> Problem {
    Problem::error(field, format!("the pattern is not valid: {error}"))
        .fix("correct the pattern there; it is read as Perl reads it")
}

#[cfg(test)]
mod tests;
