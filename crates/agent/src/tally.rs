//! What is counted for each logstore and each file, in the words of `ilogtaild status`
//! (`agent` 7.2): since the start for `/metrics`, and in the running window of ten minutes for the
//! snapshot.
//!
//! Reading and sending threads add to it once for each chunk and each answer, never for a line.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt::Write;

/// Logstores that are counted by name at most; more are counted together, without one.
const MAX_LOGSTORES: usize = 200;

/// Files that one window names at most.
const MAX_FILES: usize = 1000;

/// A logstore that has not answered for so long is blocked, whatever the reason.
const BLOCKED_SECONDS: u64 = 30;

/// Configurations of one logstore that are named.
const MAX_CONFIGS: usize = 20;

/// Where something is read for, or sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The project.
    pub project: &'a str,
    /// The logstore.
    pub logstore: &'a str,
}

/// What one read of a file came to.
#[derive(Clone, Copy, Debug)]
pub struct ReadFacts<'a> {
    /// Name of the configuration.
    pub config: &'a str,
    /// The path as the configuration names it.
    pub path: &'a str,
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Size of the file.
    pub size_bytes: u64,
    /// Where reading goes on.
    pub offset_bytes: u64,
    /// Bytes that became records.
    pub bytes: u64,
    /// Records that parsed.
    pub parsed: u64,
    /// Records that did not.
    pub failed: u64,
    /// UNIX seconds.
    pub seconds: u64,
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The service has it.
    Stored,
    /// No usable answer; it is repeated.
    NoAnswer,
    /// More than the quota allows; it is repeated.
    OverQuota,
    /// Refused for now for another reason; it is repeated.
    Refused,
    /// Given up.
    Discarded,
}

/// The numbers of one logstore. The names are those of the snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreCounts {
    /// Bytes read.
    pub read_bytes: u64,
    /// Reads.
    pub read_count: u64,
    /// UNIX seconds of the last read.
    pub last_read_time: u64,
    /// Sum over the reads of the bytes that were still to be read.
    pub delay_bytes_sum: u64,
    /// Records that parsed.
    pub parse_success_lines: u64,
    /// Records that did not.
    pub parse_fail_lines: u64,
    /// Batches that the service has.
    pub send_success_count: u64,
    /// Requests without a usable answer, or refused for a time.
    pub send_network_error_count: u64,
    /// Requests over the quota.
    pub send_network_quota_count: u64,
    /// Batches given up.
    pub send_network_discard_count: u64,
    /// UNIX seconds of the last batch that the service took.
    pub max_send_success_time: u64,
}

impl StoreCounts {
    fn read(&mut self, facts: &ReadFacts<'_>) {
        self.read_bytes += facts.bytes;
        self.read_count += 1;
        self.last_read_time = facts.seconds;
        self.delay_bytes_sum += facts.size_bytes.saturating_sub(facts.offset_bytes);
        self.parse_success_lines += facts.parsed;
        self.parse_fail_lines += facts.failed;
    }

    fn sent(&mut self, what: Sent, seconds: u64) {
        match what {
            Sent::Stored => {
                self.send_success_count += 1;
                self.max_send_success_time = seconds;
            }
            Sent::NoAnswer | Sent::Refused => self.send_network_error_count += 1,
            Sent::OverQuota => self.send_network_quota_count += 1,
            Sent::Discarded => self.send_network_discard_count += 1,
        }
    }
}

/// One logstore.
#[derive(Clone, Debug, Default)]
pub struct StoreTally {
    /// The project.
    pub project: String,
    /// The logstore.
    pub logstore: String,
    /// Configurations that collect into it.
    pub configs: Vec<String>,
    /// Since the start.
    pub total: StoreCounts,
    /// In the running window.
    pub window: StoreCounts,
    /// Batches that wait or are under way.
    pub queued: u64,
    /// Since when there is always one, UNIX seconds; 0 for none.
    pub unsent_since: u64,
    /// The last answer was to come again later.
    pub is_blocked: bool,
    /// The last answer was that it may never be.
    pub is_refused: bool,
}

/// One file in the running window.
#[derive(Clone, Debug, Default)]
pub struct FileTally {
    /// Index of its logstore.
    pub store: usize,
    /// Name of the configuration.
    pub config: String,
    /// The path as the configuration names it.
    pub path: String,
    /// Size of the file.
    pub size_bytes: u64,
    /// Where reading goes on.
    pub offset_bytes: u64,
    /// Its numbers; those of sending stay 0.
    pub counts: StoreCounts,
}

/// Device, inode, and the logstore by index.
pub type FileSlot = (u64, u64, usize);

/// All of it.
#[derive(Debug, Default)]
pub struct Tallies {
    /// Logstores in the order in which they came up; one without name stands for those too many.
    pub stores: Vec<StoreTally>,
    /// Files of the running window.
    pub files: HashMap<FileSlot, FileTally>,
}

