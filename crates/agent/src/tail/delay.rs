//! Files that are read too late: an alarm, and, where the configuration says so, going on at their
//! end (`agent` 2.2, 7.1).

use super::file::{Anchor, SafePoint};
use super::{Collector, FileKey, Moment, Phase, Ship};
use crate::alarms;
use crate::files::{Files, escaped, read_full};
use crate::log::Level;
use pipeline::batch::Unfinished;
use std::io;
use std::time::Duration;

const ALARM: &str = "READ_LOG_DELAY_ALARM";

/// So long a backlog has to last before it is said, and until it is said again.
const LASTS: Duration = Duration::from_secs(60);

/// How far in front of the end of a file a line start is looked for.
const LINE_START_WITHIN: u64 = 128 * 1024;

impl<F: Files, S: Ship> Collector<F, S> {
    /// Says which files are read too late.
    pub(super) fn look_at_delays(&mut self, now: Moment) {
        for tail in self.tails.values_mut() {
            let Some(source) = self.sources.get(&tail.source) else { continue };
            let unread = tail.facts.size_bytes.saturating_sub(tail.stream.position());
            if unread < source.plan.delay.alarm_bytes || tail.phase == Phase::Rewritten {
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
        tail.left_out.push(from..to);
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
