//! Queries, in both forms of the API (`sls-api.md` 4.5), and what they share with the console.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use query::{Request, SearchResult, Statement};
use serde_json::json;
use sls::api::get_logs::{LogsAnswer, LogsMeta, LogsQuery, Progress, Row, Term};
use sls::api::{BODY_RAW_SIZE, COMPRESS_TYPE, COUNT, JSON, PROGRESS};
use sls::compress::{Compression, compress};
use sls::error::ErrorCode;
use store::TimeRange;

use super::{Shared, read};
use crate::catalog::Logstore;
use crate::http::error::ApiError;
use crate::http::inbound::{Inbound, Params};
use crate::service::Service;

/// Rows in one answer, at most, and when the request names no number.
const MAX_LINE: u64 = 100;
const NANOS_PER_SEC: i64 = 1_000_000_000;

/// The newer form.
pub async fn post(
    State(service): Shared,
    inbound: Inbound,
    Path(logstore): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let query: LogsQuery = read(&body, ErrorCode::ParameterInvalid)?;
    let answer = answer(&service, inbound.project()?, &logstore, query).await?;
    // Only this very value asks for it: HTTP libraries add values of their own elsewhere.
    let wants_lz4 = headers.get(header::ACCEPT_ENCODING).is_some_and(|value| value == "lz4");
    if !wants_lz4 {
        return Ok(Json(answer).into_response());
    }
    let raw = serde_json::to_vec(&answer).map_err(ApiError::internal)?;
    let head = [
        (header::CONTENT_TYPE, JSON),
        (COMPRESS_TYPE, HeaderValue::from_static("lz4")),
        (BODY_RAW_SIZE, HeaderValue::from(raw.len())),
    ];
    Ok((head, compress(Compression::Lz4, &raw)).into_response())
}

/// The older form: rows in the body, the rest in headers.
pub async fn get(
    State(service): Shared,
    inbound: Inbound,
    Path(logstore): Path<String>,
) -> Result<Response, ApiError> {
    let query = read_params(&inbound.params)?;
    let LogsAnswer { meta, data } = answer(&service, inbound.project()?, &logstore, query).await?;
    let mut response = Json(data).into_response();
    let headers = response.headers_mut();
    headers.insert(PROGRESS, HeaderValue::from_static(meta.progress.as_str()));
    headers.insert(COUNT, HeaderValue::from(meta.count));
    headers.insert("x-log-processed-rows", HeaderValue::from(meta.processed_rows));
    headers.insert("x-log-elapsed-millisecond", HeaderValue::from(meta.elapsed_millisecond));
    let has_sql = if meta.has_sql { "true" } else { "false" };
    headers.insert("x-log-has-sql", HeaderValue::from_static(has_sql));
    headers.insert("x-log-cpu-sec", HeaderValue::from_static("0"));
    headers.insert("x-log-cpu-cores", HeaderValue::from_static("1"));
    let terms: Vec<_> =
        meta.terms.iter().map(|term| json!({"key": term.key, "term": term.term})).collect();
    let info = json!({
        "keys": meta.keys, "terms": terms, "limited": "0", "mode": 0,
    });
    insert_plain(headers, HeaderName::from_static("x-log-where-query"), &meta.where_query);
    insert_plain(headers, HeaderName::from_static("x-log-agg-query"), &meta.agg_query);
    insert_plain(headers, HeaderName::from_static("x-log-query-info"), &info.to_string());
    Ok(response)
}

/// Headers hold plain text only; what does not fit is left out, as the service does.
fn insert_plain(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    let plain = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if let (true, Ok(value)) = (plain, HeaderValue::from_str(value)) {
        headers.insert(name, value);
    }
}

