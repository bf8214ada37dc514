//! The columns of a piece: their names and types, and how a row is read back as it came.
//!
//! | column | type | |
//! |---|---|---|
//! | `__time__` | Int64 | nanoseconds |
//! | `__recv__` | Int64 | nanoseconds |
//! | `__shard__` | UInt16 | |
//! | `__seq__` | UInt64 | number of the log group |
//! | `__off__` | UInt32 | row within the group |
//! | `__topic__`, `__source__` | Utf8 | of the group, may be empty |
//! | `__shape__` | Dictionary(Int32, Utf8) | names in their original order, see [`Shape`] |
//! | `__rest__` | Utf8, nullable | what has no column, see [`Rest`] |
//! | `__tag__:<k>` | Utf8, nullable | a tag of the group |
//! | any other | Utf8, nullable | a field; null when the row has no such key |
//!
//! A key that occurs twice in a row has its last value in the column and the earlier ones in
//! `__rest__`. Keys beyond [`crate::limits::KEY_COLUMNS`], over-long keys, and keys named like one of the
//! fixed columns live in `__rest__` alone.

mod builder;
mod layout;
mod row;
mod shape;

pub(crate) use builder::{Rows, record_batches};
pub(crate) use layout::Layout;
pub use row::{Row, RowReader};
pub use shape::{Rest, Shape, ShapeError};

/// The `__time__` of the log, nanoseconds.
pub const TIME: &str = "__time__";
/// When the group was received, nanoseconds.
pub const RECEIVED: &str = "__recv__";
/// The shard.
pub const SHARD: &str = "__shard__";
/// The number of the group.
pub const SEQ: &str = "__seq__";
/// The row within the group, from 0.
pub const OFFSET: &str = "__off__";
/// The topic of the group.
pub const TOPIC: &str = "__topic__";
/// The source of the group.
pub const SOURCE: &str = "__source__";
/// The names of a row in their order.
pub const SHAPE: &str = "__shape__";
/// The values of a row that have no column.
pub const REST: &str = "__rest__";
/// What the column of a tag starts with.
pub const TAG_PREFIX: &str = "__tag__:";

/// The fixed columns, in the order every schema begins with.
pub const FIXED: [&str; 9] = [TIME, RECEIVED, SHARD, SEQ, OFFSET, TOPIC, SOURCE, SHAPE, REST];

/// Whether the name is one of the fixed columns.
pub fn is_fixed(name: &str) -> bool {
    FIXED.contains(&name)
}
