//! Sticky failure. After a lost sync or a panic of the log thread nobody knows what is on disk;
//! going on would acknowledge on top of a hole, so the engine stops taking data and says why.

use std::sync::{Mutex, PoisonError};

/// Whether the engine takes data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Ready,
    /// It does not, until the process is restarted: recovery reads from disk what is really
    /// there.
    Failed {
        /// What happened first.
        reason: String,
    },
}

/// The place where the first failure is kept.
#[derive(Debug, Default)]
pub(crate) struct FailureLatch(Mutex<Option<String>>);

impl FailureLatch {
    pub(crate) fn fail(&self, reason: impl FnOnce() -> String) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(reason);
    }

    pub(crate) fn reason(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn health(&self) -> Health {
        match self.reason() {
            None => Health::Ready,
            Some(reason) => Health::Failed { reason },
        }
    }
}