fn read_params(params: &Params) -> Result<LogsQuery, ApiError> {
    let invalid = ErrorCode::ParameterInvalid;
    let (from, to) = read_range(params)?;
    Ok(LogsQuery {
        from,
        to,
        query: params.get("query").unwrap_or_default().to_owned(),
        topic: params.get("topic").unwrap_or_default().to_owned(),
        line: params.number("line", ErrorCode::InvalidLine)?,
        offset: params.number("offset", ErrorCode::InvalidOffset)?,
        reverse: params.flag("reverse", ErrorCode::InvalidReverse)?,
        power_sql: params.flag("powerSql", invalid)?,
        from_ns: params.number("fromNs", invalid)?,
        to_ns: params.number("toNs", invalid)?,
        ..LogsQuery::default()
    })
}

/// `from` and `to`, which every query needs.
///
/// # Errors
/// `ParameterInvalid` when one is missing or not a number.
pub(super) fn read_range(params: &Params) -> Result<(i64, i64), ApiError> {
    let required = |name| {
        params.number(name, ErrorCode::ParameterInvalid)?.ok_or_else(|| {
            let message = format!("parameter {name} is missing");
            ApiError::new(ErrorCode::ParameterInvalid, message)
        })
    };
    Ok((required("from")?, required("to")?))
}

/// Runs a query and shapes the answer of the newer form.
///
/// # Errors
/// Project, logstore or index are missing, the query or a parameter is wrong, or there is no
/// room.
pub async fn answer(
    service: &Service,
    project: &str,
    logstore: &str,
    query: LogsQuery,
) -> Result<LogsAnswer, ApiError> {
    let logstore = find(service, project, logstore)?;
    let power_sql = query.power_sql.unwrap_or(false);
    let request = request(&query)?;
    let has_sql = request.statement.analysis.is_some();
    let agg_query = request.statement.analysis.as_ref().map(|sql| sql.sql.clone());
    let (found, elapsed) = service.search.rows(&service.shield, &logstore, request).await?;
    Ok(shape(found, elapsed, |meta| {
        meta.has_sql = has_sql;
        meta.agg_query = agg_query.unwrap_or_default();
        meta.power_sql = power_sql;
        meta.telementry_type = logstore.record.properties.telemetry_type.clone();
    }))
}

/// The logstore that is asked.
pub(super) fn find(
    service: &Service,
    project: &str,
    logstore: &str,
) -> Result<Arc<Logstore>, ApiError> {
    let model = service.catalog.model();
    Ok(Arc::clone(model.project(project)?.logstore(logstore)?))
}

fn request(query: &LogsQuery) -> Result<Request, ApiError> {
    let range = range(query.from, query.to, query.from_ns, query.to_ns)?;
    let statement = parse(&query.query)?;
    let line = match query.line {
        None => MAX_LINE,
        Some(line) => u64::try_from(line)
            .map_err(|_| ApiError::new(ErrorCode::InvalidLine, "line is negative"))?
            .min(MAX_LINE),
    };
    let offset = match query.offset {
        None => 0,
        Some(offset) => u64::try_from(offset)
            .map_err(|_| ApiError::new(ErrorCode::InvalidOffset, "offset is negative"))?,
    };
    if statement.analysis.is_some() && offset > 0 {
        let message = "offset does not go with SQL: use `limit offset, count`";
        return Err(ApiError::new(ErrorCode::ParameterInvalid, message));
    }
    Ok(Request {
        statement,
        range,
        topic: topic(&query.topic),
        offset,
        line,
        reverse: query.reverse.unwrap_or(false),
    })
}

/// Reads a query text.
pub(super) fn parse(text: &str) -> Result<Statement, ApiError> {
    Ok(query::parse(text)?)
}

/// An empty topic means any.
pub(super) fn topic(topic: &str) -> Option<String> {
    (!topic.is_empty()).then(|| topic.to_owned())
}

/// The time range in nanoseconds.
pub(super) fn range(
    from: i64,
    to: i64,
    from_ns: Option<i64>,
    to_ns: Option<i64>,
) -> Result<TimeRange, ApiError> {
    let nanos = |secs: i64, part: Option<i64>| {
        let part = part.unwrap_or(0).clamp(0, NANOS_PER_SEC - 1);
        secs.saturating_mul(NANOS_PER_SEC).saturating_add(part)
    };
    let range = TimeRange { from_nanos: nanos(from, from_ns), to_nanos: nanos(to, to_ns) };
    if range.from_nanos >= range.to_nanos {
        let message = format!("the time range is empty: from {from} is not before to {to}");
        return Err(ApiError::new(ErrorCode::InvalidTimeRange, message));
    }
    Ok(range)
}

