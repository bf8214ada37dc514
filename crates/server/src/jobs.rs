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
            let is_retention_due = retained.is_none_or(|at| at.elapsed() >= RETENTION_EVERY);
            if is_retention_due {
                retained = Some(Instant::now());
            }
            if let Err(error) = self.round(is_retention_due) {
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

    /// One round; gives the first error after everything was tried.
    fn round(&self, is_retention_due: bool) -> Result<(), store::MaintainError> {
        let flushed = self.engine.maintain(self.clock.nanos()).map(drop);
        if !is_retention_due {
            return flushed;
        }
        self.control.forget_old(self.clock.nanos());
        // Also after a failure: on a full disk nothing can be flushed until old logs are gone.
        let retained = self.retain();
        flushed.and(retained)
    }

    /// Drops what is past the time to live of its logstore. A logstore that cannot be trimmed
    /// does not keep the others from it.
    fn retain(&self) -> Result<(), store::MaintainError> {
        let now = self.clock.nanos();
        let mut result = Ok(());
        for (project_name, project) in &self.catalog.model().projects {
            for (name, logstore) in &project.logstores {
                let ttl_days = logstore.record.properties.ttl;
                if ttl_days >= FOR_EVER_DAYS {
                    continue;
                }
                let oldest = now.saturating_sub(ttl_days.saturating_mul(DAY_NANOS));
                match self.engine.retain(logstore.store(), oldest) {
                    Ok(0) => {}
                    Ok(dropped) => tracing::info!(
                        project = %project_name, logstore = %name, segments = dropped,
                        "logs past their time to live were deleted"
                    ),
                    Err(error) => result = result.and(Err(error)),
                }
            }
        }
        result
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::AtomicI64;
    use std::sync::mpsc;

    use sls::api::logstore::LogstoreFields;
    use sls::api::project::CreateProject;
    use store::disk::SimDisk;
    use store::{Append, BatchBuilder, EngineSettings, StoreId};

    use super::*;
    use crate::ingest::PayloadDecode;

    struct World {
        disk: SimDisk,
        nanos: Arc<AtomicI64>,
        jobs: Jobs,
    }

    impl World {
        /// Project `prj` with the logstores `app` and `web`, which keep logs for a day.
        fn new() -> Self {
            let disk = SimDisk::new();
            let nanos = Arc::new(AtomicI64::new(0));
            let clock = Clock::fixed(Arc::clone(&nanos));
            let (settings, decode) = (EngineSettings::default(), Arc::new(PayloadDecode));
            let opened = Engine::open(Arc::new(disk.clone()), Path::new("data"), settings, decode);
            let engine = Arc::new(opened.expect("an empty engine").0);
            let catalog = Catalog::open(Arc::clone(engine.catalog()), clock.clone());
            let catalog = Arc::new(catalog.expect("an empty catalog"));
            catalog
                .change(|change| {
                    let project_name = "prj".to_owned();
                    change.create_project(CreateProject { project_name, ..Default::default() })?;
                    for name in ["app", "web"] {
                        let logstore_name = Some(name.to_owned());
                        let ttl = Some(1);
                        let fields = LogstoreFields { logstore_name, ttl, ..Default::default() };
                        change.create_logstore("prj", fields)?;
                    }
                    Ok(())
                })
                .expect("all new");
            let control = Arc::new(Control::new(Arc::clone(&catalog)));
            let metrics = Arc::new(Metrics::default());
            Self { disk, nanos, jobs: Jobs { engine, catalog, control, metrics, clock } }
        }

        fn store(&self, logstore: &str) -> StoreId {
            let model = self.jobs.catalog.model();
            let project = model.project("prj").expect("there");
            project.logstore(logstore).expect("there").store()
        }

        fn append(&self, logstore: &str) {
            let mut batch = BatchBuilder::new();
            batch.begin_row(0).field("k", "v");
            let append = Append {
                store: self.store(logstore),
                shard: 0,
                received_nanos: self.jobs.clock.nanos(),
                origin: None,
                payload: vec![0; 8],
                batch: batch.finish(),
            };
            let (send, decided) = mpsc::channel();
            self.jobs.engine.append(append, Box::new(move |result| drop(send.send(result))));
            decided.recv().expect("a decision").expect("room");
        }

        fn segments(&self) -> u64 {
            self.jobs.engine.stats().segments
        }
    }

    /// One old segment in each logstore, and a time at which both are too old.
    fn world_with_old_logs() -> World {
        let world = World::new();
        world.append("app");
        world.append("web");
        world.jobs.engine.flush().expect("written");
        assert_eq!(world.segments(), 2);
        world.nanos.store(2 * DAY_NANOS, Ordering::Relaxed);
        world
    }

    #[test]
    fn old_logs_are_deleted_even_when_new_ones_cannot_be_flushed() {
        let world = world_with_old_logs();
        world.append("app");
        world.nanos.fetch_add(DAY_NANOS / 2, Ordering::Relaxed);
        world.disk.fail_once_at(world.disk.calls() + 1);
        world.jobs.round(true).expect_err("the flush fails");
        assert_eq!(world.segments(), 0);
    }
}
