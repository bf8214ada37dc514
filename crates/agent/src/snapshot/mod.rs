//! What the agent knows about itself, on disk: windows of ten minutes with the counters of each
//! logstore and file, the state of every minute, alarms, and the ledger. `ilogtaild status` and
//! `sidetail-agent ledger` answer from it, without a port and without asking the process.
//!
//! The bytes are described in `docs/format/snapshot.md`.

pub mod insight;
mod ledger;
mod store;

pub use ledger::{LedgerLine, summary};
pub use store::{DIR, Store, current, windows};

use crate::alarms::Alarm;
use crate::tally::{StoreCounts, StoreTally, Tallies};
use serde::{Deserialize, Serialize};

/// Length of a window.
pub const WINDOW_SECONDS: u64 = 600;

/// Windows that are kept, the running one included.
pub const MAX_WINDOWS: usize = 60;

/// Minutes whose state is kept.
pub const MAX_MINUTES: usize = 60;

/// The version written.
const VERSION: u32 = 1;

/// Everything that is in the newest file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// Of the format.
    pub version: u32,
    /// UNIX seconds.
    pub written: u64,
    /// Of the agent that wrote it.
    pub agent_version: String,
    /// Start of the agent, UNIX seconds.
    pub started: u64,
    /// The running window.
    pub window: Window,
    /// States of the last minutes, the newest first.
    pub minutes: Vec<Minute>,
    /// Alarms of the running window.
    pub alarms: Vec<Alarm>,
    /// Every file that is followed, and those of which bytes may be missing.
    pub ledger: Vec<LedgerLine>,
    /// Set when the agent has ended: the bytes that were not delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_bytes: Option<u64>,
}

/// Counters of a stretch of time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Window {
    /// UNIX seconds.
    pub time_begin: u64,
    /// UNIX seconds; of the running window, when it was written.
    pub time_end: u64,
    /// Logstores with something to say.
    pub logstores: Vec<StoreLine>,
    /// Files that were read.
    pub logfiles: Vec<FileLine>,
}

/// One logstore in a window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreLine {
    /// The project.
    pub project: String,
    /// The logstore.
    pub logstore: String,
    /// Configurations that collect into it, joined by commas.
    pub config: String,
    /// Its numbers.
    #[serde(flatten)]
    pub counts: StoreCounts,
    /// Batches that waited or were under way at the end.
    pub send_queue_size: u64,
    /// Since when there is always one; 0 for none.
    pub min_unsend_time: u64,
    /// The last answer was to come again later.
    pub send_block_flag: bool,
    /// The last answer was not a refusal for good.
    pub sender_valid_flag: bool,
}

/// One file in a window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileLine {
    /// The project.
    pub project: String,
    /// The logstore.
    pub logstore: String,
    /// Name of the configuration.
    pub config: String,
    /// The path as the configuration names it.
    pub file_path: String,
    /// Device number.
    pub file_dev: u64,
    /// Inode number.
    pub file_inode: u64,
    /// Size when it was read last.
    pub file_size_bytes: u64,
    /// Where reading went on then.
    pub read_offset_bytes: u64,
    /// Its numbers.
    #[serde(flatten)]
    pub counts: StoreCounts,
}

/// The state of one minute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Minute {
    /// UNIX seconds of its begin.
    pub begin: u64,
    /// One of the words of `status all`.
    pub status: String,
}

/// What a minute was like.
#[derive(Clone, Copy, Debug, Default)]
pub struct MinuteFacts {
    /// Batches that the service took.
    pub stored: u64,
    /// Requests that have to be repeated.
    pub repeated: u64,
    /// Batches given up.
    pub discarded: u64,
    /// Logstores for which something waited, and that acknowledged nothing.
    pub blocked_logstores: u64,
    /// Times that reading had to wait for room.
    pub blocked: u64,
    /// Files followed.
    pub files: u64,
    /// Share of one core that was used.
    pub cpu: f64,
}

