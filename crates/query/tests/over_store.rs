//! Searches over a real engine: the same answers from rows in memory and from segments.

use std::path::Path;
use std::sync::{Arc, mpsc};

use query::{
    Exec, IndexRules, KeyKind, KeyRule, Limits, LineRule, LocalExec, Progress, Request, Row,
    TextRule, parse,
};
use store::disk::SimDisk;
use store::{Append, Batch, BatchBuilder, Decode, Engine, EngineSettings, StoreId, TimeRange};

const STORE: StoreId = StoreId(1);
const NANOS: i64 = 1_000_000_000;

/// Payloads are not looked at: nothing is recovered here.
struct NoPayload;

impl Decode for NoPayload {
    fn decode(&self, _payload: &[u8]) -> Result<Batch, String> {
        Ok(Batch::default())
    }
}

fn engine() -> Engine {
    let disk = Arc::new(SimDisk::new());
    let settings = EngineSettings::default();
    let (engine, _) = Engine::open(disk, Path::new("data"), settings, Arc::new(NoPayload))
        .expect("an empty disk opens");
    engine
}

fn append(engine: &Engine, shard: u16, batch: Batch) {
    let (done, answer) = mpsc::channel();
    let append =
        Append { store: STORE, shard, received_nanos: 0, origin: None, payload: vec![], batch };
    engine.append(append, Box::new(move |result| done.send(result).expect("someone waits")));
    answer.recv().expect("every append is answered").expect("the disk is well");
}

/// Three groups of lines, the second with a key written twice.
fn fill(engine: &Engine) {
    let mut first = BatchBuilder::new();
    first.topic("nginx").source("192.0.2.1").tag("_pod_name_", "web-1");
    first.begin_row(100 * NANOS).field("path", "/pay/a").field("status", "200");
    first.begin_row(103 * NANOS).field("path", "/pay/b").field("status", "500");
    append(engine, 0, first.finish());
    let mut second = BatchBuilder::new();
    second.topic("app").source("192.0.2.2").tag("_pod_name_", "web-2");
    second.begin_row(101 * NANOS).field("content", "Error: cannot pay").field("content", "twice");
    append(engine, 1, second.finish());
    let mut third = BatchBuilder::new();
    third.topic("nginx").source("192.0.2.1").tag("_pod_name_", "web-1");
    third.begin_row(102 * NANOS).field("status", "404").field("path", "/other");
    append(engine, 0, third.finish());
}

fn rules() -> IndexRules {
    let text = TextRule::with_default_delimiters();
    let keys = [("path", KeyKind::Text(text.clone())), ("status", KeyKind::Long)];
    IndexRules {
        line: Some(LineRule { text, ..LineRule::default() }),
        keys: keys.into_iter().map(|(name, kind)| (name.into(), KeyRule::new(kind))).collect(),
    }
}

fn request(query: &str) -> Request {
    let range = TimeRange { from_nanos: 90 * NANOS, to_nanos: 110 * NANOS };
    Request::new(parse(query).expect("a query"), range)
}

/// Checks the seconds of the rows a query finds, in memory and in segments.
fn check(query: &str, reverse: bool, seconds: &[i64]) {
    let engine = engine();
    fill(&engine);
    let request = Request { reverse, ..request(query) };
    for place in ["memory", "segments"] {
        let snapshot = engine.snapshot(STORE);
        let result = LocalExec
            .search(&snapshot, &rules(), &request, &Limits::none())
            .unwrap_or_else(|error| panic!("{query} in {place}: {error}"));
        let found: Vec<_> = result.rows.iter().map(|row| row.time_nanos / NANOS).collect();
        assert_eq!(found, seconds, "{query} in {place}");
        assert_eq!(result.progress, Progress::Complete);
        let histogram = LocalExec
            .histogram(&snapshot, &rules(), &request, &Limits::none())
            .unwrap_or_else(|error| panic!("{query} in {place}: {error}"));
        assert_eq!(histogram.count, seconds.len() as u64, "{query} in {place}");
        engine.flush().expect("the disk is well");
    }
    assert_eq!(engine.stats().memory_rows, 0, "the second round read segments");
}

#[test]
fn rows_in_memory_and_in_segments_give_the_same_answers() {
    check("*", false, &[100, 101, 102, 103]);
    check("*", true, &[103, 102, 101, 100]);
    check("pay", false, &[100, 101, 103]);
    check("path:pay", true, &[103, 100]);
    check("status >= 400", false, &[102, 103]);
    check("__tag__:_pod_name_:web-1 not status:200", false, &[102, 103]);
    check("twice and error", false, &[101]);
    check("web-2", false, &[101]);
    check("nothing", false, &[]);
}

#[test]
fn a_row_comes_back_with_its_keys_in_order_and_twice_where_written_twice() {
    let engine = engine();
    fill(&engine);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let expected = Row {
        time_nanos: 101 * NANOS,
        source: "192.0.2.2".into(),
        topic: "app".into(),
        tags: vec![pair("_pod_name_", "web-2")],
        fields: vec![pair("content", "Error: cannot pay"), pair("content", "twice")],
    };
    for _ in ["memory", "segments"] {
        let snapshot = engine.snapshot(STORE);
        let result = LocalExec
            .search(&snapshot, &rules(), &request("error"), &Limits::none())
            .expect("a page");
        assert_eq!(result.rows, std::slice::from_ref(&expected));
        engine.flush().expect("the disk is well");
    }
}

#[test]
fn a_store_nobody_wrote_to_is_empty() {
    let engine = engine();
    let snapshot = engine.snapshot(STORE);
    let result = LocalExec.search(&snapshot, &rules(), &request("*"), &Limits::none());
    assert!(result.is_ok_and(|it| it.rows.is_empty() && it.progress == Progress::Complete));
    let histogram = LocalExec.histogram(&snapshot, &rules(), &request("*"), &Limits::none());
    assert!(histogram.is_ok_and(|it| it.count == 0 && it.buckets.len() == 20));
}
