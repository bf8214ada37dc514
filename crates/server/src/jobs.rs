//! What has to happen without being asked for: flushing, deleting what is too old, forgetting
//! agents. Only the schedule lives here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use store::Engine;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::control::Control;
use crate::metrics::Metrics;

/// How long to wait for the engine to say that there is work. Also the longest time that the
/// end of the service waits for this thread.
const PAUSE: Duration = Duration::from_millis(250);
/// How often retention is looked at.
const RETENTION_EVERY: Duration = Duration::from_secs(60);
/// A failure that repeats is logged this often.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);
/// Logs of a logstore with this time to live are kept for ever.
const FOR_EVER_DAYS: i64 = 3650;
const DAY_NANOS: i64 = 24 * 3600 * 1_000_000_000;

/// What the jobs work on.
#[derive(Debug)]
pub struct Jobs {
    /// Flushed and trimmed.
    pub engine: Arc<Engine>,
    /// Says how long logs are kept.
    pub catalog: Arc<Catalog>,
    /// Agents that stay away are forgotten.
    pub control: Arc<Control>,
    /// Counts failures.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Clock,
}

/// The thread that runs them.
#[derive(Debug)]
pub struct Running {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Jobs {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(self) -> std::io::Result<Running> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread =
            std::thread::Builder::new().name("jobs".into()).spawn(move || self.run(&stopped))?;
        Ok(Running { stop, thread: Some(thread) })
    }

    fn run(&self, stop: &AtomicBool) {
        let mut retained: Option<Instant> = None;
        let mut complained: Option<Instant> = None;
        while !stop.load(Ordering::Relaxed) {
            self.engine.wait_for_work(PAUSE);
            let mut result = self.engine.maintain(self.clock.nanos()).map(drop);
            if retained.is_none_or(|at| at.elapsed() >= RETENTION_EVERY) {
                retained = Some(Instant::now());
                result = result.and_then(|()| self.retain());
                self.control.forget_old(self.clock.nanos());
            }
            if let Err(error) = result {
                self.metrics.maintenance_failures.inc();
                if complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
                    complained = Some(Instant::now());
                    tracing::error!(%error, "maintenance of the store failed");
                }
                // The engine has work and cannot do it: asking at once would only spin.
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Drops what is past the time to live of its logstore.
    fn retain(&self) -> Result<(), store::MaintainError> {
        let now = self.clock.nanos();
        for (project_name, project) in &self.catalog.model().projects {
            for (name, logstore) in &project.logstores {
                let ttl_days = logstore.record.properties.ttl;
                if ttl_days >= FOR_EVER_DAYS {
                    continue;
                }
                let oldest = now.saturating_sub(ttl_days.saturating_mul(DAY_NANOS));
                let dropped = self.engine.retain(logstore.store(), oldest)?;
                if dropped > 0 {
                    tracing::info!(
                        project = %project_name, logstore = %name, segments = dropped,
                        "logs past their time to live were deleted"
                    );
                }
            }
        }
        Ok(())
    }
}

impl Running {
    /// Ends the thread after what it is doing now.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the jobs thread ended with a panic");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}
