//! The `LogGroup` message of the SLS API (protobuf, `sls-api` 2.1): what one `PutLogs` carries.
//!
//! [`write`] encodes a group field by field straight from the read buffer, [`read`] walks an
//! encoded group without copying. Neither builds a tree of logs.

pub mod read;
pub mod write;

pub use read::{DecodeError, Log, LogGroup};
pub use write::{FieldName, FieldValue, LogGroupWriter, PreparedKey};

/// Field numbers and wire types, as one byte each (all field numbers are below 16).
mod tag {
    pub(super) const GROUP_LOG: u8 = 1 << 3 | 2;
    pub(super) const GROUP_TOPIC: u8 = 3 << 3 | 2;
    pub(super) const GROUP_SOURCE: u8 = 4 << 3 | 2;
    pub(super) const GROUP_MACHINE_UUID: u8 = 5 << 3 | 2;
    pub(super) const GROUP_TAG: u8 = 6 << 3 | 2;
    pub(super) const LOG_TIME: u8 = 1 << 3;
    pub(super) const LOG_CONTENT: u8 = 2 << 3 | 2;
    pub(super) const LOG_TIME_NS: u8 = 4 << 3 | 5;
    pub(super) const PAIR_KEY: u8 = 1 << 3 | 2;
    pub(super) const PAIR_VALUE: u8 = 2 << 3 | 2;
}

#[cfg(test)]
mod tests;
