//! What was made of the bytes of one read, counted, with an alarm for what went wrong in it.

use super::file::Tail;
use crate::alarms;
use crate::files::escaped;
use crate::log::Level;
use crate::metrics::Metrics;
use pipeline::batch::Fed;
use pipeline::plan::Plan;
use std::fmt::Arguments;

/// Counts it.
pub(super) fn count<H>(metrics: &Metrics, fed: &Fed, consumed: usize, tail: &Tail<H>, plan: &Plan) {
    metrics.read_bytes.add(consumed as u64);
    metrics.records.add(fed.records);
    metrics.logs.add(fed.logs);
    if fed.logs == fed.records
        && fed.kept_raw + fed.untimed + fed.pieces + fed.unmatched + fed.unconverted == 0
    {
        return;
    }
    metrics.filtered.add(fed.filtered);
    metrics.unparsed_kept.add(fed.kept_raw);
    metrics.unparsed_dropped.add(fed.dropped);
    metrics.untimed.add(fed.untimed);
    metrics.outdated.add(fed.outdated);
    metrics.pieces.add(fed.pieces);
    metrics.unmatched.add(fed.unmatched);
    metrics.unconverted.add(fed.unconverted);
    metrics.discarded.add(fed.discarded);
    let alarm = |name, message: Arguments<'_>| {
        alarms::raise(Level::Warn, name, &plan.name, &escaped(&tail.shown), message);
    };
    if let Some((fault, record)) = &fed.first_fault {
        let failed = fed.dropped + fed.kept_raw;
        let became = if fed.dropped > 0 { "dropped" } else { "kept whole" };
        alarm(
            match fault.is_about_a_pattern() {
                true => "REGEX_MATCH_ALARM",
                false => "PARSE_LOG_FAIL_ALARM",
            },
            format_args!(
                "{failed} of {} records did not parse ({}) and were {became}, the first: {}",
                fed.records,
                fault.as_str(),
                String::from_utf8_lossy(record).escape_debug(),
            ),
        );
    }
    if fed.untimed > 0 {
        alarm(
            "PARSE_TIME_FAIL_ALARM",
            format_args!(
                "{} logs got the time of collection, their own cannot be read",
                fed.untimed
            ),
        );
    }
    if fed.outdated > 0 {
        alarm(
            "OUTDATED_LOG_ALARM",
            format_args!(
                "{} logs were dropped because they are older than `ilogtail_discard_interval`",
                fed.outdated
            ),
        );
    }
    if fed.unconverted > 0 {
        alarm(
            "ENCODING_CONVERT_ALARM",
            format_args!(
                "{} lines are not GBK; what cannot be converted became U+FFFD",
                fed.unconverted
            ),
        );
    }
    if let Some(line) = fed.first_unmatched.as_ref().filter(|_| !plan.framing.is_quiet()) {
        alarm(
            "SPLIT_LOG_FAIL_ALARM",
            format_args!(
                "{} lines belong to no record and were {}, the first: {}",
                fed.unmatched,
                if fed.discarded > 0 { "dropped" } else { "taken alone" },
                String::from_utf8_lossy(line).escape_debug(),
            ),
        );
    }
    if fed.pieces > 0 {
        alarm(
            "SPLIT_LOG_FAIL_ALARM",
            format_args!("a record over {} bytes was cut into pieces", plan.max_record.bytes),
        );
    }
}
