//! What is asked of a search, and what it answers.

use store::TimeRange;

use crate::parse::Statement;

/// One search over one logstore.
#[derive(Clone, Debug)]
pub struct Request {
    /// The query.
    pub statement: Statement,
    /// Which `__time__` counts, `[from, to)`. The API speaks whole seconds; any nanosecond works.
    pub range: TimeRange,
    /// Only rows of exactly this topic; `None` is any topic.
    pub topic: Option<String>,
    /// How many rows of the ordered result to skip.
    pub offset: u64,
    /// How many rows to return after them.
    pub line: u64,
    /// Latest rows first instead of earliest first.
    pub reverse: bool,
}

impl Request {
    /// The first 100 rows, earliest first, as the API does when nothing else is asked.
    pub fn new(statement: Statement, range: TimeRange) -> Self {
        Self { statement, range, topic: None, offset: 0, line: 100, reverse: false }
    }
}

/// Whether an answer covers everything that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Everything in the time range was looked at.
    Complete,
    /// The scan was stopped by [`crate::Limits`]: what is there is right, but more may match.
    Incomplete,
}

/// One log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// `__time__` in nanoseconds since 1970-01-01 UTC.
    pub time_nanos: i64,
    /// `__source__`, possibly empty.
    pub source: String,
    /// `__topic__`, possibly empty.
    pub topic: String,
    /// Tag keys, without the `__tag__:` prefix, and values.
    pub tags: Vec<(String, String)>,
    /// Keys and values in the order they were written; a key may occur more than once.
    pub fields: Vec<(String, String)>,
}

/// One page of rows.
#[derive(Clone, Debug)]
pub struct SearchResult {
    /// The rows, ordered by `__time__`, then by arrival (group number, place in the group, shard);
    /// the other way round when the request says `reverse`.
    pub rows: Vec<Row>,
    /// Whether the page is final.
    pub progress: Progress,
    /// Rows looked at.
    pub processed_rows: u64,
    /// Bytes of text in those rows, all fields together.
    pub processed_bytes: u64,
    /// The search part of the query as written.
    pub where_query: String,
    /// What was searched for, to be highlighted: field name (empty without one) and term. Terms
    /// under `not` are left out.
    pub terms: Vec<(String, String)>,
    /// The field names of `rows`, in the order of their first appearance.
    pub keys: Vec<String>,
}

/// Counts over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// The sub-intervals, adjacent, covering the whole range.
    pub buckets: Vec<Bucket>,
    /// The sum of the buckets.
    pub count: u64,
    /// Whether all counts are final.
    pub progress: Progress,
    /// Rows looked at.
    pub processed_rows: u64,
    /// Bytes of text in those rows, all fields together.
    pub processed_bytes: u64,
}

/// The count of one sub-interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Begin in seconds since 1970-01-01 UTC, inclusive.
    pub from_secs: i64,
    /// End, exclusive.
    pub to_secs: i64,
    /// Matching rows.
    pub count: u64,
    /// Whether the count is final.
    pub progress: Progress,
}
