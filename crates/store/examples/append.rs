//! Measures appends on a real disk: groups of nginx-like lines from a number of senders, each
//! waiting for its answer before it sends the next.
//!
//! ```sh
//! cargo run -p store --example append -- DIR [SECONDS] [ROWS_PER_GROUP]
//! ```
//!
//! One line for each number of senders, then what flushing and reading cost. The payload is the
//! text of the rows, uncompressed; the directory must not exist.
#![allow(clippy::print_stdout, reason = "the measurement is the output")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use store::disk::RealDisk;
use store::{
    Append, AppendError, Batch, BatchBuilder, Decode, Engine, EngineSettings, StoreId, TimeRange,
};

const STORE: StoreId = StoreId(1);

/// The payloads of this program are never decoded: the directory is new.
struct NoDecode;

impl Decode for NoDecode {
    fn decode(&self, _payload: &[u8]) -> Result<Batch, String> {
        Err("this directory holds measurements only".to_owned())
    }
}

/// Rows and their text; `salt` makes the request ids differ.
fn group(rows: usize, salt: u64) -> (Vec<u8>, Batch) {
    let mut builder = BatchBuilder::new();
    builder.topic("nginx").source("10.0.0.7").tag("_pod_name_", "web-1").tag("_namespace_", "shop");
    let mut payload = Vec::new();
    let mut random = salt.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for row in 0..rows {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let id = format!("{random:016x}{:016x}", random.rotate_left(23));
        let path = format!("/api/v1/items/{}", random % 5000);
        let status = ["200", "200", "200", "304", "404", "500"][(random >> 20) as usize % 6];
        let time = format!("{}.{:03}", random % 3, random % 997);
        let fields = [
            ("remote_addr", "172.16.4.21"),
            ("request_method", "GET"),
            ("request_uri", path.as_str()),
            ("status", status),
            ("body_bytes_sent", &time[2..]),
            ("request_time", time.as_str()),
            (
                "http_user_agent",
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
            ),
            ("request_id", id.as_str()),
        ];
        builder.begin_row(1_700_000_000_000_000_000 + row as i64 * 1_000_000);
        for (key, value) in fields {
            builder.field(key, value);
            payload.extend_from_slice(value.as_bytes());
            payload.push(b' ');
        }
    }
    (payload, builder.finish())
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().expect("the first argument is a new directory"));
    let seconds = arguments.next().map_or(5, |text| text.parse().expect("seconds"));
    let rows = arguments.next().map_or(1000, |text| text.parse().expect("rows per group"));
    assert!(!dir.exists(), "{} exists: measurements start empty", dir.display());
    let settings = EngineSettings::default();
    let opened = Engine::open(Arc::new(RealDisk), &dir, settings, Arc::new(NoDecode));
    let engine = Arc::new(opened.expect("the directory is new").0);
    let templates: Arc<Vec<(Vec<u8>, Batch)>> =
        Arc::new((0..16).map(|salt| group(rows, salt)).collect());
    println!("group: {rows} rows, {} payload bytes", templates[0].0.len());

    let stop = Arc::new(AtomicBool::new(false));
    let maintainer = {
        let (engine, stop) = (engine.clone(), stop.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                if engine.wait_for_work(Duration::from_millis(100)) {
                    engine.maintain(0).expect("the disk works");
                }
            }
        })
    };
    for senders in [1, 4, 16, 64] {
        measure(&engine, &templates, senders, Duration::from_secs(seconds));
    }
    stop.store(true, Ordering::Relaxed);
    maintainer.join().expect("maintenance does not panic");

    engine.flush().expect("the disk works");
    let stats = engine.stats();
    println!(
        "segments: {} with {} rows, {:.1} MB for {:.1} MB of payload",
        stats.segments,
        stats.segment_rows,
        stats.segment_bytes as f64 / 1e6,
        stats.payload_bytes_total as f64 / 1e6,
    );
    let start = Instant::now();
    let pieces = engine.snapshot(STORE).pieces(TimeRange::ALL);
    let batches = pieces.iter().flat_map(|piece| piece.read_columns(&["__time__", "status"]));
    let read: usize = batches.map(|batch| batch.expect("segments are readable").num_rows()).sum();
    println!("read two columns of {read} rows: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
}

fn measure(
    engine: &Arc<Engine>,
    templates: &Arc<Vec<(Vec<u8>, Batch)>>,
    senders: usize,
    time: Duration,
) {
    let before = engine.stats();
    let start = Instant::now();
    let cpu = cpu_seconds();
    let workers: Vec<_> = (0..senders)
        .map(|sender| {
            let (engine, templates) = (engine.clone(), templates.clone());
            std::thread::spawn(move || {
                let mut latencies = Vec::new();
                for round in sender.. {
                    if start.elapsed() > time {
                        break;
                    }
                    let (payload, batch) = templates[round % templates.len()].clone();
                    let (done, answer) = mpsc::channel();
                    let sent = Instant::now();
                    let append = Append {
                        store: STORE,
                        shard: (sender % 2) as u16,
                        received_nanos: 1,
                        origin: None,
                        payload,
                        batch,
                    };
                    engine.append(append, Box::new(move |result| drop(done.send(result))));
                    match answer.recv().expect("every append is answered") {
                        Ok(_) => latencies.push(sent.elapsed()),
                        Err(AppendError::Busy { .. }) => {
                            std::thread::sleep(Duration::from_millis(5))
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                latencies
            })
        })
        .collect();
    let mut latencies: Vec<Duration> = workers
        .into_iter()
        .flat_map(|worker| worker.join().expect("senders do not panic"))
        .collect();
    let wall = start.elapsed().as_secs_f64();
    let cpu = cpu_seconds() - cpu;
    latencies.sort_unstable();
    let at =
        |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let after = engine.stats();
    let groups = after.groups_total - before.groups_total;
    let megabytes = (after.payload_bytes_total - before.payload_bytes_total) as f64 / 1e6;
    println!(
        "{senders:2} senders: {:8.0} groups/s {:7.1} MB/s {:6.1} MB/CPU-s, {:5.1} groups/sync, ack p50 {:.2} p95 {:.2} p99 {:.2} ms, busy {}",
        groups as f64 / wall,
        megabytes / wall,
        megabytes / cpu,
        groups as f64 / (after.syncs_total - before.syncs_total).max(1) as f64,
        at(0.5),
        at(0.95),
        at(0.99),
        after.busy_total - before.busy_total,
    );
}

/// Processor time of this process, flushing included.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
