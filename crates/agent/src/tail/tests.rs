//! The collector over real files in a temporary directory, with a clock that only tests move.

use super::*;
use crate::files::{RealFiles, Unpacking};
use sls::collect::{RawCollectConfig, Target, check};
use sls::log_group::LogGroup;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::sync::Mutex;

type Shipped = Arc<Mutex<Vec<Parcel>>>;

pub(super) struct ToTest(Shipped);

impl Ship for ToTest {
    fn ship(&mut self, parcel: Parcel) {
        self.0.lock().unwrap().push(parcel);
    }
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

fn plan(dir: &std::path::Path, name: &str, pattern: &str) -> Plan {
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
    let setup = Setup {
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
    };
    Collector::new(Unpacking::new(RealFiles), ToTest(Arc::clone(shipped)), setup, now)
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
            self.collector.delivered(Delivery::Finished { key, start, released: 0, account });
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
}

#[test]
fn appended_lines_arrive_once() {
    let mut bench = Bench::new("a.log");
    assert_eq!(bench.lines(), Vec::<String>::new());
    bench.append("a.log", "1\n2\n");
    bench.append("b.log", "other\n");
    assert_eq!(bench.lines(), ["1", "2"]);
    bench.append("a.log", "3\nunfin");
    assert_eq!(bench.lines(), ["3"]);
    bench.append("a.log", "ished\n");
    assert_eq!(bench.lines(), ["unfinished"]);
}

#[test]
fn a_line_without_its_end_is_taken_after_the_timeout() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\nrest");
    assert_eq!(bench.lines(), ["1"]);
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.lines(), ["rest"]);
    bench.append("a.log", "\n2\n");
    assert_eq!(bench.lines(), ["2"], "the newline that came late is no empty line");
}

#[test]
fn a_renamed_file_that_matches_is_not_read_again() {
    let mut bench = Bench::new("a.log*");
    for round in 0..4 {
        bench.append("a.log", &format!("{round}\n"));
        assert_eq!(bench.lines(), [round.to_string()]);
        if round == 1 {
            bench.rename("a.log.1", "a.log.2");
        }
        if round < 2 {
            bench.rename("a.log", "a.log.1");
        }
    }
}

#[test]
fn a_truncated_file_is_read_from_the_start() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "one long line\nanother\n");
    assert_eq!(bench.lines().len(), 2);
    File::create(bench.path("a.log")).unwrap();
    bench.append("a.log", "new\n");
    assert_eq!(bench.lines(), ["new"]);
    bench.append("a.log", "newer\n");
    assert_eq!(bench.lines(), ["newer"]);
}

#[test]
fn a_file_that_grew_past_its_old_size_after_truncation_is_read_from_the_start() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "short\n");
    assert_eq!(bench.lines(), ["short"]);
    fs::write(bench.path("a.log"), "completely different and longer\nmore\n").unwrap();
    assert_eq!(bench.lines(), ["completely different and longer", "more"]);
}

#[test]
fn another_content_gets_another_id() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "one\n");
    bench.work();
    let (_, first) = bench.arrived();
    File::create(bench.path("a.log")).unwrap();
    bench.append("a.log", "2\n");
    // It is on record before it is sent.
    bench.work();
    bench.work();
    let (lines, second) = bench.arrived();
    assert_eq!(lines, ["2"]);
    assert_ne!(first[0].file, second[0].file);
    assert_eq!(first[0].lane, second[0].lane, "they still go one after the other");
    assert_eq!(second[0].batch.start, 0);
}

#[test]
fn a_deleted_file_is_read_to_its_end() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    let mut file = OpenOptions::new().append(true).open(bench.path("a.log")).unwrap();
    fs::remove_file(bench.path("a.log")).unwrap();
    file.write_all(b"2\n").unwrap();
    assert_eq!(bench.lines(), ["2"]);
    bench.append("a.log", "3\n");
    file.write_all(b"still here\n").unwrap();
    let mut lines = bench.lines();
    lines.sort();
    assert_eq!(lines, ["3", "still here"]);
    bench.pass(Duration::from_secs(120));
    bench.work();
    assert_eq!(bench.collector.tails.len(), 1, "the deleted one is closed");
}

