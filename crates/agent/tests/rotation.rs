//! Files that are rotated, replaced and deleted in every way that loggers do it, and files that are
//! gone almost before they are there: a real agent collects each line of them once.

mod support;

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{Pod, Service, append, lines};
use testkit::process::Running;

const LIMIT: Duration = Duration::from_secs(60);

/// As short as a file may live and be seen.
const SHORT_LIFE: Duration = Duration::from_millis(100);

/// The same where a test loads the machine, which may then not let the agent run for a while.
const LOADED_LIFE: Duration = Duration::from_millis(400);

/// Numbered lines of one file.
fn lines_of(name: &str, from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("{name} {number}")).collect()
}

/// What a logger writes at the start of each file: more than identity is told by.
fn banner() -> Vec<String> {
    (0..40)
        .map(|number| format!("banner {number:03} of a logger that says the same each time"))
        .collect()
}

fn inode(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}

/// As `logrotate` does it with `copytruncate`.
fn copy_and_truncate(path: &Path, to: &Path) {
    std::fs::copy(path, to).unwrap();
    File::options().write(true).open(path).unwrap().set_len(0).unwrap();
}

#[track_caller]
fn check_drained(agent: Running) {
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.output.join("\n"));
}

/// Both with rotated files that no configuration wants and with such that match like the others.
#[test]
fn a_logger_that_renames_and_begins_anew_loses_no_line() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    pod.configure("rotated", r#""filePattern": "b.txt*""#);
    let agent = pod.start_watching();
    for round in 0..20 {
        for name in ["a.log", "b.txt"] {
            let path = pod.log(name);
            append(&path, &lines_of(name, round * 100, round * 100 + 60));
            append(&path, &lines_of(name, round * 100 + 60, round * 100 + 100));
            // None is dropped: what no process had the time to open cannot be read.
            for old in (1..20).rev() {
                let from = pod.log(&format!("{name}.{old}"));
                if from.exists() {
                    std::fs::rename(from, pod.log(&format!("{name}.{}", old + 1))).unwrap();
                }
            }
            std::fs::rename(&path, pod.log(&format!("{name}.1"))).unwrap();
            append(&path, &[]);
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    // What is begun and renamed between two looks may come behind its successor; inside each file
    // the order is kept.
    for (logstore, name) in [("all", "a.log"), ("rotated", "b.txt")] {
        testkit::eventually("every line, in order inside each file", || {
            let mut found = service.contents_of(logstore);
            let number = |line: &String| line.split(' ').nth(1)?.parse::<usize>().ok();
            found.sort_by_key(|line| number(line).map(|number| number / 100));
            match found == lines_of(name, 0, 2000) {
                true => Ok(()),
                false => Err(format!("{} of 2000 lines of {name}", found.len())),
            }
        });
    }
    check_drained(agent);
}

#[test]
fn a_file_that_is_copied_and_truncated_loses_no_line() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let path = pod.log("a.log");
    append(&path, &lines(0, 50));
    let agent = pod.start();
    for round in 1..12 {
        // Of a content that nobody saw there would be nothing to know its copy by.
        service.wait_for(&lines(0, round * 100 - 50));
        append(&path, &lines(round * 100 - 50, round * 100));
        // Not read yet: the rest is in the copy.
        copy_and_truncate(&path, &pod.log(&format!("a.log.{round}")));
        append(&path, &lines(round * 100, round * 100 + 50));
    }
    service.wait_for(&lines(0, 1150));
    check_drained(agent);
}

/// `logrotate` with `copytruncate` and `compress`: of what was not read there is only a `.gz`.
#[test]
fn a_copy_that_is_compressed_at_once_loses_no_line() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let path = pod.log("a.log");
    append(&path, &lines(0, 50));
    let mut agent = Some(pod.start());
    for round in 1..10 {
        service.wait_for(&lines(0, round * 100 - 50));
        // Half of the times it happens while the agent is away.
        if round % 2 == 0 {
            agent.take().into_iter().for_each(|agent| drop(agent.kill()));
        }
        append(&path, &lines(round * 100 - 50, round * 100));
        let copy = pod.log(&format!("a.log.{round}"));
        copy_and_truncate(&path, &copy);
        let packed = Command::new("gzip").arg(&copy).status().unwrap();
        assert!(packed.success());
        append(&path, &lines(round * 100, round * 100 + 50));
        agent = agent.or_else(|| Some(pod.start()));
    }
    service.wait_for(&lines(0, 950));
    check_drained(agent.unwrap());
}

