//! The collector over real files in a temporary directory, with a clock that only tests move.
//!
//! Here is the stage that all of them share; the tests themselves stand by subject.

mod appending;
mod budget;
mod configuration;
mod contents;
mod copies;
mod drain;
mod first_sight;
mod neighbours;
mod options;
mod order;
mod positions;

use super::*;
use crate::files::{RealFiles, Unpacking};
use sls::collect::{RawCollectConfig, Target, check};
use sls::log_group::LogGroup;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::Mutex;

pub(super) type Shipped = Arc<Mutex<Vec<Parcel>>>;

pub(super) struct ToTest(pub(super) Shipped);

impl Ship for ToTest {
    fn ship(&mut self, parcel: Parcel) {
        self.0.lock().unwrap().push(parcel);
    }

    fn route(&mut self, _: Vec<Route>) {}
}

/// A directory of logs, and a collector that is started and restarted over it.
pub(super) struct Bench {
    pub(super) dir: tempfile::TempDir,
    pub(super) collector: Collector<Unpacking<RealFiles>, ToTest>,
    shipped: Shipped,
    pub(super) now: Moment,
    pub(super) plans: Vec<Plan>,
    budget_bytes: usize,
}

pub(super) fn plan(dir: &std::path::Path, name: &str, pattern: &str) -> Plan {
    compiled(dir, name, pattern, "")
}

/// A plan with more `keys` in its `inputDetail`.
pub(super) fn compiled(dir: &std::path::Path, name: &str, pattern: &str, keys: &str) -> Plan {
    let text = format!(
        r#"{{"configName": "{name}", "inputType": "file",
            "inputDetail": {{"logType": "common_reg_log", "logPath": "{}", "filePattern": "{pattern}",
                "maxDepth": 3 {keys}}},
            "outputDetail": {{"projectName": "p", "logstoreName": "l"}}}}"#,
        dir.display()
    );
    let raw = RawCollectConfig::from_json(&text).unwrap();
    let checked = check(&raw, &Target::default());
    let config = checked.config.unwrap_or_else(|| panic!("{:?}", checked.problems));
    pipeline::plan::compile(&config, &jiff::tz::TimeZone::UTC).plan.unwrap()
}

fn collector(
    shipped: &Shipped,
    now: Moment,
    budget_bytes: usize,
    restored: Vec<Entry>,
) -> Collector<Unpacking<RealFiles>, ToTest> {
    let setup = setup(now, budget_bytes, restored);
    Collector::new(Unpacking::new(RealFiles), ToTest(Arc::clone(shipped)), setup, now)
}

pub(super) fn setup(now: Moment, budget_bytes: usize, restored: Vec<Entry>) -> Setup {
    Setup {
        limits: BatchLimits::default(),
        budget_bytes,
        read_bytes: READ_BYTES,
        max_open_files: MAX_OPEN_FILES,
        max_bytes_per_second: None,
        scan_every: Duration::from_secs(1),
        path_prefix: PathBuf::new(),
        labels: AgentLabels { hostname: "h".into(), ..AgentLabels::default() },
        read_whole_after_nanos: now.wall_nanos.saturating_sub(3_600_000_000_000),
        restored,
        metrics: Arc::new(Metrics::default()),
    }
}

impl Bench {
    pub(super) fn new(pattern: &str) -> Self {
        Self::with_budget(pattern, 64 << 20)
    }

    pub(super) fn with_budget(pattern: &str, budget_bytes: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let now = Moment { wall_nanos: wall.as_nanos() as u64, clock: Instant::now() };
        let shipped = Shipped::default();
        let plans = vec![plan(dir.path(), "c1", pattern)];
        let mut collector = collector(&shipped, now, budget_bytes, Vec::new());
        collector.configured();
        let mut bench = Self { dir, collector, shipped, now, plans, budget_bytes };
        bench.configure();
        bench
    }

    pub(super) fn configure(&mut self) {
        let running = self.plans.iter().map(|plan| plan.name.clone()).collect();
        self.collector.change(Change { running, plans: self.plans.clone() }, self.now);
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    pub(super) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Compresses a file as the rotation does: the original is gone.
    pub(super) fn pack(&self, name: &str) {
        let text = fs::read(self.path(name)).unwrap();
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(&text).unwrap();
        fs::write(self.path(&format!("{name}.gz")), writer.finish().unwrap()).unwrap();
        fs::remove_file(self.path(name)).unwrap();
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now.clock += time;
        self.now.wall_nanos += time.as_nanos() as u64;
    }

    /// Lets a second pass and works until there is nothing to do.
    pub(super) fn work(&mut self) {
        self.pass(Duration::from_secs(1));
        while self.collector.turn(self.now) == Turn::More {}
        if self.collector.unsaved() == Unsaved::Files {
            self.collector.positions(self.now);
            self.collector.saved(Saved::Yes);
        }
        self.pass(Duration::from_millis(400));
        while self.collector.turn(self.now) == Turn::More {}
    }

    /// Lines shipped since the last call, not acknowledged.
    pub(super) fn arrived(&mut self) -> (Vec<String>, Vec<Parcel>) {
        let parcels = std::mem::take(&mut *self.shipped.lock().unwrap());
        let mut lines = Vec::new();
        for parcel in &parcels {
            let group = LogGroup::parse(parcel.batch.group.as_bytes()).unwrap();
            for log in group.logs() {
                let (_, value) = log.contents().next().unwrap();
                lines.push(String::from_utf8_lossy(value).into_owned());
            }
        }
        (lines, parcels)
    }

    pub(super) fn acknowledge(&mut self, parcels: Vec<Parcel>) {
        for parcel in parcels {
            let Parcel { key, batch, charged, account, .. } = parcel;
            let (start, writer) = (batch.start, batch.group);
            self.collector.delivered(Delivery::Packed { released: charged, account, writer });
            self.collector.delivered(Delivery::Finished {
                key,
                start,
                released: 0,
                account,
                given_up: Vec::new(),
            });
        }
    }

    /// Works, and gives the lines that arrived, acknowledged.
    pub(super) fn lines(&mut self) -> Vec<String> {
        self.work();
        let (lines, parcels) = self.arrived();
        self.acknowledge(parcels);
        // What was waiting for room or for an acknowledgement.
        self.work();
        let (mut more, parcels) = self.arrived();
        self.acknowledge(parcels);
        let mut lines = lines;
        lines.append(&mut more);
        lines
    }

    /// The process is killed and started again with the positions that were safe.
    pub(super) fn kill(&mut self) {
        let positions = self.collector.positions(self.now);
        let decoded = crate::checkpoint::decode(&crate::checkpoint::encode(&positions)).unwrap();
        self.shipped.lock().unwrap().clear();
        self.collector = collector(&self.shipped, self.now, self.budget_bytes, decoded);
        self.configure();
    }
    /// Another collector, which knows nothing and was told nothing yet, begins at this time.
    fn begin_again(&mut self, now: Moment) {
        self.collector = collector(&self.shipped, now, self.budget_bytes, Vec::new());
    }
}

/// So many lines of this text.
fn lines_of(text: &str, times: usize) -> String {
    format!("{text}\n").repeat(times)
}
