//! How many rotated files of one path may wait: `max_rotate_queue_size` (`agent` 4.5).
//!
//! Each that waits holds a descriptor, and the disk space of a deleted one. A configuration with a
//! limit leaves the next one alone until there is room. It is not lost as long as it is there.

use super::adopt::Sight;
use super::{Collector, Ship, SourceId};
use crate::alarms;
use crate::files::{Files, escaped};
use crate::log::Level;
use std::path::Path;

impl<F: Files, S: Ship> Collector<F, S> {
    /// Whether a file that nobody knows has to wait until those before it are read.
    pub(super) fn is_queue_full(&mut self, id: SourceId, path: &Path, sight: Sight<'_>) -> bool {
        let Some(source) = self.sources.get(&id) else { return false };
        let Some(limit) = source.plan.rotation_queue else { return false };
        let lane = source.lanes.get(sight.written_at(path)).and_then(|lane| self.lanes.get(lane));
        // The first one does not wait, it is read.
        if lane.is_none_or(|lane| lane.waiting.len() <= limit) {
            return false;
        }
        alarms::raise(
            Level::Warn,
            "DROP_LOG_ALARM",
            &source.plan.name,
            &escaped(&path),
            format_args!(
                "{limit} rotated files wait to be read, as `max_rotate_queue_size` allows: this one \
                 is opened when there is room, and lost if it is deleted before"
            ),
        );
        // A drain must not end before that.
        self.unreadable += 1;
        true
    }
}
