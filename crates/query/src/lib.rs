//! Search over a snapshot of the store.
//!
//! [`parse`] turns query text into a [`Statement`]; an [`Exec`] runs it over a [`store::Snapshot`]
//! under the [`IndexRules`] of the logstore. Nothing here knows HTTP, the SLS wire forms, the
//! clock or files: the server brings the rows, the time range and the deadline.

mod error;
mod exec;
mod histogram;
mod limits;
mod parse;
mod request;
mod rules;
#[cfg(test)]
mod sample;
mod search;
mod token;

pub use error::{Position, QueryError};
pub use exec::{Exec, LocalExec};
pub use limits::{Limits, MAX_WINDOW_ROWS};
pub use parse::{
    Analysis, Bound, Condition, Expr, Field, MAX_CONDITIONS, MAX_DEPTH, MAX_WILDCARD_CHARS, Number,
    NumberRange, Pattern, Search, Statement, Test, parse,
};
pub use request::{Bucket, Histogram, Progress, Request, Row, SearchResult};
pub use rules::{
    DEFAULT_DELIMITERS, IndexRules, JsonRule, KeyKind, KeyRule, LeafKind, LeafRule, LineRule,
    TextRule,
};
