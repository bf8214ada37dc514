//! The service is away while an application goes on writing: what the agent holds meanwhile, and
//! how fast it catches up. Half of the time connections are refused, half of it they are taken and
//! nothing is answered.

use super::measure::usage;
use super::numbered::{self, LINE_BYTES};
use super::scenario::{Folder, Mode, Sink, Stand, config, finished};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use testkit::process::{Running, resident_bytes};

/// Lines that the application writes in a second: 5 MB.
const RATE: u64 = 20_000;
/// Its writes in a second.
const WRITES: u64 = 50;
/// Seconds before the outage.
const BEFORE: u64 = 10;
const LIMIT: Duration = Duration::from_secs(600);

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    /// Highest memory over the highest before the outage, while connections are refused.
    pub(super) refused_growth_bytes: i64,
    /// The same while nothing is answered.
    pub(super) silent_growth_bytes: i64,
    /// Highest memory of all, also while it catches up.
    pub(super) peak_rss_bytes: u64,
    pub(super) backlog_bytes: u64,
    /// From the return of the service to the first batch.
    pub(super) first_after_seconds: f64,
    /// Speed from the first to the last line of the backlog, over the speed of the application.
    pub(super) catch_up: f64,
    /// Lines that did not arrive.
    pub(super) lost: u64,
    /// Every line arrived once and in order.
    pub(super) verified: bool,
}

/// One outage of `seconds`.
pub(super) fn run(stand: &Stand, seconds: u64) -> Result<Outcome, String> {
    let fail = |error: std::io::Error| error.to_string();
    let logs = tempfile::tempdir().map_err(fail)?;
    let path = logs.path().join("app.log");
    let dir = Folder::new(config(&path, Mode::Simple))?;
    let (before, total) = (RATE * BEFORE, RATE * (BEFORE + seconds));
    let (sink, port) = numbered::sink(0..before, None)?;
    let agent = stand.start(&dir, &format!("http://127.0.0.1:{port}"), Sink::Sls)?;
    let rss_before = write(&path, 0..before, &agent).map_err(fail)?;
    // It ends with the last line, and nobody listens any more.
    let first = finished(sink)? == Some(before);
    let middle = before + (total - before) / 2;
    let rss_refused = write(&path, before..middle, &agent).map_err(fail)?;
    let silence = Silence::begin(port).map_err(fail)?;
    let rss_silent = write(&path, middle..total, &agent).map_err(fail)?;
    silence.end();
    let back = Instant::now();
    let (mut sink, _) = numbered::sink(before..total, Some(port))?;
    sink.wait_line("the first batch", LIMIT, |line| line.starts_with("begins").then_some(()))
        .map_err(|error| error.to_string())?;
    let (began, first_after) = (Instant::now(), back.elapsed());
    while sink.is_running() {
        if began.elapsed() > LIMIT {
            return Err(format!("no end after {LIMIT:?}:\n{}", agent.output().join("\n")));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = began.elapsed().as_secs_f64();
    let peak_rss_bytes = usage(agent.pid()).map_or(0, |usage| usage.peak_rss_bytes);
    let arrived = finished(sink)?;
    let ended = agent.terminate(LIMIT).map_err(|error| error.to_string())?;
    let backlog_bytes = (total - before) * LINE_BYTES;
    Ok(Outcome {
        refused_growth_bytes: rss_refused as i64 - rss_before as i64,
        silent_growth_bytes: rss_silent as i64 - rss_before as i64,
        peak_rss_bytes,
        backlog_bytes,
        first_after_seconds: first_after.as_secs_f64(),
        catch_up: backlog_bytes as f64 / took / (RATE * LINE_BYTES) as f64,
        lost: (total - before) - arrived.unwrap_or(0),
        verified: first && arrived == Some(total - before) && ended.status.success(),
    })
}

/// Writes at the speed of the application; gives the highest memory of the agent meanwhile.
fn write(path: &Path, numbers: Range<u64>, agent: &Running) -> std::io::Result<u64> {
    let (start, mut rss) = (Instant::now(), 0);
    let each = RATE / WRITES;
    for (number, first) in numbers.clone().step_by(each as usize).enumerate() {
        let due = start + Duration::from_micros(number as u64 * 1_000_000 / WRITES);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        numbered::append(path, first..(first + each).min(numbers.end))?;
        rss = rss.max(resident_bytes(agent.pid()).unwrap_or(0));
    }
    Ok(rss)
}

/// A service that takes connections and says nothing.
struct Silence {
    port: u16,
    is_over: Arc<AtomicBool>,
    listens: JoinHandle<()>,
}

impl Silence {
    fn begin(port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let listens = std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                if seen.load(Ordering::Relaxed) {
                    return;
                }
                held.push(stream);
            }
        });
        Ok(Self { port, is_over, listens })
    }

    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes it; should that fail, it is gone already.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.listens.join();
    }
}