#[test]
fn positions_move_only_behind_what_is_acknowledged() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n2\n");
    bench.work();
    let (_, first) = bench.arrived();
    bench.append("a.log", "3\n");
    bench.work();
    let (_, second) = bench.arrived();
    let offset = |bench: &mut Bench| bench.collector.positions(bench.now)[0].offset;
    assert_eq!(offset(&mut bench), 0);
    bench.acknowledge(second);
    assert_eq!(offset(&mut bench), 0);
    bench.acknowledge(first);
    assert_eq!(offset(&mut bench), 6);
}

#[test]
fn a_restart_goes_on_where_it_was_acknowledged() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n2\n");
    assert_eq!(bench.lines().len(), 2);
    bench.append("a.log", "3\n");
    bench.work();
    bench.kill();
    bench.append("a.log", "4\n");
    bench.work();
    let (lines, parcels) = bench.arrived();
    assert_eq!(lines, ["3", "4"]);
    assert_eq!(parcels[0].batch.start, 4, "the span is named as before");
}

#[test]
fn a_restart_sees_that_a_file_was_rewritten_meanwhile() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "first\n");
    assert_eq!(bench.lines(), ["first"]);
    fs::write(bench.path("a.log"), "fresh and long\n").unwrap();
    bench.kill();
    assert_eq!(bench.lines(), ["fresh and long"]);
}

#[test]
fn a_late_newline_is_swallowed_after_a_restart_too() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "rest");
    bench.lines();
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.lines(), ["rest"]);
    bench.kill();
    bench.append("a.log", "\n2\n");
    assert_eq!(bench.lines(), ["2"]);
}

#[test]
fn without_room_nothing_is_read_and_nothing_is_lost() {
    let mut bench = Bench::with_budget("a.log", 1 << 20);
    let line = "x".repeat(1023);
    let text = format!("{line}\n").repeat(4096);
    bench.append("a.log", &text);
    bench.pass(Duration::from_secs(1));
    while bench.collector.turn(bench.now) == Turn::More {}
    assert!(matches!(bench.collector.turn(bench.now), Turn::NoRoom { .. }));
    let used = bench.collector.budget.used_bytes();
    assert!(used <= (1 << 20) + READ_BYTES, "{used}");
    let mut found = 0;
    while found < 4096 {
        let (lines, parcels) = bench.arrived();
        assert!(!lines.is_empty(), "an acknowledgement makes room");
        found += lines.len();
        bench.acknowledge(parcels);
        bench.work();
    }
    assert_eq!(found, 4096);
    let (lines, parcels) = bench.arrived();
    assert_eq!(lines.len(), 0);
    bench.acknowledge(parcels);
    assert_eq!(bench.collector.budget.used_bytes(), 0);
}

#[test]
fn a_configuration_whose_batches_are_stuck_does_not_stop_the_others() {
    let mut bench = Bench::with_budget("a.log", 2 << 20);
    bench.plans.push(plan(bench.dir.path(), "c2", "b.log"));
    bench.configure();
    let text = format!("{}\n", "x".repeat(1023)).repeat(8192);
    bench.append("b.log", &text);
    // Batches of b.log are never acknowledged.
    bench.work();
    let (lines, stuck) = bench.arrived();
    assert!(!lines.is_empty() && lines.len() < 8192, "{}", lines.len());
    bench.append("a.log", &text);
    let mut found = 0;
    for _ in 0..100 {
        bench.work();
        let (lines, parcels) = bench.arrived();
        assert!(parcels.iter().all(|parcel| parcel.account != stuck[0].account));
        found += lines.len();
        bench.acknowledge(parcels);
    }
    assert_eq!(found, 8192);
    bench.acknowledge(stuck);
    assert!(!bench.lines().is_empty(), "and it goes on when it is not stuck any more");
}

#[test]
fn a_line_over_the_limit_comes_in_pieces_and_the_rest_goes_on() {
    let mut bench = Bench::new("a.log");
    let long = "y".repeat(MAX_LINE_BYTES + 10);
    bench.append("a.log", &format!("1\n{long}\n2\n"));
    let lines = bench.lines();
    let lengths: Vec<usize> = lines.iter().map(String::len).collect();
    assert_eq!(lengths, [1, MAX_LINE_BYTES, 10, 1]);
}

