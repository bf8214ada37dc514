//! A service for a test, and requests to it, good and bad.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use clap::Parser;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use server::app::App;
use server::catalog::AccessKey;
use server::clock::Clock;
use server::settings::RawSettings;
use sls::api::index::{Index, LineIndex};
use sls::api::logstore::LogstoreFields;
use sls::api::{self, Call, CallError, Parts, Scope};
use sls::error::ErrorBody;
use sls::log_group::LogGroupWriter;
use sls::sign::{Signable, content_md5, v1};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Everything in these tests happens within this time or not at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running service.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The pair to sign with; `None` with `--no-auth`.
    pub(crate) key: Option<AccessKey>,
    dir: TempDir,
    flags: Vec<String>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Server {
    /// With signatures.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Without signatures.
    pub(crate) async fn open() -> Self {
        Self::with(&["--no-auth"]).await
    }

    pub(crate) async fn with(flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Self::run(dir, flags, None).await
    }

    async fn run(dir: TempDir, flags: Vec<String>, key: Option<AccessKey>) -> Self {
        let data = dir.path().join("data");
        let head = ["sidetail-server", "--listen", "127.0.0.1:0", "--data"].map(str::to_owned);
        let data = data.to_str().expect("a plain path").to_owned();
        let arguments = head.into_iter().chain([data]).chain(flags.iter().cloned());
        let settings = RawSettings::parse_from(arguments).check().expect("valid settings");
        let app = App::build(settings, Clock::system()).await.expect("a service");
        let key = key.or_else(|| app.first_key.clone());
        let address = app.address();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(app.run(async {
            let _ = stopped.await;
        }));
        Self { address, key, dir, flags, stop, task }
    }

    /// Ends the service as SIGTERM does, and gives back its directory.
    pub(crate) async fn end(self) -> TempDir {
        let _ = self.stop.send(());
        tokio::time::timeout(PATIENCE, self.task).await.expect("an end").expect("no panic");
        self.dir
    }

    /// Ends the service and starts it again over the same directory.
    pub(crate) async fn restart(self) -> Self {
        let (flags, key) = (self.flags.clone(), self.key.clone());
        let dir = self.end().await;
        Self::run(dir, flags, key).await
    }

    /// Sends a request of the API, signed when the service wants that.
    pub(crate) async fn answer(&self, project: Option<&str>, parts: Parts) -> Answer {
        self.send(self.request(project, parts)).await
    }

    /// The request for `parts`, ready to be spoilt.
    pub(crate) fn request(&self, project: Option<&str>, parts: Parts) -> Request<Bytes> {
        self.request_at(project, parts, SystemTime::now())
    }

    pub(crate) fn request_at(
        &self,
        project: Option<&str>,
        parts: Parts,
        now: SystemTime,
    ) -> Request<Bytes> {
        let port = self.address.port();
        let host = match project {
            Some(project) => format!("{project}.sls.test:{port}"),
            None => format!("127.0.0.1:{port}"),
        };
        let target = parts.target();
        let Parts { method, path, query, mut headers, body } = parts;
        headers.insert(header::HOST, value(&host));
        headers.insert(header::DATE, value(&httpdate::fmt_http_date(now)));
        headers.insert("x-log-apiversion", HeaderValue::from_static("0.6.0"));
        headers.insert("x-log-signaturemethod", HeaderValue::from_static("hmac-sha1"));
        if !body.is_empty() {
            headers.insert("content-md5", value(&content_md5(&body)));
        }
        if let Some(key) = &self.key {
            let request =
                Signable { method: method.as_str(), path: &path, query: &query, headers: &headers };
            let authorization = v1::authorization(&key.id, &key.secret, &request);
            headers.insert(header::AUTHORIZATION, value(&authorization));
        }
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = target.parse().expect("a target");
        *request.headers_mut() = headers;
        request
    }

    /// Sends exactly this.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Answer {
        tokio::time::timeout(PATIENCE, exchange(self.address, request)).await.expect("an answer")
    }

    /// A plain GET without anything.
    pub(crate) async fn get(&self, target: &str) -> Answer {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = target.parse().expect("a target");
        request.headers_mut().insert(header::HOST, value(&self.address.to_string()));
        self.send(request).await
    }

    /// Makes a call of the API.
    pub(crate) async fn call<C: Call>(
        &self,
        project: &str,
        call: &C,
    ) -> Result<C::Response, CallError> {
        let project = (C::SCOPE == Scope::Project).then_some(project);
        let answer = self.answer(project, call.parts()).await;
        C::response(answer.status, &answer.headers, &answer.body)
    }

    /// Makes a call that must succeed.
    pub(crate) async fn ok<C: Call>(&self, project: &str, call: &C) -> C::Response {
        match self.call(project, call).await {
            Ok(response) => response,
            Err(error) => panic!("{} failed: {error}", C::NAME),
        }
    }

    /// Makes a call that must be refused; gives status and code.
    pub(crate) async fn refused<C: Call>(&self, project: &str, call: &C) -> (u16, String) {
        match self.call(project, call).await {
            Ok(_) => panic!("{} was not refused", C::NAME),
            Err(CallError::Refused(refusal)) => (refusal.status.as_u16(), refusal.code),
            Err(error) => panic!("{} failed: {error}", C::NAME),
        }
    }

    /// Project `prj` with the indexed logstore `app`.
    pub(crate) async fn with_logstore(self) -> Self {
        self.ok("prj", &create_project("prj")).await;
        self.ok("prj", &create_logstore("app")).await;
        let index = Index { line: Some(line_index()), ..Index::default() };
        self.ok("prj", &api::index::CreateIndex { logstore: "app".into(), index }).await;
        self
    }

    /// All rows of `app`, oldest first.
    pub(crate) async fn rows(&self) -> Vec<api::get_logs::Row> {
        let query = api::get_logs::LogsQuery { from: 0, to: 4_000_000_000, ..Default::default() };
        let call = api::get_logs::GetLogs { logstore: "app".into(), query };
        self.ok("prj", &call).await.data
    }
}

