//! What every answer has, what is no call, and what probes and scrapers see.

use http::Method;
use sls::api::Parts;
use sls::api::project::GetProject;

use crate::support::{Server, code, create_project, group, put};

#[tokio::test(flavor = "multi_thread")]
async fn unknown_calls_are_refused_in_json_and_never_with_5xx() {
    let server = Server::start().await;
    assert_eq!(server.get("/no/such/call").await.refusal(), code(404, "NotFound"));
    let wrong_method = Parts::new(Method::PATCH, "/logstores");
    let answer = server.answer(Some("prj"), wrong_method).await;
    assert_eq!(answer.refusal(), code(405, "InvalidMethod"));
    let broken = server.get("/logstores/%ff").await;
    assert!(broken.status.is_client_error());
    broken.refusal();
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_made_in_passing_find_nothing_and_no_error() {
    let server = Server::start().await;
    for (path, name) in
        [("/dashboards", "dashboards"), ("/savedsearches", "savedsearches"), ("/jobs", "jobs")]
    {
        let parts = Parts::new(Method::GET, path).with("offset", 0).with("size", 10);
        let answer = server.answer(Some("prj"), parts).await.json();
        assert_eq!((&answer["count"], answer[name].as_array().map(Vec::len)), (&0.into(), Some(0)));
    }
    let tags = server.answer(None, Parts::new(Method::GET, "/tags")).await.json();
    assert_eq!(tags["nextToken"], "");
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_scrapers_need_no_key() {
    let server = Server::start().await.with_logstore().await;
    assert_eq!(server.get("/livez").await.status, 200);
    assert_eq!(server.get("/readyz").await.status, 200);
    server.ok("prj", &put(group(&["a", "b"]))).await;
    server.refused("nope", &GetProject).await;
    let metrics = server.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    for line in [
        "sidetail_server_ingest_groups_total 1",
        "sidetail_server_ingest_rows_total 2",
        "sidetail_server_store_rows_total 2",
        "sidetail_server_store_failed 0",
        "sidetail_server_refusals_total{code=\"ProjectNotExist\"} 1",
        "sidetail_server_requests_total{method=\"POST\",route=\"/logstores/{logstore}/shards/{shard}\",status=\"200\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_an_identity_of_its_own() {
    let server = Server::open().await;
    let first = server.answer(None, create_parts("prj")).await;
    let second = server.answer(None, create_parts("prj")).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 400));
    let id = first.header("x-log-requestid");
    assert!(id.len() == 24 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    assert_ne!(id, second.header("x-log-requestid"));
    server.end().await;
}

fn create_parts(name: &str) -> Parts {
    sls::api::Call::parts(&create_project(name))
}