#[test]
fn a_large_backlog_does_not_keep_a_quiet_file_waiting() {
    let mut bench = Bench::new("*.log");
    bench.append("big.log", &"z".repeat(99).add_newlines(40_000));
    bench.append("small.log", "quiet\n");
    bench.pass(Duration::from_secs(1));
    for _ in 0..2 {
        bench.collector.turn(bench.now);
    }
    bench.pass(Duration::from_secs(1));
    bench.collector.turn(bench.now);
    let (lines, _) = bench.arrived();
    assert!(lines.contains(&"quiet".to_owned()));
    assert!(lines.len() < 40_000, "the backlog is not over yet");
}

trait AddNewlines {
    fn add_newlines(&self, times: usize) -> String;
}

impl AddNewlines for String {
    fn add_newlines(&self, times: usize) -> String {
        format!("{self}\n").repeat(times)
    }
}

#[test]
fn an_old_file_is_read_from_near_its_end_once_it_changes() {
    let mut bench = Bench::new("old.log");
    let line = "o".repeat(99);
    fs::write(bench.path("old.log"), line.add_newlines(20_000)).unwrap();
    let old = std::time::SystemTime::now() - Duration::from_secs(7200);
    bench.now.wall_nanos += 7_200_000_000_000;
    let file = File::options().write(true).open(bench.path("old.log")).unwrap();
    file.set_modified(old).unwrap();
    bench.plans[0].name = "again".to_owned();
    let now = bench.now;
    bench.collector = collector(&bench.shipped, now, 64 << 20, Vec::new());
    bench.configure();
    assert_eq!(bench.lines().len(), 0, "it is old and does not change");
    bench.append("old.log", "new\n");
    let lines = bench.lines();
    assert_eq!(lines.last().unwrap(), "new");
    assert_eq!(lines.len(), 1024 * 1024 / 100 + 1, "one MiB, from the next line start on");
    assert!(lines[0].len() == 99);
}

#[test]
fn a_new_plan_keeps_the_position() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.append("a.log", "2\n");
    bench.plans[0].destinations[0].logstore = "other".into();
    bench.configure();
    bench.work();
    let (lines, parcels) = bench.arrived();
    assert_eq!(lines, ["2"]);
    assert_eq!(parcels[0].destinations[0].logstore, "other");
}

#[test]
fn a_renamed_configuration_keeps_the_position() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.plans[0].name = "c2".into();
    bench.append("a.log", "2\n");
    bench.configure();
    assert_eq!(bench.lines(), ["2"]);
    bench.kill();
    bench.append("a.log", "3\n");
    assert_eq!(bench.lines(), ["3"]);
}

#[test]
fn a_removed_configuration_stops_and_goes_on_when_it_comes_back() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    let plans = std::mem::take(&mut bench.plans);
    bench.configure();
    bench.append("a.log", "2\n");
    assert_eq!(bench.lines().len(), 0);
    bench.plans = plans;
    bench.configure();
    assert_eq!(bench.lines(), ["2"]);
}

#[test]
fn directories_and_links_are_followed() {
    let mut bench = Bench::new("a.log");
    fs::create_dir_all(bench.path("x/y")).unwrap();
    bench.append("x/y/a.log", "deep\n");
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("a.log"), "linked\n").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), bench.path("link")).unwrap();
    std::os::unix::fs::symlink(bench.dir.path(), bench.path("x/circle")).unwrap();
    let mut lines = bench.lines();
    lines.sort();
    assert_eq!(lines, ["deep", "linked"]);
}

#[test]
fn a_drain_ends_when_everything_is_acknowledged() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\nrest");
    bench.work();
    bench.collector.drain(bench.now.clock + Duration::from_secs(25), bench.now);
    let (mut lines, mut parcels) = bench.arrived();
    for _ in 0..40 {
        bench.pass(Duration::from_millis(100));
        while bench.collector.turn(bench.now) == Turn::More {}
        assert_eq!(bench.collector.drained(bench.now), None, "nothing is acknowledged yet");
        let (more, new) = bench.arrived();
        lines.extend(more);
        parcels.extend(new);
    }
    assert_eq!(lines, ["1", "rest"]);
    bench.acknowledge(parcels);
    bench.collector.turn(bench.now);
    assert_eq!(bench.collector.drained(bench.now), Some(Report::default()));
    assert_eq!(bench.collector.positions(bench.now)[0].offset, 6);
}

