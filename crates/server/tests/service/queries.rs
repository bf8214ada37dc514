//! GetLogs in both forms, and GetHistograms.

use http::{HeaderValue, Method, header};
use serde_json::json;
use sls::api::get_logs::{GetLogs, GetLogsV1, LogsQuery, Progress};
use sls::api::histogram::GetHistograms;
use sls::api::{Call, Parts};
use sls::compress::{Compression, decompress};

use crate::support::{Server, code, create_logstore, group, messages, put};

const FROM: i64 = 1_700_000_000;

fn query(text: &str) -> LogsQuery {
    LogsQuery { from: FROM, to: FROM + 100, query: text.into(), ..LogsQuery::default() }
}

fn get(text: &str) -> GetLogs {
    GetLogs { logstore: "app".into(), query: query(text) }
}

async fn filled() -> Server {
    let server = Server::start().await.with_logstore().await;
    server.ok("prj", &put(group(&["zero error", "one info", "two error", "three"]))).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_gives_the_matching_rows_in_order() {
    let server = filled().await;
    let answer = server.ok("prj", &get("error")).await;
    assert_eq!(messages(&answer.data), ["zero error", "two error"]);
    assert_eq!((answer.meta.count, answer.meta.progress), (2, Progress::Complete));
    assert_eq!((answer.meta.where_query.as_str(), answer.meta.has_sql), ("error", false));
    assert_eq!(answer.meta.processed_rows, 4);
    assert_eq!(answer.meta.terms[0].term, "error");

    let page = LogsQuery { offset: Some(1), line: Some(2), reverse: Some(true), ..query("*") };
    let answer = server.ok("prj", &GetLogs { logstore: "app".into(), query: page }).await;
    assert_eq!(messages(&answer.data), ["two error", "one info"]);

    let range = LogsQuery { from: FROM + 1, to: FROM + 2, ..query("") };
    let answer = server.ok("prj", &GetLogs { logstore: "app".into(), query: range }).await;
    assert_eq!(messages(&answer.data), ["one info"]);

    let topic = LogsQuery { topic: "other".into(), ..query("") };
    let answer = server.ok("prj", &GetLogs { logstore: "app".into(), query: topic }).await;
    assert_eq!(answer.data, []);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_compressed_only_for_who_asks_exactly_so() {
    let server = filled().await;
    let check = async |accept: &'static str, compressed: bool| {
        let mut parts = get("*").parts();
        parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accept));
        let answer = server.answer(Some("prj"), parts).await;
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("content-encoding"), "");
        if compressed {
            assert_eq!(answer.header("x-log-compresstype"), "lz4");
            let raw = answer.header("x-log-bodyrawsize").parse().expect("a size");
            let raw = decompress(Compression::Lz4, &answer.body, raw, 1 << 20).expect("lz4");
            assert!(raw.starts_with(b"{\"meta\":"));
        } else {
            assert_eq!(answer.header("x-log-compresstype"), "");
            assert_eq!(answer.json()["meta"]["count"], 4);
        }
    };
    check("lz4", true).await;
    check("gzip, deflate", false).await;
    check("gzip, lz4", false).await;
    check("", false).await;
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_form_has_rows_in_the_body_and_the_rest_in_headers() {
    let server = filled().await;
    let call = GetLogsV1 { logstore: "app".into(), query: query("error") };
    let answer = server.answer(Some("prj"), call.parts()).await;
    assert_eq!(answer.header("x-log-progress"), "Complete");
    assert_eq!(answer.header("x-log-count"), "2");
    assert_eq!(answer.header("x-log-has-sql"), "false");
    assert_eq!(answer.header("x-log-where-query"), "error");
    assert_eq!(answer.header("x-log-processed-rows"), "4");
    let rows = answer.json();
    assert_eq!(rows.as_array().map(Vec::len), Some(2));
    let values = rows[0].as_object().expect("an object").values();
    assert!(values.into_iter().all(serde_json::Value::is_string), "{rows}");

    let check = async |name: &str, value: &str, expected: &str| {
        let mut parts = call.parts();
        parts.query.retain(|(key, _)| key != name);
        let answer = server.answer(Some("prj"), parts.with(name, value)).await;
        assert_eq!(answer.refusal(), code(400, expected), "{name}={value}");
    };
    check("from", "", "ParameterInvalid").await;
    check("to", "x", "ParameterInvalid").await;
    check("to", "1", "InvalidTimeRange").await;
    check("line", "x", "InvalidLine").await;
    check("line", "-1", "InvalidLine").await;
    check("offset", "x", "InvalidOffset").await;
    check("offset", "-5", "InvalidOffset").await;
    check("reverse", "x", "InvalidReverse").await;
    let shouted = call.parts().with("reverse", "True");
    assert_eq!(server.answer(Some("prj"), shouted).await.status, 200);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_no_header_is_left_out_of_the_headers() {
    let server = filled().await;
    let call = GetLogsV1 { logstore: "app".into(), query: query("数") };
    let answer = server.answer(Some("prj"), call.parts()).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-log-where-query")), (200, ""));
    assert_eq!(answer.header("x-log-progress"), "Complete");
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_histogram_covers_the_range_and_counts_every_match() {
    let server = filled().await;
    let (from, to) = (FROM - 10, FROM + 50);
    let call = GetHistograms {
        logstore: "app".into(),
        from,
        to,
        query: "error".into(),
        topic: String::new(),
    };
    let answer = server.ok("prj", &call).await;
    assert_eq!(answer.progress, Progress::Complete);
    assert_eq!(answer.buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 2);
    let edges = (answer.buckets.first().map(|b| b.from), answer.buckets.last().map(|b| b.to));
    assert_eq!(edges, (Some(from), Some(to)));
    for pair in answer.buckets.windows(2) {
        assert_eq!(pair[0].to, pair[1].from);
    }
    let raw = server.answer(Some("prj"), call.parts().with("accurate", "True")).await;
    assert_eq!(raw.header("x-log-count"), "2");
    let backwards = GetHistograms { to: from, ..call };
    assert_eq!(server.refused("prj", &backwards).await, code(400, "InvalidTimeRange"));
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_cannot_be_answered_says_where_and_why() {
    let server = filled().await;
    let message = async |text: &str| {
        let answer = server.answer(Some("prj"), get(text).parts()).await;
        assert_eq!(answer.refusal(), code(400, "ParameterInvalid"), "{text}");
        let body: sls::error::ErrorBody = serde_json::from_slice(&answer.body).expect("read");
        body.error_message
    };
    let syntax = message("error and (").await;
    assert!(
        syntax.starts_with("ErrorType:OLSQueryParseError.ErrorPosition,line:1,column:12.Error"),
        "{syntax}"
    );
    let field = message("nosuch:1").await;
    assert!(field.contains("not config as key value config"), "{field}");

    let parts = Parts::json(Method::POST, "/logstores/app/logs", &json!({"from": "x"}));
    let answer = server.answer(Some("prj"), parts).await;
    assert_eq!(answer.refusal(), code(400, "ParameterInvalid"));
    let deep = LogsQuery { offset: Some(i64::MAX), ..query("*") };
    let deep = GetLogs { logstore: "app".into(), query: deep };
    assert_eq!(server.refused("prj", &deep).await, code(400, "InvalidOffset"));

    let missing = GetLogs { logstore: "nope".into(), query: query("") };
    assert_eq!(server.refused("prj", &missing).await, code(404, "LogStoreNotExist"));
    server.ok("prj", &create_logstore("bare")).await;
    let bare = GetLogs { logstore: "bare".into(), query: query("") };
    assert_eq!(server.refused("prj", &bare).await, code(400, "IndexConfigNotExist"));
    server.end().await;
}
