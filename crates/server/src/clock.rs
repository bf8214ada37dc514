//! The time, passed in from outside so that tests can hold it still.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the service reads the time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Nanoseconds since 1970-01-01 UTC; `None` reads the clock of the machine.
    fixed_nanos: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self { fixed_nanos: None }
    }

    /// A clock that stands at whatever `nanos` holds.
    pub fn fixed(nanos: Arc<AtomicI64>) -> Self {
        Self { fixed_nanos: Some(nanos) }
    }

    /// Nanoseconds since 1970-01-01 UTC.
    pub fn nanos(&self) -> i64 {
        match &self.fixed_nanos {
            Some(nanos) => nanos.load(Ordering::Relaxed),
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)),
        }
    }

    /// Seconds since 1970-01-01 UTC.
    pub fn secs(&self) -> i64 {
        self.nanos() / 1_000_000_000
    }
}
