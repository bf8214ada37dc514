//! What a crash may take away: nothing that was acknowledged.
//!
//! Stories run over the simulated disk, the power goes at a chosen call, and the engine is opened
//! over what is left. What it must hold is known from what was sent and what was answered.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use store::disk::{Crash, Disk, SimDisk};
use store::{AppendError, Batch, DamagedLog, Decode, Engine, EngineSettings, Health, Seq, StoreId};
use support::{DIR, TextDecode, open, put, rows, send, values};

/// Small files and flushes, so that a short story has all of them.
fn settings() -> EngineSettings {
    EngineSettings { log_file_bytes: 4096, flush_store_bytes: 3000, ..EngineSettings::default() }
}

#[derive(Debug, Clone)]
enum Step {
    /// One group to each of these (store, shard), all sent before the first answer is awaited.
    Put(Vec<(u64, u16)>),
    Maintain,
    Flush,
    Close,
}

/// What was sent to each shard, in order, and how much of it was acknowledged.
#[derive(Debug, Clone, Default)]
struct Told {
    sent: BTreeMap<(StoreId, u16), Vec<String>>,
    acknowledged: BTreeMap<(StoreId, u16), BTreeMap<Seq, String>>,
}

impl Told {
    /// Plays the steps until they end or the engine takes no more.
    fn play(&mut self, engine: &Engine, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Put(targets) => {
                    let waits: Vec<_> = targets
                        .iter()
                        .map(|&(store, shard)| {
                            let shard_of = (StoreId(store), shard);
                            let sent = self.sent.entry(shard_of).or_default();
                            // Long enough that some groups do not fit into the rest of a file.
                            let value = format!(
                                "{store}/{shard}/{}/{}",
                                sent.len(),
                                "x".repeat(sent.len() * 97 % 700)
                            );
                            sent.push(value.clone());
                            (
                                shard_of,
                                value.clone(),
                                send(
                                    engine,
                                    StoreId(store),
                                    shard,
                                    1,
                                    &format!("5 k={value}\n6 other=1"),
                                ),
                            )
                        })
                        .collect();
                    for (shard_of, value, wait) in waits {
                        if let Ok(seq) = wait.recv().expect("every append is answered") {
                            let before =
                                self.acknowledged.entry(shard_of).or_default().insert(seq, value);
                            assert_eq!(
                                before, None,
                                "number {seq} of {shard_of:?} was used before"
                            );
                        }
                    }
                }
                // A failure shows in the answers of the appends that follow.
                Step::Maintain => drop(engine.maintain(0)),
                Step::Flush => drop(engine.flush()),
                Step::Close => engine.close(),
            }
        }
    }

    /// Compares with what an engine shows, and from then on counts all of that as acknowledged:
    /// it is durable now.
    fn check(&mut self, engine: &Engine, context: &str) {
        for (&(store, shard), sent) in &self.sent {
            let mut found = BTreeMap::new();
            for row in rows(&engine.snapshot(store)).into_iter().filter(|row| row.shard == shard) {
                let (key, value) = &row.fields[0];
                if key == "k" {
                    let before = found.insert(row.seq, value.clone());
                    assert_eq!(
                        before, None,
                        "{context}: {store} {shard} {} is there twice",
                        row.seq
                    );
                } else {
                    assert_eq!(row.offset, 1, "{context}: half a group");
                }
            }
            let acknowledged = self.acknowledged.entry((store, shard)).or_default();
            for (seq, value) in &*acknowledged {
                assert_eq!(found.get(seq), Some(value), "{context}: {store} {shard} {seq} is lost");
            }
            // Of what was not acknowledged any first part may have made it, in order.
            let late = found.iter().filter(|(seq, _)| !acknowledged.contains_key(seq));
            let mut unsure =
                sent.iter().filter(|value| !acknowledged.values().any(|known| known == *value));
            for (seq, value) in late {
                assert!(
                    unsure.any(|sent| sent == value),
                    "{context}: {store} {shard} {seq} was never sent, or later"
                );
            }
            *acknowledged = found;
        }
    }
}

fn reopen(disk: &SimDisk, context: &str) -> Engine {
    open(disk.clone(), DIR.as_ref(), settings())
        .unwrap_or_else(|error| panic!("{context}: {error}"))
        .0
}

/// Plays until the power goes at `cut`, then opens what is left, goes on, and crashes again.
fn play_with_power_cut(steps: &[Step], cut: u64, crashes: &[Crash]) {
    let disk = SimDisk::new();
    disk.cut_power_at(cut);
    let mut told = Told::default();
    if let Ok((engine, _)) = open(disk.clone(), DIR.as_ref(), settings()) {
        told.play(&engine, steps);
    }
    for &crash in crashes {
        let context = format!("cut at {cut}, {crash:?}");
        let mut told = told.clone();
        let left = disk.crash(crash);
        {
            let engine = reopen(&left, &context);
            told.check(&engine, &context);
            told.play(&engine, &steps[..steps.len().min(4)]);
            told.check(&engine, &context);
            // What it showed must be as durable as what it acknowledged.
            let engine = reopen(&left.crash(Crash::DropUnsynced), &context);
            told.check(&engine, &context);
        }
        let engine = reopen(&left, &context);
        told.check(&engine, &context);
    }
}

