//! The engine over a real directory.

mod support;

use std::sync::Arc;
use std::time::Duration;

use store::columns::Row;
use store::disk::{RealDisk, SimDisk};
use store::{AppendError, Engine, EngineSettings, Health, OpenError, Seq, StoreId, TimeRange};
use support::{STORE, open, put, rows, send, values};
use tempfile::TempDir;

fn real(dir: &TempDir) -> Engine {
    open(RealDisk, dir.path(), EngineSettings::default()).unwrap().0
}

fn simulated(settings: EngineSettings) -> Engine {
    open(SimDisk::new(), support::DIR.as_ref(), settings).unwrap().0
}

#[test]
fn acknowledged_rows_are_searchable_before_and_after_a_flush_and_after_reopening() {
    let dir = TempDir::new().unwrap();
    let engine = real(&dir);
    assert_eq!(put(&engine, STORE, 0, "10 a=1 b=2 a=3\n20 b=4").unwrap(), Seq(1));
    assert_eq!(put(&engine, STORE, 0, "15 c=5").unwrap(), Seq(2));
    assert_eq!(put(&engine, STORE, 1, "16 a=6").unwrap(), Seq(1));

    let in_memory = rows(&engine.snapshot(STORE));
    let text = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    };
    assert_eq!(
        in_memory[0],
        Row {
            time_nanos: 10,
            received_nanos: 1,
            shard: 0,
            seq: Seq(1),
            offset: 0,
            topic: "topic".to_owned(),
            source: "source".to_owned(),
            tags: text(&[("pod", "web-1")]),
            fields: text(&[("a", "1"), ("b", "2"), ("a", "3")]),
        }
    );
    assert_eq!(in_memory.len(), 4);

    let report = engine.flush().unwrap();
    assert_eq!((report.segments, report.rows), (1, 4));
    assert_eq!(engine.stats().memory_bytes, 0);
    assert_eq!(rows(&engine.snapshot(STORE)), in_memory);

    put(&engine, STORE, 0, "30 a=7").unwrap();
    let all = rows(&engine.snapshot(STORE));
    drop(engine);
    let (engine, report) = open(RealDisk, dir.path(), EngineSettings::default()).unwrap();
    assert_eq!((report.groups, report.rows, report.torn_bytes), (1, 1, 0));
    assert_eq!(rows(&engine.snapshot(STORE)), all);
    assert_eq!(put(&engine, STORE, 0, "31 a=8").unwrap(), Seq(4));
}

#[test]
fn threads_that_append_lose_nothing_when_the_engine_is_left_without_closing() {
    const THREADS: u16 = 8;
    const GROUPS: u64 = 50;
    let dir = TempDir::new().unwrap();
    // Small enough that files turn over and flushes happen in between.
    let settings = EngineSettings {
        log_file_bytes: 16 << 10,
        flush_store_bytes: 8 << 10,
        ..EngineSettings::default()
    };
    let engine = open(RealDisk, dir.path(), settings.clone()).unwrap().0;
    let flushed = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..THREADS)
            .map(|shard| {
                let engine = &engine;
                scope.spawn(move || {
                    for group in 1..=GROUPS {
                        let text = format!("{group} k={shard}/{group}\n{group} k={shard}/{group}b");
                        assert_eq!(put(engine, STORE, shard, &text).unwrap(), Seq(group));
                    }
                })
            })
            .collect();
        let mut flushed = 0;
        while !senders.iter().all(|sender| sender.is_finished()) {
            if engine.wait_for_work(Duration::from_millis(5)) {
                flushed += engine.maintain(0).unwrap().segments;
            }
        }
        flushed
    });
    assert!(flushed > 0, "the sizes were meant to cause flushes");
    assert!(engine.stats().syncs_total < u64::from(THREADS) * GROUPS, "groups share syncs");

    // What a killed process leaves is what is in the files now, without the orderly end.
    let copy = TempDir::new().unwrap();
    copy_dir(dir.path(), copy.path());
    let (revived, _) = open(RealDisk, copy.path(), settings).unwrap();
    let mut expected: Vec<String> = (0..THREADS)
        .flat_map(|shard| (1..=GROUPS).map(move |group| (shard, group)))
        .flat_map(|(shard, group)| [format!("{shard}/{group}"), format!("{shard}/{group}b")])
        .collect();
    let mut found = values(&revived.snapshot(STORE), "k");
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    for shard in 0..THREADS {
        assert_eq!(put(&revived, STORE, shard, "1 k=next").unwrap(), Seq(GROUPS + 1));
    }
}

#[allow(clippy::disallowed_methods, reason = "a test copies files from outside")]
fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_second_engine_is_kept_out_of_the_directory_until_the_first_is_gone() {
    let dir = TempDir::new().unwrap();
    let engine = real(&dir);
    let refused = open(RealDisk, dir.path(), EngineSettings::default()).unwrap_err();
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
    drop(engine);
    real(&dir);
}