#[test]
fn a_link_that_is_swapped_leads_to_the_next_file() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let (data, link) = (pod.path("data"), pod.log("a.log"));
    std::fs::create_dir(&data).unwrap();
    let agent = pod.start();
    for round in 0..4 {
        let target = data.join(format!("app-{round}.txt"));
        append(&target, &lines(round * 50, round * 50 + 30));
        let aside = pod.path("link");
        symlink(&target, &aside).unwrap();
        std::fs::rename(&aside, &link).unwrap();
        std::thread::sleep(Duration::from_millis(40));
        // Not seen before the link is swapped again.
        append(&link, &lines(round * 50 + 30, round * 50 + 50));
        if round % 2 == 0 {
            service.wait_for(&lines(0, round * 50 + 50));
        }
    }
    service.wait_for(&lines(0, 200));
    check_drained(agent);
}

#[test]
fn a_used_inode_is_another_file() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let path = pod.log("a.log");
    let part = |round: usize| lines(round * 10, round * 10 + 10);
    append(&path, &part(0));
    let agent = pod.start();
    service.wait_for(&part(0));
    check_drained(agent);
    // While no agent holds the file, most file systems give its inode to the next one.
    let before = inode(&path);
    let mut all = part(0);
    for round in 1..20 {
        std::fs::remove_file(&path).unwrap();
        append(&path, &part(round));
        if inode(&path) == before || round == 19 {
            all.extend(part(round));
            break;
        }
    }
    let agent = pod.start();
    service.wait_for(&all);
    // And while one runs: it lets go of what was deleted after a while.
    for round in 20..24 {
        std::fs::remove_file(&path).unwrap();
        std::thread::sleep(Duration::from_millis(30));
        append(&path, &part(round));
        all.extend(part(round));
        service.wait_for(&all);
    }
    check_drained(agent);
}

#[test]
fn contents_that_begin_alike_are_told_apart() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let path = pod.log("a.log");
    let agent = pod.start();
    let mut all = Vec::new();
    let mut round = 0;
    let mut write = |all: &mut Vec<String>| {
        round += 1;
        let content =
            [banner(), lines_of("round", round * 1000, round * 1000 + 20 * round)].concat();
        append(&path, &content);
        all.extend(content);
    };
    let changes: [&dyn Fn(); 4] = [
        &|| std::fs::rename(&path, pod.log("a.log.1")).unwrap(),
        &|| std::fs::remove_file(&path).unwrap(),
        &|| copy_and_truncate(&path, &pod.log("a.log.2")),
        // Replaced where it stands, by more than was there.
        &|| File::options().write(true).open(&path).unwrap().set_len(0).unwrap(),
    ];
    write(&mut all);
    for change in changes {
        service.wait_for(&all);
        change();
        write(&mut all);
    }
    service.wait_for(&all);
    check_drained(agent);
}

#[test]
fn a_deleted_file_is_read_as_long_as_somebody_writes() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let agent = pod.start();
    append(&pod.log("a.log"), &lines(0, 10));
    let mut file = File::options().append(true).open(pod.log("a.log")).unwrap();
    service.wait_for(&lines(0, 10));
    std::fs::remove_file(pod.log("a.log")).unwrap();
    for number in 10..30 {
        writeln!(file, "{}", lines(number, number + 1)[0]).unwrap();
        std::thread::sleep(Duration::from_millis(10));
    }
    service.wait_for(&lines(0, 30));
    check_drained(agent);
}

