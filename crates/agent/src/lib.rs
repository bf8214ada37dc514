//! The collecting program that stands beside an application: it tails log files, turns their
//! lines into log groups with the `pipeline` crate, and ships them to the log service.
//!
//! Two threads do the work, and between them goes everything that is measured in bytes:
//!
//! - the *collecting* thread watches, reads and parses ([`watch`], [`tail`]); it is plain blocking
//!   code and owns all state about files;
//! - the *talking* thread compresses, sends and receives configurations ([`send`], [`provider`],
//!   [`supervisor`], [`admin`]); it is a runtime on one thread.
//!
//! The main thread waits for signals and writes checkpoints, so that a slow disk stops neither.

pub mod admin;
pub mod alarms;
pub mod budget;
pub mod checkpoint;
pub mod daemon;
pub mod dead_letter;
pub mod files;
pub mod log;
pub mod mailbox;
pub mod metrics;
pub mod program;
pub mod provider;
pub mod send;
pub mod settings;
pub mod snapshot;
pub mod status;
pub mod supervisor;
pub mod tail;
pub mod tally;
pub mod watch;