/// More files than this are many.
const MANY_FILES: u64 = 5000;

/// More of one core than this is busy.
const BUSY_CPU: f64 = 0.8;

impl MinuteFacts {
    /// The word for it (`agent` 1.4), the worst first.
    pub fn word(&self) -> &'static str {
        if self.discarded > 0 || (self.repeated > 0 && self.stored == 0) {
            "send_error"
        } else if self.repeated > self.stored || self.blocked_logstores > 0 {
            "send_block"
        } else if self.blocked > 0 && self.stored == 0 {
            "process_block"
        } else if self.files > MANY_FILES {
            "many_log_files"
        } else if self.cpu > BUSY_CPU {
            "busy"
        } else {
            "ok"
        }
    }
}

impl Window {
    /// The running window of these tallies.
    pub fn of(tallies: &Tallies, time_begin: u64, time_end: u64) -> Self {
        let has_news =
            |store: &&StoreTally| store.window != StoreCounts::default() || store.queued > 0;
        let logstores = tallies.stores.iter().filter(has_news).map(|store| StoreLine {
            project: store.project.clone(),
            logstore: store.logstore.clone(),
            config: store.configs.join(","),
            counts: store.window,
            send_queue_size: store.queued,
            min_unsend_time: store.unsent_since,
            send_block_flag: store.is_blocked,
            sender_valid_flag: !store.is_refused,
        });
        let logfiles = tallies.files.iter().filter_map(|((device, inode, _), file)| {
            let store = tallies.stores.get(file.store)?;
            Some(FileLine {
                project: store.project.clone(),
                logstore: store.logstore.clone(),
                config: file.config.clone(),
                file_path: file.path.clone(),
                file_dev: *device,
                file_inode: *inode,
                file_size_bytes: file.size_bytes,
                read_offset_bytes: file.offset_bytes,
                counts: file.counts,
            })
        });
        let mut logfiles: Vec<FileLine> = logfiles.collect();
        logfiles.sort_by(|left, right| left.file_path.cmp(&right.file_path));
        Self { time_begin, time_end, logstores: logstores.collect(), logfiles }
    }
}

impl StoreLine {
    /// The word of `status` for it (`agent` 7.2).
    pub fn status(&self) -> &'static str {
        if !self.sender_valid_flag {
            "sender_invalid"
        } else if self.send_block_flag {
            "send_block"
        } else {
            parse_status(&self.counts)
        }
    }
}

impl FileLine {
    /// The word of `status` for it.
    pub fn status(&self) -> &'static str {
        parse_status(&self.counts)
    }
}

fn parse_status(counts: &StoreCounts) -> &'static str {
    if counts.parse_fail_lines > 0 { "parse_fail" } else { "ok" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_one_word() {
        let check = |facts: MinuteFacts, word: &str| assert_eq!(facts.word(), word, "{facts:?}");
        let fine = MinuteFacts { stored: 9, ..MinuteFacts::default() };
        check(MinuteFacts::default(), "ok");
        check(fine, "ok");
        check(MinuteFacts { repeated: 1, ..fine }, "ok");
        check(MinuteFacts { repeated: 10, ..fine }, "send_block");
        check(MinuteFacts { repeated: 1, stored: 0, ..fine }, "send_error");
        check(MinuteFacts { blocked_logstores: 1, ..fine }, "send_block");
        check(MinuteFacts { blocked_logstores: 1, stored: 0, blocked: 5, ..fine }, "send_block");
        check(MinuteFacts { discarded: 1, ..fine }, "send_error");
        check(MinuteFacts { blocked: 5, ..fine }, "ok");
        check(MinuteFacts { blocked: 5, stored: 0, ..fine }, "process_block");
        check(MinuteFacts { files: 5001, ..fine }, "many_log_files");
        check(MinuteFacts { cpu: 0.9, ..fine }, "busy");
    }
}
