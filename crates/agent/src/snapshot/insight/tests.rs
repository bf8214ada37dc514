use super::super::{Minute, Snapshot, Store};
use super::*;
use crate::tally::StoreCounts;

/// A state directory with a running window, in which `nginx` has two files, and one before it.
fn state_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let counts = StoreCounts {
        read_bytes: 65_033_430,
        read_count: 687,
        last_read_time: 1_503_975_970,
        delay_bytes_sum: 1374,
        parse_success_lines: 230_615,
        send_success_count: 302,
        max_send_success_time: 1_503_975_968,
        ..StoreCounts::default()
    };
    let file = |path: &str, inode| FileLine {
        project: "p".into(),
        logstore: "nginx".into(),
        config: "c".into(),
        file_path: path.into(),
        file_dev: 64,
        file_inode: inode,
        file_size_bytes: 100,
        read_offset_bytes: 90,
        counts: StoreCounts { parse_fail_lines: 1, ..counts },
    };
    let window = |time_begin, read_bytes| Window {
        time_begin,
        time_end: time_begin + 600,
        logstores: vec![StoreLine {
            project: "p".into(),
            logstore: "nginx".into(),
            config: "c".into(),
            counts: StoreCounts { read_bytes, ..counts },
            sender_valid_flag: true,
            ..StoreLine::default()
        }],
        logfiles: vec![file("/a", 1), file("/b", 2)],
    };
    store.finish(&window(1_503_974_771, 7)).unwrap();
    let minute = |status: &str| Minute { begin: 0, status: status.into() };
    let mut now = Snapshot {
        window: window(1_503_975_371, counts.read_bytes),
        minutes: vec![minute("ok"), minute("send_block")],
        ..Snapshot::default()
    };
    store.write(&mut now).unwrap();
    dir
}

fn check(question: &str, code: u8, text: &str) {
    let dir = state_dir();
    let words: Vec<String> = question.split(' ').map(str::to_owned).collect();
    let answer = answer(dir.path(), &words, &TimeZone::UTC);
    assert_eq!((answer.text.as_str(), answer.code), (text, code), "{question}");
}

#[test]
fn a_minute_is_one_word() {
    check("all", 0, "ok");
    check("all 2", 0, "send_block");
    check("all 60", 0, "null");
}

#[test]
fn active_names_what_was_read() {
    check("active 1", 0, "p : nginx");
    check("active --logstore 2", 0, "p : nginx");
    check("active --logfile 1 p nginx", 0, "/a\n/b");
    check("active --logfile 1 p other", 0, "");
    check("active 60", 0, "");
}

#[test]
fn a_logstore_is_told_in_lines() {
    check(
        "logstore --format=line 1 p nginx",
        0,
        "time_begin_readable : 17-08-29 02:56:11\n\
         time_end_readable : 17-08-29 03:06:11\n\
         time_begin : 1503975371\n\
         time_end : 1503975971\n\
         project : p\n\
         logstore : nginx\n\
         status : ok\n\
         config : c\n\
         read_bytes : 65033430\n\
         parse_success_lines : 230615\n\
         parse_fail_lines : 0\n\
         last_read_time : 1503975970\n\
         read_count : 687\n\
         avg_delay_bytes : 2\n\
         max_unsend_time : 0\n\
         min_unsend_time : 0\n\
         max_send_success_time : 1503975968\n\
         send_queue_size : 0\n\
         send_network_error_count : 0\n\
         send_network_quota_count : 0\n\
         send_network_discard_count : 0\n\
         send_success_count : 302\n\
         send_block_flag : false\n\
         sender_valid_flag : true",
    );
    check("logstore 1 p other", 0, "null");
}

#[test]
fn a_file_is_told_as_json() {
    check(
        "logfile --format=json 2 p nginx /b",
        0,
        r#"{"time_begin_readable":"17-08-29 02:46:11","time_end_readable":"17-08-29 02:56:11","time_begin":1503974771,"time_end":1503975371,"project":"p","logstore":"nginx","status":"parse_fail","config":"c","file_path":"/b","file_dev":64,"file_inode":2,"file_size_bytes":100,"read_offset_bytes":90,"read_bytes":65033430,"parse_success_lines":230615,"parse_fail_lines":1,"last_read_time":1503975970,"read_count":687,"avg_delay_bytes":2}"#,
    );
    check("logfile --format=json 2 p nginx /none", 0, "null");
}

#[test]
fn history_is_a_table() {
    let dir = state_dir();
    let words = ["history", "1", "60", "p", "nginx"].map(str::to_owned);
    let answer = answer(dir.path(), &words, &TimeZone::UTC);
    let cells: Vec<Vec<&str>> =
        answer.text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells[0][..4], ["begin_time", "status", "read", "parse_success"]);
    assert_eq!(cells[1][..5], ["17-08-29", "02:56:11", "ok", "65033430", "230615"]);
    assert_eq!(cells[2][..5], ["17-08-29", "02:46:11", "ok", "7", "230615"]);
    assert_eq!(cells.len(), 3);
    let widths: Vec<usize> = answer.text.lines().map(str::len).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{}", answer.text);
}

#[test]
fn history_of_a_file_has_its_columns() {
    let dir = state_dir();
    let words = ["history", "2", "1", "p", "nginx", "/b"].map(str::to_owned);
    let answer = answer(dir.path(), &words, &TimeZone::UTC);
    let rows: Vec<Vec<&str>> =
        answer.text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][8..], ["device", "inode", "file_size", "read_offset"]);
    assert_eq!(rows.len(), 3, "the order of the indexes does not matter");
    assert!(rows[1..].iter().all(|row| row.ends_with(&["64", "2", "100", "90"])), "{rows:?}");
}

#[test]
fn what_is_no_question_is_answered_with_the_questions() {
    let dir = state_dir();
    let no_questions = [
        "all 61",
        "all 0",
        "active x",
        "logstore 1 p",
        "history 1 2 p l /a /b",
        "who",
        "logstore --form=x 1 p l",
    ];
    for question in no_questions {
        let words: Vec<String> = question.split(' ').map(str::to_owned).collect();
        let answer = answer(dir.path(), &words, &TimeZone::UTC);
        assert_eq!(answer.code, EXIT_ARGUMENTS, "{question}");
        assert!(answer.text.contains("logtail insight, version"), "{}", answer.text);
    }
}

#[test]
fn without_a_snapshot_there_is_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let answer = answer(dir.path(), &["all".to_owned()], &TimeZone::UTC);
    assert_eq!(answer.code, EXIT_QUERY);
    assert!(answer.text.contains("no agent has run"), "{}", answer.text);
}
