//! `flushers`: one `flusher_sls` for each destination.

use super::super::check::{read_compression, read_place, read_rate, read_shard_hash};
use super::super::checked::{BatchRule, Destination, Places};
use super::super::raw::{Fields, Target};
use super::super::{Problem, options};
use std::time::Duration;

pub(super) fn read(top: &Fields<'_>, target: &Target, places: &mut Places) -> Vec<Destination> {
    let flushers = top.items(&["flushers"]);
    if flushers.is_empty() && top.find(&["flushers"]).is_none() {
        top.report(
            Problem::error("flushers", "is missing")
                .fix("give a flusher of `Type: flusher_sls` with `Project` and `Logstore`"),
        );
    }
    places.0.insert("outputDetail".to_owned(), "flushers".to_owned());
    let mut destinations: Vec<Destination> = Vec::new();
    for (_, flusher) in flushers {
        match flusher.text(&["Type"]) {
            Some((_, kind)) if kind == "flusher_sls" => {}
            Some((key, kind)) => {
                flusher.report(
                    Problem::error(flusher.path(key), format!("`{kind}` is not supported"))
                        .fix("use `flusher_sls`"),
                );
                continue;
            }
            None => flusher.report(
                Problem::error(flusher.path("Type"), "is missing").fix("write `Type: flusher_sls`"),
            ),
        }
        flusher.check_keys(&[options::FLUSHER_SLS]);
        let destination = read_one(&flusher, target);
        let same = |other: &Destination| {
            (&other.project, &other.logstore, &other.endpoint)
                == (&destination.project, &destination.logstore, &destination.endpoint)
        };
        if destinations.iter().any(same) {
            flusher.report(
                Problem::error(flusher.place(), "sends to where another flusher sends")
                    .fix("remove one of them, or each log would be there twice"),
            );
        }
        destinations.push(destination);
    }
    destinations
}

fn read_one(flusher: &Fields<'_>, target: &Target) -> Destination {
    let own = |key: &'static str| flusher.text(&[key]).map(|(_, text)| text);
    let batch = flusher.inner(&["Batch"]);
    batch.check_keys(&[options::BATCH]);
    let number = |key: &'static str| batch.number_from(&[key], 1);
    let fields = [flusher.path("Project"), flusher.path("Logstore")];
    Destination {
        region: own("Region"),
        endpoint: own("Endpoint"),
        compression: read_compression(flusher, &["CompressType"]),
        shard_hash: read_shard_hash(flusher, &["ShardHashKeys"]),
        max_rate: read_rate(flusher, &["MaxSendRate"], &["FlowControlExpireTime"]),
        batch: BatchRule {
            max_bytes: number("MinSizeBytes"),
            max_logs: number("MinCnt"),
            max_age: number("TimeoutSecs").map(Duration::from_secs),
        },
        ..read_place(
            flusher,
            target,
            own("Project"),
            own("Logstore"),
            [fields[0].as_str(), fields[1].as_str()],
        )
    }
}
