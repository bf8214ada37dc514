//! Calls of the console. They are the calls of the API with a session instead of a signature.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Uri, header};
use serde::{Deserialize, Serialize};
use sls::api::get_logs::{LogsAnswer, LogsQuery};
use sls::api::histogram::Bucket;
use sls::api::logstore::LogstoreList;
use sls::api::machine_group::{Machine, MachineIdentifyType};
use sls::api::project::ProjectList;
use sls::error::ErrorCode;

use crate::api::{get_logs, histogram as counts, logstore, project};
use crate::http::error::ApiError;
use crate::http::inbound::Params;
use crate::service::Service;
use crate::settings::Access;

type Shared = State<Arc<Service>>;

/// Proof that the request belongs to a session, or that none is needed.
pub(super) struct SignedIn;

impl FromRequestParts<Arc<Service>> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, ApiError> {
        if is_signed_in(service, &parts.headers) {
            return Ok(Self);
        }
        Err(ApiError::new(ErrorCode::Unauthorized, "sign in first"))
    }
}

fn needs_session(service: &Service) -> bool {
    service.settings.access != Access::Open
}

fn is_signed_in(service: &Service, headers: &HeaderMap) -> bool {
    !needs_session(service) || service.sessions.holds(headers, service.clock.secs())
}

/// What the page asks first.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    authenticated: bool,
    auth_required: bool,
    version: &'static str,
}

pub(super) async fn session(State(service): Shared, headers: HeaderMap) -> Json<Session> {
    Json(Session {
        authenticated: is_signed_in(&service, &headers),
        auth_required: needs_session(&service),
        version: env!("CARGO_PKG_VERSION"),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Login {
    access_key_id: String,
    access_key_secret: String,
}

pub(super) async fn login(
    State(service): Shared,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let login: Login = read(&headers, &body)?;
    if needs_session(&service)
        && !service.keys.matches(&login.access_key_id, &login.access_key_secret)
    {
        let message = "the access key id or its secret is wrong";
        return Err(ApiError::new(ErrorCode::Unauthorized, message));
    }
    let cookie = service.sessions.start(service.clock.secs());
    Ok([(header::SET_COOKIE, cookie)].into_response())
}

pub(super) async fn logout(State(service): Shared, headers: HeaderMap) -> Response {
    [(header::SET_COOKIE, service.sessions.end(&headers))].into_response()
}

pub(super) async fn projects(
    State(service): Shared,
    _: SignedIn,
    uri: Uri,
) -> Result<Json<ProjectList>, ApiError> {
    Ok(Json(project::list(&service, &all_of(&uri))?))
}

pub(super) async fn logstores(
    State(service): Shared,
    _: SignedIn,
    Path(project): Path<String>,
    uri: Uri,
) -> Result<Json<LogstoreList>, ApiError> {
    Ok(Json(logstore::list_of(&service, &project, &all_of(&uri))?))
}

/// The console shows whole listings.
fn all_of(uri: &Uri) -> Params {
    let mut params = Params::parse(uri.query().unwrap_or_default());
    if !params.has("size") {
        params.0.push(("size".into(), "500".into()));
    }
    params
}

pub(super) async fn logs(
    State(service): Shared,
    _: SignedIn,
    Path((project, logstore)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<LogsAnswer>, ApiError> {
    let query: LogsQuery = read(&headers, &body)?;
    Ok(Json(get_logs::answer(&service, &project, &logstore, query).await?))
}

pub(super) async fn histogram(
    State(service): Shared,
    _: SignedIn,
    Path((project, logstore)): Path<(String, String)>,
    uri: Uri,
) -> Result<Json<Vec<Bucket>>, ApiError> {
    let params = Params::parse(uri.query().unwrap_or_default());
    Ok(Json(counts::answer(&service, &project, &logstore, &params).await?.buckets))
}

#[derive(Serialize)]
pub(super) struct Groups {
    machinegroups: Vec<Group>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    group_name: String,
    machine_identify_type: MachineIdentifyType,
    machine_list: Vec<String>,
    configs: Vec<String>,
    machines: Vec<Machine>,
}

pub(super) async fn machine_groups(
    State(service): Shared,
    _: SignedIn,
    Path(project): Path<String>,
) -> Result<Json<Groups>, ApiError> {
    let model = service.catalog.model();
    let held = model.project(&project)?;
    let groups = held.groups.values().map(|group| Group {
        group_name: group.group_name.clone(),
        machine_identify_type: group.machine_identify_type,
        machine_list: group.machine_list.clone(),
        configs: held.applied_to(&group.group_name).map(str::to_owned).collect(),
        machines: service.control.machines(&project, group),
    });
    Ok(Json(Groups { machinegroups: groups.collect() }))
}

pub(super) async fn unknown() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "the console has no such call")
}

/// Reads a JSON body. The content type is asked for because a form of another site cannot send
/// it.
fn read<T: serde::de::DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
        let message = "the content type is not application/json";
        return Err(ApiError::new(ErrorCode::InvalidContentType, message));
    }
    serde_json::from_slice(body).map_err(|error| {
        ApiError::new(ErrorCode::ParameterInvalid, format!("the body cannot be read: {error}"))
    })
}
