//! What the service will not take is on disk with its reason, and can be shown and sent again.

mod support;

use std::time::Duration;
use support::{Pod, Reply, Service, append, lines};

const LIMIT: Duration = Duration::from_secs(60);

/// Refuses every group with a poisoned line.
fn picky() -> Service {
    Service::start(|ask| {
        if ask.logs.iter().any(|log| log[0].1.contains("poison")) {
            Reply::Refuse(400, "PostBodyInvalid")
        } else {
            Reply::Store
        }
    })
}

fn listed(pod: &Pod) -> Vec<serde_json::Value> {
    let (code, text) = pod.command(&["dead-letters", "list", "--json"]);
    assert_eq!(code, Some(0));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_poisoned_record_is_kept_shown_and_sent_again_without_its_batch() {
    let service = picky();
    let pod = Pod::new(&service);
    let mut all = lines(0, 3000);
    all.insert(1500, "poison".into());
    append(&pod.log("a.log"), &all);
    let agent = pod.start();
    testkit::eventually("a dead letter", || match listed(&pod).len() {
        1 => Ok(()),
        other => Err(format!("{other}")),
    });
    append(&pod.log("a.log"), &lines(3000, 3100));
    let taken = |from: usize, to: usize| {
        let mut taken = all.clone();
        taken.drain(from..to);
        taken.extend(lines(3000, 3100));
        taken
    };
    // The letter holds the few records around the poisoned one; all others went through.
    let letter = listed(&pod).remove(0);
    let (code, shown) = pod.command(&["dead-letters", "show", "1"]);
    assert_eq!(code, Some(0));
    let shown: Vec<&str> = shown.lines().collect();
    assert_eq!(letter["logs"], shown.len());
    assert!(shown.len() < 200, "{}", shown.len());
    let first = all.iter().position(|line| line == shown[0]).unwrap();
    assert_eq!(shown, all[first..first + shown.len()]);
    assert!(shown.contains(&"poison"));
    service.wait_for(&taken(first, first + shown.len()));
    for (member, value) in [
        ("reason", "invalid".into()),
        ("code", "PostBodyInvalid".into()),
        ("status", 400.into()),
        ("project", "p1".into()),
        ("logstore", "all".into()),
        ("endpoint", service.endpoint().into()),
        ("start", all[..first].iter().map(|line| line.len() + 1).sum::<usize>().into()),
    ] {
        let value: serde_json::Value = value;
        assert_eq!(letter[member], value, "{member}");
    }
    let tags = letter["tags"].as_array().unwrap();
    let path = pod.log("a.log").to_string_lossy().into_owned();
    assert!(tags.contains(&serde_json::json!(["__path__", path])), "{tags:?}");
    // Nothing of it is left to deliver.
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.output.join("\n"));

    // The cause is not repaired: it stays. Then it is.
    assert_eq!(pod.command(&["dead-letters", "replay"]).0, Some(1));
    assert_eq!(listed(&pod).len(), 1);
    service.follow(|_| Reply::Store);
    let (code, _) = pod.command(&["dead-letters", "replay", "--logstore", "repaired", "1"]);
    assert_eq!(code, Some(0));
    assert_eq!(service.contents_of("repaired"), shown);
    let stored = service.stored();
    let replayed = stored.iter().find(|batch| batch.logstore == "repaired").unwrap();
    assert_eq!(replayed.span.start, letter["start"].as_u64().unwrap());
    assert_eq!(replayed.tags["__path__"], path);
    assert_eq!(listed(&pod).len(), 0);
}

