//! A real agent in front of a service that does what services do.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use support::{Pod, Reply, Service, append, lines};
use testkit::process::Signal;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn every_kind_of_refusal_is_survived_in_order() {
    let faults = [
        Reply::Refuse(500, "InternalServerError"),
        Reply::Refuse(503, "ServerBusy"),
        Reply::Reset,
        Reply::Refuse(403, "ShardWriteQuotaExceed"),
        Reply::StoreAndReset,
        Reply::Refuse(429, ""),
        Reply::StoreAndBreakOff,
        Reply::Refuse(404, "LogStoreNotExist"),
        Reply::Refuse(401, "Unauthorized"),
        Reply::StoreLate(Duration::from_millis(500)),
        Reply::Refuse(502, ""),
        Reply::Stall(Duration::from_secs(4)),
        Reply::RefuseFor(429, "", 1),
        Reply::Refuse(400, "InvalidSequenceId"),
    ];
    // The last of them says that the batch is there already.
    let stored = faults.len() - 1;
    let service = Service::start(move |ask| match ask.number % 2 {
        0 => faults.get(ask.number / 2).copied().unwrap_or(Reply::Store),
        _ => Reply::Store,
    });
    let pod = Pod::new(&service).set("SIDETAIL_AGENT_REQUEST_SECONDS", "1");
    let agent = pod.start();
    let all = lines(0, stored * 100);
    for part in all.chunks(100) {
        append(&pod.log("a.log"), part);
        let before = service.requests();
        testkit::eventually("the next request", || {
            if service.requests() > before { Ok(()) } else { Err("none".into()) }
        });
    }
    service.wait_for(&all);
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.output.join("\n"));
}

#[test]
fn a_batch_carries_its_place_and_its_tags() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    append(&pod.log("a.log"), &lines(0, 3));
    let agent = pod.start();
    service.wait_for(&lines(0, 3));
    append(&pod.log("a.log"), &lines(3, 5));
    service.wait_for(&lines(0, 5));
    let stored = service.stored();
    assert_eq!((stored[0].span.start, stored[1].span.start), (0, stored[0].span.end));
    let length: usize = lines(0, 5).iter().map(|line| line.len() + 1).sum();
    assert_eq!(stored[1].span.end, length as u64);
    assert_eq!(stored[0].span.file, stored[1].span.file);
    assert_eq!(stored[0].logstore, "all");
    let tag = |name: &str| stored[0].tags[name].clone();
    assert_eq!(tag("__path__"), pod.log("a.log").to_string_lossy());
    assert_eq!(tag("__user_defined_id__"), "group-1");
    assert_eq!(tag("_pod_name_"), "pod-1");
    assert!(tag("__pack_id__").ends_with("-0"));
    assert!(!tag("__hostname__").is_empty());
    agent.terminate(LIMIT).unwrap();
}

#[test]
fn refused_data_is_given_up_and_what_follows_goes_on() {
    let tries = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&tries);
    let service = Service::start(move |ask| {
        if ask.logs.iter().any(|log| log[0].1 == "poison") {
            counted.fetch_add(1, Ordering::Relaxed);
            Reply::Refuse(400, "PostBodyInvalid")
        } else {
            Reply::Store
        }
    });
    let pod = Pod::new(&service);
    let agent = pod.start();
    append(&pod.log("a.log"), &lines(0, 10));
    service.wait_for(&lines(0, 10));
    append(&pod.log("a.log"), &["poison".to_owned()]);
    agent
        .wait_line("that data is lost", LIMIT, |line| {
            line.contains("DISCARD_DATA_ALARM p1/all: 7 bytes").then_some(())
        })
        .unwrap();
    assert_eq!(tries.load(Ordering::Relaxed), 5);
    append(&pod.log("a.log"), &lines(10, 20));
    service.wait_for(&lines(0, 20));
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
}

#[test]
fn a_slow_file_waits_for_no_other() {
    // Everything of one file is refused; the other one goes on.
    let service = Service::start(|ask| {
        if ask.logs[0][0].1.starts_with("stuck") {
            Reply::Refuse(500, "InternalServerError")
        } else {
            Reply::Store
        }
    });
    let pod = Pod::new(&service).set("SIDETAIL_AGENT_DRAIN_SECONDS", "1");
    append(&pod.log("stuck.log"), &["stuck".to_owned()]);
    append(&pod.log("a.log"), &lines(0, 500));
    let agent = pod.start();
    service.wait_for(&lines(0, 500));
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(3), "one file is left");
    let said = ended.output.join("\n");
    assert!(said.contains("6 bytes of 1 files are not delivered"), "{said}");
}

