//! The agent is killed at any moment while files are written and rotated in the ways of the field:
//! at a service that recognises spans every line arrives once, in the order in which it was written
//! to its path.

mod logger;
#[path = "../support/mod.rs"]
mod support;

use logger::{Logger, Scene};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::time::Duration;
use support::{Pod, Service};

const LIMIT: Duration = Duration::from_secs(60);

/// One run; everything in it follows from the seed but the speed of the machine.
fn run(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let service = Service::storing();
    let pod = Pod::new(&service).set("SIDETAIL_AGENT_BATCH_SECONDS", "0.02");
    let mut loggers = ["a.log", "b.log"].map(|name| Logger::new(name, &pod, &mut random));
    let mut scene = Scene {
        service: &service,
        pod: &pod,
        agent: None,
        step: 0,
        events: Vec::new(),
        said: Vec::new(),
    };
    // What was renamed before an agent has its path on record is nobody's.
    scene.start();
    testkit::eventually("a checkpoint with both files", || {
        let text = std::fs::read_to_string(pod.path("state").join("checkpoint"));
        match text.unwrap_or_default().lines().count() {
            3 => Ok(()),
            other => Err(format!("{other} lines")),
        }
    });
    for step in 1..=60 {
        scene.step = step;
        let logger = &mut loggers[usize::from(random.random_ratio(1, 3))];
        logger.write(&pod, random.random_range(1..40));
        match random.random_range(0..8) {
            0 => logger.rotate(&mut scene, &mut random),
            1 | 2 => scene.kill(),
            _ => {}
        }
        for logger in &mut loggers {
            logger.compress_due(&mut scene);
        }
        if random.random_bool(0.5) {
            scene.start();
        }
        std::thread::sleep(Duration::from_millis(random.random_range(0..25)));
    }
    scene.start();
    let agent = scene.agent.take().unwrap();
    // Before this line it does not hear signals.
    agent
        .wait_line("that it starts", LIMIT, |line| line.contains(" starts").then_some(()))
        .unwrap();
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0), "seed {seed}: {}", ended.output.join("\n"));
    scene.said.extend(ended.output);
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for line in service.contents() {
        let (name, number) = line.split_once(' ').unwrap();
        found.entry(name.to_owned()).or_default().push(number.parse().unwrap());
    }
    for Logger { name, next: count, .. } in loggers {
        let found = found.remove(name).unwrap_or_default();
        let wrong = (0..count.max(found.len())).find(|at| found.get(*at) != Some(at));
        if let Some(at) = wrong {
            let near = &found[at.saturating_sub(3).min(found.len())..found.len().min(at + 4)];
            let missing = (0..count).filter(|number| !found.contains(number)).count();
            panic!(
                "SIDETAIL_KILL_SEED={seed}: line {at} of the {count} lines of {name} is amiss: \
                 {missing} are missing, {} are there, around it {near:?}; its batches\n{}\n\
                 the agents said\n{}\nwhat happened\n{}",
                found.len(),
                batches(&service, name).join("\n"),
                scene.said.join("\n"),
                scene.events.join("\n"),
            );
        }
    }
}

/// The batches with lines of a file and its successors, in the order of their arrival.
fn batches(service: &Service, name: &str) -> Vec<String> {
    let stored = service.stored().into_iter();
    let of_name = stored.filter(|batch| batch.logs[0][0].1.starts_with(name));
    let shown = of_name.map(|batch| {
        let (first, last) = (&batch.logs[0][0].1, &batch.logs[batch.logs.len() - 1][0].1);
        format!("{}: {first} to {last}", batch.span)
    });
    shown.collect()
}

/// Runs a few seeds, as many as `SIDETAIL_KILL_SEEDS` says from `SIDETAIL_KILL_FROM` on, or again
/// the one that `SIDETAIL_KILL_SEED` names.
#[test]
#[allow(clippy::print_stdout, reason = "a long run says how far it is, and what to run again")]
fn every_line_arrives_once_and_in_order_whenever_the_agent_is_killed() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("SIDETAIL_KILL_SEED") {
        Some(seed) => seed..=seed,
        None => {
            let from = number("SIDETAIL_KILL_FROM").unwrap_or(1);
            from..=from + number("SIDETAIL_KILL_SEEDS").unwrap_or(3) - 1
        }
    };
    for seed in seeds {
        println!("SIDETAIL_KILL_SEED={seed}");
        run(seed);
    }
}
