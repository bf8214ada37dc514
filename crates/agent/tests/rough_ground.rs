//! A real agent on ground that gives way: full disks, files and directories that come and go,
//! configurations that flap, input that is made to hurt.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{Pod, Service, append, lines};
use testkit::process::{Program, Running, Signal, resident_bytes};

const LIMIT: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A small file system over a directory, as long as this lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where nobody may mount.
    fn over(dir: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(dir);
        let status = mount.stderr(std::process::Stdio::null()).status().ok()?;
        status.success().then(|| Self(dir.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Lets the agent write no file any more, or lets it write again.
fn limit_files(agent: &Running, bytes: &str) {
    let pid = agent.pid().to_string();
    let status = Command::new("prlimit").args(["--pid", &pid, "--fsize"]).arg(bytes).status();
    assert!(status.unwrap().success());
}

/// The agent, started by a program that changes what it may do.
fn start_through(pod: &Pod, program: &str, args: &[&str]) -> Running {
    let agent = env!("CARGO_BIN_EXE_sidetail-agent");
    let program = Program::at(program, "sidetail-agent").args(args).arg(agent);
    let settings = pod.settings().iter();
    settings.fold(program, |program, (name, value)| program.env(name, value)).start().unwrap()
}

#[test]
fn a_full_state_volume_stops_neither_collection_nor_a_later_start() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let disk = SmallDisk::over(&pod.path("state"));
    let filler = pod.path("state").join("filler");
    let agent = match disk {
        Some(_) => pod.start(),
        // A file size limit sends a signal, which has to be ignored for the error to be seen.
        None => start_through(&pod, "/bin/sh", &["-c", "trap '' XFSZ; exec \"$0\""]),
    };
    append(&pod.log("a.log"), &lines(0, 100));
    service.wait_for(&lines(0, 100));
    testkit::eventually("a checkpoint", || match pod.path("state").join("checkpoint").exists() {
        true => Ok(()),
        false => Err("none".into()),
    });
    match &disk {
        Some(_) => assert!(std::fs::write(&filler, vec![b'x'; 1 << 20]).is_err(), "it is small"),
        None => limit_files(&agent, "0:"),
    }
    append(&pod.log("a.log"), &lines(100, 5000));
    append(&pod.log("b.log"), &["new".to_owned()]);
    testkit::eventually("all lines", || match service.contents().len() {
        5001 => Ok(()),
        other => Err(format!("{other}")),
    });
    agent
        .wait_line("that positions cannot be saved", LIMIT, |line| {
            line.contains("CHECKPOINT_ALARM").then_some(())
        })
        .unwrap();
    // A crash now: what was not saved is sent again and known by its place.
    agent.kill();
    if disk.is_some() {
        std::fs::remove_file(&filler).unwrap();
    }
    append(&pod.log("b.log"), &["newer".to_owned()]);
    let agent = pod.start();
    testkit::eventually("the last line", || {
        let found = service.contents();
        match (found.len(), found.last().map(String::as_str)) {
            (5002, Some("newer")) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let mut found = service.contents();
    found.retain(|line| !line.starts_with("new"));
    assert_eq!(found, lines(0, 5000));
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
}

#[test]
fn an_unreadable_file_is_said_and_read_when_it_may_be() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let secret = pod.log("secret.log");
    append(&secret, &["hidden".to_owned()]);
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    let agent = match is_root() {
        // Nothing is unreadable for root but without these capabilities.
        true => {
            let without = "--bounding-set=-dac_override,-dac_read_search";
            start_through(&pod, "setpriv", &[without])
        }
        false => pod.start(),
    };
    append(&pod.log("a.log"), &lines(0, 100));
    service.wait_for(&lines(0, 100));
    agent
        .wait_line("which file", LIMIT, |line| {
            (line.contains("ALARM") && line.contains("secret.log")).then_some(())
        })
        .unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut all = lines(0, 100);
    all.push("hidden".into());
    service.wait_for(&all);
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
}

#[test]
fn a_directory_may_go_and_come_back() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    append(&pod.log("a.log"), &lines(0, 10));
    let agent = pod.start();
    service.wait_for(&lines(0, 10));
    for round in 1..4 {
        std::fs::remove_dir_all(pod.path("logs")).unwrap();
        std::thread::sleep(Duration::from_millis(50 * round));
        std::fs::create_dir(pod.path("logs")).unwrap();
        let from = round as usize * 10;
        append(&pod.log("a.log"), &lines(from, from + 10));
        service.wait_for(&lines(0, from + 10));
    }
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
}

#[test]
fn configurations_that_flap_disturb_no_line() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let agent = pod.start();
    // Before this line it does not hear signals.
    agent
        .wait_line("that it starts", LIMIT, |line| line.contains(" starts").then_some(()))
        .unwrap();
    let mut written = 0;
    for round in 0..30 {
        match round % 6 {
            0 => pod.configure("other", r#""filePattern": "*.none""#),
            1 => pod.configure("all", r#""filePattern": "*.log", "maxDepth": 1"#),
            2 => pod.unconfigure("other"),
            3 => pod.configure("all", r#""filePattern": "*.log", "regex": "(", "key": ["a"]"#),
            // For a while nobody wants the file.
            4 => pod.unconfigure("all"),
            _ => pod.configure("all", r#""filePattern": "*.log", "maxDepth": 0"#),
        }
        // Taken at once, not at the next look at the directory.
        agent.signal(Signal::HUP);
        for _ in 0..4 {
            append(&pod.log("a.log"), &lines(written, written + 50));
            written += 50;
            std::thread::sleep(Duration::from_millis(25));
        }
    }
    service.wait_for(&lines(0, written));
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0));
    let stops = ended.output.iter().filter(|line| line.contains("stopping p1/all")).count();
    assert!(stops >= 3, "stopped only {stops} times");
}

#[test]
fn input_made_to_hurt_passes_in_bounded_memory() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    pod.configure("json", r#""filePattern": "*.json""#);
    let text = std::fs::read_to_string(pod.path("configs").join("json.json")).unwrap();
    let text = text
        .replace("common_reg_log", "json_log")
        .replace(r#""filePattern""#, r#""discardUnmatch": false, "filePattern""#);
    std::fs::write(pod.path("configs").join("json.json"), text).unwrap();
    pod.configure(
        "redos",
        r#""filePattern": "*.redos", "regex": "(((a+)+)+)[bd]", "key": ["a", "b", "c"], "discardUnmatch": false"#,
    );
    pod.configure("gbk", r#""filePattern": "*.gbk", "fileEncoding": "gbk""#);
    // A line of 10 MiB with zeros and bytes that are no text, between two good ones. What a
    // terminal would obey is text like any other.
    let colours = "\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7} \u{202e}back\0wards";
    let mut raw = format!("first\n{colours}\n").into_bytes();
    raw.extend(std::iter::repeat_n(b"long\0\xff\xfe\x80 ", 10 * (1 << 20) / 9).flatten());
    raw.extend_from_slice(b"\nlast\n");
    std::fs::write(pod.log("a.log"), &raw).unwrap();
    // A document 10,000 deep, and a million different keys.
    let mut json = format!("{{\"deep\": {}{}}}\n", "[".repeat(10_000), "]".repeat(10_000));
    for line in 0..1000 {
        let members: Vec<String> =
            (0..1000).map(|key| format!("\"k{}\":1", line * 1000 + key)).collect();
        json += &format!("{{{}}}\n", members.join(","));
    }
    std::fs::write(pod.log("a.json"), json).unwrap();
    let hostile = format!("{}c\n", "a".repeat(5000));
    std::fs::write(pod.log("a.redos"), hostile.repeat(20) + "aab\n").unwrap();
    std::fs::write(pod.log("a.gbk"), b"\xd6\xd0\xce\xc4\nbad \xff\xff\n\xc8\xd5\xd6\xbe\n")
        .unwrap();
    let agent = pod.start();
    let mut most = 0;
    testkit::eventually("everything", || {
        most = most.max(resident_bytes(agent.pid()).unwrap_or(0));
        let batches = service.stored();
        let logs = |name: &str| {
            let batches = batches.iter().filter(|batch| batch.logstore == name);
            batches.map(|batch| batch.logs.len()).sum::<usize>()
        };
        let last = service.contents_of("all").last().cloned();
        match (logs("json"), logs("redos"), logs("gbk"), last) {
            (1001, 21, 3, Some(last)) if last == "last" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert!(most < 64 * MIB, "{most} bytes resident");
    let found = service.contents_of("all");
    assert_eq!(found[..2], ["first", colours]);
    let read: usize = service
        .stored()
        .iter()
        .filter(|batch| batch.logstore == "all")
        .map(|batch| (batch.span.end - batch.span.start) as usize)
        .sum();
    assert_eq!(read, raw.len(), "each byte once");
    assert!(found.len() > 20, "the long line came in pieces");
    let json: Vec<_> =
        service.stored().into_iter().filter(|batch| batch.logstore == "json").collect();
    let keys: usize = json.iter().flat_map(|batch| &batch.logs).map(Vec::len).sum();
    assert!(keys >= 1_000_000, "{keys}");
    let deep = &json[0].logs[0][0];
    assert_eq!((deep.0.as_str(), deep.1.len()), ("deep", 20_000), "as it was written");
    let redos = service.stored().into_iter().filter(|batch| batch.logstore == "redos");
    let logs: Vec<_> = redos.flat_map(|batch| batch.logs).collect();
    let kept = logs[0].last().unwrap();
    assert_eq!((kept.0.as_str(), kept.1.len()), ("__raw_log__", 5001), "it is kept whole");
    assert_eq!(logs[20][0], ("a".to_owned(), "aa".to_owned()));
    let gbk = service.stored().into_iter().filter(|batch| batch.logstore == "gbk");
    let gbk: Vec<_> = gbk.flat_map(|batch| batch.logs).map(|log| log[0].1.clone()).collect();
    assert_eq!((gbk[0].as_str(), gbk[2].as_str()), ("中文", "日志"));
    assert!(gbk[1].starts_with("bad \u{fffd}"), "{gbk:?}");
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0));
    // Each with its reason and the first of what is concerned.
    let said = |words: &[&str]| {
        ended.output.iter().any(|line| words.iter().all(|word| line.contains(word)))
    };
    assert!(said(&["REGEX_MATCH_ALARM", "20 of", "match_limit", "kept whole", "aaaa"]));
    assert!(said(&["SPLIT_LOG_FAIL_ALARM", "was cut into pieces", "a.log"]));
    assert!(said(&["ENCODING_CONVERT_ALARM", "a.gbk"]));
}