impl Tallies {
    fn store(&mut self, place: Place<'_>) -> usize {
        let known = self
            .stores
            .iter()
            .position(|it| it.logstore == place.logstore && it.project == place.project);
        if let Some(known) = known {
            return known;
        }
        if self.stores.len() >= MAX_LOGSTORES {
            let rest = Place { project: "", logstore: "" };
            let known = self.stores.iter().position(|it| it.logstore.is_empty());
            return known.unwrap_or_else(|| self.add_store(rest));
        }
        self.add_store(place)
    }

    fn add_store(&mut self, place: Place<'_>) -> usize {
        self.stores.push(StoreTally {
            project: place.project.to_owned(),
            logstore: place.logstore.to_owned(),
            ..StoreTally::default()
        });
        self.stores.len() - 1
    }

    /// Counts a read for each logstore that it goes to. One that is named twice, at two services,
    /// has it once.
    pub fn read<'a>(
        &mut self,
        facts: &ReadFacts<'_>,
        places: impl Iterator<Item = Place<'a>> + Clone,
    ) {
        for (number, place) in places.clone().enumerate() {
            if places.clone().take(number).all(|before| before != place) {
                self.read_for(place, facts);
            }
        }
    }

    fn read_for(&mut self, place: Place<'_>, facts: &ReadFacts<'_>) {
        let at = self.store(place);
        let store = &mut self.stores[at];
        if store.configs.len() < MAX_CONFIGS && !store.configs.iter().any(|it| it == facts.config) {
            store.configs.push(facts.config.to_owned());
        }
        store.total.read(facts);
        store.window.read(facts);
        let slot = (facts.device, facts.inode, at);
        if self.files.len() >= MAX_FILES && !self.files.contains_key(&slot) {
            return;
        }
        let file = self.files.entry(slot).or_insert_with(|| FileTally {
            store: at,
            config: facts.config.to_owned(),
            ..FileTally::default()
        });
        if file.path != facts.path {
            facts.path.clone_into(&mut file.path);
        }
        file.size_bytes = facts.size_bytes;
        file.offset_bytes = facts.offset_bytes;
        file.counts.read(facts);
    }

    /// Notes that a batch waits to be sent.
    pub fn queued(&mut self, place: Place<'_>, seconds: u64) {
        let at = self.store(place);
        let store = &mut self.stores[at];
        if store.queued == 0 {
            store.unsent_since = seconds;
        }
        store.queued += 1;
    }

    /// Counts an answer.
    pub fn sent(&mut self, place: Place<'_>, what: Sent, seconds: u64) {
        let at = self.store(place);
        let store = &mut self.stores[at];
        store.total.sent(what, seconds);
        store.window.sent(what, seconds);
        if matches!(what, Sent::Stored | Sent::Discarded) {
            store.queued = store.queued.saturating_sub(1);
            if store.queued == 0 {
                store.unsent_since = 0;
            }
        }
        store.is_blocked = matches!(what, Sent::NoAnswer | Sent::OverQuota | Sent::Refused);
        store.is_refused = what == Sent::Discarded;
    }

    /// What each logstore had stored so far, to be compared with later.
    pub fn stored(&self) -> Vec<u64> {
        self.stores.iter().map(|store| store.total.send_success_count).collect()
    }

    /// Logstores that are blocked since `since`, UNIX seconds, when they had stored `before`: there
    /// is something to send, nothing was acknowledged, and either the service has said to come again
    /// or that is so for a while.
    pub fn blocked(&self, before: &[u64], since: u64, now: u64) -> u64 {
        let is_blocked = |(at, store): &(usize, &StoreTally)| {
            let before = before.get(*at).copied().unwrap_or(0);
            let waits = now.saturating_sub(store.unsent_since.max(since));
            store.queued > 0
                && store.total.send_success_count == before
                && (store.is_blocked || waits >= BLOCKED_SECONDS)
        };
        self.stores.iter().enumerate().filter(is_blocked).count() as u64
    }

    /// Begins a new window.
    pub fn roll(&mut self) {
        for store in &mut self.stores {
            store.window = StoreCounts::default();
        }
        self.files = HashMap::new();
    }

    /// Appends the numbers of each logstore since the start in the form that Prometheus reads.
    pub fn write_metrics(&self, out: &mut String) {
        /// Name, help, and the number.
        type Counter = (&'static str, &'static str, fn(&StoreCounts) -> u64);
        let counters: [Counter; 8] = [
            ("read_bytes", "Bytes read", |it| it.read_bytes),
            ("reads", "Reads", |it| it.read_count),
            ("parsed_records", "Records that parsed", |it| it.parse_success_lines),
            ("unparsed_records", "Records that did not parse", |it| it.parse_fail_lines),
            ("sent_batches", "Batches that the service confirmed", |it| it.send_success_count),
            ("send_errors", "Requests without a usable answer, or refused for a time", |it| {
                it.send_network_error_count
            }),
            ("send_over_quota", "Requests over the quota", |it| it.send_network_quota_count),
            ("discarded_batches", "Batches given up", |it| it.send_network_discard_count),
        ];
        for (name, help, value) in counters {
            let name = format!("sidetail_agent_logstore_{name}_total");
            family(out, &name, "counter", &format!("{help}, by logstore."));
            for store in &self.stores {
                sample(out, &name, store, value(&store.total));
            }
        }
        let name = "sidetail_agent_logstore_queued_batches";
        family(out, name, "gauge", "Batches that wait or are under way, by logstore.");
        for store in &self.stores {
            sample(out, name, store, store.queued);
        }
        let name = "sidetail_agent_logstore_blocked";
        family(out, name, "gauge", "1 when the service's last answer was to come again later.");
        for store in &self.stores {
            sample(out, name, store, u64::from(store.is_blocked));
        }
    }
}

