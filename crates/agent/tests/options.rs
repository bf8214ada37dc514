//! Keys of a collection configuration, each on a real agent and with what comes of it.

mod support;

use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use support::{Pod, Service, append, lines};

const LIMIT: Duration = Duration::from_secs(60);

/// A pipeline whose `input` is put into its `input_file`.
fn pipeline(pod: &Pod, input: &str) {
    let document = format!(
        "inputs:\n- Type: input_file\n{input}\nflushers:\n- Type: flusher_sls\n  Project: p1\n  \
         Logstore: piped\n"
    );
    pod.write_config("piped.yaml", &document);
}

#[test]
fn several_paths_of_one_input_are_collected_each_by_its_own_pattern() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    pod.unconfigure("all");
    for dir in ["a", "b/deep"] {
        std::fs::create_dir_all(pod.log(dir)).unwrap();
    }
    let logs = pod.path("logs");
    let logs = logs.display();
    // The first two lead to the same file.
    pipeline(
        &pod,
        &format!(
            "  FilePaths:\n  - {logs}/a/*.log\n  - {logs}/a/1.*\n  - {logs}/b/**/*.txt\n  \
             MaxDirSearchDepth: 1"
        ),
    );
    append(&pod.log("a/1.log"), &["first".into()]);
    append(&pod.log("a/1.txt"), &["by its number".into()]);
    append(&pod.log("a/2.txt"), &["nobody's".into()]);
    append(&pod.log("b/deep/2.txt"), &["below".into()]);
    append(&pod.log("b/deep/2.log"), &["nobody's".into()]);
    let agent = pod.start();
    let sorted = || {
        let mut found = service.contents_of("piped");
        found.sort();
        found
    };
    testkit::eventually("the lines of all paths", || {
        let found = sorted();
        if found == ["below", "by its number", "first"] { Ok(()) } else { Err(found.join(", ")) }
    });
    // Also what appears later, in a directory that appears later.
    append(&pod.log("b/new.txt"), &["later".into()]);
    testkit::eventually("the later line", || match sorted().len() {
        4 => Ok(()),
        found => Err(format!("{found} lines")),
    });
    agent.terminate(LIMIT).unwrap();
    assert_eq!(service.contents_of("piped").len(), 4, "each of them once");
}

#[test]
fn logs_say_where_they_stood_and_in_which_inode() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    pod.configure(
        "all",
        r#""filePattern": "*.log", "advanced": {"enable_log_position_meta": true}"#,
    );
    let logs = pod.path("logs");
    pipeline(
        &pod,
        &format!(
            "  FilePaths: ['{}/*.log']\n  FileOffsetKey: at\n  Tags: {{FileInodeTagKey: ino}}",
            logs.display()
        ),
    );
    let sent = lines(0, 3);
    append(&pod.log("a.log"), &sent);
    let inode = std::fs::metadata(pod.log("a.log")).unwrap().ino().to_string();
    let agent = pod.start();
    for logstore in ["all", "piped"] {
        service.wait_for_in(logstore, &sent);
    }
    agent.terminate(LIMIT).unwrap();
    for batch in service.stored() {
        let (tag, field) = match batch.logstore.as_str() {
            "all" => ("__inode__", "__file_offset__"),
            _ => ("ino", "at"),
        };
        assert_eq!(batch.tags.get(tag), Some(&inode));
        let mut at = batch.span.start;
        for log in &batch.logs {
            assert_eq!(log[1], (field.to_owned(), at.to_string()));
            at += log[0].1.len() as u64 + 1;
        }
    }
}
