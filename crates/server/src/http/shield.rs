//! How much at once. Writes and queries are admitted separately, so that a flood of one does not
//! starve the other. Who finds no room waits a moment and is then asked to come back: a refusal
//! is retried by every client, an overloaded server helps nobody.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::ApiError;

/// Memory of writes is counted in this unit, because a semaphore counts in 32 bits.
const UNIT_BYTES: usize = 1024;

/// The two gates.
#[derive(Debug)]
pub struct Shield {
    ingest: Arc<Semaphore>,
    ingest_units: u32,
    query: Arc<Semaphore>,
    patience: Duration,
}

/// Room that a request holds until it is dropped.
#[derive(Debug)]
pub struct Room {
    _permit: OwnedSemaphorePermit,
}

impl Shield {
    /// Room for `ingest_bytes` of writes and `query_slots` queries. A request waits for room for
    /// at most `patience`.
    pub fn new(ingest_bytes: usize, query_slots: usize, patience: Duration) -> Self {
        let units = u32::try_from(ingest_bytes / UNIT_BYTES).unwrap_or(u32::MAX).max(1);
        Self {
            ingest: Arc::new(Semaphore::new(units as usize)),
            ingest_units: units,
            query: Arc::new(Semaphore::new(query_slots.max(1))),
            patience,
        }
    }

    /// Room for a write that holds `bytes`. A write larger than all room is given all of it.
    ///
    /// # Errors
    /// `ServerBusy` when none came free in time.
    pub async fn ingest(&self, bytes: usize) -> Result<Room, ApiError> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let units = units.clamp(1, self.ingest_units);
        self.wait(Arc::clone(&self.ingest).acquire_many_owned(units), "writes").await
    }

    /// Room for a query.
    ///
    /// # Errors
    /// `ServerBusy` when none came free in time.
    pub async fn query(&self) -> Result<Room, ApiError> {
        self.wait(Arc::clone(&self.query).acquire_owned(), "queries").await
    }

    async fn wait(
        &self,
        room: impl Future<Output = Result<OwnedSemaphorePermit, tokio::sync::AcquireError>>,
        what: &str,
    ) -> Result<Room, ApiError> {
        match tokio::time::timeout(self.patience, room).await {
            Ok(Ok(permit)) => Ok(Room { _permit: permit }),
            Ok(Err(closed)) => Err(ApiError::internal(closed)),
            Err(_) => Err(ApiError::busy(format!("no room for more {what}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_finds_no_room_is_asked_to_come_back_and_room_returns() {
        let shield = Shield::new(4 * UNIT_BYTES, 1, Duration::from_millis(1));
        let first = shield.ingest(3 * UNIT_BYTES).await.expect("room");
        let refused = shield.ingest(2 * UNIT_BYTES).await.expect_err("none left");
        assert_eq!(refused.code.as_str(), "ServerBusy");
        let _query = shield.query().await.expect("another gate");
        drop(first);
        shield.ingest(usize::MAX).await.expect("all of it");
    }
}
