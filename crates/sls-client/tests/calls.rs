//! The client over real sockets, against a server that answers from a script.

use sls::api::project::{CreateProject, GetProject};
use sls::sign::{Authorization, Signable};
use sls_client::{Client, ClientError, CredentialSource, KeyPair, Settings, Signature};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const EMPTY: &str = "HTTP/1.1 200 OK\r\nx-log-requestid: r1\r\ncontent-length: 0\r\n\r\n";

/// Reads one request with its body and gives it back as text.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.ok()?;
        if count == 0 {
            return None;
        }
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
            })
            .unwrap_or(0usize);
        if body.len() >= length {
            return Some(text.into_owned());
        }
    }
}

fn client(port: u16, credentials: CredentialSource) -> Client {
    let endpoint = format!("http://127.0.0.1:{port}").parse().unwrap();
    let mut settings = Settings::new(endpoint, credentials);
    settings.request_timeout = Duration::from_secs(5);
    settings.clock = || SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    Client::new(settings).unwrap()
}

fn key() -> CredentialSource {
    CredentialSource::Static(KeyPair { id: "ak".into(), secret: "sk".into() })
}

/// Serves the answers of `script` one after the other; every inner list is one connection.
/// Gives back the requests.
async fn serve(listener: TcpListener, script: Vec<Vec<&'static str>>) -> Vec<String> {
    let mut requests = Vec::new();
    for answers in script {
        let (mut stream, _) = listener.accept().await.unwrap();
        for answer in answers {
            requests.push(read_request(&mut stream).await.unwrap());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }
    requests
}

fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> http::HeaderMap {
    lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())
        })
        .collect()
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn a_call_is_addressed_to_its_project_and_its_signature_verifies() {
    let (listener, port) = listener().await;
    let server = tokio::spawn(serve(listener, vec![vec![EMPTY]]));
    let call = CreateProject { project_name: "prj".into(), ..Default::default() };
    client(port, key()).call("", &call).await.unwrap();

    let request = server.await.unwrap().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST / HTTP/1.1"));
    let headers = headers(lines);
    assert_eq!(headers["host"], format!("127.0.0.1:{port}").as_str());
    assert_eq!(headers["date"], "Thu, 01 Jan 2026 00:00:00 GMT");
    assert_eq!(headers["content-md5"], sls::sign::content_md5(body.as_bytes()).as_str());
    let authorization = Authorization::parse(headers["authorization"].to_str().unwrap()).unwrap();
    let signable = Signable { method: "POST", path: "/", query: &[], headers: &headers };
    assert!(authorization.verify("sk", &signable));
}

#[tokio::test]
async fn signature_v4_hashes_the_body_once_and_verifies() {
    let (listener, port) = listener().await;
    let server = tokio::spawn(serve(listener, vec![vec![EMPTY]]));
    let endpoint = format!("http://127.0.0.1:{port}").parse().unwrap();
    let mut settings = Settings::new(endpoint, key());
    settings.signature = Signature::V4 { region: "cn-test".into() };
    settings.clock = || SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let call = CreateProject { project_name: "prj".into(), ..Default::default() };
    Client::new(settings).unwrap().call("", &call).await.unwrap();

    let request = server.await.unwrap().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let headers = headers(head.lines().skip(1));
    assert_eq!(headers["x-log-date"], "20260101T000000Z");
    assert_eq!(
        headers["x-log-content-sha256"],
        sls::sign::content_sha256(body.as_bytes()).as_str()
    );
    assert!(!headers.contains_key("content-md5"));
    let authorization = Authorization::parse(headers["authorization"].to_str().unwrap()).unwrap();
    assert!(matches!(&authorization, Authorization::V4 { region, .. } if region == "cn-test"));
    let signable = Signable { method: "POST", path: "/", query: &[], headers: &headers };
    assert!(authorization.verify("sk", &signable));
}

#[tokio::test]
async fn a_project_call_carries_the_project_in_the_host() {
    let (listener, port) = listener().await;
    let refusal = "HTTP/1.1 404 Not Found\r\nx-log-requestid: r2\r\ncontent-type: application/json\r\n\
                   content-length: 60\r\n\r\n\
                   {\"errorCode\":\"ProjectNotExist\",\"errorMessage\":\"no such one\"}";
    let server = tokio::spawn(serve(listener, vec![vec![refusal]]));
    let error =
        client(port, CredentialSource::Anonymous).call("prj", &GetProject).await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!((refusal.status.as_u16(), refusal.code.as_str()), (404, "ProjectNotExist"));
    assert_eq!(refusal.request_id, "r2");

    let request = server.await.unwrap().remove(0);
    assert!(request.contains(&format!("host: prj.127.0.0.1:{port}\r\n")), "{request}");
    assert!(!request.contains("authorization"), "{request}");
}

#[tokio::test]
async fn the_connection_is_kept_and_a_closed_one_is_replaced() {
    let (listener, port) = listener().await;
    // Two calls on the first connection, which the server then closes; the third dials again.
    let server = tokio::spawn(serve(listener, vec![vec![EMPTY, EMPTY], vec![EMPTY]]));
    let client = client(port, key());
    let call = CreateProject { project_name: "prj".into(), ..Default::default() };
    for _ in 0..3 {
        client.call("", &call).await.unwrap();
    }
    assert_eq!(server.await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let (listener, port) = listener().await;
    drop(listener);
    let error = client(port, key()).call("prj", &GetProject).await.unwrap_err();
    assert!(matches!(error, ClientError::Connect { .. }), "{error:?}");
    assert!(
        error.to_string().starts_with(&format!("cannot connect to 127.0.0.1:{port}")),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_transport_failure() {
    let (listener, port) = listener().await;
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
    let server = tokio::spawn(serve(listener, vec![vec![half]]));
    let error = client(port, key()).call("prj", &GetProject).await.unwrap_err();
    assert!(matches!(error, ClientError::Transport { call: "GetProject", .. }), "{error:?}");
    server.await.unwrap();
}

#[tokio::test]
async fn after_a_refusal_because_of_the_clock_the_services_time_is_signed() {
    const EXPIRED: &str = "HTTP/1.1 400 Bad Request\r\nx-log-requestid: r1\r\n\
        date: Thu, 01 Jan 2026 02:00:00 GMT\r\ncontent-length: 61\r\n\r\n\
        {\"errorCode\":\"RequestTimeExpired\",\"errorMessage\":\"too early\"}";
    let (listener, port) = listener().await;
    let server = tokio::spawn(serve(listener, vec![vec![EXPIRED, EMPTY]]));
    let client = client(port, key());
    let call = CreateProject { project_name: "prj".into(), ..Default::default() };
    let refused = client.call("", &call).await.unwrap_err();
    assert_eq!(refused.retry_class(), sls::error::RetryClass::Clock, "{refused}");
    client.call("", &call).await.unwrap();
    let dates: Vec<String> = server
        .await
        .unwrap()
        .iter()
        .filter_map(|request| Some(request.lines().find(|l| l.starts_with("date: "))?.to_owned()))
        .collect();
    let expected = ["00:00:00", "02:00:00"].map(|at| format!("date: Thu, 01 Jan 2026 {at} GMT"));
    assert_eq!(dates, expected);
}
