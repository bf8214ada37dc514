//! How fast a search scans: megabytes of text for each second of processor time.
//!
//! `cargo run --release -p query --example scan -- [rows]` makes nginx access lines with the ten
//! fields of the usual pattern, keeps them in an engine (on a simulated disk, so that nothing but
//! the scan is measured), and counts what several queries find, first over rows in memory, then
//! over segments. Bytes are those of the text that was looked at.
#![allow(clippy::print_stdout)] // the table is the data

use std::path::Path;
use std::sync::{Arc, mpsc};

use query::{
    Exec, IndexRules, KeyKind, KeyRule, Limits, LineRule, LocalExec, Request, TextRule, parse,
};
use rustix::time::{ClockId, clock_gettime};
use store::disk::SimDisk;
use store::{Append, Batch, BatchBuilder, Decode, Engine, EngineSettings, StoreId, TimeRange};

const STORE: StoreId = StoreId(1);
const NANOS: i64 = 1_000_000_000;
const GROUP_ROWS: u64 = 1000;

/// Queries, and whether the whole range is counted or one page is searched newest first.
const QUERIES: [(&str, bool); 14] = [
    ("*", true),
    ("Mozilla", true),
    ("absent", true),
    ("10.0.0.17", true),
    ("gzip*", true),
    (r#""GET /api""#, true),
    ("error or timeout or refused", true),
    ("request:checkout", true),
    ("status:500", true),
    ("status >= 500 and request_time > 1", true),
    (r##"request:#"GET /api/v1""##, true),
    ("not agent:mozilla", true),
    ("checkout", false),
    ("absent", false),
];

struct NoPayload;

impl Decode for NoPayload {
    fn decode(&self, _payload: &[u8]) -> Result<Batch, String> {
        Ok(Batch::default())
    }
}

fn main() {
    let rows = std::env::args().nth(1).and_then(|rows| rows.parse().ok()).unwrap_or(400_000);
    let settings = EngineSettings {
        flush_store_bytes: usize::MAX,
        flush_node_bytes: usize::MAX,
        memory_bytes: usize::MAX,
        ..EngineSettings::default()
    };
    let disk = Arc::new(SimDisk::new());
    let (engine, _) = Engine::open(disk, Path::new("data"), settings, Arc::new(NoPayload))
        .expect("an empty disk opens");
    fill(&engine, rows);

    println!(
        "{:<10} {:<42} {:>9} {:>8} {:>8} {:>8}",
        "where", "query", "found", "MB", "ms", "MB/s"
    );
    for place in ["memory", "segments"] {
        // The first reader of rows in memory puts them into columns; that is not the scan.
        measure(&engine, "*", true);
        for (query, counts) in QUERIES {
            let runs = (0..3).map(|_| measure(&engine, query, counts));
            let best = runs.min_by(|a, b| a.cpu_secs.total_cmp(&b.cpu_secs)).expect("three runs");
            let megabytes = best.bytes as f64 / 1e6;
            println!(
                "{place:<10} {:<42} {:>9} {megabytes:>8.1} {:>8.2} {:>8.0}",
                if counts { query.to_owned() } else { format!("{query} (newest 100)") },
                best.found,
                best.cpu_secs * 1e3,
                megabytes / best.cpu_secs,
            );
        }
        engine.flush().expect("the simulated disk is well");
    }
}

struct Measured {
    found: u64,
    bytes: u64,
    cpu_secs: f64,
}

fn measure(engine: &Engine, query: &str, counts: bool) -> Measured {
    let range = TimeRange { from_nanos: 0, to_nanos: i64::MAX };
    let statement = parse(query).expect("the queries above are right");
    let request = Request { reverse: true, ..Request::new(statement, range) };
    let snapshot = engine.snapshot(STORE);
    let (rules, limits) = (rules(), Limits::none());
    let start = cpu_secs();
    let (found, bytes) = if counts {
        let histogram = LocalExec.histogram(&snapshot, &rules, &request, &limits);
        let histogram = histogram.expect("the queries above fit the index");
        (histogram.count, histogram.processed_bytes)
    } else {
        let page = LocalExec.search(&snapshot, &rules, &request, &limits);
        let page = page.expect("the queries above fit the index");
        (page.rows.len() as u64, page.processed_bytes)
    };
    Measured { found, bytes, cpu_secs: cpu_secs() - start }
}

/// Processor time of this thread.
fn cpu_secs() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn rules() -> IndexRules {
    let text = TextRule::with_default_delimiters();
    let keys = [
        ("request", KeyKind::Text(text.clone())),
        ("agent", KeyKind::Text(text.clone())),
        ("status", KeyKind::Long),
        ("request_time", KeyKind::Double),
    ];
    IndexRules {
        line: Some(LineRule { text, ..LineRule::default() }),
        keys: keys.into_iter().map(|(name, kind)| (name.into(), KeyRule::new(kind))).collect(),
    }
}

fn fill(engine: &Engine, rows: u64) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut time = 1_700_000_000 * NANOS;
    for _ in 0..rows.div_ceil(GROUP_ROWS) {
        let mut group = BatchBuilder::new();
        group.topic("nginx_access_log").source("10.0.0.7").tag("_pod_name_", "web-5f7c9d-x2k");
        for _ in 0..GROUP_ROWS {
            time += random.below(20_000_000) as i64;
            line(&mut group, time, &mut random);
        }
        let append = Append {
            store: STORE,
            shard: 0,
            received_nanos: time,
            origin: None,
            payload: vec![],
            batch: group.finish(),
        };
        let (done, answer) = mpsc::channel();
        engine.append(append, Box::new(move |result| done.send(result).expect("main waits")));
        answer.recv().expect("every append is answered").expect("the simulated disk is well");
    }
}

/// One access line of about 290 bytes.
fn line(group: &mut BatchBuilder, time: i64, random: &mut Random) {
    const PATHS: [&str; 8] = [
        "/",
        "/api/v1/orders",
        "/api/v1/cart",
        "/checkout",
        "/static/app.js",
        "/img/logo.png",
        "/login",
        "/api/v2/search",
    ];
    const AGENTS: [&str; 4] = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/126.0.0.0 Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, \
         like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
        "curl/8.5.0",
        "kube-probe/1.29",
    ];
    let path = PATHS[random.below(8) as usize];
    let status = ["200", "200", "200", "200", "304", "404", "500", "302"][random.below(8) as usize];
    group
        .begin_row(time)
        .field("remote_addr", &format!("10.0.{}.{}", random.below(4), random.below(250)))
        .field("remote_user", "-")
        .field(
            "time_local",
            &format!("22/Nov/2026:10:{:02}:{:02} +0800", time / NANOS / 60 % 60, time / NANOS % 60),
        )
        .field(
            "request",
            &format!("GET {path}?id={:x}&page={} HTTP/1.1", random.next(), random.below(50)),
        )
        .field("status", status)
        .field("body_bytes_sent", &random.below(100_000).to_string())
        .field("request_time", &format!("0.{:03}", random.below(1000)))
        .field("referer", "https://shop.example.com/catalogue/list")
        .field("agent", AGENTS[random.below(4) as usize])
        .field("request_id", &format!("{:016x}{:016x}", random.next(), random.next()));
}

/// A small generator of the same numbers each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
