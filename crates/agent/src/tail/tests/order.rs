//! The contents of one path come one after the other, over real files: renamed ones before their
//! successors, whatever was noticed of them.

use super::Bench;
use crate::tail::{Notice, Turn};
use std::fs::{self, File};
use std::time::Duration;

#[test]
fn a_renamed_file_is_read_to_its_end_before_its_successor() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.append("a.log", "2\n");
    bench.rename("a.log", "a.log.1");
    bench.append("a.log.1", "3\n");
    bench.append("a.log", "4\n");
    assert_eq!(bench.lines(), ["2", "3", "4"]);
    bench.append("a.log.1", "late\n");
    bench.append("a.log", "5\n");
    let mut lines = bench.lines();
    lines.sort();
    assert_eq!(lines, ["5", "late"]);
}

#[test]
fn a_restart_finds_a_file_that_was_renamed_meanwhile() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.append("a.log", "2\n");
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "3\n");
    bench.kill();
    assert_eq!(bench.lines(), ["2", "3"]);
}

#[test]
fn a_restart_finds_files_that_were_begun_and_renamed_unseen() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.append("b.log.1", "of another path\n");
    for round in 2..5 {
        bench.append("a.log", &format!("{round}\n"));
        bench.rename("a.log", &format!("a.log.{}", 10 - round));
    }
    bench.append("a.log", "5\n");
    bench.kill();
    assert_eq!(bench.lines(), ["2", "3", "4", "5"]);
    bench.kill();
    assert_eq!(bench.lines().len(), 0, "they are known now");
}

#[test]
fn files_that_are_begun_and_renamed_between_two_looks_come_in_their_order() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.append("a.log", "2\n");
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "3\n");
    bench.rename("a.log", "a.log.2");
    bench.append("a.log", "4\n");
    let (from, first, second) = (bench.path("a.log"), bench.path("a.log.1"), bench.path("a.log.2"));
    for notice in [
        Notice::Renamed { from: from.clone(), to: first },
        Notice::Appeared(from.clone()),
        Notice::Renamed { from, to: second },
    ] {
        bench.collector.notice(notice, bench.now);
    }
    assert_eq!(bench.lines(), ["2", "3", "4"]);
}

#[test]
fn a_file_that_was_begun_and_renamed_unnoticed_is_found_before_its_successor_is_read() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.append("a.log", "2\n");
    bench.rename("a.log", "a.log.1");
    for round in 3..6 {
        std::thread::sleep(Duration::from_millis(10));
        bench.append("a.log", &format!("{round}\n"));
        bench.rename("a.log", &format!("a.log.{round}"));
    }
    std::thread::sleep(Duration::from_millis(10));
    bench.append("a.log", "6\n");
    // What is younger than the one that has the path is not its past.
    std::thread::sleep(Duration::from_millis(10));
    bench.append("a.log.other", "7\n");
    assert_eq!(bench.lines(), ["2", "3", "4", "5", "6"]);
    assert_eq!(bench.lines().len(), 0);
    bench.kill();
    assert_eq!(bench.lines().len(), 0, "they are on record");
}

#[test]
fn an_empty_successor_does_not_end_the_turn_of_a_renamed_file() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "");
    assert_eq!(bench.lines().len(), 0);
    // The writer goes on until it is told to open its log again.
    bench.append("a.log.1", "2\n");
    bench.append("a.log", "3\n");
    assert_eq!(bench.lines(), ["2", "3"]);
}

#[test]
fn an_unfinished_line_of_a_renamed_file_comes_before_its_successor() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\nrest");
    assert_eq!(bench.lines(), ["1"]);
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "2\n");
    let mut lines = bench.lines();
    while lines.len() < 2 {
        lines.extend(bench.lines());
    }
    assert_eq!(lines, ["rest", "2"]);
}

#[test]
fn the_contents_of_a_path_come_in_their_order_after_a_restart_whatever_their_births() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "the first\n");
    assert_eq!(bench.lines(), ["the first"]);
    bench.append("a.log", "2\n");
    std::thread::sleep(Duration::from_millis(20));
    // The copy is younger than the file that has the next content.
    fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    File::create(bench.path("a.log")).unwrap();
    bench.append("a.log", "3\n");
    bench.pass(Duration::from_secs(1));
    while bench.collector.turn(bench.now) == Turn::More {}
    bench.kill();
    bench.rename("a.log.1", "a.log.2");
    bench.rename("a.log", "a.log.1");
    assert_eq!(bench.lines(), ["2", "3"]);
}

#[test]
fn a_file_that_was_renamed_unnoticed_comes_before_one_whose_renaming_was_noticed() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.append("a.log", "2\n");
    for round in 3..6 {
        bench.rename("a.log", &format!("a.log.{round}"));
        std::thread::sleep(Duration::from_millis(10));
        bench.append("a.log", &format!("{round}\n"));
    }
    let (from, to) = (bench.path("a.log"), bench.path("a.log.5"));
    bench.collector.notice(Notice::Renamed { from, to }, bench.now);
    assert_eq!(bench.lines(), ["2", "3", "4", "5"]);
}

