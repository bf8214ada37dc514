//! What stands before every call of the API: a known key, room, body, host and signature, in this
//! order.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::{Method, header, request};
use percent_encoding::percent_decode_str;
use sls::api;
use sls::error::ErrorCode;
use sls::sign::Signable;

use super::body;
use super::error::ApiError;
use super::host::{self, Verdict};
use super::inbound::{Inbound, Params};
use super::router;
use crate::service::Service;
use crate::settings::{Access, Heartbeats};

/// Body of a call that is no write.
const MAX_CALL_BYTES: usize = 2 << 20;
/// Hashing a body of this size is left to a thread that may block.
const LARGE_BODY_BYTES: usize = 64 << 10;

/// Admits a request: the handler behind it gets a whole body, and an [`Inbound`] that can be
/// trusted.
pub async fn admit(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let is_write = parts.method == Method::POST
        && route(&parts).is_some_and(|route| router::WRITE_ROUTES.contains(&route));
    let declared = number(&parts, header::CONTENT_LENGTH);
    let signed = needs_signature(&service.settings.access, route(&parts));
    if signed && let Err(refusal) = service.keys.check_claim(&parts.headers) {
        // Whoever is still sending would not read the answer.
        let _ = body::read(body, 0, 0).await;
        return Err(refusal);
    }
    let (limit, room) = if is_write {
        let limit = wire_limit(service.settings.max_body_bytes);
        let wire = declared.unwrap_or(limit).min(limit);
        let raw = number(&parts, api::BODY_RAW_SIZE).unwrap_or(0);
        let bytes = wire + raw.min(service.settings.max_body_bytes);
        (limit, Some(Arc::new(service.shield.ingest(bytes).await?)))
    } else {
        (MAX_CALL_BYTES, None)
    };
    // Room for a write was counted; for anything else a claim of size costs nothing.
    let expected = if is_write { declared.unwrap_or(0) } else { 0 };
    let body = body::read(body, expected, limit).await?;

    let settings = &service.settings;
    let authority = host::authority(&parts.uri, &parts.headers);
    let project = match host::project(authority, &settings.endpoint_names, settings.other_hosts) {
        Verdict::Project(name) => Some(name),
        Verdict::Endpoint => None,
        Verdict::Refused => {
            let message = "the host is not PROJECT.ENDPOINT with an endpoint of this service";
            return Err(ApiError::new(ErrorCode::InvalidHost, message));
        }
    };
    let params = Arc::new(Params::parse(parts.uri.query().unwrap_or_default()));
    if signed {
        verify(&service, &parts, &params, &body).await?;
    }
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let client_ip = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    parts.extensions.insert(Inbound { project, params, client_ip, room });
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

fn route(parts: &request::Parts) -> Option<&str> {
    parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str)
}

fn number(parts: &request::Parts, name: header::HeaderName) -> Option<usize> {
    parts.headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// What a body of `raw_bytes` may grow to when compression does not help.
fn wire_limit(raw_bytes: usize) -> usize {
    raw_bytes + raw_bytes / 128 + 1024
}

fn needs_signature(access: &Access, route: Option<&str>) -> bool {
    match access {
        Access::Open => false,
        Access::Signed { heartbeat: Heartbeats::Signed, .. } => true,
        Access::Signed { heartbeat: Heartbeats::Open, .. } => {
            !route.is_some_and(|route| route.starts_with("/Agent/"))
        }
    }
}

async fn verify(
    service: &Arc<Service>,
    parts: &request::Parts,
    params: &Arc<Params>,
    body: &Bytes,
) -> Result<(), ApiError> {
    let now_secs = service.clock.secs();
    let work = {
        let service = Arc::clone(service);
        let params = Arc::clone(params);
        let (method, headers) = (parts.method.clone(), parts.headers.clone());
        let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy().into_owned();
        let body = body.clone();
        move || {
            let request = Signable {
                method: method.as_str(),
                path: &path,
                query: &params.0,
                headers: &headers,
            };
            service.keys.verify(&request, &body, now_secs)
        }
    };
    if body.len() < LARGE_BODY_BYTES {
        return work();
    }
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)?
}
