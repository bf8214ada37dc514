//! All routes in one place.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::routing::{get, post, put};
use http::StatusCode;

use super::admit::admit;
use super::exchange::{exchange, readable};
use crate::api::{
    config, get_logs, heartbeat, histogram, index, logstore, machine_group, operation, project,
    put_logs, shard, stub,
};
use crate::console;
use crate::service::Service;

/// Routes whose POST is a write: they have a larger body and a gate of their own.
pub(super) const WRITE_ROUTES: [&str; 2] = [LOGSTORE, SHARD];

const LOGSTORE: &str = "/logstores/{logstore}";
const SHARD: &str = "/logstores/{logstore}/shards/{shard}";

/// The whole service.
pub fn router(service: &Arc<Service>) -> Router {
    let signed = Router::new()
        .route(
            "/",
            get(project::get_or_list)
                .post(project::create)
                .put(project::update)
                .delete(project::delete),
        )
        .route("/logstores", get(logstore::list).post(logstore::create))
        .route(
            LOGSTORE,
            get(get_by_type).post(put_logs::put_any).put(logstore::update).delete(logstore::delete),
        )
        .route("/logstores/{logstore}/shards", get(shard::list))
        .route(SHARD, post(put_logs::put_shard))
        .route("/logstores/{logstore}/logs", post(get_logs::post))
        .route(
            "/logstores/{logstore}/index",
            get(index::get).post(index::create).put(index::update).delete(index::delete),
        )
        .route("/machinegroups", get(machine_group::list).post(machine_group::create))
        .route(
            "/machinegroups/{group}",
            get(machine_group::get).put(machine_group::update).delete(machine_group::delete),
        )
        .route("/machinegroups/{group}/machines", get(machine_group::machines))
        .route("/machinegroups/{group}/configs", get(machine_group::applied))
        .route(
            "/machinegroups/{group}/configs/{config}",
            put(machine_group::apply).delete(machine_group::remove),
        )
        .route("/configs", get(config::list).post(config::create))
        .route("/configs/{config}", get(config::get).put(config::update).delete(config::delete))
        .route("/configs/{config}/machinegroups", get(config::applied))
        .route("/Agent/Heartbeat", post(heartbeat::heartbeat))
        .route("/Agent/FetchConfig", post(heartbeat::fetch))
        .route("/Agent/ReportStatus", post(heartbeat::report))
        .route("/tags", get(stub::tags))
        .route("/dashboards", get(stub::dashboards))
        .route("/savedsearches", get(stub::saved_searches))
        .route("/jobs", get(stub::jobs))
        // The body is whole and within its limit when a handler sees it.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(service), admit))
        .layer(from_fn(console::greet_browsers));
    // Probes read the status, people the text: these stay as they are.
    let operation = Router::new()
        .route("/livez", get(operation::live))
        .route("/readyz", get(operation::ready))
        .route("/metrics", get(operation::metrics));
    signed
        .merge(console::router())
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(map_response(readable))
        .merge(operation)
        .layer(from_fn_with_state(Arc::clone(service), exchange))
        .with_state(Arc::clone(service))
}

/// `GET /logstores/{logstore}` is several calls, told apart by `type` (`sls-api.md` 3.3).
async fn get_by_type(
    state: axum::extract::State<Arc<Service>>,
    inbound: super::inbound::Inbound,
    path: axum::extract::Path<String>,
) -> Result<axum::response::Response, super::error::ApiError> {
    match inbound.params.get("type") {
        None => logstore::get(state, inbound, path).await,
        Some("log") => get_logs::get(state, inbound, path).await,
        Some("histogram") => histogram::get(state, inbound, path).await,
        Some(other) => Err(super::error::ApiError::new(
            sls::error::ErrorCode::ParameterInvalid,
            format!("type {other:?} is not one of log, histogram"),
        )),
    }
}
