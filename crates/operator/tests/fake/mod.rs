//! A log service with one project, in memory: the management calls, and failures on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sls::error::{ErrorBody, ErrorCode};
use sls_client::{Client, CredentialSource, Settings};

/// What the service holds and what it was asked.
#[derive(Default)]
pub(crate) struct Held {
    /// Objects by path; the project is `/`.
    pub(crate) objects: BTreeMap<String, Value>,
    /// Which group (first) runs which configuration (second).
    pub(crate) applied: BTreeSet<(String, String)>,
    /// Every request as `METHOD /path`.
    pub(crate) calls: Vec<String>,
    /// Requests that are refused, for as long as they are listed here. `*` stands for all.
    pub(crate) refuse: BTreeMap<String, ErrorCode>,
    /// After this many requests all are refused.
    pub(crate) patience: Option<usize>,
}

impl Held {
    /// The requests that change something, since the last time.
    pub(crate) fn take_changes(&mut self) -> Vec<String> {
        let calls = std::mem::take(&mut self.calls);
        calls.into_iter().filter(|call| !call.starts_with("GET")).collect()
    }
}

/// The service at an address of its own.
#[derive(Clone)]
pub(crate) struct Fake {
    held: Arc<Mutex<Held>>,
    endpoint: String,
}

impl Fake {
    /// Starts an empty service on the current runtime.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let held = Arc::new(Mutex::new(Held::default()));
        let router = Router::new().fallback(answer).with_state(held.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { held, endpoint }
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        let endpoint = self.endpoint.parse().unwrap();
        Client::new(Settings::new(endpoint, CredentialSource::Anonymous)).unwrap()
    }
}

async fn answer(
    State(held): State<Arc<Mutex<Held>>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    let mut held = held.lock().unwrap();
    let call = format!("{method} {}", uri.path());
    held.calls.push(call.clone());
    if held.patience.is_some_and(|patience| held.calls.len() > patience) {
        return refuse(ErrorCode::InternalServerError);
    }
    if let Some(code) = held.refuse.get(&call).or_else(|| held.refuse.get("*")) {
        return refuse(*code);
    }
    match change(&mut held, &method, uri.path(), &body) {
        Ok(Value::Null) => StatusCode::OK.into_response(),
        Ok(value) => axum::Json(value).into_response(),
        Err(code) => refuse(code),
    }
}

fn refuse(code: ErrorCode) -> Response {
    (code.status(), axum::Json(ErrorBody::new(code, "as scripted"))).into_response()
}

fn change(held: &mut Held, method: &Method, path: &str, body: &[u8]) -> Result<Value, ErrorCode> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let name = |key: &str| body[key].as_str().map(str::to_owned).ok_or(ErrorCode::ParameterInvalid);
    if (method, path) == (&Method::POST, "/") {
        return create(held, "/".into(), body, ErrorCode::ProjectAlreadyExist);
    }
    if !held.objects.contains_key("/") {
        return Err(ErrorCode::ProjectNotExist);
    }
    let steps: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method.as_str(), steps.as_slice()) {
        ("POST", ["logstores"]) => {
            let path = format!("/logstores/{}", name("logstoreName")?);
            create(held, path, body, ErrorCode::LogStoreAlreadyExist)
        }
        ("POST", ["logstores", logstore, "index"]) => {
            exists(held, &format!("/logstores/{logstore}"), ErrorCode::LogStoreNotExist)?;
            create(held, path.to_owned(), body, ErrorCode::IndexAlreadyExist)
        }
        ("POST", ["configs"]) => {
            let path = format!("/configs/{}", name("configName")?);
            create(held, path, body, ErrorCode::ConfigAlreadyExist)
        }
        ("POST", ["machinegroups"]) => {
            let path = format!("/machinegroups/{}", name("groupName")?);
            create(held, path, body, ErrorCode::MachineGroupAlreadyExist)
        }
        ("PUT", ["configs", _]) => {
            exists(held, path, ErrorCode::ConfigNotExist)?;
            held.objects.insert(path.to_owned(), body);
            Ok(Value::Null)
        }
        ("DELETE", ["configs", config]) => {
            held.applied.retain(|(_, applied)| applied != config);
            held.objects.remove(path).map(|_| Value::Null).ok_or(ErrorCode::ConfigNotExist)
        }
        ("GET", ["configs", config, "machinegroups"]) => {
            exists(held, &format!("/configs/{config}"), ErrorCode::ConfigNotExist)?;
            let groups = held.applied.iter().filter(|(_, applied)| applied == config);
            let groups: Vec<&str> = groups.map(|(group, _)| group.as_str()).collect();
            Ok(json!({"count": groups.len(), "machinegroups": groups}))
        }
        (change @ ("PUT" | "DELETE"), ["machinegroups", group, "configs", config]) => {
            exists(held, &format!("/machinegroups/{group}"), ErrorCode::MachineGroupNotExist)?;
            exists(held, &format!("/configs/{config}"), ErrorCode::ConfigNotExist)?;
            let pair = ((*group).to_owned(), (*config).to_owned());
            if change == "PUT" {
                held.applied.insert(pair)
            } else {
                held.applied.remove(&pair)
            };
            Ok(Value::Null)
        }
        ("GET", steps) => {
            let absent = match steps {
                ["logstores", _] => ErrorCode::LogStoreNotExist,
                ["logstores", _, "index"] => ErrorCode::IndexConfigNotExist,
                ["configs", _] => ErrorCode::ConfigNotExist,
                ["machinegroups", _] => ErrorCode::MachineGroupNotExist,
                _ => ErrorCode::NotFound,
            };
            held.objects.get(path).cloned().ok_or(absent)
        }
        _ => Err(ErrorCode::InvalidMethod),
    }
}

fn exists(held: &Held, path: &str, absent: ErrorCode) -> Result<(), ErrorCode> {
    if held.objects.contains_key(path) { Ok(()) } else { Err(absent) }
}

fn create(
    held: &mut Held,
    path: String,
    body: Value,
    already: ErrorCode,
) -> Result<Value, ErrorCode> {
    if held.objects.contains_key(&path) {
        return Err(already);
    }
    held.objects.insert(path, body);
    Ok(Value::Null)
}
