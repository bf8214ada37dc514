//! The main thread: waits for signals and the tombstone, and writes checkpoints and snapshots.

use super::collecting::{Message as ToCollector, Opened};
use super::ending::Ending;
use super::reporting::Reporter;
use super::{EXIT_DRAINED, EXIT_LEFT, wall_seconds};
use crate::alarms;
use crate::checkpoint::{Entry, save};
use crate::mailbox::Mailbox;
use crate::metrics::Metrics;
use crate::snapshot::LedgerLine;
use crate::tail::{Report, Saved};
use crate::{error, info, log::alarm, warn};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time between two looks for the tombstone.
const TOMBSTONE_EVERY: Duration = Duration::from_secs(1);

/// The account is drawn up at once when everything is watched, and soon after: who has just started
/// an agent wants to see what it does.
const FIRST_REPORTS_EVERY: Duration = Duration::from_secs(1);

/// Files with undelivered bytes that are named at the end.
const MAX_NAMED: usize = 20;

/// What the collecting thread says to the main one.
#[derive(Debug)]
pub(super) enum Message {
    /// Positions to be written.
    Save {
        /// All of them.
        entries: Vec<Entry>,
    },
    /// The end is reached.
    Drained {
        /// What is left.
        report: Report,
        /// The last positions.
        entries: Vec<Entry>,
        /// The last account of all files.
        ledger: Vec<LedgerLine>,
        /// Whether every provider of configurations had answered.
        is_configured: bool,
    },
    /// The account of all files.
    Account {
        /// A line for each.
        ledger: Vec<LedgerLine>,
    },
    /// The application need not wait any longer.
    Opened(Opened),
}

/// Signals, as streams that become readable with each.
pub(super) struct Signals {
    /// Those that end the program.
    end: UnixStream,
    /// The one that makes it look at its files again.
    reload: UnixStream,
}

impl Signals {
    /// Signals from now on.
    ///
    /// # Errors
    /// When the system gives no descriptors.
    pub(super) fn new() -> io::Result<Self> {
        let pair = || {
            let (receiver, sender) = UnixStream::pair()?;
            receiver.set_nonblocking(true)?;
            io::Result::Ok((receiver, sender))
        };
        let (end, sender) = pair()?;
        signal_hook::low_level::pipe::register(SIGTERM, sender.try_clone()?)?;
        signal_hook::low_level::pipe::register(SIGINT, sender)?;
        let (reload, sender) = pair()?;
        signal_hook::low_level::pipe::register(SIGHUP, sender)?;
        Ok(Self { end, reload })
    }
}

/// How many signals came.
fn received(mut signals: &UnixStream) -> usize {
    signals.read(&mut [0; 16]).unwrap_or(0)
}

/// The main thread.
pub(super) struct Keeper {
    pub(super) signals: Signals,
    pub(super) messages: Mailbox<Message>,
    pub(super) collector: Mailbox<ToCollector>,
    pub(super) checkpoint: PathBuf,
    pub(super) ending: Ending,
    pub(super) cornerstone: Option<PathBuf>,
    pub(super) tombstone: Option<PathBuf>,
    pub(super) reporter: Reporter,
    pub(super) report_every: Duration,
    /// Makes the talking thread look at everything again.
    pub(super) reload: Arc<tokio::sync::Notify>,
    /// Makes it try at once what waits to be sent again.
    pub(super) hurry: Arc<tokio::sync::Notify>,
}