/// Makes `count` files with `content`, one every `pause`, and deletes each when it has lived as long
/// as this; gives what was in them.
fn come_and_go(
    pod: &Pod,
    count: usize,
    pause: Duration,
    life: Duration,
    content: impl Fn(usize) -> String,
) -> Vec<String> {
    let mut alive = VecDeque::new();
    let mut written = Vec::new();
    let start = Instant::now();
    let remove_due = |alive: &mut VecDeque<_>, is_over: bool| {
        while let Some((born, path)) = alive.pop_front() {
            let age: Duration = Instant::now() - born;
            if age < life {
                if !is_over {
                    alive.push_front((born, path));
                    return;
                }
                std::thread::sleep(life - age);
            }
            std::fs::remove_file(path).unwrap();
        }
    };
    for number in 0..count {
        let due = start + pause * number as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let path = pod.log(&format!("short-{number}.log"));
        let content = content(number);
        std::fs::write(&path, &content).unwrap();
        written.push(content.trim_end().to_owned());
        alive.push_back((Instant::now(), path));
        remove_due(&mut alive, false);
    }
    remove_due(&mut alive, true);
    written.sort();
    written
}

fn check_all_there(service: &Service, written: &[String]) {
    testkit::eventually("every file", || {
        let mut found = service.contents();
        found.sort();
        match found == written {
            true => Ok(()),
            false => {
                let missing = written.iter().filter(|it| !found.contains(it)).count();
                Err(format!("{missing} of {} are missing", written.len()))
            }
        }
    });
}

#[test]
fn two_hundred_files_a_second_that_come_and_go_are_read() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    append(&pod.log("a.log"), &["first".to_owned()]);
    let agent = pod.start();
    service.wait_for(&["first".to_owned()]);
    let mut written = come_and_go(&pod, 600, Duration::from_millis(5), LOADED_LIFE, |number| {
        format!("line of file {number}\n")
    });
    written.push("first".into());
    written.sort();
    check_all_there(&service, &written);
    check_drained(agent);
}

/// What a short job leaves: a few bytes without a newline, deleted at once, and then the end.
#[test]
fn files_of_a_few_bytes_that_are_gone_at_once_are_collected_before_the_end() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let agent = pod.start_watching();
    let sizes = [1, 2, 3, 10, 100, 1000, 1023, 1024];
    let written = come_and_go(&pod, 40, Duration::from_millis(10), SHORT_LIFE, |number| {
        let size = sizes[number % sizes.len()];
        // Too short a file has no room for its number.
        let text = format!("{number:0>4}");
        if size < text.len() { "x".repeat(size) } else { format!("{text:x>size$}") }
    });
    check_drained(agent);
    let mut found = service.contents();
    found.sort();
    assert_eq!(found, written);
}

/// Many files that grow make the agent look less often; what is gone at once it still sees.
#[test]
fn files_that_are_gone_at_once_are_read_beside_many_that_grow() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    pod.configure("busy", r#""filePattern": "*.busy""#);
    let agent = pod.start_watching();
    let is_over = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        scope.spawn(|| {
            let open = |number| {
                let path = pod.log(&format!("{number}.busy"));
                File::options().append(true).create(true).open(path).unwrap()
            };
            let mut files: Vec<File> = (0..60).map(open).collect();
            while !is_over.load(Ordering::Relaxed) {
                for file in &mut files {
                    writeln!(file, "one more").unwrap();
                }
                std::thread::sleep(Duration::from_millis(4));
            }
        });
        let written = come_and_go(&pod, 60, Duration::from_millis(33), LOADED_LIFE, |number| {
            format!("line of file {number}\n")
        });
        is_over.store(true, Ordering::Relaxed);
        written
    });
    testkit::eventually("every file", || {
        let mut found = service.contents_of("all");
        found.sort();
        let missing = written.iter().filter(|it| !found.contains(it)).count();
        if found == written { Ok(()) } else { Err(format!("{missing} are missing")) }
    });
    check_drained(agent);
}
