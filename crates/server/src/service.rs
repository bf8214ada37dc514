//! Everything a handler may use, in one place.

use std::sync::Arc;

use prometheus_client::registry::Registry;
use store::Engine;
use tokio::sync::watch;

use crate::catalog::{Catalog, CatalogError, Change};
use crate::clock::Clock;
use crate::console::Sessions;
use crate::control::Control;
use crate::http::auth::Keys;
use crate::http::error::ApiError;
use crate::http::exchange::Complaints;
use crate::http::shield::Shield;
use crate::ingest::Ingest;
use crate::metrics::Metrics;
use crate::search::Search;
use crate::settings::Settings;

/// The parts of the service, wired.
#[derive(Debug)]
pub struct Service {
    /// As checked.
    pub settings: Settings,
    /// The time.
    pub clock: Clock,
    /// Who may call.
    pub keys: Keys,
    /// How much at once.
    pub shield: Shield,
    /// Projects and what is in them.
    pub catalog: Arc<Catalog>,
    /// Agents.
    pub control: Arc<Control>,
    /// Writes.
    pub ingest: Arc<Ingest>,
    /// Queries.
    pub search: Search,
    /// People in the console.
    pub sessions: Sessions,
    /// The engine, for health.
    pub engine: Arc<Engine>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// All metrics.
    pub registry: Registry,
    /// Which of our own failures go to the log.
    pub complaints: Complaints,
    /// Becomes true when the service is about to end.
    pub stopping: watch::Receiver<bool>,
}

impl Service {
    /// Changes the catalog without holding up an async thread.
    ///
    /// # Errors
    /// Whatever the change refuses.
    pub async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Change) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let catalog = Arc::clone(&self.catalog);
        let changed = tokio::task::spawn_blocking(move || catalog.change(work)).await;
        Ok(changed.map_err(ApiError::internal)??)
    }

    /// Tells the engine that stores are gone; their records are already.
    ///
    /// # Errors
    /// When the engine fails. The next start finishes the work.
    pub async fn drop_stores(&self, stores: Vec<store::StoreId>) -> Result<(), ApiError> {
        let engine = Arc::clone(&self.engine);
        let dropped = tokio::task::spawn_blocking(move || {
            stores.into_iter().try_for_each(|store| engine.drop_store(store))
        });
        dropped.await.map_err(ApiError::internal)?.map_err(ApiError::internal)
    }
}