#[test]
fn appends_are_refused_as_busy_while_memory_is_full_and_taken_again_after_a_flush() {
    let engine = simulated(EngineSettings { memory_bytes: 4096, ..EngineSettings::default() });
    let value = "x".repeat(1000);
    let mut taken = 0;
    let refused = loop {
        match put(&engine, STORE, 0, &format!("1 k={value}")) {
            Ok(_) => taken += 1,
            Err(refused) => break refused,
        }
        assert!(taken < 100, "memory has a bound");
    };
    assert!(matches!(refused, AppendError::Busy { limit_bytes: 4096, .. }), "{refused}");
    assert!(refused.is_retryable());
    assert_eq!(engine.stats().busy_total, 1);
    engine.flush().unwrap();
    put(&engine, STORE, 0, "1 k=y").unwrap();
    assert_eq!(rows(&engine.snapshot(STORE)).len(), taken + 1);
}

#[test]
fn a_payload_that_no_log_file_takes_is_refused() {
    let engine = simulated(EngineSettings::default());
    let huge = format!("1 k={}", "x".repeat(store::limits::PAYLOAD_BYTES));
    let refused = put(&engine, STORE, 0, &huge).unwrap_err();
    assert!(matches!(refused, AppendError::TooLarge { .. }) && !refused.is_retryable());
    assert_eq!(engine.stats().memory_bytes, 0);
}

#[test]
fn only_what_is_due_by_size_or_age_is_flushed() {
    let second = 1_000_000_000;
    let engine = simulated(EngineSettings { flush_store_bytes: 4096, ..EngineSettings::default() });
    let (old, young, large) = (StoreId(1), StoreId(2), StoreId(3));
    let waits = [
        send(&engine, old, 0, 0, "1 k=v"),
        send(&engine, young, 0, 25 * second, "1 k=v"),
        send(&engine, large, 0, 25 * second, &format!("1 k={}", "x".repeat(5000))),
    ];
    for wait in waits {
        wait.recv().unwrap().unwrap();
    }
    assert!(engine.wait_for_work(Duration::from_secs(10)));
    assert_eq!(engine.maintain(29 * second).unwrap().segments, 1, "the large one");
    assert!(!engine.wait_for_work(Duration::ZERO));
    assert_eq!(engine.maintain(30 * second).unwrap().segments, 1, "the old one");
    assert_eq!(engine.stats().memory_rows, 1);
}

#[test]
fn a_full_node_flushes_its_largest_stores_down_to_half() {
    let engine =
        simulated(EngineSettings { flush_node_bytes: 10_000, ..EngineSettings::default() });
    for (store, bytes) in [(1, 1000), (2, 8000), (3, 2000)] {
        put(&engine, StoreId(store), 0, &format!("1 k={}", "x".repeat(bytes))).unwrap();
    }
    assert!(engine.wait_for_work(Duration::ZERO));
    assert_eq!(engine.maintain(1).unwrap().segments, 1);
    assert_eq!(engine.stats().memory_rows, 2);
}

#[test]
fn a_snapshot_keeps_its_rows_while_their_segment_is_dropped() {
    let engine = simulated(EngineSettings::default());
    for (received, value) in [(10, "old"), (20, "new")] {
        send(&engine, STORE, 0, received, &format!("1 k={value}")).recv().unwrap().unwrap();
        engine.flush().unwrap();
    }
    let before = engine.snapshot(STORE);
    assert_eq!(engine.retain(STORE, 10).unwrap(), 0, "received at 10 is not before 10");
    assert_eq!(engine.retain(STORE, 11).unwrap(), 1);
    assert_eq!(values(&engine.snapshot(STORE), "k"), ["new"]);
    assert_eq!(engine.maintain(0).unwrap().blobs_deleted, 0);
    assert_eq!(values(&before, "k"), ["old", "new"]);
    drop(before);
    assert_eq!(engine.maintain(0).unwrap().blobs_deleted, 1);
}

#[test]
fn a_dropped_store_is_gone_refuses_appends_and_stays_gone() {
    let disk = SimDisk::new();
    let dir = support::DIR.as_ref();
    let engine = open(disk.clone(), dir, EngineSettings::default()).unwrap().0;
    put(&engine, STORE, 0, "1 k=flushed").unwrap();
    engine.flush().unwrap();
    put(&engine, STORE, 0, "1 k=in-memory").unwrap();
    put(&engine, StoreId(8), 0, "1 k=other").unwrap();
    engine.drop_store(STORE).unwrap();
    assert!(matches!(put(&engine, STORE, 0, "1 k=late"), Err(AppendError::Dropped { .. })));
    drop(engine);
    let (engine, report) = open(disk, dir, EngineSettings::default()).unwrap();
    assert_eq!((report.groups, report.orphan_blobs), (1, 1));
    assert_eq!(engine.snapshot(STORE).rows(), 0);
    assert_eq!(values(&engine.snapshot(StoreId(8)), "k"), ["other"]);
    assert!(matches!(put(&engine, STORE, 0, "1 k=late"), Err(AppendError::Dropped { .. })));
}