impl Keeper {
    /// Serves until the end; gives the exit code.
    pub(super) fn run(mut self, metrics: &Metrics) -> u8 {
        let started = Instant::now();
        let mut messages = Vec::new();
        let mut report_at = started;
        let mut report_every = FIRST_REPORTS_EVERY.min(self.report_every);
        let mut tombstone_at = started;
        loop {
            let now = Instant::now();
            if now >= report_at {
                report_at = now + report_every;
                report_every = (report_every * 2).min(self.report_every);
                alarms::write_due();
                self.collector.send(ToCollector::Account);
            }
            if now >= tombstone_at {
                tombstone_at = now + TOMBSTONE_EVERY;
                self.look_for_tombstone(now);
            }
            let deadline = self.ending.look(now);
            self.end_by(deadline, now);
            let mut until = report_at;
            if self.tombstone.is_some() {
                until = until.min(tombstone_at);
            }
            if let Some(at) = self.ending.look_at() {
                until = until.min(at);
            }
            self.wait(until);
            let count = received(&self.signals.end);
            if count > 0 {
                let now = Instant::now();
                let deadline = self.ending.signalled(count, now);
                if deadline.is_none() && !self.ending.has_begun() {
                    info!("asked to end: collecting goes on for a while");
                }
                self.end_by(deadline, now);
            }
            if received(&self.signals.reload) > 0 {
                info!("asked to look at everything again");
                crate::log::reopen();
                self.reload.notify_waiters();
            }
            self.messages.take(&mut messages);
            for message in messages.drain(..) {
                match message {
                    Message::Save { entries } => {
                        let outcome = self.save(&entries, metrics);
                        self.collector.send(ToCollector::Saved(outcome));
                    }
                    Message::Account { ledger } => {
                        self.reporter.write(ledger, None, metrics, wall_seconds() as u64);
                    }
                    Message::Opened(opened) => {
                        self.lay_cornerstone(opened);
                        report_every = FIRST_REPORTS_EVERY.min(self.report_every);
                        report_at = Instant::now();
                    }
                    Message::Drained { report, entries, ledger, is_configured } => {
                        self.save(&entries, metrics);
                        let mut code = self.end(report, &ledger, metrics, started);
                        if !is_configured {
                            error!(
                                "nothing was collected for what was never configured: the config \
                                 server has not answered since the start{}",
                                last_words(&["CONFIG_SERVER_ALARM"])
                            );
                            code = EXIT_LEFT;
                        }
                        let now = wall_seconds() as u64;
                        self.reporter.write(ledger, Some(report.undelivered()), metrics, now);
                        return code;
                    }
                }
            }
        }
    }

    fn wait(&self, until: Instant) {
        let mut waiting = [
            PollFd::from_borrowed_fd(self.signals.end.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.signals.reload.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.messages.event(), PollFlags::IN),
        ];
        let longest = until.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: longest.as_secs() as i64,
            tv_nsec: i64::from(longest.subsec_nanos()),
        };
        // An interruption is a signal, which its stream tells about.
        let _ = poll(&mut waiting, Some(&timeout));
    }

    fn end_by(&self, deadline: Option<Instant>, now: Instant) {
        let Some(deadline) = deadline else { return };
        info!("ending: reading what is left, for at most {:?}", deadline.duration_since(now));
        self.collector.send(ToCollector::Drain { deadline });
        self.hurry.notify_one();
    }

    fn look_for_tombstone(&mut self, now: Instant) {
        let Some(path) = self.tombstone.take_if(|path| path.exists()) else { return };
        info!("{} is there: the application has ended", path.display());
        let deadline = self.ending.buried(now);
        self.end_by(deadline, now);
    }

    fn lay_cornerstone(&self, opened: Opened) {
        match opened {
            Opened::Watching => info!("every configured path is watched"),
            Opened::Idle => warn!("no configuration runs; the application does not wait for one"),
            Opened::Unanswered => warn!(
                "the config server has not answered; the application does not wait for it{}",
                last_words(&["CONFIG_SERVER_ALARM"])
            ),
        }
        let Some(path) = &self.cornerstone else { return };
        match touch(path) {
            Ok(()) => info!("{} is touched", path.display()),
            Err(error) => error!(
                "{} cannot be touched: {error}; an application that waits for it waits for ever",
                path.display()
            ),
        }
    }

    fn save(&self, entries: &[Entry], metrics: &Metrics) -> Saved {
        match save(&self.checkpoint, entries) {
            Ok(()) => {
                metrics.checkpoints.add(1);
                Saved::Yes
            }
            Err(error) => {
                metrics.checkpoint_failures.add(1);
                alarm(
                    "CHECKPOINT_ALARM",
                    &self.checkpoint.to_string_lossy(),
                    format_args!("{error}; after a crash more is sent again"),
                );
                Saved::No
            }
        }
    }

    fn end(
        &self,
        report: Report,
        ledger: &[LedgerLine],
        metrics: &Metrics,
        started: Instant,
    ) -> u8 {
        alarms::write_due();
        info!(
            "end: read_bytes={} records={} logs={} sent_batches={} sent_logs={} sent_raw_bytes={} \
             sent_wire_bytes={} retries={} lost_bytes={} left_bytes={} seconds={:.3}",
            metrics.read_bytes.get(),
            metrics.records.get(),
            metrics.logs.get(),
            metrics.batches_sent.get(),
            metrics.logs_sent.get(),
            metrics.raw_bytes_sent.get(),
            metrics.wire_bytes_sent.get(),
            metrics.retries.get(),
            metrics.bytes_lost.get(),
            report.undelivered(),
            started.elapsed().as_secs_f64(),
        );
        let is_whole = tell_destroyed(report, ledger) & tell_unreadable(report, ledger);
        if report.left_bytes == 0 {
            return if is_whole { EXIT_DRAINED } else { EXIT_LEFT };
        }
        error!(
            "{} bytes of {} files are not delivered; their positions are in {} and the next start \
             goes on there, if the files and this directory outlive the container{}",
            report.left_bytes,
            report.left_files,
            self.checkpoint.display(),
            match last_words(&["SEND_DATA_FAIL_ALARM", "SEND_QUOTA_EXCEED_ALARM"]) {
                said if said.is_empty() =>
                    "; a longer SIDETAIL_AGENT_DRAIN_SECONDS and grace period would have \
                     delivered them"
                        .to_owned(),
                said => said,
            },
        );
        name(ledger, "not delivered", |it| it.missing_bytes() > 0 && !it.is_unreadable());
        EXIT_LEFT
    }
}

