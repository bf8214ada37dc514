//! Keys of a configuration about how its files are followed, over real files, with a clock that
//! only tests move.

use super::{Bench, compiled};
use crate::tail::{LedgerPhase, Notice, Turn};
use pipeline::pace::Pace;
use std::fs;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// A bench whose configuration has these keys in its `inputDetail`.
fn bench(pattern: &str, keys: &str) -> Bench {
    bench_with(64 << 20, pattern, keys)
}

/// The same with so many bytes in memory.
fn bench_with(budget_bytes: usize, pattern: &str, keys: &str) -> Bench {
    let mut bench = Bench::with_budget(pattern, budget_bytes);
    bench.plans = vec![compiled(bench.dir.path(), "c1", pattern, keys)];
    bench.configure();
    bench
}

/// A hundred lines of ten bytes each, from this number on.
fn hundred(from: usize) -> String {
    (from..from + 100).map(|number| format!("line {number:04}\n")).collect()
}

/// How often an alarm was raised.
fn alarms(bench: &Bench, name: &str) -> usize {
    let dir = bench.dir.path().display().to_string();
    let window = crate::alarms::window();
    window.iter().filter(|it| it.alarm_type == name && it.subject.starts_with(&dir)).count()
}

#[test]
fn a_file_with_too_much_unread_is_read_on_at_its_end() {
    let mut bench = bench("a.log", r#", "delaySkipBytes": 500"#);
    bench.append("a.log", "first\n");
    assert_eq!(bench.lines(), ["first"]);
    bench.append("a.log", &hundred(0));
    bench.append("a.log", "unfin");
    assert_eq!(bench.lines(), Vec::<String>::new());
    bench.append("a.log", "ished\nnext\n");
    assert_eq!(bench.lines(), ["unfinished", "next"]);
    let ledger = bench.collector.ledger();
    assert_eq!(format!("{:?}", ledger[0].too_late), "[6..1006]");
    assert_eq!(ledger[0].acked, [0..6, 1006..1022]);
    assert_eq!(bench.collector.left().left_bytes, 0);
    // Little is read as ever, and a restart goes on behind what was left out.
    bench.kill();
    bench.append("a.log", "after\n");
    assert_eq!(bench.lines(), ["after"]);
}

#[test]
fn what_was_left_out_stays_in_the_ledger_when_the_file_is_gone() {
    let mut bench = bench("a.log", r#", "delaySkipBytes": 500"#);
    bench.append("a.log", "first\n");
    bench.lines();
    bench.append("a.log", &hundred(0));
    bench.lines();
    fs::remove_file(bench.path("a.log")).unwrap();
    for _ in 0..3 {
        bench.pass(Duration::from_secs(400));
        bench.work();
    }
    let ledger = bench.collector.ledger();
    assert_eq!(ledger[0].phase, LedgerPhase::Over);
    assert_eq!(format!("{:?}", ledger[0].too_late), "[6..1006]");
}

#[test]
fn without_the_key_nothing_is_left_out() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "first\n");
    bench.lines();
    bench.append("a.log", &hundred(0));
    assert_eq!(bench.lines().len(), 100);
    assert!(bench.collector.ledger()[0].too_late.is_empty());
}

