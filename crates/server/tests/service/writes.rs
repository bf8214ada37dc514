//! PutLogs: every form that is taken, and every one that is refused with nothing stored.

use bytes::Bytes;
use http::{HeaderValue, Method};
use sls::api::logstore::{LogstoreFields, UpdateLogstore};
use sls::api::put_logs::{FileSpan, PutLogs};
use sls::api::{Call, Parts};
use sls::compress::{Compression, compress};
use sls::log_group::LogGroupWriter;

use crate::support::{Server, code, group, messages, put};

fn compressed(kind: Compression, raw: &[u8]) -> PutLogs {
    PutLogs {
        body: Bytes::from(compress(kind, raw)),
        compression: kind,
        raw_size: raw.len(),
        ..put(Vec::new())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_found_as_soon_as_it_is_answered_in_every_compression() {
    let server = Server::start().await.with_logstore().await;
    let kinds = [
        Compression::None,
        Compression::Lz4,
        Compression::Zstd,
        Compression::Deflate,
        Compression::Gzip,
    ];
    for (held, kind) in (1..).zip(kinds) {
        let raw = group(&[&format!("by {kind:?}")]);
        server.ok("prj", &compressed(kind, &raw)).await;
        assert_eq!(server.rows().await.len(), held, "{kind:?}");
    }
    let rows = server.rows().await;
    let row = &rows[0];
    assert_eq!(row.get("__time__"), Some("1700000000"));
    assert_eq!(row.get("__time_ns_part__"), Some("5"));
    assert_eq!(row.get("__topic__"), Some("t"));
    assert_eq!(row.get("__source__"), Some("10.0.0.1"));
    assert_eq!(row.get("__tag__:__path__"), Some("/var/log/app.log"));
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_may_go_to_any_shard_or_to_that_of_a_key() {
    let server = Server::start().await.with_logstore().await;
    let raw = group(&["routed"]);
    for key in ["00", "FFffffffffffffffffffffffffffffff", "8"] {
        server.ok("prj", &PutLogs { hash_key: Some(key.into()), ..put(raw.clone()) }).await;
    }
    for key in ["xyz", &"0".repeat(33)] {
        let refused = PutLogs { hash_key: Some(key.into()), ..put(raw.clone()) };
        assert_eq!(server.refused("prj", &refused).await, code(400, "ParameterInvalid"));
    }
    let no_key = Parts { path: "/logstores/app/shards/route".into(), ..put(raw.clone()).parts() };
    let answer = server.answer(Some("prj"), no_key).await;
    assert_eq!(answer.refusal(), code(400, "ParameterInvalid"));
    let older = Parts { path: "/logstores/app".into(), ..put(raw).parts() };
    let answer = server.answer(Some("prj"), older).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, ""));
    assert_eq!(server.rows().await.len(), 4);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_write_has_its_code_and_nothing_is_stored() {
    let server = Server::start().await.with_logstore().await;
    let raw = group(&["must not be stored"]);
    let lz4 = compressed(Compression::Lz4, &raw);
    let check = async |name: &str, parts: Parts, expected: (u16, &str)| {
        let answer = server.answer(Some("prj"), parts).await;
        assert_eq!(answer.refusal(), code(expected.0, expected.1), "{name}");
    };

    let mut corrupt = lz4.clone();
    corrupt.body = Bytes::from(vec![0xff; corrupt.body.len()]);
    check("corrupt lz4", corrupt.parts(), (400, "PostBodyUncompressError")).await;
    let mut other_size = lz4.clone();
    other_size.raw_size += 1;
    check("another size", other_size.parts(), (400, "PostBodyUncompressError")).await;
    let mut cut = raw.clone();
    cut.truncate(raw.len() - 3);
    check("corrupt protobuf", put(cut).parts(), (400, "PostBodyInvalid")).await;
    let cut = compressed(Compression::Zstd, b"not a log group");
    check("zstd of something else", cut.parts(), (400, "PostBodyInvalid")).await;

    let with = |name: &'static str, value: &'static str| {
        let mut parts = lz4.parts();
        parts.headers.insert(name, HeaderValue::from_static(value));
        parts
    };
    check("unknown", with("x-log-compresstype", "snappy"), (400, "InvalidCompressType")).await;
    check("no number", with("x-log-bodyrawsize", "ten"), (400, "InvalidBodyRawSize")).await;
    check("too large", with("x-log-bodyrawsize", "10485761"), (400, "PostBodyTooLarge")).await;
    check("json", with("content-type", "application/json"), (415, "InvalidContentType")).await;
    check("bad span", with("x-log-sidetail-span", "v1;1;2-3"), (400, "ParameterInvalid")).await;
    let mut unsized_body = lz4.parts();
    unsized_body.headers.remove("x-log-bodyrawsize");
    check("no size", unsized_body, (400, "MissingBodyRawSize")).await;

    let mut writer = LogGroupWriter::new();
    writer.log(1, None, [(b"good".as_slice(), b"1".as_slice())].into_iter());
    writer.log(2, None, [(b"".as_slice(), b"1".as_slice())].into_iter());
    check("no key", put(writer.take()).parts(), (400, "InvalidKey")).await;
    writer.log(1, Some(1_000_000_000), [(b"a".as_slice(), b"1".as_slice())].into_iter());
    check("nanos", put(writer.take()).parts(), (400, "InvalidTimestamp")).await;
    writer.log(1, None, [(b"\xff".as_slice(), b"1".as_slice())].into_iter());
    check("no text", put(writer.take()).parts(), (400, "InvalidEncoding")).await;

    let missing = PutLogs { logstore: "nope".into(), ..lz4.clone() };
    assert_eq!(server.refused("prj", &missing).await, code(404, "LogStoreNotExist"));
    assert_eq!(server.refused("nope", &lz4).await, code(404, "ProjectNotExist"));
    assert_eq!(server.rows().await, []);
    server.ok("prj", &lz4).await;
    assert_eq!(messages(&server.rows().await), ["must not be stored"]);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_after_it_was_read() {
    let server = Server::with(&["--max-body-bytes", "100000"]).await.with_logstore().await;
    let large = "x".repeat(100_001);
    let plain = put(group(&[&large]));
    assert_eq!(server.refused("prj", &plain).await, code(400, "PostBodyTooLarge"));
    // Compressed it is small; what counts is what it would become.
    let lz4 = compressed(Compression::Lz4, &group(&[&large]));
    assert!(lz4.body.len() < 2000);
    assert_eq!(server.refused("prj", &lz4).await, code(400, "PostBodyTooLarge"));
    // Far over what the socket buffers hold: the client must still read the reason.
    let huge = put(group(&[&"x".repeat(20 << 20)]));
    assert_eq!(server.refused("prj", &huge).await, code(400, "PostBodyTooLarge"));
    assert_eq!(server.rows().await, []);
    let fits = "x".repeat(99_000);
    server.ok("prj", &put(group(&[&fits]))).await;
    assert_eq!(server.rows().await.len(), 1);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_outside_the_window_are_refused_when_asked_for() {
    let server = Server::with(&["--log-time-window"]).await.with_logstore().await;
    let refused = server.refused("prj", &put(group(&["of 2023"]))).await;
    assert_eq!(refused, code(400, "PostBodyInvalid"));
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logstore_may_record_who_sent_and_when() {
    let server = Server::start().await.with_logstore().await;
    let fields = LogstoreFields { append_meta: Some(true), ..LogstoreFields::default() };
    server.ok("prj", &UpdateLogstore { logstore: "app".into(), fields }).await;
    server.ok("prj", &put(group(&["a"]))).await;
    let check = |rows: &[sls::api::get_logs::Row]| {
        assert_eq!(rows[0].get("__tag__:__client_ip__"), Some("127.0.0.1"));
        let received = rows[0].get("__tag__:__receive_time__").expect("a tag");
        received.parse::<i64>().expect("seconds")
    };
    let received = check(&server.rows().await);
    let server = server.restart().await;
    assert_eq!(check(&server.rows().await), received, "recovered, not made anew");
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_may_say_which_bytes_of_which_file_it_holds() {
    let server = Server::start().await.with_logstore().await;
    let span = Some(FileSpan { file: 7, start: 0, end: 100 });
    server.ok("prj", &PutLogs { span, ..put(group(&["a"])) }).await;
    assert_eq!(server.rows().await.len(), 1);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_group_is_taken_and_stores_nothing() {
    let server = Server::start().await.with_logstore().await;
    server.ok("prj", &put(LogGroupWriter::new().take())).await;
    let parts = Parts::new(Method::POST, "/logstores/app/shards/lb");
    assert_eq!(server.answer(Some("prj"), parts).await.status, 200);
    assert_eq!(server.rows().await, []);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_at_once_lose_nothing() {
    let server = std::sync::Arc::new(Server::start().await.with_logstore().await);
    let writers = (0..8).map(|writer| {
        let server = std::sync::Arc::clone(&server);
        tokio::spawn(async move {
            for write in 0..10 {
                let message = format!("{writer}-{write}");
                server.ok("prj", &compressed(Compression::Lz4, &group(&[&message]))).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic");
    }
    let rows = server.rows().await;
    let mut found = messages(&rows);
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 80);
}
