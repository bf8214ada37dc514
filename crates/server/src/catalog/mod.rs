//! Projects, logstores, indexes, machine groups and configurations, typed, over the records of
//! [`store::catalog::Catalog`].
//!
//! Readers get a [`Model`]: everything at one moment, in memory. A writer changes a copy and the
//! records together in one transaction; the copy becomes the model only after the transaction is
//! durable. So a read that follows an answered write sees it, and nothing is half done.

mod change;
mod error;
mod index_rules;
mod keys;
mod model;
mod names;
mod record;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

pub use change::{Change, NewLogstore};
pub use error::{CatalogError, Kind};
pub use keys::AccessKey;
pub use model::{Config, Index, Logstore, Model, Project};
pub use record::{LogstoreRecord, ProjectRecord};

use crate::clock::Clock;

/// The catalog of the service.
pub struct Catalog {
    records: Arc<dyn store::catalog::Catalog>,
    clock: Clock,
    model: ArcSwap<Model>,
    /// Held by the one who writes, from reading the model to replacing it.
    writer: Mutex<()>,
    changed: watch::Sender<u64>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog").finish_non_exhaustive()
    }
}

impl Catalog {
    /// Reads everything there is.
    ///
    /// # Errors
    /// When a record cannot be read: a service that forgot one logstore would answer 404 to data
    /// it holds.
    pub fn open(
        records: Arc<dyn store::catalog::Catalog>,
        clock: Clock,
    ) -> Result<Self, CatalogError> {
        let model = Model::load(&*records)?;
        Ok(Self {
            records,
            clock,
            model: ArcSwap::from_pointee(model),
            writer: Mutex::new(()),
            changed: watch::Sender::new(0),
        })
    }

    /// Everything at this moment.
    pub fn model(&self) -> Arc<Model> {
        self.model.load_full()
    }

    /// Tells about every change; the value itself means nothing.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Makes one change: all of it is durable and visible when this returns, or none. Waits for
    /// the disk, so it must not run on an async thread.
    ///
    /// # Errors
    /// Whatever `work` refuses, and failures of the store.
    pub fn change<T>(
        &self,
        work: impl FnOnce(&mut Change) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        let _writing = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut change = Change::new(Model::clone(&self.model.load()), self.clock.secs());
        let value = work(&mut change)?;
        let Some((edits, finish)) = change.into_edits() else { return Ok(value) };
        let revision = self.records.commit(&edits)?;
        self.model.store(Arc::new(finish(revision)));
        self.changed.send_replace(revision);
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
