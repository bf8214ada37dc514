//! The main thread: waits for signals and writes checkpoints.

use super::collecting::Message as ToCollector;
use super::{EXIT_DRAINED, EXIT_LEFT};
use crate::checkpoint::{Entry, save};
use crate::mailbox::Mailbox;
use crate::metrics::Metrics;
use crate::tail::Report;
use crate::{error, info, log::alarm};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::AsFd;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long the end may take after a second signal.
const HURRY: Duration = Duration::from_secs(2);

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
    },
}

/// The main thread.
pub(super) struct Keeper {
    pub(super) signals: UnixStream,
    pub(super) messages: Mailbox<Message>,
    pub(super) collector: Mailbox<ToCollector>,
    pub(super) checkpoint: PathBuf,
    pub(super) drain: Duration,
}

/// A stream that becomes readable with each signal that ends the program.
pub(super) fn signals() -> io::Result<UnixStream> {
    let (receiver, sender) = UnixStream::pair()?;
    receiver.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGTERM, sender.try_clone()?)?;
    signal_hook::low_level::pipe::register(SIGINT, sender)?;
    Ok(receiver)
}

impl Keeper {
    /// Serves until the end; gives the exit code.
    pub(super) fn run(mut self, metrics: &Metrics) -> u8 {
        let started = Instant::now();
        let mut messages = Vec::new();
        let mut signals_seen = 0;
        loop {
            let mut waiting = [
                PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(self.messages.event(), PollFlags::IN),
            ];
            // An interruption is a signal, which the stream tells about.
            let _ = poll(&mut waiting, None);
            let mut received = [0; 16];
            if let Ok(count) = self.signals.read(&mut received)
                && count > 0
            {
                let grace = if signals_seen == 0 && count == 1 { self.drain } else { HURRY };
                signals_seen += count;
                info!("asked to end: reading what is left, for at most {grace:?}");
                self.collector.send(ToCollector::Drain { deadline: Instant::now() + grace });
            }
            self.messages.take(&mut messages);
            for message in messages.drain(..) {
                match message {
                    Message::Save { entries } => {
                        self.save(&entries, metrics);
                        self.collector.send(ToCollector::Saved);
                    }
                    Message::Drained { report, entries } => {
                        self.save(&entries, metrics);
                        return self.end(report, metrics, started);
                    }
                }
            }
        }
    }

    fn save(&self, entries: &[Entry], metrics: &Metrics) {
        match save(&self.checkpoint, entries) {
            Ok(()) => metrics.checkpoints.add(1),
            Err(error) => {
                metrics.checkpoint_failures.add(1);
                alarm(
                    "CHECKPOINT_ALARM",
                    &self.checkpoint.to_string_lossy(),
                    format_args!("{error}; after a crash more is sent again"),
                );
            }
        }
    }

    fn end(&self, report: Report, metrics: &Metrics, started: Instant) -> u8 {
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
            report.left_bytes,
            started.elapsed().as_secs_f64(),
        );
        if report.left_bytes == 0 {
            return EXIT_DRAINED;
        }
        error!(
            "{} bytes of {} files are not delivered; their positions are in {} and the next start \
             goes on there, if the files and this directory outlive the container; a longer \
             SIDETAIL_AGENT_DRAIN_SECONDS and grace period would have delivered them",
            report.left_bytes,
            report.left_files,
            self.checkpoint.display(),
        );
        EXIT_LEFT
    }
}
