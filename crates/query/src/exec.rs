//! Who runs a query: the seam between one process and many.

use store::Snapshot;

use crate::error::QueryError;
use crate::histogram;
use crate::limits::Limits;
use crate::request::{Histogram, Progress, Request, SearchResult};
use crate::rules::IndexRules;
use crate::search::{Phrases, Planned, Source, read_page};

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
        snapshot: &Snapshot,
        rules: &IndexRules,
        request: &Request,
        limits: &Limits<'_>,
    ) -> Result<SearchResult, QueryError> {
        search_in(&snapshot.pieces(request.range), rules, request, limits)
    }

    fn histogram(
        &self,
        snapshot: &Snapshot,
        rules: &IndexRules,
        request: &Request,
        limits: &Limits<'_>,
    ) -> Result<Histogram, QueryError> {
        histogram_of(&snapshot.pieces(request.range), rules, request, limits)
    }
}

fn search_in<S: Source>(
    pieces: &[S],
    rules: &IndexRules,
    request: &Request,
    limits: &Limits<'_>,
) -> Result<SearchResult, QueryError> {
    if let Some(analysis) = &request.statement.analysis {
        return Err(QueryError::AnalysisUnsupported { at: analysis.at });
    }
    check_range(request)?;
    let search = &request.statement.search;
    let Planned { plan, terms } = Planned::new(&search.expr, rules, Phrases::Exact)?;
    let (rows, scan) = read_page(pieces, &plan, request, limits)?;
    let mut keys: Vec<String> = Vec::new();
    for (key, _) in rows.iter().flat_map(|row| &row.fields) {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    let progress = match scan.stopped {
        true => Progress::Incomplete,
        false => Progress::Complete,
    };
    Ok(SearchResult {
        rows,
        progress,
        processed_rows: scan.rows,
        processed_bytes: scan.bytes,
        where_query: search.text.clone(),
        terms,
        keys,
    })
}

fn histogram_of<S: Source>(
    pieces: &[S],
    rules: &IndexRules,
    request: &Request,
    limits: &Limits<'_>,
) -> Result<Histogram, QueryError> {
    check_range(request)?;
    let Planned { plan, .. } =
        Planned::new(&request.statement.search.expr, rules, Phrases::AsTokens)?;
    histogram::count(pieces, &plan, request, limits)
}

fn check_range(request: &Request) -> Result<(), QueryError> {
    let store::TimeRange { from_nanos, to_nanos } = request.range;
    match from_nanos < to_nanos {
        true => Ok(()),
        false => Err(QueryError::EmptyTimeRange { from_nanos, to_nanos }),
    }
}

#[cfg(test)]
mod tests;
