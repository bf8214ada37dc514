//! Who may call, and how the project is found in the host.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, header};
use sls::api::logstore::ListLogstores;
use sls::api::project::{GetProject, ListProjects};
use sls::api::{Call, Parts};
use sls::sign::{Signable, content_md5, content_sha256, v4};

use crate::support::{Server, code, create_project, group, put, value};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_or_missing_signature_is_refused_and_nothing_is_stored() {
    let server = Server::start().await.with_logstore().await;
    let parts = || put(group(&["forged"])).parts();
    let check = async |name: &str, request: Request<Bytes>, expected: (u16, &str)| {
        let answer = server.send(request).await;
        assert_eq!(answer.refusal(), code(expected.0, expected.1), "{name}");
    };
    let mut request = server.request(Some("prj"), parts());
    request.headers_mut().remove(header::AUTHORIZATION);
    check("unsigned", request, (401, "Unauthorized")).await;
    let mut request = server.request(Some("prj"), parts());
    request.headers_mut().insert("x-log-bodyrawsize", value("1"));
    check("a changed header", request, (401, "SignatureNotMatch")).await;
    let mut request = server.request(Some("prj"), parts());
    *request.uri_mut() = "/logstores/app/shards/lb?key=00".parse().expect("a target");
    check("a changed query", request, (401, "SignatureNotMatch")).await;
    let mut request = server.request(Some("prj"), parts());
    *request.body_mut() = Bytes::from(group(&["other"]));
    check("another body", request, (400, "InvalidContentMD5")).await;
    let mut request = server.request(Some("prj"), parts());
    *request.body_mut() = Bytes::from(group(&["other"]));
    let md5 = content_md5(request.body());
    request.headers_mut().insert("content-md5", value(&md5));
    check("another body and its hash", request, (401, "SignatureNotMatch")).await;
    let mut request = server.request(Some("prj"), parts());
    request.headers_mut().insert(header::AUTHORIZATION, value("LOG nobody:AAAA"));
    check("an unknown key", request, (401, "Unauthorized")).await;
    let past = SystemTime::now() - Duration::from_secs(16 * 60);
    let request = server.request_at(Some("prj"), parts(), past);
    check("a clock behind", request, (400, "RequestTimeExpired")).await;
    let future = SystemTime::now() + Duration::from_secs(16 * 60);
    let request = server.request_at(Some("prj"), parts(), future);
    check("a clock ahead", request, (400, "RequestTimeExpired")).await;
    assert_eq!(server.rows().await, []);
    let near = SystemTime::now() - Duration::from_secs(14 * 60);
    let request = server.request_at(Some("prj"), parts(), near);
    assert_eq!(server.send(request).await.status, 200);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newer_signature_is_taken_too() {
    let server = Server::start().await;
    let key = server.key.clone().expect("signed");
    let parts = create_project("prj").parts();
    let mut request = server.request(None, parts.clone());
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let headers = request.headers_mut();
    headers.remove(header::AUTHORIZATION);
    headers.remove(header::DATE);
    headers.remove("x-log-signaturemethod");
    headers.insert("x-log-date", value(&now));
    headers.insert("x-log-content-sha256", value(&content_sha256(&parts.body)));
    let signable = Signable { method: "POST", path: "/", query: &[], headers };
    let authorization = v4::authorization(&key.id, &key.secret, "cn-test", &signable);
    headers.insert(header::AUTHORIZATION, value(&authorization));
    let mut spoilt = request.clone();
    spoilt.headers_mut().insert("x-log-date", value("20200101T000000Z"));
    assert_eq!(server.send(request).await.status, 200);
    assert_eq!(server.send(spoilt).await.refusal(), code(401, "SignatureNotMatch"));
    server.ok("prj", &GetProject).await;
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_signatures_everybody_may_call() {
    let server = Server::open().await;
    assert_eq!(server.key, None);
    server.ok("prj", &create_project("prj")).await;
    server.ok("prj", &GetProject).await;
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_pair_takes_the_place_of_a_generated_one() {
    let flags = ["--access-key-id", "me", "--access-key-secret", "secret"];
    let mut server = Server::with(&flags).await;
    assert_eq!(server.key, None, "nothing was generated");
    let refused = server.answer(None, ListProjects::default().parts()).await;
    assert_eq!(refused.refusal(), code(401, "Unauthorized"));
    server.key = Some(server::catalog::AccessKey { id: "me".into(), secret: "secret".into() });
    server.ok("", &ListProjects::default()).await;
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_names_the_project_also_through_a_proxy() {
    let server = Server::open().await;
    server.ok("prj", &create_project("prj")).await;
    let list = |uri: &str, host: &str| {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri.parse().expect("a target");
        request.headers_mut().insert(header::HOST, value(host));
        request
    };
    let found = ["prj.sls.test", "PRJ.sls.test:80", "prj.127.0.0.1", "prj.localhost:10010"];
    for host in found {
        let answer = server.send(list("/logstores", host)).await;
        assert_eq!(answer.json()["count"], 0, "{host}");
    }
    let answer = server.send(list("http://prj.sls.local:80/logstores", "sls.local")).await;
    assert_eq!(answer.json()["count"], 0, "a client that takes the service for its proxy");
    for host in ["127.0.0.1:80", "[::1]:80", "localhost", "sidetail-server:10010"] {
        let answer = server.send(list("/logstores", host)).await;
        assert_eq!(answer.refusal(), code(400, "InvalidHost"), "{host}");
    }
    let answer = server.send(list("/logstores", "other.sls.test")).await;
    assert_eq!(answer.refusal(), code(404, "ProjectNotExist"));
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_hosts_are_refused_when_asked_for() {
    let flags = ["--no-auth", "--endpoint-name", "sls.test", "--strict-host"];
    let server = Server::with(&flags).await;
    server.ok("prj", &create_project("prj")).await;
    server.ok("prj", &ListLogstores::default()).await;
    let mut request = server.request(None, Parts::new(http::Method::GET, "/logstores"));
    request.headers_mut().insert(header::HOST, value("prj.example.com"));
    assert_eq!(server.send(request).await.refusal(), code(400, "InvalidHost"));
    server.end().await;
}
