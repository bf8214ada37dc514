//! The write-ahead log of this machine: numbered files, one for all stores and shards, whose
//! frames are the log groups as they were received. The bytes and the rules are written down in
//! `docs/format/wal.md`; this is the order to read the code in: [`entry`], [`reader`], writer,
//! recover.

pub mod entry;
pub mod reader;
mod recover;
mod writer;

pub use recover::{Found, Known, LogDamage, LogError, LogRecovery, recover};
pub use writer::{LastSeqs, Wal, WalSettings};

#[cfg(test)]
mod tests;