#[test]
fn a_drain_does_not_wait_for_what_may_come_into_an_empty_successor() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    fs::rename(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    bench.append("a.log", "");
    assert_eq!(bench.lines().len(), 0);
    bench.collector.drain(bench.now.clock + Duration::from_secs(600), bench.now);
    let is_over = (0..100).any(|_| {
        bench.pass(Duration::from_millis(100));
        bench.lines();
        bench.collector.drained(bench.now) == Some(Report::default())
    });
    assert!(is_over);
}

#[test]
fn a_drain_that_takes_too_long_says_what_is_left() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n2\n");
    bench.work();
    bench.collector.drain(bench.now.clock + Duration::from_secs(5), bench.now);
    bench.pass(Duration::from_secs(5));
    while bench.collector.turn(bench.now) == Turn::More {}
    let left = Report { left_bytes: 4, left_files: 1 };
    assert_eq!(bench.collector.drained(bench.now), Some(left));
}

#[test]
fn a_notice_is_quicker_than_the_scan() {
    let mut bench = Bench::new("a.log");
    bench.lines();
    bench.append("a.log", "1\n");
    let path = bench.path("a.log");
    let noticed = |bench: &mut Bench, notice: Notice| {
        bench.collector.notice(notice, bench.now);
        while bench.collector.turn(bench.now) == Turn::More {}
        bench.collector.seal_all();
        let (lines, parcels) = bench.arrived();
        bench.acknowledge(parcels);
        lines
    };
    assert_eq!(noticed(&mut bench, Notice::Appeared(path.clone())), ["1"]);
    bench.append("a.log", "2\n");
    assert_eq!(noticed(&mut bench, Notice::Touched(path.clone())), ["2"]);
    bench.append("a.log", "3\n");
    bench.rename("a.log", "a.log.1");
    let to = bench.path("a.log.1");
    let renamed = Notice::Renamed { from: path.clone(), to: to.clone() };
    assert_eq!(noticed(&mut bench, renamed), ["3"]);
    // Created and renamed before anyone looked.
    bench.append("a.log", "4\n");
    bench.rename("a.log", "a.log.2");
    let renamed = Notice::Renamed { from: path.clone(), to: bench.path("a.log.2") };
    bench.work();
    assert_eq!(noticed(&mut bench, renamed), ["4"]);
}

#[test]
fn a_drain_waits_until_it_is_known_what_to_collect() {
    let mut bench = Bench::new("a.log");
    let now = bench.now;
    bench.collector = collector(&bench.shipped, now, 64 << 20, Vec::new());
    bench.append("a.log", "1\n");
    bench.collector.drain(bench.now.clock + Duration::from_secs(25), bench.now);
    bench.work();
    bench.work();
    assert_eq!(bench.collector.drained(bench.now), None);
    bench.configure();
    bench.collector.configured();
    assert_eq!(bench.lines(), ["1"]);
    bench.work();
    assert_eq!(bench.collector.drained(bench.now), Some(Report::default()));
}

#[test]
fn the_ledger_says_what_is_seen_read_and_acknowledged() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n2\n");
    bench.work();
    let (_, first) = bench.arrived();
    bench.append("a.log", "3\nrest");
    bench.work();
    let (_, second) = bench.arrived();
    bench.acknowledge(second);
    let ledger = bench.collector.ledger();
    let [account] = &ledger[..] else { panic!("{ledger:?}") };
    assert_eq!((account.seen_bytes, account.read_bytes), (10, 6));
    assert_eq!(format!("{:?}", account.acked), "[4..6]");
    assert_eq!((account.phase, account.generation), (LedgerPhase::Following, 0));
    bench.acknowledge(first);
    assert_eq!(format!("{:?}", bench.collector.ledger()[0].acked), "[0..6]");
}