#[test]
fn a_backlog_that_lasts_is_said() {
    let late = |keys: &str| {
        let mut bench = bench_with(1, "a.log", keys);
        // Without room for more the second half stays unread.
        bench.append("a.log", &hundred(0));
        bench.work();
        bench.append("a.log", &hundred(100));
        for _ in 0..3 {
            bench.pass(Duration::from_secs(30));
            bench.work();
        }
        alarms(&bench, "READ_LOG_DELAY_ALARM")
    };
    assert!(late(r#", "delayAlarmBytes": 900"#) > 0);
    assert_eq!(late(r#", "delayAlarmBytes": 1001"#), 0);
    assert_eq!(late(""), 0);
}

#[test]
fn only_so_many_rotated_files_wait() {
    let mut bench = bench_with(1, "a.log", r#", "advanced": {"max_rotate_queue_size": 2}"#);
    bench.append("a.log", "0\n");
    bench.work();
    let (_, held) = bench.arrived();
    // The first cannot be read on: what comes behind it waits.
    for number in 1..=5 {
        bench.append("a.log", &format!("of {number}\n"));
        bench.rename("a.log", &format!("old.{number}"));
        bench.append("a.log", &format!("{number}\n"));
        bench.work();
        assert!(bench.collector.lanes.values().all(|lane| lane.waiting.len() <= 3));
    }
    assert!(alarms(&bench, "DROP_LOG_ALARM") > 0);
    bench.acknowledge(held);
    let mut lines = Vec::new();
    for _ in 0..5 {
        lines.extend(bench.lines());
    }
    assert_eq!(lines.last().map(String::as_str), Some("5"), "what is there comes in the end");
    assert!(!lines.contains(&"3".to_owned()), "what was renamed away while it waited does not");
}

#[test]
fn a_file_without_news_is_closed_after_its_time_and_opened_again() {
    let mut bench = bench("a.log", r#", "advanced": {"close_unused_reader_interval": 30}"#);
    let open =
        |bench: &Bench| bench.collector.tails.values().filter(|it| it.handle.is_some()).count();
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.pass(Duration::from_secs(20));
    bench.work();
    assert_eq!(open(&bench), 1);
    bench.pass(Duration::from_secs(20));
    bench.work();
    assert_eq!(open(&bench), 0);
    bench.append("a.log", "2\n");
    assert_eq!(bench.lines(), ["2"]);
    assert_eq!(open(&bench), 1);
    bench.rename("a.log", "a.log.1");
    bench.append("a.log.1", "3\n");
    bench.append("a.log", "4\n");
    assert_eq!(bench.lines(), ["3", "4"]);
    let mut unset = Bench::new("a.log");
    unset.append("a.log", "1\n");
    unset.lines();
    unset.pass(DAY);
    unset.work();
    assert_eq!(open(&unset), 1);
}

#[test]
fn what_is_opened_in_the_place_of_a_closed_file_is_not_let_go() {
    for is_replaced in [false, true] {
        let mut bench = bench("a.log", r#", "advanced": {"close_unused_reader_interval": 30}"#);
        bench.append("a.log", "1\n");
        assert_eq!(bench.lines(), ["1"]);
        bench.pass(Duration::from_secs(40));
        bench.work();
        fs::remove_file(bench.path("a.log")).unwrap();
        bench.append("a.log", "short\n");
        if is_replaced {
            // Which directories there are, the next scan finds out again.
            let plan = bench.plans[0].clone();
            let id = *bench.collector.sources.keys().next().unwrap();
            bench.collector.replace_source(id, plan);
        }
        // Not a scan: the news of the path, for which the closed file is looked for.
        bench.collector.notice(Notice::Touched(bench.path("a.log")), bench.now);
        bench.collector.turn(bench.now);
        fs::remove_file(bench.path("a.log")).unwrap();
        assert_eq!(bench.lines(), ["short"], "{is_replaced}");
    }
}

#[test]
fn deep_directories_without_news_need_no_watch() {
    let mut bench = bench("a.log", r#", "preserve": false, "preserveDepth": 1"#);
    fs::create_dir_all(bench.path("one/two")).unwrap();
    bench.append("one/two/a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    let watched = |bench: &Bench| bench.collector.directories().count();
    assert_eq!(watched(&bench), 3);
    bench.pass(Duration::from_secs(901));
    bench.work();
    assert_eq!(watched(&bench), 2, "the one below the preserved depth is not");
    // The clock of the files stands still: what is written is old, and found all the same.
    bench.append("one/two/a.log", "2\n");
    assert_eq!(bench.lines(), ["2"]);
    let mut unset = Bench::new("a.log");
    fs::create_dir_all(unset.path("one/two")).unwrap();
    unset.pass(DAY);
    unset.work();
    assert_eq!(watched(&unset), 3);
}

#[test]
fn the_urgent_configuration_is_read_first() {
    let mut bench = Bench::new("a.log");
    let dir = bench.dir.path().to_owned();
    bench.plans = vec![
        compiled(&dir, "usual", "a.log", ""),
        compiled(&dir, "urgent", "b.log", r#", "priority": 1"#),
    ];
    bench.configure();
    let many: String = (0..40_000).map(|number| format!("{number:0100}\n")).collect();
    for name in ["a.log", "b.log"] {
        bench.append(name, &many);
    }
    bench.pass(Duration::from_secs(1));
    for _ in 0..3 {
        bench.collector.turn(bench.now);
    }
    let read = |name: &str| {
        let ledger = bench.collector.ledger();
        ledger.iter().find(|it| it.path.ends_with(name)).unwrap().read_bytes
    };
    assert!(read("b.log") > 4 * read("a.log"), "{} {}", read("b.log"), read("a.log"));
    assert!(read("a.log") > 0, "nobody gets nothing");
}

#[test]
fn no_more_is_read_than_the_pace_allows() {
    let mut bench = Bench::new("*.log");
    bench.collector.pace = Some(Pace::new(100_000));
    let start = bench.now.clock;
    let many: String = (0..10_000).map(|number| format!("{number:099}\n")).collect();
    for name in ["a.log", "b.log"] {
        bench.append(name, &many);
    }
    let (mut seconds, mut waits) = (0_u64, 0);
    let mut read = 0;
    while seconds < 12 {
        match bench.collector.turn(bench.now) {
            Turn::More => {}
            Turn::NoRoom { until } | Turn::Idle { until } => {
                assert!(until > bench.now.clock, "nobody waits busily");
                waits += 1;
                let rest = until - bench.now.clock;
                bench.pass(rest);
            }
        }
        seconds = bench.now.clock.duration_since(start).as_secs();
        let (_, parcels) = bench.arrived();
        bench.acknowledge(parcels);
        read = bench.collector.ledger().iter().map(|it| it.read_bytes).sum();
        let most = 100_000 * (seconds + 1) + 300_000;
        assert!(read <= most, "{read} bytes in {seconds} s");
    }
    assert!(read >= 1_000_000, "{read} bytes");
    assert!(waits < 200, "{waits}");
    // At the end there is no time to lose.
    let deadline = bench.now.clock + Duration::from_secs(5);
    bench.collector.drain(deadline, bench.now);
    while bench.collector.turn(bench.now) == Turn::More {}
    let read: u64 = bench.collector.ledger().iter().map(|it| it.read_bytes).sum();
    assert_eq!(read, 2_000_000);
}

const GZIP: &str = r#", "advanced": {"read_gzip_history": true}"#;

fn texts(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("line {number:04}")).collect()
}

#[test]
fn compressed_history_is_read_once_if_asked() {
    let mut unset = Bench::new("a.log*");
    unset.append("a.log.1", &hundred(0));
    unset.pack("a.log.1");
    assert_eq!(unset.lines(), Vec::<String>::new());
    let mut bench = bench("a.log*", GZIP);
    bench.append("a.log.1", &hundred(100));
    bench.append("a.log.2", &hundred(0));
    for name in ["a.log.1", "a.log.2"] {
        bench.pack(name);
    }
    bench.append("a.log", "now\n");
    let mut lines = bench.lines();
    lines.extend(bench.lines());
    lines.retain(|line| line != "now");
    assert_eq!(lines, texts(0, 200), "the oldest first");
    for round in 0..3 {
        bench.rename("a.log.2.gz", "a.log.3.gz");
        bench.rename("a.log.1.gz", "a.log.2.gz");
        bench.rename("a.log.3.gz", "a.log.1.gz");
        if round > 0 {
            bench.kill();
        }
        for _ in 0..3 {
            assert_eq!(bench.lines(), Vec::<String>::new());
        }
    }
}

#[test]
fn what_was_read_before_it_was_compressed_is_not_read_again() {
    let mut bench = bench("a.log*", GZIP);
    bench.append("a.log", &hundred(0));
    assert_eq!(bench.lines().len(), 100);
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "next\n");
    assert_eq!(bench.lines(), ["next"]);
    bench.pack("a.log.1");
    for minutes in 0..6 {
        assert_eq!(bench.lines(), Vec::<String>::new());
        bench.pass(Duration::from_secs(60));
        if minutes == 3 {
            bench.kill();
        }
    }
    // Long after everything is forgotten of what it was.
    for _ in 0..3 {
        bench.pass(DAY);
        bench.work();
        bench.kill();
        assert_eq!(bench.lines(), Vec::<String>::new());
    }
}

#[test]
fn what_was_not_read_is_read_on_in_what_the_rotation_made_of_it() {
    for keys in ["", GZIP] {
        let mut bench = bench("a.log", keys);
        bench.append("a.log", &hundred(0));
        assert_eq!(bench.lines().len(), 100);
        bench.append("a.log", &hundred(100));
        bench.rename("a.log", "a.log.1");
        bench.append("a.log", &hundred(200));
        bench.pack("a.log.1");
        // Another one that begins alike, and is older history.
        bench.append("a.log.2", &hundred(0));
        bench.pack("a.log.2");
        bench.kill();
        let mut lines = bench.lines();
        lines.extend(bench.lines());
        if keys.is_empty() {
            assert_eq!(lines, texts(100, 300), "in order, before what came after it");
        }
        bench.kill();
        for _ in 0..3 {
            assert_eq!(bench.lines(), Vec::<String>::new());
        }
    }
}

#[test]
fn a_file_that_is_compressed_while_it_is_read_loses_and_repeats_nothing() {
    let mut bench = bench("a.log*", GZIP);
    bench.append("a.log", &hundred(0));
    bench.work();
    let (first, held) = bench.arrived();
    bench.rename("a.log", "a.log.1");
    bench.append("a.log.1", &hundred(100));
    bench.pack("a.log.1");
    bench.work();
    let (second, more) = bench.arrived();
    assert_eq!([first, second].concat(), texts(0, 200));
    bench.acknowledge(held);
    drop(more);
    // The second half was not acknowledged, and its file is gone.
    bench.kill();
    assert_eq!([bench.lines(), bench.lines()].concat(), texts(100, 200));
    bench.kill();
    assert_eq!(bench.lines(), Vec::<String>::new());
}
