//! One configuration with several destinations: read once, delivered when all of them have it.

mod support;

use sls::compress::Compression;
use std::time::Duration;
use support::{Pod, Reply, Service, append, lines};

const LIMIT: Duration = Duration::from_secs(60);

/// Puts a configuration with these flushers in the place of the usual one.
fn configure(pod: &Pod, flushers: &[String]) {
    pod.unconfigure("all");
    pod.write_config("several.json", &document(pod, flushers));
}

/// A configuration with these flushers.
fn document(pod: &Pod, flushers: &[String]) -> String {
    let flushers: Vec<String> = flushers
        .iter()
        .map(|more| format!(r#"{{"Type": "flusher_sls", "Project": "p1", {more}}}"#))
        .collect();
    format!(
        r#"{{"inputs": [{{"Type": "input_file", "FilePaths": ["{}"]}}],
            "flushers": [{}]}}"#,
        pod.log("*.log").display(),
        flushers.join(",")
    )
}

fn logstore(name: &str) -> String {
    format!(r#""Logstore": "{name}""#)
}

#[test]
fn every_destination_gets_every_line_in_its_own_way() {
    let (here, there) = (Service::storing(), Service::storing());
    let pod = Pod::new(&here);
    let elsewhere = format!(r#""Logstore": "three", "Endpoint": "{}""#, there.endpoint());
    let flushers = [
        logstore("one"),
        r#""Logstore": "two", "CompressType": "zstd", "ShardHashKeys": ["__hostname__"]"#.into(),
        elsewhere,
    ];
    configure(&pod, &flushers);
    let all = lines(0, 3000);
    append(&pod.log("a.log"), &all);
    let agent = pod.start();
    here.wait_for_in("one", &all);
    here.wait_for_in("two", &all);
    there.wait_for_in("three", &all);
    let batch = |service: &Service, logstore: &str| {
        let batches = service.stored();
        batches.into_iter().find(|batch| batch.logstore == logstore).unwrap()
    };
    let (one, two, three) = (batch(&here, "one"), batch(&here, "two"), batch(&there, "three"));
    assert_eq!((one.compression, one.hash_key), (Compression::Lz4, None));
    assert_eq!(two.compression, Compression::Zstd);
    let key = two.hash_key.unwrap();
    assert_eq!(key, sls::sign::content_md5(one.tags["__hostname__"].as_bytes()).to_lowercase());
    // The same bytes have the same place everywhere.
    assert_eq!(one.span, three.span);
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
}

#[test]
fn bytes_are_done_with_when_all_destinations_have_them() {
    let service = Service::start(|ask| match ask.logstore {
        "late" => Reply::Refuse(404, "LogStoreNotExist"),
        _ => Reply::Store,
    });
    let pod = Pod::new(&service).set("SIDETAIL_AGENT_DRAIN_SECONDS", "0.2");
    configure(&pod, &[logstore("one"), logstore("late")]);
    let all = lines(0, 500);
    append(&pod.log("a.log"), &all);
    let agent = pod.start();
    service.wait_for_in("one", &all);
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(3), "one destination has nothing");
    // The next start delivers to both; the one that has it knows it again by its place.
    service.follow(|_| Reply::Store);
    let agent = pod.start();
    service.wait_for_in("late", &all);
    service.wait_for_in("one", &all);
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
}

#[test]
fn a_destination_that_gives_up_leaves_a_letter_and_the_other_has_the_lines() {
    let service = Service::start(|ask| match ask.logstore {
        "picky" => Reply::Refuse(400, "PostBodyInvalid"),
        _ => Reply::Store,
    });
    let pod = Pod::new(&service);
    configure(&pod, &[logstore("picky"), logstore("one")]);
    let all = lines(0, 20);
    append(&pod.log("a.log"), &all);
    let agent = pod.start();
    service.wait_for_in("one", &all);
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.output.join("\n"));
    let (_, listed) = pod.command(&["dead-letters", "list"]);
    assert!(listed.contains("p1/picky  20 logs"), "{listed}");
}

#[test]
fn a_rate_that_is_removed_holds_nothing_any_more_and_the_order_stays() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    // At this rate it would take an hour.
    configure(&pod, &[r#""Logstore": "one", "MaxSendRate": 100, "CompressType": "zstd""#.into()]);
    append(&pod.log("a.log"), &lines(0, 400));
    let agent = pod.start();
    service.wait_for_in("one", &lines(0, 400));
    // What the rate keeps waiting, and what is read under the new configuration.
    for from in [400, 800, 1200] {
        append(&pod.log("a.log"), &lines(from, from + 400));
    }
    // They are read within the time that a notice takes; nothing depends on that but the strength
    // of this test.
    std::thread::sleep(Duration::from_millis(200));
    let free = [r#""Logstore": "one", "ShardHashKeys": ["__source__"]"#.to_owned()];
    pod.write_config("several.json", &document(&pod, &free));
    service.wait_for_in("one", &lines(0, 1600));
    append(&pod.log("a.log"), &lines(1600, 2400));
    service.wait_for_in("one", &lines(0, 2400));
    let stored = service.stored();
    assert!(stored.windows(2).all(|pair| pair[0].span.end == pair[1].span.start), "in order");
    assert_eq!(stored.last().unwrap().compression, Compression::Lz4);
    assert_eq!(agent.terminate(LIMIT).unwrap().status.code(), Some(0));
}

#[test]
fn a_rate_and_a_size_of_batches_are_kept() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let flusher = r#""Logstore": "one", "MaxSendRate": 40000,
        "Batch": {"MinSizeBytes": 10000, "MinCnt": 1000, "TimeoutSecs": 1}"#;
    configure(&pod, &[flusher.into()]);
    // Some hundred KB of log groups.
    let all = lines(0, 1200);
    append(&pod.log("a.log"), &all);
    let started = std::time::Instant::now();
    let agent = pod.start();
    service.wait_for_in("one", &all);
    let took = started.elapsed();
    let stored = service.stored();
    let raw: usize = stored.iter().map(|batch| batch.raw_size).sum();
    assert!(stored.iter().all(|batch| batch.raw_size < 11_000), "a batch is full at 10000 bytes");
    // The first batch goes at once, and each one after it when the rate allows.
    let least = (raw - stored.last().unwrap().raw_size) as f64 / 40_000.0;
    assert!(took.as_secs_f64() >= least, "{raw} bytes came in {took:?}");
    agent.terminate(LIMIT).unwrap();
}