#[test]
fn log_files_go_when_every_store_in_them_is_flushed_or_dropped() {
    let disk = SimDisk::new();
    let settings = EngineSettings {
        log_file_bytes: 4096,
        flush_store_bytes: 2000,
        ..EngineSettings::default()
    };
    let engine = open(disk.clone(), support::DIR.as_ref(), settings).unwrap().0;
    put(&engine, StoreId(8), 0, "1 k=small").unwrap();
    for _ in 0..8 {
        put(&engine, STORE, 0, &format!("1 k={}", "x".repeat(1500))).unwrap();
    }
    assert_eq!(engine.maintain(1).unwrap().log_files, 0, "store 8 holds the first file");
    engine.drop_store(StoreId(8)).unwrap();
    assert_eq!(engine.maintain(1).unwrap().log_files, 3);
}

#[test]
fn pieces_are_pruned_by_time_and_come_latest_first() {
    let engine = simulated(EngineSettings::default());
    for time in [100, 300, 200] {
        put(&engine, STORE, 0, &format!("{time} k=v\n{} k=v", time + 10)).unwrap();
        engine.flush().unwrap();
    }
    let snapshot = engine.snapshot(STORE);
    let starts = |from_nanos, to_nanos| -> Vec<i64> {
        let pieces = snapshot.pieces(TimeRange { from_nanos, to_nanos });
        pieces.iter().map(|piece| piece.min_time_nanos()).collect()
    };
    assert_eq!(starts(0, 1000), [300, 200, 100]);
    assert_eq!(starts(110, 200), [100]);
    assert_eq!(starts(111, 201), [200]);
    assert!(starts(111, 200).is_empty());
}

#[test]
fn only_the_named_columns_are_read_from_memory_and_from_a_segment() {
    let engine = simulated(EngineSettings::default());
    put(&engine, STORE, 0, "1 a=1 b=2 c.d=3").unwrap();
    for _ in 0..2 {
        let piece = engine.snapshot(STORE).pieces(TimeRange::ALL).remove(0);
        let batch = piece.read_columns(&["c.d", "__time__", "missing"]).next().unwrap().unwrap();
        let schema = batch.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["__time__", "c.d"]);
        engine.flush().unwrap();
    }
}

#[test]
fn a_reader_sees_every_row_once_while_rows_move_to_segments() {
    let engine = simulated(EngineSettings::default());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for value in 0..60 {
                put(&engine, STORE, 0, &format!("{value} k={value}")).unwrap();
                if value % 7 == 0 {
                    engine.flush().unwrap();
                }
            }
        });
        let mut before = 0;
        while !writer.is_finished() {
            let found = values(&engine.snapshot(STORE), "k");
            let expected: Vec<String> = (0..found.len()).map(|value| value.to_string()).collect();
            assert_eq!(found, expected);
            assert!(found.len() >= before, "a row went away");
            before = found.len();
        }
        writer.join().unwrap();
    });
    assert_eq!(engine.snapshot(STORE).rows(), 60);
}

#[test]
fn a_flush_that_fails_keeps_the_rows_and_is_done_by_the_next_one() {
    let disk = SimDisk::new();
    let dir = support::DIR.as_ref();
    let engine = open(disk.clone(), dir, EngineSettings::default()).unwrap().0;
    put(&engine, STORE, 0, "1 k=first").unwrap();
    // The first call of a flush makes the segment's file.
    disk.fail_once_at(disk.calls() + 1);
    engine.flush().unwrap_err();
    put(&engine, STORE, 0, "1 k=second").unwrap();
    assert_eq!(values(&engine.snapshot(STORE), "k"), ["first", "second"]);
    assert_eq!(engine.flush().unwrap().segments, 2, "one for each time the rows were frozen");
    assert_eq!(values(&engine.snapshot(STORE), "k"), ["first", "second"]);
    assert_eq!((engine.health(), engine.stats().memory_bytes), (Health::Ready, 0));
}

#[test]
fn appends_after_closing_are_refused() {
    let engine = Arc::new(simulated(EngineSettings::default()));
    put(&engine, STORE, 0, "1 k=v").unwrap();
    engine.close();
    assert!(matches!(put(&engine, STORE, 0, "1 k=v"), Err(AppendError::Closed)));
    assert_eq!(engine.health(), Health::Ready);
    assert_eq!(engine.snapshot(STORE).rows(), 1);
}