#[test]
fn what_was_left_is_sent_by_the_next_start() {
    let service = Service::start(|_| Reply::Refuse(503, "ServerBusy"));
    let pod = Pod::new(&service).set("SIDETAIL_AGENT_DRAIN_SECONDS", "60");
    append(&pod.log("a.log"), &lines(0, 100));
    let agent = pod.start();
    testkit::eventually("a request", || {
        if service.requests() > 0 { Ok(()) } else { Err("none".into()) }
    });
    agent.signal(Signal::TERM);
    agent
        .wait_line("that it ends", LIMIT, |line| line.contains("for at most 60s").then_some(()))
        .unwrap();
    // A second signal is in a hurry.
    let ended = agent.terminate(Duration::from_secs(30)).unwrap();
    assert_eq!(ended.status.code(), Some(3));
    service.follow(|_| Reply::Store);
    let agent = pod.start();
    service.wait_for(&lines(0, 100));
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
    let agent = pod.start();
    append(&pod.log("a.log"), &lines(100, 110));
    service.wait_for(&lines(0, 110));
    agent.terminate(LIMIT).unwrap();
}

#[test]
fn a_wrong_pattern_does_not_disturb_the_other_configurations() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    pod.configure("broken", r#""filePattern": "*.log", "regex": "(\\d+", "key": ["number"]"#);
    append(&pod.log("a.log"), &lines(0, 50));
    let agent = pod.start();
    service.wait_for(&lines(0, 50));
    agent
        .wait_line("where the pattern is wrong", LIMIT, |line| {
            (line.contains("broken.json:2:") && line.contains("regex")).then_some(())
        })
        .unwrap();
    agent.terminate(LIMIT).unwrap();
}

#[test]
fn more_groups_than_names_are_collected_with_a_warning() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    pod.configure(
        "all",
        r#""filePattern": "*.log", "regex": "(\\S+) (\\S+) (.*)", "key": ["a", "b"]"#,
    );
    append(&pod.log("a.log"), &["1 2 3".to_owned()]);
    let agent = pod.start();
    testkit::eventually("the log", || {
        let logs = service.stored().into_iter().flat_map(|batch| batch.logs).collect::<Vec<_>>();
        let expected = [("a", "1"), ("b", "2")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        if logs == [expected.to_vec()] { Ok(()) } else { Err(format!("{logs:?}")) }
    });
    agent
        .wait_line("the warning", LIMIT, |line| {
            line.contains("3 capture groups for 2 names").then_some(())
        })
        .unwrap();
    agent.terminate(LIMIT).unwrap();
}

#[test]
fn the_end_collects_the_last_line_without_a_newline() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let agent = pod.start();
    append(&pod.log("a.log"), &lines(0, 10));
    service.wait_for(&lines(0, 10));
    std::fs::write(pod.log("short.log"), "unfinished").unwrap();
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0));
    let mut expected = lines(0, 10);
    expected.push("unfinished".into());
    assert_eq!(service.contents(), expected);
}

/// A logstore that is refused, or does not answer, as long as the test lasts.
#[track_caller]
fn check_alone(reply: Reply) {
    let service = Service::start(move |ask| match ask.logstore {
        "refused" => reply,
        _ => Reply::Store,
    });
    let pod = Pod::new(&service)
        .set("SIDETAIL_AGENT_REQUESTS_IN_FLIGHT", "2")
        .set("SIDETAIL_AGENT_MEMORY_BYTES", "1MiB")
        .set("SIDETAIL_AGENT_DRAIN_SECONDS", "0.1");
    pod.configure("refused", r#""filePattern": "*.stuck""#);
    // More than the refused logstore may hold, in more files than requests may be under way.
    let filler: Vec<String> = lines(0, 40_000);
    for number in 0..4 {
        append(&pod.log(&format!("{number}.stuck")), &filler);
    }
    let agent = pod.start();
    testkit::eventually("a request to the refused logstore", || {
        if service.requests() > 0 { Ok(()) } else { Err("none".into()) }
    });
    let mut all = Vec::new();
    for round in 0..4 {
        let part = lines(round * 3000, (round + 1) * 3000);
        append(&pod.log("a.log"), &part);
        all.extend(part);
        service.wait_for_in("all", &all);
    }
    assert_eq!(service.contents_of("refused"), Vec::<String>::new());
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(3), "what is refused is left: {reply:?}");
}

#[test]
fn a_logstore_without_permission_holds_no_other() {
    check_alone(Reply::Refuse(401, "Unauthorized"));
}

#[test]
fn a_logstore_over_its_quota_holds_no_other() {
    check_alone(Reply::Refuse(403, "ShardWriteQuotaExceed"));
}

#[test]
fn a_logstore_that_does_not_exist_holds_no_other() {
    check_alone(Reply::Refuse(404, "LogStoreNotExist"));
}

