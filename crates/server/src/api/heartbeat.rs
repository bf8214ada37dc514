//! Agents (`agent.md` 6.2). These calls need no project: an agent's groups may be in several.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use prost::Message;
use sls::api::PROTOBUF;
use sls::api::heartbeat::{ConfigStates, HeartbeatRequest};
use sls::error::ErrorCode;

use super::Shared;
use crate::control::{Answer, MAX_INSTANCE_BYTES};
use crate::http::error::ApiError;
use crate::http::inbound::{Inbound, Params};
use crate::service::Service;

/// How long an answer is held back when the agent asks for it without a time.
const DEFAULT_WAIT: Duration = Duration::from_secs(20);
/// How long it is held back at most.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// `POST /Agent/Heartbeat[?WaitForChange=true|<seconds>]`.
pub async fn heartbeat(
    State(service): Shared,
    inbound: Inbound,
    body: Bytes,
) -> Result<Response, ApiError> {
    let request: HeartbeatRequest = read(&body)?;
    if request.instance_id.is_empty() {
        let message = "the heartbeat has no instance_id";
        return Err(ApiError::new(ErrorCode::ParameterInvalid, message));
    }
    if request.instance_id.len() > MAX_INSTANCE_BYTES {
        let message = format!("the instance_id is over {MAX_INSTANCE_BYTES} bytes");
        return Err(ApiError::new(ErrorCode::ParameterInvalid, message));
    }
    let wait = wait(&inbound.params)?;
    let (instance, request_id) = (request.instance_id.clone(), request.request_id.clone());
    // Subscribed before looking, so that a change in between is not missed.
    let mut changes = service.catalog.changes();
    changes.mark_unchanged();
    let mut answer = service.control.heartbeat(request, service.clock.nanos());
    service.metrics.heartbeats.inc();
    if let Some(wait) = wait
        && !answer.has_news
    {
        answer = hold(&service, &mut changes, &instance, request_id, wait, answer).await;
    }
    Ok(send(&answer.response))
}

/// Waits for something the agent has to know, for the time to run out, or for the service to end.
async fn hold(
    service: &Arc<Service>,
    changes: &mut tokio::sync::watch::Receiver<u64>,
    instance: &[u8],
    request_id: Vec<u8>,
    wait: Duration,
    unchanged: Answer,
) -> Answer {
    let mut stopping = service.stopping.clone();
    let until = tokio::time::sleep(wait);
    tokio::pin!(until);
    loop {
        tokio::select! {
            () = &mut until => return unchanged,
            _ = stopping.wait_for(|stop| *stop) => return unchanged,
            changed = changes.changed() => if changed.is_err() { return unchanged },
        }
        let answer = service.control.answer(instance, request_id.clone());
        if answer.has_news {
            return answer;
        }
    }
}

fn wait(params: &Params) -> Result<Option<Duration>, ApiError> {
    let Some(text) = params.get("WaitForChange") else { return Ok(None) };
    if let Ok(secs) = text.parse::<u64>()
        && secs != 1
    {
        return Ok((secs > 0).then(|| Duration::from_secs(secs).min(MAX_WAIT)));
    }
    let wanted = params.flag("WaitForChange", ErrorCode::ParameterInvalid)?;
    Ok((wanted == Some(true)).then_some(DEFAULT_WAIT))
}

/// `POST /Agent/FetchConfig`.
pub async fn fetch(State(service): Shared, body: Bytes) -> Result<Response, ApiError> {
    let request: ConfigStates = read(&body)?;
    Ok(send(&service.control.fetch(&request, service.clock.nanos())))
}

/// `POST /Agent/ReportStatus`.
pub async fn report(State(service): Shared, body: Bytes) -> Result<Response, ApiError> {
    let request: ConfigStates = read(&body)?;
    Ok(send(&service.control.report(&request, service.clock.nanos())))
}

fn read<T: Message + Default>(body: &[u8]) -> Result<T, ApiError> {
    T::decode(body).map_err(|error| {
        ApiError::new(ErrorCode::PostBodyInvalid, format!("the body cannot be read: {error}"))
    })
}

fn send(message: &impl Message) -> Response {
    ([(header::CONTENT_TYPE, PROTOBUF)], message.encode_to_vec()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_poll_takes_a_word_or_seconds() {
        let check = |query: &str, secs: Option<u64>| {
            let wait = wait(&Params::parse(query)).expect("readable");
            assert_eq!(wait, secs.map(Duration::from_secs), "{query}");
        };
        check("", None);
        check("WaitForChange=", None);
        check("WaitForChange=false", None);
        check("WaitForChange=0", None);
        check("WaitForChange=True", Some(20));
        check("WaitForChange=1", Some(20));
        check("WaitForChange=5", Some(5));
        check("WaitForChange=900", Some(60));
        assert!(wait(&Params::parse("WaitForChange=perhaps")).is_err());
    }
}
