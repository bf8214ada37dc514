//! A real agent whose system clock is set to other times while it collects.

mod support;

use std::process::Command;
use std::time::{Duration, SystemTime};
use support::{Pod, Reply, Service, append, lines};
use testkit::process::Running;

const LIMIT: Duration = Duration::from_secs(60);
const HOUR: i64 = 3600;

/// As far as a service lets the time of a request be off.
const TOLERANCE: Duration = Duration::from_secs(900);

/// A service with the true time, which refuses what was signed at another.
fn punctual() -> Service {
    Service::start(|ask| {
        let now = SystemTime::now();
        let off = now.duration_since(ask.date).or_else(|_| ask.date.duration_since(now));
        match off.is_ok_and(|off| off < TOLERANCE) {
            true => Reply::Store,
            false => Reply::RefuseClock(now),
        }
    })
}

/// A pod in which programs see another clock.
fn stepped(service: &Service) -> Pod {
    let pod = Pod::new(service);
    let (library, step) = (pod.path("clock_step.so"), pod.path("step"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/clock_step.c");
    let mut compiler = Command::new("cc");
    let status = compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    assert!(status.expect("the compiler that also builds our dependencies").success());
    std::fs::write(&step, "0").unwrap();
    pod.set("LD_PRELOAD", &library.to_string_lossy())
        .set("CLOCK_STEP_FILE", &step.to_string_lossy())
}

fn step(pod: &Pod, seconds: i64) {
    let aside = pod.path("next-step");
    std::fs::write(&aside, seconds.to_string()).unwrap();
    std::fs::rename(aside, pod.path("step")).unwrap();
}

#[track_caller]
fn check_drained(agent: Running) {
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.output.join("\n"));
}

#[test]
fn a_clock_that_is_set_costs_no_line_and_doubles_none() {
    let service = punctual();
    let pod = stepped(&service);
    append(&pod.log("a.log"), &lines(0, 50));
    let mut agent = pod.start();
    service.wait_for(&lines(0, 50));
    for (round, seconds) in [3 * HOUR, -3 * HOUR, 40 * 24 * HOUR, -HOUR, 0].into_iter().enumerate()
    {
        let at = |part: usize| (round + 1) * 100 - 50 + part;
        append(&pod.log("a.log"), &lines(at(0), at(20)));
        step(&pod, seconds);
        append(&pod.log("a.log"), &lines(at(20), at(40)));
        service.wait_for(&lines(0, at(40)));
        std::fs::rename(pod.log("a.log"), pod.log(&format!("a.log.{round}"))).unwrap();
        append(&pod.log("a.log"), &lines(at(40), at(60)));
        service.wait_for(&lines(0, at(60)));
        // The next agent finds its positions though they seem to be from long ago, or the future.
        check_drained(agent);
        append(&pod.log("a.log"), &lines(at(60), at(100)));
        agent = pod.start();
        service.wait_for(&lines(0, at(100)));
    }
    check_drained(agent);
    // Nearly each step was seen, or this shows nothing.
    let refused = service.requests() - service.stored().len();
    assert!(refused >= 3, "{refused} requests had a wrong time");
}