pub(crate) async fn exchange(address: SocketAddr, request: Request<Bytes>) -> Answer {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request.map(Full::new)).await.expect("an answer");
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    drop(sender);
    let _ = connection.await;
    Answer { status: head.status, headers: head.headers, body }
}

impl Answer {
    /// Status and code of a refusal, which must have the form every client can read.
    pub(crate) fn refusal(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        assert_eq!(self.header("x-log-requestid").len(), 24);
        let body: ErrorBody = serde_json::from_slice(&self.body).expect("an error body");
        assert!(!body.error_message.is_empty());
        (self.status.as_u16(), body.error_code)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("plain text"))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_slice(&self.body).expect("json")
    }
}

pub(crate) fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("plain text")
}

/// The pair of a refusal.
pub(crate) fn code(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

pub(crate) fn create_project(name: &str) -> api::project::CreateProject {
    api::project::CreateProject { project_name: name.into(), ..Default::default() }
}

pub(crate) fn create_logstore(name: &str) -> api::logstore::CreateLogstore {
    let logstore_name = Some(name.to_owned());
    let fields = LogstoreFields { logstore_name, ..LogstoreFields::default() };
    api::logstore::CreateLogstore { fields }
}

pub(crate) fn line_index() -> LineIndex {
    LineIndex { token: api::index::default_token(), ..LineIndex::default() }
}

/// An encoded log group with one log for each message.
pub(crate) fn group(messages: &[&str]) -> Vec<u8> {
    let mut writer = LogGroupWriter::new();
    for (second, message) in (1_700_000_000..).zip(messages) {
        writer.log(second, Some(5), [(b"msg".as_slice(), message.as_bytes())].into_iter());
    }
    writer.topic(b"t");
    writer.source(b"10.0.0.1");
    writer.tag(b"__path__", b"/var/log/app.log");
    writer.take()
}

/// An uncompressed write to `app`.
pub(crate) fn put(raw: Vec<u8>) -> api::put_logs::PutLogs {
    api::put_logs::PutLogs {
        logstore: "app".into(),
        raw_size: raw.len(),
        body: raw.into(),
        compression: sls::compress::Compression::None,
        hash_key: None,
        span: None,
    }
}

/// Values of the field `msg`.
pub(crate) fn messages(rows: &[api::get_logs::Row]) -> Vec<&str> {
    rows.iter().filter_map(|row| row.get("msg")).collect()
}
