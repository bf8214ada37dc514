//! Counts over time.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use query::Request;
use sls::api::histogram::{Bucket, Histograms};
use sls::api::{COUNT, PROGRESS};
use sls::error::ErrorCode;

use super::{Shared, get_logs};
use crate::http::error::ApiError;
use crate::http::inbound::{Inbound, Params};
use crate::service::Service;

/// `GET /logstores/{logstore}?type=histogram`.
pub async fn get(
    State(service): Shared,
    inbound: Inbound,
    Path(logstore): Path<String>,
) -> Result<Response, ApiError> {
    let found = answer(&service, inbound.project()?, &logstore, &inbound.params).await?;
    let count: u64 = found.buckets.iter().map(|bucket| bucket.count).sum();
    let mut response = Json(found.buckets).into_response();
    let headers = response.headers_mut();
    headers.insert(PROGRESS, HeaderValue::from_static(found.progress.as_str()));
    headers.insert(COUNT, HeaderValue::from(count));
    Ok(response)
}

/// Counts as the parameters say.
///
/// # Errors
/// As [`get_logs::answer`].
pub async fn answer(
    service: &Service,
    project: &str,
    logstore: &str,
    params: &Params,
) -> Result<Histograms, ApiError> {
    let logstore = get_logs::find(service, project, logstore)?;
    let (from, to) = get_logs::read_range(params)?;
    let part = |name| params.number(name, ErrorCode::ParameterInvalid);
    let range = get_logs::range(from, to, part("fromNs")?, part("toNs")?)?;
    let statement = get_logs::parse(params.get("query").unwrap_or_default())?;
    let request = Request {
        topic: get_logs::topic(params.get("topic").unwrap_or_default()),
        ..Request::new(statement, range)
    };
    let found = service.search.histogram(&service.shield, &logstore, request).await?;
    let buckets = found.buckets.into_iter().map(|bucket| Bucket {
        from: bucket.from_secs,
        to: bucket.to_secs,
        count: bucket.count,
        progress: get_logs::progress(bucket.progress),
    });
    Ok(Histograms { progress: get_logs::progress(found.progress), buckets: buckets.collect() })
}