fn shape(found: SearchResult, elapsed: Duration, finish: impl FnOnce(&mut LogsMeta)) -> LogsAnswer {
    let mut meta = LogsMeta {
        progress: progress(found.progress),
        count: found.rows.len() as u64,
        processed_rows: found.processed_rows,
        processed_bytes: found.processed_bytes,
        elapsed_millisecond: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        cpu_sec: elapsed.as_secs_f64(),
        cpu_cores: 1.0,
        where_query: found.where_query,
        keys: found.keys,
        terms: found.terms.into_iter().map(|(key, term)| Term { key, term }).collect(),
        is_accurate: true,
        ..LogsMeta::default()
    };
    finish(&mut meta);
    LogsAnswer { meta, data: found.rows.into_iter().map(row).collect() }
}

pub(super) fn progress(progress: query::Progress) -> Progress {
    match progress {
        query::Progress::Complete => Progress::Complete,
        query::Progress::Incomplete => Progress::Incomplete,
    }
}

fn row(found: query::Row) -> Row {
    let nanos = found.time_nanos.rem_euclid(NANOS_PER_SEC);
    let mut pairs = Vec::with_capacity(found.fields.len() + found.tags.len() + 4);
    let secs = found.time_nanos.div_euclid(NANOS_PER_SEC);
    pairs.push(("__time__".to_owned(), secs.to_string()));
    if nanos != 0 {
        pairs.push(("__time_ns_part__".to_owned(), nanos.to_string()));
    }
    pairs.push(("__source__".to_owned(), found.source));
    pairs.push(("__topic__".to_owned(), found.topic));
    let tags = found.tags.into_iter().map(|(key, value)| (format!("__tag__:{key}"), value));
    pairs.extend(tags);
    pairs.extend(found.fields);
    Row(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_reserved_fields_tags_and_contents_as_text() {
        let shaped = row(query::Row {
            time_nanos: 1_700_000_000_000_000_005,
            source: "s".into(),
            topic: String::new(),
            tags: vec![("__path__".into(), "/a".into())],
            fields: vec![("n".into(), "1".into())],
        });
        assert_eq!(
            serde_json::to_string(&shaped).expect("serializable"),
            r#"{"__time__":"1700000000","__time_ns_part__":"5","__source__":"s","__topic__":"","__tag__:__path__":"/a","n":"1"}"#
        );
    }

    #[test]
    fn parameters_out_of_range_have_their_codes() {
        let code = |query: LogsQuery| request(&query).map(drop).map_err(|error| error.code);
        let ok = LogsQuery { from: 1, to: 2, ..LogsQuery::default() };
        assert_eq!(code(ok.clone()), Ok(()));
        let check = |query, expected| assert_eq!(code(query), Err(expected));
        check(LogsQuery { to: 1, ..ok.clone() }, ErrorCode::InvalidTimeRange);
        check(LogsQuery { line: Some(-1), ..ok.clone() }, ErrorCode::InvalidLine);
        check(LogsQuery { offset: Some(-1), ..ok.clone() }, ErrorCode::InvalidOffset);
        check(LogsQuery { query: "a and (".into(), ..ok.clone() }, ErrorCode::ParameterInvalid);
        let deep = LogsQuery { line: Some(1000), ..ok };
        assert_eq!(request(&deep).expect("valid").line, 100);
    }

    #[test]
    fn text_that_is_no_header_is_left_out() {
        let mut headers = HeaderMap::new();
        insert_plain(&mut headers, HeaderName::from_static("x-a"), "数");
        insert_plain(&mut headers, HeaderName::from_static("x-b"), "a\nb");
        insert_plain(&mut headers, HeaderName::from_static("x-c"), "a: b");
        assert_eq!(headers.len(), 1);
    }
}
