use super::*;
use crate::tags::{AgentLabels, LabelRule, LabelledFile};
use proptest::prelude::*;
use sls::collect::{RawCollectConfig, Target, Topic};
use sls::log_group::LogGroup;

fn plan(detail: &str) -> Plan {
    let is_plain = !detail.contains("\"logType\"");
    let log_type = if is_plain { r#", "logType": "common_reg_log""# } else { "" };
    let text = format!(
        r#"{{"configName": "c1", "inputType": "file",
            "inputDetail": {{"logPath": "/v", "filePattern": "a" {log_type} {detail}}},
            "outputDetail": {{"projectName": "p", "logstoreName": "l"}}}}"#
    );
    let raw = RawCollectConfig::from_json(&text).unwrap();
    let config = sls::collect::check(&raw, &Target::default()).config.unwrap();
    crate::plan::compile(&config, &jiff::tz::TimeZone::UTC).plan.unwrap()
}

fn stream(position: u64) -> FileStream {
    let topic = LabelRule::new(&Topic::None, &sls::collect::TagRules::default()).unwrap();
    let labels = FileLabels::new(
        &AgentLabels::default(),
        &topic,
        LabelledFile { path: b"/v/a", inode: 7 },
        1,
    );
    FileStream::new(labels, position, Unfinished::No)
}

#[allow(clippy::disallowed_methods, reason = "the value is only a start to count from")]
fn now() -> Now {
    Now { wall: LogTime { seconds: 7, nanos: None }, clock: Instant::now() }
}

fn limits(max_bytes: usize, max_logs: usize) -> BatchLimits {
    BatchLimits { max_bytes, max_logs, max_age: Duration::from_secs(1) }
}

fn contents(batch: &Batch) -> Vec<Vec<u8>> {
    let group = LogGroup::parse(batch.group.as_bytes()).unwrap();
    group.logs().map(|log| log.contents().next().unwrap().1.to_vec()).collect()
}

#[derive(Default)]
struct Batches(Vec<Batch>);

impl Outlet for Batches {
    fn fresh(&mut self) -> LogGroupWriter {
        LogGroupWriter::new()
    }
    fn full(&mut self, batch: Batch) {
        self.0.push(batch);
    }
}

/// Feeds one chunk and seals; gives batches as (start, end, values).
fn run(
    stream: &mut FileStream,
    plan: &mut Plan,
    chunk: &[u8],
    rest: Rest,
    limits: &BatchLimits,
) -> Vec<(u64, u64, Vec<String>)> {
    let mut batches = Batches::default();
    stream.feed(chunk, rest, plan, limits, now(), &mut batches);
    batches.0.extend(stream.seal());
    batches
        .0
        .iter()
        .map(|batch| {
            let values = contents(batch)
                .into_iter()
                .map(|value| String::from_utf8(value).unwrap())
                .collect();
            (batch.start, batch.end, values)
        })
        .collect()
}

#[test]
fn a_batch_names_its_bytes() {
    let mut stream = stream(100);
    let found = run(&mut stream, &mut plan(""), b"a\nbc\nrest", Rest::Waits, &limits(999, 9));
    assert_eq!(found, [(100, 105, vec!["a".to_owned(), "bc".into()])]);
    assert_eq!(stream.position(), 105);
    assert!(stream.seal().is_none());
}

#[test]
fn a_batch_is_full_by_count_or_bytes() {
    let text = b"a\nb\nc\nd\ne\n";
    let by_count = run(&mut stream(0), &mut plan(""), text, Rest::Waits, &limits(999, 2));
    let spans: Vec<_> = by_count.iter().map(|(start, end, _)| (*start, *end)).collect();
    assert_eq!(spans, [(0, 4), (4, 8), (8, 10)]);
    let by_bytes = run(&mut stream(0), &mut plan(""), text, Rest::Waits, &limits(1, 99));
    assert_eq!(by_bytes.len(), 5);
}

#[test]
fn a_batch_is_due_by_its_first_record() {
    let (mut stream, limits, now) = (stream(0), limits(999, 9), now());
    let mut plan = plan("");
    let mut feed = |stream: &mut FileStream, text: &[u8], now| {
        stream.feed(text, Rest::Waits, &mut plan, &limits, now, &mut Batches::default());
    };
    assert!(!stream.is_due(&limits, now.clock + Duration::from_secs(99)));
    feed(&mut stream, b"a\n", now);
    let later = Now { clock: now.clock + Duration::from_millis(900), ..now };
    feed(&mut stream, b"b\n", later);
    assert!(!stream.is_due(&limits, now.clock + Duration::from_millis(999)));
    assert!(stream.is_due(&limits, now.clock + Duration::from_secs(1)));
}