/// The newest message of the alarms with these names, to be put behind a sentence.
fn last_words(names: &[&str]) -> String {
    let raised = alarms::window().into_iter().filter(|it| names.contains(&&*it.alarm_type));
    raised.max_by_key(|alarm| alarm.last_time).map_or_else(String::new, |alarm| {
        format!("; {} said last: {}", alarm.subject, alarm.alarm_message)
    })
}

/// Says what was given up and is nowhere; gives whether there is no such thing.
fn tell_destroyed(report: Report, ledger: &[LedgerLine]) -> bool {
    if report.destroyed_bytes == 0 {
        return true;
    }
    error!(
        "{} bytes were refused for good and are in no dead letter; see DISCARD_DATA_ALARM and \
         DISCARD_SECONDARY_ALARM, and raise SIDETAIL_AGENT_DEAD_LETTER_BYTES to keep such bytes",
        report.destroyed_bytes,
    );
    name(ledger, "destroyed", |it| it.destroyed_bytes() > 0);
    false
}

/// Says what may not be read; gives whether there is no such thing.
fn tell_unreadable(report: Report, ledger: &[LedgerLine]) -> bool {
    if report.unreadable == 0 {
        return true;
    }
    error!(
        "{} files and directories with {} bytes or more were not read: the system denies it; let the \
         agent's user read them, or exclude them",
        report.unreadable, report.unreadable_bytes,
    );
    name(ledger, "not read", LedgerLine::is_unreadable);
    false
}

/// Names files.
fn name(ledger: &[LedgerLine], what: &str, is_it: impl Fn(&LedgerLine) -> bool) {
    let lines: Vec<&LedgerLine> = ledger.iter().filter(|it| is_it(it)).collect();
    for line in lines.iter().take(MAX_NAMED) {
        error!("{what}: {}", line.line());
    }
    if lines.len() > MAX_NAMED {
        error!("and {} files more", lines.len() - MAX_NAMED);
    }
}

fn touch(path: &Path) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::File::options().create(true).append(true).open(path).map(drop)
}
