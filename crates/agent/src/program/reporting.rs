//! Writes the snapshot: the running window, the minutes, alarms and the ledger; and makes the
//! report that goes with the heartbeat.

use crate::alarms;
use crate::log::alarm;
use crate::metrics::{Metrics, Usage};
use crate::provider::history::Progress;
use crate::snapshot::{
    LedgerLine, MAX_MINUTES, Minute, MinuteFacts, Snapshot, Store, WINDOW_SECONDS, Window, summary,
};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

const MINUTE_SECONDS: u64 = 60;

/// What the talking thread may know about files.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What the heartbeat says about them, as JSON.
    pub(super) report: Option<Vec<u8>>,
    /// How far each configuration is.
    pub(super) progress: Progress,
}

/// Filled by the reporter.
pub(super) type Shared = Arc<Mutex<Told>>;

/// Counters at the begin of a minute.
#[derive(Clone, Debug, Default)]
struct Before {
    stored: u64,
    /// The same by logstore.
    stored_by: Vec<u64>,
    repeated: u64,
    discarded: u64,
    blocked: u64,
    cpu_seconds: f64,
}

impl Before {
    fn now(metrics: &Metrics) -> Self {
        Self {
            stored: metrics.batches_sent.get(),
            stored_by: metrics.tally(|tallies| tallies.stored()),
            repeated: metrics.retries.get(),
            discarded: metrics.batches_lost.get(),
            blocked: metrics.blocked_turns.get(),
            cpu_seconds: Usage::now().cpu_seconds,
        }
    }
}

/// Writes snapshots from time to time.
pub(super) struct Reporter {
    /// `None` when there is no directory for it.
    store: Option<Store>,
    shared: Shared,
    started: u64,
    window_begin: u64,
    minute_begin: u64,
    minutes: VecDeque<Minute>,
    before: Before,
}

impl Reporter {
    pub(super) fn new(state_dir: &Path, shared: Shared, metrics: &Metrics, seconds: u64) -> Self {
        let store = match Store::open(state_dir) {
            Ok(store) => Some(store),
            Err(error) => {
                crate::warn!(
                    "{}: no snapshot can be kept: {error}; `status` will not answer questions",
                    state_dir.display()
                );
                None
            }
        };
        Self {
            store,
            shared,
            started: seconds,
            window_begin: seconds,
            minute_begin: seconds,
            minutes: VecDeque::from([Minute { begin: seconds, status: "ok".to_owned() }]),
            before: Before::now(metrics),
        }
    }

    /// Writes what is known now. `left_bytes` is given at the end of the process.
    pub(super) fn write(
        &mut self,
        ledger: Vec<LedgerLine>,
        left_bytes: Option<u64>,
        metrics: &Metrics,
        seconds: u64,
    ) {
        self.tell(&ledger);
        self.look_at_minute(metrics, seconds);
        let window = metrics.tally(|tallies| Window::of(tallies, self.window_begin, seconds));
        let is_over = seconds.saturating_sub(self.window_begin) >= WINDOW_SECONDS;
        let mut snapshot = Snapshot {
            written: seconds,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started,
            window,
            minutes: self.minutes.iter().cloned().collect(),
            alarms: alarms::window(),
            ledger,
            left_bytes,
            ..Snapshot::default()
        };
        if is_over {
            self.keep(metrics, |store| store.finish(&snapshot.window));
            metrics.tally(|tallies| tallies.roll());
            alarms::roll();
            self.window_begin = seconds;
            snapshot.window =
                Window { time_begin: seconds, time_end: seconds, ..Window::default() };
        }
        self.keep(metrics, |store| store.write(&mut snapshot));
    }

    fn tell(&self, ledger: &[LedgerLine]) {
        let report = serde_json::to_vec(&summary(ledger)).ok();
        let mut unfinished: BTreeMap<String, u64> = BTreeMap::new();
        for line in ledger {
            *unfinished.entry(line.config.clone()).or_default() += line.missing_bytes();
        }
        let mut told = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let reports = told.progress.reports + 1;
        *told = Told { report, progress: Progress { reports, unfinished } };
    }

    fn keep(&self, metrics: &Metrics, write: impl FnOnce(&Store) -> std::io::Result<()>) {
        let Some(store) = &self.store else { return };
        if let Err(error) = write(store) {
            metrics.snapshot_failures.add(1);
            alarm("SNAPSHOT_ALARM", "snapshot", format_args!("cannot be written: {error}"));
        }
    }

    /// The newest minute is the running one; its word may still get worse.
    fn look_at_minute(&mut self, metrics: &Metrics, seconds: u64) {
        let now = Before::now(metrics);
        let passed = seconds.saturating_sub(self.minute_begin).max(1);
        let facts = MinuteFacts {
            stored: now.stored - self.before.stored,
            repeated: now.repeated - self.before.repeated,
            discarded: now.discarded - self.before.discarded,
            blocked_logstores: metrics.tally(|tallies| {
                tallies.blocked(&self.before.stored_by, self.minute_begin, seconds)
            }),
            blocked: now.blocked - self.before.blocked,
            files: metrics.files.get(),
            cpu: (now.cpu_seconds - self.before.cpu_seconds) / passed as f64,
        };
        if let Some(minute) = self.minutes.front_mut() {
            facts.word().clone_into(&mut minute.status);
        }
        if passed >= MINUTE_SECONDS {
            self.minute_begin = seconds;
            self.before = now;
            self.minutes.push_front(Minute { begin: seconds, status: facts.word().to_owned() });
            self.minutes.truncate(MAX_MINUTES);
        }
    }
}