fn story() -> Vec<Step> {
    vec![
        Step::Put(vec![(1, 0)]),
        Step::Put(vec![(1, 0), (1, 1), (2, 0), (1, 0)]),
        Step::Flush,
        Step::Put(vec![(1, 1), (1, 1), (1, 1), (2, 3), (2, 3), (1, 0)]),
        Step::Put(vec![(1, 1); 8]),
        Step::Maintain,
        Step::Put(vec![(2, 0), (1, 0)]),
        Step::Flush,
        Step::Put(vec![(2, 0); 3]),
        Step::Close,
    ]
}

#[test]
fn a_power_cut_at_any_call_loses_nothing_that_was_acknowledged() {
    let whole = SimDisk::new();
    let engine = reopen(&whole, "whole");
    Told::default().play(&engine, &story());
    drop(engine);
    // Groups may split differently from run to run; a few calls more cover the difference.
    for cut in 1..=whole.calls() + 8 {
        // The two plain ways in turn: both are special cases of the random one.
        let plain = if cut % 2 == 0 { Crash::DropUnsynced } else { Crash::KeepAll };
        let crashes = [plain, Crash::Random(cut), Crash::Random(!cut)];
        play_with_power_cut(&story(), cut, &crashes);
    }
}

#[test]
fn a_power_cut_at_any_call_of_a_recovery_loses_nothing_either() {
    let first = SimDisk::new();
    let mut told = Told::default();
    told.play(&reopen(&first, "first"), &story()[..5]);
    for seed in 1..6 {
        let torn = first.crash(Crash::Random(seed));
        let mut told = told.clone();
        told.check(&reopen(&torn.crash(Crash::KeepAll), "once"), "once");
        let whole = torn.crash(Crash::KeepAll);
        drop(reopen(&whole, "whole"));
        for cut in 1..=whole.calls() {
            let disk = torn.crash(Crash::KeepAll);
            disk.cut_power_at(cut);
            drop(open(disk.clone(), DIR.as_ref(), settings()));
            let context = format!("seed {seed}, recovery cut at {cut}");
            let engine = reopen(&disk.crash(Crash::Random(cut)), &context);
            told.clone().check(&engine, &context);
        }
    }
}

#[test]
fn a_single_failing_call_is_either_survived_or_stops_the_engine_but_loses_nothing() {
    let whole = SimDisk::new();
    let engine = reopen(&whole, "whole");
    Told::default().play(&engine, &story());
    drop(engine);
    for failing in 1..=whole.calls() {
        let context = format!("call {failing} fails");
        let disk = SimDisk::new();
        disk.fail_once_at(failing);
        let mut told = Told::default();
        if let Ok((engine, _)) = open(disk.clone(), DIR.as_ref(), settings()) {
            told.play(&engine, &story());
            let mut seen = told.clone();
            seen.check(&engine, &context);
        }
        for crash in [Crash::KeepAll, Crash::DropUnsynced] {
            told.clone().check(&reopen(&disk.crash(crash), &context), &context);
        }
    }
}

#[test]
fn after_a_lost_sync_the_engine_says_why_and_takes_nothing_more() {
    let disk = SimDisk::new();
    let engine = reopen(&disk, "fresh");
    put(&engine, StoreId(1), 0, "1 k=before").unwrap();
    // The next append is one write and one sync.
    disk.fail_once_at(disk.calls() + 2);
    let lost = put(&engine, StoreId(1), 0, "1 k=lost").unwrap_err();
    assert!(matches!(lost, AppendError::Failed { .. }) && !lost.is_retryable());
    let refused = put(&engine, StoreId(1), 0, "1 k=after").unwrap_err();
    assert_eq!(refused.to_string(), lost.to_string());
    let Health::Failed { reason } = engine.health() else { panic!("still {:?}", engine.health()) };
    assert_eq!(reason, "log file 0000000000000001.wal cannot be made durable: simulated failure");
    assert!(engine.flush().is_err(), "maintenance stops too");
    assert_eq!(rows(&engine.snapshot(StoreId(1))).len(), 1, "what was acknowledged stays readable");
}

#[test]
fn when_a_new_log_file_cannot_be_made_the_append_may_be_repeated() {
    let disk = SimDisk::new();
    let engine = reopen(&disk, "fresh");
    for failing in 1..=3 {
        // Creating, reserving, writing the header.
        disk.fail_once_at(disk.calls() + failing);
        let refused =
            put(&engine, StoreId(1), 0, &format!("1 k={}", "x".repeat(3900))).unwrap_err();
        assert!(matches!(refused, AppendError::Log { .. }) && refused.is_retryable(), "{refused}");
    }
    assert_eq!(engine.health(), Health::Ready);
    assert_eq!(put(&engine, StoreId(1), 0, "1 k=again").unwrap(), Seq(1));
}