#[test]
fn a_clock_that_is_set_back_does_not_put_a_young_file_in_front_of_old_ones() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.append("a.log", "2\n");
    // As if the clock had been set back since.
    for tail in bench.collector.tails.values_mut() {
        tail.facts.born_nanos = Some(u64::MAX);
    }
    let (from, first, second) = (bench.path("a.log"), bench.path("a.log.1"), bench.path("a.log.2"));
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "3\n");
    for notice in
        [Notice::Renamed { from: from.clone(), to: first }, Notice::Appeared(from.clone())]
    {
        bench.collector.notice(notice, bench.now);
    }
    bench.rename("a.log", "a.log.3");
    std::thread::sleep(Duration::from_millis(10));
    bench.append("a.log", "4\n");
    bench.rename("a.log", "a.log.2");
    bench.collector.notice(Notice::Renamed { from, to: second }, bench.now);
    assert_eq!(bench.lines(), ["2", "3", "4"]);
}

/// The file that was compressed while the agent was dead has a younger birth than its successor.
#[test]
fn what_was_compressed_meanwhile_comes_before_what_was_begun_and_renamed_after_it() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "line 1\n");
    assert_eq!(bench.lines(), ["line 1"]);
    bench.append("a.log", "line 2\n");
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "line 3\n");
    bench.rename("a.log", "a.log.2");
    bench.append("a.log", "line 4\n");
    std::thread::sleep(Duration::from_millis(20));
    bench.pack("a.log.1");
    bench.kill();
    assert_eq!(bench.lines(), ["line 2", "line 3", "line 4"]);
}

#[test]
fn a_file_that_was_truncated_and_then_renamed_meanwhile_keeps_its_place() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "line 1\n");
    assert_eq!(bench.lines(), ["line 1"]);
    bench.append("a.log", "line 2\n");
    fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    File::options().write(true).open(bench.path("a.log")).unwrap().set_len(0).unwrap();
    bench.append("a.log", "line 3\n");
    bench.rename("a.log", "a.log.2");
    bench.append("a.log", "line 4\n");
    bench.kill();
    assert_eq!(bench.lines(), ["line 2", "line 3", "line 4"]);
    let paths: Vec<String> = bench.collector.ledger().into_iter().map(|it| it.path).collect();
    let path = bench.path("a.log").to_string_lossy().into_owned();
    assert!(paths.iter().all(|it| *it == path), "{paths:?}");
}

#[test]
fn what_was_empty_when_it_was_seen_and_lost_its_path_does_not_wait_for_its_predecessor_to_be_closed()
 {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "");
    assert_eq!(bench.lines(), Vec::<String>::new());
    bench.append("a.log", "2\n");
    bench.rename("a.log", "b.log.1");
    assert_eq!(bench.lines(), ["2"]);
}

#[test]
fn a_renamed_file_that_was_quiet_for_long_is_read_on_when_its_writer_goes_on() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "");
    assert_eq!(bench.lines().len(), 0);
    let is_followed = |bench: &Bench| bench.collector.tails.len() == 2;
    for round in 2..5 {
        bench.pass(Duration::from_secs(100));
        assert_eq!(bench.lines().len(), 0);
        assert_eq!(bench.lines().len(), 0);
        assert!(!is_followed(&bench), "it is closed");
        // And under a third name.
        if round == 4 {
            bench.rename("a.log.1", "a.log.2");
            assert_eq!(bench.lines().len(), 0);
        }
        let name = if round == 4 { "a.log.2" } else { "a.log.1" };
        bench.append(name, &format!("{round}\n"));
        assert_eq!(bench.lines(), [round.to_string()]);
        assert!(is_followed(&bench));
    }
    bench.pass(Duration::from_secs(100));
    assert_eq!(bench.lines().len(), 0);
    // Something else is written into it: that is nobody's.
    fs::write(bench.path("a.log.2"), "what is not selected\n").unwrap();
    bench.append("a.log", "5\n");
    assert_eq!(bench.lines(), ["5"]);
}

#[test]
fn a_deleted_file_is_read_on_for_minutes_unless_descriptors_are_short() {
    for (is_short, expected) in [(false, vec!["2"]), (true, vec![])] {
        let mut bench = Bench::new("a.log");
        bench.append("a.log", "1\n");
        let path = bench.path("a.log");
        let mut writer = fs::OpenOptions::new().append(true).open(&path).unwrap();
        assert_eq!(bench.lines(), ["1"]);
        fs::remove_file(path).unwrap();
        bench.lines();
        bench.pass(Duration::from_secs(500));
        bench.collector.is_short = is_short;
        bench.lines();
        std::io::Write::write_all(&mut writer, b"2\n").unwrap();
        assert_eq!(bench.lines(), expected, "{is_short}");
    }
}