#[test]
fn a_letter_goes_back_to_the_service_it_was_for() {
    let (here, there) = (Service::storing(), picky());
    let pod = Pod::new(&here);
    pod.unconfigure("all");
    let flusher = r#"{"Type": "flusher_sls", "Project": "p1""#;
    let document = format!(
        r#"{{"inputs": [{{"Type": "input_file", "FilePaths": ["{}"]}}],
            "flushers": [{flusher}, "Logstore": "own"}},
                         {flusher}, "Logstore": "other", "Endpoint": "{}"}}]}}"#,
        pod.log("*.log").display(),
        there.endpoint()
    );
    pod.write_config("two.json", &document);
    let all = ["poison".to_owned()];
    append(&pod.log("a.log"), &all);
    let agent = pod.start();
    here.wait_for_in("own", &all);
    testkit::eventually("a dead letter", || match listed(&pod).as_slice() {
        [letter] if letter["endpoint"] == there.endpoint() => Ok(()),
        other => Err(format!("{other:?}")),
    });
    // A letter of a version that kept no endpoint says so, and goes where it is told to.
    let dir = pod.path("state").join("dead-letters");
    let old = include_bytes!("../src/dead_letter/version-1.letter");
    std::fs::write(dir.join("00000007.letter"), old).unwrap();
    there.follow(|_| Reply::Store);
    let ended = pod.start_as("sidetail-agent", &["dead-letters", "replay"]).wait(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let said = ended.output.join("\n");
    assert!(
        said.contains("7: was written by a version") && said.contains("--endpoint URL"),
        "{said}"
    );
    assert_eq!(there.contents_of("other"), all);
    assert_eq!(listed(&pod).len(), 1);
    let told = ["dead-letters", "replay", "--endpoint", &there.endpoint()];
    assert_eq!(pod.command(&told).0, Some(0));
    assert_eq!(there.contents_of("app"), ["one", "two"]);
    assert_eq!(listed(&pod).len(), 0);
    assert_eq!(here.stored().len(), 1, "nothing of it went to the agent's own");
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
}

#[test]
fn where_everything_is_refused_batches_are_given_up_whole() {
    let service = Service::start(|_| Reply::Refuse(400, "PostBodyInvalid"));
    let pod = Pod::new(&service);
    let all = lines(0, 5000);
    append(&pod.log("a.log"), &all);
    let agent = pod.start();
    testkit::eventually("all in dead letters", || {
        let logs: u64 = listed(&pod).iter().filter_map(|letter| letter["logs"].as_u64()).sum();
        if logs == 5000 { Ok(()) } else { Err(format!("{logs}")) }
    });
    let letters = listed(&pod);
    assert!(letters.len() < 20, "{}", letters.len());
    let numbers: Vec<String> = letters.iter().map(|letter| letter["number"].to_string()).collect();
    let mut args = vec!["dead-letters", "show"];
    args.extend(numbers.iter().map(String::as_str));
    assert_eq!(pod.command(&args).1.lines().collect::<Vec<_>>(), all);
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
}