/// Writes the head of a metric family.
pub fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(out: &mut String, name: &str, store: &StoreTally, value: u64) {
    let (project, logstore) = (label(&store.project), label(&store.logstore));
    let _ = writeln!(out, "{name}{{project=\"{project}\",logstore=\"{logstore}\"}} {value}");
}

/// A label's value as Prometheus reads it.
pub fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(logstore: &str) -> Place<'_> {
        Place { project: "p", logstore }
    }

    fn read(inode: u64, path: &str) -> ReadFacts<'_> {
        ReadFacts {
            config: "c",
            path,
            device: 1,
            inode,
            size_bytes: 100,
            offset_bytes: 60,
            bytes: 60,
            parsed: 3,
            failed: 1,
            seconds: 7,
        }
    }

    #[test]
    fn a_window_begins_anew_and_the_totals_go_on() {
        let mut tallies = Tallies::default();
        tallies.read(&read(5, "/a"), [place("l")].into_iter());
        tallies.sent(place("l"), Sent::Stored, 8);
        tallies.roll();
        tallies.read(&read(6, "/b"), [place("l")].into_iter());
        let store = &tallies.stores[0];
        assert_eq!((store.total.read_bytes, store.window.read_bytes), (120, 60));
        assert_eq!((store.total.send_success_count, store.window.send_success_count), (1, 0));
        assert_eq!(store.window.delay_bytes_sum, 40);
        let paths: Vec<&str> = tallies.files.values().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["/b"]);
    }

    #[test]
    fn the_last_answer_says_whether_sending_is_blocked() {
        let mut tallies = Tallies::default();
        for (what, is_blocked, is_refused) in [
            (Sent::NoAnswer, true, false),
            (Sent::OverQuota, true, false),
            (Sent::Discarded, false, true),
            (Sent::Stored, false, false),
        ] {
            tallies.sent(place("l"), what, 1);
            let store = &tallies.stores[0];
            assert_eq!((store.is_blocked, store.is_refused), (is_blocked, is_refused), "{what:?}");
        }
    }

    #[test]
    fn a_read_counts_for_every_logstore_it_goes_to() {
        let mut tallies = Tallies::default();
        let places = [place("one"), place("two"), place("one")];
        tallies.read(&read(1, "/a"), places.into_iter());
        let stores: Vec<(&str, u64)> =
            tallies.stores.iter().map(|it| (it.logstore.as_str(), it.total.read_count)).collect();
        assert_eq!(stores, [("one", 1), ("two", 1)]);
        assert_eq!(tallies.files.len(), 2);
    }

    #[test]
    fn a_logstore_is_blocked_while_something_waits_and_nothing_is_acknowledged() {
        let mut tallies = Tallies::default();
        tallies.queued(place("quiet"), 100);
        tallies.sent(place("quiet"), Sent::Stored, 101);
        tallies.queued(place("l"), 100);
        let before = tallies.stored();
        assert_eq!(tallies.blocked(&before, 100, 110), 0, "it is only slow");
        assert_eq!(tallies.blocked(&before, 100, 130), 1);
        tallies.sent(place("l"), Sent::OverQuota, 111);
        assert_eq!(tallies.blocked(&before, 100, 112), 1, "it was told to come again");
        // The next minute, in which nobody asks: it still rests.
        assert_eq!(tallies.blocked(&tallies.stored(), 160, 161), 1);
        tallies.sent(place("l"), Sent::Stored, 170);
        tallies.queued(place("l"), 171);
        assert_eq!(tallies.blocked(&before, 160, 260), 0, "something was acknowledged");
        assert_eq!(tallies.blocked(&tallies.stored(), 200, 260), 1);
    }

    #[test]
    fn memory_is_bounded_however_many_there_are() {
        let mut tallies = Tallies::default();
        for number in 0..2 * MAX_FILES {
            let logstore = format!("l{number}");
            tallies.read(&read(number as u64, "/a"), [place(&logstore)].into_iter());
        }
        assert_eq!(tallies.stores.len(), MAX_LOGSTORES + 1);
        assert_eq!(tallies.files.len(), MAX_FILES);
        let all: u64 = tallies.stores.iter().map(|store| store.total.read_count).sum();
        assert_eq!(all, 2 * MAX_FILES as u64);
    }

    #[test]
    fn metrics_have_the_logstore_as_labels() {
        let mut tallies = Tallies::default();
        tallies.read(&read(1, "/a"), [place("l\"")].into_iter());
        let mut text = String::new();
        tallies.write_metrics(&mut text);
        let expected =
            "sidetail_agent_logstore_read_bytes_total{project=\"p\",logstore=\"l\\\"\"} 60\n";
        assert!(text.contains(expected), "{text}");
    }
}
