//! Keys of a collection configuration, each on a real agent and with what comes of it.

mod support;

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use support::{Pod, Reply, Service, append, lines};

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

#[test]
fn what_is_too_late_is_left_out_and_accounted_for() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    pod.configure("all", r#""filePattern": "*.log", "delaySkipBytes": 100000"#);
    append(&pod.log("a.log"), &lines(0, 10));
    let agent = pod.start();
    service.wait_for(&lines(0, 10));
    let read = std::fs::metadata(pod.log("a.log")).unwrap().len();
    append(&pod.log("a.log"), &lines(10, 20_000));
    let size = std::fs::metadata(pod.log("a.log")).unwrap().len();
    agent
        .wait_line("the alarm", LIMIT, |line| {
            (line.contains("READ_LOG_DELAY_ALARM") && line.contains("are left out")).then_some(())
        })
        .unwrap();
    append(&pod.log("a.log"), &["the next line".into()]);
    let mut expected = lines(0, 10);
    expected.push("the next line".to_owned());
    service.wait_for(&expected);
    agent.terminate(LIMIT).unwrap();
    let (code, ledger) = pod.command(&["ledger"]);
    assert_eq!(code, Some(0));
    assert!(ledger.contains(&format!(" too_late:{read}-{size} ")), "{ledger}");
    assert!(ledger.contains(" missing:0 "), "{ledger}");
}

#[test]
fn a_file_without_news_is_closed_when_the_configuration_says_so() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    pod.configure(
        "all",
        r#""filePattern": "*.log", "advanced": {"close_unused_reader_interval": 1}"#,
    );
    append(&pod.log("a.log"), &lines(0, 3));
    let agent = pod.start();
    service.wait_for(&lines(0, 3));
    let descriptors = format!("/proc/{}/fd", agent.pid());
    let is_open = || {
        let links = std::fs::read_dir(&descriptors).unwrap().flatten();
        links.filter_map(|it| std::fs::read_link(it.path()).ok()).any(|it| it == pod.log("a.log"))
    };
    testkit::eventually("the file to be closed", || match is_open() {
        false => Ok(()),
        true => Err("it is open".to_owned()),
    });
    append(&pod.log("a.log"), &lines(3, 6));
    service.wait_for(&lines(0, 6));
    agent.terminate(LIMIT).unwrap();
}

#[test]
fn the_pace_of_the_instance_is_kept_by_all_configurations_together() {
    let service = Service::storing();
    // Less is not accepted from the environment.
    let pod = Pod::new(&service).set("max_bytes_per_sec", "1048576");
    pod.configure("other", "\"filePattern\": \"*.txt\"");
    let many = lines(0, 6_000);
    append(&pod.log("a.log"), &many);
    append(&pod.log("a.txt"), &many);
    let begun = std::time::Instant::now();
    let agent = pod.start();
    for logstore in ["all", "other"] {
        service.wait_for_in(logstore, &many);
    }
    let bytes = 2 * std::fs::metadata(pod.log("a.log")).unwrap().len();
    let (rate, slack) = (1_048_576, 400_000);
    // No more than that, whatever the machine does; how much slower it is does not matter.
    assert!(begun.elapsed().as_secs_f64() * f64::from(rate) + f64::from(slack) > bytes as f64);
    agent.terminate(LIMIT).unwrap();
}

#[test]
fn an_agent_with_configurations_of_its_machine_only_starts() {
    let service = Service::storing();
    let system = tempfile::tempdir().unwrap();
    let pod = Pod::new(&service)
        .set("SIDETAIL_AGENT_CONFIG_DIR", "")
        .set("ALIYUN_LOGTAIL_SYS_CONF_DIR", &system.path().to_string_lossy());
    let local = system.path().join("user_config.d");
    std::fs::create_dir(&local).unwrap();
    append(&pod.log("a.log"), &lines(0, 3));
    let agent = pod.start();
    // The directory is enough; what is in it may come later.
    agent
        .wait_line("the start", LIMIT, |line| line.contains("sidetail-agent").then_some(()))
        .unwrap();
    std::fs::rename(pod.path("configs").join("all.json"), local.join("all.json")).unwrap();
    service.wait_for(&lines(0, 3));
    agent.terminate(LIMIT).unwrap();
}

/// Compresses a log as the rotation does: under another name, and then the original is removed.
fn pack(pod: &Pod, name: &str) {
    let text = std::fs::read(pod.log(name)).unwrap();
    let file = std::fs::File::create(pod.log(&format!("{name}.gz"))).unwrap();
    let mut writer = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    for part in text.chunks(10_000) {
        writer.write_all(part).unwrap();
        writer.flush().unwrap();
    }
    writer.finish().unwrap();
    std::fs::remove_file(pod.log(name)).unwrap();
}

fn rotate(pod: &Pod, from: &str, to: &str) {
    std::fs::rename(pod.log(from), pod.log(to)).unwrap();
}

#[test]
fn lines_of_files_that_are_compressed_come_once_whenever_that_happens() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    pod.configure("all", r#""filePattern": "a.log*", "advanced": {"read_gzip_history": true}"#);
    // History that nobody has seen.
    append(&pod.log("a.log.1"), &lines(0, 2000));
    pack(&pod, "a.log.1");
    let agent = pod.start();
    service.wait_for(&lines(0, 2000));
    append(&pod.log("a.log"), &lines(2000, 4000));
    service.wait_for(&lines(0, 4000));
    // Rotated and compressed under an agent that has half of it to send.
    service.follow(|ask| match ask.number % 2 {
        0 => Reply::Refuse(503, "ServerBusy"),
        _ => Reply::Store,
    });
    rotate(&pod, "a.log.1.gz", "a.log.2.gz");
    append(&pod.log("a.log"), &lines(4000, 12_000));
    rotate(&pod, "a.log", "a.log.1");
    append(&pod.log("a.log"), &lines(12_000, 12_010));
    pack(&pod, "a.log.1");
    agent.kill();
    let agent = pod.start();
    let all = |to: usize| {
        let expected = lines(0, to);
        testkit::eventually("every line once", || {
            let mut found = service.contents();
            found.sort();
            let mut expected = expected.clone();
            expected.sort();
            if found == expected { Ok(()) } else { Err(format!("{} of {to}", found.len())) }
        });
    };
    all(12_010);
    service.follow(|_| Reply::Store);
    agent.kill();
    // Rotated, compressed and rotated again while nobody looks.
    rotate(&pod, "a.log.2.gz", "a.log.3.gz");
    rotate(&pod, "a.log.1.gz", "a.log.2.gz");
    append(&pod.log("a.log"), &lines(12_010, 15_000));
    rotate(&pod, "a.log", "a.log.1");
    pack(&pod, "a.log.1");
    append(&pod.log("a.log"), &lines(15_000, 15_010));
    let agent = pod.start();
    all(15_010);
    agent.terminate(LIMIT).unwrap();
    let agent = pod.start();
    append(&pod.log("a.log"), &lines(15_010, 15_020));
    all(15_020);
    agent.terminate(LIMIT).unwrap();
    all(15_020);
}