#[test]
fn the_ledger_keeps_what_a_truncation_may_have_taken() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n2\nunread");
    bench.lines();
    File::create(bench.path("a.log")).unwrap();
    bench.append("a.log", "3\n");
    assert_eq!(bench.lines(), ["3"]);
    let ledger = bench.collector.ledger();
    let [old, new] = &ledger[..] else { panic!("{ledger:?}") };
    assert_eq!(old.phase, LedgerPhase::Over);
    assert_eq!(format!("{:?}", old.possibly_lost), "[4..10]");
    assert_eq!((new.generation, new.possibly_lost.len()), (1, 0));
    assert_eq!(bench.collector.setup.metrics.lost_possible_bytes.get(), 6);
}

#[test]
fn more_files_than_descriptors_are_followed() {
    let mut bench = Bench::new("*.log");
    bench.collector.setup.max_open_files = 4;
    let mut names = Vec::new();
    for round in 0..3 {
        for file in 0..20 {
            names.push(format!("{round}-{file}.log"));
        }
        // The old ones too, of which most have been closed for the new ones.
        for name in &names {
            bench.append(name, &format!("{round} {name}\n"));
        }
        let mut lines = bench.lines();
        lines.extend(bench.lines());
        assert_eq!(lines.len(), names.len(), "{lines:?}");
    }
    for file in 0..20 {
        bench.append(&format!("3-{file}.log"), "1\n");
    }
    assert_eq!(bench.lines().len(), 20);
    let open = bench.collector.tails.values().filter(|tail| tail.handle.is_some()).count();
    assert!(open < names.len(), "{open} files are open");
}

#[test]
fn an_old_file_that_grows_by_more_than_its_tail_loses_nothing_new() {
    let mut bench = Bench::new("old.log");
    fs::write(bench.path("old.log"), "o".repeat(99).add_newlines(100)).unwrap();
    bench.plans[0].tail_bytes = Some(500);
    let file = File::options().write(true).open(bench.path("old.log")).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(36_000)).unwrap();
    let mut now = bench.now;
    now.wall_nanos += 7_200_000_000_000;
    bench.collector = collector(&bench.shipped, now, 64 << 20, Vec::new());
    bench.collector.setup.read_whole_after_nanos = now.wall_nanos;
    bench.now = now;
    bench.configure();
    assert_eq!(bench.lines().len(), 0, "it sleeps");
    // An edit of the configuration does not wake it.
    bench.configure();
    assert_eq!(bench.lines().len(), 0);
    bench.append("old.log", &"n".repeat(99).add_newlines(50));
    let lines = bench.lines();
    assert_eq!(lines.iter().filter(|line| line.starts_with('n')).count(), 50);
}

#[test]
fn a_rest_as_long_as_the_one_before_waits_for_its_own_end() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\nabc");
    assert_eq!(bench.lines(), ["1"]);
    bench.pass(Duration::from_secs(60));
    bench.append("a.log", "d\nxyz");
    assert_eq!(bench.lines(), ["abcd"]);
}

#[test]
fn a_name_from_a_part_of_a_line_is_on_record_before_it_is_used() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "part");
    assert_eq!(bench.lines().len(), 0);
    bench.pass(Duration::from_secs(60));
    while bench.collector.turn(bench.now) == Turn::More {}
    assert_eq!(bench.arrived().0.len(), 0);
    assert_eq!(bench.collector.unsaved(), Unsaved::Files);
    let recorded = bench.collector.positions(bench.now)[0].file;
    bench.kill();
    bench.append("a.log", "ly\n");
    bench.work();
    let (lines, parcels) = bench.arrived();
    assert_eq!(lines, ["partly"]);
    assert_eq!(parcels[0].file, recorded);
}

#[test]
fn what_stands_beside_a_path_that_cannot_be_looked_at_is_not_taken_for_its_past() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    std::thread::sleep(Duration::from_millis(20));
    fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    fs::rename(bench.path("a.log"), bench.path("kept")).unwrap();
    std::os::unix::fs::symlink("a.log", bench.path("a.log")).unwrap();
    bench.kill();
    assert_eq!(bench.lines().len(), 0);
    fs::remove_file(bench.path("a.log")).unwrap();
    fs::rename(bench.path("kept"), bench.path("a.log")).unwrap();
    bench.append("a.log", "2\n");
    assert_eq!(bench.lines(), ["2"]);
}