#[test]
fn bytes_of_dropped_records_are_done_with() {
    let mut plan = plan(r#", "regex": "(\\d+)", "key": ["n"]"#);
    let found = run(&mut stream(0), &mut plan, b"x\ny\n", Rest::Waits, &limits(999, 9));
    assert_eq!(found, [(0, 4, vec![])]);
}

#[test]
fn a_record_taken_without_its_newline_swallows_it_later() {
    let (mut stream, mut plan, limits) = (stream(0), plan(""), limits(999, 9));
    let found = run(&mut stream, &mut plan, b"ab", Rest::IsRecord, &limits);
    assert_eq!(found, [(0, 2, vec!["ab".to_owned()])]);
    assert_eq!(stream.unfinished(), Unfinished::Yes);
    let found = run(&mut stream, &mut plan, b"\nc\n", Rest::Waits, &limits);
    assert_eq!(found, [(2, 5, vec!["c".to_owned()])]);
    // When more of the line comes instead, that is a record of its own.
    run(&mut stream, &mut plan, b"d", Rest::IsRecord, &limits);
    let found = run(&mut stream, &mut plan, b"e\n", Rest::Waits, &limits);
    assert_eq!(found, [(6, 8, vec!["e".to_owned()])]);
}

#[test]
fn records_of_several_lines_are_one_log() {
    let mut plan = plan(r#", "logBeginRegex": "\\d+ .*""#);
    let text = b"1 a\n at x\n2 b\n";
    let found = run(&mut stream(0), &mut plan, text, Rest::IsRecord, &limits(999, 9));
    assert_eq!(found, [(0, 14, vec!["1 a\n at x".to_owned(), "2 b".into()])]);
}

#[test]
fn the_last_record_is_cut_as_the_others_when_it_is_taken() {
    let mut plan = plan(r#", "logBeginRegex": "\\d+ .*""#);
    let (mut stream, limits) = (stream(0), limits(999, 9));
    let found = run(&mut stream, &mut plan, b"1 a\n at x\n2 b", Rest::IsRecord, &limits);
    assert_eq!(found, [(0, 13, vec!["1 a\n at x".to_owned(), "2 b".into()])]);
    assert_eq!(stream.unfinished(), Unfinished::Yes);
    // The late newline is swallowed, and what follows is no part of the record any more.
    let found = run(&mut stream, &mut plan, b"\n at y\n", Rest::IsRecord, &limits);
    assert_eq!(found, [(13, 20, vec![" at y".to_owned()])]);
    assert_eq!(stream.unfinished(), Unfinished::No);
}

#[test]
fn every_framing_swallows_a_late_newline() {
    for (detail, text) in [
        ("", "a"),
        (r#", "logBeginRegex": "1 .*""#, "1 a"),
        (r#", "logBeginRegex": "1 .*", "logContinueRegex": " .*""#, "1 a\n b"),
        (r#", "logBeginRegex": "1 .*", "logEndRegex": "2""#, "1 a\nb"),
        (r#", "logEndRegex": "2""#, "1 a\nb"),
        (r#", "logContinueRegex": " .*", "logEndRegex": "2""#, " a\n b"),
        (r#", "logBeginRegex": "1 .*", "logEndRegex": "2", "discardUnmatch": true"#, "1 a\nb"),
    ] {
        let (mut stream, mut plan) = (stream(0), plan(detail));
        run(&mut stream, &mut plan, text.as_bytes(), Rest::IsRecord, &limits(999, 9));
        assert_eq!(stream.position(), text.len() as u64, "{detail}");
        assert_eq!(stream.unfinished(), Unfinished::Yes, "{detail}");
        let found = run(&mut stream, &mut plan, b"\n", Rest::IsRecord, &limits(999, 9));
        assert_eq!(found.iter().map(|it| it.2.len()).sum::<usize>(), 0, "{detail}");
        assert_eq!(stream.position(), text.len() as u64 + 1, "{detail}");
    }
}

#[test]
fn logs_carry_nanoseconds_only_where_they_are_asked_for() {
    let nanos = |detail: &str| {
        let (mut stream, mut plan) = (stream(0), plan(detail));
        let mut now = now();
        now.wall.nanos = Some(5);
        let text = b"1700000000123 a\n";
        let outlet = &mut Batches::default();
        stream.feed(text, Rest::Waits, &mut plan, &limits(999, 9), now, outlet);
        let sealed = stream.seal().unwrap();
        let group = LogGroup::parse(sealed.group.as_bytes()).unwrap();
        let log = group.logs().next().unwrap();
        (log.time, log.time_ns)
    };
    let advanced = r#", "advanced": {"enable_timestamp_nanosecond": true}"#;
    let timed = r#", "regex": "(\\d+) (.*)", "key": ["time", "x"], "timeFormat": "%s""#;
    assert_eq!(nanos(""), (7, None));
    assert_eq!(nanos(advanced), (7, Some(5)));
    assert_eq!(nanos(timed), (1_700_000_000, None));
    assert_eq!(nanos(&format!("{timed}{advanced}")), (1_700_000_000, Some(123_000_000)));
}

#[test]
fn the_time_goes_along_as_a_number_where_the_old_setting_asks_for_it() {
    let log = |advanced: &str, text: &[u8]| {
        let detail = format!(
            r#", "regex": "(\\d+) (.*)", "key": ["time", "x"], "timeFormat": "%s",
               "advanced": {{"enable_precise_timestamp": true {advanced}}}"#
        );
        let (mut stream, mut plan) = (stream(0), plan(&detail));
        let outlet = &mut Batches::default();
        stream.feed(text, Rest::Waits, &mut plan, &limits(999, 9), now(), outlet);
        let sealed = stream.seal().unwrap();
        let group = LogGroup::parse(sealed.group.as_bytes()).unwrap();
        let log = group.logs().next().unwrap();
        let (name, value) = log.contents().last().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(name), text(value), log.time_ns)
    };
    let text = b"1700000000123456 a\n";
    assert_eq!(log("", text), ("precise_timestamp".into(), "1700000000123".into(), None));
    assert_eq!(
        log(
            r#", "precise_timestamp_key": "t", "precise_timestamp_unit": "us",
              "enable_timestamp_nanosecond": true"#,
            text
        ),
        ("t".into(), "1700000000123456".into(), Some(123_456_000))
    );
}

#[test]
fn logs_older_than_half_a_day_are_dropped_unless_they_are_history() {
    let text = b"1000 a\n44200 b\n44201 c\n99999 d\nx e\n";
    let feed = |max_age: Option<Option<u32>>| {
        let detail = r#", "regex": "(\\S+) (.*)", "key": ["time", "x"], "timeFormat": "%s""#;
        let (mut stream, mut plan) = (stream(0), plan(detail));
        if let Some(seconds) = max_age {
            plan.parser.set_max_age(seconds);
        }
        let mut now = now();
        now.wall.seconds = 44_201 + 12 * 60 * 60;
        let outlet = &mut Batches::default();
        let rest = Rest::Waits;
        let fed = stream.feed(text, rest, &mut plan, &limits(999, 9), now, outlet);
        (fed.records, fed.outdated, fed.logs, fed.untimed)
    };
    assert_eq!(feed(None), (5, 2, 3, 1));
    assert_eq!(feed(Some(None)), (5, 0, 5, 1));
    assert_eq!(feed(Some(Some(100_000))), (5, 0, 5, 1));
}

#[test]
fn a_file_in_gbk_is_cut_by_its_bytes_and_sent_as_utf8() {
    let (mut stream, limits) = (stream(0), limits(999, 9));
    let mut plan = plan(r#", "fileEncoding": "gbk", "logBeginRegex": "日志.*""#);
    let text = b"\xc8\xd5\xd6\xbe 1\n \xd6\xd0\n\xc8\xd5\xd6\xbe \xff\n";
    let mut batches = Batches::default();
    let rest = Rest::IsRecord;
    let fed = stream.feed(text, rest, &mut plan, &limits, now(), &mut batches);
    assert_eq!(fed.unconverted, 1);
    let sealed = stream.seal().unwrap();
    assert_eq!(sealed.end, text.len() as u64);
    let contents: Vec<String> =
        contents(&sealed).into_iter().map(|value| String::from_utf8(value).unwrap()).collect();
    assert_eq!(contents, ["日志 1\n 中", "日志 \u{fffd}"]);
}

#[test]
fn the_bytes_of_a_gbk_character_are_no_separators_quotes_or_escapes() {
    let fields = |detail: &str, text: &[u8]| {
        let detail = format!(r#", "fileEncoding": "gbk" {detail}"#);
        let (mut stream, mut plan) = (stream(0), plan(&detail));
        let rest = Rest::IsRecord;
        let batches = &mut Batches::default();
        let fed = stream.feed(text, rest, &mut plan, &limits(999, 9), now(), batches);
        assert_eq!((fed.unconverted, fed.logs), (0, 1), "{detail}");
        let sealed = stream.seal().unwrap();
        assert_eq!(sealed.end, text.len() as u64);
        let group = LogGroup::parse(sealed.group.as_bytes()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let log = group.logs().next().unwrap();
        log.contents().map(|(_, value)| text(value)).collect::<Vec<_>>()
    };
    let columns = r#", "logType": "delimiter_log", "separator": "|", "key": ["a", "b"]"#;
    assert_eq!(fields(columns, b"\x81\x7c|\xd6\xd0\n"), ["亅", "中"]);
    let json = r#", "logType": "json_log""#;
    let text = b"{\"\x81\x7d\":\n\"\x81\x5c\",\"b\":\"\x81\x7b\"}\n";
    assert_eq!(fields(json, text), ["乗", "亄"]);
    let regex = r#", "regex": "([^|]*)\\|(.)+", "key": ["a", "b"]"#;
    assert_eq!(fields(regex, b"\x81\x7c|x\n"), ["亅", "x"]);
}

#[test]
fn lines_outside_of_any_record_are_counted_and_dropped_only_when_asked_for() {
    let feed = |detail: &str| {
        let (mut stream, mut plan) = (stream(0), plan(detail));
        let mut batches = Batches::default();
        let text = b"x\n1 a\n";
        let rest = Rest::IsRecord;
        let fed = stream.feed(text, rest, &mut plan, &limits(999, 9), now(), &mut batches);
        let sealed = stream.seal().unwrap();
        assert_eq!((sealed.start, sealed.end), (0, 6));
        assert_eq!(fed.first_unmatched.as_deref(), Some(&b"x"[..]));
        (fed.records, fed.unmatched, fed.discarded, contents(&sealed).len())
    };
    assert_eq!(feed(r#", "logBeginRegex": "1 .*""#), (2, 1, 0, 2));
    assert_eq!(feed(r#", "logBeginRegex": "1 .*", "discardUnmatch": true"#), (2, 1, 1, 1));
}

#[test]
fn bytes_that_become_no_record_are_sealed_at_once() {
    let mut plan = plan(r#", "logBeginRegex": "1 .*", "discardUnmatch": true"#);
    let (mut stream, limits, now) = (stream(0), limits(999, 9), now());
    stream.feed(b"x\n", Rest::Waits, &mut plan, &limits, now, &mut Batches::default());
    assert!(stream.is_bare());
}

proptest! {
    /// Spans follow each other without gap or overlap, and their logs are the lines of their bytes.
    #[test]
    fn batches_cover_the_file_exactly(
        lines in prop::collection::vec("[a-z]{0,12}", 0..60),
        sizes in prop::collection::vec(1usize..50, 1..30),
        max_bytes in 1usize..120,
        max_logs in 1usize..9,
        seal_every in 1usize..5,
    ) {
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes();
        let (mut stream, mut plan, limits) = (stream(0), plan(""), limits(max_bytes, max_logs));
        let mut batches = Batches::default();
        let mut visible = 0;
        for (turn, size) in sizes.into_iter().cycle().enumerate() {
            if visible == text.len() {
                break;
            }
            visible = (visible + size).min(text.len());
            let chunk = &text[stream.position() as usize..visible];
            stream.feed(chunk, Rest::Waits, &mut plan, &limits, now(), &mut batches);
            if turn % seal_every == 0 {
                batches.0.extend(stream.seal());
            }
        }
        batches.0.extend(stream.seal());
        let mut at = 0;
        let mut found = Vec::new();
        for batch in &batches.0 {
            prop_assert_eq!(batch.start, at);
            prop_assert!(batch.end > batch.start);
            prop_assert!(batch.group.logs() <= max_logs);
            at = batch.end;
            found.extend(contents(batch));
        }
        prop_assert_eq!(at, text.len() as u64);
        let expected: Vec<Vec<u8>> = lines.iter().map(|line| line.clone().into_bytes()).collect();
        prop_assert_eq!(found, expected);
    }
}

/// Splits a piece and its parts until nothing can be cut, and gives the parts in order.
fn split_all(piece: Piece, group: Vec<u8>) -> Vec<(Piece, Vec<u8>)> {
    match piece.split(&group) {
        None => vec![(piece, group)],
        Some(halves) => {
            halves.into_iter().flat_map(|(piece, group)| split_all(piece, group)).collect()
        }
    }
}

#[test]
fn a_large_record_is_cut_free_of_its_neighbours() {
    let mut stream = stream(50);
    let text = format!("a\n{}\nb\nc\n", "x".repeat(40_000));
    let mut batches = Batches::default();
    stream.feed(
        text.as_bytes(),
        Rest::Waits,
        &mut plan(""),
        &limits(1 << 20, 99),
        now(),
        &mut batches,
    );
    let mut batch = stream.seal().unwrap();
    let parts = split_all(batch.take_piece(), batch.group.as_bytes().to_vec());
    let spans: Vec<_> =
        parts.iter().map(|(piece, _)| (piece.start, piece.end, piece.logs)).collect();
    assert_eq!(spans, [(50, 52, 1), (52, 40_053, 1), (40_053, 40_057, 2)]);
}

proptest! {
    /// Parts follow each other without gap, hold the logs of their bytes and carry all labels.
    #[test]
    fn a_batch_in_pieces_is_the_batch(
        sizes in prop::collection::vec(prop_oneof![9 => 0usize..400, 1 => 0usize..20_000], 1..300),
    ) {
        let text: String = sizes.iter().map(|size| format!("{}\n", "y".repeat(*size))).collect();
        let (mut stream, mut plan, limits) = (stream(7), plan(""), limits(1 << 20, 9999));
        let mut batches = Batches::default();
        stream.feed(text.as_bytes(), Rest::Waits, &mut plan, &limits, now(), &mut batches);
        batches.0.extend(stream.seal());
        for mut batch in batches.0 {
            let whole = contents(&batch);
            let tags: Vec<_> = {
                let group = LogGroup::parse(batch.group.as_bytes()).unwrap();
                group.tags().map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
            };
            let (mut at, end) = (batch.start, batch.end);
            let mut found = Vec::new();
            for (piece, bytes) in split_all(batch.take_piece(), batch.group.as_bytes().to_vec()) {
                let group = LogGroup::parse(&bytes).unwrap();
                prop_assert_eq!(piece.start, at);
                at = piece.end;
                prop_assert_eq!(piece.logs, group.len());
                prop_assert!(piece.logs > 0);
                let logs: Vec<Vec<u8>> =
                    group.logs().map(|log| log.contents().next().unwrap().1.to_vec()).collect();
                let read: u64 = logs.iter().map(|log| log.len() as u64 + 1).sum();
                prop_assert_eq!(read, piece.end - piece.start);
                found.extend(logs);
                let same: Vec<_> =
                    group.tags().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
                prop_assert_eq!(&same, &tags);
            }
            prop_assert_eq!(at, end);
            prop_assert_eq!(found, whole);
        }
    }
}

/// Fields of every log that `detail` makes of `text`, which stands at byte 100 of its file.
fn fields(detail: &str, text: &[u8]) -> Vec<Vec<(String, String)>> {
    let (mut stream, mut batches) = (stream(100), Batches::default());
    let limits = limits(99_999, 99);
    stream.feed(text, Rest::IsRecord, &mut plan(detail), &limits, now(), &mut batches);
    let batch = stream.seal().unwrap();
    let group = LogGroup::parse(batch.group.as_bytes()).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    group.logs().map(|log| log.contents().map(|(k, v)| (text(k), text(v))).collect()).collect()
}

#[track_caller]
fn check_offsets(detail: &str, text: &[u8], expected: &[(&str, &str)]) {
    let detail = format!(r#", {detail} "advanced": {{"enable_log_position_meta": true}}"#);
    let found = fields(&detail, text);
    let offsets: Vec<(&str, &str)> = found
        .iter()
        .map(|fields| {
            let (name, offset) = fields.last().unwrap();
            assert_eq!(name, "__file_offset__", "{detail}");
            (fields[0].1.as_str(), offset.as_str())
        })
        .collect();
    assert_eq!(offsets, expected, "{detail}");
}

#[test]
fn logs_say_where_they_stood_if_asked() {
    check_offsets(
        "",
        b"a\n\nbcd\nrest",
        &[("a", "100"), ("", "102"), ("bcd", "103"), ("rest", "107")],
    );
    check_offsets(
        r#""logBeginRegex": "\\d.*","#,
        b"1\n x\n2\n3",
        &[("1\n x", "100"), ("2", "105"), ("3", "107")],
    );
    let regex = r#""regex": "(\\d)", "key": ["n"], "discardUnmatch": false,"#;
    check_offsets(regex, b"1\nx\n2\n", &[("1", "100"), ("x", "102"), ("2", "104")]);
    // Text that is converted stood where its bytes in the file did.
    check_offsets(
        r#""fileEncoding": "gbk","#,
        b"\xc4\xe3\xba\xc3\nb\n",
        &[("\u{4f60}\u{597d}", "100"), ("b", "105")],
    );
    assert_eq!(fields("", b"a\n")[0].len(), 1, "nobody asked");
}
