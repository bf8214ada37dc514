//! What the agent counts, and the text of `/metrics`. All names and their help are in this file.

use crate::alarms;
use crate::tally::{Tallies, family};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// One number that threads share.
#[derive(Debug, Default)]
pub struct Number(AtomicU64);

impl Number {
    /// Adds to it.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Replaces it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! metrics {
    ($($name:ident: $kind:literal, $text:literal, $help:literal;)*) => {
        /// All numbers of the agent.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $(#[doc = $help] pub $name: Number,)*
            tallies: Mutex<Tallies>,
        }

        impl Metrics {
            /// The numbers in the text form that Prometheus reads.
            pub fn text(&self) -> String {
                let mut out = String::with_capacity(4096);
                $(
                    // Writing to a string cannot fail.
                    let _ = writeln!(out, "# HELP sidetail_agent_{0} {1}\n# TYPE sidetail_agent_{0} {2}\nsidetail_agent_{0} {3}",
                        $text, $help, $kind, self.$name.get());
                )*
                write_version(&mut out);
                self.tally(|tallies| tallies.write_metrics(&mut out));
                alarms::write_metrics(&mut out);
                write_process(&mut out);
                out
            }
        }
    };
}

impl Metrics {
    /// Adds to, or looks at, what is counted by logstore and file.
    pub fn tally<T>(&self, use_it: impl FnOnce(&mut Tallies) -> T) -> T {
        use_it(&mut self.tallies.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn write_version(out: &mut String) {
    let name = "sidetail_agent_build_info";
    family(out, name, "gauge", "Which agent it is; always 1.");
    let _ = writeln!(out, "{name}{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
}

/// What the process itself takes, under the names that every exporter has.
fn write_process(out: &mut String) {
    let usage = Usage::now();
    let mut number = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        let Some(value) = value else { return };
        family(out, name, kind, help);
        let _ = writeln!(out, "{name} {value}");
    };
    let cpu = Some(usage.cpu_seconds);
    number("process_cpu_seconds_total", "counter", "CPU time of the agent.", cpu);
    let resident = usage.resident_bytes.map(|bytes| bytes as f64);
    number("process_resident_memory_bytes", "gauge", "Memory of the agent in RAM.", resident);
    let open = usage.open_fds.map(|count| count as f64);
    number("process_open_fds", "gauge", "Open descriptors of the agent.", open);
}

/// What the process takes.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// CPU time of all threads so far.
    pub cpu_seconds: f64,
    /// Memory in RAM.
    pub resident_bytes: Option<u64>,
    /// Open descriptors.
    pub open_fds: Option<u64>,
}

impl Usage {
    /// Looks.
    pub fn now() -> Self {
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let statm = std::fs::read_to_string("/proc/self/statm").ok();
        let pages = statm.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
        // The listing itself has one open.
        let fds =
            std::fs::read_dir("/proc/self/fd").ok().map(|it| (it.count() as u64).saturating_sub(1));
        Self {
            cpu_seconds: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
            resident_bytes: pages.map(|pages| pages * rustix::param::page_size() as u64),
            open_fds: fds,
        }
    }
}

metrics! {
    configs: "gauge", "configs", "Collection configurations that run.";
    configs_refused: "gauge", "configs_refused", "Collection configurations whose newest version does not run.";
    files: "gauge", "files", "Files that are followed.";
    read_bytes: "counter", "read_bytes_total", "Bytes of log files that became records.";
    records: "counter", "records_total", "Records found in log files.";
    logs: "counter", "logs_total", "Logs written to batches.";
    filtered: "counter", "filtered_records_total", "Records left out by filters.";
    unparsed_kept: "counter", "unparsed_kept_records_total", "Records that did not parse and were sent whole.";
    unparsed_dropped: "counter", "unparsed_dropped_records_total", "Records that did not parse and were dropped, as the configuration says.";
    outdated: "counter", "outdated_logs_total", "Logs that were dropped because they are older than `ilogtail_discard_interval`.";
    untimed: "counter", "untimed_logs_total", "Logs whose own time could not be read.";
    unmatched: "counter", "unmatched_lines_total", "Lines that belong to no record of several lines.";
    discarded: "counter", "discarded_lines_total", "Lines that belong to no record and were dropped, as the configuration says.";
    unconverted: "counter", "unconverted_lines_total", "Lines that are not of the encoding that the configuration names.";
    pieces: "counter", "long_record_pieces_total", "Pieces of records that were too long.";
    truncations: "counter", "truncated_files_total", "Files that were truncated or rewritten in place.";
    lost_possible_bytes: "counter", "lost_possible_bytes_total", "Bytes that were seen in files and not read when the files were truncated or rewritten.";
    skipped_bytes: "counter", "skipped_bytes_total", "Bytes left out by rule: the start of old files, and what delaySkipBytes skips.";
    batches_sent: "counter", "sent_batches_total", "Batches that the service confirmed.";
    logs_sent: "counter", "sent_logs_total", "Logs that the service confirmed.";
    raw_bytes_sent: "counter", "sent_raw_bytes_total", "Bytes of log groups that the service confirmed, before compression.";
    wire_bytes_sent: "counter", "sent_wire_bytes_total", "Bytes of log groups that the service confirmed, as sent.";
    retries: "counter", "send_retries_total", "Sends that have to be repeated.";
    batches_lost: "counter", "lost_batches_total", "Batches given up.";
    bytes_lost: "counter", "lost_bytes_total", "Bytes of log files in batches given up.";
    splits: "counter", "split_batches_total", "Batches sent in two parts because the service would not take them whole.";
    dead_letters: "counter", "dead_letters_total", "Dead letters written: batches given up and kept on disk.";
    dead_letters_unwritten: "counter", "dead_letters_unwritten_total", "Batches given up of which no dead letter could be written.";
    dead_letters_evicted: "counter", "dead_letters_evicted_total", "Dead letters that made room for newer ones.";
    dead_letters_kept: "gauge", "dead_letters", "Dead letters on disk when the agent last looked.";
    dead_letter_bytes: "gauge", "dead_letter_bytes", "Their bytes.";
    held_bytes: "gauge", "held_bytes", "Bytes in memory between read and acknowledgement.";
    held_limit_bytes: "gauge", "held_limit_bytes", "Bytes allowed in memory between read and acknowledgement.";
    blocked_turns: "counter", "blocked_turns_total", "Times that reading had to wait for memory.";
    lag_bytes: "gauge", "lag_bytes", "Bytes in followed files that are not acknowledged.";
    checkpoints: "counter", "checkpoints_total", "Checkpoints written.";
    checkpoint_failures: "counter", "checkpoint_failures_total", "Checkpoints that could not be written.";
    snapshot_failures: "counter", "snapshot_failures_total", "Snapshots that could not be written.";
    heartbeats: "counter", "heartbeats_total", "Heartbeats that the config server answered.";
    heartbeat_failures: "counter", "heartbeat_failures_total", "Heartbeats without a usable answer.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_every_number_with_its_help() {
        let metrics = Metrics::default();
        metrics.logs.add(3);
        metrics.logs.add(4);
        let text = metrics.text();
        let expected = "# HELP sidetail_agent_logs_total Logs written to batches.\n\
                        # TYPE sidetail_agent_logs_total counter\nsidetail_agent_logs_total 7\n";
        assert!(text.contains(expected), "{text}");
    }
}