/// An engine's disk with two groups in the log, and where the first one's payload is.
fn two_groups() -> (SimDisk, std::path::PathBuf, usize) {
    let disk = SimDisk::new();
    let engine = reopen(&disk, "fresh");
    put(&engine, StoreId(1), 0, "1 k=first").unwrap();
    put(&engine, StoreId(1), 0, "1 k=second").unwrap();
    let path = std::path::Path::new(DIR).join("wal/0000000000000001.wal");
    let file = disk.contents(&path).unwrap();
    let at = file.windows(5).position(|bytes| bytes == b"first").unwrap();
    (disk.crash(Crash::KeepAll), path, at)
}

#[test]
fn a_damaged_log_is_refused_with_the_way_out_and_salvaged_on_demand() {
    let (disk, path, at) = two_groups();
    disk.tamper(&path, |bytes| bytes[at] = b'F');
    for _ in 0..2 {
        let refused = open(disk.clone(), DIR.as_ref(), settings()).unwrap_err().to_string();
        assert_eq!(
            refused,
            "log file 0000000000000001.wal.quarantined at byte 64: unreadable bytes that had been synced, \
             1 whole groups follow; the file is kept as 0000000000000001.wal.quarantined: put a good copy \
             back under the name 0000000000000001.wal, or open once with the damaged-log setting at salvage \
             to keep every group that can still be read and give up the others"
        );
    }
    let salvage = EngineSettings { damaged_log: DamagedLog::Salvage, ..settings() };
    let (engine, report) = open(disk.clone(), DIR.as_ref(), salvage).unwrap();
    assert_eq!((report.groups, report.damages.len()), (1, 1));
    let floor = 2 + store::limits::SALVAGE_SEQ_SKIP;
    assert_eq!(put(&engine, StoreId(1), 0, "1 k=third").unwrap(), Seq(floor + 1));
    drop(engine);
    let (engine, report) = open(disk, DIR.as_ref(), settings()).unwrap();
    assert_eq!((report.groups, report.damages.len()), (1, 0));
    assert_eq!(values(&engine.snapshot(StoreId(1)), "k"), ["second", "third"]);
    // Also a shard of which nothing was found does not use a number again.
    assert_eq!(put(&engine, StoreId(1), 9, "1 k=next").unwrap(), Seq(floor + 1));
}

#[test]
fn a_group_that_cannot_be_decoded_is_refused_and_not_skipped() {
    struct Forgetful;
    impl Decode for Forgetful {
        fn decode(&self, payload: &[u8]) -> Result<Batch, String> {
            if payload.ends_with(b"second") {
                Err("unknown compression 9".to_owned())
            } else {
                TextDecode.decode(payload)
            }
        }
    }
    let (disk, _, _) = two_groups();
    let refused =
        Engine::open(Arc::new(disk.clone()), DIR.as_ref(), settings(), Arc::new(Forgetful))
            .unwrap_err();
    assert!(
        refused.to_string().ends_with(
            "group 2 of store 1 shard 0 cannot be decoded: unknown compression 9; use the program that wrote it, \
             or open once with the damaged-log setting at salvage to go on without it"
        ),
        "{refused}"
    );
    assert_eq!(values(&reopen(&disk, "again").snapshot(StoreId(1)), "k"), ["first", "second"]);
}

#[test]
fn a_segment_file_that_is_gone_or_short_is_noticed_at_opening() {
    let disk = SimDisk::new();
    let engine = reopen(&disk, "fresh");
    put(&engine, StoreId(1), 0, "1 k=v").unwrap();
    engine.flush().unwrap();
    drop(engine);
    let blob = "0000000000000001-0000000000000001.parquet";
    let path = std::path::Path::new(DIR).join("segments").join(blob);
    disk.tamper(&path, |bytes| bytes.truncate(10));
    let refused = open(disk.clone(), DIR.as_ref(), settings()).unwrap_err().to_string();
    assert!(
        refused.starts_with(&format!("segment file {blob} of store 1 has 10 bytes, ")),
        "{refused}"
    );
    disk.remove(&path).unwrap();
    let refused = open(disk, DIR.as_ref(), settings()).unwrap_err().to_string();
    assert!(refused.contains(" has 0 bytes, "), "{refused}");
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let put = prop::collection::vec((1_u64..3, 0_u16..3), 1..6).prop_map(Step::Put);
    let step = prop_oneof![6 => put, 1 => Just(Step::Maintain), 1 => Just(Step::Flush)];
    prop::collection::vec(step, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn no_story_and_no_power_cut_lose_what_was_acknowledged(
        steps in steps(),
        cut in 1_u64..400,
        seed in any::<u64>(),
    ) {
        play_with_power_cut(&steps, cut, &[Crash::Random(seed), Crash::DropUnsynced]);
    }
}
