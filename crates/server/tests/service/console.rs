//! The console: sessions, its calls, and what protects them.

use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::json;

use crate::support::{Answer, Server, code, group, put, value};

const LOGS: &str = "/console/api/projects/prj/logstores/app/logs";

fn post(target: &str, body: &serde_json::Value, cookie: Option<&str>) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from(body.to_string()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target.parse().expect("a target");
    request.headers_mut().insert(header::HOST, value("127.0.0.1"));
    request.headers_mut().insert(header::CONTENT_TYPE, value("application/json"));
    if let Some(cookie) = cookie {
        request.headers_mut().insert(header::COOKIE, value(cookie));
    }
    request
}

fn get(target: &str, cookie: Option<&str>) -> Request<Bytes> {
    let mut request = post(target, &json!(null), cookie);
    *request.method_mut() = Method::GET;
    *request.body_mut() = Bytes::new();
    request
}

fn cookie(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.header("set-cookie").split(';').next().expect("a pair").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_may_look_until_they_sign_out() {
    let server = Server::start().await.with_logstore().await;
    server.ok("prj", &put(group(&["hello"]))).await;
    let session = server.send(get("/console/api/session", None)).await.json();
    assert_eq!(
        (&session["authenticated"], &session["authRequired"]),
        (&json!(false), &json!(true))
    );
    let refused = code(401, "Unauthorized");
    assert_eq!(server.send(get("/console/api/projects", None)).await.refusal(), refused);
    let query = json!({"from": 0, "to": 4_000_000_000_i64, "query": "hello", "line": 10});
    assert_eq!(server.send(post(LOGS, &query, None)).await.refusal(), refused);

    let key = server.key.clone().expect("signed");
    let wrong = json!({"accessKeyId": key.id, "accessKeySecret": "wrong"});
    let answer = server.send(post("/console/api/login", &wrong, None)).await;
    assert_eq!(answer.refusal(), refused);
    let right = json!({"accessKeyId": key.id, "accessKeySecret": key.secret});
    let answer = server.send(post("/console/api/login", &right, None)).await;
    assert!(answer.header("set-cookie").contains("HttpOnly; SameSite=Strict"));
    let cookie = cookie(&answer);
    let cookie = Some(cookie.as_str());

    let session = server.send(get("/console/api/session", cookie)).await.json();
    assert_eq!(session["authenticated"], true);
    let projects = server.send(get("/console/api/projects", cookie)).await.json();
    assert_eq!(projects["projects"][0]["projectName"], "prj");
    let logstores = server.send(get("/console/api/projects/prj/logstores", cookie)).await.json();
    assert_eq!(logstores["logstores"], json!(["app"]));
    let rows = server.send(post(LOGS, &query, cookie)).await.json();
    assert_eq!(rows["data"][0]["msg"], "hello");
    assert_eq!(rows["meta"]["count"], 1);
    let counts = "/console/api/projects/prj/logstores/app/histogram?from=1699999990&to=1700000010";
    let counts = server.send(get(&format!("{counts}&query=hello"), cookie)).await.json();
    let sum: u64 = counts
        .as_array()
        .expect("an array")
        .iter()
        .map(|b| b["count"].as_u64().expect("a count"))
        .sum();
    assert_eq!(sum, 1);
    let groups = server.send(get("/console/api/projects/prj/machinegroups", cookie)).await.json();
    assert_eq!(groups["machinegroups"], json!([]));
    let missing = server.send(get("/console/api/projects/nope/logstores", cookie)).await;
    assert_eq!(missing.refusal(), code(404, "ProjectNotExist"));
    let unknown = server.send(get("/console/api/nothing/here", cookie)).await;
    assert_eq!(unknown.refusal(), code(404, "NotFound"));

    assert_eq!(server.send(post("/console/api/logout", &json!({}), cookie)).await.status, 200);
    assert_eq!(server.send(get("/console/api/projects", cookie)).await.refusal(), refused);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_signatures_nobody_has_to_sign_in() {
    let server = Server::open().await.with_logstore().await;
    let session = server.send(get("/console/api/session", None)).await.json();
    assert_eq!(
        (&session["authenticated"], &session["authRequired"]),
        (&json!(true), &json!(false))
    );
    let projects = server.send(get("/console/api/projects", None)).await.json();
    assert_eq!(projects["total"], 1);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_site_is_not_taken() {
    let server = Server::open().await.with_logstore().await;
    let mut form = post(LOGS, &json!({"from": 0, "to": 1}), None);
    form.headers_mut().insert(header::CONTENT_TYPE, value("text/plain"));
    assert_eq!(server.send(form).await.refusal(), code(415, "InvalidContentType"));
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_finds_the_page_and_nothing_inline_may_run() {
    let server = Server::start().await;
    let mut browser = get("/", None);
    let accept = value("text/html,application/xhtml+xml,*/*;q=0.8");
    browser.headers_mut().insert(header::ACCEPT, accept);
    let answer = server.send(browser).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/console/"));
    for path in ["/console/", "/console/logs/some/route"] {
        let page = server.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("x-frame-options"), "DENY");
        let text = String::from_utf8_lossy(&page.body).into_owned();
        assert!(text.contains("Sidetail"));
        // What the policy would not let run must not be in the page.
        assert!(!text.contains("<style") && !text.contains("onclick"));
    }
    let missing = server.get("/console/assets/old-1234.js").await;
    assert_eq!(missing.refusal(), code(404, "NotFound"));
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_a_large_body_is_refused() {
    let server = Server::start().await;
    let large = json!({"accessKeyId": "x".repeat(64 << 10), "accessKeySecret": ""});
    let answer = server.send(post("/console/api/login", &large, None)).await;
    assert_eq!(answer.refusal(), code(400, "PostBodyTooLarge"));
}