#[test]
fn a_logstore_that_fails_holds_no_other() {
    check_alone(Reply::Refuse(500, "InternalServerError"));
}

#[test]
fn a_logstore_that_asks_for_a_long_pause_holds_no_other() {
    check_alone(Reply::RefuseFor(429, "", 120));
}

#[test]
fn a_logstore_that_does_not_answer_holds_no_other() {
    check_alone(Reply::Stall(Duration::from_secs(60)));
}

#[test]
fn the_end_does_not_wait_as_long_as_the_service_asked_for() {
    let service = Service::start(|_| Reply::RefuseFor(429, "", 120));
    let pod = Pod::new(&service)
        .set("SIDETAIL_AGENT_REQUESTS_IN_FLIGHT", "1")
        .set("SIDETAIL_AGENT_DRAIN_SECONDS", "30");
    append(&pod.log("a.log"), &lines(0, 100));
    append(&pod.log("b.log"), &lines(100, 200));
    let agent = pod.start();
    let wait_for_requests = |count: usize| {
        testkit::eventually("a request", || match service.requests() {
            found if found >= count => Ok(()),
            found => Err(format!("{found} of {count}")),
        });
    };
    wait_for_requests(1);
    agent.signal(Signal::TERM);
    // One at once, and after its refusal another one soon.
    wait_for_requests(3);
    service.follow(|_| Reply::Store);
    let ended = agent.wait(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.output.join("\n"));
    let mut found = service.contents();
    found.sort_by_key(|line| line.split(' ').nth(1).and_then(|it| it.parse::<u32>().ok()));
    assert_eq!(found, lines(0, 200));
}

#[test]
fn a_wrong_clock_is_corrected_by_the_service() {
    let late = || SystemTime::now() + Duration::from_secs(3 * 3600);
    let service = Service::start(move |ask| {
        if ask.date + Duration::from_secs(900) < late() {
            Reply::RefuseClock(late())
        } else {
            Reply::Store
        }
    });
    let pod = Pod::new(&service);
    append(&pod.log("a.log"), &lines(0, 10));
    let agent = pod.start();
    service.wait_for(&lines(0, 10));
    append(&pod.log("a.log"), &lines(10, 20));
    service.wait_for(&lines(0, 20));
    assert_eq!(service.requests(), 3, "only the first one was signed with our own time");
    agent.terminate(LIMIT).unwrap();
}

#[test]
fn a_new_key_in_its_files_ends_the_wait() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let (id, secret) = (pod.path("id"), pod.path("secret"));
    std::fs::write(&id, support::KEY.0).unwrap();
    std::fs::write(&secret, support::KEY.1).unwrap();
    let known = std::sync::Arc::new(AtomicUsize::new(0));
    let asked = std::sync::Arc::clone(&known);
    service.follow(move |_| match asked.load(Ordering::Relaxed) {
        0 => Reply::Refuse(401, "InvalidAccessKeyId"),
        _ => Reply::Store,
    });
    let pod = pod
        .set("SIDETAIL_AGENT_ACCESS_KEY_ID_FILE", &id.to_string_lossy())
        .set("SIDETAIL_AGENT_ACCESS_KEY_SECRET_FILE", &secret.to_string_lossy());
    append(&pod.log("a.log"), &lines(0, 10));
    let agent = pod.start();
    agent
        .wait_line("that the key is refused", LIMIT, |line| {
            line.contains("SEND_DATA_FAIL_ALARM p1/all: try 1 (unauthorized)").then_some(())
        })
        .unwrap();
    std::fs::write(&id, support::KEY.0).unwrap();
    known.store(1, Ordering::Relaxed);
    service.wait_for(&lines(0, 10));
    agent.terminate(LIMIT).unwrap();
}

#[test]
fn what_is_too_large_goes_in_parts_with_spans_that_fit() {
    const LIMIT_BYTES: usize = 40_000;
    let service = Service::start(|ask| match ask.raw_size {
        size if size <= LIMIT_BYTES => Reply::Store,
        _ => Reply::Refuse(413, ""),
    });
    let pod = Pod::new(&service);
    let all = lines(0, 5000);
    append(&pod.log("a.log"), &all);
    let agent = pod.start();
    service.wait_for(&all);
    let mut spans: Vec<_> = service.stored().iter().map(|batch| batch.span).collect();
    spans.sort_by_key(|span| span.start);
    assert!(spans.len() > 10, "{}", spans.len());
    assert_eq!(spans[0].start, 0);
    assert!(spans.windows(2).all(|pair| pair[0].end == pair[1].start));
    assert!(service.stored().iter().all(|batch| batch.tags.contains_key("__path__")));
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
}