#[test]
fn a_refusal_that_lasts_too_long_ends_in_a_dead_letter() {
    let service = Service::start(|_| Reply::Refuse(404, "LogStoreNotExist"));
    let pod = Pod::new(&service).set("SIDETAIL_AGENT_KEEP_REFUSED_SECONDS", "0.1");
    append(&pod.log("a.log"), &lines(0, 10));
    let agent = pod.start();
    testkit::eventually("a dead letter", || match listed(&pod).as_slice() {
        [letter] if letter["reason"] == "not_found" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    service.follow(|_| Reply::Store);
    assert_eq!(pod.command(&["dead-letters", "replay"]).0, Some(0));
    service.wait_for(&lines(0, 10));
    agent.terminate(LIMIT).unwrap();
}

#[test]
fn all_of_a_file_is_given_up_when_it_was_refused_too_long() {
    let service = Service::start(|ask| match ask.logstore {
        "missing" => Reply::Refuse(404, "LogStoreNotExist"),
        _ => Reply::Store,
    });
    // Would each batch begin its own time when its turn comes, this took longer than anybody waits.
    let pod = Pod::new(&service);
    let file = pod.path("ilogtail_config.json");
    let settings = r#"{"discard_send_fail_interval": 3, "merge_log_count_limit": 100}"#;
    std::fs::write(&file, settings).unwrap();
    let pod = pod.set("ALIYUN_LOGTAIL_CONFIG", &file.to_string_lossy());
    pod.configure("missing", r#""filePattern": "*.missing""#);
    append(&pod.log("a.missing"), &lines(0, 4000));
    append(&pod.log("a.log"), &lines(0, 4000));
    let agent = pod.start();
    service.wait_for_in("all", &lines(0, 4000));
    assert_eq!(listed(&pod), Vec::<serde_json::Value>::new(), "nothing is given up so early");
    let logs = || listed(&pod).iter().filter_map(|it| it["logs"].as_u64()).sum::<u64>();
    testkit::eventually("all of it in letters", || match logs() {
        4000 => Ok(()),
        other => Err(format!("{other}")),
    });
    assert!(listed(&pod).len() >= 20, "{}", listed(&pod).len());
    // What is written now is young again, and the logstore is made in time.
    append(&pod.log("a.missing"), &lines(4000, 4100));
    service.follow(|_| Reply::Store);
    service.wait_for_in("missing", &lines(4000, 4100));
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
}

#[test]
fn a_full_disk_costs_the_letter_and_nothing_else() {
    let service = picky();
    let pod = Pod::new(&service);
    // Where the directory should be is a file: as good as a disk that takes nothing.
    std::fs::write(pod.path("state").join("dead-letters"), "").unwrap();
    let agent = pod.start();
    append(&pod.log("a.log"), &["poison".to_owned()]);
    agent
        .wait_line("that there is no letter", LIMIT, |line| {
            line.contains("DISCARD_DATA_ALARM p1/all: 7 bytes leave no dead letter").then_some(())
        })
        .unwrap();
    append(&pod.log("a.log"), &lines(0, 10));
    service.wait_for(&lines(0, 10));
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.output.join("\n"));
}

#[test]
fn what_is_in_no_letter_is_not_said_to_be_delivered() {
    let service = picky();
    let pod = Pod::new(&service)
        .set("SIDETAIL_AGENT_DEAD_LETTER_BYTES", "0")
        .set("SIDETAIL_AGENT_SNAPSHOT_SECONDS", "0.1");
    append(&pod.log("a.log"), &["poison".to_owned()]);
    let agent = pod.start();
    let destroyed = " acked:- missing:0 dead_letter:- destroyed:0-7 ";
    testkit::eventually("that it is destroyed", || {
        let (_, ledger) = pod.command(&["ledger"]);
        if ledger.contains(destroyed) { Ok(()) } else { Err(ledger) }
    });
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(3));
    let said = ended.output.join("\n");
    assert!(said.contains("7 bytes were refused for good and are in no dead letter"), "{said}");
    assert!(said.contains("destroyed: config:p1/all"), "{said}");
    // It is not sent again, and not forgotten.
    let requests = service.requests();
    let agent = pod.start();
    append(&pod.log("a.log"), &lines(0, 10));
    service.wait_for(&lines(0, 10));
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0), "all of this run");
    assert_eq!(service.requests(), requests + 1);
    let (_, ledger) = pod.command(&["ledger"]);
    assert!(ledger.contains(" missing:0 dead_letter:- destroyed:0-7 "), "{ledger}");
}

#[test]
fn a_letter_that_makes_room_is_destroyed() {
    let service = Service::start(|_| Reply::Refuse(400, "PostBodyInvalid"));
    // Room for one of these letters, not for two.
    let pod = Pod::new(&service)
        .set("SIDETAIL_AGENT_DEAD_LETTER_BYTES", "1400")
        .set("SIDETAIL_AGENT_SNAPSHOT_SECONDS", "0.1");
    let agent = pod.start();
    let wait_for = |words: &str| {
        testkit::eventually(words, || {
            let (_, ledger) = pod.command(&["ledger"]);
            if ledger.contains(words) { Ok(()) } else { Err(ledger) }
        });
    };
    append(&pod.log("a.log"), &["one".to_owned()]);
    wait_for(" acked:- missing:0 dead_letter:0-4 destroyed:- ");
    append(&pod.log("a.log"), &["two".to_owned()]);
    wait_for(" acked:- missing:0 dead_letter:4-8 destroyed:0-4 ");
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(3));
}
