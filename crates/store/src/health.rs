//! Sticky failure. After a lost sync or a panic of the log thread nobody knows what is on disk;
//! going on would acknowledge on top of a hole, so the engine stops taking data and says why.

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
