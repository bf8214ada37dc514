//! Runs queries off the async threads, a bounded number at a time, each with a deadline. A query
//! nobody waits for any more is stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use query::{Exec, Histogram, IndexRules, Limits, Progress, QueryError, Request, SearchResult};
use store::{Engine, Snapshot};

use crate::catalog::Logstore;
use crate::http::error::ApiError;
use crate::http::shield::Shield;
use crate::metrics::Metrics;

/// Runs queries.
pub struct Search {
    engine: Arc<Engine>,
    exec: Arc<dyn Exec>,
    metrics: Arc<Metrics>,
    timeout: Duration,
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Search").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Search {
    /// Over `engine`, by `exec`.
    pub fn new(
        engine: Arc<Engine>,
        exec: Arc<dyn Exec>,
        metrics: Arc<Metrics>,
        timeout: Duration,
    ) -> Self {
        Self { engine, exec, metrics, timeout }
    }

    /// One page of rows, and how long it took.
    ///
    /// # Errors
    /// The query does not fit the index, there is no index, or no room.
    pub async fn rows(
        &self,
        shield: &Shield,
        logstore: &Arc<Logstore>,
        request: Request,
    ) -> Result<(SearchResult, Duration), ApiError> {
        let (result, elapsed) = self
            .run(shield, logstore, move |exec, snapshot, rules, limits| {
                exec.search(snapshot, rules, &request, limits)
            })
            .await?;
        self.count(result.progress, result.processed_rows, result.processed_bytes);
        Ok((result, elapsed))
    }

    /// Counts over time.
    ///
    /// # Errors
    /// As [`Search::rows`].
    pub async fn histogram(
        &self,
        shield: &Shield,
        logstore: &Arc<Logstore>,
        request: Request,
    ) -> Result<Histogram, ApiError> {
        let (result, _) = self
            .run(shield, logstore, move |exec, snapshot, rules, limits| {
                exec.histogram(snapshot, rules, &request, limits)
            })
            .await?;
        self.count(result.progress, result.processed_rows, result.processed_bytes);
        Ok(result)
    }

    async fn run<T: Send + 'static>(
        &self,
        shield: &Shield,
        logstore: &Arc<Logstore>,
        work: impl FnOnce(&dyn Exec, &Snapshot, &IndexRules, &Limits<'_>) -> Result<T, QueryError>
        + Send
        + 'static,
    ) -> Result<(T, Duration), ApiError> {
        let index = Arc::clone(logstore.index()?);
        let room = shield.query().await?;
        let engine = Arc::clone(&self.engine);
        let exec = Arc::clone(&self.exec);
        let store = logstore.store();
        let started = Instant::now();
        let deadline = started + self.timeout;
        let waiting = Waiting(Arc::new(AtomicBool::new(true)));
        let is_waited_for = Arc::clone(&waiting.0);
        let done = tokio::task::spawn_blocking(move || {
            // The room stays taken until the work ends, even when nobody waits for it.
            let _room = room;
            let stop = move || !is_waited_for.load(Ordering::Relaxed) || Instant::now() >= deadline;
            let snapshot = engine.snapshot(store);
            work(&*exec, &snapshot, &index.rules, &Limits::until(&stop))
        });
        let value = done.await.map_err(ApiError::internal)??;
        drop(waiting);
        Ok((value, started.elapsed()))
    }

    fn count(&self, progress: Progress, rows: u64, bytes: u64) {
        self.metrics.queries.inc();
        if progress == Progress::Incomplete {
            self.metrics.queries_incomplete.inc();
        }
        self.metrics.query_rows.inc_by(rows);
        self.metrics.query_bytes.inc_by(bytes);
    }
}

/// Says on its end that the client went away.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
