//! Files that are read too late: an alarm, and, where the configuration says so, going on at their
//! end (`agent` 2.2, 7.1).

use super::file::{Anchor, SafePoint};
use super::{Collector, FileKey, Moment, Phase, Ship};
use crate::alarms;
use crate::files::{Files, escaped, read_full};
use crate::log::Level;
use pipeline::batch::Unfinished;
use std::io;
use std::ops::Range;
use std::time::Duration;

const ALARM: &str = "READ_LOG_DELAY_ALARM";

/// So long a backlog has to last before it is said, and until it is said again.
const LASTS: Duration = Duration::from_secs(60);

/// How far in front of the end of a file a line start is looked for.
const LINE_START_WITHIN: u64 = 128 * 1024;

/// Ranges of one file that are told apart at most.
const MOST_RANGES: usize = 64;

/// Adds what is left out behind all that was before. When there are too many ranges, the two with the
/// least between them become one, so that rather more is said to be left out than less.
fn leave_out(ranges: &mut Vec<Range<u64>>, more: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == more.start => last.end = more.end,
        _ => ranges.push(more),
    }
    if ranges.len() > MOST_RANGES {
        let gap = |at: &usize| ranges[at + 1].start - ranges[*at].end;
        let Some(at) = (0..ranges.len() - 1).min_by_key(gap) else { return };
        let behind = ranges.remove(at + 1);
        ranges[at].end = behind.end;
    }
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Says which files are read too late.
    pub(super) fn look_at_delays(&mut self, now: Moment) {
        for tail in self.tails.values_mut() {
            let Some(source) = self.sources.get(&tail.source) else { continue };
            let unread = tail.facts.size_bytes.saturating_sub(tail.stream.position());
            if unread < source.plan.delay.alarm_bytes
                || matches!(tail.phase, Phase::Rewritten | Phase::Deselected)
            {
                tail.late = None;
                continue;
            }
            let since = *tail.late.get_or_insert(now.clock);
            if now.clock.saturating_duration_since(since) < LASTS {
                continue;
            }
            tail.late = Some(now.clock);
            let plan = &source.plan;
            alarms::raise(
                Level::Warn,
                ALARM,
                &plan.name,
                &escaped(&tail.shown),
                format_args!("{unread} bytes are not read yet"),
            );
        }
    }

    /// Goes on at the end of a file of which more is unread than its configuration allows.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn skip(&mut self, key: FileKey) -> io::Result<()> {
        self.seal(key);
        let Some(tail) = self.tails.get_mut(&key) else { return Ok(()) };
        let Some(handle) = &tail.handle else { return Ok(()) };
        let (from, size) = (tail.stream.position(), tail.facts.size_bytes);
        let start = size - size.saturating_sub(from).min(LINE_START_WITHIN);
        let window = &mut self.buffer[..(size - start) as usize];
        let read = read_full(&mut self.files, handle, window, start)?;
        let window = &window[..read];
        // Without a line start what follows is the rest of a line.
        let lines = window.iter().rposition(|byte| *byte == b'\n').map_or(read, |at| at + 1);
        let to = start + lines as u64;
        if to <= from {
            return Ok(());
        }
        tail.anchor = Anchor::of(&window[..lines]);
        tail.stream.skip_to(to);
        tail.rest = None;
        tail.late = None;
        leave_out(&mut tail.left_out, from..to);
        let point = SafePoint { anchor: tail.anchor.mark(), unfinished: Unfinished::No };
        let span = tail.acks.issue(to, point);
        self.setup.metrics.skipped_bytes.add(to - from);
        let name = self.sources.get(&tail.source).map_or("", |source| &source.plan.name);
        alarms::raise(
            Level::Warn,
            ALARM,
            name,
            &escaped(&tail.shown),
            format_args!(
                "bytes {from}-{to} are left out because more was unread than `delaySkipBytes` \
                 allows; reading on at the end"
            ),
        );
        self.confirm(key, span);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_range_and_there_are_never_too_many() {
        let mut ranges = Vec::new();
        leave_out(&mut ranges, 0..10);
        leave_out(&mut ranges, 10..20);
        assert_eq!(ranges, [Range { start: 0, end: 20 }]);
        for number in 1..200 {
            leave_out(&mut ranges, number * 100..number * 100 + 50);
        }
        assert_eq!(ranges.len(), MOST_RANGES);
        assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
        assert_eq!((ranges[0].start, ranges.last().unwrap().end), (0, 199 * 100 + 50));
    }
}
